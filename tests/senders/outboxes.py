"""Outboxes to test with: small lists, and what must hold in every outbox at every instant."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from sessim.recipients import Recipient, Refusal, canonical
from sessim.senders.outbox import Outbox
from sessim.senders.reading import OutboxReader, Run
from sessim.senders.states import State
from sessim.senders.store import Header

HEADER = Header("loopback", "127.0.0.1", "t0k3n", '{"start": "2026-12-01"}', {"list 'a.csv'": "ab"})

OPENED: list[Outbox] = []
"""What :func:`filled` made: closed after each test."""


class Rows:
    """A recipient group in memory; line 2 is the first."""

    def __init__(self, addresses: Sequence[str], variables: Sequence[str] = ("name",)) -> None:
        self.addresses = addresses
        self.variables = tuple(variables)

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        for line, text in enumerate(self.addresses, 2):
            try:
                address, key = canonical(text)
            except ValueError as error:
                yield Refusal(line, str(error))
            else:
                yield Recipient(line, address, key, (f"Name {line}",) * len(self.variables))


def addresses(n: int) -> list[str]:
    return [f"user{i}@example.com" for i in range(n)]


def filled(path: Path, n: int, runs: int = 1) -> tuple[Outbox, list[Run]]:
    """Make an outbox with one list and runs of task 1 to it."""
    outbox = Outbox.create(path, HEADER)
    OPENED.append(outbox)
    outbox.add_list("a", Rows(addresses(n)))
    return outbox, [
        outbox.add_run(1, run, "a", "news.example.com", 0) for run in range(1, runs + 1)
    ]


def states(outbox: OutboxReader, run: Run) -> dict[int, State]:
    return {row.line: row.state for row in outbox.rows(run)}


def addresses_by_state(outbox: OutboxReader) -> dict[State, set[str]]:
    """Return the addresses of an outbox with one run; states that no row is in have none."""
    (run,) = outbox.runs()
    found: defaultdict[State, set[str]] = defaultdict(set)
    for row in outbox.rows(run):
        found[row.state].add(row.address)
    return found


def check(outbox: OutboxReader) -> None:
    """Every row is in one state, and the counts add up to the lists."""
    sizes = {summary.name: summary.recipients for summary in outbox.lists()}
    for run in outbox.runs():
        found = states(outbox, run)
        counts = outbox.counts(run)
        assert len(found) == sizes[run.list] == sum(counts.values())
        assert Counter(found.values()) == Counter({k: n for k, n in counts.items() if n})


def edit(path: Path, statement: str) -> None:
    """Change an outbox behind its back."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
