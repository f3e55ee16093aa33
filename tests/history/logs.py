"""Clean logs, and ways of spoiling them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import sessim
from sessim.eventlog import Event, EventLog
from sessim.history import Evidence, History

PLAN: dict[str, Any] = {
    "start": "2026-12-01",
    "timezone": "Asia/Shanghai",
    "rate": 2,
    "horizon": "12d",
    "domains": [
        {"name": "news.example.com", "warmup": [500, 1000, 2000, 5000]},
        {"name": "shop.example.com", "warmup": 800, "warmup_start": "2026-12-01"},
    ],
    "tasks": [
        {"name": "Launch", "sender": "a@news.example.com", "requests": 1700},
        {"name": "Offer", "sender": "a@shop.example.com", "requests": 1000,
         "start": "2026-12-01 09:00"},
        {"name": "Digest", "sender": "b@news.example.com", "requests": 300,
         "start": "2026-12-01 08:00", "every": "24h", "count": 5},
        {"name": "Poll", "sender": "b@shop.example.com", "requests": 100,
         "start": "2026-12-02 08:00", "every": "12h", "count": 3, "overlap": "skip"},
        {"name": "Late", "sender": "a@news.example.com", "requests": 50,
         "start": "2026-12-05 08:00", "cancel_at": "2026-12-05 08:00:10"},
    ],
    "test_sends": [{"sender": "a@shop.example.com", "at": "2026-12-03 12:00", "recipients": 5}],
}  # fmt: skip


def simulated(**changes: Any) -> EventLog:
    """Return the clean log of the plan, with other keys if wanted."""
    return sessim.simulate(sessim.Plan.from_dict(PLAN | changes)).log


Columns = dict[str, np.ndarray[Any, Any]]


class Rows:
    """Picks rows of a log, and spoils it.

    Parameters
    ----------
    log
        A clean log; it stays as it is.
    """

    def __init__(self, log: EventLog) -> None:
        self.columns: Columns = {
            name: values.astype(np.int64, copy=True) for name, values in log.columns.items()
        }
        self.log, self.details = log, log.details

    def where(self, event: Event, task: int | None = None, **values: int) -> Any:
        """Return the places of rows by event, task and other columns."""
        chosen = self.columns["event"] == event
        if task is not None:
            chosen &= self.columns["task"] == task
        for name, value in values.items():
            chosen &= self.columns[name] == value
        return np.flatnonzero(chosen)

    def change(self, row: int, **values: int) -> None:
        """Change counts of one row: by how much."""
        for name, value in values.items():
            self.columns[name][row] += value

    def put(self, row: int, **values: int) -> None:
        """Change values of one row."""
        for name, value in values.items():
            self.columns[name][row] = value

    def move(self, rows: Any, by: int) -> None:
        """Move rows in time, by microseconds."""
        self.columns["time"][rows] += by

    def drop(self, rows: Any) -> None:
        """Take rows out."""
        self.columns = {name: np.delete(values, rows) for name, values in self.columns.items()}

    def copy_row(self, row: int, before: int) -> None:
        """Put a copy of a row before another."""
        for name, values in self.columns.items():
            self.columns[name] = np.insert(values, before, values[row])

    def swap(self, one: int, other: int) -> None:
        """Let two rows change places."""
        for values in self.columns.values():
            values[[one, other]] = values[[other, one]]

    def say(self, row: int, words: str) -> None:
        """Give a row another reason."""
        self.details = (*self.details, words)
        self.put(row, detail=len(self.details) - 1)

    def history(self) -> History:
        """Return the spoilt log as a history, every row exact."""
        log = self.log
        spoilt = EventLog(self.columns, log.domains, self.details, log.plan, log.meta)
        return History(spoilt, Evidence.exact(spoilt))


def spoilt(spoil: Callable[[Rows], None], **changes: Any) -> History:
    """Return the history of the clean log after somebody spoilt it."""
    rows = Rows(simulated(**changes))
    spoil(rows)
    return rows.history()
