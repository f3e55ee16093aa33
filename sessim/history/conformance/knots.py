"""What the judgements of a domain depend on, noted while a log is read."""

from __future__ import annotations

from dataclasses import dataclass
from operator import sub
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event
from sessim.history.conformance.check import Found, Ints
from sessim.history.conformance.stretch import Stretch, Trail, judged
from sessim.reputation import MANY, SHARE

_MEASURED: Final = ("invalid", "spam_bounce", "soft_failures", "complaints", "opens")

Sums = tuple[int, ...]
"""Emails of a domain so far, and of these the outcomes that reputation measures."""


class Knot(NamedTuple):
    """A row of a judged domain at which its outcomes are known, and something hangs on them.

    ``used`` and ``sums`` are as the row has them, ``used_before`` and ``sums_before`` as the
    domain's row before it that told of emails.
    """

    seq: int
    time: int
    is_limit: bool
    limit: int
    detail: str
    used: int
    sums: Sums
    used_before: int
    sums_before: Sums


@dataclass
class Watch:
    """What is remembered of a judged domain from one stretch to the next."""

    knots: list[Knot]
    sums: Ints
    used: int = 0
    limit_at: int = NONE  # the time of its latest row "limit"
    blocked_at: int = NONE


def watch_of(trail: Trail, domain: int) -> Watch:
    """Return what is remembered of a domain; for one that is new, nothing."""
    zero = np.zeros(1 + len(_MEASURED), dtype=np.int64)
    found: Watch = trail.watches.setdefault(domain, Watch([], zero))
    return found


def note(s: Stretch) -> Found | None:
    """Note what judgements depend on, for the checks at the end; nothing is wrong with it."""
    if not (s.tells_outcomes and s.all_exact):
        return None
    for domain in judged(s.plan):
        rows = s.of_domains[domain]
        if len(rows):
            _note(s, watch_of(s.trail, domain), rows)
    return None


def _note(s: Stretch, watch: Watch, rows: NDArray[np.intp]) -> None:
    change = changes(s)[:, rows]
    sums = watch.sums[:, None] + np.cumsum(change, axis=1)
    is_limit = s.columns["event"][rows] == Event.LIMIT
    used, limit, time = (
        s.columns[n][rows].astype(np.int64) for n in ("sent_today", "limit", "time")
    )
    told = np.flatnonzero(change.any(axis=0))
    before = _used_before(watch.used, used, is_limit & (used == 0), told)
    keep = is_limit.copy()
    keep[told] = np.isin(time[told], [*time[is_limit].tolist(), watch.limit_at])
    keep[told] |= used[told] >= limit[told]
    past = np.append(limit[:1], limit[:-1])
    for point in (MANY + 1, share(limit), share(past)):
        crossed = np.broadcast_to(point, limit.shape)[told]
        keep[told] |= (before < crossed) & (crossed <= used[told])
    known = dict(zip(told.tolist(), before.tolist(), strict=True))
    for i in np.flatnonzero(keep).tolist():
        now = tuple(sums[:, i].tolist())
        row = int(rows[i])
        watch.knots.append(
            Knot(s.first + row, int(time[i]), bool(is_limit[i]), int(limit[i]),
                 s.details[int(s.columns["detail"][row])], int(used[i]), now,
                 known.get(i, int(used[i])), tuple(map(sub, now, change[:, i].tolist())))
        )  # fmt: skip
    watch.sums = sums[:, -1]
    watch.limit_at = int(time[is_limit][-1]) if is_limit.any() else watch.limit_at
    reset = np.flatnonzero(is_limit & (used == 0))
    last = int(told[-1]) if len(told) else NONE
    if len(reset) and int(reset[-1]) > last:
        watch.used = 0
    elif len(told):
        watch.used = int(used[last])


def share(limit: Any) -> Any:
    """Return from how many emails on a domain may rise."""
    return -(-limit * SHARE[0] // SHARE[1])


def changes(s: Stretch) -> Ints:
    """Return how many emails, and outcomes, each row tells of for the first time."""
    found = np.zeros((1 + len(_MEASURED), len(s)), dtype=np.int64)
    for place, name in enumerate(("sent", *_MEASURED)):
        found[place, s.rows] = s.now(name).astype(np.int64) - s.before(name)
    tests = (s.columns["run"] == 0) & (s.columns["event"] == Event.SENT)
    found[0, tests] = s.columns["sent"][tests]
    return found


def _used_before(carried: int, used: Ints, opens: NDArray[np.bool_], told: Ints) -> Ints:
    """Return what was used of the day at the row before that told of emails; 0 in a new day."""
    day = np.cumsum(opens)[told]
    found = np.append(carried, used[told][:-1])[: len(told)]
    found[np.diff(day, prepend=0) > 0] = 0
    return found
