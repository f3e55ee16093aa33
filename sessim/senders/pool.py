"""Several connections at work on one stream of envelopes."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Iterable
from contextlib import aclosing, suppress
from typing import Any, Final, NamedTuple

from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.feed import Envelopes, Feed
from sessim.senders.pacing import Breaker, Door, Lanes, Pace, Policy
from sessim.senders.replies import Outcome, Stage
from sessim.senders.settings import Credentials, Guard, Server
from sessim.senders.smtp import Connection
from sessim.senders.stops import NotNow, TaskStopped

Answer = tuple[Hashable, Delivery]

IN_FLIGHT: Final = 4
"""Envelopes taken and not yet answered, for each connection."""

LANE_CHECK: Final = 0.5  # seconds between two looks at whether there is room for a connection

QUIET: Final = 10.0
"""Seconds without a word from a server after which it is said that nothing was heard."""

GIVEN_UP: Final = "the send was stopped before the reply"

NOT_SENT: Final = Delivery(Outcome.DEFERRED, 0, "not sent: the send stopped", stage=Stage.CONNECT)


class Waiting(NamedTuple):
    """What the end of a send waits for: messages in hand, and how many seconds at most."""

    messages: int
    seconds: float


class Pool:
    """Delivers a stream of envelopes over several connections to one server.

    Parameters
    ----------
    server
        Whom to send through, and over how many connections.
    guard
        What this send may touch; there is no default on purpose.
    credentials
        For AUTH; needs TLS.
    policy
        Backoff, and when to stop the task.
    seed
        Of the jitter.
    in_flight
        How many envelopes may be taken and not yet answered; 4 for each connection by default.
    """

    def __init__(
        self,
        server: Server,
        *,
        guard: Guard,
        credentials: Credentials | None = None,
        policy: Policy | None = None,
        seed: int | None = None,
        in_flight: int | None = None,
    ) -> None:
        self.server, self.guard, self.credentials = server, guard, credentials
        self.policy = policy or Policy()
        self._rng = random.Random(seed)
        self._in_flight = in_flight or IN_FLIGHT * server.connections
        self._in_hand: set[Connection] = set()
        self._is_given_up = False
        self.trouble = ""  # why no connection came about lately, and that it is tried again

    @property
    def waiting(self) -> Waiting:
        """How many messages are in hand, and how long they may take; from any thread."""
        held = list(self._in_hand)
        return Waiting(len(held), max((connection.patience for connection in held), default=0.0))

    def give_up(self) -> None:
        """Drop what is in hand, for good; what the server may have is answered as unknown."""
        self._is_given_up = True
        for connection in self._in_hand:
            connection.abort(GIVEN_UP)

    def note_trouble(self, refused: NotNow) -> None:
        """Take down in words that a connection did not come about."""
        tries = f"{self.policy.tries} times in all"
        self.trouble = f"no connection to {self.server} ({refused}); it is tried again, {tries}"

    def note_silence(self) -> None:
        """Take down in words that a server has not answered for a while."""
        is_tls_first = self.server.tls == "implicit"
        hint = "" if is_tls_first else "; one that speaks TLS from the first byte needs smtps://"
        self.trouble = f"{self.server} has not answered for {QUIET:g} seconds, it may yet{hint}"

    async def send(
        self, connection: Connection, envelope: Envelope, ahead: Callable[[], Envelope | None]
    ) -> Delivery:
        """Deliver one message, which is in hand meanwhile; see :meth:`Connection.deliver`."""
        if self._is_given_up:
            connection.abort(GIVEN_UP)
        self._in_hand.add(connection)
        try:
            delivery = await connection.deliver(envelope, ahead)
        finally:
            self._in_hand.remove(connection)
        is_lost = delivery.outcome is Outcome.DEFERRED and not delivery.code
        return NOT_SENT if self._is_given_up and is_lost else delivery

    async def deliver(
        self, envelopes: Envelopes, stop: asyncio.Event | None = None
    ) -> AsyncGenerator[Answer, None]:
        """Deliver envelopes and yield the key of each with what became of it, as it is known.

        Every envelope that is taken is answered exactly once; no row is tried twice. With ``stop``
        set each connection finishes at most the message in hand, and what was taken in advance is
        answered as deferred without a delay. If the caller closes the iterator early, messages
        in hand are dropped: those whose final dot was written may have been delivered.

        Parameters
        ----------
        envelopes
            Keys must be unique. Taken one by one, when there is room: what has to be written down
            before a message goes out belongs into this stream.
        stop
            Set it to stop.

        Raises
        ------
        TaskStopped
            After the last answer: what stops the task.
        """
        shift = Shift(self, Feed(envelopes, self._in_flight), stop or asyncio.Event(), self._rng)
        async with aclosing(shift.run()) as answers:
            async for answer in answers:
                yield answer


class Shift:
    """One call of `Pool.deliver`: its workers and what they share."""

    def __init__(self, pool: Pool, feed: Feed, stop: asyncio.Event, rng: random.Random) -> None:
        clock = asyncio.get_running_loop().time
        self._pool, self._feed, self._stop = pool, feed, stop
        self._door = Door(pool.policy, str(pool.server), rng, clock)
        self._lanes = Lanes(pool.server.connections, clock)
        self._pace = Pace(clock)
        self._breaker = Breaker(pool.policy, str(pool.server))
        self._answers: deque[Answer] = deque()
        self._news = asyncio.Event()
        self._halted = asyncio.Event()  # by the caller's stop or by an error
        self._error: Exception | None = None

    async def run(self) -> AsyncGenerator[Answer, None]:
        """Start the workers and yield their answers; end them whatever happens."""
        helpers = [asyncio.create_task(self._fill()), asyncio.create_task(self._heed())]
        workers = [asyncio.create_task(self._work()) for _ in range(self._pool.server.connections)]
        crew = asyncio.gather(*workers)
        crew.add_done_callback(lambda _: self._news.set())
        try:
            while not crew.done() or self._answers:
                while self._answers:
                    yield self._answers.popleft()
                    self._feed.answered()
                if not crew.done():
                    self._news.clear()
                    await self._news.wait()
            crew.result()
        finally:
            await _cancelled([*helpers, *workers, crew])
        while (envelope := self._feed.take_ready()) is not None:
            yield envelope.key, NOT_SENT
        if self._error is not None:
            raise self._error

    # --- helpers ---

    async def _fill(self) -> None:
        try:
            await self._feed.fill()
        except Exception as error:  # noqa: BLE001 - the caller's own: run() raises it to him
            self._halt(error)

    async def _heed(self) -> None:
        await self._stop.wait()
        self._halt(None)

    def _halt(self, error: Exception | None) -> None:
        self._error = self._error or error
        self._halted.set()
        self._feed.end()

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the shift is halted."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._halted.wait(), seconds)

    # --- workers ---

    async def _work(self) -> None:
        while not self._halted.is_set():
            if not self._lanes.has_room:
                if self._feed.is_over:
                    return  # those with a connection finish what there is
                await self._sleep(LANE_CHECK)
                continue
            self._lanes.open += 1
            try:
                envelope = await self._feed.take()
                if envelope is None:
                    return
                await self._serve(envelope)
            except NotNow:
                self._lanes.shrink()
            except TaskStopped as error:
                self._halt(error)
            finally:
                self._lanes.open -= 1

    async def _serve(self, envelope: Envelope) -> None:
        """Connect and deliver, beginning with an envelope, until connection or work is over."""
        ticket, connection = self._door.failures, None
        try:
            connection = await self._connect()
        finally:
            if connection is None:
                self._feed.give_back(envelope)
        if connection is None:
            return
        try:
            last = await self._deliver(connection, envelope)
            if connection.is_open:
                await connection.close()
        finally:
            connection.abort()
        if last is not None and not connection.accepted:
            self._door.fail(ticket, last.words)

    async def _connect(self) -> Connection | None:
        """Connect, however often it takes; return nothing if the shift is halted before.

        Raises
        ------
        NotNow
            The server has too many connections, and others of this pool are among them.
        TaskStopped
            No later try would do better, or there were too many.
        """
        while True:
            async with self._door.passage():
                await self._sleep(self._door.wait)
                if self._halted.is_set():
                    return None
                ticket = self._door.failures
                try:
                    connection = await self._opened()
                except NotNow as refused:
                    if refused.is_crowded and self._lanes.open > 1:
                        raise
                    self._door.fail(ticket, str(refused))
                    self._pool.note_trouble(refused)
                else:
                    self._pool.trouble = ""
                    self._door.is_known = True
                    return connection

    async def _opened(self) -> Connection | None:
        """Open a connection, and let it be known if nothing is heard of it."""
        pool = self._pool
        silence = asyncio.get_running_loop().call_later(QUIET, pool.note_silence)
        try:
            return await self._unless_halted(
                Connection.open(pool.server, guard=pool.guard, credentials=pool.credentials)
            )
        finally:
            silence.cancel()

    async def _unless_halted(self, opening: Coroutine[Any, Any, Connection]) -> Connection | None:
        """Wait for a connection, or give it up if the shift is halted: nothing is in hand yet."""
        opened, halted = asyncio.create_task(opening), asyncio.create_task(self._halted.wait())
        taken: Connection | None = None
        try:
            await asyncio.wait([opened, halted], return_when=asyncio.FIRST_COMPLETED)
            if opened.done():
                taken = opened.result()
            return taken
        finally:
            for found in await _cancelled([opened, halted]):
                if isinstance(found, Connection) and found is not taken:
                    found.abort()  # it came about at the very last moment

    async def _deliver(self, connection: Connection, envelope: Envelope) -> Delivery | None:
        """Deliver as long as there is work; return the last answer if the connection is lost."""
        hand = deque([envelope])  # the message in hand, and the one whose commands are ahead of it

        def ahead() -> Envelope | None:
            if self._halted.is_set() or self._pace.rate is not None:
                return None
            following = self._feed.take_ready()
            if following is not None:
                hand.append(following)
            return following

        delivery = None
        try:
            while hand and connection.is_open:
                await self._sleep(self._pace.turn())
                if self._halted.is_set():
                    return None
                delivery = await self._pool.send(connection, hand[0], ahead)
                self._answer(hand.popleft(), delivery)
                if not hand:
                    hand.extend(await self._next())
        finally:
            # Not complete on the wire, so not delivered: somebody else's, or not sent.
            for left in reversed(hand):
                self._feed.give_back(left)
        return None if connection.is_open else delivery

    async def _next(self) -> list[Envelope]:
        """Wait for the next envelope as long as a connection may be idle."""
        envelope = self._feed.take_ready()
        if envelope is None and not self._feed.is_over:
            with suppress(TimeoutError):
                idle = self._pool.server.timeouts.idle
                envelope = await asyncio.wait_for(self._feed.take(), idle)
        return [] if envelope is None else [envelope]

    def _answer(self, envelope: Envelope, delivery: Delivery) -> None:
        self._answers.append((envelope.key, delivery))
        self._news.set()
        self._pace.note()
        if delivery.outcome is Outcome.ACCEPTED:
            self._door.succeed()
        elif delivery.outcome is Outcome.THROTTLED:
            self._pace.slow_down()
        try:
            self._breaker.note(envelope.key, delivery)
        except TaskStopped as error:
            self._halt(error)


async def _cancelled(tasks: Iterable[asyncio.Future[Any]]) -> list[Any]:
    """Cancel tasks and wait until they have ended; return their results and errors."""
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)
