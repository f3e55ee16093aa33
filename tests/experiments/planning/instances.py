"""Random questions, and models of them that share nothing with the package.

The package never has a variable of a list, a domain *and* a day; these models have nothing else.
They say what is best; how the package finds it is its own affair.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from ortools.sat.python import cp_model

from sessim import published
from sessim.experiments.planning.jobs import Filling, Job, Room


def random_question(
    lists: int, domains: int, days: int, *, load: float, seed: int
) -> tuple[list[Job], Room]:
    """Make lists that stay whole, and domains at different points of their warm-ups.

    ``load`` is the lists' share of all that the domains may send in time; deadlines lie in the
    last three quarters of the days.
    """
    random = np.random.default_rng(seed)
    tables = [published()[name].limits for name in ("standard", "legacy")]
    free = np.zeros((domains, days), dtype=np.int64)
    for domain in range(domains):
        table, ahead = tables[random.integers(2)], random.integers(-10, 5)
        most = random.choice([50_000, 100_000, 200_000])
        for day in range(days):
            number = day + ahead
            free[domain, day] = min(most, table[min(number, 19)]) if number >= 0 else 0
    last = random.integers(days // 4, days, size=lists)
    weights = random.random(lists) + 0.1
    total = free[:, : last.max() + 1].sum() * load
    sizes = np.maximum((weights / weights.sum() * total).astype(int), 1)
    jobs = [Job(int(size), 0, int(day), None, True) for size, day in zip(sizes, last, strict=True)]
    return jobs, Room(free, np.full(days, 1_727_999, dtype=np.int64))


class TimeIndexed:
    """The problem written out: an amount for each list, domain and day, for CP-SAT to judge."""

    def __init__(self, jobs: list[Job], room: Room, *, in_time: bool = True) -> None:
        self.model: Any = cp_model.CpModel()
        domains, days = room.free.shape
        self.used = [self.model.new_bool_var("") for _ in range(domains)]
        self.amounts: dict[tuple[int, int, int], Any] = {}
        for i, job in enumerate(jobs):
            last = job.last if in_time else days - 1
            for domain, day in product(range(domains), range(job.first, min(last, days - 1) + 1)):
                if job.domains is None or domain in job.domains:
                    most = min(job.size, int(room.free[domain, day]))
                    self.amounts[i, domain, day] = self.model.new_int_var(0, most, "")
        self._sums: dict[tuple[str, ...], dict[tuple[int, ...], list[Any]]] = {}
        self.sent = [self._sum(job=i) for i in range(len(jobs))]
        for i, job in enumerate(jobs):
            owns = [self.model.new_bool_var("") for _ in range(domains)]
            for domain in range(domains):
                most = job.size * (owns[domain] if job.whole else self.used[domain])
                self.model.add(self._sum(job=i, domain=domain) <= most)
                self.model.add_implication(owns[domain], self.used[domain])
            if job.whole:
                self.model.add_exactly_one(owns)
        for domain, day in product(range(domains), range(days)):
            self.model.add(self._sum(domain=domain, day=day) <= int(room.free[domain, day]))
        for day in range(days):
            self.model.add(self._sum(day=day) <= int(room.account[day]))
        self.jobs = jobs

    def _sum(self, **where: int) -> Any:
        """Sum the amounts of a job, of a domain and a day, and so on."""
        kind = tuple(where)
        if kind not in self._sums:
            found = self._sums[kind] = {}
            for (job, domain, day), variable in self.amounts.items():
                names = {"job": job, "domain": domain, "day": day}
                found.setdefault(tuple(names[name] for name in kind), []).append(variable)
        return sum(self._sums[kind].get(tuple(where.values()), []))

    def fewest_domains(self) -> int | None:
        """Return the least number of domains with which everything is in time; None if none is."""
        for sent, job in zip(self.sent, self.jobs, strict=True):
            self.model.add(sent == job.size)
        self.model.minimize(sum(self.used))
        found = self._solve()
        return None if found is None else round(found)

    def most_on_time(self) -> int:
        """Return the most emails that can be sent in time."""
        for sent, job in zip(self.sent, self.jobs, strict=True):
            self.model.add(sent <= job.size)
        self.model.maximize(sum(self.sent))
        found = self._solve()
        assert found is not None
        return round(found)

    def _solve(self) -> float | None:
        solver: Any = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        status = solver.solve(self.model)
        if status == cp_model.INFEASIBLE:
            return None
        assert status == cp_model.OPTIMAL
        return float(solver.objective_value)


def check(filling: Filling, jobs: list[Job], room: Room) -> None:
    """Hold a schedule to what it must keep: no limit passed, nothing early, nothing lost."""
    used = np.zeros_like(room.free)
    sent = np.zeros(len(jobs), dtype=np.int64)
    senders: dict[int, set[int]] = {}
    for piece in filling.pieces:
        job = jobs[piece.job]
        assert piece.emails > 0
        assert piece.day >= job.first
        assert job.domains is None or piece.domain in job.domains
        used[piece.domain, piece.day] += piece.emails
        sent[piece.job] += piece.emails
        senders.setdefault(piece.job, set()).add(piece.domain)
    assert (used <= room.free).all()
    assert (used.sum(axis=0) <= room.account).all()
    assert (sent + filling.left == [job.size for job in jobs]).all()
    assert all(len(senders.get(i, ())) <= 1 for i, job in enumerate(jobs) if job.whole)


@st.composite
def questions(
    draw: st.DrawFn, *, whole: bool | None = False, tied: bool = True
) -> tuple[list[Job], Room]:
    """Draw a tiny question, small enough to be solved by trying everything."""
    domains, days = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    numbers = st.integers(0, 6)
    rows = draw(st.lists(st.lists(numbers, min_size=days, max_size=days), min_size=domains,
                         max_size=domains))  # fmt: skip
    account = draw(st.lists(st.integers(0, 12), min_size=days, max_size=days))
    free = np.minimum(np.array(rows, dtype=np.int64), np.array(account, dtype=np.int64))
    jobs = []
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, days - 1))
        last = draw(st.integers(first, days - 1))
        some = st.frozensets(st.integers(0, domains - 1), min_size=1)
        own = draw(st.none() | some) if tied else None
        is_whole = draw(st.booleans()) if whole is None else whole
        jobs.append(Job(draw(st.integers(1, 9)), first, last, own, is_whole))
    return jobs, Room(free, np.array(account, dtype=np.int64))
