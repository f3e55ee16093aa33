"""Jobs over days and domains: judged by a time-indexed model, and by examples done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from sessim.experiments.planning.filling import fill, fits, most_on_time
from sessim.experiments.planning.jobs import Job, Piece, Room
from tests.experiments.planning.instances import TimeIndexed, check, questions


def room(*rows: list[int], account: list[int] | None = None) -> Room:
    free = np.array(rows, dtype=np.int64)
    return Room(free, np.array(account or [10**6] * free.shape[1], dtype=np.int64))


def test_the_earliest_deadline_goes_first() -> None:
    """10 a day: the urgent list fills day 0, the other the rest of day 1 and day 2."""
    jobs = [Job(15, 0, 2), Job(12, 0, 1)]
    found = fill(jobs, room([10, 10, 10]))
    assert found.pieces == [
        Piece(1, 0, 0, 10),
        Piece(1, 0, 1, 2),
        Piece(0, 0, 1, 8),
        Piece(0, 0, 2, 7),
    ]
    assert not found.late(jobs)


def test_a_day_that_is_not_full_is_shared_in_proportion() -> None:
    """30 and 10 are free, 7 are sent: 5.25 and 1.75, so 5 and 2."""
    found = fill([Job(7, 0, 0)], room([30], [10]))
    assert found.pieces == [Piece(0, 0, 0, 5), Piece(0, 1, 0, 2)]


def test_the_account_s_rate_bounds_a_day() -> None:
    found = fill([Job(50, 0, 1)], room([30, 30], [30, 30], account=[40, 40]))
    assert [(p.day, p.emails) for p in found.pieces] == [(0, 20), (0, 20), (1, 5), (1, 5)]


def test_tied_jobs_go_by_their_deadlines_and_else_in_their_order() -> None:
    """One email a day from the only domain: the second list is urgent, then the first is first."""
    tie = frozenset([0])
    jobs = [Job(1, 0, 2, tie), Job(1, 0, 0, tie), Job(1, 0, 2, None)]
    found = fill(jobs, room([1, 1, 1], account=[1, 1, 1]))
    assert [(piece.job, piece.day) for piece in found.pieces] == [(1, 0), (0, 1), (2, 2)]
    assert fill([jobs[0], jobs[1]], room([1, 1], [1, 1], account=[1, 1])).late(jobs[:2]) == 0


def test_what_cannot_be_in_time_is_late_and_not_lost() -> None:
    jobs = [Job(25, 0, 0)]
    found = fill(jobs, room([10, 10]))
    assert [p.emails for p in found.pieces] == [10, 10]
    assert list(found.left) == [5]
    assert found.late(jobs) == 15
    assert most_on_time(jobs, room([10, 10])) == 10


@given(questions())
def test_the_most_on_time_is_that_of_the_model_written_out(
    question: tuple[list[Job], Room],
) -> None:
    jobs, own = question
    assert most_on_time(jobs, own) == TimeIndexed(jobs, own).most_on_time()


@given(questions())
def test_a_schedule_keeps_every_limit_and_is_in_time_if_any_is(
    question: tuple[list[Job], Room],
) -> None:
    jobs, own = question
    found = fill(jobs, own)
    check(found, jobs, own)
    if fits(jobs, own):
        assert found.late(jobs) == 0
    else:
        assert found.late(jobs) > 0


@given(questions(tied=False))
def test_no_schedule_is_done_earlier(question: tuple[list[Job], Room]) -> None:
    """On every day, as much has been sent by its end as can be sent by then at all."""
    jobs, own = question
    found = fill(jobs, own)
    for day in range(own.days):
        sent = sum(piece.emails for piece in found.pieces if piece.day <= day)
        ready = [replace(job, last=day) for job in jobs if job.first <= day]
        assert sent == (most_on_time(ready, own) if ready else 0)


@settings(max_examples=30)
@given(questions())
def test_the_order_of_the_domains_changes_nothing_that_counts(
    question: tuple[list[Job], Room],
) -> None:
    jobs, own = question
    count = len(own.free)
    turned = Room(own.free[::-1].copy(), own.account)
    others = [
        replace(job, domains=job.domains and frozenset(count - 1 - d for d in job.domains))
        for job in jobs
    ]
    assert most_on_time(jobs, own) == most_on_time(others, turned)
