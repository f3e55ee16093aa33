"""A task of a plan and a date: whether it is done by then, how sure that is, and what would help.

What would help is tried, not argued: each remedy is the same plan with one thing changed, simulated
again, and the smallest one that does is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sessim.clock import Clock, moment
from sessim.errors import ArgumentError, nearest, shown
from sessim.experiments.planning import changes
from sessim.experiments.planning.arguments import number, setting
from sessim.experiments.planning.filling import fits
from sessim.experiments.planning.goals import Question
from sessim.experiments.planning.jobs import least
from sessim.experiments.planning.lists import MailList
from sessim.experiments.planning.odds import Odds, fresh, is_random, odds
from sessim.experiments.planning.planned import due, in_words
from sessim.experiments.replications import whole
from sessim.parts import Task
from sessim.plan import Plan
from sessim.simulation import simulate

_STEPS: Final = 50
_MOST_DAYS: Final = 60
"""By how many days an earlier start is tried."""


@dataclass(frozen=True)
class Verdict:
    """Whether a task is done by a deadline.

    Attributes
    ----------
    meets
        Whether it is, with the probability demanded.
    odds
        The probability, from replications.
    answer, reason
        One sentence each.
    remedies
        If it is not: what would do, the smallest change of each kind, in words.
    """

    meets: bool
    odds: Odds
    answer: str
    reason: str
    remedies: tuple[str, ...]

    def __str__(self) -> str:
        lines = [self.answer, self.reason]
        if self.remedies:
            lines += ["Any of these would do:"]
            lines += [f"- {remedy}" for remedy in self.remedies]
        return "\n".join(lines)


def verdict(
    plan: Plan,
    task: str,
    by: str | dt.date | dt.datetime,
    *,
    sure: float = 0.9,
    replications: int = 200,
    seed: int = 0,
    executor: Any = None,
) -> Verdict:
    """Say whether a task of a plan is done by a deadline, and what would have to change.

    Parameters
    ----------
    plan, task
        The plan, and the name of the task; of a recurring one all runs count.
    by
        A date (its end) or a time.
    sure
        The probability that is demanded, where chance plays a part.
    replications, seed, executor
        As of :func:`sessim.replicate`.

    Raises
    ------
    ArgumentError
        If there is no such task, or the deadline is before it is due.
    """
    whole(replications, "replications", 1, "number of replications")
    whole(seed, "seed", 0, "seed")
    if not 0 < number(sure) <= 1:
        raise ArgumentError(f"sure: {shown(sure)} is no probability; give 0.9, say")
    case = _Case.of(plan, task, by, _Trial(sure, replications, seed, executor))
    found = odds(plan, [task], case.end, n=replications, seed=fresh(seed), executor=executor)
    meets = found.probability >= sure
    remedies = () if meets else tuple(_remedies(case, found, sure))
    return Verdict(meets, found, _answer(case, found, meets), _reason(case), remedies)


class _Trial(NamedTuple):
    """How a remedy is tried: all with the same random numbers, and none with the verdict's."""

    sure: float
    n: int
    seed: int
    executor: Any


@dataclass(frozen=True)
class _Case:
    plan: Plan
    place: int
    end: int
    trial: _Trial

    @classmethod
    def of(cls, plan: Plan, name: str, by: str | dt.date | dt.datetime, trial: _Trial) -> _Case:
        names = [task.name for task in plan.tasks]
        if name not in names:
            raise ArgumentError(f"task: there is none named {name!r}; {nearest(name, names)}")
        place = names.index(name)
        try:
            end = plan.clock.end_instant(moment(by))
        except ValueError as error:
            raise ArgumentError(f"by: {error}") from None
        if end <= plan.recurrences[place].first:
            due = plan.clock.local(plan.recurrences[place].first)
            raise ArgumentError(
                f"by: {by} is before the task is due, {due:%Y-%m-%d %H:%M}; give a later date"
            )
        return cls(plan, place, end, trial)

    @property
    def task(self) -> Task:
        return self.plan.tasks[self.place]

    @property
    def clock(self) -> Clock:
        return self.plan.clock

    @property
    def day(self) -> dt.date:
        """The deadline's date."""
        return self.clock.date(self.end - 1)

    def does(self, task: Task) -> bool:
        """Say whether the task, changed, is done in time, as surely as is demanded."""
        tasks = list(self.plan.tasks)
        tasks[self.place] = task
        changed = replace(self.plan, tasks=tuple(tasks))
        sure, n, seed, executor = self.trial
        # A quick look first: what is late even as is expected is hardly ever sure.
        if is_random(changed) and not self._as_expected(changed):
            return False
        found = odds(changed, [task.name], self.end, n=n, seed=seed, executor=executor)
        return found.probability >= sure

    def _as_expected(self, plan: Plan) -> bool:
        calm = replace(plan, outcomes="expected")
        return odds(calm, [self.task.name], self.end, n=1, seed=0).probability == 1


def _remedies(case: _Case, found: Odds, sure: float) -> Iterator[str]:
    instant = found.quantile(sure)
    if instant is not None:
        days = (case.clock.date(instant) - case.day).days
        moved = "later that day" if not days else f"{days:,} day{'s' if days > 1 else ''} later"
        yield f"a deadline {moved}, {in_words(case.clock.date(instant))}"
    for remedy in (_earlier, _elsewhere, _fewer, _dealt_out):
        text = remedy(case)
        if text is not None:
            yield text


def _earlier(case: _Case) -> str | None:
    task, start = case.task, case.plan.start_instant
    if task.start is None or task.every is not None:
        return None
    due = case.clock.local(case.plan.recurrences[case.place].first).replace(tzinfo=None)
    first = case.clock.local(start).replace(tzinfo=None)
    most = min((due - first).days, _MOST_DAYS)

    def does(days: int) -> bool:
        return case.does(replace(task, start=due - dt.timedelta(days=days)))

    days = least(1, most + 1, does)
    if days > most:
        return None
    begin = due - dt.timedelta(days=days)
    return f"starting {days:,} day{'s' if days > 1 else ''} earlier, {in_words(begin)}"


def _elsewhere(case: _Case) -> str | None:
    for domain in case.plan.domains:
        if domain.name != case.task.domain:
            before, _, behind = case.task.sender.rpartition("@")
            sender = f"{before}@{domain.name}{'>' if behind.endswith('>') else ''}"
            if case.does(replace(case.task, sender=sender)):
                return f"sending it from {domain.name}"
    return None


def _fewer(case: _Case) -> str | None:
    """Find the fewest emails less that would do; where chance decides, in steps of a 50th."""
    task = case.task
    requests = int(task.requests or 0)
    step = max(1, requests // _STEPS) if is_random(case.plan) else 1

    def fails(steps: int) -> bool:
        return not case.does(replace(task, requests=steps * step, recipients=None))

    most = (least(1, -(-requests // step), fails) - 1) * step
    return f"{requests - most:,} of its {requests:,} emails fewer" if most else None


def _dealt_out(case: _Case) -> str | None:
    """Cut the task into parts and deal them out to days and domains, to new ones if need be."""
    if case.task.every is not None or case.plan.window == "rolling":
        return None
    others = tuple(task for task in case.plan.tasks if task is not case.task)
    due = case.clock.local(case.plan.recurrences[case.place].first)
    options: dict[str, Any] = {
        "by": case.clock.local(case.end), "start": due, "at": "00:00", "reserve": 0.0,
    }  # fmt: skip
    if others:
        options |= {"booked": replace(case.plan, tasks=others), "domains": None,
                    "timezone": None, "rate": None}  # fmt: skip
    else:
        options |= {"booked": None, "domains": case.plan.domains,
                    "timezone": case.plan.timezone, "rate": case.plan.rate}  # fmt: skip
    question = Question(setting(**options), (MailList(case.task.name, case.task.requests),))
    jobs = question.jobs()
    chance = ", if all goes as is expected" if is_random(case.plan) else ""
    how = f"{chance} (sessim.plan_for)"
    if jobs and fits(jobs, question.setting.room()) and len(case.plan.domains) > 1:
        return f"cutting it into parts for all {len(case.plan.domains)} domains{how}"
    more = next((change for change in changes.changes(question) if change.kind == "domains"), None)
    return None if more is None else f"{more}, and the task cut into parts{how}"


# --- in words -------------------------------------------------------------------------------------


def _answer(case: _Case, found: Odds, meets: bool) -> str:
    head = "Yes" if meets else "No"
    instant = found.quantile(0.5)
    if instant is None:
        done = "is not done by the plan's horizon"
    else:
        local = case.clock.local(instant)
        done = f"is done by {in_words(local)}, {local:%H:%M}"
    text = f"{head}: {case.task.name} {done}"
    if not found.is_certain:
        low, high = found.interval
        text += (
            f" in half of {found.n:,} replications, and in time in {found.probability:.0%} of them "
            f"(95% interval {low:.0%} to {high:.0%})"
        )
    return f"{text}; the deadline is {due(case.clock.local(case.end))}."


def _reason(case: _Case) -> str:
    result = simulate(replace(case.plan, outcomes="expected"))
    row = result.tasks.iloc[case.place]
    if not row["pauses"]:
        return (
            "It is never paused: what it takes is the account's rate and whatever is due before it."
        )
    times = "once" if row["pauses"] == 1 else f"{row['pauses']:,} times"
    return (
        f"It is paused {times}, {row['paused_hours']:,.0f} hours in all, "
        f"at the daily limit of {case.task.domain}."
    )
