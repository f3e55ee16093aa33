"""The model of the task builder's form: what was typed, right or wrong, and its history.

A draft keeps every field as the text that stands in it, so that nothing typed is lost, whatever is
wrong with it. It is immutable: each change gives a new draft, and undoing is going back to an old
one. :mod:`sessim.widgets.check` turns a draft into a :class:`sessim.Plan` or says what is wrong.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from sessim.lifecycle import TaskType
from sessim.plan import Plan
from sessim.quality import RATES
from sessim.warmup import CsvLimits, published
from sessim.widgets import rates
from sessim.widgets.rates import RatesDraft
from sessim.widgets.reading import is_file, number, numbers, times

BATCH, SCHEDULED, RECURRING = (kind.label for kind in TaskType)
TYPES: Final = (BATCH, SCHEDULED, RECURRING)
NUMBER, CSV = "number", "csv"
NONE, LIST, RULE, REPUTATION = "none", "list", "rule", "reputation"

_TIMED: Final = ("start",)
_REPEATED: Final = ("every", "count", "until", "every_by", "overlap")
_KEPT: Final = ("segments",)
"""Keys of a task that have no place in the form: kept as JSON, and written back."""

_Row = TypeVar("_Row", bound="TaskDraft | DomainDraft")


@dataclass(frozen=True)
class TaskDraft(RatesDraft):
    """One task as it stands in the form; the fields are those of :class:`sessim.Task`.

    ``type`` is the console's word for it and ``group`` says whether ``requests`` or
    ``recipients`` counts; fields that do not count are kept all the same. ``key`` tells a row
    from others that look alike.
    """

    name: str = ""
    type: str = BATCH
    start: str = ""
    every: str = ""
    count: str = ""
    until: str = ""
    every_by: str = "elapsed"
    overlap: str = "queue"
    sender: str = ""
    group: str = NUMBER
    requests: str = ""
    recipients: str = ""
    subject: str = ""
    template: str = ""
    reply_to: str = ""
    cancel_at: str = ""
    segments: str = ""
    key: int = field(default=0, compare=False)

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that this kind of task cannot do without."""
        return tuple(name for name in REQUIRED if name in self.shown)

    @property
    def shown(self) -> tuple[str, ...]:
        """The fields that count for this type and this kind of recipient group."""
        left_out = {"type", "group", "key", *_KEPT, *RATES}
        left_out.add("requests" if self.group == CSV else "recipients")
        if self.type == BATCH:
            left_out.update(_TIMED)
        if self.type != RECURRING:
            left_out.update(_REPEATED)
        return tuple(entry.name for entry in fields(self) if entry.name not in left_out)

    def values(self) -> dict[str, Any]:
        """Return the fields that count and are filled, as :class:`sessim.Task` takes them."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.shown}
        for name in {"requests", "count"} & found.keys():
            found[name] = number(found[name])
        return {name: value for name, value in found.items() if value != ""} | _more(self)


REQUIRED: Final = ("name", "sender", "start", "every", "requests", "recipients")
"""The fields of a task that are required where they are shown."""


@dataclass(frozen=True)
class DomainDraft(RatesDraft):
    """One sender domain as it stands in the form.

    ``warmup`` is a published name or one of ``none``, ``number``, ``list``, ``rule`` and ``csv``;
    the texts of each of these are kept whichever is chosen.
    """

    name: str = ""
    warmup: str = "standard"
    number: str = ""
    numbers: str = ""
    rule_start: str = ""
    factor: str = ""
    cap: str = ""
    csv: str = ""
    warmup_start: str = ""
    advance: str = "calendar"
    level: str = "1"
    key: int = field(default=0, compare=False)

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that this kind of warm-up cannot do without."""
        return ("name", *PARTS.get(self.warmup, ()))

    def values(self) -> dict[str, Any]:
        """Return the fields that count and are filled, as :class:`sessim.Domain` takes them."""
        found = {"name": self.name, "warmup": self.limits(), "advance": self.advance}
        if self.warmup_start:
            found["warmup_start"] = self.warmup_start
        if self.warmup == REPUTATION:
            found["level"] = number(self.level)
        return found | _more(self)

    def limits(self) -> object:
        """Return where the limits come from, as a plan file has it."""
        match self.warmup:
            case "number":
                return number(self.number)
            case "list":
                return numbers(self.numbers)
            case "rule":
                start, cap = number(self.rule_start), number(self.cap)
                return {"start": start, "factor": self.factor.replace(",", "."), "cap": cap}
            case "csv":
                return {"csv": self.csv}
        return self.warmup


PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    NUMBER: ("number",),
    LIST: ("numbers",),
    RULE: ("rule_start", "factor", "cap"),
    CSV: ("csv",),
    REPUTATION: ("level",),
}
"""The fields of each warm-up that is not a published one."""


@dataclass(frozen=True)
class AccountDraft:
    """The settings of the account and of the simulation as they stand in the form."""

    start: str = ""
    timezone: str = "Asia/Shanghai"
    rate: str = "20"
    discipline: str = "fifo"
    restart: str = "auto"
    restart_at: str = ""
    restart_delay: str = "0"
    window: str = "day"
    horizon: str = ""
    resume_on_raise: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that cannot be empty."""
        manual = ("restart_at",) if self.restart == "manual" else ()
        return ("start", "timezone", "rate", "restart_delay", *manual)

    def values(self) -> dict[str, Any]:
        """Return the fields that count and are filled, as :class:`sessim.Plan` takes them."""
        found = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        found["restart_delay"] = number(self.restart_delay)
        found["restart_at"] = times(self.restart_at) if self.restart == "manual" else ""
        return {name: value for name, value in found.items() if value != ""}


@dataclass(frozen=True)
class Draft:
    """A plan in the making.

    Parameters
    ----------
    folder
        Where relative paths of files begin.
    account, domains, tasks
        What stands in the form.
    extra
        Keys of the plan that the form does not show, as a plan file has them: they are kept.
    origin
        What a draft and all that were changed from it share: it tells them from those of another
        plan that was loaded or begun.
    """

    folder: Path = field(default_factory=Path.cwd)
    account: AccountDraft = AccountDraft()
    domains: tuple[DomainDraft, ...] = ()
    tasks: tuple[TaskDraft, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    origin: object = field(default_factory=object, compare=False, repr=False)

    @classmethod
    def from_plan(cls, plan: Plan, folder: Path) -> Draft:
        """Write a plan into a form."""
        data = plain(plan, folder)
        tasks = numbered(_task(entry) for entry in data.pop("tasks"))
        domains = numbered(_domain(entry) for entry in data.pop("domains"))
        known = {entry.name for entry in fields(AccountDraft)}
        account: dict[str, Any] = {
            name: _text(value) for name, value in data.items() if name in known
        }
        if "resume_on_raise" in data:
            account["resume_on_raise"] = data["resume_on_raise"]
        extra = {name: value for name, value in data.items() if name not in known}
        return cls(folder, AccountDraft(**account), domains, tasks, extra)

    # --- changes ------------------------------------------------------------------------------

    def with_account(self, **changes: Any) -> Draft:
        """Change settings of the account."""
        return replace(self, account=replace(self.account, **changes))

    def with_task(self, index: int, **changes: Any) -> Draft:
        """Change fields of a task."""
        return replace(self, tasks=_changed(self.tasks, index, changes))

    def with_domain(self, index: int, **changes: Any) -> Draft:
        """Change fields of a domain."""
        return replace(self, domains=_changed(self.domains, index, changes))

    def add_task(self, row: TaskDraft, index: int | None = None) -> Draft:
        """Put a task at an index, or at the end."""
        return replace(self, tasks=_added(self.tasks, row, index))

    def add_domain(self, row: DomainDraft) -> Draft:
        """Put a domain at the end."""
        return replace(self, domains=_added(self.domains, row, None))

    def duplicate_task(self, index: int) -> Draft:
        """Put a copy of a task behind it, under a name of its own."""
        row = self.tasks[index]
        name = free_name(row.name, [task.name for task in self.tasks])
        return self.add_task(replace(row, name=name), index + 1)

    def move_task(self, index: int, steps: int) -> Draft:
        """Move a task down by so many places, or up if they are negative; never past an end."""
        rows = list(self.tasks)
        row = rows.pop(index)
        rows.insert(max(0, index + steps), row)
        return replace(self, tasks=tuple(rows))

    def delete_task(self, index: int) -> Draft:
        """Remove a task."""
        return replace(self, tasks=self.tasks[:index] + self.tasks[index + 1 :])

    def delete_domain(self, index: int) -> Draft:
        """Remove a domain."""
        return replace(self, domains=self.domains[:index] + self.domains[index + 1 :])

    def moved_to(self, folder: Path) -> Draft:
        """Let relative paths begin at another folder, and rewrite them so that they still hold."""

        def moved(path: str) -> str:
            return seen_from(folder, self.folder / path) if path else path

        def template(name: str) -> str:
            file = self.folder / name
            return Path(os.path.relpath(file, folder)).as_posix() if is_file(file) else name

        tasks = tuple(
            replace(row, recipients=moved(row.recipients), template=template(row.template))
            for row in self.tasks
        )
        domains = tuple(replace(row, csv=moved(row.csv)) for row in self.domains)
        return replace(self, folder=folder, tasks=tasks, domains=domains)


def plain(plan: Plan, folder: Path) -> dict[str, Any]:
    """Return a plan as a plan file in that folder has it."""
    data: dict[str, Any] = json.loads(plan.to_json())
    for entry, task in zip(data["tasks"], plan.tasks, strict=True):
        if task.recipients is not None:
            entry["recipients"] = seen_from(folder, Path(task.recipients))
    for entry, domain in zip(data["domains"], plan.domains, strict=True):
        if isinstance(domain.warmup, CsvLimits):
            entry["warmup"] = {"csv": seen_from(folder, Path(domain.warmup.csv))}
    return data


def seen_from(folder: Path, file: Path) -> str:
    """Return the path of a file from a folder, whole if the file lies elsewhere."""
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


# --- rows ---------------------------------------------------------------------------------------


def numbered(rows: Iterable[_Row]) -> tuple[_Row, ...]:
    """Give rows the keys 1, 2, ..."""
    return tuple(replace(row, key=key) for key, row in enumerate(rows, 1))


def _changed(rows: tuple[_Row, ...], index: int, changes: Mapping[str, Any]) -> tuple[_Row, ...]:
    return (*rows[:index], replace(rows[index], **changes), *rows[index + 1 :])


def _added(rows: tuple[_Row, ...], row: _Row, index: int | None) -> tuple[_Row, ...]:
    at = len(rows) if index is None else index
    row = replace(row, key=1 + max((other.key for other in rows), default=0))
    return (*rows[:at], row, *rows[at:])


def free_name(name: str, taken: Sequence[str], longest: int = 200) -> str:
    """Return a name with a number behind it that is not taken."""
    match = re.fullmatch(r"(.*) \((\d{1,9})\)", name)
    stem, number = (match[1], int(match[2])) if match else (name, 1)
    while True:
        number += 1
        end = f" ({number})"
        if (free := stem[: longest - len(end)] + end) not in taken:
            return free


def _more(row: TaskDraft | DomainDraft) -> dict[str, Any]:
    """Return a row's rates, and what it has that the form does not show, as a plan file does."""
    texts = {name: getattr(row, name, "") for name in _KEPT}
    kept = {name: json.loads(text) for name, text in texts.items() if text}
    return kept | ({"quality": row.rates} if row.rates else {})


# --- from a plan's plain data -------------------------------------------------------------------


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _texts(data: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(data)
    own = rates.texts(values.pop("quality", {}))
    return {name: json.dumps(v) if name in _KEPT else _text(v) for name, v in values.items()} | own


def _task(data: Mapping[str, Any]) -> TaskDraft:
    found = _texts(data)
    found["every"] = found.get("every", "").removesuffix("h")
    kind = RECURRING if "every" in data else SCHEDULED if "start" in data else BATCH
    return TaskDraft(**found, type=kind, group=CSV if "recipients" in data else NUMBER)


def _domain(data: Mapping[str, Any]) -> DomainDraft:
    return DomainDraft(**_texts(data) | _warmup(data.get("warmup", "standard")))


def _warmup(value: object) -> dict[str, str]:
    match value:
        case str() if value in (NONE, REPUTATION) or value in published():
            return {"warmup": value}
        case int():
            return {"warmup": NUMBER, "number": str(value)}
        case list():
            return {"warmup": LIST, "numbers": ", ".join(map(str, value))}
        case {"csv": path}:
            return {"warmup": CSV, "csv": path}
        case {"start": start, "factor": factor, "cap": cap}:
            rule = {"rule_start": str(start), "factor": str(factor), "cap": str(cap)}
            return {"warmup": RULE, **rule}
    raise TypeError(f"{value!r} is no warm-up")  # the plan has checked it
