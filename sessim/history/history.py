"""What happened, rebuilt from the files that tell of it: a result, and how sure each row is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim import tables
from sessim.clock import moment
from sessim.errors import ArgumentError
from sessim.eventlog import EventLog, times
from sessim.history import conformance, diff, forks
from sessim.history.doubts import Doubts, column
from sessim.history.explanation import Explanation
from sessim.history.sightings import Sightings
from sessim.history.told import Told
from sessim.ledger import NOT_YET
from sessim.result import Result

if TYPE_CHECKING:
    from sessim.history.calibration import Calibration

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """How a history is known.

    Attributes
    ----------
    earliest, latest
        Between which instants each row of the log happened, in microseconds since the Unix epoch;
        equal where the source dates the event itself. The log's ``time`` lies between them.
    seen
        The counters of runs as they were seen.
    source
        The row of the source that each row of the log was taken from, -1 for what was derived.
    ids
        The source's own name of each task, in the order of the log's ids.
    timezone
        The zone in which times without one were read.
    notes
        Sentences: what was left out and why, which assumptions were made.
    told
        What became of the emails sent; None if the source does not say.
    doubts
        By the domain's place and the instant of a midnight: the most emails of which nobody saw on
        which side of it they were sent.
    """

    earliest: Ints
    latest: Ints
    seen: Sightings
    source: Ints
    ids: Sequence[int | str]
    timezone: str
    notes: tuple[str, ...] = ()
    told: Told | None = None
    doubts: Doubts = field(default_factory=dict)

    @classmethod
    def exact(cls, log: EventLog) -> Evidence:
        """Take every row of a log at its word."""
        rows = np.arange(len(log))
        seen = Sightings.of_log(log)
        ids = range(1, len(log.plan.tasks) + 1)
        told = Told.of_log(log)
        return cls(log.time, log.time, seen, rows, ids, log.timezone, told=told)


class History(Result):
    """What happened to tasks, with the tables and charts of a :class:`~sessim.Result`.

    Parameters
    ----------
    log
        The event log as rebuilt.
    evidence
        How each of its rows is known. Default: every row is exact.
    """

    def __init__(self, log: EventLog, evidence: Evidence | None = None) -> None:
        super().__init__(log)
        self.evidence = Evidence.exact(log) if evidence is None else evidence

    @cached_property
    def daily(self) -> pd.DataFrame:
        """One row a domain and day.

        The columns of :func:`sessim.days.daily`, then ``unsure`` (emails): so many may be of the
        day before or after, as nobody looked on at midnight; where polls are missing or counters
        come late it is an estimate, no bound.
        """
        frame, plan = super().daily, self.plan
        domains = [domain.name for domain in plan.domains]
        return frame.assign(unsure=column(frame, self.evidence.doubts, domains, plan.clock))

    @cached_property
    def pauses(self) -> pd.DataFrame:
        """One row a pause, with what is known of its beginning and its end.

        The columns of :func:`sessim.tables.pauses`, then ``start_earliest, start_latest,
        end_earliest, end_latest`` (times): between which instants it began and ended. Where two
        of them are equal the source dates the event itself; ``start`` and ``end`` are estimates
        that lie between them.
        """
        frame, evidence = tables.pauses(self._ledger), self.evidence
        start, end = tables.pause_rows(self._ledger)
        known = end >= 0
        for name, rows in (("start", start), ("end", end)):
            for side in ("earliest", "latest"):
                instants = getattr(evidence, side)[np.maximum(rows, 0)]
                if name == "end":
                    instants = np.where(known, instants, NOT_YET)
                frame[f"{name}_{side}"] = times(instants, self.plan.timezone)
        return frame

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """One row a row of the log: ``seq``, ``earliest``, ``latest`` (times), ``source``."""
        evidence, zone = self.evidence, self.plan.timezone
        return pd.DataFrame(
            {
                "seq": np.arange(len(self.log)),
                "earliest": times(evidence.earliest, zone),
                "latest": times(evidence.latest, zone),
                "source": evidence.source,
            }
        )

    def export(self, path: str | PathLike[str]) -> Path:
        """Write the log for other tools (see :func:`sessim.history.export.export`)."""
        from sessim.history.export import export

        return export(self, path)

    def calibrate(self) -> Calibration:
        """Fit a plan to what was seen (see :func:`sessim.history.calibration.calibrate`)."""
        from sessim.history.calibration import calibrate  # loads the model

        return calibrate(self)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What breaks the rules, one row a finding (see :func:`conformance.findings`)."""
        return conformance.findings(self.log, self.evidence)

    def what_if(
        self, at: str | dt.date | dt.datetime, *, seed: int | None = None, **changes: Any
    ) -> forks.WhatIf:
        """Let the history go on from an instant by itself, with changes.

        Its state then is taken from the log alone, and nothing of what happened later is used. A
        log of a simulation goes on exactly as it did if nothing is changed, and with the same luck
        if something is. What became of the emails sent before stays as the log tells it.

        Parameters
        ----------
        at
            A time, or a date (its beginning), in the plan's zone unless it has its own.
        seed
            What chance is derived from, from then on, if the plan has quality or reputation: a
            whole number from 0. Default: the seed of the simulation that wrote the log, else 0.
        changes
            ``warmup`` (a warm-up, or one by domain; it holds from the next reset on), ``move``
            (``{task: start}``), ``requests`` (``{task: emails}``), ``without`` (tasks that are
            cancelled then), ``add_tasks``, ``add_domains``, and the plan's keys ``rate,
            discipline, restart, restart_at, restart_delay, resume_on_raise, levels_per_day,
            horizon``.

        Returns
        -------
        WhatIf
            What happened, what would have, and what differs.

        Raises
        ------
        ArgumentError
            If there is no such time or change, or the past contradicts it.
        """
        return forks.what_if(self, self._instant(at), changes, seed)

    def forecast(self, at: str | dt.date | dt.datetime, *, seed: int | None = None) -> Result:
        """Return the past up to an instant, and what the rules make of it from then on.

        ``at`` and ``seed`` are as in :meth:`what_if`.
        """
        return forks.go_on(self.log, self._instant(at), seed=seed)

    def explain(
        self,
        task: int | str,
        at: str | dt.date | dt.datetime | tuple[Any, ...],
    ) -> Explanation:
        """Explain why a task was in its state.

        Parameters
        ----------
        task
            The source's ``TaskId``, or the task's name.
        at
            A time, or a date (its beginning), in the plan's zone unless it has its own; or two of
            them: then what held the task up longest between them is explained.

        Returns
        -------
        Explanation
            The verdict, the domain's day, what else would have happened, and how well it is
            known; its text is one paragraph.

        Raises
        ------
        LogError
            If there is no such task.
        ArgumentError
            If there is no such time.
        """
        from sessim.history import explain  # imports much

        if isinstance(at, tuple):
            if len(at) != 2 or self._instant(at[0]) >= self._instant(at[1]):
                raise ArgumentError("at: give one time, or an earlier and a later one")
            return explain.explain(self, task, self._instant(at[0]), self._instant(at[1]))
        return explain.explain(self, task, self._instant(at))

    def diff(self, other: Result) -> diff.Diff:
        """Return which tasks, days and pauses are different in another result."""
        return diff.diff(self, other)

    def _instant(self, time: str | dt.date | dt.datetime) -> int:
        try:
            return self.plan.clock.instant(moment(time))
        except ValueError as error:
            raise ArgumentError(f"at: {error}") from None
