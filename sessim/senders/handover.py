"""The model's side of sending for real: the model says who is served, a sender what came of it."""

from __future__ import annotations

from io import BytesIO
from typing import Final, NamedTuple, Protocol

import numpy as np

from sessim import state as states
from sessim.clock import SECOND
from sessim.eventlog import Event
from sessim.lifecycle import ERROR, PAUSED, Rest
from sessim.model import Model, Seed
from sessim.plan import Plan
from sessim.serving import Queue, Ranks
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
    """

    settled: int
    failed: int = 0
    wait: int = 0
    reason: str = ""
    broken: bool = False


class Sender(Protocol):
    """Hands emails over; the model asks it wherever a simulation would only count."""

    mode: str
    """``loopback`` or ``live``, as the log tells it."""

    def send(self, rank: int, emails: int, now: int) -> Handed:
        """Send the next emails of a run, given by its rank among ``plan.runs``.

        ``now`` is the model's time, in microseconds since the Unix epoch.
        """


class SendingModel(Model):
    """A model whose emails are handed over to a sender as they leave.

    The rules are those of the simulation, and so is the log, as long as the sender keeps up and
    everything is accepted. What it could not deal with goes back to the run, which is PAUSED
    until it may be tried again; what failed is counted as such.

    Parameters
    ----------
    plan
        What is to be sent.
    sender
        Who sends it.
    seed
        As in :class:`~sessim.model.Model`.
    """

    sender: Sender

    def __init__(self, plan: Plan, sender: Sender, seed: int = 0) -> None:
        self.sender, self.mode = sender, sender.mode
        super().__init__(plan, seed)

    @classmethod
    def restore(cls, data: bytes, sender: Sender) -> SendingModel:
        """Make a model of what :meth:`dump` returned; :class:`~sessim.LogError` if it is none."""
        plan, state, head = states.load(BytesIO(data), "the checkpoint")
        model = object.__new__(cls)
        model.sender, model.mode = sender, sender.mode
        model._resume(plan, head["seed"], state, head["instant"])
        return model

    def dump(self) -> bytes:
        """Return all that changes as bytes."""
        file = BytesIO()
        states.save(self._snapshot(), self._head(), file)
        return file.getvalue()

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
        if handed.settled == emails:
            if handed.failed:  # what has been sent does not follow from the rate alone
                self._row(Event.TURN, rank, handed.reason)
            return
        self._stop(rank, queue, handed.broken)
        missing = emails - handed.settled
        self._counts.emails[rank] -= missing
        queue.total -= missing
        self._row(Event.ERROR if handed.broken else Event.PAUSED, rank, handed.reason)
        if not handed.broken:
            wait = max(handed.wait, LEAST_WAIT)
            self._restart_at(self.state.now + wait * SECOND, queue.domain)
        self._note_turn()

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
