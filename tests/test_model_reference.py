"""The model against an independent reference that loops over every email."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim import tables
from sessim.clock import DAY, HOUR
from sessim.ledger import Ledger, Snapshot
from sessim.lifecycle import TaskStatus
from tests.reference import PAUSED, SENDING, Reference, status_at
from tests.reference import simulate as by_hand
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

EXAMPLES = max(300, settings().max_examples)


def instant(time: Any) -> int | None:
    """Return a table's time in microseconds, None if it is empty."""
    return None if time is None or time != time else time.value // 1000


def runs_of(result: sessim.Result) -> dict[tuple[int, int], tuple[Any, ...]]:
    return {
        (row.task, row.run): (
            row.requests, row.sent, row.cached, row.failed, row.cancelled,
            instant(row.due), instant(row.started), instant(row.finished), row.pauses,
        )
        for row in result.runs.itertuples()
    }  # fmt: skip


def reference_runs(reference: Reference) -> dict[tuple[int, int], tuple[Any, ...]]:
    return {
        key: (
            run.requests, run.sent, run.cached, run.failed, run.cancelled,
            run.due, run.started, run.finished, len(run.pauses),
        )
        for key, run in reference.runs.items()
    }  # fmt: skip


def pauses_of(result: sessim.Result) -> list[tuple[Any, ...]]:
    return sorted(
        (row.task, row.run, instant(row.start), instant(row.end) or 0)
        for row in result.pauses.itertuples()
    )


def reference_pauses(reference: Reference) -> list[tuple[Any, ...]]:
    return sorted(
        (*key, start, end or 0) for key, run in reference.runs.items() for start, end in run.pauses
    )


def daily_of(result: sessim.Result) -> dict[tuple[str, str], int]:
    return {
        (row.domain, f"{row.date:%Y-%m-%d}"): row.sent
        for row in result.daily.itertuples()
        if row.sent
    }


def reference_daily(reference: Reference, plan: sessim.Plan) -> dict[tuple[str, str], int]:
    """Return the emails by domain and day from the domain's first due run on, as in ``daily``."""
    first: dict[str, str] = {}
    for moment, task, _, status in reference.transitions:
        if status in (SENDING, PAUSED):
            first.setdefault(plan.tasks[task - 1].domain, f"{plan.clock.date(moment)}")
    return {
        (domain, date): sent
        for (domain, date), sent in reference.daily.items()
        if sent and domain in first and date >= first[domain]
    }


def statuses_at(result: sessim.Result, moment: int) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the runs that have a row in the log by then, as the reference tells them."""
    data = tables.run_numbers(Snapshot(Ledger(result.log), moment))
    keys = zip(data["task"].tolist(), data["run"].tolist(), strict=True)
    names = ("status", "sent", "cached", "cancelled")
    return dict(zip(keys, zip(*(data[name].tolist() for name in names), strict=True), strict=True))


@settings(max_examples=EXAMPLES)
@given(plans())
def test_model_and_reference_agree(plan: dict[str, Any]) -> None:
    """Counts, instants, statuses and pauses are equal: in both disciplines, in fact."""
    reference = by_hand(plan)
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    told = reference_runs(reference)
    found = runs_of(result)
    assert {key: found.pop(key) for key in told} == told
    assert all(run == 1 for _, run in found)  # first runs of tasks that have not begun
    assert pauses_of(result) == reference_pauses(reference)
    assert daily_of(result) == reference_daily(reference, result.plan)
    if result.finished:
        assert instant(result.end) == reference.end
    else:
        assert result.log.time[-1] == result.plan.end_instant


on_the_hour = plans().map(lambda plan: plan | {"rate": "1/3600"})


@settings(max_examples=EXAMPLES)
@given(plans() | on_the_hour, st.data())
def test_console_at_any_instant(plan: dict[str, Any], data: st.DataObject) -> None:
    """The log alone tells every run's status and counts at any instant, on changes and between."""
    reference = by_hand(plan)
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    changes = sorted({change[0] for change in reference.transitions} | {result.plan.start_instant})
    around = st.sampled_from(changes).flatmap(
        lambda change: st.sampled_from([change - 1, change, change + 1])
    )
    between = st.integers(changes[0], max(changes[-1], reference.end) + DAY)
    for _ in range(5):
        moment = data.draw(st.one_of(around, between))
        if moment < result.plan.start_instant:
            continue
        told = status_at(reference, moment)
        found = statuses_at(result, moment)
        assert found == {key: told[key] for key in found}
        assert all(told[key][0] == TaskStatus.TO_START for key in told.keys() - found.keys())


IN_TURNS_AT_MIDNIGHT = {
    "a restart follows": {
        "domains": [{"name": "a.org", "warmup": 1}, {"name": "b.org", "warmup": "none"}],
        "tasks": [
            {"name": "B", "sender": "x@b.org", "requests": 40},
            {"name": "C", "sender": "x@b.org", "requests": 30},
            {"name": "A", "sender": "x@a.org", "requests": 3},
        ],
    },
    "the run whose turn it is stops for a limit of 0": {
        "domains": [{"name": "a.org", "warmup": [50, 0]}, {"name": "b.org", "warmup": "none"}],
        "tasks": [
            {"name": "A", "sender": "x@a.org", "requests": 40},
            {"name": "B", "sender": "x@b.org", "requests": 40},
        ],
    },
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")
@pytest.mark.parametrize("case", IN_TURNS_AT_MIDNIGHT)
def test_the_console_in_turns_when_an_email_falls_on_midnight(case: str) -> None:
    """The turns begin anew with the new limits, and with the restart behind that email."""
    given = {"start": "2026-12-01", "rate": "1/3600", "discipline": "fair"}
    plan = given | IN_TURNS_AT_MIDNIGHT[case]
    reference, result = by_hand(plan), sessim.simulate(sessim.Plan.from_dict(plan))
    for hour in range(24 * 3):
        moment = result.plan.start_instant + hour * HOUR
        assert statuses_at(result, moment) == status_at(reference, moment)


def test_two_runs_of_a_task_due_at_one_instant() -> None:
    """By the wall clock two runs meet where an hour is skipped: the second waits for the first."""
    plan = {
        "start": "2026-03-28 22:00",
        "timezone": "Europe/Berlin",
        "restart": "manual",
        "restart_at": "12:00",
        "domains": [{"name": "a.example.com", "warmup": [1, 100]}],
        "tasks": [
            {
                "name": "Hourly", "sender": "a@a.example.com", "requests": 2,
                "start": "2026-03-28 23:00", "every": "1h", "every_by": "wall", "count": 5,
            }
        ],
        "horizon": "2026-04-02",
    }  # fmt: skip
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    assert result.runs["due"].duplicated().sum() == 1
    assert runs_of(result) == reference_runs(by_hand(plan))
    assert pauses_of(result) == reference_pauses(by_hand(plan))
