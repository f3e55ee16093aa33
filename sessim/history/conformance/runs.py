"""R6, R8, R9: which runs happen when, test sends, and the order of rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from sessim.eventlog import NONE, Event, times
from sessim.history.conformance.check import WARNING, Check, Found
from sessim.history.conformance.stretch import Stretch, Trail, has_quality
from sessim.ledger import NOT_YET
from sessim.lifecycle import PAUSED, SENDING, TO_START

MOST_TEST_RECIPIENTS: Final = 20

_LATER: Final = np.zeros(len(Event) + 1, dtype=np.int8)
"""The place of an event among those of one instant; 0 where it may fall anywhere."""
_LATER[[Event.DAY, Event.RESTARTED, Event.REFUSED, Event.DUE, Event.SKIPPED]] = 1, 3, 3, 5, 5


def stranger(s: Stretch) -> Found | None:
    """Find rows of runs that are not in the plan."""
    if not _knows_dues(s):
        return None
    run = s.columns["run"][s.strangers]
    return s.places(s.strangers, 1, {"run": run, "task": s.columns["task"][s.strangers]})


def _said_due(s: Stretch) -> tuple[np.ndarray, np.ndarray]:
    """Return places and ranks of the rows that say that a run is due, or was skipped."""
    event = s.columns["event"]
    places = np.flatnonzero((event == Event.DUE) | (event == Event.SKIPPED))
    rank = s.trail.ranks(s.columns["task"][places], s.columns["run"][places])
    return places[rank != NONE], rank[rank != NONE]


def due_twice(s: Stretch) -> Found | None:
    """Find runs that became due, or were skipped, for the second time."""
    places, rank = _said_due(s)
    twice = s.trail.begun[rank]
    order = np.argsort(rank, kind="stable")
    twice[order[1:]] |= rank[order[1:]] == rank[order[:-1]]
    s.trail.begun[rank] = True
    return s.places(places[twice])


def _knows_dues(s: Stretch) -> bool:
    """Say whether it is known when runs were to be due; an event log tells when they were."""
    return s.trail.is_told or not s.all_exact


def due_elsewhen(s: Stretch) -> Found | None:
    """Find runs that were due at another time than the plan says."""
    if not _knows_dues(s):
        return None
    places, rank = _said_due(s)
    due = s.plan.runs.due[rank]
    off = np.where(due < s.earliest[places], s.earliest[places] - due, 0)
    off = np.where(due > s.latest[places], due - s.latest[places], off)
    wrong = np.flatnonzero(off)
    due_at = times(due[wrong], s.plan.timezone).strftime("%Y-%m-%d %H:%M:%S")
    return s.places(places[wrong], off[wrong], {"due": list(due_at)})


def before_due(s: Stretch) -> Found | None:
    """Find emails sent, or sending begun, before the run was due."""
    if not _knows_dues(s):
        return None
    due = s.plan.runs.due[s.rank]
    latest = s.now("latest")
    early = ((s.now("sent") > 0) & (latest <= due)) | (
        np.isin(s.now("status"), (SENDING, PAUSED)) & (latest < due)
    )
    return s.steps(early, s.now("sent"), sent=s.now("sent"))


def not_skipped(s: Stretch) -> Found | None:
    """Find runs that joined though their task skips runs that overlap, or were skipped alone."""
    if has_quality(s.plan):  # a run that has nobody left to write to is skipped too
        return None
    skips = [False, *(task.overlap == "skip" for task in s.plan.tasks)]
    places, rank = _said_due(s)
    skipped = s.columns["event"][places] == Event.SKIPPED
    chosen = skipped | np.array(skips)[s.columns["task"][places]]
    wrong, words = [], []
    for place, index, was in zip(places[chosen], rank[chosen], skipped[chosen], strict=True):
        overlaps = _overlaps(s, int(index), int(place))
        if overlaps != was:
            wrong.append(place)
            words.append("was skipped though no earlier run was unfinished" if was else
                         "was not skipped though an earlier run was unfinished")  # fmt: skip
    return s.places(np.array(wrong, dtype=np.intp), 1, {"what": words})


def _overlaps(s: Stretch, rank: int, place: int) -> bool:
    """Say whether the run of the task before it that is due is unfinished."""
    earlier = int(s.plan.runs.previous[rank])
    while earlier != NONE and s.status_of(earlier, place) == TO_START:
        earlier = int(s.plan.runs.previous[earlier])
    return earlier != NONE and s.status_of(earlier, place) in (SENDING, PAUSED)


def called_off(s: Stretch) -> Found | None:
    """Note which tasks are cancelled; there is nothing wrong with that."""
    off = np.flatnonzero(s.columns["event"] == Event.CANCELLED)
    np.minimum.at(s.trail.called_off, s.columns["task"][off], s.earliest[off])
    gone = off[(s.earliest[off] < s.latest[off]) & (s.columns["cancelled"][off] > 0)]
    s.trail.unseen.update(s.columns["domain"][gone].tolist())
    return None


def missing(trail: Trail) -> Found | None:
    """Find runs that were due before the log ends and that it never tells of."""
    runs = trail.plan.runs
    wanted = (runs.due < trail.last_time) & (runs.due < trail.called_off[runs.task])
    wanted &= ~trail.begun & (trail.carried["latest"] == NOT_YET)
    # Counters of a task tell of a skipped or a short run only in sum, an event log not at all.
    if not (trail.exact and trail.is_told):
        wanted &= runs.number == 1
    if not trail.knows_turns:  # nor do the logs of others tell of those that were skipped
        any_may = has_quality(trail.plan)  # as nobody was left to write to
        skips = np.array([False, *(any_may or t.overlap == "skip" for t in trail.plan.tasks)])
        wanted &= ~skips[runs.task] | (runs.number == 1)
    which = np.flatnonzero(wanted)
    none = np.full(len(which), NONE)
    rows = {"seq": none, "source": none, "task": runs.task[which], "run": runs.number[which],
            "domain": runs.domain[which], "time": runs.due[which]}  # fmt: skip
    return Found(rows, runs.requests[which])


# --- R8: test sends -------------------------------------------------------------------------------


def _tests(s: Stretch) -> np.ndarray:
    event, columns = s.columns["event"], s.columns
    by_domain = (columns["task"] == 0) & (columns["domain"] != NONE)
    return np.flatnonzero(by_domain & ((event == Event.SENT) | (event == Event.ERROR)))


def large_test(s: Stretch) -> Found | None:
    """Find test sends to more recipients than allowed."""
    places = _tests(s)
    emails = s.columns["sent"][places].astype(np.int64) + s.columns["failed"][places]
    wrong = emails > MOST_TEST_RECIPIENTS
    over = emails[wrong] - MOST_TEST_RECIPIENTS
    return s.places(places[wrong], over, {"emails": emails[wrong]})


def cached_test(s: Stretch) -> Found | None:
    """Find test sends that were put into the cache queue."""
    places = _tests(s)
    held = s.columns["cached"][places].astype(np.int64) + s.columns["waiting"][places]
    wrong = held > 0
    return s.places(places[wrong], held[wrong], {"held": held[wrong]})


def failed_test(s: Stretch) -> Found | None:
    """Find test sends that failed though the domain had something left."""
    # A blocked domain sends no tests, and between two looks nobody knows what was left.
    if has_quality(s.plan) or not s.all_exact:
        return None
    places = _tests(s)
    limit, used = (s.columns[name][places].astype(np.int64) for name in ("limit", "sent_today"))
    left = limit - used
    failed = (s.columns["failed"][places] > 0) & (limit != NONE) & (left > 0)
    return s.places(places[failed], left[failed], {"left": left[failed]})


# --- R9: order ------------------------------------------------------------------------------------


def time_backwards(s: Stretch) -> Found | None:
    """Find rows that are earlier than the row before."""
    latest = np.maximum.accumulate(np.append(s.trail.last_time, s.earliest))[:-1]
    back = np.flatnonzero(s.latest < latest)
    return s.places(back, latest[back] - s.latest[back])


def out_of_turn(s: Stretch) -> Found | None:
    """Find rows of one instant in an order that rule *Terms* does not allow."""
    place = _LATER[s.columns["event"]].copy()
    place[s.columns["event"] == Event.DAY] = 0 if s.plan.window == "rolling" else 1
    ranked = np.flatnonzero(place)
    time, place = s.columns["time"][ranked], place[ranked]
    wrong = (time[1:] == time[:-1]) & (place[1:] < place[:-1])
    exact = (s.earliest == s.latest)[ranked]
    return s.places(ranked[1:][wrong & exact[1:] & exact[:-1]])


CHECKS: Final = (
    Check("R6", "run not in the plan", "the plan has no run {run} of task {task}", stranger),
    Check("R6", "run of a recurrence not as told", "it {what}", not_skipped),
    Check("R6", "run happened twice", "the same run was due a second time", due_twice),
    Check("R6", "due at another time", "the plan has it due at {due}", due_elsewhen),
    Check("R3", "sent before it was due", "{sent:,} emails were sent before it was due",
          before_due),
    Check("R6", "cancelled", "", called_off),
    Check("R8", "test send too large",
          f"a test send to {{emails:,}} recipients; {MOST_TEST_RECIPIENTS} are allowed",
          large_test),
    Check("R8", "test send cached", "{held:,} emails of a test send were not sent at once",
          cached_test),
    Check("R8", "test send failed early",
          "a test send failed though {left:,} more could be sent that day", failed_test, WARNING),
    Check("R9", "rows out of order", "the row is earlier than a row before it", time_backwards),
    Check("R9", "order at one instant", "something that comes later at one instant came first",
          out_of_turn, WARNING),
)  # fmt: skip
AT_THE_END: Final = (
    Check("R6", "run did not happen", "it was due and the log tells nothing of it", missing),
)
