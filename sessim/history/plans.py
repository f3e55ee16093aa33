"""The plan behind a history: what the account was told to send, as far as rows tell."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from sessim.clock import DAY, Clock
from sessim.errors import SessimWarning
from sessim.fields import RestartAt
from sessim.history.facts import Fact
from sessim.history.looks import Run
from sessim.history.recurrences import Pattern
from sessim.parts import Domain, Task
from sessim.plan import Plan

_YEAR: Final = 365 * DAY


def build(
    facts: Sequence[Fact],
    runs: Mapping[int, Sequence[Run]],
    domains: Sequence[Domain],
    clock: Clock,
    span: tuple[int, int],
    *,
    requests: Mapping[int, int],
    gone: Mapping[int, int],
    over: set[int],
    patterns: Mapping[int, Pattern],
    rate: Fraction,
    takes_turns: bool,
    given: Plan | None,
    knows_tests: bool = False,
) -> Plan:
    """Build the plan.

    Parameters
    ----------
    facts
        The tasks in order of their ids.
    runs
        The runs of each task that were due, by task id.
    domains
        In the order of their places.
    clock
        Of the zone whose days count.
    span
        When the history begins and ends.
    requests, gone
        By task id: the emails of a run, and when a task that disappeared was gone.
    over
        The ids of recurring tasks whose recurrence is over.
    patterns
        By task id: how its runs recur, unless ``given`` says so.
    rate, takes_turns
        Emails a second, and whether runs were served in turns.
    given
        A plan whose rules hold, if there is one.
    knows_tests
        Whether its test sends are in the history.
    """
    told = {task.name: task.requests for task in given.tasks} if given else {}
    dues = [_first(fact, runs.get(i, ()), span[1]) for i, fact in enumerate(facts, 1)]
    start = min([span[0], *dues])
    tasks = [
        _task(
            fact, dues[i - 1], start, clock, told.get(fact.name) or requests.get(i, 1),
            _recurs(fact, patterns.get(i, Pattern()), _last(runs.get(i, ())), over=i in over,
                    given=given),
            gone.get(i),
        )
        for i, fact in enumerate(facts, 1)
    ]  # fmt: skip
    keys: dict[str, Any] = {
        "start": written(clock, start),
        "timezone": clock.zone.key,
        "rate": rate,
        "domains": tuple(domains),
        "tasks": tuple(tasks),
        "horizon": written(clock, span[1] + DAY) if span[1] - start > _YEAR - DAY else None,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SessimWarning)  # it happened, whatever one may think of it
        if given is None:
            return Plan(**keys, discipline="fair" if takes_turns else "fifo")
        tests = (test for test in given.test_sends if clock.instant(test.at) >= start)
        keys["test_sends"] = tuple(tests) if knows_tests else ()
        return replace(given, **keys, restart_at=_restarts(given, start))


def _restarts(given: Plan, start: int) -> RestartAt | None:
    """Return when a plan restarts, without what comes before the first that is seen of it."""
    at = given.restart_at
    if not isinstance(at, tuple):
        return at
    clock = given.clock
    return tuple(e for e in at if clock.instant(e) >= start) or (written(clock, start),)


def _first(fact: Fact, runs: Sequence[Run], end: int) -> int:
    """Return when a task's first run was due, or will be."""
    if fact.begins is not None and (not runs or runs[0].due >= fact.begins):
        return fact.begins
    return runs[0].due if runs else end


def _last(runs: Sequence[Run]) -> int:
    return runs[-1].number if runs else 0


def _recurs(
    fact: Fact, pattern: Pattern, last: int, *, over: bool, given: Plan | None
) -> dict[str, Any]:
    """Return the keys that say how a task recurs: as the given plan does, if it has the task."""
    if not fact.hours:
        return {}
    known = next((task for task in given.tasks if task.name == fact.name), None) if given else None
    keys = {"every": f"{fact.hours}h"}
    if known is not None and known.every and (known.every == fact.hours or not fact.tells_hours):
        same = ("every", "every_by", "overlap", "count", "until")
        return {name: getattr(known, name) for name in same}
    count = max(last, 1) if over else None
    return keys | {"every_by": pattern.every_by, "overlap": pattern.overlap, "count": count}


def _task(
    fact: Fact, due: int, start: int, clock: Clock, requests: int, recurs: dict[str, Any],
    gone: int | None,
) -> Task:  # fmt: skip
    keys = dict(recurs)
    if due != start or fact.hours or fact.type != 1:
        keys["start"] = written(clock, due)
    if gone is not None:
        keys["cancel_at"] = written(clock, max(gone, start))
    return Task(
        fact.name, sender=fact.sender, requests=max(requests, 1), subject=fact.subject, **keys
    )


def written(clock: Clock, instant: int) -> dt.datetime:
    """Return an instant as a plan writes it: on the local clock, with its offset if need be."""
    local = clock.local(instant)
    plain = local.replace(tzinfo=None)
    if clock.instant(plain) == instant:
        return plain
    return local.replace(tzinfo=dt.timezone(local.utcoffset() or dt.timedelta()))
