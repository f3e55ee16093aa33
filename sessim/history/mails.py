"""Histories of single emails: webhook events and Postfix logs, counted by task and minute."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from sessim.clock import SECOND
from sessim.history.facts import sender
from sessim.history.instants import Reader
from sessim.history.losses import Losses, Place
from sessim.history.reading import lines
from sessim.history.steps import Steps
from sessim.history.told import bounce
from sessim.quality import OUTCOMES

_MINUTE: Final = 60 * SECOND
_MOST_OPEN: Final = 1_000_000  # emails of a mail log that are under way at once
_MOST_KNOWN: Final = 2_000_000  # who opened, clicked, ... an email; beyond, twice is twice


class Tally:
    """Counts emails by task: its looks are a minute apart, each at the minute's last email.

    Parameters
    ----------
    steps
        Where the rows go.
    known
        The ``OUTCOMES`` that the source tells of, whether there are any or not.
    """

    def __init__(self, steps: Steps, known: Iterable[str] = ()) -> None:
        self.steps = steps
        self.known = set(known)
        self._tasks: dict[str, _Counted] = {}
        self._whom: set[int] = set()
        self._happened: dict[str, dict[int, Counter[str]]] = {}

    def add(
        self, task: str, address: str, time: int, place: Place, kind: str, emails: int = 1
    ) -> None:
        """Count emails that were ``asked`` for, ``sent`` or ``failed``."""
        counted = self._tasks.get(task)
        if counted is None:
            counted = self._tasks[task] = _Counted(address)
        counted.add(time, place, kind, emails)

    def happened(self, task: str, time: int, outcome: str, whom: object = None) -> None:
        """Count what became of an email; whoever opens it again is not counted again."""
        key = hash((task, outcome, whom))
        if whom is not None and key in self._whom:
            return
        if whom is not None and len(self._whom) < _MOST_KNOWN:
            self._whom.add(key)
        self.known.add(outcome)
        self._happened.setdefault(task, {}).setdefault(time // _MINUTE, Counter())[outcome] += 1

    def finish(self) -> None:
        """Hand over what was counted, in order of time within each task."""
        for task, counted in self._tasks.items():
            for place, row in counted.rows():
                name = None if task.isdecimal() else task
                row |= {"case": task, "name": name, "sender": counted.sender}
                self.steps.add(row, place)
            self._tell(task, counted)

    def _tell(self, task: str, counted: _Counted) -> None:
        """Hand over what became of a task's emails, minute by minute."""
        happened = self._happened.get(task, {})
        sent, total = 0, Counter(dict.fromkeys(self.known, 0))
        for minute in sorted({*counted.minutes, *happened} if self.known else ()):
            sent += counted.minutes.get(minute, [0])[0]
            total.update(happened.get(minute, {}))
            self.steps.tell(task, (minute + 1) * _MINUTE - 1, sent, dict(total))


class _Counted:
    """The emails of one task by minute."""

    def __init__(self, address: str) -> None:
        self.sender = address
        self.minutes: dict[int, list[Any]] = {}  # sent, failed, last time, place
        self.asked = 0
        self.first: tuple[int, Place] | None = None

    def add(self, time: int, place: Place, kind: str, emails: int) -> None:
        if self.first is None or time < self.first[0]:
            self.first = (time, place)
        if kind == "asked":
            self.asked += emails
            return
        minute = self.minutes.setdefault(time // _MINUTE, [0, 0, time, place])
        minute[kind == "failed"] += emails
        if time >= minute[2]:
            minute[2:] = [time, place]

    def rows(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        sent, failed = 0, 0
        total = sum(minute[0] + minute[1] for minute in self.minutes.values())
        requests = max(self.asked, total, 1)
        assert self.first is not None
        time, place = self.first
        start = {"requests": requests, "sent": 0}
        yield place, {"time": _written(time), "activity": "due", **start}
        for _, (count, lost, time, place) in sorted(self.minutes.items()):
            sent, failed = sent + count, failed + lost
            done = "sending"
            if sent + failed >= requests:
                done = "sent" if sent else "error"  # as a live run of ours ends
            counts = {"requests": requests, "sent": sent, "failed": failed}
            yield place, {"time": _written(time), "activity": done, **counts}


def _written(time: int) -> str:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=time)).isoformat()


# --- webhook events -------------------------------------------------------------------------------


class Webhook(Struct, gc=False):
    """One event of an email, as the service calls back."""

    event: str
    timestamp: int | float | str
    bulkId: str | int | None = None  # noqa: N815
    sender: str | None = msgspec.field(default=None, name="from")
    fromDomain: str | None = None  # noqa: N815
    subject: str | None = None
    templateId: str | int | None = None  # noqa: N815
    email: str | None = None
    messageId: str | int | None = None  # noqa: N815
    bounceType: str | None = None  # noqa: N815
    reason: Any = None
    sentTimestamp: int | float | str | None = None  # noqa: N815


_EVENTS: Final = {
    "processed": "asked",
    "delivered": "sent",
    "bounce": "sent",  # it left, and came back: it used the day's limit
    "dropped": "failed",
}
_ASIDE: Final = {
    "deferred": (),
    "open": ("opens",),
    "click": ("opens", "clicks"),  # nobody clicks who has not opened it
    "spamreport": ("complaints",),
    "unsubscribe": ("unsubscribes",),
}
"""Events that move no task, and what they tell of the email."""


def read_webhooks(path: Path, steps: Steps, reader: Reader, losses: Losses) -> None:
    """Read webhook events, one a line: a task is a ``bulkId``, or a subject of a sender."""
    decode = msgspec.json.Decoder(Webhook).decode
    tally = Tally(steps)
    aside = 0
    for number, line in lines(path, losses):
        place = Place(path.name, number)
        try:
            event = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            losses.leave_out("it is no webhook event", place)
            continue
        time = reader.instant(event.timestamp)
        kind = _EVENTS.get(event.event)
        if time is None:
            losses.leave_out("its timestamp cannot be read", place)
        elif kind is not None:
            task, address = _task(event)
            tally.add(task, address, time, place, kind)
            if event.event == "bounce":
                is_hard = None if event.bounceType is None else "hard" in event.bounceType
                tally.happened(task, time, bounce(str(event.reason or ""), is_hard=is_hard))
        elif event.event in _ASIDE:
            aside += 1
            sent = None if event.sentTimestamp is None else reader.instant(event.sentTimestamp)
            for outcome in _ASIDE[event.event]:
                whom = event.messageId or event.email
                tally.happened(_task(event)[0], sent or time, outcome, whom)
        else:
            losses.leave_out(f"the event {event.event[:40]!r} is not known", place)
    tally.finish()
    if aside:
        losses.remark(f"{aside:,} events of opening, clicking, waiting and the like move no task.")


def _task(event: Webhook) -> tuple[str, str]:
    """Return the task that an event is of, and its sender."""
    address = event.sender or f"unknown@{event.fromDomain or 'unknown.test'}"
    task = event.bulkId or event.subject or event.templateId or sender(address)[1]
    return str(task).replace("#", " "), address


# --- Postfix --------------------------------------------------------------------------------------

_LOG_LINE: Final = re.compile(
    rb"(?:(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*)|(?P<old>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d))"
    rb" \S+ postfix\S*/(?P<program>[\w-]+)\[\d+\]: (?P<id>[0-9A-Za-z]{6,20}): (?P<rest>.*)"
)
_FROM: Final = re.compile(rb"from=<([^<>]*)>")
_NRCPT: Final = re.compile(rb"\bnrcpt=(\d{1,7})\b")
_STATUS: Final = re.compile(rb"\bstatus=(\w+)")
_DSN: Final = re.compile(rb"\bdsn=(5\.[17]\.\d{1,3})\b")
_POSTFIX: Final = {b"sent": "sent", b"bounced": "sent", b"expired": "failed"}
_PROGRAMS: Final = (b"smtp", b"lmtp", b"relay", b"error")


@dataclass(slots=True)
class _Queued:
    """A mail of the queue: whose it is, its task, and how many have yet to get it, once known."""

    address: str
    task: str
    left: int | None = None


def read_postfix(path: Path, steps: Steps, reader: Reader, losses: Losses, year: int) -> None:
    """Read a mail log of Postfix: a task is what one sender handed over on one day.

    A mail that is put off stays in its task; one that expires has failed for all who are left.
    ``year`` is that of syslog's times, which have none; a January after a December is the next.
    """
    tally, queue, when = Tally(steps, OUTCOMES[:3]), dict[bytes, _Queued](), _Syslog(reader, year)
    for number, line in lines(path, losses):
        place = Place(path.name, number)
        match = _LOG_LINE.match(line)
        if match is None:
            if b"postfix" not in line:
                losses.leave_out("it is no line of Postfix", place)
            continue
        program, rest = match["program"], match["rest"]
        status = _STATUS.search(rest)
        kind = _POSTFIX.get(status[1]) if status and program in (*_PROGRAMS, b"qmgr") else None
        found = _FROM.search(rest) if program in (b"qmgr", b"cleanup", b"pickup") else None
        if kind is None and not found:
            continue
        time = when.instant(match)
        if time is None:
            losses.leave_out("its time cannot be read", place)
            continue
        if found and found[1]:
            mail = queue.setdefault(match["id"], _queued(found[1], reader.clock.date(time)))
            if mail.left is None and (told := _NRCPT.search(rest)):
                mail.left = int(told[1])
                tally.add(mail.task, mail.address, time, place, "asked", mail.left)
            if len(queue) > _MOST_OPEN:
                queue.pop(next(iter(queue)))
        if kind is None:
            continue
        known = queue.get(match["id"])
        if known is None:
            losses.leave_out("no line tells who sent it", place)
            continue
        emails = (known.left or 0) if program == b"qmgr" else 1
        known.left = max((known.left or 0) - emails, 0)
        _count(tally, known, (time, place), kind, emails, rest)
    tally.finish()


def _count(
    tally: Tally, mail: _Queued, when: tuple[int, Place], kind: str, emails: int, rest: bytes
) -> None:
    """Count what became of emails of a mail, and of one that bounced why."""
    if emails:
        tally.add(mail.task, mail.address, *when, kind, emails)
    if b"status=bounced" in rest:
        tally.happened(mail.task, when[0], bounce(_said(rest)))


def _said(rest: bytes) -> str:
    """Return what a line of a mail log says of a bounce: its status code, else the words."""
    code = _DSN.search(rest)
    return (code[1] if code else rest.partition(b"status=")[2]).decode("utf-8", "replace")


def _queued(address: bytes, date: dt.date) -> _Queued:
    text = address.decode("utf-8", "replace")
    return _Queued(text, f"{sender(text)[0]} {date}")


class _Syslog:
    """The times of a mail log; those of syslog, which have no year, go on from a first one."""

    def __init__(self, reader: Reader, year: int) -> None:
        self.reader, self.year, self.month = reader, year, 0

    def instant(self, match: re.Match[bytes]) -> int | None:
        """Return when a line was written; None if it cannot be read."""
        text = (match["iso"] or match["old"]).decode()
        if match["old"]:
            now = _MONTHS.index(text[:3]) + 1 if text[:3] in _MONTHS else 0
            self.year += self.month == 12 and now == 1
            self.month = now or self.month
            text = f"{self.year}-{now:02}-{text[4:6].replace(' ', '0')} {text[7:]}"
        return self.reader.instant(text)


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                  "Dec")  # fmt: skip
