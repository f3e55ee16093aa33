"""The answer to a question about a deadline: a plan that runs, why it is so, and how sure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pandas as pd

from sessim.experiments.planning import making
from sessim.experiments.planning.changes import Change
from sessim.experiments.planning.goals import Goal
from sessim.experiments.planning.odds import Odds
from sessim.plan import Plan
from sessim.result import Result
from sessim.simulation import simulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Bound:
    """How good the answer is, and how good any answer can be.

    Attributes
    ----------
    goal
        What was asked for.
    value, bound
        What the answer reaches and the best that could be: places of days from the start (for
        ``fastest`` and ``latest``), a number of domains, or of emails.
    is_proved
        Whether no answer can be better, bound or not: an exhaustive search found none.
    """

    goal: Goal
    value: int
    bound: int
    is_proved: bool

    @property
    def gap(self) -> int:
        """By how much a better answer could be better: days, domains or emails."""
        return 0 if self.is_proved else abs(self.value - self.bound)

    def __str__(self) -> str:
        unit = {"fewest": "domain", "largest": "email"}.get(self.goal, "day")
        if not self.gap:
            return "no plan can do better"
        return f"at most {self.gap:,} {unit}{'' if self.gap == 1 else 's'} from the best possible"


@dataclass(frozen=True, repr=False)
class Planned:
    """The answer of :func:`sessim.plan_for`.

    Attributes
    ----------
    plan
        A plan that runs in sessim: what was booked, and the new tasks.
    meets
        Whether the simulated plan is finished by the deadline, with the probability demanded.
    goal, by
        What was asked for; the deadline's last date.
    changes
        If the deadline cannot be met, the smallest change of each kind that would do.
    bound
        The best that is possible, and the gap; None where the deadline cannot be met.
    odds
        The probability, from replications with fresh random numbers.
    reason
        Why not better, in one sentence.
    tasks
        One row a new task: ``task, list, domain, sender, start, requests`` and the recipients it
        takes of its list, ``first_row`` to ``last_row``, counted from 1.
    days
        One row a domain and date: ``domain, date, day`` (of the warm-up), ``limit``, ``booked``,
        ``planned`` (emails) and ``binding``: what kept the domain from sending more, one of
        ``domain limit``, ``reserve``, ``account rate``, ``list sizes``.
    binding
        One row a date, over all domains: ``date, limit, account`` (the most by the rate),
        ``booked, planned, binding``.
    trials
        What ``search`` has tried, one row a trial (see
        :attr:`sessim.experiments.planning.searching.Found.table`); None without it.
    left_out
        Emails for which there is no room on any day, whatever the deadline: no task has them.
    is_divided
        Whether lists that should stay whole are divided, since no way to keep them was found.
    """

    plan: Plan
    meets: bool
    goal: Goal
    by: dt.date
    changes: tuple[Change, ...]
    bound: Bound | None
    odds: Odds
    reason: str
    tasks: pd.DataFrame
    days: pd.DataFrame
    binding: pd.DataFrame
    deadline: pd.Timestamp
    sure: float
    trials: pd.DataFrame | None = None
    left_out: int = 0
    is_divided: bool = False

    @property
    def emails(self) -> int:
        """How many emails the new tasks hold."""
        return int(self.tasks["requests"].sum())

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that the new tasks use."""
        used = set(self.tasks["domain"])
        return tuple(domain.name for domain in self.plan.domains if domain.name in used)

    @property
    def start(self) -> pd.Timestamp:
        """When the first new task begins."""
        first: pd.Timestamp = self.tasks["start"].min()
        return first

    @property
    def finish(self) -> pd.Timestamp:
        """When the simulated plan has sent the last new task; NaT if it never has."""
        return self._finish(0.5)

    def _finish(self, share: float) -> pd.Timestamp:
        instant = self.odds.quantile(share)
        if instant is None:
            return pd.NaT  # type: ignore[return-value]
        return pd.Timestamp(self.plan.clock.local(instant))

    @property
    def probability(self) -> float:
        """The probability that the new tasks are sent by the deadline."""
        return self.odds.probability

    @cached_property
    def result(self) -> Result:
        """The plan, simulated: its tables, charts and event log."""
        return simulate(self.plan)

    def batch_requests(
        self,
        receivers: Mapping[str, int] | None = None,
        *,
        template: int | None = None,
        subject: str | None = None,
    ) -> pd.DataFrame:
        """Return one row for each call of the API's ``BatchSendEmail``, fields as it names them.

        ``ReceiversName`` is no field of that call but the name under which the recipients are to
        be uploaded first (``CreateReceiver``); leave it out of the call.

        Parameters
        ----------
        receivers
            The service's ids of the uploaded lists by task name. Default: left empty.
        template
            The id of the template.
        subject
            Of all tasks. Default: those of the lists.
        """
        return making.batch_requests(self.plan, self.tasks, receivers, template, subject)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each day's emails, booked and planned, beneath the domains' limits.

        Parameters
        ----------
        ax
            Where to draw. Default: a new figure.
        """
        from sessim.experiments.planning import chart  # loads matplotlib

        return chart.draw(self, ax)

    # --- in words -----------------------------------------------------------------------------

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        emails = _counted(self.emails, "email")
        senders = _counted(len(self.domains), "domain")
        are = "is" if self.emails == 1 else "are"
        if self.left_out:
            return (
                f"Not by {in_words(self.by)}, nor later: of {self.emails + self.left_out:,} emails "
                f"{self.emails:,} can be sent, from {senders}; {self._remedy}."
            )
        if not self.meets:
            whole = ", divided where they should stay whole," if self.is_divided else ""
            return (
                f"Not by {in_words(self.by)}: {emails}{whole} from {senders}, "
                f"begun on {in_words(self.start)}, "
                f"{are} {self._until}{self._chance}; {self._remedy}."
            )
        if self.goal == "latest":
            head = f"Start on {in_words(self.start)} at the latest: {emails} from {senders}"
        elif self.goal == "fewest":
            verb = "is" if len(self.domains) == 1 else "are"
            head = f"{senders} {verb} enough: {emails}, begun on {in_words(self.start)},"
        elif self.goal == "largest":
            head = f"At most {emails} from {senders}, begun on {in_words(self.start)},"
        else:
            head = f"Yes: {emails} from {senders}, begun on {in_words(self.start)},"
        return f"{head} {are} {self._until}{self._chance}; the deadline is {due(self.deadline)}."

    @property
    def _until(self) -> str:
        instant = self.odds.quantile(0.5)
        if instant is None:
            return "not all sent by the horizon"
        finish = self.plan.clock.local(instant)
        return f"sent by {in_words(finish)}, {finish:%H:%M}"

    @property
    def _chance(self) -> str:
        if self.odds.is_certain:
            return ""
        low, high = self.odds.interval
        return (
            f" in half of {self.odds.n:,} replications, and in time in {self.probability:.0%} "
            f"of them (95% interval {low:.0%} to {high:.0%})"
        )

    @property
    def _remedy(self) -> str:
        if not self.changes and not self.odds.is_certain:
            other = "" if self.trials is not None else " this way; plan_for(search=40) tries others"
            return f"no number of days makes it {self.sure:.0%} sure{other}"
        if not self.changes:
            return "no more days, domains or speed would do"
        *others, last = map(str, self.changes)
        return f"{', '.join(others)}{' or ' if others else ''}{last} would do"

    def __repr__(self) -> str:
        return f"{self.answer}\n{self.reason}"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.binding.to_html(index=False, max_rows=12, border=0)
        return f"<p><b>{escape(self.answer)}</b> {escape(self.reason)}</p>{table}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def in_words(day: dt.date) -> str:
    """Write a date as ``"24 December 2026"``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def due(deadline: dt.datetime) -> str:
    """Write a deadline as ``"the end of 24 December 2026"``, or with its time."""
    if (deadline.hour, deadline.minute, deadline.second) == (0, 0, 0):
        return f"the end of {in_words(deadline - dt.timedelta(days=1))}"
    return f"{in_words(deadline)}, {deadline:%H:%M}"


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def reason(
    goal: Goal,
    emails: int,
    binding: pd.DataFrame,
    better: int | None,
    chance: float | None = None,
) -> str:
    """Say what bounds the answer, and what one step better could send.

    Parameters
    ----------
    goal, emails
        What was asked for, and how many emails are sent.
    binding
        As :attr:`Planned.binding`.
    better
        How many emails could be in time with one day or one domain less; None if unknown.
    chance
        The probability of the last choice before this one that was not sure enough.
    """
    counts = binding["binding"].value_counts()
    days = [
        f"{what} on {count} of {len(binding)} days"
        for word, what in _WHAT.items()
        if (count := int(counts.get(word, 0)))
    ]
    text = f"What binds is {', '.join(days)}" if days else "Nothing binds but the lists' sizes"
    if better is not None and better < emails:
        text += f"; {_STEP[goal]}, {better:,} of {emails:,} emails could be in time"
    elif chance is not None:
        text += f"; {_STEP.get(goal, 'with more emails')}, only {chance:.0%} would be in time"
    return f"{text}."


_WHAT: Final = {
    "domain limit": "the domains' daily limit",
    "reserve": "the domains' daily limit less the reserve",
    "account rate": "the account's rate",
}
_STEP: Final = {
    "fastest": "were the deadline the day before",
    "latest": "beginning a day later",
    "fewest": "with a domain fewer",
}
