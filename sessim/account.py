"""The rules of the account (R1 to R6, R8, R11) as changes of its state: no SimPy in here.

:class:`Account` knows what happens when a day begins, a run is due, a task is cancelled; *when*
it happens is told by :mod:`sessim.model`, whose processes call it at the right instants. Nothing
loops over emails: between two changes the discipline says how many emails it is to the next one,
and the account's pace says when that is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np

from sessim.clock import DAY, SECOND
from sessim.eventlog import NONE, Event
from sessim.lifecycle import CANCELLED, FINISHED, PAUSED, SENDING, SENT, TO_START
from sessim.plan import Plan
from sessim.serving import DISCIPLINES, NEVER, NOT_TO_BE, Pace, Queue, Ranks
from sessim.state import State

IDLE = -1
"""Stands for the email that changes something while no run is SENDING."""

# In Python 3.11 an enumeration's attributes are slow to look up.
_ROW = SimpleNamespace(**Event.__members__)
_BEGUN = {_ROW.SENDING: SENDING, _ROW.PAUSED: PAUSED, _ROW.SKIPPED: NOT_TO_BE}


class Account(ABC):
    """The sender's account: its domains, their queues, and what the rules do to them.

    Parameters
    ----------
    plan
        What is to be sent.
    state
        Where it stands.
    """

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan, self.state, self._counts = plan, state, state.counts
        self._dues: list[int] = plan.runs.due.tolist()
        self._previous: list[int] = plan.runs.previous.tolist()
        self._skips = [False, *(task.overlap == "skip" for task in plan.tasks)]
        self._domain_index = {domain.name: i for i, domain in enumerate(plan.domains)}
        self._discipline = DISCIPLINES[plan.discipline](state.counts, state.after)
        self._discipline.join(np.flatnonzero(state.counts.status == SENDING).tolist())
        self._pace = Pace(plan.rate, state.busy_from or 0)
        self._goal = IDLE

    @property
    def finished(self) -> bool:
        """Whether no work is left, now or to come."""
        state = self.state
        tests_left = state.next_test < len(self.plan.test_sends)
        return not (state.unfinished or state.to_come or tests_left)

    @abstractmethod
    def _changed(self) -> None:
        """Look anew at what comes next in sending, after something else has happened."""

    @abstractmethod
    def _restart_at(self, instant: int, domain: int) -> None:
        """Have a domain's paused runs restarted at an instant to come."""

    @abstractmethod
    def _open_at(self, instant: int, domain: int) -> None:
        """Have a domain's rolling window opened at an instant to come."""

    # --- sending ------------------------------------------------------------------------------

    def _book(self, instant: int) -> None:
        """Count the emails sent up to and at an instant."""
        if self.state.busy_from is not None:
            self._advance(self._pace.sent_by(instant) - self.state.booked)

    def _advance(self, emails: int) -> int:
        if emails <= 0:
            return NEVER
        self.state.booked += emails
        return self._discipline.advance(emails)

    def _look_ahead(self) -> None:
        """Note whose turn it is, and find the email with which something changes."""
        state, turn = self.state, self._discipline.turn()
        if turn != state.served:
            before, state.served = state.served, turn
            if before != NEVER and self._counts.codes[before] == SENDING:
                self._row(_ROW.TURN, before, "an earlier run goes first")
            if turn != NEVER:
                self._row(_ROW.TURN, turn)
        ahead = self._discipline.ahead()
        self._goal = state.booked + ahead if ahead else IDLE

    def _end_stretch(self) -> None:
        """Send the email that ends a run, or that is its domain's last of the day."""
        state, counts = self.state, self._counts
        rank = self._advance(self._goal - state.booked)
        queue = counts.queue_of[rank]
        if counts.emails[rank] == counts.requests[rank]:
            counts.codes[rank] = SENT
            self._left(queue, (rank,))
            state.unfinished -= 1
            self._row(_ROW.SENT, rank)
        if not queue.left:
            self._fill(queue)
        self._look_ahead()

    def _fill(self, queue: Queue) -> None:
        """Stop a domain that has sent as much as it may."""
        self._pause(queue, "daily limit reached")
        if self.plan.window == "rolling":
            self._open_at(self.state.now + DAY, queue.domain)

    def _pause(self, queue: Queue, reason: str) -> None:
        counts = self._counts
        if queue.sending:
            ranks = queue.due(counts, SENDING, queue.sending)
            counts.status[ranks] = PAUSED
            queue.paused += len(ranks)
            self._left(queue, ranks)
            self._rows(_ROW.PAUSED, queue, ranks, reason)

    def _left(self, queue: Queue, ranks: Ranks) -> None:
        """Note that runs of a domain are no longer SENDING."""
        self._discipline.leave(ranks)
        queue.sending -= len(ranks)
        if not queue.sending and not any(other.sending for other in self._counts.queues):
            self.state.busy_from = None

    def _joined(self, queue: Queue, ranks: Ranks) -> None:
        """Note that runs of a domain have become SENDING."""
        state = self.state
        if state.busy_from is None:
            state.busy_from, state.booked = state.now, 0
            self._pace = Pace(self.plan.rate, state.now)
            self._discipline.begin()
        queue.sending += len(ranks)
        self._discipline.join(ranks)

    def _restart(self, domains: Iterable[int]) -> None:
        """Restart the paused runs of domains that have something left to send (rule R5)."""
        counts = self._counts
        begun = False
        for domain in domains:
            queue = counts.queues[domain]
            if not queue.paused:
                continue
            ranks = queue.due(counts, PAUSED, queue.paused)
            if not queue.left:
                self._rows(_ROW.REFUSED, queue, ranks, "nothing left of the daily limit")
                continue
            if not begun:
                self._discipline.begin()
                begun = True
            queue.paused, queue.cursor = 0, queue.head
            counts.status[ranks] = SENDING
            self._joined(queue, ranks)
            self._rows(_ROW.RESTARTED, queue, ranks)

    def _begin_day(self) -> None:
        state = self.state
        for rank in self._discipline.served():
            self._row(_ROW.DAY, rank)
        for domain, (days, queue) in enumerate(zip(state.days, self._counts.queues, strict=True)):
            days.pass_midnight(queue.total)
            if state.opened[domain] and not state.waiting[domain]:
                self._limit_row(domain)
        if self.plan.window == "day":
            self._discipline.begin()
        self._reset([domain for domain, waiting in enumerate(state.waiting) if waiting])
        self._changed()

    def _new_limit(self, domain: int) -> None:
        """Begin a domain's day, or its rolling window, with the limit of today's date."""
        state = self.state
        queue = self._counts.queues[domain]
        queue.counted_from = queue.total
        queue.limit = state.days[domain].limit(state.date)
        self._limit_row(domain)
        if self.plan.window == "rolling":
            state.waiting[domain] = queue.limit == 0
        if queue.limit == 0:
            self._pause(queue, "daily limit is 0")

    def _reset(self, domains: Iterable[int]) -> None:
        """Begin anew with the limits, and have the paused runs restarted by it (rule R5)."""
        state, delay = self.state, self.plan.restart_delay
        ready = []
        for domain in domains:
            self._new_limit(domain)
            queue = self._counts.queues[domain]
            if self.plan.restart == "auto" and queue.left and (queue.paused or delay):
                ready.append(domain)
        if not (delay or self._email_falls_now()):
            self._restart(ready)
            return
        for domain in ready:
            self._restart_at(state.now + delay * SECOND, domain)

    def _email_falls_now(self) -> bool:
        state = self.state
        if state.busy_from is None:
            return False
        return self._pace.instant(state.booked + 1) == state.now

    def _first_use(self, domain: int) -> None:
        if not self.state.opened[domain]:
            self.state.opened[domain] = True
            self._new_limit(domain)

    def _start_due(self) -> None:
        """Start the runs that are due now, in order of creation."""
        state, codes = self.state, self._counts.codes
        first = state.next_due
        state.next_due = bisect_right(self._dues, state.now, lo=first)
        ranks = [rank for rank in range(first, state.next_due) if codes[rank] == TO_START]
        for rank in range(first, state.next_due):
            self._counts.queues[state.counts.domain[rank]].tail += 1
        state.to_come -= len(ranks)
        group: list[int] = []
        how = (NONE, _ROW.SKIPPED, "")
        for rank in ranks:
            # What a run finds depends on the run of its task before, which may be due now too.
            if group and (self._previous[rank] >= group[0] or self._beginning(rank) != how):
                self._start(group, *how)
                group = []
            how = how if group else self._beginning(rank)
            group.append(rank)
        if group:
            self._start(group, *how)

    def _beginning(self, rank: int) -> tuple[int, int, str]:
        """Return a due run's domain, and how it begins: SENDING, PAUSED or not at all."""
        counts = self._counts
        domain = counts.domain[rank]
        self._first_use(domain)
        earlier = self._earlier(rank)
        if earlier != NEVER and self._skips[self.plan.runs.task[rank]]:
            return domain, _ROW.SKIPPED, "an earlier run of the task is unfinished"
        if not counts.queues[domain].left:
            return domain, _ROW.PAUSED, "nothing left of the daily limit"
        if earlier != NEVER and counts.codes[earlier] == PAUSED:
            return domain, _ROW.PAUSED, "an earlier run of the task is paused"
        return domain, _ROW.SENDING, ""

    def _start(self, ranks: list[int], domain: int, event: int, reason: str) -> None:
        counts, queue = self._counts, self._counts.queues[domain]
        for rank in ranks:
            counts.codes[rank] = _BEGUN[event]
        if event != _ROW.SKIPPED:
            self.state.unfinished += len(ranks)
            self._rows(_ROW.DUE, queue, ranks)
        if event == _ROW.SENDING:
            self._joined(queue, ranks)
        elif event == _ROW.PAUSED:
            queue.paused += len(ranks)
        self._rows(event, queue, ranks, reason)

    def _earlier(self, rank: int) -> int:
        """Return the unfinished run of the same task before a run, or -1."""
        codes, earlier = self._counts.codes, self._previous[rank]
        while earlier != NEVER and codes[earlier] == NOT_TO_BE:
            earlier = self._previous[earlier]
        return NEVER if earlier == NEVER or codes[earlier] in FINISHED else earlier

    def _cancel(self, task: int) -> None:
        """Cancel a task's unfinished runs; what is not due yet will not happen (rule R6)."""
        state, counts = self.state, self._counts
        called_off = self.plan.goes_on[task - 1]
        state.to_come -= called_off
        recurring = self.plan.tasks[task - 1].every is not None
        for rank in np.flatnonzero(self.plan.runs.task == task).tolist():
            status = counts.codes[rank]
            if status == SENDING:
                self._left(counts.queue_of[rank], (rank,))
                state.unfinished -= 1
            elif status == PAUSED:
                counts.queue_of[rank].paused -= 1
                state.unfinished -= 1
            elif status == TO_START:
                state.to_come -= 1
            else:
                continue
            if status == TO_START and recurring:
                counts.codes[rank] = NOT_TO_BE
                called_off = True
            else:
                counts.codes[rank] = CANCELLED
                self._row(_ROW.CANCELLED, rank, "cancelled by the user")
        if called_off:
            whom = len(self.plan.runs) + task - 1
            why = "later recurrences called off"
            state.notes.append((state.now, _ROW.CANCELLED, whom, 0, 0, why))

    def _send_test(self, number: int) -> None:
        """Send a test at once, as far as the day's limit allows (rule R8)."""
        test = self.plan.test_sends[number]
        domain = self._domain_index[test.domain]
        self._first_use(domain)
        queue = self._counts.queues[domain]
        sent = min(test.recipients, queue.left)
        queue.total += sent
        if sent:
            self._domain_row(_ROW.SENT, domain, sent, "test send")
        if sent < test.recipients:
            failed = test.recipients - sent
            self._domain_row(_ROW.ERROR, domain, failed, "test send at the daily limit")
        if sent and not queue.left:
            self._fill(queue)

    # --- the log ------------------------------------------------------------------------------

    def _row(self, event: int, rank: int, detail: str = "") -> None:
        state, counts = self.state, self._counts
        counted = counts.queue_of[rank].counted
        state.notes.append((state.now, event, rank, counts.emails[rank], counted, detail))

    def _rows(self, event: int, queue: Queue, ranks: Ranks, detail: str = "") -> None:
        """Note what happens to several runs of one domain."""
        state, counts = self.state, self._counts
        if len(ranks) == 1:
            self._row(event, int(ranks[0]), detail)
        else:
            ranks = np.asarray(ranks)
            note = state.now, event, ranks, counts.sent[ranks], queue.counted, detail
            state.notes.append(note)

    def _domain_row(self, event: int, domain: int, emails: int, detail: str = "") -> None:
        state = self.state
        whom = len(self._dues) + len(self.plan.tasks) + domain
        counted = self._counts.queues[domain].counted
        state.notes.append((state.now, event, whom, emails, counted, detail))

    def _limit_row(self, domain: int) -> None:
        days, limit = self.state.days[domain], self._counts.queues[domain].limit
        detail = f"warm-up day {days.day(self.state.date)}" if days.limits.counts_days else ""
        self._domain_row(_ROW.LIMIT, domain, NONE if limit is None else limit, detail)

    def _write_end(self, instant: int) -> None:
        state, last = self.state, self.state.now
        state.now = state.notes[-1][0] if self.finished else instant
        for rank in self._discipline.served():
            self._row(_ROW.END, rank)
        nobody = len(self._dues) + len(self.plan.tasks) + len(self.plan.domains)
        detail = "all work done" if self.finished else "work left"
        state.notes.append((state.now, _ROW.END, nobody, 0, 0, detail))
        state.now = last
