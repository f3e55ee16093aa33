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
from sessim.recipients import RecipientFile, Refusal, without_repeats
from sessim.result import Result
from sessim.senders import credentials
from sessim.senders.binding import Witnessed
from sessim.senders.caps import A_DAY, FIRST, HOURLY, RATE
from sessim.senders.intake import Group
from sessim.senders.order import UNCONFIRMED, Order, is_loopback
from sessim.senders.settings import Server
from sessim.senders.wire import context_for
from sessim.senders.within import Within
from sessim.simulation import simulate

ARMED: Final = "SESSIM_LIVE"
"""The environment's variable that has to hold the server's name before anything leaves."""

SUPPRESSED: Final = "suppressed"
"""What the list of those who get nothing is called among the digests."""

_MOST_DOMAINS: Final = 5
_MOST_REFUSED: Final = 5


@dataclass(frozen=True)
class Preview:
    """What an order would do; nothing has been opened, written or sent.

    Attributes
    ----------
    order
        The order.
    recipients
        Of all lists together, each as often as tasks and runs write to it.
    refused, outside, suppressed
        Rows of the lists that cannot be used (they are no part of the plan), that the order's
        fence leaves out, or whose recipients get nothing.
    first_refused
        The first few rows that cannot be used, with line and reason.
    domains
        How many of the lists' recipients each domain has.
    result
        The simulation of the plan.
    token
        The confirmation: it belongs to this plan, these lists and texts, this server.
    lists
        The digest of each list that is a file, taken while its rows were counted; that of those
        who get nothing is called ``suppressed``.
    """

    order: Order
    recipients: int
    refused: int
    outside: int
    suppressed: int
    first_refused: tuple[str, ...]
    domains: Mapping[str, int]
    result: Result
    token: str
    lists: Mapping[str, str]

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
            f"as well: {FIRST} in the first minute, {order.hourly} an hour to one recipient",
        ]
        left_out = {
            "rows of the lists that cannot be used": self.refused,
            "on the suppression list": self.suppressed,
            f"outside {', '.join(order.only)}, which fail": self.outside,
        }
        lines += [f"left out: {rows:,} {what}" for what, rows in left_out.items() if rows]
        lines += [f"  {said}" for said in self.first_refused]
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
    if order.mode == "live" and order.cafile is not None:
        context_for(order.where)  # whoever looks at the preview hears of a file that is none
    # The number is confirmed beside the token; of a folder, what its files say is in there below.
    digest = hashlib.sha256(order.to_json("recipients", "folder").encode())
    for name, value in sorted(order.digests().items()):
        digest.update(f"{name} {value}\n".encode())
    order.check_variables()
    census = Census(order)
    for name, group in order.groups():
        order.check_count(name, census.count(name, group))
    for name, seen in census.lists.items():
        digest.update(f"{name} {seen}\n".encode())
    if order.mode == "live":
        digest.update(str(order.where).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = simulate(order.plan)
    emails = int(order.plan.runs.requests.sum())
    emails += sum(test.recipients for test in order.plan.test_sends)
    return Preview(
        order, emails, census.refused, census.outside, census.suppressed,
        tuple(census.first_refused), census.domains, result, digest.hexdigest()[:10],
        census.lists,
    )  # fmt: skip


class Census:
    """What is in the lists of an order: rows of each kind, and the domains of those sent to."""

    def __init__(self, order: Order) -> None:
        self._within = Within(order.only) if order.only and not order.redirect_to else None
        self.refused = self.outside = self.suppressed = 0
        self.first_refused: list[str] = []
        self.domains = Counter[str]()
        self.lists: dict[str, str] = {}
        gone = order.gone()
        self._gone = {address.lower() for address in order.suppressed(gone)}
        if gone is not None:
            self.lists[SUPPRESSED] = gone.digest

    def count(self, name: str, group: Group) -> int:
        """Count the rows of a list; return how many recipients it has."""
        if not isinstance(group, RecipientFile):
            return self._count(name, group)
        seen = Witnessed(group)
        found = self._count(f"list {group.path.name!r}", seen)
        self.lists[name] = seen.digest
        return found

    def _count(self, name: str, group: Group) -> int:
        before = self.refused
        rows = 0
        for rows, row in enumerate(without_repeats(group), 1):  # noqa: B007
            if isinstance(row, Refusal):
                self.refused += 1
                if len(self.first_refused) < _MOST_REFUSED:
                    self.first_refused.append(f"{name}, line {row.line}: {row.reason}")
            elif row.key in self._gone:
                self.suppressed += 1
            elif self._within is not None and row.key not in self._within:
                self.outside += 1
            else:
                self.domains[row.address.rpartition("@")[2]] += 1
        return rows - (self.refused - before)


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
    if order.recipients not in {UNCONFIRMED, found.recipients}:
        raise ArgumentError(
            f"recipients: {order.recipients:,} were confirmed, but {found.recipients:,} emails "
            f"would be sent; confirm the number with {found.recipients}"
        )
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
    _require_own_senders(order)
    if not order.override:
        _require_caps(found)


def _require_own_senders(order: Order) -> None:
    """Make sure that senders are of the domain that the server knows its user by."""
    _, at, own = (credentials.user() or "").rpartition("@")
    for task in order.plan.tasks:
        if at and task.domain != own.lower():
            raise ArgumentError(
                f"task {task.name!r}, sender: {task.sender} is not at {own}, as {credentials.USER} "
                "is; send as an address of that domain"
            )


def _require_caps(found: Preview) -> None:
    """Make sure that an order asks for no more than the service allows."""
    rate, limits = found.order.plan.rate, found.result.daily["limit"]
    day = None if limits.isna().any() else max(limits, default=0)
    for name, asked, most, unit in (
        ("rate", float(rate), RATE, "emails a second"),
        ("warmup", day, A_DAY, "emails a day"),
        ("hourly", found.order.hourly, HOURLY, "emails an hour to one recipient"),
    ):
        if asked is None or asked > most:
            given = "no limit" if asked is None else f"{asked:,.10g}"
            raise ArgumentError(
                f"{name}: {given} is above the {most:,} {unit} that the service allows; lower it, "
                "or say with override that this server takes more"
            )
