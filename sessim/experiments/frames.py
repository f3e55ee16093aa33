"""The tidy frames of replications: one row an observation, and what follows from them.

Times are in the plan's zone. A time that no replication reached is NaT and ``later`` counts it:
what is not finished is *later than* the end, and never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sessim.clock import HOUR, moment
from sessim.errors import ArgumentError, nearest, shown
from sessim.eventlog import NONE, integers, status_words, times, words
from sessim.experiments import intervals
from sessim.experiments.tally import Tally
from sessim.ledger import NOT_YET, Ints
from sessim.plan import Plan
from sessim.quality import OUTCOMES

_COUNTS: Final = ("requests", "sent", "cached", "failed", "cancelled")
_DAILY: Final = ("limit", "level", "sent", "failed", "cached", "backlog")
_MAY_LACK: Final = ("limit", "level")
_BY: Final = "by "

Measure = Callable[[Plan, Tally], NDArray[Any]]


def _sum_of(name: str) -> Measure:
    return lambda _, tally: tally.tasks[name].sum(axis=1)


MEASURES: Final[dict[str, Measure]] = {
    "finish_hours": lambda plan, tally: since_start(plan, tally.finished) / HOUR,
    **{name: _sum_of(name) for name in ("requests", "sent", "failed", "cancelled")},
    "unsent": lambda plan, tally: _unsent(tally).sum(axis=1),
    **{name: _sum_of(name) for name in OUTCOMES},
    "pauses": _sum_of("pauses"),
    "paused_hours": lambda plan, tally: tally.tasks["paused"].sum(axis=1) / HOUR,
    "largest_daily_backlog": lambda plan, tally: tally.daily["backlog"].sum(axis=1).max(axis=1),
}
"""What is measured of a replication as a whole.

``finish_hours`` counts from the plan's start and is infinite if a task is not finished; emails
are those of runs that were due; ``largest_daily_backlog`` is the largest at the end of a day.
"""


def _unsent(tally: Tally) -> Ints:
    of = tally.tasks
    return of["requests"] - of["sent"] - of["failed"] - of["cancelled"]


def check_measure(plan: Plan, name: str) -> str | None:
    """Return the time behind ``"by ..."``, None for a measure that is known.

    Raises
    ------
    ArgumentError
        If there is no such measure, or no such time.
    """
    if str(name).startswith(_BY):
        try:
            plan.clock.end_instant(moment(name.removeprefix(_BY)))
        except ValueError as error:
            raise ArgumentError(f"measure: {error}") from None
        return name.removeprefix(_BY)
    if name not in MEASURES:
        raise ArgumentError(f"measure: {shown(name)} is unknown; {nearest(str(name), MEASURES)}")
    return None


def measure(plan: Plan, tally: Tally, name: str) -> NDArray[Any]:
    """Return one of :data:`MEASURES`, an entry a replication."""
    return MEASURES[name](plan, tally)


# --- instants -------------------------------------------------------------------------------------


def since_start(plan: Plan, instants: Ints) -> NDArray[np.float64]:
    """Return instants as microseconds since the plan's start, infinity for what was later.

    Whole numbers of so many digits are exact as floats: 2**53 microseconds are 285 years.
    """
    late = instants == NOT_YET
    since = np.where(late, 0, instants) - plan.start_instant
    return np.where(late, np.inf, since)


def infinite(instants: Ints) -> NDArray[np.float64]:
    """Return instants as numbers that can be compared, infinity for what was later."""
    return np.where(instants == NOT_YET, np.inf, instants)


def instants(plan: Plan, since: ArrayLike) -> pd.DatetimeIndex:
    """Return times from microseconds since the plan's start, NaT where they are not finite."""
    data = np.asarray(since, dtype=np.float64)
    known = np.isfinite(data)
    whole = np.rint(np.where(known, data, 0)).astype(np.int64) + plan.start_instant
    return times(np.where(known, whole, NOT_YET), plan.timezone)


def finished(plan: Plan, tally: Tally, task: int | str | None) -> Ints:
    """Return when all tasks, or one, were finished, an entry a replication.

    Raises
    ------
    ArgumentError
        If the plan has no such task.
    """
    if task is None:
        return tally.finished
    names = [entry.name for entry in plan.tasks]
    if isinstance(task, str):
        if task not in names:
            raise ArgumentError(f"task: there is none named {shown(task)}; {nearest(task, names)}")
        return tally.tasks["finished"][:, names.index(task)]
    if not 1 <= task <= len(names):
        raise ArgumentError(f"task: {shown(task)} is none of 1 to {len(names)}")
    return tally.tasks["finished"][:, task - 1]


# --- a row for each replication -------------------------------------------------------------------


def finish(plan: Plan, tally: Tally, until: int) -> pd.DataFrame:
    """Return one row a replication.

    Columns ``replication`` (from 0), ``finished`` (NaT if a task was not), ``later_than`` (then
    the end, else NaT), and the other :data:`MEASURES`: emails of runs that were due ``requests,
    sent, failed, cancelled, unsent``, what became of those sent (``invalid`` and so on, see
    :data:`sessim.quality.OUTCOMES`), ``pauses`` and ``paused_hours`` summed over the runs,
    ``largest_daily_backlog`` (emails).
    """
    when = tally.finished
    columns: dict[str, Any] = {
        "replication": tally.numbers,
        "finished": times(when, plan.timezone),
        "later_than": times(np.where(when == NOT_YET, until, NOT_YET), plan.timezone),
    }
    for name in MEASURES:
        if name != "finish_hours":
            columns[name] = measure(plan, tally, name)
    return pd.DataFrame(columns, copy=False)


def tasks(plan: Plan, tally: Tally, until: int) -> pd.DataFrame:
    """Return one row a replication and task.

    Columns ``replication, task, name, domain``, and as they stood at the end ``status,
    requests, sent, cached, failed, cancelled`` (emails of its runs that were due), ``finished``
    (NaT if it was not), ``later_than`` (then the end, else NaT), ``pauses, paused_hours``, and
    what became of the emails sent: ``invalid, spam_bounce, soft_failures, complaints, opens,
    clicks, unsubscribes`` (0 without ``quality``).
    """
    count, n = len(plan.tasks), len(tally)
    index = {domain.name: code for code, domain in enumerate(plan.domains)}
    flat = {name: values.reshape(-1) for name, values in tally.tasks.items()}
    names = pd.array([task.name for task in plan.tasks], dtype="str")
    late = flat["finished"] == NOT_YET
    columns = {
        "replication": np.repeat(tally.numbers, count),
        "task": np.tile(np.arange(1, count + 1), n),
        "name": names.take(np.tile(np.arange(count), n)),
        "domain": words(np.tile([index[task.domain] for task in plan.tasks], n), list(index)),
        "status": status_words(flat["status"]),
        **{name: flat[name] for name in _COUNTS},
        "finished": times(flat["finished"], plan.timezone),
        "later_than": times(np.where(late, until, NOT_YET), plan.timezone),
        "pauses": flat["pauses"],
        "paused_hours": flat["paused"] / HOUR,
        **{name: flat[name] for name in OUTCOMES},
    }
    return pd.DataFrame(columns, copy=False)


def daily(plan: Plan, tally: Tally) -> pd.DataFrame:
    """Return one row a replication, domain and date.

    The dates of a domain are the same in each replication: from the first on which a run of it
    is due to the last on which it had work in any of them. Columns ``replication, domain, date``;
    ``limit`` and ``level`` (of the reputation; both empty if there is none, or the replication
    had ended), ``sent, failed`` (emails of the day, test sends included), and as they stand at the
    end of the day ``cached`` (emails in the cache queue) and ``backlog`` (emails due and unsent).
    """
    domain, day = places(plan, tally).T
    n, size = len(tally), len(domain)
    flat = {name: tally.daily[name][:, domain, day].reshape(-1) for name in _DAILY}
    columns = {
        "replication": np.repeat(tally.numbers, size),
        "domain": words(np.tile(domain, n), [entry.name for entry in plan.domains]),
        "date": np.tile(dates(tally)[day], n),
        **flat,
        **{name: integers(flat[name], flat[name] == NONE) for name in _MAY_LACK},
    }
    return pd.DataFrame(columns, copy=False)


def dates(tally: Tally) -> NDArray[np.datetime64]:
    """Return the days as dates without a zone."""
    since = tally.days - np.datetime64("1970-01-01", "D").item().toordinal()
    return since.view("M8[D]").astype("M8[us]")


def places(plan: Plan, tally: Tally) -> Ints:
    """Return pairs of a domain and a day: from its first due run to its last day with work."""
    of = tally.daily
    before = np.roll(of["backlog"], 1, axis=2)
    before[:, :, 0] = 0
    moved = of["sent"] + of["failed"] + of["dues"] + of["backlog"] + before
    had_work, was_due = (np.any(values > 0, axis=0) for values in (moved, of["dues"]))
    found = [
        (domain, day)
        for domain in range(len(plan.domains))
        if was_due[domain].any()
        for day in range(was_due[domain].argmax(), np.flatnonzero(had_work[domain])[-1] + 1)
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


# --- what follows from them -----------------------------------------------------------------------


def column(q: float) -> str:
    """Return the name of a quantile's column: ``p05``, ``p50``, ``p97.5``."""
    percent = f"{100 * q:.6g}"
    return f"p{percent}" if q >= 0.1 else f"p0{percent}"


def finish_summary(
    plan: Plan, tally: Tally, level: float, quantiles: Sequence[float]
) -> pd.DataFrame:
    """Return when the plan (first row, ``task`` empty) and each task is finished.

    Columns ``task, name``; ``n`` (replications), ``later`` (how many were not finished);
    ``mean`` and for each quantile ``p05`` and so on, each followed by the bounds of its interval
    ``..._low`` and ``..._high``: times, NaT where they are later than the end, or where there are
    too few replications for a bound.
    """
    each = np.column_stack([tally.finished, tally.tasks["finished"]])
    since = since_start(plan, each)
    names = ["all tasks", *(task.name for task in plan.tasks)]
    number = np.arange(len(names))
    columns: dict[str, Any] = {
        "task": integers(number, number == 0),
        "name": pd.array(names, dtype="str"),
        "n": np.full(len(names), len(tally)),
        "later": np.isinf(since).sum(axis=0),
    }
    bands = {"mean": intervals.means(since, level)}
    bands |= {column(q): intervals.quantiles(since, q, level) for q in quantiles}
    for name, band in bands.items():
        for suffix, values in zip(("", "_low", "_high"), band, strict=True):
            columns[name + suffix] = instants(plan, values)
    return pd.DataFrame(columns, copy=False)


def daily_summary(
    plan: Plan, tally: Tally, level: float, quantiles: Sequence[float]
) -> pd.DataFrame:
    """Return what a day brings to each domain.

    One row a domain, date and ``measure`` (as the columns of :func:`daily`). Columns ``n`` (the
    replications that count: for ``limit`` and ``level`` those that had one), ``mean, mean_low,
    mean_high``, and the quantiles (emails, or levels).
    """
    domain, day = places(plan, tally).T
    parts = []
    for name in _DAILY:
        values = tally.daily[name][:, domain, day]
        data = values.astype(np.float64)
        counted = np.full(len(domain), len(tally))
        if name in _MAY_LACK:
            counted = (values != NONE).sum(axis=0)
        statistics = _statistics(data, values, counted, level, quantiles)
        part = {
            "domain": words(domain, [entry.name for entry in plan.domains]),
            "date": dates(tally)[day],
            "measure": pd.array([name] * len(domain), dtype="str"),
            "n": counted,
            **statistics,
        }
        parts.append(pd.DataFrame(part, copy=False))
    return pd.concat(parts, ignore_index=True)


def _statistics(
    data: NDArray[np.float64],
    values: Ints,
    counted: Ints,
    level: float,
    quantiles: Sequence[float],
) -> dict[str, NDArray[np.float64]]:
    """Return mean and quantiles of columns, those with less than all replications one by one."""
    names = ["mean", "mean_low", "mean_high", *map(column, quantiles)]
    found = np.full((len(names), data.shape[1]), np.nan)

    def fill(chosen: Any, part: NDArray[np.float64]) -> None:
        found[:3, chosen] = intervals.means(part, level)
        for place, q in enumerate(quantiles, 3):
            found[place, chosen] = intervals.quantiles(part, q, level).value

    whole = counted == len(data)
    if whole.any():
        fill(whole, data[:, whole])
    for place in np.flatnonzero(~whole & (counted > 0)):
        rows = values[:, place] != NONE
        fill([place], data[rows][:, [place]])
    return dict(zip(names, found, strict=True))


def measures(plan: Plan, tally: Tally, level: float, quantiles: Sequence[float]) -> pd.DataFrame:
    """Return one row for each of :data:`MEASURES`.

    Columns ``measure, mean, mean_low, mean_high, sd`` (standard deviation) and the quantiles.
    """
    names = list(MEASURES)
    data = np.column_stack([measure(plan, tally, name) for name in names]).astype(np.float64)
    band = intervals.means(data, level)
    finite = np.isfinite(data).all(axis=0)
    spread = np.full(len(names), np.nan)
    if len(data) > 1:
        spread[finite] = data[:, finite].std(axis=0, ddof=1)
    columns: dict[str, Any] = {
        "measure": pd.array(names, dtype="str"),
        "mean": band.value,
        "mean_low": band.low,
        "mean_high": band.high,
        "sd": spread,
    }
    for q in quantiles:
        columns[column(q)] = intervals.quantiles(data, q, level).value
    return pd.DataFrame(columns, copy=False)
