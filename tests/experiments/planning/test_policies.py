"""Policy search: a way that is surer, the same one each time, and honest about how sure."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import pytest

import sessim
from sessim import Domain, MailList, plan_for
from sessim.experiments.planning.odds import fresh, odds
from sessim.experiments.planning.policies import RESERVES

COLD = {"invalid_rate": {"uniform": [0.025, 0.075]}, "open_rate": 0.05, "complaint_rate": 0.0006}
ENGAGED = {"invalid_rate": 0.004, "open_rate": 0.45, "complaint_rate": 0.0001}
LISTS = [MailList("Cold", 6_000, quality=COLD), MailList("Engaged", 4_000, quality=ENGAGED)]
QUESTION: dict[str, Any] = {
    "by": "2026-12-07", "start": "2026-12-01", "replications": 20,
    "domains": [Domain(f"{name}.example.com", warmup="reputation") for name in "ab"],
}  # fmt: skip


def test_engaged_people_first_is_surer_than_the_order_given() -> None:
    """The worse list first lowers the level: a trial with it second has to be found."""
    plain = plan_for(LISTS, **QUESTION)
    found = plan_for(LISTS, search=12, **QUESTION)
    assert found.trials is not None
    assert found.trials["order"].iloc[0] == "Cold, Engaged", "the first trial is as given"
    assert found.tasks["list"].iloc[0] == "Engaged"
    assert found.probability > plain.probability + 0.2
    assert "(Engaged first" in found.reason
    assert found.tasks.groupby("list")["requests"].sum().to_dict() == {
        "Cold": 6_000,
        "Engaged": 4_000,
    }


def test_the_answer_is_checked_with_numbers_that_no_trial_has_seen() -> None:
    found = plan_for(LISTS, search=3, **QUESTION)
    names, end = list(found.tasks["task"]), int(found.deadline.value // 1000)
    again = odds(found.plan, names, end, n=20, seed=fresh(0))
    assert list(found.odds.finishes) == list(again.finishes)


def test_the_same_seed_finds_the_same_way() -> None:
    one, other = (plan_for(LISTS, search=6, seed=4, **QUESTION) for _ in range(2))
    pd.testing.assert_frame_equal(one.trials, other.trials)
    assert one.plan == other.plan


def test_no_trial_is_surer_or_as_sure_and_earlier() -> None:
    found = plan_for(LISTS, search=8, **QUESTION)
    trials = found.trials
    assert trials is not None
    assert list(trials["trial"]) == list(range(8))
    assert trials["reserve"].isin(RESERVES).all()
    best = trials.sort_values(["probability", "finish_hours"], ascending=[False, True]).iloc[0]
    assert found.tasks["list"].iloc[0] == best["order"].split(",")[0]
    assert set(best["domains"].split(", ")) >= set(found.domains)


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "many"])
def test_a_number_of_trials_that_is_none(trials: Any) -> None:
    with pytest.raises(sessim.ArgumentError, match=r"search: .*give a whole number from 1"):
        plan_for(LISTS, search=trials, **QUESTION)


def test_another_goal_is_not_searched_for() -> None:
    with pytest.raises(sessim.ArgumentError, match="not for goal='latest'; leave goal out"):
        plan_for(LISTS, search=3, goal="latest", **QUESTION)


def test_where_nothing_is_left_to_chance_the_answer_is_exact() -> None:
    sure = QUESTION | {"domains": ["a.example.com"]}
    with pytest.raises(sessim.ArgumentError, match="search: nothing here is left to chance"):
        plan_for({"News": 900}, search=3, **sure)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(sessim.SessimError, match=r"install sessim\[planning\], or leave search"):
        plan_for(LISTS, search=3, **QUESTION)


def test_what_cannot_be_in_time_at_all_is_said_as_without_a_search() -> None:
    late = QUESTION | {"by": "2026-12-02"}
    found = plan_for(LISTS, search=3, **late)
    assert found.trials is None
    assert found.answer == plan_for(LISTS, **late).answer
