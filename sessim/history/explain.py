"""Why a task was in the state that it was in."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sessim.clock import SECOND, format_moment
from sessim.errors import LogError, SessimError
from sessim.eventlog import Event, times
from sessim.history import domain_day
from sessim.history.counterfactuals import counterfactuals
from sessim.history.explanation import (
    ERROR_CODES,
    HEALTHY,
    Counterfactuals,
    DayLedger,
    Explanation,
    Forecast,
    Verdict,
)
from sessim.history.forks import go_on
from sessim.ledger import NOT_YET, Ledger, Snapshot
from sessim.life import task_id
from sessim.lifecycle import FINISHED, PAUSED, SENDING, STATUS_LABELS, TaskStatus
from sessim.tables import run_numbers

if TYPE_CHECKING:
    from sessim.history.history import History

Said = tuple[Verdict, str]

_CODE: Final = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_HELD: Final = (Verdict.LIMIT, Verdict.CAP, Verdict.BEHIND)
"""The verdicts on a paused task that others may have a part in."""


def number_of(history: History, task: int | str) -> int:
    """Return the log's id of a task given by the source's ``TaskId`` or by its name."""
    ids = [str(entry) for entry in history.evidence.ids]
    if str(task) in ids:
        return ids.index(str(task)) + 1
    if isinstance(task, int) or task.isdecimal():
        few = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
        raise LogError(f"there is no task {task}; the history has {few}")
    return task_id(history.plan, task)


def explain(
    history: History, task: int | str, instant: int, until: int | None = None
) -> Explanation:
    """Explain the state of a task (see :meth:`sessim.history.History.explain`)."""
    number = number_of(history, task)
    case = Case(history, number, instant)
    if until is None:
        return case.explained()
    return _longest(history, number, instant, until).explained(instant, until)


def _longest(history: History, task: int, first: int, last: int) -> Case:
    """Return the case of the state that held the task up longest, or else lasted longest."""
    log = history.log
    inside = (log.task == task) & (log.time > first) & (log.time < last)
    instants = [first, *np.unique(log.time[inside]).tolist(), last]
    cases = [Case(history, task, instant) for instant in instants[:-1]]
    lasted = np.diff(instants)
    weight = [
        (case.said[0] not in HEALTHY, length) for case, length in zip(cases, lasted, strict=True)
    ]
    return cases[weight.index(max(weight))]


class Case:
    """A task at an instant, and what the history knows of it."""

    def __init__(self, history: History, task: int, instant: int) -> None:
        self.history, self.task, self.instant = history, task, instant
        self.log, self.plan = history.log, history.plan
        self.evidence = history.evidence
        self.ledger = Ledger(self.log)
        self.name = self.plan.tasks[task - 1].name
        self.domain = [entry.name for entry in self.plan.domains].index(
            self.plan.tasks[task - 1].domain
        )

    # --- the run ------------------------------------------------------------------------------

    @cached_property
    def now(self) -> dict[str, Any]:
        """All runs at the instant."""
        return run_numbers(Snapshot(self.ledger, self.instant))

    @cached_property
    def place(self) -> int | None:
        """Which of the runs is asked about: the task's earliest unfinished, else its last."""
        mine = np.flatnonzero(self.now["task"] == self.task)
        if not len(mine):
            return None
        over = np.isin(self.now["status"][mine], [int(status) for status in FINISHED])
        return int(mine[-1] if over.all() else mine[~over][0])

    @cached_property
    def status(self) -> int:
        """The run's status."""
        return int(TaskStatus.TO_START if self.place is None else self.now["status"][self.place])

    @cached_property
    def rows(self) -> np.ndarray[Any, Any]:
        """The run's rows in the log, in order."""
        if self.place is None:
            return np.zeros(0, dtype=np.intp)
        run = self.now["run"][self.place]
        rows: np.ndarray[Any, Any] = np.sort(
            self.ledger.rows[(self.ledger.column("task") == self.task)
                             & (self.ledger.column("run") == run)]
        )  # fmt: skip
        return rows

    @cached_property
    def last(self) -> int | None:
        """The run's latest row in the log at the instant."""
        before = self.rows[self.log.time[self.rows] <= self.instant]
        return int(before[-1]) if len(before) else None

    @cached_property
    def began(self) -> int | None:
        """The row with which the run's present state began."""
        if self.last is None:
            return None
        before = self.rows[: np.searchsorted(self.rows, self.last) + 1][::-1]
        other = np.flatnonzero(self.log.status[before] != self.status)
        return int(before[other[0] - 1] if len(other) and other[0] else before[-1])

    # --- the verdict --------------------------------------------------------------------------

    @cached_property
    def said(self) -> Said:
        """The verdict, and the reason in a sentence."""
        for look in (self._outside, self._gap, self._between, self._by_status):
            found = look()
            if found is not None:
                return found
        return Verdict.UNEXPLAINED, "Nothing in the history says why."

    def _outside(self) -> Said | None:
        """Say what an instant outside the history means."""
        end = int(self.log.time[-1])
        if self.instant < self.plan.start_instant:
            return self._before_history()
        if self.instant > end and not self.history.finished and self._goes_on():
            told = self._text(end)
            return Verdict.UNDECIDABLE, f"The history ends at {told}, and it was not done then."
        return None

    def _goes_on(self) -> bool:
        return self.place is None or TaskStatus(self.status) not in FINISHED

    def _before_history(self) -> Said:
        due = self.plan.recurrences[self.task - 1].first
        if due > self.plan.start_instant or self.evidence.earliest is self.evidence.latest:
            return Verdict.NOT_STARTED, f"It was due at {self._text(due)}."
        return Verdict.UNDECIDABLE, "The history begins later."

    @property
    def exact(self) -> bool:
        """Whether every row is dated by the event itself."""
        evidence = self.evidence
        return evidence.earliest is evidence.latest or bool(
            (evidence.earliest == evidence.latest).all()
        )

    def _gap(self) -> Said | None:
        """Say whether the list was looked at, and the task was missing from it."""
        seen = self.evidence.seen
        if self.exact or not len(seen):
            return None
        mine = np.unique(seen.time[seen.task == self.task])
        polls = np.unique(seen.time)
        before, after = mine[mine <= self.instant], mine[mine > self.instant]
        if not len(before):
            return None
        missed = (polls > before[-1]) & (polls < (after[0] if len(after) else polls[-1] + 1))
        last = polls[polls <= self.instant][-1:]
        if not missed.any() or not (len(last) and last[0] > before[-1]) or not self._unsure():
            return None
        times_missed = int(missed.sum())
        looks = "one look" if times_missed == 1 else f"{times_missed} looks"
        return Verdict.GAP, (
            f"It was missing from {looks} at the list after {self._text(int(before[-1]))}, "
            "so nobody saw its state."
        )

    def _unsure(self) -> bool:
        """Say whether the state may have changed between the looks around the instant."""
        return bool(len(self._open_rows())) or self._goes_on()

    def _open_rows(self) -> np.ndarray[Any, Any]:
        """Return the run's rows that may have happened before the instant or after it."""
        earliest, latest = (getattr(self.evidence, name)[self.rows] for name in
                            ("earliest", "latest"))  # fmt: skip
        return np.asarray(self.rows[(earliest <= self.instant) & (self.instant < latest)])

    def _between(self) -> Said | None:
        """Say whether the status changed between two looks around the instant."""
        for row in self._open_rows().tolist():
            place = int(np.searchsorted(self.rows, row))
            before = self.log.status[self.rows[place - 1]] if place else TaskStatus.TO_START
            if before != self.log.status[row]:
                words = [STATUS_LABELS[TaskStatus(int(code))] for code in
                         (before, self.log.status[row])]  # fmt: skip
                bounds = (self._text(int(getattr(self.evidence, name)[row])) for name in
                          ("earliest", "latest"))  # fmt: skip
                return Verdict.UNDECIDABLE, (
                    "It went from {} to {} between {} and {}, and nobody saw when.".format(
                        *words, *bounds
                    )
                )
        return None

    def _by_status(self) -> Said:
        looks = {
            TaskStatus.TO_START: self._to_start,
            TaskStatus.SENDING: self._sending,
            TaskStatus.PAUSED: self._paused,
            TaskStatus.ERROR: self._error,
            TaskStatus.CANCELLED: self._cancelled,
            TaskStatus.SENT: self._sent,
        }
        return looks[TaskStatus(self.status)]()

    def _to_start(self) -> Said:
        log = self.log
        before = (log.task == self.task) & (log.time <= self.instant)
        if (before & (log.event == Event.CANCELLED)).any():
            return Verdict.USER, "It was cancelled before it was due."
        due = self.plan.recurrences[self.task - 1].first
        if due > self.instant:
            return Verdict.NOT_STARTED, f"It was due at {self._text(due)}."
        if not self.exact and not (log.task == self.task).any():
            return Verdict.UNDECIDABLE, "The history tells nothing of it."
        return Verdict.UNEXPLAINED, (
            f"It was due at {self._text(due)}, and by the rules it would have begun then."
        )

    def _error(self) -> Said:
        row = self.last
        text = self.log.details[self.log.detail[row]] if row is not None else ""
        code = next((code for code in _CODE.findall(text) if code in ERROR_CODES), None)
        if code:
            return Verdict.ERROR, f"The service reported {code}: {ERROR_CODES[code]}."
        said = f"The service reported: {text}." if text else "The service gave no reason."
        return Verdict.ERROR, said

    def _cancelled(self) -> Said:
        return Verdict.USER, f"It was cancelled at {self._since()}."

    def _sent(self) -> Said:
        return Verdict.SENT, f"The last one was sent at {self._since()}."

    def _since(self) -> str:
        return self._text(int(self.log.time[self.began])) if self.began is not None else "?"

    # --- sending ------------------------------------------------------------------------------

    def _sending(self) -> Said:
        others = self._in_front()
        if self._progress() > 0 and not (self.plan.discipline == "fair" and len(others)):
            return Verdict.SENDING, "Its emails were leaving."
        if len(others):
            return self._waits(others)
        if self._progress() < 0:
            return Verdict.SENDING, "By the rules its emails were leaving."
        return Verdict.UNEXPLAINED, (
            "It was the first in line, its domain had something left, and no email was sent."
        )

    def _in_front(self) -> np.ndarray[Any, Any]:
        """Return the runs that share the account's rate with it, or are served before it."""
        sending = np.flatnonzero(self.now["status"] == SENDING)
        if self.plan.discipline == "fair":
            return np.asarray(sending[sending != self.place])
        key = self._key(self.place)
        return np.array([run for run in sending.tolist() if self._key(run) < key], dtype=np.intp)

    def _key(self, place: int | None) -> tuple[int, int, int]:
        due, task, run = (int(self.now[name][place]) for name in ("due", "task", "run"))
        return due, task, run

    def _progress(self) -> int:
        """Return the emails sent up to the run's next row: 0 only if that took a while, else -1."""
        later = self.rows[self.log.time[self.rows] > self.instant]
        if not len(later) or self.last is None:
            return -1
        told = int(self.log.sent[later[0]]) - int(self.log.sent[self.last])
        if self.plan.discipline == "fifo" and self.exact:
            told = int(self.log.sent[later[0]]) - int(self.now["sent"][self.place])
            if told == 0:  # they may all have been sent since its latest row
                told = int(self.log.sent[later[0]]) - int(self.log.sent[self.last])
        spent = int(self.log.time[later[0]] - self.log.time[self.last])
        return told if told or spent > 2 * SECOND / self.plan.rate else -1

    def _waits(self, others: np.ndarray[Any, Any]) -> Said:
        first = int(others[0])
        name = self.plan.tasks[int(self.now["task"][first]) - 1].name
        if self.plan.discipline == "fair":
            number, runs = len(others), "run" if len(others) == 1 else "runs"
            rate = f"the account's {float(self.plan.rate):g} emails a second"
            return Verdict.RATE, f"It shared {rate} with {number} other {runs}."
        domain = self.plan.tasks[int(self.now["task"][first]) - 1].domain
        if domain == self.plan.domains[self.domain].name:
            return Verdict.BEHIND, f"A run of {name!r}, which was due earlier, was being served."
        return Verdict.RATE, (
            f"The account's rate was taken by a run of {name!r} on {domain}, due earlier."
        )

    # --- paused -------------------------------------------------------------------------------

    @cached_property
    def day(self) -> DayLedger:
        """The ledger of the domain's day when the pause began."""
        return domain_day.day_ledger(self.ledger, self.task, self._paused_at)

    @property
    def _paused_at(self) -> int:
        return int(self.log.time[self.began]) if self.began is not None else self.instant

    def _paused(self) -> Said:
        return self._after_reset() or self._at_pause()

    def _after_reset(self) -> Said | None:
        """Say why a pause outlasted a reset, if one came since it began."""
        log = self.log
        fresh = np.flatnonzero(
            (log.event == Event.LIMIT) & (log.domain == self.domain) & (log.limit != 0)
            & (log.sent_today == 0) & (log.time > self._paused_at) & (log.time <= self.instant)
        )  # fmt: skip
        if not len(fresh) or self.plan.window == "rolling":
            return None
        reset = int(log.time[fresh[-1]])
        if self.plan.restart == "manual":
            return Verdict.USER, (
                f"The day that began at {self._text(reset)} has quota, and nobody has restarted it."
            )
        delay = self.plan.restart_delay * SECOND
        if self.instant < reset + delay:
            return Verdict.LIMIT, (
                f"The limit of the day before was used up, and paused tasks restart "
                f"{self.plan.restart_delay:,} s after the reset."
            )
        if delay:  # the restart was refused: the new day is used up as well
            return None
        return Verdict.UNEXPLAINED, (
            f"The day that began at {self._text(reset)} has quota, and by the rules it would have "
            "restarted then."
        )

    def _at_pause(self) -> Said:
        """Say why the pause began."""
        day = self.day
        if day.limit is None:
            if day.source == "none":
                return Verdict.UNEXPLAINED, "Its domain has no limit, and yet it was paused."
            return Verdict.UNDECIDABLE, "What its domain could send that day is not known."
        if day.total >= day.limit:
            return Verdict.LIMIT, self._limit_words(day)
        earlier = self._earlier_paused()
        if earlier:
            return Verdict.BEHIND, f"Run {earlier} of the same task was paused."
        planned = self._planned()
        if planned is not None and planned < day.limit and day.total >= planned:
            return Verdict.CAP, (
                f"The warm-up of the plan allows {planned:,} emails that day, "
                f"fewer than the quota of {day.limit:,}, and they had been sent."
            )
        if self._perhaps_filled(day):
            return Verdict.LIMIT, (
                "The limit of its domain was used up, as far as emails between two looks allow "
                "to say."
            )
        missing = day.limit - day.total
        return Verdict.UNEXPLAINED, (
            f"{missing:,} more could have been sent that day by what the history tells; "
            "emails that it does not tell of, or a reason outside the rules, stopped it."
        )

    def _limit_words(self, day: DayLedger) -> str:
        if day.limit == 0:
            return "Its domain may send nothing that day."
        return "Its domain had sent as much as it may that day."

    def _earlier_paused(self) -> int | None:
        """Return an earlier run of the task that was paused when the pause began."""
        then = run_numbers(Snapshot(self.ledger, self._paused_at))
        run = self.now["run"][self.place]
        mine = (then["task"] == self.task) & (then["run"] < run) & (then["status"] == PAUSED)
        return int(then["run"][mine][0]) if mine.any() else None

    def _planned(self) -> int | None:
        date, _ = domain_day.day_of(self.log, self.domain, self._paused_at)
        sent = domain_day.sent_dates_before(self.ledger, self.domain, date)
        return domain_day.planned_limit(self.plan, self.domain, date, sent)

    def _perhaps_filled(self, day: DayLedger) -> bool:
        """Say whether emails that were sent between two looks could have filled the day."""
        if self.exact or self.began is None:
            return False
        latest = int(self.evidence.latest[self.began])
        _, start = domain_day.day_of(self.log, self.domain, self._paused_at)
        used = domain_day.used_by(self.ledger, self.domain, start, latest)
        return day.limit is not None and sum(used.values()) >= day.limit

    # --- the rest -----------------------------------------------------------------------------

    def explained(self, at: int | None = None, until: int | None = None) -> Explanation:
        """Return the explanation."""
        verdict, reason = self.said
        paused = self.status == PAUSED and verdict not in (Verdict.UNDECIDABLE, Verdict.GAP)
        known = verdict not in (Verdict.UNDECIDABLE, Verdict.GAP)
        return Explanation(
            task=self.task,
            name=self.name,
            run=None if self.place is None else int(self.now["run"][self.place]),
            at=self._time(self.instant if at is None else at),
            until=None if until is None else self._time(until),
            status=STATUS_LABELS[TaskStatus(self.status)] if known else "",
            verdict=verdict,
            reason=reason,
            ledger=self.day if paused else None,
            counterfactuals=self._others() if paused and verdict in _HELD else None,
            forecast=self._forecast() if known and self._goes_on() else None,
            evidence=self._evidence(),
        )

    def _others(self) -> Counterfactuals | None:
        """Simulate again what others had a part in the pause."""
        now, sent = self.now, dict(zip(self.day.used["name"], self.day.used["emails"], strict=True))
        due = (now["task"] != self.task) & (now["due"] <= self.instant)
        requests: dict[str, tuple[int, int]] = {}
        for task, emails in zip(now["task"][due].tolist(), now["requests"][due].tolist(),
                                strict=True):  # fmt: skip
            entry = self.plan.tasks[task - 1]
            if entry.domain == self.plan.domains[self.domain].name:
                before = requests.get(entry.name, (0, 0))[1]
                requests[entry.name] = sent.get(entry.name, 0), before + emails
        return counterfactuals(self.log, self.task, self.instant, requests)

    def _forecast(self) -> Forecast | None:
        try:
            expected = go_on(self.log, self.instant)
        except SessimError:
            return None
        restarts, finishes = self._future(Ledger(expected.log))
        restarted, finished = self._future(self.ledger)
        return Forecast(restarts, finishes, restarted, finished)

    def _future(self, ledger: Ledger) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """Return when the run goes on next, and when its task is done, in a log."""
        log = ledger.log
        run = 1 if self.place is None else int(self.now["run"][self.place])
        later = (log.task == self.task) & (log.run == run) & (log.time > self.instant)
        again = later & np.isin(log.event, (int(Event.RESTARTED), int(Event.SENDING)))
        restarts = self._time(int(log.time[again][0])) if again.any() else None
        end = Snapshot(ledger)
        finished = end.finished[end.column("task") == self.task]
        done = len(finished) and (finished != NOT_YET).all()
        return restarts, self._time(int(finished.max())) if done else None

    def _evidence(self) -> str:
        if self.exact:
            mode = self.log.meta.get("mode")
            what = "a simulation" if mode == "simulate" else "its source"
            return f"Each event is dated by the log of {what}."
        if self.began is None:
            return "Known from looks at the task list."
        earliest, latest = (int(getattr(self.evidence, name)[self.began]) for name in
                            ("earliest", "latest"))  # fmt: skip
        if earliest == latest:
            return f"Its state began at {self._text(earliest)}, as the source dates it."
        return (
            f"Known from looks at the task list: its state began between {self._text(earliest)} "
            f"and {self._text(latest)} ({self.evidence.timezone})."
        )

    def _text(self, instant: int) -> str:
        local = self.plan.clock.local(instant).replace(tzinfo=None, microsecond=0)
        return format_moment(local)

    def _time(self, instant: int) -> pd.Timestamp:
        return times(np.array([instant], dtype=np.int64), self.log.timezone)[0]
