"""Lists that must not be divided over domains: which list goes out from which domain.

A greedy search comes first; a program (:mod:`sessim.experiments.planning.programs`) decides what it
cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from sessim.experiments.planning.filling import fits, most_on_time
from sessim.experiments.planning.jobs import Ints, Job, Room, least
from sessim.experiments.planning.programs import Assigned, Solver, decide


def is_whole(jobs: Sequence[Job]) -> bool:
    """Say whether there is anything to assign."""
    return any(_is_open(job) for job in jobs)


def _is_open(job: Job) -> bool:
    return job.whole and (job.domains is None or len(job.domains) > 1)


def assign(
    jobs: Sequence[Job], room: Room, domains: Sequence[int], *, solver: Solver = "highs"
) -> Assigned:
    """Tie every whole job to one of some domains, so that everything is in time.

    Returns
    -------
    Assigned
        With ``proved`` it is certain that there is no assignment.
    """
    own = _within(jobs, domains)
    room = room.only(domains)
    if any(job.domains is not None and not job.domains for job in own):
        return Assigned(None, proved=True)
    if not fits(own, room):  # not even with all lists divided
        return Assigned(None, proved=True)
    if not is_whole(own):
        return Assigned(own, proved=True)
    for tied in _greedy(own, room, domains):
        if fits(tied, room):
            return Assigned(tied, proved=True)
    return decide(own, room, domains, solver)


def earliest(
    jobs: Sequence[Job], room: Room, domains: Sequence[int], *, solver: Solver = "highs"
) -> tuple[list[Job], int, int, bool] | None:
    """Return jobs tied so that the last day is early, that day, its bound, and if it is proved.

    The bound is the last day with all lists divided. None if the jobs cannot be in time, or no
    assignment was found.
    """
    if not fits(jobs, room):
        return None

    def within(day: int) -> list[Job]:
        return [replace(job, last=min(job.last, max(day, job.first))) for job in jobs]

    first, last = max(job.first for job in jobs), max(job.last for job in jobs)
    bound = least(first, last, lambda day: fits(within(day), room))
    proved = True
    for day in range(bound, last + 1):
        done = assign(within(day), room, domains, solver=solver)
        if done.jobs is not None:
            tied = [replace(a, last=b.last) for a, b in zip(done.jobs, jobs, strict=True)]
            return tied, day, bound, proved
        proved = proved and done.proved
    return None


def fewest(
    jobs: Sequence[Job], room: Room, domains: Sequence[int], solver: Solver = "highs"
) -> Iterator[tuple[tuple[int, ...], list[Job], bool]]:
    """Yield sets of domains that suffice, smaller ones first, with the jobs tied.

    The third value says whether it is certain that no set with fewer domains suffices.
    """
    proved = True
    for size in range(1, len(domains) + 1):
        doubtful = False
        for chosen in _sets(room, domains, size):
            done = assign(jobs, room, chosen, solver=solver)
            if done.jobs is not None:
                yield chosen, done.jobs, proved
            doubtful = doubtful or not done.proved
        proved = proved and not doubtful


def least_domains(jobs: Sequence[Job], room: Room, domains: Sequence[int]) -> int:
    """Return how many domains are needed at least, were all lists divided: a bound."""
    for size in range(1, len(domains) + 1):
        for chosen in _sets(room, domains, size):
            own = _within(jobs, chosen)
            if all(job.domains != frozenset() for job in own) and fits(own, room.only(chosen)):
                return size
    return len(domains) + 1


def most_with(jobs: Sequence[Job], room: Room, domains: Sequence[int], size: int) -> int:
    """Return the most emails in time from so many domains, were all lists divided."""
    return max(
        most_on_time(
            [job for job in _within(jobs, chosen) if job.domains != frozenset()],
            room.only(chosen),
        )
        for chosen in _sets(room, domains, size)
    )


def _sets(room: Room, domains: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """Return the sets of so many domains, those that may send the most first."""
    totals = room.free.sum(axis=1)
    sets = combinations(domains, size)
    return sorted(sets, key=lambda chosen: -int(totals[list(chosen)].sum()))


def _within(jobs: Sequence[Job], domains: Sequence[int]) -> list[Job]:
    """Return the jobs with only some domains to go out from; None stays, for all of them."""
    chosen = frozenset(domains)
    return [
        job if job.domains is None else replace(job, domains=job.domains & chosen) for job in jobs
    ]


# --- greedy ---------------------------------------------------------------------------------------


def _greedy(jobs: Sequence[Job], room: Room, domains: Sequence[int]) -> Iterator[list[Job]]:
    """Yield a few assignments: large, urgent or narrow lists first, where they fit best."""
    total = room.free.sum(axis=0)
    cumulated = np.concatenate([[0], np.cumsum(np.minimum(total, room.account))])

    def fullness(i: int) -> float:
        job = jobs[i]
        window = cumulated[min(job.last, room.days - 1) + 1] - cumulated[job.first]
        return float(job.size / max(int(window), 1))

    orders = (
        lambda i: (-jobs[i].size, jobs[i].last),
        lambda i: (-fullness(i), jobs[i].last),
        lambda i: (jobs[i].last, -jobs[i].size),
    )
    scale = np.minimum(1.0, room.account / np.maximum(total, 1))
    caps = np.floor(room.free * scale).astype(np.int64)
    for order in orders:
        for tight in (True, False):
            found = _placed(jobs, sorted(range(len(jobs)), key=order), caps, domains, tight)
            if found is not None:
                yield found


def _placed(
    jobs: Sequence[Job], order: Sequence[int], caps: Ints, domains: Sequence[int], tight: bool
) -> list[Job] | None:
    """Place job after job where it leaves the least room, or else the most."""
    slack = {domain: _Slack(caps[domain]) for domain in domains}
    tied = list(jobs)
    for i in order:
        job = jobs[i]
        if not job.whole:
            continue
        options = [
            (left, domain)
            for domain in domains
            if job.allows(domain) and (left := slack[domain].after(job)) >= 0
        ]
        if not options:
            return None
        domain = (min if tight else max)(options)[1]
        slack[domain].take(job)
        tied[i] = replace(job, domains=frozenset([domain]))
    return tied


class _Slack:
    """What Hall's condition leaves of one domain, for first days seen so far."""

    def __init__(self, caps: Ints) -> None:
        self.caps = caps
        self.firsts: dict[int, Ints] = {}
        self.jobs: list[Job] = []

    def _row(self, first: int) -> Ints:
        """Return for each last day what lists from a first day on may still take."""
        if first not in self.firsts:
            row = np.cumsum(self.caps)
            row -= row[first - 1] if first else 0
            for job in self.jobs:
                if job.first >= first:
                    row[job.last :] -= job.size
            self.firsts[first] = row
        return self.firsts[first]

    def after(self, job: Job) -> int:
        """Return the least slack that would be left, below 0 if the job does not fit."""
        self._row(job.first)
        return min(
            int(row[job.last :].min()) - job.size
            for first, row in self.firsts.items()
            if first <= job.first
        )

    def take(self, job: Job) -> None:
        """Place a job."""
        self._row(job.first)
        for first, row in self.firsts.items():
            if first <= job.first:
                row[job.last :] -= job.size
        self.jobs.append(job)
