"""The daily limits of domains, as their polls or a plan tell of them."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sessim.clock import Clock
from sessim.eventlog import NONE
from sessim.history.counters import UNKNOWN
from sessim.history.polls import Quota
from sessim.parts import Domain
from sessim.warmup import published

_FITTING: Final = 2
"""Different numbers that a published schedule must explain, unless it begins with its day 1."""


@dataclass(frozen=True)
class Change:
    """A limit in force from an instant on; it is known to lie between two."""

    time: int
    earliest: int
    latest: int
    limit: int


@dataclass
class Limits:
    """The limits of one domain over the days of a history.

    Attributes
    ----------
    changes
        In order; the first holds from the beginning.
    """

    changes: list[Change] = field(default_factory=list)

    def at(self, instant: int) -> int:
        """Return the limit in force at an instant; ``NONE`` if none is known."""
        change = self.change(instant)
        return NONE if change is None else change.limit

    def change(self, instant: int) -> Change | None:
        """Return the change that made the limit in force at an instant."""
        at = bisect_right(self.changes, instant, key=lambda change: change.time)
        return self.changes[at - 1] if at else None


def limits(quotas: Sequence[Quota], clock: Clock, first: int) -> Limits:
    """Turn what polls showed into limits that change where days begin, if they may have.

    A limit that was seen to have changed between two polls is taken to have changed with the last
    day that began between them, else at the poll that shows it.
    """
    found: list[Change] = []
    for quota in quotas:
        if quota.limit == UNKNOWN:
            continue
        if not found:
            found.append(Change(first, first, quota.time, quota.limit))
        elif quota.limit != found[-1].limit:
            start = clock.day_start(clock.date(quota.time))
            time = start if quota.since < start <= quota.time else quota.time
            found.append(Change(time, quota.since, quota.time, quota.limit))
    return Limits(found)


def by_date(found: Limits, clock: Clock, first: int, last: int) -> dict[dt.date, int]:
    """Return the limit with which each day of a history began."""
    date, end = clock.date(first), clock.date(last)
    dates = {}
    while date <= end:
        dates[date] = found.at(max(clock.day_start(date), first))
        date += dt.timedelta(days=1)
    return dates


def domain(name: str, dates: Mapping[dt.date, int], first_due: dt.date) -> Domain:
    """Return a domain whose warm-up explains the limits that were seen.

    A published schedule is preferred that begins with the domain's first run, then one that began
    on another date, then one number, then the list of what was seen.
    """
    known = {date: limit for date, limit in dates.items() if limit != NONE}
    if not known:
        return Domain(name, warmup="none")
    numbers = list(known.values())
    for schedule in published().values():
        days = {date: (date - first_due).days for date in known if date >= first_due}
        fits = all(_on(schedule.limits, day) == known[date] for date, day in days.items())
        telling = len(set(numbers)) >= _FITTING or known.get(first_due) == schedule.limits[0]
        if days and fits and telling:
            return Domain(name, warmup=schedule.name)
    if len(set(numbers)) == 1:
        return Domain(name, warmup=numbers[0])
    if (start := _published(known)) is not None:
        return Domain(name, warmup=start[0], warmup_start=start[1])
    return _listed(name, known, first_due)


def _on(numbers: Sequence[int], day: int) -> int:
    return numbers[min(day, len(numbers) - 1)] if day >= 0 else 0


def _published(known: Mapping[dt.date, int]) -> tuple[str, dt.date] | None:
    date, limit = next(iter(known.items()))
    for schedule in published().values():
        for place, number in enumerate(schedule.limits):
            start = date - dt.timedelta(days=place)
            if number == limit and all(
                _on(schedule.limits, (day - start).days) == seen for day, seen in known.items()
            ):
                return schedule.name, start
    return None


def _listed(name: str, known: Mapping[dt.date, int], first_due: dt.date) -> Domain:
    used = [date for date, limit in known.items() if limit > 0]
    start = min([first_due, *used[:1]])
    start = max(start, min(known))
    numbers, date, latest = [], start, 0
    while date <= max(known):
        latest = known.get(date, latest)
        numbers.append(latest)
        date += dt.timedelta(days=1)
    while len(numbers) > 1 and numbers[-1] == numbers[-2]:
        numbers.pop()
    return Domain(name, warmup=tuple(numbers), warmup_start=start)
