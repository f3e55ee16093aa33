"""What is asked for, and the choices that answer it: the first day, the domains, the sizes.

=========== ====================================================== ==============================
Goal        What is chosen                                         Its bound
=========== ====================================================== ==============================
fastest     the earliest last day                                  lists divided at will
fewest      the fewest domains                                     lists divided at will, any set
latest      the latest first day                                   lists divided at will
largest     the most addresses of the list without a size          lists divided at will
=========== ====================================================== ==============================

A bound relaxes one thing only: lists that must go out whole from one domain may be divided. Without
such lists every answer is exact. Days are whole: which day is chosen, not which hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from sessim.experiments.planning import assigning
from sessim.experiments.planning.assigning import assign
from sessim.experiments.planning.filling import fits
from sessim.experiments.planning.jobs import Job, least
from sessim.experiments.planning.lists import MOST_EMAILS, MailList
from sessim.experiments.planning.lists import jobs as as_jobs
from sessim.experiments.planning.programs import Solver
from sessim.experiments.planning.setting import Setting

Goal = Literal["fastest", "fewest", "latest", "largest"]


@dataclass(frozen=True)
class Choice:
    """One answer.

    Parameters
    ----------
    first
        The day on which it begins, and new domains with it.
    domains
        Places of the domains used.
    lists, jobs
        The lists with their sizes, and the jobs tied to domains where they must be.
    value, bound
        What the goal counts (a day, a number of domains or of emails), and its bound.
    proved
        Whether it is certain that no better value can be had.
    """

    first: int
    domains: tuple[int, ...]
    lists: tuple[MailList, ...]
    jobs: list[Job]
    value: int
    bound: int
    proved: bool


@dataclass(frozen=True)
class Question:
    """What is to be sent in which setting, and who decides hard cases."""

    setting: Setting
    lists: tuple[MailList, ...]
    solver: Solver = "highs"

    def jobs(self, first: int = 0, more: int = 0) -> list[Job] | None:
        """Return the jobs, not before a day, with deadlines moved by days.

        None if one could not even begin before its deadline.
        """
        setting = self.setting
        last = setting.last
        found = [
            replace(
                job,
                first=max(job.first, first),
                last=min(job.last + more, len(setting.dates) - 1),
            )
            for job in as_jobs(self.lists, setting.dates, last, setting.names)
        ]
        return None if any(job.first > job.last for job in found) else found

    @property
    def everyone(self) -> tuple[int, ...]:
        """Places of all domains that may be planned."""
        return tuple(i for i, name in enumerate(self.setting.names) if name in self.setting.usable)

    @property
    def begin(self) -> int:
        """The first day on which anything may go out."""
        jobs = as_jobs(self.lists, self.setting.dates, self.setting.last, self.setting.names)
        return min(job.first for job in jobs)


def choices(question: Question, goal: Goal) -> Iterator[Choice]:
    """Yield answers that are in time, the best first; none if there is none."""
    return _GOALS[goal](question)


def _fastest(question: Question) -> Iterator[Choice]:
    first = question.begin
    room, jobs = question.setting.room(first), question.jobs(first)
    if jobs is None or not fits(jobs, room):
        return

    found = assigning.earliest(jobs, room, question.everyone, solver=question.solver)
    if found is not None:
        tied, day, bound, proved = found
        yield Choice(first, question.everyone, question.lists, tied, day, bound, proved)


def _latest(question: Question) -> Iterator[Choice]:
    bound, proved = -1, True
    for first in range(question.setting.last, -1, -1):
        jobs = question.jobs(first)
        if jobs is None:
            continue
        room = question.setting.room(first)
        if not fits(jobs, room):
            continue
        bound = max(bound, first)
        done = assign(jobs, room, question.everyone, solver=question.solver)
        if done.jobs is not None:
            yield Choice(first, question.everyone, question.lists, done.jobs, first, bound, proved)
        proved = proved and done.proved and done.jobs is None  # a later day would do


def _fewest(question: Question) -> Iterator[Choice]:
    first = question.begin
    room, jobs = question.setting.room(first), question.jobs(first)
    if jobs is None or not fits(jobs, room):
        return
    bound = least_found = 0
    for chosen, tied, proved in assigning.fewest(jobs, room, question.everyone, question.solver):
        bound = bound or assigning.least_domains(jobs, room, question.everyone)
        least_found = least_found or len(chosen)
        proved = proved and len(chosen) == least_found
        yield Choice(first, chosen, question.lists, tied, len(chosen), bound, proved)


def open_place(question: Question) -> int:
    """Return the place of the list without a size; of the last one if all have theirs."""
    places = range(len(question.lists))
    return next((place for place in places if question.lists[place].size is None), places[-1])


def _largest(question: Question) -> Iterator[Choice]:
    place = open_place(question)
    first = question.begin
    room = question.setting.room(first)

    def sized(size: int) -> Question:
        lists = list(question.lists)
        lists[place] = replace(lists[place], size=size)
        return replace(question, lists=tuple(lists))

    def divided(size: int) -> bool:
        jobs = sized(size).jobs(first)
        return jobs is not None and fits(jobs, room)

    def assigned(size: int) -> list[Job] | None:
        jobs = sized(size).jobs(first)
        if jobs is None:
            return None
        return assign(jobs, room, question.everyone, solver=question.solver).jobs

    if not divided(1):
        return
    top = min(MOST_EMAILS, int(room.daily.sum())) + 1
    bound = least(1, top, lambda size: not divided(size)) - 1
    size = bound
    if assigned(bound) is None:
        size = least(1, bound, lambda size: assigned(size) is None) - 1
    while size > 0:
        jobs = assigned(size)
        if jobs is not None:
            lists = sized(size).lists
            yield Choice(first, question.everyone, lists, jobs, size, bound, size == bound)
        size = size * 19 // 20  # where chance decides, a twentieth less is tried next


_GOALS: Final[dict[Goal, Callable[[Question], Iterator[Choice]]]] = {
    "fastest": _fastest,
    "fewest": _fewest,
    "latest": _latest,
    "largest": _largest,
}
