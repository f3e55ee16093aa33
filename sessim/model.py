"""The SimPy model of the account: days, restarts, cancellations, due runs and the sending itself.

A few processes share one :class:`~sessim.state.State`. Each waits for the next thing of its kind,
makes the counts exact up to that instant, changes what the rules say, and writes what happened to
the log. Nothing loops over emails: between two changes the discipline says how many emails it is
to the next one, and the account's pace says when that is.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Generator, Iterable
from enum import IntEnum
from itertools import groupby
from os import PathLike
from types import SimpleNamespace
from typing import Any

import numpy as np
import simpy
from simpy.events import EventPriority

from sessim import state as states
from sessim.clock import DAY, SECOND, Moment, moment
from sessim.eventlog import NONE, Event, EventLog
from sessim.lifecycle import CANCELLED, FINISHED, PAUSED, SENDING, SENT, TO_START
from sessim.logwriter import NotedLog
from sessim.plan import Plan
from sessim.serving import DISCIPLINES, NEVER, NOT_TO_BE, Pace, Ranks
from sessim.state import State
from sessim.version import __version__

Process = Generator[simpy.Event, Any, None]

_IDLE = -1

# In Python 3.11 an enumeration's attributes are slow to look up.
_ROW = SimpleNamespace(**Event.__members__)


class Order(IntEnum):
    """The order of things at one instant (rules, *Terms*): a smaller number comes first."""

    DAY = 1
    WINDOW = 2
    EMAIL = 3
    RESTART = 4
    CANCEL = 5
    DUE = 6
    TEST = 7


_ORDER = SimpleNamespace(**Order.__members__)
_BEGUN = {_ROW.SENDING: SENDING, _ROW.PAUSED: PAUSED, _ROW.SKIPPED: NOT_TO_BE}


class At(simpy.Event):
    """A time-out that ends at an instant, with its place among the things of that instant."""

    def __init__(self, env: simpy.Environment, instant: int, order: int) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, EventPriority(order), instant - env.now)


class Model:
    """A plan on its way through time.

    Parameters
    ----------
    plan
        What is to be sent.
    seed
        Kept with the log; the rules that this version simulates draw nothing at random.

    Attributes
    ----------
    plan, seed
        As given.
    env
        The :class:`simpy.Environment`; its clock counts microseconds since the Unix epoch.
    state
        All that changes, as data.
    """

    def __init__(self, plan: Plan, seed: int = 0) -> None:
        self._resume(plan, seed, states.first_state(plan), plan.start_instant)
        domains = [domain for domain, waiting in enumerate(self.state.waiting) if waiting]
        if plan.clock.day_start(plan.clock.date(plan.start_instant)) == plan.start_instant:
            self._reset(domains)
        else:
            for domain in domains:
                self._new_limit(domain)

    def _resume(self, plan: Plan, seed: int, state: State, instant: int) -> None:
        self.plan, self.seed, self.state = plan, seed, state
        self.env = env = simpy.Environment(initial_time=instant)
        self._dues: list[int] = plan.runs.due.tolist()
        self._previous: list[int] = plan.runs.previous.tolist()
        self._cancellations = sorted(
            (plan.clock.instant(task.cancel_at), number)
            for number, task in enumerate(plan.tasks, 1)
            if task.cancel_at is not None
        )
        self._tests = sorted(
            (plan.clock.instant(test.at), i) for i, test in enumerate(plan.test_sends)
        )
        self._skips = [False, *(task.overlap == "skip" for task in plan.tasks)]
        self._domain_index = {domain.name: i for i, domain in enumerate(plan.domains)}
        self._discipline = DISCIPLINES[plan.discipline](state.counts, state.after)
        self._discipline.join(np.flatnonzero(state.counts.status == SENDING).tolist())
        self._pace = Pace(plan.rate, state.busy_from or 0)
        self._goal = _IDLE
        self._woken = env.event()
        env.process(self._begin_days())
        env.process(self._start_runs())
        if plan.restart == "manual":
            env.process(self._restart_by_hand())
        if self._cancellations:
            env.process(self._cancel_tasks())
        if self._tests:
            env.process(self._send_tests())
        for instant, domain in state.restarts:
            env.process(self._restart_later(instant, domain))
        for instant, domain in state.openings:
            env.process(self._open_later(instant, domain))
        self._sending = env.process(self._send())
        if state.busy_from is not None:
            self._look_ahead()

    # --- for users ----------------------------------------------------------------------------

    @property
    def now(self) -> dt.datetime:
        """The instant that the simulation has reached, in the plan's zone."""
        return self.plan.clock.local(int(self.env.now))

    @property
    def finished(self) -> bool:
        """Whether no work is left, now or to come."""
        state = self.state
        tests_left = state.next_test < len(self._tests)
        return not (state.unfinished or state.to_come or tests_left)

    @property
    def emails(self) -> int:
        """The emails sent so far, test sends included."""
        return sum(queue.total for queue in self.state.counts.queues)

    def run(self, until: str | Moment | int | None = None) -> None:
        """Simulate up to, and without, an instant; by default up to the plan's horizon.

        Parameters
        ----------
        until
            A time, a date (its end) or microseconds since the Unix epoch. A time already reached
            changes nothing.
        """
        end = self.plan.end_instant
        if until is not None:
            wanted = until if isinstance(until, int) else self.plan.clock.end_instant(moment(until))
            end = min(end, wanted)
        if end > self.env.now:
            self.env.run(until=end)
            self._book(end - 1)

    def fork(self) -> Model:
        """Return an independent model in the same state, to be run with the same plan."""
        other = object.__new__(type(self))
        state = states.unpack(self.plan, *states.pack(self._snapshot()))
        other._resume(self.plan, self.seed, state, int(self.env.now))
        return other

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a ``.npz`` file, from which :meth:`load` goes on."""
        head = {"plan": self.plan.to_dict(), "seed": self.seed, "instant": int(self.env.now)}
        states.save(self._snapshot(), head, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Read a model that :meth:`save` wrote; :class:`LogError` if the file is none."""
        plan, state, head = states.load(path)
        model = object.__new__(cls)
        model._resume(plan, head["seed"], state, head["instant"])
        return model

    def log(self) -> EventLog:
        """Return the log so far, closed with rows ``end``."""
        notes = self.state.notes
        size = len(notes)
        self._write_end()
        meta = {"mode": "simulate", "seed": self.seed, "version": __version__}
        log = NotedLog(notes.copy(), self.plan, meta)
        del notes[size:]
        return log

    def _snapshot(self) -> State:
        self._discipline.served()
        self.state.after = self._discipline.after
        return self.state

    # --- processes ----------------------------------------------------------------------------

    def _send(self) -> Process:
        """Send emails, one stretch after the other; interrupted when the next change moves."""
        env = self.env
        while True:
            try:
                if self._goal == _IDLE:
                    self._woken = env.event()
                    yield self._woken
                instant = self._pace.instant(self._goal)
                if instant >= env.peek():  # something else may come first
                    yield At(env, instant, _ORDER.EMAIL)
            except simpy.Interrupt:
                continue
            self.state.now = instant
            self._end_stretch()

    def _begin_days(self) -> Process:
        clock, state = self.plan.clock, self.state
        while True:
            yield At(self.env, state.next_day, _ORDER.DAY)
            if self.finished:
                return
            self._reach(before=True)
            state.date += 1
            state.next_day = clock.day_start(dt.date.fromordinal(state.date + 1))
            if state.next_day > state.now:  # or else the zone skipped that date
                self._begin_day()

    def _start_runs(self) -> Process:
        state, dues = self.state, self._dues
        while state.next_due < len(dues):
            yield At(self.env, dues[state.next_due], _ORDER.DUE)
            if self.finished:
                return
            self._reach()
            self._start_due()
            self._changed()

    def _restart_by_hand(self) -> Process:
        state = self.state
        while (instant := self._hand_restart(state.next_restart)) is not None:
            if instant >= self.env.now:
                yield At(self.env, instant, _ORDER.RESTART)
                if self.finished:
                    return
                self._reach()
                self._restart(range(len(state.counts.queues)))
            state.next_restart += 1

    def _restart_later(self, instant: int, domain: int) -> Process:
        yield At(self.env, instant, _ORDER.RESTART)
        self.state.restarts.remove((instant, domain))
        self._reach()
        self._restart([domain])

    def _hand_restart(self, number: int) -> int | None:
        """Return when the restart by hand is whose number counts from 0; None if there is none."""
        clock, at = self.plan.clock, self.plan.restart_at
        if isinstance(at, dt.time):
            date = clock.date(self.plan.start_instant) + dt.timedelta(days=number)
            return clock.instant(dt.datetime.combine(date, at))
        instants = sorted(map(clock.instant, at or ()))
        return instants[number] if number < len(instants) else None

    def _open_later(self, instant: int, domain: int) -> Process:
        yield At(self.env, instant, _ORDER.WINDOW)
        self.state.openings.remove((instant, domain))
        if not self.finished:
            self._reach(before=True)
            self._reset([domain])
            self._changed()

    def _cancel_tasks(self) -> Process:
        state = self.state
        while state.next_cancel < len(self._cancellations):
            instant, task = self._cancellations[state.next_cancel]
            yield At(self.env, instant, _ORDER.CANCEL)
            state.next_cancel += 1
            if not self.finished:
                self._reach()
                self._cancel(task)
                self._changed()

    def _send_tests(self) -> Process:
        state = self.state
        while state.next_test < len(self._tests):
            instant, number = self._tests[state.next_test]
            yield At(self.env, instant, _ORDER.TEST)
            self._reach()
            state.next_test += 1
            self._send_test(number)
            self._changed()

    # --- the rules ----------------------------------------------------------------------------

    def _reach(self, *, before: bool = False) -> None:
        """Come to the present instant: after the email that falls there, or before it."""
        self.state.now = int(self.env.now)
        self._book(self.state.now - before)

    def _book(self, instant: int) -> None:
        """Count the emails sent up to and at an instant."""
        if self.state.busy_from is not None:
            self._advance(self._pace.sent_by(instant) - self.state.booked)

    def _advance(self, emails: int) -> int:
        if emails <= 0:
            return NEVER
        self.state.booked += emails
        return self._discipline.advance(emails)

    def _changed(self) -> None:
        """Look anew at what comes next in sending, after something else has happened."""
        before = self._goal
        self._look_ahead()
        if self._goal != before:
            if before == _IDLE:
                self._woken.succeed()
            else:
                self._sending.interrupt()

    def _look_ahead(self) -> None:
        """Note whose turn it is, and find the email with which something changes."""
        state, turn = self.state, self._discipline.turn()
        if turn != state.served:
            before, state.served = state.served, turn
            if before != NEVER and state.counts.codes[before] == SENDING:
                self._row(_ROW.TURN, before, "an earlier run goes first")
            if turn != NEVER:
                self._row(_ROW.TURN, turn)
        ahead = self._discipline.ahead()
        self._goal = state.booked + ahead if ahead else _IDLE

    def _end_stretch(self) -> None:
        """Send the email that ends a run, or that is its domain's last of the day."""
        state, counts = self.state, self.state.counts
        rank = self._advance(self._goal - state.booked)
        domain = counts.domain[rank]
        if counts.emails[rank] == counts.requests[rank]:
            counts.codes[rank] = SENT
            self._left(domain, [rank])
            state.unfinished -= 1
            self._row(_ROW.SENT, rank)
        if not counts.queues[domain].left:
            self._fill(domain)
        self._look_ahead()

    def _fill(self, domain: int) -> None:
        """Stop a domain that has sent as much as it may."""
        self._pause(domain, "daily limit reached")
        if self.plan.window == "rolling":
            opening = self.state.now + DAY, domain
            self.state.openings.append(opening)
            self.env.process(self._open_later(*opening))

    def _pause(self, domain: int, reason: str) -> None:
        counts = self.state.counts
        queue = counts.queues[domain]
        if queue.sending:
            ranks = queue.due(counts, SENDING, queue.sending)
            counts.status[ranks] = PAUSED
            queue.paused += len(ranks)
            self._left(domain, ranks)
            self._rows(_ROW.PAUSED, ranks, reason)

    def _left(self, domain: int, ranks: Ranks) -> None:
        """Note that runs of a domain are no longer SENDING."""
        queues = self.state.counts.queues
        self._discipline.leave(ranks)
        queues[domain].sending -= len(ranks)
        if not any(queue.sending for queue in queues):
            self.state.busy_from = None

    def _joined(self, domain: int, ranks: Ranks) -> None:
        """Note that runs of a domain have become SENDING."""
        state = self.state
        if state.busy_from is None:
            state.busy_from, state.booked = state.now, 0
            self._pace = Pace(self.plan.rate, state.now)
            self._discipline.begin()
        state.counts.queues[domain].sending += len(ranks)
        self._discipline.join(ranks)

    def _restart(self, domains: Iterable[int]) -> None:
        """Restart the paused runs of domains that have something left to send (rule R5)."""
        counts = self.state.counts
        begun = False
        for domain in domains:
            queue = counts.queues[domain]
            if not queue.paused:
                continue
            ranks = queue.due(counts, PAUSED, queue.paused)
            if not queue.left:
                self._rows(_ROW.REFUSED, ranks, "nothing left of the daily limit")
                continue
            if not begun:
                self._discipline.begin()
                begun = True
            queue.paused, queue.cursor = 0, queue.head
            counts.status[ranks] = SENDING
            self._joined(domain, ranks)
            self._rows(_ROW.RESTARTED, ranks)
        self._changed()

    def _begin_day(self) -> None:
        state = self.state
        for rank in self._discipline.served():
            self._row(_ROW.DAY, rank)
        for domain, (days, queue) in enumerate(zip(state.days, state.counts.queues, strict=True)):
            days.pass_midnight(queue.total)
            if state.opened[domain] and not state.waiting[domain]:
                self._limit_row(domain)
        if self.plan.window == "day":
            self._discipline.begin()
        self._reset([domain for domain, waiting in enumerate(state.waiting) if waiting])
        self._changed()

    def _new_limit(self, domain: int) -> None:
        """Begin a domain's day, or its rolling window, with the limit of today's date."""
        state = self.state
        queue = state.counts.queues[domain]
        queue.counted_from = queue.total
        queue.limit = state.days[domain].limit(state.date)
        self._limit_row(domain)
        if self.plan.window == "rolling":
            state.waiting[domain] = queue.limit == 0
        if queue.limit == 0:
            self._pause(domain, "daily limit is 0")

    def _reset(self, domains: Iterable[int]) -> None:
        """Begin anew with the limits, and have the paused runs restarted by it (rule R5)."""
        state, delay = self.state, self.plan.restart_delay
        ready = []
        for domain in domains:
            self._new_limit(domain)
            queue = state.counts.queues[domain]
            if self.plan.restart == "auto" and queue.left and (queue.paused or delay):
                ready.append(domain)
        if not (delay or self._email_falls_now()):
            self._restart(ready)
            return
        for domain in ready:
            restart = state.now + delay * SECOND, domain
            state.restarts.append(restart)
            self.env.process(self._restart_later(*restart))

    def _email_falls_now(self) -> bool:
        state = self.state
        if state.busy_from is None:
            return False
        return self._pace.instant(state.booked + 1) == state.now

    def _first_use(self, domain: int) -> None:
        if not self.state.opened[domain]:
            self.state.opened[domain] = True
            self._new_limit(domain)

    def _start_due(self) -> None:
        """Start the runs that are due now, in order of creation."""
        state, codes = self.state, self.state.counts.codes
        first = state.next_due
        state.next_due = bisect_right(self._dues, state.now, lo=first)
        ranks = [rank for rank in range(first, state.next_due) if codes[rank] == TO_START]
        for rank in range(first, state.next_due):
            state.counts.queues[state.counts.domain[rank]].tail += 1
        state.to_come -= len(ranks)
        for (domain, event, reason), group in groupby(ranks, self._beginning):
            self._start(domain, event, reason, list(group))

    def _beginning(self, rank: int) -> tuple[int, int, str]:
        """Return a due run's domain, and how it begins: SENDING, PAUSED or not at all."""
        counts = self.state.counts
        domain = counts.domain[rank]
        self._first_use(domain)
        earlier = self._earlier(rank)
        if earlier != NEVER and self._skips[self.plan.runs.task[rank]]:
            return domain, _ROW.SKIPPED, "an earlier run of the task is unfinished"
        if not counts.queues[domain].left:
            return domain, _ROW.PAUSED, "nothing left of the daily limit"
        if earlier != NEVER and counts.codes[earlier] == PAUSED:
            return domain, _ROW.PAUSED, "an earlier run of the task is paused"
        return domain, _ROW.SENDING, ""

    def _start(self, domain: int, event: int, reason: str, ranks: list[int]) -> None:
        counts = self.state.counts
        for rank in ranks:
            counts.codes[rank] = _BEGUN[event]
        if event != _ROW.SKIPPED:
            self.state.unfinished += len(ranks)
            self._rows(_ROW.DUE, ranks)
        if event == _ROW.SENDING:
            self._joined(domain, ranks)
        elif event == _ROW.PAUSED:
            counts.queues[domain].paused += len(ranks)
        self._rows(event, ranks, reason)

    def _earlier(self, rank: int) -> int:
        """Return the unfinished run of the same task before a run, or -1."""
        codes, earlier = self.state.counts.codes, self._previous[rank]
        while earlier != NEVER and codes[earlier] == NOT_TO_BE:
            earlier = self._previous[earlier]
        return NEVER if earlier == NEVER or codes[earlier] in FINISHED else earlier

    def _cancel(self, task: int) -> None:
        """Cancel a task's unfinished runs; what is not due yet will not happen (rule R6)."""
        state, counts = self.state, self.state.counts
        called_off = self.plan.goes_on[task - 1]
        state.to_come -= called_off
        recurring = self.plan.tasks[task - 1].every is not None
        for rank in np.flatnonzero(self.plan.runs.task == task).tolist():
            status = counts.codes[rank]
            if status == SENDING:
                self._left(counts.domain[rank], [rank])
                state.unfinished -= 1
            elif status == PAUSED:
                counts.queues[counts.domain[rank]].paused -= 1
                state.unfinished -= 1
            elif status == TO_START:
                state.to_come -= 1
            else:
                continue
            if status == TO_START and recurring:
                counts.codes[rank] = NOT_TO_BE
                called_off = True
            else:
                counts.codes[rank] = CANCELLED
                self._row(_ROW.CANCELLED, rank, "cancelled by the user")
        if called_off:
            whom = len(self.plan.runs) + task - 1
            why = "later recurrences called off"
            state.notes.append((state.now, _ROW.CANCELLED, whom, 0, 0, why))

    def _send_test(self, number: int) -> None:
        """Send a test at once, as far as the day's limit allows (rule R8)."""
        test = self.plan.test_sends[number]
        domain = self._domain_index[test.domain]
        self._first_use(domain)
        queue = self.state.counts.queues[domain]
        sent = min(test.recipients, queue.left)
        queue.total += sent
        if sent:
            self._domain_row(_ROW.SENT, domain, sent, "test send")
        if sent < test.recipients:
            failed = test.recipients - sent
            self._domain_row(_ROW.ERROR, domain, failed, "test send at the daily limit")
        if sent and not queue.left:
            self._fill(domain)

    # --- the log ------------------------------------------------------------------------------

    def _row(self, event: int, rank: int, detail: str = "") -> None:
        state, counts = self.state, self.state.counts
        counted = counts.queue_of[rank].counted
        state.notes.append((state.now, event, rank, counts.emails[rank], counted, detail))

    def _rows(self, event: int, ranks: Ranks, detail: str = "") -> None:
        """Note what happens to several runs of one domain."""
        if len(ranks) == 1:
            self._row(event, int(ranks[0]), detail)
            return
        state, counts = self.state, self.state.counts
        ranks = np.asarray(ranks)
        counted = counts.queue_of[ranks[0]].counted
        state.notes.append((state.now, event, ranks, counts.sent[ranks], counted, detail))

    def _domain_row(self, event: int, domain: int, emails: int, detail: str = "") -> None:
        state = self.state
        whom = len(self._dues) + len(self.plan.tasks) + domain
        counted = state.counts.queues[domain].counted
        state.notes.append((state.now, event, whom, emails, counted, detail))

    def _limit_row(self, domain: int) -> None:
        days, limit = self.state.days[domain], self.state.counts.queues[domain].limit
        detail = f"warm-up day {days.day(self.state.date)}" if days.limits.counts_days else ""
        self._domain_row(_ROW.LIMIT, domain, NONE if limit is None else limit, detail)

    def _write_end(self) -> None:
        state, last = self.state, self.state.now
        state.now = state.notes[-1][0] if self.finished else int(self.env.now)
        for rank in self._discipline.served():
            self._row(_ROW.END, rank)
        nobody = len(self._dues) + len(self.plan.tasks) + len(self.plan.domains)
        detail = "all work done" if self.finished else "work left"
        state.notes.append((state.now, _ROW.END, nobody, 0, 0, detail))
        state.now = last
