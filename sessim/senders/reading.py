"""Looking at an outbox: its runs, its counts and its rows, also while a sender works on it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Final, Self

import msgspec

from sessim.errors import OutboxError, shown
from sessim.recipients import Refusal
from sessim.senders.states import State
from sessim.senders.store import Header, in_words, open_checked

_values = msgspec.json.Decoder(tuple[str, ...]).decode

_PAGE: Final = 1000  # rows read at once: a listing holds no lock and little memory

_RUNS: Final = """
    SELECT run.id, run.task, run.run, list.name, list.variables, run.domain, run.date
    FROM run JOIN list ON list.id = run.list ORDER BY run.task, run.run"""

_ROWS: Final = """
    SELECT line, state, attempts, due, taken, words, address, vals FROM mail
    WHERE run = ? AND line > ? AND (? IS NULL OR state = ?) ORDER BY line LIMIT ?"""

# From the runs to the recipient: a list may have been sent to by thousands of older ones.
_SENT_TO: Final = """
    SELECT count(*) FROM json_each(?) AS chosen CROSS JOIN run ON run.id = chosen.value
    CROSS JOIN recipient ON recipient.list = run.list AND recipient.key = ?
    CROSS JOIN row ON row.run = run.id AND row.line = recipient.line
    WHERE row.run <> ? AND row.taken > ? AND row.state IN (1, 2, 7)"""
_LATEST: Final = """
    SELECT taken FROM row WHERE state IN (1, 2, 7) AND taken IS NOT NULL
    ORDER BY taken DESC LIMIT ?"""
_LAST_TAKEN: Final = """
    SELECT run, max(taken) AS last FROM row WHERE taken IS NOT NULL GROUP BY run ORDER BY last"""


@dataclass(frozen=True, slots=True)
class Run:
    """One sending of a task to its list.

    ``task`` and ``run`` are as in the tables; ``list`` is the list's name and ``variables`` are
    its columns; ``domain`` is the sender's; ``date`` is the instant that its messages are dated
    with, in whole microseconds of the caller's clock. ``id`` is the outbox's own.
    """

    id: int
    task: int
    run: int
    list: str
    variables: tuple[str, ...]
    domain: str
    date: int


@dataclass(slots=True, repr=False)
class Row:
    """One recipient of one run.

    ``line`` is the row's first line in its list's file; ``values`` are the variables' values in
    the order of ``run.variables``; ``due`` is when a deferred row is to be sent again, ``taken``
    when it was last taken to be sent, both in the caller's microseconds; ``words`` are the
    server's; ``attempts`` counts how often it was taken to be sent; ``identity`` is the
    ``Message-ID`` of all of these.
    """

    run: Run
    line: int
    state: State
    attempts: int
    due: int | None
    taken: int | None
    words: str
    address: str
    values: tuple[str, ...]
    identity: str

    def __repr__(self) -> str:
        return (
            f"<Row of task {self.run.task}, run {self.run.run}, line {self.line}: "
            f"{self.state.word} after {self.attempts} attempts>"
        )


@dataclass(frozen=True, slots=True)
class ListSummary:
    """A recipient list as it was taken in: how many recipients, how many rows were refused."""

    name: str
    variables: tuple[str, ...]
    recipients: int
    refused: int


class OutboxReader:
    """An outbox that is only looked at, also while another process sends from it.

    Made by :meth:`look`; use it in a ``with`` statement, or close it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, header: Header) -> None:
        self.path = path
        self.header = header
        self._connection = connection
        self._turn = RLock()  # a sender may settle in one thread while a panel counts in another

    @classmethod
    def look(cls, path: str | Path) -> OutboxReader:
        """Open an outbox to look at it.

        Raises
        ------
        OutboxError
            If there is none, or not of this version.
        """
        return OutboxReader(Path(path), *open_checked(Path(path), writing=False))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path.name!r}: {self.header.mode}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn, in_words(self.path):
            yield self._connection

    # --- what is in it --------------------------------------------------------------------------

    def lists(self) -> list[ListSummary]:
        """Return the recipient lists in the order in which they were taken in."""
        with self._reading() as connection:
            found = connection.execute(
                "SELECT name, variables, recipients, refused FROM list ORDER BY id"
            ).fetchall()
        return [ListSummary(name, tuple(json.loads(v)), n, r) for name, v, n, r in found]

    def refusals(self, name: str) -> Iterator[Refusal]:
        """Yield the rows of a list that are not sent to, by line, with the reasons."""
        last = 0
        while True:
            with self._reading() as connection:
                page = connection.execute(
                    "SELECT line, reason FROM refusal WHERE line > ? AND "
                    "list = (SELECT id FROM list WHERE name = ?) ORDER BY line LIMIT ?",
                    (last, name, _PAGE),
                ).fetchall()
            if not page:
                return
            yield from (Refusal(line, reason) for line, reason in page)
            last = page[-1][0]

    def runs(self) -> list[Run]:
        """Return the runs by task and run."""
        with self._reading() as connection:
            found = connection.execute(_RUNS).fetchall()
        return [
            Run(key, task, run, name, tuple(json.loads(variables)), domain, date)
            for key, task, run, name, variables, domain, date in found
        ]

    def run(self, task: int, run: int) -> Run:
        """Return one run; :class:`OutboxError` if there is none."""
        for found in self.runs():
            if (found.task, found.run) == (task, run):
                return found
        raise OutboxError(
            f"outbox {self.path.name!r} has no run {shown(run)} of task {shown(task)}; "
            "add it before its rows are sent"
        )

    def counts(self, run: Run | None = None) -> dict[State, int]:
        """Return how many rows are in each state, of one run or of all; every state is named.

        Takes the same time for millions of rows: the counts are kept with every change.
        """
        with self._reading() as connection:
            found = connection.execute(
                "SELECT state, sum(rows) FROM tally WHERE ? IS NULL OR run = ? GROUP BY state",
                (run and run.id, run and run.id),
            ).fetchall()
        return dict.fromkeys(State, 0) | {State(state): rows for state, rows in found}

    def rows(self, run: Run, state: State | None = None) -> Iterator[Row]:
        """Yield a run's rows in the order of the list, those of one state if that is given.

        Rows may change meanwhile: each is as it was when its thousand was read.
        """
        last = -1
        while True:
            with self._reading() as connection:
                page = connection.execute(_ROWS, (run.id, last, state, state, _PAGE)).fetchall()
            if not page:
                return
            yield from (self._made_row(run, *found) for found in page)
            last = page[-1][0]

    def next_due(self, run: Run) -> int | None:
        """Return when the first deferred row of a run is due, in the caller's microseconds."""
        with self._reading() as connection:
            found: tuple[int | None] = connection.execute(
                "SELECT min(due) FROM row WHERE run = ? AND state = 4", (run.id,)
            ).fetchone()
        return found[0]

    # --- what was taken when: the caps count it ---------------------------------------------------

    def first_taken(self) -> tuple[int | None, int]:
        """Return when the first row was taken to be sent, and how many have been."""
        with self._reading() as connection:
            found: tuple[int | None, int] = connection.execute(
                "SELECT min(taken), count(taken) FROM row"
            ).fetchone()
        return found

    def last_taken(self) -> dict[int, int]:
        """Return when the last row of each run was taken, by the run's id, the earliest first."""
        with self._reading() as connection:
            return dict(connection.execute(_LAST_TAKEN))

    def latest(self, most: int) -> list[int]:
        """Return when the last rows were taken that were sent, or may have been, in order."""
        with self._reading() as connection:
            return [taken for (taken,) in connection.execute(_LATEST, (most,))][::-1]

    def sent_to(self, row: Row, since: int, runs: Iterable[int]) -> int:
        """Return how many emails other runs sent, or may have sent, to a row's recipient.

        Only rows that were taken after ``since`` count; ``runs`` are the ids of those to look at.
        """
        values = (json.dumps(list(runs)), row.address.lower(), row.run.id, since)
        with self._reading() as connection:
            return int(connection.execute(_SENT_TO, values).fetchone()[0])

    # --- the rest ---------------------------------------------------------------------------------

    def checkpoint(self) -> bytes | None:
        """Return the model's state as it was kept last, or None."""
        with self._reading() as connection:
            found: list[tuple[bytes]] = connection.execute(
                "SELECT state FROM checkpoint"
            ).fetchall()
        return found[0][0] if found else None

    def suppressed(self) -> dict[str, str]:
        """Return the suppression list: addresses in lower case, and why each is on it."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT key, reason FROM suppression ORDER BY key"))

    def serial(self, run: Run) -> str:
        """Return what tells a run from every other of any outbox: for boundaries, as in a form."""
        return f"{self.header.id}.{run.task}.{run.run}"

    def _made_row(
        self,
        run: Run,
        line: int,
        state: int,
        attempts: int,
        due: int | None,
        taken: int | None,
        words: str,
        address: str,
        values: str,
    ) -> Row:
        identity = f"<{self.header.id}.{run.task}.{run.run}.{line}@{run.domain}>"
        return Row(
            run, line, State(state), attempts, due, taken, words, address, _values(values),
            identity,
        )  # fmt: skip
