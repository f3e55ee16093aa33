"""Small plans that are sent for real, to 127.0.0.1, and what came of them."""

from __future__ import annotations

import email
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from mailbox import Maildir
from pathlib import Path
from typing import Any

import sessim
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.reading import OutboxReader, Row
from sessim.senders.sending import Sending
from sessim.senders.states import State
from sessim.senders.store import Header
from sessim.senders.switch import preview

SENDER = "hello@news.example.com"
START = "2026-12-01"


def list_of(folder: Path, *addresses: str, name: str = "list.csv") -> str:
    rows = "".join(f"{address},Name {i}\n" for i, address in enumerate(addresses))
    (folder / name).write_text(f"email,first\n{rows}", "utf-8")
    return str(folder / name)


def people(count: int, domain: str = "site.example") -> list[str]:
    return [f"user{i}@{domain}" for i in range(count)]


def task_to(recipients: str, name: str = "Launch", **keys: Any) -> dict[str, Any]:
    plain = {"subject": "For {{first}}", "template": "Hello {{first}}!", "sender": SENDER}
    return {"name": name, "recipients": recipients, **plain, **keys}


def plan_to(*tasks: dict[str, Any], warmup: object = 10_000, **keys: Any) -> sessim.Plan:
    domains = [{"name": "news.example.com", "warmup": warmup}]
    return sessim.Plan.from_dict(
        {"start": START, "horizon": "2026-12-31", "domains": domains, "tasks": list(tasks), **keys}
    )


def ordered(path: Path, recipients: int, text: str, warmup: object = "none") -> None:
    """Make an outbox of a plan with one task, to so many recipients that nobody has."""
    template = path.with_suffix(".txt")
    template.write_text(text)
    task = {"name": "Launch", "sender": SENDER, "requests": recipients, "template": str(template)}
    order = Order(plan_to(task, warmup=warmup, rate=1000))
    with Outbox.create(path, Header(order.mode, plan=order.to_json())) as outbox:
        for name, group in order.groups():
            outbox.add_list(name, group)


def live(plan: sessim.Plan, port: int, **keys: Any) -> Order:
    """Return a live order for a server on this computer."""
    return Order(plan, **{"mode": "live", "server": f"smtp://127.0.0.1:{port}", **keys})


def begin(order: Order, outbox: Path) -> Sending:
    """Start a send, confirmed if it is live."""
    return Sending.start(
        order, outbox, confirm=preview(order).token if order.mode == "live" else None
    )


def rows_of(outbox: Path) -> Iterator[Row]:
    """Yield all rows of an outbox."""
    with OutboxReader.look(outbox) as reader:
        for run in reader.runs():
            yield from reader.rows(run)


def states_of(outbox: Path) -> Counter[str]:
    return Counter(row.state.word for row in rows_of(outbox))


def sent(outbox: Path) -> list[Row]:
    """Return the rows that were sent, or may have been, by the instant when they were taken."""
    may_be = (State.ACCEPTED, State.UNKNOWN)
    return sorted(
        (row for row in rows_of(outbox) if row.state in may_be), key=lambda row: row.taken or 0
    )


def mails_in(folder: Path) -> list[Message]:
    return list(Maildir(folder, create=False, factory=email.message_from_binary_file))


def arrivals(folder: Path) -> list[float]:
    """Return when the mails of a loopback server's folder were written, in seconds."""
    return sorted(path.stat().st_mtime_ns / 1e9 for path in (folder / "new").iterdir())
