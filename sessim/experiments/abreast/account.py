"""The rules of the account (R1 to R6) for replications abreast: see :mod:`sessim.account`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from sessim.clock import SECOND
from sessim.experiments.abreast.judging import Judging
from sessim.experiments.abreast.lots import Lots
from sessim.experiments.abreast.standings import Lanes
from sessim.experiments.tally import Tally
from sessim.ledger import Ints
from sessim.lifecycle import ERROR, PAUSED, SENDING, SENT, TO_START, Rest
from sessim.plan import Plan
from sessim.serving import NEVER, NO_LIMIT, NOT_TO_BE, UNLIMITED


class Account(Judging):
    """The sender's account in many replications, served first in, first out."""

    def __init__(self, plan: Plan, lots: Lots) -> None:
        super().__init__(plan, lots)
        self._emails_in, self._microseconds = plan.rate.numerator, plan.rate.denominator * SECOND
        self._counted = np.array([[days.counted] * len(lots) for days in self._start.days])

    def run(self, until: int, first: int) -> Tally:
        """Simulate up to, and without, an instant; return the numbers of ``first`` and so on."""
        self._now[:] = self._plan.start_instant
        for domain in range(len(self._standings)):
            self._new_limit(domain, self._all, self._start.date)
        for instant, date in self._instants():
            if instant >= until or not len(self._under_way):
                break
            self._send(self._under_way, instant - (date is not None))
            lanes = self._under_way
            self._now[lanes] = instant
            if date is None:
                self._start_due(lanes, instant)
            elif len(lanes):
                self._begin_day(lanes, instant, date)
        self._send(self._under_way, until - 1)
        return self._tally(until, first)

    def _instants(self) -> Iterator[tuple[int, int | None]]:
        """Yield when days begin, with their dates, and when runs are due, in order."""
        days = self._days()
        day = next(days)
        for due in np.unique(self._runs.due).tolist():
            while day[0] <= due:
                yield day
                day = next(days)
            yield due, None
        yield day
        yield from days

    def _days(self) -> Iterator[tuple[int, int]]:
        date, begins = self._start.date, self._start.next_day
        while True:
            date, begun = date + 1, begins
            begins = self._plan.clock.day_start(dt.date.fromordinal(date + 1))
            if begins > begun:  # or else the zone skipped that date
                yield begun, date

    # --- sending --------------------------------------------------------------------------------

    def _send(self, lanes: Lanes, until: int) -> None:
        """Send the emails up to and at an instant, one stretch after the other."""
        while len(lanes := lanes[self._turn[lanes] != NEVER]):
            rank = self._turn[lanes]
            at, domain = self._at(lanes, rank), self._domain[rank]
            unsent = self._requests[at] - self._emails[at]
            left = self._stops_at[domain, lanes] - self._total[domain, lanes]
            ahead = np.minimum(left, unsent)
            instant = self._instant(lanes, ahead)
            there = instant <= until
            if not there.all():
                ahead = np.where(there, ahead, self._sent_by(lanes, until))
            self._booked[lanes] += ahead
            self._emails[at] += ahead
            self._total[domain, lanes] += ahead
            self._now[lanes] = instant
            lanes = lanes[there]
            if len(lanes):
                self._end_stretch(lanes, at[there], domain[there])

    def _instant(self, lanes: Lanes, ahead: Ints | int) -> Ints:
        """Return when the email is sent that is so many ahead."""
        number = self._booked[lanes] + ahead
        found: Ints = self._busy_from[lanes] - (-number * self._microseconds // self._emails_in)
        return found

    def _sent_by(self, lanes: Lanes, until: int) -> Ints:
        """Return how many emails more are sent up to and at an instant."""
        since = until - self._busy_from[lanes]
        more = since * self._emails_in // self._microseconds - self._booked[lanes]
        found: Ints = np.maximum(more, 0)
        return found

    def _end_stretch(self, lanes: Lanes, at: Lanes, domain: Ints) -> None:
        """Note that the last email ended a run, or was its domain's last of the day."""
        over = self._emails[at] == self._requests[at]
        done, ended = lanes[over], at[over]
        self._status[ended], self._over[ended] = SENT, self._now[done]
        self._unfinished[done] -= 1
        stops = self._total[domain, lanes] == self._stops_at[domain, lanes]
        self._mark(at[over | stops])  # where a domain stops, it is judged, or its runs pause
        for index in np.flatnonzero(np.bincount(domain[stops])).tolist():
            self._look_at(index, lanes[stops & (domain == index)])
        self._note_turn(lanes[self._status[at] != SENDING])

    def _look_at(self, domain: int, lanes: Lanes) -> None:
        """Stop a domain that has sent as much as it may; judge one that goes by reputation."""
        standings = self._standings[domain]
        if standings is not None:
            self._judge(domain, standings, lanes)
        full = self._total[domain, lanes] == self._closes_at[domain, lanes]
        self._pause(domain, lanes[full])

    def _pause(self, domain: int, lanes: Lanes) -> None:
        if len(lanes):
            self._hold(self._of_status(domain, lanes, SENDING))

    def _hold(self, at: Lanes) -> None:
        self._status[at], self._rest[at] = PAUSED, Rest.CACHED
        self._pauses[at] += 1
        self._paused[at] -= self._now[self._lane(at)]  # and plus the instant at which it ends

    def _of_status(self, domain: int, lanes: Lanes, status: int) -> Lanes:
        asked = np.zeros((len(self._all), 1), dtype=np.bool_)
        asked[lanes] = True
        found = (self._table(self._status) == status) & asked & (self._domain == domain)
        return np.flatnonzero(found)

    def _join(self, at: Lanes) -> None:
        """Let runs become SENDING; the account that was idle begins a busy period."""
        lanes = self._lane(at)
        idle = lanes[self._turn[lanes] == NEVER]
        self._busy_from[idle], self._booked[idle] = self._now[idle], 0
        self._status[at] = SENDING

    def _first(self, lanes: Lanes) -> Lanes:
        """Return the first run that is SENDING (rule R3), or -1."""
        window = slice(self._head, max(self._next_due, self._head + 1))
        is_sending = self._table(self._status)[lanes, window] == SENDING
        first: Lanes = is_sending.argmax(axis=1)
        return np.where(is_sending[np.arange(len(lanes)), first], first + self._head, NEVER)

    def _note_turn(self, lanes: Lanes) -> None:
        """See whose turn it is now; a run that goes on being SENDING may have lost it."""
        before = self._turn[lanes]
        turn = self._turn[lanes] = self._first(lanes)
        lost = (before != turn) & (before != NEVER)
        at = self._at(lanes[lost], before[lost])
        self._mark(at[self._status[at] == SENDING])

    # --- days -----------------------------------------------------------------------------------

    def _begin_day(self, lanes: Lanes, instant: int, date: int) -> None:
        served = lanes[self._turn[lanes] != NEVER]
        self._mark(self._at(served, self._turn[served]))
        sent = self._end_day()
        self._open_day(lanes, date)
        status = self._table(self._status)
        is_open = (status == TO_START) | (status == SENDING) | (status == PAUSED)
        self._head = int(np.append(is_open.any(axis=0)[:-1], True).argmax())
        for domain, standings in enumerate(self._standings):
            self._counted[domain, lanes] += sent[domain, lanes] > 0
            if standings is not None:
                self._close_day(domain, standings, lanes)
            self._new_limit(domain, lanes, date)
        self._note_turn(lanes)
        falls_now = (self._turn[lanes] != NEVER) & (self._instant(lanes, 1) == instant)
        self._restart(lanes[~falls_now])
        self._note_turn(lanes)
        if falls_now.any():  # that email comes before the restarts
            lanes = lanes[falls_now]
            self._send(lanes, instant)
            self._now[lanes] = instant
            self._restart(lanes)
            self._note_turn(lanes)

    def _restart(self, lanes: Lanes) -> None:
        """Restart the paused runs of domains that have something left to send (rule R5)."""
        for domain in range(len(self._standings)):
            left = self._closes_at[domain, lanes] > self._total[domain, lanes]
            at = self._of_status(domain, lanes[left], PAUSED)
            self._paused[at] += self._now[self._lane(at)]
            self._join(at)

    def _new_limit(self, domain: int, lanes: Lanes, date: int) -> None:
        """Begin a domain's day with the limit of its date."""
        standings, total = self._standings[domain], self._total[domain, lanes]
        limit = self._limits(domain, lanes, date)
        self._counted_from[domain, lanes], self._limit[domain, lanes] = total, limit
        closes_at = np.where(limit == NO_LIMIT, UNLIMITED, total + limit)
        self._closes_at[domain, lanes] = self._stops_at[domain, lanes] = closes_at
        if standings is not None:
            self._next_judgement(domain, standings, lanes)
        self._pause(domain, lanes[limit == 0])

    def _limits(self, domain: int, lanes: Lanes, date: int) -> Ints:
        """Return the limits of a date, by the reputation or the domain's warm-up."""
        standings, days = self._standings[domain], self._start.days[domain]
        if standings is not None and days.day(date):
            return standings.limit(lanes)
        day = np.full(len(lanes), days.day(date))
        if days.sending and date >= days.first:
            day = self._counted[domain, lanes] + 1
        numbers, place = np.unique(day, return_inverse=True)
        limits = [days.limits.on(number) for number in numbers.tolist()]
        found: Ints = np.array([NO_LIMIT if limit is None else limit for limit in limits])[place]
        return found

    # --- runs that are due ----------------------------------------------------------------------

    def _start_due(self, lanes: Lanes, instant: int) -> None:
        """Start the runs that are due now in order of creation."""
        due = range(self._next_due, int(self._runs.due.searchsorted(instant, "right")))
        for rank in due:
            self._to_come -= 1
            self._next_due = rank + 1
            self._gather(lanes, rank, self._head)
            self._begin(lanes, rank, instant)
        self._note_turn(lanes[self._turn[lanes] == NEVER])  # before others, they go first

    def _begin(self, lanes: Lanes, rank: int, instant: int) -> None:
        """Start a run, or not at all."""
        domain, at = int(self._domain[rank]), self._at(lanes, rank)
        blocked = self._blocked[domain, lanes]
        empty = (self._requests[at] == 0) & ~blocked
        self._status[at[empty]], self._over[at[empty]] = NOT_TO_BE, instant
        self._dues[domain, lanes[~empty]] += 1
        self._backlog[domain, lanes] += self._requests[at]
        self._unfinished[lanes[~empty]] += 1
        self._fail(domain, at[blocked])
        starts = ~(blocked | empty)
        lanes, at = lanes[starts], at[starts]
        # Here an earlier run of the task is PAUSED only while its domain has nothing left.
        waits = self._total[domain, lanes] == self._closes_at[domain, lanes]
        self._hold(at[waits])
        self._join(at[~waits])

    def _fail(self, domain: int, at: Lanes) -> None:
        lanes = self._lane(at)
        np.subtract.at(self._unfinished, lanes, 1)
        np.add.at(self._failed[domain], lanes, self._requests[at] - self._emails[at])
        self._status[at], self._rest[at] = ERROR, Rest.FAILED
        self._over[at] = self._now[lanes]
