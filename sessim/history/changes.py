"""A plan with changes from an instant on, as far as what happened before allows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from sessim.clock import format_moment
from sessim.comparison import ComparisonError, with_warmup
from sessim.errors import ArgumentError, PlanError, nearest
from sessim.eventlog import EventLog
from sessim.history.cut import until
from sessim.ledger import Ledger, Snapshot
from sessim.plan import Domain, Plan, Task
from sessim.tables import run_numbers

OWN: Final = ("warmup", "move", "requests", "without", "add_tasks", "add_domains")
"""The changes that are not keys of a plan."""

_KEYS: Final = (
    "rate", "discipline", "restart", "restart_at", "restart_delay", "resume_on_raise", "horizon",
    "levels_per_day",
)  # fmt: skip
"""The keys of a plan that may change while it is under way."""


def changed(plan: Plan, log: EventLog, instant: int, changes: Mapping[str, Any]) -> Plan:
    """Return the plan with changes from an instant on.

    Parameters
    ----------
    plan
        The plan of the log.
    log
        What happened.
    instant
        From then on; what was due before stays.
    changes
        As in :meth:`sessim.history.History.what_if`.

    Raises
    ------
    ArgumentError
        If there is no such change, or what happened before contradicts it.
    """
    for name in changes:
        if name not in (*OWN, *_KEYS):
            raise ArgumentError(f"{name}: is no change; {nearest(name, (*OWN, *_KEYS))}")
    try:
        new = _with_parts(fixed(plan), changes, plan.clock.local(instant))
        keys = {name: value for name, value in changes.items() if name in _KEYS}
        new = replace(new, **keys) if keys else new
    except (PlanError, ComparisonError) as error:
        raise ArgumentError(f"what_if: {error}") from None
    _check(plan, new, log, instant)
    return new


def fixed(plan: Plan) -> Plan:
    """Write the warm-ups' first days out: they must not move with the tasks."""
    domains = [replace(domain, warmup_start=plan.warmup_start(domain)) for domain in plan.domains]
    return replace(plan, domains=tuple(domains))


def _with_parts(plan: Plan, changes: Mapping[str, Any], now: dt.datetime) -> Plan:
    wanted = changes.get("warmup", {})
    for domain, warmup in (wanted if _by_domain(wanted, plan) else {None: wanted}).items():
        plan = with_warmup(plan, warmup, domain)
    tasks = {task.name: task for task in plan.tasks}
    for key, field in (("move", "start"), ("requests", "requests")):
        for name, value in dict(changes.get(key, {})).items():
            extra: dict[str, Any] = {"recipients": None} if field == "requests" else {}
            tasks[name] = replace(_known(tasks, name, key), **{field: value}, **extra)
    for name in _names(changes.get("without", ())):
        tasks[name] = replace(_known(tasks, name, "without"), cancel_at=_just_after(now))
    added = [_built(Task, entry) for entry in changes.get("add_tasks", ())]
    domains = [_built(Domain, entry) for entry in changes.get("add_domains", ())]
    return replace(plan, tasks=(*tasks.values(), *added), domains=(*plan.domains, *domains))


def _by_domain(warmup: Any, plan: Plan) -> bool:
    """Say whether a warm-up is given for domains by name, or one for all."""
    return isinstance(warmup, Mapping) and all(
        name in {domain.name for domain in plan.domains} for name in warmup
    )


def _just_after(now: dt.datetime) -> dt.datetime:
    """Return the first instant behind a time, in its zone."""
    return (now.astimezone(dt.UTC) + dt.timedelta(microseconds=1)).astimezone(now.tzinfo)


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _known(tasks: Mapping[str, Task], name: str, key: str) -> Task:
    if name not in tasks:
        raise ArgumentError(f"{key}: there is no task {name!r}; {nearest(name, tasks)}")
    return tasks[name]


def _built(kind: type[Any], entry: Any) -> Any:
    return kind(**entry) if isinstance(entry, Mapping) else entry


def _check(old: Plan, new: Plan, log: EventLog, instant: int) -> None:
    """Make sure that nothing changes before an instant; ``ArgumentError`` says what would."""
    time = format_moment(old.clock.local(instant).replace(tzinfo=None))
    before, after = _due(old, instant), _due(new, instant)
    for task, _ in sorted(before.items() ^ after.items()):
        name = new.tasks[task[0] - 1].name
        if task in before:
            message = f"task {name!r} was due before {time}; only what is not due yet can move"
        else:
            message = f"task {name!r} would be due before {time}; give it a later time"
        raise ArgumentError(f"what_if: {message}")
    begun = {task for task, _ in before}
    if new.has_outcomes:  # what becomes of a list is drawn for all of it
        for i in sorted(begun):
            if old.tasks[i - 1].requests != new.tasks[i - 1].requests:
                raise ArgumentError(
                    f"requests: task {new.tasks[i - 1].name!r} had begun by {time}, and with "
                    "quality rates chance has dealt with its list; give a time before it is due"
                )
    wanted = _requests(new)
    told = run_numbers(Snapshot(Ledger(until(log, instant)), instant))
    for *key, sent in zip(*(told[name].tolist() for name in ("task", "run", "sent")), strict=True):
        if sent > wanted[key[0], key[1]]:
            name = new.tasks[key[0] - 1].name
            raise ArgumentError(f"requests: task {name!r} had sent {sent:,} emails by {time}")


def _due(plan: Plan, instant: int) -> dict[tuple[int, int], int]:
    runs = plan.runs
    chosen = runs.due <= instant
    keys = zip(runs.task[chosen].tolist(), runs.number[chosen].tolist(), strict=True)
    return dict(zip(keys, runs.due[chosen].tolist(), strict=True))


def _requests(plan: Plan) -> dict[tuple[int, int], int]:
    runs = plan.runs
    keys = zip(runs.task.tolist(), runs.number.tolist(), strict=True)
    return dict(zip(keys, runs.requests.tolist(), strict=True))
