"""Senders in processes of their own, which tests may kill: ``python -m tests.senders.worker``.

Reads jobs as JSON lines and carries each out in a fork of itself, so that a test with many of them
imports sessim once. Prints ``started PID``, what the job says, and ``ended STATUS``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sessim.errors import OutboxError
from sessim.senders.outbox import Outbox
from sessim.senders.outcomes import Outcome
from sessim.senders.reading import Row
from sessim.senders.recipients import RecipientFile
from sessim.senders.states import State
from sessim.senders.store import Header

IN_HAND = 16
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
    job.__name__: job for job in (send, send_and_wait, fill, hold, run_full, open_as_nobody)
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

    def start(self, *job: object) -> int:
        """Start a job; return its process's number."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        said = self.hear()
        while not said.startswith("started "):  # a quick job may speak first
            said = self.hear()
        return int(said.removeprefix("started "))

    def hear(self) -> str:
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
