"""What is to be placed, and where there is room: jobs, days, whole emails.

A *job* is one list: so many emails, a first and a last day. A *room* says how many emails each
domain may still send on each day, and how many the account can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """One list as the planner sees it.

    Parameters
    ----------
    size
        Emails.
    first, last
        The days on which it may go out, counted from 0; ``last`` is the deadline's.
    domains
        The domains that it may go out from; None for all.
    whole
        Whether it must go out from a single one of them.
    """

    size: int
    first: int
    last: int
    domains: frozenset[int] | None = None
    whole: bool = False

    def allows(self, domain: int) -> bool:
        """Say whether the job may go out from a domain."""
        return self.domains is None or domain in self.domains


@dataclass(frozen=True)
class Room:
    """What may be sent: ``free[domain, day]`` and ``account[day]``, in emails, both from 0."""

    free: Ints
    account: Ints

    @property
    def days(self) -> int:
        """How many days there are."""
        return int(self.free.shape[1])

    @property
    def daily(self) -> Ints:
        """The most emails of each day, over all domains."""
        most: Ints = np.minimum(self.free.sum(axis=0), self.account)
        return most

    def only(self, domains: Iterable[int]) -> Room:
        """Return the room in which only some domains send."""
        free = np.zeros_like(self.free)
        kept = list(domains)
        free[kept] = self.free[kept]
        return replace(self, free=free)


class Piece(NamedTuple):
    """So many emails of a job, from a domain, on a day."""

    job: int
    domain: int
    day: int
    emails: int


class Filling(NamedTuple):
    """A schedule: its pieces in order of days, and what found no place, one number a job."""

    pieces: list[Piece]
    left: Ints

    def last(self, jobs: int) -> list[int]:
        """Return the last day of each job, -1 of one without any piece."""
        last = [-1] * jobs
        for piece in self.pieces:
            last[piece.job] = max(last[piece.job], piece.day)
        return last

    def late(self, jobs: Sequence[Job]) -> int:
        """Return how many emails go out after their last day, or never."""
        behind = sum(piece.emails for piece in self.pieces if piece.day > jobs[piece.job].last)
        return behind + int(self.left.sum())


def is_tied(jobs: Iterable[Job]) -> bool:
    """Say whether any job may not go out from all domains."""
    return any(job.domains is not None for job in jobs)


def least(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the least number from which on something holds, ``high`` if it never does."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
