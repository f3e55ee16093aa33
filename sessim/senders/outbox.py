"""The outbox: every recipient of every run with its state, on the disk before and after the wire.

A sender takes rows with :meth:`Outbox.claim`: they are marked and committed before it sees them.
What became of them goes back with :meth:`Outbox.settle`. So whatever happens in between, a row
that is not marked was surely not sent, and one that is marked and never settled is in doubt:
opening the outbox again makes it ``unknown``, and it is not sent again unless somebody says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Literal

from sessim.errors import ArgumentError, OutboxError, RecipientError, shown
from sessim.recipients import canonical
from sessim.senders import intake
from sessim.senders.changes import Change, Transaction, transaction
from sessim.senders.outcomes import HARD_BOUNCE, Outcome, checked
from sessim.senders.reading import ListSummary, OutboxReader, Row, Run
from sessim.senders.states import WAITING, State
from sessim.senders.store import (
    Header,
    create,
    in_words,
    locked,
    open_checked,
    require,
    require_free,
    require_outbox,
    seal,
)

Policy = Literal["resend", "reconcile"]
"""What becomes of unknown rows: send them again, or take them as accepted."""

_POLICIES: Final[Mapping[str, State]] = {"resend": State.PENDING, "reconcile": State.ACCEPTED}
_DUE: Final = """
    SELECT is_suppressed, line, state, attempts, due, taken, words, address, vals FROM mail
    WHERE run = ? AND state = 4 AND due <= ? ORDER BY due, line LIMIT ?"""
_FRESH: Final = """
    SELECT is_suppressed, line, state, attempts, due, taken, words, address, vals FROM mail
    WHERE run = ? AND state = 0 AND line > ? ORDER BY line LIMIT ?"""


class Outbox(OutboxReader):
    """An outbox to send from: made by :meth:`create` or gone on with by :meth:`resume`.

    Only one process has it at a time. Every method that writes commits before it returns, or
    changes nothing and raises :class:`OutboxError`: disk full, file not writable, damage. It may
    be used from several threads.
    """

    def __init__(
        self, path: Path, opened: tuple[sqlite3.Connection, Header], lock: sqlite3.Connection
    ) -> None:
        super().__init__(path, *opened)
        self._lock = lock
        self._behind: dict[int, int] = {}  # by run: no row up to this line is pending
        self.doubtful = 0
        """How many rows an earlier sender had in hand when it ended; they are unknown now."""

    @classmethod
    def create(cls, path: str | Path, header: Header) -> Outbox:
        """Make a new outbox.

        Raises
        ------
        OutboxError
            If there is one already, or it cannot be written there.
        OutboxBusyError
            If another sender is making it.
        """
        file = Path(path)
        require_free(file)  # before a lock is left beside something else
        with locked(file) as lock:
            return cls(file, (create(file, header), header), lock)

    @classmethod
    def resume(
        cls,
        path: str | Path,
        *,
        mode: str | None = None,
        host: str | None = None,
        token: str | None = None,
        plan: str | None = None,
        digests: Mapping[str, str] | None = None,
    ) -> Outbox:
        """Go on with an outbox, after checking all of it.

        Rows that a sender had in hand when it ended become unknown: see :attr:`doubtful`, and
        :meth:`recover` for what to do with them.

        Parameters
        ----------
        path
            The file.
        mode, host, token, plan, digests
            What the outbox must have been made for, as in :class:`Header`; what is None may be
            anything.

        Raises
        ------
        OutboxError
            If there is none, or it is another version's, damaged, edited, or made for another
            mode, host, plan, list or template.
        OutboxBusyError
            If another sender has it.
        """
        file = Path(path)
        require_outbox(file)  # before a lock is left beside something else
        wanted = {"mode": mode, "host": host, "token": token, "plan": plan, "digests": digests}
        with locked(file) as lock:
            outbox = cls(file, open_checked(file, writing=True), lock)
            try:
                require(outbox.header, file, wanted)
                outbox._doubt()
            except BaseException:
                outbox.close()
                raise
            return outbox

    def close(self) -> None:
        """Close the file and let another sender have it."""
        super().close()
        self._lock.close()

    # --- what is to be sent ---------------------------------------------------------------------

    def add_list(self, name: str, group: intake.Group) -> ListSummary:
        """Take in a recipient list, row by row: all of it in one transaction, or nothing.

        A row whose address was there before, in whatever case, is refused and names the line of
        the first; so is what the group refuses. See :meth:`refusals`.

        Raises
        ------
        OutboxError
            If there is a list of that name, or the file cannot be written.
        RecipientError
            If the group's file cannot be read.
        """
        with self._writing():
            return intake.add_list(self._connection, name, group)

    def add_run(self, task: int, run: int, list_name: str, domain: str, date: int) -> Run:
        """Add a run: a row for each recipient of a list, pending, or suppressed.

        Parameters
        ----------
        task, run
            As in the tables: a task's number in the plan, the runs counted from 1.
        list_name
            One of :meth:`lists`.
        domain
            The sender's, for ``Message-ID``.
        date
            What the messages are dated with, in whole microseconds of the caller's clock.

        Returns
        -------
        Run
            What :meth:`claim` wants. A run that is there already is returned as it is: after a
            crash the caller may not know that it was added.

        Raises
        ------
        OutboxError
            If there is no such list, the run is there with another one, or the file cannot be
            written.
        """
        for found in self.runs():
            if (found.task, found.run) == (task, run):
                if (found.list, found.domain, found.date) != (list_name, domain, date):
                    raise OutboxError(
                        f"outbox {self.path.name!r} has run {run} of task {task} with another "
                        "list, sender or date; go on as it began"
                    )
                return found
        with self._writing() as changes:
            intake.add_run(changes, task, run, list_name, domain, date)
        return self.run(task, run)

    def suppress(self, addresses: Iterable[str], reason: str) -> int:
        """Put addresses on the suppression list; return how many were not there before.

        What is in a sender's hands is still sent.

        Raises
        ------
        RecipientError
            If one of them is no address.
        """
        try:
            keys = [canonical(address.strip())[1] for address in addresses]
        except ValueError as error:
            raise RecipientError(str(error)) from None
        with self._writing():
            return self._connection.executemany(
                "INSERT OR IGNORE INTO suppression VALUES (?, ?, ?)",
                [(key, reason, seal(key, reason)) for key in keys],
            ).rowcount

    def cancel(self, run: Run) -> int:
        """Cancel what is still to be sent of a run; return how many rows that were."""
        with self._writing() as changes:
            return sum(changes.move_all(run.id, state, State.CANCELLED) for state in WAITING)

    # --- sending --------------------------------------------------------------------------------

    def claim(self, run: Run, n: int, now: int = 0, step: int = 0) -> list[Row]:
        """Take rows to be sent: they are marked as intent, on the disk, before they are returned.

        Deferred rows that are due come first, then pending ones in the order of the list.
        Suppressed addresses are marked on the way and not returned.

        Parameters
        ----------
        run
            Whose rows.
        n
            The most rows to take; fewer come back only if there are no more.
        now, step
            When the first of them is sent, and how much later each one after it, in whole
            microseconds of the caller's clock.

        Raises
        ------
        OutboxError
            If that cannot be written: then no row may be sent.
        """
        return self.exchange((), run, n, now, step)

    def settle(self, outcomes: Iterable[Outcome], checkpoint: bytes | None = None) -> None:
        """Write down what became of rows that were claimed, all or none.

        A row rejected with 5.1.1 (no such mailbox) puts its address on the suppression list.

        Parameters
        ----------
        outcomes
            One a row.
        checkpoint
            The model's state after them, kept in the same transaction.

        Raises
        ------
        ArgumentError
            If an outcome is none that may follow, or a deferred row has no due time.
        OutboxError
            If a row is in no sender's hands (settled before, or cancelled), or it cannot be
            written.
        """
        self.exchange(outcomes, checkpoint=checkpoint)

    def exchange(
        self,
        outcomes: Iterable[Outcome],
        run: Run | None = None,
        n: int = 0,
        now: int = 0,
        step: int = 0,
        checkpoint: bytes | None = None,
    ) -> list[Row]:
        """Settle and claim in one transaction: half the waiting for the disk.

        Parameters, result and errors are those of :meth:`settle` and :meth:`claim`.
        """
        settled = [checked(outcome) for outcome in outcomes]
        with self._turn:
            with self._writing() as changes:
                behind = self._settle(settled, changes)
                claimed = self._take(run, n, (now, step), behind, changes) if run else []
                if checkpoint is not None:
                    changes.keep_checkpoint(checkpoint)
            self._behind |= behind
        return claimed

    def recover(self, policy: Policy, rows: Iterable[Row] | None = None) -> int:
        """Decide on unknown rows; return how many there were.

        Parameters
        ----------
        policy
            ``resend`` makes them pending: whoever has the first message gets it twice, with the
            same ``Message-ID``. ``reconcile`` takes them as accepted, as when the server's log
            has them.
        rows
            Which, from :meth:`rows`; by default all unknown rows of all runs.

        Raises
        ------
        ArgumentError
            If the policy is none.
        OutboxError
            If one of the rows is not unknown.
        """
        if policy not in _POLICIES:
            raise ArgumentError(f"policy is {shown(policy)}; give {' or '.join(_POLICIES)}")
        state = _POLICIES[policy]
        words = "taken as accepted" if state is State.ACCEPTED else None
        with self._turn:
            with self._writing() as changes:
                if rows is None:
                    decided = changes.move_everywhere(State.UNKNOWN, state, words)
                else:
                    chosen = [Change(row, state, words=words) for row in rows]
                    changes.move(chosen, State.UNKNOWN)
                    decided = len(chosen)
            self._behind.clear()
        return decided

    # --- the inside of a transaction ------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        with self._turn, in_words(self.path), transaction(self._connection) as changes:
            yield changes

    def _doubt(self) -> None:
        """Mark what an earlier sender had in hand: nobody knows whether it was sent."""
        words = "the sender ended before the outcome was known"
        with self._writing() as changes:
            self.doubtful = changes.move_everywhere(State.INTENT, State.UNKNOWN, words)

    def _settle(self, outcomes: list[Outcome], changes: Transaction) -> dict[int, int]:
        """Write outcomes; return up to which lines of their runs no row is pending now."""
        changes.move(
            [
                Change(row, state, -1 if state is State.PENDING else 0, due, words=words)
                for row, state, words, due in outcomes
            ],
            State.INTENT,
        )
        changes.suppress(
            row
            for row, state, words, _ in outcomes
            if state is State.REJECTED and HARD_BOUNCE.match(words)
        )
        behind: dict[int, int] = {}
        for row, state, *_ in outcomes:
            if state is State.PENDING:
                known = behind.get(row.run.id, self._behind.get(row.run.id, -1))
                behind[row.run.id] = min(known, row.line - 1)
        return behind

    def _take(
        self,
        run: Run,
        n: int,
        when: tuple[int, int],
        behind: dict[int, int],
        changes: Transaction,
    ) -> list[Row]:
        """Mark up to n rows as intent, those that are due first."""
        claimed: list[Row] = []
        now, step = when
        instants = count(now, step)
        while len(claimed) < n and (found := self._found(_DUE, run, now, n - len(claimed))):
            claimed += self._mark(found, State.DEFERRED, instants, changes)
        last = behind.get(run.id, self._behind.get(run.id, -1))
        while len(claimed) < n and (found := self._found(_FRESH, run, last, n - len(claimed))):
            claimed += self._mark(found, State.PENDING, instants, changes)
            last = found[-1][1].line
        behind[run.id] = last
        return claimed

    def _found(self, query: str, run: Run, since: int, most: int) -> list[tuple[bool, Row]]:
        """Return candidates, and of each whether its address is suppressed."""
        found = self._connection.execute(query, (run.id, since, most)).fetchall()
        return [(bool(is_suppressed), self._made_row(run, *row)) for is_suppressed, *row in found]

    def _mark(
        self,
        found: list[tuple[bool, Row]],
        before: State,
        instants: Iterator[int],
        changes: Transaction,
    ) -> list[Row]:
        """Mark candidates as suppressed or as intent; return the latter."""
        dropped = [row for is_suppressed, row in found if is_suppressed]
        taken = [row for is_suppressed, row in found if not is_suppressed]
        changes.move([Change(row, State.SUPPRESSED) for row in dropped], before)
        intents = [Change(row, State.INTENT, 1, taken=next(instants)) for row in taken]
        changes.move(intents, before)
        for row, state, more, due, instant, _ in intents:
            row.state, row.attempts, row.due, row.taken = state, row.attempts + more, due, instant
        return taken
