"""Histories whose rules nobody is told: a simulator that goes minute by minute, and a poller.

It shares no code with the package. Its account is as unsteady as a real one: the rate changes
from block to block, there are outages, polls are missing and counters are late.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

MINUTE = 60
START = dt.datetime(2026, 12, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
ZONES = ["Asia/Shanghai", "UTC", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Europe/Berlin"]
DOMAINS = ["news.example.com", "shop.example.org", "mail.example.net"]
STANDARD = [500, 1000, 2000, 5000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 150_000,
            200_000, 300_000]  # fmt: skip


@dataclass
class Run:
    """One run, and where it stands."""

    task: int
    domain: str
    due: int
    requests: int
    sent: int = 0
    status: int = 1
    cached: int = 0


@dataclass
class Hidden:
    """What is hidden, and what was seen: (time, task, status, requests, sent, cached)."""

    discipline: str
    zone: str
    rate: float
    limits: dict[str, list[int]]
    tasks: list[Run] = field(default_factory=list)
    polls: list[tuple[int, list[tuple[int, int, int, int, int]]]] = field(default_factory=list)


def history(
    seed: int, *, discipline: str, zone: str, days: int = 12, poll: int = 15, noise: bool = True
) -> Hidden:
    """Simulate an account with hidden rules for some days, and poll it every ``poll`` minutes."""
    dice = random.Random(seed)
    hidden = Hidden(discipline, zone, dice.choice([2.0, 3.0, 5.0]), {})
    for domain in DOMAINS:
        shift = dice.randrange(0, 3)
        hidden.limits[domain] = STANDARD[shift:]
    start = int(START.timestamp())
    for task in range(1, 15):
        due = start + dice.randrange(0, (days - 1) * 24) * 3600 * (task > 3)
        requests = dice.randrange(4, 120) * 500
        hidden.tasks.append(Run(task, dice.choice(DOMAINS), due, requests))
    _go(hidden, dice, start, days, poll, noise)
    return hidden


def _go(hidden: Hidden, dice: random.Random, start: int, days: int, poll: int, noise: bool) -> None:
    zone = ZoneInfo(hidden.zone)
    first_day = {
        domain: min(dt.datetime.fromtimestamp(run.due, zone).date() for run in runs)
        for domain in DOMAINS
        if (runs := [run for run in hidden.tasks if run.domain == domain])
    }
    used = dict.fromkeys(DOMAINS, 0)
    order = sorted(hidden.tasks, key=lambda run: (run.due, run.task))
    today, factor, rest, turn = None, 1.0, 0.0, 0
    past: list[list[tuple[int, int, int, int, int]]] = []
    for minute in range(days * 24 * 60):
        now = start + minute * MINUTE
        date = dt.datetime.fromtimestamp(now, zone).date()
        limit = {
            domain: hidden.limits[domain][min((date - first).days, 9)] if date >= first else 0
            for domain, first in first_day.items()
        }
        if date != today:
            used, today = dict.fromkeys(DOMAINS, 0), date
            for run in order:
                if run.status == 6 and limit[run.domain]:
                    run.status = 5
        for run in order:
            if run.status == 1 and run.due <= now:
                run.status = 5
        if minute % 180 == 0 and noise:
            factor = 0.0 if dice.random() < 0.03 else dice.uniform(0.6, 1.1)
        _close(order, used, limit)
        rest += hidden.rate * MINUTE * factor
        room, rest = int(rest), rest % 1
        turn = _minute(order, used, limit, room, hidden.discipline, turn)
        _close(order, used, limit)
        past.append([(r.task, r.status, r.requests, r.sent, r.cached) for r in hidden.tasks])
        if minute % poll == 0 and not (noise and dice.random() < 0.1):
            late = dice.randrange(0, 11) if noise else 0
            hidden.polls.append((now + MINUTE - 1, past[max(0, minute - late)]))


def _close(order: list[Run], used: dict[str, int], limit: dict[str, int]) -> None:
    for run in order:
        if run.status == 5 and run.sent == run.requests:
            run.status, run.cached = 10, 0
        elif run.status == 5 and used[run.domain] >= limit[run.domain]:
            run.status, run.cached = 6, run.requests - run.sent


def _minute(
    order: list[Run],
    used: dict[str, int],
    limit: dict[str, int],
    room: int,
    discipline: str,
    turn: int,
) -> int:
    """Send the emails of one minute."""
    while room > 0:
        sending = [r for r in order if r.status == 5]
        if not sending:
            return turn
        if discipline == "fifo":
            run, most = sending[0], room
        else:
            run, most = sending[turn % len(sending)], max(1, room // (4 * len(sending)))
            turn += 1
        most = min(most, run.requests - run.sent, limit[run.domain] - used[run.domain])
        run.sent += most
        run.cached = max(0, run.cached - most)
        used[run.domain] += most
        room -= most
        _close(order, used, limit)
    return turn


def write(hidden: Hidden, path: Path) -> Path:
    """Write the polls as a poller keeps the answers of ``ListSendTasks``, one a line."""
    tasks = {run.task: run for run in hidden.tasks}
    with path.open("w") as file:
        for at, page in hidden.polls:
            rows = [_row(tasks[row[0]], row) for row in page]
            answer = {"TotalCount": len(rows), "Data": rows, "RequestId": "r"}
            print(json.dumps({"time": f"{_wall(at)}+08:00", "Response": answer}), file=file)
    return path


def _row(run: Run, row: tuple[int, int, int, int, int]) -> dict[str, object]:
    names = ("TaskId", "TaskStatus", "RequestCount", "SendCount", "CacheCount")
    return {
        **dict(zip(names, row, strict=True)),
        "FromEmailAddress": f"hello@{run.domain}",
        "TaskType": 2,
        "CreateTime": f"{START:%Y-%m-%d %H:%M:%S}",
        "Subject": f"Task {run.task}",
        "TimedParam": {"BeginTime": _wall(run.due)},
    }


def _wall(time: int) -> str:
    return f"{dt.datetime.fromtimestamp(time, START.tzinfo):%Y-%m-%d %H:%M:%S}"
