"""How wrong a forecast is beside the naive ones, on a part of the history it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.clock import DAY
from sessim.eventlog import EventLog
from sessim.history.observed import Observed
from sessim.history.paths import Floats, Paths
from sessim.history.sightings import Sightings
from sessim.ledger import Ints
from sessim.plan import Plan
from sessim.simulation import simulate

_COLUMNS: Final = ["measure", "model", "trend", "yesterday"]
_GRID: Final = DAY // 96


def empty() -> pd.DataFrame:
    """Return the table of a history that is too short to hold a part back."""
    return pd.DataFrame(columns=_COLUMNS).astype(dict.fromkeys(_COLUMNS[1:], float))


def table(whole: Observed, head: Observed, plan: Plan, cut: int) -> pd.DataFrame:
    """Compare forecasts of the backlog with what was seen of it from an instant on.

    Parameters
    ----------
    whole, head
        All that was seen, and what was seen before ``cut``.
    plan
        Fitted to ``head``; the model's forecast is its simulation.
    cut
        In microseconds since the Unix epoch.

    Returns
    -------
    pandas.DataFrame
        One row a measure, as a share of the emails requested: ``backlog``, the mean distance of
        its path at every quarter of an hour, and ``backlog, most``, the largest. Columns: the
        model, a straight line through the backlog before, and the last day before over again.
    """
    if whole.end < cut:
        return empty()
    after = np.append(np.arange(cut, whole.end, _GRID), whole.end)
    volume = float(whole.plan.runs.requests[whole.plan.runs.due <= whole.end].sum())
    result = simulate(plan, until=plan.clock.local(whole.end + 1))
    truth = whole.backlog(after).astype(np.float64)
    paths: Mapping[str, Floats] = {
        "model": backlog(result.log, after),
        "trend": _trend(head, cut)(after),
        "yesterday": _yesterday(head, cut)(after),
    }
    away = {name: np.abs(path - truth) / volume for name, path in paths.items()}
    measures: list[tuple[str, Callable[[Floats], np.floating]]] = [
        ("backlog", np.mean),
        ("backlog, most", np.max),
    ]
    rows = [
        (label, *(float(measure(away[name])) for name in _COLUMNS[1:]))
        for label, measure in measures
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def backlog(log: EventLog, instants: Ints) -> Floats:
    """Return the emails that a log says were due and not sent at instants."""
    runs = log.plan.runs
    shape = (len(instants), len(runs))
    grid = [np.broadcast_to(column, shape).ravel() for column in (runs.task, runs.number)]
    zeros = np.zeros(shape, dtype=np.int64).ravel()
    time = np.repeat(instants, len(runs))
    looks = Sightings(time, *(c.astype(np.int64) for c in grid), *([zeros] * 6))
    sent, _ = Paths(log).at(looks)
    is_due: NDArray[np.bool_] = runs.due <= instants[:, None]
    unsent: Floats = np.where(is_due, runs.requests - sent.reshape(shape), 0.0).sum(axis=1)
    return unsent


def _grid(head: Observed, cut: int, since: int) -> tuple[Ints, Floats]:
    instants = np.arange(since, cut, _GRID)
    return instants, head.backlog(instants).astype(np.float64)


def _trend(head: Observed, cut: int) -> Callable[[Ints], Floats]:
    instants, path = _grid(head, cut, head.plan.start_instant)
    slope, level = np.polyfit((instants - cut) / DAY, path, 1)
    return lambda later: np.maximum(level + slope * (later - cut) / DAY, 0)


def _yesterday(head: Observed, cut: int) -> Callable[[Ints], Floats]:
    instants, path = _grid(head, cut, cut - DAY)
    return lambda later: np.asarray(np.interp((later - cut) % DAY + cut - DAY, instants, path))
