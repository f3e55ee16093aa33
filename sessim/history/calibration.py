"""Fitting a plan to a history: the rules first, then limits and rate, with an honest margin."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sessim.clock import DAY, SECOND
from sessim.errors import HistoryError, SessimWarning
from sessim.history import forecast, limits, rates
from sessim.history.observed import Observed
from sessim.history.paths import Paths
from sessim.history.ruleset import Rules, candidates, seen_late
from sessim.history.sightings import LATE
from sessim.lifecycle import TaskStatus
from sessim.plan import Plan
from sessim.simulation import simulate
from sessim.warmup import levels

if TYPE_CHECKING:
    from sessim.history.history import History

MARGIN: Final = 1.15
"""A rule is decided if the next best choice of it fits at least so many times worse."""

_FINALISTS: Final = 6
_SLOWER, _FASTER = 1.6, 4.0
"""The rate is sought from the sustained one divided by the first to it times the second."""
_CLOSE_ENOUGH: Final = 0.002
_ALIKE: Final = 1.02
"""A rounder rate is taken if it fits as well but for this."""

_DIGITS: Final = 1000
_LONGEST_DELAY: Final = 60  # minutes
_EXACT: Final = 1e-9
_PLAIN: Final = 100  # beyond this, how many times better a rule fits is no matter
_FITTED_SHARE: Final = (2, 3)
_RULES: Final = ("discipline", "reset", "timezone")


@dataclass(frozen=True)
class Fit:
    """A plan that follows some rules, and how far it is from what was seen.

    Attributes
    ----------
    rules
        The rules.
    plan
        The plan, which can be simulated.
    loss
        Mean distance of the emails sent and cached from those seen, over time, as a share of a
        run's requests.
    """

    rules: Rules
    plan: Plan
    loss: float


class Margin(NamedTuple):
    """How surely a rule is known."""

    rule: str
    value: str
    next_best: str | None
    margin: float
    decided: bool


@dataclass(frozen=True)
class Calibration:
    """What a history says about the rules behind it.

    Attributes
    ----------
    plan
        A plan that re-simulates the history: the rules that fit best, the fitted limits and the
        sustained rate. A rule that is not decided stays as the history's own plan had it.
    rules
        One row a rule: ``rule``, ``value`` (the best), ``next_best``, ``margin`` (how many times
        worse that fits), ``decided``.
    candidates
        One row a choice of all rules, the best first: ``discipline, timezone, reset, rate, loss``.
    errors
        One row a measure of the part of the history that the fit had not seen: ``measure``,
        ``model`` and the naive forecasts ``trend`` and ``yesterday``; empty if it was too short.
    quality
        One row a quality rate of a domain, and of a task where tasks surely differ: ``domain,
        task, rate, value, low, high, hits, of, alike`` (see :class:`sessim.history.rates.Rate`).
        The plan has these rates. No rows: the history does not say what became of emails.
    quality_errors
        One row a rate: by how many emails of the held-out part it is wrong (see
        :func:`sessim.history.rates.held_out`).
    """

    plan: Plan
    rules: pd.DataFrame
    candidates: pd.DataFrame
    errors: pd.DataFrame
    quality: pd.DataFrame
    quality_errors: pd.DataFrame

    @property
    def undecided(self) -> tuple[str, ...]:
        """The rules between which the history does not choose."""
        return tuple(self.rules.loc[~self.rules["decided"], "rule"])

    def __repr__(self) -> str:
        lines = [_sentence(Margin(*row)) for row in self.rules.itertuples(index=False)]
        lines.append(f"rate: {float(self.plan.rate):.4g} emails/s, sustained")
        if self.plan.restart_delay:
            lines.append(_delay_sentence(self.plan.restart_delay))
        lines += rates.sentences(self.quality)
        return "\n".join(lines)


def _sentence(margin: Margin) -> str:
    rule, value, next_best, times, decided = margin
    if np.isinf(times):
        return f"{rule}: {value}, nothing else explains what was seen"
    if decided:
        much = f"{times:.1f}" if times < _PLAIN else f"more than {_PLAIN}"
        return f"{rule}: {value}, fits {much} times better than {next_best}"
    return f"{rule}: not decided, {value} and {next_best} fit alike"


def _delay_sentence(delay: int) -> str:
    """Say how long after the reset paused runs went on, or seemed to."""
    said = f"restart_delay: {delay} s after the reset"
    if delay * SECOND <= LATE:  # nothing else tells of a restart but the counters
        said += ", or counters that tell so much later of a restart at once: both look alike"
    return said


def calibrate(history: History) -> Calibration:
    """Fit the rules, then the limits and the rate, to what a history saw.

    Parameters
    ----------
    history
        The history. Its plan says which tasks there were; what it says of limits stays where it
        agrees with what was sent.

    Returns
    -------
    Calibration
        The plan, the margins, and the errors on the last third, forecast from the first two.

    Raises
    ------
    HistoryError
        If nothing was seen to be sent.
    """
    whole = Observed(history)
    fits = fit(whole)
    margins = _margins(fits)
    told, own = history.evidence.told, history.plan
    quality = rates.fit(told, own)
    cut = _cut(history, whole)
    return Calibration(
        _judged(_chosen(fits, margins, own), own, whole),
        pd.DataFrame(margins),
        _table(fits),
        _held_out(history, whole, cut),
        rates.table(quality),
        rates.held_out(told, own, cut),
    )


def fit(observed: Observed) -> list[Fit]:
    """Return the choices of rules from the best to the worst, the first few with their own rate.

    Raises
    ------
    HistoryError
        If nothing was seen to be sent.
    """
    rate = observed.sustained_rate
    if rate is None:
        raise HistoryError(
            "history: no emails were seen between two looks while a task was Sending, so there is "
            "nothing to fit; give a longer history, or one with more polls"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SessimWarning)  # limits that fall, in rules that are wrong
        fits = sorted((_fit(observed, rules, rate) for rules in candidates(observed)), key=_loss)
        finalists = _finalists(fits)
        refined = sorted((_refined(observed, fit, rate) for fit in finalists), key=_loss)
        refined[0] = _delayed(observed, refined[0], rate)
    return sorted([*refined, *(fit for fit in fits if fit not in finalists)], key=_loss)


def _loss(fit: Fit) -> float:
    return fit.loss


def _finalists(fits: list[Fit]) -> list[Fit]:
    """Return the best few, and with them the best of every choice of a rule."""
    chosen = fits[:_FINALISTS]
    for rule in _RULES:
        for value in {getattr(fit.rules, rule) for fit in chosen}:
            others = (fit for fit in fits if getattr(fit.rules, rule) != value)
            best = next(others, None)
            if best is not None and best not in chosen:
                chosen.append(best)
    return chosen


def _fit(observed: Observed, rules: Rules, rate: float) -> Fit:
    ruled = rules.applied(observed.plan)
    is_rolling = ruled.window == "rolling"
    found = [
        limits.days(observed, place, ruled.clock, is_rolling=is_rolling)
        for place in range(len(ruled.domains))
    ]
    domains = limits.fitted(ruled.domains, found)
    plan = replace(ruled, domains=domains, rate=_written(rate))
    return Fit(rules, plan, _distance(observed, plan))


def _written(rate: float) -> Fraction:
    return max(Fraction(rate).limit_denominator(_DIGITS), Fraction(1, 86_400))


def _refined(observed: Observed, fit: Fit, rate: float) -> Fit:
    """Return a fit with the rate that suits it best, near the sustained one."""

    def at(logarithm: float) -> Fit:
        return _changed(observed, fit, rate=_written(rate * np.exp(logarithm)))

    found = _least(at, -np.log(_SLOWER), np.log(_FASTER), _CLOSE_ENOUGH)
    best = min(found, fit, key=_loss)
    plain = (round(float(best.plan.rate), digits) for digits in range(3))
    rounded = (_changed(observed, best, rate=_written(number)) for number in plain if number)
    return next((other for other in rounded if other.loss <= best.loss * _ALIKE), best)


def _delayed(observed: Observed, fit: Fit, rate: float) -> Fit:
    """Return a fit with the delay from a reset to the restart that suits it best.

    Each delay with its own rate: who begins later must have been faster.
    """
    if fit.plan.restart == "manual" or not seen_late(observed, fit.plan.clock):
        return fit

    def at(minutes: float) -> Fit:
        delayed = _changed(observed, fit, restart_delay=round(minutes) * 60)
        return _refined(observed, delayed, rate)

    found = _least(at, 0, _LONGEST_DELAY, 1)
    return found if found.loss * MARGIN <= fit.loss else fit


def _changed(observed: Observed, fit: Fit, **changes: Any) -> Fit:
    plan = replace(fit.plan, **changes)
    return Fit(fit.rules, plan, _distance(observed, plan))


def _least(at: Callable[[float], Fit], low: float, high: float, width: float) -> Fit:
    """Return the best of the fits that a number between two bounds makes."""
    from scipy.optimize import minimize_scalar  # slow to import

    found = minimize_scalar(
        lambda number: at(number).loss,
        bounds=(low, high),
        method="bounded",
        options={"xatol": width},
    )
    return at(float(found.x))


def _distance(observed: Observed, plan: Plan) -> float:
    """Return how far a plan's simulation is from what was seen."""
    seen = observed.seen
    end = max(observed.end, plan.start_instant + DAY) + SECOND
    result = simulate(plan, until=plan.clock.local(end))
    sent, cached = Paths(result.log).at(seen)
    is_cached = np.where(seen.status == TaskStatus.TO_START, 0, seen.cached)
    away = np.abs(sent - seen.sent) + np.abs(cached - is_cached)
    return float(np.average(away, weights=observed.weight) / seen.requests.mean())


# --- what is told of it --------------------------------------------------------------------------


def _margins(fits: list[Fit]) -> list[Margin]:
    best, found = fits[0], []
    for rule in _RULES:
        value: str = getattr(best.rules, rule)
        others = (fit for fit in fits if getattr(fit.rules, rule) != value)
        if rule == "timezone":
            others = (fit for fit in others if fit.rules._replace(timezone=value) == best.rules)
        rival = next(others, None)
        if rival is None:
            found.append(Margin(rule, value, None, np.inf, True))
            continue
        margin = rival.loss / max(best.loss, _EXACT)
        found.append(Margin(rule, value, getattr(rival.rules, rule), margin, margin >= MARGIN))
    return found


def _chosen(fits: list[Fit], margins: list[Margin], own: Plan) -> Plan:
    """Return the best plan; where it is not decided, one that keeps the rules it had."""
    before = Rules(
        own.discipline,
        own.timezone,
        own.window,
        own.restart_at if isinstance(own.restart_at, dt.time) else None,
    )
    wanted = {
        entry.rule: entry.value if entry.decided else getattr(before, entry.rule)
        for entry in margins
    }
    alike = (fit for fit in fits if fit.loss <= MARGIN * fits[0].loss)
    kept = (fit for fit in alike if all(getattr(fit.rules, r) == v for r, v in wanted.items()))
    return next(kept, fits[0]).plan


def _judged(plan: Plan, own: Plan, whole: Observed) -> Plan:
    """Return a plan with the chance of a history's own, and its reputations if they can be.

    A domain goes by its reputation as it did, if its plan says so and every limit is of a level.
    """
    domains = []
    for place, (found, before) in enumerate(zip(plan.domains, own.domains, strict=True)):
        known = limits.days(whole, place, plan.clock, is_rolling=False).known.values()
        if before.warmup == "reputation" and plan.window == "day" and {*known} <= {*levels()}:
            found = replace(before, quality=found.quality)
        domains.append(found)
    return replace(plan, domains=tuple(domains), outcomes=own.outcomes)


def _table(fits: list[Fit]) -> pd.DataFrame:
    rows = [
        (fit.rules.discipline, fit.rules.timezone, fit.rules.reset, float(fit.plan.rate), fit.loss)
        for fit in fits
    ]
    return pd.DataFrame(rows, columns=["discipline", "timezone", "reset", "rate", "loss"])


def _cut(history: History, whole: Observed) -> int:
    """Return when the last part of a history begins, on which a fit to the first is tested."""
    part, parts = _FITTED_SHARE
    start, clock = history.plan.start_instant, history.plan.clock
    return clock.day_start(clock.date(start + (whole.end - start) * part // parts))


def _held_out(history: History, whole: Observed, cut: int) -> pd.DataFrame:
    """Fit the first part alone, forecast the rest and measure by how much it is wrong."""
    head = Observed(history, cut)
    if head.sustained_rate is None or cut <= history.plan.start_instant:
        return forecast.empty()
    return forecast.table(whole, head, fit(head)[0].plan, cut)
