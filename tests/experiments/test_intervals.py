"""Estimates and their intervals: beside scipy.stats, by hand, and by how often they are right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from sessim.errors import ArgumentError
from sessim.experiments import intervals

LEVELS = st.sampled_from([0.5, 0.9, 0.95, 0.99])
NUMBERS = st.floats(-1e6, 1e6)


@given(arrays.arrays(float, st.integers(2, 60), elements=NUMBERS), LEVELS)
def test_a_mean_has_student_s_interval(values: np.ndarray, level: float) -> None:
    found = intervals.mean(values, level)
    assert found.value == pytest.approx(values.mean())
    if (values == values[0]).all():
        assert found.low == found.high == found.value
        return
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert found[1:3] == pytest.approx(tuple(expected), rel=1e-6, abs=1e-6)


@given(arrays.arrays(float, st.integers(1, 300), elements=NUMBERS), st.floats(0.01, 0.99), LEVELS)
def test_a_quantile_has_the_bounds_of_scipy_s_quantile_test(
    values: np.ndarray, q: float, level: float
) -> None:
    found = intervals.quantile(values, q, level)
    expected = stats.quantile_test(values, p=q).confidence_interval(level)
    for ours, theirs in zip(found[1:3], expected, strict=True):
        assert ours == theirs or (np.isinf(ours) and np.isnan(theirs))
    assert found.value in values
    assert (values <= found.value).mean() >= q - 1e-9
    assert (values < found.value).mean() <= q + 1e-9


def test_a_median_of_six_by_hand() -> None:
    # Of 6 values none lies below the median with probability 1/64: the extremes are the bounds.
    assert intervals.quantile([5, 3, 1, 6, 2, 4], 0.5) == (3, 1, 6, 6)
    assert intervals.quantile([1, 2, 3, 4, 5], 0.5) == (3, -np.inf, np.inf, 5)


def test_a_share_by_hand() -> None:
    # Wilson: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), with z = 1.96
    found = intervals.share(7, 50)
    assert found.value == 0.14
    assert (round(found.low, 4), round(found.high, 4)) == (0.0695, 0.2619)
    assert intervals.share(0, 10).low == 0
    assert intervals.share(10, 10).high == 1


def test_later_than_is_infinite_and_never_left_out() -> None:
    values = [1.0, 2.0, np.inf, 3.0]
    found = intervals.mean(values)
    assert (found.value, found.high) == (np.inf, np.inf)
    assert np.isnan(found.low)
    assert intervals.quantile(values, 0.5).value == 2
    assert intervals.quantile(values, 0.95).value == np.inf


def test_one_replication_bounds_nothing() -> None:
    assert intervals.mean([4.0])[:3] == (4, -np.inf, np.inf)
    assert intervals.quantile([4.0], 0.5)[:3] == (4, -np.inf, np.inf)


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, "x", None, float("nan")])
def test_a_level_is_between_0_and_1(level: object) -> None:
    for ask in (
        lambda: intervals.mean([1, 2], level),  # type: ignore[arg-type]
        lambda: intervals.share(1, 2, level),  # type: ignore[arg-type]
        lambda: intervals.quantile([1, 2], 0.5, level),  # type: ignore[arg-type]
    ):
        with pytest.raises(ArgumentError, match=r"^level: .* is not between 0 and 1"):
            ask()


Ask = Callable[[np.ndarray], intervals.Estimate]


@pytest.mark.parametrize(
    ("draw", "truth", "ask"),
    [
        (lambda rng: rng.normal(3, 2, 40), 3, intervals.mean),
        (lambda rng: rng.exponential(2, 200), 2, intervals.mean),
        (
            lambda rng: rng.exponential(1, 99),
            np.log(2),
            lambda values: intervals.quantile(values, 0.5),
        ),
        (
            lambda rng: rng.exponential(1, 400),
            -np.log(0.1),
            lambda values: intervals.quantile(values, 0.9),
        ),
        (
            lambda rng: rng.random(400) < 0.3,
            0.3,
            lambda values: intervals.share(int(values.sum()), len(values)),
        ),
    ],
    ids=["mean of normal", "mean of exponential", "median", "0.9 quantile", "share"],
)
def test_95_percent_intervals_are_right_in_about_95_percent(
    draw: Callable[[np.random.Generator], np.ndarray], truth: float, ask: Ask
) -> None:
    """In 1,000 trials 93% to 97%."""
    trials = (ask(draw(np.random.default_rng([2026, i]))) for i in range(1000))
    covered = sum(found.low <= truth <= found.high for found in trials)
    assert 930 <= covered <= 970
