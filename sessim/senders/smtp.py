"""A pipelining SMTP client (RFC 5321, 2920): one connection, one message after the other.

It always knows which command a reply belongs to. So it can tell a connection that was dropped
before a message was complete, which is safe to repeat, from one that was dropped after the final
dot and before its reply, where nobody but the server knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from sessim.senders.content import Path, Unfit, on_the_wire, recipient_path, sender_path
from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.extensions import Features, mechanism
from sessim.senders.parsing import Lost, cleaned
from sessim.senders.replies import (
    GO_ON,
    Action,
    Outcome,
    Reply,
    Stage,
    Verdict,
    classify,
    is_about_address,
    lost,
    makes_sense,
)
from sessim.senders.settings import Credentials, Guard, Server
from sessim.senders.stops import ConfigurationRefused, EncryptionMissing, NotNow, ServerRefused
from sessim.senders.wire import BLOCK, Wire, dial

SMALL: Final = 1 << 14
"""Octets up to which a message goes out in one piece with the commands of the next one."""


class Begun(NamedTuple):
    """An envelope ready for the wire, or why it is not: then ``refusal`` is its answer."""

    envelope: Envelope
    commands: tuple[bytes, ...] = ()  # MAIL, RCPT, DATA
    body: bytes = b""
    refusal: Delivery | None = None
    after_reset: bool = False  # RSET goes before MAIL


OPENING: Final = (Stage.MAIL, Stage.RCPT, Stage.DATA)


def nothing_ahead() -> Envelope | None:
    """Say that no further envelope is ready."""
    return None


class Connection:
    """A connection to a server that is ready for messages; made by `Connection.open`."""

    def __init__(self, server: Server, wire: Wire, guard: Guard) -> None:
        self.server, self.features = server, Features()
        self.accepted = 0
        self._wire, self._guard = wire, guard
        self._waits = waits = server.timeouts
        self._openings = dict(zip(OPENING, (waits.mail, waits.rcpt, waits.data), strict=True))
        self._stage = Stage.GREETING
        self._ahead: Begun | None = None
        self._must_reset = False
        self._blocks = 1
        self._mail_reply: Reply | None = None

    # --- opening ---

    @classmethod
    async def open(
        cls, server: Server, *, guard: Guard, credentials: Credentials | None = None
    ) -> Connection:
        """Connect, introduce, secure and authenticate.

        Raises
        ------
        TaskStopped
            No later try would do better.
        NotNow
            A later try may.
        """
        if credentials is not None and server.tls == "none":
            raise ConfigurationRefused(str(server), "credentials never go over clear text")
        connection = cls(server, await dial(server, guard), guard)
        try:
            await connection._begin(credentials)
        except Lost as error:
            connection.abort()
            raise NotNow(f"{connection._stage}: {error}") from None
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _begin(self, credentials: Credentials | None) -> None:
        self._judge(await self._reply(Stage.GREETING, self._waits.greeting))
        await self._introduce(credentials)
        if self.server.tls == "starttls":
            await self._secure()
            await self._introduce(credentials)
        if credentials is not None:
            await self._log_in(credentials)

    async def _introduce(self, credentials: Credentials | None) -> None:
        name = self.server.ehlo_name.encode("ascii")
        reply = await self._command(Stage.EHLO, b"EHLO " + name, self._waits.hello)
        if 500 <= reply.code < 600:
            if credentials is not None or self.server.tls == "starttls":
                raise ServerRefused(str(self.server), f"EHLO: {cleaned(str(reply))}")
            reply = await self._command(Stage.EHLO, b"HELO " + name, self._waits.hello)
            self._judge(reply)
            self.features = Features()
            return
        self._judge(reply)
        self.features = Features.of(reply.words)

    async def _secure(self) -> None:
        if not self.features.starttls:
            raise EncryptionMissing(str(self.server), "EHLO does not list it")
        self._judge(await self._command(Stage.STARTTLS, b"STARTTLS", self._waits.tls))
        if self._wire.has_unread:
            # Whoever sits in between would have this read as a reply over TLS.
            raise Lost("it sent more than the reply to STARTTLS")
        await self._wire.secure(self.server)

    async def _log_in(self, credentials: Credentials) -> None:
        if not self._wire.is_secure:
            raise ConfigurationRefused(str(self.server), "credentials never go over clear text")
        steps = mechanism(self.features, credentials)
        if not steps:
            offered = cleaned(", ".join(self.features.auth)) or "nothing"
            said = f"for AUTH it offers {offered}, not PLAIN or LOGIN"
            raise ConfigurationRefused(str(self.server), said)
        for number, step in enumerate(steps, start=1):
            # Never in a variable, nor what echoes it: tracebacks can show those.
            self._wire.write(step(credentials) + b"\r\n")
            reply = _scrubbed(await self._reply(Stage.AUTH, self._waits.auth), credentials)
            if reply.code == 334 and number < len(steps):
                continue
            self._judge(reply)
            return

    def _judge(self, reply: Reply) -> None:
        """Raise unless a command before the first message has done what it should."""
        verdict = classify(self._stage, *reply)
        if verdict.action is Action.GO_ON:
            return
        said = f"{self._stage}: {cleaned(str(reply))}"
        self._raise_stop(verdict, said)
        raise NotNow(said, verdict.is_crowded)

    # --- delivering ---

    @property
    def is_open(self) -> bool:
        """Tell whether the connection can take another message."""
        if self._ahead is not None:  # replies to its commands may have come already
            return self._wire.is_writable
        return self._wire.is_open

    async def deliver(
        self, envelope: Envelope, ahead: Callable[[], Envelope | None] = nothing_ahead
    ) -> Delivery:
        """Deliver one message and say what became of it.

        Parameters
        ----------
        envelope
            The message. If ``ahead`` handed it out before, its commands are on the wire already.
        ahead
            Asked once, while the message is written, for the one to be delivered next; its MAIL,
            RCPT and DATA go out behind the final dot, which saves a round trip for each message.

        Raises
        ------
        TaskStopped
            The reply says that no message will be accepted. This one was not.
        """
        begun, self._ahead = self._ahead, None
        is_ahead = begun is not None
        if begun is None:
            begun = self._prepared(envelope)
        assert begun.envelope is envelope, "a transaction is open for another envelope"
        if begun.refusal is not None:
            return begun.refusal
        try:
            if not is_ahead:
                self._stage = Stage.MAIL
                self._wire.write(self._opening(begun))
            return await self._transact(begun, ahead)
        except Lost as error:
            self.abort()
            verdict = lost(self._stage)
            assert verdict.outcome is not None
            words = f"{self._stage}: {error}"
            return Delivery(verdict.outcome, 0, words, verdict.retry_after, self._stage)

    @property
    def patience(self) -> float:
        """Return how many seconds the message in hand may take at most; from any thread."""
        waits = self._waits
        # Each block of the body may take its time; most messages are one.
        rest = {**self._openings, Stage.BODY: waits.body * self._blocks, Stage.DOT: waits.dot}
        stages = list(rest)
        now = stages.index(self._stage) if self._stage in rest else -1
        return self._wire.patience + sum(rest[stage] for stage in stages[now + 1 :])

    def abort(self, words: str = "it was given up") -> None:
        """Drop the connection; a message that is not complete is then not delivered."""
        self._wire.abort(words)

    async def close(self) -> None:
        """Say goodbye and close; what the server answers does not matter."""
        if self._ahead is not None:  # where the server waits for a message, QUIT would be one
            self.abort()
            return
        await self._wire.close(self._waits.quit)

    def _prepared(self, envelope: Envelope) -> Begun:
        try:
            sender, recipient = self._paths(envelope)
            body = on_the_wire(envelope.message, takes_8bit=self.features.eight_bit)
        except Unfit as unfit:
            return Begun(envelope, refusal=_refused(str(unfit)))
        size = len(body) - len(b".\r\n")
        if 0 < self.features.size < size:
            said = f"the message has {size} bytes, the server takes {self.features.size}"
            return Begun(envelope, refusal=_refused(said, Stage.EHLO))
        if not self._guard.recipient(envelope.recipient):
            return Begun(envelope, refusal=_refused("this send may not write to this address"))
        mail = b"MAIL FROM:<%b>%b" % (sender.text, self._parameters(sender, recipient, body))
        rcpt = b"RCPT TO:<%b>\r\n" % recipient.text
        reset, self._must_reset = self._must_reset, False
        return Begun(envelope, (mail, rcpt, b"DATA\r\n"), body, None, reset)

    def _paths(self, envelope: Envelope) -> tuple[Path, Path]:
        sender, recipient = sender_path(envelope.sender), recipient_path(envelope.recipient)
        if (sender.needs_utf8 or recipient.needs_utf8) and not self.features.utf8:
            raise Unfit("the address has letters beyond ASCII, and the server has no SMTPUTF8")
        return sender, recipient

    def _parameters(self, sender: Path, recipient: Path, body: bytes) -> bytes:
        """Return the rest of MAIL's line."""
        parts = [b""]
        if self.features.size:
            parts.append(b"SIZE=%d" % len(body))
        if self.features.eight_bit and not body.isascii():
            parts.append(b"BODY=8BITMIME")
        if sender.needs_utf8 or recipient.needs_utf8:
            parts.append(b"SMTPUTF8")
        return b" ".join(parts) + b"\r\n"

    def _opening(self, begun: Begun) -> bytes:
        """Return what can be written before the first reply to an envelope."""
        if begun.refusal is not None:
            return b""
        reset = b"RSET\r\n" if begun.after_reset else b""
        return reset + b"".join(begun.commands) if self.features.pipelining else reset

    async def _transact(self, begun: Begun, ahead: Callable[[], Envelope | None]) -> Delivery:
        if begun.after_reset:
            reply = await self._reply(Stage.RSET, self._waits.mail)
            if classify(Stage.RSET, *reply) is not GO_ON:
                raise Lost(f"it did not begin anew: {cleaned(str(reply))}")
        answer = await self._open(begun) or await self._write_body(begun, ahead)
        if answer is not None:
            return answer
        reply = await self._reply(Stage.DOT, self._waits.dot)
        if await self._is_anothers(reply):
            raise Lost("another command was answered in its place")
        delivery = self._answer(Stage.DOT, reply)
        self.accepted += delivery.outcome is Outcome.ACCEPTED
        return delivery

    async def _is_anothers(self, reply: Reply) -> bool:
        """Tell whether what came for the dot answers something else: the server is out of step.

        One that says the same to MAIL as to the dot is believed if what it says to the commands
        behind the dot may be said to them. These are on the wire already.
        """
        if self._ahead is None or self._ahead.refusal is not None or reply != self._mail_reply:
            return False
        if is_about_address(reply):
            return True
        for number, stage in enumerate(OPENING):
            following = await self._wire.peek(number, self._openings[stage])
            if following is None:
                return False  # the connection is over: nothing speaks against it
            if not makes_sense(stage, following):
                return True
        return False

    async def _open(self, begun: Begun) -> Delivery | None:
        """Go through MAIL, RCPT and DATA; return the first refusal, if any."""
        refusal: Delivery | None = None
        try:
            for stage, command in zip(OPENING, begun.commands, strict=True):
                if not self.features.pipelining:
                    self._wire.write(command)
                reply = await self._reply(stage, self._openings[stage])
                if stage is Stage.MAIL:
                    self._mail_reply = reply
                if classify(stage, *reply) is GO_ON:
                    if refusal is not None and stage is Stage.DATA:
                        await self._end_empty()
                    continue
                if refusal is None:
                    self._must_reset = True
                    refusal = self._answer(stage, reply)
                if not self.features.pipelining:
                    break
        except Lost:
            self.abort()
            if refusal is None:
                raise
        return refusal

    async def _end_empty(self) -> None:
        """End a message that the server asks for although nobody is to get it (RFC 2920, 3.1)."""
        self._wire.write(b".\r\n")
        await self._reply(Stage.RSET, self._waits.data)

    async def _write_body(
        self, begun: Begun, ahead: Callable[[], Envelope | None]
    ) -> Delivery | None:
        """Write a message; return its answer if the server gives one before it is complete.

        From when the final dot may have left, the stage is `Stage.DOT`.
        """
        self._stage = Stage.BODY
        body = begun.body
        self._blocks = -(-len(body) // BLOCK)
        for start in range(0, len(body), BLOCK):
            if self._wire.has_unread:
                return await self._answered_early()
            block = body[start : start + BLOCK]
            if len(body) <= SMALL and self.features.pipelining:
                block += self._opening_ahead(ahead)
            self._wire.write(block)
            if self._ahead is not None:
                self._stage = Stage.DOT  # what is stuck may be the next one's commands only
            await self._wire.drained(self._waits.body)
            if len(body) > BLOCK:
                await asyncio.sleep(0)  # as long as writing never waits, nothing is heard
        return None

    def _opening_ahead(self, ahead: Callable[[], Envelope | None]) -> bytes:
        """Begin the next transaction, if there is one; return what is to be written for it."""
        following = ahead()
        if following is None:
            return b""
        self._ahead = self._prepared(following)
        return self._opening(self._ahead)

    async def _answered_early(self) -> Delivery:
        """Take a refusal in the middle of a message; afterwards nobody knows who is in step."""
        reply = await self._reply(Stage.BODY, self._waits.body)
        self.abort()
        return self._answer(Stage.BODY, reply)

    def _answer(self, stage: Stage, reply: Reply) -> Delivery:
        """Turn the reply that decides about an envelope into its answer."""
        verdict = classify(stage, *reply)
        words = cleaned(str(reply))
        self._raise_stop(verdict, f"{stage}: {words}")
        if verdict.action is Action.RECONNECT:
            self.abort()
        assert verdict.outcome is not None
        return Delivery(
            verdict.outcome, reply.code, words, verdict.retry_after, stage, verdict.suppress
        )

    def _raise_stop(self, verdict: Verdict, said: str) -> None:
        if verdict.stops is not None:
            self.abort()
            raise verdict.stops(str(self.server), said)

    async def _command(self, stage: Stage, line: bytes, seconds: float) -> Reply:
        self._wire.write(line + b"\r\n")
        return await self._reply(stage, seconds)

    async def _reply(self, stage: Stage, seconds: float) -> Reply:
        self._stage = stage
        return self._wire.ready_reply() or await self._wire.reply(seconds)


def _scrubbed(reply: Reply, credentials: Credentials) -> Reply:
    return reply._replace(words=credentials.scrubbed(reply.words))


def _refused(words: str, stage: Stage = Stage.CONNECT) -> Delivery:
    """Answer a row that is not sent, because the client refuses it itself."""
    return Delivery(Outcome.REJECTED, 0, words, stage=stage)
