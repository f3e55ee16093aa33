"""How a recurring task recurs, as far as its runs tell: by which clock, which were skipped, ended.

No answer of the service says any of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sessim.clock import Clock
from sessim.history.facts import Fact
from sessim.history.looks import Run
from sessim.lifecycle import FINISHED, TaskType
from sessim.schedule import Recurrence

Due = tuple[int, int]
"""The number of a run, and when it was due."""


@dataclass(frozen=True)
class Pattern:
    """How a recurring task recurs.

    Attributes
    ----------
    wall
        Whether its runs were due by the wall clock, or else in elapsed time.
    skipped
        Runs that did not come, in order: an earlier one may have been unfinished.
    ended
        Whether runs queue behind unfinished ones, and yet the latest that were due did not come.
    """

    wall: bool = False
    skipped: tuple[Due, ...] = ()
    ended: bool = False

    @property
    def every_by(self) -> Literal["elapsed", "wall"]:
        """As a plan has it."""
        return "wall" if self.wall else "elapsed"

    @property
    def overlap(self) -> Literal["queue", "skip"]:
        """As a plan has it."""
        return "skip" if self.skipped else "queue"


def pattern(fact: Fact, runs: Sequence[Run], clock: Clock, last: int) -> Pattern:
    """Tell from a task's runs, in order, how it recurs; ``last`` is when it was looked at last."""
    if fact.type != TaskType.RECURRING or fact.begins is None or not fact.hours or not runs:
        return Pattern()
    wall = _by_wall(fact, runs, clock)
    came = {run.number for run in runs}
    dues = _dues(fact, clock, last, wall=wall)[runs[0].number - 1 :]
    missing = [entry for entry in dues if entry[0] not in came and entry[1] < last]
    if _queues(runs):
        latest = runs[-1].number
        return Pattern(wall, ended=any(number > latest for number, _ in missing))
    skipped = (entry for entry in missing if _unfinished(runs, entry))
    return Pattern(wall, tuple(skipped))


def _dues(fact: Fact, clock: Clock, last: int, *, wall: bool) -> list[Due]:
    assert fact.begins is not None
    recurrence = Recurrence(fact.begins, fact.hours, None, None, wall)
    return list(enumerate(recurrence.dues(clock, last).tolist(), 1))


def _by_wall(fact: Fact, runs: Sequence[Run], clock: Clock) -> bool:
    """Say whether the wall clock explains when runs were due, and elapsed time does not."""
    if fact.wall:
        return True
    dues = [(run.number, run.due) for run in runs if run.due_earliest == run.due_latest]
    last = max((due for _, due in dues), default=0) + 1
    elapsed, wall = (set(_dues(fact, clock, last, wall=by)) for by in (False, True))
    return not elapsed.issuperset(dues) and wall.issuperset(dues)


def _queues(runs: Sequence[Run]) -> bool:
    """Say whether a run came while an earlier one was seen to be unfinished."""
    busy_until = -1
    for run in runs:
        if busy_until >= run.due_latest:
            return True
        seen = zip(run.seen["time"], run.seen["status"], strict=True)
        busy = [time for time, status in seen if status not in FINISHED]
        busy_until = max([busy_until, *busy])
    return False


def _unfinished(runs: Sequence[Run], entry: Due) -> bool:
    """Say whether an earlier run may have been unfinished when another was due."""
    number, due = entry
    earlier = [run for run in runs if run.number < number]
    return any(
        run.seen["status"][-1] not in FINISHED or run.seen["time"][-1] > due for run in earlier
    )
