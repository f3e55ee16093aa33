"""Histories of single emails: webhook events and Postfix logs, counted by task and minute."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
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

_MINUTE: Final = 60 * SECOND
_MOST_OPEN: Final = 1_000_000  # emails of a mail log that are under way at once


class Tally:
    """Counts emails by task: its looks are a minute apart, each at the minute's last email."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self._tasks: dict[str, _Counted] = {}

    def add(self, task: str, address: str, time: int, place: Place, kind: str) -> None:
        """Count an email that was ``asked`` for, ``sent`` or ``failed``."""
        counted = self._tasks.get(task)
        if counted is None:
            counted = self._tasks[task] = _Counted(address)
        counted.add(time, place, kind)

    def finish(self) -> None:
        """Hand over what was counted, in order of time within each task."""
        for task, counted in self._tasks.items():
            for place, row in counted.rows():
                name = None if task.isdecimal() else task
                row |= {"case": task, "name": name, "sender": counted.sender}
                self.steps.add(row, place)


class _Counted:
    """The emails of one task by minute."""

    def __init__(self, address: str) -> None:
        self.sender = address
        self.minutes: dict[int, list[Any]] = {}  # sent, last time, place
        self.asked = 0
        self.failed = 0
        self.first: tuple[int, Place] | None = None

    def add(self, time: int, place: Place, kind: str) -> None:
        if self.first is None or time < self.first[0]:
            self.first = (time, place)
        if kind == "asked":
            self.asked += 1
            return
        minute = self.minutes.setdefault(time // _MINUTE, [0, time, place])
        minute[0] += kind == "sent"
        self.failed += kind == "failed"
        if time >= minute[1]:
            minute[1:] = [time, place]

    def rows(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        sent, total = 0, sum(minute[0] for minute in self.minutes.values())
        requests = max(self.asked, total + self.failed, 1)
        assert self.first is not None
        time, place = self.first
        start = {"requests": requests, "sent": 0}
        yield place, {"time": _written(time), "activity": "due", **start}
        for _, (count, time, place) in sorted(self.minutes.items()):
            sent += count
            done = "sent" if sent == requests else "sending"
            yield (
                place,
                {"time": _written(time), "activity": done, "requests": requests, "sent": sent},
            )


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


_EVENTS: Final = {
    "processed": "asked",
    "delivered": "sent",
    "bounce": "sent",  # it left, and came back: it used the day's limit
    "dropped": "failed",
}
_ASIDE: Final = frozenset({"deferred", "open", "click", "spamreport", "unsubscribe"})


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
            address = event.sender or f"unknown@{event.fromDomain or 'unknown.test'}"
            task = event.bulkId or event.subject or event.templateId or sender(address)[1]
            tally.add(str(task).replace("#", " "), address, time, place, kind)
        elif event.event in _ASIDE:
            aside += 1
        else:
            losses.leave_out(f"the event {event.event[:40]!r} is not known", place)
    tally.finish()
    if aside:
        losses.remark(f"{aside:,} events of opening, clicking, waiting and the like move no task.")


# --- Postfix --------------------------------------------------------------------------------------

_LOG_LINE: Final = re.compile(
    rb"(?:(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*)|(?P<old>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d))"
    rb" \S+ postfix\S*/(?P<program>[\w-]+)\[\d+\]: (?P<id>[0-9A-Za-z]{6,20}): (?P<rest>.*)"
)
_FROM: Final = re.compile(rb"from=<([^<>]*)>")
_STATUS: Final = re.compile(rb"\bstatus=(\w+)")
_POSTFIX: Final = {b"sent": "sent", b"bounced": "sent", b"expired": "failed"}
_PROGRAMS: Final = (b"smtp", b"lmtp", b"relay", b"error")


def read_postfix(path: Path, steps: Steps, reader: Reader, losses: Losses, year: int) -> None:
    """Read a mail log of Postfix: a task is what one sender sent on one day.

    ``year`` is that of syslog's times, which have none; a January after a December is the next.
    """
    tally, senders = Tally(steps), dict[bytes, str]()
    month = 0
    for number, line in lines(path, losses):
        place = Place(path.name, number)
        match = _LOG_LINE.match(line)
        if match is None:
            if b"postfix" not in line:
                losses.leave_out("it is no line of Postfix", place)
            continue
        program, queue, rest = match["program"], match["id"], match["rest"]
        if (found := _FROM.search(rest)) and program in (b"qmgr", b"cleanup", b"pickup"):
            if len(senders) >= _MOST_OPEN:
                senders.pop(next(iter(senders)))
            senders[queue] = found[1].decode("utf-8", "replace")
        status = _STATUS.search(rest) if program in _PROGRAMS else None
        kind = _POSTFIX.get(status[1]) if status else None
        if kind is None:
            continue
        text = (match["iso"] or match["old"]).decode()
        if match["old"]:
            now = _MONTHS.index(text[:3]) + 1 if text[:3] in _MONTHS else 0
            year += month == 12 and now == 1
            month = now or month
            text = f"{year}-{now:02}-{text[4:6].replace(' ', '0')} {text[7:]}"
        time = reader.instant(text)
        address = senders.get(queue, "")
        if time is None or not address:
            what = "its time cannot be read" if time is None else "no line tells who sent it"
            losses.leave_out(what, place)
            continue
        date = reader.clock.date(time)
        tally.add(f"{sender(address)[0]} {date}", address, time, place, kind)
    tally.finish()


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                  "Dec")  # fmt: skip
