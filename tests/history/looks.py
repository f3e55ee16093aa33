"""Histories made of looks at a simulation, or at a hidden account: without any file."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import sessim
from sessim.clock import SECOND
from sessim.history import Evidence, History, Sightings
from sessim.ledger import Snapshot
from sessim.tables import run_numbers
from tests.history import hidden


def history_of(plan: sessim.Plan, seen: Sightings, timezone: str) -> History:
    """Make a history of a plan and what was seen of it; its log tells of the first day only."""
    start = plan.clock.local(plan.start_instant)
    log = sessim.simulate(plan, until=start + dt.timedelta(days=1)).log
    rows = np.full(len(log), -1)
    ids = range(1, len(plan.tasks) + 1)
    return History(log, Evidence(log.time, log.time, seen, rows, ids, timezone))


def of_hidden(account: hidden.Hidden, warmup: str = "none") -> History:
    """Make a history of what was seen of a hidden account."""
    tasks = [
        sessim.Task(
            f"Task {run.task}",
            sender=f"hello@{run.domain}",
            requests=run.requests,
            start=dt.datetime.fromtimestamp(run.due, hidden.START.tzinfo).replace(tzinfo=None),
        )
        for run in account.tasks
    ]
    names = sorted({run.domain for run in account.tasks})
    domains = [sessim.Domain(name, warmup=warmup) for name in names]
    plan = sessim.Plan(start="2026-12-01", domains=domains, tasks=tasks)
    rows = [
        (at * SECOND, task, 1, status, requests, sent, cached, 0)
        for at, page in account.polls
        for task, status, requests, sent, cached in page
    ]
    columns = np.array(rows, dtype=np.int64).T
    return history_of(plan, Sightings(*columns, np.arange(len(rows))), "Asia/Shanghai")


def write_polls(account: hidden.Hidden, path: Path) -> Path:
    """Write what was seen of a hidden account as answers of ``ListSendTasks``."""
    with path.open("w", encoding="utf-8") as file:
        for at, page in account.polls:
            rows = [
                {
                    "TaskId": 4000 + task,
                    "FromEmailAddress": f"News <hello@{run.domain}>",
                    "TaskType": 2,
                    "TaskStatus": status,
                    "RequestCount": requests,
                    "SendCount": sent,
                    "CacheCount": cached,
                    "Subject": f"Task {task}",
                    "TimedParam": {"BeginTime": _console(run.due)},
                }
                for (task, status, requests, sent, cached), run in zip(
                    page, account.tasks, strict=True
                )
            ]
            answer = {"TotalCount": len(rows), "Data": rows, "RequestId": "1"}
            time = dt.datetime.fromtimestamp(at, hidden.START.tzinfo).isoformat()
            file.write(json.dumps({"time": time, "Response": answer}) + "\n")
    return path


def _console(seconds: int) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, hidden.START.tzinfo):%Y-%m-%d %H:%M:%S}"


def of_simulation(plan: sessim.Plan, minutes: int, known: sessim.Plan | None = None) -> History:
    """Look at a plan's simulation every so many minutes; ``known`` is what is known of it."""
    result = sessim.simulate(plan)
    end = int(result.log.time[-1])
    looks = []
    for number, instant in enumerate(range(plan.start_instant, end, minutes * 60 * SECOND)):
        found = run_numbers(Snapshot(result._ledger, instant))
        same = np.full(len(found["task"]), instant), np.full(len(found["task"]), number)
        names = ("task", "run", "status", "requests", "sent", "cached", "failed")
        looks.append([same[0], *(found[name] for name in names), same[1]])
    columns = [np.concatenate(parts) for parts in zip(*looks, strict=True)]
    return history_of(known or replace(plan), Sightings(*columns), plan.timezone)
