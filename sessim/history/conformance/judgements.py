"""R7: a domain raised where it was earned, lowered the next day, and blocked with cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import sub
from typing import Any, Final, NamedTuple

import numpy as np

from sessim.history.conformance.check import WARNING, Check, Found
from sessim.history.conformance.knots import Knot, Sums, share
from sessim.history.conformance.quotas import at_limits
from sessim.history.conformance.stretch import Trail
from sessim.plan import Plan
from sessim.reputation import BLOCKED, DELIVERED, HIGHEST, LOWERED, MANY, Bound, judge
from sessim.state import first_state
from sessim.warmup import levels


class Wrong(NamedTuple):
    """Something that a judgement of the rules would not have done."""

    kind: str
    knot: Knot
    facts: dict[str, Any]


@dataclass
class _Day:
    """A judged domain's day on the way through its knots."""

    base: Sums
    limit: int
    level: int | None
    risen: int = 0
    lowered: str = ""
    may_fall: bool = False
    blocked: bool = False


class _Walk:
    """Goes through the knots of a domain as the rules judge them."""

    def __init__(self, plan: Plan, domain: int) -> None:
        self.plan, self.domain = plan, plan.domains[domain]
        self.days = first_state(plan).days[domain]
        self.wrong: list[Wrong] = []
        self.day: _Day | None = None

    def go(self, knots: Sequence[Knot]) -> list[Wrong]:
        """Return what is wrong."""
        for _, group in groupby(knots, key=lambda knot: knot.time):
            part: list[Knot] = []
            for knot in group:
                if knot.is_limit and not knot.used:
                    self._instant(part)
                    part = []
                    self._open(knot)
                else:
                    part.append(knot)
            self._instant(part)
        return self.wrong

    def _say(self, kind: str, knot: Knot, **facts: Any) -> None:
        self.wrong.append(Wrong(kind, knot, facts))

    def _measured(self, day: _Day, sums: Sums) -> tuple[int, Sums]:
        emails, *outcomes = map(sub, sums, day.base)
        return emails, tuple(outcomes)

    def _may_rise(self, day: _Day) -> bool:
        return day.risen < self.plan.levels_per_day and day.level != HIGHEST

    def _instant(self, part: Sequence[Knot]) -> None:
        """Judge what happened at one instant; only its last row knows all outcomes."""
        day = self.day
        if day is None or not part:
            return
        sums = part[-1].sums
        for knot in part:
            if knot.is_limit:
                self._changed(day, knot, sums)
            else:
                day.may_fall |= _may_fall(day, knot._replace(sums=sums))
        emails, outcomes = self._measured(day, sums)
        if emails != day.limit or not emails or day.blocked:
            return
        verdict = judge(emails, day.limit, outcomes, may_rise=self._may_rise(day))
        day.lowered = day.lowered or verdict.lowered
        if verdict.blocked:
            self._say("not blocked", part[-1], why=verdict.blocked)
        elif verdict.raised:
            self._say("not raised", part[-1], why=verdict.raised)

    def _changed(self, day: _Day, knot: Knot, sums: Sums) -> None:
        """Judge a row that tells of another limit within a day, or of a block."""
        emails, outcomes = self._measured(day, sums)
        verdict = judge(emails, day.limit, outcomes)
        day.lowered = day.lowered or verdict.lowered
        if knot.detail.startswith("blocked"):
            day.blocked = True
            if not verdict.blocked:
                self._say("blocked without cause", knot, sent=emails)
        elif knot.limit > day.limit:
            if not verdict.raised or verdict.blocked or day.blocked:
                self._say("raised without cause", knot, sent=emails, limit=day.limit)
            level = _level(knot.limit)
            if level is not None and day.level is not None and level > day.level + 1:
                self._say("raised by several levels", knot, before=day.level, level=level)
            day.limit, day.level, day.risen = knot.limit, level, day.risen + 1

    def _open(self, knot: Knot) -> None:
        """Close the day before, and begin one."""
        day, clock = self.day, self.plan.clock
        begun = self.days.day(clock.date(knot.time).toordinal()) > 0
        level = _level(knot.limit) if begun else None
        if day is None:
            if level is not None:
                self._began(knot, level)
            self.day = _Day(knot.sums, knot.limit, level)
            return
        emails, outcomes = self._measured(day, knot.sums)
        if emails > 0:
            verdict = judge(emails, day.limit, outcomes, may_rise=self._may_rise(day))
            day.lowered = day.lowered or verdict.lowered
            if verdict.raised and not day.blocked:
                self._say("not raised", knot, why=verdict.raised)
        if level is not None and day.level is not None:
            self._compare(day, knot, level, day.level)
        elif day.level is None and level is not None and not self._had_begun(knot):
            self._began(knot, level)
        self.day = _Day(knot.sums, knot.limit, level)

    def _had_begun(self, knot: Knot) -> bool:
        """Say whether the warm-up had begun on the day before."""
        return self.days.day(self.plan.clock.date(knot.time - 1).toordinal()) > 0

    def _began(self, knot: Knot, level: int) -> None:
        if level != self.domain.level:
            self._say("level not as planned", knot, level=level, planned=self.domain.level)

    def _compare(self, day: _Day, knot: Knot, level: int, before: int) -> None:
        if level > before:
            self._say("raised overnight", knot, before=before, level=level)
        elif level < before - 1 or (level < before and not (day.lowered or day.may_fall)):
            self._say("lowered without cause", knot, before=before, level=level)
        elif level == before and level and day.lowered:
            self._say("not lowered", knot, level=level, why=day.lowered)


def _level(limit: int) -> int | None:
    return levels().index(limit) if limit in levels() else None


def _may_fall(day: _Day, knot: Knot) -> bool:
    """Say whether a judgement between two rows may have lowered a domain.

    It was judged after so many emails; nobody saw what had become of them just then, but it was
    no less than before and no more than after, and each email has one of the outcomes.
    """
    for point in (MANY + 1, share(day.limit)):
        if point > MANY and knot.used_before < point <= knot.used:
            early, late = (
                np.array(sums[1:]) - day.base[1:] for sums in (knot.sums_before, knot.sums)
            )
            most = np.minimum(late, early + point - knot.used_before)
            if any(_may_hold(bound, most.tolist(), point) for bound in (*LOWERED, *BLOCKED)):
                return True
    return False


def _may_hold(bound: Bound, most: Sequence[int], emails: int) -> bool:
    invalid, spam, soft, complaints, opens = most
    lost = min(invalid + spam + soft, emails)
    found = {"invalid": invalid, "spam bounces": spam, DELIVERED: emails - lost,
             "complaints": complaints, "opens": opens}  # fmt: skip
    return bool(bound.holds(found[bound.measure], emails))


def _finder(*kinds: str) -> Callable[[Trail], Found | None]:
    """Return a check that picks out what is wrong in certain ways."""

    def find(trail: Trail) -> Found | None:
        if trail.misjudged is None:
            trail.misjudged = [
                (domain, wrong)
                for domain, watch in sorted(trail.watches.items())
                for wrong in _Walk(trail.plan, domain).go(watch.knots)
            ]
        rows = []
        for domain, wrong in trail.misjudged:
            if wrong.kind in kinds:
                row = {"time": wrong.knot.time, "seq": wrong.knot.seq}
                rows.append((domain, row, 1, wrong.facts))
        return at_limits(rows)

    return find


AT_THE_END: Final = (
    Check("R7", "raised without cause", "the limit of {limit:,} was raised after {sent:,} emails, "
          "whose outcomes do not allow it", _finder("raised without cause")),
    Check("R7", "raised by several levels", "it rose from level {before} to {level} at once",
          _finder("raised by several levels")),
    Check("R7", "raised overnight", "it rose from level {before} to {level} when the day began",
          _finder("raised overnight")),
    Check("R7", "not raised", "it had earned a raise ({why}) and got none", _finder("not raised")),
    Check("R7", "lowered without cause", "it fell from level {before} to {level}, and nothing of "
          "the day before asks for that", _finder("lowered without cause")),
    Check("R7", "not lowered", "it stayed at level {level} ({why} on the day before)",
          _finder("not lowered")),
    Check("R7", "blocked without cause", "it was blocked after {sent:,} emails, whose outcomes do "
          "not ask for it", _finder("blocked without cause")),
    Check("R7", "not blocked", "it was not blocked ({why})", _finder("not blocked")),
    Check("R7", "level not as planned", "it began at level {level}, and the plan says {planned}",
          _finder("level not as planned"), WARNING),
)  # fmt: skip
