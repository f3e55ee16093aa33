"""``plan_for``: from lists and a deadline to a plan, its odds, and what would have to change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, groupby, islice
from typing import Any, Final, get_args

import pandas as pd

from sessim.errors import ArgumentError, nearest, shown
from sessim.experiments.planning import assigning, changes, goals, making, odds, planned, searching
from sessim.experiments.planning.arguments import number, setting
from sessim.experiments.planning.filling import most_on_time
from sessim.experiments.planning.goals import Choice, Goal, Question
from sessim.experiments.planning.jobs import least
from sessim.experiments.planning.lists import Lists, read
from sessim.experiments.planning.planned import Bound, Planned
from sessim.experiments.planning.programs import Solver
from sessim.experiments.planning.setting import Setting
from sessim.experiments.replications import whole
from sessim.parts import Domain
from sessim.plan import Plan

_MOST: Final = 60
"""How many choices are looked at; of ordered ones few are replicated."""

_CHECKS: Final = 5
"""How many choices are checked with fresh numbers, where one only looked sure in the search."""


def plan_for(
    lists: Lists,
    *,
    by: str | dt.date | dt.datetime,
    domains: Iterable[Domain | str | Mapping[str, Any]] | None = None,
    start: str | dt.date | dt.datetime | None = None,
    booked: Plan | None = None,
    goal: Goal | None = None,
    sure: float = 0.9,
    reserve: float = 0.0,
    at: str | dt.time = "00:00",
    sender: str | None = None,
    timezone: str | None = None,
    rate: Any = None,
    solver: Solver = "highs",
    replications: int = 200,
    seed: int = 0,
    executor: Any = None,
    search: int | None = None,
) -> Planned:
    """Plan lists so that they are sent by a deadline, or say what would have to change.

    Lists are cut into tasks of at most 10,000 recipients, dealt out to days and domains so that no
    task is ever paused. Without lists that must go out whole from one domain the answer is exact;
    with them a search decides, and ``bound`` says how far it can be from the best.

    Parameters
    ----------
    lists
        ``{"Newsletter": 2_000_000}``; segments are sent in their order:
        ``{"Newsletter": {"engaged": 300_000, "others": 1_700_000}}``; None as a size asks for the
        largest; :class:`sessim.MailList` says more of a list.
    by
        The deadline: a date (its end) or a time.
    domains
        What may send, at most 10 with those booked: :class:`sessim.Domain`, or names of the booked
        plan's. A ``warmup_start`` in the past says how far a domain's warm-up is; without one (and
        without booked tasks) the domain is new, and its day 1 is the first day planned. Default:
        the booked plan's.
    start
        The first day that may be used. Default: the booked plan's start, or today.
    booked
        A plan whose tasks stay as they are: what they send on a day, of a limit and of the
        account's rate, is left to them. Who goes first within a day is left to the discipline.
    goal
        ``"fastest"``: done as early as possible; ``"latest"``: begun as late as possible;
        ``"fewest"``: on as few domains as possible; ``"largest"``: the list without a size (or the
        last one) as large as possible. Default: ``largest`` if a size is None, else ``fastest``.
    sure
        The probability that is demanded, where chance plays a part.
    reserve
        The share of each daily limit to leave free, 0 to below 1.
    at
        The time of day from which a day's tasks are sent.
    sender
        Such as ``"Example <hello@{domain}>"``. Default: a booked task's address, or ``news@``.
    timezone, rate
        As of :class:`sessim.Plan`, where there is no booked plan.
    solver
        Who decides about lists that stay whole, if a greedy search cannot: ``"highs"``, or
        ``"cp-sat"`` (needs ``sessim[planning]``).
    replications, seed, executor
        For the probability, as of :func:`sessim.replicate`.
    search
        How many other ways to try where chance plays a part (needs ``sessim[planning]``): other
        lists first, some of each limit left free, fewer domains, another beginning or size. With
        ``"fastest"`` the surest is taken, of equally sure ones the earliest; with another goal
        the best of those that are sure enough, of equally good ones the surest.
        :attr:`Planned.trials` lists them.

    Returns
    -------
    Planned
        The plan, the answer in a sentence, tables, the chart and the rows for the API.

    Raises
    ------
    ArgumentError
        If an argument cannot be used, or none of the domains can send anything.

    Notes
    -----
    Not modelled: that an engaged list warms a domain up better than another, unless the rates of
    the lists and ``warmup="reputation"`` say so; hours of the day other than ``at``; several
    deadlines within one day (a list's own deadline is a date).
    """
    entries = read(lists)
    goal = _goal(goal, [entry.name for entry in entries if entry.size is None])
    if not 0 < number(sure) <= 1:
        raise ArgumentError(f"sure: {shown(sure)} is no probability; give 0.9, say")
    whole(replications, "replications", 1, "number of replications")
    if search is not None:
        searching.check(search)
    if solver not in get_args(Solver):
        raise ArgumentError(f"solver: {nearest(str(solver), get_args(Solver))}")
    frame = setting(
        by=by, domains=domains, start=start, booked=booked, timezone=timezone, rate=rate,
        at=at, reserve=reserve,
    )  # fmt: skip
    question = Question(frame, entries, solver)
    _ = question.jobs()  # says what is wrong with a list
    if not frame.room(question.begin).free.any():
        if frame.left(question.begin).any():
            raise ArgumentError(
                f"rate: {frame.plan.rate} emails a second from {frame.at:%H:%M} to the day's end, "
                "less what is booked, are none on any day; give a higher rate or an earlier at"
            )
        names = ", ".join(sorted(frame.usable))
        raise ArgumentError(f"domains: {names} cannot send anything; give one with a limit above 0")
    chance = _Chance(question, sender, sure, replications, seed, executor)
    return chance.answer(goal) if search is None else chance.searched(goal, search)


def _goal(goal: Goal | None, unsized: list[str]) -> Goal:
    if len(unsized) > 1:
        raise ArgumentError(
            f"lists: {' and '.join(map(repr, unsized))} have no size; "
            "one list may be as large as possible: give the others' sizes"
        )
    if goal is None:
        return "largest" if unsized else "fastest"
    if goal not in get_args(Goal):
        raise ArgumentError(f"goal: {shown(goal)} is unknown; {nearest(str(goal), get_args(Goal))}")
    if unsized and goal != "largest":
        raise ArgumentError(f"goal: {goal!r} needs the size of every list; give it instead of None")
    return goal


class _Chance:
    """Tries choices, the best first, until one is sure enough."""

    def __init__(
        self, question: Question, sender: str | None, sure: float, n: int, seed: int, executor: Any
    ) -> None:
        self.question, self.sender, self.sure = question, sender, sure
        self.n, self.seed, self.executor = n, seed, executor
        self.before: float | None = None
        """The probability of the last choice that was not sure enough, before the one that is."""
        self.surer: Iterator[Choice] = iter(())
        """Choices that are surer still than the first one that is sure enough, in their order."""

    @property
    def setting(self) -> Setting:
        return self.question.setting

    def answer(self, goal: Goal) -> Planned:
        """Return the first choice that is sure enough, else the surest, else the least late."""
        best = self._best(goal)
        if best is not None:
            return self._checked(goal, best)
        if goal == "largest":
            raise ArgumentError(
                "by: not one email of the list can be sent by then beside the others; "
                "give a later date"
            )
        late = changes.late(self.question)
        if not making.filled(self.setting, late).pieces:
            names = ", ".join(sorted(self.setting.usable))
            raise ArgumentError(
                f"domains: {names} cannot send anything on a day that a list may go out; "
                "give one with a limit above 0 then"
            )
        return self._planned(goal, late, changes.changes(self.question))

    def searched(self, goal: Goal, trials: int) -> Planned:
        """Return the best way that a search finds; without chance or without time there is none."""
        plain = self._best(goal)
        if plain is None:
            return self.answer(goal)
        if not odds.is_random(self._plan(plain)[0]):
            raise ArgumentError(
                "search: nothing here is left to chance, and the answer is exact; leave it out"
            )

        asked = self.question
        found = searching.Search(trials, self.sure, self.n, self.seed, self._judge).run(
            asked, goal, plain
        )
        self.before = None  # is no neighbour of what is found
        tried: list[tuple[Planned, searching.Way | None]] = []
        for check, (way, choice) in enumerate(self._candidates(found)):
            self.question = asked if way is None or way.question is None else way.question
            tried.append((self._planned(goal, choice, check=check), way))
            if tried[-1][0].meets:
                break
        best, way = max(tried, key=lambda one: one[0].probability)
        told = found.told(way, best.meets)
        return replace(best, trials=found.table, reason=f"{best.reason} {told}")

    def _judge(self, question: Question, choice: Choice) -> odds.Odds:
        self.question = question
        return self._odds(*self._plan(choice), self.seed)

    def _candidates(self, found: searching.Found) -> Iterator[tuple[searching.Way | None, Choice]]:
        """Yield what may be the answer of a search, until one is found to be sure enough."""
        is_surest = found.goal == "fastest" or not found.sure
        for way in found.ways[:1] if is_surest else found.sure[:_CHECKS]:
            assert way.choice is not None
            yield way, way.choice
        if not is_surest:
            yield from ((None, choice) for choice in islice(self.surer, _CHECKS))

    def _checked(self, goal: Goal, best: Choice) -> Planned:
        """Return the plan of a choice, or of a surer one if fresh numbers do not bear it out.

        Each is checked with numbers of its own: a second look at the same ones would flatter it.
        """
        tried = []
        for check, choice in enumerate(islice(chain([best], self.surer), _CHECKS)):
            tried.append(self._planned(goal, choice, check=check))
            if tried[-1].meets:
                return tried[-1]
            self.before = tried[-1].probability
        return max(tried, key=lambda planned: planned.probability)

    def _best(self, goal: Goal) -> Choice | None:
        """Return the first choice that is sure enough, else the surest of those tried."""
        tried: list[tuple[float, Choice]] = []

        def is_sure(choice: Choice) -> bool:
            found = self._odds(*self._plan(choice), self.seed)
            tried.append((found.probability, choice))
            return found.is_certain or found.probability >= self.sure

        every = goals.choices(self.question, goal)
        if goal == "fewest":  # of as many domains, those that may send the most
            every = (next(group) for _, group in groupby(every, lambda choice: choice.value))
        is_ordered = goal in ("latest", "largest")  # the sooner or the smaller, the surer
        first = next(every, None)
        if first is None or is_sure(first):
            self.surer = every if is_ordered else iter(())
            return first
        others = list(islice(every, _MOST))
        if is_ordered:
            place = least(0, len(others), lambda i: is_sure(others[i]))
            if place < len(others):
                before = others[place - 1] if place else first
                self.surer = iter(others[place + 1 :])
                self.before = next(chance for chance, choice in tried if choice is before)
                return others[place]
        else:
            sure = next((choice for choice in others if is_sure(choice)), None)
            if sure is not None:
                return sure
        return max(tried, key=lambda one: one[0])[1]

    def _plan(self, choice: Choice) -> tuple[Plan, list[str]]:
        filling = making.filled(self.setting, choice)
        parts = making.chunks(self.setting, choice.lists, filling)
        return making.made(self.setting, choice, parts, self.sender), [c.name for c in parts]

    def _odds(self, plan: Plan, names: list[str], seed: int) -> odds.Odds:
        end = self.setting.end
        return odds.odds(plan, names, end, n=self.n, seed=seed, executor=self.executor)

    def _planned(
        self,
        goal: Goal,
        choice: Choice,
        changes: tuple[changes.Change, ...] | None = None,
        check: int = 0,
    ) -> Planned:
        """Return the plan of a choice; with ``changes`` it is one that is not in time."""
        frame = self.setting
        filling = making.filled(frame, choice)
        parts = making.chunks(frame, choice.lists, filling)
        plan = making.made(frame, choice, parts, self.sender)
        left_out = int(filling.left.sum())
        found = self._odds(plan, [chunk.name for chunk in parts], odds.fresh(self.seed, check))
        if left_out:
            found = found.without_some()
        days = making.day_table(frame, choice, filling)
        binding = making.binding_table(frame, days)
        emails = sum(chunk.requests for chunk in parts)
        bound = Bound(goal, choice.value, choice.bound, choice.proved) if changes is None else None
        meets = found.probability >= self.sure and changes is None
        if changes is None:
            changes = () if meets else self._surer(found)
        return Planned(
            plan=plan,
            meets=meets,
            goal=goal,
            by=frame.dates[frame.last],
            changes=changes,
            bound=bound,
            odds=found,
            reason=planned.reason(
                goal, emails, binding, self._better(goal, choice) if bound else None, self.before
            ),
            tasks=making.task_table(frame, choice.lists, parts, plan),
            days=days,
            binding=binding,
            deadline=pd.Timestamp(plan.clock.local(frame.end)),
            sure=self.sure,
            left_out=left_out,
            is_divided=bound is None and assigning.is_whole(choice.jobs),
        )

    def _surer(self, found: odds.Odds) -> tuple[changes.Change, ...]:
        """Return how many days more the replications ask for."""
        instant = found.quantile(self.sure)
        if instant is None:
            return ()
        day = self.setting.clock.date(instant)
        days = (day - self.setting.dates[self.setting.last]).days
        return (changes.Change("days", days),) if days > 0 else ()

    def _better(self, goal: Goal, choice: Choice) -> int | None:
        """Return how many emails would be in time one step further on, a bound for all plans."""
        first, domains, less = choice.first, choice.domains, 0
        if goal == "latest":
            first += 1
        elif goal == "fastest":
            less = self.setting.last - choice.value + 1
        elif goal == "fewest" and len(domains) > 1:
            room = self.setting.room(first)
            jobs = replace(self.question, lists=choice.lists).jobs(first)
            return assigning.most_with(jobs or [], room, self.question.everyone, len(domains) - 1)
        else:
            return None
        jobs = replace(self.question, lists=choice.lists).jobs(first)
        if jobs is None:
            return 0
        if less:
            last = self.setting.last - less
            jobs = [replace(job, last=min(job.last, last)) for job in jobs]
            jobs = [job for job in jobs if job.first <= job.last]
        return most_on_time(jobs, self.setting.room(first)) if jobs else 0
