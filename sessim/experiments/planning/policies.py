"""Policies: the ways to deal lists out that a search tries where chance decides.

``plan_for`` deals lists out as if all went as is expected. Where reputations decide, other ways may
be better: another list first, some of each limit left free, fewer domains, another beginning or
size. Each is laid out exactly as ``plan_for`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from sessim.experiments.planning import assigning
from sessim.experiments.planning.goals import Choice, Goal, Question, open_place

RESERVES: Final = (0.0, 0.05, 0.1, 0.2, 0.3)
"""The shares of each daily limit that a trial may leave free, beside what is asked for."""

_LATER: Final = 7
"""By so many days at most a trial begins later, where that is not what is asked for."""


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
    size
        Addresses of the list whose size is asked for, None where none is.
    """

    later: int
    reserve: float
    order: tuple[int, ...]
    domains: tuple[int, ...]
    size: int | None = None

    def laid_out(self, question: Question) -> tuple[Question, Choice] | None:
        """Return the question as the policy puts it, and its answer; None if that is too late."""
        setting = question.setting
        reserve = max(setting.reserve, Fraction(str(self.reserve)))
        lists = list(question.lists)
        if self.size is not None:
            place = open_place(question)
            lists[place] = replace(lists[place], size=self.size)
        own = replace(
            question,
            setting=replace(setting, reserve=reserve),
            lists=tuple(lists[place] for place in self.order),
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


@dataclass(frozen=True)
class Policies:
    """The policies that a search chooses from.

    Parameters
    ----------
    question, goal
        What is asked.
    plain
        Its answer without a search.
    is_sure
        Whether that is sure enough: then nothing worse by the goal is tried.
    """

    question: Question
    goal: Goal
    plain: Choice
    is_sure: bool = False

    @property
    def given(self) -> Policy:
        """The policy of the answer without a search."""
        question, plain = self.question, self.plain
        size = plain.value if self.goal == "largest" else None
        order = tuple(range(len(question.lists)))
        return Policy(plain.first - question.begin, RESERVES[0], order, plain.domains, size)

    @property
    def _later(self) -> tuple[int, int]:
        """By how many days the beginning may be later, from and to."""
        begin, last = self.question.begin, self.question.setting.last
        if self.goal == "fastest":
            return 0, min(_LATER, last - begin)
        if self.goal == "latest":
            return (self.plain.first - begin if self.is_sure else 0), self.plain.bound - begin
        return 0, 0

    def suggested(self, trial: Any) -> Policy:
        """Return the policy that a trial of optuna stands for."""
        lists, domains = len(self.question.lists), self.question.everyone
        later = trial.suggest_int("later", *self._later)
        reserve = trial.suggest_categorical("reserve", RESERVES)
        order = tuple(range(lists))
        if lists > 1:
            ranks = [trial.suggest_float(f"rank {place}", 0, 1) for place in order]
            order = tuple(sorted(order, key=lambda place: ranks[place]))
        used = domains
        if len(domains) > 1:
            flags = [trial.suggest_categorical(f"use {place}", (1, 0)) for place in domains]
            used = tuple(place for place, flag in zip(domains, flags, strict=True) if flag)
        size = None
        if self.goal == "largest":
            least = self.plain.value if self.is_sure else 1
            size = trial.suggest_int("size", least, self.plain.bound)
        return Policy(later, reserve, order, used or domains, size)

    def as_trial(self, policy: Policy) -> dict[str, Any]:
        """Return what optuna would have to suggest to get a policy."""
        lists, domains = len(policy.order), self.question.everyone
        found: dict[str, Any] = {"later": policy.later, "reserve": policy.reserve}
        if lists > 1:
            found |= {f"rank {place}": rank / lists for rank, place in enumerate(policy.order)}
        if len(domains) > 1:
            found |= {f"use {place}": int(place in policy.domains) for place in domains}
        if policy.size is not None:
            found["size"] = policy.size
        return found
