"""The plan: what the user wants sent, validated, immutable, in the words of the console."""

from __future__ import annotations

import datetime as dt
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, fields
from fractions import Fraction
from functools import cache, cached_property
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from sessim import recipients, schedule, warmup
from sessim.clock import HOUR, Clock, SkippedHourError, format_moment
from sessim.errors import PlanError, Problem, SessimWarning, nearest, shown
from sessim.fields import (
    Address,
    Count,
    Date,
    DomainName,
    Horizon,
    Hours,
    Level,
    Moment,
    Name,
    Path_,
    Quality,
    Rate,
    RestartAt,
    Subject,
    Switch,
    Warmup,
    Zone,
    address_parts,
    in_words,
    place,
    problems,
    whole,
)
from sessim.lifecycle import TaskType
from sessim.schedule import Recurrence, Runs

MOST_DOMAINS = 10
MOST_ADDRESSES = 10

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
_KEYS: dict[str, tuple[str, ...]] = {}


@in_words(_KEYS, "domains")
@dataclass(frozen=True, config=_CONFIG)
class Domain:
    """A sender domain and its warm-up (rule R4).

    Parameters
    ----------
    name
        Such as ``"news.example.com"``.
    warmup
        Where the daily limits come from: a published name (``"standard"``, ``"legacy"``, see
        :func:`sessim.published`), ``"none"``, a number of emails a day, a list of numbers,
        ``{"start": 50, "factor": 2, "cap": 100000}`` or ``{"csv": "limits.csv"}``.
    warmup_start
        Date of warm-up day 1. Default: the earliest due date of the domain's runs.
    advance
        What makes a warm-up day count: ``"calendar"`` (each date) or ``"sending"`` (only dates
        on which the domain sent something).
    level, quality
        Kept for the reputation rules, which this version does not simulate.

    Raises
    ------
    PlanError
        If a value is not one of these.
    """

    name: DomainName
    _: KW_ONLY
    warmup: Warmup = "standard"
    warmup_start: Date | None = None
    advance: Literal["calendar", "sending"] = "calendar"
    level: Level = 1
    quality: Quality = None

    @cached_property
    def limits(self) -> warmup.Limits:
        """The daily limits by warm-up day."""
        return warmup.limits(self.warmup)


@in_words(_KEYS, "tasks")
@dataclass(frozen=True, slots=True, config=_CONFIG)
class Task:
    """A sending task: Batch (neither ``start`` nor ``every``), Scheduled or Recurring.

    Parameters
    ----------
    name
        Unique in its plan.
    sender
        ``Name <address>`` or a bare address; its domain must be one of the plan's.
    requests
        Emails of one run.
    recipients
        Instead of ``requests``: a CSV file with a column of addresses, which is counted.
    start
        When it is due, in the plan's zone. Default: at the plan's start.
    every
        Interval of a recurring task in whole hours, such as ``"24h"``.
    count
        How many runs there are at most. Default: up to the horizon.
    until
        The last time a run may be due, or, as a bare date, the end of that day. Default: the
        horizon.
    every_by
        ``"elapsed"``: 24h are 24 hours; ``"wall"``: the same wall-clock time every day.
    overlap
        What a run does while an earlier run of the task is unfinished: ``"queue"`` behind it, or
        ``"skip"``.
    cancel_at
        When the user cancels the task.
    subject, template, reply_to
        What is sent; the simulation does not need them.
    quality
        Kept for quality outcomes, which this version does not simulate.

    Raises
    ------
    PlanError
        If a value is not one of these, or a key is missing.
    """

    name: Name
    _: KW_ONLY
    sender: Address
    requests: Count | None = None
    recipients: Path_ | None = None
    start: Moment | None = None
    every: Hours | None = None
    count: Count | None = None
    until: Moment | None = None
    every_by: Literal["elapsed", "wall"] = "elapsed"
    overlap: Literal["queue", "skip"] = "queue"
    cancel_at: Moment | None = None
    subject: Subject | None = None
    template: Name | None = None
    reply_to: Address | None = None
    quality: Quality = None

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if self.recipients is None and self.requests is None:
            raise ValueError("requests is missing; give their number, or recipients: FILE.csv")
        if self.every is not None and self.start is None:
            raise ValueError("start is missing; a recurring task needs its first time")
        for key in ("count", "until"):
            if self.every is None and getattr(self, key) is not None:
                raise ValueError(f"{key} belongs to a recurring task; add every, or leave it out")
        if self.recipients is not None:
            counted = recipients.count(Path(self.recipients))
            if self.requests not in (None, counted):
                raise ValueError(
                    f"requests is {self.requests}, but {shown(self.recipients)} holds {counted}; "
                    "leave one of them out"
                )
            object.__setattr__(self, "requests", counted)
        return self

    @property
    def type(self) -> TaskType:
        """Batch (immediate), Scheduled or Recurring."""
        if self.every is not None:
            return TaskType.RECURRING
        return TaskType.IMMEDIATE if self.start is None else TaskType.SCHEDULED

    @property
    def domain(self) -> str:
        """The sender domain, taken from the address."""
        return address_parts(self.sender)[2]


@in_words(_KEYS, "test_sends")
@dataclass(frozen=True, config=_CONFIG)
class TestSend:
    """A test send of the console, counted towards the day's limit (rule R8).

    Parameters
    ----------
    sender
        ``Name <address>`` or a bare address; its domain must be one of the plan's.
    at
        When it is sent, in the plan's zone.
    recipients
        How many addresses get it: 1 to 20.
    """

    __test__ = False  # or pytest would take it for a test

    sender: Address
    at: Moment
    recipients: Annotated[int, whole(1, 20)]

    @property
    def domain(self) -> str:
        """The sender domain, taken from the address."""
        return address_parts(self.sender)[2]


@in_words(_KEYS)
@dataclass(frozen=True, config=_CONFIG, kw_only=True)
class Plan:
    """Everything that is to be sent, by which domains, and by which rules.

    Parameters
    ----------
    start
        When the plan starts: a local date (its beginning) or time in ``timezone``.
    domains
        The sender domains, at most 10: :class:`Domain`, or mappings of its keys.
    tasks
        The tasks in order of creation: :class:`Task`, or mappings of its keys.
    timezone
        IANA name of the zone whose days count.
    rate
        Emails a second of the account, exactly as written: a number or ``"1/3"``.
    discipline
        ``"fifo"``: the earliest due run first; ``"fair"``: the sending runs in turns.
    restart
        ``"auto"``: paused runs go on at the next reset; ``"manual"``: at ``restart_at``.
    restart_at
        For ``manual``: a time of day, or a list of times.
    restart_delay
        Seconds from a reset to the automatic restart.
    window
        ``"day"``: limits hold for a local day; ``"rolling"``: for 24 hours from when the limit
        was reached.
    horizon
        Where the simulation ends if work is left: a time, a date (its end) or a length such as
        ``"90d"``. Default: one year after the start.
    resume_on_raise
        Whether a limit that rises within a day restarts paused runs.
    outcomes
        For quality: drawn (``"sampled"``) or ``"expected"`` outcomes.
    levels_per_day
        For reputation: the most levels that a domain may rise in a day.
    test_sends
        The console's test sends: :class:`TestSend`, or mappings of its keys.

    Raises
    ------
    PlanError
        If anything in it could not be done; the error lists every problem found.
    """

    start: Moment
    timezone: Zone = "Asia/Shanghai"
    rate: Rate = Fraction(20)
    discipline: Literal["fifo", "fair"] = "fifo"
    restart: Literal["auto", "manual"] = "auto"
    restart_at: RestartAt | None = None
    restart_delay: Annotated[int, whole(0, 366 * 86_400)] = 0
    window: Literal["day", "rolling"] = "day"
    horizon: Horizon | None = None
    resume_on_raise: Switch = False
    outcomes: Literal["sampled", "expected"] = "sampled"
    levels_per_day: Annotated[int, whole(1, 20)] = 1
    domains: tuple[Domain, ...]
    tasks: tuple[Task, ...]
    test_sends: tuple[TestSend, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        found = list(self._problems())
        if found:
            raise PlanError(found)
        self._warn()
        _ = self.runs, self.goes_on  # laid out once, while the plan is built
        return self

    # --- derived ------------------------------------------------------------------------------

    @cached_property
    def clock(self) -> Clock:
        """The instants and days of the plan's zone."""
        return Clock(self.timezone)

    @cached_property
    def start_instant(self) -> int:
        """When the plan starts, in microseconds since the Unix epoch."""
        return self.clock.instant(self.start, skipped="error")

    @cached_property
    def end_instant(self) -> int:
        """The horizon, in microseconds since the Unix epoch: nothing happens from then on."""
        match self.horizon:
            case None:
                return self.clock.instant(_next_year(self._local_start))
            case (int(number), "h"):
                return self.start_instant + number * HOUR
            case (int(number), _):
                return self.clock.instant(self._local_start + dt.timedelta(days=number))
        return self.clock.end_instant(self.horizon)

    @cached_property
    def _local_start(self) -> dt.datetime:
        return self.clock.local(self.start_instant).replace(tzinfo=None)

    @cached_property
    def recurrences(self) -> tuple[Recurrence, ...]:
        """When the runs of each task are due, in the order of the tasks."""
        return tuple(map(self._recurrence, self.tasks))

    def _recurrence(self, task: Task) -> Recurrence:
        first = self.start_instant if task.start is None else self.clock.instant(task.start)
        if task.every is None:
            return Recurrence(first)
        until = None if task.until is None else self.clock.end_instant(task.until)
        if until is not None and not isinstance(task.until, dt.datetime):
            until -= 1  # a bare date means its end, and the day is half open
        return Recurrence(first, task.every, task.count, until, task.every_by == "wall")

    @cached_property
    def goes_on(self) -> tuple[bool, ...]:
        """Whether runs of each task are due beyond the horizon that ``runs`` does not hold."""
        counts = np.bincount(self.runs.task, minlength=len(self.tasks) + 1)[1:]
        return tuple(
            entry.goes_on(self.clock, int(number) + 1)
            for entry, number in zip(self.recurrences, counts, strict=True)
        )

    @cached_property
    def runs(self) -> Runs:
        """The runs of all tasks, of recurring ones those before the horizon, in R3's order."""
        index = {domain.name: i for i, domain in enumerate(self.domains)}
        return schedule.runs(
            [entry.dues(self.clock, self.end_instant) for entry in self.recurrences],
            [index[task.domain] for task in self.tasks],
            [task.requests or 0 for task in self.tasks],
        )

    def warmup_start(self, domain: Domain) -> dt.date:
        """Return the date of a domain's warm-up day 1 (rule R4)."""
        if domain.warmup_start is not None:
            return domain.warmup_start
        firsts = [
            entry.first
            for task, entry in zip(self.tasks, self.recurrences, strict=True)
            if task.domain == domain.name
        ]
        return self.clock.date(min(firsts, default=self.start_instant))

    # --- checks -------------------------------------------------------------------------------

    def _problems(self) -> Iterator[Problem]:
        try:
            start = self.start_instant
        except SkippedHourError as error:
            yield Problem("start", str(error), ("start",))
            return
        if isinstance(self.horizon, dt.date) and self.end_instant <= start:
            message = (
                f"{format_moment(self.horizon)} is not after the plan's start, "
                f"{format_moment(self.start)}; give a later one"
            )
            yield Problem("horizon", message, ("horizon",))
            return
        yield from self._account_problems()
        found = False
        for problem in self._task_problems():
            found = True
            yield problem
        if not found:
            yield from self._run_problems()

    def _account_problems(self) -> Iterator[Problem]:
        for key, entries, most in (
            ("domains", self.domains, MOST_DOMAINS),
            ("tasks", self.tasks, None),
        ):
            names = Counter(entry.name for entry in entries)
            for name, times in names.items():
                if times > 1:
                    yield Problem(
                        key, f"{name!r} is given {times} times; names must differ", (key,)
                    )
            if not entries:
                yield Problem(key, "is empty; give at least one", (key,))
            if most is not None and len(entries) > most:
                yield Problem(
                    key, f"has {len(entries)} entries; an account has at most {most}", (key,)
                )
        if (self.restart == "manual") != (self.restart_at is not None):
            remedy = (
                "give it" if self.restart == "manual" else "leave it out, or set restart: manual"
            )
            yield Problem("restart_at", f"belongs to restart: manual; {remedy}", ("restart_at",))
        if isinstance(self.restart_at, tuple):
            for entry in self.restart_at:
                yield from self._too_early(entry, ("restart_at",), "restart_at")

    def _task_problems(self) -> Iterator[Problem]:
        known = {domain.name for domain in self.domains}
        groups: dict[str, Sequence[Task | TestSend]] = {
            "tasks": self.tasks,
            "test_sends": self.test_sends,
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
                        yield from self._too_early(value, (key, i, field), f"{at}, {field}")

    def _too_early(self, value: Any, where: tuple[int | str, ...], field: str) -> Iterator[Problem]:
        try:
            instant = self.clock.instant(
                value, skipped="error" if where[-1] == "start" else "forward"
            )
        except SkippedHourError as error:
            yield Problem(field, str(error), where)
            return
        if instant < self.start_instant:
            message = (
                f"{format_moment(value)} is before the plan's start, "
                f"{format_moment(self.start)}; give a later time"
            )
            yield Problem(field, message, where)

    def _run_problems(self) -> Iterator[Problem]:
        total = 0
        for i, (task, entry) in enumerate(zip(self.tasks, self.recurrences, strict=True)):
            at = place(("tasks", i), {"tasks": self.tasks})
            last = self.end_instant - 1
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

    def _warn(self) -> None:
        addresses = {(task.domain, address_parts(task.sender)[1]) for task in self.tasks}
        for name, number in Counter(domain for domain, _ in addresses).items():
            if number > MOST_ADDRESSES:
                warnings.warn(
                    f"domain {name!r} has {number} sender addresses; "
                    f"the service allows {MOST_ADDRESSES}",
                    SessimWarning,
                    stacklevel=2,
                )

    # --- there and back -----------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, keys at their defaults left out.

        What files hold stands in it as numbers: recipients as ``requests``, limits as a list.
        """
        from sessim import planfile  # slow to import

        return planfile.plain(self, _adapter())

    def to_yaml(self, path: str | PathLike[str] | None = None) -> str:
        """Return the plan as YAML, and write it to ``path`` if given."""
        from sessim import planfile

        return planfile.write(self, _adapter(), path, planfile.yaml_text)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the plan as JSON, and write it to ``path`` if given."""
        from sessim import planfile

        return planfile.write(self, _adapter(), path, planfile.json_text)

    @classmethod
    def from_dict(cls, data: object) -> Plan:
        """Build a plan from plain data, such as :meth:`to_dict` returns.

        Raises :class:`PlanError` if it is no plan.
        """
        if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
            raise PlanError("a plan is a group of keys; write start, domains, tasks and others")
        try:
            return _adapter().validate_python(data)
        except ValidationError as error:
            raise PlanError(problems(error, data, _KEYS)) from None

    @classmethod
    def from_yaml(cls, path: str | PathLike[str]) -> Plan:
        """Read a plan file in YAML 1.2 (or JSON, which is YAML too).

        Relative paths in it begin at its folder. Raises :class:`PlanError` if it is no plan.
        """
        from sessim import planfile

        with planfile.beside(path):
            return cls.from_dict(planfile.read(path))

    from_json = from_yaml

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON Schema of the plan file, for editors to complete it."""
        from sessim import planfile

        return planfile.schema(_adapter(), (Plan, Domain, Task, TestSend))


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


_KEYS.update(
    {
        key: tuple(field.name for field in fields(cls))
        for key, cls in {"": Plan, "domains": Domain, "tasks": Task, "test_sends": TestSend}.items()
    }
)


def _next_year(time: dt.datetime) -> dt.datetime:
    try:
        return time.replace(year=time.year + 1)
    except ValueError:  # the 29th of February
        return time.replace(year=time.year + 1, day=28)
