"""The parts of a plan: domains, tasks and test sends, each checked by itself."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from sessim import planschema, recipients, warmup
from sessim.errors import PlanError, Problem, SessimWarning, shown
from sessim.fields import (
    Address,
    Count,
    Counted,
    Date,
    DomainName,
    Hours,
    Moment,
    Name,
    Path_,
    Quality,
    Requests,
    Segments,
    Subject,
    Template,
    Warmup,
    address_parts,
    whole,
)
from sessim.lifecycle import TaskType
from sessim.wording import in_words

CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""How pydantic builds a plan and its parts."""


@in_words("domains")
@dataclass(frozen=True, config=CONFIG)
class Domain:
    """A sender domain and its warm-up (rule R4).

    Parameters
    ----------
    name
        Such as ``"news.example.com"``.
    warmup
        Where the daily limits come from: a published name (``"standard"``, ``"legacy"``, see
        :func:`sessim.published`), ``"reputation"``, ``"none"``, a number of emails a day, a list
        of numbers, ``{"start": 50, "factor": 2, "cap": 100000}`` or ``{"csv": "limits.csv"}``.
    warmup_start
        Date of warm-up day 1. Default: the earliest due date of the domain's runs.
    advance
        What makes a warm-up day count: ``"calendar"`` (each date) or ``"sending"`` (only dates
        on which the domain sent something).
    level
        Reputation level at the plan's start, 0 to 20; only for ``warmup: reputation``.
    quality
        Rates for the domain's tasks where these say nothing; keys as of a task.

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
    level: Annotated[int, whole(0, 20)] = 1
    quality: Quality = None

    @cached_property
    def limits(self) -> warmup.Limits:
        """The daily limits by warm-up day."""
        return warmup.limits(self.warmup, self.level)


@in_words("tasks")
@dataclass(frozen=True, slots=True, config=CONFIG | {"json_schema_extra": planschema.TASK})
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
        What becomes of the emails (rule R7): rates from 0 to 1, or distributions such as
        ``{"uniform": [0.001, 0.003]}``. ``invalid_rate``, ``spam_bounce_rate`` and
        ``soft_failure_rate`` are of the emails sent, ``complaint_rate``, ``open_rate``,
        ``click_rate`` and ``unsubscribe_rate`` of those delivered. What is not given is the
        domain's, else 0.
    segments
        The parts of the list in the order in which they are sent, each ``{name, requests,
        quality}``; their requests sum to the task's.

    Raises
    ------
    PlanError
        If a value is not one of these, or a key is missing.
    """

    name: Name
    _: KW_ONLY
    sender: Address
    requests: Requests | None = None
    recipients: Path_ | None = None
    start: Moment | None = None
    every: Hours | None = None
    count: Count | None = None
    until: Moment | None = None
    every_by: Literal["elapsed", "wall"] = "elapsed"
    overlap: Literal["queue", "skip"] = "queue"
    cancel_at: Moment | None = None
    subject: Subject | None = None
    template: Template | None = None
    reply_to: Address | None = None
    quality: Quality = None
    segments: Segments = None

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
            try:
                self._count(self.recipients)
            except ValueError as error:
                raise PlanError([Problem("recipients", str(error), ("recipients",))]) from None
        if self.segments is not None:
            total = sum(segment.requests for segment in self.segments)
            if total != self.requests:
                message = (
                    f"{self.requests} is not what the task's segments have together; "
                    f"give {total}, or change the segments"
                )
                where = "requests" if self.recipients is None else "recipients"
                raise PlanError([Problem(where, message, (where,))])
        return self

    def _count(self, file: str) -> None:
        """Take the number of requests from the file of recipients."""
        found = recipients.survey(Path(file))
        if found.refused:
            said = f"task {self.name!r}: file {Path(file).name!r} {found.warning}"
            warnings.warn(said, SessimWarning, stacklevel=2)
        counted = found.good
        if self.requests is None or isinstance(self.requests, Counted):
            object.__setattr__(self, "requests", Counted(counted))
        elif self.requests != counted:
            raise ValueError(
                f"{shown(file)} holds {counted}, but requests is {self.requests}; "
                "leave one of them out"
            )

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


@in_words("test_sends")
@dataclass(frozen=True, config=CONFIG)
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
