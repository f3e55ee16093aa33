"""The commands that send for real; as thin as the others."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sessim.cli_parts import FAILED, INTERRUPTED, Add, make_folder
from sessim.errors import ArgumentError, nearest
from sessim.listing import console
from sessim.plan import Plan

if TYPE_CHECKING:
    from sessim.senders.reading import OutboxReader
    from sessim.senders.sending import Sending


MOST_ROWS: Final = 20
"""Rows that are listed of a state in trouble."""

_SPELLED: Final = {"plan": "PLAN.yaml", "attachments": "--attach"}
"""What is called otherwise in an order than on the command line."""

_DONE: Final = {"pause": "pauses", "unpause": "goes on with", "cancel": "cancels"}
"""What may be asked of a sender, and what it does then."""

_TROUBLE: Final = ("unknown", "rejected", "expired", "suppressed", "deferred")


# --- the arguments --------------------------------------------------------------------------------


def add_commands(add: Add) -> None:
    """Add the commands that send."""
    _add_send(add)
    _add_outbox(add)
    _add_test_send(add)


def _add_send(add: Add) -> None:
    command = add("send", send, "send a plan for real")
    command.epilog = (
        "Ctrl-C, or a file called as the outbox with .stop behind it, ends the send: each "
        "connection finishes the message in hand, and Ctrl-C again waits for nothing: what the "
        "server may have by then is unknown, and listed. --resume "
        "goes on, and removes that file."
    )
    command.add_argument("plan", metavar="PLAN.yaml", nargs="?", help="the plan file")
    command.add_argument(
        "--mode",
        choices=("loopback", "live"),
        help="loopback (default): to a server of its own; live: to --server",
    )
    command.add_argument("--outbox", metavar="FILE", help="a new file that keeps every recipient")
    command.add_argument("--resume", metavar="FILE", help="go on with an outbox")
    command.add_argument(
        "--server",
        metavar="URL",
        help="smtps://HOST:PORT, smtp+starttls://HOST:PORT or smtp://HOST:PORT",
    )
    command.add_argument("--confirm", metavar="TOKEN", help="the token of what would be sent")
    command.add_argument(
        "--recipients",
        metavar="N",
        type=int,
        help="confirms the number of emails, if more than 20",
    )
    command.add_argument(
        "--speed",
        metavar="N",
        type=float,
        help="seconds of the plan in one; default 1",
    )
    command.add_argument("--redirect-to", metavar="ADDRESS", help="all mail goes there instead")
    command.add_argument(
        "--test-to",
        metavar="X[,Y...]",
        type=lambda given: given.split(","),
        help="where test sends of the plan go in a live send",
    )
    command.add_argument(
        "--only",
        metavar="PATTERN",
        action="append",
        help="nothing goes elsewhere: ann@example.org, example.org or *.example.org; repeatable",
    )
    command.add_argument("--suppress", metavar="FILE", help="a list of those who get nothing")
    command.add_argument(
        "--hourly",
        metavar="N",
        type=int,
        help="emails an hour to one recipient; more are refused; default 10",
    )
    command.add_argument(
        "--override",
        action="store_true",
        default=None,
        help="the server takes more than the service: --hourly, the plan's rate and limits",
    )
    command.add_argument("--unsubscribe", metavar="URL", help="for List-Unsubscribe")
    command.add_argument(
        "--attach",
        dest="attachments",
        metavar="FILE",
        action="append",
        help="goes with every message",
    )
    command.add_argument("--cafile", metavar="FILE", help="certificates to trust")
    command.add_argument("--out", metavar="DIR", help="folder for tables, log and charts")


def _add_outbox(add: Add) -> None:
    command = add("outbox", outbox, "count and list the rows of an outbox")
    command.add_argument("file", metavar="FILE")
    command.add_argument("--state", help="list the rows in this state, for example unknown")
    decide = command.add_mutually_exclusive_group()
    decide.add_argument("--resend", action="store_true", help="send unknown rows again")
    decide.add_argument("--reconcile", action="store_true", help="take unknown rows as accepted")
    for act, text in (("pause", "pause a task"), ("unpause", "have a paused task go on")):
        decide.add_argument(
            f"--{act}", metavar="TASK", nargs="?", const="", help=f"{text}, by default all"
        )
    decide.add_argument("--cancel", metavar="TASK", help="cancel a task, by id or name")


def _add_test_send(add: Add) -> None:
    command = add("test-send", test_send, "send a test to 1 to 20 addresses")
    for name in ("sender", "subject", "template"):
        command.add_argument(f"--{name}", required=True)
    command.add_argument("--to", required=True, metavar="X[,Y...]", help="1 to 20 addresses")
    command.add_argument("--server", metavar="URL", default="", help="default: one of its own")
    command.add_argument("--confirm", metavar="TOKEN", help="the token of what would be sent")
    command.add_argument("--cafile", metavar="FILE", help="certificates to trust")
    command.add_argument(
        "--out",
        metavar="DIR",
        help="folder that the server of its own keeps mails in; default test-mails",
    )


# --- send -----------------------------------------------------------------------------------------


def send(options: argparse.Namespace) -> int:
    """Send a plan, or go on with an outbox; without a confirmation, say what would be sent."""
    from sessim.senders.order import Order
    from sessim.senders.sending import Sending
    from sessim.senders.switch import preview

    names = [field.name for field in fields(Order) if hasattr(options, field.name)]
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    plan = given.pop("plan", None)
    if options.resume is not None:
        _refuse_more({"plan": plan, "outbox": options.outbox, "confirm": options.confirm, **given})
        if options.out is not None:
            make_folder(options.out)
        return _run(Sending.resume(options.resume), options.out)
    if plan is None or options.outbox is None:
        raise ArgumentError("PLAN.yaml and --outbox: are missing; name both, or --resume FILE")
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    folder = str(Path(plan).parent)  # of templates, as of lists and limits
    order = Order(Plan.from_yaml(plan), **given | lists, folder=folder)
    if order.mode == "live" and options.confirm is None:
        print(preview(order))
        raise ArgumentError("--confirm: is missing; look at the above and add the token")
    if options.out is not None:
        make_folder(options.out)
    return _run(Sending.start(order, options.outbox, confirm=options.confirm), options.out)


def _refuse_more(given: Mapping[str, object]) -> None:
    """Refuse what an outbox knows better, rather than ignore it."""
    for name, value in given.items():
        if value is not None:
            said = _SPELLED.get(name, f"--{name.replace('_', '-')}")
            raise ArgumentError(
                f"--resume: the outbox knows what is sent, where and how; leave {said} out"
            )


def _run(sending: Sending, out: str | None) -> int:
    from tqdm import tqdm

    from sessim.senders.states import State
    from sessim.senders.stopping import SendStopped

    bar = partial(tqdm, delay=1, disable=None, unit_scale=True, leave=False)
    with sending, _until_terminated(sending):
        try:
            result = sending.run(bar, lambda said: tqdm.write(f"sessim: {said}", sys.stderr))
        except SendStopped:
            result = sending.result
        print(console(result.tasks))
        print(f"\n{_counts(sending.outbox)}")
        _list(sending.outbox, State.UNKNOWN, MOST_ROWS)
        _list_refused(sending.outbox)
        if sending.order.mode == "loopback":
            print(f"The mails are in {sending.mails}")
        print(f"The outbox is {sending.outbox.path}: sessim outbox {sending.outbox.path}")
        problem, stopped = sending.problem, sending.stopped
    if out is not None:
        from sessim.charts import save_all

        result.save(out)
        save_all(result, out)
        print(f"Tables and charts are in {Path(out)}")
    if problem is not None:
        print(f"sessim: {problem}", file=sys.stderr)
        return FAILED
    if stopped:
        print(f"sessim: stopped; go on with --resume {sending.outbox.path}", file=sys.stderr)
        return INTERRUPTED
    return 0


@contextmanager
def _until_terminated(sending: Sending) -> Iterator[None]:
    """Let the polite end of the process stop the send as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sending.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- outbox ---------------------------------------------------------------------------------------


def outbox(options: argparse.Namespace) -> int:
    """Count the rows of an outbox by state and list those in trouble, or ask for something."""
    from sessim.senders.outbox import Outbox
    from sessim.senders.reading import OutboxReader
    from sessim.senders.states import State

    acts = ("resend", "reconcile", *_DONE)
    chosen = [act for act in acts if getattr(options, act) not in (None, False)]
    if options.state is not None and chosen:
        raise ArgumentError(f"--state: lists rows; leave it out, or --{chosen[0]}")
    if options.resend or options.reconcile:
        with Outbox.resume(options.file) as held:
            decided = held.recover("resend" if options.resend else "reconcile")
        what = "are to be sent again" if options.resend else "count as accepted"
        print(f"{decided:,} unknown rows {what}.")
        return 0
    if options.cancel == "":  # an empty variable of a shell would cancel all
        raise ArgumentError("--cancel: names no task; give its id or name")
    for act in _DONE:
        if (task := getattr(options, act)) is not None:
            return _ask(options.file, act, task)
    known = {state.word: state for state in State}
    if options.state is not None and options.state not in known:
        hint = nearest(options.state, known)
        raise ArgumentError(f"--state: {options.state!r} is no state of a row; {hint}")
    with OutboxReader.look(options.file) as reader:
        header = reader.header
        print(f"{header.mode.upper()} {header.host or '127.0.0.1'}, begun {header.created}\n")
        print(_counts(reader))
        _list_refused(reader)
        for word in [options.state] if options.state else _TROUBLE:
            _list(reader, known[word], None if options.state else MOST_ROWS)
    return 0


def _ask(file: str, act: Any, task: str) -> int:
    from sessim.senders.requests import ask

    is_heard = ask(file, act, int(task) if task.isdecimal() else task or None)
    whom = f"task {task}" if task else "all tasks"
    when = "The sender is told and" if is_heard else "No sender is at work: the next --resume"
    print(f"{when} {_DONE[act]} {whom}.")
    return 0


def _counts(reader: OutboxReader) -> str:
    counts = {state.word: rows for state, rows in reader.counts().items() if rows}
    return ", ".join(f"{rows:,} {word}" for word, rows in counts.items()) or "no rows yet"


def _list(reader: OutboxReader, state: int, most: int | None) -> None:
    from sessim.senders.states import State

    rows = (row for run in reader.runs() for row in reader.rows(run, State(state)))
    for row in islice(rows, most):
        words = f": {row.words}" if row.words else ""
        print(f"  task {row.run.task} run {row.run.run} {row.address} {row.state.word}{words}")
    if most is not None and next(rows, None) is not None:
        print(f"  ... sessim outbox {reader.path} --state {State(state).word} lists all")


def _list_refused(reader: OutboxReader) -> None:
    """List the rows of recipient lists that are not sent to."""
    refused = sum(found.refused for found in reader.lists())
    if not refused:
        return
    s, are = ("", "is") if refused == 1 else ("s", "are")
    print(f"{refused:,} row{s} of the lists cannot be used and {are} left out:")
    rows = ((found.name, row) for found in reader.lists() for row in reader.refusals(found.name))
    for name, row in islice(rows, MOST_ROWS):
        print(f"  list of {name}, line {row.line}: {row.reason}")
    if refused > MOST_ROWS:
        print("  ...")


# --- test-send ------------------------------------------------------------------------------------


def test_send(options: argparse.Namespace) -> int:
    """Send a test to 1 to 20 addresses: to a server of its own, or a real one once confirmed."""
    from sessim.senders import testsend
    from sessim.senders.stops import TaskStopped

    order = testsend.TestOrder(
        options.sender, options.subject, options.template, tuple(options.to.split(",")),
        options.server, options.cafile,
    )  # fmt: skip
    if order.server and options.out is not None:
        raise ArgumentError("--out: is for the mails of a server of its own; leave it out")
    if order.server and options.confirm is None:
        print(order)
        raise ArgumentError("--confirm: is missing; look at the above and add the token")
    out = "test-mails" if options.out is None else options.out
    if not order.server:
        make_folder(out)
    try:
        answers = testsend.send(order, out, options.confirm)
    except TaskStopped as error:
        print(f"sessim: {error}", file=sys.stderr)
        return FAILED
    for address, answer in answers.items():
        print(f"{address}: {answer.outcome} ({answer.words})")
    if not order.server:
        print(f"The mails are in {Path(out)}")
    return FAILED * any(answer.outcome != "accepted" for answer in answers.values())
