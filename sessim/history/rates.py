"""Quality rates that a history shows: of each domain, and of tasks where these surely differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import floor
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sessim.errors import PlanError
from sessim.history.told import Told
from sessim.ledger import Ints
from sessim.plan import Plan
from sessim.quality import EXCLUSIVE, OUTCOMES, RATES, Quality

ALIKE: Final = 0.001
"""Tasks get rates of their own if alike ones would differ so much in fewer histories than this."""

LEVEL: Final = 0.95
"""How often the interval of a rate holds the true one."""

_FEW: Final = 5  # expected of each kind: below, a test of shares is not sound
_DIGITS: Final = 10**6

OUTCOME: Final = dict(zip(RATES, OUTCOMES, strict=True))
"""The outcome that each rate is a share of."""

GROUPS: Final = (EXCLUSIVE, ("complaint_rate",), ("open_rate", "click_rate"), ("unsubscribe_rate",))
"""Rates that go together: who has one of its own has all, so that they fit each other."""

COLUMNS: Final = ["domain", "task", "rate", "value", "low", "high", "hits", "of", "alike"]

Totals = Mapping[str, Ints]


class Rate(NamedTuple):
    """One rate of a domain, or of a task that differs from others of it.

    Attributes
    ----------
    domain, task
        Whose; no task: the domain's.
    rate, value, low, high
        Its name in a plan, the share that was seen, and Wilson's interval of it.
    hits, of
        The counts behind it.
    alike
        How often tasks that are alike would differ as much as the domain's do, over all rates
        that were compared; not a number where too little was sent to compare them.
    """

    domain: str
    task: str | None
    rate: str
    value: float
    low: float
    high: float
    hits: int
    of: int
    alike: float


def fit(told: Told | None, plan: Plan, until: int | None = None) -> list[Rate]:
    """Fit the rates that a history tells of.

    Parameters
    ----------
    told
        What became of the emails, if anything says so.
    plan
        Which tasks and domains there are.
    until
        What is told from then on is left out; microseconds since the Unix epoch.
    """
    if told is None:
        return []
    return _fit(told.totals(len(plan.tasks), until), plan)


def _fit(totals: Totals, plan: Plan) -> list[Rate]:
    counted = _counted(totals)
    found: list[Rate] = []
    tests = _tests(counted, plan)
    for domain in plan.domains:
        mine = _tasks_of(plan, domain.name)
        for group in GROUPS:
            known = [rate for rate in group if rate in counted]
            alike = [min(1.0, tests[domain.name, rate][0] * len(tests))
                     if (domain.name, rate) in tests else np.nan for rate in known]  # fmt: skip
            for rate, chance in zip(known, alike, strict=True):
                hits, of = (int(values[mine].sum()) for values in counted[rate])
                if of:
                    found.append(_rate(domain.name, None, rate, hits, of, chance))
            apart = [r for r, chance in zip(known, alike, strict=True) if chance < ALIKE]
            for i in sorted({i for r in apart for i in tests[domain.name, r][1].tolist()}):
                for rate, chance in zip(known, alike, strict=True):
                    hits, of = (int(values[i]) for values in counted[rate])
                    if of:
                        name = plan.tasks[i].name
                        found.append(_rate(domain.name, name, rate, hits, of, chance))
    return found


def _rate(domain: str, task: str | None, rate: str, hits: int, of: int, alike: float) -> Rate:
    from scipy.stats import binomtest  # slow to import

    bounds = binomtest(hits, of).proportion_ci(LEVEL, "wilson")
    low, high = float(bounds.low), float(bounds.high)
    return Rate(domain, task, rate, hits / of, low, high, hits, of, alike)


def _tasks_of(plan: Plan, domain: str) -> Ints:
    return np.flatnonzero([task.domain == domain for task in plan.tasks]).astype(np.int64)


def _counted(totals: Totals) -> dict[str, tuple[Ints, Ints]]:
    """Return for each known rate the hits of each task, and of how many emails.

    A source may tell more losses than emails, or more opens than were delivered, where its events
    come late: a share is one at most.
    """
    sent = totals["sent"]
    lost = sum((totals[OUTCOME[rate]] for rate in EXCLUSIVE if OUTCOME[rate] in totals),
               np.zeros_like(sent))  # fmt: skip
    delivered = np.maximum(sent - lost, 0)
    found = {}
    for rate in RATES:
        if OUTCOME[rate] in totals:
            of = np.maximum(sent, lost) if rate in EXCLUSIVE else delivered
            found[rate] = np.minimum(totals[OUTCOME[rate]], of), of
    return found


def _tests(
    counted: Mapping[str, tuple[Ints, Ints]], plan: Plan
) -> dict[tuple[str, str], tuple[float, Ints]]:
    """Compare the tasks of each domain: how often alike ones would differ so much, and which.

    Pearson's test of equal shares, of the tasks of which enough is expected of both kinds.
    """
    from scipy.stats import chi2_contingency  # slow to import

    found = {}
    for domain in plan.domains:
        mine = _tasks_of(plan, domain.name)
        for rate, (hits, of) in counted.items():
            share = hits[mine].sum() / max(of[mine].sum(), 1)
            enough = mine[of[mine] * min(share, 1 - share) >= _FEW]
            if len(enough) > 1:
                table = np.array([hits[enough], (of - hits)[enough]])
                chance = float(chi2_contingency(table, correction=False).pvalue)
                found[domain.name, rate] = chance, enough
    return found


def table(rates: Sequence[Rate]) -> pd.DataFrame:
    """Return rates as a tidy frame, one row each; ``task`` is empty in a domain's own."""
    return pd.DataFrame(rates, columns=COLUMNS).astype({"task": "str"})


def sentences(quality: pd.DataFrame) -> list[str]:
    """Say which rates were found, and which the history does not tell."""
    found = []
    for row in map(Rate._make, quality.itertuples(index=False)):
        whose = repr(row.task) if isinstance(row.task, str) else row.domain
        found.append(
            f"{row.rate} of {whose}: {row.value:.4g} ({row.low:.4g} to {row.high:.4g}), "
            f"{row.hits:,} of {row.of:,} emails"
        )
    unknown = [rate for rate in RATES if rate not in set(quality["rate"])]
    if len(unknown) == len(RATES):
        return ["quality: the history does not tell what became of emails"]
    if unknown:
        found.append(f"quality: the history tells nothing of {', '.join(unknown)}")
    return found


# --- in a plan ------------------------------------------------------------------------------------


def applied(plan: Plan, rates: Sequence[Rate]) -> Plan:
    """Return a plan with rates; what they say nothing of stays as the plan has it."""
    try:
        return _applied(plan, rates, RATES)
    except PlanError:  # what the plan had does not go with what was seen
        return _applied(plan, rates, ())


def _applied(plan: Plan, rates: Sequence[Rate], kept: Sequence[str]) -> Plan:
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for entry in rates:
        value = floor(entry.value * _DIGITS) / _DIGITS  # so that no sum passes 1
        found.setdefault((entry.domain, entry.task), {})[entry.rate] = value
    domains = [
        replace(entry, quality=_quality(entry.quality, found.get((entry.name, None)), kept))
        for entry in plan.domains
    ]
    tasks = []
    for task in plan.tasks:
        of_domain = found.get((task.domain, None))
        if of_domain:  # segments go: nobody saw which email was of which
            left = [name for name in kept if name not in of_domain]
            own = _quality(task.quality, found.get((task.domain, task.name), {}), left)
            task = replace(task, quality=own, segments=None)
        tasks.append(task)
    return replace(plan, domains=tuple(domains), tasks=tuple(tasks))


def _quality(
    given: Quality | None, rates: Mapping[str, float] | None, kept: Sequence[str]
) -> Quality | None:
    """Return rates, and those that were given of the kept ones; None if there are none."""
    if rates is None:
        return given
    before = given.given if given else {}
    own: dict[str, Any] = {name: before[name] for name in kept if name in before} | dict(rates)
    return Quality(**own) if own else None


# --- held out -------------------------------------------------------------------------------------


def held_out(told: Told | None, plan: Plan, cut: int) -> pd.DataFrame:
    """Fit what was told up to an instant, and say how wrong that is of what came later.

    Parameters
    ----------
    told, plan
        As in :func:`fit`.
    cut
        Where the part begins that is held out; microseconds since the Unix epoch. The shares of
        the day before it are the naive forecast.

    Returns
    -------
    pandas.DataFrame
        One row a rate: ``rate``, ``of`` (emails held out that it is a share of), ``model`` and
        ``yesterday`` (by how many of these the forecasts are wrong, as a share of them).
    """
    day = plan.clock.day_start(plan.clock.date(cut - 1))
    rows = list(_held_out(told, plan, cut, day)) if told is not None else []
    return pd.DataFrame(rows, columns=["rate", "of", "model", "yesterday"])


def _held_out(
    told: Told, plan: Plan, cut: int, day: int
) -> Iterator[tuple[str, int, float, float]]:
    size = len(plan.tasks)
    until, before, whole = (told.totals(size, end) for end in (cut, day, None))
    later = _counted({name: np.maximum(whole[name] - until[name], 0) for name in whole})
    last = _counted({name: np.maximum(until[name] - before[name], 0) for name in whole})
    fitted = {(entry.domain, entry.task, entry.rate): entry.value for entry in _fit(until, plan)}
    for rate, (hits, of) in later.items():
        model, naive, total = 0.0, 0.0, 0
        for i, task in enumerate(plan.tasks):
            value = fitted.get(
                (task.domain, task.name, rate), fitted.get((task.domain, None, rate))
            )
            mine = _tasks_of(plan, task.domain)
            seen, among = (int(values[mine].sum()) for values in last[rate])
            if value is None or not among or not of[i]:
                continue  # nothing was seen of its domain, or not on the day before
            model += abs(value * of[i] - hits[i])
            naive += abs(seen / among * of[i] - hits[i])
            total += int(of[i])
        if total:
            yield rate, total, model / total, naive / total
