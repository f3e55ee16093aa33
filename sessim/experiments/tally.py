"""What is kept of many replications: numbers, no frames, taken from their logs side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event, EventLog
from sessim.ledger import NOT_YET, Ints, Ledger, is_finished
from sessim.lifecycle import TaskStatus
from sessim.plan import Plan

TASKS: Final = (
    "status", "requests", "sent", "cached", "failed", "cancelled", "finished", "pauses", "paused",
)  # fmt: skip
"""What is kept of each task: the API's code, emails, an instant, a number, microseconds."""

DAILY: Final = ("limit", "sent", "failed", "cached", "backlog", "dues")
"""What is kept of each domain and day: emails (no limit is -1), and how many runs were due."""

_AT_REST: Final = dict.fromkeys(DAILY, 0) | {"limit": NONE}
"""What a day says on which a replication had ended with all work done."""

_COLUMNS: Final = (
    "time", "event", "task", "run", "domain", "status", "sent", "cached", "failed", "cancelled",
    "waiting", "limit",
)  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """The numbers of some replications of one plan; the first axis of each array is theirs.

    Parameters
    ----------
    numbers
        Which replications, from 0, rising.
    ended
        The instant at which each ended: all work was done, or the simulation was over.
    tasks
        For each of :data:`TASKS` an array by replication and task.
    daily
        For each of :data:`DAILY` an array by replication, domain and day.
    days
        The local dates of the days, as ordinals: all from the plan's start on.
    """

    numbers: Ints
    ended: Ints
    tasks: Mapping[str, Ints]
    daily: Mapping[str, Ints]
    days: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, chosen: slice) -> Tally:
        """Return some of the replications."""
        return _trimmed(
            self.numbers[chosen],
            self.ended[chosen],
            {name: values[chosen] for name, values in self.tasks.items()},
            {name: values[chosen] for name, values in self.daily.items()},
            self.days,
        )

    @property
    def finished(self) -> Ints:
        """When the last task of each replication was finished; ``NOT_YET`` if one was not."""
        finished = self.tasks["finished"]
        return np.where((finished == NOT_YET).any(axis=1), NOT_YET, finished.max(axis=1))


def _trimmed(
    numbers: Ints, ended: Ints, tasks: Mapping[str, Ints], daily: Mapping[str, Ints], days: Ints
) -> Tally:
    """Make a tally without days at its end on which all replications were at rest."""
    awake = np.array([np.any(values != _AT_REST[name], (0, 1)) for name, values in daily.items()])
    last = np.flatnonzero(awake.any(axis=0)).max(initial=0) + 1
    daily = {name: values[:, :, :last] for name, values in daily.items()}
    return Tally(numbers, ended, tasks, daily, days[:last])


def joined(tallies: Sequence[Tally]) -> Tally:
    """Put tallies of one plan together, in the order of their replications."""
    days = max((tally.days for tally in tallies), key=len)
    order = np.argsort(np.concatenate([tally.numbers for tally in tallies]))

    def together(parts: Iterable[Ints]) -> Ints:
        return np.concatenate(list(parts))[order]

    return _trimmed(
        together(tally.numbers for tally in tallies),
        together(tally.ended for tally in tallies),
        {name: together(tally.tasks[name] for tally in tallies) for name in TASKS},
        {
            name: together(_longer(name, tally.daily[name], len(days)) for tally in tallies)
            for name in DAILY
        },
        days,
    )


def _longer(name: str, values: Ints, days: int) -> Ints:
    """Add days at rest.

    Only replications that were done with their work are shorter than others: the rest goes on to
    the same end.
    """
    missing = days - values.shape[-1]
    rest = np.full((*values.shape[:-1], missing), _AT_REST[name], dtype=np.int64)
    return np.concatenate([values, rest], axis=-1)


def tally(plan: Plan, logs: Sequence[EventLog], first: int) -> Tally:
    """Take the numbers from the logs of replications ``first``, ``first + 1``, ...

    The logs lie side by side as if they were one, of an account with so many times the tasks and
    domains: what is computed is computed for all of them at once.
    """
    stack = _Stack(plan, logs)
    return _trimmed(
        np.arange(first, first + len(logs)), stack.ended, stack.tasks(), stack.daily(), stack.dates
    )


class _Stack:
    """Logs side by side; a task's place is ``replication * tasks + task``, likewise a domain's."""

    def __init__(self, plan: Plan, logs: Sequence[EventLog]) -> None:
        self.plan, self.size = plan, len(logs)
        columns: dict[str, NDArray[Any]] = {
            name: np.concatenate([log.columns[name] for log in logs]) for name in _COLUMNS
        }
        which = np.repeat(np.arange(self.size), [len(log) for log in logs])
        task, domain = columns["task"], columns["domain"]
        columns["task"] = np.where(task > 0, task + which * len(plan.tasks), 0)
        columns["domain"] = np.where(domain >= 0, domain + which * len(plan.domains), NONE)
        self.ended = np.array([log.columns["time"][-1] for log in logs], dtype=np.int64)
        self.log = EventLog(columns, (), (), plan)
        self.ledger = Ledger(self.log)
        self.which = which
        self._lay_out_days()

    # --- tasks --------------------------------------------------------------------------------

    def tasks(self) -> dict[str, Ints]:
        """Return the numbers of the tasks, as :attr:`sessim.Result.tasks` has them."""
        ledger = self.ledger
        last = np.append(ledger.starts[1:], len(ledger.rows))[: len(ledger)] - 1
        task = ledger.column("task")[ledger.starts] - 1
        status, time = ledger.column("status")[last], ledger.column("time")[last]
        counts = {
            name: self._by_task(task, ledger.column(name)[last])
            for name in ("sent", "cached", "failed", "cancelled")
        }
        waiting = self._by_task(task, ledger.column("waiting")[last])
        code, finished = self._ending(task, status, time)
        found = {
            "status": code,
            "requests": waiting + sum(counts.values()),
            **counts,
            "finished": finished,
            **self._pauses(task),
        }
        shape = (self.size, len(self.plan.tasks))
        return {name: found[name].reshape(shape) for name in TASKS}

    def _by_task(self, task: Ints, values: NDArray[Any]) -> Ints:
        """Sum a number of the runs by task."""
        total = np.zeros(self.size * len(self.plan.tasks), dtype=np.int64)
        np.add.at(total, task, values.astype(np.int64))
        return total

    def _ending(self, task: Ints, status: NDArray[Any], time: Ints) -> tuple[Ints, Ints]:
        """Return the status of each task, and when it was finished."""
        size = self.size * len(self.plan.tasks)
        called_off = self._called_off()
        is_off = called_off != NOT_YET
        to_come = self._to_come() & ~is_off
        over = is_finished(status)
        unfinished = np.zeros(size, dtype=bool)
        unfinished[task[~over]] = True
        code = np.where(is_off, int(TaskStatus.CANCELLED), int(TaskStatus.TO_START))
        code[task] = status  # of the last run
        code[to_come] = TaskStatus.TO_START
        earliest = np.flatnonzero(~over)[::-1]  # what is assigned last stays
        code[task[earliest]] = status[earliest]
        latest = called_off.copy()
        latest[task] = NOT_YET
        np.maximum.at(latest, task, time)
        return code, np.where(unfinished | to_come, NOT_YET, latest)

    def _to_come(self) -> NDArray[np.bool_]:
        """Say of each task whether runs of it are to come that the log does not tell of."""
        log, plan = self.log, self.plan
        told = np.zeros(self.size * len(plan.tasks) + 1, dtype=np.int64)
        rows = np.append(
            self.ledger.rows[self.ledger.starts], np.flatnonzero(log.event == Event.SKIPPED)
        )
        np.maximum.at(told, log.task[rows], log.run[rows].astype(np.int64))
        planned = np.bincount(plan.runs.task, minlength=len(plan.tasks) + 1)[1:]
        more = np.tile(plan.goes_on, self.size)
        return more | (told[1:] < np.tile(planned, self.size))

    def _called_off(self) -> Ints:
        """Return when the later recurrences of each task were cancelled, or ``NOT_YET``."""
        log = self.log
        rows = np.flatnonzero((log.event == Event.CANCELLED) & (log.run == 0))
        found = np.full(self.size * len(self.plan.tasks) + 1, NOT_YET)
        found[log.task[rows]] = log.time[rows]
        return found[1:]

    def _pauses(self, task: Ints) -> dict[str, Ints]:
        ledger = self.ledger
        begun = ledger.column("event") == Event.PAUSED
        paused = ledger.column("status") == TaskStatus.PAUSED
        until = np.minimum(ledger.next_time, self.ended[self.which[ledger.rows]])
        lasted = np.where(paused, until - ledger.column("time"), 0)
        found = {"pauses": begun.astype(np.int64), "paused": lasted}
        if not len(task):
            return {name: self._by_task(task, values) for name, values in found.items()}
        return {
            name: self._by_task(task, np.add.reduceat(values, ledger.starts))
            for name, values in found.items()
        }

    # --- days ---------------------------------------------------------------------------------

    def _lay_out_days(self) -> None:
        """Find the local days up to the latest end; one that begins there is not part."""
        clock, plan = self.plan.clock, self.plan
        happened = self.log.time[self.log.event != Event.END]
        last = max(int(self.ended.max()) - 1, int(happened.max(initial=plan.start_instant)))
        date, dates, starts = clock.date(plan.start_instant), [], []
        while (start := clock.day_start(date)) <= last:
            following = date + dt.timedelta(days=1)
            if clock.day_start(following) > start:  # or else the zone skipped that date
                dates.append(date.toordinal())
                starts.append(start)
            date = following
        self.dates, self._starts = np.array(dates, np.int64), np.array(starts, np.int64)

    def _sums(self, rows: Ints, values: NDArray[Any]) -> Ints:
        """Sum a number over rows of the log, by domain and day."""
        log, size = self.log, len(self.dates)
        moved = np.flatnonzero(values)  # few rows change a number
        rows, values = rows[moved], values[moved].astype(np.int64)
        closing = np.isin(log.event[rows], (int(Event.DAY), int(Event.END)))  # of the day before
        day = self._starts.searchsorted(log.time[rows] - closing, "right") - 1
        total = np.zeros(self.size * len(self.plan.domains) * size, dtype=np.int64)
        np.add.at(total, log.domain[rows] * size + day, values)
        return total.reshape(self.size, len(self.plan.domains), size)

    def daily(self) -> dict[str, Ints]:
        """Return the numbers of the days, as :attr:`sessim.Result.daily` has them."""
        log, ledger = self.log, self.ledger
        tests = np.flatnonzero((log.run == 0) & (log.domain != NONE))
        rows = np.append(ledger.rows, tests)
        over = is_finished(ledger.column("status"))
        cached = ledger.column("cached").astype(np.int64)
        backlog = np.where(over, 0, cached + ledger.column("waiting"))
        due = np.flatnonzero(log.event == Event.DUE)
        return {
            "dues": self._sums(due, np.ones(len(due), dtype=np.int64)),
            "limit": self._limits(),
            "sent": self._sums(rows, np.append(ledger.risen, log.sent[tests])),
            "failed": self._sums(
                rows, np.append(ledger.rise(ledger.column("failed")), log.failed[tests])
            ),
            "cached": np.cumsum(self._sums(ledger.rows, ledger.rise(cached)), axis=2),
            "backlog": np.cumsum(self._sums(ledger.rows, ledger.rise(backlog)), axis=2),
        }

    def _limits(self) -> Ints:
        """Return the last limit of each domain on each day."""
        log, size = self.log, len(self.dates)
        rows = np.flatnonzero(log.event == Event.LIMIT)
        day = self._starts.searchsorted(log.time[rows], "right") - 1
        found = np.full(self.size * len(self.plan.domains) * size, NONE, dtype=np.int64)
        found[log.domain[rows] * size + day] = log.limit[rows]
        return found.reshape(self.size, len(self.plan.domains), size)
