"""Logs side by side: the numbers of many replications at once, from the model's packed notes.

Nothing is unfolded into a table for each replication. The runs of all of them lie in one row of
numbers, replication after replication, and so do the domains; a block of the log counts once,
however many runs it tells of.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim import warmup
from sessim.days import levels_in
from sessim.eventlog import NONE, Event
from sessim.experiments.endings import Endings
from sessim.experiments.notes import Notes
from sessim.experiments.tally import DAILY, TASKS, Tally, trimmed
from sessim.ledger import NOT_YET, Ints, is_finished
from sessim.lifecycle import Rest
from sessim.logwriter import SEVERAL
from sessim.plan import Plan

_CLOSING: Final = (int(Event.DAY), int(Event.END))
"""They tell of the day that ends with them."""


def tally(plan: Plan, notes: Notes, first: int) -> Tally:
    """Take the numbers of replications ``first``, ``first + 1``, ... from what was noted."""
    stack = Stack(plan, notes)
    tasks, daily = stack.tasks(), stack.daily()
    return trimmed(
        np.arange(first, first + notes.size),
        notes.ended,
        {name: tasks[name] for name in TASKS},
        {name: daily[name] for name in DAILY},
        stack.dates,
    )


class Stack:
    """The notes of several simulations of one plan.

    Parameters
    ----------
    plan
        The plan.
    notes
        What was noted of each.

    Attributes
    ----------
    dates
        The local dates from the plan's start to the latest end, as ordinals.
    """

    def __init__(self, plan: Plan, notes: Notes) -> None:
        self.plan, self._notes, self._size = plan, notes, notes.size
        self._runs, self._domains = len(plan.runs), len(plan.domains)
        self._blocks, self._which = notes.blocks, notes.which
        self._time, self._event = notes.blocks["time"].copy(), notes.blocks["event"].copy()
        self._lay_out_rows()
        self._lay_out_days()

    def _lay_out_rows(self) -> None:
        """Find for each row of a run its block, the run and its emails."""
        rows = self._blocks["rows"]
        run, sent = self._blocks["run"].repeat(rows), self._blocks["sent"].repeat(rows)
        several = run == SEVERAL
        run[several], sent[several] = self._notes.beside
        block = np.arange(len(rows)).repeat(rows)
        real = np.flatnonzero((run >= 0) & (run < self._runs))
        self._block, self._sent = block[real], sent[real]
        self._of_row = self._event[self._block]
        self._run = run[real] + self._which[self._block] * self._runs

    # --- runs and tasks -----------------------------------------------------------------------

    def _rows(self, event: Event) -> Ints:
        return np.flatnonzero(self._of_row == event)

    def tasks(self) -> dict[str, Ints]:
        """Return the numbers of the tasks, as :attr:`sessim.Result.tasks` has them."""
        last = np.full(self._size * self._runs, NONE)
        happened = np.flatnonzero(self._of_row != Event.SKIPPED)
        last[self._run[happened]] = happened  # of a run's rows, the last one assigned stays
        told = np.flatnonzero(last != NONE)
        row = last[told]
        block = self._block[row]
        status, time = self._blocks["status"][block], self._time[block]
        until = np.where(is_finished(status), time, self._notes.ended[told // self._runs])
        pauses, paused = self._pauses(told, until)
        return Endings(
            plan=self.plan,
            size=self._size,
            runs=told,
            status=status,
            rest=self._blocks["rest"][block],
            over=time,
            requests=self._notes.requests[told],
            sent=self._sent[row],
            pauses=pauses,
            paused=paused,
            outcomes=self._notes.totals[told],
            skipped=self._run[self._rows(Event.SKIPPED)],
            called_off=self._called_off(),
        ).tasks()

    def _pauses(self, told: Ints, until: Ints) -> tuple[Ints, Ints]:
        """Return how often and for how long the runs were paused; ``until`` is their last instant.

        A pause ends with a restart, or with the run: so no row needs to know the one before it.
        """
        begun, over = self._rows(Event.PAUSED), self._rows(Event.RESTARTED)
        size, start = self._size * self._runs, self.plan.start_instant
        pauses = np.bincount(self._run[begun], minlength=size)
        still = pauses - np.bincount(self._run[over], minlength=size)
        lasted = self._instants(over) - self._instants(begun)
        return pauses[told], lasted[told] + still[told] * (until - start)

    def _instants(self, rows: Ints) -> Ints:
        """Sum up the instants of rows, from the plan's start on, by run.

        bincount adds floats, so high and low digits are added apart: both sums are exact.
        """
        since = self._time[self._block[rows]] - self.plan.start_instant
        size, run = self._size * self._runs, self._run[rows]
        high, low = np.divmod(since, 1 << 24)
        parts = (np.bincount(run, part, size).astype(np.int64) for part in (high, low))
        return next(parts) * (1 << 24) + next(parts)

    def _called_off(self) -> Ints:
        """Return when the later recurrences of each task were cancelled, or ``NOT_YET``."""
        found = np.full((self._size, len(self.plan.tasks)), NOT_YET)
        run = self._blocks["run"]
        blocks = np.flatnonzero((run >= self._runs) & (self._event == Event.CANCELLED))
        found[self._which[blocks], run[blocks] - self._runs] = self._time[blocks]
        return found

    # --- days ---------------------------------------------------------------------------------

    def _lay_out_days(self) -> None:
        """Find the local days up to the latest end; one that begins there is not part."""
        clock, plan = self.plan.clock, self.plan
        happened = self._time[self._event != Event.END]
        last = max(int(self._notes.ended.max()) - 1, int(happened.max(initial=plan.start_instant)))
        date, dates, starts = clock.date(plan.start_instant), [], []
        while (start := clock.day_start(date)) <= last:
            following = date + dt.timedelta(days=1)
            if clock.day_start(following) > start:  # or else the zone skipped that date
                dates.append(date.toordinal())
                starts.append(start)
            date = following
        self.dates = np.array(dates, dtype=np.int64)
        closing = np.isin(self._event, _CLOSING)
        day = np.array(starts).searchsorted(self._time - closing, "right") - 1
        domain = self._blocks["domain"] + self._which * self._domains
        self._cell = domain * len(dates) + day

    def _sums(self, blocks: Ints, values: NDArray[Any]) -> Ints:
        """Sum a number over blocks by replication, domain and day."""
        total = np.zeros(self._size * self._domains * len(self.dates), dtype=np.int64)
        np.add.at(total, self._cell[blocks], values.astype(np.int64))
        return total.reshape(self._size, self._domains, len(self.dates))

    def daily(self) -> dict[str, Ints]:
        """Return the numbers of the days, as :attr:`sessim.Result.daily` has them."""
        due = self._rows(Event.DUE)
        was_due = np.zeros(self._size * self._runs, dtype=bool)
        was_due[self._run[due]] = True
        sent, tests = self._sent_by_day()
        failed = self._left(Event.ERROR, was_due)
        backlog = self._sums(self._block[due], self._notes.requests[self._run[due]])
        backlog -= sent - tests + failed + self._left(Event.CANCELLED, was_due)
        return {
            "limit": self._limits(),
            "level": self._levels(),
            "sent": sent,
            "failed": failed + self._failed_tests(),
            "cached": np.cumsum(self._cached(), axis=2),
            "backlog": np.cumsum(backlog, axis=2),
            "dues": self._sums(self._block[due], np.ones(len(due))),
        }

    def _sent_by_day(self) -> tuple[Ints, Ints]:
        """Return the emails of each day, and those of them that are test sends.

        The count towards the limit in force rises by what was sent, and falls only when a limit
        begins anew; before it does, and at the end of a day, a row says exactly how far it rose.
        """
        domain = self._blocks["domain"]
        blocks = np.flatnonzero(domain >= 0)
        group = domain[blocks] + self._which[blocks] * self._domains
        order = np.argsort(group, kind="stable")
        blocks, group = blocks[order], group[order]
        counted = self._blocks["sent_today"][blocks]
        before = np.append(0, counted[:-1])
        before[np.append(True, group[1:] != group[:-1])[: len(group)]] = 0
        risen = np.maximum(counted - before, 0)
        tests = np.flatnonzero((self._event == Event.SENT) & (self._blocks["run"] == NONE))
        moved = np.flatnonzero(risen)
        return (
            self._sums(blocks[moved], risen[moved]),
            self._sums(tests, self._blocks["sent"][tests]),
        )

    def _left(self, event: Event, was_due: NDArray[np.bool_]) -> Ints:
        """Sum up what runs that were due had not sent when something ended them."""
        rows = self._rows(event)
        rows = rows[was_due[self._run[rows]]]
        left = self._notes.requests[self._run[rows]] - self._sent[rows]
        return self._sums(self._block[rows], left)

    def _cached(self) -> Ints:
        """Return by how much the emails in the cache queues rose on each day."""
        cached = self._blocks["rest"][self._block] == Rest.CACHED
        ever = np.zeros(self._size * self._runs, dtype=bool)
        ever[self._run[cached]] = True
        rows = np.flatnonzero(ever[self._run])
        rows = rows[np.argsort(self._run[rows], kind="stable")]  # each run's, one after the other
        run = self._run[rows]
        emails = np.where(cached[rows], self._notes.requests[run] - self._sent[rows], 0)
        same = np.append(False, run[1:] == run[:-1])[: len(run)]
        before = np.where(same, np.roll(emails, 1), 0)
        return self._sums(self._block[rows], emails - before)

    def _failed_tests(self) -> Ints:
        failed = np.flatnonzero(self._blocks["failed"])
        return self._sums(failed, self._blocks["failed"][failed])

    def _limits(self) -> Ints:
        """Return the last limit of each domain on each day."""
        blocks = np.flatnonzero(self._event == Event.LIMIT)
        found = np.full(self._size * self._domains * len(self.dates), NONE, dtype=np.int64)
        found[self._cell[blocks]] = self._blocks["limit"][blocks]
        return found.reshape(self._size, self._domains, len(self.dates))

    def _levels(self) -> Ints:
        """Return the last level of each domain on each day, where the reputation sets it."""
        found = np.full(self._size * self._domains * len(self.dates), NONE, dtype=np.int64)
        of = [domain.warmup == "reputation" for domain in self.plan.domains]
        blocks = np.flatnonzero(self._event == Event.LIMIT)
        blocks = blocks[np.array(of)[self._blocks["domain"][blocks]]]
        limit = self._blocks["limit"][blocks]
        level = np.searchsorted(warmup.levels(), limit)
        for place in np.flatnonzero(limit == 0):  # level 0, or the warm-up has not begun
            details = self._notes.details[self._which[blocks[place]]]
            level[place] = levels_in((details[self._blocks["detail"][blocks[place]]],))[0]
        found[self._cell[blocks]] = level
        return found.reshape(self._size, self._domains, len(self.dates))
