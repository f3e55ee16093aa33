"""Reputation levels (rule R7): when a domain rises, falls or is blocked, its thresholds as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sessim import warmup

HIGHEST: Final = 20
"""The highest level; level 0 forbids sending."""

MANY: Final = 300
"""Of no more emails a day than these, nobody judges the quality."""

SHARE: Final = (7, 10)
"""The part of the current limit from which on a domain may rise."""

DELIVERED: Final = "deliverability"


class Bound(NamedTuple):
    """A rate, of the emails sent that day, and where it stands to a threshold in 10,000."""

    measure: str
    sign: str
    per_myriad: int

    def holds(self, measured: int, sent: int) -> bool:
        """Say whether so many of the emails sent fulfil it; whole numbers, so exactly."""
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


def judge(sent: int, limit: int, outcomes: Sequence[int], *, may_rise: bool = True) -> Verdict:
    """Judge the emails of a day.

    Parameters
    ----------
    sent, limit
        The emails of the day so far, and the limit now in force.
    outcomes
        What became of these emails, in the order of :data:`sessim.quality.OUTCOMES`.
    may_rise
        Whether anybody asks for what raises the domain.
    """
    invalid, spam, soft, complaints, opens = outcomes[:5]
    found = {
        "invalid": invalid,
        DELIVERED: sent - invalid - spam - soft,
        "spam bounces": spam,
        "complaints": complaints,
        "opens": opens,
    }
    raised = lowered = blocked = ""
    if may_rise and sent and sent * SHARE[1] >= limit * SHARE[0]:
        raised = next(filter(None, (_all(row, found, sent) for row in RAISED)), "")
    if sent > MANY:
        lowered = _any(LOWERED, found, sent)
        blocked = _any(BLOCKED, found, sent)
    return Verdict(raised, lowered, blocked)


def _all(bounds: Iterable[Bound], found: dict[str, int], sent: int) -> str:
    for bound in bounds:
        if not bound.holds(found[bound.measure], sent):
            return ""
    return f"{sent:,} sent, " + ", ".join(
        bound.words(found[bound.measure], sent) for bound in bounds
    )


def _any(bounds: Iterable[Bound], found: dict[str, int], sent: int) -> str:
    for bound in bounds:
        if bound.holds(found[bound.measure], sent):
            return f"{bound.words(found[bound.measure], sent)} after {sent:,} sent"
    return ""


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
    before: tuple[int, ...] = (0,) * 7
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

    def next_judgement(self, sent: int) -> int:
        """Return at how many emails of the day the domain is judged next, after so many."""
        limit = self.limit
        share = -(-limit * SHARE[0] // SHARE[1])
        return min((at for at in (MANY + 1, share) if sent < at < limit), default=limit)
