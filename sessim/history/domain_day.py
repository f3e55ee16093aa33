"""The ledger of a domain's day up to an instant: the limit, and who used how much of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sessim.eventlog import NONE, Event, EventLog, times
from sessim.history.conformance.quotas import limits_of
from sessim.history.explanation import DayLedger
from sessim.ledger import Ints, Ledger, Snapshot
from sessim.plan import Plan
from sessim.state import first_state
from sessim.tables import run_numbers

if TYPE_CHECKING:
    from sessim.history.history import Evidence

TESTS = "test sends"


def day_of(log: EventLog, domain: int, instant: int) -> tuple[dt.date, int]:
    """Return the local date of an instant, and since when the domain's emails count.

    That is the beginning of the day, or of the rolling window.
    """
    date = log.plan.clock.date(instant)
    if log.plan.window == "day":
        return date, log.plan.clock.day_start(date)
    openings = limits_of(log)[domain].openings
    openings = openings[openings <= instant]
    return date, int(openings[-1]) if len(openings) else log.plan.start_instant


def used_by(ledger: Ledger, domain: int, start: int, instant: int) -> dict[int, int]:
    """Return the emails of each task that a domain sent from a day's start to an instant.

    Test sends stand under 0.
    """
    log = ledger.log
    mine = log.domain[ledger.rows] == domain
    rows, risen = ledger.rows[mine], ledger.risen[mine]
    tests = np.flatnonzero((log.run == 0) & (log.domain == domain) & (log.event == Event.SENT))
    rows, emails = np.append(rows, tests), np.append(risen, log.sent[tests])
    closing = np.isin(log.event[rows], (int(Event.DAY), int(Event.END)))
    time = log.time[rows] - closing
    chosen = (start <= time) & (log.time[rows] <= instant)
    totals = np.bincount(log.task[rows[chosen]], emails[chosen], len(log.plan.tasks) + 1)
    return {task: int(number) for task, number in enumerate(totals.tolist()) if number}


def limit_at(log: EventLog, domain: int, instant: int) -> int | None:
    """Return the limit in force; None if the log tells of none yet, -1 for no limit."""
    rows = np.flatnonzero(
        (log.event == Event.LIMIT) & (log.domain == domain) & (log.time <= instant)
    )
    return int(log.limit[rows[-1]]) if len(rows) else None


def planned_limit(plan: Plan, domain: int, date: dt.date, sent_dates: int) -> int | None:
    """Return what the plan's warm-up allows on a date; None for no limit.

    ``sent_dates`` is on how many dates before the domain sent something.
    """
    if plan.domains[domain].warmup == "reputation":
        return None
    days = first_state(plan).days[domain]
    return replace(days, counted=days.counted + sent_dates).limit(date.toordinal())


def day_ledger(ledger: Ledger, evidence: Evidence, task: int, instant: int) -> DayLedger:
    """Return the ledger of a task's domain, from the day's start to an instant."""
    log, plan = ledger.log, ledger.log.plan
    domain = [entry.name for entry in plan.domains].index(plan.tasks[task - 1].domain)
    date, start = day_of(log, domain, instant)
    used = used_by(ledger, domain, start, instant)
    limit = limit_at(log, domain, instant)
    known = None if limit in (None, NONE) else limit
    now = run_numbers(Snapshot(ledger, instant))
    filled = _filled(log, domain, start, instant, known)
    cached = {
        whom: int(now["cached"][mine].sum())
        for whom, mine in (
            ("task", now["task"] == task),
            ("domain", Snapshot(ledger, instant).column("domain") == domain),
        )
    }
    return DayLedger(
        domain=plan.domains[domain].name,
        date=pd.Timestamp(date),
        limit=known,
        source=_source(ledger, domain, date, limit),
        used=_frame(plan, used, known),
        filled=None if filled is None else times(log.time[[filled]], log.timezone)[0],
        filled_between=None if filled is None else _bounds(log, evidence, filled),
        cached=cached["task"],
        cached_of_domain=cached["domain"],
    )


def _frame(plan: Plan, used: dict[int, int], limit: int | None) -> pd.DataFrame:
    order = sorted(used, key=lambda task: (-used[task], task))
    return pd.DataFrame(
        {
            "task": pd.array([task or None for task in order], dtype="Int64"),
            "name": pd.array(
                [plan.tasks[task - 1].name if task else TESTS for task in order], dtype="str"
            ),
            "emails": np.array([used[task] for task in order], dtype=np.int64),
            "share": np.array([used[task] / limit if limit else np.nan for task in order]),
        }
    )


def sent_dates_before(ledger: Ledger, domain: int, date: dt.date) -> int:
    """Return on how many dates of the log before a date a domain sent something."""
    log, clock = ledger.log, ledger.log.plan.clock
    mine = (log.domain[ledger.rows] == domain) & (ledger.risen > 0)
    rows = ledger.rows[mine]
    closing = np.isin(log.event[rows], (int(Event.DAY), int(Event.END)))
    instants: Ints = log.time[rows] - closing
    tests = (log.run == 0) & (log.domain == domain) & (log.sent > 0)
    dates = {clock.date(int(time)) for time in np.append(instants, log.time[tests])}
    return sum(day < date for day in dates)


def _source(ledger: Ledger, domain: int, date: dt.date, limit: int | None) -> str:
    plan = ledger.log.plan
    if limit is None:
        return "not known"
    if limit == NONE:
        return "not known" if ledger.log.is_seen else "none"
    planned = planned_limit(plan, domain, date, sent_dates_before(ledger, domain, date))
    if planned == limit:
        return f"as the plan's warm-up says, {_warmup(plan, domain)}"
    says = "no limit" if planned is None else f"{planned:,}"
    return f"as the history says; the plan's warm-up says {says}"


def _warmup(plan: Plan, domain: int) -> str:
    warmup = plan.domains[domain].warmup
    return f"{warmup!r}" if isinstance(warmup, str) else "given by numbers"


def _filled(log: EventLog, domain: int, start: int, instant: int, limit: int | None) -> int | None:
    """Return the row with which the emails of the day reached the limit."""
    if limit is None:
        return None
    rows = np.flatnonzero(
        (log.domain == domain) & (log.time >= start) & (log.time <= instant)
        & (log.sent_today >= limit) & (log.limit == limit) & (log.event != Event.DAY)
    )  # fmt: skip
    return int(rows[0]) if len(rows) else None


def _bounds(
    log: EventLog, evidence: Evidence, row: int
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return between which instants a row happened; None if its source dates it."""
    bounds = np.array([evidence.earliest[row], evidence.latest[row]], dtype=np.int64)
    earliest, latest = times(bounds, log.timezone)
    return None if earliest == latest else (earliest, latest)
