"""Replications side by side give the numbers of the model, which runs each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sessim
from sessim.clock import HOUR
from sessim.experiments import abreast
from sessim.experiments.notes import notes
from sessim.experiments.running import Job
from sessim.experiments.stack import tally
from sessim.experiments.tally import Tally
from sessim.logwriter import PackedLog
from tests.strategies import with_quality

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

RARE = ("discipline", "window", "restart", "restart_at", "restart_delay", "test_sends")
RARE_OF_TASKS = ("cancel_at", "overlap", "segments")


def usual(plan: dict[str, Any]) -> dict[str, Any]:
    """Leave out the rules that are left to the model, and draw the outcomes."""
    tasks = [
        {name: value for name, value in task.items() if name not in RARE_OF_TASKS}
        for task in plan["tasks"]
    ]
    kept = {name: value for name, value in plan.items() if name not in RARE}
    return kept | {"tasks": tasks, "outcomes": "sampled", "resume_on_raise": False}


def both(plan: sessim.Plan, size: int, until: int | None = None) -> tuple[Tally | None, Tally]:
    """Return the numbers of replications abreast, None if they are left alone, and one by one."""
    end = plan.end_instant if until is None else until
    job = Job(plan, 5, end)
    together = abreast.simulate(plan, [job.stream(number) for number in range(size)], end)
    logs = [job.result(number).log for number in range(size)]
    writers = [log.writer for log in logs if isinstance(log, PackedLog)]
    alone = tally(plan, notes(plan, writers), 0)
    return together, alone


def assert_same(found: Tally | None, expected: Tally) -> None:
    assert found is not None
    assert found.ended.tolist() == expected.ended.tolist()
    assert found.days.tolist() == expected.days.tolist()
    for mine, theirs in ((found.tasks, expected.tasks), (found.daily, expected.daily)):
        for name, values in theirs.items():
            np.testing.assert_array_equal(mine[name], values, name)


@settings(max_examples=max(150, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(with_quality().map(usual), st.sampled_from([1, 2, 5]))
def test_every_number_is_that_of_the_model(data: dict[str, Any], size: int) -> None:
    """Levels rise and fall, domains are blocked, lists shrink, clocks change, days are skipped."""
    plan = sessim.Plan.from_dict(data)
    if abreast.fits(plan):
        found, expected = both(plan, size)
        if found is not None:  # else opens might raise a domain
            assert_same(found, expected)


BAD = {"invalid_rate": {"uniform": [0.0, 0.2]}, "spam_bounce_rate": 0.02, "complaint_rate": 0.0008}


def plan_of(*tasks: dict[str, Any], rates: dict[str, Any] = BAD, **keys: Any) -> sessim.Plan:
    domains = [
        {"name": "a.org", "warmup": "reputation", "quality": rates, "level": keys.pop("level", 3)},
        {"name": "b.org", "warmup": [700, 900], "advance": "sending", "quality": rates},
    ]
    named = [{"name": f"T{number}", **task} for number, task in enumerate(tasks)]
    plain = {"start": "2026-12-01", "timezone": "Europe/Berlin", "horizon": "14d"}
    return sessim.Plan.from_dict(plain | {"domains": domains, "tasks": named} | keys)


A, B = {"sender": "x@a.org"}, {"sender": "x@b.org"}
STORIES = {
    "a list shrinks, run after run": plan_of(
        {**A, "requests": 3000, "every": "24h", "start": "2026-12-01 09:00"}
    ),
    "runs of one task overlap": plan_of(
        {**A, "requests": 9000, "every": "6h", "count": 9, "start": "2026-12-01 09:00"}
    ),
    "a run is due while the one before it is being sent": plan_of(
        {**A, "requests": 2000, "every": "1h", "count": 6, "start": "2026-12-01 09:00"},
        rates={"invalid_rate": 0.04},
        rate="1/3",
        level=6,
    ),
    "bad mail late on a day that stays below the limit": plan_of(
        {**A, "requests": 1000},
        {**A, "requests": 300, "start": "2026-12-01 12:00", "quality": {"invalid_rate": 0.5}},
        {**A, "requests": 600, "start": "2026-12-02 12:00"},
        rates={"invalid_rate": 0.01},
        level=4,
    ),
    "an older run goes before a newer one of another domain": plan_of(
        {**B, "requests": 4000}, {**A, "requests": 9000, "start": "2026-12-02 00:00"}, rate="1/7"
    ),
    "an email falls on midnight": plan_of(
        {**A, "requests": 20_000}, {**B, "requests": 3000}, rate="1/60", level=1, horizon="9d"
    ),
    "the end comes before anything is told": plan_of({**B, "requests": 500}, rate="1/600"),
    "many levels a day": plan_of({**A, "requests": 400_000}, levels_per_day=20, rate=500),
    "a level of 0 sends nothing": plan_of({**A, "requests": 500}, {**B, "requests": 50}, level=0),
    "every address is dead": plan_of(
        {**B, "requests": 40, "every": "24h", "start": "2026-12-01 09:00"},
        {**A, "requests": 900},
        rates={"invalid_rate": 0.9},
    ),
    "the last work is done long before the end": plan_of({**A, "requests": 10}),
}


@pytest.mark.parametrize("story", STORIES)
def test_stories(story: str) -> None:
    plan = STORIES[story]
    assert abreast.fits(plan)
    assert_same(*both(plan, 40))
    for hours in (80, 20, 1):
        assert_same(*both(plan, 8, plan.start_instant + hours * HOUR))


LEFT_TO_THE_MODEL = {
    "fair": {"discipline": "fair"},
    "a rolling window": {"window": "rolling"},
    "a restart by hand": {"restart": "manual", "restart_at": "09:00"},
    "a delay": {"restart_delay": 60},
    "a raise that restarts": {"resume_on_raise": True},
    "a test send": {
        "test_sends": [{"sender": "x@a.org", "recipients": 1, "at": "2026-12-02 09:00"}]
    },
    "expected": {"outcomes": "expected"},
}


@pytest.mark.parametrize("rule", LEFT_TO_THE_MODEL)
def test_rarer_rules_are_left_to_the_model(rule: str) -> None:
    data = plan_of({**A, "requests": 10}).to_dict()
    data["domains"] = [{"name": "a.org", "warmup": 50, "quality": BAD}]
    assert abreast.fits(sessim.Plan.from_dict(data))
    assert not abreast.fits(sessim.Plan.from_dict(data | LEFT_TO_THE_MODEL[rule]))


def test_a_recurrence_that_begins_after_the_horizon_is_left_to_the_model() -> None:
    plan = plan_of({**A, "requests": 10, "start": "2026-12-31 09:00", "every": "24h"})
    assert len(plan.runs) == 0
    assert not abreast.fits(plan)
    many = sessim.replicate(plan, 40, 3)
    assert (many.tasks["sent"] == 0).all()
    assert many.finish["finished"].isna().all()


def test_segments_and_cancelled_tasks_are_left_to_the_model() -> None:
    parts = [{"name": "old", "requests": 4}, {"name": "new", "requests": 6}]
    assert not abreast.fits(plan_of({**A, "requests": 10, "segments": parts}))
    assert not abreast.fits(plan_of({**A, "requests": 10, "cancel_at": "2026-12-02"}))


def test_opens_that_may_raise_a_domain_are_left_to_the_model() -> None:
    """A rate that is certain tells before; where it is drawn, some of many ask for them."""
    assert not abreast.fits(plan_of({**A, "requests": 3000}, rates={"open_rate": 0.6}))
    plan = plan_of({**A, "requests": 3000}, rates={"open_rate": {"uniform": [0.0, 0.45]}})
    assert abreast.fits(plan)
    assert both(plan, 80)[0] is None
    many, few = sessim.replicate(plan, 80, 3), sessim.replicate(plan, 20, 3)
    assert len(many) == 80
    assert_same(many.tally[:20], few.tally)
    assert_same(many.tally, Job(plan, 3, plan.end_instant).run(range(80))[0])


def test_who_replicates_does_not_see_which_it_was() -> None:
    """40 of them run side by side, 20 one by one; a re-run of one is that one."""
    plan = STORIES["runs of one task overlap"]
    many, few = sessim.replicate(plan, 40, 3), sessim.replicate(plan, 20, 3)
    assert_same(many.tally[:20], few.tally)
    assert (
        many.replication(33).tasks["invalid"].tolist()
        == many.tasks.query("replication == 33")["invalid"].tolist()
    )
