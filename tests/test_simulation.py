"""Simulating at once, in slices, with a progress bar, beside other work: always the same log."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

import sessim
from tests.stories import instants_of, log_bytes, plan_of, story, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

NEWS_TEST = {"sender": "a@news.example.com", "at": "2026-12-01 12:00", "recipients": 3}


class Bars:
    """Makes tqdm's bars, which draw into a string, and keeps them."""

    def __init__(self) -> None:
        self.made: list[tqdm[Any]] = []
        self.drawn = io.StringIO()

    def __call__(self, **keys: Any) -> tqdm[Any]:
        self.made.append(tqdm(file=self.drawn, mininterval=0, **keys))
        return self.made[-1]

    @property
    def only(self) -> tqdm[Any]:
        """The one bar that was made; it is closed."""
        (bar,) = self.made
        assert bar.disable  # what tqdm sets when it is closed
        return bar


def emails_of(result: sessim.Result) -> int:
    """Return the emails that were sent, test sends included."""
    runs = int(result.runs["sent"].sum())
    tests = (result.log.task == 0) & (result.log.domain >= 0)
    return runs + int(result.log.sent[tests].sum())


# --- slices -------------------------------------------------------------------------------------


@given(plans(), st.data())
def test_a_model_run_in_slices_writes_the_same_log(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    plan = sessim.Plan.from_dict(plain)
    whole = sessim.simulate(plan).log
    model = sessim.Model(plan)
    for instant in sorted(data.draw(st.lists(instants_of(whole), max_size=6))):
        model.run(instant)
        assert model.env.now == max(plan.start_instant, min(instant, plan.end_instant))
    model.run()
    assert log_bytes(model.log()) == log_bytes(whole)


@given(plans())
def test_a_progress_bar_changes_nothing_and_counts_every_email(plain: dict[str, Any]) -> None:
    plan, bars = sessim.Plan.from_dict(plain), Bars()
    result = sessim.simulate(plan, progress=bars)
    assert log_bytes(result.log) == log_bytes(sessim.simulate(plan).log)
    assert bars.only.n == emails_of(result) <= bars.only.total


@given(plans())
def test_simulating_beside_other_work_changes_nothing(plain: dict[str, Any]) -> None:
    plan = sessim.Plan.from_dict(plain)
    result = asyncio.run(sessim.simulate_async(plan, seed=4))
    assert log_bytes(result.log) == log_bytes(sessim.simulate(plan, seed=4).log)


def test_the_bar_is_drawn_in_emails() -> None:
    bars = Bars()
    sessim.simulate(plan_of(task(1_500), warmup=1000, test_sends=[NEWS_TEST]), progress=bars)
    # The test send failed: the first day was full.
    assert (bars.only.n, bars.only.total) == (1_500, 1_503)
    assert "1000/1503" in bars.drawn.getvalue()
    assert "email/s" in bars.drawn.getvalue()


def test_a_simulation_that_stops_early_expects_only_what_is_due_by_then() -> None:
    bars = Bars()
    daily = task(10, start="2026-12-01 08:00", every="24h")
    sessim.simulate(plan_of(daily), until="2026-12-03", progress=bars)
    assert (bars.only.n, bars.only.total) == (30, 30)


# --- beside other work --------------------------------------------------------------------------

MONTH = {"start": "2026-12-01 08:00", "every": "24h", "count": 15}


def test_others_go_on_while_it_runs() -> None:
    async def both() -> int:
        running = asyncio.ensure_future(sessim.simulate_async(plan_of(task(10, **MONTH))))
        turns = 0
        while not running.done():
            await asyncio.sleep(0)
            turns += 1
        assert running.result().finished
        return turns

    assert asyncio.run(both()) >= 14


def test_it_can_be_cancelled_between_two_days() -> None:
    bars = Bars()

    async def stop_half_way() -> None:
        plan = plan_of(task(10, **MONTH))
        running = asyncio.ensure_future(sessim.simulate_async(plan, progress=bars))
        while not bars.made or bars.made[0].n < 50:
            await asyncio.sleep(0)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stop_half_way())
    assert 50 <= bars.only.n < 150


# --- where it stops -----------------------------------------------------------------------------


@given(plans(), st.data())
def test_what_happened_by_an_instant_does_not_depend_on_what_comes_then(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    """The log up to an instant is the beginning of the whole one."""
    plan = sessim.Plan.from_dict(plain)
    whole = sessim.simulate(plan)
    until = max(plan.start_instant + 1, data.draw(instants_of(whole.log)))
    begun = sessim.simulate(plan, until=plan.clock.local(until))
    before = whole.events[whole.log.time < until]
    before = before[before["event"] != "end"]
    told = begun.events[begun.events["event"] != "end"]
    assert told.astype(str).to_numpy().tolist() == before.astype(str).to_numpy().tolist()
    assert np.all(begun.log.time <= max(until, plan.start_instant))


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("2026-12-03", "2026-12-04T00:00:00+00:00"),  # a date means its end
        ("2026-12-03 12:00", "2026-12-03T12:00:00+00:00"),
        ("2026-12-03T12:00+08:00", "2026-12-03T04:00:00+00:00"),
        ("2027-12-03", "2026-12-21T00:00:00+00:00"),  # the horizon comes first
    ],
)
@pytest.mark.parametrize("progress", [None, Bars])
def test_until(until: str, end: str, progress: Callable[[], Bars] | None) -> None:
    bars = progress and progress()
    result = sessim.simulate(plan_of(task(9), warmup=0), until=until, progress=bars)
    assert result.end.isoformat() == end
    assert not result.finished


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"until": "tomorrow"}, "until: 'tomorrow' is not a date or time; write for example"),
        ({"until": "2026-11-03"}, "until: 2026-11-03 is not after the plan's start, 2026-12-01"),
        ({"until": "2026-12-01 00:00"}, "until: 2026-12-01 00:00 is not after the plan's start"),
        ({"seed": 1.5}, "seed: 1.5 is not a whole number"),
        ({"plan": {"start": "2026-12-01"}}, "plan: {'start': '2026-12-01'} is no plan; give a"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(sessim.ArgumentError, match=f"^{re.escape(sentence)}"):
        sessim.simulate(**{"plan": plan_of(task(9)), **arguments})


def test_the_log_says_how_it_came_to_be() -> None:
    result = sessim.simulate(plan_of(task(9)), seed=17)
    assert result.log.meta == {"mode": "simulate", "seed": 17, "version": sessim.__version__}
    assert story(result) == story(sessim.simulate(plan_of(task(9)), seed=18))
