"""From what polls showed to an event log, its plan, and how sure each row is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessim.advance import Days
from sessim.clock import Clock
from sessim.errors import HistoryError
from sessim.eventlog import NONE, SEEN, Event, EventLog
from sessim.history import doubts, plans, testsends, windows
from sessim.history import quotas as daily
from sessim.history.history import Evidence, History
from sessim.history.instants import Reader
from sessim.history.lives import Life
from sessim.history.losses import Losses
from sessim.history.polls import Polls
from sessim.history.quotas import Change, Limits
from sessim.history.rolling import RollingShares, Windows
from sessim.history.rows import Counts, Rows, Span, used
from sessim.history.seen import Seen, look
from sessim.history.shares import Shares
from sessim.history.sightings import LATE
from sessim.history.table import Table, midnights, tempo
from sessim.history.tempo import Tempo
from sessim.history.testsends import SentTest
from sessim.lifecycle import CANCELLED
from sessim.parts import Domain
from sessim.plan import Plan
from sessim.version import __version__
from sessim.warmup import published

Ints = NDArray[np.int64]


def rebuild(
    polls: Polls, reader: Reader, losses: Losses, file: str, plan: Plan | None = None
) -> History:
    """Rebuild a history from polls of the task list.

    Parameters
    ----------
    polls
        All that was read.
    reader
        Which read their times; its zone holds where ``plan`` says nothing else.
    losses
        Where rows that contradict others are counted, under the name of ``file``.
    plan
        Whose rules hold: rate, discipline, restarts, zone and the warm-ups of its domains.

    Raises
    ------
    HistoryError
        If no task was seen.
    """
    if not polls.looks.time:
        raise HistoryError(
            f"nothing in {file} tells of a task; see what it holds and its format{losses.why}"
        )
    clock = reader.clock if plan is None else plan.clock
    seen = look(polls, reader, losses, clock, file, plan)
    return assemble(seen, polls, reader, losses, plan)


def assemble(
    seen: Seen, polls: Polls, reader: Reader, losses: Losses, plan: Plan | None = None
) -> History:
    """Write the log that explains what was seen; ``polls`` tell when, and of which limits."""
    clock = reader.clock if plan is None else plan.clock
    table = Table.of(seen.runs)
    pace = _tempo(polls, seen, table, clock, plan)
    seen = _with_tests(seen, table, losses, plan)
    built, limits = _plan(polls, seen, table, clock, pace, plan)
    shares = _shares(seen, table, pace, built, limits, plan)
    rows = Rows()
    for test in seen.tests or ():
        rows.test(*test)
    for test in shares.tests:
        rows.test(*test)
    _write_runs(seen, shares, rows)
    _write_gone(built, seen, rows)
    _write_skipped(built, seen, rows)
    fresh = _write_limits(built, shares, seen, rows)
    log, columns = _log(rows, fresh, built, seen, is_rate_seen=plan is None)
    earliest, latest = columns["earliest"], columns["latest"]
    if seen.late:  # then what a look shows may be older than the look before it
        earliest = np.where(earliest < latest, earliest - LATE, earliest)
    unsure = doubts.doubts(shares)
    doubts.remark(unsure, losses)
    if pace.guessed and shares.table.emails.any():
        losses.remark(
            f"Nothing tells how fast the account sent: {float(pace.rate):g} emails a second was "
            "taken; a plan, or closer polls, would tell."
        )
    evidence = Evidence(
        earliest, latest, seen.sightings(), columns["source"],
        [fact.id for fact in seen.facts], reader.timezone, losses.sentences,
        doubts=unsure,
    )  # fmt: skip
    return History(log, evidence)


def _shares(
    seen: Seen, table: Table, pace: Tempo, plan: Plan, limits: list[Limits], given: Plan | None
) -> Shares:
    tests = [] if seen.exact else testsends.planned(plan, seen.domains, seen.span[1])
    told = (table, seen.runs, pace, plan.clock, limits, seen.span[1])
    if plan.window == "day" or seen.exact:
        return Shares(*told, exact=seen.exact, given=given, tests=tests)
    opened = [
        _windows(seen, plan, place, limits[place], [t for t in tests if t.domain == place])
        for place in range(len(plan.domains))
    ]
    return RollingShares(*told, tests=tests, windows=opened)


def _windows(seen: Seen, plan: Plan, place: int, polled: Limits, tests: list[SentTest]) -> Windows:
    """Return the rolling windows of a domain, the first of which opens with its first emails."""
    spans = [(t.time,) * 3 for t in tests[:1]]
    spans += [(r.due, r.due_earliest, r.due_latest) for r in seen.runs if r.domain == place]
    days = counting(plan, plan.domains[place])
    return Windows(
        plan.clock, days, polled, min(spans, default=None), tests, passed=plan.start_instant
    )


def _tempo(polls: Polls, seen: Seen, table: Table, clock: Clock, plan: Plan | None) -> Tempo:
    times = np.unique(np.array(polls.times, dtype=np.int64))
    restarts = _restarts(plan, seen.span) if plan else []
    return tempo(table, seen.runs, times, clock, plan.rate if plan else None, restarts)


def _restarts(plan: Plan, span: tuple[int, int]) -> list[int]:
    """Return when the plan's rules restart paused runs, other than where a day begins."""
    clock, at = plan.clock, plan.restart_at
    days = midnights(clock, *span)
    if isinstance(at, dt.time):
        return [clock.instant(dt.datetime.combine(clock.date(day), at)) for day in days]
    found = [clock.instant(moment) for moment in at or ()]
    if plan.restart_delay:
        found += [day + plan.restart_delay * 1_000_000 for day in days]
    return found


# --- the plan and the limits ----------------------------------------------------------------------


def _plan(
    polls: Polls, seen: Seen, table: Table, clock: Clock, pace: Tempo, given: Plan | None
) -> tuple[Plan, list[Limits]]:
    """Build the plan behind a history, and say which limits held when."""
    first, last = seen.span
    runs = seen.of_tasks()
    polled = [daily.limits(polls.quotas.get(name, ()), clock, first) for name in seen.domains]
    domains = []
    for place, (name, found) in enumerate(zip(seen.domains, polled, strict=True)):
        known = {domain.name: domain for domain in given.domains}.get(name) if given else None
        if known is None:
            due = _first_due(seen, place, clock)
            known = daily.domain(name, daily.by_date(found, clock, first, last), due)
        domains.append(known)
    begins = given.start_instant if given and seen.exact else first  # warm-ups count from then
    plan = plans.build(
        seen.facts, runs, domains, clock, (min(begins, first), last), requests=seen.requests,
        gone={task: gone.by for task, gone in seen.gone.items()}, over=seen.over,
        patterns=seen.patterns, rate=pace.rate,
        takes_turns=table.takes_turns, given=given,
        knows_tests=bool(seen.tests) or not seen.exact,
    )  # fmt: skip
    limits = []
    for place, (domain, found) in enumerate(zip(plan.domains, polled, strict=True)):
        if plan.window == "rolling" and not seen.exact:
            limits.append(found)
            continue
        takes_plan = not found.changes or (given is None and domain.warmup in published())
        takes_plan |= plan.window == "rolling" and seen.exact
        limits.append(_planned(plan, domain, seen, table, place) if takes_plan else found)
    return plan, limits


def _with_tests(seen: Seen, table: Table, losses: Losses, plan: Plan | None) -> Seen:
    """Take the test sends from the plan where the source tells of none."""
    if plan is None or seen.tests is not None or not plan.test_sends or not seen.exact:
        return seen

    def limits(place: int, tests: Sequence[SentTest]) -> tuple[Limits, tuple[Ints, Ints]]:
        known = replace(seen, tests=tests)
        named = {domain.name: domain for domain in plan.domains}
        found = _planned(plan, named[seen.domains[place]], known, table, place)
        return found, _sums(table, known, place)

    found = testsends.by_limits(testsends.planned(plan, seen.domains, seen.span[1]), limits)
    if found:
        losses.remark("The test sends are those of the plan: the log tells of none.")
    return replace(seen, tests=found)


def _first_due(seen: Seen, place: int, clock: Clock) -> dt.date:
    name = seen.domains[place]
    dues = [run.due for run in seen.runs if run.domain == place]
    dues += [fact.begins for fact in seen.facts if fact.domain == name and fact.begins is not None]
    return clock.date(min(dues, default=seen.span[0]))


def _planned(plan: Plan, domain: Domain, seen: Seen, table: Table, place: int) -> Limits:
    """Return the limits that a plan sets, with what was seen where they depend on sending."""
    if seen.exact and domain.warmup == "reputation":  # its levels are in no plan
        return Limits()
    clock = plan.clock
    first, last = plan.start_instant, max(seen.span[1], plan.start_instant)
    days = counting(plan, domain)
    times, sums = _sums(table, seen, place)
    if plan.window == "rolling" and seen.exact:
        uses = [run.due for run in seen.runs if run.domain == place]
        uses += [test.time for test in seen.tests or () if test.domain == place]
        return windows.planned(plan, days, min(uses, default=None), times, sums)
    changes: list[Change] = []
    for start in [first, *(day for day in midnights(clock, first, last) if day > first)]:
        if changes:
            days.pass_midnight(int(sums[times.searchsorted(start, "right")]))
        limit = days.limit(clock.date(start).toordinal())
        changes.append(Change(start, start, start, NONE if limit is None else limit))
    return Limits(changes)


def _sums(table: Table, seen: Seen, place: int) -> tuple[Ints, Ints]:
    """Return when a domain was looked at, and what it had sent before the first and at each."""
    chosen = np.array([run.domain == place for run in seen.runs], dtype=bool)[table.run]
    tests = [(test.time, test.sent) for test in seen.tests or () if test.domain == place]
    more = np.array(tests, dtype=np.int64).reshape(-1, 2).T
    times = np.append(table.time[chosen], more[0])
    emails = np.append(table.emails[chosen], more[1])
    order = np.argsort(times, kind="stable")
    return times[order], np.append(0, np.cumsum(emails[order]))


def counting(plan: Plan, domain: Domain) -> Days:
    """Return the warm-up days of a domain, as they stand when the plan starts."""
    first = plan.warmup_start(domain).toordinal()
    today = plan.clock.date(plan.start_instant).toordinal()
    return Days(domain.limits, first, domain.advance == "sending", max(0, today - first))


# --- rows -----------------------------------------------------------------------------------------


def _write_runs(seen: Seen, shares: Shares, rows: Rows) -> None:
    sizes = [len(run.seen["time"]) for run in seen.runs]
    firsts = np.cumsum([0, *sizes]).tolist()
    latest: dict[int, Life] = {}
    for place, run in enumerate(seen.runs):
        life = Life(run, place, shares, rows)
        life.write(firsts[place], latest.get(run.task))
        latest[run.task] = life


def _write_gone(plan: Plan, seen: Seen, rows: Rows) -> None:
    """Write that tasks were cancelled which had not begun, or would have gone on."""
    begun = {run.task for run in seen.runs}
    for task, gone in seen.gone.items():
        fact = seen.facts[task - 1]
        span = Span(gone.by, gone.after, gone.by)
        if fact.hours:
            rows.called_off(task, span, gone.source)
        elif task not in begun:
            rows.begin()
            who = (task, 1, seen.domains.index(fact.domain))
            counts = Counts(plan.tasks[task - 1].requests or 1, 0, 0)
            rows.run(Event.CANCELLED, who, span, CANCELLED, counts, gone.source, "seen")


def _write_skipped(plan: Plan, seen: Seen, rows: Rows) -> None:
    """Write which runs of a recurrence did not happen, as its earlier ones were unfinished."""
    for number, task in enumerate(plan.tasks, 1):
        if task.overlap == "skip":
            domain = seen.domains.index(seen.facts[number - 1].domain)
            recurrence = plan.recurrences[number - 1]
            for run, due in seen.recurs(number).skipped:
                if recurrence.goes_on(plan.clock, run):
                    rows.skipped((number, run, domain), due)


def _write_limits(plan: Plan, shares: Shares, seen: Seen, rows: Rows) -> list[list[int]]:
    """Write the limits of each day, and return when counting began anew for each domain."""
    clock, start = plan.clock, plan.start_instant
    if plan.window == "rolling":
        return _write_windows(shares, rows, clock)
    # What happens at a midnight is of the day that begins.
    end = seen.span[1]
    tested = any(test.time == end for test in shares.tests)
    end += seen.exact or end in shares.at_midnight or tested
    fresh = [start, *(day for day in midnights(clock, start, end) if start < day < end)]
    for place, domain in enumerate(plan.domains):
        days, limits = counting(plan, domain), shares.limits[place]
        for instant in fresh:
            if instant != start:
                days.pass_midnight(shares.sent_before(place, instant))
            number = days.day(clock.date(instant).toordinal())
            detail = f"warm-up day {number}" if domain.limits.counts_days else ""
            change = limits.change(instant)
            span = Span.at(instant)
            if change is not None and change.time == instant:
                span = Span(instant, change.earliest, change.latest)
            rows.limit(place, span, NONE if change is None else change.limit, detail)
        for change in limits.changes:
            if change.time > start and change.time not in fresh and change.time < end:
                span = Span(change.time, change.earliest, change.latest)
                rows.limit(place, span, change.limit, "changed within the day")
    return [fresh] * len(plan.domains)


def _write_windows(shares: Shares, rows: Rows, clock: Clock) -> list[list[int]]:
    """Write the limit of each rolling window, and return when they open."""
    for place, limits in enumerate(shares.limits):
        opened = {change.time for change in limits.changes}
        if opened and not shares.exact:  # a log of others has no days but its own
            days = midnights(clock, min(opened), shares.end - 1)
            for day in (day for day in days if day not in opened and limits.at(day)):
                rows.limit(place, Span.at(day), limits.at(day), "")
        for change in limits.changes:
            rows.limit(place, Span(change.time, change.earliest, change.latest), change.limit, "")
    return [[change.time for change in limits.changes] for limits in shares.limits]


def _log(
    rows: Rows, fresh: Sequence[Sequence[int]], plan: Plan, seen: Seen, *, is_rate_seen: bool
) -> tuple[EventLog, dict[str, NDArray[Any]]]:
    done = seen.finished
    last = rows.last if done else max(rows.last, seen.span[1])
    rows.end(last, "all work done" if done else "work left")
    columns = rows.columns()
    used(columns, fresh)
    names = ("time", "event", "task", "run", "domain", "status", "sent", "cached", "failed",
             "cancelled", "waiting", "limit", "sent_today", "detail")  # fmt: skip
    types = [int(fact.type) for fact in seen.facts]
    meta = {"mode": SEEN, "version": __version__, "types": types}
    if is_rate_seen:
        meta["rate"] = SEEN
    log = EventLog(
        {name: columns[name] for name in names}, tuple(seen.domains), rows.details, plan, meta
    )
    return log, columns
