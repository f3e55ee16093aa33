"""Building the rows of a draft, one by one: a task or a domain, or what is wrong with it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from sessim import warmup
from sessim.errors import PlanError, Problem, SessimWarning
from sessim.plan import Domain, Task
from sessim.quality import RATES
from sessim.widgets import attachments, rates
from sessim.widgets.draft import CSV, LIST, NUMBER, RULE, DomainDraft, Draft, TaskDraft
from sessim.widgets.labels import Words
from sessim.widgets.rates import RatesDraft

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


class Rows:
    """Builds the rows of drafts.

    Parameters
    ----------
    words
        The language of its own sentences; those of :class:`sessim.PlanError` are English.
    """

    def __init__(self, words: Words) -> None:
        self._words = words

    def say(self, key: str, **values: object) -> str:
        """Return words of the builder."""
        return self._words(f"builder.{key}", **values)

    @staticmethod
    def task_key(row: TaskDraft, folder: Path) -> object:
        """Return what a task is built from: as long as that is the same, so is the task."""
        files = [row.template, row.recipients if row.group == CSV else ""]
        return row, folder, *(attachments.stamp(folder / name) if name else None for name in files)

    @staticmethod
    def domain_key(row: DomainDraft, folder: Path) -> object:
        """Return what a domain is built from."""
        return row, folder, attachments.stamp(folder / row.csv) if row.warmup == CSV else None

    def task(self, row: TaskDraft, draft: Draft) -> Built:
        """Build a task."""
        problems = self._row_problems(row)
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
        return self.with_files(Built(built, problems, notes, count), row, draft.folder)

    def with_files(self, built: Built, row: TaskDraft, folder: Path) -> Built:
        """Add what a task's recipient list and template say."""
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
            self.say(key, names=", ".join(sorted(names)))
            for key, names in (
                ("only_in_template", template - group),
                ("only_in_group", group - template),
            )
            if names
        ]
        return " ".join([self.say("variables_differ"), *said]) if said else ""

    def domain(self, row: DomainDraft) -> Built:
        """Build a domain."""
        problems = self._row_problems(row)
        if row.warmup == NUMBER and not isinstance(row.limits(), int):
            problems.setdefault("number", self.say("not_whole", text=repr(row.number)))
        if row.warmup == LIST and _NO_NUMBER.search(row.numbers):
            problems.setdefault("numbers", self.say("day_without_number"))
        if row.warmup == RULE:
            problems = {**dict(self._rule_problems(row)), **problems}
        built, notes = _build(Domain, row.values(), partial(_domain_field, row), problems)
        if "csv" in problems:
            problems["csv"] = self._as_labelled(problems["csv"], "csv", "csv")
        return Built(built, problems, tuple(f"{row.name}: {note}" for note in notes))

    def _row_problems(self, row: TaskDraft | DomainDraft) -> dict[str, str]:
        """Return what is missing in a row, and what is wrong with each of its rates."""
        wrong = rates.problems(row).items()
        return self.missing(row) | {name: self.rate_problem(row, said)[1] for name, said in wrong}

    def rate_problem(self, row: RatesDraft, message: str) -> tuple[str, str]:
        """Return beside which field a problem of a row's rates belongs, and what is said there."""
        labels = {name: self.say(f"field.{name}") for name in RATES}
        return rates.beside(row, message), rates.labelled(message, labels)

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
        return f"“{self.say(f'field.{name}')}”{message.removeprefix(key)}"

    def missing(self, row: Any) -> dict[str, str]:
        """Return which required fields of a row are empty, with what is said of them."""
        return {
            name: self.say("missing") for name in row.required if not getattr(row, name).strip()
        }


def _build(
    kind: Callable[..., Any],
    values: dict[str, Any],
    beside: Callable[[Problem], str],
    problems: dict[str, str],
) -> tuple[Any, tuple[str, ...]]:
    """Build a row; add to its problems."""
    with noted() as notes:
        try:
            built = kind(**values)
        except PlanError as error:
            for problem in error.problems:
                problems.setdefault(beside(problem), problem.message)
            return None, ()
    return (None if problems else built), notes()


class noted(warnings.catch_warnings):  # noqa: N801  a context manager, named as one
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
        name = str(problem.where[0])
        return rates.beside(row, problem.message) if name == "quality" else name
    word = problem.message.split(" ", 1)[0]
    if word in row.shown:
        return word
    return "recipients" if row.group == CSV else "name"


def _domain_field(row: DomainDraft, problem: Problem) -> str:
    """Return beside which field a problem of a domain belongs."""
    name = str(problem.where[0]) if problem.where else "name"
    if name == "quality":
        return rates.beside(row, problem.message)
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
