"""The counters of tasks as counters of their runs: cleaned, and in order of run and time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
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
    """

    task: int
    number: int
    domain: int
    requests: int
    due: int
    due_earliest: int
    due_latest: int
    seen: dict[str, list[int]]


def by_task(columns: Mapping[str, Ints], size: int) -> list[dict[str, Ints]]:
    """Part the looks by task, by its place in the order of first appearance."""
    order = np.argsort(columns["task"], kind="stable")
    ends = columns["task"][order].searchsorted(np.arange(1, size))
    parts: list[dict[str, Ints]] = [{} for _ in range(size)]
    for name in COLUMNS:
        for part, values in zip(parts, np.split(columns[name][order], ends), strict=True):
            part[name] = values
    return parts


def cleaned(seen: dict[str, Ints], fact: Fact, losses: Losses, file: str) -> dict[str, Ints]:
    """Leave out looks that came late: their counters are below those of an earlier look."""
    sent = seen["sent"]
    if not len(sent) or (sent[1:] >= sent[:-1]).all():
        return _after_the_end(seen, losses, file)
    if fact.type == TaskType.RECURRING and not _grows(seen["requests"]):
        seen = _added_up(seen, fact)
        sent = seen["sent"]
    kept = _rising(sent.tolist())
    if len(kept) < len(sent):
        losses.leave_out(
            "SendCount is below what an earlier poll showed, as in a page that comes late",
            Place(file),
            len(sent) - len(kept),
        )
        seen = {name: values[kept] for name, values in seen.items()}
    return _after_the_end(seen, losses, file)


def _after_the_end(seen: dict[str, Ints], losses: Losses, file: str) -> dict[str, Ints]:
    """Leave out looks at an earlier status after the task was seen Sent with as many requests."""
    status, requests = seen["status"], seen["requests"]
    over = np.maximum.accumulate(np.where(status == SENT, requests, 0))
    late = (status != SENT) & (requests <= over) & (over > 0) & (status != TO_START)
    if not late.any():
        return seen
    losses.leave_out(
        "TaskStatus goes back from Sent, as in a page that comes late", Place(file), int(late.sum())
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
        tails[at:], places[at:] = [value], [place]
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
        _share(found, (time, status, sent, cached, updated, source))
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

    def take(self, new: int, after: int, by: int) -> list[tuple[int, int, int, int]]:
        """Return number, due instant and its bounds of runs that became due between two looks."""
        if not new:
            return []
        if self.begins is None or not self.hours:
            self.number += new
            return [(self.number - new + i, by, min(after, by), by) for i in range(1, new + 1)]
        is_first = not self.number
        for wall in (False, True):
            expected = self._expected(by, wall=wall)
            inside = [entry for entry in expected if entry[1] > after]
            if is_first and len(inside) < new:
                inside = expected[-new:]  # due before the history begins
            if len(inside) >= new:
                self.number = inside[new - 1][0]
                return [(number, due, due, due) for number, due in inside[:new]]
        self.number += new
        return [(self.number - new + i, by, min(after, by), by) for i in range(1, new + 1)]

    def _expected(self, by: int, *, wall: bool) -> list[tuple[int, int]]:
        """Return number and due instant of the runs to come up to an instant."""
        assert self.begins is not None
        dues = Recurrence(self.begins, self.hours, None, None, wall).dues(self.clock, by + 1)
        return list(enumerate(dues.tolist(), 1))[self.number :]


def _share(found: list[Run], look: tuple[int, int, int, int, int, int]) -> None:
    """Give a look at a recurring task's sums to its runs: the earlier run's emails go first."""
    time, status, sent, cached, updated, source = look
    earliest = True
    for run in found:
        here = min(run.requests, sent)
        sent -= here
        unsent = run.requests - here
        stays = min(unsent, cached)
        cached -= stays
        if not unsent:
            how = SENT
        elif earliest:
            how, earliest = status, False
            if how in (TO_START, SENT):
                how = SENDING
        else:
            how = PAUSED if stays and status == PAUSED else SENDING
        if run.seen["time"] and how == SENT and run.seen["status"][-1] == SENT:
            continue
        for name, value in zip(
            COLUMNS, (time, how, run.requests, here, stays, updated, source), strict=True
        ):
            run.seen[name].append(value)
