"""The plan: what the user wants sent, validated, immutable, in the words of the console."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from functools import cache, cached_property
from os import PathLike
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from sessim import checks, planschema, schedule
from sessim.basis import Basis
from sessim.checks import MOST_DOMAINS
from sessim.clock import HOUR, Clock
from sessim.errors import PlanError
from sessim.fields import Horizon, Moment, Rate, RestartAt, Switch, Zone, whole
from sessim.parts import CONFIG, Domain, Task, TestSend
from sessim.schedule import Recurrence, Runs
from sessim.wording import in_words, problems

DEFAULT_RATE = Fraction(20)
"""Emails a second that the service lets an account send, unless something else was agreed."""

__all__ = ["DEFAULT_RATE", "MOST_DOMAINS", "Domain", "Plan", "Task", "TestSend"]


@in_words()
@dataclass(frozen=True, config=CONFIG, kw_only=True)
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
        What becomes of emails: drawn by the rates of ``quality`` (``"sampled"``), or
        ``"expected"``.
    levels_per_day
        For ``warmup: reputation``: the most levels that a domain may rise in a day. The service
        has 1 for accounts opened after 2026-05-07; 20 is as good as no bound, as it was before.
    test_sends
        The console's test sends: :class:`TestSend`, or mappings of its keys.

    Raises
    ------
    PlanError
        If anything in it could not be done; the error lists every problem found.
    """

    start: Moment
    timezone: Zone = "Asia/Shanghai"
    rate: Rate = DEFAULT_RATE
    discipline: Literal["fifo", "fair"] = "fifo"
    restart: Literal["auto", "manual"] = "auto"
    restart_at: RestartAt | None = None
    restart_delay: Annotated[int, whole(0, 366 * 86_400)] = 0
    window: Literal["day", "rolling"] = "day"
    horizon: Horizon | None = None
    resume_on_raise: Switch = False
    outcomes: Literal["sampled", "expected"] = "sampled"
    levels_per_day: Annotated[int, whole(1, 20)] = 1
    domains: Annotated[tuple[Domain, ...], planschema.size(1, MOST_DOMAINS)]
    tasks: Annotated[tuple[Task, ...], planschema.size(1)]
    test_sends: tuple[TestSend, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        found = list(checks.problems(self))
        if found:
            raise PlanError(found)
        checks.warn(self)
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

    @cached_property
    def has_outcomes(self) -> bool:
        """Whether anything says, or asks, what becomes of the emails sent (rule R7)."""
        rates = [domain.quality for domain in self.domains]
        rates += [task.quality for task in self.tasks]
        rates += [segment.quality for task in self.tasks for segment in task.segments or ()]
        by_level = any(domain.warmup == "reputation" for domain in self.domains)
        return by_level or any(quality and quality.given for quality in rates)

    @cached_property
    def basis(self) -> Basis:
        """The parts of the tasks' lists with their quality rates."""
        return Basis(self)

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
        if not isinstance(data, dict):
            raise PlanError("a plan is a group of keys; write start, domains, tasks and others")
        try:
            return _adapter().validate_python(data)
        except ValidationError as error:
            raise PlanError(problems(error, data)) from None

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
        return planschema.schema(_adapter(), (Plan, Domain, Task, TestSend))


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def _next_year(time: dt.datetime) -> dt.datetime:
    try:
        return time.replace(year=time.year + 1)
    except ValueError:  # the 29th of February
        return time.replace(year=time.year + 1, day=28)
