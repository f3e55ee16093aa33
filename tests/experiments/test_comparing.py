"""Plans side by side under common random numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import sessim
from sessim.comparison import ComparisonError
from sessim.experiments import frames
from sessim.experiments.comparing import Comparison, compare
from tests.experiments import cases

N = 80


def pair() -> dict[str, sessim.Plan]:
    """Return a plan, and the same of an account that sends two emails a second, not 20."""
    return {"Now": cases.plan(), "Slow": cases.plan(rate=2)}


@cache
def compared() -> Comparison:
    return compare(pair(), N, seed=3)


def hours(found: sessim.Replications) -> np.ndarray:
    return frames.measure(found.plan, found.tally, "finish_hours")


@pytest.mark.parametrize("other", [cases.plan(rate=2), cases.plan(63_000)], ids=["slow", "more"])
def test_common_random_numbers_make_a_difference_at_least_three_times_as_sure(
    other: sessim.Plan,
) -> None:
    first, second = (hours(sessim.replicate(plan, 150, 3)) for plan in (cases.plan(), other))
    independent = hours(sessim.replicate(other, 150, 99))
    both = np.isfinite(first) & np.isfinite(second) & np.isfinite(independent)
    assert both.mean() > 0.97
    common = (second - first)[both].std(ddof=1)
    assert (independent - first)[both].std(ddof=1) > 3 * common > 0


def test_differences_are_those_of_the_pairs() -> None:
    found = compared().differences().set_index("measure")
    first, second = (hours(entry) for entry in compared().replications.values())
    row = found.loc["finish_hours"]
    assert row["plan"] == "Slow"
    assert row["difference"] == pytest.approx((second - first).mean())
    assert row["low"] < row["difference"] < row["high"]
    assert found.loc["requests", ["difference", "low", "high", "sd"]].tolist() == [0, 0, 0, 0]


def test_who_finishes_first() -> None:
    before = compared().before().set_index(["plan", "than"])
    now, slow = before.loc[("Now", "Slow")], before.loc[("Slow", "Now")]
    first, second = (hours(entry) for entry in compared().replications.values())
    assert now["probability"] == (first < second).mean()
    assert now["probability"] + slow["probability"] + now["same"] == pytest.approx(1)
    assert now["low"] < now["probability"] <= now["high"]
    assert now["probability"] > 0.9  # with the same luck
    digest = compared().before(task="Digest")
    assert len(digest) == 2


def test_what_does_not_finish_is_later_and_nothing_is_said_of_the_hours() -> None:
    plans = {"All": cases.plan(), "Too much": cases.plan(300_000_000)}
    found = compare(plans, 12, until="2027-02-10")
    assert found.replications["Too much"].finish["finished"].isna().all()
    row = found.differences().set_index("measure").loc["finish_hours"]
    assert row["later"] == 12
    assert np.isnan(row["difference"])
    before = found.before().set_index(["plan", "than"])
    assert before.loc[("All", "Too much"), "probability"] == 1
    assert "Too much finishes before All with probability 0.0%" in repr(found)
    assert found.summary()["later"].tolist() == [0, 12]


def test_a_comparison_of_three_and_what_it_says() -> None:
    found = compare([*pair().values(), cases.plan(60_000)], N, seed=3, names=["a", "b", "c"])
    assert list(found.summary()["plan"]) == ["a", "b", "c"]
    assert len(found.before()) == 6
    same = found.differences().query("plan == 'c'")
    assert not same[["difference", "sd"]].to_numpy().any()
    said = repr(found).splitlines()
    assert said[0] == f"3 plans, {N} replications each, common random numbers"
    assert said[1].startswith("b finishes before a with probability ")
    assert " hours later (+" in said[1]
    assert "at the same time with 100.0%" in said[2]


def test_replications_are_compared_as_they_are() -> None:
    one, other = (sessim.replicate(plan, 10, 3) for plan in pair().values())
    found = compare([one, other], 10)
    assert found.replications["Plan 1"] is one
    with pytest.raises(ComparisonError, match="have another seed or number"):
        compare([one, sessim.replicate(cases.plan(), 10, 4)], 10)


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ([], "plans: 0 cannot be compared; give two or more"),
        ([1], "plans: 1 cannot be compared; give two or more"),
        (None, "plans: None cannot be compared; give a list of two or more"),
        ("plan.yaml", "plans: 'plan.yaml' cannot be compared; give a list of two or more"),
        ([1, 2], "1 cannot be compared; give a Plan"),
    ],
)
def test_bad_input(plans: Any, said: str) -> None:
    with pytest.raises(ComparisonError) as error:
        compare(plans, 5)
    assert str(error.value) == said


def test_it_is_saved(tmp_path: Path) -> None:
    compared().save(tmp_path / "out")
    for name in ("summary", "differences", "before"):
        table = pd.read_csv(tmp_path / "out" / f"{name}.csv")
        assert len(table) == len(getattr(compared(), name)())


@pytest.mark.parametrize("chart", ["throughput", "backlog", "finish"])
def test_charts_have_a_line_for_each_plan(chart: str) -> None:
    ax = getattr(compared().plot, chart)(ax=Figure().add_subplot())
    lines = ax.get_lines()
    assert len(lines) == 2
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.split(" (")[0] for label in legend] == ["Now", "Slow"]
    assert all(np.isfinite(np.asarray(line.get_ydata(), float)).all() for line in lines)
