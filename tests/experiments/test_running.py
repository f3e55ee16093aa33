"""Whoever runs replications, in whatever order and batches: the same numbers, and none is lost."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import loky
import numpy as np
import pytest

import sessim
from sessim.experiments import running
from sessim.experiments.tally import Tally
from tests.experiments import cases
from tests.experiments.test_tally import same


def equal(one: sessim.Replications, other: sessim.Replications) -> None:
    same(one.tally, other.tally)
    for name in ("finish", "tasks", "daily"):
        assert getattr(one, name).to_csv() == getattr(other, name).to_csv()


class Backwards:
    """Runs what it is given when somebody asks, the last thing first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.numbers: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if len(args) > 1:  # the first batch, which is measured
            future.set_result(fn(*args))
            return future
        self.numbers += list(args[0])
        self.waiting.append((future, lambda: fn(*args)))
        if args[0][-1] == self.last - 1:
            for later, work in reversed(self.waiting):
                later.set_result(work())
        return future

    last = 0


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_processes_change_nothing(workers: int) -> None:
    equal(sessim.replicate(cases.plan(), 60, 7, workers), cases.replications())


def test_threads_and_the_order_of_arrival_change_nothing() -> None:
    with ThreadPoolExecutor(3) as threads:
        equal(sessim.replicate(cases.plan(), 60, 7, threads), cases.replications())
    backwards = Backwards()
    backwards.last = 60
    equal(sessim.replicate(cases.plan(), 60, 7, backwards), cases.replications())
    assert backwards.numbers == list(range(backwards.numbers[0], 60))  # each handed out once


@pytest.mark.parametrize("seconds", [0.0, 0.003, 100.0])
def test_the_size_of_batches_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(running, "BATCH_SECONDS", seconds)
    equal(sessim.replicate(cases.plan(), 60, 7), cases.replications())
    with ThreadPoolExecutor(1) as threads:
        equal(sessim.replicate(cases.plan(), 60, 7, threads), cases.replications())


def test_more_replications_begin_with_the_same_ones() -> None:
    few, many = sessim.replicate(cases.plan(), 25, 7), cases.replications()
    same(few.tally, many.tally[:25])
    equal(sessim.replicate(cases.plan(), 60, 7, known=few), many)


def test_each_has_random_numbers_of_its_own() -> None:
    found = cases.replications().finish
    assert found["failed"].nunique() > 1 or found["finished"].nunique() > 10
    other = sessim.replicate(cases.plan(), 60, 8)
    assert other.finish["finished"].tolist() != found["finished"].tolist()


def test_one_alone_is_the_one_that_was_counted() -> None:
    found = cases.replications()
    for number in (0, 17, 59):
        alone = found.replication(number)
        row = found.tasks[found.tasks["replication"] == number]
        for name in ("status", "sent", "failed", "finished", "pauses", "paused_hours"):
            assert row[name].tolist() == alone.tasks[name].tolist()
        daily = found.daily[found.daily["replication"] == number].set_index("date")
        for name in ("sent", "failed", "backlog", "limit"):
            days = alone.daily.set_index("date")[name]
            assert daily.loc[days.index, name].tolist() == days.tolist()


# --- enough is enough -----------------------------------------------------------------------------


def test_stops_when_the_interval_is_narrow_enough_whoever_runs_it() -> None:
    whole = sessim.replicate(cases.plan(), 400, 7)
    width = whole.estimate("finish_hours").width * 1.5
    stopped = sessim.replicate(cases.plan(), 400, 7, narrow={"finish_hours": width})
    assert len(stopped) % running.BLOCK == 0
    assert 50 < len(stopped) < 400
    same(stopped.tally, whole.tally[: len(stopped)])
    assert stopped.estimate("finish_hours").width <= width
    before = sessim.Replications(whole.job, whole.tally[: len(stopped) - running.BLOCK])
    assert before.estimate("finish_hours").width > width
    with ThreadPoolExecutor(3) as threads:
        again = sessim.replicate(cases.plan(), 400, 7, threads, narrow={"finish_hours": width})
    equal(again, stopped)


def test_asks_in_the_order_of_replications_never_of_arrival() -> None:
    asked: list[int] = []

    def enough(tally: Tally) -> bool:
        asked.append(len(tally))
        return len(tally) >= 100

    whole = sessim.replicate(cases.plan(), 180, 7).tally
    parts = [whole[i : i + 7] for i in range(0, 180, 7)]
    for seed in range(5):
        asked.clear()
        collector = running.Collector(180, enough)
        for part in random.Random(seed).sample(parts, len(parts)):
            collector.add(part)
        assert asked == [50, 100]
        assert collector.kept is not None
        same(collector.kept, whole[:100])


def test_a_probability_can_be_asked_to_be_narrow() -> None:
    late = cases.replications().finish_quantile(0.5).value
    found = sessim.replicate(cases.plan(), 400, 7, narrow={f"by {late:%Y-%m-%d %H:%M}": 0.21})
    assert 50 <= len(found) < 400


# --- progress -------------------------------------------------------------------------------------


class Bar:
    """Counts what a progress bar would show."""

    def __init__(self, *, total: int, unit: str, desc: str) -> None:
        self.total, self.done, self.closed = total, 0, False

    def update(self, n: int) -> None:
        self.done += n

    def close(self) -> None:
        self.closed = True


def test_progress_counts_replications() -> None:
    bars: list[Bar] = []

    def bar(**keys: Any) -> Bar:
        bars.append(Bar(**keys))
        return bars[-1]

    sessim.replicate(cases.plan(), 30, 7, progress=bar)
    with ThreadPoolExecutor(2) as threads:
        sessim.replicate(cases.plan(), 30, 7, threads, progress=bar)
    assert [(entry.total, entry.done, entry.closed) for entry in bars] == [(30, 30, True)] * 2


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": 0}, "n: 0 is no number of replications; give a whole number from 1"),
        ({"n": -3}, "n: -3 is no number"),
        ({"n": 2.5}, "n: 2.5 is no number"),
        ({"n": True}, "n: True is no number"),
        ({"n": "many"}, "n: 'many' is no number"),
        ({"seed": -1}, "seed: -1 is no seed; give a whole number from 0"),
        ({"seed": None}, "seed: None is no seed"),
        ({"executor": 0}, "executor: 0 processes cannot run anything; give 1 or more"),
        ({"executor": "dask"}, "executor: 'dask' runs nothing; give None, a number"),
        ({"executor": True}, "executor: True runs nothing"),
        ({"until": "2026-11-01"}, "until: 2026-11-01 is not after the plan's start"),
        ({"until": "soon"}, "until: 'soon' is not a date"),
        ({"narrow": {"finish": 3}}, "measure: 'finish' is unknown; did you mean 'finish_hours'?"),
        ({"narrow": {"finish_hours": 0}}, "narrow: finish_hours: 0 is no width"),
        ({"narrow": {"finish_hours": "x"}}, "narrow: finish_hours: 'x' is no width"),
        ({"narrow": {"finish_hours": "6"}}, "narrow: finish_hours: '6' is no width"),
        ({"narrow": {"finish_hours": True}}, "narrow: finish_hours: True is no width"),
        ({"narrow": 6}, "narrow: 6 names no measures; give {'finish_hours': 6}, say"),
        ({"narrow": "finish_hours"}, "narrow: 'finish_hours' names no measures"),
        ({"known": {}}, "known: {} is none; give what replicate returned, or an error's .finished"),
        ({"progress": True}, "progress: True makes no bar; give tqdm.auto.tqdm"),
        ({"narrow": {"by soon": 0.1}}, "measure: 'soon' is not a date"),
        ({"plan": {}}, "plan: {} is no plan; give a sessim.Plan"),
    ],
)
def test_bad_input_gets_one_sentence(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(sessim.ArgumentError) as error:
        sessim.replicate(**{"plan": cases.plan(), "n": 5, **arguments})
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_replications_of_something_else_are_not_taken_as_known() -> None:
    other = sessim.replicate(cases.plan(), 3, seed=1)
    with pytest.raises(sessim.ArgumentError, match=r"^known: those are of another plan, seed"):
        sessim.replicate(cases.plan(), 5, seed=2, known=other)


@pytest.fixture
def two_processes() -> Iterator[Any]:
    executor = loky.ProcessPoolExecutor(2)
    yield executor
    executor.shutdown(kill_workers=True)


def test_a_dead_worker_is_one_sentence_and_what_was_finished_is_kept(two_processes: Any) -> None:
    pid = two_processes.submit(os.getpid).result()
    killed = threading.Event()

    def progress(**keys: Any) -> Bar:
        bar = Bar(**keys)

        def update(n: int) -> None:
            bar.done += n
            if bar.done >= 40 and not killed.is_set():
                killed.set()
                os.kill(pid, signal.SIGKILL)

        bar.update = update  # type: ignore[method-assign]
        return bar

    with pytest.raises(sessim.ReplicationError) as error:
        sessim.replicate(cases.plan(), 3000, 7, two_processes, progress=progress)
    kept = error.value.finished
    assert 32 <= len(kept) < 3000
    assert str(error.value) == (
        "executor: a worker died, killed or out of memory (TerminatedWorkerError); "
        f"{len(kept):,} of 3,000 replications are finished"
    )
    whole = sessim.replicate(cases.plan(), 200, 7, known=kept)
    equal(whole, sessim.replicate(cases.plan(), 200, 7))


def test_who_stops_it_by_hand_keeps_what_was_finished() -> None:
    """Ctrl-C, or a notebook's stop, in the middle: the rest can be run later."""

    class Stopped(Bar):
        def update(self, n: int) -> None:
            super().update(n)
            if self.done:
                raise KeyboardInterrupt

    plan = cases.plan(discipline="fair")  # one by one, so in more than one batch
    with pytest.raises(KeyboardInterrupt) as stopped:
        sessim.replicate(plan, 5_000, 7, progress=Stopped)
    kept = stopped.value.finished  # type: ignore[attr-defined]
    assert 0 < len(kept) < 5_000
    [note] = stopped.value.__notes__
    assert note.startswith(f"stopped; {len(kept):,} of 5,000 replications are finished; replicate(")
    more = len(kept) + 5
    equal(sessim.replicate(plan, more, 7, known=kept), sessim.replicate(plan, more, 7))


def test_an_executor_that_is_shut_down_is_one_sentence() -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(sessim.ReplicationError) as error:
        sessim.replicate(cases.plan(), 5, 7, threads)
    assert str(error.value) == (
        "executor: cannot schedule new futures after shutdown (RuntimeError); "
        "0 of 5 replications are finished"
    )
    assert error.value.finished is None


def test_gaps_are_found_wherever_they_are() -> None:
    whole = sessim.replicate(cases.plan(), 20, 7).tally
    collector = running.Collector(20)
    assert collector.missing == [range(20)]
    collector.add(whole[3:6])
    collector.add(whole[0:1])
    collector.add(whole[10:20])
    assert collector.missing == [range(1, 3), range(6, 10)]
    assert np.array_equal(collector.kept.numbers, [0, 3, 4, 5, *range(10, 20)])  # type: ignore[union-attr]
