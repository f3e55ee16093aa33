"""From a choice to a plan: lists cut into tasks of at most 10,000 recipients, day by day.

Each task is due when its day begins and holds no more than its domain may still send that day, so
no task is ever paused. What a list sends on a day from a domain is cut into as few tasks as that
allows; recipients keep the order of their list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd

from sessim.clock import Clock, format_moment
from sessim.errors import ArgumentError, shown
from sessim.experiments.planning.filling import fill
from sessim.experiments.planning.goals import Choice
from sessim.experiments.planning.jobs import Filling
from sessim.experiments.planning.lists import MailList
from sessim.experiments.planning.setting import Setting
from sessim.lifecycle import TaskType
from sessim.parts import Task
from sessim.plan import Plan

MOST_RECIPIENTS: Final = 10_000
"""Recipients of one list that the console takes."""

CONSOLE: Final = ZoneInfo("Asia/Shanghai")
"""Whose time ``BeginTime`` is in: it is written without a zone."""


@dataclass(frozen=True)
class Chunk:
    """One task: which recipients of a list go out when, and from which domain.

    Parameters
    ----------
    name
        Of the task and of its list of recipients.
    place
        The mailing list's place.
    domain
        The domain's name.
    day
        The day, from 0.
    first_row, last_row
        Its recipients in the mailing list, counted from 1.
    """

    name: str
    place: int
    domain: str
    day: int
    first_row: int
    last_row: int

    @property
    def requests(self) -> int:
        """How many recipients it has."""
        return self.last_row - self.first_row + 1


def filled(setting: Setting, choice: Choice) -> Filling:
    """Lay a choice out over the days."""
    return fill(choice.jobs, setting.room(choice.first).only(choice.domains))


def chunks(setting: Setting, lists: Sequence[MailList], filling: Filling) -> list[Chunk]:
    """Cut a schedule into tasks, in the order in which they are due."""
    cuts: list[tuple[int, str, int, int, int]] = []
    sent = [0] * len(lists)
    for piece in filling.pieces:
        left = piece.emails
        while left:
            number = min(left, MOST_RECIPIENTS)
            first = sent[piece.job] + 1
            sent[piece.job] += number
            left -= number
            name = setting.names[piece.domain]
            cuts.append((piece.job, name, piece.day, first, first + number - 1))
    digits = [len(str(sum(cut[0] == i for cut in cuts))) for i in range(len(lists))]
    counts = [0] * len(lists)
    found = []
    for job, domain, day, first, last in cuts:
        counts[job] += 1
        name = f"{lists[job].name} {counts[job]:0{digits[job]}d}"
        found.append(Chunk(name, job, domain, day, first, last))
    return found


def made(
    setting: Setting,
    choice: Choice,
    parts: Sequence[Chunk],
    sender: str | None,
) -> Plan:
    """Build the plan: what was booked, and the new tasks behind it."""
    senders = _senders(setting, sender)
    begins = {chunk.day: _written(setting, chunk.day) for chunk in parts}
    tasks = [
        Task(
            chunk.name,
            sender=senders[chunk.domain],
            requests=chunk.requests,
            start=begins[chunk.day],
            subject=(entry := choice.lists[chunk.place]).subject,
            template=entry.template,
            quality=entry.quality,
        )
        for chunk in parts
    ]
    booked = setting.plan.tasks if setting.is_booked else ()
    taken = {task.name for task in booked}
    clash = next((task.name for task in tasks if task.name in taken), None)
    if clash is not None:
        raise ArgumentError(
            f"lists: the booked plan has a task {clash!r} already; name the list otherwise"
        )
    used = {chunk.domain for chunk in parts}
    domains = tuple(
        _with_start(setting, i, choice.first) if domain.name in used else domain
        for i, domain in enumerate(setting.domains)
        if domain.name in used or (setting.is_booked and domain in setting.plan.domains)
    )
    return replace(setting.plan, domains=domains, tasks=(*booked, *tasks))


def _written(setting: Setting, day: int) -> dt.datetime:
    """Return when a day's tasks begin, as local time or, where that is doubtful, in UTC."""
    instant = setting.begins[day]
    local = setting.clock.local(instant).replace(tzinfo=None)
    return local if setting.clock.instant(local) == instant else setting.clock.local(instant)


def _with_start(setting: Setting, index: int, first: int) -> Any:
    """Return a domain that says when its warm-up began, whatever tasks the plan has."""
    domain = setting.domains[index]
    if not domain.limits.counts_days if domain.warmup != "reputation" else True:
        return domain
    return replace(domain, warmup_start=setting.warmup_start(domain, first))


def _senders(setting: Setting, sender: str | None) -> dict[str, str]:
    """Return the address that each domain sends from: a booked one, or the pattern's."""
    booked = {task.domain: task.sender for task in reversed(setting.plan.tasks)}
    found = {}
    for name in setting.names:
        if sender is not None:
            if "{domain}" not in str(sender):
                raise ArgumentError(
                    f"sender: {shown(sender)} has no {{domain}} in it; "
                    "write for example 'Example <hello@{domain}>'"
                )
            found[name] = sender.replace("{domain}", name)
        else:
            own = booked.get(name) if setting.is_booked else None
            found[name] = own or f"news@{name}"
    return found


# --- tables ---------------------------------------------------------------------------------------


def task_table(
    setting: Setting, lists: Sequence[MailList], parts: Sequence[Chunk], plan: Plan
) -> pd.DataFrame:
    """Return one row a task of the answer; see :attr:`sessim.Planned.tasks`."""
    senders = {task.name: task.sender for task in plan.tasks}
    instants = [setting.begins[chunk.day] for chunk in parts]
    starts = pd.to_datetime(instants, unit="us", utc=True).tz_convert(plan.timezone)
    return pd.DataFrame(
        {
            "task": [chunk.name for chunk in parts],
            "list": [lists[chunk.place].name for chunk in parts],
            "domain": [chunk.domain for chunk in parts],
            "sender": [senders[chunk.name] for chunk in parts],
            "start": starts,
            "requests": [chunk.requests for chunk in parts],
            "first_row": [chunk.first_row for chunk in parts],
            "last_row": [chunk.last_row for chunk in parts],
        }
    )


def batch_requests(
    plan: Plan,
    tasks: pd.DataFrame,
    receivers: Mapping[str, int] | None,
    template: int | None,
    subject: str | None,
) -> pd.DataFrame:
    """Return one row a call of the API's ``BatchSendEmail``; see :class:`sessim.Planned`."""
    if receivers is not None and not hasattr(receivers, "keys"):
        raise ArgumentError(f"receivers: {shown(receivers)} are none; give ids by task name")
    by_name = {task.name: task for task in plan.tasks}
    clock = Clock(plan.timezone)
    rows = []
    for name, start in zip(tasks["task"], tasks["start"], strict=True):
        task = by_name[name]
        if receivers is not None and name not in receivers:
            raise ArgumentError(f"receivers: has no id for the list {name!r}; add it")
        instant = clock.instant(start.to_pydatetime())
        begin = clock.local(instant).astimezone(CONSOLE).replace(tzinfo=None)
        rows.append(
            {
                "FromEmailAddress": task.sender,
                "ReceiverId": None if receivers is None else _receiver(name, receivers[name]),
                "ReceiversName": name,
                "Subject": subject or task.subject,
                "Template": {"TemplateID": template, "TemplateData": "{}"},
                "TaskType": int(TaskType.SCHEDULED),
                "TimedParam": {"BeginTime": f"{format_moment(begin)}:00"},
            }
        )
    frame = pd.DataFrame(rows, columns=_FIELDS)
    frame["ReceiverId"] = frame["ReceiverId"].astype("Int64")
    return frame


def _receiver(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"receivers: {name!r}: {shown(value)} is no id; give the number that the service gave"
        ) from None


_FIELDS: Final = [
    *("FromEmailAddress", "ReceiverId", "ReceiversName", "Subject"),
    *("Template", "TaskType", "TimedParam"),
]


# --- the days -------------------------------------------------------------------------------------


def day_table(setting: Setting, choice: Choice, filling: Filling) -> pd.DataFrame:
    """Return one row a domain and day; see :attr:`sessim.Planned.days`."""
    planned = 0 * setting.booked
    for piece in filling.pieces:
        planned[piece.domain, piece.day] += piece.emails
    left, limits = setting.left(choice.first), setting.limits(choice.first)
    account = setting.account()
    total = (setting.booked + planned).sum(axis=0)
    days = sorted({piece.day for piece in filling.pieces})
    rows = []
    for day in range(days[0], days[-1] + 1) if days else ():
        for index, domain in enumerate(setting.domains):
            if index not in choice.domains and not setting.booked[index].any():
                continue
            used = int(planned[index, day])
            if index in choice.domains and used >= left[index, day]:
                binding = "domain limit" if not setting.reserve else "reserve"
            elif used and total[day] >= account[day]:
                binding = "account rate"
            else:
                binding = "list sizes" if index in choice.domains else ""
            limit = int(limits[index, day])
            number = (setting.dates[day] - setting.warmup_start(domain, choice.first)).days + 1
            rows.append(
                (
                    domain.name, pd.Timestamp(setting.dates[day]), max(0, number), limit,
                    int(setting.booked[index, day]), used, binding,
                )
            )  # fmt: skip
    columns = ["domain", "date", "day", "limit", "booked", "planned", "binding"]
    frame = pd.DataFrame(rows, columns=columns)
    unlimited = {d.name for d in setting.domains if d.warmup == "none"}
    frame["limit"] = frame["limit"].astype("Int64").mask(frame["domain"].isin(unlimited))
    return frame


def binding_table(setting: Setting, days: pd.DataFrame) -> pd.DataFrame:
    """Return one row a day; see :attr:`sessim.Planned.binding`."""
    account = dict(zip(setting.dates, setting.account().tolist(), strict=True))
    rows = []
    for date, group in days.groupby("date"):
        booked, planned = int(group["booked"].sum()), int(group["planned"].sum())
        kinds = set(group["binding"]) - {""}
        word = next((kind for kind in _BINDING if kind in kinds), "")
        limit = group["limit"].sum() if group["limit"].notna().all() else pd.NA
        rate = account[date.date()]  # type: ignore[union-attr]
        rows.append((date, limit, rate, booked, planned, word))
    columns = ["date", "limit", "account", "booked", "planned", "binding"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["limit"] = frame["limit"].astype("Int64")
    return frame


_BINDING: Final = ("list sizes", "account rate", "reserve", "domain limit")
"""What bounds a day, the laxest first: only where every domain is at its limit, limits do."""
