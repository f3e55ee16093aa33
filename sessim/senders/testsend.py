"""The console's test send for real: one message, 1 to 20 addresses, at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from sessim.errors import ArgumentError
from sessim.fields import address_parts
from sessim.senders import credentials
from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.guards import guard_for
from sessim.senders.letters import Letter
from sessim.senders.loopback import Loopback
from sessim.senders.messages import Form
from sessim.senders.order import bare_address, is_loopback, is_reserved, server_of
from sessim.senders.pacing import Policy
from sessim.senders.pool import Pool
from sessim.senders.settings import Guard, Server
from sessim.senders.switch import require_armed
from sessim.senders.templates import Template
from sessim.senders.wire import context_for

MOST: Final = 20

SOON: Final = Policy(tries=3)
"""Somebody waits for a test: after a few seconds it is told that no connection comes about."""


@dataclass(frozen=True)
class TestOrder:
    """A test send, checked.

    Parameters
    ----------
    sender, subject, template
        As of a task; a test send has no variables.
    to
        1 to 20 addresses.
    server
        As of :class:`~sessim.senders.order.Order`; none for a server of sessim's own.
    cafile
        Certificates to trust.

    Raises
    ------
    ArgumentError, TemplateError, ConfigurationRefused
        If one of them cannot be used.
    """

    __test__ = False  # no test, whatever pytest thinks

    sender: str
    subject: str
    template: str
    to: tuple[str, ...]
    server: str = ""
    cafile: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.to) <= MOST:
            raise ArgumentError(f"to: {len(self.to)} addresses; give 1 to {MOST}")
        if self.letter.variables:
            named = ", ".join(sorted(self.letter.variables))
            raise ArgumentError(f"template: has variables ({named}); a test send has no list")
        if self.cafile is not None and not self.server:
            raise ArgumentError("cafile: is for a real server; name one, or leave it out")
        where = self.where
        if where is not None and where.cafile is not None:
            context_for(where)
        for address in self.addresses:
            if where is not None and is_reserved(address) and not is_loopback(where.host):
                raise ArgumentError(f"to: {address!r} is nobody's, its domain is reserved")

    @cached_property
    def letter(self) -> Letter:
        """What is sent."""
        return Letter(self.sender, self.subject, Template.read(self.template))

    @cached_property
    def addresses(self) -> list[str]:
        """Whom it goes to, each once."""
        return list(dict.fromkeys(bare_address("to", address) for address in self.to))

    @cached_property
    def where(self) -> Server | None:
        """The server, None for sessim's own."""
        return server_of(self.server, self.cafile) if self.server else None

    @property
    def token(self) -> str:
        """The confirmation of this very test send."""
        text = "\n".join([*self.addresses, self.letter.digest(), str(self.where)])
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def __str__(self) -> str:
        where = self.where or "a server of sessim's own on 127.0.0.1"
        to = ", ".join(self.addresses)
        return f"LIVE: {where}\nfrom: {self.sender}\nto: {to}\ntoken: {self.token}"


def send(order: TestOrder, folder: str | Path, confirm: str | None = None) -> dict[str, Delivery]:
    """Send a test, and return what became of each address.

    Parameters
    ----------
    order
        What is sent.
    folder
        Where a server of sessim's own keeps the mails, a Maildir.
    confirm
        The order's token, for any other server.

    Raises
    ------
    ArgumentError
        If the confirmation is missing or another order's, or the environment is not armed.
    TaskStopped
        If the server refuses the send as a whole.
    """
    if order.where is None and confirm is not None:
        raise ArgumentError("confirm: is for a real server; name one, or leave it out")
    serial = f"{secrets.token_hex(6)}.test"
    form = Form(order.letter, (), dt.datetime.now(dt.UTC), serial, "a test send")
    sender = "@".join(address_parts(order.sender)[1:])
    envelopes = []
    for number, address in enumerate(order.addresses, 1):
        message = form.fill(address, (), f"<{serial}.{number}@{order.letter.domain}>")
        envelopes.append(Envelope(address, sender, address, message))
    if order.where is None:
        with Loopback(folder) as own:
            here = Server(own.host, own.port, tls="none")
            return _delivered(Pool(here, guard=Guard.only(own.host, own.port)), envelopes)
    require_armed(order.where)
    if not hmac.compare_digest(confirm or "", order.token):
        raise ArgumentError("confirm: is no token of this test send; look at it and give its own")
    found = None if order.where.tls == "none" else credentials.find(order.where.host)
    pool = Pool(order.where, guard=guard_for(order.where), credentials=found, policy=SOON)
    return _delivered(pool, envelopes)


def _delivered(pool: Pool, envelopes: Sequence[Envelope]) -> dict[str, Delivery]:
    async def collect() -> dict[str, Delivery]:
        return {str(key): answer async for key, answer in pool.deliver(envelopes)}

    # In a thread of its own: a notebook's has a loop running already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, collect()).result()
