"""Policy search: a way that is surer, the same one each time, and honest about how sure."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessim
from sessim import Domain, MailList, plan_for
from sessim.experiments.planning.goals import Choice
from sessim.experiments.planning.odds import fresh, odds
from sessim.experiments.planning.planned import Planned
from sessim.experiments.planning.policies import RESERVES, Policy
from sessim.experiments.planning.searching import Way

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


BETTER: dict[str, Callable[[Planned], float]] = {
    "latest": lambda planned: planned.start.value,
    "fewest": lambda planned: -len(planned.domains),
    "largest": lambda planned: planned.emails,
}
"""What each goal counts; the more, the better."""
ROOMY = QUESTION | {"by": "2026-12-09"}


@pytest.mark.parametrize("goal", list(BETTER))
def test_of_the_sure_ways_a_search_takes_the_best_by_its_goal(goal: Any) -> None:
    """As given the worse list goes first, and costs days, domains and emails."""
    lists = LISTS if goal != "largest" else [LISTS[0], replace(LISTS[1], size=None)]
    plain = plan_for(lists, goal=goal, **ROOMY)
    found = plan_for(lists, goal=goal, search=15, **ROOMY)
    assert found.meets
    assert BETTER[goal](found) > BETTER[goal](plain)
    assert plain.bound is not None
    assert not plain.bound.is_proved, "there is a better plan: it was just found"
    assert found.tasks["list"].iloc[0] == "Engaged"
    assert "bear out, this one" in found.reason
    end = int(found.deadline.value // 1000)
    again = odds(found.plan, list(found.tasks["task"]), end, n=20, seed=found.odds.seed)
    assert again.probability == found.probability >= found.sure
    assert _passed_over(found) < 5, "only fresh numbers refuse what was sure, and five are asked"


def _passed_over(found: Planned) -> int:
    """Count the ways that a search found sure, and better by the goal than what it took."""
    assert found.trials is not None
    ways = found.trials[found.trials["probability"] >= found.sure]
    ways = ways.drop_duplicates(["later", "reserve", "order", "domains", "emails"])
    if found.goal == "latest":
        begun = pd.Timestamp(QUESTION["start"]) + pd.to_timedelta(ways["later"], unit="D")
        return int((begun > found.start.tz_localize(None)).sum())
    if found.goal == "fewest":
        return int((ways["domains"].str.split(",").str.len() < len(found.domains)).sum())
    return int((ways["emails"] > found.emails).sum())


def test_what_is_planned_without_a_search_is_the_first_trial_whatever_the_goal() -> None:
    """So a search of one way answers as none does, and a search never looks worse."""
    engaged = [LISTS[1]]
    for goal in BETTER:
        plain = plan_for(engaged, goal=goal, **ROOMY)  # type: ignore[arg-type]
        found = plan_for(engaged, goal=goal, search=1, **ROOMY)  # type: ignore[arg-type]
        assert plain.meets
        assert found.plan == plain.plan, goal
        assert found.bound == plain.bound


def test_a_way_without_chance_counts_as_all_of_its_replications() -> None:
    """The fixed domain alone is in time for certain, one replication of one; both are not."""
    domains = [Domain("a.example.com", warmup="reputation"), Domain("b.example.com", warmup=4_000)]
    found = plan_for([LISTS[0]], search=10, **QUESTION | {"domains": domains})
    assert found.domains == ("b.example.com",)
    assert found.probability == 1


def test_a_no_that_more_days_do_not_mend_points_to_the_search() -> None:
    """Bad mail is blocked on one domain for good, and the other alone would send it all."""
    bad = MailList("Bad", 6_000, quality={"invalid_rate": 0.2})
    domains = [
        Domain("a.example.com", warmup="reputation", level=3),
        Domain("b.example.com", warmup=4_000),
    ]
    question = QUESTION | {"domains": domains}
    plain, found = plan_for([bad], **question), plan_for([bad], search=10, **question)
    assert plain.probability == 0
    assert "no number of days makes it 90% sure this way; plan_for(search=40)" in plain.answer
    assert found.probability == 1
    alone = plan_for([bad], search=2, **question | {"domains": domains[:1]})
    assert alone.answer.endswith("no number of days makes it 90% sure.")


RANKED = st.builds(
    Way,
    st.just(Policy(0, 0.0, (0,), (0,))),
    st.none(),
    st.sampled_from([None, Choice(0, (0,), (), [], 0, 0, True)]),
    is_sure=st.booleans(),
    gain=st.integers(0, 10),
    probability=st.integers(0, 20).map(lambda met: met / 20),
    hours=st.sampled_from([1.0, 500.0]),
    unfinished=st.sampled_from([0.0, 0.5]),
)


@given(RANKED, RANKED)
def test_what_optuna_is_told_orders_ways_as_their_rank_does(one: Way, other: Way) -> None:
    if one.choice and other.choice:
        assert (one.score(20) > other.score(20)) == (one.rank > other.rank)
    elif one.choice:
        assert one.score(20) > other.score(20)


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
