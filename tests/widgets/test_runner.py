"""Run and Stop: with a running event loop as in a notebook, and without one."""

from __future__ import annotations

import asyncio
from typing import Any

import ipywidgets
import pytest

import sessim
from sessim.widgets.runner import Runner
from tests import results


def controls(runner: Runner) -> tuple[bool, bool, str]:
    """Say whether Run and Stop can be pressed, and whether the bar is to be seen."""
    return (
        not runner.run_button.disabled,
        not runner.stop_button.disabled,
        runner.bar.layout.visibility,
    )


async def endless(*_: Any, **__: Any) -> sessim.Result:
    while True:
        await asyncio.sleep(0)


def test_without_a_loop_run_gives_the_result() -> None:
    runner = Runner(results.launch().plan, seed=1)
    seen: list[Any] = []
    runner.observe(lambda change: seen.append(change["new"]), "result")
    runner.run_button.click()
    assert seen == [runner.result]
    assert runner.result.tasks.equals(results.launch().tasks)
    assert runner.message == "Done: 1,084,000 emails sent, all work finished on 2026-12-30 08:29."
    assert runner.run() is runner.result
    assert (runner.running, runner.bar.value) == (False, runner.bar.max)
    assert controls(runner) == (True, False, "hidden")


def test_runs_after_the_end_are_not_called_unsent_emails() -> None:
    data = results.nothing_due().plan.to_dict() | {"horizon": "2d"}
    with pytest.warns(sessim.SessimWarning):
        runner = Runner(sessim.Plan.from_dict(data))
    runner.run()
    assert runner.message == (
        "Done: 0 emails sent, all that was due by 2026-12-03 00:00; runs are due after the end."
    )


def test_emails_left_are_counted() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        horizon="2d",
        domains=[sessim.Domain("a.example.com", warmup=10)],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=50)],
    )
    runner = Runner(plan)
    runner.run()
    assert "work left on 2026-12-03 00:00: 30 emails of due runs are unsent." in runner.message


def test_with_a_loop_run_is_a_task() -> None:
    async def journey() -> None:
        runner = Runner(results.many().plan)
        task = runner.run()
        assert runner.running
        assert controls(runner) == (True, True, "visible")
        assert runner.run() is task  # a second press changes nothing
        result = await task
        assert result is runner.result
        assert not runner.running
        assert controls(runner) == (True, False, "hidden")
        assert "runs are due after the end" in runner.message

    asyncio.run(journey())


def test_run_keeps_the_focus_while_it_runs() -> None:
    async def journey() -> None:
        runner = Runner(results.launch().plan)
        states: list[bool] = []
        runner.run_button.observe(lambda change: states.append(change["new"]), "disabled")
        runner.run_button.click()
        task = runner.run()
        runner.run_button.click()
        assert runner.run() is task  # the run under way goes on
        await task
        assert states == []

    asyncio.run(journey())


def test_stop_answers_at_once_and_keeps_the_result_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    focused: list[Any] = []
    monkeypatch.setattr(ipywidgets.Button, "focus", lambda button: focused.append(button))

    async def journey() -> None:
        runner = Runner(results.launch().plan)
        before = await runner.run()
        runner.plan = results.many_tasks(3_000, 365, 10)
        task = runner.run()
        while runner.bar.value == 0:
            await asyncio.sleep(0)
        runner.stop_button.click()
        assert await task is None
        assert runner.bar.value < runner.bar.max
        assert focused == [runner.run_button]
        assert runner.result is before
        assert runner.message == "Stopped; the result before stays."
        assert controls(runner) == (True, False, "hidden")

    asyncio.run(journey())


def test_the_first_run_stopped_leaves_no_result() -> None:
    async def journey() -> None:
        runner = Runner(results.launch().plan, simulate=endless)
        task = runner.run()
        for _ in range(3):
            await asyncio.sleep(0)
        runner.stop()
        await task
        assert (runner.result, runner.message) == (None, "Stopped.")
        runner.stop()  # there is nothing to stop any more

    asyncio.run(journey())


def test_stopped_before_it_began() -> None:
    async def journey() -> None:
        runner = Runner(results.launch().plan)
        task = runner.run()
        runner.stop()
        await asyncio.wait([task])
        assert controls(runner) == (True, False, "hidden")
        assert runner.message == "Stopped."
        assert await runner.run() is runner.result

    asyncio.run(journey())


def test_a_mistake_is_shown_as_its_sentence() -> None:
    async def mistaken(*_: Any, **__: Any) -> sessim.Result:
        raise sessim.PlanError("the <b>plan</b> is wrong")

    runner = Runner(results.launch().plan, simulate=mistaken)
    assert runner.run() is None
    assert runner.error == "the <b>plan</b> is wrong"
    assert "&lt;b&gt;plan" in runner.status.value
    assert not runner.running


def test_a_failure_in_the_task_is_shown_and_raised() -> None:
    async def broken(*_: Any, **__: Any) -> sessim.Result:
        await asyncio.sleep(0)
        raise RuntimeError("broken")

    async def journey() -> None:
        runner = Runner(results.launch().plan, simulate=broken)
        with pytest.raises(RuntimeError):
            await runner.run()
        assert runner.error == "RuntimeError: broken"
        assert controls(runner) == (True, False, "hidden")

    asyncio.run(journey())
    runner = Runner(results.launch().plan, simulate=broken)
    with pytest.raises(RuntimeError):
        runner.run_button.click()
    assert runner.error == "RuntimeError: broken"


def test_an_error_of_a_follower_is_shown() -> None:
    runner = Runner(results.launch().plan)

    def follow(_: Any) -> None:
        raise ValueError("cannot follow")

    runner.observe(follow, "result")
    with pytest.raises(ValueError, match="cannot follow"):
        runner.run()
    assert runner.error == "ValueError: cannot follow"
    assert not runner.running


def test_without_a_plan_there_is_nothing_to_run() -> None:
    runner = Runner(language="id")
    assert controls(runner) == (False, False, "hidden")
    assert runner.run() is None
    assert runner.error == "Tidak ada rencana untuk dijalankan."
    runner.plan = results.launch().plan
    assert controls(runner) == (True, False, "hidden")
    runner.run()
    assert runner.error == ""
    assert runner.message.startswith("Selesai")


def test_two_runners_do_not_disturb_each_other() -> None:
    async def journey() -> None:
        one = Runner(results.launch().plan, simulate=endless)
        other = Runner(results.launch().plan)
        first, second = one.run(), other.run()
        await second
        assert one.running
        one.stop()
        await first
        assert other.result is not None

    asyncio.run(journey())
