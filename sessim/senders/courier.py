"""Carries envelopes to a server from a thread of its own, and waits for what became of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import aclosing, suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self, cast

from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.pacing import Meter
from sessim.senders.pool import NOT_SENT, Answer, Pool


class Courier:
    """A pool at work, for those who wait: the model asks, and goes on when it has its answers.

    Parameters
    ----------
    pool
        Whom to send through.
    rate
        Messages a second at most; by default as many as the server takes.

    Attributes
    ----------
    problem
        What stopped the work, None while nothing did.
    is_over
        Whether nothing is carried any more.
    """

    def __init__(self, pool: Pool, rate: float | None = None) -> None:
        self.problem: Exception | None = None
        self._pool = pool
        self._meter = None if rate is None else Meter(rate, time.monotonic)
        self._answers: SimpleQueue[Answer | None] = SimpleQueue()
        self._ready = threading.Event()
        self.is_over = False
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
        self._tell(None)
        self.stop()
        self._thread.join()

    def carry(self, envelopes: Sequence[Envelope]) -> dict[Hashable, Delivery]:
        """Deliver envelopes, and return what became of each by its key.

        After :meth:`stop`, or if the task was stopped (see ``problem``), those that had not been
        begun are answered as not sent.
        """
        answers: dict[Hashable, Delivery] = dict.fromkeys((e.key for e in envelopes), NOT_SENT)
        waiting = set(answers) if not self.is_over else set()
        for envelope in envelopes:
            self._tell(envelope)
        while waiting:
            answer = self._answers.get()
            if answer is None:
                self.is_over = True
                break
            answers.update([answer])
            waiting.discard(answer[0])
        return answers

    def stop(self) -> None:
        """Have every connection finish at most the message in hand; from any thread."""
        if self._ready.is_set():
            self._call(self._stop.set)

    def abort(self) -> None:
        """Drop what is under way, as a kill would; nobody may be waiting for its answers."""
        if self._ready.is_set():
            self._call(self._task.cancel)

    # --- in the thread ------------------------------------------------------------------------

    def _tell(self, envelope: Envelope | None) -> None:
        if not self.is_over:
            self._call(self._queue.put_nowait, envelope)

    def _call(self, act: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(act, *arguments)

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._work())
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
            self.problem = error
        finally:
            self._ready.set()
            self._answers.put(None)

    async def _work(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._queue: asyncio.Queue[Envelope | None] = asyncio.Queue()
        self._task = cast("asyncio.Task[None]", asyncio.current_task())
        self._ready.set()
        async with aclosing(self._pool.deliver(self._stream(), self._stop)) as answers:
            async for answer in answers:
                self._answers.put(answer)

    async def _stream(self) -> AsyncGenerator[Envelope, None]:
        while (envelope := await self._queue.get()) is not None:
            if self._meter is not None and (wait := self._meter.turn()) > 0:
                await asyncio.sleep(wait)
            yield envelope
