"""What a plan supposes, as knobs: the same plan with one assumption scaled by a factor."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any, Final

from sessim.errors import ArgumentError, SessimWarning, shown
from sessim.plan import Domain, Plan, Task
from sessim.quality import EXCLUSIVE, Distribution, Quality, Rate
from sessim.warmup import LARGEST, Fixed, Rule, Table

Change = Callable[[Plan, float], Plan]
"""Returns the plan with an assumption scaled by a factor."""


QUALITY: Final = {
    "invalid rate": ("invalid_rate",),
    "spam bounce rate": ("spam_bounce_rate",),
    "soft failure rate": ("soft_failure_rate",),
    "complaint rate": ("complaint_rate",),
    "opens and clicks": ("open_rate", "click_rate"),
    "unsubscribe rate": ("unsubscribe_rate",),
}
"""What can be scaled of the quality, and the rates that go with it."""


def assumptions(plan: Plan) -> dict[str, Change]:
    """Return what can be scaled in a plan, by name.

    ``account rate``; ``list sizes`` (of all tasks); where limits are numbers ``daily limits``,
    and where they rise ``warm-up growth`` (the rise from each day to the next); of the quality
    rates those that are given somewhere: :data:`QUALITY`.
    """
    found: dict[str, Change] = {"account rate": _rate, "list sizes": _sizes}
    limits = [domain.limits for domain in plan.domains]
    if any(isinstance(entry, Fixed | Table | Rule) for entry in limits):
        found["daily limits"] = _limits
    if any(_grows(entry) for entry in limits):
        found["warm-up growth"] = _growth
    given = {name for quality in _qualities(plan) for name, rate in quality.given.items() if rate}
    for name, rates in QUALITY.items():
        if given.intersection(rates):
            found[name] = partial(_rates, rates)
    return found


def chosen(plan: Plan, wanted: Any) -> dict[str, Change]:
    """Return the assumptions that a user asks for: names, or a mapping of functions.

    Raises
    ------
    ArgumentError
        If the plan has none of that name, or something else was given.
    """
    known = assumptions(plan)
    if wanted is None:
        return known
    if isinstance(wanted, Mapping):
        return {name: _own(name, change) for name, change in wanted.items()}
    if not isinstance(wanted, Iterable):
        raise ArgumentError(
            f"assumptions: {shown(wanted)} are none; give names, such as {', '.join(known)}"
        )
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in known:
            raise ArgumentError(
                f"assumptions: {shown(name)} is none of this plan; known are {', '.join(known)}"
            )
    return {name: known[name] for name in names}


def _own(name: str, change: Change) -> Change:
    if not callable(change):
        raise ArgumentError(
            f"assumptions: {shown(name)}: {shown(change)} is no function; "
            "give one of the plan and a factor that returns a plan"
        )
    return change


def scaled(change: Change, plan: Plan, factor: float) -> Plan:
    """Return a plan with an assumption scaled, without being warned again of what is odd in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SessimWarning)
        return change(plan, factor)


def _times(number: int, factor: float) -> int:
    """Multiply a whole number, rounded to the nearest one; what is there stays there."""
    return min(max(round(number * Fraction(factor)), int(number > 0)), LARGEST)


def _rate(plan: Plan, factor: float) -> Plan:
    exact = plan.rate * Fraction(factor).limit_denominator(10_000)
    return dataclasses.replace(plan, rate=exact)


def _sizes(plan: Plan, factor: float) -> Plan:
    return _with_tasks(plan, lambda task: _size(task, factor))


def _size(task: Task, factor: float) -> Task:
    requests, segments = _times(task.requests or 0, factor), task.segments
    if segments is not None:
        segments = tuple(
            dataclasses.replace(part, requests=_times(part.requests, factor)) for part in segments
        )
        requests = sum(part.requests for part in segments)
    return dataclasses.replace(task, requests=requests, recipients=None, segments=segments)


def _limits(plan: Plan, factor: float) -> Plan:
    return _with_domains(plan, lambda domain: _higher(domain, factor))


def _higher(domain: Domain, factor: float) -> Any:
    match domain.limits:
        case Fixed(limit):
            return _times(limit, factor)
        case Table(numbers):
            return [_times(number, factor) for number in numbers]
        case Rule(start, growth, cap):
            return {"start": _times(start, factor), "factor": growth, "cap": _times(cap, factor)}
    return domain.warmup


def _growth(plan: Plan, factor: float) -> Plan:
    return _with_domains(plan, lambda domain: _steeper(domain, factor))


def _steeper(domain: Domain, factor: float) -> Any:
    """Scale by how much limits rise from day to day: twice 10% more a day is 20% more a day."""
    match domain.limits:
        case Table(numbers):
            grown = [float(numbers[0])]
            for before, after in pairwise(numbers):
                rise = after / before if before else 1.0
                steeper = 1 + (rise - 1) * factor if rise > 1 else rise
                grown.append(grown[-1] * steeper if before else float(after))
            return [min(round(limit), LARGEST) for limit in grown]
        case Rule(start, growth, cap):
            rise = 1 + float(growth - 1) * factor
            return {"start": start, "factor": round(rise, 6), "cap": cap}
    return domain.warmup


def _grows(limits: object) -> bool:
    match limits:
        case Table(numbers):
            return any(after > before > 0 for before, after in pairwise(numbers))
        case Rule(_, growth, _):
            return growth > 1
    return False


def _with_domains(plan: Plan, warmup: Callable[[Domain], Any]) -> Plan:
    changed = tuple(
        dataclasses.replace(domain, warmup=warmup(domain), warmup_start=plan.warmup_start(domain))
        for domain in plan.domains
    )
    return dataclasses.replace(plan, domains=changed)


def _with_tasks(plan: Plan, change: Callable[[Task], Task]) -> Plan:
    return dataclasses.replace(plan, tasks=tuple(map(change, plan.tasks)))


# --- quality --------------------------------------------------------------------------------------


def _qualities(plan: Plan) -> list[Quality]:
    """Return the rates of everybody who gives some."""
    found = [domain.quality for domain in plan.domains] + [task.quality for task in plan.tasks]
    found += [segment.quality for task in plan.tasks for segment in task.segments or ()]
    return [quality for quality in found if quality is not None]


def _rates(names: tuple[str, ...], plan: Plan, factor: float) -> Plan:
    room = {name: _room(plan, name) for name in names}

    def scaled_rates(quality: Quality) -> Quality:
        changed = {
            name: _rate_times(rate, factor, room[name])
            for name, rate in quality.given.items()
            if name in names
        }
        return dataclasses.replace(quality, **changed)

    def scale(entry: Any) -> Any:
        changes: dict[str, Any] = {}
        if entry.quality is not None:
            changes["quality"] = scaled_rates(entry.quality)
        if getattr(entry, "segments", None):
            changes["segments"] = tuple(map(scale, entry.segments))
        return dataclasses.replace(entry, **changes)

    return dataclasses.replace(
        plan, domains=tuple(map(scale, plan.domains)), tasks=tuple(map(scale, plan.tasks))
    )


def _room(plan: Plan, name: str) -> float:
    """Return how large a rate may be: of fates that exclude each other, what the others leave."""
    if name not in EXCLUSIVE:
        return 1.0
    others = [other for other in EXCLUSIVE if other != name]
    given = _qualities(plan)
    return 1.0 - sum(max(quality.mean(other) for quality in given) for other in others)


def _rate_times(rate: Rate, factor: float, most: float) -> Rate:
    """Multiply a rate, or every number of a distribution; of a beta distribution its mean."""
    if not isinstance(rate, Distribution):
        return min(rate * factor, max(most, rate))
    numbers = tuple(min(number * factor, max(most, number)) for number in rate.numbers)
    if rate.kind == "beta":
        weight = sum(rate.numbers)
        mean = min(rate.mean * factor, 0.999 * most)
        numbers = (mean * weight, (1 - mean) * weight)
    return dataclasses.replace(rate, numbers=numbers)
