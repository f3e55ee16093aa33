"""``sessim calibrate``: a plan fitted to a history, and how surely its rules are known."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from sessim.cli_history import add_files, read
from sessim.cli_parts import Add
from sessim.errors import ArgumentError
from sessim.warmup import Rule

if TYPE_CHECKING:
    import pandas as pd

    from sessim.history.calibration import Calibration


def add_commands(add: Add) -> None:
    """Add the command."""
    command = add("calibrate", calibrate, "fit a plan to a history")
    add_files(command)
    command.add_argument("--out", metavar="plan.yaml", required=True, help="file for the plan")


def calibrate(options: Namespace) -> int:
    """Fit rules, limits and rate; say how sure they are, and write the plan."""
    out = Path(options.out)
    if out.is_dir() or not out.parent.is_dir():
        raise ArgumentError(f"--out: {str(out)!r} is no file in a folder that is there; name one")
    history = read(options)
    for sentence in history.evidence.notes:
        print(sentence)
    found = history.calibrate()
    print(f"\n{found}\n")
    for domain in found.plan.domains:
        print(f"{domain.name}: {_limits(domain.warmup)}")
    print(f"\n{_errors(found.errors)}")
    if not found.quality_errors.empty:
        print(_quality_errors(found.quality_errors))
    if found.undecided:
        print(_undecided(found))
    found.plan.to_yaml(out)
    print(f"The plan is in {out}.")
    return 0


def _limits(warmup: object) -> str:
    """Say which limits a warm-up has; of a long list, how it begins."""
    if isinstance(warmup, Rule):
        return f"{warmup.start:,} on day 1, times {warmup.factor} from day to day"
    if isinstance(warmup, tuple):
        first = ", ".join(f"{number:,}" for number in warmup[:8])
        return f"limits {first}{', ...' if len(warmup) > 8 else ''}"
    if warmup == "none":
        return "no limit was seen"
    return f"a limit of {warmup:,}" if isinstance(warmup, int) else f"warm-up {warmup}"


def _errors(errors: pd.DataFrame) -> str:
    if errors.empty:
        return "The history is too short to hold a part back: the forecast is not tested."
    shares = errors.set_index("measure").rename_axis(None).map("{:.2%}".format)
    return (
        "Fitted to the first two thirds, its forecast of the last third was wrong by so much of\n"
        "all emails; beside it a straight line, and yesterday over again:\n"
        f"{shares.to_string()}\n"
    )


def _quality_errors(errors: pd.DataFrame) -> str:
    shares = errors.set_index("rate").rename_axis(None)[["model", "yesterday"]]
    return (
        "Its rates, fitted to the same part, were wrong by so much of the emails that came later;\n"
        "beside them the shares of the day before:\n"
        f"{shares.map('{:.2%}'.format).to_string()}\n"
    )


def _undecided(found: Calibration) -> str:
    rules = found.rules[~found.rules["decided"]]
    each = [f"{row.rule} ({row.value} or {row.next_best})" for row in rules.itertuples()]
    return (
        f"Not decided by this history: {', '.join(each)}; the plan keeps what the history was "
        "read with, and a longer one or one with more polls may tell."
    )
