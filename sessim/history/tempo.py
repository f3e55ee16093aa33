"""How fast the account sent: its rate, and at which instants its emails left between polls.

Polls show how many emails had been sent, not when each was. While the account sends without a
pause, email ``n`` after the beginning leaves at ``begin + n / rate`` (rule R3): where the polls
agree with that, it says when each email left, and on which side of midnight.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessim.clock import SECOND
from sessim.serving import Pace

Ints = NDArray[np.int64]

DEFAULT_RATE: Final = Fraction(20)

_UNITS: Final = (1, 60, 3600, 86_400)
"""Seconds in which rates are thought of."""


class Anchor(NamedTuple):
    """Since when the account has been sending without a pause, and its total before that."""

    start: int
    total: int


class _Stretch(NamedTuple):
    """A stretch of sending, and between which bounds its rate lies (in emails a second)."""

    start: int
    total: int
    exact: bool  # whether it is known to begin there
    emails: int = 0
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(10**9)
    hits: int = 0  # polls that are explained by no lower rate
    polls: int = 0

    def until(self, time: int, total: int) -> _Stretch | None:
        """Return the stretch up to a later poll; None if no rate explains all its polls."""
        emails, length = total - self.total, Fraction(time - self.start, SECOND)
        lowest = (emails - (not self.exact)) / length
        low, high = max(self.low, lowest), min(self.high, (emails + 1) / length)
        if low >= high:
            return None
        hits = self.hits * (low == self.low) + (low == lowest and self.exact)
        polls = self.polls + 1
        return self._replace(emails=emails, low=low, high=high, hits=hits, polls=polls)


class Tempo:
    """The account's emails over time, as polls show them.

    Parameters
    ----------
    times
        When there were polls, in order.
    totals
        The emails that the account had sent by then.
    busy
        Whether a run was SENDING then.
    begins
        The instants at which sending may have begun: due times and resets, in order.
    rate
        Emails a second, if known.
    stopped
        Whether sending had stopped since the poll before, and begun again. Default: never.

    Attributes
    ----------
    guessed
        Whether nothing tells the rate, so that it is the service's own.
    """

    def __init__(
        self, times: Ints, totals: Ints, busy: NDArray[np.bool_], begins: Sequence[int],
        rate: Fraction | None = None, *, stopped: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        self.times: list[int] = times.tolist()
        self.totals: list[int] = totals.tolist()
        self.busy: list[bool] = busy.tolist()
        self.begins = list(begins)
        self.stopped: list[bool] = [False] * len(times) if stopped is None else stopped.tolist()
        self.guessed = False
        self.rate = self._rate() if rate is None else rate
        self.anchors = self._anchors()

    # --- the rate -----------------------------------------------------------------------------

    def _rate(self) -> Fraction:
        """Return the simplest rate that agrees with the stretches of uninterrupted sending.

        If more than one email fell exactly on a poll at the lowest rate possible, it is that one.

        The longest stretch counts first; one that contradicts those before it is taken for
        sending that was interrupted, or seen late.
        """
        low, high = Fraction(0), Fraction(10**9)
        stretches = self._stretches()
        for stretch in sorted(stretches, key=lambda stretch: -stretch.emails):
            if max(low, stretch.low) <= min(high, stretch.high):
                low, high = max(low, stretch.low), min(high, stretch.high)
        if not low:
            self.guessed = True
            return max(DEFAULT_RATE, self._least())
        is_hit = any(stretch.low == low and stretch.hits >= stretch.polls for stretch in stretches)
        is_hit |= any(stretch.low == low and stretch.hits > 1 for stretch in stretches)
        return low if is_hit or low == high else roundest(low, high)

    def _least(self) -> Fraction:
        """Return the lowest rate at which the emails between any two polls could be sent."""
        found = Fraction(0)
        for i, (before, total_before) in enumerate(zip(self.times, self.totals, strict=True), 1):
            if i == len(self.times):
                break
            emails, begun = self.totals[i] - total_before - 1, before
            at = bisect_right(self.begins, before)
            if not self.busy[i - 1] and at < len(self.begins) and self.begins[at] < self.times[i]:
                emails, begun = emails + 1, self.begins[at]
            found = max(found, Fraction(emails * SECOND, self.times[i] - begun))
        return found

    def _stretches(self) -> list[_Stretch]:
        """Return the stretches in which one rate explains every poll."""
        found = []
        under_way: _Stretch | None = None
        for i, busy in enumerate(self.busy):
            if under_way is not None and busy and not self.stopped[i]:
                longer = under_way.until(self.times[i], self.totals[i])
                if longer is not None:
                    under_way = longer
                    continue
            if under_way is not None:
                found.append(under_way)
            under_way = self._beginning(i) if busy else None
        if under_way is not None:
            found.append(under_way)
        # Sending that was seen once may have paused in between: two polls must agree, or else the
        # rate be a round one, and not just because one email is always one in so many seconds.
        found = [stretch for stretch in found if stretch.emails]
        agreed = [stretch for stretch in found if stretch.polls > 1]
        once = [s for s in found if s.exact and s.emails > 1]
        return agreed or [s for s in once if 1 in s.low.as_integer_ratio()]

    def _beginning(self, i: int) -> _Stretch:
        """Return the stretch that is under way at a poll, from its beginning if that is known."""
        time, total = self.times[i], self.totals[i]
        at = bisect_left(self.begins, time)
        begins_here = self.begins[at : at + 1] == [time]
        if i and not self.busy[i - 1] and not self.stopped[i]:
            before, total_before = self.times[i - 1], self.totals[i - 1]
            inside = self.begins[bisect_right(self.begins, before) : at]
            if inside and (total > total_before or not begins_here):
                begun = _Stretch(inside[0], total_before, True).until(time, total)
                return begun or _Stretch(time, total, begins_here)
        return _Stretch(time, total, begins_here)

    # --- instants -----------------------------------------------------------------------------

    def _anchors(self) -> list[Anchor | None]:
        """Return for each poll since when the account had been sending without a pause.

        Where sending may have begun at several instants, the polls that follow tell which.
        """
        found: list[list[Anchor]] = []
        goes_on: list[bool] = []
        known: list[Anchor] = []
        before, total_before, was_busy = -1, 0, False
        polls = zip(self.times, self.totals, self.busy, self.stopped, strict=True)
        for time, total, busy, stopped in polls:
            agreeing = [entry for entry in known if self.total(entry, time) == total]
            agreeing = agreeing if was_busy else []
            known = [] if stopped or not busy else agreeing
            goes_on.append(bool(agreeing) and not (busy and stopped))
            if not known and busy:
                known = self._begun(before, time, total_before, total, was_busy)
            found.append(known if busy else agreeing)
            before, total_before, was_busy = time, total, busy
        for i in reversed(range(1, len(found))):
            if goes_on[i]:
                found[i - 1] = found[i]
        return [anchors[0] if anchors else None for anchors in found]

    def _begun(
        self, after: int, by: int, total_before: int, total: int, was_busy: bool
    ) -> list[Anchor]:
        """Return the beginnings between two polls that agree with the second."""
        inside = self.begins[bisect_left(self.begins, after) : bisect_right(self.begins, by)]
        starts = [Anchor(at, total - Pace(self.rate, at).sent_by(by)) for at in inside]
        return [
            anchor
            for anchor in starts
            if anchor.total == total_before or (was_busy and anchor.total > total_before)
        ]

    def total(self, anchor: Anchor, instant: int) -> int:
        """Return the account's emails up to and at an instant of a busy period."""
        return anchor.total + Pace(self.rate, anchor.start).sent_by(instant)

    def before(self, instant: int) -> Anchor | None:
        """Return since when the account had been sending at the last poll before an instant."""
        i = bisect_left(self.times, instant) - 1
        return self.anchors[i] if i >= 0 and self.busy[i] else None

    def since(self, instant: int) -> int | None:
        """Return since when the account had been sending at a poll; None if it is not known."""
        i = bisect_left(self.times, instant)
        here = i < len(self.times) and self.times[i] == instant
        anchor = self.anchors[i] if here else None
        return anchor.start if anchor is not None else None

    def length(self, emails: int) -> int:
        """Return how long so many emails take, in microseconds."""
        return Pace(self.rate, 0).instant(emails)

    def total_before(self, instant: int) -> int:
        """Return what the account had sent at the last poll before an instant."""
        i = bisect_left(self.times, instant) - 1
        return self.totals[i] if i >= 0 else 0

    def knows(self, instant: int) -> bool:
        """Say whether the pace tells who was sent up to a poll's instant, and what fell on it."""
        i = bisect_left(self.times, instant)
        if i == len(self.times) or self.times[i] != instant:
            return False
        anchor = self.before(instant) or self._early(i)
        return anchor is not None and self.total(anchor, instant) == self.totals[i]

    def email_falls_on(self, instant: int) -> bool:
        """Say whether an email of a busy period left exactly at a poll's instant."""
        i = bisect_left(self.times, instant)
        anchor = (self.before(instant) or self._early(i)) if self.knows(instant) else None
        if anchor is None:
            return False
        pace = Pace(self.rate, anchor.start)
        number = self.totals[i] - anchor.total
        return number > 0 and pace.instant(number) == instant

    def _early(self, i: int) -> Anchor | None:
        """Return the busy period that began between a poll and the one before, if it did."""
        if not i or self.busy[i - 1]:
            return None
        after, by = self.times[i - 1], self.times[i]
        inside = self.begins[bisect_left(self.begins, after) : bisect_left(self.begins, by)]
        for begin in sorted(inside, key=lambda begin: begin == after):  # nobody sent then
            anchor = Anchor(begin, self.totals[i - 1])
            if self.total(anchor, by) == self.totals[i]:
                return anchor
        return None


def roundest(low: Fraction, high: Fraction) -> Fraction:
    """Return the rate from ``low`` to below ``high`` that is told in the smallest numbers.

    As so many emails a second, or a minute, an hour, a day; or one email in so many of them.
    """
    found = (
        (rate.numerator * rate.denominator, rate / unit)
        for unit in _UNITS
        for rate in (low * unit, simplest(low * unit, high * unit))
    )
    return min(found, key=lambda entry: entry[0])[1]


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction with the smallest denominator between two positive numbers.

    The bounds themselves do not count; what is whole is simplest of all.
    """
    whole = low.numerator // low.denominator
    if whole + 1 < high:
        return Fraction(whole + 1)
    low, high = low - whole, high - whole
    if low == 0:
        return whole + Fraction(1, high.denominator // high.numerator + 1)
    return whole + 1 / simplest(1 / high, 1 / low)
