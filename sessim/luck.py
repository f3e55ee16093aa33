"""What chance does to the emails of a part of a run, drawn at addresses: in whole emails.

Nothing here loops over emails. What becomes of all emails of a part is drawn at once; where a
stretch of sending ends inside the part, that is split between the emails sent and those to come,
as drawing from an urn does it. Together this is exactly what a draw for every single email would
be, and however the sending is cut, the part ends with the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator, Philox, SeedSequence

from sessim.quality import EXCLUSIVE

LARGEST: Final = 10**9 - 1
"""numpy's urn holds no more emails; of a larger part each stretch is drawn by itself."""

Four = tuple[int, int, int, int]
Three = tuple[int, int, int]

_TOTALS, _SPLIT, RATE, _LATER_TOTALS, _LATER_SPLIT = range(5)


class Odds(NamedTuple):
    """The rates of a part as they are drawn from: exclusive ones, then parts of the delivered."""

    first: tuple[float, float, float, float]  # invalid, spam bounce, soft failure, delivered
    complaint: float
    open: float
    click: float  # of those who open
    unsubscribe: float


@lru_cache(maxsize=4096)
def odds(rates: tuple[float, ...]) -> Odds:
    """Return the odds of rates; drawn ones that sum over 1 are scaled down to it."""
    lost = rates[: len(EXCLUSIVE)]
    scale = max(1.0, sum(lost))
    invalid, spam, soft = (rate / scale for rate in lost)
    complaint, opened, click, unsubscribe = rates[len(EXCLUSIVE) :]
    first = (invalid, spam, soft, max(0.0, 1 - invalid - spam - soft))
    return Odds(first, complaint, opened, min(1.0, click / opened if opened else 0.0), unsubscribe)


def words_of(seed: SeedSequence) -> tuple[int, int]:
    """Return what all streams of a seed are derived from."""
    first, second = seed.generate_state(2, np.uint64).tolist()
    return first, second


class Luck:
    """One generator, aimed at the stream of an address: nothing is kept between two draws.

    Parameters
    ----------
    words
        What all streams are derived from: see :func:`words_of`.
    """

    def __init__(self, words: tuple[int, int]) -> None:
        self.words = words
        self._bits = Philox(key=0)
        self.generator = Generator(self._bits)
        # numpy reads plain numbers three times as quickly as it reads them from arrays.
        self._stream: dict[str, Any] = {}
        self._state: Any = {**self._bits.state, "buffer": (0,) * 4, "state": self._stream}

    def aim(self, name: int, purpose: int, at: int = 0, place: int = 0) -> Generator:
        """Return the generator at the beginning of a stream."""
        first, second = self.words
        stream = self._stream
        stream["key"] = first, second ^ name
        stream["counter"] = 0, at, place, purpose
        self._bits.state = self._state
        return self.generator

    def totals(self, name: int, place: int, odds: Odds, emails: int, at: int = 0) -> Four:
        """Draw what becomes at once of emails, the first four ``OUTCOMES``."""
        luck = self.aim(name, _TOTALS, at, place)
        invalid, spam, soft, delivered = luck.multinomial(emails, odds.first).tolist()
        complaints = luck.binomial(delivered, odds.complaint) if odds.complaint else 0
        return invalid, spam, soft, complaints

    def split(
        self, name: int, place: int, rest: Sequence[int], left: int, emails: int, at: int
    ) -> Four:
        """Deal out the next emails of those left: each outcome falls on them as from an urn.

        ``rest`` is what becomes at once of those left.
        """
        urn = self.aim(name, _SPLIT, at, place).hypergeometric
        invalid, spam, soft, complaints = rest
        delivered = left - invalid - spam - soft
        now_invalid = urn(invalid, left - invalid, emails) if invalid else 0
        left, emails = left - invalid, emails - now_invalid
        now_spam = urn(spam, left - spam, emails) if spam else 0
        left, emails = left - spam, emails - now_spam
        now_soft = urn(soft, left - soft, emails) if soft else 0
        arrived = emails - now_soft
        now = urn(complaints, delivered - complaints, arrived) if complaints else 0
        return now_invalid, now_spam, now_soft, now

    def later(self, name: int, place: int, odds: Odds, delivered: int, at: int = 0) -> Three:
        """Draw what recipients do later with emails that arrived, the other ``OUTCOMES``."""
        luck = self.aim(name, _LATER_TOTALS, at, place)
        opens = luck.binomial(delivered, odds.open) if odds.open else 0
        clicks = luck.binomial(opens, odds.click) if odds.click else 0
        return opens, clicks, luck.binomial(delivered, odds.unsubscribe) if odds.unsubscribe else 0

    def split_later(
        self, name: int, place: int, rest: Three, delivered: int, arrived: int, at: int
    ) -> Three:
        """Deal out what recipients do between the emails that arrived now and those to come."""
        urn = self.aim(name, _LATER_SPLIT, at, place).hypergeometric
        opens, clicks, unsubscribes = rest
        now_open = urn(opens, delivered - opens, arrived) if opens else 0
        return (
            now_open,
            urn(clicks, opens - clicks, now_open) if clicks else 0,
            urn(unsubscribes, delivered - unsubscribes, arrived) if unsubscribes else 0,
        )


@lru_cache(maxsize=65_536)
def number_of(name: str) -> int:
    """Return the number that stands for a name in the address of a stream."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


class Drawn:
    """What becomes of the emails of a part, drawn as a whole and dealt out stretch by stretch.

    What the service sees at once (bounces and complaints) and what recipients do later (opens,
    clicks, unsubscriptions) have streams of their own: who asks for the first alone with
    :meth:`first`, as reputation does, draws no more than that.
    """

    __slots__ = ("_after", "_luck", "_name", "_odds", "_place", "_rest", "_size", "left", "whole")

    def __init__(self, luck: Luck, odds: Odds, name: int, place: int, size: int) -> None:
        self._luck, self._odds, self._name, self._place = luck, odds, name, place
        self._size = self.left = size
        self.whole: Four | None = None
        """What became at once of all the part's emails, as soon as that is drawn."""
        self._rest: Four | None = None
        self._after: Three | None = None

    def take(self, emails: int) -> Sequence[int]:
        """Return what becomes of the next so many emails, in the order of ``OUTCOMES``."""
        left, first = self.left, self.first(emails)
        rest = self._rest or first  # what is left of the part, without these emails
        arrived = emails - first[0] - first[1] - first[2]
        address = self._name, self._place
        if self._size > LARGEST:
            at = self._size - left
            return (*first, *self._luck.later(*address, self._odds, arrived, at))
        delivered = arrived + self.left - rest[0] - rest[1] - rest[2] if self.left else arrived
        after = self._after or self._luck.later(*address, self._odds, delivered)
        if not self.left:
            return (*first, *after)
        at = self._size - self.left
        taken = self._luck.split_later(*address, after, delivered, arrived, at)
        self._after = after[0] - taken[0], after[1] - taken[1], after[2] - taken[2]
        return (*first, *taken)

    def first(self, emails: int) -> Four:
        """Return what becomes of the next so many emails at once, the first four ``OUTCOMES``.

        Who asks for stretches with this goes on with this, and does not :meth:`take` others.
        """
        left, rest = self.left, self._rest
        self.left = left - emails
        address, at = (self._name, self._place), self._size - left
        if self._size > LARGEST:
            return self._luck.totals(*address, self._odds, emails, at)
        if rest is None:
            rest = self.whole = self.whole or self._luck.totals(*address, self._odds, left, at)
        if emails == left:
            return rest
        now = self._luck.split(*address, rest, left, emails, at + emails)
        self._rest = rest[0] - now[0], rest[1] - now[1], rest[2] - now[2], rest[3] - now[3]
        return now
