"""What the rows of a task list say of each task besides its counters."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from sessim.checks import MOST_DOMAINS
from sessim.fields import address_parts
from sessim.history.instants import Reader
from sessim.history.losses import Losses, Place
from sessim.history.pages import TaskRow
from sessim.lifecycle import TaskType
from sessim.parts import Task
from sessim.plan import Plan

UNKNOWN_SENDER: Final = "unknown@unknown.test"
"""Stands for a sender that no row names."""
_LONGEST: Final = 160
_MOST_HOURS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Fact:
    """One task, as its latest row tells of it.

    Attributes
    ----------
    id
        The source's ``TaskId``.
    place
        Its place in the order of first appearance.
    name, sender, domain, subject
        As in a plan; the name is unique.
    type
        Batch, Scheduled or Recurring.
    created, begins
        When it was created, and when its first run was to start, in microseconds since the Unix
        epoch; None where nothing says so.
    hours
        The interval of a recurring task, else 0.
    ends
        Whether the recurrence was ended (``TermCycle``).
    wall
        Whether a plan says that it recurs by the wall clock.
    tells_hours
        Whether the source says the interval; or else it is what lies between the runs.
    """

    id: int | str
    place: int
    name: str
    sender: str
    domain: str
    subject: str | None
    type: TaskType
    created: int | None
    begins: int | None
    hours: int
    ends: bool
    wall: bool = False
    tells_hours: bool = True


def facts(rows: Sequence[TaskRow], reader: Reader, losses: Losses, file: str) -> list[Fact]:
    """Read the facts of each task in order of creation; those of too many domains are left out."""
    read = [_fact(row, place, reader) for place, row in enumerate(rows)]
    for row, fact in zip(rows, read, strict=True):
        for sentence in _assumed(row, fact, reader):
            losses.remark(sentence)
    kept = _few_domains(read, losses, file)
    kept.sort(key=lambda fact: (fact.created or 0, _number(fact.id), fact.place))
    return _named(kept)


def _assumed(row: TaskRow, fact: Fact, reader: Reader) -> Iterator[str]:
    """Yield sentences on what a row does not tell as it should."""
    if fact.sender == UNKNOWN_SENDER:
        yield (
            "Tasks whose FromEmailAddress is missing or no address were put under "
            f"{fact.domain}: nobody knows whose limit holds."
        )
    if row.TaskType not in (None, *TaskType):
        yield "Tasks of a TaskType that is not 1, 2 or 3 were taken for what their times say."
    if row.CreateTime is not None and fact.created is None:
        yield "Some CreateTime is no time between 2000 and 2099, and was not used."
    if fact.type == TaskType.RECURRING and not fact.hours:
        yield "Recurring tasks without a usable IntervalTime: their runs are those that were seen."
    for name in ("TimedParam", "CycleParam"):
        begin = getattr(getattr(row, name), "BeginTime", None)
        if begin is not None and reader.instant(begin) is None:
            yield f"Some BeginTime in {name} is no time between 2000 and 2099, and was not used."


def _number(id_: int | str) -> int:
    return id_ if isinstance(id_, int) else 0


def _fact(row: TaskRow, place: int, reader: Reader) -> Fact:
    address, domain = sender(row.FromEmailAddress)
    created = reader.instant(row.CreateTime)
    kind, begins, hours, ends = TaskType.IMMEDIATE, created, 0, False
    cycle, timed = row.CycleParam, row.TimedParam
    if cycle is not None and (row.TaskType == TaskType.RECURRING or row.TaskType is None):
        kind, ends = TaskType.RECURRING, cycle.TermCycle == 1
        begins = reader.instant(cycle.BeginTime)
        hours = cycle.IntervalTime or 0
    elif row.TaskType == TaskType.RECURRING:
        kind, begins = TaskType.RECURRING, None
    elif row.TaskType == TaskType.SCHEDULED or timed is not None:
        kind = TaskType.SCHEDULED
        begins = reader.instant(timed.BeginTime) if timed is not None else None
    hours = hours if 1 <= hours <= _MOST_HOURS else 0
    subject = plain(row.Subject)
    return Fact(
        row.TaskId, place, subject or "", address, domain, subject, kind, created, begins, hours,
        ends,
    )  # fmt: skip


def sender(text: str | None) -> tuple[str, str]:
    """Return a sender and its domain; one that stands for an unknown sender if it is none."""
    with suppress(ValueError):
        if text and text.isprintable():
            return text.strip(), address_parts(text.strip())[2]
    return UNKNOWN_SENDER, address_parts(UNKNOWN_SENDER)[2]


def plain(text: str | None) -> str | None:
    """Return a text as a plan may hold it: printable, and not empty."""
    if text is None:
        return None
    plain = "".join(c if c.isprintable() else " " for c in text).strip()
    return unicodedata.normalize("NFC", plain)[:998] or None


def _few_domains(read: list[Fact], losses: Losses, file: str) -> list[Fact]:
    tasks = Counter(fact.domain for fact in read)
    if len(tasks) <= MOST_DOMAINS:
        return read
    kept = {name for name, _ in tasks.most_common(MOST_DOMAINS)}
    left = [fact for fact in read if fact.domain not in kept]
    losses.leave_out(
        f"an account has at most {MOST_DOMAINS} domains, and those with the most tasks were kept; "
        "import each account by itself",
        Place(file),
        len(left),
    )
    return [fact for fact in read if fact.domain in kept]


def _named(facts_: list[Fact]) -> list[Fact]:
    """Give each task a name that no other has: its subject, with its id where that is shared."""
    shared = Counter(fact.name[:_LONGEST] for fact in facts_)
    names = set()
    found = []
    for fact in facts_:
        name = fact.name[:_LONGEST].strip()
        if not name or shared[name] > 1:
            id_ = plain(str(fact.id)[:30]) or str(fact.place)
            name = f"{name or 'Task'} ({id_})" if name else f"Task {id_}"
        while name in names:
            name += "'"
        names.add(name)
        found.append(replace(fact, name=name))
    return found


def named_by(plan: Plan | None, tasks: list[Fact]) -> list[Fact]:
    """Give tasks the names that a plan gives them, where sender and subject tell which is which.

    With the name comes the clock by which the task recurs, of which no answer tells.
    """
    if plan is None:
        return tasks
    known: dict[tuple[str, str | None], list[Task]] = {}
    for task in plan.tasks:
        known.setdefault((task.sender, task.subject or task.name), []).append(task)
    found = [known.get((fact.sender, fact.subject), []) for fact in tasks]
    names = Counter(task.name for mine in found for task in mine)
    return [
        replace(fact, name=mine[0].name, wall=mine[0].every_by == "wall")
        if len(mine) == 1 and names[mine[0].name] == 1
        else fact
        for fact, mine in zip(tasks, found, strict=True)
    ]
