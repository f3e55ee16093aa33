"""Plans side by side: their figures, what differs, and variants of a plan to compare it with."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pandas as pd

from sessim.clock import HOUR
from sessim.errors import SessimError, nearest, shown
from sessim.plan import Domain, Plan, Task
from sessim.result import Result
from sessim.simulation import simulate
from sessim.summary import Summary, summary

if TYPE_CHECKING:
    from sessim.charts.story import Names

FIGURES: Final = tuple(field.name for field in dataclasses.fields(Summary))
"""The figures of a comparison, in order."""

_MICROSECOND: Final = pd.Timedelta(microseconds=1)


Entry = TypeVar("Entry")


class ComparisonError(SessimError, ValueError):
    """Plans cannot be compared as they were given."""


def as_results(
    plans: Mapping[str, Plan | Result] | Iterable[Plan | Result],
    names: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> dict[str, Result]:
    """Return results by name, plans simulated.

    Parameters
    ----------
    plans
        Plans or results, or a mapping from names to them.
    names
        Their names. Default: the mapping's, else ``"Plan 1"`` and so on.
    seed
        For the plans that are simulated.

    Raises
    ------
    ComparisonError
        If the names do not fit, or something is neither plan nor result.
    """
    return {name: _result(entry, seed) for name, entry in named(plans, names).items()}


def named(
    plans: Mapping[str, Entry] | Iterable[Entry], names: Sequence[str] | None = None
) -> dict[str, Entry]:
    """Return what is compared by name (see :func:`as_results`)."""
    if isinstance(plans, Mapping):
        names, plans = list(plans) if names is None else names, plans.values()
    if isinstance(plans, str | bytes) or not isinstance(plans, Iterable):
        raise ComparisonError(
            f"plans: {shown(plans)} cannot be compared; give a list of two or more"
        )
    entries = list(plans)
    names = [f"Plan {i}" for i in range(1, len(entries) + 1)] if names is None else list(names)
    if len(names) != len(entries):
        raise ComparisonError(f"{len(names)} names for {len(entries)} plans; give one for each")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ComparisonError(f"the name {twice[0]!r} is given twice; names must differ")
    return dict(zip(names, entries, strict=True))


def _result(entry: object, seed: int) -> Result:
    if isinstance(entry, Plan):
        return simulate(entry, seed)
    if isinstance(entry, Result):
        return entry
    raise ComparisonError(f"{entry!r} cannot be compared; give a Plan or a Result")


# --- tables ---------------------------------------------------------------------------------------


def compare(
    plans: Mapping[str, Plan | Result] | Iterable[Plan | Result],
    names: Sequence[str] | None = None,
    *,
    tasks: Names = None,
    domains: Names = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the figures of two or more plans, and what differs from the first.

    Parameters
    ----------
    plans, names, seed
        As in :func:`as_results`.
    tasks, domains
        Only these, as in :func:`sessim.summary.summary`.

    Returns
    -------
    pandas.DataFrame
        One row a plan: ``plan``, the columns of :class:`sessim.summary.Summary`, and for each of
        them a column ``..._change``: its value less that of the first plan, in hours for times
        (below zero: earlier), empty where one of the two is.
    """
    results = as_results(plans, names, seed=seed)
    rows = [
        {"plan": name, **summary(result, tasks=tasks, domains=domains).to_dict()}
        for name, result in results.items()
    ]
    frame = pd.DataFrame(rows, columns=["plan", *FIGURES])
    for name in FIGURES:
        change = [_less(value, frame[name].iloc[0]) for value in frame[name]]
        whole = frame[name].dtype.kind == "i"
        frame[f"{name}_change"] = pd.array(change, dtype="int64" if whole else "float64")
    return frame


def _less(value: Any, first: Any) -> float:
    """Return a value less the first one, times in hours."""
    if pd.isna(value) or pd.isna(first):
        return float("nan")
    if isinstance(value, pd.Timestamp):
        return float((value - first) / _MICROSECOND / HOUR)
    change: float = value - first
    return change


def compare_tasks(
    plans: Mapping[str, Plan | Result] | Iterable[Plan | Result],
    names: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Return when each task was finished in each plan; tasks go by their names.

    Parameters
    ----------
    plans, names, seed
        As in :func:`as_results`.

    Returns
    -------
    pandas.DataFrame
        One row a task and plan that has it: ``name, plan, status, finished`` (NaT if it was
        not), ``change_hours`` (later than in the first plan; empty if it cannot be said).
    """
    results = as_results(plans, names, seed=seed)
    parts = [
        result.tasks[["name", "status", "finished"]].assign(plan=name)
        for name, result in results.items()
    ]
    frame = pd.concat(
        [part.assign(status=part["status"].astype("str")) for part in parts], ignore_index=True
    )
    order = {name: i for i, name in enumerate(dict.fromkeys(frame["name"]))}
    first = parts[0].set_index("name")["finished"]
    frame["change_hours"] = [
        _less(finished, first.get(name, pd.NaT))
        for name, finished in zip(frame["name"], frame["finished"], strict=True)
    ]
    frame = frame.sort_values("name", key=lambda column: column.map(order), kind="stable")
    return frame[["name", "plan", "status", "finished", "change_hours"]].reset_index(drop=True)


# --- variants -------------------------------------------------------------------------------------


def with_warmup(plan: Plan, warmup: Any, domain: str | None = None) -> Plan:
    """Return the same plan with another warm-up.

    Parameters
    ----------
    plan
        The plan.
    warmup
        As in :class:`sessim.Domain`: a published name, a number, a list of numbers...
    domain
        Of which domain. Default: of all.
    """
    _check_domain(plan, domain)
    changed = [
        dataclasses.replace(entry, warmup=warmup) if domain in (None, entry.name) else entry
        for entry in plan.domains
    ]
    return dataclasses.replace(plan, domains=tuple(changed))


def with_second_domain(plan: Plan, domain: str, second: str | None = None) -> Plan:
    """Return the same plan with the tasks of a domain shared out among it and a second one.

    Each of those tasks sends half of its recipients from each domain: the task keeps its name and
    the first half, and a task with " (2)" behind its name comes right after it.

    Parameters
    ----------
    plan
        The plan.
    domain
        Whose tasks are shared out.
    second
        The new domain's name; its warm-up is that of ``domain``, from the same first day.
        Default: ``domain`` with ``"second."`` before it.
    """
    _check_domain(plan, domain)
    second = second or f"second.{domain}"
    domains: list[Domain] = []
    for entry in plan.domains:
        domains.append(entry)
        if entry.name == domain:
            domains.append(dataclasses.replace(entry, name=second))
    taken = {task.name for task in plan.tasks}
    tasks: list[Task] = []
    for task in plan.tasks:
        tasks += _halves(task, second, taken) if task.domain == domain else [task]
    return dataclasses.replace(plan, domains=tuple(domains), tasks=tuple(tasks))


def _halves(task: Task, second: str, taken: set[str]) -> list[Task]:
    requests = task.requests or 0
    if requests < 2:
        return [task]
    name = next(
        name for i in range(2, len(taken) + 3) if (name := f"{task.name} ({i})") not in taken
    )
    taken.add(name)
    before, _, behind = task.sender.rpartition("@")
    sender = f"{before}@{second}{'>' if behind.endswith('>') else ''}"
    return [
        dataclasses.replace(task, requests=requests - requests // 2, recipients=None),
        dataclasses.replace(
            task, name=name, sender=sender, requests=requests // 2, recipients=None
        ),
    ]


def _check_domain(plan: Plan, domain: str | None) -> None:
    names = [entry.name for entry in plan.domains]
    if domain is not None and domain not in names:
        raise ComparisonError(f"there is no domain {domain!r}; {nearest(domain, names)}")
