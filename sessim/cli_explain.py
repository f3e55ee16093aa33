"""``sessim explain``: why a task of a history was in its state."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessim.errors import ArgumentError
from sessim.plan import Plan

if TYPE_CHECKING:
    from sessim.history import History


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe the arguments of the command."""
    command.add_argument(
        "history", metavar="HISTORY", nargs="+", help="files of a history, or a saved result"
    )
    command.add_argument(
        "--task", metavar="ID", required=True, help="the source's TaskId, or the task's name"
    )
    command.add_argument(
        "--at", metavar="TIME", required=True, help="a time, or two: FROM/TO for an interval"
    )
    command.add_argument("--timezone", metavar="Z", help="of times without one")
    command.add_argument("--plan", metavar="PLAN.yaml", help="the rules that hold")


def explain(options: argparse.Namespace) -> int:
    """Explain, in one paragraph and the tables that it rests on."""
    found = history(options).explain(options.task, _at(options.at))
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


def _at(text: str) -> Any:
    """Read a time, or an interval as ISO 8601 writes it."""
    parts = tuple(part.strip() for part in text.split("/"))
    if len(parts) > 2:
        raise ArgumentError(f"--at: {text!r} is neither a time nor FROM/TO")
    return parts[0] if len(parts) == 1 else parts


def history(options: argparse.Namespace) -> History:
    """Return the history that the arguments name: a result of sessim's own, or files."""
    from sessim.history import History
    from sessim.result import load

    first = Path(options.history[0])
    is_result = first.suffix == ".parquet" or (first / "events.parquet").is_file()
    if len(options.history) == 1 and is_result:
        return History(load(first).log)
    from sessim.history import load_history

    plan = Plan.from_yaml(options.plan) if options.plan else None
    return load_history(*options.history, timezone=options.timezone, plan=plan)
