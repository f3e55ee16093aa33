"""What is kept of replications says what the tables of each result say."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim.experiments import frames
from sessim.experiments.notes import Notes
from sessim.experiments.notes import notes as side_by_side
from sessim.experiments.stack import tally
from sessim.experiments.tally import Tally, joined
from sessim.logwriter import PackedLog
from sessim.quality import OUTCOMES
from tests.strategies import plans

TASKS = ["task", "name", "domain", "status", "requests", "sent", "cached", "failed", "cancelled",
         "finished", "pauses", "paused_hours"]  # fmt: skip
DAILY = ["domain", "date", "limit", "sent", "failed", "cached", "backlog"]


def simulated(data: dict[str, Any], seed: int = 0, **keys: Any) -> sessim.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sessim.SessimWarning)
        return sessim.simulate(sessim.Plan.from_dict(data), seed, **keys)


def notes(results: list[sessim.Result]) -> Notes:
    """Return what the model noted, before anything is derived from it."""
    logs = [result.log for result in results]
    writers = [log.writer.copy() for log in logs if isinstance(log, PackedLog)]
    return side_by_side(results[0].plan, writers)


def agree(found: Tally, results: list[sessim.Result]) -> None:
    """Compare the frames of a tally with the tables of the results, row by row."""
    plan = results[0].plan
    tasks = frames.tasks(plan, found, plan.end_instant)
    daily = frames.daily(plan, found)
    for number, result in enumerate(results):
        own = tasks[tasks["replication"] == number].reset_index(drop=True)
        outcomes = [name for name in OUTCOMES if name in result.tasks]
        columns = [*TASKS, *outcomes]
        pd.testing.assert_frame_equal(own[columns], result.tasks[columns])
        assert not own[list(set(OUTCOMES) - set(outcomes))].to_numpy().any()
        levels = ["level"] if "level" in result.daily else []
        expected = (
            result.daily[[*DAILY, *levels]].astype({"domain": "str"}).set_index(["domain", "date"])
        )
        rows = daily[daily["replication"] == number].astype({"domain": "str"})
        rows = rows.set_index(["domain", "date"])[list(expected.columns)]
        pd.testing.assert_frame_equal(rows.loc[expected.index], expected)
        # What only other replications have is at rest here.
        rest = rows.drop(expected.index)
        assert not rest[["sent", "failed", "cached", "backlog"]].to_numpy().any()
    whole = frames.finish(plan, found, plan.end_instant)
    assert whole["sent"].tolist() == [result.tasks["sent"].sum() for result in results]
    finished = [result.tasks["finished"].max(skipna=False) for result in results]
    pd.testing.assert_series_equal(
        whole["finished"], pd.Series(pd.to_datetime(finished, utc=True).tz_convert(plan.timezone)),
        check_names=False, check_dtype=False, check_freq=False,
    )  # fmt: skip


@settings(max_examples=40)
@given(data=plans(), copies=st.integers(1, 3))
def test_numbers_are_those_of_the_tables(data: dict[str, Any], copies: int) -> None:
    results = [simulated(data, seed) for seed in range(copies)]
    found = tally(results[0].plan, notes(results), 0)
    agree(found, results)


@settings(max_examples=30)
@given(data=plans(), cut=st.integers(0, 3))
def test_put_together_in_any_order_they_are_the_same(data: dict[str, Any], cut: int) -> None:
    results = [simulated(data, seed) for seed in range(4)]
    plan, whole = results[0].plan, tally(results[0].plan, notes(results), 0)
    if cut:
        parts = [tally(plan, notes(results[cut:]), cut), tally(plan, notes(results[:cut]), 0)]
        same(joined(parts), whole)
    same(whole[:2], tally(plan, notes(results[:2]), 0))


RATES = st.fixed_dictionaries(
    {},
    optional={
        "invalid_rate": st.sampled_from([0.0, 0.02, 0.06, 0.12, {"uniform": [0.0, 0.2]}]),
        "spam_bounce_rate": st.sampled_from([0.0, 0.04, 0.2]),
        "complaint_rate": st.sampled_from([0.0, 0.002, 0.01]),
        "open_rate": st.sampled_from([0.2, {"beta": [2, 5]}]),
    },
)


@settings(max_examples=40)
@given(data=plans(), rates=RATES, level=st.integers(0, 20))
def test_outcomes_and_levels_are_those_of_the_tables_too(
    data: dict[str, Any], rates: dict[str, Any], level: int
) -> None:
    """Some runs are blocked and fail, levels rise and fall, groups of recurring tasks shrink."""
    domains = [{**domain, "quality": rates} for domain in data["domains"]]
    domains[0] |= {"warmup": "reputation", "level": level, "advance": "calendar"}
    tasks = [{**task, "requests": task["requests"] * 20} for task in data["tasks"]]
    results = [
        simulated({**data, "window": "day", "domains": domains, "tasks": tasks}, seed)
        for seed in (1, 2)
    ]
    found = tally(results[0].plan, notes(results), 0)
    agree(found, results)


def same(one: Tally, other: Tally) -> None:
    assert one.numbers.tolist() == other.numbers.tolist()
    for mine, theirs in ((one.tasks, other.tasks), (one.daily, other.daily)):
        for name, values in mine.items():
            np.testing.assert_array_equal(values, theirs[name])
    np.testing.assert_array_equal(one.finished, other.finished)


def test_replications_of_different_length_get_days_at_rest() -> None:
    """One replication of 3 days and one of 1: no days are lost, no backlog is made up."""
    base = {
        "start": "2026-12-01",
        "domains": [{"name": "a.example.com", "warmup": 10}],
        "tasks": [{"name": "A", "sender": "x@a.example.com", "requests": 30}],
    }
    long = simulated(base)
    short = simulated({**base, "domains": [{"name": "a.example.com", "warmup": 30}]})
    found = joined([tally(long.plan, notes([long]), 0), tally(long.plan, notes([short]), 1)])
    assert found.daily["sent"][:, 0].tolist() == [[10, 10, 10], [30, 0, 0]]
    assert found.daily["backlog"][:, 0].tolist() == [[20, 10, 0], [0, 0, 0]]
    assert found.daily["limit"][:, 0].tolist() == [[10, 10, 10], [30, -1, -1]]


def test_of_what_is_due_only_the_paused_runs_emails_are_cached() -> None:
    """At midnight A waits, B is paused. 10 a second are 863,999 a day: midnight is the next's."""
    result = simulated(
        {
            "start": "2026-12-01",
            "rate": 10,
            "domains": [
                {"name": "a.example.com", "warmup": "none"},
                {"name": "b.example.com", "warmup": [300, 700]},
            ],
            "tasks": [
                {"name": "B", "sender": "x@b.example.com", "requests": 1_000},
                {"name": "A", "sender": "x@a.example.com", "requests": 1_000_000},
            ],
        }
    )
    found = tally(result.plan, notes([result]), 0).daily
    assert found["cached"][0].tolist() == [[0, 0], [700, 0]]
    assert 136_301 == 1_000_000 - (863_999 - 300)
    assert found["backlog"][0].tolist() == [[136_301, 0], [700, 0]]


def test_what_is_unfinished_at_the_end_is_later_than_it() -> None:
    data = {
        "start": "2026-12-01",
        "horizon": "2d",
        "domains": [{"name": "a.example.com", "warmup": 10}],
        "tasks": [{"name": "A", "sender": "x@a.example.com", "requests": 30}],
    }
    result = simulated(data)
    found = tally(result.plan, notes([result]), 0)
    frame = frames.finish(result.plan, found, result.plan.end_instant)
    assert frame["finished"].isna().all()
    assert frame["later_than"].tolist() == [pd.Timestamp("2026-12-03", tz="Asia/Shanghai")]
    assert frame["unsent"].tolist() == [10]


@pytest.mark.parametrize(
    ("q", "name"), [(0.05, "p05"), (0.5, "p50"), (0.975, "p97.5"), (0.1, "p10")]
)
def test_quantiles_have_names(q: float, name: str) -> None:
    assert frames.column(q) == name
