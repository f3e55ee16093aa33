"""How the runs of many replications ended, and the numbers of their tasks that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessim.ledger import NOT_YET, Ints, is_finished
from sessim.lifecycle import Rest, TaskStatus
from sessim.plan import Plan
from sessim.quality import OUTCOMES


@dataclass(frozen=True)
class Endings:
    """How the runs of some simulations of one plan ended, as far as they happened.

    A run is told apart by one number: the runs of the simulations before its own, and its rank.

    Parameters
    ----------
    plan, size
        The plan, and how many simulations of it there are.
    runs
        Those that happened, rising.
    status, rest, over
        Of each of these its status, where its unsent emails are, and the instant of that, which
        matters where it is finished.
    requests, sent, pauses, paused
        Of each its emails, and how often and for how many microseconds it was paused.
    outcomes
        Of each what became of the emails sent: a column for each of the ``OUTCOMES``.
    skipped
        Runs that were skipped.
    called_off
        By simulation and task when its later recurrences were cancelled, or ``NOT_YET``.
    """

    plan: Plan
    size: int
    runs: Ints
    status: NDArray[Any]
    rest: NDArray[Any]
    over: Ints
    requests: Ints
    sent: Ints
    pauses: Ints
    paused: Ints
    outcomes: Ints
    skipped: Ints
    called_off: Ints

    def tasks(self) -> dict[str, Ints]:
        """Return the numbers of the tasks, as :attr:`sessim.Result.tasks` has them."""
        left = self.requests - self.sent
        numbers = {
            "requests": self.requests,
            "sent": self.sent,
            "cached": np.where(self.rest == Rest.CACHED, left, 0),
            "failed": np.where(self.rest == Rest.FAILED, left, 0),
            "cancelled": np.where(self.rest == Rest.CANCELLED, left, 0),
            "pauses": self.pauses,
            "paused": self.paused,
            **dict(zip(OUTCOMES, self.outcomes.T, strict=True)),
        }
        found = {name: self._by_task(values) for name, values in numbers.items()}
        found["status"], found["finished"] = self._endings()
        return found

    @cached_property
    def _cells(self) -> Ints:
        return self._cells_of(self.runs)

    def _cells_of(self, runs: Ints) -> Ints:
        """Return the places of runs in a row of all tasks, simulation after simulation."""
        which, rank = np.divmod(runs, len(self.plan.runs))
        return which * len(self.plan.tasks) + (self.plan.runs.task.astype(np.int64) - 1)[rank]

    def _by_task(self, values: Ints) -> Ints:
        """Sum a number of the runs by simulation and task."""
        total = np.zeros(self.size * len(self.plan.tasks), dtype=np.int64)
        np.add.at(total, self._cells, values)
        return total.reshape(self.size, -1)

    def _endings(self) -> tuple[Ints, Ints]:
        """Return the status of each task, and when it was finished."""
        number = self.plan.runs.number[self.runs % len(self.plan.runs)]
        order = np.argsort(number, kind="stable")  # of each task the earlier runs first
        cell, status, over = self._cells[order], self.status[order], self.over[order]
        called_off = self.called_off.ravel()
        is_off = called_off != NOT_YET
        to_come = self._to_come & ~is_off
        code = np.where(is_off, int(TaskStatus.CANCELLED), int(TaskStatus.TO_START))
        code[cell] = status  # of the last run
        code[to_come] = TaskStatus.TO_START
        left = np.flatnonzero(~is_finished(status))[::-1]
        code[cell[left]] = status[left]  # of the earliest run that is not finished
        latest = called_off.copy()
        latest[cell] = NOT_YET
        np.maximum.at(latest, cell, over)
        latest[cell[left]] = NOT_YET
        latest[to_come] = NOT_YET
        return code.reshape(self.size, -1), latest.reshape(self.size, -1)

    @property
    def _to_come(self) -> NDArray[np.bool_]:
        """Whether runs of a task are to come of which nothing is known yet."""
        plan, latest = self.plan, np.zeros(self.called_off.size, dtype=np.int64)
        for runs in (self.runs, self.skipped):
            number = plan.runs.number[runs % len(plan.runs)].astype(np.int64)
            np.maximum.at(latest, self._cells_of(runs), number)
        planned = np.bincount(plan.runs.task, minlength=len(plan.tasks) + 1)[1:]
        goes_on, planned = (np.tile(a, self.size) for a in (np.array(plan.goes_on), planned))
        return goes_on | (latest < planned)
