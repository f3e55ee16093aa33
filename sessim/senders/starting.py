"""The beginning of a send: all is taken into an outbox, as it was confirmed; who delivers it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from sessim.errors import ArgumentError, OutboxError
from sessim.recipients import RecipientFile
from sessim.senders import credentials
from sessim.senders.binding import Witnessed
from sessim.senders.guards import fence, guard_for
from sessim.senders.loopback import Loopback
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.pool import Pool
from sessim.senders.settings import Guard, Server
from sessim.senders.store import Header
from sessim.senders.switch import SUPPRESSED, preview, require_confirmed


def mails_of(outbox: Path) -> Path:
    """Return where a loopback send keeps the mails, a Maildir."""
    return Path(f"{outbox}.mails")


def begun(order: Order, path: str | Path, confirm: str | None) -> Outbox:
    """Make the outbox of a send; parameters and errors as of :meth:`Sending.start`."""
    lists = _confirmed(order, confirm)
    order.check_variables()
    header = Header(order.mode, order.server, confirm or "", order.to_json(), order.digests())
    mails = mails_of(Path(path))
    if order.mode == "loopback" and mails.exists() and not mails.is_dir():
        raise OutboxError(f"{mails.name!r} is no folder to keep mails in; name another outbox")
    outbox = Outbox.create(path, header)
    try:
        _take_in(order, outbox, lists)
    except BaseException:
        outbox.close()
        Path(path).unlink()
        raise
    return outbox


def _confirmed(order: Order, confirm: str | None) -> Mapping[str, str]:
    """Return the digests that lists have to have: those of what was confirmed."""
    if order.mode == "live":
        found = preview(order)
        require_confirmed(found, confirm)
        return found.lists
    if confirm is not None:
        raise ArgumentError("confirm: is for a live send; leave it out, or choose mode live")
    order.suppressed(order.gone())  # a mistake in it is found before anything is there
    return {}


def _take_in(order: Order, outbox: Outbox, lists: Mapping[str, str]) -> None:
    # Who gets nothing before the lists: an outbox that has all of these can be gone on with.
    gone = order.gone(lists.get(SUPPRESSED))
    outbox.suppress(order.suppressed(gone), "on the suppression list of the order")
    for name, group in order.groups():
        if isinstance(group, RecipientFile):
            taken = outbox.add_list(name, Witnessed(group, lists.get(name)))
            order.check_count(name, taken.recipients)
        else:
            outbox.add_list(name, group)


def pool_for(order: Order, mails: Path, resources: ExitStack) -> Pool:
    """Return who delivers, and what that may touch; a server of our own is among the resources.

    Its mails are kept in the folder ``mails``.
    """
    if order.mode == "live":
        where = order.where
        found = None if where.tls == "none" else credentials.find(where.host)
        return Pool(where, guard=guard_for(where, fence(order)), credentials=found)
    server = resources.enter_context(Loopback(mails))
    here = Server(server.host, server.port, tls="none")
    return Pool(here, guard=Guard.only(server.host, server.port, fence(order)))
