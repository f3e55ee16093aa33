"""A task at an instant: its run, its rows, its domain's day, and what was seen around it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sessim.clock import SECOND, format_moment
from sessim.eventlog import Event, times
from sessim.history import domain_day
from sessim.history.explanation import DayLedger
from sessim.ledger import Ledger, Snapshot
from sessim.lifecycle import FINISHED, SENDING, TaskStatus
from sessim.tables import run_numbers

if TYPE_CHECKING:
    from sessim.history.history import History

Places = np.ndarray[Any, Any]


class Case:
    """A task at an instant, and what the history knows of it.

    Parameters
    ----------
    history
        What happened.
    task
        The log's id of the task.
    instant
        In microseconds since the Unix epoch.
    """

    def __init__(self, history: History, task: int, instant: int) -> None:
        self.history, self.task, self.instant = history, task, instant
        self.log, self.plan = history.log, history.plan
        self.evidence = history.evidence
        self.ledger = Ledger(self.log)
        self.name = self.plan.tasks[task - 1].name
        self.domain = [entry.name for entry in self.plan.domains].index(
            self.plan.tasks[task - 1].domain
        )

    # --- the run ------------------------------------------------------------------------------

    @cached_property
    def now(self) -> dict[str, Any]:
        """All runs at the instant."""
        return run_numbers(Snapshot(self.ledger, self.instant))

    @cached_property
    def place(self) -> int | None:
        """Which of the runs is asked about: the task's earliest unfinished, else its last."""
        mine = np.flatnonzero(self.now["task"] == self.task)
        if not len(mine):
            return None
        over = np.isin(self.now["status"][mine], [int(status) for status in FINISHED])
        return int(mine[-1] if over.all() else mine[~over][0])

    @cached_property
    def status(self) -> int:
        """The run's status."""
        return int(TaskStatus.TO_START if self.place is None else self.now["status"][self.place])

    @cached_property
    def rows(self) -> np.ndarray[Any, Any]:
        """The run's rows in the log, in order."""
        if self.place is None:
            return np.zeros(0, dtype=np.intp)
        run = self.now["run"][self.place]
        rows: np.ndarray[Any, Any] = np.sort(
            self.ledger.rows[(self.ledger.column("task") == self.task)
                             & (self.ledger.column("run") == run)]
        )  # fmt: skip
        return rows

    @cached_property
    def last(self) -> int | None:
        """The run's latest row in the log at the instant."""
        before = self.rows[self.log.time[self.rows] <= self.instant]
        return int(before[-1]) if len(before) else None

    @cached_property
    def began(self) -> int | None:
        """The row with which the run's present state began."""
        if self.last is None:
            return None
        before = self.rows[: np.searchsorted(self.rows, self.last) + 1][::-1]
        other = np.flatnonzero(self.log.status[before] != self.status)
        return int(before[other[0] - 1] if len(other) and other[0] else before[-1])

    @property
    def exact(self) -> bool:
        """Whether every row is dated by the event itself."""
        evidence = self.evidence
        return evidence.earliest is evidence.latest or bool(
            (evidence.earliest == evidence.latest).all()
        )

    def goes_on(self) -> bool:
        """Say whether the run is not over."""
        return self.place is None or TaskStatus(self.status) not in FINISHED

    def open_rows(self) -> np.ndarray[Any, Any]:
        """Return the run's rows that may have happened before the instant or after it."""
        earliest, latest = (getattr(self.evidence, name)[self.rows] for name in
                            ("earliest", "latest"))  # fmt: skip
        return np.asarray(self.rows[(earliest <= self.instant) & (self.instant < latest)])

    def in_front(self) -> np.ndarray[Any, Any]:
        """Return the runs that share the account's rate with it, or are served before it."""
        sending = np.flatnonzero(self.now["status"] == SENDING)
        if self.plan.discipline == "fair":
            return np.asarray(sending[sending != self.place])
        key = self._key(self.place)
        return np.array([run for run in sending.tolist() if self._key(run) < key], dtype=np.intp)

    def _key(self, place: int | None) -> tuple[int, int, int]:
        due, task, run = (int(self.now[name][place]) for name in ("due", "task", "run"))
        return due, task, run

    def progress(self) -> int:
        """Return the emails sent up to the run's next row: 0 only if that took a while, else -1."""
        later = self.rows[self.log.time[self.rows] > self.instant]
        if not len(later) or self.last is None:
            return -1
        told = int(self.log.sent[later[0]]) - int(self.log.sent[self.last])
        if self.plan.discipline == "fifo" and self.exact:
            told = int(self.log.sent[later[0]]) - int(self.now["sent"][self.place])
            if told == 0:  # they may all have been sent since its latest row
                told = int(self.log.sent[later[0]]) - int(self.log.sent[self.last])
        spent = int(self.log.time[later[0]] - self.log.time[self.last])
        return told if told or spent > 2 * SECOND / self.plan.rate else -1

    @cached_property
    def day(self) -> DayLedger:
        """The ledger of the domain's day when the pause began."""
        return domain_day.day_ledger(self.ledger, self.evidence, self.task, self.paused_at)

    @property
    def paused_at(self) -> int:
        """When the run's present state began."""
        return int(self.log.time[self.began]) if self.began is not None else self.instant

    def text(self, instant: int) -> str:
        """Write an instant into a sentence."""
        local = self.plan.clock.local(instant).replace(tzinfo=None, microsecond=0)
        return format_moment(local)

    def when(self, row: int) -> str:
        """Write when a row of the log happened: the instant, or about when and in which bounds."""
        told = self.text(int(self.log.time[row]))
        if self.is_dated(row):
            return f"at {told}"
        bounds = (self.text(int(getattr(self.evidence, name)[row])) for name in
                  ("earliest", "latest"))  # fmt: skip
        return "about {} (between {} and {})".format(told, *bounds)

    def due_when(self, due: int) -> str:
        """Write when the task's first run was due by the plan, as its row in the log knows it."""
        log = self.log
        rows = np.flatnonzero((log.task == self.task) & (log.event == Event.DUE))
        return f"at {self.text(due)}" if not len(rows) else self.when(int(rows[0]))

    def is_dated(self, row: int) -> bool:
        """Say whether a row of the log is dated by the event itself."""
        return bool(self.evidence.earliest[row] == self.evidence.latest[row])

    def time(self, instant: int) -> pd.Timestamp:
        """Return an instant as a time in the plan's zone."""
        return times(np.array([instant], dtype=np.int64), self.log.timezone)[0]
