"""The event log sorted by run, and the runs as they stand at any instant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import Event, EventLog
from sessim.lifecycle import FINISHED, TaskStatus
from sessim.serving import NEVER, UNLIMITED, Counts, Fair, Pace, Queue

NOT_YET: Final = np.iinfo(np.int64).min
"""The instant that stands for "not yet": pandas' NaT."""

Ints = NDArray[np.int64]

_LEFT: Final = (Event.PAUSED, Event.SENT, Event.ERROR, Event.CANCELLED)


def is_finished(status: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each status whether nothing more happens to the run by itself."""
    return np.isin(status, [int(finished) for finished in FINISHED])


class Ledger:
    """A log sorted by task, run and ``seq``; a run's *line* is its place among the runs.

    Parameters
    ----------
    log
        The event log.

    Attributes
    ----------
    rows
        Places in the log of the rows that belong to runs that happened, sorted.
    line
        The line of each of ``rows``.
    starts
        Where in ``rows`` each line begins.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        rows = np.flatnonzero((log.run > 0) & (log.event != Event.SKIPPED))
        key = log.task[rows].astype(np.int64) << 32 | log.run[rows]
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.append(True, key[1:] != key[:-1])[: len(key)]
        self.rows = rows[order]
        self.line = np.cumsum(first) - 1
        self.starts = np.flatnonzero(first)

    def __len__(self) -> int:
        return len(self.starts)

    def place_of(self, rows: Ints) -> Ints:
        """Return the places in ``rows`` of rows of the log."""
        places = np.full(len(self.log), NOT_YET)
        places[self.rows] = np.arange(len(self.rows))
        return places[rows]

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of the log in the order of ``rows``."""
        return self.log.columns[name][self.rows]

    def rise(self, values: NDArray[Any]) -> Ints:
        """Return by how much a number rose from a run's row to its next, at first from 0."""
        risen = values.astype(np.int64)
        risen[1:] -= values[:-1]
        risen[self.starts] = values[self.starts]
        return risen

    @cached_property
    def risen(self) -> Ints:
        """By how much the emails sent rose with each of ``rows``."""
        return self.rise(self.column("sent"))

    @cached_property
    def next_time(self) -> Ints:
        """When the run's next row was; of its last row, the largest number."""
        time = self.column("time")
        following = np.append(time[1:], 0)
        following[np.append(self.starts[1:], len(time))[: len(self)] - 1] = np.iinfo(np.int64).max
        return following

    @cached_property
    def sending(self) -> Ints:
        """How many runs are SENDING after each row of the log."""
        change = np.zeros(len(self.log), dtype=np.int64)
        change[self.rows] = self.rise((self.column("status") == TaskStatus.SENDING).astype(int))
        return np.cumsum(change)

    @cached_property
    def busy_from(self) -> Ints:
        """For each row of the log, the row with which the latest busy period began."""
        begins = (self.sending > 0) & (np.append(0, self.sending[:-1]) == 0)
        return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))

    @cached_property
    def booked(self) -> Ints:
        """The emails of runs that the log has told of before each of its rows, failed ones too."""
        left = np.zeros(len(self.log) + 1, dtype=np.int64)
        left[self.rows + 1] = self.risen + self.rise(self.column("failed"))
        return np.cumsum(left)


def spread_out(rise: Mapping[str, Ints], emails: Ints) -> dict[str, Ints]:
    """Spread what becomes of a stretch of emails evenly over it, in whole emails.

    Parameters
    ----------
    rise
        The emails of a stretch (``sent``) and what becomes of them, an entry each a run.
    emails
        How many of them have left so far.

    Returns
    -------
    dict
        What has become of these; none of it falls as more emails leave.
    """

    def part(number: Ints, share: Ints, whole: Ints) -> Ints:
        return number * share // np.maximum(whole, 1)

    lost = rise["invalid"] + rise["spam_bounce"] + rise["soft_failures"]
    left = lost - rise["invalid"]
    delivered = rise["sent"] - lost
    now_lost = part(emails, lost, rise["sent"])
    now = {"invalid": part(now_lost, rise["invalid"], lost)}
    now["spam_bounce"] = part(now_lost - now["invalid"], rise["spam_bounce"], left)
    now["soft_failures"] = now_lost - now["invalid"] - now["spam_bounce"]
    for name in ("complaints", "opens", "unsubscribes"):
        now[name] = part(emails - now_lost, rise[name], delivered)
    now["clicks"] = part(now["opens"], rise["clicks"], rise["opens"])
    return now


class Snapshot:
    """The runs that the log tells of, as they stand after everything at an instant.

    Parameters
    ----------
    ledger
        The sorted log.
    instant
        In microseconds since the Unix epoch; None for the end of the log, behind which nothing
        changes any more.

    Attributes
    ----------
    told
        How many rows of the log had been written by then.
    lines
        The line of each run that had a row by then; every array has one entry for each of them.
    """

    def __init__(self, ledger: Ledger, instant: int | None = None) -> None:
        log = ledger.log
        self.log, self.ledger = log, ledger
        end = int(log.time[-1])
        self.instant = end if instant is None else min(instant, end)
        self.told = int(log.time.searchsorted(self.instant, "right"))
        self._known = ledger.rows < self.told
        rows, lines = ledger.rows[self._known], ledger.line[self._known]
        last = np.append(lines[1:] != lines[:-1], True)[: len(lines)]
        self.after = NEVER  # whose turn was last in ``fair``, by due time; see ``under_way``
        self.lines: Ints = lines[last]
        self._last: Ints = rows[last]

    def column(self, name: str) -> NDArray[Any]:
        """Return what the latest row of each run says in a column of the log."""
        found: NDArray[Any] = self.log.columns[name][self._last]
        return found

    @cached_property
    def due(self) -> Ints:
        """When each run was due; ``NOT_YET`` if it was cancelled before."""
        return self._first(self.ledger.column("event") == Event.DUE)

    @cached_property
    def started(self) -> Ints:
        """When each run was SENDING first."""
        return self._first(self.ledger.column("status") == TaskStatus.SENDING)

    def _first(self, rows: NDArray[np.bool_]) -> Ints:
        chosen = np.flatnonzero(rows & self._known)[::-1]  # the last one assigned stays
        found: Ints = np.full(len(self.ledger), NOT_YET)
        found[self.ledger.line[chosen]] = self.log.time[self.ledger.rows[chosen]]
        return found.take(self.lines)

    @cached_property
    def finished(self) -> Ints:
        """When each run was finished."""
        return np.where(is_finished(self.column("status")), self.column("time"), NOT_YET)

    @cached_property
    def pauses(self) -> Ints:
        """How often each run was paused."""
        return self._sum((self.ledger.column("event") == Event.PAUSED).astype(np.int64))

    @cached_property
    def paused(self) -> Ints:
        """For how many microseconds each run was PAUSED."""
        ledger = self.ledger
        lasted = np.minimum(ledger.next_time, self.instant) - ledger.column("time")
        return self._sum(np.where(ledger.column("status") == TaskStatus.PAUSED, lasted, 0))

    def _sum(self, values: Ints) -> Ints:
        total = np.zeros(len(self.ledger), dtype=np.int64)
        np.add.at(total, self.ledger.line[self._known], values[self._known])
        return total.take(self.lines)

    @cached_property
    def under_way(self) -> Ints:
        """The emails of each run that were sent since its latest row.

        They follow from the rate; who sends for real may be late, and then the next row says how
        many there can be at most. Of what was only looked at now and then, nobody knows who was
        served when: there they are shared out evenly from row to row.
        """
        if self.log.is_seen:
            return self._evenly
        return np.minimum(self._by_the_rate, self._until_next)

    @cached_property
    def outcomes(self) -> dict[str, Ints]:
        """What became of each run's emails; of those under way as the next row lets expect."""
        ledger, names = self.ledger, self.log.outcomes
        if not names:
            return {}
        now = {name: self.column(name).astype(np.int64) for name in ("sent", *names)}
        if not self.under_way.any():
            return {name: now[name] for name in names}
        following, there = self._next_rows
        rows = ledger.rows[following]
        rise = {
            name: np.where(there, self.log.columns[name][rows] - before, 0)
            for name, before in now.items()
        }
        spread = spread_out(rise, self.under_way)
        return {name: now[name] + spread[name] for name in names}

    @cached_property
    def _evenly(self) -> Ints:
        lasts = self.ledger.place_of(self._last)
        begun = self.log.time[self._last]
        lasts_for = np.maximum(self.ledger.next_time[lasts] - begun, 1)
        there = (self.column("status") == TaskStatus.SENDING) & (self._until_next < UNLIMITED)
        rise = np.where(there, np.maximum(self._until_next, 0), 0)
        gone = np.minimum(self.instant - begun, lasts_for)
        share = gone / lasts_for
        risen: Ints = np.minimum((rise * share).astype(np.int64), rise)
        return risen

    @cached_property
    def _next_rows(self) -> tuple[Ints, NDArray[np.bool_]]:
        """The place of each run's next row among the ledger's rows, and whether there is one."""
        ledger = self.ledger
        place = np.flatnonzero(self._known)
        place = place[np.append(np.diff(ledger.line[place]) > 0, True)[: len(place)]] + 1
        there = place < len(ledger.rows)
        there[there] = ledger.line[place[there]] == self.lines[there]
        return np.where(there, place, 0), there

    @cached_property
    def _until_next(self) -> Ints:
        """By how much the emails of each run rise from its latest row to its next."""
        place, there = self._next_rows
        return np.where(there, self.ledger.risen[place], np.iinfo(np.int64).max)

    @cached_property
    def _by_the_rate(self) -> Ints:
        row, extra = self.told - 1, np.zeros(len(self.lines), dtype=np.int64)
        if self.told in (0, len(self.log)) or not self.ledger.sending[row]:
            return extra
        begin = int(self.ledger.busy_from[row])
        pace = Pace(self.log.plan.rate, int(self.log.time[begin]))
        if self.log.plan.discipline == "fair":
            return self._in_turns(begin, pace)
        sending = np.flatnonzero(self.column("status") == TaskStatus.SENDING)
        booked = int(self.ledger.booked[self.told] - self.ledger.booked[begin])
        extra[sending[np.argmin(self._rank[sending])]] = pace.sent_by(self.instant) - booked
        return extra

    @cached_property
    def _rank(self) -> Ints:
        """The runs' order of rule R3: due time, creation, run number."""
        rank = np.empty(len(self.lines), dtype=np.int64)
        rank[np.argsort(self.due, kind="stable")] = np.arange(len(rank))
        return rank

    def _in_turns(self, begin: int, pace: Pace) -> Ints:
        """Let the runs take turns again, from the beginning of the busy period."""
        log, size = self.log, len(self.lines)
        place = np.zeros(len(log), dtype=np.int64)
        rank_of_line = np.full(len(self.ledger), size)
        rank_of_line[self.lines] = self._rank
        place[self.ledger.rows] = rank_of_line[self.ledger.line]
        counts = Counts([UNLIMITED] * size, [0] * size, [Queue(np.zeros(0, np.intp))])
        turns, booked, begun = Fair(counts), 0, (NOT_YET, Event.DAY)
        by_day = log.plan.window == "day"
        for row in range(begin, self.told):
            event, instant, rank = log.event[row], int(log.time[row]), int(place[row])
            is_reset = event == Event.DAY or (by_day and self._is_limit(row))
            emails = pace.sent_by(instant - is_reset) - booked
            if emails > 0:
                turns.advance(emails)
                booked += emails
            # At midnight an email may come between the new limits and the restarts.
            if event in (Event.RESTARTED, Event.DAY) and begun != (instant, event):
                if event == Event.RESTARTED or by_day:
                    turns.begin()
                begun = (instant, event)
            if event in (Event.SENDING, Event.RESTARTED):
                counts.emails[rank] = int(log.sent[row])
                turns.join([rank])
            elif event in _LEFT and log.run[row] and turns.has(rank):
                turns.leave([rank])
        turns.advance(pace.sent_by(self.instant) - booked)
        turns.served()
        self.after = turns.after
        is_sending = self.column("status") == TaskStatus.SENDING
        return np.where(is_sending, counts.sent[self._rank] - self.column("sent"), 0)

    def _is_limit(self, row: int) -> bool:
        """Say whether a row tells of a new limit, or of a run that a limit of 0 pauses."""
        event, limit = self.log.event[row], self.log.limit[row]
        return bool(event == Event.LIMIT or (event == Event.PAUSED and limit == 0))
