"""The sender that the model asks: rows of the outbox in, what became of them out."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Hashable
from typing import Final

from sessim.clock import SECOND
from sessim.senders.caps import Hourly
from sessim.senders.courier import Answers, Courier
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
from sessim.senders.trial import Trial

SETTLED: Final = (State.ACCEPTED, State.UNKNOWN)
FAILED: Final = (State.REJECTED, State.EXPIRED, State.SUPPRESSED)
DONE: Final = frozenset({*SETTLED, *FAILED})
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
    step
        Microseconds between two emails at the plan's rate.
    held
        The tasks of which no more is sent. Any thread may add to it, before it looks at
        ``in_hand``.
    in_hand
        The task that is being sent, 0 for none.
    """

    def __init__(self, order: Order, outbox: Outbox, courier: Courier) -> None:
        self.mode: str = order.mode
        self.order, self.outbox, self.courier = order, outbox, courier
        self.told: dict[int, tuple[int, int]] = {}
        self.held: set[int] = set()
        self.in_hand = 0
        self._plan = order.plan
        self._forms: dict[int, Form] = {}
        self._runs: dict[int, Run] = {}
        self._rng = random.Random(outbox.header.id)
        self._words = ""
        self.step = int(SECOND / order.plan.rate)
        self._hourly = Hourly(outbox, order.hourly, shared=order.redirect_to is not None)

    # --- what the model asks ------------------------------------------------------------------

    def send(self, rank: int, emails: int, now: int) -> Handed:
        """Send the next emails of a run; what the outbox has beyond the model's knowledge counts.

        See :class:`~sessim.senders.handover.Sender`.
        """
        run = self.run(rank)
        known, known_failed = self.told.get(rank, (0, 0))
        self.in_hand = run.task
        while self._may_send(run):
            self.courier.carry(Round(self, rank, known + emails, now))
            if not self.courier.is_held:
                break
        self.in_hand = 0
        settled, failed = self.tally(rank)
        settled = min(settled - known, emails)
        failed = min(failed - known_failed, settled)
        self.told[rank] = known + settled, known_failed + failed
        if settled == emails:
            return Handed(emails, failed, reason=self._words if failed else "")
        if self.courier.problem is not None:
            return Handed(settled, failed, reason=str(self.courier.problem), broken=True)
        if run.task in self.held:
            return Handed(settled, failed, reason=self._words if failed else "", held=True)
        due = self.outbox.next_due(run)
        wait = LEAST_WAIT if due is None else -(-(due - now) // SECOND)
        return Handed(settled, failed, wait=wait, reason=self._words)

    def send_test(self, number: int, emails: int, now: int) -> tuple[int, str]:
        """Send a test; see :class:`~sessim.senders.handover.Sender`."""
        if self.courier.is_held:
            self.courier.go_on()
        trial = Trial(self._plan, number + 1, self.outbox, self.courier, self.order.redirect_to)
        return trial.send(emails, now)

    def may_take(self, run: Run) -> bool:
        """Say whether more rows of a run may be handed out."""
        return not (self.courier.is_over or self.courier.is_held or run.task in self.held)

    def _may_send(self, run: Run) -> bool:
        if run.task in self.held or self.courier.is_over:
            return False
        if self.courier.is_held:  # for another task, whose message was in hand
            self.courier.go_on()
        return True

    def tally(self, rank: int) -> tuple[int, int]:
        """Return how many emails of a run are dealt with, and how many of them failed.

        What a list turned out not to have, because rows of it were refused, has failed.
        """
        counts = self.outbox.counts(self.run(rank))
        refused = max(int(self._plan.runs.requests[rank]) - sum(counts.values()), 0)
        failed = refused + sum(counts[state] for state in FAILED)
        return failed + sum(counts[state] for state in SETTLED), failed

    # --- rows and messages --------------------------------------------------------------------

    def sender(self, rank: int) -> str:
        """Return the bare address that a run is sent from."""
        text = self._plan.tasks[self._runs[rank].task - 1].sender
        return text.rpartition("<")[2].rstrip("> ")

    def run(self, rank: int) -> Run:
        """Return a run of the outbox; it is added when it is first asked for."""
        if rank not in self._runs:
            runs = self._plan.runs
            task = int(runs.task[rank])
            self._runs[rank] = self.outbox.add_run(
                task, int(runs.number[rank]), self.order.lists[task],
                self._plan.tasks[task - 1].domain, int(runs.due[rank]),
            )  # fmt: skip
        return self._runs[rank]

    def form(self, rank: int) -> Form:
        """Return the form of a run's messages."""
        if rank not in self._forms:
            run = self._runs[rank]
            date = self._plan.clock.local(run.date).astimezone(dt.UTC)
            letter = self.order.letters[run.task]
            serial = self.outbox.serial(run)
            self._forms[rank] = Form(letter, run.variables, date, serial, f"list {run.list!r}")
        return self._forms[rank]

    def envelope(self, form: Form, sender: str, row: Row) -> Envelope:
        """Make the message of a row; ``ValueError`` if its values make none, or it is too many."""
        if self._hourly.is_full(row):
            self._words = self._hourly.words
            raise ValueError(self._words)
        goes_to = self.order.redirect_to or row.address
        original = row.address if self.order.redirect_to else None
        message = form.fill(goes_to, row.values, row.identity, original)
        return Envelope(row.line, sender, goes_to, message)

    def outcome(self, row: Row, delivery: Delivery, now: int) -> Outcome:
        """Say what a server's answer means for a row: when it is tried again, if ever."""
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


class Round:
    """The clerk of one call of :meth:`Dispatch.send`, for the courier.

    What became of some rows is written down and others are taken in the same transaction: half
    the waiting for the disk. A row is not handed out before it is written down that it was.

    Parameters
    ----------
    dispatch
        Whose rows.
    rank
        The run.
    goal
        How many emails of the run are to be dealt with in the end; fewer if its rows are used up.
    now
        The model's time.
    """

    def __init__(self, dispatch: Dispatch, rank: int, goal: int, now: int) -> None:
        self._dispatch, self._rank, self._goal, self._now = dispatch, rank, goal, now
        self._run, self._form = dispatch.run(rank), dispatch.form(rank)
        self._sender = dispatch.sender(rank)
        self._hand: dict[Hashable, Row] = {}
        self._outcomes: list[Outcome] = []

    def __call__(self, answers: Answers) -> list[Envelope]:
        """Write down answers and return the next envelopes; see :data:`Clerk`."""
        for line, delivery in answers.items():
            row = self._hand.pop(line)
            self._outcomes.append(self._dispatch.outcome(row, delivery, self._now))
        envelopes: list[Envelope] = []
        while not envelopes and (self._outcomes or self._room(self._left)):
            envelopes = self._made(self._exchanged())
            if not (envelopes or self._outcomes):
                break  # there are no more rows
        return envelopes

    @property
    def _left(self) -> int:
        """How many emails are still to be taken; those in hand are."""
        dealt_with = sum(outcome.state in DONE for outcome in self._outcomes)
        missing = self._goal - self._dispatch.tally(self._rank)[0] - dealt_with
        return max(missing - len(self._hand), 0)

    def _room(self, left: int) -> int:
        """Return how many of them may be taken now."""
        if not self._dispatch.may_take(self._run):
            return 0
        return max(min(left, self._dispatch.courier.most - len(self._hand)), 0)

    def _exchanged(self) -> list[Row]:
        """Write down outcomes and take rows: the last of all is sent now, others before it."""
        left, step = self._left, self._dispatch.step
        first = self._now - max(left - 1, 0) * step
        outcomes, self._outcomes = self._outcomes, []
        return self._dispatch.outbox.exchange(outcomes, self._run, self._room(left), first, step)

    def _made(self, rows: list[Row]) -> list[Envelope]:
        envelopes = []
        for row in rows:
            try:
                envelopes.append(self._dispatch.envelope(self._form, self._sender, row))
            except ValueError as error:  # its values make no message
                self._outcomes.append(Outcome(row, State.REJECTED, str(error)))
            else:
                self._hand[row.line] = row
        return envelopes
