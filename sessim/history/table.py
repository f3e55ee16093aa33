"""The looks of all runs side by side, and how fast the account sent by them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sessim.clock import Clock
from sessim.eventlog import NONE
from sessim.history.looks import Run
from sessim.history.tempo import Tempo
from sessim.history.turns import takes_turns
from sessim.lifecycle import PAUSED, SENDING

Ints = NDArray[np.int64]


@dataclass
class Table:
    """The looks of all runs, by run and time: one entry a look in each array.

    Attributes
    ----------
    run
        The run's place in rule R3's order.
    time, status, sent, cached
        As seen.
    since
        When the run had been seen before, or when it was due.
    emails
        By how much ``sent`` had risen since.
    """

    run: Ints
    time: Ints
    status: Ints
    sent: Ints
    cached: Ints
    since: Ints
    emails: Ints

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Table:
        """Lay the looks of runs behind each other."""
        sizes = [len(run.seen["time"]) for run in runs]
        run = np.repeat(np.arange(len(runs)), sizes)
        time, status, sent, cached = (
            np.array([value for entry in runs for value in entry.seen[name]], dtype=np.int64)
            for name in ("time", "status", "sent", "cached")
        )
        first = np.append(True, run[1:] != run[:-1])[: len(run)]
        since, before = np.roll(time, 1), np.roll(sent, 1)
        due = np.array([entry.due for entry in runs], dtype=np.int64)
        since = np.where(first, due[run], since) if len(run) else time
        before[first] = 0
        return cls(run, time, status, sent, cached, np.minimum(since, time), sent - before)

    @cached_property
    def before(self) -> Ints:
        """The status at the look before, ``NONE`` at a run's first."""
        return self._look_before(self.status)

    @property
    def takes_turns(self) -> bool:
        """Whether runs sent side by side, as in ``fair``, and not one after the other."""
        return takes_turns(self)

    @cached_property
    def paused(self) -> NDArray[np.bool_]:
        """Which looks show a run SENDING that was PAUSED since the look before, and restarted."""
        grew = (self.cached > 0) & (self._look_before(self.cached) <= 0)
        was_sending = (self.before == SENDING) | ((self.before == NONE) & (self.emails > 0))
        return np.asarray((self.status == SENDING) & was_sending & grew)

    @property
    def restarted(self) -> NDArray[np.bool_]:
        """Which looks show a run that was PAUSED at the look before, and is not any more."""
        return np.asarray((self.before == PAUSED) & (self.status != PAUSED))

    def _look_before(self, values: Ints) -> Ints:
        """Return what stood in a column at the run's look before, ``NONE`` at its first."""
        found = np.roll(values, 1)
        found[np.append(True, self.run[1:] != self.run[:-1])[: len(found)]] = NONE
        return found


def tempo(
    table: Table, runs: Sequence[Run], polls: Ints, clock: Clock, rate: Fraction | None,
    restarts: Sequence[int] = (),
) -> Tempo:  # fmt: skip
    """Learn from all looks how fast the account sent."""
    times = np.unique(np.append(polls, table.time))
    order = np.argsort(table.time, kind="stable")
    seen = table.time[order]
    totals = np.append(0, np.cumsum(table.emails[order]))[seen.searchsorted(times, "right")]
    change = (table.status == SENDING).astype(np.int64) - (table.before == SENDING)
    sending = np.append(0, np.cumsum(change[order]))[seen.searchsorted(times, "right")]
    paused = np.bincount(times.searchsorted(table.time[table.paused]), minlength=len(times))
    stopped = (paused > 0) & (paused >= np.append(0, sending)[:-1])  # all that were sending
    restarted = (table.before == PAUSED) & (table.status == SENDING) & (table.emails == 0)
    begins = set(table.time[restarted].tolist())  # by hand, at the very time of the poll
    begins |= {run.due for run in runs if run.due_earliest == run.due_latest and _began(run)}
    if len(times):
        begins |= set(midnights(clock, int(times[0]), int(times[-1]))) | set(restarts)
    return Tempo(times, totals, sending > 0, sorted(begins), rate, stopped=stopped)


def _began(run: Run) -> bool:
    """Say whether a run may have begun to send when it was due, and was not cached at once."""
    return run.seen["sent"][0] > 0 or run.seen["cached"][0] == 0


def midnights(clock: Clock, first: int, last: int) -> list[int]:
    """Return the instants in a span at which days begin."""
    date = clock.date(first)
    found: list[int] = []
    while (start := clock.day_start(date)) <= last:
        if start >= first and start not in found[-1:]:
            found.append(start)
        date += dt.timedelta(days=1)
    return found
