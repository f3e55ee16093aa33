"""What comes into an outbox: recipient lists, row by row, and runs that send to them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, Protocol

from sessim.errors import OutboxError, nearest, shown
from sessim.recipients import Recipient, Refusal
from sessim.senders.changes import Transaction
from sessim.senders.reading import ListSummary
from sessim.senders.store import seal

_BATCH: Final = 10_000  # rows of a list taken in at once

_NEW_ROWS: Final = """
    INSERT INTO row
    SELECT id, line, state, 0, NULL, NULL, '', seal(id, line, state, 0, NULL, NULL, '') FROM (
        SELECT run.id, recipient.line, CASE WHEN suppression.key IS NULL THEN 0 ELSE 6 END AS state
        FROM run JOIN recipient ON recipient.list = run.list
        LEFT JOIN suppression ON suppression.key = recipient.key
        WHERE run.id = ? ORDER BY recipient.line)"""
_COUNTED: Final = """
    UPDATE list SET recipients = ?, refused = ?, seal = seal(id, name, variables, ?, ?)
    WHERE id = ?"""


class Group(Protocol):
    """A recipient group, as :class:`~sessim.recipients.RecipientFile` is one."""

    @property
    def variables(self) -> Sequence[str]:
        """The names of the values that each recipient has."""
        ...

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        """Yield the rows in the order of their lines."""
        ...


def add_list(connection: sqlite3.Connection, name: str, group: Group) -> ListSummary:
    """Take in a list inside a transaction; see :meth:`Outbox.add_list`."""
    if connection.execute("SELECT 1 FROM list WHERE name = ?", (name,)).fetchone():
        raise OutboxError(f"the outbox has a list {shown(name)} already; name another")
    variables = tuple(group.variables)
    list_id = connection.execute(
        "INSERT INTO list VALUES (NULL, ?, ?, 0, 0, 0)", (name, json.dumps(variables))
    ).lastrowid
    assert list_id is not None
    recipients = refused = 0
    rows = iter(group)
    while batch := list(islice(rows, _BATCH)):
        added = _add_recipients(connection, list_id, batch)
        recipients += added
        refused += len(batch) - added
    counted = (recipients, refused)
    connection.execute(_COUNTED, (*counted, *counted, list_id))
    return ListSummary(name, variables, recipients, refused)


def _add_recipients(
    connection: sqlite3.Connection, list_id: int, batch: list[Recipient | Refusal]
) -> int:
    """Write rows of a list; return how many of them were new recipients."""
    good = [row for row in batch if isinstance(row, Recipient)]
    refused = [row for row in batch if isinstance(row, Refusal)]
    written = [
        (list_id, line, key, address, json.dumps(values, ensure_ascii=False))
        for line, address, key, values in good
    ]
    done = connection.executemany(
        "INSERT INTO recipient VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(*row, seal(*row)) for row in written],
    )
    added = max(done.rowcount, 0)  # -1 if there was nothing to do
    if added < len(good):
        refused += _repeated(connection, list_id, good)
    connection.executemany(
        "INSERT INTO refusal VALUES (?, ?, ?)", [(list_id, *row) for row in refused]
    )
    return added


def _repeated(
    connection: sqlite3.Connection, list_id: int, good: list[Recipient]
) -> Iterator[Refusal]:
    """Yield refusals of the rows whose address was there before."""
    for row in good:
        (first,) = connection.execute(
            "SELECT line FROM recipient WHERE key = ? AND list = ?", (row.key, list_id)
        ).fetchone()
        if first != row.line:
            yield Refusal(row.line, f"address is that of line {first} again; remove one of them")


def add_run(
    transaction: Transaction, task: int, run: int, list_name: str, domain: str, date: int
) -> None:
    """Add a run with its rows inside a transaction; see :meth:`Outbox.add_run`."""
    connection = transaction.connection
    list_id = _list_id(connection, list_name)
    run_id = connection.execute(
        "INSERT INTO run VALUES (NULL, ?, ?, ?, ?, ?, 0)", (task, run, list_id, domain, date)
    ).lastrowid
    assert run_id is not None
    connection.execute(
        "UPDATE run SET seal = seal(id, task, run, list, domain, date) WHERE id = ?", (run_id,)
    )
    connection.execute(_NEW_ROWS, (run_id,))
    counted = "SELECT state, count(*) FROM row WHERE run = ? GROUP BY state"
    for state, rows in connection.execute(counted, (run_id,)):
        transaction.moved[run_id, state] += rows


def _list_id(connection: sqlite3.Connection, name: str) -> int:
    known = dict(connection.execute("SELECT name, id FROM list"))
    if name not in known:
        raise OutboxError(f"the outbox has no list {shown(name)}; {nearest(name, known)}")
    return int(known[name])
