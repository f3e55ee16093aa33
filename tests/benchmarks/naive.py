"""The same service as most people would first write it in SimPy: a time-out for every email.

It knows what workload W needs: first in first out, local days, automatic restarts; any rate, any
number of domains. Nothing in it is there to be slow: time is in whole microseconds, an email costs
one time-out and a few lines of bookkeeping, and the runs that are sending wait in a heap.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Generator
from heapq import heapify, heappop, heappush
from typing import Any

import simpy

from sessim import Domain, Plan, Task

SECOND = 1_000_000
HOUR = 3600 * SECOND

Process = Generator[simpy.Event, Any, None]
Row = tuple[int, str, int, int, int]
"""Time, status, task and run number, emails sent."""


class Quota:
    """What a domain may send today, and its runs that wait for tomorrow."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.limit = 0
        self.sent_today = 0
        self.paused: list[Run] = []


class Run:
    """One sending of a task; ``key`` is its place in the queue."""

    def __init__(self, due: int, task: int, number: int, requests: int, quota: Quota) -> None:
        self.key = due, task, number
        self.requests = requests
        self.quota = quota
        self.sent = 0


class Naive:
    """An account that sends a plan email by email.

    Parameters
    ----------
    plan
        In ``fifo``, ``auto`` and ``day``, with a limit on every day; recurrences in elapsed hours,
        bounded by ``count``.

    Attributes
    ----------
    log
        A row for every status that a run takes.
    daily
        Emails sent by domain and local date.
    finished
        When each run was sent, by task and run number.
    """

    def __init__(self, plan: Plan) -> None:
        assert (plan.discipline, plan.restart, plan.window) == ("fifo", "auto", "day")
        self.plan = plan
        self.clock = plan.clock
        self.emails, self.seconds = plan.rate.as_integer_ratio()
        self.env = simpy.Environment(initial_time=self.clock.instant(plan.start))
        self.log: list[Row] = []
        self.daily: Counter[tuple[str, dt.date]] = Counter()
        self.finished: dict[tuple[int, int], int] = {}
        self.quotas = {domain.name: Quota(domain) for domain in plan.domains}
        self.sending: list[tuple[tuple[int, int, int], Run]] = []
        self.idle = self.env.event()
        self.all_sent = self.env.event()
        self.to_send = sum(task.count or 1 for task in plan.tasks)
        self.env.process(self.begin_days())
        for number, task in enumerate(plan.tasks, 1):
            self.env.process(self.start_runs(task, number))
        self.env.process(self.send())

    def run(self) -> Naive:
        """Simulate until every run is sent."""
        self.env.run(until=self.all_sent)
        self.note_day()
        return self

    def begin_days(self) -> Process:
        """Set the limits at midnight, and restart what is paused."""
        self.date = self.clock.date(self.env.now)
        while True:
            for quota in self.quotas.values():
                first = self.plan.warmup_start(quota.domain)
                quota.limit = quota.domain.limits.on((self.date - first).days + 1) or 0
                quota.sent_today = 0
            yield self.env.timeout(0)  # an email of this very instant goes first
            for quota in self.quotas.values():
                if quota.limit:
                    self.restart(quota)
            tomorrow = self.date + dt.timedelta(days=1)
            yield self.env.timeout(self.clock.day_start(tomorrow) - self.env.now)
            self.note_day()
            self.date = tomorrow

    def start_runs(self, task: Task, number: int) -> Process:
        """Start a task's runs when they are due."""
        quota = self.quotas[task.domain]
        due = self.env.now if task.start is None else self.clock.instant(task.start)
        for k in range(task.count or 1):
            run = Run(due + k * (task.every or 0) * HOUR, number, k + 1, task.requests or 0, quota)
            yield self.env.timeout(run.key[0] - self.env.now)
            if quota.sent_today < quota.limit:
                heappush(self.sending, (run.key, run))
                self.note(run, "sending")
                self.wake()
            else:
                quota.paused.append(run)
                self.note(run, "paused")

    def send(self) -> Process:
        """Send email after email, each for the run that is first."""
        while True:
            if not self.sending:
                self.idle = self.env.event()
                yield self.idle
                began, number = self.env.now, 0
            number += 1
            instant = began - (-number * self.seconds * SECOND // self.emails)
            yield self.env.timeout(instant - self.env.now)
            run = self.sending[0][1]
            quota = run.quota
            run.sent += 1
            quota.sent_today += 1
            if run.sent == run.requests:
                heappop(self.sending)
                self.finish(run)
            if quota.sent_today == quota.limit:
                self.pause(quota)

    def finish(self, run: Run) -> None:
        """Note that a run is sent."""
        self.note(run, "sent")
        self.finished[run.key[1:]] = self.env.now
        self.to_send -= 1
        if not self.to_send:
            self.all_sent.succeed()

    def pause(self, quota: Quota) -> None:
        """Pause all runs of a domain: its daily limit is reached."""
        quota.paused += [run for _, run in self.sending if run.quota is quota]
        self.sending = [entry for entry in self.sending if entry[1].quota is not quota]
        heapify(self.sending)
        for run in quota.paused:
            self.note(run, "paused")

    def restart(self, quota: Quota) -> None:
        """Let the paused runs of a domain go on."""
        self.sending += [(run.key, run) for run in quota.paused]
        heapify(self.sending)
        for run in quota.paused:
            self.note(run, "sending")
        quota.paused = []
        self.wake()

    def wake(self) -> None:
        """Tell the sender that there is work, if it waits for any."""
        if self.sending and not self.idle.triggered:
            self.idle.succeed()

    def note(self, run: Run, status: str) -> None:
        """Write a row of the log."""
        self.log.append((self.env.now, status, *run.key[1:], run.sent))

    def note_day(self) -> None:
        """Write down what was sent today."""
        for name, quota in self.quotas.items():
            self.daily[name, self.date] += quota.sent_today
