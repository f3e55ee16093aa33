"""Which list goes out on which day from which domain: exact arithmetic of whole emails.

The days' capacities make this a transportation problem, and as lists may be cut anywhere, an amount
may be any whole number.

Where a job may go out from any domain, only the sum of the domains' limits matters: the earliest
deadline first is then exact (unit jobs with first and last days on one machine, whose capacity may
change). Where jobs are tied to domains, the most that is on time is a maximum flow, and the
earliest schedule a linear program whose corners are whole numbers, since its matrix is that of a
network.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from sessim.experiments.planning import network
from sessim.experiments.planning.jobs import Filling, Ints, Job, Piece, Room, is_tied


def is_apart(jobs: Iterable[Job], room: Room) -> bool:
    """Say whether no domain concerns another: a domain a job, and the rate never binds."""
    ties = all(job.domains is not None and len(job.domains) == 1 for job in jobs)
    return ties and bool((room.free.sum(axis=0) <= room.account).all())


def _apart(jobs: Sequence[Job]) -> dict[int, list[int]]:
    """Return the jobs of each domain."""
    found: dict[int, list[int]] = {}
    for i, job in enumerate(jobs):
        assert job.domains is not None
        found.setdefault(min(job.domains), []).append(i)
    return found


def most_on_time(jobs: Sequence[Job], room: Room) -> int:
    """Return the most emails that can go out in time, lists divided at will: an exact bound."""
    if not is_tied(jobs):
        return sum(number for day in _by_day(jobs, room.daily, strict=True) for _, number in day)
    if is_apart(jobs, room):
        parts = ((own, room.free[domain]) for domain, own in _apart(jobs).items())
        days = (_by_day([jobs[i] for i in own], free, strict=True) for own, free in parts)
        return sum(number for part in days for day in part for _, number in day)
    return network.most(jobs, room)


def fits(jobs: Sequence[Job], room: Room) -> bool:
    """Say whether every email can go out in time, lists divided at will."""
    total, last = sum(job.size for job in jobs), max(job.last for job in jobs)
    if int(room.daily[: last + 1].sum()) < total:
        return False
    return most_on_time(jobs, room) == total


def fill(jobs: Sequence[Job], room: Room) -> Filling:
    """Send everything as early as it can be, in time if it can be.

    Untied jobs go earliest deadline first, at equal deadlines in their order. What one day leaves
    free is left free at all domains alike.
    """
    if is_tied(jobs):
        return _fill_apart(jobs, room) if is_apart(jobs, room) else network.earliest(jobs, room)
    left = np.array([job.size for job in jobs], dtype=np.int64)
    pieces: list[Piece] = []
    for day, work in enumerate(_by_day(jobs, room.daily)):
        shares = _shares(room.free[:, day], sum(number for _, number in work))
        pieces += _dealt(work, shares, day)
    for piece in pieces:
        left[piece.job] -= piece.emails
    return Filling(pieces, left)


def _fill_apart(jobs: Sequence[Job], room: Room) -> Filling:
    """Fill each domain by itself."""
    left = np.array([job.size for job in jobs], dtype=np.int64)
    pieces = [
        Piece(own[place], domain, day, number)
        for domain, own in _apart(jobs).items()
        for day, work in enumerate(_by_day([jobs[i] for i in own], room.free[domain]))
        for place, number in work
    ]
    for piece in pieces:
        left[piece.job] -= piece.emails
    return Filling(sorted(pieces, key=lambda piece: (piece.day, piece.job, piece.domain)), left)


def _by_day(
    jobs: Sequence[Job], daily: Ints, *, strict: bool = False
) -> list[list[tuple[int, int]]]:
    """Return for each day which jobs send how much, the earliest deadline first.

    With ``strict``, what is past its last day is dropped; the sum is then the most on time.
    """
    waiting = sorted(range(len(jobs)), key=lambda job: (jobs[job].first, job), reverse=True)
    left = [job.size for job in jobs]
    ready: list[tuple[int, int]] = []
    found: list[list[tuple[int, int]]] = []
    for day, capacity in enumerate(daily.tolist()):
        while waiting and jobs[waiting[-1]].first <= day:
            job = waiting.pop()
            heapq.heappush(ready, (jobs[job].last, job))
        work: list[tuple[int, int]] = []
        while ready and capacity > 0:
            last, job = ready[0]
            if strict and last < day:
                heapq.heappop(ready)
                continue
            number = min(capacity, left[job])
            capacity -= number
            left[job] -= number
            work.append((job, number))
            if not left[job]:
                heapq.heappop(ready)
        found.append(work)
    return found


def _shares(free: Ints, total: int) -> list[int]:
    """Deal a total out to the domains in proportion to what is free, in whole emails."""
    room = int(free.sum())
    if total >= room:
        return [int(number) for number in free]
    exact = [int(number) * total for number in free]
    shares = [number // room for number in exact]
    behind = sorted(range(len(shares)), key=lambda i: (-(exact[i] % room), i))
    for domain in behind[: total - sum(shares)]:
        shares[domain] += 1
    return shares


def _dealt(work: Sequence[tuple[int, int]], shares: list[int], day: int) -> list[Piece]:
    """Cut the day's work into pieces: jobs and domains in order, as few pieces as that allows."""
    pieces: list[Piece] = []
    domain = 0
    for job, number in work:
        while number:
            if not shares[domain]:
                domain += 1
                continue
            emails = min(number, shares[domain])
            pieces.append(Piece(job, domain, day, emails))
            shares[domain] -= emails
            number -= emails
    return pieces
