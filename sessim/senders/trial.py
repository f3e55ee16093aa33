"""The plan's test sends for real (rule R8): at once, to a few addresses, never cached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sessim.errors import PlanError, Problem
from sessim.fields import address_parts
from sessim.plan import Plan
from sessim.recipients import Recipient, canonical
from sessim.senders.courier import Courier
from sessim.senders.envelope import Envelope
from sessim.senders.letters import Letter
from sessim.senders.messages import Form
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.reading import Run
from sessim.senders.replies import Outcome as Answer
from sessim.senders.states import State
from sessim.senders.templates import Template

TASK = 0
"""What stands in the outbox for the task of a test send, whose number is the run."""

_TEXT = "This is test send {number} of the plan, from {domain}."
_STATES = {Answer.ACCEPTED: State.ACCEPTED, Answer.UNKNOWN: State.UNKNOWN}


@dataclass(frozen=True)
class Addressees:
    """To whom a test send goes: as many addresses as it has, of those given or of nobody."""

    number: int
    size: int
    given: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    @property
    def addresses(self) -> list[str]:
        """The addresses, in their order."""
        if self.given:
            return [canonical(address.strip())[0] for address in self.given[: self.size]]
        return [f"recipient{i}@test{self.number}.example.com" for i in range(1, self.size + 1)]

    def __iter__(self) -> Iterator[Recipient]:
        for line, address in enumerate(self.addresses, 1):
            yield Recipient(line, address, address.lower(), ())


def addressees(plan: Plan, given: tuple[str, ...], *, are_needed: bool) -> Iterator[Addressees]:
    """Yield to whom each test send of a plan goes.

    Raises
    ------
    PlanError
        If addresses are needed, and fewer are given than a test send has.
    """
    for number, test in enumerate(plan.test_sends, 1):
        if are_needed and len(given) < test.recipients:
            said = f"is {test.recipients}, but {len(given)} addresses are given; name more"
            raise PlanError([Problem(f"test send {number}, recipients", f"{said} (test_to)")])
        yield Addressees(number, test.recipients, given)


@dataclass(frozen=True)
class Trial:
    """One test send of a plan on its way.

    Parameters
    ----------
    plan
        The plan.
    number
        Which of its test sends, from 1.
    outbox, courier
        Where its rows are, and who carries the messages.
    redirect_to
        An address that all mail goes to instead.
    """

    plan: Plan
    number: int
    outbox: Outbox
    courier: Courier
    redirect_to: str | None = None

    def send(self, emails: int, now: int) -> tuple[int, str]:
        """Send to the first so many addresses; return how many failed, and the last reason.

        The others are cancelled: the day's limit is used up.
        """
        test = self.plan.test_sends[self.number - 1]
        run = self.outbox.add_run(
            TASK, self.number, f"test {self.number}", test.domain,
            self.plan.clock.instant(test.at),
        )  # fmt: skip
        done = self._done(run)
        reason = "" if done == emails else self._send(run, emails - done, now)
        self.outbox.cancel(run)
        return emails - self._done(run), reason

    def _done(self, run: Run) -> int:
        counts = self.outbox.counts(run)
        return counts[State.ACCEPTED] + counts[State.UNKNOWN]

    def _send(self, run: Run, emails: int, now: int) -> str:
        test = self.plan.test_sends[self.number - 1]
        subject = f"Test send {self.number}"
        text = Template(text=_TEXT.format(number=self.number, domain=test.domain))
        date = self.plan.clock.local(run.date).astimezone(dt.UTC)
        form = Form(Letter(test.sender, subject, text), (), date, self.outbox.serial(run))
        sender = "@".join(address_parts(test.sender)[1:])
        rows = self.outbox.claim(run, emails, now)
        envelopes = []
        for row in rows:
            to = self.redirect_to or row.address
            original = row.address if self.redirect_to else None
            message = form.fill(to, (), row.identity, original)
            envelopes.append(Envelope(row.line, sender, to, message))
        answers = self.courier.deliver(envelopes)
        found = [(row, answers[row.line]) for row in rows]
        self.outbox.settle(
            Outcome(row, _STATES.get(answer.outcome, State.REJECTED), answer.words)
            for row, answer in found
        )
        failed = [answer.words for _, answer in found if answer.outcome not in _STATES]
        return failed[-1] if failed else ""
