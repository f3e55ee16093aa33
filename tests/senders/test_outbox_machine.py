"""Any sequence of calls, crashes among them: the outbox does what a dictionary would."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sessim.errors import OutboxError
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.reading import Row, Run
from sessim.senders.states import MOVES, OUTCOMES, WAITING, State
from tests.senders.outboxes import HEADER, Rows, addresses, check

SIZE = 6
LINES = range(2, SIZE + 2)


@dataclass
class Entry:
    """What the dictionary knows of a row."""

    state: State = State.PENDING
    attempts: int = 0
    due: int | None = None

    def become(self, state: State, attempts: int = 0, due: int | None = None) -> None:
        assert state in MOVES[self.state]
        self.state, self.attempts, self.due = state, self.attempts + attempts, due


class OutboxMachine(RuleBasedStateMachine):
    """Rows by run and line; what a sender has in hand; which lines are suppressed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "send.outbox"
        self.outbox = Outbox.create(self.file, HEADER)
        self.outbox.add_list("a", Rows(addresses(SIZE)))
        self.runs: list[Run] = []
        self.entries: dict[tuple[int, int], Entry] = {}
        self.in_hand: list[Row] = []
        self.suppressed: set[int] = set()
        self.now = 0

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()

    def of(self, row: Row) -> Entry:
        return self.entries[row.run.run, row.line]

    @precondition(lambda self: len(self.runs) < 3)
    @rule()
    def add_run(self) -> None:
        number = len(self.runs) + 1
        self.runs.append(self.outbox.add_run(1, number, "a", "x.org", 0))
        for line in LINES:
            gone = line in self.suppressed
            self.entries[number, line] = Entry(State.SUPPRESSED if gone else State.PENDING)

    def expected(self, run: Run, n: int) -> list[int]:
        """Take lines as a claim must, first those that are due."""
        mine = {line: self.entries[run.run, line] for line in LINES}
        due = sorted((entry.due, line) for line, entry in mine.items()
                     if entry.state is State.DEFERRED and entry.due <= self.now)  # fmt: skip
        fresh = [line for line, entry in mine.items() if entry.state is State.PENDING]
        taken: list[int] = []
        for line in [*(line for _, line in due), *fresh]:
            if len(taken) == n:
                break
            if line in self.suppressed:
                mine[line].become(State.SUPPRESSED)
            else:
                mine[line].become(State.INTENT, 1)
                taken.append(line)
        return taken

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), n=st.integers(0, SIZE), wait=st.integers(0, 3))
    def claim(self, data: st.DataObject, n: int, wait: int) -> None:
        self.now += wait
        run = data.draw(st.sampled_from(self.runs))
        rows = self.outbox.claim(run, n, self.now)
        assert [row.line for row in rows] == self.expected(run, n)
        self.in_hand += rows

    def drawn_outcomes(self, data: st.DataObject) -> list[Outcome]:
        count = data.draw(st.integers(1, len(self.in_hand)))
        outcomes = []
        for row in data.draw(st.permutations(self.in_hand))[:count]:
            state = data.draw(st.sampled_from(sorted(OUTCOMES)))
            words = data.draw(st.sampled_from(["", "550 5.1.1 gone", "554 no"]))
            due = self.now + data.draw(st.integers(0, 5)) if state is State.DEFERRED else None
            outcomes.append(Outcome(row, state, words, due))
        return outcomes

    def settled(self, outcomes: list[Outcome]) -> None:
        for row, state, words, due in outcomes:
            self.of(row).become(state, -1 if state is State.PENDING else 0, due)
            self.in_hand.remove(row)
            if state is State.REJECTED and "5.1.1" in words:
                self.suppressed.add(row.line)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        outcomes = self.drawn_outcomes(data)
        self.outbox.settle(outcomes)
        self.settled(outcomes)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), n=st.integers(0, SIZE))
    def exchange(self, data: st.DataObject, n: int) -> None:
        outcomes = self.drawn_outcomes(data)
        run = data.draw(st.sampled_from(self.runs))
        rows = self.outbox.exchange(outcomes, run, n, self.now)
        self.settled(outcomes)
        assert [row.line for row in rows] == self.expected(run, n)
        self.in_hand += rows

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def settle_twice(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.in_hand))
        with pytest.raises(OutboxError, match="are not intent"):
            self.outbox.settle([Outcome(row, State.ACCEPTED), Outcome(row, State.REJECTED)])

    @rule(line=st.sampled_from(LINES))
    def suppress(self, line: int) -> None:
        new = line not in self.suppressed
        assert self.outbox.suppress([f"USER{line - 2}@example.com"], "asked") == new
        self.suppressed.add(line)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        waiting = [e for (r, _), e in self.entries.items() if r == run.run and e.state in WAITING]
        assert self.outbox.cancel(run) == len(waiting)
        for entry in waiting:
            entry.become(State.CANCELLED)

    @rule()
    def crash(self) -> None:
        """End with rows in hand: to the file that is what a kill is."""
        self.outbox.close()
        self.outbox = Outbox.resume(self.file, mode="loopback")
        assert self.outbox.doubtful == len(self.in_hand)
        for row in self.in_hand:
            self.of(row).become(State.UNKNOWN)
        self.in_hand = []
        self.runs = self.outbox.runs()

    @rule(data=st.data(), everything=st.booleans(), resend=st.booleans())
    def recover(self, data: st.DataObject, everything: bool, resend: bool) -> None:
        unknown = [row for run in self.runs for row in self.outbox.rows(run, State.UNKNOWN)]
        chosen = unknown if everything or not unknown else [data.draw(st.sampled_from(unknown))]
        policy = "resend" if resend else "reconcile"
        done = self.outbox.recover(policy, None if everything else chosen)
        assert done == len(chosen)
        for row in chosen:
            self.of(row).become(State.PENDING if resend else State.ACCEPTED)

    @invariant()
    def every_row_is_as_the_dictionary_has_it(self) -> None:
        check(self.outbox)
        found = {
            (run.run, row.line): Entry(row.state, row.attempts, row.due)
            for run in self.runs
            for row in self.outbox.rows(run)
        }
        assert found == self.entries
        lines = {int(key.removeprefix("user")[0]) + 2 for key in self.outbox.suppressed()}
        assert lines == self.suppressed


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
test_the_outbox_is_a_dictionary_on_the_disk = OutboxMachine.TestCase
