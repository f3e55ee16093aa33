"""Journeys through JupyterLab as a user makes them, with the mouse and the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sessim
from sessim.history.polling import Poller, Slips
from sessim.widgets.draft import REQUIRED
from sessim.widgets.labels import Words
from tests.browser import access, lab
from tests.browser.conftest import NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.browser

BOOKS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
WORKBENCH = "from sessim import widgets\n\nbench = widgets.Workbench({})\nbench"
LAUNCH = "'data/launch.yaml'"
WORDS = Words("en")
Write = Callable[..., str]


# --- what a user does ---------------------------------------------------------------------------


def label(key: str) -> str:
    """Return the label of a field of the builder, with its star if it is required."""
    required = key in ("account.start", *REQUIRED)
    return WORDS(f"builder.field.{key}") + " *" * required


def named(panel: Locator, key: str) -> Locator:
    """Return the field of the builder that is in sight, by its label."""
    return panel.get_by_label(label(key), exact=True).filter(visible=True)


def fill(panel: Locator, key: str, value: str) -> None:
    """Write into a field of the builder and leave it."""
    named(panel, key).fill(value)
    named(panel, key).press("Tab")


def press(panel: Locator, name: str) -> None:
    """Press a button that is in sight; its icon is part of its name."""
    wanted = re.compile(rf"^\W*{re.escape(name)}$")
    panel.get_by_role("button", name=wanted).filter(visible=True).click()


def go(panel: Locator, key: str) -> None:
    """Choose a tab."""
    wanted = re.compile(rf"^{re.escape(WORDS(key))}( ⚠)?$")
    panel.get_by_role("tab", name=wanted).filter(visible=True).last.click()


def said(panel: Locator, key: str, **values: object) -> Locator:
    """Wait until the panel says something, and return where."""
    found = panel.get_by_text(WORDS(key, **values)).filter(visible=True).first
    found.wait_for()
    return found


def add(panel: Locator, kind: str, **fields: str) -> None:
    """Fill in the form for a type of task and add it."""
    panel.get_by_label(WORDS(kind), exact=True).filter(visible=True).click()
    for key, value in fields.items():
        fill(panel, key, value)
    press(panel, WORDS("builder.add"))
    said(panel, "builder.added", name=fields["name"])


def tasks(panel: Locator) -> list[list[str]]:
    """Return the task list of the console as it is in the page: name, type, status, counts."""
    table = panel.locator("table", has=panel.page.locator("[data-task]")).filter(visible=True)
    rows = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return [
        [row[0].splitlines()[0], row[2], row[3].lstrip("○▶\ufe0e‖✕✓⊘ \n"), *row[4:]] for row in rows
    ]


def tasks_of(panel: Locator) -> list[list[str]]:
    """Return the task list of the panel that sends: the cells of each row."""
    table = panel.locator("table", has_text=WORDS("task_status")).filter(visible=True)
    found: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return [[row[0], row[2], row[3].lstrip("○▶\ufe0e‖✕✓⊘ \n"), *row[4:]] for row in found]


def in_kernel(notebook: lab.Notebook) -> list[list[str]]:
    """Return the same from the result, at the console's time."""
    found: list[dict[str, Any]] = notebook.ask(
        "bench.result.at(bench.console.time).to_dict('records')"
    )
    counts = ("requests", "sent", "cached")
    return [
        [row["name"], row["type"], row["status"], *(f"{row[name]:,}" for name in counts)]
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


@contextmanager
def workbench(
    browser: Browser, server: lab.Server, write: Write, plan: str = "", width: int = 1280
) -> Iterator[tuple[lab.Notebook, Locator]]:
    """Open a workbench with nothing beside it."""
    path = write("workbench", WORKBENCH.format(plan))
    with lab.opened(browser, server, path, width) as notebook:
        notebook.run_all()
        notebook.alone()
        notebook.panel().wait_for()
        yield notebook, notebook.panel()


FAULTY = """
import ipywidgets
from IPython.display import HTML, display

inside, outside = (ipywidgets.Button(description=name) for name in "AB")
out = ipywidgets.Output()

@out.capture()
def fail_inside(_):
    raise ValueError("inside an output")

def fail_outside(_):
    raise ValueError("outside of one")

inside.on_click(fail_inside)
outside.on_click(fail_outside)
display(inside, outside, out, HTML('<img src="http://cdn.example.com/x.png">'))
"""


def test_no_fault_escapes(browser: Browser, server: lab.Server, write_notebook: Write) -> None:
    """Check the checks: planted faults of every kind are seen."""
    path = write_notebook("faulty", FAULTY, "raise ValueError('in a cell')")
    with lab.opened(browser, server, path) as notebook:
        notebook.run_all()
        for name in "AB":
            notebook.page.locator(".jp-OutputArea-output").get_by_role("button", name=name).click()
        planted = (
            "in a cell",
            "inside an output",
            "outside of one",
            "http://cdn.example.com/x.png",
        )
        for words in planted:
            notebook.wait_for_fault(words)
        notebook.faults.clear()


def test_from_an_empty_form_to_a_saved_plan(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    with workbench(browser, server, write_notebook) as (notebook, panel):
        a_field_error_stands_beside_its_field(notebook, panel)
        rates_are_typed_where_they_were_folded_away(notebook, panel)
        three_types_are_built(notebook, panel)
        the_page_says_what_the_result_says(notebook, panel)
        the_plan_is_saved_and_loaded(notebook, panel)
    assert (server.root / "clicked.yaml").exists()


def a_field_error_stands_beside_its_field(notebook: lab.Notebook, panel: Locator) -> None:
    go(panel, "builder.tab_account")
    fill(panel, "account.start", "2026-12-01")
    go(panel, "builder.tab_tasks")
    fill(panel, "name", "Grand opening")
    fill(panel, "sender", "nobody")
    press(panel, WORDS("builder.add"))
    alert = panel.locator(
        ".sessim-field", has=panel.page.get_by_label(label("sender"))
    ).get_by_role("alert")
    alert.wait_for()
    assert "'nobody' is not an e-mail address" in alert.inner_text()
    field, below = named(panel, "sender").bounding_box(), alert.bounding_box()
    assert field is not None
    assert below is not None
    assert 0 < below["y"] - field["y"] < 60
    assert named(panel, "name").input_value() == "Grand opening"
    notebook.shot("builder-error-1280-light")
    fill(panel, "sender", "Shop <hello@shop.example.com>")
    press(panel, WORDS("builder.add_sender_domain", domain="shop.example.com"))
    go(panel, "builder.tab_tasks")
    assert named(panel, "name").input_value() == "Grand opening"


def rates_are_typed_where_they_were_folded_away(notebook: lab.Notebook, panel: Locator) -> None:
    """By mouse and keyboard, in both themes; a wrong one stays in sight until it is mended."""
    quality = re.compile(WORDS("builder.field.quality"))
    assert named(panel, "invalid_rate").count() == 0
    panel.get_by_role("button", name=quality).filter(visible=True).press("Enter")
    fill(panel, "invalid_rate", "uniform: [0, 0.04]")
    fill(panel, "open_rate", "20")
    alert = panel.locator(
        ".sessim-field", has=panel.page.get_by_label(label("open_rate"))
    ).get_by_role("alert")
    alert.filter(visible=True).wait_for()
    for theme, name in THEMES.items():
        notebook.theme(name)
        alert.scroll_into_view_if_needed()
        notebook.shot(f"builder-rates-1280-{theme}")
    notebook.theme(THEMES["light"])
    fill(panel, "open_rate", "20%")
    assert notebook.ask("bench.builder.entry.rates") == {
        "invalid_rate": {"uniform": [0, 0.04]},
        "open_rate": 0.2,
    }
    assert is_as_wide_as_its_place(panel)
    fill(panel, "invalid_rate", "")
    fill(panel, "open_rate", "")
    panel.get_by_role("button", name=quality).filter(visible=True).click()
    named(panel, "invalid_rate").wait_for(state="hidden")


def three_types_are_built(notebook: lab.Notebook, panel: Locator) -> None:
    shop = "hello@shop.example.com"
    add(panel, "batch", name="Grand opening", requests="1500")
    add(
        panel, "scheduled",
        name="<b>Last</b> call", start="2026-12-02 09:00", sender=shop, requests="2500",
    )  # fmt: skip
    add(
        panel, "recurring",
        name="News", start="2026-12-03 08:00", every="24", count="3", sender=shop, requests="300",
    )  # fmt: skip
    said(panel, "builder.valid", tasks=3, domains=1, emails="4,900")
    notebook.shot("builder-complete-1280-light")
    types = notebook.ask("[task.type.label for task in bench.plan.tasks]")
    assert types == ["Batch", "Scheduled", "Recurring"]


def the_page_says_what_the_result_says(notebook: lab.Notebook, panel: Locator) -> None:
    press(panel, WORDS("run"))
    panel.get_by_text(re.compile("Done: 4,900 emails sent")).filter(visible=True).wait_for()
    panel.locator("[data-task]").first.wait_for()
    assert tasks(panel) == in_kernel(notebook)
    for _ in range(20):
        if any(row[2] == WORDS("paused") for row in tasks(panel)):
            break
        before = notebook.ask("str(bench.console.time)")
        press(panel, WORDS("next_change"))
        notebook.until(f"str(bench.console.time) != {before!r}")
    notebook.shot("console-paused-1280-light")
    found = tasks(panel)
    assert found == in_kernel(notebook)
    assert found[0][:4] == ["Grand opening", "Batch", WORDS("paused"), "1,500"]
    assert found[0][4:] == ["500", "1,000"]  # the first day's limit, and what is cached
    assert found[1][0] == "<b>Last</b> call"


def the_plan_is_saved_and_loaded(notebook: lab.Notebook, panel: Locator) -> None:
    go(panel, "app.plan")
    go(panel, "builder.tab_file")
    fill(panel, "path", "clicked.yaml")
    press(panel, WORDS("builder.save"))
    said(panel, "builder.saved", path="clicked.yaml")
    kept = notebook.ask("bench.plan.to_dict()")
    go(panel, "builder.tab_account")
    fill(panel, "account.start", "2026-11-24")
    notebook.until("str(bench.plan.start).startswith('2026-11-24') and not bench.runner.running")
    go(panel, "builder.tab_file")
    press(panel, WORDS("builder.load"))
    said(panel, "builder.loaded", path="clicked.yaml")
    notebook.shot("plan-file-1280-light")
    assert notebook.ask("bench.plan.to_dict()") == kept
    notebook.until("bench.result.plan == bench.plan")  # simulated again by itself


VIEWS = ("plan", "console", "dashboard", "compare", "deadline", "test_send", "send", "replay")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def ran(notebook: lab.Notebook, panel: Locator) -> None:
    """Press Run and wait until everything is drawn."""
    press(panel, WORDS("run"))
    notebook.until("bench.result is not None and not bench.runner.running")


def look(notebook: lab.Notebook, panel: Locator, view: str, name: str) -> None:
    """Choose a tab, wait until it is drawn, and keep a picture of it."""
    go(panel, f"app.{view}")
    if view == "dashboard":
        notebook.until("bool(bench.dashboard.charts.value) and not bench.dashboard.drawing")
        panel.locator("img").filter(visible=True).last.wait_for()
    notebook.shot(name)


def is_as_wide_as_its_place(panel: Locator) -> bool:
    """Tell whether nothing of a panel is beyond its right edge."""
    fits: bool = panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth + 1")
    return fits


def titles_cut(panel: Locator) -> list[str]:
    """Return the titles of tabs that are not there in full."""
    labels = panel.locator(".lm-TabBar-tabLabel")
    assert labels.count() > len(VIEWS)
    found: list[str] = labels.evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
    )
    return found


def test_the_slider_is_moved_by_keyboard_until_a_task_is_paused_at_800_pixels(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    with workbench(browser, server, write_notebook, LAUNCH, 800) as (notebook, panel):
        ran(notebook, panel)
        handle = panel.get_by_role("slider").filter(visible=True)
        handle.focus()
        for _ in range(40):
            if any(row[2] == WORDS("paused") for row in tasks(panel)):
                break
            before = notebook.ask("str(bench.console.time)")
            handle.press("ArrowRight")
            notebook.until(f"str(bench.console.time) != {before!r}")
        assert tasks(panel) == in_kernel(notebook)
        assert any(row[2] == WORDS("paused") for row in tasks(panel))
        assert titles_cut(panel) == []
        for view in VIEWS:
            look(notebook, panel, view, f"{view}-800-light")
            assert is_as_wide_as_its_place(panel), view


def test_compared_tested_reported_and_found_accessible(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    with workbench(browser, server, write_notebook, LAUNCH) as (notebook, panel):
        ran(notebook, panel)
        a_task_is_chosen(notebook, panel)
        a_variant_is_compared(notebook, panel)
        a_test_is_sent(notebook, panel)
        a_report_is_written(notebook, panel)
        everybody_can_use_it(notebook, panel)
    assert "Grand opening" in (server.root / "out" / "report.html").read_text("utf-8")


OPENING = """
import sessim
from sessim import widgets

bench = widgets.Workbench(sessim.Plan(
    start="2026-12-01 08:00",
    domains=[sessim.Domain("shop.example.com", warmup=[400, 1500, 4000])],
    tasks=[
        sessim.Task("Opening", sender="Shop <a@shop.example.com>", requests=1800),
        sessim.Task("Reminder", sender="a@shop.example.com", requests=300, start="2026-12-03"),
    ],
))
bench
"""


def test_sent_for_real_paused_resumed_and_followed(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    path = write_notebook("opening", OPENING)
    with lab.opened(browser, server, path) as notebook:
        notebook.run_all()
        notebook.alone()
        panel = notebook.panel()
        go(panel, "app.send")
        said(panel, "send.badge.simulate")
        panel.get_by_label(WORDS("send.mode"), exact=True).filter(visible=True).select_option(
            WORDS("send.mode.loopback")
        )
        press(panel, WORDS("send.preview"))
        said(panel, "send.previewed")
        speed = panel.get_by_label(WORDS("send.speed"), exact=True).filter(visible=True)
        speed.fill("30000")
        speed.press("Tab")
        press(panel, WORDS("send.start"))
        notebook.until("bench.result is not None and bench.result.tasks['sent'].sum() > 0")
        press(panel, WORDS("send.pause"))
        said(panel, "send.held", names="Opening, Reminder")
        assert {row[2] for row in tasks_of(panel)} <= {WORDS("paused"), WORDS("to_start")}
        for theme, name in THEMES.items():
            notebook.theme(name)
            notebook.shot(f"send-paused-1280-{theme}")
            assert access.findings(notebook.page) == []
        notebook.theme(THEMES["light"])
        press(panel, WORDS("send.unpause"))
        notebook.until("not bench.send.running")
        said(panel, "send.done", sent="2,100", mails="send.outbox.mails")
        notebook.shot("send-done-1280-light")
        go(panel, "app.console")
        assert notebook.ask("bench.console.result is bench.send.result") is True


STRANGE = "<script>document.title='run'</script><b>Reminder</b>"


def looked_at(file: Path) -> Path:
    """Write the polls of an account whose second task has a strange subject."""
    plan = sessim.Plan(
        start="2026-12-01",
        rate=2,
        domains=[sessim.Domain("shop.example.com", warmup=[300, 700, 9_000])],
        tasks=[
            sessim.Task("Opening", sender="a@shop.example.com", requests=900),
            sessim.Task("Reminder", sender="a@shop.example.com", requests=200,
                        start="2026-12-01 12:00", subject=STRANGE),
        ],
    )  # fmt: skip
    return Poller(sessim.simulate(plan), slips=Slips(missed=0.1)).write(file)


def test_a_history_is_uploaded_replayed_and_a_pause_explained(
    browser: Browser, server: lab.Server, write_notebook: Write, tmp_path: Path
) -> None:
    polls = looked_at(tmp_path / "polls.jsonl")
    with workbench(browser, server, write_notebook) as (notebook, panel):
        go(panel, "app.replay")
        press(panel, WORDS("replay.load"))
        said(panel, "replay.no_file")
        upload = panel.get_by_role("button", name=re.compile(rf"^\W*{WORDS('replay.upload')}"))
        with notebook.page.expect_file_chooser() as chooser:
            upload.filter(visible=True).click()
        chooser.value.set_files(polls)
        notebook.until("bench.replay.files == ('histories/polls.jsonl',)")
        press(panel, WORDS("replay.load"))
        notebook.until("bench.replay.history is not None and not bench.replay.loading")
        said(panel, "replay.notes").scroll_into_view_if_needed()
        notebook.shot("replay-read-1280-light")
        panel.locator("[data-pause='2']").click()
        said(panel, "replay.why", name=STRANGE)
        reason = panel.get_by_text(re.compile(r"domain limit reached\. "))
        reason.wait_for()
        box = panel.get_by_label(WORDS("replay.pause"), exact=True)
        box.focus()
        box.press("ArrowUp")  # by keyboard to the pause before
        notebook.until("bench.replay.pause == 1 and bench.replay.explanation is not None")
        said(panel, "replay.why", name="Opening")
        assert notebook.ask("bench.replay.console.selected == (1,)")
        assert notebook.page.title() != "run"
        for theme, name in THEMES.items():
            notebook.theme(name)
            reason.scroll_into_view_if_needed()
            notebook.shot(f"replay-why-1280-{theme}")
            assert access.findings(notebook.page) == []
        notebook.theme(THEMES["light"])
        assert is_as_wide_as_its_place(panel)


LONG = """
import sessim
from sessim import widgets

bench = widgets.Workbench(sessim.Plan(
    start="2026-12-01",
    horizon="600d",
    domains=[sessim.Domain("shop.example.com", warmup=200_000)],
    tasks=[
        sessim.Task(
            name, sender="a@shop.example.com", requests=9_000, start="2026-12-01", every="1h"
        )
        for name in "ABCDEFGH"
    ],
))
bench
"""
INDONESIAN = "neighbour = widgets.Workbench(language='id')\nneighbour"


def test_a_long_run_is_stopped(browser: Browser, server: lab.Server, write_notebook: Write) -> None:
    with lab.opened(browser, server, write_notebook("long", LONG)) as notebook:
        notebook.run_all()
        panel = notebook.panel()
        press(panel, WORDS("run"))
        notebook.until("bench.runner.running and bench.runner.bar.value > 0")
        press(panel, WORDS("stop"))
        said(panel, "stopped_first")
        assert notebook.ask("bench.result") is None


def test_played_and_uploaded_beside_a_neighbour(
    browser: Browser, server: lab.Server, write_notebook: Write
) -> None:
    path = write_notebook("neighbours", WORKBENCH.format(LAUNCH), INDONESIAN)
    with lab.opened(browser, server, path) as notebook:
        notebook.run_all()
        notebook.alone()
        the_month_is_played(notebook, notebook.panel(0))
        a_list_is_uploaded(notebook, notebook.panel(1))
        assert notebook.ask("len(bench.plan.tasks)") == 8


def the_month_is_played(notebook: lab.Notebook, panel: Locator) -> None:
    ran(notebook, panel)
    press(panel, WORDS("play"))
    notebook.until("bench.console.time_bar.slider.value > 0")
    panel.locator("[data-task='3']").filter(visible=True).click()  # while the list is redrawn
    notebook.until("bench.console.selected == (3,)")
    assert notebook.ask("bench.console.time_bar.playing")
    press(panel, WORDS("pause"))
    notebook.until("not bench.console.time_bar.playing")
    assert tasks(panel) == in_kernel(notebook)


def a_list_is_uploaded(notebook: lab.Notebook, panel: Locator) -> None:
    words = Words("id")
    panel.get_by_label(words("builder.choice.group.csv"), exact=True).click()
    upload = panel.get_by_role("button", name=re.compile(rf"^\W*{words('builder.upload')}"))
    upload.filter(visible=True).nth(1).wait_for()  # that of the list stands before the template's
    with notebook.page.expect_file_chooser() as chooser:
        upload.filter(visible=True).first.click()
    addresses = "email\n" + "".join(f"user{i}@example.com\n" for i in range(1234))
    chooser.value.set_files(
        {"name": "teman.csv", "mimeType": "text/csv", "buffer": addresses.encode()}
    )
    panel.get_by_text("1,234").first.wait_for()
    notebook.shot("builder-upload-1280-id")
    assert notebook.ask("neighbour.builder.entry.recipients") == "recipients/teman.csv"


def a_task_is_chosen(notebook: lab.Notebook, panel: Locator) -> None:
    panel.locator("[data-task='1']").filter(visible=True).click()
    notebook.until("bench.console.selected == (1,)")
    assert notebook.ask("bench.dashboard.selected == (1,)")  # both panels have one selection
    panel.get_by_text(WORDS("life_of", name="Grand opening", task=1)).first.wait_for()


def a_variant_is_compared(notebook: lab.Notebook, panel: Locator) -> None:
    go(panel, "app.compare")
    press(panel, WORDS("app.keep"))
    notebook.until("len(bench.compare.results) == 1")
    press(panel, WORDS("add_warmup"))
    notebook.until("len(bench.compare.results) == 2")
    names = notebook.ask("list(bench.compare.results)")
    heads = panel.locator("thead th").filter(visible=True)
    heads.get_by_text(names[1]).first.wait_for()


def a_test_is_sent(notebook: lab.Notebook, panel: Locator) -> None:
    go(panel, "app.test_send")
    for key, value in {
        "template": "hello",
        "subject": "<i>Hi</i>",
        "addresses": "a, b@x.com",
    }.items():
        field = panel.get_by_label(WORDS(f"test.{key}") + " *", exact=True).filter(visible=True)
        field.fill(value)
        field.press("Tab")
    said(panel, "test.no_address", text="'a'")
    press(panel, WORDS("send"))
    said(panel, "test.mend")
    notebook.shot("test-send-error-1280-light")
    field.fill("a@x.com\nb@x.com")
    field.press("Tab")
    press(panel, WORDS("send"))
    notebook.until("bench.test_send.outcomes() is not None and len(bench.plan.test_sends) == 1")
    sent, failed = notebook.ask("bench.test_send.outcomes()")[0]
    said(panel, "test.failed" if failed else "test.sent", n=sent, failed=failed)


def a_report_is_written(notebook: lab.Notebook, panel: Locator) -> None:
    go(panel, "app.dashboard")
    press(panel, WORDS("export_html"))
    notebook.until("bool(bench.dashboard.files)")


def everybody_can_use_it(notebook: lab.Notebook, panel: Locator) -> None:
    found: dict[str, list[str]] = {}
    for theme, name in THEMES.items():
        notebook.theme(name)
        for view in VIEWS:
            look(notebook, panel, view, f"{view}-1280-{theme}")
            found[f"{view}, {theme}"] = access.findings(notebook.page)
    notebook.theme(THEMES["light"])  # Lab keeps the choice for the next journey
    assert {where: what for where, what in found.items() if what} == {}
