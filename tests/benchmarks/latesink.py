"""A mail server that forgets what it is sent, in a process of its own: `latesink.py SECONDS`.

It is sessim's own server, but for what it keeps, and for its replies, which come so many seconds
late, as from far away. It prints its port, serves until its standard input ends, and prints how
many mails there were.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from sessim.senders.loopback import HOST, Mailroom, Session


class Forgetful:
    """Keeps nothing but the number of mails."""

    mails = 0

    def keep(self, sender: str, recipients: list[str], mail: bytes) -> str:
        """Count a mail."""
        self.mails += 1
        return str(self.mails)


class Late:
    """A transport whose bytes leave some seconds late; nobody waits for them meanwhile."""

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self._transport, self._seconds = transport, seconds

    def write(self, data: bytes) -> None:
        """Write, later."""
        asyncio.get_running_loop().call_later(self._seconds, self._transport.write, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class LateSession(Session):
    """A client's connection whose replies are late."""

    seconds = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, late."""
        late = Late(cast("asyncio.Transport", transport), self.seconds)
        super().connection_made(cast("asyncio.BaseTransport", late) if self.seconds else transport)


async def serve(seconds: float) -> None:
    """Serve until standard input ends."""
    room, sessions = cast("Mailroom", Forgetful()), set[Session]()
    LateSession.seconds = seconds
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: LateSession(room, sessions), HOST, 0)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        for session in [*sessions]:
            session.abort()
    print(cast("Forgetful", room).mails)


@contextmanager
def running(seconds: float = 0.0) -> Iterator[int]:
    """Run it; the value is its port."""
    command = [sys.executable, __file__, str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate()  # ends its standard input


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
