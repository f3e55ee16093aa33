"""Which assumption moves the finish most, and how wrong it may be before a deadline is missed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sessim.errors import ArgumentError, shown
from sessim.experiments import frames, intervals
from sessim.experiments.assumptions import Change, chosen, scaled
from sessim.experiments.intervals import check_share
from sessim.experiments.replications import Replications, replicate
from sessim.plan import Plan
from sessim.simulation import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FACTORS: Final = (0.8, 1.25)
"""By how much each assumption is scaled: as much less as more."""

_NEAR: Final = 0.005  # a break-even is found to half a percent


def sensitivity(
    plan: Plan,
    n: int = 200,
    seed: int = 0,
    executor: Any = None,
    *,
    assumptions: str | Iterable[str] | Mapping[str, Change] | None = None,
    factors: tuple[float, float] = FACTORS,
    until: str | dt.date | dt.datetime | None = None,
    progress: Progress | None = None,
) -> Sensitivity:
    """Scale one assumption after the other, and see how the finish moves.

    All is simulated under common random numbers, so that what moves is the assumption's doing.

    Parameters
    ----------
    plan
        What is to be sent.
    n, seed, executor, until, progress
        As in :func:`~sessim.experiments.replications.replicate`, for each variant.
    assumptions
        Names of those to look at (see :func:`~sessim.experiments.assumptions.assumptions`), or
        your own: a mapping from names to functions that take the plan and a factor and return a
        plan. Default: all that the plan has.
    factors
        The two by which each is scaled, one below 1 and one above.

    Returns
    -------
    Sensitivity
        The table, the tornado chart and the break-even values.

    Raises
    ------
    ArgumentError, ReplicationError
        If an argument cannot be used; as in ``replicate``.
    """
    if not isinstance(plan, Plan):
        raise ArgumentError(f"plan: {shown(plan)} is no plan; give a sessim.Plan")
    low, high = _checked(factors)
    changes = chosen(plan, assumptions)

    def run(variant: Plan) -> Replications:
        return replicate(variant, n, seed, executor, until=until, progress=progress)

    base = run(plan)
    variants = {
        (name, factor): run(scaled(change, plan, factor))
        for name, change in changes.items()
        for factor in (low, high)
    }
    return Sensitivity(base, variants, changes, executor)


def _checked(factors: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = map(float, factors)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low < 1 < high < np.inf:
        raise ArgumentError(
            f"factors: {shown(factors)} are not one below and one above 1; give (0.8, 1.25), say"
        )
    return low, high


@dataclass(frozen=True)
class Sensitivity:
    """How the finish moves with each assumption, from :func:`sensitivity`.

    Parameters
    ----------
    base
        The plan as it is.
    variants
        By assumption and factor.
    changes
        What each assumption's factor does to the plan.
    executor
        Who runs further replications.
    """

    base: Replications
    variants: Mapping[tuple[str, float], Replications]
    changes: Mapping[str, Change]
    executor: Any = None

    @property
    def table(self) -> pd.DataFrame:
        """One row an assumption and factor, what moves the finish most first.

        Columns ``assumption, factor``; ``change_hours``, by how much later the last task is
        finished on average (below zero: earlier), with the bounds ``low`` and ``high`` of its
        95% interval; ``later``, in how many pairs of replications one was not finished: it
        counts as finished at the end, so the change is at least that large; ``swing_hours``,
        from the one factor's change to the other's.
        """
        rows = []
        before = self._hours(self.base)
        for (name, factor), entry in self.variants.items():
            after = self._hours(entry)
            found = intervals.mean(np.minimum(after, self._end) - np.minimum(before, self._end))
            late = int((np.isinf(before) | np.isinf(after)).sum())
            rows.append((name, factor, *found[:3], late))
        columns = ["assumption", "factor", "change_hours", "low", "high", "later"]
        table = pd.DataFrame(rows, columns=columns)
        of = table.groupby("assumption", sort=False)["change_hours"]
        table["swing_hours"] = of.transform("max") - of.transform("min")
        return table.sort_values("swing_hours", ascending=False, kind="stable", ignore_index=True)

    @property
    def _end(self) -> float:
        return (self.base.job.until - self.base.plan.start_instant) / 3_600_000_000

    @staticmethod
    def _hours(entry: Replications) -> Any:
        return frames.measure(entry.plan, entry.tally, "finish_hours")

    def break_even(
        self,
        by: str | dt.date | dt.datetime,
        sure: float = 0.9,
        between: tuple[float, float] = (0.25, 4.0),
    ) -> pd.DataFrame:
        """Return how far each assumption may be off before a deadline is missed.

        Bisected under common random numbers, as if more of it always helped, or always hurt.

        Parameters
        ----------
        by
            The deadline: a time, or a date (its end).
        sure
            The probability with which it is to be met.
        between
            The smallest and the largest factor that is tried.

        Returns
        -------
        pandas.DataFrame
            One row an assumption: ``assumption``; ``break_even``, the factor at which the
            probability passes ``sure``, empty if it does not; ``at_low, at_high``, the
            probabilities at the two ends; ``verdict``: ``"not below"``, ``"not above"`` (the
            deadline is met on the other side), ``"always met"`` or ``"never met"``.
        """
        check_share(sure, "sure")
        low, high = _checked(between)
        rows = [(name, *self._crossing(name, by, sure, low, high)) for name in self.changes]
        return pd.DataFrame(
            rows, columns=["assumption", "break_even", "at_low", "at_high", "verdict"]
        )

    def _crossing(
        self, name: str, by: Any, sure: float, low: float, high: float
    ) -> tuple[float, float, float, str]:
        from scipy.optimize import bisect  # slow to import

        def chance(factor: float) -> float:
            return self._run(scaled(self.changes[name], self.base.plan, factor), by)

        ends = chance(low), chance(high)
        met = [value >= sure for value in ends]
        if met[0] == met[1]:
            return np.nan, *ends, "always met" if met[0] else "never met"
        found = bisect(
            lambda place: 1.0 if chance(exp(place)) >= sure else -1.0,
            log(low), log(high), xtol=_NEAR,
        )  # fmt: skip
        return exp(found), *ends, "not above" if met[0] else "not below"

    def _run(self, plan: Plan, by: Any) -> float:
        base = self.base
        found = replicate(plan, len(base), base.seed, self.executor, until=base.until)
        return found.probability(by).value

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the tornado: a bar for each assumption, from one factor's change to the other's.

        Parameters
        ----------
        ax
            Where to draw. Default: a new figure.
        """
        from sessim.experiments.tornado import tornado  # loads matplotlib

        return tornado(self.table, len(self.base), ax=ax)

    def __repr__(self) -> str:
        table = self.table
        if table.empty:
            return "Sensitivity of nothing"
        first = table.iloc[0]
        what = "No assumption moves the finish"
        if first["swing_hours"] > 0:
            by = f"by {first['swing_hours']:,.1f} hours"
            what = f"The finish moves most with {first['assumption']}: {by}"
        return f"{what} between the factors {table['factor'].min():g} and {table['factor'].max():g}"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.table.to_html(index=False, border=0)}"
