"""Which assumption moves the finish, by hand where a plan is simple enough."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import sessim
from sessim.experiments.assumptions import assumptions
from sessim.experiments.sensitivity import Sensitivity, sensitivity
from tests.experiments import cases


def simple(warmup: Any = 1_000, requests: int = 9_500, **keys: Any) -> sessim.Plan:
    """Return a plan without chance: ten days at 1,000 a day, the last one half full."""
    data = {
        "start": "2026-12-01",
        "rate": "1000000",
        "timezone": "UTC",
        "domains": [{"name": "a.example.com", "warmup": warmup}],
        "tasks": [{"name": "A", "sender": "x@a.example.com", "requests": requests}],
        **keys,
    }
    return sessim.Plan.from_dict(data)


@cache
def found() -> Sensitivity:
    return sensitivity(simple(), 3)


def test_changes_by_hand() -> None:
    """0.8 times the limit: 12 days (11.875) instead of 10; 1.25 times: 8 (7.6)."""
    table = found().table.set_index(["assumption", "factor"])["change_hours"]
    assert table["daily limits"].round(2).to_dict() == {0.8: 48.0, 1.25: -48.0}
    assert table["list sizes"].round(2).to_dict() == {0.8: -48.0, 1.25: 48.0}
    assert table["account rate"].round(2).to_dict() == {0.8: 0.0, 1.25: 0.0}
    assert list(found().table["assumption"])[-1] == "account rate"
    assert found().table["swing_hours"].round(1).tolist() == [96, 96, 96, 96, 0, 0]


def test_a_change_with_chance_has_an_interval() -> None:
    plan = cases.plan()
    table = sensitivity(plan, 40, seed=3, assumptions=["list sizes"]).table
    assert (table["low"] < table["change_hours"]).all()
    assert (table["change_hours"] < table["high"]).all()
    more = table.set_index("factor").loc[1.25]
    assert more["low"] > 0


def test_break_even_by_hand() -> None:
    """By the end of 10 December: 10 days of at least 950, or at most 10,000 emails."""
    table = found().break_even("2026-12-10").set_index("assumption")
    assert table.loc["daily limits", "break_even"] == pytest.approx(0.95, rel=0.006)
    assert table.loc["daily limits", "verdict"] == "not below"
    assert table.loc["list sizes", "break_even"] == pytest.approx(10_000 / 9_500, rel=0.006)
    assert table.loc["list sizes", "verdict"] == "not above"
    assert table.loc["account rate", "verdict"] == "always met"
    assert np.isnan(table.loc["account rate", "break_even"])
    assert found().break_even("2026-12-01").set_index("assumption")["verdict"].to_dict() == {
        "account rate": "never met", "list sizes": "never met", "daily limits": "never met",
    }  # fmt: skip


def test_what_is_later_than_the_end_counts_as_the_end() -> None:
    table = sensitivity(simple(horizon="11d"), 2, assumptions="daily limits").table
    low = table.set_index("factor").loc[0.8]
    assert low["later"] == 2
    assert low["change_hours"] == pytest.approx(48, abs=0.01)  # it would be 48 at least


@pytest.mark.parametrize(
    ("warmup", "factor", "name", "expected"),
    [
        ([100, 200, 0], 1.5, "daily limits", [150, 300, 0]),
        (7, 0.5, "daily limits", 4),
        (1, 0.01, "daily limits", 1),
        ({"start": 10, "factor": 2, "cap": 99}, 2, "daily limits", (20, 2, 198)),
        ([100, 200, 300, 150], 2, "warm-up growth", [100, 300, 600, 300]),
        ([0, 100, 200], 0.5, "warm-up growth", [0, 100, 150]),
        ({"start": 10, "factor": 1.5, "cap": 99}, 2, "warm-up growth", (10, 2, 99)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*falls from")
def test_limits_are_scaled(warmup: Any, factor: float, name: str, expected: Any) -> None:
    plan = simple(warmup, 100)
    [domain] = assumptions(plan)[name](plan, factor).domains
    limits = domain.limits
    values = [getattr(limits, key) for key in ("start", "factor", "cap") if hasattr(limits, key)]
    if values:
        assert [int(value) for value in values] == list(expected)
    else:
        numbers = getattr(limits, "numbers", None)
        assert (getattr(limits, "limit", None) if numbers is None else list(numbers)) == expected


def test_what_a_plan_does_not_suppose_is_not_there() -> None:
    assert list(assumptions(simple("none"))) == ["account rate", "list sizes"]
    assert "warm-up growth" not in assumptions(simple())
    assert "warm-up growth" in assumptions(simple("standard"))


def test_quality_rates_are_scaled_wherever_they_are_given() -> None:
    plan = cases.plan()
    names = assumptions(plan)
    assert list(names) == ["account rate", "list sizes", "invalid rate", "opens and clicks"]
    [domain] = names["invalid rate"](plan, 0.5).domains
    assert domain.quality is not None
    assert domain.quality.given["invalid_rate"].numbers == (0.0, 0.03)  # type: ignore[union-attr]
    assert domain.quality.given["open_rate"] == 0.2
    data = plan.to_dict()
    data["tasks"][0] |= {
        "requests": 30,
        "segments": [
            {"name": "old", "requests": 10, "quality": {"invalid_rate": {"beta": [1, 9]}}},
            {"name": "new", "requests": 20, "quality": {"spam_bounce_rate": 0.7}},
        ],
        "quality": {"invalid_rate": 0.2, "spam_bounce_rate": 0.3},
    }
    plan = sessim.Plan.from_dict(data)
    task = assumptions(plan)["invalid rate"](plan, 4).tasks[0]
    assert task.quality is not None
    assert task.quality.given["invalid_rate"] == pytest.approx(
        0.3
    )  # all that the 0.7 of a segment leave
    assert task.segments is not None
    old, new = (segment.quality.given for segment in task.segments)
    assert old["invalid_rate"].mean == pytest.approx(0.3, rel=0.01)  # type: ignore[union-attr]
    assert new == {"spam_bounce_rate": 0.7}
    larger = assumptions(plan)["list sizes"](plan, 1.5).tasks[0]
    assert (larger.requests, [part.requests for part in larger.segments or ()]) == (45, [15, 30])


def test_a_worse_list_is_later_where_reputation_counts() -> None:
    found = sensitivity(cases.plan(), 60, seed=3, assumptions=["invalid rate", "account rate"])
    table = found.table.set_index(["assumption", "factor"])
    assert found.table["assumption"][0] == "invalid rate"
    assert table.loc[("invalid rate", 1.25), "low"] > 0
    assert table.loc[("invalid rate", 0.8), "high"] < 0


def test_an_assumption_of_one_s_own() -> None:
    mine = {"earlier": lambda plan, factor: simple(requests=round(9_500 * factor))}
    table = sensitivity(simple(), 2, assumptions=mine).table
    assert table["change_hours"].round().tolist() == [-48, 48]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"factors": (1.2, 1.5)}, "factors: (1.2, 1.5) are not one below and one above 1"),
        ({"factors": 2}, "factors: 2 are not"),
        ({"assumptions": ["weather"]}, "assumptions: 'weather' is none of this plan; known are"),
        ({"assumptions": 5}, "assumptions: 5 are none; give names, such as account rate"),
        ({"assumptions": {"mine": 5}}, "assumptions: 'mine': 5 is no function; give one of"),
        ({"n": 0}, "n: 0 is no number"),
    ],
)
def test_bad_input(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(sessim.ArgumentError) as error:
        sensitivity(simple(), **{"n": 2, **arguments})
    assert str(error.value).startswith(said)


def test_a_deadline_that_is_none() -> None:
    with pytest.raises(sessim.ArgumentError, match=r"^by: 'soon' is not a date"):
        found().break_even("soon")
    with pytest.raises(sessim.ArgumentError, match=r"^sure: 2 is not between 0 and 1"):
        found().break_even("2026-12-10", sure=2)


def test_the_tornado_has_a_bar_for_each_factor() -> None:
    ax = found().plot(ax=Figure().add_subplot())
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "list sizes", "daily limits", "account rate",
    ]  # fmt: skip
    widths = [
        [round(patch.get_width()) for patch in bars]
        for bars in ax.containers
        if hasattr(bars, "patches")
    ]
    assert widths == [[-48, 48, 0], [48, -48, 0]]
    assert repr(found()).startswith("The finish moves most with list sizes: by 96.0 hours")


def test_where_nothing_moves_the_finish_nothing_is_said_to_move_it_most() -> None:
    never = sensitivity(simple(warmup=0), 2)
    assert repr(never) == "No assumption moves the finish between the factors 0.8 and 1.25"


def test_what_is_no_plan() -> None:
    with pytest.raises(sessim.ArgumentError, match=r"^plan: 'a.yaml' is no plan; give"):
        sessim.sensitivity("a.yaml", 3)  # type: ignore[arg-type]
