"""Who is served when: the account's rate and the two disciplines of rule R3, in whole numbers."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sessim.clock import SECOND
from sessim.lifecycle import FINISHED, SENDING, TO_START, Rest

Ranks = Sequence[int] | NDArray[np.intp]

UNLIMITED = 1 << 62
"""Stands for "any number of emails"."""


NO_LIMIT: Final = -1


class Pace:
    """The instants of the emails of one busy period: email ``n`` at ``start + n / rate``.

    Parameters
    ----------
    rate
        Emails a second.
    start
        The instant at which the busy period began, in microseconds.
    """

    __slots__ = ("_emails", "_microseconds", "start")

    def __init__(self, rate: Fraction, start: int) -> None:
        self.start = start
        self._emails = rate.numerator
        self._microseconds = rate.denominator * SECOND

    def instant(self, number: int) -> int:
        """Return when email ``number`` (from 1) is sent: whole microseconds, rounded up."""
        return self.start - (-number * self._microseconds // self._emails)

    def sent_by(self, instant: int) -> int:
        """Return how many emails have been sent up to and at an instant."""
        return (instant - self.start) * self._emails // self._microseconds


class Queue:
    """The runs of one domain in rule R3's order, and what the domain may still send.

    Parameters
    ----------
    ranks
        The domain's runs in the plan, by rank.
    domain
        Its place among the plan's domains.
    """

    def __init__(self, ranks: NDArray[np.intp], domain: int = 0) -> None:
        self.ranks, self.domain = ranks, domain
        self.order: list[int] = ranks.tolist()  # the same, to look at one by one
        self.head = 0  # before it, every run is finished
        self.tail = 0  # from it on, no run is due
        self.cursor = 0  # before it, no run is SENDING
        self.sending = 0
        self.paused = 0
        self.blocked = False  # nothing more is sent today, and what comes due fails
        self.limit = NO_LIMIT  # as the log shows it
        self.total = 0  # emails sent, test sends included
        self.counted_from = 0  # of them, those that the limit in force does not count
        self.closes_at = 0  # the total with which the limit is reached
        self.stops_at = 0  # the total with which the account looks at the domain: never behind it

    def open(self, limit: int | None) -> None:
        """Begin to count anew, towards a limit or without one."""
        self.counted_from = self.total
        self.limit = NO_LIMIT if limit is None else limit
        self.closes_at = self.stops_at = UNLIMITED if limit is None else self.total + limit

    @property
    def counted(self) -> int:
        """The emails that count towards the limit in force."""
        return self.total - self.counted_from

    @property
    def left(self) -> int:
        """The emails that may still be sent under the limit in force."""
        return self.closes_at - self.total

    def due(self, counts: Counts, wanted: int, number: int) -> NDArray[np.intp]:
        """Return the ranks of the due runs of a status, of which there are ``number``."""
        codes, order = counts.codes, self.order
        while self.head < self.tail and codes[order[self.head]] in _OVER:
            self.head += 1
        ranks = self.ranks[self.head : self.tail]
        return ranks if len(ranks) == number else ranks[counts.status[ranks] == wanted]


NEVER: Final = -1
"""Stands for no run."""

NOT_TO_BE: Final = 255
"""Status of a run that will not happen: skipped, or of a task cancelled before it was due."""

_OVER: Final = frozenset({NOT_TO_BE, *map(int, FINISHED)})


class Counts:
    """The runs' changing numbers, one entry a run by rank, and their domains' queues.

    Parameters
    ----------
    requests, domain
        Of each run.
    queues
        Of each domain; ``queue_of`` has the one of each run.

    Attributes
    ----------
    codes, status
        The statuses: to look at one by one, and the same memory as an array.
    emails, sent
        The emails that have left, likewise.
    rests, rest
        Where their other emails are (:class:`~sessim.lifecycle.Rest`), likewise.
    failed
        How many of the emails that left have failed; a simulation has none.
    """

    def __init__(self, requests: list[int], domain: Sequence[int], queues: Sequence[Queue]) -> None:
        self.requests, self.domain, self.queues = requests, domain, queues
        self.queue_of = [queues[index] for index in domain]
        self.codes = bytearray([TO_START]) * len(requests)
        self.status = np.frombuffer(self.codes, dtype=np.uint8)
        self.rests = bytearray([Rest.WAITING]) * len(requests)
        self.rest = np.frombuffer(self.rests, dtype=np.uint8)
        code, kind = ("i", np.int32) if max(requests, default=0) < 2**31 else ("q", np.int64)
        self.emails = array(code, bytes(np.dtype(kind).itemsize * len(requests)))
        self.sent: NDArray[np.signedinteger[Any]] = np.frombuffer(self.emails, dtype=kind)
        self.failed: NDArray[np.signedinteger[Any]] = np.zeros(len(requests), dtype=kind)


class Discipline(Protocol):
    """How the account shares its rate among the runs that are SENDING."""

    after: int
    """Rank of the run whose turn was last, or -1 where the next turn is the first run's."""

    turn: int
    """Rank of the run that is served alone, or -1."""

    def join(self, ranks: Ranks) -> None:
        """Take in runs that have become SENDING."""

    def leave(self, ranks: Ranks) -> None:
        """Let go of runs that are no longer SENDING; their counts are exact from then on."""

    def begin(self) -> None:
        """Start the turns again with the first run."""

    def served(self) -> list[int]:
        """Return the ranks of the runs being served, their counts made exact."""

    def ahead(self) -> int:
        """Return how many emails it is to the one that ends a run or stops a domain; 0 if none."""

    def advance(self, emails: int) -> int:
        """Send emails, at most :meth:`ahead` of them; return the rank whose email was last."""


class Fifo:
    """The first run of all that are SENDING is served alone."""

    def __init__(self, counts: Counts, after: int = NEVER) -> None:
        self.after, self.turn = after, NEVER
        self._counts = counts

    def join(self, ranks: Ranks) -> None:
        """Look for the first run anew: the statuses say which it is."""
        codes, first = self._counts.codes, NEVER
        for queue in self._counts.queues:
            if queue.sending:
                while codes[rank := queue.order[queue.cursor]] != SENDING:
                    queue.cursor += 1
                if rank < first or first == NEVER:
                    first = rank
        self.turn = first

    leave = join

    def begin(self) -> None:
        """Nothing to do: every turn is the first run's."""

    def served(self) -> list[int]:
        """Return the one run being served."""
        return [] if self.turn == NEVER else [self.turn]

    def ahead(self) -> int:
        """Return the emails up to the end of the first run or to its domain's next stop."""
        first, counts = self.turn, self._counts
        if first == NEVER:
            return 0
        queue = counts.queue_of[first]
        unsent, left = counts.requests[first] - counts.emails[first], queue.stops_at - queue.total
        return min(left, unsent)

    def advance(self, emails: int) -> int:
        """Send emails of the first run."""
        first, counts = self.turn, self._counts
        counts.emails[first] += emails
        counts.queue_of[first].total += emails
        return first


class Fair:
    """The runs that are SENDING take turns, an email each, in rule R3's order.

    A *round* gives every run one email. A run that joined with ``base`` emails sent has
    ``base + rounds`` of them, and one more once its turn in the present round is over: so the
    emails of any number of runs are counted without touching them.
    """

    def __init__(self, counts: Counts, after: int = NEVER) -> None:
        self.after, self.turn = after, NEVER
        self._counts = counts
        self._rounds = 0
        self._base: dict[int, int] = {}
        self._ring: list[int] = []
        self._rings: list[list[int]] = [[] for _ in counts.queues]
        self._ends: list[tuple[int, int]] = []  # heap of (round in which a run ends, rank)

    def join(self, ranks: Ranks) -> None:
        """Take in runs; each is served when its place in the round comes."""
        for rank in map(int, ranks):
            self._base[rank] = self._counts.emails[rank] - self._rounds - (rank <= self.after)
            insort(self._ring, rank)
            insort(self._rings[self._counts.domain[rank]], rank)
            heapq.heappush(self._ends, self._end(rank))

    def _end(self, rank: int) -> tuple[int, int]:
        return self._counts.requests[rank] - self._base[rank] - 1, rank

    def leave(self, ranks: Ranks) -> None:
        """Let go of runs; the turn stays where it is."""
        leaving = set(map(int, ranks))
        for rank in leaving:
            self._settle(rank)
            del self._base[rank]
        if len(leaving) == 1:
            for ring in (self._ring, self._rings[self._counts.domain[rank]]):
                del ring[bisect_left(ring, rank)]
            return
        self._ring = [rank for rank in self._ring if rank not in leaving]
        self._rings = [[rank for rank in ring if rank not in leaving] for ring in self._rings]

    def _settle(self, rank: int) -> None:
        self._counts.emails[rank] = self._base[rank] + self._rounds + (rank <= self.after)

    def has(self, rank: int) -> bool:
        """Say whether a run takes turns."""
        return rank in self._base

    def begin(self) -> None:
        """Start again with the first run: the round that was begun counts as over."""
        for rank in self._ring[: bisect_right(self._ring, self.after)]:
            self._base[rank] += 1
        self._ends = [self._end(rank) for rank in self._ring]
        heapq.heapify(self._ends)
        self.after = NEVER

    def served(self) -> list[int]:
        """Return every run that is SENDING."""
        for rank in self._ring:
            self._settle(rank)
        return list(self._ring)

    def ahead(self) -> int:
        """Return the emails up to the first that ends a run or stops a domain."""
        if not self._ring:
            return 0
        while not self._is_end(self._ends[0]):
            heapq.heappop(self._ends)
        turns = [self._ends[0]]
        for ring, queue in zip(self._rings, self._counts.queues, strict=True):
            if ring and queue.limit != NO_LIMIT:
                stop = queue.stops_at - queue.total
                rounds, place = divmod(self._turns(ring) + stop - 1, len(ring))
                turns.append((rounds, ring[place]))
        rounds, rank = min(turns)
        return rounds * len(self._ring) + bisect_right(self._ring, rank) - self._turns(self._ring)

    def _is_end(self, end: tuple[int, int]) -> bool:
        return end[1] in self._base and end == self._end(end[1])

    def _turns(self, ring: list[int]) -> int:
        """Return how many turns the runs of a ring have had since round 0."""
        return self._rounds * len(ring) + bisect_right(ring, self.after)

    def advance(self, emails: int) -> int:
        """Send emails in turns."""
        before = [self._turns(ring) for ring in self._rings]
        self._rounds, place = divmod(self._turns(self._ring) + emails - 1, len(self._ring))
        self.after = self._ring[place]
        self._settle(self.after)
        for ring, queue, turns in zip(self._rings, self._counts.queues, before, strict=True):
            queue.total += self._turns(ring) - turns
        return self.after


DISCIPLINES: dict[str, type[Fifo] | type[Fair]] = {"fifo": Fifo, "fair": Fair}
