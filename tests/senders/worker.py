"""Senders in processes of their own, which tests may kill: ``python -m tests.senders.worker``.

Reads jobs as JSON lines and carries each out in a fork of itself, so that a test with many of them
imports sessim once. Prints ``started PID``, what the job says, and ``ended STATUS``.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sessim.errors import OutboxError
from sessim.recipients import RecipientFile
from sessim.result import Result
from sessim.senders.courier import Courier
from sessim.senders.dispatch import Dispatch
from sessim.senders.handover import SendingModel
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.pool import Pool
from sessim.senders.reading import OutboxReader, Row
from sessim.senders.states import State
from sessim.senders.store import Header
from tests.senders.faultydisk import fail_fsync
from tests.senders.sending import QUICK, guard_for, server_at

IN_HAND = 16
CONNECTIONS = 4
PACE = 0.002  # seconds for so many rows: the time in which a kill leaves a doubt
NOBODY = 65534


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def deliver(rows: list[Row], log: int) -> list[Outcome]:
    """Send rows to a server that only writes them down; every seventh comes at the second try."""
    outcomes = []
    time.sleep(PACE)
    for row in rows:
        if row.line % 7 == 0 and row.attempts == 1:
            outcomes.append(Outcome(row, State.DEFERRED, "451 4.7.1 later", 1))
        else:
            os.write(log, f"{row.run.run} {row.line}\n".encode())
            outcomes.append(Outcome(row, State.ACCEPTED, "250 2.0.0 Ok"))
    time.sleep(PACE)
    return outcomes


def send(path: str, server: str) -> None:
    """Send all there is: even runs settle and claim apart, odd ones in one transaction."""
    log = os.open(server, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with Outbox.resume(path) as outbox:
        for run in outbox.runs():
            rows = outbox.claim(run, IN_HAND, now=1)
            while rows:
                outcomes = deliver(rows, log)
                if run.run % 2:
                    rows = outbox.exchange(outcomes, run, IN_HAND, now=1)
                else:
                    outbox.settle(outcomes)
                    rows = outbox.claim(run, IN_HAND, now=1)


def send_and_wait(path: str, server: str) -> None:
    """Send, and stay until somebody ends it."""
    send(path, server)
    time.sleep(60)


def fill(path: str, listed: str) -> None:
    """Take in a list and a run to it; say how many rows, and the most memory in kB."""
    with Outbox.create(path, Header("loopback")) as outbox:
        outbox.add_list("a", RecipientFile(listed))
        run = outbox.add_run(1, 1, "a", "news.example.com", 0)
        rows = outbox.claim(run, 1000)
        outbox.settle([Outcome(row, State.ACCEPTED) for row in rows])
        say(outbox.counts(run)[State.PENDING])
        say(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failing(Outbox):
    """An outbox that meets with something at a named point, at its third visit."""

    point = ""
    visits = 0

    def exchange(self, outcomes: Iterable[Outcome], *arguments: Any, **names: Any) -> list[Row]:
        outcomes = list(outcomes)
        self._pass("before intent")
        self._pass("fsync", fail_fsync)
        if any(outcome.state is State.ACCEPTED for outcome in outcomes):
            self._pass("after the 250, before the journal")
        rows = super().exchange(outcomes, *arguments, **names)
        self._pass("after intent")
        return rows

    def _pass(self, point: str, meet: Callable[[], None] = die) -> None:
        self.visits += point == self.point
        if point == self.point and self.visits == 3:
            meet()


def send_plan(path: str, port: int, point: str = "") -> None:
    """Send an outbox's plan to a server, in no time; say what memory it took and what came of it.

    All of it is real but the clock: model, dispatch, outbox, courier, pool.
    """
    order = Order.from_json(OutboxReader.look(path).header.plan)
    server = server_at(port, connections=CONNECTIONS)
    policy = replace(QUICK, rejected_rate=0.5)
    imported = peak()
    with Failing.resume(path) as outbox:
        outbox.point = point
        with Courier(Pool(server, guard=guard_for(server), policy=policy, seed=1)) as courier:
            model = SendingModel(order.plan, Dispatch(order, outbox, courier))
            try:
                model.run(order.plan.end_instant)
            except OutboxError as error:
                say(error)
                return
    daily = Result(model.log()).daily
    say((peak() - imported) // 1024)
    say(max([0, *(daily["sent"] - daily["limit"]).dropna()]))
    say(int(daily["sent"].sum()))


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("VmHWM:") + 1]) * 1024


def hold(path: str) -> None:
    with Outbox.resume(path):
        say("held")
        time.sleep(60)


def run_full(path: str, more: int) -> None:
    """Send on a disk with so many bytes left, then make room and take one row."""
    with Outbox.resume(path) as outbox:
        (run,) = outbox.runs()
        room = Path(f"{path}-wal").stat().st_size + more
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        sent = 0
        try:
            while rows := outbox.claim(run, IN_HAND):
                sent += len(rows)
        except OutboxError as error:
            say(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        say(sent)
        say(outbox.counts(run)[State.INTENT])
        say(len(outbox.claim(run, 1)))


def open_as_nobody(path: str) -> None:
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        Outbox.resume(path).close()
    except OutboxError as error:
        say(error)


JOBS: dict[str, Callable[..., None]] = {
    job.__name__: job
    for job in (send, send_and_wait, send_plan, fill, hold, run_full, open_as_nobody)
}


def main() -> None:
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        if not (pid := os.fork()):
            JOBS[name](*arguments)
            os._exit(0)
        say(f"started {pid}")
        say(f"ended {os.waitpid(pid, 0)[1]}")


class Worker:
    """The process that carries out jobs, as a test sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._early: list[str] = []

    def start(self, *job: object) -> int:
        """Start a job; return its process's number."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        self._early.clear()
        while not (said := self._line()).startswith("started "):
            if said.startswith("ended "):  # what nobody heard was of the job before
                self._early.clear()
            else:  # a quick job may speak first
                self._early.append(said)
        return int(said.removeprefix("started "))

    def hear(self) -> str:
        """Return the next thing that a job says."""
        return self._early.pop(0) if self._early else self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the worker has ended"
        return line.rstrip("\n")

    def rest(self) -> list[str]:
        """Return what a job says until it ends."""
        return list(iter(self._until_end()))

    def _until_end(self) -> Iterator[str]:
        while not (line := self.hear()).startswith("ended "):
            yield line


@contextmanager
def working() -> Iterator[Worker]:
    """Start a worker, for as long as the block takes."""
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-m", "tests.senders.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root,
    ) as process:  # fmt: skip
        yield Worker(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


if __name__ == "__main__":
    main()
