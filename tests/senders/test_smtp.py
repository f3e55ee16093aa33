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

    def abort(self, words: str = "") -> None:
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

    async def peek(self, number: int, seconds: float) -> Reply | None:
        ready = self.arriving.ready
        return ready[number] if number < len(ready) else None

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


OK, GO_ON = "250 ok", "354 go on"


def outcome(wire: Stuck, following: Envelope | None) -> Outcome:
    """Deliver a message, and perhaps have the next one's commands on the wire behind it."""
    server = server_at(25)
    connection = Connection(server, wire, guard_for(server))  # type: ignore[arg-type]
    connection.features = Features(pipelining=True)
    return asyncio.run(connection.deliver(row(1), lambda: following)).outcome


def test_a_server_that_says_the_same_to_everything_is_believed() -> None:
    assert outcome(Ahead(SENDER_OK, SENDER_OK, GO_ON, SENDER_OK), None) is Outcome.ACCEPTED
    for behind in (
        (),  # the connection is over
        (OK, OK, GO_ON),
        ("550 no", "503 what", "503 what"),
        (OK, "550 no", "554 nobody"),
        (OK, "450 later", "503 nobody"),
        (OK, "421 bye"),
    ):
        assert outcome(Ahead(OK, OK, GO_ON, OK, *behind), row(2)) is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "behind",
    [
        [OK, GO_ON],  # one reply fewer: of dot, MAIL, RCPT and DATA these are the last three
        [OK, OK, OK, GO_ON],  # one more, before the dot's or instead of it
        ["550 spam", OK, OK, GO_ON],
        ["221 bye"],
        ["220 faults ESMTP", OK, OK],  # begins anew
    ],
)
def test_a_server_out_of_step_without_enhanced_codes_is_not_believed(behind: list[str]) -> None:
    assert outcome(Ahead(OK, OK, GO_ON, OK, *behind), row(2)) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "dot", ["211 help", "214 help", "220 ready", "221 bye", "235 welcome", "251 forwarded",
            "252 perhaps", "334 go on", "354 go on"]
)  # fmt: skip
@pytest.mark.parametrize("following", [None, row(2)])
def test_what_answers_another_command_is_no_answer_to_the_dot(
    dot: str, following: Envelope | None
) -> None:
    assert outcome(Ahead(OK, OK, GO_ON, dot), following) is Outcome.UNKNOWN
