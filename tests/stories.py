"""Small plans for tests, and what became of them as text that a pencil can check.

Plans are in UTC and send one email a second unless they say otherwise; their tasks are called A, B,
C... A story has a line for each change of a run's status: when, which run, what, how many emails
of how many are sent. ``01 00:00:02`` is the first of December 2026, two seconds after midnight.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

import sessim
from sessim.eventlog import Event, EventLog

NEWS = "news.example.com"
SHOP = "shop.example.org"

CHANGES = (
    *(Event.SENDING, Event.PAUSED, Event.RESTARTED, Event.REFUSED),
    *(Event.SENT, Event.CANCELLED, Event.SKIPPED),
)


def task(requests: int, domain: str = NEWS, **keys: Any) -> dict[str, Any]:
    """Return a task as it stands in a plan file; it has no name yet."""
    return {"sender": f"hello@{domain}", "requests": requests, **keys}


def plan_of(*tasks: dict[str, Any], warmup: Any = "none", **keys: Any) -> sessim.Plan:
    """Build a plan; ``warmup_start`` and ``advance`` among the keys are the first domain's."""
    news = {"name": NEWS, "warmup": warmup}
    for key in ("warmup_start", "advance"):
        if key in keys:
            news[key] = keys.pop(key)
    named = [{"name": name, **spec} for name, spec in zip("ABCDEFGH", tasks, strict=False)]
    defaults = {"start": "2026-12-01", "timezone": "UTC", "rate": 1, "horizon": "2026-12-20"}
    domains = [news, *keys.pop("more_domains", [])]
    return sessim.Plan.from_dict({**defaults, "domains": domains, "tasks": named, **keys})


def simulated(*tasks: dict[str, Any], **keys: Any) -> sessim.Result:
    """Build a plan as :func:`plan_of` does, and simulate it."""
    return sessim.simulate(plan_of(*tasks, **keys))


def microseconds(text: str, zone: str = "UTC") -> int:
    """Return the instant of a local time, in microseconds since the Unix epoch."""
    local = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (local - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def lines(text: str) -> list[str]:
    """Return the lines of a story, however they are spaced."""
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def clock_text(log: EventLog, row: int) -> str:
    """Return when a row of a log was: day and time, with a fraction where there is one."""
    local = log.plan.clock.local(int(log.time[row])).replace(tzinfo=None)
    return f"{local:%d} {local.time().isoformat()}"


def run_name(log: EventLog, row: int) -> str:
    """Return which run a row of a log tells of: A, or A.2 of a recurring task."""
    entry = log.plan.tasks[int(log.task[row]) - 1]
    return f"{entry.name}.{log.run[row]}" if entry.every and log.run[row] else entry.name


def story(result: sessim.Result, events: tuple[Event, ...] = CHANGES) -> list[str]:
    """Return a line for each change of a run's status, in order."""
    log = result.log
    told = []
    for row in np.flatnonzero(np.isin(log.event, events) & (log.task > 0)):
        requests = log.plan.tasks[int(log.task[row]) - 1].requests
        word = Event(log.event[row]).label
        told.append(
            f"{clock_text(log, row)} {run_name(log, row)} {word} {log.sent[row]}/{requests}"
        )
    return told


def log_bytes(log: EventLog) -> bytes:
    """Return what a log is as a Parquet file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "events.parquet")
        log.write(file)
        return file.read_bytes()


def instants_of(log: EventLog) -> st.SearchStrategy[int]:
    """Return a strategy for instants from the plan's start on: at changes, beside and between."""
    start, end = log.plan.start_instant, int(log.time[-1])
    near = st.sampled_from(log.time.tolist()).flatmap(
        lambda time: st.sampled_from([max(start, time - 1), time, time + 1])
    )
    return near | st.integers(start, end + 1_000_000)
