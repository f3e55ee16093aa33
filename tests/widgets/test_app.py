"""The workbench: the panels work together, without a browser, and two do not disturb each other."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from dataclasses import replace

import pytest

import sessim
from sessim import widgets
from sessim.widgets import app
from sessim.widgets.app_labels import APP_LABELS

PLAN = sessim.Plan(
    start="2026-12-01",
    domains=[sessim.Domain("shop.example.com")],
    tasks=[
        sessim.Task("Opening", sender="hello@shop.example.com", requests=1500),
        sessim.Task("Last call", sender="hello@shop.example.com", requests=9, start="2026-12-03"),
    ],
)


@pytest.fixture
def bench() -> widgets.Workbench:
    return widgets.Workbench(PLAN)


@pytest.fixture
def ran(bench: widgets.Workbench) -> widgets.Workbench:
    bench.runner.run_button.click()
    return bench


# --- the package's names ------------------------------------------------------------------------


def test_table_and_names_agree() -> None:
    assert widgets.__doc__ is not None
    table = re.findall(r"^``(\w+)``", widgets.__doc__, flags=re.MULTILINE)
    assert sorted(table) == widgets.__all__
    assert set(table) <= set(dir(widgets))


@pytest.mark.parametrize("name", widgets.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(widgets, name).__name__ == name
    assert getattr(widgets, name).__doc__


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Bench'"):
        _ = widgets.Bench


def test_importing_the_package_of_panels_loads_none_of_them() -> None:
    command = "import sys, sessim.widgets; print('ipywidgets' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


# --- plan, run, result --------------------------------------------------------------------------


def test_an_empty_one_says_what_to_do_first() -> None:
    bench = widgets.Workbench()
    assert bench.plan is None
    assert bench.result is None
    assert bench.message == "Fill in a plan, then press Run."
    assert bench.runner.run_button.disabled


def test_a_run_gives_every_panel_the_same_result(ran: widgets.Workbench) -> None:
    assert ran.result is not None
    assert ran.result.plan == PLAN
    panels = (ran.runner, ran.console, ran.dashboard, ran.test_send)
    assert all(panel.result is ran.result for panel in panels)
    assert ran.tabs.selected_index == app.CONSOLE


def test_run_gives_the_result(bench: widgets.Workbench) -> None:
    assert bench.run() is bench.result


def test_console_and_dashboard_have_one_selection(ran: widgets.Workbench) -> None:
    ran.console.selected = "Opening"
    assert ran.dashboard.selected == (1,)
    ran.dashboard.selected = (2,)
    assert ran.console.selected == (2,)


def test_the_dashboard_draws_only_in_sight(ran: widgets.Workbench) -> None:
    assert not ran.dashboard.charts.value
    ran.tabs.selected_index = app.DASHBOARD
    assert "<img" in ran.dashboard.charts.value


def test_an_edit_is_simulated_at_once(ran: widgets.Workbench) -> None:
    ran.builder.selected = 1
    ran.builder.requests.value = "700"
    assert ran.plan.tasks[0].requests == 700
    assert ran.result.plan == ran.plan
    assert ran.console.result is ran.result


def test_an_edit_before_the_first_run_is_not_simulated(bench: widgets.Workbench) -> None:
    bench.builder.selected = 1
    bench.builder.requests.value = "700"
    assert bench.result is None


def test_without_auto_the_result_is_called_old(ran: widgets.Workbench) -> None:
    ran.auto_box.value = False
    before = ran.result
    ran.builder.selected = 1
    ran.builder.requests.value = "700"
    assert ran.result is before
    assert "has changed since this result" in ran.message
    ran.run()
    assert ran.message == ""


def test_a_result_is_not_called_old_while_it_is_being_replaced() -> None:
    async def run() -> None:
        bench = widgets.Workbench(PLAN)
        bench.auto = False
        await bench.run()
        bench.builder.selected = 1
        bench.builder.requests.value = "700"
        assert "has changed since this result" in bench.message
        task = bench.run()
        assert bench.message == ""
        bench.runner.stop()
        await asyncio.wait([task])
        assert "has changed since this result" in bench.message
        await bench.run()
        assert bench.message == ""

    asyncio.run(run())


def test_a_wrong_edit_keeps_plan_and_result(ran: widgets.Workbench) -> None:
    before = ran.result
    ran.builder.selected = 1
    ran.builder.requests.value = "many"
    assert ran.result is before
    assert ran.test_send.send.disabled
    ran.builder.requests.value = "1500"
    assert not ran.test_send.send.disabled


def test_a_plan_may_be_set(ran: widgets.Workbench) -> None:
    other = replace(PLAN, tasks=PLAN.tasks[:1])
    ran.plan = other
    assert ran.builder.plan == other
    assert len(ran.builder.draft.tasks) == 1
    assert ran.result.plan == other


def test_an_edit_during_a_run_starts_it_anew() -> None:
    async def edit() -> widgets.Workbench:
        bench = widgets.Workbench(PLAN)
        await bench.run()
        bench.builder.selected = 1
        bench.builder.requests.value = "700"
        assert bench.runner.running
        bench.builder.requests.value = "800"
        for _ in range(1000):
            if bench.result.plan == bench.plan and not bench.runner.running:
                break
            await asyncio.sleep(0.01)
        return bench

    bench = asyncio.run(edit())
    assert bench.result.plan.tasks[0].requests == 800
    assert not bench.runner.error


# --- compare ------------------------------------------------------------------------------------


def test_results_are_kept_for_comparison(ran: widgets.Workbench) -> None:
    ran.keep.click()
    ran.builder.selected = 1
    ran.builder.requests.value = "700"
    ran.keep_name.value = "fewer"
    ran.keep.click()
    assert list(ran.compare.results) == ["Plan 1", "fewer"]
    assert ran.compare.message == "fewer was added."
    assert ran.compare.results["fewer"].plan.tasks[0].requests == 700


def test_a_name_that_is_taken_is_said_in_the_panel(ran: widgets.Workbench) -> None:
    for _ in range(2):
        ran.keep_name.value = "<b>one</b>"
        ran.keep.click()
    assert "is taken" in ran.compare.error
    assert "<b>" not in ran.compare.status.value
    assert ran.keep_name.value == "<b>one</b>"
    ran.keep_name.value = "two"
    ran.keep.click()
    assert (ran.compare.error, ran.compare.message) == ("", "two was added.")
    ran.compare.remove_button.click()
    assert (ran.compare.error, ran.compare.message) == ("", "")


def test_nothing_to_keep_is_said_in_the_panel(bench: widgets.Workbench) -> None:
    assert bench.keep.disabled
    bench.keep.click()
    assert "press Run first" in bench.error


# --- test sends ---------------------------------------------------------------------------------


def write(panel: widgets.TestSend, **fields: str) -> None:
    filled = {"template": "hello", "subject": "Hello", "addresses": "a@x.com", **fields}
    for name, value in filled.items():
        getattr(panel, name).value = value


def test_a_test_send_joins_the_plan_and_is_simulated(ran: widgets.Workbench) -> None:
    write(ran.test_send)
    ran.test_send.send.click()
    assert [send.recipients for send in ran.plan.test_sends] == [1]
    assert ran.test_send.outcomes() == [(1, 0)]
    ran.builder.undo.click()
    assert ran.plan.test_sends == ran.test_send.plan.test_sends == ()


def test_a_test_send_keeps_the_task_that_is_being_written(ran: widgets.Workbench) -> None:
    ran.builder.name.value = "Half written"
    write(ran.test_send)
    ran.test_send.send.click()
    assert ran.builder.name.value == "Half written"


def test_a_test_send_is_saved_with_the_plan(ran: widgets.Workbench, tmp_path) -> None:
    write(ran.test_send)
    ran.test_send.send.click()
    ran.builder.file.path.value = str(tmp_path / "plan.yaml")
    ran.builder.file.save.click()
    assert sessim.Plan.from_yaml(tmp_path / "plan.yaml").test_sends == ran.plan.test_sends


# --- several, languages -------------------------------------------------------------------------


def test_two_do_not_disturb_each_other(ran: widgets.Workbench) -> None:
    other = widgets.Workbench(PLAN)
    assert other.result is None
    other.builder.selected = 1
    other.builder.requests.value = "3"
    assert ran.plan == PLAN
    assert ran.tabs.selected_index == app.CONSOLE
    assert other.tabs.selected_index == app.PLAN


def test_it_speaks_indonesian() -> None:
    bench = widgets.Workbench(PLAN, language="id")
    assert bench.tabs.titles[app.PLAN] == "Rencana"
    assert bench.test_send.send.description == "Kirim"
    with pytest.raises(ValueError, match="choose 'en' or 'id'"):
        widgets.Workbench(language="de")


def test_both_languages_take_the_same_values() -> None:
    for key, (english, indonesian) in APP_LABELS.items():
        values = [sorted(re.findall(r"{\w+}", words)) for words in (english, indonesian)]
        assert values[0] == values[1], key
