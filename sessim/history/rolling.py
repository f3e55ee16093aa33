"""Shares where limits open anew 24 hours after the email that filled them (rule R4)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sessim.advance import Days
from sessim.clock import DAY, Clock
from sessim.eventlog import NONE
from sessim.history.quotas import Change, Limits
from sessim.history.shares import Shares
from sessim.history.table import midnights
from sessim.history.testsends import SentTest
from sessim.ledger import Ints


def _next_day(clock: Clock, instant: int) -> int:
    return midnights(clock, instant + 1, instant + 2 * DAY)[0]


@dataclass
class Windows:
    """The windows of one domain, as far as looks have told of its emails.

    A domain sends nothing from the email that fills a window until the next one opens, so that the
    emails of each are known, though no look dates the one that filled it.

    Attributes
    ----------
    changes
        The limit of each window, and when it opened.
    fills
        When each but the last was filled.
    opens
        When the next one opens, between which instants; None while one is open.
    """

    clock: Clock
    days: Days
    polled: Limits
    opens: tuple[int, int, int] | None
    tests: list[SentTest]
    tried: list[SentTest] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    fills: list[int] = field(default_factory=list)
    sent: int = 0  # of the window that is open, tests included
    totals: list[tuple[int, int]] = field(default_factory=list)  # by when so many emails in all
    passed: int = 0  # the latest midnight that the warm-up days know of

    def reset(self, since: int, until: int) -> int | None:
        """Return when a window opened in a time, None if none did."""
        self.open(until)
        found = self.changes[-1].time if self.changes else None
        return found if found is not None and since < found <= until else None

    def open(self, until: int) -> None:
        """Open the windows that open up to an instant."""
        while self.opens is not None and self.opens[0] <= until:
            time, earliest, latest = self.opens
            self._try([test for test in self.tests if test.time < time], 0)
            limit = self._limit(time, latest)
            self.changes.append(Change(time, earliest, latest, limit))
            self.sent, self.opens = 0, None
            if limit == 0:  # it is over when the next day begins
                day = _next_day(self.clock, time)
                self.fills.append(time)
                self.opens = day, day, day

    def _limit(self, time: int, latest: int) -> int:
        polled = self.polled.at(latest)
        if polled != NONE:
            return polled
        day = self.clock.day_start(self.clock.date(time))
        while self.passed < day:
            self.passed = _next_day(self.clock, self.passed)
            at = bisect_right(self.totals, (self.passed, -1)) - 1
            self.days.pass_midnight(self.totals[at][1] if at >= 0 else 0)
        limit = self.days.limit(self.clock.date(time).toordinal())
        return NONE if limit is None else limit

    def send(self, emails: int, since: int, time: int, reach: int) -> None:
        """Take in the emails of a time, the last of which had left at ``reach``."""
        self._try_out(since)
        self.open(time)
        if emails and self.opens is not None:  # then it opened before it was reckoned to
            opened = min(max(self.opens[1], since), time)
            self.opens = opened, opened, min(self.opens[2], time)
            self.open(time)
        self._count(emails, since, time, reach)
        self._try_out(time)

    def _count(self, emails: int, since: int, time: int, reach: int) -> None:
        """Count emails, and fill the window if they do, with the tests of the same time."""
        self.sent += emails
        self.totals.append((time, (self.totals[-1][1] if self.totals else 0) + emails))
        limit = self.changes[-1].limit if self.changes else NONE
        here = [test for test in self.tests if test.time <= time]
        if limit == NONE or self.opens is not None or not emails:
            return
        if self.sent + sum(test.recipients for test in here) >= limit:
            self._try(here, limit - self.sent)
            used = [test.time for test in self.tried if test.time > since and test.sent]
            self._fill(max([reach, *used]), since, time)

    def _try_out(self, until: int) -> None:
        """Let test sends be sent up to an instant by which no run sent anything more."""
        while self.tests and self.tests[0].time <= until:
            test = self.tests[0]
            self.open(test.time)
            limit = self.changes[-1].limit if self.changes else NONE
            if self.opens is not None:
                self._try([test], 0)
                continue
            left = test.recipients if limit == NONE else limit - self.sent
            self._try([test], left)
            if left <= test.recipients and limit != NONE:
                self._fill(test.time, test.time, test.time)

    def _try(self, tests: Sequence[SentTest], left: int) -> None:
        for test in tests:
            tried = test.within(left)
            left -= tried.sent
            self.sent += tried.sent
            self.tried.append(tried)
        del self.tests[: len(tests)]

    def _fill(self, time: int, earliest: int, latest: int) -> None:
        self.fills.append(time)
        self.opens = time + DAY, earliest + DAY, latest + DAY

    def until(self, end: int) -> list[Change]:
        """Return the windows that had opened before a history ended, or were used as it did."""
        used = any(test.time == end for test in self.tried)
        return [change for change in self.changes if change.time < end + used]

    def is_closed(self, instant: int) -> bool:
        """Say whether nothing was left at an instant."""
        at = bisect_right(self.changes, instant, key=lambda change: change.time) - 1
        return 0 <= at < len(self.fills) and self.fills[at] <= instant


class RollingShares(Shares):
    """Who sent how much until when, where each domain has windows of its own.

    Parameters
    ----------
    windows
        Of each domain, none of which has opened yet.
    rest
        As in :class:`Shares`.
    """

    def __init__(self, *rest: Any, windows: Sequence[Windows], **more: Any) -> None:
        self.windows = windows
        super().__init__(*rest, **more)

    def _reached(self, time: int, looks: Sequence[int], reach: Ints) -> None:
        for place, windows in enumerate(self.windows):
            mine = [look for look in looks if self.domain[self.table.run[look]] == place]
            if mine:
                emails = int(self.table.emails[mine].sum())
                since = int(self.table.since[mine].min())
                windows.send(emails, since, time, int(reach[mine].max()))

    def _all_reached(self) -> None:
        for windows in self.windows:
            windows.send(0, self.end, self.end, self.end)
        self.limits = [Limits(windows.until(self.end)) for windows in self.windows]
        tried = [test for windows in self.windows for test in windows.tried]
        self.tests = sorted(tried, key=lambda test: test.time)

    def reset(self, domain: int, since: int, until: int) -> int | None:
        """Return when a domain's latest window opened in a time, None if none did."""
        windows = self.windows[domain]
        if windows.opens is not None and windows.opens[0] <= until:
            return windows.reset(since, until)
        at = bisect_right(windows.changes, until, key=lambda change: change.time) - 1
        found = windows.changes[at].time if at >= 0 else None
        return found if found is not None and since < found else None

    def _try_out(self, tests: Sequence[SentTest], until: int, before: Ints) -> None:
        pass  # the windows have

    def _settle(self, midnight: int, until: int) -> None:
        pass  # nothing begins anew at midnight

    def _full(self, midnight: int, sent: Ints) -> np.ndarray[Any, Any]:
        return np.array([windows.is_closed(midnight - 1) for windows in self.windows], dtype=bool)

    def _falling(self, instant: int, sent: Ints) -> int | None:
        there = self._risen_at(instant)
        if not len(there) or not self.tempo.email_falls_on(instant):
            return None
        runs = self.table.run[there]
        able = runs[~self._full(instant, sent)[self.domain[runs]]]
        pick = np.min if self._takes_turns else np.max
        return int(pick(able)) if len(able) else None

    def undecided(self, midnight: int) -> list[int]:
        """Return the domains of which one more email may have been sent exactly on a midnight."""
        there = self._risen_at(midnight)
        if midnight in self.at_midnight or self.tempo.knows(midnight):
            return []
        domains = np.unique(self.domain[self.table.run[there]])
        found: list[int] = domains[~self._full(midnight, domains)[domains]].tolist()
        return found

    def is_full(self, domain: int, look: int) -> bool:
        """Say whether a domain was closed at a look."""
        return self.windows[domain].is_closed(look)

    def is_closed_by(self, domain: int, midnight: int) -> bool:
        """Say whether a window stopped a domain that was not full yet: none does."""
        return False

    def filled(self, domain: int, midnight: int) -> bool:
        """Say whether a domain was closed when a day ended."""
        return self.windows[domain].is_closed(midnight - 1)
