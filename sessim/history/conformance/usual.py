"""When paused runs are restarted by a log whose rules nobody told: what it shows, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from sessim.clock import DAY, SECOND
from sessim.eventlog import Event, EventLog
from sessim.history.conformance.check import Ints
from sessim.history.resets import LIKELY, between
from sessim.history.table import midnights
from sessim.ledger import Ledger
from sessim.lifecycle import PAUSED

LONGEST_DELAY: Final = 3600 * SECOND
"""So long after a day's beginning a restart still counts as that day's reset."""


@dataclass(frozen=True)
class Usual:
    """How an account restarts paused runs, as its log shows it.

    Attributes
    ----------
    window
        What most restarts agree with: ``day`` (its beginning), ``rolling`` (24 hours after a
        domain was full), or nothing: then they may be by hand, or by the days of another zone.
    delay
        How long after a day's beginning, in microseconds.
    may
        For each domain the instants at which a restart is no surprise; None: it never is.
    must
        For each domain those at which all of its paused runs are restarted.
    """

    window: str
    delay: int
    may: tuple[Ints, ...] | None
    must: tuple[Ints, ...]

    @property
    def is_daily(self) -> bool:
        """Whether paused runs go on at once when a day begins."""
        return self.window == "day" and not self.delay


class _Spans(NamedTuple):
    """Between which instants something happened."""

    earliest: Ints
    latest: Ints


@dataclass(frozen=True)
class _Domain:
    """What a log tells of one domain."""

    restarts: _Spans
    pauses: _Spans  # from the last instant at which it may have begun to the first of its end
    fills: _Spans  # when it may have been full: runs were paused or sent
    limits: tuple[Ints, Ints]  # when they were set, and what they are


def usual(log: EventLog, earliest: Ints, latest: Ints) -> Usual:
    """Read from a log when paused runs are restarted.

    In one that dates every restart, those that are restarted show that their domain had something
    left: then all its paused runs are, whatever the rule (R5). In one that does not, only a rule
    can tell, if most restarts agree with one.

    Parameters
    ----------
    log
        The log.
    earliest, latest
        Between which instants each of its rows happened.
    """
    domains = list(_domains(log, earliest, latest))
    first, last = int(log.time[0]), int(log.time[-1])
    days = np.array(midnights(log.plan.clock, first, last), dtype=np.int64)
    is_exact = bool((earliest == latest).all())
    delay = _delay(domains, days) if is_exact else 0
    days = days + delay
    resets = [_set_by(domain, days) for domain in domains]
    seen = tuple(np.unique(domain.restarts.latest) for domain in domains)
    if _is_daily(domains, days, resets):
        may = tuple(days for _ in domains)
        return Usual("day", delay, may, seen if is_exact else tuple(resets))
    must = seen if is_exact else tuple(days[:0] for _ in domains)
    if _is_rolling(domains):
        # A window with a limit of 0 ends with the day.
        may = tuple(np.union1d(domain.fills.latest + DAY, days) for domain in domains)
        return Usual("rolling", 0, may if is_exact else None, must)
    return Usual("", 0, None, must)


def _domains(log: EventLog, earliest: Ints, latest: Ints) -> Iterator[_Domain]:
    ledger = Ledger(log)
    rows, follows = ledger.rows, np.ones(len(ledger.rows), dtype=np.bool_)
    follows[ledger.starts] = False
    event, domain = ledger.column("event"), ledger.column("domain")
    paused = follows & (np.append(0, ledger.column("status")[:-1]) == PAUSED)
    full = np.isin(event, (Event.PAUSED, Event.SENT))
    for place in range(len(log.domains)):
        mine = domain == place
        restarts = rows[mine & (event == Event.RESTARTED)]
        ends = np.flatnonzero(mine & paused)
        fills = rows[mine & full]
        limits = np.flatnonzero((log.event == Event.LIMIT) & (log.domain == place))
        yield _Domain(
            _Spans(earliest[restarts], latest[restarts]),
            _Spans(np.sort(latest[rows[ends - 1]]), np.sort(earliest[rows[ends]])),
            _Spans(np.sort(earliest[fills]), np.sort(latest[fills])),
            (log.time[limits], log.limit[limits].astype(np.int64)),
        )


def _delay(domains: list[_Domain], days: Ints) -> int:
    """Return how long after a day's beginning most restarts were, if it is not too long."""
    at = np.concatenate([np.unique(domain.restarts.latest) for domain in domains])
    day = days.searchsorted(at, "right") - 1
    since = (at - days[day])[day >= 0] if len(days) else at[:0]
    delays, times = np.unique(since[since <= LONGEST_DELAY], return_counts=True)
    return int(delays[times.argmax()]) if len(delays) else 0


def _set_by(domain: _Domain, days: Ints) -> Ints:
    """Return the days for which a domain's limit is known, and not 0."""
    time, limit = domain.limits
    last = time.searchsorted(days, "right") - 1
    return days[(last >= 0) & (limit[last] > 0)] if len(limit) else days[:0]


def _is_daily(domains: list[_Domain], days: Ints, resets: list[Ints]) -> bool:
    """Say whether most restarts were when a day began, and few pauses went on through that."""
    kept = broken = 0
    for domain, known in zip(domains, resets, strict=True):
        spans = np.unique(np.stack(domain.restarts), axis=1)
        is_kept = between(days, *spans)
        begun = domain.pauses.earliest.searchsorted(known, "left")
        over = domain.pauses.latest.searchsorted(known, "right")
        kept += int(is_kept.sum())
        broken += int((~is_kept).sum()) + int((begun > over).sum())
    return 0 < kept >= LIKELY * (kept + broken)


def _is_rolling(domains: list[_Domain]) -> bool:
    """Say whether most restarts were 24 hours after something may have filled the domain."""
    agreed = number = 0
    for domain in domains:
        earliest, latest = np.unique(np.stack(domain.restarts), axis=1) - DAY
        begun = domain.fills.earliest.searchsorted(latest, "right")
        agreed += int((begun > domain.fills.latest.searchsorted(earliest, "left")).sum())
        number += len(latest)
    return 0 < agreed >= LIKELY * number
