"""What would have happened: a history that goes on from an instant by itself, with changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from sessim.errors import ArgumentError
from sessim.eventlog import EventLog
from sessim.history.chance import kept
from sessim.history.changes import changed
from sessim.history.cut import model_at
from sessim.history.diff import Diff, diff
from sessim.logwriter import LogWriter
from sessim.result import Result


@dataclass(frozen=True)
class WhatIf:
    """What happened, and what would have.

    Attributes
    ----------
    at
        Where they part.
    changes
        As asked for.
    actual
        The history.
    forecast
        The past up to ``at`` and what the rules make of it then, with the changes.
    expected
        The same without the changes: what of the difference is due to the changes, and what to a
        history that does not follow the rules.
    """

    at: pd.Timestamp
    changes: Mapping[str, Any]
    actual: Result
    forecast: Result
    expected: Result

    @cached_property
    def diff(self) -> Diff:
        """What differs between what happened and what would have."""
        return diff(self.actual, self.forecast)

    @cached_property
    def effect(self) -> Diff:
        """What differs between the forecasts without and with the changes."""
        return diff(self.expected, self.forecast)

    def __repr__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.changes.items())
        return f"from {self.at:%Y-%m-%d %H:%M} on with {words or 'no changes'}: {self.diff!r}"


def go_on(
    log: EventLog,
    instant: int,
    changes: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Result:
    """Return the past of a log up to an instant, and what the rules make of it then.

    Parameters
    ----------
    log
        What happened; nothing behind the instant is looked at.
    instant
        In microseconds since the Unix epoch.
    changes
        As in :meth:`sessim.history.History.what_if`.
    seed
        What chance is derived from then. Default: the log's own, with which a simulation of ours
        goes on as it did; 0 if it has none.
    """
    plan = changed(log.plan, log, instant, changes) if changes else log.plan
    model = model_at(log, instant, plan, seed)
    model.run()
    told = model.log()
    model.state.log = LogWriter()  # model and processes refer to each other and live on for a while
    return Result(kept(told, log, instant))


def what_if(
    actual: Result, instant: int, changes: Mapping[str, Any], seed: int | None = None
) -> WhatIf:
    """Fork a history (see :meth:`sessim.history.History.what_if`)."""
    log = actual.log
    if instant < log.plan.start_instant:
        raise ArgumentError("at: is before the history begins; give a later time")
    at = pd.Timestamp(instant, unit="us", tz="UTC").tz_convert(log.timezone)
    expected = go_on(log, instant, seed=seed)
    forecast = go_on(log, instant, changes, seed) if changes else expected
    return WhatIf(at, dict(changes), actual, forecast, expected)
