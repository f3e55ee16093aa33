"""Replications run here, in processes of this machine or on a cluster: the same numbers anywhere.

A replication is addressed by its number, so it does not matter who runs it, when, or in which
batch, or whether it is simulated by itself or side by side with others. Where each is simulated by
itself, batches of about a fifth of a second keep the cost of handing them out small; how many
replications one holds is measured, and changes nothing but time. When enough is known is asked of
whole blocks in the order of the replications, whoever was quicker.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Future, as_completed
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any, Final, Protocol

import numpy as np

from sessim.errors import ArgumentError, SessimError, shown
from sessim.experiments import abreast
from sessim.experiments.notes import notes
from sessim.experiments.stack import tally
from sessim.experiments.tally import Tally, joined, repeated
from sessim.logwriter import LogWriter, PackedLog
from sessim.plan import Plan
from sessim.result import Result
from sessim.simulation import simulate

BATCH_SECONDS: Final = 0.2
"""About how long a batch takes."""

BLOCK: Final = 50
"""After so many further replications it is asked whether enough is known."""

_PROBE: Final = 32  # replications of the first batch, at most: it says how long one takes
_SIDE_BY_SIDE: Final = 64  # replications that are tallied at once: more would only need more memory
_ABREAST: Final = 1000  # replications that are simulated side by side, at most
_CELLS: Final = 1 << 17  # and runs of all of them: more would need more memory
_FEW: Final = 32  # fewer are quicker one by one
_SHARES: Final = 4  # batches for each process, at least: they end at about the same time


class Executor(Protocol):
    """Whoever runs functions: ``concurrent.futures`` has some, so have loky and dask."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called."""


class ReplicationError(SessimError, RuntimeError):
    """Those who ran the replications are gone, or failed.

    Attributes
    ----------
    finished
        The :class:`~sessim.experiments.replications.Replications` that were finished, None if
        there are none. Handed to :func:`~sessim.experiments.replications.replicate` as ``known``
        they are not run again.
    """

    finished: Any = None


@dataclass(frozen=True)
class Job:
    """Replications of one plan: whoever has it can run any of them.

    Parameters
    ----------
    plan
        What is simulated.
    seed
        Of all replications.
    until
        The instant at which each ends if work is left.
    """

    plan: Plan
    seed: int
    until: int

    def stream(self, number: int) -> np.random.SeedSequence:
        """Return where the random numbers of a replication begin."""
        return np.random.SeedSequence(self.seed, spawn_key=(number,))

    def result(self, number: int) -> Result:
        """Run one replication."""
        until = self.plan.clock.local(self.until)
        return simulate(self.plan, self.stream(number), until=until)

    @cached_property
    def abreast(self) -> int:
        """How many replications are run side by side at most; 0 where each runs by itself."""
        most = min(_ABREAST, _CELLS // max(1, len(self.plan.runs)))
        return most if most >= _FEW and abreast.fits(self.plan) else 0

    def share(self, wanted: int, hands: int) -> int:
        """Return how many replications to run side by side, in rounds that are alike."""
        rounds = -(-wanted // (self.abreast * hands))
        return max(_FEW, -(-wanted // (rounds * hands)))

    def run(self, numbers: range, seconds: float = np.inf) -> tuple[Tally, float]:
        """Run replications, or as many as fit into a time, at least one.

        Returns
        -------
        tuple
            What is kept of them, and the seconds that each took where they were quickest.
        """
        start, best = perf_counter(), np.inf
        parts: list[Tally] = []
        while numbers and (not parts or perf_counter() - start < seconds):
            begun = perf_counter()
            parts.append(self._part(numbers, best))
            done = len(parts[-1])
            numbers, best = numbers[done:], min(best, (perf_counter() - begun) / done)
        return joined(parts), best

    @property
    def _has_chance(self) -> bool:
        """Whether replications can differ at all."""
        return self.plan.has_outcomes and self.plan.outcomes != "expected"

    def _part(self, numbers: range, seconds: float) -> Tally:
        """Run as many replications as are run before anybody looks at the time.

        ``seconds`` is what one takes, as far as that is known.
        """
        if not self._has_chance:
            return repeated(self._tally(numbers[:1]), numbers)
        if self.abreast and len(numbers) >= _FEW:
            return self._tally(numbers[: self.share(len(numbers), 1)])
        return self._tally(numbers[: min(_SIDE_BY_SIDE, max(1, int(BATCH_SECONDS / seconds)))])

    def _tally(self, numbers: range) -> Tally:
        found = self._abreast(numbers)
        if found is None:
            numbers = numbers[:_SIDE_BY_SIDE]
            found = tally(self.plan, notes(self.plan, self._one_by_one(numbers)), numbers[0])
        return found

    def _abreast(self, numbers: range) -> Tally | None:
        """Simulate replications side by side, if there are enough and their rates allow it."""
        if not self.abreast or len(numbers) < _FEW:
            return None
        streams = [self.stream(number) for number in numbers]
        return abreast.simulate(self.plan, streams, self.until, numbers[0])

    def _one_by_one(self, numbers: range) -> list[LogWriter]:
        logs = [self.result(number).log for number in numbers]
        return [log.writer for log in logs if isinstance(log, PackedLog)]


class Collector:
    """Takes in batches as they come, and says when enough is known.

    Parameters
    ----------
    n
        How many replications are wanted.
    enough
        Asked of the first 50, 100, ... replications whether they are enough.
    known
        Replications from before.
    """

    def __init__(
        self, n: int, enough: Callable[[Tally], bool] | None = None, known: Tally | None = None
    ) -> None:
        self.wanted, self._enough = n, enough
        self._parts: list[Tally] = [] if known is None else [known]
        self._has = np.zeros(n + 1, dtype=bool)
        self._asked = 0
        if known is not None:
            self._take_in(known)

    @property
    def missing(self) -> list[range]:
        """The replications still to run, as ranges."""
        gaps = np.flatnonzero(~self._has[: self.wanted])
        if not len(gaps):
            return []
        ends = np.flatnonzero(np.append(np.diff(gaps) > 1, True))
        starts = np.append(0, ends[:-1] + 1)
        return [range(int(gaps[a]), int(gaps[b]) + 1) for a, b in zip(starts, ends, strict=True)]

    @property
    def kept(self) -> Tally | None:
        """What has come in of those that are wanted; None if nothing has."""
        if not self._parts:
            return None
        self._parts = [joined(self._parts)]
        whole = self._parts[0]
        return whole[: int(np.searchsorted(whole.numbers, self.wanted))]

    def add(self, part: Tally) -> None:
        """Take in a batch."""
        self._parts.append(part)
        self._take_in(part)

    def _take_in(self, part: Tally) -> None:
        self._has[part.numbers[part.numbers < len(self._has) - 1]] = True
        if self._enough is None:
            return
        in_row = int(self._has.argmin())  # so many have come in without a gap
        while self._asked + BLOCK <= min(in_row, self.wanted - 1):
            self._asked += BLOCK
            whole = self.kept
            assert whole is not None
            if self._enough(whole[: self._asked]):
                self.wanted = self._asked


def run(job: Job, collector: Collector, executor: Any, report: Callable[[int], Any]) -> None:
    """Run what a collector misses.

    Parameters
    ----------
    job, collector
        What is run, and where it goes.
    executor
        None: here; a number: in so many processes of this machine; anything with ``.submit``.
    report
        Told the number of replications of each batch that has come in.

    Raises
    ------
    ReplicationError
        If the executor fails; what has come in is in the collector.
    """
    if executor is None:
        while gaps := collector.missing:
            part, _ = job.run(gaps[0], BATCH_SECONDS)
            collector.add(part)
            report(len(part))
        return
    hand_out, hands = _hands(executor)
    try:
        _elsewhere(job, collector, hand_out, hands, report)
    except SessimError:
        raise
    except Exception as error:
        raise ReplicationError(_gone(error)) from error


def _elsewhere(
    job: Job, collector: Collector, executor: Executor, hands: int, report: Callable[[int], Any]
) -> None:
    gaps = collector.missing
    if not gaps:
        return
    if job.abreast:
        size = job.share(sum(map(len, gaps)), hands)
    else:
        part, seconds = executor.submit(job.run, gaps[0][:_PROBE], BATCH_SECONDS / 2).result()
        collector.add(part)
        report(len(part))
        left = sum(map(len, collector.missing))
        size = max(1, min(int(BATCH_SECONDS / seconds), -(-left // (_SHARES * hands))))
    futures: list[Future[Any]] = []
    try:
        futures += [executor.submit(job.run, batch) for batch in _batches(collector.missing, size)]
        for future in as_completed(futures):
            part, _ = future.result()
            collector.add(part)
            report(len(part))
            if not collector.missing:
                return
    except Exception:
        _save(futures, collector)
        raise
    finally:
        for future in futures:
            future.cancel()


def _batches(gaps: Iterable[range], size: int) -> Iterable[range]:
    for gap in gaps:
        for first in range(0, len(gap), size):
            yield gap[first : first + size]


def _save(futures: Iterable[Future[Any]], collector: Collector) -> None:
    """Take in what else was finished when something failed; twice does no harm."""
    seen = {int(number) for number in (() if collector.kept is None else collector.kept.numbers)}
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is None:
            part = future.result()[0]
            if int(part.numbers[0]) not in seen:
                collector.add(part)


def _hands(executor: Any) -> tuple[Executor, int]:
    """Return who runs functions, and how many at once, as far as that is known."""
    if isinstance(executor, int | np.integer) and not isinstance(executor, bool):
        workers = operator.index(executor)
        if workers < 1:
            raise ArgumentError(
                f"executor: {workers} processes cannot run anything; give 1 or more"
            )
        from loky import get_reusable_executor  # only who asks for processes needs them

        return get_reusable_executor(max_workers=workers, timeout=60), workers
    if hasattr(executor, "get_executor"):  # dask's client
        executor = executor.get_executor()
    if not callable(getattr(executor, "submit", None)) or isinstance(executor, bool):
        raise ArgumentError(
            f"executor: {shown(executor)} runs nothing; give None, a number of processes, or "
            "something with .submit such as distributed.Client(...).get_executor()"
        )
    # Who does not say how many hands it has, such as a cluster, may have many.
    return executor, getattr(executor, "_max_workers", None) or 4 * (os.cpu_count() or 1)


def _gone(error: Exception) -> str:
    """Say what has become of those who ran the replications."""
    kind = type(error).__name__
    if isinstance(error, BrokenExecutor) or kind == "KilledWorker":
        what = "a worker died, killed or out of memory"
    elif isinstance(error, CancelledError | OSError | TimeoutError):
        what = "the cluster is gone, or was closed"
    else:
        what = " ".join(str(error).split())[:120]
    return f"executor: {what} ({kind})"
