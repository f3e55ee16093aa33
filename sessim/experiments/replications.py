"""Many replications of one plan: how they are run, and what is known from them."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from sessim.clock import format_moment, moment
from sessim.errors import ArgumentError, shown
from sessim.eventlog import iso
from sessim.experiments import frames, intervals, running
from sessim.experiments.intervals import LEVEL, Estimate
from sessim.experiments.tally import Tally
from sessim.ledger import NOT_YET, Ints
from sessim.plan import Plan
from sessim.result import Result
from sessim.simulation import Bar, Progress, end_instant

if TYPE_CHECKING:
    from sessim.experiments.charts import Plots

QUANTILES: Final = (0.05, 0.5, 0.95)
"""The quantiles of a summary, unless others are asked for."""


class TimeEstimate(NamedTuple):
    """A time and the bounds of its confidence interval; NaT where they cannot be said."""

    value: pd.Timestamp
    low: pd.Timestamp
    high: pd.Timestamp


Narrow = Mapping[str, float]
"""Measures by name, and how wide the interval of each may be."""


def replicate(
    plan: Plan,
    n: int,
    seed: int = 0,
    executor: Any = None,
    *,
    until: str | dt.date | dt.datetime | None = None,
    narrow: Narrow | None = None,
    known: Replications | None = None,
    progress: Progress | None = None,
) -> Replications:
    """Simulate a plan many times, each time with random numbers of its own.

    Replication ``i`` draws from ``numpy.random.SeedSequence(seed, spawn_key=(i,))``: which
    processes run it, in which order and in which batch changes nothing.

    Parameters
    ----------
    plan
        What is to be sent.
    n
        How many replications; with ``narrow`` the most.
    seed
        Of all of them together; 0 or above.
    executor
        Who runs them: None (here), a number of processes of this machine, or anything with
        ``.submit``: an executor of ``concurrent.futures``, ``distributed.Client(...)`` or its
        ``get_executor()`` for a cluster. A number's processes wait a minute for more to do.
    until
        Stop each there: a time, or a date (its end). Default: the plan's horizon.
    narrow
        Stop when the 95% interval of the mean of each of these measures is no wider than this:
        ``{"finish_hours": 6}``, or of a probability: ``{"by 2026-12-24": 0.05}``. Asked after
        every 50 replications, in their order. The measures are the columns of
        :attr:`Replications.finish` and ``finish_hours``.
    known
        Replications of the same plan, seed and end from before: they are not run again.
    progress
        For example ``tqdm.auto.tqdm``: a bar of the replications.

    Returns
    -------
    Replications
        The tables, the estimates and the charts.

    Raises
    ------
    ArgumentError
        If an argument cannot be used.
    ReplicationError
        If a worker dies or the cluster is gone; its ``finished`` holds those that were done.
    KeyboardInterrupt
        If somebody stops it; it has such a ``finished``, too.
    """
    if not isinstance(plan, Plan):
        raise ArgumentError(f"plan: {shown(plan)} is no plan; give a sessim.Plan")
    n = whole(n, "n", 1, "number of replications")
    job = running.Job(plan, whole(seed, "seed", 0, "seed"), end_instant(plan, until))
    _check_known(known, job)
    enough = None if narrow is None else _judge(job, narrow)
    collector = running.Collector(n, enough, None if known is None else known.tally)
    bar = _bar(progress, n)
    if bar is not None:
        bar.update(n - sum(map(len, collector.missing)))
    try:
        running.run(job, collector, executor, (lambda n: None) if bar is None else bar.update)
    except running.ReplicationError as error:
        raise _with_what_is_left(error, job, collector, n) from error.__cause__
    except KeyboardInterrupt as stop:
        found = _with_what_is_left(running.ReplicationError("stopped"), job, collector, n)
        stop.finished = found.finished  # type: ignore[attr-defined]
        stop.add_note(f"{found}; replicate(..., known=error.finished) goes on")
        raise
    finally:
        _close(bar)
    kept = collector.kept
    assert kept is not None
    return Replications(job, kept)


def _check_known(known: object, job: running.Job) -> None:
    if known is None:
        return
    if not isinstance(known, Replications):
        raise ArgumentError(
            f"known: {shown(known)} is none; give what replicate returned, or an error's .finished"
        )
    if known.job != job:
        raise ArgumentError("known: those are of another plan, seed or end; leave them out")


def _bar(progress: Progress | None, n: int) -> Bar | None:
    if progress is None:
        return None
    if not callable(progress):
        raise ArgumentError(f"progress: {shown(progress)} makes no bar; give tqdm.auto.tqdm, say")
    return progress(total=n, unit="replication", desc="Replicating")


def _close(bar: Bar | None) -> None:
    if bar is not None:
        bar.close()


def whole(value: object, name: str, least: int, what: str) -> int:
    """Return a whole number that is not too small, or say what is wrong with it."""
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        found = least - 1
    if isinstance(value, bool) or found < least:
        raise ArgumentError(
            f"{name}: {shown(value)} is no {what}; give a whole number from {least}"
        )
    return found


def _judge(job: running.Job, narrow: Narrow) -> Callable[[Tally], bool]:
    """Return what says of a tally whether every interval is narrow enough."""
    if not isinstance(narrow, Mapping):
        raise ArgumentError(
            f"narrow: {shown(narrow)} names no measures; give {{'finish_hours': 6}}, say"
        )
    for name, width in narrow.items():
        if not _is_width(width):
            raise ArgumentError(f"narrow: {name}: {shown(width)} is no width; give one above 0")
        frames.check_measure(job.plan, name)

    def is_enough(tally: Tally) -> bool:
        so_far = Replications(job, tally)
        return all(so_far.estimate(name).width <= width for name, width in narrow.items())

    return is_enough


def _shares(quantiles: object) -> list[float]:
    if isinstance(quantiles, str) or not isinstance(quantiles, Iterable):
        raise ArgumentError(f"quantiles: {shown(quantiles)} are none; give a list such as [0.5]")
    return [intervals.check_share(q, "quantiles") for q in quantiles]


def _is_width(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and float(value) > 0


def _with_what_is_left(
    error: running.ReplicationError, job: running.Job, collector: running.Collector, n: int
) -> running.ReplicationError:
    kept = collector.kept
    done = 0 if kept is None else len(kept)
    found = running.ReplicationError(f"{error}; {done:,} of {n:,} replications are finished")
    found.finished = None if kept is None else Replications(job, kept)
    return found


class Replications:
    """Replications of one plan, from :func:`replicate`.

    Parameters
    ----------
    job
        What was run.
    tally
        What was kept of each.

    Attributes
    ----------
    plan, seed
        As given.
    """

    def __init__(self, job: running.Job, tally: Tally) -> None:
        self.job, self.tally = job, tally
        self.plan, self.seed = job.plan, job.seed

    def __len__(self) -> int:
        return len(self.tally)

    @property
    def numbers(self) -> Ints:
        """Which replications these are: 0, 1, ..., with gaps only where some were lost."""
        return self.tally.numbers

    @property
    def until(self) -> pd.Timestamp:
        """Where each ends if work is left; what is unfinished then finishes later than this."""
        return pd.Timestamp(self.plan.clock.local(self.job.until))

    def replication(self, number: int) -> Result:
        """Run one replication again, alone: all tables, its log and its charts.

        Parameters
        ----------
        number
            Which one, from 0; also one that was not run yet.
        """
        return self.job.result(whole(number, "number", 0, "replication"))

    # --- tables -------------------------------------------------------------------------------

    @cached_property
    def finish(self) -> pd.DataFrame:
        """One row a replication (see :func:`sessim.experiments.frames.finish`)."""
        return frames.finish(self.plan, self.tally, self.job.until)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """One row a replication and task (see :func:`sessim.experiments.frames.tasks`)."""
        return frames.tasks(self.plan, self.tally, self.job.until)

    @cached_property
    def daily(self) -> pd.DataFrame:
        """One row a replication, domain and date (:func:`sessim.experiments.frames.daily`)."""
        return frames.daily(self.plan, self.tally)

    def summary(self, level: float = LEVEL, quantiles: Sequence[float] = QUANTILES) -> pd.DataFrame:
        """Return when the plan and each task is finished (:func:`.frames.finish_summary`)."""
        return frames.finish_summary(self.plan, self.tally, level, _shares(quantiles))

    def daily_summary(
        self, level: float = LEVEL, quantiles: Sequence[float] = QUANTILES
    ) -> pd.DataFrame:
        """Return what a day brings to each domain (:func:`.frames.daily_summary`)."""
        return frames.daily_summary(self.plan, self.tally, level, _shares(quantiles))

    def measures(
        self, level: float = LEVEL, quantiles: Sequence[float] = QUANTILES
    ) -> pd.DataFrame:
        """Return the other figures of the plan (:func:`.frames.measures`)."""
        return frames.measures(self.plan, self.tally, level, _shares(quantiles))

    # --- estimates ----------------------------------------------------------------------------

    def estimate(self, measure: str, level: float = LEVEL) -> Estimate:
        """Estimate the mean of a measure, with its confidence interval.

        Parameters
        ----------
        measure
            ``"finish_hours"`` (from the plan's start), a column of counts or hours of
            :attr:`finish`, or ``"by 2026-12-24"``: the share that is finished by then.
        level
            How sure the interval is.
        """
        by = frames.check_measure(self.plan, measure)
        if by is not None:
            return self.probability(by, level=level)
        return intervals.mean(frames.measure(self.plan, self.tally, measure), level)

    def probability(
        self,
        by: str | dt.date | dt.datetime,
        task: int | str | None = None,
        level: float = LEVEL,
    ) -> Estimate:
        """Estimate the probability that all work, or a task, is finished by a time.

        A run in Error, because its domain was blocked, is finished, too, and the emails that it
        lost are ``failed``; :func:`sessim.plan_for` counts those as late.

        Parameters
        ----------
        by
            A time, or a date (its end).
        task
            Its id or its name. Default: all tasks.
        level
            How sure the interval is (Wilson's).

        Raises
        ------
        ArgumentError
            If there is no such time or task, it is before the plan's start, or the replications
            ended before it.
        """
        try:
            instant = end = self.plan.clock.end_instant(moment(by))
            if not isinstance(moment(by), dt.datetime):
                instant -= 1  # a day is half open
        except ValueError as error:
            raise ArgumentError(f"by: {error}") from None
        if end <= self.plan.start_instant:
            start = format_moment(self.plan.start)
            raise ArgumentError(f"by: {by} is before the plan's start, {start}; give a later time")
        finished = frames.finished(self.plan, self.tally, task)
        in_time = (finished != NOT_YET) & (finished <= instant)
        if end > self.job.until and (finished == NOT_YET).any():
            raise ArgumentError(
                f"by: {by} is behind the end of the replications, {self.until:%Y-%m-%d %H:%M}; "
                "give an earlier time, or a later horizon"
            )
        return intervals.share(int(in_time.sum()), len(self), level)

    def finish_quantile(
        self, q: float, task: int | str | None = None, level: float = LEVEL
    ) -> TimeEstimate:
        """Return by when a share ``q`` of replications is finished, and its interval.

        NaT where it is later than the replications' end, or there are too few for a bound.
        """
        finished = frames.finished(self.plan, self.tally, task)
        found = intervals.quantile(frames.since_start(self.plan, finished), q, level)
        return TimeEstimate(*frames.instants(self.plan, found[:3]))

    # --- showing ------------------------------------------------------------------------------

    @property
    def plot(self) -> Plots:
        """The charts: ``.plot.throughput()``, ``.plot.backlog()`` and ``.plot.finish()``."""
        from sessim.experiments.charts import Plots  # loads matplotlib

        return Plots(self)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the tables as CSV and the plan as YAML into a folder, which is made if need be.

        ``finish.csv``, ``tasks.csv`` and ``daily.csv`` have a row for each replication,
        ``summary.csv``, ``daily_summary.csv`` and ``measures.csv`` what follows from them.
        """
        from sessim import planfile  # slow to import

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        tables = {name: getattr(self, name) for name in ("finish", "tasks", "daily")}
        for name in ("summary", "daily_summary", "measures"):
            tables[name] = getattr(self, name)()
        for name, table in tables.items():
            table.apply(iso).to_csv(target / f"{name}.csv", index=False)
        text = planfile.yaml_text(self.plan.to_dict())
        (target / "plan.yaml").write_text(text, "utf-8", newline="\n")

    def __repr__(self) -> str:
        n = f"{len(self):,} replication{'' if len(self) == 1 else 's'}"
        return f"{n}: {', '.join(map(self._done, QUANTILES))}"

    def _done(self, q: float) -> str:
        time = self.finish_quantile(q).value
        known = not bool(pd.isna(time))
        when = f"by {time:%Y-%m-%d %H:%M}" if known else f"later than {self.until:%Y-%m-%d}"
        return f"{q:.0%} done {when}"

    def _repr_html_(self) -> str:
        table = self.summary()[["name", "n", "later", "p05", "p50", "p95"]]
        return f"<p>{self!r}</p>{table.to_html(index=False, max_rows=20, border=0)}"
