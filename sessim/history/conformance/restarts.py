"""R5, R11: when paused runs are restarted, and when not."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np

from sessim.clock import SECOND
from sessim.eventlog import NONE, Event
from sessim.history.conformance.check import WARNING, Check, Found, Ints
from sessim.history.conformance.stretch import Stretch
from sessim.history.spans import between
from sessim.lifecycle import PAUSED


def _attempts(s: Stretch, domain: int) -> Ints:
    """Return when the paused runs of a domain are restarted by the plan, as far as the log goes."""
    plan = s.plan
    if plan.restart == "auto":
        return s.trail.limits[domain].resets(plan) + plan.restart_delay * SECOND
    at, clock = plan.restart_at, plan.clock
    if not isinstance(at, dt.time):
        return np.array(sorted({clock.instant(entry) for entry in at or ()}), dtype=np.int64)
    day, found = clock.date(plan.start_instant), list[int]()
    while not found or found[-1] <= int(s.columns["time"][-1]):
        found.append(clock.instant(dt.datetime.combine(day, at)))
        day += dt.timedelta(days=1)
    return np.array(found, dtype=np.int64)


def _off(s: Stretch, domain: int) -> int:
    """Return by how much the restarts of a domain may be off that nobody saw happen."""
    by_window = s.plan.window == "rolling" and s.plan.restart == "auto"
    spans = s.trail.limits[domain].span if by_window else ()
    return max((latest - earliest for earliest, latest in spans), default=0)


def _granted(s: Stretch, domain: int) -> Ints:
    """Return the attempts, without those that a log of others does not tell as refused."""
    attempts, rows = _attempts(s, domain), s.of_domains[domain]
    if s.trail.knows_turns:
        return attempts
    if not s.trail.knows_limit(domain):  # who is restarted shows that there was something left
        restarted = s.columns["event"][rows] == Event.RESTARTED
        return attempts[np.isin(attempts, s.columns["time"][rows][restarted])]
    limit, used = s.columns["limit"][rows], s.columns["sent_today"][rows]
    full = np.append(s.trail.full[domain], (limit != NONE) & (used >= limit))
    s.trail.full[domain] = full[-1]
    granted: Ints = attempts[~full[s.columns["time"][rows].searchsorted(attempts, "right")]]
    return granted


def not_restarted(s: Stretch) -> Found | None:
    """Find pauses that outlasted a reset, or a restart by hand, that was not refused."""
    was_paused, usual = s.before("status") == PAUSED, s.trail.usual
    # Between two looks a restart may have been refused, or the run paused anew.
    by_reset = usual is not None or (s.plan.restart == "auto" and not s.plan.restart_delay)
    steps = np.flatnonzero(was_paused & (by_reset | s.exact))
    passed = np.zeros(len(was_paused), dtype=np.int64)
    domain = s.now("domain")[steps]
    for number in range(len(s.trail.limits)):
        mine = steps[domain == number]
        attempts = usual.must[number] if usual else _granted(s, number)
        off = _off(s, number)
        after, before = s.before("latest")[mine] + off, s.now("earliest")[mine] - off
        passed[mine] = _within(attempts, after, before)
    return s.steps(passed > 0, passed, passed=passed)


def _within(attempts: Ints, after: Ints, before: Ints) -> Ints:
    found = attempts.searchsorted(before, "left") - attempts.searchsorted(after, "right")
    return np.asarray(np.maximum(found, 0))


def restarted_elsewhen(s: Stretch) -> Found | None:
    """Find restarts at an instant at which nothing restarts, if it is known when something does."""
    usual = s.trail.usual
    if usual is not None and usual.may is None:
        return None
    restarted = s.now("event") == Event.RESTARTED
    wrong = np.zeros(len(restarted), dtype=np.bool_)
    steps = np.flatnonzero(restarted & (s.before("status") == PAUSED))
    domain = s.now("domain")[steps]
    for number in range(len(s.trail.limits)):
        mine = steps[domain == number]
        attempts = usual.may[number] if usual and usual.may else _attempts(s, number)
        off = _off(s, number)
        since, until = s.now("earliest")[mine] - off, s.now("latest")[mine] + off
        wrong[mine] = ~between(attempts, since, until)
    return s.steps(wrong & ~_at_raise(s), 1)


def _at_raise(s: Stretch) -> np.ndarray:
    """Return which rows fall on an instant at which their domain's limit rose within its day."""
    found = np.zeros(len(s.rows), dtype=np.bool_)
    for number, limits in enumerate(s.trail.limits):
        if len(limits.raises):
            found |= (s.now("domain") == number) & np.isin(s.now("time"), limits.raises)
    return found


def restarted_at_raise(s: Stretch) -> Found | None:
    """Find restarts by a limit that rose, which the plan does not have."""
    if s.plan.resume_on_raise or s.trail.usual is not None:
        return None
    restarted = (s.now("event") == Event.RESTARTED) & s.exact
    return s.steps(restarted & _at_raise(s)) if restarted.any() else None


def refused_early(s: Stretch) -> Found | None:
    """Find restarts refused though the domain had something left."""
    limit, used = s.now("limit"), s.now("sent_today")
    left = np.where(limit == NONE, 1, limit.astype(np.int64) - used)
    refused = (s.now("event") == Event.REFUSED) & s.exact
    return s.steps(refused & (left > 0), left, left=left)


CHECKS: Final = (
    Check("R5", "not restarted", "it stayed paused though it was to restart ({passed} times)",
          not_restarted),
    Check("R5", "restarted at another time", "it was restarted when nothing restarts",
          restarted_elsewhen),
    Check("R5", "refused with quota left",
          "its restart was refused though {left:,} more could be sent", refused_early),
    Check("R11", "restarted by a raise", "it was restarted when the limit rose within a day, "
          "which the plan does not have", restarted_at_raise, WARNING),
)  # fmt: skip
