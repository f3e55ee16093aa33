"""Turning a draft into a plan, or saying beside which field what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from sessim.errors import PlanError, Problem
from sessim.fields import address_parts, relative_to
from sessim.plan import MOST_DOMAINS, Domain, Plan, Task
from sessim.widgets.built import Built, Rows, noted
from sessim.widgets.draft import Draft, TaskDraft
from sessim.widgets.labels import Words
from sessim.widgets.rates import RatesDraft
from sessim.wording import place

Where = tuple[int | str, ...]

_EARLY: Final = "1970-01-01"  # stands in for a start that cannot be read


class Check(NamedTuple):
    """What became of a draft.

    ``plan`` is None if there are ``problems``; ``notes`` are allowed, but probably not meant.
    ``tasks`` and ``domains`` say what became of each row.
    """

    plan: Plan | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    tasks: tuple[Built, ...]
    domains: tuple[Built, ...]

    def beside(self, *where: int | str) -> dict[str, str]:
        """Return the problems of a row, or of the account, by field."""
        return {
            str(problem.where[-1]): problem.message
            for problem in reversed(self.problems)
            if problem.where[:-1] == where
        }


class Checker:
    """Checks drafts, and remembers the rows it knows: only what changed is built anew.

    Parameters
    ----------
    words
        The language of its own sentences; those of :class:`sessim.PlanError` are English.
    """

    def __init__(self, words: Words) -> None:
        self._builder = Rows(words)
        self._known: dict[object, Built] = {}

    def adopt(self, draft: Draft, plan: Plan) -> None:
        """Take the rows of a draft for right: they were made from that plan."""
        for row, task in zip(draft.tasks, plan.tasks, strict=True):
            self._known[self._builder.task_key(row, draft.folder)] = self._builder.with_files(
                Built(task, count=task.requests), row, draft.folder
            )
        for line, domain in zip(draft.domains, plan.domains, strict=True):
            self._known[self._builder.domain_key(line, draft.folder)] = Built(domain)

    def __call__(self, draft: Draft) -> Check:
        """Check a draft."""
        known = self._known
        self._known = {}
        with relative_to(draft.folder):
            rows = self._builder
            tasks = tuple(
                self._built(known, rows.task_key(row, draft.folder), partial(rows.task, row, draft))
                for row in draft.tasks
            )
            domains = tuple(
                self._built(known, rows.domain_key(row, draft.folder), partial(rows.domain, row))
                for row in draft.domains
            )
            found: dict[Where, str] = {}
            for where, message in self._rows(draft, tasks, domains):
                found.setdefault(where, message)
            plan, notes = self._plan(draft, tasks, domains, found)
        entries = {"tasks": draft.tasks, "domains": draft.domains, **draft.extra}
        problems = tuple(
            Problem(place(where, entries), message, where)
            for where, message in sorted(found.items(), key=_order)
        )
        own = [note for row in (*domains, *tasks) for note in row.notes]
        return Check(None if problems else plan, problems, (*own, *notes), tasks, domains)

    # --- rows ---------------------------------------------------------------------------------

    def _built(self, known: dict[object, Built], key: object, build: Callable[[], Built]) -> Built:
        if key not in self._known:
            self._known[key] = known[key] if key in known else build()
        return self._known[key]

    def _rows(
        self, draft: Draft, tasks: Sequence[Built], domains: Sequence[Built]
    ) -> Iterator[tuple[Where, str]]:
        for name, message in self._builder.missing(draft.account).items():
            yield (name,), message
        if len(draft.domains) > MOST_DOMAINS:
            yield ("domains",), self._builder.say("too_many_domains", most=MOST_DOMAINS)
        yield from self._row_problems("domains", draft.domains, domains)
        yield from self._row_problems("tasks", draft.tasks, tasks)
        for i, row in enumerate(draft.tasks):
            if domain := unknown_domain(row, draft):
                yield ("tasks", i, "sender"), self._builder.say("unknown_domain", domain=domain)

    def _row_problems(
        self, kind: str, rows: Sequence[Any], built: Sequence[Built]
    ) -> Iterator[tuple[Where, str]]:
        if not rows:
            yield (kind,), self._builder.say(f"no_{kind}")
        names = _names(rows, built)
        uses = Counter(names)
        for i, (name, outcome) in enumerate(zip(names, built, strict=True)):
            for field_, message in outcome.problems.items():
                yield (kind, i, field_), message
            if name and uses[name] > 1:  # nobody knows which of them is meant to keep it
                yield (kind, i, "name"), self._builder.say("name_taken")

    # --- the whole ----------------------------------------------------------------------------

    def _plan(
        self,
        draft: Draft,
        tasks: tuple[Built, ...],
        domains: tuple[Built, ...],
        found: dict[Where, str],
    ) -> tuple[Plan | None, tuple[str, ...]]:
        """Build the plan from the rows that could be built; add to what is wrong."""
        first = _first(_names(draft.tasks, tasks))
        stand_ins = dict(_stand_ins(draft, domains))
        at = {"domains": list(stand_ins)}
        at["tasks"] = [i for i, row in enumerate(tasks) if row.value is not None and i in first]
        parts: dict[str, Any] = {
            "tasks": [_light(tasks[i].value) for i in at["tasks"]],
            "domains": list(stand_ins.values()),
        }
        account = {"start": _EARLY} | draft.account.values() | dict(draft.extra)
        while True:
            problems: list[Problem] = []
            plan, notes = _attempt({**account, **parts}, problems)
            for problem in problems:
                match problem.where:
                    case ("tasks" | "domains" as kind, int(i), *rest):
                        where, said = self._beside(draft, kind, at[kind][i], rest, problem.message)
                        found.setdefault(where, said)
                    case ("tasks",) | ("domains",):
                        pass  # said of the rows, or only of those that could be built
                    case where:
                        found.setdefault(where, problem.message)
            wrong = {problem.where[0] for problem in problems if len(problem.where) == 1}
            wrong &= {key for key, value in account.items() if (key, value) != ("start", _EARLY)}
            if not wrong:
                return _whole(plan, [tasks[i].value for i in at["tasks"]]), notes
            account = {key: value for key, value in account.items() if key not in wrong}
            account.setdefault("start", _EARLY)

    def _beside(
        self, draft: Draft, kind: str, index: int, rest: Sequence[int | str], message: str
    ) -> tuple[Where, str]:
        """Return where a problem of a row belongs in the form, and what is said there."""
        if list(rest) != ["quality"]:
            return (kind, index, *rest), message
        rows: dict[str, Sequence[RatesDraft]] = {"tasks": draft.tasks, "domains": draft.domains}
        name, said = self._builder.rate_problem(rows[kind][index], message)
        return (kind, index, name), said


def unknown_domain(row: TaskDraft, draft: Draft) -> str:
    """Return the domain of a task's sender if the plan does not have it, else nothing."""
    try:
        domain = address_parts(row.sender.strip())[2]
    except ValueError:
        return ""
    return "" if domain in {line.name.strip().lower() for line in draft.domains} else domain


@lru_cache(maxsize=4096)
def _light(task: Task) -> Task:
    """Return a task with the number of its recipients instead of their file.

    A plan would count the files of all its tasks again, whenever it is built.
    """
    if task.recipients is None:
        return task
    values = {entry.name: getattr(task, entry.name) for entry in fields(task)}
    return Task(**{**values, "recipients": None})


def _whole(plan: Plan | None, tasks: list[Task]) -> Plan | None:
    """Give a plan the tasks that stand behind the light ones; nothing that it derives differs."""
    if plan is not None and any(task.recipients is not None for task in tasks):
        object.__setattr__(plan, "tasks", tuple(tasks))
    return plan


def _attempt(
    values: dict[str, Any], problems: list[Problem]
) -> tuple[Plan | None, tuple[str, ...]]:
    with noted() as notes:
        try:
            return Plan(**values), notes()
        except PlanError as error:
            problems.extend(error.problems)
    return None, ()


def _names(rows: Sequence[Any], built: Sequence[Built]) -> list[str]:
    """Return the names of rows, as the plan has them where they could be built."""
    return [
        row.name if outcome.value is None else outcome.value.name
        for row, outcome in zip(rows, built, strict=True)
    ]


def _first(names: Sequence[str]) -> set[int]:
    """Return where each name stands for the first time."""
    at: dict[str, int] = {}
    for i, name in enumerate(names):
        at.setdefault(name, i)
    return set(at.values())


def _stand_ins(draft: Draft, rows: tuple[Built, ...]) -> Iterator[tuple[int, Domain]]:
    """Yield the domains and their places; where only the warm-up is wrong, one without any."""
    first = _first(_names(draft.domains, rows))
    for i, (row, built) in enumerate(zip(draft.domains, rows, strict=True)):
        if i in first and "name" not in built.problems:
            yield i, built.value or Domain(row.name, warmup="none")


def _order(entry: tuple[Where, str]) -> tuple[int, int]:
    """Sort problems as the form has them: the account, the domains, the tasks."""
    where = entry[0]
    rank = {"domains": 1, "tasks": 2}.get(str(where[0]), 0 if len(where) == 1 else 3)
    return rank, where[1] if len(where) > 1 and isinstance(where[1], int) else -1
