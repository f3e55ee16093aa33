"""The counters of tasks as counters of their runs: cleaned, and in order of run and time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sessim.clock import HOUR, Clock
from sessim.history.facts import Fact
from sessim.history.losses import Losses, Place
from sessim.lifecycle import PAUSED, SENDING, SENT, TO_START, TaskType
from sessim.schedule import Recurrence

Ints = NDArray[np.int64]

COLUMNS: Final = ("time", "status", "requests", "sent", "cached", "updated", "source")


@dataclass(slots=True)
class Run:
    """One run, with what was seen of it once it was due.

    Attributes
    ----------
    task, number, domain
        Ids from 1, and the domain's place in the plan.
    requests
        Emails.
    due, due_earliest, due_latest
        When it was due; between which instants, if nothing says when.
    seen
        One list a column of :data:`COLUMNS`.
    busy_at
        When it was unfinished, as a later run was skipped; -1 if none was.
    """

    task: int
    number: int
    domain: int
    requests: int
    due: int
    due_earliest: int
    due_latest: int
    seen: dict[str, list[int]]
    busy_at: int = -1


def by_task(columns: Mapping[str, Ints], size: int) -> list[dict[str, Ints]]:
    """Part the looks by task, by its place in the order of first appearance."""
    order = np.argsort(columns["task"], kind="stable")
    ends = columns["task"][order].searchsorted(np.arange(1, size))
    parts: list[dict[str, Ints]] = [{} for _ in range(size)]
    for name in COLUMNS:
        for part, values in zip(parts, np.split(columns[name][order], ends), strict=True):
            part[name] = values
    return parts


def cleaned(
    seen: dict[str, Ints], fact: Fact, losses: Losses, place_of: Callable[[int], Place]
) -> dict[str, Ints]:
    """Leave out looks that came late: their counters are below those of an earlier look."""
    sent = seen["sent"]
    if not len(sent) or (sent[1:] >= sent[:-1]).all():
        return _after_the_end(seen, losses, place_of)
    if fact.type == TaskType.RECURRING and not _grows(seen["requests"]):
        seen = _added_up(seen, fact)
        sent = seen["sent"]
    kept = _rising(sent.tolist())
    if len(kept) < len(sent):
        losses.leave_out(
            "SendCount is below what an earlier poll showed, as in a page that comes late",
            place_of(_first_without(seen["source"], kept)),
            len(sent) - len(kept),
        )
        seen = {name: values[kept] for name, values in seen.items()}
    return _after_the_end(seen, losses, place_of)


def _first_without(sources: Ints, kept: Sequence[int]) -> int:
    """Return the source of the first look that is not kept."""
    return int(np.delete(sources, kept).min())


def _after_the_end(
    seen: dict[str, Ints], losses: Losses, place_of: Callable[[int], Place]
) -> dict[str, Ints]:
    """Leave out looks at an earlier status after the task was seen Sent with as many requests."""
    status, requests = seen["status"], seen["requests"]
    over = np.maximum.accumulate(np.where(status == SENT, requests, 0))
    late = (status != SENT) & (requests <= over) & (over > 0) & (status != TO_START)
    if not late.any():
        return seen
    losses.leave_out(
        "TaskStatus goes back from Sent, as in a page that comes late",
        place_of(int(seen["source"][late].min())),
        int(late.sum()),
    )
    return {name: values[~late] for name, values in seen.items()}


def _grows(requests: Ints) -> bool:
    positive = requests[requests > 0]
    return bool((positive[1:] > positive[:-1]).any())


def _added_up(seen: dict[str, Ints], fact: Fact) -> dict[str, Ints]:
    """Turn counters that begin anew with each run of a recurring task into sums over its runs.

    A fall counts as a new run where one was due in between; any other fall is a late page.
    """
    time, sent, requests = (seen[name] for name in ("time", "sent", "requests"))
    each = int(requests.max(initial=0))
    base, bases, last = 0, [], None
    for now, count in zip(time.tolist(), sent.tolist(), strict=True):
        if last is not None and count < last[1] and _is_due(fact, last[0], now):
            base += each
        bases.append(base)
        last = now, count
    more = np.array(bases, dtype=np.int64)
    return {**seen, "sent": sent + more, "requests": np.where(requests > 0, requests + more, 0)}


def _is_due(fact: Fact, after: int, by: int) -> bool:
    if fact.begins is None or not fact.hours:
        return True
    step = fact.hours * HOUR
    return (by - fact.begins) // step > (after - fact.begins) // step


def _rising(values: Sequence[int]) -> list[int]:
    """Return the places of the longest part of a sequence that never falls."""
    tails: list[int] = []
    places: list[int] = []
    before = [-1] * len(values)
    for place, value in enumerate(values):
        at = bisect_right(tails, value)
        before[place] = places[at - 1] if at else -1
        tails[at : at + 1], places[at : at + 1] = [value], [place]
    found = []
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


# --- runs -----------------------------------------------------------------------------------------


def runs(
    fact: Fact, task: int, domain: int, seen: dict[str, Ints], clock: Clock, first: int
) -> list[Run]:
    """Share out a task's looks among its runs.

    Parameters
    ----------
    fact, task, domain
        The task, its id and the place of its domain.
    seen
        Its looks, in order of time.
    clock
        Of the zone in which recurrences by the wall clock are counted.
    first
        When the history begins.
    """
    begun = np.flatnonzero((seen["requests"] > 0) & (seen["status"] != TO_START) | _has_run(seen))
    if not len(begun):
        return []
    if fact.type == TaskType.RECURRING:
        return _recurring(fact, task, domain, seen, clock, first)
    start = int(begun[0])
    due, earliest, latest = _due(fact, seen["time"], start, first)
    looks = {name: seen[name][start:].tolist() for name in COLUMNS}
    return [Run(task, 1, domain, looks["requests"][-1], due, earliest, latest, looks)]


def _has_run(seen: dict[str, Ints]) -> NDArray[np.bool_]:
    return (seen["sent"] > 0) | (seen["cached"] > 0)


def _due(fact: Fact, time: Ints, start: int, first: int) -> tuple[int, int, int]:
    """Return when a run was due that was under way at a look, and between which instants."""
    latest = int(time[start])
    if fact.begins is not None and fact.begins <= latest:
        return fact.begins, fact.begins, fact.begins
    earliest = int(time[start - 1]) if start else min(first, latest)
    if fact.created is not None:
        earliest = min(max(earliest, fact.created), latest)
    return latest, earliest, latest


def _recurring(
    fact: Fact, task: int, domain: int, seen: dict[str, Ints], clock: Clock, first: int
) -> list[Run]:
    each = _each(seen, fact)
    dues = _Dues(fact, clock)
    found: list[Run] = []
    sums = _Sums()
    before = first
    rows = zip(*(seen[name].tolist() for name in COLUMNS), strict=True)
    for time, status, requests, sent, cached, updated, source in rows:
        if status == TO_START and not (found or sent):
            before = time
            continue  # what it shows then is not due yet
        new = requests // each - len(found)
        for number, due, earliest, latest in dues.take(max(new, 0), before, time):
            looks: dict[str, list[int]] = {name: [] for name in COLUMNS}
            found.append(Run(task, number, domain, each, due, earliest, latest, looks))
            sums.open.append(_Part(found[-1]))
        sums.look(time, status, sent, cached, (updated, source))
        before = time
    return found


def _each(seen: dict[str, Ints], fact: Fact) -> int:
    """Return the requests of one run, from their sums."""
    sums = np.unique(seen["requests"][seen["requests"] > 0])
    each = int(np.gcd.reduce(sums))
    if len(sums) == 1 and fact.begins is not None and fact.hours:
        # Several runs were due before the first look, and none after it.
        time = int(seen["time"][seen["requests"] > 0][0])
        number = max(1, (time - fact.begins) // (fact.hours * HOUR) + 1)
        if each % number == 0:
            each //= number
    return each


class _Dues:
    """When the runs of a recurring task were due, as far as its rows and its looks tell."""

    def __init__(self, fact: Fact, clock: Clock) -> None:
        self.begins = fact.begins
        self.clock = clock
        self.hours = fact.hours
        self.number = 0  # of the latest run
        self.wall = fact.wall  # the wall clock explains a due run that elapsed time does not

    def take(self, new: int, after: int, by: int) -> list[tuple[int, int, int, int]]:
        """Return number, due instant and its bounds of runs that became due between two looks."""
        if not new:
            return []
        if self.begins is None or not self.hours:
            self.number += new
            return [(self.number - new + i, by, min(after, by), by) for i in range(1, new + 1)]
        is_first = not self.number
        for wall in (self.wall, not self.wall):
            expected = self._expected(by, wall=wall)
            inside = [entry for entry in expected if entry[1] > after]
            if is_first and len(inside) < new:
                inside = expected[-new:]  # due before the history begins
            if len(inside) >= new:
                self.wall = wall
                self.number = inside[new - 1][0]
                return [(number, due, due, due) for number, due in inside[:new]]
        self.number += new
        return [(self.number - new + i, by, min(after, by), by) for i in range(1, new + 1)]

    def _expected(self, by: int, *, wall: bool) -> list[tuple[int, int]]:
        """Return number and due instant of the runs to come up to an instant."""
        assert self.begins is not None
        dues = Recurrence(self.begins, self.hours, None, None, wall).dues(self.clock, by + 1)
        return list(enumerate(dues.tolist(), 1))[self.number :]


@dataclass(slots=True)
class _Part:
    """What a run has of its task's sums."""

    run: Run
    sent: int = 0
    cached: int = 0

    @property
    def waiting(self) -> int:
        return self.run.requests - self.sent - self.cached


class _Sums:
    """Shares out the sums of a recurring task among its unfinished runs.

    Emails that leave the cache queue are those of runs that were cached, the earliest first; the
    others are those of runs that were not. Where all are cached in the end, the earliest sent.

    Who was served in turns with another run of its task
    cannot be told from sums.
    """

    def __init__(self) -> None:
        self.open: list[_Part] = []
        self.done = 0  # requests of the runs that are finished

    def look(self, time: int, status: int, sent: int, cached: int, rest: tuple[int, int]) -> None:
        """Take in a look; ``rest`` is when it was updated, and its source."""
        more = max(sent - self.done - sum(part.sent for part in self.open), 0)
        fallen = max(sum(part.cached for part in self.open) - cached, 0)
        waiting = sum(part.cached + part.waiting for part in self.open) - more - cached
        if waiting > 0:  # else all were cached in the end, whoever had sent until then
            more -= self._send(min(more, fallen), ("cached",))
            more -= self._send(more, ("waiting",))
        self._send(more, ("cached", "waiting"))
        self._cache(cached)
        earliest = True
        for part in self.open:
            how = _status(part, status, earliest=earliest)
            earliest = earliest and how == SENT
            values = (time, how, part.run.requests, part.sent, part.cached, *rest)
            for name, value in zip(COLUMNS, values, strict=True):
                part.run.seen[name].append(value)
        self.done += sum(part.sent for part in self.open if part.sent == part.run.requests)
        self.open = [part for part in self.open if part.sent < part.run.requests]

    def _send(self, emails: int, whence: Sequence[str]) -> int:
        """Let emails leave the runs in order, and return how many did."""
        left = emails
        for part in self.open:
            for name in whence:
                here = min(left, getattr(part, name))
                part.sent += here
                part.cached -= here * (name == "cached")
                left -= here
        return emails - left

    def _cache(self, cached: int) -> None:
        """Let as many emails be cached as are, the earliest run's first."""
        left = cached - sum(part.cached for part in self.open)
        for part in self.open if left > 0 else reversed(self.open):
            change = min(left, part.waiting) if left > 0 else max(left, -part.cached)
            part.cached += change
            left -= change


def _status(part: _Part, status: int, *, earliest: bool) -> int:
    """Return the status of one run, given the task's: that of its earliest unfinished run."""
    if part.sent == part.run.requests:
        return SENT
    if earliest:
        return SENDING if status in (TO_START, SENT) else status
    return PAUSED if part.cached and status == PAUSED else SENDING
