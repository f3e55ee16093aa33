"""A history of our own making: a poller that looks at a simulated account, with its slips.

It prints what the service's client prints (``ListSendTasks``, ``ListEmailIdentities``), one answer
a line with the time at which it was read, so that importers, rules and explanations can be tried
on a history whose truth is known.
"""

from __future__ import annotations

import gzip
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from sessim.clock import SECOND, Clock
from sessim.errors import ArgumentError
from sessim.eventlog import NONE, Event
from sessim.history.table import midnights
from sessim.ledger import Ledger, Snapshot
from sessim.lifecycle import CANCELLED, SENDING, TaskType
from sessim.result import Result
from sessim.tables import task_numbers

PAGE: Final = 100
"""The most rows of one answer."""
FIRST_ID: Final = 4700
"""The ``TaskId`` of task 1 is one more."""

_COLUMNS: Final = ("task", "status", "requests", "sent", "cached")


@dataclass(frozen=True)
class Slips:
    """What goes wrong while a poller looks on; each is a share from 0 to 1 unless it says else.

    Attributes
    ----------
    missed
        Of polls that never happened.
    lost
        Of pages that are missing from a poll.
    shifted
        Of pages that begin one row late or early, as when a task is created or deleted between
        two pages.
    late
        Of pages that show an older state.
    lag
        How many minutes older, at most.
    nulls
        Of rows with ``CacheCount`` and ``UpdateTime`` null.
    """

    missed: float = 0.0
    lost: float = 0.0
    shifted: float = 0.0
    late: float = 0.0
    lag: float = 10.0
    nulls: float = 0.0


class Poller:
    """Looks at a result again and again, as somebody does who polls the service.

    Parameters
    ----------
    result
        What happened.
    every
        Minutes from poll to poll; a day's beginning is polled too.
    timezone
        The zone in which times without a zone are written. Default: the plan's.
    page
        Rows of an answer.
    slips
        What goes wrong.
    seed
        Of the slips.

    Raises
    ------
    ArgumentError
        If ``every`` or ``page`` is not above 0.
    """

    def __init__(
        self,
        result: Result,
        *,
        every: float = 15,
        timezone: str | None = None,
        page: int = PAGE,
        slips: Slips | None = None,
        seed: int = 0,
    ) -> None:
        if not every > 0:
            raise ArgumentError(f"every: {every!r} minutes is no interval; give more than 0")
        if page < 1:
            raise ArgumentError(f"page: {page!r} rows is no page; give at least 1")
        self.result, self.page = result, page
        self.step = max(1, round(every * 60 * SECOND))
        self.clock = Clock(timezone or result.plan.timezone)
        self.slips = slips or Slips()
        self._random = random.Random(seed)
        plan = result.plan
        self._ledger = Ledger(result.log)
        self._still = -1  # so many rows of the log have been told, and nothing moves
        self._rows: list[dict[str, Any]] = []
        self._created = self._text(plan.start_instant)

    @property
    def instants(self) -> list[int]:
        """When there are polls, in microseconds since the Unix epoch, missed ones included."""
        plan = self.result.plan
        start, end = plan.start_instant, int(self.result.log.time[-1])
        found = set(range(start, end, self.step)) | {end}
        return sorted(found | set(midnights(plan.clock, start, end)))

    def answers(self) -> Iterator[dict[str, Any]]:
        """Yield the answers as a poller keeps them: ``{"time": ..., "Response": {...}}``."""
        for instant in self.instants:
            if self._slips(self.slips.missed):
                continue
            time = self.result.plan.clock.local(instant).isoformat()
            for page in self._pages(instant):
                yield {"time": time, "Response": page}
            yield {"time": time, "Response": self.identities(instant)}

    def write(self, path: str | PathLike[str]) -> Path:
        """Write all answers, one a line; a name that ends in ``.gz`` is packed."""
        file = Path(path)
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "wt", encoding="utf-8", newline="\n") as target:
            for answer in self.answers():
                target.write(json.dumps(answer, ensure_ascii=False) + "\n")
        return file

    # --- answers ----------------------------------------------------------------------------------

    def _pages(self, instant: int) -> Iterator[dict[str, Any]]:
        """Yield the pages of one poll, as far as the poller gets them."""
        size = len(self.rows(instant))
        for offset in range(0, max(size, 1), self.page):
            if self._slips(self.slips.lost):
                continue
            seen, start = instant, offset
            if self._slips(self.slips.late):
                back = self._random.uniform(0, self.slips.lag) * 60 * SECOND
                seen = max(self.result.plan.start_instant, instant - round(back))
            if offset and self._slips(self.slips.shifted):
                start += self._random.choice((-1, 1))
            rows = self.rows(seen)
            yield {
                "TotalCount": len(rows),
                "Data": [self._row(row) for row in rows[start : start + self.page]],
                "RequestId": self._request_id(),
            }

    def rows(self, instant: int) -> list[dict[str, Any]]:
        """Return the task list at an instant as the API prints it; cancelled tasks are not in it.

        The latest task comes first, as in the console.
        """
        told = int(self.result.log.time.searchsorted(instant, "right"))
        is_still = self._still == told  # no row since, and nobody was sending
        if not is_still:
            snapshot = Snapshot(self._ledger, instant)
            found = task_numbers(snapshot)
            updated = self._updated(told)
            looks = zip(*(found[name].tolist() for name in _COLUMNS), strict=True)
            self._rows = [
                self._task(task, status, counts, updated.get(task, self._created))
                for task, status, *counts in looks
                if status != CANCELLED
            ][::-1]
            is_sending = (snapshot.column("status") == SENDING).any()
            self._still = -1 if is_sending else told
        return self._rows

    def _task(self, number: int, status: int, counts: list[int], updated: str) -> dict[str, Any]:
        plan = self.result.plan
        task, first = plan.tasks[number - 1], plan.recurrences[number - 1].first
        timed = {"BeginTime": self._text(first)} if task.type == TaskType.SCHEDULED else None
        cycle = None
        if task.every is not None:
            begin = self._text(first)
            cycle = {"BeginTime": begin, "IntervalTime": task.every, "TermCycle": 0}
        return {
            "TaskId": FIRST_ID + number,
            "FromEmailAddress": task.sender,
            "ReceiverId": 9000 + number,
            "TaskStatus": status,
            "TaskType": int(task.type),
            **dict(zip(("RequestCount", "SendCount", "CacheCount"), counts, strict=True)),
            "CreateTime": self._created,
            "UpdateTime": updated,
            "Subject": task.subject or task.name,
            "Template": {"TemplateID": 70_000 + number, "TemplateData": "{}"},
            "CycleParam": cycle,
            "TimedParam": timed,
            "ErrMsg": "",
            "ReceiversName": f"group {number}",
        }

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        if self._slips(self.slips.nulls):
            return {**row, "CacheCount": None, "UpdateTime": None}
        return row

    def identities(self, instant: int) -> dict[str, Any]:
        """Return the answer of ``ListEmailIdentities`` at an instant."""
        log = self.result.log
        rows = np.flatnonzero(log.event[: log.time.searchsorted(instant, "right")] == Event.LIMIT)
        told = zip(log.domain[rows].tolist(), log.limit[rows].tolist(), strict=True)
        limits: dict[int, int] = dict(told)
        entries: list[dict[str, Any]] = [
            {
                "IdentityName": name,
                "IdentityType": "DOMAIN",
                "SendingEnabled": True,
                "CurrentReputationLevel": 1,
                "DailyQuota": None if limits.get(place, NONE) == NONE else limits[place],
                "SendIp": None,
                "TagList": [],
                "DKIMOption": 0,
            }
            for place, name in enumerate(log.domains)
        ]
        return {
            "EmailIdentities": entries,
            "MaxReputationLevel": 20,
            "MaxDailyQuota": 1_000_000,
            "Total": len(entries),
            "RequestId": self._request_id(),
        }

    def _updated(self, told: int) -> dict[int, str]:
        """Return when the first so many rows of the log last told of each task."""
        log = self.result.log
        latest: dict[int, int] = dict(
            zip(log.task[:told].tolist(), log.time[:told].tolist(), strict=True)
        )
        return {task: self._text(time) for task, time in latest.items()}

    def _text(self, instant: int) -> str:
        return f"{self.clock.local(instant):%Y-%m-%d %H:%M:%S}"

    def _slips(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _request_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
