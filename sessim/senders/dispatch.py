"""The sender that the model asks: rows of the outbox in, what became of them out."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from typing import Final

from sessim.clock import SECOND
from sessim.senders.caps import Hourly
from sessim.senders.courier import Courier
from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.handover import LEAST_WAIT, Handed
from sessim.senders.messages import Form
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.pool import NOT_SENT
from sessim.senders.reading import Row, Run
from sessim.senders.replies import EXPIRES, SCHEDULES, Schedule, retry_delay
from sessim.senders.replies import Outcome as Answer
from sessim.senders.states import State

CHUNK: Final = 64
"""Rows that are in the sender's hands at once: the most that can be in doubt after a kill."""

SETTLED: Final = (State.ACCEPTED, State.UNKNOWN)
FAILED: Final = (State.REJECTED, State.EXPIRED, State.SUPPRESSED)
"""The states after which a row is dealt with, for better and for worse."""

_STATES: Final = {
    Answer.ACCEPTED: State.ACCEPTED,
    Answer.REJECTED: State.REJECTED,
    Answer.UNKNOWN: State.UNKNOWN,
}


def most_tries(schedule: Schedule) -> int:
    """Return how many tries a schedule makes before a row expires."""
    passed, tries = schedule.delay(1), 1
    while passed <= EXPIRES:
        tries += 1
        passed += schedule.delay(tries)
    return tries


MOST_TRIES: Final = {answer: most_tries(schedule) for answer, schedule in SCHEDULES.items()}


class Dispatch:
    """Sends the rows of an outbox as the model asks for them.

    Parameters
    ----------
    order
        What is sent, and how.
    outbox
        Where the rows and their states are.
    courier
        Who carries the messages.

    Attributes
    ----------
    told
        What the model knows of each run, by rank: rows dealt with, and failed ones.
    """

    def __init__(self, order: Order, outbox: Outbox, courier: Courier) -> None:
        self.mode: str = order.mode
        self.order, self.outbox, self.courier = order, outbox, courier
        self.told: dict[int, tuple[int, int]] = {}
        self._plan = order.plan
        self._forms: dict[int, Form] = {}
        self._runs: dict[int, Run] = {}
        self._rng = random.Random(outbox.header.id)
        self._words = ""
        self._step = int(SECOND / order.plan.rate)
        self._hourly = Hourly(outbox, order.hourly, shared=order.redirect_to is not None)

    # --- what the model asks ------------------------------------------------------------------

    def send(self, rank: int, emails: int, now: int) -> Handed:
        """Send the next emails of a run; what the outbox has beyond the model's knowledge counts.

        See :class:`~sessim.senders.handover.Sender`.
        """
        run = self._run(rank)
        known, known_failed = self.told.get(rank, (0, 0))
        while (missing := known + emails - self._tally(rank)[0]) > 0 and not self.courier.is_over:
            first = now - (missing - 1) * self._step  # the last of them is sent now
            rows = self.outbox.claim(run, min(missing, CHUNK), first, self._step)
            if not rows:
                break
            self.outbox.settle(self._carried(rank, rows, now))
        settled, failed = self._tally(rank)
        settled = min(settled - known, emails)
        failed = min(failed - known_failed, settled)
        self.told[rank] = known + settled, known_failed + failed
        if settled == emails:
            return Handed(emails, failed, reason=self._words if failed else "")
        if self.courier.problem is not None:
            return Handed(settled, failed, reason=str(self.courier.problem), broken=True)
        due = self.outbox.next_due(run)
        wait = LEAST_WAIT if due is None else -(-(due - now) // SECOND)
        return Handed(settled, failed, wait=wait, reason=self._words)

    def _tally(self, rank: int) -> tuple[int, int]:
        """Return how many emails of a run are dealt with, and how many of them failed.

        What a list turned out not to have, because rows of it were refused, has failed.
        """
        counts = self.outbox.counts(self._run(rank))
        refused = max(int(self._plan.runs.requests[rank]) - sum(counts.values()), 0)
        failed = refused + sum(counts[state] for state in FAILED)
        return failed + sum(counts[state] for state in SETTLED), failed

    # --- rows and messages --------------------------------------------------------------------

    def _run(self, rank: int) -> Run:
        if rank not in self._runs:
            runs = self._plan.runs
            task = int(runs.task[rank])
            self._runs[rank] = self.outbox.add_run(
                task, int(runs.number[rank]), self.order.lists[task],
                self._plan.tasks[task - 1].domain, int(runs.due[rank]),
            )  # fmt: skip
        return self._runs[rank]

    def _form(self, rank: int) -> Form:
        if rank not in self._forms:
            run = self._runs[rank]
            date = self._plan.clock.local(run.date).astimezone(dt.UTC)
            letter = self.order.letters[run.task]
            serial = self.outbox.serial(run)
            self._forms[rank] = Form(letter, run.variables, date, serial, f"list {run.list!r}")
        return self._forms[rank]

    def _carried(self, rank: int, rows: Iterable[Row], now: int) -> list[Outcome]:
        form, sender = self._form(rank), self._bare_sender(rank)
        outcomes: list[Outcome] = []
        envelopes: dict[int, tuple[Row, Envelope]] = {}
        for row in rows:
            try:
                envelopes[row.line] = row, self._envelope(form, sender, row)
            except ValueError as error:  # its values make no message
                outcomes.append(Outcome(row, State.REJECTED, str(error)))
        answers = self.courier.carry([envelope for _, envelope in envelopes.values()])
        outcomes += [self._outcome(row, answers[line], now) for line, (row, _) in envelopes.items()]
        return outcomes

    def _bare_sender(self, rank: int) -> str:
        text = self._plan.tasks[self._runs[rank].task - 1].sender
        return text.rpartition("<")[2].rstrip("> ")

    def _envelope(self, form: Form, sender: str, row: Row) -> Envelope:
        if self._hourly.is_full(row):
            self._words = self._hourly.words
            raise ValueError(self._words)
        goes_to = self.order.redirect_to or row.address
        original = row.address if self.order.redirect_to else None
        message = form.fill(goes_to, row.values, row.identity, original)
        return Envelope(row.line, sender, goes_to, message)

    def _outcome(self, row: Row, delivery: Delivery, now: int) -> Outcome:
        if delivery == NOT_SENT:
            self._words = "the send was stopped"
            return Outcome(row, State.PENDING, delivery.words)
        if delivery.outcome is not Answer.ACCEPTED:
            self._words = delivery.words
        if delivery.outcome in _STATES:
            return Outcome(row, _STATES[delivery.outcome], delivery.words)
        if row.attempts >= MOST_TRIES[delivery.outcome]:
            return Outcome(row, State.EXPIRED, delivery.words)
        delay = retry_delay(delivery.outcome, row.attempts, self._rng, delivery.retry_after)
        assert delay is not None
        return Outcome(row, State.DEFERRED, delivery.words, now + round(delay * SECOND))
