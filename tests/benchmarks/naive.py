"""The same service as most people would first write it in SimPy: a time-out for every email.

It knows one domain, first in first out, local days and automatic restarts: enough for workload W,
and nothing that would slow it down. Time is in whole microseconds, an email costs one time-out and
a few lines of bookkeeping, and the runs that are sending wait in a heap.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Generator
from heapq import heapify, heappop, heappush
from typing import Any

import simpy

from sessim import Plan, Task

HOUR = 3600 * 1_000_000

Process = Generator[simpy.Event, Any, None]
Row = tuple[int, str, int, int, int]
"""Time, status, task and run number, emails sent."""


class Run:
    """One sending of a task; runs compare by due time, creation and number."""

    __slots__ = ("key", "requests", "sent", "status")

    def __init__(self, due: int, task: int, number: int, requests: int) -> None:
        self.key = due, task, number
        self.requests = requests
        self.sent = 0
        self.status = "to start"

    def __lt__(self, other: Run) -> bool:
        return self.key < other.key


class Naive:
    """An account with one domain that sends a plan email by email.

    Parameters
    ----------
    plan
        One domain with a limit on every day, ``fifo``, ``auto``, ``day``, and a rate that gives
        whole microseconds between two emails.

    Attributes
    ----------
    log
        A row for every status that a run takes.
    daily
        Emails sent by local date.
    finished
        When each run was sent, by task and run number.
    """

    def __init__(self, plan: Plan) -> None:
        assert (plan.discipline, plan.restart, plan.window) == ("fifo", "auto", "day")
        assert len(plan.domains) == 1
        assert 1_000_000 % plan.rate == 0
        self.plan = plan
        self.clock = plan.clock
        self.gap = int(1_000_000 / plan.rate)
        self.env = simpy.Environment(initial_time=self.clock.instant(plan.start))
        self.log: list[Row] = []
        self.daily: Counter[dt.date] = Counter()
        self.finished: dict[tuple[int, int], int] = {}
        self.sending: list[Run] = []
        self.paused: list[Run] = []
        self.idle = self.env.event()
        self.env.process(self.begin_days())
        self.left = 0
        for number, task in enumerate(plan.tasks, 1):
            self.env.process(self.start_runs(task, number))
            self.left += task.count or 1
        self.all_sent = self.env.event()
        self.env.process(self.send())

    def run(self) -> Naive:
        """Simulate until every run is sent."""
        self.env.run(until=self.all_sent)
        self.daily[self.date] += self.sent_today
        return self

    def begin_days(self) -> Process:
        """Set the day's limit at midnight, and restart what is paused."""
        self.date = self.clock.date(self.env.now)
        first = self.plan.warmup_start(self.plan.domains[0])
        while True:
            self.limit = self.plan.domains[0].limits.on((self.date - first).days + 1)
            self.sent_today = 0
            if self.paused and self.limit:
                self.restart()
            tomorrow = self.date + dt.timedelta(days=1)
            yield self.env.timeout(self.clock.day_start(tomorrow) - self.env.now)
            self.daily[self.date] = self.sent_today
            self.date = tomorrow

    def start_runs(self, task: Task, number: int) -> Process:
        """Start a task's runs when they are due."""
        due = self.env.now if task.start is None else self.clock.instant(task.start)
        for k in range(task.count or 1):
            run = Run(due + k * (task.every or 0) * HOUR, number, k + 1, task.requests or 0)
            yield self.env.timeout(run.key[0] - self.env.now)
            if self.sent_today < self.limit:
                heappush(self.sending, run)
                self.note(run, "sending")
                self.wake()
            else:
                self.paused.append(run)
                self.note(run, "paused")

    def send(self) -> Process:
        """Send email after email, each for the run that is first when its turn begins."""
        while True:
            if not self.sending:
                self.idle = self.env.event()
                yield self.idle
            run = self.sending[0]
            yield self.env.timeout(self.gap)
            run.sent += 1
            self.sent_today += 1
            if run.sent == run.requests:
                heappop(self.sending)
                self.finish(run)
            if self.sent_today == self.limit:
                self.pause()

    def finish(self, run: Run) -> None:
        """Note that a run is sent."""
        self.note(run, "sent")
        self.finished[run.key[1:]] = self.env.now
        self.left -= 1
        if not self.left:
            self.all_sent.succeed()

    def pause(self) -> None:
        """Pause all runs: the day's limit is reached."""
        for run in self.sending:
            self.note(run, "paused")
        self.paused += self.sending
        self.sending = []

    def restart(self) -> None:
        """Let all paused runs go on."""
        for run in self.paused:
            self.note(run, "sending")
        self.sending, self.paused = self.paused, []
        heapify(self.sending)
        self.wake()

    def wake(self) -> None:
        """Tell the sender that there is work, if it waits for any."""
        if not self.idle.triggered:
            self.idle.succeed()

    def note(self, run: Run, status: str) -> None:
        """Write a row of the log."""
        run.status = status
        self.log.append((self.env.now, status, *run.key[1:], run.sent))
