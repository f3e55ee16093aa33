"""Jobs that are tied to domains: a maximum flow, and a linear program for the earliest schedule.

Both have a network's matrix, so their corners are whole numbers of emails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sessim.experiments.planning.jobs import Filling, Ints, Job, Piece, Room

LATE = 10_000
"""What an email after its last day costs more than one in time, in days: more than there are."""


def _places(jobs: Sequence[Job], room: Room, strict: bool) -> tuple[Ints, Ints, Ints]:
    """Return job, domain and day of every amount that may be above zero."""
    rows = [
        (job, domain, day)
        for job, entry in enumerate(jobs)
        for domain in range(len(room.free))
        if entry.allows(domain)
        for day in range(entry.first, min(entry.last + 1, room.days) if strict else room.days)
        if room.free[domain, day] and room.account[day]
    ]
    job, domain, day = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return job, domain, day


def most(jobs: Sequence[Job], room: Room) -> int:
    """Return the maximum flow from the jobs over domains' days and the account's days."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import maximum_flow  # slow to import, as all of scipy

    job, domain, day = _places(jobs, room, strict=True)
    if not len(job):
        return 0
    count, (domains, days) = len(jobs), room.free.shape
    source, sink = 0, 1 + count + domains * days + days
    cell = 1 + count + domain * days + day
    cells = np.unique(cell)
    of_day = (cells - 1 - count) % days
    node = 1 + count + domains * days + np.arange(days)
    sizes = np.array([entry.size for entry in jobs], dtype=np.int64)
    tails = [np.zeros(count, np.int64), 1 + job, cells, node]
    heads = [1 + np.arange(count), cell, 1 + count + domains * days + of_day, np.full(days, sink)]
    free = room.free.reshape(-1)[cells - 1 - count]
    numbers = [sizes, sizes[job], free, room.account]
    graph = coo_array(
        (
            np.concatenate(numbers).astype(np.int32),
            (np.concatenate(tails).astype(np.int32), np.concatenate(heads).astype(np.int32)),
        ),
        shape=(sink + 1, sink + 1),
    ).tocsr()
    return int(maximum_flow(graph, source, sink).flow_value)


def earliest(jobs: Sequence[Job], room: Room) -> Filling:
    """Find the earliest schedule of jobs that are tied to domains."""
    room = _shortened(jobs, room)
    job, domain, day = _places(jobs, room, strict=False)
    left = np.array([entry.size for entry in jobs], dtype=np.int64)
    if not len(job):
        return Filling([], left)
    amounts = _amounts(jobs, room, job, domain, day)
    order = np.lexsort((domain, job, day))
    pieces = [
        Piece(int(job[i]), int(domain[i]), int(day[i]), int(amounts[i]))
        for i in order
        if amounts[i]
    ]
    np.subtract.at(left, job, amounts)
    return Filling(pieces, left)


def _amounts(jobs: Sequence[Job], room: Room, job: Ints, domain: Ints, day: Ints) -> Ints:
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, vstack

    last = np.array([entry.last for entry in jobs])
    late = day > last[job]
    # Whatever is sent is worth more than any delay; the first of two jobs waits less gladly.
    cost = day * (1.5 - 0.5 * job / len(jobs)) + LATE * late - 3.0 * LATE
    ones, places = np.ones(len(job)), np.arange(len(job))
    bounds, limits = [], []
    for rows, most in (
        (job, np.array([entry.size for entry in jobs])),
        (domain * room.days + day, room.free.reshape(-1)),
        (day, room.account),
    ):
        bounds.append(coo_array((ones, (rows, places)), shape=(len(most), len(job))))
        limits.append(most)
    solved = linprog(
        cost, A_ub=vstack(bounds).tocsr(), b_ub=np.concatenate(limits), method="highs-ds"
    )
    amounts: Ints = np.rint(solved.x).astype(np.int64)
    assert (abs(amounts - solved.x) < 1e-4).all(), "a corner of a network is whole"
    return amounts


def _shortened(jobs: Sequence[Job], room: Room) -> Room:
    """Cut the days off that no earliest schedule needs: a program of a year would be slow."""
    total = sum(job.size for job in jobs)
    low, high = max(job.last for job in jobs) + 1, room.days
    while low < high:
        middle = (low + high) // 2
        short = Room(room.free[:, :middle], room.account[:middle])
        early = [replace(job, last=middle - 1) for job in jobs if job.first < middle]
        if most(early, short) == total:
            high = middle
        else:
            low = middle + 1
    high = min(high, room.days)
    return Room(room.free[:, :high], room.account[:high])
