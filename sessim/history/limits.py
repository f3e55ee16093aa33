"""Which daily limits a domain must have had, by what it had sent whenever it was paused."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from statistics import median

import numpy as np

from sessim.clock import Clock
from sessim.history.observed import Observed
from sessim.ledger import Ints
from sessim.plan import Domain
from sessim.warmup import Rule, Warmup, published

_MOST_DAYS = 400
_WRONG = 0.1  # of the days may be missed by a schedule: what is seen late may fall on the wrong one


@dataclass(frozen=True)
class Days:
    """What one domain sent on each of its days.

    Parameters
    ----------
    first
        The date of the first, as an ordinal.
    limit
        The limit of each day where it is known, because the domain stood still at it; else None.
    sent
        The emails of each day: no limit can have been less.
    """

    first: int
    limit: tuple[int | None, ...]
    sent: tuple[int, ...]

    @property
    def known(self) -> Mapping[int, int]:
        """The known limits by place."""
        return {place: limit for place, limit in enumerate(self.limit) if limit is not None}


def days(observed: Observed, domain: int, clock: Clock, *, is_rolling: bool) -> Days:
    """Add up what a domain sent between resets: local midnights, or when it was seen to go on."""
    begins, dates = _windows(observed, domain, clock, is_rolling=is_rolling)
    total, quiet, paused = observed.totals(begins, domain)
    sent = np.maximum(np.diff(total), 0)
    is_known = quiet[:-1] & quiet[1:] & paused[1:]
    limits: dict[int, int | None] = {}
    sums: dict[int, int] = {}
    for date, emails, known in zip(dates, sent.tolist(), is_known.tolist(), strict=True):
        limits[date] = emails if known else limits.get(date)
        sums[date] = max(emails, sums.get(date, 0))
    first, last = min(sums, default=0), max(sums, default=-1)
    span = range(first, last + 1)
    return Days(
        first, tuple(limits.get(day) for day in span), tuple(sums.get(day, 0) for day in span)
    )


def _windows(
    observed: Observed, domain: int, clock: Clock, *, is_rolling: bool
) -> tuple[Ints, list[int]]:
    """Return the instants between which a limit holds, and the date of each such window."""
    first = _first_due(observed, domain)
    if is_rolling:
        _, latest, whose = observed.returns
        opened = np.unique(latest[whose == domain])
        begins = np.concatenate(([first], opened)).astype(np.int64)
        return begins, [clock.date(int(instant)).toordinal() for instant in begins[:-1]]
    day = clock.date(first).toordinal()
    last = min(clock.date(observed.end).toordinal(), day + _MOST_DAYS)
    dates = list(range(day, last))
    starts = [clock.day_start(dt.date.fromordinal(date)) for date in (*dates, last)]
    return np.array(starts, dtype=np.int64), dates


def _first_due(observed: Observed, domain: int) -> int:
    plan = observed.plan
    name = plan.domains[domain].name
    firsts = [
        entry.first
        for task, entry in zip(plan.tasks, plan.recurrences, strict=True)
        if task.domain == name
    ]
    return min(firsts, default=plan.start_instant)


def fitted(domains: Sequence[Domain], found: Sequence[Days]) -> tuple[Domain, ...]:
    """Return domains with the plainest warm-up that explains what they sent.

    A domain's own stays if it does; then come a published schedule, a fixed number, a rule of
    growth, and last a list of numbers, which goes on growing as it did. Of a domain that never
    stood at a limit nothing is known but that it had sent so much: unless its plan says more, it
    is taken to warm up as the others do.
    """
    fits = [
        _fitted(domain, days) if days.known else None
        for domain, days in zip(domains, found, strict=True)
    ]
    named = Counter(fit.warmup for fit in fits if fit and fit.warmup in published())
    usual = named.most_common(1)[0][0] if named else "none"
    return tuple(
        fit or _assumed(domain, days, usual)
        for domain, days, fit in zip(domains, found, fits, strict=True)
    )


def _fitted(domain: Domain, found: Days) -> Domain:
    listed = replace(domain, warmup=_listed(found), warmup_start=dt.date.fromordinal(found.first))
    return next((made for made in _candidates(domain, found) if _explains(made, found)), listed)


def _assumed(domain: Domain, found: Days, usual: Warmup) -> Domain:
    """Return a domain whose limits were never seen: as its plan has it, or else as others are."""
    others = replace(domain, warmup=usual, warmup_start=None)
    order = (others, domain) if domain.warmup == "none" else (domain, others)
    fit = next((made for made in order if _explains(made, found)), None)
    return fit or replace(domain, warmup="none")


def _candidates(domain: Domain, found: Days) -> Iterator[Domain]:
    """Yield the warm-ups that may explain known limits, the likeliest first."""
    yield domain
    first = dt.date.fromordinal(found.first)
    known = found.known
    if len(set(known.values())) == 1 and len(known) > 1:
        yield replace(domain, warmup=next(iter(known.values())), warmup_start=None)
    for schedule in published().values():
        for place, limit in known.items():
            for day in _places(schedule.limits, limit):
                start = first + dt.timedelta(days=place - day)
                yield replace(domain, warmup=schedule.name, warmup_start=start)
    for rule in _rules(known):
        yield replace(domain, warmup=rule, warmup_start=first)


def _places(limits: tuple[int, ...], limit: int) -> list[int]:
    """Return on which days a schedule has a limit."""
    return [day for day, number in enumerate(limits) if number == limit]


def _rules(known: Mapping[int, int]) -> Iterator[Rule]:
    """Yield rules of growth through the first and the last known limit."""
    (early, low), (late, high) = min(known.items()), max(known.items())
    if late == early or not 0 < low < high:
        return
    factor = (high / low) ** (1 / (late - early))
    for digits in (0, 1, 2, 3):
        written = Decimal(str(round(factor, digits)))
        start = round(low / float(written) ** early)
        if written > 1 and start > 0:
            yield Rule(start, written, 10**15)


def _explains(domain: Domain, found: Days) -> bool:
    """Say whether a domain's limits agree with what it sent, but for few days."""
    on = _limits_on(domain, found.first)
    wrong = sum(on(place) != limit for place, limit in found.known.items())
    over = sum(
        (limit := on(place)) is not None and emails > limit
        for place, emails in enumerate(found.sent)
    )
    return wrong <= _WRONG * len(found.known) and over <= max(1, _WRONG * len(found.sent))


def _limits_on(domain: Domain, first: int) -> Callable[[int], int | None]:
    start = first if domain.warmup_start is None else domain.warmup_start.toordinal()
    return lambda place: domain.limits.on(place + first - start + 1)


def _listed(found: Days) -> tuple[int, ...]:
    """Return limits for each day, going on after the last at the pace of the days before."""
    numbers: list[int] = []
    for limit, emails in zip(found.limit, found.sent, strict=True):
        least = max(emails, numbers[-1] if numbers else 0)
        numbers.append(least if limit is None else limit)
    known = [numbers[place] for place in sorted(found.known)]
    ratios = [after / before for before, after in pairwise(known) if before]
    growth = max(1.0, median(ratios)) if ratios else 1.0
    last = max(found.known)
    del numbers[last + 1 :]
    for _ in range(60 if growth > 1 else 0):
        numbers.append(min(10**9, int(numbers[-1] * growth)))
    return tuple(numbers)
