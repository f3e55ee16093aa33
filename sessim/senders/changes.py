"""Changes of an outbox's rows: in transactions that keep seals and counts in step with them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zlib import crc32

from sessim.errors import OutboxError
from sessim.senders.reading import Row
from sessim.senders.states import MOVES, State
from sessim.senders.store import seal

# A row as it becomes, its seal included, and which row it is: one that is as the caller knows it.
_CHANGE_ONE: Final = """
    UPDATE row SET state = ?, attempts = ?, due = ?, taken = ?, words = ?, seal = ?
    WHERE run = ? AND line = ? AND state = ? AND attempts = ?"""

# The rows of a run that are in one state: what they become, and their words (or NULL to keep them).
# Numbered parameters would say so once, but some releases of Python 3.12 warn of them.
_CHANGE_RUN: Final = """
    UPDATE row SET state = ?, due = NULL, words = coalesce(?, words),
    seal = seal(run, line, ?, attempts, NULL, taken, coalesce(?, words))
    WHERE run = ? AND state = ?"""
_BOUNCED: Final = """
    INSERT OR IGNORE INTO suppression SELECT key, words, seal(key, words) FROM (
        SELECT recipient.key, row.words FROM row JOIN run ON run.id = row.run
        JOIN recipient ON recipient.list = run.list AND recipient.line = row.line
        WHERE row.run = ? AND row.line = ?)"""
_CHECKPOINT: Final = """
    INSERT INTO checkpoint VALUES (1, ?, ?)
    ON CONFLICT DO UPDATE SET state = excluded.state, seal = excluded.seal"""


class Change(NamedTuple):
    """What a row becomes: ``attempts`` are added, ``taken`` and ``words`` stay if None."""

    row: Row
    state: State
    attempts: int = 0
    due: int | None = None
    taken: int | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Changes that are made together or not at all.

    ``moved`` counts the rows that came into a run's state, or left it if negative.
    """

    connection: sqlite3.Connection
    moved: Counter[tuple[int, int]] = field(default_factory=Counter)

    def move(self, changes: Sequence[Change], before: State) -> None:
        """Change single rows, all of which must be in one state before.

        Raises
        ------
        OutboxError
            If one is not: then the transaction must not be kept.
        """
        values = [_values(change, before) for change in changes]
        done = self.connection.executemany(_CHANGE_ONE, values).rowcount
        if changes and done != len(changes):
            raise OutboxError(
                f"{len(changes) - done} of {len(changes)} rows are not {before.word} (any more); "
                "settle each row once, after it was claimed"
            )
        for (run_id, after), rows in Counter((it.row.run.id, it.state) for it in changes).items():
            self._count(run_id, before, after, rows)

    def move_all(self, run_id: int, before: State, after: State, words: str | None = None) -> int:
        """Change all rows of a run that are in one state; return how many those were."""
        done = self.connection.execute(
            _CHANGE_RUN, (after, words, after, words, run_id, before)
        ).rowcount
        self._count(run_id, before, after, done)
        return done

    def move_everywhere(self, before: State, after: State, words: str | None = None) -> int:
        """Change all rows of all runs that are in one state; return how many those were."""
        runs = self.connection.execute("SELECT id FROM run").fetchall()
        return sum(self.move_all(run_id, before, after, words) for (run_id,) in runs)

    def suppress(self, rows: Iterable[Row]) -> None:
        """Put the addresses of rows on the suppression list, with the rows' words."""
        self.connection.executemany(_BOUNCED, [(row.run.id, row.line) for row in rows])

    def keep_checkpoint(self, state: bytes) -> None:
        """Keep the model's state in the place of the one before."""
        self.connection.execute(_CHECKPOINT, (state, crc32(state)))

    def _count(self, run_id: int, before: State, after: State, rows: int) -> None:
        assert after in MOVES[before]
        self.moved[run_id, before] -= rows
        self.moved[run_id, after] += rows

    def keep_counts(self) -> None:
        """Write into the tally what was moved."""
        self.connection.executemany(
            "INSERT INTO tally VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET rows = rows + excluded.rows",
            [(run, int(state), rows) for (run, state), rows in self.moved.items()],
        )


def _values(change: Change, before: State) -> tuple[object, ...]:
    """Return what is bound to the statement that makes a change."""
    row, state, more, due, taken, words = change
    # Whole numbers of the plain kind: the seal is made of how they look.
    place, content = (row.run.id, row.line), (int(state), row.attempts + more, due)
    kept = (row.taken if taken is None else taken, row.words if words is None else words)
    sealed = seal(*place, *content, *kept)
    return (*content, *kept, sealed, *place, int(before), row.attempts)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[Transaction]:
    """Open a transaction: on the disk when the block ends, undone if it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        changes = Transaction(connection)
        yield changes
        changes.keep_counts()
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")
        raise
