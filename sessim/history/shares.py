"""What each run sent between two looks, until when, and on which side of midnight."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sessim.clock import Clock
from sessim.eventlog import NONE
from sessim.history.looks import Run
from sessim.history.quotas import Limits
from sessim.history.served import before_midnights
from sessim.history.table import Table, midnights
from sessim.history.tempo import Anchor, Tempo
from sessim.history.testsends import SentTest, of_a_day, total
from sessim.lifecycle import PAUSED, SENDING
from sessim.plan import Plan
from sessim.serving import Pace

Ints = NDArray[np.int64]


class Between(Protocol):
    """The time between two looks."""

    since: int
    time: int


class Shares:
    """Who sent how much until when.

    Parameters
    ----------
    table, runs
        The looks, and the runs in rule R3's order.
    tempo
        The account's pace.
    clock
        Of the zone whose days count.
    limits
        One a domain.
    end
        When the history ends.
    exact
        Whether each look is dated by the source as the event itself.
    given
        A plan that tells how fast runs were served, and in which order.
    tests
        The test sends, in order, as far as they are known.

    Attributes
    ----------
    tests
        The same, with how many emails of each the limits let be sent.
    reach
        For each look, when the last of the emails since the look before had been sent.
    before_midnights
        What :func:`sessim.history.served.before_midnights` tells, where it can.
    at_midnight
        The runs, by the instant of a midnight at which one of their emails was sent.
    """

    def __init__(
        self, table: Table, runs: Sequence[Run], tempo: Tempo, clock: Clock,
        limits: Sequence[Limits], end: int, *, exact: bool = False, given: Plan | None = None,
        tests: Sequence[SentTest] = (),
    ) -> None:  # fmt: skip
        self.table, self.runs, self.tempo, self.limits, self.end = table, runs, tempo, limits, end
        self.exact = exact
        self.domain = np.array([run.domain for run in runs], dtype=np.int64)
        instants = [*table.since.tolist(), *(test.time for test in tests[:1])]
        self.midnights = midnights(clock, min(instants), end) if instants else []
        self.before_midnights = None
        if exact and given is not None:
            self.before_midnights = before_midnights(table, self.midnights, given)
        self.tests: list[SentTest] = []
        self.reach = self._reach()
        self._takes_turns = table.takes_turns
        self._instants = np.append(np.unique(table.time), np.iinfo(np.int64).max)
        self._keys = table.run * len(self._instants) + self._instants.searchsorted(table.time)
        self.at_midnight: dict[int, int] = {}
        self._totals: dict[int, Ints] = {}  # of the day that ended with a midnight
        self._before: dict[int, Ints] = {}  # in all, up to a midnight
        self._days(tests)
        self._fills: dict[tuple[int, int], int] = {}
        for i in np.flatnonzero(table.emails > 0).tolist():
            key = int(self.domain[table.run[i]]), int(table.time[i])
            self._fills[key] = max(self._fills.get(key, 0), int(self.reach[i]))
        self._restarts = self._find_restarts()

    def _reach(self) -> Ints:
        table = self.table
        reach = table.time.copy()
        if self.exact:
            return reach
        sending = np.flatnonzero((table.emails > 0) | table.restarted)
        order = sending[np.lexsort((table.run[sending], table.time[sending]))]
        entries = zip(
            order.tolist(), table.time[order].tolist(), table.run[order].tolist(),
            table.emails[order].tolist(), strict=True,
        )  # fmt: skip
        for time, entries_ in groupby(entries, key=lambda entry: entry[1]):
            group = list(entries_)
            total = self.tempo.total_before(time)
            anchor = self.tempo.before(time)
            for place, _, run, emails in group:
                anchor = self._anchor(anchor, total, self._could_send(place, run))
                total += emails
                pace = Pace(self.tempo.rate, anchor.start)
                instant = pace.instant(max(total - anchor.total, 1))
                reach[place] = min(max(instant, int(table.since[place])), time)
            self._reached(time, [place for place, *_ in group], reach)
        self._all_reached()
        return reach

    def _reached(self, time: int, looks: Sequence[int], reach: Ints) -> None:
        """Take note of the looks at an instant that show emails or restarts."""

    def _all_reached(self) -> None:
        """Take note that these were all."""

    def reset(self, domain: int, since: int, until: int) -> int | None:
        """Return the latest instant after one and up to another at which a limit began anew."""
        at = bisect_right(self.midnights, until) - 1
        return self.midnights[at] if at >= 0 and self.midnights[at] > since else None

    def _could_send(self, place: int, run: int) -> int:
        """Return since when a run may have been sending: it was due, or went on after a pause."""
        due, before = self.runs[run].due, place - 1
        if before < 0 or self.table.run[before] != run or self.table.status[before] == SENDING:
            return due
        since, time = int(self.table.since[place]), int(self.table.time[place])
        reset = self.reset(int(self.domain[run]), since, time)
        return since if reset is None else reset

    def _anchor(self, anchor: Anchor | None, total: int, since: int) -> Anchor:
        """Return the busy period in which a run was served: the one under way, or a new one."""
        if anchor is not None:
            done = Pace(self.tempo.rate, anchor.start).instant(max(total - anchor.total, 0))
            if done >= since:
                return anchor
        return Anchor(since, total)

    def fill(self, domain: int, look: int) -> int | None:
        """Return when a domain sent its last email before a look, since the look before."""
        return self._fills.get((domain, look))

    # --- midnights ------------------------------------------------------------------------------

    def _days(self, tests: Sequence[SentTest]) -> None:
        """Count what each domain sent before each midnight, without the email that fell on it."""
        table, size = self.table, len(self.limits)
        order = np.argsort(table.time, kind="stable")
        seen = table.time[order]
        self._order, self._seen = order, seen
        self._sums = np.zeros((size, len(seen) + 1), dtype=np.int64)
        for domain in range(size):
            here = self.domain[table.run[order]] == domain
            self._sums[domain, 1:] = np.cumsum(np.where(here, table.emails[order], 0))
        before = np.zeros(size, dtype=np.int64)
        since = None
        for instant in self.midnights:
            self._try_out(tests, instant, before)
            if since is not None:
                self._settle(since, instant)
            since = instant
            totals = self._sum(instant)
            run = self._falling(instant, totals - before)
            if run is not None:
                self.at_midnight[instant] = run
                totals[self.domain[run]] -= 1
            self._reach_midnight(instant, run)
            self._totals[instant] = totals - before
            self._before[instant] = before = totals
        self._try_out(tests, self.end + 1, before)
        if since is not None:
            self._settle(since, self.end + 1)

    def _try_out(self, tests: Sequence[SentTest], until: int, before: Ints) -> None:
        """Let the test sends of the day that ends with an instant be sent as far as they could."""
        limits = np.array([limit.at(until - 1) for limit in self.limits], dtype=np.int64)
        to_come = (test for test in tests[len(self.tests) :] if test.time < until)
        self.tests += of_a_day(list(to_come), self._sum(until) - before, limits)

    def _settle(self, midnight: int, until: int) -> None:
        """Put an email on an undecided midnight if its domain paused one short on that day.

        Who pauses has nothing left (rule R2): the one email that is missing is that of midnight.
        """
        for domain in self.undecided(midnight):
            if self._is_one_short(domain, midnight, until):
                runs = self.table.run[self._risen_at(midnight)]
                pick = min if self._takes_turns else max
                run = pick(runs[self.domain[runs] == domain].tolist())
                self.at_midnight[midnight] = run
                self._reach_midnight(midnight, run)
                self._totals[midnight][domain] -= 1
                self._before[midnight][domain] -= 1
                return

    def _is_one_short(self, domain: int, midnight: int, until: int) -> bool:
        """Say whether a domain was seen to pause on a day one email below its limit."""
        table = self.table
        first = self._seen.searchsorted(midnight, "right")
        places = self._order[first : self._seen.searchsorted(until)]
        paused = (self.domain[table.run[places]] == domain) & (table.status[places] == PAUSED)
        paused &= (table.before[places] == SENDING) & (table.since[places] >= midnight)
        before = int(self._before[midnight][domain])
        return any(
            int(self._sum(look)[domain]) - before == self.limits[domain].at(look) - 1
            for look in table.time[places[paused]].tolist()
        )

    def _reach_midnight(self, instant: int, run: int | None) -> None:
        """Let what was seen sent at a midnight have left before it, but for who sent on it."""
        if self.exact:
            return
        there = self._risen_at(instant)
        self.reach[there] = np.minimum(self.reach[there], instant - 1)
        if run is not None:
            self.reach[there[self.table.run[there] == run]] = instant

    def _risen_at(self, instant: int) -> Ints:
        """Return the looks at an instant that show emails sent since the look before."""
        first, last = (self._seen.searchsorted(instant, side) for side in ("left", "right"))
        there = np.sort(self._order[first:last])
        return there[self.table.emails[there] > 0]

    def _sum(self, instant: int) -> Ints:
        """Return what each domain had sent by the last look up to an instant, tests included."""
        found: Ints = self._sums[:, self._seen.searchsorted(instant, "right")]
        return found + total(self.tests, instant, len(found))

    def _falling(self, instant: int, sent: Ints) -> int | None:
        """Return the run whose email fell exactly on a midnight, if there was one."""
        table = self.table
        there = self._risen_at(instant)
        if self.exact or not len(there):
            return None
        runs = table.run[there]
        limits = np.array([limit.at(instant - 1) for limit in self.limits])
        open_ = self._open(instant)
        over = (limits != NONE) & (sent == limits + np.where(open_, 0, 1))
        chosen = runs[over[self.domain[runs]]]
        # A day's turns begin with the first; one after the other, the last one was under way.
        pick = np.min if self._takes_turns else np.max
        if len(chosen):
            return int(pick(chosen))
        full = (limits != NONE) & (sent >= limits) & ~open_
        if not self.tempo.email_falls_on(instant):
            return None
        able = runs[~full[self.domain[runs]]]
        if not len(able):  # who was full stopped before, unless it was filled by this very email
            paused = runs[table.paused[there]]
            stopped = np.isin(np.arange(len(full)), self.domain[paused]) | (sent > limits)
            able = runs[~stopped[self.domain[runs]]]
        return int(pick(able)) if len(able) else None

    def undecided(self, midnight: int) -> list[int]:
        """Return the domains of which one more email may have been sent exactly on a midnight."""
        there = self._risen_at(midnight)
        if midnight in self.at_midnight or self.tempo.knows(midnight):
            return []
        limits = np.array([limit.at(midnight - 1) for limit in self.limits])
        full = (limits != NONE) & (self._totals[midnight] >= limits) & ~self._open(midnight)
        # Who is PAUSED when a day of one email begins may have sent that very one.
        held = self.domain[self.table.run[there[self.table.status[there] == PAUSED]]]
        full[[domain for domain in held.tolist() if self.limits[domain].at(midnight) == 1]] = False
        domains = np.unique(self.domain[self.table.run[there]])
        found: list[int] = domains[~full[domains]].tolist()
        return found

    def _open(self, instant: int) -> NDArray[np.bool_]:
        """Say which domains had something left just before a day began.

        There a run was SENDING before and went on, and none of its emails was ever cached.
        """
        now, before = self._state(instant, "right"), self._state(instant, "left")
        went_on = (now >= 0) & (before >= 0)
        for places in (now, before):
            went_on &= (self.table.status[places] == SENDING) & (self.table.cached[places] == 0)
        found = np.zeros(len(self.limits), dtype=np.bool_)
        found[self.domain[went_on]] = True
        return found

    def _state(self, instant: int, side: Literal["left", "right"]) -> Ints:
        """Return each run's last look up to an instant, or before it; -1 where there is none."""
        at = np.arange(len(self.runs)) * len(self._instants)
        at += self._instants.searchsorted(instant, side)
        places = self._keys.searchsorted(at, "left") - 1
        return np.where(self.table.run[places] == np.arange(len(self.runs)), places, -1)

    def is_full(self, domain: int, look: int) -> bool:
        """Say whether a domain had sent all it might of the day of a look."""
        limit = self.limits[domain].at(look)
        at = bisect_right(self.midnights, look)
        start = self.midnights[at - 1] if at else None
        sent = int(self._sum(look)[domain]) - (int(self._before[start][domain]) if start else 0)
        return limit != NONE and sent >= limit

    def is_closed_by(self, domain: int, midnight: int) -> bool:
        """Say whether a day with a limit of 0 stopped a domain that was not full yet."""
        return self.limits[domain].at(midnight) == 0 and not self.filled(domain, midnight)

    def restarts(self, domain: int, look: Between) -> Iterator[tuple[int, int, int, int]]:
        """Yield when runs of a domain were restarted by a reset and paused again, within a time.

        Each as the bounds between which that was seen, the reset, and the last email before the
        new pause.
        """
        known = self._restarts[domain]
        first = bisect_right(known, (look.since, 1 << 62))
        for since, time in known[first - 1 if first else 0 :]:
            if since >= look.time:
                return
            fill = self.fill(domain, time)
            reset = self.reset(domain, since - 1, time)
            if since >= look.since and reset is not None and fill is not None and reset < time:
                yield since, time, reset, fill

    def _find_restarts(self) -> list[list[tuple[int, int]]]:
        """Return by domain between which looks paused runs sent something and paused again."""
        table = self.table
        again = (table.before == PAUSED) & (table.status != SENDING) & (table.emails > 0)
        found: list[set[tuple[int, int]]] = [set() for _ in self.limits]
        for i in np.flatnonzero(again).tolist():
            found[self.domain[table.run[i]]].add((int(table.since[i]), int(table.time[i])))
        return [sorted(spans) for spans in found]

    def sent_before(self, domain: int, midnight: int) -> int:
        """Return what a domain had sent in all when a day began."""
        found = self._before.get(midnight)
        return 0 if found is None else int(found[domain])

    def filled(self, domain: int, midnight: int) -> bool:
        """Say whether a domain had sent all it might of the day that ended with a midnight."""
        limit = self.limits[domain].at(midnight - 1)
        return limit != NONE and int(self._totals[midnight][domain]) >= limit
