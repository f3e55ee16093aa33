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

from sessim import cli_deadline, cli_experiments, cli_explain, cli_history, cli_send
from sessim.cli_folder import make_folder
from sessim.cli_send import FAILED, INTERRUPTED
from sessim.errors import SessimError
from sessim.listing import console, day_table
from sessim.plan import Plan
from sessim.result import Result
from sessim.simulation import end_instant, simulate
from sessim.version import __version__

BAD_INPUT = 2


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

    cli_experiments.add(commands, _command)
    cli_deadline.add(commands, _command)
    cli_send.add_commands(partial(_command, commands))
    cli_history.add_commands(partial(_command, commands))
    cli_explain.add_command(partial(_command, commands))

    command = _command(commands, "schema", _schema, "print the JSON Schema of plan files")

    command = _command(commands, "lab", _lab, "open JupyterLab on the notebooks")
    command.add_argument("folder", nargs="?", default="notebooks", help="default: notebooks")
    return parser


def _add_senders(commands: argparse._SubParsersAction[_Parser]) -> None:
    from sessim import cli_send as real

    command = _command(commands, "send", real.send, "send a plan for real")
    command.add_argument("plan", metavar="PLAN.yaml", nargs="?", help="the plan file")
    command.add_argument(
        "--mode",
        choices=("loopback", "live"),
        default="loopback",
        help="loopback (default): to a server of its own; live: to --server",
    )
    command.add_argument("--outbox", metavar="FILE", help="a new file that keeps every recipient")
    command.add_argument("--resume", metavar="FILE", help="go on with an outbox")
    command.add_argument(
        "--server",
        metavar="URL",
        default="",
        help="smtps://HOST:PORT, smtp+starttls://HOST:PORT or smtp://HOST:PORT",
    )
    command.add_argument("--confirm", metavar="TOKEN", help="the token of what would be sent")
    command.add_argument(
        "--recipients",
        metavar="N",
        type=int,
        default=20,
        help="confirms the number of emails, if more than 20",
    )
    command.add_argument(
        "--speed",
        metavar="N",
        type=float,
        default=1.0,
        help="seconds of the plan in one; default 1",
    )
    command.add_argument("--redirect-to", metavar="ADDRESS", help="all mail goes there instead")
    command.add_argument("--unsubscribe", metavar="URL", help="for List-Unsubscribe")
    command.add_argument(
        "--attach", metavar="FILE", action="append", default=[], help="goes with every message"
    )
    command.add_argument("--cafile", metavar="FILE", help="certificates to trust")
    command.add_argument("--out", metavar="DIR", help="folder for tables, log and charts")

    command = _command(commands, "outbox", real.outbox, "count and list the rows of an outbox")
    command.add_argument("file", metavar="FILE")
    command.add_argument("--state", help="list the rows in this state, for example unknown")
    decide = command.add_mutually_exclusive_group()
    decide.add_argument("--resend", action="store_true", help="send unknown rows again")
    decide.add_argument("--reconcile", action="store_true", help="take unknown rows as accepted")

    command = _command(commands, "test-send", real.test_send, "send a test to 1 to 20 addresses")
    for name in ("sender", "subject", "template"):
        command.add_argument(f"--{name}", required=True)
    command.add_argument("--to", required=True, metavar="X[,Y...]", help="1 to 20 addresses")
    command.add_argument("--server", metavar="URL", default="", help="default: one of its own")
    command.add_argument("--confirm", metavar="TOKEN", help="the token of what would be sent")
    command.add_argument("--cafile", metavar="FILE", help="certificates to trust")
    command.add_argument(
        "--out",
        metavar="DIR",
        default="test-mails",
        help="folder that the server of its own keeps mails in",
    )


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


if __name__ == "__main__":
    sys.exit(main())
