"""Lists that stay whole: equal to the exact optimum of a model that is written out in full."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from sessim.errors import SessimError
from sessim.experiments.planning import programs
from sessim.experiments.planning.assigning import assign, earliest, fewest, least_domains
from sessim.experiments.planning.filling import fill
from sessim.experiments.planning.jobs import Job, Room
from sessim.experiments.planning.programs import Solver
from tests.experiments.planning.instances import TimeIndexed, check, questions, random_question


def by_trying_everything(jobs: list[Job], room: Room) -> bool:
    """Say whether any assignment of jobs to domains is in time, each tried, by brute force."""
    domains = range(len(room.free))
    options = [[d for d in domains if job.allows(d)] for job in jobs]
    return any(_in_time(jobs, room, owner) for owner in product(*options))


def _in_time(jobs: list[Job], room: Room, owner: tuple[int, ...]) -> bool:
    tied = [Job(j.size, j.first, j.last, frozenset([o])) for o, j in zip(owner, jobs, strict=True)]
    return TimeIndexed(tied, room).most_on_time() == sum(job.size for job in jobs)


@settings(max_examples=40)
@given(questions(whole=True))
def test_tiny_questions_have_an_assignment_exactly_if_trying_everything_finds_one(
    question: tuple[list[Job], Room],
) -> None:
    jobs, room = question
    found = assign(jobs, room, range(len(room.free)))
    assert found.proved
    assert (found.jobs is not None) == by_trying_everything(jobs, room)
    if found.jobs is not None:
        filling = fill(found.jobs, room)
        check(filling, [*map(_is_whole, found.jobs)], room)
        assert filling.late(jobs) == 0


def _is_whole(job: Job) -> Job:
    assert job.domains is not None
    assert len(job.domains) == 1
    return job


@settings(max_examples=40)
@given(questions(whole=None))
def test_the_fewest_domains_are_those_of_the_model_written_out(
    question: tuple[list[Job], Room],
) -> None:
    jobs, room = question
    everyone = range(len(room.free))
    found = next(fewest(jobs, room, everyone), None)
    best = TimeIndexed(jobs, room).fewest_domains()
    assert (None if found is None else len(found[0])) == best
    if found is not None:
        assert least_domains(jobs, room, everyone) <= len(found[0])
        assert found[2], "tiny questions are always decided"


@pytest.mark.parametrize("solver", ["highs", "cp-sat"])
def test_a_hard_case_is_decided_by_either_solver(solver: Solver) -> None:
    """6 + 6, 4 + 4 + 4 into 12 and 12: the largest first, best fit, would put 6 and 4 together."""
    sizes = [6, 6, 4, 4, 4]
    jobs = [Job(size, 0, 0, None, True) for size in sizes]
    room = Room(np.full((2, 1), 12, dtype=np.int64), np.array([24], dtype=np.int64))
    found = programs.decide(jobs, room, range(2), solver)
    assert found.jobs is not None
    assert fill(found.jobs, room).late(jobs) == 0
    tight = Room(np.array([[13], [11]], dtype=np.int64), np.array([24], dtype=np.int64))
    assert programs.decide(jobs, tight, range(2), solver) == (None, True)


def test_a_solver_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ortools.sat.python", None)
    jobs, room = random_question(5, 2, 20, load=0.5, seed=0)
    with pytest.raises(SessimError, match=r"install sessim\[planning\]"):
        programs.decide(jobs, room, range(2), "cp-sat")


@pytest.mark.parametrize("seed", range(4))
def test_twenty_lists_four_domains_twenty_days_are_as_cp_sat_says(seed: int) -> None:
    """The objective: as few domains as possible, each list whole from one, all in time."""
    jobs, room = random_question(20, 4, 24, load=0.7, seed=seed)
    found = next(fewest(jobs, room, range(4)), None)
    best = TimeIndexed(jobs, room).fewest_domains()
    assert (None if found is None else len(found[0])) == best


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_sixty_lists_six_domains_sixty_days_are_as_cp_sat_says(seed: int) -> None:
    """Each takes the model written out up to a minute."""
    jobs, room = random_question(60, 6, 60, load=0.7, seed=seed)
    chosen, tied, proved = next(fewest(jobs, room, range(6)))
    filling = fill(tied, room.only(chosen))
    check(filling, tied, room)
    assert filling.late(jobs) == 0
    assert proved
    assert len(chosen) == TimeIndexed(jobs, room).fewest_domains()


@pytest.mark.parametrize("load", [0.5, 0.7, 0.8])
@pytest.mark.parametrize("size", [(60, 6), (120, 10)])
def test_the_last_day_is_within_a_twentieth_of_the_bound(
    size: tuple[int, int], load: float
) -> None:
    """The bound divides all lists: what no plan can beat. Days are counted from 1."""
    jobs, room = random_question(*size, 60, load=load, seed=2)
    found = earliest(jobs, room, range(size[1]))
    assert found is not None
    tied, day, bound, _ = found
    filling = fill([replace(job, last=min(job.last, day)) for job in tied], room)
    check(filling, tied, room)
    assert filling.late(jobs) == 0
    assert max(filling.last(len(jobs))) == day
    assert day + 1 <= 1.05 * (bound + 1)
