"""Reputation levels (rule R7): when a domain rises, falls or is blocked, its thresholds as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log
from typing import Any, Final, NamedTuple

from sessim import warmup

HIGHEST: Final = 20
"""The highest level; level 0 forbids sending."""

MANY: Final = 300
"""Of no more emails a day than these, nobody judges the quality."""

SHARE: Final = (7, 10)
"""The part of the current limit from which on a domain may rise."""

DELIVERED: Final = "deliverability"

MEASURES: Final = ("invalid", "spam bounces", DELIVERED, "complaints", "opens")
"""What is measured of the emails sent on a day."""

MEASURED: Final = 5


class Bound(NamedTuple):
    """A measure of the emails sent that day, and where it stands to a threshold in 10,000."""

    measure: str
    sign: str
    per_myriad: int

    def holds(self, measured: Any, sent: Any) -> Any:
        """Say whether so many of the emails sent fulfil it; whole numbers, or arrays of them."""
        left, right = measured * 10_000, self.per_myriad * sent
        return left < right if self.sign == "<" else left > right

    def words(self, measured: int, sent: int) -> str:
        """Write the measured rate beside its threshold."""
        return f"{self.measure} {measured / sent:.2%} {self.sign} {self.per_myriad / 100:g}%"


RAISED: Final = (
    (
        Bound("invalid", "<", 500),
        Bound(DELIVERED, ">", 9200),
        Bound("spam bounces", "<", 250),
        Bound("complaints", "<", 10),
    ),
    (Bound(DELIVERED, ">", 9000), Bound("complaints", "<", 10), Bound("opens", ">", 5000)),
)
"""A domain rises when all bounds of one row hold."""

LOWERED: Final = (
    Bound("invalid", ">", 900),
    Bound(DELIVERED, "<", 6500),
    Bound("spam bounces", ">", 500),
    Bound("complaints", ">", 50),
)
"""A domain falls when any of these holds."""

BLOCKED: Final = (Bound("invalid", ">", 1100), Bound("spam bounces", ">", 1500))
"""A domain is blocked when any of these holds."""


class Verdict(NamedTuple):
    """What a domain's emails of a day, judged at one instant, do to it; why, or empty."""

    raised: str = ""
    lowered: str = ""
    blocked: str = ""


NOTHING: Final = Verdict()


def judge(sent: int, limit: int, outcomes: Sequence[int], *, may_rise: bool = True) -> Verdict:
    """Judge the emails of a day.

    Parameters
    ----------
    sent, limit
        The emails of the day so far, and the limit now in force.
    outcomes
        Of these emails: invalid addresses, spam bounces, soft failures, complaints, opens.
    may_rise
        Whether anybody asks for what raises the domain.
    """
    invalid, spam, soft, complaints, opens = outcomes
    found = (invalid, spam, sent - invalid - spam - soft, complaints, opens)
    raised = lowered = blocked = ""
    if may_rise and sent and sent * SHARE[1] >= limit * SHARE[0]:
        row = next((row for row in RAISED if _all(row, found, sent)), None)
        if row is not None:
            words = (bound.words(found[_PLACE[bound.measure]], sent) for bound in row)
            raised = f"{sent:,} sent, {', '.join(words)}"
    if sent > MANY:
        lowered = _any(LOWERED, found, sent)
        blocked = _any(BLOCKED, found, sent)
    return Verdict(raised, lowered, blocked)


_PLACE: Final = {name: place for place, name in enumerate(MEASURES)}


def _all(bounds: Iterable[Bound], found: Sequence[int], sent: int) -> bool:
    return all(bound.holds(found[_PLACE[bound.measure]], sent) for bound in bounds)


def _any(bounds: Iterable[Bound], found: Sequence[int], sent: int) -> str:
    for bound in bounds:
        measured = found[_PLACE[bound.measure]]
        if bound.holds(measured, sent):
            return f"{bound.words(measured, sent)} after {sent:,} sent"
    return ""


# --- what rates let expect ----------------------------------------------------------------------


class Prospects(NamedTuple):
    """What the rates of a domain's emails let expect of judgements.

    "Never" is less often than once in 2**53 times: a double cannot tell its chance from none, and
    so no generator of doubles would draw it either.

    Parameters
    ----------
    harmless_from
        With so many emails a day or more, the domain is never lowered or blocked.
    asks_for_opens
        Whether opens may ever raise it.
    """

    harmless_from: float
    asks_for_opens: bool


NO_PROSPECTS: Final = Prospects(0, asks_for_opens=False)

_NEVER: Final = 53 * log(2)


@lru_cache(maxsize=4096)
def prospects(rates: frozenset[tuple[float, ...]]) -> Prospects:
    """Return what may be expected of emails of such rates, in the order of ``quality.RATES``."""
    invalid, spam, _, complaints, opens = (max(r) for r in list(zip(*rates, strict=True))[:5])
    highest = {
        "invalid": invalid,
        "spam bounces": spam,
        DELIVERED: max((sum(entry[:3]) for entry in rates), default=0),  # those that are not
        "complaints": complaints,
        "opens": opens,
    }
    harmless = max(_never_from(bound, highest[bound.measure]) for bound in (*LOWERED, *BLOCKED))
    fewest = min(limit for limit in warmup.levels() if limit) * SHARE[0] / SHARE[1]
    asks = any(
        _never_from(bound, opens) > fewest
        for row in RAISED
        for bound in row
        if bound.measure == "opens"
    )
    return Prospects(harmless, asks)


def _never_from(bound: Bound, rate: float) -> float:
    """Return from how many emails on a bound never holds, where each email counts at a rate.

    Chernoff's bound: the chance that a share of n emails reaches x is at most
    exp(-n (x log(x / rate) + (1 - x) log((1 - x) / (1 - rate)))).
    """
    share = bound.per_myriad / 10_000
    if bound.sign == "<":  # few of one kind are many of the others
        share = 1 - share
    if rate >= share:
        return inf
    if rate == 0:
        return 1
    exponent = share * log(share / rate) + (1 - share) * log((1 - share) / (1 - rate))
    return _NEVER / exponent


@dataclass
class Standing:
    """Where a domain's reputation stands, as data.

    Parameters
    ----------
    level
        From 0 to 20.
    risen
        By how many levels it has risen today.
    lowered
        Why it falls with the next day; empty if it does not.
    before
        What had become of the domain's emails when the day began.
    words
        The level, and how it came to be, for the log.
    """

    level: int
    risen: int = 0
    lowered: str = ""
    before: tuple[int, ...] = (0,) * MEASURED
    words: str = ""

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Standing:
        """Make a standing of its fields as plain data."""
        return cls(**{**data, "before": tuple(data["before"])})

    @property
    def limit(self) -> int:
        """The most emails a day at this level."""
        return warmup.levels()[self.level]

    def __post_init__(self) -> None:
        self.words = self.words or f"level {self.level}"

    def rises(self, levels_a_day: int) -> bool:
        """Say whether it may rise at all today."""
        return self.level < HIGHEST and self.risen < levels_a_day

    def rise(self, reason: str) -> None:
        """Rise by one level."""
        self.level, self.risen = self.level + 1, self.risen + 1
        self.words = f"level {self.level - 1} to {self.level}: {reason}"

    def begin_day(self, before: tuple[int, ...]) -> None:
        """Begin a day, one level lower if the day before asked for it."""
        self.words = f"level {self.level}"
        if self.lowered and self.level:
            self.level -= 1
            self.words = f"level {self.level + 1} to {self.level}: {self.lowered}"
        self.risen, self.lowered, self.before = 0, "", before

    def next_judgement(self, sent: int, levels_a_day: int, prospects: Prospects) -> int:
        """Return at how many emails of the day the domain is judged next, after so many.

        An instant at which it can neither rise nor fall is left out.
        """
        limit, rises = self.limit, self.rises(levels_a_day)
        share = -(-limit * SHARE[0] // SHARE[1])
        first = limit
        for at in (share, MANY + 1):
            if sent < at < first and (at < prospects.harmless_from or (rises and at >= share)):
                first = at
        return first
