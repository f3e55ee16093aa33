"""The command ``sessim deadline``; as thin as the others."""

from __future__ import annotations

import argparse

from sessim.cli_parts import Add, check_counts
from sessim.plan import Plan


def add_commands(add: Add) -> None:
    """Add the command."""
    text = "say whether a task is done by a date, how sure that is, and what to change"
    command = add("deadline", deadline, text)
    command.add_argument("plan", metavar="PLAN.yaml", help="the plan file")
    command.add_argument("--task", metavar="NAME", required=True, help="the task that counts")
    command.add_argument("--by", metavar="DATE", required=True, help="a date (its end) or a time")
    command.add_argument("--replications", metavar="N", type=int, default=200, help="default 200")
    command.add_argument("--seed", metavar="N", type=int, default=0, help="default 0")
    command.add_argument("--workers", metavar="K", type=int, help="processes; default: this one")


def deadline(options: argparse.Namespace) -> int:
    """Print the verdict; its exit status is 0 whatever it is."""
    from sessim.experiments.planning.existing import verdict

    check_counts(options)
    found = verdict(
        Plan.from_yaml(options.plan),
        options.task,
        options.by,
        replications=options.replications,
        seed=options.seed,
        executor=options.workers,
    )
    print(found)
    return 0
