"""Estimates from independent replications, each with a confidence interval.

Means have Student's interval, probabilities Wilson's, quantiles that of order statistics, which
supposes nothing of the distribution. A replication that was *later than* the simulation's end
enters as infinity: it counts, and what depends on when it would have been is infinity or not a
number, never a figure of those that happened to be done.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sessim.errors import ArgumentError, shown

LEVEL: Final = 0.95
"""How sure an interval is, unless something else is asked for."""


class Estimate(NamedTuple):
    """A figure of a distribution, estimated from ``n`` replications.

    Attributes
    ----------
    value
        The estimate.
    low, high
        The bounds of its confidence interval.
    n
        How many replications it comes from.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def width(self) -> float:
        """How wide the interval is."""
        return self.high - self.low

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


class Band(NamedTuple):
    """As :class:`Estimate`, for every column of an array at once: each entry is an array."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def check_share(value: float, name: str) -> float:
    """Return a number strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If it is none.
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = np.nan
    if not 0 < found < 1:
        raise ArgumentError(f"{name}: {shown(value)} is not between 0 and 1; give 0.95, say")
    return found


def means(values: ArrayLike, level: float = LEVEL) -> Band:
    """Estimate the mean of each column of an array with one row a replication.

    With one row the interval is unbounded. A column that holds an infinity has an infinite mean
    and no lower bound that could be given.
    """
    from scipy.special import stdtrit  # slow to import

    check_share(level, "level")
    data = np.asarray(values, dtype=np.float64)
    n = len(data)
    bounded = np.isfinite(data).all(axis=0)
    finite = np.where(bounded, data, 0.0)
    mean = finite.mean(axis=0)
    if n == 1:
        half = np.full_like(mean, np.inf)
    else:
        spread = np.where((finite == finite[0]).all(axis=0), 0.0, finite.std(axis=0, ddof=1))
        half = spread / np.sqrt(n) * stdtrit(n - 1, 0.5 + level / 2)
    return Band(
        np.where(bounded, mean, np.inf),
        np.where(bounded, mean - half, np.nan),
        np.where(bounded, mean + half, np.inf),
    )


def mean(values: ArrayLike, level: float = LEVEL) -> Estimate:
    """Estimate the mean of a number, one entry a replication, with Student's interval."""
    data = np.asarray(values, dtype=np.float64)
    band = means(data[:, None], level)
    return Estimate(float(band.value[0]), float(band.low[0]), float(band.high[0]), len(data))


def share(hits: int, n: int, level: float = LEVEL) -> Estimate:
    """Estimate a probability from ``hits`` of ``n``, with Wilson's interval."""
    from scipy.stats import binomtest  # slow to import

    bounds = binomtest(hits, n).proportion_ci(check_share(level, "level"), "wilson")
    return Estimate(hits / n, float(bounds.low), float(bounds.high), n)


def quantiles(values: ArrayLike, q: float, level: float = LEVEL) -> Band:
    """Estimate a quantile of each column: the smallest value with a share ``q`` at or below it.

    The bounds are order statistics: between the two lies the quantile with at least the wanted
    probability, whatever the distribution. Where there are too few replications for a bound, it
    is infinite.
    """
    check_share(q, "q")
    data = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    n = len(data)
    low, high = _ranks(n, q, check_share(level, "level"))
    unbounded = np.full(data.shape[1:], np.inf)
    return Band(
        data[min(n - 1, max(0, int(np.ceil(n * q - 1e-9)) - 1))],
        data[low - 1] if low >= 1 else -unbounded,
        data[high - 1] if high <= n else unbounded,
    )


def quantile(values: ArrayLike, q: float, level: float = LEVEL) -> Estimate:
    """Estimate a quantile of a number, one entry a replication (see :func:`quantiles`)."""
    data = np.asarray(values, dtype=np.float64)
    band = quantiles(data[:, None], q, level)
    return Estimate(float(band.value[0]), float(band.low[0]), float(band.high[0]), len(data))


def _ranks(n: int, q: float, level: float) -> tuple[int, int]:
    """Return the ranks, from 1, of the order statistics that bound a quantile.

    As many of ``n`` values lie below it as a binomial draw says: the lower rank ``l`` is the
    largest with P(fewer than ``l``) at most half of what may go wrong, the upper one the smallest
    with P(fewer than it) at least the rest. Rank 0 and rank ``n + 1`` mean: there is no bound.
    """
    from scipy.special import bdtr

    below: NDArray[Any] = bdtr(np.arange(n + 1, dtype=np.float64), n, q)  # P(at most k)
    tail = (1 - level) / 2
    low = int(np.searchsorted(below, tail, "right"))
    high = int(np.searchsorted(below, 1 - tail, "left")) + 1
    return low, high
