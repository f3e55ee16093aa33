"""Simulating a plan from its start to its end, at once or in slices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Protocol

from numpy.random import SeedSequence

from sessim.clock import DAY, format_moment, moment
from sessim.errors import ArgumentError
from sessim.logwriter import LogWriter
from sessim.model import Model
from sessim.plan import Plan
from sessim.result import Result


class Bar(Protocol):
    """A progress bar under way."""

    def update(self, n: int) -> Any:
        """Count ``n`` more emails."""

    def close(self) -> Any:
        """End the bar."""


class Progress(Protocol):
    """Makes a progress bar: ``tqdm`` does, and anything that is called as it is."""

    def __call__(self, *, total: int, unit: str, desc: str) -> Bar:
        """Begin a bar of ``total`` emails."""


def simulate(
    plan: Plan,
    seed: int | SeedSequence = 0,
    *,
    until: str | dt.date | dt.datetime | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a plan to its end, or to its horizon if work is left.

    Parameters
    ----------
    plan
        What is to be sent.
    seed
        For everything drawn at random: a whole number from 0, or a numpy ``SeedSequence``. The
        same plan and seed give the same log.
    until
        Stop there: a time, or a date (its end). Default: the plan's horizon.
    progress
        For example ``tqdm.auto.tqdm``: a bar of the emails.

    Returns
    -------
    Result
        The tables, the charts and the event log.

    Raises
    ------
    ArgumentError
        If an argument cannot be used, such as an end before the plan's start.
    """
    model = Model(plan, seed)
    end = end_instant(plan, until)
    if progress is None:
        model.run(end)
    else:
        for _ in _slices(model, end, progress):
            pass
    return _result(model)


async def simulate_async(
    plan: Plan,
    seed: int | SeedSequence = 0,
    *,
    until: str | dt.date | dt.datetime | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate as :func:`simulate` does, letting others go on after each simulated day.

    A task that awaits this can be cancelled between two days, as a notebook's Stop button does.
    """
    import asyncio  # a third of a quick import, and few need it

    model = Model(plan, seed)
    for _ in _slices(model, end_instant(plan, until), progress):
        await asyncio.sleep(0)
    return _result(model)


def _result(model: Model) -> Result:
    log = model.log()
    # The model and its SimPy processes refer to each other and live on for a while: without rows.
    model.state.log = LogWriter()
    return Result(log)


def end_instant(plan: Plan, until: str | dt.date | dt.datetime | None) -> int:
    """Return where a simulation ends: at ``until``, at the latest at the plan's horizon.

    Raises
    ------
    ArgumentError
        If ``until`` is no time, or not after the plan's start.
    """
    if until is None:
        return plan.end_instant
    try:
        end = plan.clock.end_instant(moment(until))
    except ValueError as error:
        raise ArgumentError(f"until: {error}") from None
    if end <= plan.start_instant:
        start = format_moment(plan.start)
        raise ArgumentError(f"until: {until} is not after the plan's start, {start}")
    return min(end, plan.end_instant)


def _slices(model: Model, end: int, progress: Progress | None) -> Iterator[None]:
    bar = None
    if progress is not None:
        total = _emails_before(model.plan, end)
        bar = progress(total=total, unit="email", desc="Simulating")
    try:
        while not model.finished and model.env.now < end:
            before = model.emails
            model.run(min(end, int(model.env.now) + DAY))
            if bar is not None:
                bar.update(model.emails - before)
            yield
    finally:
        if bar is not None:
            bar.close()


def _emails_before(plan: Plan, end: int) -> int:
    """Return the emails of the runs that are due, and of the test sends, before an instant."""
    tests = [test.recipients for test in plan.test_sends if plan.clock.instant(test.at) < end]
    return int(plan.runs.requests[plan.runs.due < end].sum()) + sum(tests)
