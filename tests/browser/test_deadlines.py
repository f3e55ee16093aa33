"""A journey through the deadline panel: asked, stopped, asked again, saved, by mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser import access, lab
from tests.browser.test_journeys import THEMES, WORDS, Write, is_as_wide_as_its_place, press, said

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.browser

PANEL = """
from sessim import widgets

panel = widgets.Deadline(by="2026-12-10", start="2026-12-01", size=9_000, domains=1)
panel.replications = 40
panel
"""


def field(panel: Locator, name: str) -> Locator:
    """Return the field of the panel with this name."""
    return panel.get_by_label(WORDS(f"deadline.{name}"), exact=True).filter(visible=True)


def test_asked_stopped_and_asked_again(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    with lab.opened(browser, server, write_notebook("deadline", PANEL)) as notebook:
        notebook.run_all()
        notebook.alone()
        panel = notebook.panel()
        said(panel, "deadline.ask")
        field(panel, "replications").fill("100000")
        field(panel, "replications").press("Tab")
        press(panel, WORDS("deadline.answer"))
        notebook.until("panel.running and panel.bar.value > 0")
        press(panel, WORDS("stop"))
        said(panel, "deadline.stopped")
        assert notebook.ask("panel.answer") is None
        field(panel, "replications").fill("40")
        field(panel, "replications").press("Tab")
        notebook.until("panel.replications == 40")
        press(panel, WORDS("deadline.answer"))
        said(panel, "deadline.done")
        panel.locator("img").last.wait_for()
        assert panel.locator(".sessim-answer").inner_text().startswith("Start on ")
        panel.locator(".noUi-handle").first.focus()
        panel.locator(".noUi-handle").first.press("ArrowRight")
        notebook.until("panel.invalid_rate == 2.6")
        said(panel, "deadline.stale")
        press(panel, WORDS("deadline.save"))
        said(panel, "deadline.saved", path="deadline.yaml")
        for theme, name in THEMES.items():
            notebook.theme(name)
            notebook.shot(f"deadline-1280-{theme}")
            assert access.findings(notebook.page) == []
        notebook.theme(THEMES["light"])
        notebook.page.set_viewport_size({"width": 800, "height": 900})
        notebook.shot("deadline-800-light")
        assert is_as_wide_as_its_place(panel)
    assert (server.root / "deadline.yaml").exists()
