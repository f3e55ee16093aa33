"""What must fit together across a plan, and what fits but is probably not meant."""

from __future__ import annotations

import datetime as dt
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sessim import schedule, warmup
from sessim.clock import Moment, SkippedHourError, format_moment
from sessim.errors import Problem, SessimWarning, nearest
from sessim.fields import address_parts
from sessim.parts import Domain, Task, TestSend
from sessim.quality import Quality
from sessim.wording import place

if TYPE_CHECKING:
    from sessim.plan import Plan

MOST_DOMAINS = 10
MOST_ADDRESSES = 10


def problems(plan: Plan) -> Iterator[Problem]:
    """Yield what is wrong with a plan whose parts are sound by themselves."""
    try:
        start = plan.start_instant
    except SkippedHourError as error:
        yield Problem("start", str(error), ("start",))
        return
    if isinstance(plan.horizon, dt.date) and plan.end_instant <= start:
        message = (
            f"{format_moment(plan.horizon)} is not after the plan's start, "
            f"{format_moment(plan.start)}; give a later one"
        )
        yield Problem("horizon", message, ("horizon",))
        return
    yield from _account_problems(plan)
    yield from _quality_problems(plan)
    found = False
    for problem in _task_problems(plan):
        found = True
        yield problem
    if not found:
        yield from _run_problems(plan)


def _account_problems(plan: Plan) -> Iterator[Problem]:
    for key, entries, most in (
        ("domains", plan.domains, MOST_DOMAINS),
        ("tasks", plan.tasks, None),
    ):
        names = Counter(entry.name for entry in entries)
        for name, times in names.items():
            if times > 1:
                yield Problem(key, f"{name!r} is given {times} times; names must differ", (key,))
        if not entries:
            yield Problem(key, "is empty; give at least one", (key,))
        if most is not None and len(entries) > most:
            yield Problem(key, f"has {len(entries)} entries; an account has at most {most}", (key,))
    if (plan.restart == "manual") != (plan.restart_at is not None):
        remedy = "give it" if plan.restart == "manual" else "leave it out, or set restart: manual"
        yield Problem("restart_at", f"belongs to restart: manual; {remedy}", ("restart_at",))
    if isinstance(plan.restart_at, tuple):
        for entry in plan.restart_at:
            yield from _too_early(plan, entry, ("restart_at",), "restart_at")


def _task_problems(plan: Plan) -> Iterator[Problem]:
    known = {domain.name for domain in plan.domains}
    groups: dict[str, Sequence[Task | TestSend]] = {
        "tasks": plan.tasks,
        "test_sends": plan.test_sends,
    }
    for key, entries in groups.items():
        for i, entry in enumerate(entries):
            at = place((key, i), {key: entries})
            if entry.domain not in known:
                hint = nearest(entry.domain, known)
                message = f"domain {entry.domain!r} is not one of the plan's domains; {hint}"
                yield Problem(f"{at}, sender", message, (key, i, "sender"))
            for field in ("start", "at", "cancel_at"):
                value = getattr(entry, field, None)
                if value is not None:
                    yield from _too_early(plan, value, (key, i, field), f"{at}, {field}")


def _quality_problems(plan: Plan) -> Iterator[Problem]:
    """Yield which reputation or rates cannot be: a task's rates go before those of its domain."""
    for i, domain in enumerate(plan.domains):
        at = place(("domains", i), {"domains": plan.domains})
        if domain.warmup != "reputation":
            if domain.level != 1:
                message = "belongs to warmup: reputation; leave it out, or set that"
                yield Problem(f"{at}, level", message, ("domains", i, "level"))
            continue
        if domain.advance == "sending":
            message = "'sending' does not go with warmup: reputation, whose days do not count"
            yield Problem(f"{at}, advance", f"{message}; leave it out", ("domains", i, "advance"))
        if plan.window == "rolling":
            message = "'rolling' does not go with warmup: reputation, which is judged by the day"
            yield Problem("window", f"{message}; set window: day", ("window",))
    rates = {domain.name: domain.quality for domain in plan.domains}
    groups: dict[str, Sequence[Domain | Task]] = {"domains": plan.domains, "tasks": plan.tasks}
    for key, entries in groups.items():
        for i, entry in enumerate(entries):
            at = place((key, i), {key: entries})
            for name, quality in _merged(entry, rates):
                if problem := quality.problem():
                    yield Problem(f"{at}, {name}", problem, (key, i, name))


def _merged(
    entry: Domain | Task, rates: Mapping[str, Quality | None]
) -> Iterator[tuple[str, Quality]]:
    """Yield the rates that hold for a domain, or for a task and each of its segments."""
    if isinstance(entry, Domain):
        yield "quality", entry.quality or Quality()
        return
    whole = (entry.quality or Quality()).over(rates.get(entry.domain))
    if entry.quality is not None:  # or else it is the domain's mistake, told there
        yield "quality", whole
    for segment in entry.segments or ():
        if segment.quality.given:
            yield "segments", segment.quality.over(whole)


def _too_early(
    plan: Plan, value: Moment, where: tuple[int | str, ...], field: str
) -> Iterator[Problem]:
    try:
        instant = plan.clock.instant(value, skipped="error" if where[-1] == "start" else "forward")
    except SkippedHourError as error:
        yield Problem(field, str(error), where)
        return
    if instant < plan.start_instant:
        message = (
            f"{format_moment(value)} is before the plan's start, "
            f"{format_moment(plan.start)}; give a later time"
        )
        yield Problem(field, message, where)


def _run_problems(plan: Plan) -> Iterator[Problem]:
    total = 0
    for i, (task, entry) in enumerate(zip(plan.tasks, plan.recurrences, strict=True)):
        at = place(("tasks", i), {"tasks": plan.tasks})
        last = plan.end_instant - 1
        if entry.until is not None:
            last = min(last, entry.until)
            if entry.until < entry.first:
                assert task.start is not None and task.until is not None
                message = (
                    f"{format_moment(task.until)} is before the task's start, "
                    f"{format_moment(task.start)}; give a later time"
                )
                yield Problem(f"{at}, until", message, ("tasks", i, "until"))
        total += entry.most(last)
        if total > schedule.MOST_RUNS:
            most = f"more than {schedule.MOST_RUNS:,} runs up to the horizon"
            message = (
                f"{task.every or 0}h makes {most}; "
                "give a count, an earlier until or horizon, or a longer interval"
            )
            yield Problem(f"{at}, every", message, ("tasks", i, "every"))
            return


def warn(plan: Plan) -> None:
    """Warn of what a plan allows but hardly means."""
    for message in (*_odd_domains(plan), *_odd_tasks(plan)):
        warnings.warn(message, SessimWarning, stacklevel=2)


def _odd_domains(plan: Plan) -> Iterator[str]:
    addresses = {(task.domain, address_parts(task.sender)[1]) for task in plan.tasks}
    for name, number in Counter(domain for domain, _ in addresses).items():
        if number > MOST_ADDRESSES:
            yield (
                f"domain {name!r} has {number} sender addresses; "
                f"the service allows {MOST_ADDRESSES}"
            )
    for domain in plan.domains:
        limits = domain.limits
        if isinstance(limits, warmup.Table) and (day := limits.first_fall()):
            fall = f"from {limits.on(day - 1)} to {limits.on(day)} on day {day}"
            yield f"{domain.name}: the warm-up falls {fall}"


def _odd_tasks(plan: Plan) -> Iterator[str]:
    for task, entry in zip(plan.tasks, plan.recurrences, strict=True):
        if entry.first >= plan.end_instant:
            end = plan.clock.local(plan.end_instant).replace(tzinfo=None)
            yield (
                f"task {task.name!r} starts at or after the horizon, {format_moment(end)}; "
                "give a later horizon, or it sends nothing"
            )
