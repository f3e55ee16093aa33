"""What cannot be chosen: the days, what each domain and the account may send, what is booked."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from sessim.clock import SECOND, Clock
from sessim.experiments.planning.jobs import Ints, Room
from sessim.parts import Domain, Task
from sessim.plan import MOST_DOMAINS, Plan
from sessim.simulation import simulate

MOST_DAYS: Final = 366
"""How many days are looked at."""

_PLENTY: Final = 10**9  # emails a day: no limit


@dataclass(frozen=True)
class Setting:
    """Days, domains and what is booked on them.

    Parameters
    ----------
    plan
        What is booked; or a plan with one task that stands for none, whose options count.
    is_booked
        Whether its tasks are real.
    domains
        All that may send; those of the plan come first.
    dates
        The days, the first one that of the start.
    last
        The deadline's place in ``dates``.
    end
        The deadline, in microseconds since the Unix epoch.
    at
        When a day's tasks begin, a time of day.
    reserve
        The share of each daily limit that is left free.
    usable
        Names of the domains that may be planned; the others only send what is booked.
    """

    plan: Plan
    is_booked: bool
    domains: tuple[Domain, ...]
    dates: list[dt.date]
    last: int
    end: int
    at: dt.time
    reserve: Fraction
    usable: frozenset[str]

    @property
    def clock(self) -> Clock:
        """The zone's days."""
        return self.plan.clock

    @property
    def names(self) -> list[str]:
        """Names of the domains, in order."""
        return [domain.name for domain in self.domains]

    def begin(self, day: int) -> int:
        """Return when a day's tasks begin, in microseconds since the Unix epoch."""
        date = self.dates[day]
        at = self.clock.instant(dt.datetime.combine(date, self.at))
        # In a zone that skips midnight, the first instant of the date comes later.
        return max(at, self.clock.day_start(date), self.plan.start_instant)

    @cached_property
    def begins(self) -> list[int]:
        """When the tasks of each day begin."""
        return [self.begin(day) for day in range(len(self.dates))]

    @cached_property
    def _ends(self) -> list[int]:
        return [self.clock.day_start(date + dt.timedelta(days=1)) for date in self.dates]

    def is_new(self, domain: Domain) -> bool:
        """Say whether the domain's warm-up begins with what is planned."""
        return self.starts_by_itself(domain) and domain.warmup_start is None

    def starts_by_itself(self, domain: Domain) -> bool:
        """Say whether no booked task uses the domain."""
        return not (self.is_booked and any(t.domain == domain.name for t in self.plan.tasks))

    @cached_property
    def booked(self) -> Ints:
        """Emails that booked tasks and test sends will send: by domain and day."""
        used = np.zeros((len(self.domains), len(self.dates)), dtype=np.int64)
        if not self.is_booked:
            return used
        place = {name: i for i, name in enumerate(self.names)}
        days = {date: i for i, date in enumerate(self.dates)}
        daily = simulate(self.plan).daily
        for name, date, sent in zip(daily["domain"], daily["date"], daily["sent"], strict=True):
            if date.date() in days:
                used[place[name], days[date.date()]] = sent
        return used

    def room(self, first: int = 0, last: int | None = None) -> Room:
        """Return what is free if new domains begin on day ``first``.

        A deadline within a day cuts that day short; ``last`` puts it on another day.
        """
        free = self.left(first)
        account = np.maximum(self.account(last) - self.booked.sum(axis=0), 0)
        return Room(np.minimum(free, account), account)

    def left(self, first: int = 0) -> Ints:
        """Return what limits, less reserve and bookings, leave to domains that may be planned."""
        limits = self.limits(first)
        # A third has sixteen digits as a float: times a limit that is more than 64 bits hold.
        exact = limits.astype(object) * self.reserve.numerator // self.reserve.denominator
        left: Ints = np.maximum(limits - exact.astype(np.int64) - self.booked, 0)
        left[[name not in self.usable for name in self.names]] = 0
        return left

    def limits(self, first: int = 0) -> Ints:
        """Return the most emails by domain and day, bookings aside."""
        return np.array([self._limits(i, first) for i in range(len(self.domains))], dtype=np.int64)

    def _limits(self, index: int, first: int) -> list[int]:
        domain = self.domains[index]
        if domain.warmup == "reputation":
            rising = self._rising(index)
            return [0] * first + list(rising[: len(self.dates) - first])
        begin = self.warmup_start(domain, first)
        if not domain.limits.counts_days:
            found = [domain.limits.on(1)] * len(self.dates)
        elif domain.advance == "sending":
            found = self._while_sending(index, first, begin)
        else:
            found = [domain.limits.on(max(0, (date - begin).days + 1)) for date in self.dates]
        return [_PLENTY if limit is None else min(limit, _PLENTY) for limit in found]

    def _while_sending(self, index: int, first: int, begin: dt.date) -> list[int | None]:
        """Return the limits if the domain sends on every day from ``first`` on that lets it."""
        domain = self.domains[index]
        counted = max(0, (self.clock.date(self.plan.start_instant) - begin).days)
        found = []
        for day, date in enumerate(self.dates):
            limit = domain.limits.on(counted + 1) if date >= begin else 0
            found.append(limit)
            counted += limit != 0 and (day >= first or bool(self.booked[index, day]))
        return found

    def warmup_start(self, domain: Domain, first: int) -> dt.date:
        """Return the date of warm-up day 1 if what is planned begins on day ``first``."""
        if self.is_new(domain):
            return self.dates[first]
        return domain.warmup_start or self.plan.warmup_start(domain)

    def _rising(self, index: int) -> tuple[int, ...]:
        """Return what a domain may send by its reputation while it is always busy."""
        key = replace(self.domains[index], warmup_start=None)
        return _busy(self.plan, key, self.dates[0], len(self.dates))

    def account(self, last: int | None = None) -> Ints:
        """Return the most emails of each day by the account's rate.

        One less than fits into the day: an email sent as it ends counts for the next one.
        """
        ends = list(self._ends)
        last = self.last if last is None else last
        cut = self._ends[self.last] - self.end
        ends[last] -= cut
        seconds = [
            Fraction(max(0, end - begin), SECOND)
            for begin, end in zip(self.begins, ends, strict=True)
        ]
        rate = self.plan.rate
        numbers = [max(0, -int(-rate * length // 1) - 1) for length in seconds]
        return np.array(numbers, dtype=np.int64)

    def with_domains(self, more: int) -> Setting | None:
        """Return a setting with more new domains like the last one, None if they are too many."""
        if len(self.domains) + more > MOST_DOMAINS:
            return None
        model = next((d for d in reversed(self.domains) if self.is_new(d)), Domain("x.example"))
        names = [f"new-{i}.example" for i in range(1, more + 1)]
        extra = tuple(replace(model, name=name, warmup_start=None) for name in names)
        return replace(self, domains=self.domains + extra, usable=self.usable.union(names))

    def with_rate(self, rate: int) -> Setting:
        """Return a setting with another rate of the account; bookings stay as they are."""
        other = replace(self, plan=replace(self.plan, rate=Fraction(rate)))
        other.__dict__["booked"] = self.booked
        return other


@lru_cache(maxsize=64)
def _busy(plan: Plan, domain: Domain, start: dt.date, days: int) -> tuple[int, ...]:
    """Simulate one domain that always has work: what it sends on each day, as is expected."""
    options = {name: getattr(plan, name) for name in ("timezone", "levels_per_day", "window")}
    alone = Plan(
        start=start,
        rate=Fraction(1_000_000),
        outcomes="expected",
        horizon=(days, "d"),
        domains=(domain,),
        tasks=(Task("All", sender=f"a@{domain.name}", requests=days * 10_000_000),),
        **options,
    )
    daily = simulate(alone).daily
    rows = zip(daily["date"], daily["sent"], strict=True)
    by_date = {date.date(): int(sent) for date, sent in rows}
    return tuple(by_date.get(start + dt.timedelta(days=i), 0) for i in range(days))
