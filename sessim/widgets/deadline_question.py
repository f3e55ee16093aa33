"""What the deadline panel asks, and how it is answered: without a widget, and so that it stops."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sessim.errors import ArgumentError
from sessim.experiments.planning.asking import plan_for
from sessim.experiments.planning.odds import Odds, fresh, odds
from sessim.experiments.planning.planned import Planned
from sessim.experiments.replications import Replications, replicate
from sessim.parts import Domain
from sessim.plan import Plan
from sessim.quality import Quality, read

LIST, PLAN = "list", "plan"
"""What is to be done in time: a new list, or all work of the plan."""

RATES: Final = ("invalid_rate", "spam_bounce_rate", "complaint_rate", "open_rate")
"""The rates that are asked for."""

MOST_DOMAINS: Final = 10
_BEHIND: Final = dt.timedelta(days=10)  # so far behind the deadline the charts go


class Hand:
    """Runs replications for :func:`sessim.replicate`, here, and stops when it is told.

    Attributes
    ----------
    done
        How many have been run.
    """

    _max_workers = 1

    def __init__(self) -> None:
        self.done = 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Begin no further batch; one takes about a fifth of a second."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def submit(self, fn: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Run a batch at once."""
        if self.stopped:
            raise CancelledError("stopped")
        future: Future[Any] = Future()
        found = fn(*arguments)
        self.done += len(found[0])
        future.set_result(found)
        return future


@dataclass(frozen=True)
class Question:
    """A deadline, and what is assumed.

    Attributes
    ----------
    by
        The last day.
    of
        :data:`LIST` or :data:`PLAN`.
    start, size, domains, warmup
        Of a new list: the first day that may be used, its addresses, how many new domains send it,
        and their warm-up.
    rate
        Emails a second of the account.
    rates
        Of the domains, as shares from 0 to 1.
    width
        How far each rate may lie from what is given, as a share of it: all values between are as
        likely, and each replication draws one.
    replications, seed
        As of :func:`sessim.replicate`.
    plan
        The plan, if there is one.
    """

    by: dt.date
    of: str = LIST
    start: dt.date | None = None
    size: int = 0
    domains: int = 1
    warmup: str = "reputation"
    rate: float = 20.0
    rates: Mapping[str, float] = field(default_factory=dict)
    width: float = 0.0
    replications: int = 100
    seed: int = 0
    plan: Plan | None = None

    @property
    def quality(self) -> Quality:
        """The rates, each as a number or as a distribution around it."""
        found = read({name: self._rate(value) for name, value in self.rates.items()})
        assert found is not None
        if problem := found.problem():
            raise ArgumentError(problem)
        return found

    def _rate(self, value: float) -> Any:
        if not self.width or not 0 < value <= 1:
            return value
        spread = min(value * self.width, 1 - value)
        return {"uniform": [round(value - spread, 9), round(value + spread, 9)]}

    def answer(self, hand: Hand) -> Answer:
        """Answer it.

        Raises
        ------
        SessimError
            If something cannot be used, or the hand was stopped.
        """
        if self.of == LIST:
            return self._of_list(hand)
        return self._of_plan(hand)

    def _of_list(self, hand: Hand) -> Answer:
        if not 1 <= self.domains <= MOST_DOMAINS:
            raise ArgumentError(
                f"domains: {self.domains} cannot be planned for; give 1 to {MOST_DOMAINS}"
            )
        quality = self.quality
        names = [f"new{number}.example.com" for number in range(1, self.domains + 1)]
        senders = [Domain(name, warmup=self.warmup, quality=quality) for name in names]
        planned = plan_for(
            {"List": self.size}, by=self.by, start=self.start, domains=senders, goal="latest",
            rate=self.rate, replications=self.replications, seed=self.seed, executor=hand,
        )  # fmt: skip
        many = self._replicate(planned.plan, planned.odds, hand)
        return Answer(self, planned.plan, planned.odds, planned.meets, many, planned)

    def _of_plan(self, hand: Hand) -> Answer:
        if self.plan is None:
            raise ArgumentError("plan: there is none yet; build one, or ask about a new list")
        quality = self.quality
        domains = tuple(
            replace(domain, quality=quality.over(domain.quality)) for domain in self.plan.domains
        )
        plan = replace(self.plan, domains=domains)
        if self.rate != float(plan.rate):
            plan = replace(plan, rate=self.rate)  # type: ignore[arg-type]  # read as any number is
        end = plan.clock.end_instant(self.by)
        if end <= plan.start_instant:
            raise ArgumentError(
                f"by: {self.by} is before the plan's start, {plan.start:%Y-%m-%d}; give a later day"
            )
        names = [task.name for task in plan.tasks]
        n, seed = self.replications, fresh(self.seed)
        found = odds(plan, names, end, n=n, seed=seed, executor=hand)
        many = self._replicate(plan, found, hand)
        return Answer(self, plan, found, found.probability >= _SURE, many)

    def _replicate(self, plan: Plan, found: Odds, hand: Hand) -> Replications:
        """Run once more what the probability was counted from, for the charts."""
        return replicate(plan, found.n, found.seed, hand, until=self.by + _BEHIND)


_SURE: Final = 0.9


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes
    ----------
    question, plan
        What was asked; the plan that was found, or the one asked about with the rates assumed.
    odds, meets
        The probability of being done in time, and whether it is at least 90%.
    replications
        What the charts show.
    planned
        What :func:`sessim.plan_for` said; None for a plan that was there.
    """

    question: Question
    plan: Plan
    odds: Odds
    meets: bool
    replications: Replications
    planned: Planned | None = None
