"""The safety catch: what a send would do, in words, and whether it may."""

from __future__ import annotations

import hashlib
import hmac
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sessim.errors import ArgumentError
from sessim.result import Result
from sessim.senders.order import UNCONFIRMED, Order, is_loopback, is_reserved
from sessim.senders.recipients import Recipient, RecipientFile
from sessim.senders.settings import Guard, Server
from sessim.simulation import simulate

ARMED: Final = "SESSIM_LIVE"
"""The environment's variable that has to hold the server's name before anything leaves."""

_MOST_DOMAINS: Final = 5


@dataclass(frozen=True)
class Preview:
    """What an order would do; nothing has been opened, written or sent.

    Attributes
    ----------
    order
        The order.
    recipients
        Of all lists together, each as often as tasks and runs write to it.
    refused
        Rows of the lists that cannot be used.
    domains
        How many of the lists' recipients each domain has.
    result
        The simulation of the plan.
    token
        The confirmation: it belongs to this plan, these lists and texts, this server.
    """

    order: Order
    recipients: int
    refused: int
    domains: Mapping[str, int]
    result: Result
    token: str

    def __str__(self) -> str:
        order, tasks = self.order, self.result.tasks
        where = order.server if order.mode == "live" else "a server of sessim's own on 127.0.0.1"
        most = Counter(dict(self.domains)).most_common(_MOST_DOMAINS)
        others = len(self.domains) - len(most)
        named = ", ".join(f"{count:,} at {name}" for name, count in most)
        more = f", and {others} other domains" if others else ""
        limits = ", ".join(f"{domain.name}: {domain.warmup}" for domain in order.plan.domains)
        lines = [
            f"{order.mode.upper()}: {where}",
            f"from: {', '.join(sorted({task.sender for task in order.plan.tasks}))}",
            f"emails: {self.recipients:,} ({named}{more})",
            f"first due: {tasks['due'].min():%Y-%m-%d %H:%M} ({order.plan.timezone})",
            f"last done: {self.result.end:%Y-%m-%d %H:%M}",
            f"at most: {float(order.plan.rate):g} a second; a day {limits}",
        ]
        if self.refused:
            lines.append(f"left out: {self.refused:,} rows of the lists that cannot be used")
        if order.redirect_to:
            lines.append(f"redirected: every email goes to {order.redirect_to}")
        return "\n".join([*lines, f"token: {self.token}"])


def preview(order: Order) -> Preview:
    """Say what an order would do, without opening a socket or writing a file.

    Raises
    ------
    SessimError
        If something is missing or cannot be used: a subject, a template, a list, a server.
    """
    digest = hashlib.sha256(order.to_json().encode())
    for name, value in sorted(order.digests().items()):
        digest.update(f"{name} {value}\n".encode())
    refused, domains = 0, Counter[str]()
    for name, group in order.groups():
        rows = Counter(
            row.address.rpartition("@")[2] if isinstance(row, Recipient) else "" for row in group
        )
        refused += rows.pop("", 0)
        domains += rows
        if isinstance(group, RecipientFile):
            digest.update(f"{name} {group.digest()}\n".encode())
    if order.mode == "live":
        digest.update(str(order.where).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = simulate(order.plan)
    emails = int(order.plan.runs.requests.sum())
    return Preview(order, emails, refused, domains, result, digest.hexdigest()[:10])


def require_armed(where: Server) -> None:
    """Make sure that the environment allows a live send to this very server.

    Raises
    ------
    ArgumentError
        If it does not.
    """
    host = where.host
    if not is_loopback(host) and os.environ.get(ARMED) != host:
        raise ArgumentError(
            f"{ARMED}: is not {host!r}; set this environment variable to the server's name to "
            "allow sending to it"
        )


def require_confirmed(found: Preview, confirm: str | None) -> None:
    """Make sure that a live send has been looked at and confirmed.

    Raises
    ------
    ArgumentError
        If a piece is missing: the armed environment, the token of this very order, the number of
        recipients, a way to unsubscribe.
    """
    order = found.order
    require_armed(order.where)
    if not hmac.compare_digest(confirm or "", found.token):
        said = "is missing" if not confirm else f"{confirm!r} belongs to another order"
        raise ArgumentError(f"confirm: {said}; look at what would be sent and give its token")
    if is_loopback(order.where.host):
        return
    if found.recipients > UNCONFIRMED and order.recipients != found.recipients:
        raise ArgumentError(
            f"recipients: {found.recipients:,} emails are more than {UNCONFIRMED}; confirm the "
            f"number with {found.recipients}"
        )
    if order.unsubscribe is None:
        raise ArgumentError(
            "unsubscribe: is missing; give the https link with which a recipient unsubscribes"
        )


def guard_for(where: Server, redirect_to: str | None = None) -> Guard:
    """Return what a live send may touch: its server, and nobody whose domain is reserved."""
    here = is_loopback(where.host)

    def peer(host: str, resolved: str, port: int) -> bool:
        return (host, port) == (where.host, where.port) and is_loopback(resolved) == here

    def recipient(address: str) -> bool:
        if redirect_to is not None and address != redirect_to:
            return False
        return here or not is_reserved(address)

    return Guard(peer, recipient)
