"""Plans side by side, each simulated many times with the same random numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sessim.comparison import ComparisonError, named
from sessim.errors import shown
from sessim.eventlog import iso
from sessim.experiments import frames, intervals
from sessim.experiments.intervals import LEVEL, Estimate
from sessim.experiments.replications import Replications, replicate
from sessim.plan import Plan
from sessim.simulation import Progress

if TYPE_CHECKING:
    from sessim.experiments.overlays import Overlays

Plans = Mapping[str, Plan | Replications] | Iterable[Plan | Replications]
"""Plans, or what they were replicated to, with or without names."""


def compare(
    plans: Plans,
    n: int,
    seed: int = 0,
    executor: Any = None,
    *,
    names: Sequence[str] | None = None,
    until: str | dt.date | dt.datetime | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Simulate plans many times under common random numbers, and compare them pair by pair.

    Replication ``i`` of each plan draws the same random numbers, so that what differs is the
    plans' doing: a difference is known far better than from independent replications.

    Parameters
    ----------
    plans
        Two or more plans, or a mapping from names to them. Replications of the same seed do, too.
    n, seed, executor, until, progress
        As in :func:`~sessim.experiments.replications.replicate`, for each plan.
    names
        Their names. Default: the mapping's, else ``"Plan 1"`` and so on.

    Returns
    -------
    Comparison
        Differences with intervals, who finishes before whom, overlaid charts.

    Raises
    ------
    ComparisonError
        If there are less than two plans, the names do not fit, or replications have other seeds.
    ArgumentError, ReplicationError
        As in ``replicate``.
    """
    entries = named(plans, names)
    if len(entries) < 2:
        raise ComparisonError(f"plans: {len(entries)} cannot be compared; give two or more")
    for entry in entries.values():
        if not isinstance(entry, Plan | Replications):
            raise ComparisonError(f"{shown(entry)} cannot be compared; give a Plan")
    found: dict[str, Replications] = {}
    for name, entry in entries.items():
        done = entry if isinstance(entry, Replications) else None
        found[name] = done or replicate(
            entry if isinstance(entry, Plan) else entry.plan,
            n, seed, executor, until=until, progress=progress,
        )  # fmt: skip
    return Comparison(found)


class Comparison:
    """Plans replicated with the same random numbers, from :func:`compare`.

    Parameters
    ----------
    replications
        Of each plan, by name; the others are measured by the first.
    """

    def __init__(self, replications: Mapping[str, Replications]) -> None:
        self.replications = dict(replications)
        self._first = next(iter(self.replications.values()))
        for name, other in self.replications.items():
            if other.seed != self._first.seed or not np.array_equal(
                other.numbers, self._first.numbers
            ):
                raise ComparisonError(
                    f"the replications of {shown(name)} have another seed or number than those of "
                    "the first plan; replicate all with the same"
                )

    def __len__(self) -> int:
        return len(self.replications)

    def summary(self, level: float = LEVEL) -> pd.DataFrame:
        """Return when each plan is finished.

        One row a plan: ``plan``, and the columns of
        :func:`sessim.experiments.frames.finish_summary`.
        """
        rows = []
        for name, entry in self.replications.items():
            row = entry.summary(level).iloc[[0]].drop(columns=["task", "name"])
            row.insert(0, "plan", name)
            rows.append(row)
        return pd.concat(rows, ignore_index=True)

    def differences(self, level: float = LEVEL) -> pd.DataFrame:
        """Return by how much each plan differs from the first, pair of replications by pair.

        One row a plan but the first and measure: ``plan, measure``; ``difference`` (its mean less
        that of the first plan; below zero: less, or earlier) with the bounds ``low`` and
        ``high`` of its interval; ``sd``, the standard deviation of a single pair's; ``later``,
        the pairs of which one did not finish. Where there are such, nothing is said of
        ``finish_hours``.
        """
        return pd.DataFrame(
            list(self._differences(level)),
            columns=["plan", "measure", "difference", "low", "high", "sd", "later"],
        )

    def _differences(self, level: float) -> Iterator[tuple[Any, ...]]:
        for name, other in list(self.replications.items())[1:]:
            for measure in frames.MEASURES:
                pair = [frames.measure(e.plan, e.tally, measure) for e in (self._first, other)]
                before, after = (np.asarray(values, dtype=np.float64) for values in pair)
                late = int((~np.isfinite(before) | ~np.isfinite(after)).sum())
                if late:
                    yield name, measure, *[np.nan] * 4, late
                    continue
                change = after - before
                found = intervals.mean(change, level)
                spread = float(change.std(ddof=1)) if len(change) > 1 else np.nan
                yield name, measure, *found[:3], spread, late

    def before(self, task: str | None = None, level: float = LEVEL) -> pd.DataFrame:
        """Return how probable it is that one plan finishes before another.

        One row an ordered pair: ``plan, than, probability`` with the bounds ``low`` and ``high``
        of its interval, and ``same``: the share of replications in which neither is first. A
        plan that finishes is before one that does not; of two that do not, neither is.

        Parameters
        ----------
        task
            The name of a task that all plans have. Default: all tasks of each.
        level
            How sure the interval is.
        """
        rows = []
        for one, other in permutations(self.replications, 2):
            found, same = self._first_of(one, other, task, level)
            rows.append((one, other, *found[:3], same))
        return pd.DataFrame(rows, columns=["plan", "than", "probability", "low", "high", "same"])

    def _first_of(
        self, one: str, other: str, task: str | None, level: float
    ) -> tuple[Estimate, float]:
        mine, theirs = (
            frames.infinite(frames.finished(entry.plan, entry.tally, task))
            for entry in (self.replications[one], self.replications[other])
        )
        found = intervals.share(int((mine < theirs).sum()), len(mine), level)
        return found, float((mine == theirs).mean())

    @property
    def plot(self) -> Overlays:
        """The charts over each other: ``.throughput()``, ``.backlog()`` and ``.finish()``."""
        from sessim.experiments.overlays import Overlays  # loads matplotlib

        return Overlays(self.replications)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write ``summary.csv``, ``differences.csv`` and ``before.csv`` into a folder."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name in ("summary", "differences", "before"):
            getattr(self, name)().apply(iso).to_csv(target / f"{name}.csv", index=False)

    def sentences(self) -> list[str]:
        """Say of each plan but the first how it compares with the first."""
        first = next(iter(self.replications))
        changes = self.differences().query("measure == 'finish_hours'").set_index("plan")
        said = []
        for name in list(self.replications)[1:]:
            chance, same = self._first_of(name, first, None, LEVEL)
            text = (
                f"{name} finishes before {first} with probability {chance.value:.1%} "
                f"({chance.low:.1%} to {chance.high:.1%})"
            )
            text += f", at the same time with {same:.1%}" if same else ""
            row = changes.loc[name]
            if not np.isnan(row["difference"]):
                word = "earlier" if row["difference"] < 0 else "later"
                text += f"; on average {abs(row['difference']):,.1f} hours {word}"
                text += f" ({row['low']:+,.1f} to {row['high']:+,.1f})"
            said.append(text + ".")
        return said

    def __repr__(self) -> str:
        n = f"{len(self._first):,} replications each"
        return "\n".join([f"{len(self)} plans, {n}, common random numbers", *self.sentences()])
