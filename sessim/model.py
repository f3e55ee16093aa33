"""The SimPy model: processes that bring the account through days, restarts and due runs.

Each process waits for the next thing of its kind, comes to that instant (the account makes up for
what it sent until then), and has the :class:`~sessim.account.Account` do what the rules say.
Sending is no process: nothing waits for it, so it needs no events of its own. All that the
processes know is kept in the state as data, so that a model can be saved, forked and resumed.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Generator, Iterator
from enum import IntEnum
from itertools import count
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import simpy
from simpy.events import EventPriority

from sessim import state as states
from sessim.account import Account
from sessim.clock import DAY, Moment, moment
from sessim.errors import ArgumentError, LogError, shown
from sessim.eventlog import EventLog
from sessim.logwriter import PackedLog
from sessim.outcomes import Fates, sequence
from sessim.plan import Plan
from sessim.state import State
from sessim.version import __version__

Process = Generator[simpy.Event, Any, None]


class Order(IntEnum):
    """The order of things at one instant (rules, *Terms*): a smaller number comes first."""

    DAY = 1
    WINDOW = 2
    EMAIL = 3
    RESTART = 4
    CANCEL = 5
    DUE = 6
    TEST = 7


# In Python 3.11 an enumeration's attributes are slow to look up.
_ORDER = SimpleNamespace(**Order.__members__)


Seed = int | dict[str, Any]
"""A seed as data: of a ``SeedSequence``, its entropy and its spawn key."""


def kept_seed(seed: object) -> Seed:
    """Return a seed as data; :class:`ArgumentError` if it is none."""
    if isinstance(seed, np.random.SeedSequence):
        entropy = np.asarray(seed.entropy, dtype=object).tolist()
        return {"entropy": entropy, "spawn_key": list(seed.spawn_key)}
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(f"seed: {shown(seed)} is not a whole number") from None
    if number < 0:
        raise ArgumentError(f"seed: {shown(seed)} is below 0; give a whole number from 0")
    return number


class At(simpy.Event):
    """A time-out that ends at an instant, with its place among the things of that instant."""

    def __init__(self, env: simpy.Environment, instant: int, order: int) -> None:
        self.env, self.callbacks = env, []  # as simpy.Timeout does it: triggered at once
        self._ok, self._value = True, None
        env.schedule(self, EventPriority(order), instant - env.now)


class Model(Account):
    """A plan on its way through time.

    Parameters
    ----------
    plan
        What is to be sent.
    seed
        What chance is derived from: a whole number from 0, or a numpy ``SeedSequence``. The same
        plan and seed give the same log.

    Raises
    ------
    ArgumentError
        If ``plan`` is no :class:`sessim.Plan` or ``seed`` none of these.

    Attributes
    ----------
    plan, seed
        As given.
    env
        The :class:`simpy.Environment`; its clock counts microseconds since the Unix epoch.
    state
        All that changes, as data.
    """

    def __init__(self, plan: Plan, seed: int | np.random.SeedSequence = 0) -> None:
        if not isinstance(plan, Plan):
            raise ArgumentError(f"plan: {shown(plan)} is no plan; give a sessim.Plan")
        kept = kept_seed(seed)
        state = states.first_state(plan, self._fates_of(plan, kept))
        self._resume(plan, kept, state, plan.start_instant)
        domains = [domain for domain, waiting in enumerate(self.state.waiting) if waiting]
        if plan.clock.day_start(plan.clock.date(plan.start_instant)) == plan.start_instant:
            self._reset(domains)
        else:
            for domain in domains:
                self._new_limit(domain)

    @staticmethod
    def _fates_of(plan: Plan, seed: Seed) -> Fates | None:
        """Return what chance will do to a plan's emails, if it says anything of that."""
        return Fates(plan, sequence(seed)) if plan.has_outcomes else None

    def _resume(self, plan: Plan, seed: Seed, state: State, instant: int) -> None:
        super().__init__(plan, state)
        self.seed = seed
        self.env = env = simpy.Environment(initial_time=instant)
        self._cancellations = sorted(
            (plan.clock.instant(task.cancel_at), number)
            for number, task in enumerate(plan.tasks, 1)
            if task.cancel_at is not None
        )
        self._tests = sorted(
            (plan.clock.instant(test.at), i) for i, test in enumerate(plan.test_sends)
        )
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
        if plan.window == "rolling":
            env.process(self._keep_up(DAY // 2))  # a window opens a day after it was filled

    mode = "simulate"
    """What the log says of how it came to be."""

    # --- for users ----------------------------------------------------------------------------

    @property
    def now(self) -> dt.datetime:
        """The instant that the simulation has reached, in the plan's zone."""
        return self.plan.clock.local(int(self.env.now))

    @property
    def emails(self) -> int:
        """The emails sent so far, test sends included."""
        self._catch_up()
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
            self._catch_up()

    def cancel(self, task: int) -> None:
        """Cancel a task, given by its id, at the present instant (rule R6)."""
        if not 1 <= task <= len(self.plan.tasks):
            raise ArgumentError(f"task: {shown(task)} is none of 1 to {len(self.plan.tasks)}")
        self._catch_up()
        self.state.now = int(self.env.now)
        self._cancel(task)
        self._note_turn()

    def fork(self) -> Model:
        """Return an independent model in the same state, to be run with the same plan."""
        other = object.__new__(type(self))
        fates = self._fates_of(self.plan, self.seed)
        state = states.unpack(self.plan, *states.pack(self._snapshot()), fates)
        other._resume(self.plan, self.seed, state, int(self.env.now))
        return other

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a ``.npz`` file, from which :meth:`load` goes on."""
        with Path(path).open("wb") as file:
            states.save(self._snapshot(), self._head(), file)

    @classmethod
    def resume(cls, plan: Plan, state: State, instant: int, seed: Seed = 0) -> Model:
        """Return a model that goes on from a state; ``instant`` is the first still to come."""
        model = object.__new__(cls)
        model._resume(plan, seed, state, instant)
        return model

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Read a model that :meth:`save` wrote; :class:`LogError` if the file is none."""
        name = f"file {str(path)!r}"
        try:
            with Path(path).open("rb") as source:
                plan, state, head = states.load(source, name)
        except OSError as error:
            raise LogError(f"cannot read {name}: {error.strerror}") from None
        return cls.resume(plan, state, head["instant"], head["seed"])

    def log(self) -> EventLog:
        """Return the log so far, closed with rows ``end``."""
        self._catch_up()
        writer = self.state.log.copy()
        self._write_end(writer, int(self.env.now))
        meta = {"mode": self.mode, "seed": self.seed, "version": __version__}
        return PackedLog(writer, self.plan, meta)

    def _head(self) -> dict[str, Any]:
        return {"plan": self.plan.to_dict(), "seed": self.seed, "instant": int(self.env.now)}

    def _snapshot(self) -> State:
        self._catch_up()
        self._discipline.served()
        self.state.after = self._discipline.after
        return self.state

    def _catch_up(self) -> None:
        """Send what is sent before the present instant, also if somebody else ran ``env``."""
        self._send(int(self.env.now) - 1)

    # --- processes ----------------------------------------------------------------------------

    def _begin_days(self) -> Process:
        clock, state = self.plan.clock, self.state
        while True:
            yield At(self.env, state.next_day, _ORDER.DAY)
            self._reach(before=True)
            if self.finished:
                return
            state.date += 1
            state.next_day = clock.day_start(dt.date.fromordinal(state.date + 1))
            if state.next_day > state.now:  # or else the zone skipped that date
                self._begin_day()

    def _start_runs(self) -> Process:
        state, dues = self.state, self._dues
        while state.next_due < len(dues):
            yield At(self.env, dues[state.next_due], _ORDER.DUE)
            self._reach()
            if self.finished:
                return
            self._start_due()
            self._note_turn()

    def _restart_by_hand(self) -> Process:
        state = self.state
        for instant in self._hand_restarts(state.next_restart):
            if instant >= self.env.now:
                yield At(self.env, instant, _ORDER.RESTART)
                self._reach()
                if self.finished:
                    return
                self._restart(range(len(state.counts.queues)))
                self._note_turn()
            state.next_restart += 1

    def _restart_later(self, instant: int, domain: int) -> Process:
        yield At(self.env, instant, _ORDER.RESTART)
        self.state.restarts.remove((instant, domain))
        self._reach()
        self._restart([domain])
        self._note_turn()

    def _hand_restarts(self, first: int) -> Iterator[int]:
        """Return when there are restarts by hand, without the ``first`` so many."""
        clock, at = self.plan.clock, self.plan.restart_at
        if isinstance(at, dt.time):
            start = clock.date(self.plan.start_instant)
            days = (start + dt.timedelta(days=number) for number in count(first))
            return (clock.instant(dt.datetime.combine(day, at)) for day in days)
        return iter(sorted(set(map(clock.instant, at or ())))[first:])

    def _open_later(self, instant: int, domain: int) -> Process:
        yield At(self.env, instant, _ORDER.WINDOW)
        self.state.openings.remove((instant, domain))
        self._reach(before=True)
        if not self.finished:
            self._reset([domain])
            self._note_turn()

    def _keep_up(self, within: int) -> Process:
        """Come to the present often enough that nothing is asked for in the past."""
        while not self.finished:
            yield At(self.env, int(self.env.now) + within, _ORDER.EMAIL)
            self._reach()

    def _cancel_tasks(self) -> Process:
        state = self.state
        while state.next_cancel < len(self._cancellations):
            instant, task = self._cancellations[state.next_cancel]
            yield At(self.env, instant, _ORDER.CANCEL)
            state.next_cancel += 1
            self._reach()
            if not self.finished:
                self._cancel(task)
                self._note_turn()

    def _send_tests(self) -> Process:
        state = self.state
        while state.next_test < len(self._tests):
            instant, number = self._tests[state.next_test]
            yield At(self.env, instant, _ORDER.TEST)
            self._reach()
            state.next_test += 1
            self._send_test(number)
            self._note_turn()

    # --- what the account asks for ------------------------------------------------------------

    def _restart_at(self, instant: int, domain: int) -> None:
        self.state.restarts.append((instant, domain))
        self.env.process(self._restart_later(instant, domain))

    def _open_at(self, instant: int, domain: int) -> None:
        self.state.openings.append((instant, domain))
        self.env.process(self._open_later(instant, domain))

    def _reach(self, *, before: bool = False) -> None:
        """Come to the present instant: after the email that falls there, or before it."""
        now = int(self.env.now)
        self._send(now - before)
        self.state.now = now
