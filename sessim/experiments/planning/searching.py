"""Policy search: what chance decides is tried out, by optuna, with the same numbers for all.

Each trial is a policy (:mod:`sessim.experiments.planning.policies`), replicated with the random
numbers of all other trials. What is sure enough comes first, and of that the best by the goal; the
answer is then checked with numbers that no trial has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from sessim.clock import HOUR
from sessim.errors import ArgumentError, SessimError, shown
from sessim.experiments.planning.goals import Choice, Goal, Question, open_place
from sessim.experiments.planning.odds import NEVER, Odds
from sessim.experiments.planning.policies import Policies, Policy

Judge = Callable[[Question, Choice], Odds]

_CENTURY: Final = 876_600.0  # hours

_GAINS: Final[dict[Goal, Callable[[Question, Policy], int]]] = {
    "fastest": lambda question, policy: 0,  # the surest is asked for
    "latest": lambda question, policy: policy.later,
    "fewest": lambda question, policy: len(question.everyone) - len(policy.domains),
    "largest": lambda question, policy: policy.size or 0,
}
"""What is won by a way that is sure enough: days, domains or emails."""


@dataclass(frozen=True)
class Way:
    """A policy that was tried.

    Attributes
    ----------
    policy
        What was tried.
    question, choice
        The question as the policy puts it, and its answer; None if it is too late anyhow.
    is_sure
        Whether it was in time in as many replications as are demanded.
    gain
        What the goal wins by it, if it is sure: days, domains or emails.
    probability
        The share of replications that were in time.
    hours
        The mean of those that finished, since the first day planned; NaN if there is none.
    unfinished
        The share of those that did not.
    """

    policy: Policy
    question: Question | None
    choice: Choice | None
    is_sure: bool = False
    gain: int = 0
    probability: float = 0.0
    hours: float = np.nan
    unfinished: float = 1.0

    @property
    def rank(self) -> tuple[bool, bool, int, float, float]:
        """By what ways are told apart, the greatest the best; the odds come before the mean."""
        gain = self.gain if self.is_sure else 0
        return self.choice is not None, self.is_sure, gain, self.probability, -self._mean

    @property
    def _mean(self) -> float:
        """The mean finish in hours; what is never done counts as a century."""
        done = 1 - self.unfinished
        return (self.hours * done if done else 0.0) + _CENTURY * self.unfinished

    def score(self, n: int) -> float:
        """Return a number for optuna that orders ways as ``rank`` does, after ``n`` replications.

        In whole numbers what is won, behind the point the odds, and then the mean finish.
        """
        if self.choice is None:
            return -1.0
        won = 1 + self.gain if self.is_sure else 0
        return won + (self.probability * n + 1 - self._mean / (2 * _CENTURY)) / (n + 2)


_BEST: Final = {
    "latest": "begins latest",
    "fewest": "needs the fewest domains",
    "largest": "sends the most",
}


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes
    ----------
    goal
        What was asked for.
    ways
        Those that would be in time if all went as is expected, the best first.
    table
        One row a trial: ``trial, later, reserve, order`` (names of lists), ``domains,
        probability, finish_hours`` (the mean of the replications that finished, since the first
        day planned; NaN where none did, or where the way is too late even if all goes as is
        expected), ``emails``.
    """

    goal: Goal
    ways: list[Way]
    table: pd.DataFrame

    @property
    def sure(self) -> list[Way]:
        """The ways that were sure enough, the best first."""
        return [way for way in self.ways if way.is_sure]

    def told(self, way: Way | None, meets: bool) -> str:
        """Say in a sentence what was found.

        Parameters
        ----------
        way
            The way that is taken; None for one that no trial stands for.
        meets
            Whether fresh random numbers say that it is sure enough.
        """
        tried = len(self.table.drop_duplicates(["later", "reserve", "order", "domains", "emails"]))
        details = "" if way is None else f" ({_details(way, self.goal)})"
        given = f"was in time in {self.table['probability'].iloc[0]:.0%} of replications"
        text = f"Of {tried:,} way{'' if tried == 1 else 's'} tried"
        if self.goal == "fastest":
            text = f"{text} the surest is this one"
        else:
            sure = len(self.sure)
            text += f" {sure:,}" if sure else " none"
            text += f" {'was' if sure < 2 else 'were'} sure enough"
            if meets:
                text += f"; of all that fresh random numbers bear out, this one {_BEST[self.goal]}"
            elif sure:
                text += ", but fresh random numbers do not bear that out; this one is the surest"
            else:
                text += "; this one is the surest"
        return f"{text}{details}; what is planned without a search {given}."


def _details(way: Way, goal: Goal) -> str:
    assert way.question is not None
    policy, names = way.policy, way.question.setting.names
    lists = way.question.lists
    parts = [f"{lists[0].name} first"] if len(lists) > 1 else []
    parts += [f"{policy.reserve:.0%} of each limit left free"] if policy.reserve else []
    if goal == "fastest" and policy.later:
        parts.append(f"begun {policy.later} day{'' if policy.later == 1 else 's'} later")
    parts.append(f"from {', '.join(names[place] for place in policy.domains)}")
    return ", ".join(parts)


@dataclass(frozen=True)
class Search:
    """How a search is made.

    Parameters
    ----------
    trials
        How many ways are tried.
    sure
        The probability that is demanded.
    n, seed
        Replications of each trial; the seed of the search: the same one tries the same ways.
    judge
        Counts how often a choice is in time, with the same random numbers for all.
    """

    trials: int
    sure: float
    n: int
    seed: int
    judge: Judge

    def run(self, question: Question, goal: Goal, plain: Choice) -> Found:
        """Try ways, the first of them ``plain``: what is planned without a search."""
        optuna = _optuna()
        policies = Policies(question, goal, plain)
        seen = {policies.given: self._way(policies, policies.given)}
        policies = replace(policies, is_sure=seen[policies.given].is_sure)
        rows = []

        def objective(trial: Any) -> float:
            policy = policies.suggested(trial)
            if policy not in seen:
                seen[policy] = self._way(policies, policy)
            rows.append(_row(trial.number, seen[policy], question))
            return seen[policy].score(self.n)

        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self.seed, multivariate=False),
        )
        study.enqueue_trial(policies.as_trial(policies.given))
        study.optimize(objective, n_trials=self.trials)
        ways = sorted(seen.values(), key=lambda way: way.rank, reverse=True)  # equal ones stay
        return Found(goal, [way for way in ways if way.choice], pd.DataFrame(rows))

    def _way(self, policies: Policies, policy: Policy) -> Way:
        """Try one policy."""
        question, goal = policies.question, policies.goal
        found = policy.laid_out(question)
        if found is None:
            return Way(policy, None, None)
        own, choice = found
        odds = self.judge(own, choice)
        begin = question.setting.begins[question.begin]
        done = odds.finishes[odds.finishes != NEVER]
        return Way(
            policy,
            own,
            _valued(choice, policy, goal, policies.plain.bound),
            is_sure=odds.probability >= self.sure,
            gain=_GAINS[goal](question, policy),
            probability=odds.probability,
            hours=float((done - begin).mean()) / HOUR if len(done) else np.nan,
            unfinished=1 - len(done) / len(odds.finishes),
        )


def _valued(choice: Choice, policy: Policy, goal: Goal, bound: int) -> Choice:
    """Return a choice with what the goal counts, beside the bound of all plans."""
    values = {"latest": choice.first, "fewest": len(choice.domains), "largest": policy.size}
    value = values.get(goal, choice.value)
    assert value is not None
    reached = value >= bound if goal in ("latest", "largest") else value <= bound
    return replace(choice, value=value, bound=bound, proved=reached)


def _row(number: int, way: Way, question: Question) -> dict[str, Any]:
    policy, names = way.policy, question.setting.names
    sizes = [entry.size or 0 for entry in question.lists]
    if policy.size is not None:
        sizes[open_place(question)] = policy.size
    return {
        "trial": number,
        "later": policy.later,
        "reserve": policy.reserve,
        "order": ", ".join(question.lists[place].name for place in policy.order),
        "domains": ", ".join(names[place] for place in policy.domains),
        "probability": way.probability,
        "finish_hours": way.hours,
        "emails": sum(sizes),
    }


def check(search: object) -> None:
    """Say what is wrong with the number of trials, if anything is."""
    if isinstance(search, bool) or not isinstance(search, int | np.integer) or search < 1:
        raise ArgumentError(
            f"search: {shown(search)} is no number of trials; give a whole number from 1"
        )
    _optuna()


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise SessimError(
            "search: needs optuna; install sessim[planning], or leave search out"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
