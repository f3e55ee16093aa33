"""The stream of envelopes that several connections work on, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing

from sessim.senders.envelope import Envelope

Envelopes = AsyncIterable[Envelope] | Iterable[Envelope]


class Feed:
    """Envelopes between the caller's stream and the workers, a bounded number at a time."""

    def __init__(self, source: Envelopes, most: int) -> None:
        self._source, self._most = source, most
        self._ready: deque[Envelope] = deque()
        self._in_flight = 0
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self.is_over = False

    async def fill(self) -> None:
        """Take envelopes from the stream as long as there is room for them."""
        async with aclosing(_each(self._source)) as stream:
            async for envelope in stream:
                self.give_back(envelope, last=True)
                self._in_flight += 1
                while self._in_flight >= self._most and not self.is_over:
                    self._room.clear()
                    await self._room.wait()
                if self.is_over:
                    return
        self.end()

    def end(self) -> None:
        """Take no more from the stream."""
        self.is_over = True
        self._more.set()

    def answered(self) -> None:
        """Make room: an envelope's answer has been handed to the caller."""
        self._in_flight -= 1
        self._room.set()

    def give_back(self, envelope: Envelope, last: bool = False) -> None:
        """Put an envelope that was not begun before the others, or behind them."""
        if last:
            self._ready.append(envelope)
        else:
            self._ready.appendleft(envelope)
        self._more.set()

    def take_ready(self) -> Envelope | None:
        """Return the next envelope if it is there."""
        return self._ready.popleft() if self._ready else None

    async def take(self) -> Envelope | None:
        """Return the next envelope, ``None`` after the last one."""
        while not self._ready:
            if self.is_over:
                return None
            self._more.clear()
            await self._more.wait()
        return self._ready.popleft()


async def _each(source: Envelopes) -> AsyncGenerator[Envelope, None]:
    if isinstance(source, AsyncIterable):
        async for envelope in source:
            yield envelope
    else:
        for envelope in source:
            yield envelope
