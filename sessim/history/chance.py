"""What chance had made of an account by an instant: taken up where it was, or drawn anew.

Where a simulation of ours wrote the log, its plan and seed tell everything: it is simulated again
up to the instant, and chance goes on as it did. Any other log says how many emails were sent, and
at best what became of them; what else reputation measures is drawn from a seed, and holds only
from the instant on: :func:`kept` leaves what happened before as the log tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from operator import sub
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessim import warmup
from sessim.eventlog import NONE, Event, EventLog
from sessim.history.conformance.stretch import Limits, Trail
from sessim.ledger import Ints, Ledger
from sessim.model import Model, Seed, kept_seed
from sessim.outcomes import Fates, sequence
from sessim.plan import Plan
from sessim.quality import OUTCOMES
from sessim.reputation import MEASURED, judge
from sessim.state import State

BLOCKED: Final = "blocked"
"""How the reason begins of a row ``limit`` that blocks a domain."""

_JUDGED: Final = ("invalid", "spam_bounce", "soft_failures", "complaints", "opens")


class Luck(NamedTuple):
    """Where chance goes on from.

    Parameters
    ----------
    seed
        What it is derived from.
    own
        The model that wrote the log, simulated again up to the instant; None if there is none.
    """

    seed: Seed
    own: Model | None = None


def luck(log: EventLog, instant: int, seed: int | None = None) -> Luck:
    """Return where chance goes on from in a log.

    Parameters
    ----------
    log
        What happened; nothing behind the instant is looked at.
    instant
        In microseconds since the Unix epoch.
    seed
        What chance is derived from, from then on. Default: the log's own; 0 if it has none.
    """
    own: Seed = log.meta.get("seed", 0)
    wanted = own if seed is None else kept_seed(seed)
    if (
        log.plan.has_outcomes
        and log.meta.get("mode") == "simulate"
        and wanted == own
        and (model := _again(log, instant, own)) is not None
    ):
        return Luck(own, model)
    return Luck(wanted)


def _again(log: EventLog, instant: int, seed: Seed) -> Model | None:
    """Simulate a log again up to an instant; None if it does not come out as the log tells."""
    model = seeded(log.plan, seed)
    model.run(instant + 1)
    again = model.log()
    told, found = _past(log, instant), _past(again, instant)
    words = {"domain", "detail"}  # their codes may differ
    same = len(told) == len(found) and log.outcomes == again.outcomes and all(
        np.array_equal(values[told], again.columns[name][found])
        for name, values in log.columns.items() if name not in words
    )  # fmt: skip
    return model if same else None


def seeded(plan: Plan, seed: Seed) -> Model:
    """Return a model of a plan with a seed as logs keep it."""
    return Model(plan, seed if isinstance(seed, int) else sequence(seed))


def _past(log: EventLog, instant: int) -> Ints:
    """Return the rows up to an instant, without those that close the log."""
    return np.flatnonzero((log.time <= instant) & (log.event != Event.END))


def take_up(state: State, log: EventLog, plan: Plan, luck: Luck, trail: Trail) -> None:
    """Fill in what chance has made of the emails, and where the domains' reputations stand.

    Parameters
    ----------
    state
        The state at the instant, but for these.
    log
        What happened up to the instant, as :func:`sessim.history.cut.until` returns it.
    plan
        By which the state goes on.
    luck
        Where chance goes on from.
    trail
        The rows ``limit`` of each domain.
    """
    state.fates = Fates(plan, sequence(luck.seed))
    if luck.own is not None and luck.own.state.fates is not None:
        _copy(state, luck.own, trail)
    else:
        _draw(state, log, plan, trail)
    judged = {entry.name for entry in log.plan.domains if entry.warmup == "reputation"}
    for domain, queue in enumerate(state.counts.queues):
        standing = state.standings[domain]
        if standing is None:
            continue
        if plan.domains[domain].name not in judged:  # today's limit is that of no level
            standing.risen, queue.stops_at = plan.levels_per_day, queue.closes_at
            continue
        prospects = state.fates.prospects[domain]
        at = standing.next_judgement(queue.counted, plan.levels_per_day, prospects)
        queue.stops_at = queue.counted_from + min(at, queue.limit)


def _copy(state: State, own: Model, trail: Trail) -> None:
    """Take over what a model of the same past knows."""
    assert state.fates is not None
    assert own.state.fates is not None
    runs, requests = own.plan.runs, own.state.counts.requests
    ranks = trail.ranks(runs.task, runs.number)
    data = own.state.fates.pack()
    for rank in data:
        state.counts.requests[int(ranks[rank])] = requests[rank]
    state.fates.unpack({int(ranks[rank]): entry for rank, entry in data.items()})
    for domain, before in enumerate(own.state.standings):
        state.counts.queues[domain].blocked = own.state.counts.queues[domain].blocked
        if state.standings[domain] is None:
            continue
        if before is not None:
            state.standings[domain] = replace(before)
        else:
            _settle_today(state, domain, (0,) * MEASURED)


def _settle_today(state: State, domain: int, today: tuple[int, ...]) -> None:
    """Let what reputation measures of a domain's emails of today be as it is told."""
    standing, fates = state.standings[domain], state.fates
    assert standing is not None
    assert fates is not None
    fates.settle_domain(domain)
    standing.before = tuple(map(sub, fates.by_domain[domain], today))


# --- drawn anew -----------------------------------------------------------------------------------


def _draw(state: State, log: EventLog, plan: Plan, trail: Trail) -> None:
    """Draw what became of the emails sent, from the first on."""
    fates = state.fates
    assert fates is not None
    day = plan.clock.day_start(plan.clock.date(state.now))
    runs = list(_marks(log, trail))
    for rank, requests, told in runs:
        state.counts.requests[rank] = requests
        if plan.runs.due[rank] < day:
            mine = [sent for time, sent in told if time < day]
            fates.unpack({rank: (_sizes(plan, rank, requests), mine, 0)})
    before = []
    for domain in range(len(plan.domains)):
        fates.settle_domain(domain)
        before.append(tuple(fates.by_domain[domain]))
    for rank, requests, told in runs:
        mine = [sent for time, sent in told if time >= day]
        if plan.runs.due[rank] >= day:
            fates.unpack({rank: (_sizes(plan, rank, requests), mine, 0)})
        else:
            _mark(fates, rank, mine)
    for domain, limits in enumerate(trail.limits):
        if state.standings[domain] is not None and limits.time:
            _stand(state, domain, limits, before[domain], log)
    for rank, _, _ in runs:  # with the emails since its last row
        _mark(fates, rank, [int(state.counts.sent[rank])])


def _mark(fates: Fates, rank: int, marks: list[int]) -> None:
    for sent in marks:
        if sent:
            fates.mark(rank, sent)


def _marks(log: EventLog, trail: Trail) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Yield the runs that were due, in that order: rank, requests, and what they sent until when.

    A row that closes a day counts for the day before.
    """
    rank = trail.ranks(log.task, log.run)
    total = sum(
        log.columns[name].astype(np.int64)
        for name in ("sent", "failed", "cancelled", "cached", "waiting")
    )
    told = np.flatnonzero((rank != NONE) & (log.event != Event.SKIPPED))
    order = told[np.argsort(rank[told], kind="stable")]
    starts = np.flatnonzero(np.diff(rank[order], prepend=NONE)).tolist()
    parts = [part for part in np.split(order, starts[1:]) if len(part)]
    closing = np.isin(log.event, (int(Event.DAY), int(Event.END)))
    for part in sorted(parts, key=lambda rows: int(rows[0])):
        first = int(part[0])
        if log.event[first] == Event.CANCELLED:  # it never was due
            continue
        when = (log.time[part] - closing[part]).tolist()
        known = dict(zip(log.sent[part].tolist()[::-1], when[::-1], strict=True))
        marks = sorted((time, sent) for sent, time in known.items() if sent)
        yield int(rank[first]), int(np.asarray(total)[first]), marks


def _sizes(plan: Plan, rank: int, requests: int) -> list[int]:
    """Return the emails of a run's parts, if so many are left: the worst parts lost the most."""
    task = plan.basis.tasks[rank]
    sizes = [part.requests for part in plan.basis.parts[task]]
    sizes[0] += max(requests - sum(sizes), 0)
    invalid = [plan.basis.kinds[kind].expected[0] for kind in plan.basis.kind_of[task]]
    for part in sorted(range(len(sizes)), key=invalid.__getitem__, reverse=True):
        sizes[part] -= min(sizes[part], sum(sizes) - requests)
    return sizes


def _stand(
    state: State, domain: int, limits: Limits, before: tuple[int, ...], log: EventLog
) -> None:
    """Let a domain stand at the level whose limit is in force."""
    standing, queue = state.standings[domain], state.counts.queues[domain]
    assert standing is not None
    opening = max(i for i, anew in enumerate(limits.anew) if anew)
    today = limits.limit[opening:]
    if today[-1] in warmup.levels() and (today[-1] or not standing.limit):
        standing.level = warmup.levels().index(today[-1])
    standing.risen = sum(after > now for now, after in pairwise(today))
    standing.before = before
    last = log.details[log.detail[limits.seq[-1]]]
    queue.blocked = len(today) > 1 and last.startswith(BLOCKED)
    if log.outcomes and log.plan.domains[domain].warmup == "reputation":
        told = _told_today(log, domain, limits.seq[opening])
        _settle_today(state, domain, told)
        used = max(queue.counted, sum(told[:3]))
        standing.lowered = judge(used, queue.limit, told, may_rise=False).lowered


def _told_today(log: EventLog, domain: int, opened: int) -> tuple[int, ...]:
    """Return what a log tells of a domain's emails since a row that opened its day."""
    ledger = Ledger(log)
    mine = (ledger.rows > opened) & (log.domain[ledger.rows] == domain)
    return tuple(int(_risen(ledger, name)[mine].sum()) for name in _JUDGED)


def _risen(ledger: Ledger, name: str) -> Ints:
    """Return by how much a count rose from row to row of each run."""
    values = ledger.column(name).astype(np.int64)
    risen = np.diff(values, prepend=0)
    risen[ledger.starts] = values[ledger.starts]
    return risen


# --- what happened before -------------------------------------------------------------------------


def kept(told: EventLog, log: EventLog, instant: int) -> EventLog:
    """Return a log that goes on from another, with outcomes up to an instant as that tells them.

    Parameters
    ----------
    told
        The log that goes on; it begins with the rows of the other.
    log
        What happened.
    instant
        Where they part.
    """
    if not (told.outcomes and log.outcomes):
        return told
    past = int(log.time.searchsorted(instant, "right"))
    past -= bool(past and log.event[past - 1] == Event.END and not log.run[past - 1])
    if all(np.array_equal(log.columns[n][:past], told.columns[n][:past]) for n in OUTCOMES):
        return told
    columns: dict[str, NDArray[Any]] = dict(told.columns)
    key = told.task.astype(np.int64) << 32 | told.run
    latest: dict[int, int] = dict(zip(key[:past].tolist(), range(past), strict=True))
    row = np.array([latest.get(entry, NONE) for entry in key[past:].tolist()], dtype=np.int64)
    known = (row != NONE) & (told.run[past:] > 0)
    for name in OUTCOMES:
        drawn, own = told.columns[name], log.columns[name]
        later = drawn[past:] + np.where(known, own[row].astype(np.int64) - drawn[row], 0)
        columns[name] = np.append(own[:past].astype(np.int64), later)
    return EventLog(columns, told.domains, told.details, told.plan, told.meta)
