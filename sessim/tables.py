"""The tidy tables of a result: tasks, runs, days and pauses, derived from the log alone."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.clock import HOUR
from sessim.days import outcome_columns, warmup_days
from sessim.eventlog import NONE, Event, EventLog, integers, status_words, times, words
from sessim.ledger import NOT_YET, Ints, Ledger, Snapshot, is_finished
from sessim.lifecycle import TaskStatus, TaskType
from sessim.plan import Plan

_COUNTS: Final = ("sent", "cached", "failed", "cancelled")
_RUN_COLUMNS: Final = [
    "name",
    "domain",
    "type",
    "status",
    "requests",
    "sent",
    "cached",
    "failed",
    "cancelled",
    "progress",
    "due",
    "started",
    "finished",
    "pauses",
    "paused_hours",
]
_TYPES: Final = [kind.label for kind in TaskType]


def run_numbers(snapshot: Snapshot) -> dict[str, NDArray[Any]]:
    """Return the columns of the runs that the log tells of, as numbers."""
    column, extra = snapshot.column, snapshot.under_way
    data = {name: column(name).astype(np.int64) for name in ("task", "run", "status", *_COUNTS)}
    requests = sum(data[name] for name in _COUNTS) + column("waiting")
    data["sent"] = data["sent"] + extra
    data["cached"] = data["cached"] - np.where(data["cached"] > 0, extra, 0)
    data["requests"] = np.asarray(requests, dtype=np.int64)
    for name in ("due", "started", "finished", "pauses", "paused"):
        data[name] = getattr(snapshot, name)
    data |= snapshot.outcomes
    for place in np.flatnonzero(data["due"] == NOT_YET):  # cancelled before it was due
        data["due"][place] = _first_due(snapshot.log.plan, data["task"][place])
    return data


def _first_due(plan: Plan, task: int) -> int:
    return plan.recurrences[task - 1].first


def _with_tasks_to_come(
    data: dict[str, NDArray[Any]], snapshot: Snapshot
) -> dict[str, NDArray[Any]]:
    """Add the first run of each task that the log does not tell of yet."""
    plan = snapshot.log.plan
    told = np.zeros(len(plan.tasks) + 1, dtype=bool)
    told[data["task"]] = True
    missing = np.flatnonzero(~told[1:]) + 1
    if not len(missing):
        return data
    called_off = _called_off(snapshot)[missing]
    is_off = called_off != NOT_YET  # then there is no run, and nothing was requested
    added: dict[str, Any] = {
        "task": missing,
        "run": np.ones(len(missing), dtype=np.int64),
        "status": np.where(is_off, TaskStatus.CANCELLED, TaskStatus.TO_START),
        "requests": np.where(
            is_off, 0, [plan.tasks[number - 1].requests or 0 for number in missing]
        ),
        "due": [_first_due(plan, int(number)) for number in missing],
        "started": np.full(len(missing), NOT_YET),
        "finished": called_off,
    }
    order = np.argsort(np.append(data["task"], missing), kind="stable")
    zeros = np.zeros(len(missing), dtype=np.int64)
    return {name: np.append(data[name], added.get(name, zeros))[order] for name in data}


def _called_off(snapshot: Snapshot) -> Ints:
    """Return by task id when its later recurrences were cancelled; NOT_YET if they were not."""
    log, told = snapshot.log, snapshot.told
    rows = np.flatnonzero((log.event[:told] == Event.CANCELLED) & (log.run[:told] == 0))
    found = np.full(len(log.plan.tasks) + 1, NOT_YET)
    found[log.task[rows]] = log.time[rows]
    return found


def _frame(data: dict[str, Any], log: EventLog, keys: tuple[str, ...]) -> pd.DataFrame:
    number, plan = data["task"] - 1, log.plan
    names = np.array([task.name for task in plan.tasks], dtype=object)
    domains = [domain.name for domain in plan.domains]
    domain = np.array([domains.index(task.domain) for task in plan.tasks])
    kinds = np.array(log.types) - 1
    columns: dict[str, Any] = {key: data[key] for key in keys}
    outcomes = outcome_columns(data)
    columns["name"] = pd.array(names[number], dtype="str")
    columns["domain"] = words(domain[number], domains)
    columns["type"] = words(kinds[number], _TYPES)
    columns["status"] = status_words(data["status"])
    columns["progress"] = data["sent"] / np.maximum(data["requests"], 1)
    columns["paused_hours"] = data["paused"] / HOUR
    for name in ("due", "started", "finished"):
        columns[name] = times(data[name], plan.timezone)
    for name in ("requests", *_COUNTS, "pauses"):
        columns[name] = data[name]
    ordered = {name: columns[name] for name in (*keys, *_RUN_COLUMNS)}
    return pd.DataFrame(ordered | outcomes, copy=False)


def runs(snapshot: Snapshot) -> pd.DataFrame:
    """Return one row a run, by task and run number.

    Columns ``task, run, name, domain, type, status``; ``requests, sent, cached, failed,
    cancelled`` (emails); ``progress`` (0 to 1); ``due, started, finished`` (times, or NaT);
    ``pauses`` (how many); ``paused_hours``. A task that has not begun is there with its first run,
    unless it was cancelled before it had one.

    Where the plan has quality rates, also ``delivered, invalid, spam_bounce, soft_failures,
    complaints, opens, clicks, unsubscribes`` (emails): what became of those sent.
    """
    data = _with_tasks_to_come(run_numbers(snapshot), snapshot)
    happens = data["requests"] > 0
    data = {name: values[happens] for name, values in data.items()}
    return _frame(data, snapshot.log, ("task", "run"))


def tasks(snapshot: Snapshot) -> pd.DataFrame:
    """Return one row a task, as the console's list.

    Columns as in :func:`runs` without ``run``; a task's counts are the sums over its runs that
    were due, its status that of its earliest unfinished run, else of its last.
    """
    return _frame(task_numbers(snapshot), snapshot.log, ("task",))


def task_numbers(snapshot: Snapshot) -> dict[str, NDArray[Any]]:
    """Return the columns of the tasks as numbers: statuses as codes, times as instants."""
    told = run_numbers(snapshot)
    data = _with_tasks_to_come(told, snapshot)
    counted = np.isin(data["task"], told["task"])  # the log tells of those that were due
    starts = np.flatnonzero(np.append(True, data["task"][1:] != data["task"][:-1]))
    log_outcomes = snapshot.log.outcomes
    sums = {
        name: np.add.reduceat(np.where(counted, data[name], 0), starts)
        for name in ("requests", *_COUNTS, "pauses", "paused", *log_outcomes)
    }
    status = _task_status(data, starts, snapshot)
    latest = np.maximum.reduceat(data["finished"], starts)
    late = np.iinfo(np.int64).max
    started = np.minimum.reduceat(
        np.where(data["started"] == NOT_YET, late, data["started"]), starts
    )
    return {
        **sums,
        "task": data["task"][starts],
        "status": status,
        "due": np.minimum.reduceat(data["due"], starts),
        "started": np.where(started == late, NOT_YET, started),
        "finished": np.where(is_finished(status), latest, NOT_YET),
    }


def _task_status(data: dict[str, NDArray[Any]], starts: Ints, snapshot: Snapshot) -> Ints:
    size, status = len(data["task"]), data["status"]
    unfinished = np.where(is_finished(status), size, np.arange(size))
    earliest = np.minimum.reduceat(unfinished, starts)
    last = np.append(starts[1:], size) - 1
    chosen = status[np.where(earliest == size, last, earliest)]
    plan, log = snapshot.log.plan, snapshot.log
    numbers = np.zeros(len(plan.tasks) + 1, dtype=np.int64)
    np.maximum.at(numbers, log.task[: snapshot.told], log.run[: snapshot.told])
    over = (earliest == size) & (_called_off(snapshot)[data["task"][starts]] == NOT_YET)
    for place in np.flatnonzero(over):
        number = int(data["task"][starts[place]])
        if plan.recurrences[number - 1].goes_on(plan.clock, int(numbers[number]) + 1):
            chosen[place] = TaskStatus.TO_START
    return chosen


def domains(snapshot: Snapshot) -> pd.DataFrame:
    """Return one row a domain, as its warm-up stands at an instant.

    Columns ``domain``; ``day`` (warm-up day, empty if there is none), ``limit`` (emails a day,
    empty if there is none), ``used`` (emails that count towards the limit in force, test sends
    included), ``left`` (empty without a limit); ``cached`` (emails in the cache queue),
    ``backlog`` (cached, and due but not sent); ``sending, paused`` (runs).
    """
    log, told = snapshot.log, snapshot.told
    size = len(log.domains)
    rows = np.flatnonzero(log.event[:told] == Event.LIMIT)
    latest = np.full(size, NONE)
    latest[log.domain[rows]] = rows  # the last one assigned stays
    limit = np.where(latest == NONE, NONE, log.limit[latest])
    day = np.where(latest == NONE, NONE, warmup_days(log.details)[log.detail[latest]])
    used = np.where(latest == NONE, 0, log.sent_today[latest]) + _sent_since(snapshot, latest)
    data, domain = run_numbers(snapshot), snapshot.column("domain")
    open_ = ~is_finished(data["status"])
    unsent = data["requests"] - data["sent"] - data["failed"] - data["cancelled"]
    counts = {
        "cached": np.where(open_, data["cached"], 0),
        "backlog": np.where(open_, unsent, 0),
        "sending": data["status"] == TaskStatus.SENDING,
        "paused": data["status"] == TaskStatus.PAUSED,
    }
    return pd.DataFrame(
        {
            "domain": words(np.arange(size), log.domains),
            "day": integers(day, day == NONE),
            "limit": integers(limit, limit == NONE),
            "used": used,
            "left": integers(limit - used, limit == NONE),
            **{name: _summed(domain, values, size) for name, values in counts.items()},
        },
        copy=False,
    )


def _sent_since(snapshot: Snapshot, latest: Ints) -> Ints:
    """Return the emails of each domain that were sent since a row of the log.

    The counts of all the domain's runs are exact at that row, since with a day begins a row for
    each run being served, and since in a rolling window nothing of the domain is being sent when
    it opens.
    """
    log, ledger, told = snapshot.log, snapshot.ledger, snapshot.told
    size = len(log.domains)
    runs = np.flatnonzero((ledger.rows < told) & (ledger.rows > latest[ledger.column("domain")]))
    sent = _summed(log.domain[ledger.rows[runs]], ledger.risen[runs], size)
    tests = np.flatnonzero((log.run[:told] == 0) & (log.domain[:told] != NONE))
    tests = tests[tests > latest[log.domain[tests]]]
    sent += _summed(log.domain[tests], log.sent[tests], size)
    return sent + _summed(snapshot.column("domain"), snapshot.under_way, size)


def _summed(places: NDArray[Any], values: NDArray[Any], size: int) -> Ints:
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, places, values)
    return total


def pauses(ledger: Ledger) -> pd.DataFrame:
    """Return one row a pause, by start, then task and run.

    Columns ``task, run, domain, start, end`` (NaT if it never ended), ``hours`` (up to the end
    of the log if it never ended), ``cached`` (emails in the cache queue when it began),
    ``reason``.
    """
    log = ledger.log
    rows, ends = pause_rows(ledger)
    end = np.where(ends < 0, NOT_YET, log.time[ends])
    start = log.time[rows]
    hours = (np.where(end == NOT_YET, log.time[-1], end) - start) / HOUR
    return pd.DataFrame(
        {
            "task": log.task[rows].astype(np.int64),
            "run": log.run[rows].astype(np.int64),
            "domain": words(log.domain[rows], log.domains),
            "start": times(start, log.timezone),
            "end": times(end, log.timezone),
            "hours": hours,
            "cached": log.cached[rows].astype(np.int64),
            "reason": words(log.detail[rows], log.details),
        },
        copy=False,
    )


def pause_rows(ledger: Ledger) -> tuple[Ints, Ints]:
    """Return the rows of the log with which pauses began and ended, -1 if one never ended.

    By the instant at which they began, then task and run, as in :func:`pauses`.
    """
    event, status = ledger.column("event"), ledger.column("status")
    begins = np.flatnonzero(event == Event.PAUSED)
    size = len(event)
    # the first row of the run behind a pause that is not PAUSED any more, if there is one
    other = np.where(status != TaskStatus.PAUSED, np.arange(size), size)
    following = np.minimum.accumulate(np.append(other, size)[::-1])[::-1][begins]
    ended = following < np.append(ledger.starts[1:], size)[ledger.line[begins]]
    rows = np.append(ledger.rows, NONE)
    ends = np.where(ended, rows[following], NONE)
    order = np.argsort(ledger.column("time")[begins], kind="stable")
    return rows[begins[order]], ends[order]
