"""Holding an event log against the rules R1 to R11: what breaks which, where and by how much.

Each check is a function in a table (:data:`CHECKS`); each looks at arrays, one entry a row of a
run beside how the run stood before. Where a row's instant is only known to lie between two looks,
a rule counts as broken only if no instant between them could have kept it, nor one shortly before:
what a look shows may be some minutes old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.eventlog import SEEN
from sessim.history.conformance import (
    counts,
    judgements,
    levels,
    outcomes,
    quotas,
    restarts,
    runs,
    serving,
)
from sessim.history.conformance import usual as restarting
from sessim.history.conformance.check import COLUMNS, Check, Findings, Ints
from sessim.history.conformance.reading import LogFile
from sessim.history.conformance.stretch import Stretch, Trail
from sessim.history.conformance.usual import Usual
from sessim.history.sightings import LATE
from sessim.plan import DEFAULT_RATE, Plan

if TYPE_CHECKING:
    from sessim.eventlog import EventLog
    from sessim.history.history import Evidence

__all__ = ["AT_THE_END", "CHECKS", "COLUMNS", "audit", "findings"]

CHECKS: Final[tuple[Check, ...]] = (
    *quotas.CHECKS,
    *restarts.CHECKS,
    *counts.CHECKS,
    *outcomes.CHECKS,
    *levels.CHECKS,
    *serving.CHECKS,
    *runs.CHECKS,
)
"""What is looked for in each stretch of a log, in this order."""

AT_THE_END: Final[tuple[Check, ...]] = (
    *quotas.AT_THE_END,
    *levels.AT_THE_END,
    *judgements.AT_THE_END,
    *runs.AT_THE_END,
)
"""What only the whole log tells."""

STRETCH: Final = 1 << 18
"""Rows that are looked at together."""


class Audit:
    """Checks a log stretch by stretch.

    Parameters
    ----------
    plan
        By whose rules.
    simulated
        Whether the log was written by a simulation, which keeps the rate to the microsecond.
    rate
        The most emails a second. Default: the plan's rate.
    known
        What else :class:`Trail` is to know.
    """

    def __init__(
        self, plan: Plan, *, simulated: bool, rate: Fraction | None = None, **known: Any
    ) -> None:
        self.trail = Trail(plan, simulated=simulated, rate=rate, **known)
        self._findings = Findings(plan)

    def add(
        self,
        columns: Mapping[str, NDArray[Any]],
        earliest: Ints,
        latest: Ints,
        source: Ints,
        details: Sequence[str],
    ) -> None:
        """Check the next stretch."""
        stretch = Stretch(self.trail, columns, earliest, latest, source, details)
        for check in CHECKS:
            self._findings.add(check, check.find(stretch))
        stretch.close()

    def frame(self) -> pd.DataFrame:
        """Check what only the whole tells, and return the findings."""
        for check in AT_THE_END:
            self._findings.add(check, check.find(self.trail))
        return self._findings.frame()


def findings(log: EventLog, evidence: Evidence, *, stretch: int = STRETCH) -> pd.DataFrame:
    """Return what in a log breaks the rules of its plan.

    Parameters
    ----------
    log
        Any event log.
    evidence
        How its rows are known.
    stretch
        Rows that are looked at together: fewer take less memory.

    Returns
    -------
    pandas.DataFrame
        One row a finding, in order of time: ``rule`` (``R1`` to ``R11``), ``check`` (what is
        wrong, in a few words), ``severity`` (``error``: no service can do that; ``warning``: the
        plan's rules do not), ``task``, ``run``, ``domain``, ``time``, ``seq`` (the row of the log,
        empty where a row is missing), ``source`` (the row of the source), ``size`` (emails,
        microseconds or times), ``finding`` (a sentence). Of each check the first
        1,000 are told, and one row counts the others. No rows: nothing is wrong.
    """
    simulated = log.meta.get("mode") == "simulate"
    earliest, latest, source = evidence.earliest, evidence.latest, evidence.source
    if log.is_seen:
        earliest = np.where(earliest < latest, earliest - LATE, earliest)
    is_told = log.meta.get("rate") != SEEN  # else the plan was found from looks
    audit = Audit(
        log.plan, simulated=simulated, rate=most_rate(log), is_told=is_told,
        knows_turns=not log.is_seen, doubts=evidence.doubts,
        usual=None if is_told else restarting.usual(log, earliest, latest),
    )  # fmt: skip
    for first in range(0, len(log), stretch):
        part = slice(first, first + stretch)
        columns = {name: values[part] for name, values in log.columns.items()}
        audit.add(columns, earliest[part], latest[part], source[part], log.details)
    return audit.frame()


def most_rate(log: EventLog) -> Fraction:
    """Return the most emails a second that an account may have sent.

    A rate that was found from looks is a mean: unless a plan states it, the service's own is the
    bound.
    """
    if log.meta.get("rate") == SEEN:
        return max(log.plan.rate, DEFAULT_RATE)
    return log.plan.rate


def audit(path: str | PathLike[str], *, stretch: int = STRETCH) -> pd.DataFrame:
    """Return the findings of a log in a Parquet file, read stretch by stretch.

    However long the log, it takes the memory of one stretch and of its runs. What only the whole
    tells of a history without a plan, when its paused runs are restarted, is not judged.

    Parameters
    ----------
    path
        A log that :meth:`sessim.EventLog.write` wrote.
    stretch
        As in :func:`findings`, which describes the table too.

    Raises
    ------
    LogError
        If the file cannot be read, or is no event log.
    """
    file = LogFile(path)
    usual = None if file.is_told else Usual.unknown(len(file.plan.domains))
    audit = Audit(
        file.plan, simulated=file.simulated, is_told=file.is_told,
        knows_turns=not file.is_seen, usual=usual,
    )  # fmt: skip
    first = 0
    for columns in file.batches(stretch):
        source = np.arange(first, first + len(columns["time"]))
        audit.add(columns, columns["time"], columns["time"], source, file.details)
        first += len(source)
    return audit.frame()
