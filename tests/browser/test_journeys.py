"""Journeys through JupyterLab as a user makes them, with the mouse and the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import lab
from tests.browser.conftest import NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.browser

BOOKS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
WORKBENCH = "from sessim import widgets\n\nbench = widgets.Workbench()\nbench"
LAUNCH = WORKBENCH.replace("Workbench()", "Workbench('data/launch.yaml')")
Write = Callable[..., str]


# --- what a user does ---------------------------------------------------------------------------


def named(panel: Locator, label: str) -> Locator:
    """Return the field of a label that is in sight."""
    return panel.get_by_label(label, exact=True).filter(visible=True)


def fill(panel: Locator, label: str, value: str) -> None:
    """Write into a field and leave it."""
    named(panel, label).fill(value)
    named(panel, label).press("Tab")


def press(panel: Locator, name: str) -> None:
    """Press a button that is in sight."""
    panel.get_by_role("button", name=name, exact=True).filter(visible=True).click()


def go(panel: Locator, tab: str) -> None:
    """Choose a tab."""
    panel.get_by_role("tab", name=re.compile(rf"^{tab}( ⚠)?$")).filter(visible=True).last.click()


def said(panel: Locator, words: str | re.Pattern[str]) -> Locator:
    """Wait until the panel says something, and return where."""
    found = panel.get_by_text(words).filter(visible=True).first
    found.wait_for()
    return found


def add(panel: Locator, kind: str, fields: dict[str, str]) -> None:
    """Fill in the form of a type of task and add it."""
    named(panel, kind).click()
    for label, value in fields.items():
        fill(panel, label, value)
    press(panel, "Add this task")
    said(panel, f"Task {fields['Name *']} was added.")


def tasks(panel: Locator) -> list[list[str]]:
    """Return the task list of the console as it is in the page."""
    rows = panel.locator("table", has=panel.page.locator("caption", has_text="Tasks on"))
    return [
        [cell.inner_text().strip() for cell in row.locator("th, td").all()]
        for row in rows.locator("tbody tr").all()
    ]


def in_kernel(notebook: lab.Notebook) -> list[list[str]]:
    """Return the same from the result, at the console's time."""
    code = "bench.result.at(bench.console.time).to_dict('records')"
    found: list[dict[str, Any]] = notebook.ask(code)
    return [
        [row["name"], f"{row['sent']:,}", row["type"], row["status"], f"{row['requests']:,}"]
        for row in found
    ]


# --- journeys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_runs_from_top_to_bottom(
    browser: Browser, server: lab.Server, name: str
) -> None:
    with lab.opened(browser, server, name) as notebook:
        notebook.run_all()
        notebook.shot(f"notebook-{name.removesuffix('.ipynb')}")


def test_from_an_empty_form_to_a_saved_plan(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    path = write_notebook("workbench", WORKBENCH)
    with lab.opened(browser, server, path) as notebook:
        notebook.run_all()
        notebook.alone()
        panel = notebook.panel()
        panel.wait_for()
        go(panel, "Account")
        fill(panel, "Start *", "2026-12-01")
        go(panel, "Tasks")
        # an error stands beside its field, and nothing typed is lost
        fill(panel, "Name *", "Grand opening")
        fill(panel, "Sender *", "nobody")
        press(panel, "Add this task")
        alert = said(panel, re.compile("'nobody' is not an e-mail address"))
        notebook.shot("builder-error-1280-light")
        field = named(panel, "Sender *")
        below = alert.bounding_box()["y"] - field.bounding_box()["y"]
        assert 0 < below < 60
        assert named(panel, "Name *").input_value() == "Grand opening"
        fill(panel, "Sender *", "Shop <hello@shop.example.com>")
        press(panel, "Add shop.example.com")
        add(panel, "Batch", {"Name *": "Grand opening", "How many *": "1500"})
        add(
            panel,
            "Scheduled",
            {
                "Name *": "Last call",
                "Start Time *": "2026-12-02 09:00",
                "Sender *": "hello@shop.example.com",
                "How many *": "2500",
            },
        )
        add(
            panel,
            "Recurring",
            {
                "Name *": "News",
                "Start Time *": "2026-12-03 08:00",
                "Interval (hours) *": "24",
                "Number of runs": "3",
                "Sender *": "hello@shop.example.com",
                "How many *": "300",
            },
        )
        said(panel, re.compile("The plan is complete: 3 tasks, 1 domains, 4,900 emails"))
        notebook.shot("builder-complete-1280-light")
        press(panel, "Run")
        said(panel, re.compile("Done: 4,900 emails sent"))
