"""What a user asks of a send under way, from another process: notes in its outbox."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, NamedTuple

from sessim.errors import ArgumentError, LogError, OutboxBusyError
from sessim.life import task_id
from sessim.plan import Plan
from sessim.senders.order import Order
from sessim.senders.store import connect, in_words, locked, open_checked

Act = Literal["pause", "unpause", "cancel"]

ALL: Final = 0
"""Stands for all tasks."""


class Request(NamedTuple):
    """What is asked for: an act on a task given by its id, or on all; ``id`` is the outbox's."""

    act: Act
    task: int
    id: int = 0


def ask(path: str | Path, act: Act, task: int | str | None = None) -> bool:
    """Leave a note in an outbox; the sender obeys when it has finished the messages in hand.

    Parameters
    ----------
    path
        The outbox.
    act
        ``"pause"``, ``"unpause"`` or ``"cancel"``.
    task
        Its id or its name, by default all of them.

    Returns
    -------
    bool
        Whether a sender is at work; otherwise the note waits until the send is resumed.

    Raises
    ------
    ArgumentError
        If there is no such task.
    OutboxError
        If there is no outbox, or it cannot be written.
    """
    file = Path(path)
    connection, header = open_checked(file, writing=False)
    connection.close()
    number = number_of(Order.from_json(header.plan).plan, task)
    with in_words(file), closing(connect(file)) as connection:
        connection.execute("INSERT INTO request VALUES (NULL, ?, ?)", (act, number))
    try:
        with locked(file) as lock:
            lock.close()
    except OutboxBusyError:
        return True
    return False


def number_of(plan: Plan, task: int | str | None) -> int:
    """Return the id of a task given by id or name, :data:`ALL` for None.

    Raises
    ------
    ArgumentError
        If there is no such task.
    """
    if task is None:
        return ALL
    try:
        return task_id(plan, task)
    except LogError as error:
        raise ArgumentError(f"task: {error}") from None


class Notes:
    """The notes in an outbox, for its sender; use it in a ``with`` statement, or close it.

    Parameters
    ----------
    path
        The outbox.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with in_words(path):
            self._connection = connect(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def read(self) -> list[Request]:
        """Return what is asked for, the oldest first."""
        with in_words(self._path):
            found = self._connection.execute("SELECT act, task, id FROM request ORDER BY id")
            return [Request(*row) for row in found]

    def strike(self, requests: Iterable[Request]) -> None:
        """Take out what has been obeyed."""
        ids = [(request.id,) for request in requests if request.id]
        if ids:
            with in_words(self._path):
                self._connection.executemany("DELETE FROM request WHERE id = ?", ids)
