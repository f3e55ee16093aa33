"""What the tests of the senders share: envelopes, short time-outs, one call to send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.pacing import Policy
from sessim.senders.pool import Pool
from sessim.senders.replies import Outcome, Schedule
from sessim.senders.settings import Credentials, Guard, Secret, Server, Timeouts
from sessim.senders.stops import TaskStopped

HOST = "127.0.0.1"
PASSWORD = "canary-pässword-7319"
SENDER = "news@example.com"
MAIL = b"From: news@example.com\r\nTo: you@example.com\r\nSubject: Hello\r\n\r\nHello\r\n.dot\r\n"

WAITS = Timeouts(*[5.0] * 10, quit=0.5, idle=5.0)
QUICK = Policy(backoff=Schedule(0.01, 2.0, 0.05))
CREDENTIALS = Credentials("ann@example.com", Secret(PASSWORD))


def server_at(port: int, **changes: Any) -> Server:
    """Return the settings for a server without TLS, one connection, five seconds a reply."""
    waits = replace(WAITS, **changes.pop("waits", {}))
    settings = {"tls": "none", "connections": 1, "timeouts": waits, "host": HOST} | changes
    return Server(port=port, **settings)


def rows(count: int, mail: bytes = MAIL) -> list[Envelope]:
    """Return envelopes with the keys 1, 2 and on, for u1@example.com and on."""
    return [row(number, mail=mail) for number in range(1, count + 1)]


def row(number: int, recipient: str | None = None, mail: bytes = MAIL) -> Envelope:
    return Envelope(
        number, SENDER, f"u{number}@example.com" if recipient is None else recipient, mail
    )


@dataclass
class Sent:
    """What a send came to."""

    answers: dict[Any, Delivery] = field(default_factory=dict)
    error: Exception | None = None

    def keys(self, outcome: Outcome) -> list[Any]:
        return sorted(key for key, it in self.answers.items() if it.outcome is outcome)

    @property
    def outcomes(self) -> list[str]:
        return [str(self.answers[key].outcome) for key in sorted(self.answers)]


def guard_for(server: Server) -> Guard:
    return Guard.only(HOST, server.port)


def send(
    server: Server,
    envelopes: Iterable[Envelope],
    *,
    guard: Guard | None = None,
    policy: Policy = QUICK,
    **options: Any,
) -> Sent:
    """Send with a pool of its own; every answer comes once, an error comes last."""

    async def run() -> Sent:
        sent = Sent()
        pool = Pool(server, guard=guard or guard_for(server), policy=policy, seed=1, **options)
        try:
            async with aclosing(pool.deliver(envelopes)) as answers:
                async for key, delivery in answers:
                    assert key not in sent.answers
                    sent.answers[key] = delivery
        except TaskStopped as error:
            sent.error = error
        return sent

    return asyncio.run(asyncio.wait_for(run(), 30))
