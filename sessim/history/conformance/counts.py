"""R1 and R2: the emails of a run, and its status."""

from __future__ import annotations

from typing import Final

import numpy as np

from sessim.clock import DAY
from sessim.eventlog import NONE, Event
from sessim.history.conformance.check import ERROR, WARNING, Check, Found, Ints
from sessim.history.conformance.stretch import COUNTS, Mask, Stretch, has_quality
from sessim.history.spans import between
from sessim.ledger import NOT_YET
from sessim.lifecycle import (
    CANCELLED,
    PAUSED,
    SENDING,
    SENT,
    STATUS_LABELS,
    TO_START,
    TRANSITIONS,
    TaskStatus,
)

_SIZE: Final = 1 + max(map(int, TaskStatus))
_LABEL: Final = np.array(
    [STATUS_LABELS.get(TaskStatus(code), "?") if code in set(TaskStatus) else "no status"
     for code in range(_SIZE)],
    dtype=object,
)  # fmt: skip


def _table(transitive: bool) -> Mask:
    """Return which status may follow which, or may have followed with others unseen between."""
    allowed = np.eye(_SIZE, dtype=np.bool_)
    for before, after in TRANSITIONS.items():
        allowed[before, list(after)] = True
    for middle in range(_SIZE if transitive else 0):
        allowed |= allowed[:, [middle]] & allowed[[middle], :]
    return allowed


_ALLOWED, _REACHED = _table(transitive=False), _table(transitive=True)

_STATUS_AFTER: Final = np.full(len(Event) + 1, NONE)
for _event, _status in {
    Event.DUE: TO_START,
    Event.SENDING: SENDING,
    Event.RESTARTED: SENDING,
    Event.TURN: SENDING,
    Event.PAUSED: PAUSED,
    Event.REFUSED: PAUSED,
    Event.SENT: SENT,
    Event.CANCELLED: CANCELLED,
    Event.ERROR: int(TaskStatus.ERROR),
}.items():
    _STATUS_AFTER[_event] = _status


def negative(s: Stretch) -> Found | None:
    """Find counts below zero."""
    least = np.minimum.reduce([s.now(name) for name in COUNTS])
    return s.steps(least < 0, -least, least=least)


def sum_broken(s: Stretch) -> Found | None:
    """Find rows whose counts do not make up the requests."""
    held = s.now("sent").astype(np.int64)
    for name in COUNTS[1:]:
        held += s.now(name)
    requests = s.plan.runs.requests[s.rank]
    if not _knows_requests(s):
        requests = _as_before(s, held)
    elif has_quality(s.plan):
        requests = _without_blocked(s, held, requests)
    return s.steps(held != requests, abs(held - requests), held=held, requests=requests)


def _knows_requests(s: Stretch) -> bool:
    """Say whether it is known how many emails a run was to have, before a row of it tells."""
    return s.trail.is_told or not s.all_exact


def _as_before(s: Stretch, held: Ints) -> Ints:
    """Return the requests of runs as their row before had them."""
    first = s.before("latest") == NOT_YET
    return np.asarray(np.where(first, held, sum(s.before(name) for name in COUNTS)))


def _without_blocked(s: Stretch, held: Ints, requests: Ints) -> Ints:
    """Return the requests of runs, of a recurrence's later ones as their first row has them.

    Who bounced hard before is left out of them.
    """
    later = s.plan.runs.number[s.rank] > 1
    first = s.before("latest") == NOT_YET
    told = np.where(first, np.minimum(held, requests), _as_before(s, held))
    return np.asarray(np.where(later, told, requests))


def sent_fell(s: Stretch) -> Found | None:
    """Find runs that have fewer emails sent than before."""
    now, before = s.now("sent"), s.before("sent")
    return s.steps(now < before, before - now, now=now, before=before)


def lost_came_back(s: Stretch) -> Found | None:
    """Find failed or cancelled emails that are neither any more."""
    fell = (s.now("failed") < s.before("failed")) & ~s.said("retried")
    now = s.now("failed").astype(np.int64) + s.now("cancelled")
    before = s.before("failed") + s.before("cancelled")
    fell |= s.now("cancelled") < s.before("cancelled")
    return s.steps(fell, abs(before - now), now=now, before=before)


def cached_vanished(s: Stretch) -> Found | None:
    """Find cached emails that are neither sent, failed, cancelled nor still cached."""
    gone = s.before("cached") - s.now("cached")
    for name in ("sent", "failed", "cancelled"):
        gone = gone - (s.now(name) - s.before(name))
    return s.steps((s.before("cached") > 0) & (gone > 0), gone, gone=gone)


def cached_unasked(s: Stretch) -> Found | None:
    """Find emails put into the cache queue by anything but a pause."""
    more = s.now("cached") - s.before("cached")
    return s.steps((more > 0) & (s.now("status") != PAUSED) & s.exact, more, more=more)


def waiting_again(s: Stretch) -> Found | None:
    """Find emails that were sent or cached and are waiting again."""
    more = s.now("waiting") - s.before("waiting")
    known = (s.before("latest") != NOT_YET) | _knows_requests(s)
    return s.steps((more > 0) & known, more, more=more)


def change(s: Stretch) -> Found | None:
    """Find changes of status that rule R2 does not know."""
    before, now = s.before("status"), s.now("status")
    inside = (before >= 0) & (now >= 0) & (before < _SIZE) & (now < _SIZE)
    now, before = np.where(inside, now, 0), np.where(inside, before, 0)
    legal = np.where(s.exact, _ALLOWED[before, now], _REACHED[before, now])
    return s.steps(~legal | ~inside, 1, before=_LABEL[before], now=_LABEL[now])


def status_differs(s: Stretch) -> Found | None:
    """Find rows whose status is not the one that their event brings."""
    status, event = s.now("status"), s.now("event")
    expected = _STATUS_AFTER[event]
    wrong = (expected != NONE) & (status != expected)
    names = np.array([entry.label for entry in Event], dtype=object)
    return s.steps(wrong, 1, event=names[event], status=_LABEL[np.clip(status, 0, _SIZE - 1)])


def after_the_end(s: Stretch) -> Found | None:
    """Find runs that send although they were sent or cancelled."""
    over = (s.before("status") == SENT) | (s.before("status") == CANCELLED)
    return s.steps(over & (s.risen > 0), s.risen, emails=s.risen)


def sent_with_rest(s: Stretch) -> Found | None:
    """Find runs that are over and have emails left."""
    rest = s.now("cached").astype(np.int64) + s.now("waiting")
    over = (s.now("status") == SENT) | (s.now("status") == CANCELLED)
    return s.steps(over & (rest > 0), rest, rest=rest, status=_LABEL[s.now("status")])


def sending_nothing(s: Stretch) -> Found | None:
    """Find runs that are sending with nothing left to send."""
    rest = s.now("cached").astype(np.int64) + s.now("waiting")
    sending = (s.now("status") == SENDING) & s.exact & ~s.closing
    return s.steps(sending & (rest == 0), 1)


def paused_uncached(s: Stretch) -> Found | None:
    """Find paused runs with emails that are not in the cache queue."""
    waiting = s.now("waiting")
    return s.steps((s.now("status") == PAUSED) & (waiting > 0), waiting, waiting=waiting)


def sent_while_paused(s: Stretch) -> Found | None:
    """Find emails sent while their run was paused, with no restart that could have been missed."""
    flat = (s.before("status") == PAUSED) & (s.risen > 0)
    restarted = ~s.exact & (s.now("status") != PAUSED)
    again = np.flatnonzero(flat & ~s.exact & (s.now("status") == PAUSED))
    if len(again):  # paused again, and restarted between two looks?
        restarted[again] = _may_have_restarted(s, again)
    return s.steps(flat & ~restarted, s.risen, emails=s.risen)


def _may_have_restarted(s: Stretch, steps: np.ndarray) -> Mask:
    usual, plan = s.trail.usual, s.plan
    is_daily = plan.restart == "auto" and not plan.restart_delay and plan.window == "day"
    if not (is_daily if usual is None else usual.is_daily):
        return np.ones(len(steps), dtype=np.bool_)
    possible = np.zeros(len(steps), dtype=np.bool_)
    domain = s.now("domain")[steps]
    for number, limits in enumerate(s.trail.limits):
        mine = np.flatnonzero(domain == number)
        since, until = s.before("earliest")[steps[mine]], s.now("latest")[steps[mine]]
        possible[mine] = between(limits.resets(s.plan), since, until)
    return possible


def paused_early(s: Stretch) -> Found | None:
    """Find pauses though the domain had something left, and no earlier run was paused."""
    limit, used = s.now("limit"), s.now("sent_today")
    left = np.where(limit == NONE, -1, limit.astype(np.int64) - used)
    early = (s.now("event") == Event.PAUSED) & s.exact & (left != 0)
    unknown = [i for i in range(len(s.plan.domains)) if not s.trail.knows_limit(i)]
    early &= (limit != NONE) | ~np.isin(s.now("domain"), unknown)
    early &= s.trail.is_told or s.all_exact  # no list of tasks shows test sends
    chosen = np.flatnonzero(early)
    for step in chosen:
        early[step] = not (
            0 < left[step] <= _in_doubt(s, int(step)) + _unseen(s, int(step))
            or _held_up(s, int(s.rank[step]), int(s.rows[step]))
        )
    words = np.array([f"{n:,} emails" if n >= 0 else "any number" for n in left[chosen]], object)
    shown = np.full(len(early), "", dtype=object)
    shown[chosen] = words
    return s.steps(early, np.maximum(left, 1), left=shown)


def _in_doubt(s: Stretch, step: int) -> int:
    """Return how many emails of the day before may be of the day of a row."""
    clock, domain = s.plan.clock, int(s.now("domain")[step])
    return s.trail.in_doubt(domain, clock.day_start(clock.date(int(s.now("time")[step]))))


def _unseen(s: Stretch, step: int) -> int:
    """Return how many emails cancelled runs of the domain may have sent since they were seen."""
    time, columns = int(s.now("time")[step]), s.columns
    gone = (columns["event"] == Event.CANCELLED) & (columns["domain"] == s.now("domain")[step])
    gone &= (s.earliest < s.latest) & (s.earliest <= time) & (s.latest > time - 2 * DAY)
    return int(columns["cancelled"][gone].sum())


def _held_up(s: Stretch, rank: int, place: int) -> bool:
    """Say whether an earlier run of the same task is paused."""
    earlier = int(s.plan.runs.previous[rank])
    while earlier != NONE:
        if s.status_of(earlier, place) == PAUSED:
            return True
        earlier = int(s.plan.runs.previous[earlier])
    return False


CHECKS: Final = (
    Check("R1", "negative count", "a count is {least:,}", negative),
    Check(
        "R1",
        "sum broken",
        "sent, failed, cancelled, cached and waiting make {held:,} emails, not the {requests:,} "
        "requested",
        sum_broken,
    ),
    Check("R1", "sent fell", "{before:,} emails were sent before and {now:,} now", sent_fell),
    Check("R1", "cached emails vanished", "{gone:,} emails left the cache queue unsent",
          cached_vanished),
    Check("R1", "cached without a pause", "{more:,} emails were cached though it is not paused",
          cached_unasked),
    Check("R1", "waiting again", "{more:,} emails that had been sent or cached are waiting again",
          waiting_again),
    Check("R1", "failed or cancelled emails came back",
          "{before:,} emails had failed or were cancelled, and now {now:,}", lost_came_back),
    Check("R2", "no such change of status", "its status went from {before} to {now}", change),
    Check("R2", "status differs from event", "the event says {event} and the status {status}",
          status_differs, WARNING),
    Check("R2", "sent after its end", "{emails:,} emails were sent after it had ended",
          after_the_end),
    Check("R2", "ended with emails left", "it is {status} with {rest:,} emails cached or waiting",
          sent_with_rest),
    Check("R2", "sending nothing", "it is sending though none of its emails is left",
          sending_nothing),
    Check("R2", "paused but not cached", "it is paused with {waiting:,} emails not cached",
          paused_uncached),
    Check("R2", "sent while paused", "{emails:,} emails were sent while it was paused",
          sent_while_paused),
    Check("R2", "paused with quota left",
          "it was paused though its domain could send {left} more that day", paused_early, ERROR),
)  # fmt: skip
