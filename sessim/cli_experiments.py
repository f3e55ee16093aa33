"""The commands that simulate many times; as thin as the others."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessim.cli_parts import FAILED, Add, check_counts, make_folder
from sessim.clock import format_moment, moment
from sessim.errors import ArgumentError
from sessim.listing import columns
from sessim.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from sessim.experiments.replications import Replications


def add_commands(add: Add) -> None:
    """Add the commands that simulate many times."""
    command = add("replicate", replicate, "simulate a plan many times, with intervals")
    command.add_argument("plan", metavar="PLAN.yaml", help="the plan file")
    command.add_argument("--replications", metavar="N", type=int, required=True, help="how many")
    command.add_argument("--out", metavar="DIR", required=True, help="folder for the results")
    command.add_argument("--by", metavar="DATE", help="say how probable it is to be done by then")
    command.add_argument("--until", metavar="DATE", help="stop there, before the horizon")
    _add_common(command)

    command = add("compare", compare, "compare plans side by side")
    command.add_argument("plans", metavar="PLAN.yaml", nargs="+", help="two or more plan files")
    command.add_argument(
        "--replications", metavar="N", type=int, help="how many of each; default: simulate once"
    )
    command.add_argument("--out", metavar="DIR", help="folder for tables and charts")
    _add_common(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", metavar="N", type=int, default=0, help="default 0")
    command.add_argument("--workers", metavar="K", type=int, help="processes; default: this one")


def _check_time(by: str, plan: Plan) -> None:
    try:
        end = plan.clock.end_instant(moment(by))
    except ValueError as error:
        raise ArgumentError(f"--by: {error}") from None
    if end <= plan.start_instant:
        start = format_moment(plan.start)
        raise ArgumentError(f"--by: {by} is before the plan's start, {start}; give a later time")


# --- replicate ------------------------------------------------------------------------------------


def replicate(options: argparse.Namespace) -> int:
    """Simulate a plan many times; write tables and charts."""
    from sessim.experiments import replications, running

    plan = Plan.from_yaml(options.plan)
    check_counts(options)
    if options.by is not None:
        _check_time(options.by, plan)
    make_folder(options.out)
    try:
        found = replications.replicate(
            plan, options.replications, options.seed, options.workers,
            until=options.until, progress=_bar(),
        )  # fmt: skip
    except running.ReplicationError as error:
        if error.finished is not None:
            _write(error.finished, options)
        print(f"sessim: {error}", file=sys.stderr)
        return FAILED
    _write(found, options)
    return 0


def _write(found: Replications, options: argparse.Namespace) -> None:
    from sessim.experiments.charts import save_all  # loads matplotlib
    from sessim.experiments.planning.odds import is_random

    found.save(options.out)
    save_all(found.plot, options.out)
    print(_finishes(found.summary(), "name"))
    print(f"\n{found!r}")
    print(f"Tables and charts are in {Path(options.out)}{os.sep}")
    if not is_random(found.plan):
        print("Nothing in this plan is left to chance: every replication is the same.")
    if options.by is not None:
        chance = found.probability(options.by)
        print(
            f"All work is done by {options.by} with probability {chance.value:.1%} "
            f"(95% interval {chance.low:.1%} to {chance.high:.1%})."
        )


def _bar() -> Any:
    from tqdm import tqdm

    return partial(tqdm, delay=1, disable=None, leave=False)


def _finishes(summary: pd.DataFrame, first: str) -> str:
    """Write when things are finished: in 5%, half and 95% of the replications."""
    rows = [(first.capitalize(), "5% by", "50% by", "95% by", "Later")]
    for row in summary.to_dict("records"):
        times = [f"{row[q]:%Y-%m-%d %H:%M}" if row[q] == row[q] else "-" for q in _QUANTILES]
        rows.append((row[first], *times, f"{row['later']:,}"))
    return columns(rows, right=(4,))


_QUANTILES = ("p05", "p50", "p95")


# --- compare --------------------------------------------------------------------------------------


def compare(options: argparse.Namespace) -> int:
    """Compare plans: simulated once each, or many times with the same random numbers."""
    twice = next((file for file, times in Counter(options.plans).items() if times > 1), None)
    if twice is not None:
        raise ArgumentError(f"PLAN.yaml: {twice} is named twice; name each plan once")
    plans = dict(zip(_names(options.plans), map(Plan.from_yaml, options.plans), strict=True))
    check_counts(options)
    if options.out is not None:
        make_folder(options.out)
    if options.replications is None:
        return _compare_once(plans, options)
    from sessim.experiments import comparing, running

    try:
        found = comparing.compare(
            plans, options.replications, options.seed, options.workers, progress=_bar()
        )
    except running.ReplicationError as error:
        print(f"sessim: {error}", file=sys.stderr)
        return FAILED
    print(_finishes(found.summary(), "plan"))
    print(f"\n{found!r}")
    if options.out is not None:
        from sessim.experiments.charts import save_all  # loads matplotlib

        found.save(options.out)
        save_all(found.plot, options.out)
        print(f"Tables and charts are in {Path(options.out)}{os.sep}")
    return 0


def _compare_once(plans: dict[str, Plan], options: argparse.Namespace) -> int:
    from sessim.comparison import FIGURES, as_results
    from sessim.comparison import compare as table_of

    if options.workers is not None:
        raise ArgumentError("--workers: a single simulation needs none; add --replications N")
    if len(plans) < 2:
        raise ArgumentError("PLAN.yaml: one plan cannot be compared; name two or more")
    results = as_results(plans, seed=options.seed)
    table = table_of(results)
    rows = [(name.replace("_", " "), *map(_cell, table[name])) for name in FIGURES]
    rows.insert(0, ("", *table["plan"]))
    print(columns(rows, right=range(1, len(plans) + 1)))
    if options.out is not None:
        table.to_csv(Path(options.out) / "comparison.csv", index=False)
        print(f"\nThe table is in {Path(options.out)}{os.sep}")
    return 0


def _cell(value: Any) -> str:
    if value != value:
        return "-"
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,}" if value == int(value) else f"{value:,.2f}"


def _names(files: list[str]) -> list[str]:
    """Return the files' names without folder and ending, unless two are alike."""
    stems = [Path(file).stem for file in files]
    return [
        file if times > 1 else stem
        for file, stem, times in zip(files, stems, map(Counter(stems).get, stems), strict=True)
        if times
    ]
