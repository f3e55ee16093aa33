"""The rules of the account (R1 to R6, R8, R11) as changes of its state: no SimPy in here.

:class:`Account` knows what happens when a day begins, a run is due, a task is cancelled; *when*
it happens is told by :mod:`sessim.model`, whose processes call it at the right instants. Nothing
loops over emails: between two changes the discipline says how many emails it is to the next one,
and the account's pace says when that is.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable

import numpy as np

from sessim.clock import DAY, SECOND
from sessim.eventlog import NONE
from sessim.judging import Judging
from sessim.lifecycle import (
    CANCELLED,
    ERROR,
    FINISHED,
    PAUSED,
    SENDING,
    SENT,
    TO_START,
)
from sessim.plan import Plan
from sessim.serving import NEVER, NOT_TO_BE, Pace, Queue, Ranks
from sessim.state import State
from sessim.telling import CACHED, DROPPED, FAILED, NOWHERE, ROW, WAITING

_BEGUN = {
    ROW.SENDING: (SENDING, WAITING),
    ROW.PAUSED: (PAUSED, CACHED),
    ROW.SKIPPED: (NOT_TO_BE, NOWHERE),
    ROW.ERROR: (ERROR, FAILED),
}
"""Status and place of the unsent emails after a run's beginning."""


class Account(Judging):
    """The sender's account: its domains, their queues, and what the rules do to them.

    Parameters
    ----------
    plan
        What is to be sent.
    state
        Where it stands.
    """

    def __init__(self, plan: Plan, state: State) -> None:
        super().__init__(plan, state)
        self._dues: list[int] = plan.runs.due.tolist()
        self._skips = [False, *(task.overlap == "skip" for task in plan.tasks)]
        self._domain_index = {domain.name: i for i, domain in enumerate(plan.domains)}
        self._discipline.join(np.flatnonzero(state.counts.status == SENDING).tolist())
        self._advance: Callable[[int], int] = self._discipline.advance
        self._sending = sum(queue.sending for queue in state.counts.queues)
        self._pace = Pace(plan.rate, state.busy_from or 0)

    @abstractmethod
    def _restart_at(self, instant: int, domain: int) -> None:
        """Have a domain's paused runs restarted at an instant to come."""

    @abstractmethod
    def _open_at(self, instant: int, domain: int) -> None:
        """Have a domain's rolling window opened at an instant to come."""

    # --- sending ------------------------------------------------------------------------------

    def _send(self, until: int) -> None:
        """Send the emails up to and at an instant, one stretch after the other."""
        state, discipline, pace, advance = self.state, self._discipline, self._pace, self._advance
        while state.busy_from is not None:
            ahead = discipline.ahead()
            instant = pace.instant(state.booked + ahead)
            if instant > until:
                ahead = pace.sent_by(until) - state.booked
                if ahead > 0:
                    state.now = until
                    state.booked += ahead
                    advance(ahead)
                return
            state.now = instant
            state.booked += ahead
            self._end_stretch(advance(ahead))

    def _end_stretch(self, rank: int) -> None:
        """Note that the last email ended a run, or was its domain's last of the day."""
        state, counts = self.state, self._counts
        queue = counts.queue_of[rank]
        if counts.emails[rank] == counts.requests[rank]:
            counts.codes[rank] = SENT
            self._left(queue, (rank,))
            state.unfinished -= 1
            self._row(ROW.SENT, rank)
        if queue.total == queue.stops_at:
            self._look_at(queue)
        self._note_turn()

    def _note_turn(self) -> None:
        """Note a change of the run that is served alone."""
        state, turn = self.state, self._discipline.turn
        if turn != state.served:
            before, state.served = state.served, turn
            if before != NEVER and self._counts.codes[before] == SENDING:
                self._row(ROW.TURN, before, "an earlier run goes first")
            if turn != NEVER:
                self._row(ROW.TURN, turn)

    def _look_at(self, queue: Queue) -> None:
        """Stop a domain that has sent as much as it may; judge one that goes by reputation."""
        standing = self.state.standings[queue.domain]
        if standing is not None:
            self._judge(queue, standing)
        if queue.total == queue.closes_at and not queue.blocked:
            self._fill(queue)

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
            counts.rest[ranks] = CACHED
            queue.paused += len(ranks)
            self._left(queue, ranks)
            self._rows(ROW.PAUSED, queue, ranks, reason)

    def _left(self, queue: Queue, ranks: Ranks) -> None:
        """Note that runs of a domain are no longer SENDING."""
        queue.sending -= len(ranks)
        self._sending -= len(ranks)
        self._discipline.leave(ranks)
        if not self._sending:
            self.state.busy_from = None

    def _joined(self, queue: Queue, ranks: Ranks) -> None:
        """Note that runs of a domain have become SENDING."""
        state = self.state
        if state.busy_from is None:
            state.busy_from, state.booked = state.now, 0
            self._pace.start = state.now
            self._discipline.begin()
        queue.sending += len(ranks)
        self._sending += len(ranks)
        self._discipline.join(ranks)

    def _restart(self, domains: Iterable[int]) -> None:
        """Restart the paused runs of domains that have something left to send (rule R5)."""
        begun = False
        for domain in domains:
            queue = self._counts.queues[domain]
            ranks = self._restartable(queue) if queue.paused else ()
            if not len(ranks):
                continue
            if not queue.left:
                self._rows(ROW.REFUSED, queue, ranks, "nothing left of the daily limit")
                continue
            if not begun:
                self._discipline.begin()
                begun = True
            self._go_on(queue, ranks)

    def _restartable(self, queue: Queue) -> Ranks:
        """Return the paused runs of a domain that a restart is meant for."""
        return queue.due(self._counts, PAUSED, queue.paused)

    def _go_on(self, queue: Queue, ranks: Ranks, reason: str = "") -> None:
        """Have paused runs of one domain become SENDING."""
        queue.paused -= len(ranks)
        queue.cursor = queue.head
        self._counts.status[ranks] = SENDING
        self._joined(queue, ranks)
        self._rows(ROW.RESTARTED, queue, ranks, reason)

    def _begin_day(self) -> None:
        state = self.state
        for rank in self._discipline.served():
            self._row(ROW.DAY, rank)
        for domain, (days, queue) in enumerate(zip(state.days, self._counts.queues, strict=True)):
            days.pass_midnight(queue.total)
            standing = state.standings[domain]
            if standing is not None:
                self._close_day(queue, standing)
            if state.opened[domain] and not state.waiting[domain]:
                self._limit_row(queue)
        if self.plan.window == "day":
            self._discipline.begin()
        self._reset([domain for domain, waiting in enumerate(state.waiting) if waiting])
        self._note_turn()

    def _new_limit(self, domain: int) -> None:
        """Begin a domain's day, or its rolling window, with the limit of today's date."""
        state = self.state
        queue = self._counts.queues[domain]
        days, standing = state.days[domain], state.standings[domain]
        if standing is None:
            queue.open(days.limit(state.date))
        else:
            queue.open(standing.limit if days.day(state.date) else 0)
            self._next_judgement(queue, standing)
        self._limit_row(queue)
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
        """Start the runs that are due now in order of creation, those that begin alike at once."""
        state, counts = self.state, self._counts
        first = state.next_due
        state.next_due = bisect_right(self._dues, state.now, lo=first)
        alike: list[int] = []
        how = None
        for rank in range(first, state.next_due):
            counts.queue_of[rank].tail += 1
            if counts.codes[rank] != TO_START:
                continue
            state.to_come -= 1
            if self._fates:
                self._gather(rank)
            # What a run finds depends on the run of its task before, which may be due now too.
            if how and self._previous[rank] >= alike[0]:
                self._start(alike, *how)
                how = None
            beginning = self._beginning(rank)
            if beginning != how:
                if how:
                    self._start(alike, *how)
                alike, how = [], beginning
            alike.append(rank)
        if how:
            self._start(alike, *how)

    def _beginning(self, rank: int) -> tuple[Queue, int, str]:
        """Return the domain of a due run, and how it begins: SENDING, PAUSED or not at all."""
        counts = self._counts
        queue = counts.queue_of[rank]
        if not self.state.opened[queue.domain]:
            self._first_use(queue.domain)
        earlier = self._previous[rank]
        if earlier != NEVER:
            earlier = self._unfinished(earlier)
        if earlier != NEVER and self._skips[self.plan.runs.task[rank]]:
            return queue, ROW.SKIPPED, "an earlier run of the task is unfinished"
        if queue.blocked:
            return queue, ROW.ERROR, "the domain is blocked for today"
        if not counts.requests[rank]:
            return queue, ROW.SKIPPED, "no address is left: all have bounced"
        if queue.total == queue.closes_at:
            return queue, ROW.PAUSED, "nothing left of the daily limit"
        if earlier != NEVER and counts.codes[earlier] == PAUSED:
            return queue, ROW.PAUSED, "an earlier run of the task is paused"
        return queue, ROW.SENDING, ""

    def _start(self, ranks: list[int], queue: Queue, event: int, reason: str) -> None:
        state, counts = self.state, self._counts
        if event != ROW.SKIPPED:
            state.unfinished += len(ranks) if event != ROW.ERROR else 0
            self._rows(ROW.DUE, queue, ranks)
        status, rest = _BEGUN[event]
        for rank in ranks:
            counts.codes[rank], counts.rests[rank] = status, rest
        if event == ROW.SENDING:
            self._joined(queue, ranks)
        elif event == ROW.PAUSED:
            queue.paused += len(ranks)
        self._rows(event, queue, ranks, reason)

    def _unfinished(self, rank: int) -> int:
        """Return the latest run of a task up to this one that is due, -1 if it is finished.

        A clock change may put a run behind the next one of its task.
        """
        codes = self._counts.codes
        while rank != NEVER and codes[rank] in (NOT_TO_BE, TO_START):
            rank = self._previous[rank]
        return NEVER if rank == NEVER or codes[rank] in FINISHED else rank

    def _cancel(self, task: int) -> None:
        """Cancel a task's unfinished runs; what is not due yet will not happen (rule R6)."""
        state, counts = self.state, self._counts
        called_off = self.plan.goes_on[task - 1]
        state.to_come -= called_off
        recurring = self.plan.tasks[task - 1].every is not None
        for rank in np.flatnonzero(self.plan.runs.task == task).tolist():
            status = counts.codes[rank]
            queue = counts.queue_of[rank]
            if status == PAUSED:
                queue.paused -= 1
                state.unfinished -= 1
            elif status == TO_START:
                state.to_come -= 1
            elif status != SENDING:
                continue
            if status == TO_START and recurring:
                counts.codes[rank] = NOT_TO_BE
                called_off = True
            else:
                counts.codes[rank], counts.rests[rank] = CANCELLED, DROPPED
                if status == SENDING:
                    state.unfinished -= 1
                    self._left(queue, (rank,))
                self._row(ROW.CANCELLED, rank, "cancelled by the user")
        if called_off:
            whom = len(self.plan.runs) + task - 1
            state.log.row(
                state.now, ROW.CANCELLED, NONE, NONE, NOWHERE, NONE, 0,
                "later recurrences called off", whom,
            )  # fmt: skip

    def _send_test(self, number: int) -> None:
        """Send a test at once, as far as the day's limit allows (rule R8)."""
        test = self.plan.test_sends[number]
        domain = self._domain_index[test.domain]
        self._first_use(domain)
        queue = self._counts.queues[domain]
        left = test.recipients
        while left and queue.left and not queue.blocked:
            sent = min(left, queue.stops_at - queue.total)
            refused, words = self._hand_over_test(number, sent)
            queue.total += sent
            left -= sent
            if sent > refused:
                self._domain_row(ROW.SENT, queue, "test send", sent - refused, 0)
            if refused:
                self._domain_row(ROW.ERROR, queue, f"test send: {words}", 0, refused)
            standing = self.state.standings[domain]
            if standing is not None and queue.total == queue.stops_at:
                self._judge(queue, standing)
        if left == test.recipients:
            self._hand_over_test(number, 0)
        if left:
            reason = "while the domain is blocked" if queue.blocked else "at the daily limit"
            self._domain_row(ROW.ERROR, queue, f"test send {reason}", 0, left)
        if left < test.recipients and not (queue.left or queue.blocked):
            self._fill(queue)

    def _hand_over_test(self, number: int, emails: int) -> tuple[int, str]:
        """Return how many emails of a test send fail, and why; a simulation has none."""
        return 0, ""
