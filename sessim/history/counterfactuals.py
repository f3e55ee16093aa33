"""What would have kept a task from being held up: the plan simulated again without others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations
from math import factorial
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from sessim.clock import HOUR
from sessim.errors import SessimError, SessimWarning
from sessim.eventlog import EventLog
from sessim.history.chance import seeded
from sessim.history.changes import fixed
from sessim.history.explanation import Counterfactuals
from sessim.history.forks import go_on
from sessim.ledger import NOT_YET, Ledger, Snapshot
from sessim.lifecycle import PAUSED, STATUS_LABELS, TaskStatus
from sessim.plan import Domain, Plan, Task
from sessim.result import Result
from sessim.tables import run_numbers

MOST_PLAYERS: Final = 8
"""So many other tasks are looked at one by one; the smaller ones beyond count as one group."""

_FEWER: Final = ((200, MOST_PLAYERS), (2_000, 6), (20_000, 4))
"""Up to so many runs, so many tasks: each of 2**n groups is simulated."""

_MOST_SETS: Final = 10
_TABLE_DAYS: Final = 400
_EARLIER: Final = 2 * HOUR

Group = frozenset[str]


def counterfactuals(
    log: EventLog, task: int, instant: int, others: Mapping[str, tuple[int, int]]
) -> Counterfactuals | None:
    """Return what else would have happened to a paused task; None if that cannot be simulated.

    Parameters
    ----------
    log
        The history.
    task
        Its id.
    instant
        When it was paused.
    others
        The other tasks of its domain that were due, with their emails of that day and in all: who
        had the largest part is looked at first.
    """
    names = sorted(others, key=lambda name: (others[name], name), reverse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SessimWarning)
        for anchor, replay in (("plan", _FromPlan), ("day", _FromDay)):
            try:
                again = replay(log, task, instant)
                if again.held(frozenset()):
                    return _found(anchor, again, names)
            except SessimError:  # a history that no plan can go on from
                continue
    return None


def _found(anchor: str, again: _FromPlan, names: list[str]) -> Counterfactuals:
    players = _players(names, len(again.plan.runs))
    everyone = frozenset(players)

    @cache
    def held(present: frozenset[str]) -> bool:
        gone = frozenset(name for player in everyone - present for name in players[player])
        return again.held(gone)

    own = held(frozenset())
    sets = () if own else tuple(_minimal(everyone, held, players))
    return Counterfactuals(
        anchor=anchor,
        own=own,
        sets=sets[:_MOST_SETS],
        shares=_shares(again.task.name, everyone, held),
        changes=again.changes(),
    )


def _players(names: list[str], runs: int) -> dict[str, tuple[str, ...]]:
    """Return the groups that are left out as a whole, by name."""
    most = next((number for size, number in _FEWER if runs <= size), 2)
    if len(names) <= most:
        return {name: (name,) for name in names}
    rest = tuple(names[most - 1 :])
    return {name: (name,) for name in names[: most - 1]} | {f"{len(rest)} others": rest}


def _minimal(
    everyone: frozenset[str], held: Callable[[frozenset[str]], bool], players: Mapping[str, Any]
) -> Iterator[tuple[str, ...]]:
    """Yield the groups whose absence is enough, and no part of which is."""
    found: list[frozenset[str]] = []
    for size in range(1, len(everyone) + 1):
        for names in combinations(sorted(everyone, key=list(players).index), size):
            group = frozenset(names)
            if not any(part <= group for part in found) and not held(everyone - group):
                found.append(group)
                yield names


def _shares(
    own: str, everyone: frozenset[str], held: Callable[[frozenset[str]], bool]
) -> pd.DataFrame:
    """Return Shapley's value of each task; the task's own is what it does alone."""
    size = len(everyone)
    shares = {own: float(held(frozenset()))}
    for name in sorted(everyone):
        others = everyone - {name}
        shares[name] = sum(
            factorial(k) * factorial(size - k - 1) / factorial(size)
            * (held(frozenset(group) | {name}) - held(frozenset(group)))
            for k in range(size)
            for group in combinations(sorted(others), k)
        )  # fmt: skip
    frame = pd.DataFrame({"name": pd.array(list(shares), dtype="str"), "share": shares.values()})
    frame = frame[frame["share"].abs() > 1e-9]
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)


class _FromPlan:
    """A plan simulated again from its start, without some of its tasks or with changes."""

    def __init__(self, log: EventLog, task: int, instant: int) -> None:
        self.log, self.instant = log, instant
        self.plan, self.task = fixed(log.plan), log.plan.tasks[task - 1]

    def held(self, without: Group) -> bool:
        """Say whether the task is paused at the instant, without others."""
        return self._is_held(self._result(self._without(without), until=self.instant + 1))

    def _is_held(self, result: Result) -> bool:
        numbers = run_numbers(Snapshot(Ledger(result.log), self.instant))
        number = [task.name for task in result.plan.tasks].index(self.task.name) + 1
        mine = numbers["task"] == number
        return bool((numbers["status"][mine] == PAUSED).any())

    def _without(self, names: Group) -> Plan:
        tasks = [task for task in self.plan.tasks if task.name not in names]
        return replace(self.plan, tasks=tuple(tasks))

    def _result(self, plan: Plan, until: int | None = None) -> Result:
        model = seeded(plan, self.log.meta.get("seed", 0))
        model.run(until)
        return Result(model.log())

    def changes(self) -> pd.DataFrame:
        """Return what other plans would have made of the task."""
        base = self._outcome(self._result(self.plan))
        rows = []
        for change, plan in self._others():
            try:
                outcome = self._outcome(self._result(plan()))
            except SessimError:  # not every plan can be changed so
                continue
            hours = (outcome[2] - base[2]) / HOUR if base[2] and outcome[2] else np.nan
            rows.append((change, outcome[0], outcome[1], outcome[2], hours))
        columns = ["change", "status", "held", "finished", "change_hours"]
        frame = pd.DataFrame(rows, columns=columns)
        finished = np.array([row[3] or NOT_YET for row in rows], dtype=np.int64)
        zone = self.plan.timezone
        frame["finished"] = pd.DatetimeIndex(finished.view("M8[us]"), tz="UTC").tz_convert(zone)
        return frame

    def _outcome(self, result: Result) -> tuple[str, bool, int | None]:
        ledger = Ledger(result.log)
        number = [task.name for task in result.plan.tasks].index(self.task.name) + 1
        now, end = Snapshot(ledger, self.instant), Snapshot(ledger)
        status = now.column("status")[now.column("task") == number]
        finished = end.finished[end.column("task") == number]
        done = len(finished) and (finished != NOT_YET).all()
        held = bool((status == PAUSED).any())
        last = PAUSED if held else (int(status[-1]) if len(status) else TaskStatus.TO_START)
        return STATUS_LABELS[TaskStatus(last)], held, int(finished.max()) if done else None

    def _others(self) -> Iterator[tuple[str, Callable[[], Plan]]]:
        yield "twice the limit", self._twice
        yield "a start two hours earlier", self._earlier
        other: Literal["fifo", "fair"] = "fair" if self.plan.discipline == "fifo" else "fifo"
        yield f"the discipline {other}", lambda: replace(self.plan, discipline=other)

    def _twice(self) -> Plan:
        domains = [
            _doubled(domain) if domain.name == self.task.domain else domain
            for domain in self.plan.domains
        ]
        return replace(self.plan, domains=tuple(domains))

    def _earlier(self) -> Plan:
        number = [task.name for task in self.plan.tasks].index(self.task.name)
        first = self.plan.recurrences[number].first - _EARLIER
        moved: Task = replace(self.task, start=self.plan.clock.local(first))
        tasks = [moved if task.name == moved.name else task for task in self.plan.tasks]
        return replace(self.plan, tasks=tuple(tasks))


def _doubled(domain: Domain) -> Domain:
    numbers = [domain.limits.on(day) for day in range(1, _TABLE_DAYS)]
    if None in numbers:
        return domain
    return replace(domain, warmup=[2 * (number or 0) for number in numbers])


class _FromDay(_FromPlan):
    """The history gone on from the beginning of its day, where the plan alone tells another."""

    def __init__(self, log: EventLog, task: int, instant: int) -> None:
        super().__init__(log, task, instant)
        clock = log.plan.clock
        self._start = max(clock.day_start(clock.date(instant)) - 1, log.plan.start_instant)

    def held(self, without: Group) -> bool:
        """Say whether the task is paused at the instant, with others cancelled at midnight."""
        changes = {"without": sorted(without)} if without else None
        return self._is_held(go_on(self.log, self._start, changes))

    def changes(self) -> pd.DataFrame:
        """Return what another discipline, or limit from the next day on, would have made of it."""
        return super().changes().head(0)
