"""How hard a pool presses on a server: waiting before connecting, rates, and when to stop."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sessim.senders.envelope import Delivery
from sessim.senders.replies import JITTER, Outcome, Schedule, Stage
from sessim.senders.stops import SenderBlocked, ServerUnreachable, TooManyRejected

Clock = Callable[[], float]  # seconds, never going back

PROBE_CONNECTIONS: Final = 60.0
"""Seconds without a complaint after which one more connection is tried."""

OBSERVED: Final = 1.0
"""Seconds over which the rate is measured that a complaint cuts, and between two cuts."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a pool behaves when the server does not.

    Parameters
    ----------
    backoff
        Waiting before connecting again; jitter of up to a quarter is added.
    tries
        Connections in a row that fail, or end without an accepted message, before the task stops.
    sender_refusals
        Refusals of MAIL in a row (5xx) that stop the task.
    first, rejected_rate
        The task stops when more than this share of the first rows is rejected for good.
    """

    backoff: Schedule = field(default_factory=lambda: Schedule(1.0, 2.0, 300.0))
    tries: int = 8
    sender_refusals: int = 10
    first: int = 100
    rejected_rate: float = 0.05


class Door:
    """Lets workers connect: first one alone, all at once once that went well, later if not."""

    def __init__(self, policy: Policy, host: str, rng: random.Random, clock: Clock) -> None:
        self._policy, self._host, self._rng, self._clock = policy, host, rng, clock
        self._not_before = 0.0
        self._one = asyncio.Lock()
        self.failures = 0
        self.is_known = False  # a wrong password is tried by one, not by all

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Hold back all but one until one came about, and while connections fail."""
        if self.is_known and not self.failures:
            yield
            return
        async with self._one:
            yield

    @property
    def wait(self) -> float:
        """Return how long to wait before connecting, in seconds."""
        return max(0.0, self._not_before - self._clock())

    def fail(self, ticket: int, said: str) -> None:
        """Note a connection that failed; ``ticket`` is what ``failures`` was when it began.

        Connections that fail together count once.

        Raises
        ------
        ServerUnreachable
            That was one too many in a row.
        """
        if ticket != self.failures:
            return
        self.failures += 1
        if self.failures >= self._policy.tries:
            raise ServerUnreachable(self._host, f"{self.failures} tries, the last one: {said}")
        delay = self._policy.backoff.delay(self.failures)
        self._not_before = self._clock() + delay * (1 + JITTER * self._rng.random())

    def succeed(self) -> None:
        """Note that a message was accepted."""
        self.failures = 0


class Lanes:
    """How many connections may be open: fewer when the server complains, slowly more again."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most, self._clock = most, clock
        self._allowed, self._since = most, 0.0
        self.open = 0

    @property
    def has_room(self) -> bool:
        """Tell whether one more connection may be opened now."""
        self._probe()
        return self.open < self._allowed

    def shrink(self) -> None:
        """Do with one connection less; call it when the server has too many."""
        self._allowed, self._since = max(1, self._allowed - 1), self._clock()

    def _probe(self) -> None:
        if self._allowed < self._most and self._clock() - self._since >= PROBE_CONNECTIONS:
            self._allowed, self._since = self._allowed + 1, self._clock()


class Pace:
    """Messages a second: without a limit until the server complains, then halved, then regained.

    Additive increase, multiplicative decrease: each complaint halves the rate, once a second at
    most; each second without one gives back a twentieth of what it was before the first. Twice
    that, and there is no limit any more.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answered: deque[float] = deque(maxlen=1024)
        self._peak = 0.0
        self._rate: float | None = None
        self._since = self._next = 0.0

    @property
    def rate(self) -> float | None:
        """Return the messages a second that are allowed now, ``None`` for any number."""
        if self._rate is None:
            return None
        regained = (self._clock() - self._since) * self._peak / 20
        rate = self._rate + regained
        if rate >= 2 * self._peak:
            self._rate = None
        return self._rate and rate

    def turn(self) -> float:
        """Take a turn; return how long to wait for it, in seconds."""
        rate = self.rate
        if rate is None:
            return 0.0
        now = self._clock()
        turn = max(now, self._next)
        self._next = turn + 1 / rate
        return turn - now

    def note(self) -> None:
        """Note that a message was answered."""
        self._answered.append(self._clock())

    def slow_down(self) -> None:
        """Halve the rate, unless that was done within the last second."""
        now, rate = self._clock(), self.rate
        if rate is None:
            self._peak = rate = self._observed(now)
        elif now - self._since < OBSERVED:
            return
        self._rate, self._since = max(rate / 2, self._peak / 64), now
        self._next = max(self._next, now + 1 / self._rate)

    def _observed(self, now: float) -> float:
        recent = [instant for instant in self._answered if now - instant <= OBSERVED]
        span = now - recent[0] if recent else OBSERVED
        return max(1.0, len(recent) / max(span, OBSERVED / 10))


class Meter:
    """Holds a rate over any time: what waits too long does not leave in a burst afterwards.

    Parameters
    ----------
    rate
        Messages a second.
    clock
        Tells seconds.
    """

    SLACK: Final = 0.05
    """Seconds that a message may make up for: at 20 a second one of them."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._interval, self._clock = 1 / rate, clock
        self._next = 0.0

    def turn(self) -> float:
        """Take a turn; return how long to wait for it, in seconds."""
        now = self._clock()
        turn = max(self._next, now - self.SLACK)
        self._next = turn + self._interval
        return max(0.0, turn - now)


class Breaker:
    """Stops a task before it burns its list."""

    def __init__(self, policy: Policy, host: str) -> None:
        self._policy, self._host = policy, host
        self._sender_refused: list[Hashable] = []
        self._answered = self._rejected = 0
        self._words = ""  # of the last refusal

    def note(self, key: Hashable, delivery: Delivery) -> None:
        """Take an answer into account.

        Raises
        ------
        SenderBlocked
            MAIL was refused for good too often in a row; the error has the keys of those rows.
        TooManyRejected
            Too many of the first rows were.
        """
        # The client's own refusals say nothing about server or list, but for those that follow
        # from what the server said of itself: a message too large for it is so for every row.
        if not delivery.code and delivery.stage is not Stage.EHLO:
            return
        is_rejected = delivery.outcome is Outcome.REJECTED
        if is_rejected:
            self._words = delivery.words
        if is_rejected and delivery.stage is Stage.MAIL:
            self._note_sender(key, delivery)
        elif delivery.stage is not Stage.MAIL:
            self._count(len(self._sender_refused))
            self._sender_refused.clear()
            if is_rejected or delivery.outcome is Outcome.ACCEPTED:
                self._count(is_rejected, not is_rejected)
            self._judge()

    def _note_sender(self, key: Hashable, delivery: Delivery) -> None:
        self._sender_refused.append(key)
        if len(self._sender_refused) >= self._policy.sender_refusals:
            said = f"{len(self._sender_refused)} times in a row, last: {delivery.words}"
            raise SenderBlocked(self._host, said, delivery.words, self._sender_refused)

    def _count(self, rejected: int, accepted: int = 0) -> None:
        """Count answers, as long as they are among the first."""
        rejected = min(rejected, self._policy.first - self._answered)
        self._rejected += rejected
        self._answered = min(self._answered + rejected + accepted, self._policy.first)

    def _judge(self) -> None:
        if self._rejected > self._policy.first * self._policy.rejected_rate:
            said = f"{self._rejected} of {self._answered}, last: {self._words}"
            raise TooManyRejected(self._host, said)
