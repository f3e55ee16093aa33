"""Turning a draft into a plan, or saying beside which field what is wrong."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from sessim import warmup
from sessim.errors import PlanError, Problem, SessimWarning
from sessim.fields import address_parts, relative_to
from sessim.plan import MOST_DOMAINS, Domain, Plan, Task
from sessim.widgets import attachments
from sessim.widgets.draft import CSV, LIST, NUMBER, RULE, DomainDraft, Draft, TaskDraft
from sessim.widgets.labels import Words
from sessim.wording import place

Where = tuple[int | str, ...]

_EARLY: Final = "1970-01-01"  # stands in for a start that cannot be read
_NO_NUMBER: Final = re.compile(r"(?:^|[,;])\s*[,;]")
"""A day left empty: what follows would slip forward by a day. A separator at the end is none."""
_SOUND_RULE: Final = {"start": 1, "factor": 1, "cap": 1}
_RULE_PARTS: Final = {"start": "rule_start", "factor": "factor", "cap": "cap"}


@dataclass(frozen=True)
class Built:
    """What became of one row: a task or domain if it could be built, and what is wrong with it.

    ``count`` and ``columns`` are those of a task's recipient list, ``variables`` those of its
    template, where they are known.
    """

    value: Any = None
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    count: int | None = None
    columns: tuple[str, ...] | None = None
    variables: tuple[str, ...] | None = None


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
        self._words = words
        self._known: dict[object, Built] = {}

    def adopt(self, draft: Draft, plan: Plan) -> None:
        """Take the rows of a draft for right: they were made from that plan."""
        for row, task in zip(draft.tasks, plan.tasks, strict=True):
            self._known[self._task_key(row, draft.folder)] = self._with_files(
                Built(task, count=task.requests), row, draft.folder
            )
        for line, domain in zip(draft.domains, plan.domains, strict=True):
            self._known[self._domain_key(line, draft.folder)] = Built(domain)

    def _say(self, key: str, **values: object) -> str:
        return self._words(f"builder.{key}", **values)

    def __call__(self, draft: Draft) -> Check:
        """Check a draft."""
        known = self._known
        self._known = {}
        with relative_to(draft.folder):
            tasks = tuple(
                self._built(
                    known, self._task_key(row, draft.folder), partial(self._task, row, draft)
                )
                for row in draft.tasks
            )
            domains = tuple(
                self._built(known, self._domain_key(row, draft.folder), partial(self._domain, row))
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

    @staticmethod
    def _task_key(row: TaskDraft, folder: Path) -> object:
        files = [row.template, row.recipients if row.group == CSV else ""]
        return row, folder, *(attachments.stamp(folder / name) if name else None for name in files)

    @staticmethod
    def _domain_key(row: DomainDraft, folder: Path) -> object:
        return row, folder, attachments.stamp(folder / row.csv) if row.warmup == CSV else None

    def _task(self, row: TaskDraft, draft: Draft) -> Built:
        problems = self._missing(row)
        values, file, count, left_out = row.values(), None, None, ""
        if "recipients" in values:
            file, found = attachments.group(values.pop("recipients"))
            if isinstance(found, str):
                problems["recipients"] = found
            else:
                count, left_out = found.good, found.warning
            values["requests"] = count or 1  # one stands in for what is not known
        built, notes = _build(Task, values, partial(_task_field, row), problems)
        if left_out:
            notes = (*notes, f"{row.name}: {row.recipients} {left_out}")
        if built is not None and file is not None:
            object.__setattr__(built, "recipients", file)  # as it would itself, having counted
        return self._with_files(Built(built, problems, notes, count), row, draft.folder)

    def _with_files(self, built: Built, row: TaskDraft, folder: Path) -> Built:
        problems = dict(built.problems)
        columns = variables = address = None
        if row.group == CSV and "recipients" not in problems:
            try:
                address, columns = attachments.columns(folder / row.recipients)
            except ValueError:  # a plan may be newer than its files
                columns = None
        try:
            if (said := attachments.template_text(folder, row.template)) is not None:
                variables = attachments.variables(said)
        except attachments.AttachmentError as error:
            problems.setdefault("template", str(error))
        if columns is not None and variables is not None:
            difference = self._difference(set(variables) - {address}, set(columns))
            if difference:
                problems.setdefault("template", difference)
        return replace(built, problems=problems, columns=columns, variables=variables)

    def _difference(self, template: set[str], group: set[str]) -> str:
        said = [
            self._say(key, names=", ".join(sorted(names)))
            for key, names in (
                ("only_in_template", template - group),
                ("only_in_group", group - template),
            )
            if names
        ]
        return " ".join([self._say("variables_differ"), *said]) if said else ""

    def _domain(self, row: DomainDraft) -> Built:
        problems = self._missing(row)
        if row.warmup == NUMBER and not isinstance(row.limits(), int):
            problems.setdefault("number", self._say("not_whole", text=repr(row.number)))
        if row.warmup == LIST and _NO_NUMBER.search(row.numbers):
            problems.setdefault("numbers", self._say("day_without_number"))
        if row.warmup == RULE:
            problems = {**dict(self._rule_problems(row)), **problems}
        built, notes = _build(Domain, row.values(), partial(_domain_field, row), problems)
        if "csv" in problems:
            problems["csv"] = self._as_labelled(problems["csv"], "csv", "csv")
        return Built(built, problems, tuple(f"{row.name}: {note}" for note in notes))

    def _rule_problems(self, row: DomainDraft) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with each part of a rule, under the name that it has in the form.

        Each is read beside sound ones: of a whole rule, only the first mistake would be said.
        """
        parts = row.limits()
        assert isinstance(parts, dict)
        for key, name in _RULE_PARTS.items():
            try:
                warmup.read({**_SOUND_RULE, key: parts[key]}, Path())
            except ValueError as error:
                yield name, self._as_labelled(str(error), key, name)

    def _as_labelled(self, message: str, key: str, name: str) -> str:
        """Return a message that may begin with a key, with the label of the field instead."""
        if not message.startswith(f"{key} "):
            return message
        return f"“{self._say(f'field.{name}')}”{message.removeprefix(key)}"

    def _missing(self, row: Any) -> dict[str, str]:
        return {
            name: self._say("missing") for name in row.required if not getattr(row, name).strip()
        }

    def _rows(
        self, draft: Draft, tasks: Sequence[Built], domains: Sequence[Built]
    ) -> Iterator[tuple[Where, str]]:
        for name, message in self._missing(draft.account).items():
            yield (name,), message
        if len(draft.domains) > MOST_DOMAINS:
            yield ("domains",), self._say("too_many_domains", most=MOST_DOMAINS)
        yield from self._row_problems("domains", draft.domains, domains)
        yield from self._row_problems("tasks", draft.tasks, tasks)
        for i, row in enumerate(draft.tasks):
            if domain := unknown_domain(row, draft):
                yield ("tasks", i, "sender"), self._say("unknown_domain", domain=domain)

    def _row_problems(
        self, kind: str, rows: Sequence[Any], built: Sequence[Built]
    ) -> Iterator[tuple[Where, str]]:
        if not rows:
            yield (kind,), self._say(f"no_{kind}")
        names = _names(rows, built)
        uses = Counter(names)
        for i, (name, outcome) in enumerate(zip(names, built, strict=True)):
            for field_, message in outcome.problems.items():
                yield (kind, i, field_), message
            if name and uses[name] > 1:  # nobody knows which of them is meant to keep it
                yield (kind, i, "name"), self._say("name_taken")

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
        task_at = [i for i, row in enumerate(tasks) if row.value is not None and i in first]
        parts: dict[str, Any] = {
            "tasks": [_light(tasks[i].value) for i in task_at],
            "domains": list(_stand_ins(draft, domains)),
        }
        account = {"start": _EARLY} | draft.account.values() | dict(draft.extra)
        while True:
            problems: list[Problem] = []
            plan, notes = _attempt({**account, **parts}, problems)
            for problem in problems:
                match problem.where:
                    case ("tasks", int(i), *rest):
                        found.setdefault(("tasks", task_at[i], *rest), problem.message)
                    case ("tasks",) | ("domains",):
                        pass  # said of the rows, or only of those that could be built
                    case where:
                        found.setdefault(where, problem.message)
            wrong = {problem.where[0] for problem in problems if len(problem.where) == 1}
            wrong &= {key for key, value in account.items() if (key, value) != ("start", _EARLY)}
            if not wrong:
                return _whole(plan, [tasks[i].value for i in task_at]), notes
            account = {key: value for key, value in account.items() if key not in wrong}
            account.setdefault("start", _EARLY)


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
    with _noted() as notes:
        try:
            return Plan(**values), notes()
        except PlanError as error:
            problems.extend(error.problems)
    return None, ()


def _build(
    kind: Callable[..., Any],
    values: dict[str, Any],
    beside: Callable[[Problem], str],
    problems: dict[str, str],
) -> tuple[Any, tuple[str, ...]]:
    """Build a row; add to its problems."""
    with _noted() as notes:
        try:
            built = kind(**values)
        except PlanError as error:
            for problem in error.problems:
                problems.setdefault(beside(problem), problem.message)
            return None, ()
    return (None if problems else built), notes()


class _noted(warnings.catch_warnings):  # noqa: N801  a context manager, named as one
    """Collects sessim's warnings."""

    def __init__(self) -> None:
        super().__init__(record=True)

    def __enter__(self) -> Callable[[], tuple[str, ...]]:  # type: ignore[override]
        caught = super().__enter__()
        assert caught is not None  # with record=True
        warnings.simplefilter("always", SessimWarning)
        return lambda: tuple(
            str(entry.message) for entry in caught if issubclass(entry.category, SessimWarning)
        )


def _task_field(row: TaskDraft, problem: Problem) -> str:
    """Return beside which field a problem of a task belongs."""
    if problem.where:
        return str(problem.where[0])
    word = problem.message.split(" ", 1)[0]
    if word in row.shown:
        return word
    return "recipients" if row.group == CSV else "name"


def _domain_field(row: DomainDraft, problem: Problem) -> str:
    """Return beside which field a problem of a domain belongs."""
    name = str(problem.where[0]) if problem.where else "name"
    if name != "warmup":
        return name
    word = problem.message.split(" ", 1)[0]
    match row.warmup:
        case "rule":
            return _RULE_PARTS.get(word, "rule_start")
        case "number" | "csv":
            return row.warmup
        case "list":
            return "numbers"
    return name


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


def _stand_ins(draft: Draft, rows: tuple[Built, ...]) -> Iterator[Domain]:
    """Return the domains; where only the warm-up is wrong, one of that name without any."""
    first = _first(_names(draft.domains, rows))
    for i, (row, built) in enumerate(zip(draft.domains, rows, strict=True)):
        if i in first and "name" not in built.problems:
            yield built.value or Domain(row.name, warmup="none")


def _order(entry: tuple[Where, str]) -> tuple[int, int]:
    """Sort problems as the form has them: the account, the domains, the tasks."""
    where = entry[0]
    rank = {"domains": 1, "tasks": 2}.get(str(where[0]), 0 if len(where) == 1 else 3)
    return rank, where[1] if len(where) > 1 and isinstance(where[1], int) else -1
