"""``sessim explain``: why a task of a history was in its state."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from sessim.cli_history import add_files, read
from sessim.cli_parts import Add
from sessim.errors import ArgumentError


def add_commands(add: Add) -> None:
    """Add the command."""
    command = add("explain", explain, "why a task of a history was in its state")
    add_files(command)
    command.add_argument("--task", metavar="ID", required=True, help="its TaskId, or its name")
    command.add_argument(
        "--at", metavar="TIME", required=True, help="a time, or two: FROM/TO for an interval"
    )


def explain(options: Namespace) -> int:
    """Explain, in one paragraph and the tables that it rests on."""
    options.history = [_log_of(Path(name)) for name in options.history]
    found = read(options).explain(options.task, _at(options.at))
    print(found.paragraph)
    if found.ledger is not None and len(found.ledger.used):
        print(f"\nSent by {found.ledger.domain} on {found.ledger.date:%Y-%m-%d}:")
        print(found.ledger.used.to_string(index=False, na_rep=""))
    if found.counterfactuals is not None:
        print("\nWhat else would have happened:")
        print(found.counterfactuals.changes.to_string(index=False, na_rep=""))
        print("\nShares in the pause:")
        print(found.counterfactuals.shares.to_string(index=False))
    return 0


def _log_of(path: Path) -> Path:
    """Return the event log of a folder that a result was saved to; else the path itself."""
    log = path / "events.parquet"
    return log if log.is_file() else path


def _at(text: str) -> Any:
    """Read a time, or an interval as ISO 8601 writes it."""
    parts = tuple(part.strip() for part in text.split("/"))
    if len(parts) > 2:
        raise ArgumentError(f"--at: {text!r} is neither a time nor FROM/TO")
    return parts[0] if len(parts) == 1 else parts
