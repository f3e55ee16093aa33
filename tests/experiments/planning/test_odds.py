"""How sure: intervals that are right as often as they say, and chance that plays its part."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

import sessim
from sessim import Domain, Plan, Task, plan_for
from sessim.experiments.planning.odds import NEVER, Odds, fresh, is_random, odds

QUALITY = {
    "invalid_rate": {"uniform": [0.01, 0.04]},
    "spam_bounce_rate": 0.005,
    "complaint_rate": {"uniform": [0.0002, 0.0006]},
    "open_rate": 0.2,
}


def counted(met: int, n: int) -> Odds:
    return Odds(met, n, is_certain=False, finishes=np.zeros(n, dtype=np.int64))


def test_the_next_share_lies_in_its_prediction_interval() -> None:
    """The judge is a coin: 1,500 of any probability, thrown 200 times and 200 times more."""
    random = np.random.default_rng(7)
    chances = random.random(1500)
    first, then = random.binomial(200, chances), random.binomial(200, chances)
    inside = [
        low <= later / 200 <= high
        for met, later in zip(first, then, strict=True)
        for low, high in [counted(int(met), 200).prediction()]
    ]
    assert 0.94 <= np.mean(inside) <= 0.985


def test_what_is_certain_needs_no_interval() -> None:
    found = Odds(1, 1, is_certain=True, finishes=np.array([5]))
    assert found.interval == found.prediction() == (1.0, 1.0)


def test_a_quantile_is_the_first_time_by_which_so_many_are_done() -> None:
    found = Odds(0, 4, is_certain=False, finishes=np.array([10, 20, 30, NEVER]))
    assert [found.quantile(share) for share in (0.25, 0.5, 0.75, 0.9)] == [10, 20, 30, None]


def test_emails_that_a_block_has_lost_are_never_sent() -> None:
    """More than 11% invalid addresses block a domain: its run ends, and not all of it was sent."""
    bad = Domain("a.example.com", warmup="reputation", level=5, quality={"invalid_rate": 0.2})
    plan = Plan(start="2026-12-01", domains=[bad],
                tasks=[Task("T", sender="a@a.example.com", requests=1_000)])  # fmt: skip
    result = sessim.simulate(plan)
    assert result.tasks["status"].tolist() == ["Error"]
    assert result.tasks["failed"].item() > 0
    found = odds(plan, ["T"], plan.end_instant, n=10, seed=1)
    assert found.met == 0
    assert set(found.finishes) == {NEVER}


def test_what_its_user_cancels_is_done_with() -> None:
    cancelled = Task("T", sender="a@b.example.com", requests=50, cancel_at="2026-12-03")
    plan = Plan(start="2026-12-01", domains=[Domain("b.example.com", warmup=10)], tasks=[cancelled])
    assert odds(plan, ["T"], plan.end_instant, n=10, seed=1).probability == 1


def test_fresh_seeds_are_other_seeds() -> None:
    assert len({fresh(seed) for seed in range(1000)} | set(range(1000))) == 2000


def doubtful(name: str = "a.example.com") -> Domain:
    return Domain(name, warmup="reputation", quality=QUALITY)


def test_only_what_chance_can_move_is_random() -> None:
    def plan(domain: Domain, **options: Any) -> Plan:
        tasks = [Task("T", sender=f"a@{domain.name}", requests=5, start="2026-12-01", **options)]
        return Plan(start="2026-12-01", domains=[domain], tasks=tasks)

    assert not is_random(plan(Domain("a.example.com")))
    assert not is_random(plan(Domain("a.example.com", quality=QUALITY)))
    assert is_random(plan(Domain("a.example.com", quality=QUALITY), every=24, count=3))
    assert is_random(plan(doubtful()))


def test_odds_are_counted_as_the_replications_say() -> None:
    plan = plan_for({"N": 60_000}, by="2026-12-09", start="2026-12-01", domains=[doubtful()]).plan
    end = plan.clock.day_start(dt.date(2026, 12, 8))
    found = odds(plan, [task.name for task in plan.tasks], end, n=60, seed=3)
    said = sessim.replicate(plan, 60, seed=3).probability("2026-12-07")
    assert found.probability == said.value
    assert found.interval == (said.low, said.high)
    assert 0.05 < found.probability < 0.95, "or the example shows nothing"


def test_the_latest_start_is_the_latest_that_is_sure_enough() -> None:
    question: dict[str, Any] = {
        "by": "2026-12-20", "start": "2026-12-01", "domains": [doubtful()], "replications": 60,
    }  # fmt: skip
    bold = plan_for({"N": 60_000}, goal="latest", sure=0.05, **question)
    safe = plan_for({"N": 60_000}, goal="latest", sure=0.9, **question)
    assert safe.start < bold.start
    assert safe.meets
    assert safe.probability >= 0.9
    assert "beginning a day later, only" in safe.reason
    # What is told comes from random numbers that the search has not seen.
    names, end = list(safe.tasks["task"]), int(safe.deadline.value // 1000)
    told, searched = (odds(safe.plan, names, end, n=60, seed=seed) for seed in (fresh(0), 0))
    assert list(told.finishes) == list(safe.odds.finishes)
    assert list(told.finishes) != list(searched.finishes)


def test_a_plan_that_is_not_sure_enough_says_so() -> None:
    planned = plan_for(
        {"N": 60_000}, by="2026-12-07", start="2026-12-01", domains=[doubtful()], sure=0.95,
        replications=60,
    )  # fmt: skip
    assert not planned.meets
    assert planned.answer.startswith("Not by 7 December 2026")
    assert planned.odds.n == 60
    changes = planned.changes
    assert not changes or changes[0].kind == "days"


def test_a_start_that_only_looked_sure_gives_way_to_a_surer_one() -> None:
    """Of 20 replications in the search at least 18 were in time, of 20 fresh ones fewer."""
    quality = {
        "invalid_rate": {"uniform": [0.0125, 0.0375]},
        "spam_bounce_rate": {"uniform": [0.0025, 0.0075]},
        "complaint_rate": {"uniform": [0.0002, 0.0006]},
        "open_rate": {"uniform": [0.1, 0.3]},
    }
    passed_on = 0
    for seed in range(6):
        planned = plan_for(
            {"N": 9000}, by="2026-12-10", start="2026-12-01", goal="latest", replications=20,
            domains=[Domain("a.example.com", warmup="reputation", quality=quality)], seed=seed,
        )  # fmt: skip
        assert planned.meets, "an earlier start would do: it is never said that none does"
        assert planned.probability >= 0.9
        passed_on += planned.odds.seed != fresh(seed)
    assert passed_on, "or the example shows nothing"


@pytest.mark.slow
def test_a_thousand_plans_keep_the_probability_they_were_chosen_with() -> None:
    """The optimiser's curse: each plan is the latest start that looked sure enough in a search."""
    random = np.random.default_rng(11)
    inside = []
    for number in range(1000):
        quality = {
            "invalid_rate": float(random.uniform(0.01, 0.05)),
            "complaint_rate": float(random.uniform(0.0, 0.003)),
        }
        planned = plan_for(
            {"N": int(random.integers(300, 2_500))},
            by="2026-12-05", start="2026-12-01", goal="latest", sure=0.6,
            domains=[Domain("a.example.com", warmup="reputation", quality=quality)],
            replications=25, seed=number,
        )  # fmt: skip
        end = int(planned.deadline.value // 1000)
        again = odds(planned.plan, list(planned.tasks["task"]), end, n=25, seed=10**6 + number)
        low, high = planned.odds.prediction(25)
        inside.append(low <= again.probability <= high)
    assert np.mean(inside) >= 0.93
