"""What an explanation holds: the verdict, the day's ledger, counterfactuals, forecast, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pandas as pd


class Verdict(StrEnum):
    """Why a task was in the state that it was in."""

    LIMIT = "domain limit reached"
    CAP = "warm-up cap lower than quota"
    RATE = "account rate saturated"
    BEHIND = "waiting behind an earlier run"
    ERROR = "error"
    USER = "user action"
    NOT_STARTED = "not started yet"
    SENDING = "sending as it should"
    SENT = "all its emails are sent"
    GAP = "list page gap"
    UNEXPLAINED = "unexplained"
    UNDECIDABLE = "not decidable from this data"


HEALTHY: Final = (Verdict.SENDING, Verdict.SENT, Verdict.NOT_STARTED)
"""Nothing holds the task up."""

ERROR_CODES: Final[Mapping[str, str]] = {
    "1010": "the daily limit of the account was reached",
    "3008": "the sender domain is banned",
    "3030": "the bounce rate is too high",
    "3033": "the balance does not cover the emails",
}
"""What the service's error codes mean."""


@dataclass(frozen=True)
class DayLedger:
    """What a domain could send on a day, and who used it.

    Attributes
    ----------
    domain, date
        Whose day.
    limit
        The limit in force; None where there was none, or it is not known.
    source
        Where the limit is from, in words.
    used
        One row a task that sent that day up to the moment asked about, most first: ``task, name,
        emails, share`` (0 to 1, of the limit). Test sends have no task.
    filled, filled_between
        When the limit was used up (None if it was not); between which two times, if nobody saw it.
    cached
        The emails that the task had in the cache queue.
    cached_of_domain
        Those of all tasks of the domain.
    """

    domain: str
    date: pd.Timestamp
    limit: int | None
    source: str
    used: pd.DataFrame
    filled: pd.Timestamp | None
    filled_between: tuple[pd.Timestamp, pd.Timestamp] | None
    cached: int
    cached_of_domain: int

    @property
    def total(self) -> int:
        """The emails that count towards the limit."""
        return int(self.used["emails"].sum())


@dataclass(frozen=True)
class Counterfactuals:
    """What would have kept the task from being held up, found by simulating again.

    Attributes
    ----------
    anchor
        From where the simulations go: ``"plan"``, from the plan's start, or ``"day"``, from the
        state in which the day began.
    own
        Whether the task is held up by its own volume, also without any other task.
    sets
        The smallest groups of other tasks without which it is not held up: each is enough, and
        no part of it is.
    shares
        One row a task, largest first: ``name, share`` (0 to 1): Shapley's value, how much of the
        pause each accounts for; they add up to 1.
    changes
        One row a change of the plan: ``change, status`` (of the task, at the instant), ``held``,
        ``finished``, ``change_hours`` (below zero: earlier).
    """

    anchor: str
    own: bool
    sets: tuple[tuple[str, ...], ...]
    shares: pd.DataFrame
    changes: pd.DataFrame

    @property
    def pivotal(self) -> tuple[str, ...]:
        """The tasks without any one of which it would not have been held up."""
        return tuple(names[0] for names in self.sets if len(names) == 1)


@dataclass(frozen=True)
class Forecast:
    """What was to be expected at that instant, and what came of it.

    Attributes
    ----------
    restarts, finishes
        When the task would go on and be done, by the rules of the plan from its state then; None
        if never before the horizon.
    restarted, finished
        When it did, as far as the history goes.
    exact
        Whether each of these is known to the instant; else the times are estimates.
    """

    restarts: pd.Timestamp | None
    finishes: pd.Timestamp | None
    restarted: pd.Timestamp | None
    finished: pd.Timestamp | None
    exact: bool


@dataclass(frozen=True)
class Explanation:
    """Why a task was in its state at an instant.

    Attributes
    ----------
    task, name, run
        Which task, by the log's id; which of its runs (None if none had begun).
    at, until
        The instant, or the interval, that was asked about.
    status
        The console's word; empty if it is not known.
    verdict
        The class of the reason.
    reason
        The reason in a sentence.
    ledger
        Of the domain's day; None where the limit plays no part.
    counterfactuals
        None where nothing was simulated again.
    forecast
        None where nothing is left to be sent, or nothing can be said.
    evidence
        How well this is known, in a sentence.
    """

    task: int
    name: str
    run: int | None
    at: pd.Timestamp
    until: pd.Timestamp | None
    status: str
    verdict: Verdict
    reason: str
    ledger: DayLedger | None
    counterfactuals: Counterfactuals | None
    forecast: Forecast | None
    evidence: str

    @property
    def paragraph(self) -> str:
        """All of it in a few sentences."""
        from sessim.history.telling import paragraph

        return paragraph(self)

    def __str__(self) -> str:
        return self.paragraph
