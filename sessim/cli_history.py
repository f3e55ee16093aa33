"""The commands that read task histories."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sessim.cli_parts import Add, make_folder
from sessim.eventlog import iso
from sessim.listing import console, day_table
from sessim.plan import Plan

if TYPE_CHECKING:
    from sessim.history import History


def add_commands(add: Add) -> None:
    """Add the commands."""
    command = add("replay", replay, "import a history; write its tables")
    add_files(command)
    command.add_argument("--out", metavar="DIR", required=True, help="folder for the results")


def add_files(command: argparse.ArgumentParser) -> None:
    """Add the arguments that say which history is read, and how."""
    command.add_argument("history", metavar="HISTORY", nargs="+", help="files or folders")
    command.add_argument("--format", metavar="F", help="what they hold, if it is not recognised")
    command.add_argument(
        "--timezone", metavar="Z", help="of times without a zone; default Asia/Shanghai"
    )
    command.add_argument("--plan", metavar="PLAN.yaml", help="a plan whose rules hold")


def read(options: argparse.Namespace) -> History:
    """Read the history that the arguments name."""
    from sessim.history import load_history  # slow to import

    plan = Plan.from_yaml(options.plan) if options.plan else None
    return load_history(
        *options.history, format=options.format, timezone=options.timezone, plan=plan
    )


def replay(options: argparse.Namespace) -> int:
    """Import a history; write tables, charts and findings."""
    history = read(options)
    make_folder(options.out)
    history.save(options.out)
    findings = getattr(history, "findings", None)
    if findings is not None:
        findings.apply(iso).to_csv(Path(options.out) / "findings.csv", index=False)
    from sessim.charts import save_all  # loads matplotlib

    save_all(history, options.out)
    print(console(history.tasks))
    print(f"\n{day_table(history.daily)}\n")
    for sentence in history.evidence.notes:
        print(sentence)
    print(f"Days are those of {history.plan.timezone}; the last look was at {history.end}.")
    print(f"Tables and charts are in {Path(options.out)}{os.sep}")
    return 0
