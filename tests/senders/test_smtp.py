"""What real sockets show too seldom: a connection that takes a part of what is written."""

from __future__ import annotations

import asyncio

import pytest

from sessim.senders.envelope import Envelope
from sessim.senders.extensions import Features
from sessim.senders.parsing import Lost, Replies
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


class Ahead(Stuck):
    """A wire whose server never answers the dot, but what was written behind it."""

    def __init__(self, *replies: str) -> None:
        super().__init__()
        self.arriving = Replies()
        self.arriving.feed("".join(f"{reply}\r\n" for reply in replies).encode())

    async def reply(self, seconds: float) -> Reply:
        return self.arriving.ready.popleft()

    async def drained(self, seconds: float) -> None:
        pass


SENDER_OK, RECIPIENT_OK = "250 2.1.0 Sender ok", "250 2.1.5 Recipient ok"


@pytest.mark.parametrize(
    ("dot", "outcome"),
    [
        (SENDER_OK, Outcome.UNKNOWN),  # it is MAIL's of the next message
        ("250 2.1.0 Kept", Outcome.ACCEPTED),  # strange, but not what it said to MAIL
        ("250 2.0.0 Ok: queued as 1", Outcome.ACCEPTED),
        ("250 2.1.5 Ok", Outcome.ACCEPTED),
    ],
)
def test_the_next_ones_reply_is_not_taken_for_the_dots(dot: str, outcome: Outcome) -> None:
    server = server_at(25)
    wire = Ahead(SENDER_OK, RECIPIENT_OK, "354 go on", dot, RECIPIENT_OK, "354 go on")
    connection = Connection(server, wire, guard_for(server))  # type: ignore[arg-type]
    connection.features = Features(pipelining=True)
    delivery = asyncio.run(connection.deliver(row(1), lambda: row(2)))
    assert delivery.outcome is outcome


def test_a_server_that_says_the_same_to_everything_is_believed() -> None:
    server = server_at(25)
    for reply, ahead in (("250 ok", row(2)), (SENDER_OK, None)):
        wire = Ahead(reply, reply, "354 go on", reply)
        connection = Connection(server, wire, guard_for(server))  # type: ignore[arg-type]
        connection.features = Features(pipelining=True)
        delivery = asyncio.run(connection.deliver(row(1), lambda ahead=ahead: ahead))
        assert delivery.outcome is Outcome.ACCEPTED
