"""What is expected to become of emails (``outcomes: expected``), in whole emails and exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple


class Shares(NamedTuple):
    """Exact shares: of the emails, then of the lost, of the other lost, of the delivered."""

    lost: Fraction
    invalid: Fraction  # of the lost
    spam: Fraction  # of the lost that are not invalid
    complaint: Fraction
    open: Fraction
    click: Fraction  # of those who open
    unsubscribe: Fraction


@lru_cache(maxsize=4096)
def shares(rates: tuple[float, ...]) -> Shares:
    """Return the shares that rates mean, each rate taken as the decimal that is written."""
    exact = [Fraction(str(rate)) for rate in rates]
    invalid, spam, soft, complaint, opened, click, unsubscribe = exact
    lost = invalid + spam + soft
    none = Fraction(0)
    return Shares(
        min(lost, Fraction(1)),
        invalid / lost if lost else none,
        spam / (spam + soft) if spam + soft else none,
        complaint,
        opened,
        click / opened if opened else none,
        unsubscribe,
    )


def expected(shares: Shares, emails: int) -> Sequence[int]:
    """Return what is expected to become of the first so many emails."""
    lost = _nearest(emails, shares.lost)
    invalid = _nearest(lost, shares.invalid)
    spam = _nearest(lost - invalid, shares.spam)
    delivered = emails - lost
    opens = _nearest(delivered, shares.open)
    return (
        invalid,
        spam,
        lost - invalid - spam,
        _nearest(delivered, shares.complaint),
        opens,
        _nearest(opens, shares.click),
        _nearest(delivered, shares.unsubscribe),
    )


def _nearest(number: int, share: Fraction) -> int:
    return (2 * number * share.numerator + share.denominator) // (2 * share.denominator)


class Expected:
    """What is expected to become of the emails of a part, in whole emails.

    Each number is the nearest to its share of the number that it is part of, from the part's
    first email on: so no cut changes it, no number ever falls, and their sums stay whole.
    """

    __slots__ = ("_shares", "_size", "left")
    whole: None = None  # nothing needs to be kept

    def __init__(self, shares: Shares, size: int) -> None:
        self._shares, self._size, self.left = shares, size, size

    def take(self, emails: int) -> Sequence[int]:
        """Return what becomes of the next so many emails, in the order of ``OUTCOMES``."""
        before = expected(self._shares, self._size - self.left)
        self.left -= emails
        after = expected(self._shares, self._size - self.left)
        return [now - then for now, then in zip(after, before, strict=True)]

    first = take
