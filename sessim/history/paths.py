"""How many emails of each run an event log says were sent at any instants, all at once.

What :meth:`sessim.Result.at` says of one instant exactly, this says of thousands to within an
email or two: enough to tell how far a simulation is from what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sessim.clock import SECOND
from sessim.eventlog import EventLog
from sessim.history.sightings import Sightings
from sessim.ledger import Ints, Ledger

Floats = NDArray[np.float64]


class Paths:
    """The counters of every run of a log as functions of time.

    Parameters
    ----------
    log
        The event log of a simulation.
    """

    def __init__(self, log: EventLog) -> None:
        self.log, self._ledger = log, Ledger(log)
        self._ends = np.append(self._ledger.starts[1:], len(self._ledger.rows))
        self._key = _key(
            self._ledger.column("task")[self._ledger.starts],
            self._ledger.column("run")[self._ledger.starts],
        )
        self._pace = self._progress(log.time)

    def _progress(self, time: Ints) -> Floats:
        """Return the emails that a run had sent which was never paused, up to instants.

        In turns, that is the rate shared among the runs being served; alone, time itself will do,
        as the log has a row wherever the run changes that is served.
        """
        log = self.log
        if log.plan.discipline == "fifo":
            return time.astype(np.float64)
        sharing = self._ledger.sending
        speed = np.where(sharing > 0, float(log.plan.rate) / np.maximum(sharing, 1), 0.0)
        done = np.append(0.0, np.cumsum(np.diff(log.time) / SECOND * speed[:-1]))
        row = np.clip(np.searchsorted(log.time, time, "right") - 1, 0, None)
        since = np.maximum(time - log.time[row], 0) / SECOND
        progress: Floats = done[row] + since * speed[row]
        return progress

    def at(self, seen: Sightings) -> tuple[Floats, Floats]:
        """Return the emails sent and cached of the runs that were seen, when they were seen.

        Runs that the log does not tell of have sent and cached nothing.
        """
        sent, cached = np.zeros(len(seen)), np.zeros(len(seen))
        own_pace, own_time = self._pace[self._ledger.rows], self._ledger.column("time")
        own_sent, own_cached = self._ledger.column("sent"), self._ledger.column("cached")
        progress = self._progress(seen.time)
        for places, own in self._runs(seen):
            sent[places] = np.interp(progress[places], own_pace[own], own_sent[own], left=0)
            row = own_time[own].searchsorted(seen.time[places], "right") - 1
            risen = sent[places] - own_sent[own][row]
            left = own_cached[own][row] - np.maximum(risen, 0)
            cached[places] = np.where(row < 0, 0, np.maximum(left, 0))
        return sent, cached

    def _runs(self, seen: Sightings) -> Iterator[tuple[Ints, slice]]:
        """Yield, for each run that was seen, the sightings of it and its rows in the ledger."""
        key = _key(seen.task, seen.run)
        order = np.argsort(key, kind="stable")
        runs, starts = np.unique(key[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        for run, start, end in zip(runs.tolist(), starts.tolist(), ends[: len(runs)], strict=True):
            line = int(self._key.searchsorted(run))
            if line < len(self._key) and self._key[line] == run:
                yield order[start:end], slice(int(self._ledger.starts[line]), int(self._ends[line]))


def _key(task: NDArray[np.integer], run: NDArray[np.integer]) -> Ints:
    return task.astype(np.int64) << 32 | run
