"""Results that several tests look at, simulated once."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import sessim

LAUNCH = Path(__file__).parents[1] / "notebooks" / "data" / "launch.yaml"
HOSTILE = "<img src=x onerror=alert(1)>"
ENDING = "</script></style></td><b>&amp;"


@cache
def launch() -> sessim.Result:
    """Return what comes of the example plan."""
    return sessim.simulate(sessim.Plan.from_yaml(LAUNCH), seed=1)


@cache
def many(tasks: int = 60, days: int = 90, domains: int = 3) -> sessim.Result:
    """Return what comes of a plan of many tasks, a third of them recurring every day."""
    return sessim.simulate(many_tasks(tasks, days, domains))


def many_tasks(tasks: int, days: int, domains: int) -> sessim.Plan:
    """Return a plan of many tasks, a third of each type."""
    entries = []
    for i in range(tasks):
        keys = {"sender": f"a@d{i % domains}.example.com", "requests": 1_000 + 977 * i % 50_000}
        date = f"2026-12-{1 + i % 28:02d}"
        if i % 3 == 1:
            keys["start"] = f"{date} 09:00"
        if i % 3 == 2:
            keys |= {"start": f"{date} 08:00", "every": "24h", "count": days, "requests": 4_000}
        entries.append({"name": f"Task {i}", **keys})
    names = [{"name": f"d{i}.example.com"} for i in range(domains)]
    plan = {"start": "2026-12-01", "horizon": f"{days}d", "domains": names, "tasks": entries}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sessim.SessimWarning)  # of tasks behind a near horizon
        return sessim.Plan.from_dict(plan)


@cache
def hostile() -> sessim.Result:
    """Return what comes of a plan whose texts look like markup."""
    domain = [sessim.Domain("a.example.com", warmup=[3, 20])]
    names = {"sender": "x@a.example.com", "requests": 8}
    tasks = [
        sessim.Task(HOSTILE, subject=HOSTILE, **names),
        sessim.Task(ENDING, template=ENDING, **names),
    ]
    return sessim.simulate(sessim.Plan(start="2026-12-01", domains=domain, tasks=tasks))


@cache
def nothing_due() -> sessim.Result:
    """Return what comes of a plan that ends before its only task is due."""
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("a.example.com", warmup="none")],
        tasks=[sessim.Task("Later", sender="x@a.example.com", requests=8, start="2026-12-24")],
    )
    return sessim.simulate(plan, until="2026-12-02")


@cache
def no_pause() -> sessim.Result:
    """Return what comes of a plan with one task and no limit."""
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("a.example.com", warmup="none")],
        tasks=[sessim.Task("Only", sender="x@a.example.com", requests=1_000)],
    )
    return sessim.simulate(plan)
