"""The tidy tables of a result: tasks, runs, days and pauses, derived from the log alone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.clock import HOUR
from sessim.eventlog import NONE, Event, EventLog, integers, status_words, times, words
from sessim.ledger import NOT_YET, Ints, Ledger, Snapshot, is_finished
from sessim.lifecycle import TaskStatus, TaskType
from sessim.plan import Plan
from sessim.quality import OUTCOMES

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
    outcomes = _outcomes(data)
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


def _outcomes(data: Mapping[str, Ints]) -> dict[str, Ints]:
    """Return the columns that tell what became of the emails sent; none where nobody knows."""
    if OUTCOMES[0] not in data:
        return {}
    lost = data["invalid"] + data["spam_bounce"] + data["soft_failures"]
    return {"delivered": data["sent"] - lost, **{name: data[name] for name in OUTCOMES}}


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
    day = np.where(latest == NONE, NONE, _warmup_days(log.details)[log.detail[latest]])
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


class _Days:
    """The days of a log, and sums by domain and day."""

    def __init__(self, ledger: Ledger) -> None:
        log = ledger.log
        self.ledger, self.log = ledger, log
        clock = log.plan.clock
        date, self.dates, starts = clock.date(int(log.time[0])), [], []
        happened = log.time[log.event != Event.END]
        last = max(
            log.time[-1] - 1, happened.max(initial=0)
        )  # a day that begins at the very end is not part
        while (start := clock.day_start(date)) <= last:
            following = clock.day_start(date + dt.timedelta(days=1))
            if following > start:
                self.dates.append(date)
                starts.append(start)
            date += dt.timedelta(days=1)
        self.starts = np.array(starts, dtype=np.int64)
        self.ends = np.append(self.starts[1:], log.time[-1])

    def of(self, instants: Ints) -> Ints:
        """Return the day of each instant, by its place in ``dates``."""
        return self.starts.searchsorted(instants, "right") - 1

    def of_rows(self, rows: Ints) -> Ints:
        """Return the day that rows count for: a day's first row closes the one before."""
        closing = np.isin(self.log.event[rows], (int(Event.DAY), int(Event.END)))
        return self.of(self.log.time[rows] - closing)

    def sums(self, rows: Ints, values: Ints) -> Ints:
        """Sum a number over rows of the log, by domain and day."""
        total = np.zeros((len(self.log.domains), len(self.dates)), dtype=np.int64)
        np.add.at(total, (self.log.domain[rows], self.of_rows(rows)), values)
        return total

    def levels(self, values: Ints) -> Ints:
        """Return a number of the runs, summed by domain, as it stands at the end of each day."""
        return np.cumsum(self.sums(self.ledger.rows, self.ledger.rise(values)), axis=1)

    def limit_rows(self, values: Ints) -> Ints:
        """Return what the day's last row ``limit`` of each domain says; -1 if there is none."""
        rows = np.flatnonzero(self.log.event == Event.LIMIT)
        found = np.full((len(self.log.domains), len(self.dates)), NONE, dtype=np.int64)
        found[self.log.domain[rows], self.of(self.log.time[rows])] = values[rows]
        return found

    def oldest(self) -> Ints:
        """Return since when the oldest email has been cached at the end of each day."""
        ledger, cached = self.ledger, self.ledger.column("cached")
        time, domain = ledger.column("time"), ledger.column("domain")
        entered = np.flatnonzero((cached > 0) & (ledger.rise((cached > 0).astype(int)) > 0))
        lasts = np.append(ledger.starts[1:], len(time))[ledger.line[entered]] - 1
        left = np.where(cached[lasts] > 0, len(self.dates), self.of(time[lasts]))
        entered_on, found = (
            self.of(time[entered]),
            np.full((len(self.log.domains), len(self.dates)), NOT_YET),
        )
        for i in np.argsort(-time[entered], kind="stable"):
            found[domain[entered[i]], entered_on[i] : left[i]] = time[entered[i]]
        return found


def daily(ledger: Ledger) -> pd.DataFrame:
    """Return one row a domain and day, from its first due run to the last day with work.

    Columns ``domain, date`` (local date), ``day`` (warm-up day, empty if there is none),
    ``limit`` (empty if there is none), ``sent, failed`` (emails of the day, test sends
    included), and as they stand at the end of the day ``cached, backlog`` (emails),
    ``oldest_hours`` (age of the oldest cached email) and ``utilisation`` (0 to 1, of the limit).

    Where a domain goes by its reputation, also ``level`` (at the end of the day, empty for other
    domains); where the plan has quality rates, what became of the emails sent that day, as in
    :func:`runs`: test sends count as delivered.
    """
    log, days = ledger.log, _Days(ledger)
    rows = np.append(ledger.rows, np.flatnonzero((log.run == 0) & (log.domain != NONE)))
    tests = rows[len(ledger.rows) :]
    sent = days.sums(rows, np.append(ledger.rise(ledger.column("sent")), log.sent[tests]))
    failed = days.sums(rows, np.append(ledger.rise(ledger.column("failed")), log.failed[tests]))
    status = ledger.column("status")
    unsent = ledger.column("cached") + ledger.column("waiting").astype(np.int64)
    backlog = days.levels(np.where(is_finished(status), 0, unsent))
    due = np.flatnonzero(log.event == Event.DUE)
    dues = days.sums(due, np.ones(len(due), dtype=np.int64))
    had_work = (sent + failed + dues + backlog > 0) | (np.roll(backlog, 1, axis=1) > 0)
    places = [
        (domain, day)
        for domain in range(len(log.domains))
        if dues[domain].any()
        for day in range((dues[domain] > 0).argmax(), np.flatnonzero(had_work[domain])[-1] + 1)
    ]
    domain, day = np.array(places, dtype=np.int64).reshape(-1, 2).T
    limit = days.limit_rows(log.limit)[domain, day]
    number = days.limit_rows(_warmup_days(log.details)[log.detail])[domain, day]
    oldest = days.oldest()[domain, day]
    age = (days.ends[day] - oldest) / HOUR
    sent = sent[domain, day]
    added = {
        name: days.sums(ledger.rows, ledger.rise(ledger.column(name)))[domain, day]
        for name in log.outcomes
    }
    more: dict[str, Any] = {}
    if any(entry.warmup == "reputation" for entry in log.plan.domains):
        level = days.limit_rows(levels_in(log.details)[log.detail])[domain, day]
        more["level"] = integers(level, level == NONE)
    return pd.DataFrame(
        {
            "domain": words(domain, log.domains),
            "date": np.array(days.dates, dtype="M8[D]").astype("M8[us]")[day],
            "day": integers(number, number == NONE),
            "limit": integers(limit, limit == NONE),
            "sent": sent,
            "failed": failed[domain, day],
            "cached": days.levels(ledger.column("cached"))[domain, day],
            "backlog": backlog[domain, day],
            "oldest_hours": np.where(oldest == NOT_YET, np.nan, age),
            "utilisation": np.where(limit == NONE, np.nan, sent / np.maximum(limit, 1)),
            **more,
            **_outcomes({"sent": sent, **added}),
        },
        copy=False,
    )


_LEVEL: Final = re.compile(r"level (?:\d+ to )?(\d+)|blocked at level (\d+)")


def levels_in(details: tuple[str, ...]) -> Ints:
    """Return the reputation level that each text of a row ``limit`` tells of, or -1."""
    found = (_LEVEL.match(text) for text in details)
    return np.array([int(m[1] or m[2]) if m else NONE for m in found], dtype=np.int64)


def _warmup_days(details: tuple[str, ...]) -> Ints:
    numbers = [text.removeprefix("warm-up day ") for text in details]
    return np.array([int(text) if text.isdecimal() else NONE for text in numbers], dtype=np.int64)
