"""Policy search: what chance decides is tried out, by optuna, with the same numbers for all.

``plan_for`` deals lists out as if all went as is expected. Where reputations decide, other ways may
be surer: another list first, some of each limit left free, fewer domains, a later beginning. Each
trial is such a way, laid out exactly as ``plan_for`` does and replicated with the random numbers of
all other trials; the answer is then checked with numbers that no trial has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pandas as pd

from sessim.clock import HOUR
from sessim.errors import ArgumentError, SessimError, shown
from sessim.experiments.planning import assigning
from sessim.experiments.planning.goals import Choice, Question
from sessim.experiments.planning.odds import NEVER, Odds

Judge = Callable[[Question, Choice], Odds]

RESERVES: Final = (0.0, 0.05, 0.1, 0.2, 0.3)
"""The shares of each daily limit that a trial may leave free, beside what is asked for."""

_LATER: Final = 7
"""By so many days at most a trial begins later."""


@dataclass(frozen=True)
class Policy:
    """One way to deal lists out.

    Attributes
    ----------
    later
        Days between the first day that may be used and the beginning.
    reserve
        The share of each daily limit that is left free.
    order
        Places of the lists, the first to be sent first.
    domains
        Places of the domains that send.
    """

    later: int
    reserve: float
    order: tuple[int, ...]
    domains: tuple[int, ...]

    def laid_out(self, question: Question) -> tuple[Question, Choice] | None:
        """Return the question as the policy puts it, and its answer; None if that is too late."""
        setting = question.setting
        reserve = max(setting.reserve, Fraction(str(self.reserve)))
        own = replace(
            question,
            setting=replace(setting, reserve=reserve),
            lists=tuple(question.lists[place] for place in self.order),
        )
        first = own.begin + self.later
        jobs = own.jobs(first) if first <= setting.last else None
        if jobs is None:
            return None
        room = own.setting.room(first).only(self.domains)
        found = assigning.earliest(jobs, room, self.domains, solver=own.solver)
        if found is None:
            return None
        tied, day, bound, proved = found
        return own, Choice(first, self.domains, own.lists, tied, day, bound, proved)


def search(
    question: Question, plain: Choice, trials: int, seed: int, judge: Judge
) -> tuple[Question, Choice, pd.DataFrame]:
    """Return the best way that was tried: the surest, and of equally sure ones the earliest.

    Parameters
    ----------
    question
        What is to be planned.
    plain
        Its answer as if all went as is expected: the first trial.
    trials
        How many ways are tried.
    seed
        Of the search; the same seed tries the same ways.
    judge
        Counts how often a choice is in time, with the same random numbers for all.

    Returns
    -------
    tuple
        The question as the best way puts it, its choice, and one row a trial: ``trial, later,
        reserve, order`` (names of lists), ``domains, probability, finish_hours`` (the mean of the
        replications that finished, since the first day planned; NaN where none did, or where the
        way is too late even if all goes as is expected).
    """
    optuna = _optuna()
    rows: list[dict[str, Any]] = []
    seen: dict[Policy, tuple[float, float, float]] = {}

    def objective(trial: Any) -> float:
        policy = _suggest(trial, question)
        if policy not in seen:
            seen[policy] = _figures(question, policy, judge)
        score, probability, hours = seen[policy]
        rows.append(_row(trial.number, policy, question, probability, hours))
        return score

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False)
    )
    study.enqueue_trial(_plain(question))
    study.optimize(objective, n_trials=trials)
    best = max(seen, key=lambda policy: seen[policy][0])  # of equal ones the first
    found = best.laid_out(question)
    if found is None:
        return question, plain, pd.DataFrame(rows)
    own, choice = found
    choice = replace(choice, bound=plain.bound, proved=choice.value <= plain.bound)
    return own, choice, pd.DataFrame(rows)


def told(trials: pd.DataFrame) -> str:
    """Say in a sentence what the search found, and what its first trial would be worth."""
    best = trials.sort_values(
        ["probability", "finish_hours"], ascending=[False, True], kind="stable"
    ).iloc[0]
    ways = len(trials.drop_duplicates(["later", "reserve", "order", "domains"]))
    parts = [f"{best['order'].partition(',')[0]} first"] if "," in best["order"] else []
    parts += [f"{best['reserve']:.0%} of each limit left free"] if best["reserve"] else []
    parts += [f"begun {best['later']} days later"] if best["later"] else []
    parts.append(f"from {best['domains']}")
    return (
        f"Of {ways} ways tried the surest is this one ({', '.join(parts)}); "
        f"lists as given were in time in {trials['probability'].iloc[0]:.0%} of replications."
    )


def check(search: object, goal: str) -> None:
    """Say what is wrong with the number of trials, if anything is."""
    if isinstance(search, bool) or not isinstance(search, int | np.integer) or search < 1:
        raise ArgumentError(
            f"search: {shown(search)} is no number of trials; give a whole number from 1"
        )
    if goal != "fastest":
        raise ArgumentError(
            f"search: looks for the surest and earliest plan, not for goal={goal!r}; "
            "leave goal out, or search"
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


def _suggest(trial: Any, question: Question) -> Policy:
    lists, domains = len(question.lists), question.everyone
    slack = min(_LATER, question.setting.last - question.begin)
    later = trial.suggest_int("later", 0, slack)
    reserve = trial.suggest_categorical("reserve", RESERVES)
    order = tuple(range(lists))
    if lists > 1:
        ranks = [trial.suggest_float(f"rank {place}", 0, 1) for place in order]
        order = tuple(sorted(order, key=lambda place: ranks[place]))
    used = domains
    if len(domains) > 1:
        wanted = [place for place in domains if trial.suggest_categorical(f"use {place}", (1, 0))]
        used = tuple(wanted) or domains
    return Policy(later, reserve, order, used)


def _plain(question: Question) -> dict[str, Any]:
    lists = len(question.lists)
    ranks = {f"rank {place}": place / lists for place in range(lists)} if lists > 1 else {}
    uses = {f"use {place}": 1 for place in question.everyone} if len(question.everyone) > 1 else {}
    return {"later": 0, "reserve": RESERVES[0], **ranks, **uses}


def _figures(question: Question, policy: Policy, judge: Judge) -> tuple[float, float, float]:
    """Return a policy's score, its probability, and the mean hours to its finish."""
    found = policy.laid_out(question)
    if found is None:
        return -1.0, 0.0, np.nan
    odds = judge(*found)
    begin = question.setting.begins[question.begin]
    done = odds.finishes[odds.finishes != NEVER]
    hours = float((done - begin).mean()) / HOUR if len(done) else np.nan
    # Replications that are never done count as a century: the odds come first, then the mean.
    never = (len(odds.finishes) - len(done)) / len(odds.finishes)
    mean = (0.0 if np.isnan(hours) else hours * (1 - never)) + _CENTURY * never
    return odds.met + 1 - mean / (2 * _CENTURY), odds.probability, hours


_CENTURY: Final = 876_600.0  # hours


def _row(
    number: int, policy: Policy, question: Question, probability: float, hours: float
) -> dict[str, Any]:
    names = question.setting.names
    return {
        "trial": number,
        "later": policy.later,
        "reserve": policy.reserve,
        "order": ", ".join(question.lists[place].name for place in policy.order),
        "domains": ", ".join(names[place] for place in policy.domains),
        "probability": probability,
        "finish_hours": hours,
    }
