"""How sure a plan is: replications, an interval, and what the next replications will say.

A plan that was chosen because it looked good in some replications looks better there than it is
(the optimiser's curse). So candidates are judged by one set of random numbers and the answer by
another, never used before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sessim.errors import ArgumentError
from sessim.experiments import intervals
from sessim.experiments.planning.jobs import Ints
from sessim.experiments.replications import replicate
from sessim.ledger import NOT_YET
from sessim.plan import Plan

NEVER: Final = int(np.iinfo(np.int64).max)
"""Stands for the finish of what was unfinished at the horizon, or of which emails were lost."""

_FRESH: Final = 0x5E551
"""Sets the seeds of the last check apart from those of the search."""


@dataclass(frozen=True)
class Odds:
    """In how many of ``n`` replications a plan met its deadline.

    Attributes
    ----------
    met, n
        How many did, of how many; one of one where nothing is drawn at random.
    is_certain
        Whether nothing in the plan is drawn at random.
    finishes
        When each replication had sent everything, in microseconds since the Unix epoch, sorted;
        :data:`NEVER` if it had not at the horizon, or never can: a blocked domain's emails fail.
    seed
        Of the replications: :func:`sessim.replicate` runs the same ones with it.
    """

    met: int
    n: int
    is_certain: bool
    finishes: Ints
    seed: int = 0

    @property
    def probability(self) -> float:
        """The share that met the deadline."""
        return self.met / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of the probability; a point where nothing is random."""
        if self.is_certain:
            return self.probability, self.probability
        found = intervals.share(self.met, self.n)
        return found.low, found.high

    def prediction(self, n: int | None = None, level: float = 0.95) -> tuple[float, float]:
        """Return between which shares the next ``n`` replications will lie.

        Beta-binomial, from Jeffreys's prior: wider than :attr:`interval`, since the next share is
        itself a draw.
        """
        if self.is_certain:
            return self.probability, self.probability
        from scipy.stats import betabinom  # slow to import

        n = self.n if n is None else n
        known = betabinom(n, self.met + 0.5, self.n - self.met + 0.5)
        tail = (1 - level) / 2
        return float(known.ppf(tail)) / n, float(known.ppf(1 - tail)) / n

    def without_some(self) -> Odds:
        """Return the odds of a plan that leaves emails out: they are never sent."""
        return replace(self, met=0, finishes=np.full_like(self.finishes, NEVER))

    def quantile(self, share: float) -> int | None:
        """Return by which instant a share of replications is finished; None if never."""
        instant = int(self.finishes[int(np.ceil(share * self.n - 1e-9)) - 1])
        return None if instant == NEVER else instant


def is_random(plan: Plan) -> bool:
    """Say whether anything in a plan is drawn at random that can move a finish."""
    if plan.outcomes == "expected":
        return False
    if any(domain.warmup == "reputation" for domain in plan.domains):
        return True
    # Hard bounces shrink the group of the next recurrence, and with it when that is done.
    recurs = any(task.every is not None for task in plan.tasks)
    has_rates = any(domain.quality is not None for domain in plan.domains)
    return recurs and (has_rates or any(task.quality is not None for task in plan.tasks))


def fresh(seed: int, check: int = 0) -> int:
    """Return a seed for the last check, which no search has used, nor a check before it."""
    words = [seed, _FRESH, check] if check else [seed, _FRESH]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint32)[0])


def odds(
    plan: Plan, tasks: Sequence[str], end: int, *, n: int, seed: int, executor: Any = None
) -> Odds:
    """Replicate a plan and count how often some tasks are sent, all of them, before an instant.

    Parameters
    ----------
    plan
        What is replicated.
    tasks
        Names of the tasks that count.
    end
        The deadline, in microseconds since the Unix epoch; finished on it is too late.
    n, seed, executor
        As of :func:`sessim.replicate`; one replication if nothing is random.
    """
    certain = not is_random(plan)
    done = replicate(plan, 1 if certain else n, seed, executor)
    names = {name: i for i, name in enumerate(task.name for task in plan.tasks)}
    unknown = [name for name in tasks if name not in names]
    if unknown:
        raise ArgumentError(f"tasks: there is none named {unknown[0]!r}")
    chosen = [names[name] for name in tasks]
    columns, lost = (done.tally.tasks[name][:, chosen] for name in ("finished", "failed"))
    never = ((columns == NOT_YET) | (lost > 0)).any(axis=1)
    finishes = np.sort(np.where(never, NEVER, columns.max(axis=1)))
    met = int((finishes < end).sum())
    return Odds(met, len(finishes), certain, finishes, seed)
