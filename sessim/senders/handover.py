"""The model's side of sending for real: the model says who is served, a sender what came of it."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import numpy as np

from sessim import state as states
from sessim.clock import SECOND
from sessim.errors import ArgumentError
from sessim.eventlog import Event
from sessim.life import PAUSED_BY_USER, RESTARTED_BY_USER
from sessim.lifecycle import CANCELLED, ERROR, PAUSED, SENDING, SENT, Rest
from sessim.model import Model, Seed
from sessim.plan import Plan
from sessim.serving import NOT_TO_BE, Queue, Ranks
from sessim.state import State

LEAST_WAIT: Final = 60
"""Seconds before which nothing is tried again."""


class Handed(NamedTuple):
    """What became of emails that a sender was given.

    Parameters
    ----------
    settled
        How many of them are dealt with for good, failed ones included.
    failed
        How many of these failed.
    wait
        In how many seconds the others may be tried again, :data:`LEAST_WAIT` at least.
    reason
        Why they were not dealt with, or why the run cannot go on.
    broken
        Whether no retry can mend it: the run ends in ERROR.
    held
        Whether the user wants no more of them sent: they go back as if never asked for.
    """

    settled: int
    failed: int = 0
    wait: int = 0
    reason: str = ""
    broken: bool = False
    held: bool = False


class Sender(Protocol):
    """Hands emails over; the model asks it wherever a simulation would only count."""

    mode: str
    """``loopback`` or ``live``, as the log tells it."""

    def send(self, rank: int, emails: int, now: int) -> Handed:
        """Send the next emails of a run, given by its rank among ``plan.runs``.

        ``now`` is the model's time, in microseconds since the Unix epoch.
        """

    def send_test(self, number: int, emails: int, now: int) -> tuple[int, str]:
        """Send the first emails of a test send of the plan, numbered from 0, at once.

        Returns how many of them failed, and why.
        """


class SendingModel(Model):
    """A model whose emails are handed over to a sender as they leave.

    The rules are those of the simulation, and so is the log, as long as the sender keeps up and
    everything is accepted. What it could not deal with goes back to the run, which is PAUSED
    until it may be tried again; what failed is counted as such. What its user pauses is PAUSED,
    too, and stays so, whatever day begins, until the user has it go on.

    Parameters
    ----------
    plan
        What is to be sent.
    sender
        Who sends it.
    seed
        As in :class:`~sessim.model.Model`.

    Attributes
    ----------
    held
        The ids of the tasks that the user has paused.
    """

    sender: Sender

    def __init__(self, plan: Plan, sender: Sender, seed: int = 0) -> None:
        self.sender, self.mode = sender, sender.mode
        self.held: set[int] = set()
        super().__init__(plan, seed)

    @classmethod
    def restore(cls, data: bytes, sender: Sender) -> SendingModel:
        """Make a model of what :meth:`dump` returned; :class:`~sessim.LogError` if it is none."""
        plan, state, head = states.load(BytesIO(data), "the checkpoint")
        model = object.__new__(cls)
        model.sender, model.mode = sender, sender.mode
        model.held = set(head["held"])
        model._resume(plan, head["seed"], state, head["instant"])
        return model

    def dump(self) -> bytes:
        """Return all that changes as bytes."""
        file = BytesIO()
        states.save(self._snapshot(), self._head(), file)
        return file.getvalue()

    def fork(self) -> NoReturn:
        """Refuse: no email is sent by two."""
        raise ArgumentError(
            "fork: a model that sends for real cannot be two; "
            "simulate the plan of sending.result, or fork that simulation"
        )

    def _head(self) -> dict[str, Any]:
        return {**super()._head(), "held": sorted(self.held)}

    @staticmethod
    def _fates_of(plan: Plan, seed: Seed) -> None:
        """Return nothing: what becomes of real emails is no matter of chance."""

    def _resume(self, plan: Plan, seed: Seed, state: State, instant: int) -> None:
        super()._resume(plan, seed, state, instant)
        self._advance = self._hand_over
        self.env.process(self._keep_up(LEAST_WAIT * SECOND // 2))
        self._closed = False

    @property
    def dealt_with(self) -> dict[int, tuple[int, int]]:
        """How many emails of each run are dealt with, and how many of them failed, by rank."""
        sent, failed = self._counts.sent, self._counts.failed
        return {int(rank): (int(sent[rank]), int(failed[rank])) for rank in np.flatnonzero(sent)}

    def approach(self, until: int, emails: int) -> None:
        """Come nearer to an instant, by so many emails at most: the caller has other work, too."""
        env = self.env
        while self.state.busy_from is None and env.peek() < until:
            env.step()
        if self.state.busy_from is not None:
            until = min(until, int(env.now) + max(1, int(emails * SECOND / self.plan.rate)))
        self.run(until)

    def retry(self) -> None:
        """Restart the runs that ended in ERROR, as its user does (rule R11)."""
        counts, domains = self._counts, set()
        for rank in np.flatnonzero(counts.status == ERROR).tolist():
            queue = counts.queue_of[rank]
            counts.codes[rank], counts.rests[rank] = PAUSED, Rest.CACHED
            queue.head = 0
            queue.paused += 1
            self.state.unfinished += 1
            domains.add(queue.domain)
        self._restart(sorted(domains))
        self._note_turn()

    # --- what the user asks for ---------------------------------------------------------------

    def hold(self, task: int) -> None:
        """Pause a task, given by its id, until :meth:`release`; its runs to come, too."""
        self._come_to_now()
        self.held.add(task)
        for rank in self._runs_of(task, SENDING):
            self._stop(rank, self._counts.queue_of[rank], broken=False)
            self._row(Event.PAUSED, rank, PAUSED_BY_USER)
        self._note_turn()

    def release(self, task: int) -> None:
        """Have a paused task go on, as far as its domain has something left today."""
        self._come_to_now()
        self.held.discard(task)
        if ranks := self._runs_of(task, PAUSED):
            queue = self._counts.queue_of[ranks[0]]
            if queue.left:
                self._discipline.begin()
                self._go_on(queue, ranks, RESTARTED_BY_USER)
            else:
                self._rows(Event.REFUSED, queue, ranks, "nothing left of the daily limit")
        self._note_turn()

    def cancel(self, task: int) -> None:
        """Cancel a task, given by its id, at the present instant (rule R6)."""
        super().cancel(task)
        self.held.discard(task)

    def is_over(self, task: int) -> bool:
        """Tell whether nothing of a task is sent any more, now or later."""
        codes = self._counts.status[self.plan.runs.task == task]
        return bool(np.isin(codes, [SENT, CANCELLED, NOT_TO_BE]).all())

    def _come_to_now(self) -> None:
        self._catch_up()
        self.state.now = int(self.env.now)

    def _runs_of(self, task: int, status: int) -> list[int]:
        found = (self.plan.runs.task == task) & (self._counts.status == status)
        return [int(rank) for rank in np.flatnonzero(found)]

    def _beginning(self, rank: int) -> tuple[Queue, int, str]:
        queue, event, reason = super()._beginning(rank)
        if event != Event.SKIPPED and int(self.plan.runs.task[rank]) in self.held:
            return queue, Event.PAUSED, PAUSED_BY_USER
        return queue, event, reason

    def _restartable(self, queue: Queue) -> Ranks:
        ranks = super()._restartable(queue)
        if not self.held:
            return ranks
        tasks = self.plan.runs.task
        held = [rank for rank in map(int, ranks) if tasks[rank] in self.held]
        self._rows(Event.REFUSED, queue, held, PAUSED_BY_USER)
        return [rank for rank in map(int, ranks) if tasks[rank] not in self.held]

    # --- time that passes without sending ------------------------------------------------------

    def pass_to(self, instant: int) -> None:
        """Let time pass up to an instant without sending: the sender was away, or is late."""
        self._catch_up()
        self._closed = True
        try:
            self.run(instant)
        finally:
            self._closed = False

    def _send(self, until: int) -> None:
        if not self._closed:
            super()._send(until)
        elif self.state.busy_from is not None and until > self.state.now:
            # What could have left until now does not leave in a burst when sending goes on.
            self.state.busy_from = self._pace.start = until + 1
            self.state.booked = 0

    # --- handing over -------------------------------------------------------------------------

    def _hand_over(self, emails: int) -> int:
        counts, discipline = self._counts, self._discipline
        before = {rank: counts.emails[rank] for rank in discipline.served()}
        last = discipline.advance(emails)
        discipline.served()
        for rank, left in before.items():
            if counts.emails[rank] > left:
                self._settle(rank, counts.emails[rank] - left)
        return last

    def _settle(self, rank: int, emails: int) -> None:
        handed = self.sender.send(rank, emails, self.state.now)
        queue = self._counts.queue_of[rank]
        self._counts.failed[rank] += handed.failed
        missing = emails - handed.settled
        if not missing or handed.held:
            if missing:
                self._discipline.leave((rank,))
                self._take_back(rank, missing)
                self._discipline.join((rank,))
            if handed.failed:  # what has been sent does not follow from the rate alone
                self._row(Event.TURN, rank, handed.reason)
            return
        self._stop(rank, queue, handed.broken)
        self._take_back(rank, missing)
        self._row(Event.ERROR if handed.broken else Event.PAUSED, rank, handed.reason)
        if not handed.broken:
            wait = max(handed.wait, LEAST_WAIT)
            self._restart_at(self.state.now + wait * SECOND, queue.domain)
        self._note_turn()

    def _hand_over_test(self, number: int, emails: int) -> tuple[int, str]:
        return self.sender.send_test(number, emails, self.state.now)

    def _take_back(self, rank: int, emails: int) -> None:
        self._counts.emails[rank] -= emails
        self._counts.queue_of[rank].total -= emails

    def _stop(self, rank: int, queue: Queue, broken: bool) -> None:
        counts, state = self._counts, self.state
        counts.codes[rank] = ERROR if broken else PAUSED
        counts.rests[rank] = Rest.WAITING if broken else Rest.CACHED
        if broken:
            state.unfinished -= 1
        else:
            queue.paused += 1
        self._left(queue, (rank,))

    # --- the log ------------------------------------------------------------------------------

    def _row(self, event: int, rank: int, detail: str = "") -> None:
        state, counts = self.state, self._counts
        queue, failed = counts.queue_of[rank], int(counts.failed[rank])
        state.log.row(
            state.now, event, queue.domain, counts.codes[rank], counts.rests[rank], queue.limit,
            queue.counted, detail, rank, counts.emails[rank] - failed, failed,
        )  # fmt: skip

    def _rows(self, event: int, queue: Queue, ranks: Ranks, detail: str = "") -> None:
        for rank in ranks:
            self._row(event, int(rank), detail)
