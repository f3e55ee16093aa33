"""The account's rate and the two disciplines, against fractions and one email after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sessim.lifecycle import PAUSED, SENDING, SENT
from sessim.serving import DISCIPLINES, NEVER, UNLIMITED, Counts, Pace, Queue

RATES = st.fractions(Fraction(1, 10**6), 10**7) | st.sampled_from([Fraction(20), Fraction(70, 3)])
STARTS = st.integers(-(10**17), 10**17)


# --- the pace -----------------------------------------------------------------------------------


@given(RATES, STARTS, st.integers(1, 10**12))
def test_email_n_is_sent_n_divided_by_the_rate_later_rounded_up(
    rate: Fraction, start: int, number: int
) -> None:
    exact = start + number * 1_000_000 / rate
    assert exact <= Pace(rate, start).instant(number) < exact + 1


@given(RATES, STARTS, st.integers(0, 10**17))
def test_sent_by_an_instant_are_those_emails_that_fall_on_it_or_before(
    rate: Fraction, start: int, elapsed: int
) -> None:
    pace = Pace(rate, start)
    number = pace.sent_by(start + elapsed)
    assert number == math.floor(elapsed * rate / 1_000_000)
    assert pace.instant(number) <= start + elapsed < pace.instant(number + 1)


def test_three_emails_a_second() -> None:
    pace = Pace(Fraction(3), 1_000_000)
    assert [pace.instant(number) for number in (1, 2, 3, 4)] == [
        1_333_334,
        1_666_667,
        2_000_000,
        2_333_334,
    ]
    assert [pace.sent_by(instant) for instant in (1_333_333, 1_333_334, 2_000_000)] == [0, 1, 3]


# --- what a domain may still send ---------------------------------------------------------------


def test_a_queue_knows_what_is_left() -> None:
    queue = Queue(np.arange(3))
    assert queue.left == 0
    queue.open(10)
    queue.total = 7
    assert (queue.counted, queue.left) == (7, 3)
    queue.open(10)
    queue.total = 9
    assert (queue.counted, queue.left) == (2, 8)
    queue.open(None)
    assert queue.left == UNLIMITED - 9


def test_a_queue_finds_its_due_runs_and_forgets_those_that_are_over() -> None:
    counts = Counts([1] * 5, [0] * 5, [Queue(np.arange(5))])
    (queue,) = counts.queues
    queue.tail = 4  # the last run is not due yet
    counts.status[:] = [SENT, PAUSED, SENDING, PAUSED, PAUSED]
    assert queue.due(counts, PAUSED, 2).tolist() == [1, 3]
    assert queue.due(counts, SENDING, 1).tolist() == [2]
    assert queue.head == 1


# --- the disciplines, email by email ------------------------------------------------------------


class Serving(RuleBasedStateMachine):
    """Runs join and leave, limits begin anew, emails are sent: the discipline against a loop."""

    name = "fifo"

    @initialize(
        runs=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2)), min_size=1, max_size=7),
        limits=st.lists(st.none() | st.integers(0, 15), min_size=3, max_size=3),
    )
    def build(self, runs: list[tuple[int, int]], limits: list[int | None]) -> None:
        requests, domain = ([entry[i] for entry in runs] for i in (0, 1))
        self.ranks = [[rank for rank, d in enumerate(domain) if d == index] for index in range(3)]
        queues = [Queue(np.array(ranks, dtype=np.intp)) for ranks in self.ranks]
        self.counts = Counts(requests, domain, queues)
        self.discipline: Any = DISCIPLINES[self.name](self.counts)
        self.sending: list[int] = []
        self.sent = [0] * len(runs)
        self.left: list[float] = [math.inf if limit is None else limit for limit in limits]
        self.last = NEVER  # whose turn was last
        for queue, limit in zip(queues, limits, strict=True):
            queue.open(limit)

    # What a person would do, one email after the other.

    def next_in_line(self, sending: Sequence[int], last: int) -> int:
        return min(sending)

    def emails(self, number: float) -> list[int]:
        """Return whose the next emails are, up to the first that ends a run or a limit."""
        sent, left, last, found = list(self.sent), list(self.left), self.last, []
        while self.sending and len(found) < number:
            last = self.next_in_line(self.sending, last)
            found.append(last)
            sent[last] += 1
            left[self.counts.domain[last]] -= 1
            if sent[last] == self.counts.requests[last] or not left[self.counts.domain[last]]:
                break
        return found

    # What may happen.

    def stop(self, ranks: Sequence[int], status: int = PAUSED) -> None:
        """Let runs of one domain leave, as the model does."""
        if ranks:
            self.counts.status[list(ranks)] = status
            self.counts.queues[self.counts.domain[ranks[0]]].sending -= len(ranks)
            self.discipline.leave(ranks)
            self.sending = [rank for rank in self.sending if rank not in ranks]
            assert [self.counts.emails[rank] for rank in ranks] == [self.sent[r] for r in ranks]

    @rule(data=st.data(), domain=st.integers(0, 2))
    def join(self, data: st.DataObject, domain: int) -> None:
        ready = [
            rank
            for rank in self.ranks[domain]
            if rank not in self.sending and self.sent[rank] < self.counts.requests[rank]
        ]
        if ready and self.left[domain]:
            ranks = sorted(data.draw(st.sets(st.sampled_from(ready), min_size=1)))
            self.counts.status[ranks] = SENDING
            self.counts.queues[domain].sending += len(ranks)
            self.counts.queues[domain].cursor = 0
            self.discipline.join(ranks)
            self.sending += ranks

    @rule(data=st.data(), domain=st.integers(0, 2))
    def leave(self, data: st.DataObject, domain: int) -> None:
        there = [rank for rank in self.ranks[domain] if rank in self.sending]
        if there:
            self.stop(sorted(data.draw(st.sets(st.sampled_from(there), min_size=1))))

    @rule()
    def begin(self) -> None:
        self.discipline.begin()
        self.last = NEVER

    @rule(domain=st.integers(0, 2), limit=st.none() | st.integers(0, 15))
    def begin_a_new_limit(self, domain: int, limit: int | None) -> None:
        queue = self.counts.queues[domain]
        queue.open(limit)
        self.left[domain] = math.inf if limit is None else limit
        if limit == 0:
            self.stop([rank for rank in self.ranks[domain] if rank in self.sending])

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), to_the_end=st.booleans())
    def send(self, data: st.DataObject, to_the_end: bool) -> None:
        most = self.discipline.ahead()
        number = most if to_the_end else data.draw(st.integers(1, most))
        emails = self.emails(number)
        assert self.discipline.advance(number) == emails[-1]
        for rank in emails:
            self.sent[rank] += 1
            self.left[self.counts.domain[rank]] -= 1
        self.last = emails[-1]
        if self.sent[self.last] == self.counts.requests[self.last]:
            assert self.counts.emails[self.last] == self.counts.requests[self.last]
            self.stop([self.last], SENT)
        domain = self.counts.domain[self.last]
        if not self.left[domain]:
            self.stop([rank for rank in self.ranks[domain] if rank in self.sending])

    @rule()
    def resume(self) -> None:
        """Make the discipline anew from the counts, as a fork does."""
        self.discipline.served()
        self.discipline = DISCIPLINES[self.name](self.counts, self.discipline.after)
        self.discipline.join(sorted(self.sending))

    @rule()
    def look(self) -> None:
        served = self.discipline.served()
        assert all(self.counts.emails[rank] == self.sent[rank] for rank in served)
        assert served == (sorted(self.sending) if self.name == "fair" else sorted(self.sending)[:1])
        alone = min(self.sending, default=NEVER)
        assert self.discipline.turn == (NEVER if self.name == "fair" else alone)

    @invariant()
    def the_next_change_is_as_far_ahead(self) -> None:
        if hasattr(self, "discipline"):
            assert self.discipline.ahead() == len(self.emails(math.inf))
            for queue, left in zip(self.counts.queues, self.left, strict=True):
                assert queue.left == (UNLIMITED - queue.total if left == math.inf else left)


class FairServing(Serving):
    """The same, in turns."""

    name = "fair"

    def next_in_line(self, sending: Sequence[int], last: int) -> int:
        behind = [rank for rank in sending if rank > last]
        return min(behind or sending)


TestFifo = Serving.TestCase
TestFair = FairServing.TestCase
TestFifo.settings = TestFair.settings = settings(stateful_step_count=30)


def test_fair_serves_as_many_emails_as_you_like_at_once() -> None:
    """A million turns of two runs, the second ten emails ahead of its end."""
    counts = Counts([10**9, 500_010], [0, 0], [Queue(np.arange(2))])
    counts.queues[0].open(None)
    fair = DISCIPLINES["fair"](counts)
    fair.join([0, 1])
    fair.advance(1_000_001)
    assert fair.served() == [0, 1]
    assert list(counts.emails) == [500_001, 500_000]
    assert fair.ahead() == 19  # the second has its turn first, and its tenth 18 emails later


@pytest.mark.parametrize("name", ["fifo", "fair"])
def test_with_nobody_sending_there_is_nothing_ahead(name: str) -> None:
    discipline = DISCIPLINES[name](Counts([1], [0], [Queue(np.arange(1))]))
    assert (discipline.ahead(), discipline.turn, discipline.served()) == (0, NEVER, [])
