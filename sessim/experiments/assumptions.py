"""What a plan supposes, as knobs: the same plan with one assumption scaled by a factor."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

from sessim.errors import ArgumentError, SessimWarning, shown
from sessim.plan import Domain, Plan, Task
from sessim.warmup import LARGEST, Fixed, Rule, Table

Change = Callable[[Plan, float], Plan]
"""Returns the plan with an assumption scaled by a factor."""


def assumptions(plan: Plan) -> dict[str, Change]:
    """Return what can be scaled in a plan, by name.

    ``account rate``; ``list sizes`` (of all tasks); where limits are numbers ``daily limits``,
    and where they rise ``warm-up growth`` (the rise from each day to the next).
    """
    found: dict[str, Change] = {"account rate": _rate, "list sizes": _sizes}
    limits = [domain.limits for domain in plan.domains]
    if any(isinstance(entry, Fixed | Table | Rule) for entry in limits):
        found["daily limits"] = _limits
    if any(_grows(entry) for entry in limits):
        found["warm-up growth"] = _growth
    return found


def chosen(plan: Plan, wanted: Any) -> dict[str, Change]:
    """Return the assumptions that a user asks for: names, or a mapping of functions.

    Raises
    ------
    ArgumentError
        If the plan has none of that name.
    """
    known = assumptions(plan)
    if wanted is None:
        return known
    if isinstance(wanted, Mapping):
        return dict(wanted)
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in known:
            raise ArgumentError(
                f"assumptions: {shown(name)} is none of this plan; known are {', '.join(known)}"
            )
    return {name: known[name] for name in names}


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
    return dataclasses.replace(task, requests=_times(task.requests or 0, factor), recipients=None)


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
