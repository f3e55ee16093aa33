"""The model against an independent reference that loops over every email."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim.clock import DAY
from sessim.errors import SessimWarning
from tests.reference import PAUSED, SENDING, Reference, status_at
from tests.reference import simulate as by_hand
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings(f"ignore::{SessimWarning.__module__}.SessimWarning")

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
        (*key, start, end or 0)
        for key, run in reference.runs.items()
        for start, end in run.pauses
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


@settings(max_examples=EXAMPLES)
@given(plans())
def test_model_and_reference_agree(plan: dict[str, Any]) -> None:
    reference = by_hand(plan)
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    if plan.get("discipline") == "fair":
        return
    told = {key: run for key, run in reference_runs(reference).items()}
    found = runs_of(result)
    assert {key: value for key, value in found.items() if key in told} == told
    assert pauses_of(result) == reference_pauses(reference)
    assert daily_of(result) == reference_daily(reference, result.plan)
    if result.finished:
        assert instant(result.end) == reference.end
    else:
        assert result.log.time[-1] == result.plan.end_instant
