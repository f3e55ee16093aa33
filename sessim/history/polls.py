"""Polls of the task list, collected while they are read: only what changed is kept."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessim.clock import SECOND
from sessim.history.counters import UNKNOWN, Votes, settle
from sessim.history.instants import Reader
from sessim.history.losses import Losses, Place
from sessim.history.pages import IdentityRow, Page, TaskRow
from sessim.lifecycle import PAUSED, SENDING, STATUS_LABELS, TO_START

Ints = NDArray[np.int64]

MOST_TASKS: Final = 100_000
"""Distinct tasks that are kept."""

_ONE_POLL: Final = 60 * SECOND  # pages further apart belong to different polls
_LARGEST: Final = 10**12


class Look(NamedTuple):
    """What one row of a page says of a task's counters."""

    status: int
    requests: int
    sent: int
    cached: int


class Gone(NamedTuple):
    """When a task was missing from a complete poll: after one instant, by another; the row."""

    after: int
    by: int
    source: int


class Quota(NamedTuple):
    """A domain's limit as it was seen first: not at ``since`` yet, but at ``time``."""

    time: int
    since: int
    limit: int
    level: int


@dataclass
class Looks:
    """The counters of tasks, one entry a look that tells something new, in order of reading.

    Where nothing changed for a while, the first and the last look are there.
    """

    time: array[int] = field(default_factory=lambda: array("q"))
    task: array[int] = field(default_factory=lambda: array("q"))
    status: array[int] = field(default_factory=lambda: array("q"))
    requests: array[int] = field(default_factory=lambda: array("q"))
    sent: array[int] = field(default_factory=lambda: array("q"))
    cached: array[int] = field(default_factory=lambda: array("q"))
    updated: array[int] = field(default_factory=lambda: array("q"))
    source: array[int] = field(default_factory=lambda: array("q"))

    def add(self, time: int, task: int, look: Look, updated: int, source: int) -> None:
        """Append one look."""
        self.time.append(time)
        self.task.append(task)
        self.status.append(look.status)
        self.requests.append(look.requests)
        self.sent.append(look.sent)
        self.cached.append(look.cached)
        self.updated.append(updated)
        self.source.append(source)

    def columns(self) -> dict[str, Ints]:
        """Return all as arrays, in order of time and, at one instant, of reading."""
        found = {name: np.array(values, dtype=np.int64) for name, values in vars(self).items()}
        order = np.argsort(found["time"], kind="stable")
        return {name: values[order] for name, values in found.items()}


class Polls:
    """What polls tell: feed it pages, then ask for the columns.

    Parameters
    ----------
    reader
        Of times.
    losses
        Where rows that cannot be used are counted.

    Attributes
    ----------
    rows
        The latest row of each task that was kept, in order of first appearance.
    looks
        Their counters.
    gone
        The tasks that disappeared, by place in ``rows``.
    quotas
        The limits of each domain, in order.
    votes
        What rows tell of the counters' meaning.
    times
        The times of all polls of the task list.
    read
        How many rows were read.
    """

    def __init__(self, reader: Reader, losses: Losses) -> None:
        self.reader, self.losses = reader, losses
        self.rows: list[TaskRow] = []
        self.looks = Looks()
        self.gone: dict[int, Gone] = {}
        self.quotas: dict[str, list[Quota]] = {}
        self.times = array("q")
        self.read = 0
        self.votes = Votes()
        self.identities = 0
        self.incomplete = 0
        self._latest: dict[int | str, TaskRow] = {}
        self._until: dict[int | str, int] = {}  # the number of the row that said so last
        self._index: dict[int | str, int] = {}
        self._current: dict[int, tuple[Look, int]] = {}  # look, and the number of its first row
        self._live = 0
        self._starts = array("q")  # the number of each page's first row, and the page's time
        self._page_times = array("q")
        self._page_lines = array("q")
        self._files: dict[int, str] = {}  # by the number of the first row read from each
        self._poll: set[int | str] = set()
        self._poll_from = 0
        self._poll_total = UNKNOWN
        self._poll_time = UNKNOWN
        self._poll_before = UNKNOWN
        self._quota_seen: dict[str, int] = {}

    # --- pages ------------------------------------------------------------------------------------

    def add(self, page: Page, place: Place, named: int | None) -> None:
        """Take in an answer; ``named`` is the time that the file's name tells."""
        self._add(page, place, named, page.when)

    def _add(self, page: Page, place: Place, named: int | None, when: object) -> None:
        for inner in page.inner:
            self._add(inner, place, named, inner.when if inner.when is not None else when)
        if page.Error is not None:
            self.losses.leave_out("the service answered with an error instead of a page", place)
        if page.Data is None and page.EmailIdentities is None:
            return
        time = self.reader.instant(when) if when is not None else named
        if time is None and when is None and page.Data:
            time = self._latest_update(page.Data)
        if time is None:
            rows = len(page.Data or page.EmailIdentities or ())
            if rows:
                self.losses.leave_out(
                    "no time between 2000 and 2099 tells when the page was read", place, rows
                )
            return
        if page.Data is not None:
            self._tasks(page.Data, time, page.TotalCount, place)
        for identity in page.EmailIdentities or ():
            self._quota(identity, time, place)

    def _latest_update(self, rows: Sequence[TaskRow]) -> int | None:
        found = [self.reader.instant(row.UpdateTime) for row in rows]
        known = [instant for instant in found if instant is not None]
        if known:
            self.losses.remark(
                "Some pages do not tell when they were read: their latest UpdateTime was taken."
            )
        return max(known, default=None)

    def _tasks(self, rows: list[TaskRow], time: int, total: int | None, place: Place) -> None:
        ids = {row.TaskId for row in rows}
        if self._is_another(ids, time):
            self._end_poll()
        if not self._poll and self._poll_time == UNKNOWN:
            self._poll_from, self._poll_time = self.read, time
            self.times.append(time)
        twice = len(rows) - len(ids) + len(ids & self._poll)
        if twice:
            self.losses.leave_out("the same poll shows the task twice", place, twice)
        self._poll |= ids
        if total is not None:
            self._poll_total = max(total, self._poll_total)
        self._starts.append(self.read)
        self._page_times.append(time)
        self._page_lines.append(place.line)
        if place.file != next(reversed(self._files.values()), None):
            self._files[self.read] = place.file
        latest, until, number = self._latest, self._until, self.read
        for row in rows:
            if latest.get(row.TaskId) == row:
                until[row.TaskId] = number
            else:
                self._changed(row, number, time, place)
            number += 1
        self.read = number

    def _is_another(self, ids: set[int | str], time: int) -> bool:
        """Say whether a page begins another poll."""
        if self._poll_time == UNKNOWN:
            return False
        if time != self._poll_time and abs(time - self._poll_time) > _ONE_POLL:
            return True
        full = UNKNOWN < self._poll_total <= len(self._poll)
        return (full and time != self._poll_time) or len(ids & self._poll) * 2 > len(ids)

    def _end_poll(self) -> None:
        """Note who is missing from a poll, if it was complete."""
        if self._poll_total == UNKNOWN or len(self._poll) < self._poll_total:
            self.incomplete += 1
        elif len(self._poll) < self._live:
            for task, source in self._until.items():
                index = self._index[task]
                if source < self._poll_from and index not in self.gone:
                    after = self._time_of(source)
                    if after < self._poll_time:
                        self.gone[index] = Gone(after, self._poll_time, source)
                        self._live -= 1
        self._poll, self._poll_total = set(), UNKNOWN
        self._poll_before, self._poll_time = self._poll_time, UNKNOWN

    def _time_of(self, source: int) -> int:
        """Return the time of the page that a row stood on."""
        return self._page_times[bisect_right(self._starts, source) - 1]

    def place_of(self, source: int) -> Place:
        """Return where a row stands, by its number in the order of reading."""
        line = self._page_lines[bisect_right(self._starts, source) - 1]
        first = [number for number in self._files if number <= source]
        return Place(self._files[first[-1]], line)

    # --- rows -------------------------------------------------------------------------------------

    def _changed(self, row: TaskRow, number: int, time: int, place: Place) -> None:
        wrong = _wrong(row)
        if wrong:
            self.losses.leave_out(wrong, place)
            return
        task = row.TaskId
        index = self._index.get(task)
        if index is None:
            if len(self.rows) >= MOST_TASKS:
                self.losses.leave_out(
                    f"there are more than {MOST_TASKS:,} tasks; read fewer files at once", place
                )
                return
            index = self._index[task] = len(self.rows)
            self.rows.append(row)
            self._live += 1
        elif index in self.gone:
            del self.gone[index]
            self._live += 1
            self.losses.remark("Some tasks were missing from a complete poll and came back.")
        known = self._current.get(index)
        look = _look(row, known[0] if known else None)
        if row.SendCount is None and look.requests:
            self.losses.remark("Where SendCount is missing, the poll before says how many it was.")
        if look.cached == UNKNOWN and known is not None:
            self.losses.remark("Where CacheCount is missing, the poll before says how many it was.")
        self.votes.count(look, place)
        if known is None or known[0] != look:
            self._close(index, task)
            self._current[index] = look, number
            self.looks.add(time, index, look, self._update(row, time), number)
        self.rows[index] = self._latest[task] = row
        self._until[task] = number

    def _update(self, row: TaskRow, time: int) -> int:
        updated = self.reader.instant(row.UpdateTime)
        return updated if updated is not None and updated <= time else UNKNOWN

    def _close(self, index: int, task: int | str) -> None:
        """Add the last look at what is about to change."""
        known = self._current.get(index)
        if known and self._until[task] > known[1]:
            source = self._until[task]
            self.looks.add(self._time_of(source), index, known[0], UNKNOWN, source)

    def _quota(self, row: IdentityRow, time: int, place: Place) -> None:
        self.identities += 1
        limit = UNKNOWN if row.DailyQuota is None else row.DailyQuota
        level = UNKNOWN if row.CurrentReputationLevel is None else row.CurrentReputationLevel
        if limit < UNKNOWN or limit > _LARGEST:
            self.losses.leave_out("DailyQuota is negative or out of range", place)
            return
        name = row.IdentityName.strip().lower().rstrip(".")
        known = self.quotas.setdefault(name, [])
        since = self._quota_seen.get(name, time)
        self._quota_seen[name] = time
        if not known or (known[-1].limit, known[-1].level) != (limit, level):
            known.append(Quota(time, since, limit, level))

    def finish(self) -> None:
        """Take note of what was seen last, after the last page."""
        if self._poll_time != UNKNOWN:
            self._end_poll()
        for task, index in self._index.items():
            self._close(index, task)
        settle(self.looks, self.votes, self.losses)


def _look(row: TaskRow, before: Look | None) -> Look:
    """Return what a row says of the counters; how many are cached may be left open."""
    status = row.TaskStatus if row.TaskStatus is not None else UNKNOWN
    requests = row.RequestCount or 0
    last = before.sent if before is not None else 0
    sent = row.SendCount if row.SendCount is not None else min(last, requests)
    cached = row.CacheCount if row.CacheCount is not None else UNKNOWN
    return Look(status, requests, sent, cached)


def _wrong(row: TaskRow) -> str:
    """Say what is wrong with a row; nothing if it can be used."""
    status = row.TaskStatus
    if status is None:
        return "TaskStatus is missing"
    if status not in _STATUSES:
        return f"TaskStatus {status} is not known; known are {_KNOWN}"
    for name in ("RequestCount", "SendCount", "CacheCount"):
        count = getattr(row, name)
        if count is not None and not 0 <= count <= _LARGEST:
            return f"{name} is negative or out of range"
    requests, sent = row.RequestCount, row.SendCount or 0
    if requests == 0 and status in (SENDING, PAUSED):
        return "RequestCount is 0, and yet the task is under way"
    if requests is None:
        return "RequestCount is missing" if status != TO_START else ""
    if sent > requests:
        return "SendCount is larger than RequestCount"
    if (row.CacheCount or 0) > requests and status != TO_START:
        return "CacheCount is larger than RequestCount"
    return ""


_STATUSES: Final = frozenset(map(int, STATUS_LABELS))
_KNOWN: Final = "1, 5, 6, 7 and 10 (and 0, sessim's own, for Cancelled)"
