"""What came of a plan: every table, derived from the event log when it is asked for."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from sessim import days, tables
from sessim.clock import moment
from sessim.errors import ArgumentError, LogError
from sessim.eventlog import EventLog, iso
from sessim.ledger import Ledger, Snapshot
from sessim.life import life
from sessim.plan import Plan

if TYPE_CHECKING:
    from sessim.charts import Plots

_TABLES: Final = ("tasks", "runs", "daily", "pauses")


class Result:
    """The outcome of a plan, whoever wrote its event log.

    Parameters
    ----------
    log
        The event log; every table is derived from it alone.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self._latest: Snapshot | None = None  # asked for at one instant, tables share it

    @property
    def plan(self) -> Plan:
        """The plan, as it travels with the log."""
        return self.log.plan

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self.log)

    @cached_property
    def _end(self) -> Snapshot:
        return Snapshot(self._ledger)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """One row a task, as in the console's list (see :func:`sessim.tables.tasks`)."""
        return tables.tasks(self._end)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run (see :func:`sessim.tables.runs`)."""
        return tables.runs(self._end)

    @cached_property
    def daily(self) -> pd.DataFrame:
        """One row a domain and day (see :func:`sessim.days.daily`)."""
        return days.daily(self._ledger)

    @cached_property
    def pauses(self) -> pd.DataFrame:
        """One row a pause (see :func:`sessim.tables.pauses`)."""
        return tables.pauses(self._ledger)

    @property
    def events(self) -> pd.DataFrame:
        """The event log as a frame (see :attr:`sessim.eventlog.EventLog.frame`)."""
        return self.log.frame

    @property
    def end(self) -> pd.Timestamp:
        """When the last work was done, or the horizon if work was left."""
        return pd.Timestamp(int(self.log.time[-1]), unit="us", tz="UTC").tz_convert(
            self.plan.timezone
        )

    @property
    def finished(self) -> bool:
        """Whether all work was done before the horizon."""
        return bool(self.log.details[self.log.detail[-1]] == "all work done")

    def at(self, time: str | dt.date | dt.datetime) -> pd.DataFrame:
        """Return the console's task list at an instant, after everything that fell on it.

        Parameters
        ----------
        time
            A time, or a date (its beginning), in the plan's zone unless it has its own.

        Returns
        -------
        pandas.DataFrame
            The columns of :attr:`tasks`.

        Raises
        ------
        ArgumentError
            If there is no such time.
        """
        return tables.tasks(self._snapshot(time))

    def domains_at(self, time: str | dt.date | dt.datetime) -> pd.DataFrame:
        """Return each domain's limit, what is used and left of it, and its cache queue.

        Parameters
        ----------
        time
            As in :meth:`at`.

        Returns
        -------
        pandas.DataFrame
            One row a domain (see :func:`sessim.tables.domains`).
        """
        return tables.domains(self._snapshot(time))

    def life(self, task: int | str) -> pd.DataFrame:
        """Return every change of a task's status, with its time and reason.

        Parameters
        ----------
        task
            Its id or its name.

        Returns
        -------
        pandas.DataFrame
            One row a change (see :func:`sessim.life.life`).
        """
        return life(self._ledger, task)

    def _snapshot(self, time: str | dt.date | dt.datetime) -> Snapshot:
        try:
            instant = self.plan.clock.instant(moment(time))
        except ValueError as error:
            raise ArgumentError(f"time: {error}") from None
        if self._latest is None or self._latest.instant != instant:
            self._latest = Snapshot(self._ledger, instant)
        return self._latest

    @property
    def plot(self) -> Plots:
        """The charts: ``result.plot()`` draws all three, ``result.plot.backlog()`` one of them."""
        from sessim.charts import Plots  # loads matplotlib

        return Plots(self)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the tables as CSV, the log as Parquet and the plan as YAML into a folder.

        What the plan took from files stands in its YAML as numbers, so that the folder is whole.
        """
        from sessim import planfile  # slow to import

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name in _TABLES:
            frame: pd.DataFrame = getattr(self, name)
            frame.apply(iso).to_csv(target / f"{name}.csv", index=False)
        self.log.write(target / "events.parquet")
        plan = planfile.yaml_text(self.plan.to_dict())
        (target / "plan.yaml").write_text(plan, "utf-8", newline="\n")

    def __repr__(self) -> str:
        last = "finished" if self.finished else "work left at"
        emails = f"{self.tasks['sent'].sum():,} emails sent"
        tasks = "1 task" if len(self.tasks) == 1 else f"{len(self.tasks)} tasks"
        lines = [f"{tasks}, {emails}, {last} {self.end:%Y-%m-%d %H:%M}"]
        shown = self.tasks[["task", "name", "type", "status", "requests", "sent", "finished"]]
        return "\n".join([*lines, shown.to_string(index=False, max_rows=12, max_colwidth=40)])

    def _repr_html_(self) -> str:
        shown = self.tasks[
            ["task", "name", "domain", "type", "status", "requests", "sent", "cached", "finished"]
        ]
        return shown.to_html(index=False, max_rows=20, border=0)


def load(path: str | PathLike[str]) -> Result:
    """Read a result that :meth:`Result.save` wrote, from its folder or its event log.

    Raises
    ------
    LogError
        If there is no event log.
    """
    source = Path(path)
    file = source / "events.parquet" if source.is_dir() else source
    if not file.exists():
        raise LogError(f"there is no event log {str(file)!r}")
    return Result(EventLog.read(file))
