"""Reputation (rule R7) against the reference that sends every email by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import sessim
from sessim.quality import OUTCOMES
from tests.reference import simulate as by_hand
from tests.strategies import with_quality
from tests.test_model_reference import (
    daily_of,
    pauses_of,
    reference_daily,
    reference_pauses,
    reference_runs,
    runs_of,
)

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


@settings(max_examples=max(200, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(with_quality())
def test_model_and_reference_agree_on_outcomes_and_reputation(plan: dict[str, Any]) -> None:
    reference = by_hand(plan)
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    told, found = reference_runs(reference), runs_of(result)
    assert {key: found.pop(key) for key in told} == told
    assert pauses_of(result) == reference_pauses(reference)
    assert daily_of(result) == reference_daily(reference, result.plan)
    if not result.plan.has_outcomes:
        return
    runs = result.runs.set_index(["task", "run"])
    for key, record in reference.runs.items():
        names = ("delivered", *OUTCOMES)
        assert [runs[name][key] for name in names] == [record.lots[name] for name in names]
