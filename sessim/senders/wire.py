"""Bytes there and replies back: the only client-side module that opens sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from typing import Final, cast

from sessim.senders.parsing import Lost, Replies
from sessim.senders.replies import Reply
from sessim.senders.settings import Guard, Server
from sessim.senders.stops import (
    CertificateRefused,
    ConfigurationRefused,
    EncryptionFailed,
    NotNow,
    PeerRefused,
)

BLOCK: Final = 1 << 16  # octets of a message between two looks at the clock


class Wire(asyncio.Protocol):
    """A connection to a server: writes bytes, waits for replies, knows how it ended.

    One coroutine uses it. Every wait has a limit, kept by a single timer that is moved rarely:
    a timer of its own for each reply would cost more than the reply.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._patience = 0.0
        self._is_full = False
        self._end: str | None = None
        self.is_secure = False

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._use(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Take bytes from the server."""
        try:
            self._replies.feed(data)
        except Lost as lost:
            self.abort(str(lost))
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is over."""
        self._finish(f"the connection broke: {_reason(exc)}" if exc else "it closed the connection")

    def pause_writing(self) -> None:
        """Note that the server reads less than is written."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Note that all that was written is gone."""
        self._is_full = False
        self._wake()

    # --- what the connection calls ---

    @property
    def is_open(self) -> bool:
        """Tell whether the next command can be sent: nothing ended, nothing came unasked."""
        return self._end is None and self._replies.is_empty

    @property
    def has_unread(self) -> bool:
        """Tell whether something arrived that has not been read as a reply."""
        return not self._replies.is_empty

    @property
    def is_writable(self) -> bool:
        """Tell whether writing still makes sense."""
        return self._end is None

    @property
    def patience(self) -> float:
        """Return how many seconds the present wait may take yet; from any thread."""
        return max(0.0, self._deadline - self._loop.time())

    def write(self, data: bytes) -> None:
        """Write, without waiting until it is gone.

        Raises
        ------
        Lost
            The connection has ended: not one byte has left.
        """
        if self._end is None and self._transport is not None:
            self._transport.write(data)
            if not self._transport.is_closing():  # it is when writing failed at once
                return
        raise Lost(self._end or "the connection broke")

    async def drained(self, seconds: float) -> None:
        """Wait until all that was written is gone.

        Raises
        ------
        Lost
            The connection ended, or nothing moved for that long.
        """
        self._patience, self._deadline = seconds, self._loop.time() + seconds
        # A server that refuses a message half-way says so before it closes.
        while self._is_full and not (self._end is not None and self._replies.ready):
            await self._wait()

    def ready_reply(self) -> Reply | None:
        """Return the next reply if it is there: most are, and need no waiting."""
        return self._replies.ready.popleft() if self._replies.ready else None

    async def reply(self, seconds: float) -> Reply:
        """Return the next reply.

        Raises
        ------
        Lost
            The connection ended before it, or it took longer than that.
        """
        self._patience, self._deadline = seconds, self._loop.time() + seconds
        while not self._replies.ready:
            await self._wait()
        return self._replies.ready.popleft()

    async def peek(self, number: int, seconds: float) -> Reply | None:
        """Return a reply, counted from 0, and leave it there; None if it does not come in time."""
        self._patience, self._deadline = seconds, self._loop.time() + seconds
        with suppress(Lost):
            while len(self._replies.ready) <= number:
                await self._wait()
            return self._replies.ready[number]
        return None

    async def secure(self, server: Server) -> None:
        """Begin to speak TLS, over a connection that is in clear so far.

        Raises
        ------
        TaskStopped
            No later try would do better.
        Lost
            A later try may.
        """
        assert self._transport is not None
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                context_for(server),
                server_hostname=server.host,
                ssl_handshake_timeout=server.timeouts.tls,
            )
        except (OSError, ssl.SSLError) as error:
            _raise_stop(server, error)
            raise Lost(_reason(error)) from None
        if transport is None:
            raise Lost("it closed the connection")
        self._use(transport)
        self.is_secure = True

    def abort(self, words: str = "it was given up") -> None:
        """Drop the connection, whatever is still on its way."""
        self._finish(words)
        if self._transport is not None:
            self._transport.abort()

    async def close(self, seconds: float) -> None:
        """Say goodbye, wait shortly for the answer, which does not matter, and close."""
        try:
            self.write(b"QUIT\r\n")
            await self.reply(seconds)
        except Lost:
            pass
        finally:
            self.abort("it was closed")

    # --- how it does it ---

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # A buffer that may hold nothing tells when the last byte has gone.
        transport.set_write_buffer_limits(high=1, low=0)

    async def _wait(self) -> None:
        """Wait until something changes."""
        if self._end is not None:
            raise Lost(self._end)
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return  # nobody waits: the next wait sets it anew
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self.abort(f"it did not answer within {self._patience:g} seconds")

    def _finish(self, words: str) -> None:
        if self._end is None:
            self._end = words
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


# --- opening ------------------------------------------------------------------------------------


@lru_cache(maxsize=8)  # the system's authorities take long to load
def _context(cafile: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def context_for(server: Server) -> ssl.SSLContext:
    """Return how to speak TLS with a server: verified, 1.2 or newer.

    Raises
    ------
    ConfigurationRefused
        The file with the authorities cannot be read.
    """
    try:
        return _context(server.cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationRefused(
            str(server), f"cafile {server.cafile!r}: {_reason(error)}"
        ) from None


async def dial(server: Server, guard: Guard) -> Wire:
    """Open a connection, over TLS from its first byte if the server is configured so.

    Raises
    ------
    TaskStopped
        No later try would do better: the name is unknown, the guard refuses, TLS fails.
    NotNow
        A later try may.
    """
    said = "its name has no address"
    for address in await _addresses(server, guard):
        try:
            async with asyncio.timeout(server.timeouts.connect):
                return await _dial(server, address)
        except TimeoutError:
            said = f"no connection within {server.timeouts.connect:g} seconds"
        except (OSError, ssl.SSLError, Lost) as error:
            _raise_stop(server, error)
            said = _reason(error)
    raise NotNow(said)


async def _dial(server: Server, address: str) -> Wire:
    loop = asyncio.get_running_loop()
    if server.tls != "implicit":
        _, wire = await loop.create_connection(Wire, address, server.port)
        return wire
    _, wire = await loop.create_connection(
        Wire,
        address,
        server.port,
        ssl=context_for(server),
        server_hostname=server.host,
        ssl_handshake_timeout=server.timeouts.tls,
    )
    wire.is_secure = True
    return wire


async def _addresses(server: Server, guard: Guard) -> list[str]:
    """Resolve the host; the guard sees every address before any of them is tried."""
    loop = asyncio.get_running_loop()
    host = server.host.strip("[]")
    try:
        found = await loop.getaddrinfo(host, server.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise NotNow(_reason(error)) from None
        raise ConfigurationRefused(str(server), f"unknown host: {_reason(error)}") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not guard.peer(server.host, address, server.port):
            raise PeerRefused(str(server), f"it is {address}")
    return addresses


def _raise_stop(server: Server, error: Exception) -> None:
    """Raise what stops the task if a handshake failed for good."""
    if isinstance(error, ssl.SSLCertVerificationError):
        raise CertificateRefused(str(server), error.verify_message) from None
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        raise EncryptionFailed(str(server), _reason(error)) from None


def _reason(error: Exception) -> str:
    """Word an error of the system."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
