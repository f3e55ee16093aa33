"""The verdict on a case: the class of the reason, and the reason in a sentence.

What the data cannot tell comes first (outside the history, a gap in the list, a change between two
looks); then each status has a function of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np

from sessim.clock import SECOND
from sessim.eventlog import Event
from sessim.history import domain_day
from sessim.history.case import Case, Places
from sessim.history.explanation import ERROR_CODES, DayLedger, Verdict
from sessim.ledger import Snapshot
from sessim.lifecycle import PAUSED, STATUS_LABELS, TaskStatus
from sessim.tables import run_numbers

Said = tuple[Verdict, str]

_CODE: Final = re.compile(r"(?<!\d)(\d{4})(?!\d)")


def is_paused(case: Case) -> bool:
    """Say whether the task was PAUSED for sure, whatever the reason."""
    unsure = (look(case) for look in (_outside, _gap, _between))
    return case.status == PAUSED and not any(unsure)


def verdict(case: Case) -> Said:
    """Return the class of the reason why a case is as it is, and the reason in a sentence."""
    for look in (_outside, _gap, _between, _BY_STATUS[TaskStatus(case.status)]):
        found = look(case)
        if found is not None:
            return found
    return Verdict.UNEXPLAINED, "Nothing in the history says why."


def _outside(case: Case) -> Said | None:
    """Say what an instant outside the history means."""
    end = int(case.log.time[-1])
    if case.instant < case.plan.start_instant:
        return _before_history(case)
    if case.instant > end and not case.history.finished and case.goes_on():
        told = case.text(end)
        return Verdict.UNDECIDABLE, f"The history ends at {told}, and it was not done then."
    return None


def _before_history(case: Case) -> Said:
    due = case.plan.recurrences[case.task - 1].first
    if due > case.plan.start_instant or case.evidence.earliest is case.evidence.latest:
        return Verdict.NOT_STARTED, f"It was due {case.due_when(due)}."
    return Verdict.UNDECIDABLE, "The history begins later."


def _gap(case: Case) -> Said | None:
    """Say whether the list was looked at, and the task was missing from it."""
    seen = case.evidence.seen
    if case.exact or not len(seen):
        return None
    mine = np.unique(seen.time[seen.task == case.task])
    polls = np.unique(seen.time)
    before, after = mine[mine <= case.instant], mine[mine > case.instant]
    if not len(before) or (len(after) and _same(case, int(before[-1]), int(after[0]))):
        return None  # of looks at what did not change only the first and the last are kept
    missed = (polls > before[-1]) & (polls < (after[0] if len(after) else polls[-1] + 1))
    last = polls[polls <= case.instant][-1:]
    if not missed.any() or not (len(last) and last[0] > before[-1]) or not _unsure(case):
        return None
    number = int(missed.sum())
    looks = "one look" if number == 1 else f"{number} looks"
    return Verdict.GAP, (
        f"It was missing from {looks} at the list after {case.text(int(before[-1]))}, "
        "so nobody saw its state."
    )


def _same(case: Case, one: int, other: int) -> bool:
    """Say whether two looks at the task saw the same."""
    seen = case.evidence.seen
    looks = []
    for time in (one, other):
        chosen = (seen.task == case.task) & (seen.time == time)
        names = ("run", "status", "requests", "sent", "cached", "failed")
        columns = (getattr(seen, name)[chosen].tolist() for name in names)
        looks.append(sorted(zip(*columns, strict=True)))
    return looks[0] == looks[1]


def _unsure(case: Case) -> bool:
    """Say whether the state may have changed between the looks around the instant."""
    return bool(len(case.open_rows())) or case.goes_on()


def _between(case: Case) -> Said | None:
    """Say whether the status changed between two looks around the instant."""
    for row in case.open_rows().tolist():
        place = int(np.searchsorted(case.rows, row))
        before = case.log.status[case.rows[place - 1]] if place else TaskStatus.TO_START
        if before != case.log.status[row]:
            words = [STATUS_LABELS[TaskStatus(int(code))] for code in
                     (before, case.log.status[row])]  # fmt: skip
            bounds = (case.text(int(getattr(case.evidence, name)[row])) for name in
                      ("earliest", "latest"))  # fmt: skip
            return Verdict.UNDECIDABLE, (
                "It went from {} to {} between {} and {}, and nobody saw when.".format(
                    *words, *bounds
                )
            )
    return None


def _to_start(case: Case) -> Said:
    log = case.log
    before = (log.task == case.task) & (log.time <= case.instant)
    if (before & (log.event == Event.CANCELLED)).any():
        return Verdict.USER, "It was cancelled before it was due."
    due = case.plan.recurrences[case.task - 1].first
    if due > case.instant:
        return Verdict.NOT_STARTED, f"It was due {case.due_when(due)}."
    if not case.exact and not (log.task == case.task).any():
        return Verdict.UNDECIDABLE, "The history tells nothing of it."
    return Verdict.UNEXPLAINED, (
        f"It was due {case.due_when(due)}, and by the rules it would have begun then."
    )


def _error(case: Case) -> Said:
    row = case.last
    text = case.log.details[case.log.detail[row]] if row is not None else ""
    code = next((code for code in _CODE.findall(text) if code in ERROR_CODES), None)
    if code:
        return Verdict.ERROR, f"The service reported {code}: {ERROR_CODES[code]}."
    said = f"The service reported: {text}." if text else "The service gave no reason."
    return Verdict.ERROR, said


def _cancelled(case: Case) -> Said:
    return Verdict.USER, f"It was cancelled {_since(case)}."


def _sent(case: Case) -> Said:
    return Verdict.SENT, f"The last one was sent {_since(case)}."


def _since(case: Case) -> str:
    return case.when(case.began) if case.began is not None else "at a time that nothing tells"


# --- sending ------------------------------------------------------------------------------


def _sending(case: Case) -> Said:
    others = case.in_front()
    if case.progress() > 0 and not (case.plan.discipline == "fair" and len(others)):
        return Verdict.SENDING, "Its emails were leaving."
    if len(others):
        return _waits(case, others)
    if case.progress() < 0:
        return Verdict.SENDING, "By the rules its emails were leaving."
    return Verdict.UNEXPLAINED, (
        "It was the first in line, its domain had something left, and no email was sent."
    )


def _waits(case: Case, others: Places) -> Said:
    first = int(others[0])
    name = case.plan.tasks[int(case.now["task"][first]) - 1].name
    if case.plan.discipline == "fair":
        number, runs = len(others), "run" if len(others) == 1 else "runs"
        rate = f"the account's {float(case.plan.rate):g} emails a second"
        return Verdict.RATE, f"It shared {rate} with {number} other {runs}."
    domain = case.plan.tasks[int(case.now["task"][first]) - 1].domain
    if domain == case.plan.domains[case.domain].name:
        return Verdict.BEHIND, f"A run of {name!r}, which was due earlier, was being served."
    return Verdict.RATE, (
        f"The account's rate was taken by a run of {name!r} on {domain}, due earlier."
    )


# --- paused -------------------------------------------------------------------------------


def _paused(case: Case) -> Said:
    return _after_reset(case) or _at_pause(case)


def _after_reset(case: Case) -> Said | None:
    """Say why a pause outlasted a reset, if one came since it began."""
    log = case.log
    fresh = np.flatnonzero(
        (log.event == Event.LIMIT) & (log.domain == case.domain) & (log.limit != 0)
        & (log.sent_today == 0) & (log.time > case.paused_at) & (log.time <= case.instant)
    )  # fmt: skip
    if not len(fresh) or case.plan.window == "rolling":
        return None
    reset = int(log.time[fresh[-1]])
    used = domain_day.used_by(case.ledger, case.domain, reset, reset)
    if 0 < log.limit[fresh[-1]] <= sum(used.values()):
        return None  # test sends used it up before it could begin
    if case.plan.restart == "manual":
        return Verdict.USER, (
            f"The day that began at {case.text(reset)} has quota, and nobody has restarted it."
        )
    delay = case.plan.restart_delay * SECOND
    if case.instant < reset + delay:
        return Verdict.LIMIT, (
            f"The limit of the day before was used up, and paused tasks restart "
            f"{case.plan.restart_delay:,} s after the reset."
        )
    if delay:  # the restart was refused: the new day is used up as well
        return None
    return Verdict.UNEXPLAINED, (
        f"The day that began at {case.text(reset)} has quota, and by the rules it would have "
        "restarted then."
    )


def _at_pause(case: Case) -> Said:
    """Say why the pause began."""
    day = case.day
    if day.limit is None:
        if day.source == "none":
            return Verdict.UNEXPLAINED, "Its domain has no limit, and yet it was paused."
        return Verdict.UNDECIDABLE, (
            "What its domain could send that day is not known; a plan may tell, such as "
            "calibration fits."
        )
    if day.total >= day.limit:
        said = "may send nothing" if day.limit == 0 else "had sent as much as it may"
        return Verdict.LIMIT, f"Its domain {said} that day."
    earlier = _earlier_paused(case)
    if earlier:
        return Verdict.BEHIND, f"Run {earlier} of the same task was paused."
    planned = _planned(case)
    if planned is not None and planned < day.limit and day.total >= planned:
        return Verdict.CAP, (
            f"The warm-up of the plan allows {planned:,} emails that day, "
            f"fewer than the quota of {day.limit:,}, and they had been sent."
        )
    if _perhaps_filled(case, day):
        return Verdict.LIMIT, (
            "The limit of its domain was used up, as far as emails between two looks allow to say."
        )
    missing = day.limit - day.total
    if missing <= _unseen(case):
        return Verdict.UNDECIDABLE, (
            f"{missing:,} emails are missing from its domain's limit, and tasks that left the "
            "list that day may have sent them."
        )
    return Verdict.UNEXPLAINED, (
        f"{missing:,} more could have been sent that day by what the history tells; "
        "emails that it does not tell of, or a reason outside the rules, stopped it."
    )


def _earlier_paused(case: Case) -> int | None:
    """Return an earlier run of the task that was paused when the pause began."""
    then = run_numbers(Snapshot(case.ledger, case.paused_at))
    run = case.now["run"][case.place]
    mine = (then["task"] == case.task) & (then["run"] < run) & (then["status"] == PAUSED)
    return int(then["run"][mine][0]) if mine.any() else None


def _planned(case: Case) -> int | None:
    date, _ = domain_day.day_of(case.log, case.domain, case.paused_at)
    sent = domain_day.sent_dates_before(case.ledger, case.domain, date)
    return domain_day.planned_limit(case.plan, case.domain, date, sent)


def _perhaps_filled(case: Case, day: DayLedger) -> bool:
    """Say whether emails that were sent between two looks could have filled the day."""
    if case.exact or case.began is None:
        return False
    latest = int(case.evidence.latest[case.began])
    _, start = domain_day.day_of(case.log, case.domain, case.paused_at)
    used = domain_day.used_by(case.ledger, case.domain, start, latest)
    return day.limit is not None and sum(used.values()) >= day.limit


def _unseen(case: Case) -> int:
    """Return the emails that cancelled runs of the domain may have sent unseen that day."""
    log, evidence = case.log, case.evidence
    _, start = domain_day.day_of(log, case.domain, case.paused_at)
    left = np.flatnonzero(
        (log.event == Event.CANCELLED) & (log.domain == case.domain)
        & (evidence.latest >= start) & (evidence.earliest <= case.paused_at)
        & (evidence.earliest < evidence.latest)
    )  # fmt: skip
    return int(log.cancelled[left].sum())


_BY_STATUS: Final[dict[TaskStatus, Callable[[Case], Said | None]]] = {
    TaskStatus.TO_START: _to_start,
    TaskStatus.SENDING: _sending,
    TaskStatus.PAUSED: _paused,
    TaskStatus.ERROR: _error,
    TaskStatus.CANCELLED: _cancelled,
    TaskStatus.SENT: _sent,
}
