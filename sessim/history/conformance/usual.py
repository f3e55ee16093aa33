"""When paused runs are restarted by a log whose rules nobody told: what it shows, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from sessim.clock import DAY, SECOND
from sessim.eventlog import Event, EventLog
from sessim.history.conformance.check import Ints
from sessim.history.spans import between
from sessim.history.table import midnights
from sessim.ledger import Ledger
from sessim.lifecycle import PAUSED

LONGEST_DELAY: Final = 3600 * SECOND
"""So long after a day's beginning a restart still counts as that day's reset."""
SURE: Final = 0.9
"""So many of the restarts must agree with a rule before another breaks it."""


@dataclass(frozen=True)
class Usual:
    """How an account restarts paused runs, as its log shows it.

    Attributes
    ----------
    window
        What nearly all restarts agree with: ``day`` (its beginning), ``rolling`` (24 hours after a
        domain was full), or nothing: then they may be by hand, or by the days of another zone.
    delay
        How long after a day's beginning, in microseconds.
    may
        For each domain the instants at which a restart is no surprise; None: all are.
    must
        For each domain those at which all of its paused runs are restarted.
    """

    window: str
    delay: int
    may: tuple[Ints, ...] | None
    must: tuple[Ints, ...]

    @classmethod
    def unknown(cls, domains: int) -> Usual:
        """Return that of a log of which nothing is known yet."""
        return cls("", 0, None, (np.zeros(0, dtype=np.int64),) * domains)

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
    since: Ints  # when the run of each restart was last told to be paused
    fills: _Spans  # when it may have been full: runs were paused or sent
    limits: tuple[Ints, Ints]  # when they were set, and what they are
    sent: _Spans  # emails


def usual(log: EventLog, earliest: Ints, latest: Ints) -> Usual:
    """Read from a log when paused runs are restarted.

    In one that dates every restart, those that are restarted show that their domain had something
    left: then all its paused runs are, whatever the rule (R5). In one that does not, only a rule
    can tell, if nearly all restarts agree with one.

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
    resets = [_resets(domain, days, delay) for domain in domains]
    days = days + delay
    seen = tuple(np.unique(domain.restarts.latest) for domain in domains)
    if _is_daily(domains, days, resets):
        may = tuple(days for _ in domains)
        if is_exact:
            resets = [np.union1d(*both) for both in zip(resets, seen, strict=True)]
        return Usual("day", delay, may, tuple(resets))
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
        ends = np.flatnonzero(mine & paused & (event == Event.RESTARTED))
        fills = rows[mine & full]
        sent = np.flatnonzero(mine & follows & (ledger.risen > 0))
        limits = np.flatnonzero((log.event == Event.LIMIT) & (log.domain == place))
        yield _Domain(
            _Spans(earliest[rows[ends]], latest[rows[ends]]),
            latest[rows[ends - 1]],
            _Spans(np.sort(earliest[fills]), np.sort(latest[fills])),
            (log.time[limits], log.limit[limits].astype(np.int64)),
            _Spans(earliest[rows[sent - 1]], latest[rows[sent]]),
        )


def _delay(domains: list[_Domain], days: Ints) -> int:
    """Return how long after a day's beginning most restarts were, if it is not too long."""
    at = np.concatenate([np.unique(domain.restarts.latest) for domain in domains])
    day = days.searchsorted(at, "right") - 1
    since = (at - days[day])[day >= 0] if len(days) else at[:0]
    delays, times = np.unique(since[since <= LONGEST_DELAY], return_counts=True)
    return int(delays[times.argmax()]) if len(delays) else 0


def _resets(domain: _Domain, days: Ints, delay: int) -> Ints:
    """Return when paused runs surely were to go on: their domain had a limit, and not used it up.

    Either is told, or the domain sent something later on that day.
    """
    time, limit = domain.limits
    last = time.searchsorted(days, "right") - 1
    is_open = np.zeros(len(days), dtype=np.bool_)
    if len(limit) and not delay:
        is_open = (last >= 0) & (limit[last] > 0)
    place = days.searchsorted(domain.sent.earliest, "right") - 1
    known = (place >= 0) & (days.searchsorted(domain.sent.latest, "left") - 1 == place)
    place = place[known]
    is_open[place[domain.sent.latest[known] > days[place] + delay]] = True
    found: Ints = days[is_open] + delay
    return found


def _is_daily(domains: list[_Domain], days: Ints, resets: list[Ints]) -> bool:
    """Say whether nearly all pauses ended when a day began, and with the first that could end them.

    Runs that are restarted together, of whichever domains, are one sign.
    """
    parts = []
    for domain, known in zip(domains, resets, strict=True):
        earliest, latest = domain.restarts
        passed = known.searchsorted(earliest, "left") > known.searchsorted(domain.since, "right")
        parts.append([earliest, latest, between(days, earliest, latest) & ~passed])
    return _is_sure(np.concatenate(parts, axis=1))


def _is_rolling(domains: list[_Domain]) -> bool:
    """Say whether nearly all were 24 hours after something may have filled their domain."""
    parts = []
    for place, domain in enumerate(domains):
        earliest, latest = np.stack(domain.restarts) - DAY
        begun = domain.fills.earliest.searchsorted(latest, "right")
        agrees = begun > domain.fills.latest.searchsorted(earliest, "left")
        parts.append([np.full(len(latest), place), latest, agrees])
    return _is_sure(np.concatenate(parts, axis=1))


def _is_sure(signs: Ints) -> bool:
    """Say whether nearly all signs agree with a rule: columns, with that in the last row."""
    agrees = np.unique(signs, axis=1)[-1]
    return bool(agrees.any() and agrees.mean() >= SURE)
