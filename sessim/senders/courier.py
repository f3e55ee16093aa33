"""Carries envelopes to a server from a thread of its own; whoever sends waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Final, Self

from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.pacing import Meter
from sessim.senders.pool import NOT_SENT, Pool, Waiting

IN_HAND: Final = 8
"""Messages in the sender's hands at once, for each connection: on the wire, on their way there, or
answered and not yet written down. So many can be in doubt after a kill, at most."""

GLANCE: Final = 0.1
"""Seconds between two glances of who waits."""

PATIENCE: Final = 0.2
"""Seconds that an answer may wait for others to be written down with."""

Answers = Mapping[Hashable, Delivery]

Clerk = Callable[[Answers], Sequence[Envelope]]
"""Writes down answers, by the envelopes' keys, and hands out what is to be carried next.

It works in the courier's thread. A commit there holds up the connections shortly; in a thread of
its own it would hold them up longer, as the two would wait for each other at every message.
"""


class Courier:
    """A pool at work, for those who wait: the model asks, and goes on when all is carried.

    Parameters
    ----------
    pool
        Whom to send through.
    rate
        Messages a second at most; by default as many as the server takes.

    Attributes
    ----------
    most
        How many envelopes to have under way: enough for every connection to be at work while
        answers are written down.
    problem
        What stopped the work, None while nothing did.
    is_over
        Whether nothing more is begun.
    is_held
        Whether nothing more is begun for now, until :meth:`go_on`.
    glance
        Called now and then, in the thread that waits in :meth:`carry`.
    """

    def __init__(self, pool: Pool, rate: float | None = None) -> None:
        self.most = IN_HAND * pool.server.connections
        self.problem: Exception | None = None
        self.is_over = self.is_held = False
        self.glance: Callable[[], object] = lambda: None
        self._pool = pool
        self._meter = None if rate is None else Meter(rate, time.monotonic)
        self._clerk: Clerk | None = None
        self._failure: BaseException | None = None
        self._posted: set[Hashable] = set()
        self._begun: set[Hashable] = set()  # of them, what the pool has
        self._answers: dict[Hashable, Delivery] = {}
        self._wanted = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ready, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sessim-courier", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell(lambda: self._queue.put_nowait(None))
        self.stop()
        self._thread.join()

    def carry(self, clerk: Clerk) -> None:
        """Deliver what a clerk hands out, until all is answered and it hands out no more.

        After :meth:`stop` or :meth:`hold`, or if the task was stopped (see ``problem``), what had
        not been begun is answered as not sent. What the clerk raises is raised here, and ends the
        work.
        """
        if self._failure is not None:
            raise self._failure
        self._done.clear()
        if self.is_over:
            return
        self._clerk = clerk
        self._tell(self._turn)
        while not self._done.wait(GLANCE):
            self.glance()
        if self._failure is not None:
            raise self._failure

    def deliver(self, envelopes: Sequence[Envelope]) -> Answers:
        """Deliver a few envelopes, and return what became of each by its key."""
        found: dict[Hashable, Delivery] = {envelope.key: NOT_SENT for envelope in envelopes}
        parcel = [envelopes]

        def clerk(answers: Answers) -> Sequence[Envelope]:
            found.update(answers)
            return parcel.pop() if parcel else ()

        self.carry(clerk)
        return found

    def stop(self) -> None:
        """Have every connection finish at most the message in hand; from any thread."""
        self.is_over = True
        self._tell(lambda: self._stop.set())

    def hold(self) -> None:
        """Have every connection finish at most the message in hand, for now; from any thread."""
        self.is_held = True
        self._tell(lambda: self._stop.set())

    def go_on(self) -> None:
        """Carry again after :meth:`hold`, over new connections; for who carries."""
        self.is_held = False

    @property
    def waiting(self) -> Waiting:
        """How many messages are in hand, and how long they may take; from any thread."""
        return self._pool.waiting

    @property
    def trouble(self) -> str:
        """Why no connection comes about, in words; empty if one does. From any thread."""
        return self._pool.trouble

    def abort(self) -> None:
        """Stop and drop what is in hand; from any thread. What the server may have is unknown."""
        self.is_over = True
        self._tell(self._drop)

    def _tell(self, what: Callable[[], object]) -> None:
        if self._ready.is_set():
            with suppress(RuntimeError):  # the thread has ended meanwhile
                self._loop.call_soon_threadsafe(what)

    # --- in the thread ------------------------------------------------------------------------

    def _drop(self) -> None:
        self._stop.set()
        self._pool.give_up()

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
            self.problem = error
        self.is_over = True
        self._ready.set()
        # What the pool had and did not answer, because it broke, may have been sent.
        self._answers |= dict.fromkeys(self._posted - self._begun - self._answers.keys(), NOT_SENT)
        if self._answers:
            self._ask()
        self._done.set()

    async def _work(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._queue: asyncio.Queue[Sequence[Envelope] | None] = asyncio.Queue()
        self._ready.set()
        while not self.is_over:
            self._stop.clear()
            async with aclosing(self._pool.deliver(self._stream(), self._stop)) as answers:
                async for key, delivery in answers:
                    self._answers[key] = delivery
                    if len(self._answers) >= self._wanted:
                        self._turn()
            if self._posted and not self.is_over:
                self._take_back()

    def _take_back(self) -> None:
        """After a hold, have it written down that nothing came of what nobody had begun."""
        self._queue = asyncio.Queue()
        self._answers |= dict.fromkeys(self._posted - self._begun - self._answers.keys(), NOT_SENT)
        self._turn()

    async def _stream(self) -> AsyncGenerator[Envelope, None]:
        while (envelopes := await self._queue.get()) is not None:
            for envelope in envelopes:
                if self._meter is not None and (wait := self._meter.turn()) > 0:
                    await asyncio.sleep(wait)
                self._begun.add(envelope.key)
                yield envelope

    def _turn(self) -> None:
        """Have answers written down, and post what is to be carried next."""
        if self._timer is not None:
            self._timer.cancel()
        if envelopes := self._ask():
            self._queue.put_nowait(envelopes)
        if not self._posted:
            self._done.set()
            return
        self._wanted = -(-len(self._posted) // 2)  # the other half keeps the connections at work
        self._timer = self._loop.call_later(PATIENCE, self._turn_early)

    def _turn_early(self) -> None:
        if self._answers:
            self._turn()
        elif self._posted:
            self._timer = self._loop.call_later(PATIENCE, self._turn_early)

    def _ask(self) -> Sequence[Envelope]:
        answers, self._answers = self._answers, {}
        self._posted -= answers.keys()
        self._begun -= answers.keys()
        envelopes: Sequence[Envelope] = ()
        if self._clerk is not None:
            try:
                envelopes = self._clerk(answers)
            except BaseException as error:  # noqa: BLE001 - raised to whoever waits
                self._failure = error
                self._clerk, self.is_over = None, True
                self._posted.clear()
                self._stop.set()
        self._posted.update(envelope.key for envelope in envelopes)
        return envelopes
