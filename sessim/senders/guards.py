"""What a send may touch, asked at the last moment: the peer, and each envelope's recipient."""

from __future__ import annotations

from collections.abc import Callable

from sessim.senders.order import Order, is_loopback, is_reserved
from sessim.senders.settings import Guard, Server
from sessim.senders.within import Within

Fence = Callable[[str], bool]


def fence(order: Order) -> Fence:
    """Return what tells whether an order may send to an address as it is on the envelope."""
    within = Within(order.only) if order.only else None

    def allows(address: str) -> bool:
        if order.redirect_to is not None and address != order.redirect_to:
            return False
        return within is None or address in within

    return allows


def guard_for(where: Server, allows: Fence = lambda address: True) -> Guard:
    """Return what a live send may touch: its server, and nobody whose domain is reserved."""
    here = is_loopback(where.host)

    def peer(host: str, resolved: str, port: int) -> bool:
        return (host, port) == (where.host, where.port) and is_loopback(resolved) == here

    def recipient(address: str) -> bool:
        return allows(address) and (here or not is_reserved(address))

    return Guard(peer, recipient)
