"""What real sockets show too seldom: a connection that takes a part of what is written."""

from __future__ import annotations

import asyncio

import pytest

from sessim.senders.envelope import Envelope
from sessim.senders.extensions import Features
from sessim.senders.parsing import Lost
from sessim.senders.replies import Outcome, Reply
from sessim.senders.smtp import Connection
from tests.senders.sending import guard_for, row, server_at


class Stuck:
    """A wire that answers MAIL, RCPT and DATA and then is lost before all is written."""

    is_writable = True
    has_unread = False

    def __init__(self) -> None:
        self.replies = [Reply(250), Reply(250), Reply(354)]
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def ready_reply(self) -> None:
        return None

    async def reply(self, seconds: float) -> Reply:
        return self.replies.pop(0)

    async def drained(self, seconds: float) -> None:
        if not self.replies:
            raise Lost("it closed the connection")

    def abort(self) -> None:
        pass


@pytest.mark.parametrize(
    ("following", "outcome"), [(None, Outcome.DEFERRED), (row(2), Outcome.UNKNOWN)]
)
def test_the_dot_may_have_left_if_there_was_something_behind_it(
    following: Envelope | None, outcome: Outcome
) -> None:
    server, wire = server_at(25), Stuck()
    connection = Connection(server, wire, guard_for(server))  # type: ignore[arg-type]
    connection.features = Features(pipelining=True)
    delivery = asyncio.run(connection.deliver(row(1), lambda: following))
    assert delivery.outcome is outcome
    assert wire.written.endswith(b"\r\n.\r\n" if following is None else b"DATA\r\n")
