"""The command line: thin, with errors of one sentence and no traceback for a user's mistake."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from sessim import (
    cli_calibrate,
    cli_deadline,
    cli_experiments,
    cli_explain,
    cli_history,
    cli_send,
)
from sessim.cli_parts import BAD_INPUT, FAILED, INTERRUPTED, make_folder
from sessim.errors import SessimError
from sessim.listing import console, day_table
from sessim.plan import Plan
from sessim.result import Result
from sessim.simulation import end_instant, simulate
from sessim.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 for a failed run, 2 for bad input."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without UTF-8 is no reason to fail
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning
            status: int = options.run(options)
            sys.stdout.flush()
            return status
    except SessimError as error:
        return _say(str(error), BAD_INPUT)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(f"{error.filename or 'output'}: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        return _say("stopped", INTERRUPTED)


def _say(sentence: str, status: int) -> int:
    print(f"sessim: {sentence}", file=sys.stderr)
    return status


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"warning: {message}", 0)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one sentence what is wrong with the arguments."""
        sys.exit(_say(f"{message}; see {self.prog} --help", BAD_INPUT))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sessim", description="Try a warm-up schedule before you send it.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = _command(commands, "simulate", _simulate, "simulate a plan; write tables and charts")
    command.add_argument("plan", metavar="PLAN.yaml", help="the plan file")
    command.add_argument("--out", metavar="DIR", required=True, help="folder for the results")
    command.add_argument("--seed", metavar="N", type=int, default=0, help="default 0")
    command.add_argument("--until", metavar="DATE", help="stop there, before the horizon")

    for room in (
        cli_experiments, cli_deadline, cli_send, cli_history, cli_explain, cli_calibrate,
    ):  # fmt: skip
        room.add_commands(partial(_command, commands))

    command = _command(commands, "schema", _schema, "print the JSON Schema of plan files")

    command = _command(commands, "lab", _lab, "open JupyterLab on the notebooks")
    command.add_argument("folder", nargs="?", default="notebooks", help="default: notebooks")
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[Any], int],
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
    command.set_defaults(run=run)
    return command


def _simulate(options: argparse.Namespace) -> int:
    plan = Plan.from_yaml(options.plan)
    end_instant(plan, options.until)
    make_folder(options.out)
    from tqdm import tqdm

    bar = partial(tqdm, delay=1, disable=None, unit_scale=True, leave=False)
    result = simulate(plan, options.seed, until=options.until, progress=bar)
    result.save(options.out)
    from sessim.charts import save_all  # loads matplotlib

    save_all(result, options.out)
    print(console(result.tasks))
    print(f"\n{day_table(result.daily)}\n")
    print(_ending(result))
    print(f"Tables and charts are in {Path(options.out)}{os.sep}")
    return 0


def _ending(result: Result) -> str:
    end = f"{result.end:%Y-%m-%d %H:%M}"
    if result.finished:
        return f"All work was done by {end} ({result.plan.timezone})."
    left = int(
        (
            result.tasks["requests"]
            - result.tasks["sent"]
            - result.tasks["cancelled"]
            - result.tasks["failed"]
        ).sum()
    )
    work = f"{left:,} emails of due runs are unsent" if left else "runs that are not due yet"
    return f"The simulation ended at {end} ({result.plan.timezone}) with work left: {work}."


def _schema(_: argparse.Namespace) -> int:
    import json

    print(json.dumps(Plan.json_schema(), indent=2))
    return 0


def _lab(options: argparse.Namespace) -> int:
    try:
        from jupyterlab.labapp import main as lab
    except ImportError:
        raise SessimError("JupyterLab is not installed; install sessim[lab]") from None
    if not Path(options.folder).is_dir():
        raise SessimError(f"there is no folder {options.folder!r}; name the one with notebooks")
    # Lab listens on this computer alone; in a container there may be no user but root.
    root = getattr(os, "geteuid", lambda: None)() == 0
    lab([options.folder, *["--allow-root"] * root])
    return 0
