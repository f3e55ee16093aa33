"""What was seen of tasks: their counters at instants, however they came to us."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from sessim.clock import SECOND
from sessim.eventlog import EventLog
from sessim.ledger import Ints, Ledger

LATE: Final = 15 * 60 * SECOND
"""How long after it happened a counter may tell of it: the service says that there is a delay."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """The counters of runs as they were seen: one entry a run and look, in order of time.

    Attributes
    ----------
    time
        When it was seen, in microseconds since the Unix epoch.
    task, run
        Whose counters: the ids of the log, from 1.
    status
        The API's codes.
    requests, sent, cached, failed
        Emails, as they stood then.
    source
        The row of the source that says so, from 0 in the order of reading.
    """

    time: Ints
    task: Ints
    run: Ints
    status: Ints
    requests: Ints
    sent: Ints
    cached: Ints
    failed: Ints
    source: Ints

    def __len__(self) -> int:
        return len(self.time)

    def before(self, instant: int) -> Sightings:
        """Return what was seen before an instant."""
        end = int(self.time.searchsorted(instant, "left"))
        return Sightings(**{entry.name: getattr(self, entry.name)[:end] for entry in fields(self)})

    @classmethod
    def of_log(cls, log: EventLog) -> Sightings:
        """Take each row of an event log that belongs to a run for one look at it."""
        rows = np.sort(Ledger(log).rows)
        columns = {
            name: log.columns[name][rows].astype(np.int64)
            for name in ("time", "task", "run", "status", "sent", "cached", "failed")
        }
        rest = log.columns["waiting"][rows] + log.columns["cancelled"][rows]
        requests = columns["sent"] + columns["cached"] + columns["failed"] + rest
        return cls(**columns, requests=requests.astype(np.int64), source=rows)
