"""Which list goes out from which domain, decided exactly: a program in whole numbers.

With every list tied to one domain, a domain's lists are in time exactly if, for any first day ``a``
and last day ``b``, those that may only go out between them are no more than the domain may send
between them (Hall's condition; it holds for capacities that change from day to day). So the program
has one row a domain and pair of days, and no variable of a list, domain *and* day. Where the
account's rate binds as well, a variable a domain and day says what share of the account it gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from sessim.errors import SessimError
from sessim.experiments.planning.jobs import Ints, Job, Room

Solver = Literal["highs", "cp-sat"]

SECONDS = 2.0
"""How long a solver may take for one question."""


class Assigned(NamedTuple):
    """Jobs, each tied to its domain, and whether the search was exhaustive."""

    jobs: list[Job] | None
    """None if there is no assignment, or none was found."""
    proved: bool


class _Program:
    """A linear program in whole numbers, row by row."""

    def __init__(self) -> None:
        self.highest: list[int] = []
        self.entries: list[tuple[int, int, int]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def variable(self, highest: int) -> int:
        """Add a variable from 0 to a number."""
        self.highest.append(highest)
        return len(self.highest) - 1

    def row(self, terms: dict[int, int], low: float, high: float) -> None:
        """Demand ``low <= sum of terms <= high``."""
        self.entries += [(len(self.low), variable, factor) for variable, factor in terms.items()]
        self.low.append(low)
        self.high.append(high)


def decide(jobs: Sequence[Job], room: Room, domains: Sequence[int], solver: Solver) -> Assigned:
    """Tie every whole job to one of some domains, so that everything is in time, if it can be."""
    program = _Program()
    amounts: list[dict[int, int]] = []
    for job in jobs:
        own = {
            domain: program.variable(1 if job.whole else job.size)
            for domain in domains
            if job.allows(domain)
        }
        needed = 1 if job.whole else job.size
        program.row(dict.fromkeys(own.values(), 1), needed, needed)
        amounts.append(own)
    shares = _shares(program, room, domains)
    for domain in domains:
        _hall(program, jobs, amounts, room, domain, shares)
    values, proved = _SOLVERS[solver](program)
    if values is None:
        return Assigned(None, proved)
    tied = [
        replace(job, domains=frozenset(d for d, v in own.items() if values[v]))
        if job.whole
        else job
        for job, own in zip(jobs, amounts, strict=True)
    ]
    return Assigned(tied, proved=True)


def _shares(program: _Program, room: Room, domains: Sequence[int]) -> dict[tuple[int, int], int]:
    """Add what each domain may send on the days on which the account's rate binds."""
    shares: dict[tuple[int, int], int] = {}
    for day in np.flatnonzero(room.free.sum(axis=0) > room.account).tolist():
        for domain in domains:
            shares[domain, day] = program.variable(int(room.free[domain, day]))
        own = {shares[domain, day]: 1 for domain in domains}
        program.row(own, 0, int(room.account[day]))
    return shares


def _hall(
    program: _Program,
    jobs: Sequence[Job],
    amounts: Sequence[dict[int, int]],
    room: Room,
    domain: int,
    shares: dict[tuple[int, int], int],
) -> None:
    """Demand Hall's condition of a domain, for every first and last day of the jobs."""
    own = [i for i, variables in enumerate(amounts) if domain in variables]
    for first in sorted({jobs[i].first for i in own}):
        for last in sorted({jobs[i].last for i in own}):
            inside = [i for i in own if jobs[i].first >= first and jobs[i].last <= last]
            if not inside:
                continue
            terms = {amounts[i][domain]: jobs[i].size if jobs[i].whole else 1 for i in inside}
            fixed = 0
            for day in range(first, last + 1):
                if (domain, day) in shares:
                    terms[shares[domain, day]] = -1
                else:
                    fixed += int(room.free[domain, day])
            program.row(terms, -np.inf, fixed)


def _highs(program: _Program) -> tuple[Ints | None, bool]:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    row, column, factor = np.array(program.entries, dtype=np.int64).T
    size = len(program.highest)
    matrix = coo_array((factor, (row, column)), shape=(len(program.low), size)).tocsr()
    solved = milp(
        np.zeros(size),
        constraints=LinearConstraint(matrix, program.low, program.high),
        integrality=np.ones(size),
        bounds=Bounds(0, program.highest),
        options={"time_limit": SECONDS},
    )
    values = None if solved.x is None else np.rint(solved.x).astype(np.int64)
    return values, solved.status in (0, 2)


def _cp_sat(program: _Program) -> tuple[Ints | None, bool]:
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise SessimError(
            "solver: 'cp-sat' needs ortools; install sessim[planning], or use solver='highs'"
        ) from None
    model: Any = cp_model.CpModel()
    variables = [model.new_int_var(0, highest, "") for highest in program.highest]
    sums: list[list[Any]] = [[] for _ in program.low]
    for row, column, factor in program.entries:
        sums[row].append(factor * variables[column])
    for terms, low, high in zip(sums, program.low, program.high, strict=True):
        total = sum(terms)
        model.add(total <= int(high))
        if np.isfinite(low):
            model.add(total >= int(low))
    engine: Any = cp_model.CpSolver()
    engine.parameters.max_time_in_seconds = SECONDS
    engine.parameters.num_workers = 1  # the same answer each time
    status = engine.solve(model)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return np.array([engine.value(v) for v in variables], dtype=np.int64), True
    return None, status == cp_model.INFEASIBLE


_SOLVERS = {"highs": _highs, "cp-sat": _cp_sat}
