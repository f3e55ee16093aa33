"""The rules that a history may have followed, and a plan made to follow them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from sessim import clock as clocks
from sessim.clock import DAY, SECOND, Clock
from sessim.history.observed import Observed
from sessim.history.sightings import LATE
from sessim.history.spans import between
from sessim.plan import Plan, Task, TestSend

_LIKELY = 0.75  # of the returns that the best reset explains
_MINUTE = 60 * SECOND
_STEP = 5 * _MINUTE
_HALF_HOUR = dt.timedelta(minutes=30)
_HOME = ("Asia/Shanghai", "UTC", "Europe/London", "Europe/Berlin", "America/New_York",
         "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney")  # fmt: skip
"""Zones by whose names people know their offsets; of others any name is as good."""


class Rules(NamedTuple):
    """One choice of the rules that the service is silent about."""

    discipline: Literal["fifo", "fair"]
    timezone: str
    window: Literal["day", "rolling"] = "day"
    restart_at: dt.time | None = None

    @property
    def reset(self) -> str:
        """The kind of reset, in words."""
        if self.window == "rolling":
            return "rolling 24 hours"
        return "midnight" if self.restart_at is None else f"by hand at {self.restart_at:%H:%M}"

    def applied(self, plan: Plan) -> Plan:
        """Return a plan that follows these rules, with every time as it was."""
        by_hand = self.restart_at is not None
        return replace(
            in_zone(plan, self.timezone),
            discipline=self.discipline,
            window=self.window,
            restart="manual" if by_hand else "auto",
            restart_at=self.restart_at,
            restart_delay=0 if by_hand else plan.restart_delay,
        )


def in_zone(plan: Plan, timezone: str) -> Plan:
    """Return a plan whose days are those of another zone, with every instant as it was."""
    if timezone == plan.timezone:
        return plan
    here, there = plan.clock, Clock(timezone)

    def moved(part: Plan | Task | TestSend) -> dict[str, Any]:
        times = {}
        for entry in fields(part):
            value = getattr(part, entry.name)
            if isinstance(value, dt.date) and entry.name != "warmup_start":
                instant = (
                    here.end_instant(value) - 1 if entry.name == "until" else here.instant(value)
                )
                times[entry.name] = there.local(instant).replace(tzinfo=None)
        return times

    return replace(
        plan,
        timezone=timezone,
        tasks=tuple(replace(task, **moved(task)) for task in plan.tasks),
        test_sends=tuple(replace(test, **moved(test)) for test in plan.test_sends),
        **moved(plan),
    )


def candidates(observed: Observed) -> Iterator[Rules]:
    """Yield the rules that a history may have followed, given when paused runs went on."""
    plan = observed.plan
    by_hand = _times_of_return(observed)
    for discipline in ("fifo", "fair"):
        for timezone in _zones(observed):
            yield Rules(discipline, timezone)
        if len(observed.returns[0]):
            yield Rules(discipline, plan.timezone, "rolling")
        for time in by_hand:
            yield Rules(discipline, plan.timezone, "day", time)


def seen_late(observed: Observed, clock: Clock) -> bool:
    """Say whether most paused runs were seen PAUSED still when their day had begun."""
    earliest, latest, _ = observed.returns
    starts = np.array([clock.day_start(clock.date(at)) for at in latest.tolist()], dtype=np.int64)
    return len(latest) > 0 and bool((earliest > starts).mean() >= _LIKELY)


def _zones(observed: Observed) -> list[str]:
    """Return the zones at whose midnights the paused runs went on, the plan's own first."""
    plan = observed.plan
    begin = plan.start_instant
    known = _zones_by_offset(plan.timezone, begin, observed.end)
    explained = {zone: _explained(observed, Clock(zone)) for zone in known}
    enough = max(explained.values()) * _LIKELY
    return [zone for zone in known if explained[zone] >= enough]


def _explained(observed: Observed, clock: Clock) -> int:
    """Return how many of the returns had a local midnight between the looks around them."""
    earliest, latest, _ = observed.returns
    days = range(
        clock.date(observed.plan.start_instant).toordinal(),
        clock.date(observed.end).toordinal() + 2,
    )
    starts = np.array([clock.day_start(dt.date.fromordinal(day)) for day in days])
    return int(between(starts, earliest - LATE, latest).sum())


@lru_cache(maxsize=16)
def _zones_by_offset(own: str, begin: int, end: int) -> tuple[str, ...]:
    """Return one zone for each course of the clock between two instants, the plan's own first."""
    by_hour = (f"Etc/GMT{hours:+d}" for hours in range(-14, 13) if hours)
    found: dict[tuple[dt.timedelta | None, ...], str] = {}
    for name in (own, *_HOME, *by_hour, *clocks.zones()):
        clock = Clock(name)
        course = (clock.local(begin).utcoffset(), clock.local(end).utcoffset())
        # Quarters of an hour are three small places: they would only win by accident.
        if name == own or not any(offset and offset % _HALF_HOUR for offset in course):
            found.setdefault(course, name)
    return tuple(found.values())


def _times_of_return(observed: Observed) -> list[dt.time]:
    """Return the wall-clock times at which paused runs may have gone on, day after day.

    The roundest that agree with what was seen. Midnight is none of them, nor are the minutes after
    it: that is when the limits begin anew by themselves, and late counters tell of it.
    """
    earliest, latest, _ = observed.returns
    if len(latest) < 2:
        return []
    clock = observed.plan.clock
    ends = np.array([at - clock.day_start(clock.date(at)) for at in latest.tolist()])
    begins = ends - (latest - earliest)
    grid = np.arange(0, DAY, _STEP)
    agreed = ((begins[:, None] - LATE <= grid) & (grid <= ends[:, None])).sum(axis=0)
    at_midnight = agreed[grid <= LATE].max() == agreed.max()
    if agreed.max() < _LIKELY * len(latest) or at_midnight:
        return []
    minutes = grid[agreed == agreed.max()] // _MINUTE
    roundest = next(step for step in (60, 30, 15, 5) if (minutes % step == 0).any())
    return [dt.time(*divmod(int(at), 60)) for at in minutes[minutes % roundest == 0]]
