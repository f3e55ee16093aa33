"""The arguments of ``plan_for``, read and checked: what becomes a :class:`Setting`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import nan
from typing import Any

from sessim.clock import Clock, moment, time_of_day
from sessim.errors import ArgumentError, nearest, shown
from sessim.experiments.planning.setting import MOST_DAYS, Setting
from sessim.parts import Domain, Task
from sessim.plan import MOST_DOMAINS, Plan


def setting(
    *,
    by: object,
    domains: Iterable[Domain | str | Mapping[str, Any]] | None,
    start: object,
    booked: Plan | None,
    timezone: object,
    rate: object,
    at: object,
    reserve: float,
) -> Setting:
    """Read the arguments of :func:`sessim.plan_for`; see there.

    Raises
    ------
    ArgumentError
        If one cannot be used.
    """
    if not isinstance(booked, Plan | None):
        raise ArgumentError(f"booked: {shown(booked)} is no plan; give a sessim.Plan")
    known, usable = _domains(domains, booked)
    plan = _plan(booked, known, start, timezone, rate)
    first = _first_date(plan, start)
    dates = _dates(plan, first)
    last, end = _deadline(plan, by, dates)
    try:
        begin = time_of_day(at)
    except ValueError as error:
        raise ArgumentError(f"at: {error}") from None
    if not 0 <= number(reserve) < 1:
        raise ArgumentError(f"reserve: {shown(reserve)} is no share; give 0.1, say, for a tenth")
    return Setting(
        plan, booked is not None, known, dates, last, end, begin, Fraction(str(reserve)), usable
    )


def number(value: object) -> float:
    """Return a number as a float, NaN for what is none: it is neither above nor below another."""
    if isinstance(value, bool | str | bytes):
        return nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return nan


def _domains(
    domains: Iterable[Domain | str | Mapping[str, Any]] | None, booked: Plan | None
) -> tuple[tuple[Domain, ...], frozenset[str]]:
    """Return all domains, those of the booked plan first, and the names of the usable ones."""
    own = {} if booked is None else {domain.name: domain for domain in booked.domains}
    if domains is None:
        if not own:
            raise ArgumentError("domains: are missing; give at least one sessim.Domain")
        return tuple(own.values()), frozenset(own)
    if isinstance(domains, Domain | str | Mapping):
        domains = [domains]
    if not isinstance(domains, Iterable):
        raise ArgumentError(f"domains: {shown(domains)} are none; give a list of sessim.Domain")
    found = dict(own)
    usable: list[str] = []
    for entry in domains:
        domain = _domain(entry, own)
        if domain.name in usable:
            raise ArgumentError(f"domains: {domain.name!r} is given twice; names must differ")
        usable.append(domain.name)
        if domain != found.setdefault(domain.name, domain):
            raise ArgumentError(
                f"domains: {domain.name!r} differs from the booked plan's; name it as a text"
            )
    if not usable:
        raise ArgumentError("domains: is empty; give at least one sessim.Domain")
    if len(found) > MOST_DOMAINS:
        raise ArgumentError(
            f"domains: {len(found)} with those booked; an account has at most {MOST_DOMAINS}"
        )
    return tuple(found.values()), frozenset(usable)


def _domain(entry: object, own: Mapping[str, Domain]) -> Domain:
    if isinstance(entry, Domain):
        return entry
    if isinstance(entry, Mapping):
        return Domain(**entry)
    if isinstance(entry, str):
        if entry in own:
            return own[entry]
        if own:
            raise ArgumentError(
                f"domains: {entry!r} is unknown to the booked plan; {nearest(entry, own)}, "
                "or give a sessim.Domain"
            )
        return Domain(entry)
    raise ArgumentError(f"domains: {shown(entry)} is no domain; give a sessim.Domain")


def _plan(
    booked: Plan | None,
    domains: Sequence[Domain],
    start: object,
    timezone: object,
    rate: object,
) -> Plan:
    """Return the booked plan, or one whose only task stands for none."""
    if booked is not None:
        for key, value in (("timezone", timezone), ("rate", rate)):
            if value is not None:
                raise ArgumentError(f"{key}: is that of the booked plan; leave it out")
        if booked.window == "rolling":
            raise ArgumentError(
                "booked: its window is rolling, and deadlines are planned by days; set window: day"
            )
        return booked
    options: dict[str, Any] = {}
    if timezone is not None:
        options["timezone"] = timezone
    if rate is not None:
        options["rate"] = rate
    try:
        if not isinstance(timezone, str | None):
            raise ValueError(f"{shown(timezone)} is not a time zone; write one as Asia/Shanghai")
        today = dt.datetime.now(Clock(timezone or "Asia/Shanghai").zone).date()
    except ValueError as error:
        raise ArgumentError(f"timezone: {error}") from None
    stand_in = Task("none", sender=f"none@{domains[0].name}", requests=1)
    first = today if start is None else start
    return Plan(start=first, domains=tuple(domains), tasks=(stand_in,), **options)  # type: ignore[arg-type]


def _first_date(plan: Plan, start: object) -> dt.date:
    earliest = plan.clock.date(plan.start_instant)
    if start is None:
        return earliest
    try:
        first = plan.clock.date(plan.clock.instant(moment(start)))
    except ValueError as error:
        raise ArgumentError(f"start: {error}") from None
    if first < earliest:
        raise ArgumentError(
            f"start: {shown(start)} is before the booked plan's, {earliest}; give a later one"
        )
    return first


def _dates(plan: Plan, first: dt.date) -> list[dt.date]:
    """Return the days from the first on that end before the plan's horizon does."""
    clock = plan.clock
    days = (first + dt.timedelta(days=i) for i in range(MOST_DAYS))
    found = [d for d in days if clock.day_start(d + dt.timedelta(days=1)) <= plan.end_instant]
    if not found:
        raise ArgumentError(f"start: {first} is behind the booked plan's horizon; give an earlier")
    return found


def _deadline(plan: Plan, by: object, dates: list[dt.date]) -> tuple[int, int]:
    try:
        end = plan.clock.end_instant(moment(by))
    except ValueError as error:
        raise ArgumentError(f"by: {error}") from None
    day = plan.clock.date(end - 1)
    if day < dates[0] or end <= plan.start_instant:
        raise ArgumentError(f"by: {by} is before the start, {dates[0]}; give a later date")
    if day > dates[-1]:
        raise ArgumentError(f"by: {by} is after {dates[-1]}, the last day planned; give an earlier")
    return (day - dates[0]).days, end
