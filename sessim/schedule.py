"""The runs of a plan: which task is due when, with how many emails (rule R6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sessim.clock import HOUR, Clock

MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class Recurrence:
    """When the runs of one task are due.

    Parameters
    ----------
    first
        The instant at which its first run is due.
    hours
        The interval; 0 if there is only one run.
    count
        How many runs there are at most; None for no bound.
    until
        The last instant at which a run may be due; None for no bound.
    wall
        Whether the interval is counted on the wall clock, or else in elapsed time.
    """

    first: int
    hours: int = 0
    count: int | None = 1
    until: int | None = None
    wall: bool = False

    def dues(self, clock: Clock, end: int) -> NDArray[np.int64]:
        """Return the due instants before ``end``, in order; of a single run also a later one."""
        if not self.hours:
            return np.array([self.first], dtype=np.int64)
        last = end - 1 if self.until is None else min(end - 1, self.until)
        most = self.most(last)
        if not self.wall:
            return self.first + np.arange(most, dtype=np.int64) * (self.hours * HOUR)
        most += 2 + 26 // self.hours  # by the wall clock a change of zone may let more fit
        dues = np.fromiter(self._wall_dues(clock, range(most)), np.int64, most)
        return dues[dues <= last][: self.count]

    def _wall_dues(self, clock: Clock, ks: Iterable[int]) -> Iterator[int]:
        first, step = clock.local(self.first).replace(tzinfo=None), dt.timedelta(hours=self.hours)
        return (clock.instant(first + k * step) for k in ks)

    def most(self, last: int) -> int:
        """Return how many runs are due up to an instant, in elapsed time."""
        if last < self.first:
            return 0
        fitting = (last - self.first) // (self.hours * HOUR) + 1 if self.hours else 1
        return fitting if self.count is None else min(fitting, self.count)

    def goes_on(self, clock: Clock, number: int) -> bool:
        """Say whether run ``number`` (from 1) belongs to the recurrence, horizon or not."""
        if self.count is not None and number > self.count:
            return False
        if self.until is None:
            return True
        k = number - 1
        if self.wall:
            return next(self._wall_dues(clock, [k])) <= self.until
        return self.first + k * self.hours * HOUR <= self.until


@dataclass(frozen=True)
class Runs:
    """The runs of a plan in rule R3's order: due time, creation, run number.

    Of a recurrence that has no end it holds those before the horizon. Each field is an array with
    one entry a run; the place in it is the run's *rank*.

    Parameters
    ----------
    task, number, domain
        Task id from 1, run number from 1, index of the domain.
    requests, due
        Emails, and the due instant in microseconds.
    previous
        Rank of the task's run before, or -1.
    """

    task: NDArray[np.int32]
    number: NDArray[np.int32]
    domain: NDArray[np.int16]
    requests: NDArray[np.int64]
    due: NDArray[np.int64]
    previous: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.due)


def runs(
    dues: Sequence[NDArray[np.int64]], domains: Sequence[int], requests: Sequence[int]
) -> Runs:
    """Put the runs of all tasks in order; one entry a task in each argument."""
    counts = np.array([len(due) for due in dues], dtype=np.int64)
    ends = np.cumsum(counts)
    total = int(ends[-1])
    task = np.repeat(np.arange(1, len(dues) + 1, dtype=np.int32), counts)
    number = np.arange(1, total + 1, dtype=np.int64) - np.repeat(ends - counts, counts)
    due = np.concatenate(dues) if total else np.zeros(0, np.int64)
    order = np.argsort(due, kind="stable")  # ties stay in order of creation, then run number
    rank = np.empty(total, dtype=np.int32)
    rank[order] = np.arange(total, dtype=np.int32)
    previous = np.full(total, -1, dtype=np.int32)
    later = np.flatnonzero(number > 1)
    previous[rank[later]] = rank[later - 1]
    return Runs(
        task=task[order],
        number=number[order].astype(np.int32),
        domain=np.array(domains, dtype=np.int16)[task[order] - 1],
        requests=np.array(requests, dtype=np.int64)[task[order] - 1],
        due=due[order],
        previous=previous,
    )
