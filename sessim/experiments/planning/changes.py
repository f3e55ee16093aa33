"""What would make a deadline possible: the smallest change of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Final, Literal

from sessim.experiments.planning import assigning
from sessim.experiments.planning.assigning import assign
from sessim.experiments.planning.filling import fits, most_on_time
from sessim.experiments.planning.goals import Choice, Question
from sessim.experiments.planning.jobs import Job, least

_MOST_WAYS: Final = 100
"""So many ways to give whole lists to domains are looked at: ten domains, two lists."""


@dataclass(frozen=True)
class Change:
    """The smallest change of one kind that makes a deadline possible.

    Attributes
    ----------
    kind
        ``"days"`` more, ``"domains"`` more, ``"emails"`` fewer, or ``"rate"`` of the account.
    amount
        How many; of the rate, emails a second.
    """

    kind: Literal["days", "domains", "emails", "rate"]
    amount: int

    def __str__(self) -> str:
        word, one = _WORDS[self.kind]
        return f"{self.amount:,} {one if self.amount == 1 else word}"


_WORDS: Final = {
    "days": ("more days", "more day"),
    "domains": ("more domains", "more domain"),
    "emails": ("fewer emails", "fewer email"),
    "rate": ("emails a second for the account", "email a second for the account"),
}


def changes(question: Question) -> tuple[Change, ...]:
    """Return the smallest change of each kind that would do, those that exist.

    Everything else stays: extra days are for all lists, extra domains are like the last new one,
    and fewer emails means so many fewer in all (not said of so many whole lists that the ways to
    assign them are too many to count).
    """
    found = [
        Change("days", days) if (days := _more_days(question)) else None,
        _more_domains(question),
        _fewer(question),
        _faster(question),
    ]
    return tuple(change for change in found if change is not None)


def late(question: Question) -> Choice:
    """Return the answer with the least delay, all lists moved by the same number of days."""
    days = _more_days(question)
    first = question.begin
    room = question.setting.room(first)
    jobs = question.jobs(first, days or question.setting.last)
    assert jobs is not None
    tied = assign(jobs, room, question.everyone, solver=question.solver).jobs or jobs
    return Choice(first, question.everyone, question.lists, tied, 0, 0, True)


def _more_days(question: Question) -> int:
    """Return how many days more would do, 0 if no number of them would."""
    first, setting = question.begin, question.setting

    def enough(days: int) -> bool:
        jobs = question.jobs(first, days)
        room = setting.room(first, setting.last + days)
        return jobs is not None and (
            assign(jobs, room, question.everyone, solver=question.solver).jobs is not None
        )

    most = len(setting.dates) - 1 - setting.last
    days = least(1, most + 1, enough)
    return days if days <= most else 0


def _more_domains(question: Question) -> Change | None:
    more = 0
    while True:
        more += 1
        setting = question.setting.with_domains(more)
        if setting is None:
            return None
        other = replace(question, setting=setting)
        jobs = other.jobs(question.begin)
        room = setting.room(question.begin)
        if jobs and assign(jobs, room, other.everyone, solver=question.solver).jobs is not None:
            return Change("domains", more)


def _fewer(question: Question) -> Change | None:
    jobs, room = question.jobs(question.begin), question.setting.room(question.begin)
    if jobs is None:
        return None
    total = sum(job.size for job in jobs)
    most = max((most_on_time(tied, room) for tied in _ties(question, jobs)), default=0)
    return Change("emails", total - most) if 0 < most < total else None


def _ties(question: Question, jobs: Sequence[Job]) -> Iterator[tuple[Job, ...]]:
    """Yield every way to tie whole jobs to one domain each; none if there are too many ways."""
    ways = [
        [replace(job, domains=frozenset([i])) for i in question.everyone if job.allows(i)]
        if job.whole
        else [job]
        for job in jobs
    ]
    if prod(map(len, ways)) <= _MOST_WAYS:
        yield from product(*ways)


def _faster(question: Question) -> Change | None:
    """Return the least whole rate that would do, if a rate alone would."""

    def enough(rate: int) -> bool:
        room = question.setting.with_rate(rate).room(question.begin)
        jobs = question.jobs(question.begin)
        return jobs is not None and fits(jobs, room)

    low, high = int(question.setting.plan.rate) + 1, 10_000
    if assigning.is_whole(question.jobs(question.begin) or []) or not enough(high):
        return None
    return Change("rate", least(low, high, enough))
