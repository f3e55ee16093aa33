"""What differs between two results: which tasks, days and pauses, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sessim.clock import HOUR, SECOND
from sessim.result import Result


@dataclass(frozen=True)
class Diff:
    """What is different in a second result; tasks go by their names.

    Attributes
    ----------
    tasks
        One row a task that differs: ``name``, ``status``, ``sent``, ``finished``,
        ``paused_hours`` each with ``_before`` and ``_after``, ``sent_change`` (emails),
        ``finished_change_hours`` (below zero: earlier; empty where it cannot be said).
    days
        One row a domain and day: ``domain, date``, ``limit``, ``sent``, ``backlog`` with
        ``_before`` and ``_after``, ``sent_change``, ``backlog_change`` (emails).
    pauses
        One row a pause that only one of them has, or that ends at another time: ``name, run,
        start, end_before, end_after, hours_before, hours_after, change`` (``gone``, ``new``,
        ``shorter``, ``longer``).
    """

    tasks: pd.DataFrame
    days: pd.DataFrame
    pauses: pd.DataFrame

    def __bool__(self) -> bool:
        return any(len(frame) for frame in (self.tasks, self.days, self.pauses))

    def __repr__(self) -> str:
        if not self:
            return "nothing differs"
        parts = [("task", self.tasks), ("day", self.days), ("pause", self.pauses)]
        said = [f"{len(frame)} {name}{'' if len(frame) == 1 else 's'}" for name, frame in parts]
        return f"{', '.join(said)} differ\n{self.tasks.to_string(index=False, max_rows=12)}"


def diff(before: Result, after: Result) -> Diff:
    """Compare two results.

    Parameters
    ----------
    before, after
        Histories, forecasts or simulations.
    """
    return Diff(_tasks(before, after), _days(before, after), _pauses(before, after))


def _joined(before: pd.DataFrame, after: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Put two tables side by side; a row that one of them lacks is empty there."""
    before, after = _plain(before), _plain(after)
    order = pd.concat([before[keys], after[keys]]).drop_duplicates(ignore_index=True)
    suffixes = ("_before", "_after")
    joined = before.merge(after, on=keys, how="outer", suffixes=suffixes)
    return order.merge(joined, on=keys, how="left")


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn categories into words, which two tables need not share."""
    words = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(words, "str"))


def _differs(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.Series[bool]:
    differs = np.zeros(len(frame), dtype=np.bool_)
    for name in names:
        before, after = frame[f"{name}_before"], frame[f"{name}_after"]
        same = (before == after).fillna(False) | (before.isna() & after.isna())
        differs |= ~same.to_numpy(dtype=np.bool_)
    return pd.Series(differs, index=frame.index)


def _hours(before: pd.Series[Any], after: pd.Series[Any]) -> pd.Series[float]:
    hours: pd.Series[float] = (after - before).dt.total_seconds() * SECOND / HOUR
    return hours


def _tasks(before: Result, after: Result) -> pd.DataFrame:
    columns = ["name", "status", "sent", "finished", "paused_hours"]
    frame = _joined(before.tasks[columns], after.tasks[columns], ["name"])
    frame["sent_change"] = _less(frame, "sent")
    frame["finished_change_hours"] = _hours(frame["finished_before"], frame["finished_after"])
    return frame[_differs(frame, ("status", "sent", "finished"))].reset_index(drop=True)


def _less(frame: pd.DataFrame, name: str) -> pd.Series[int]:
    values = (frame[f"{name}_{when}"].fillna(0).astype("int64") for when in ("before", "after"))
    old, new = values
    return new - old


def _days(before: Result, after: Result) -> pd.DataFrame:
    columns = ["domain", "date", "limit", "sent", "backlog"]
    keys = ["domain", "date"]
    frame = _joined(before.daily[columns], after.daily[columns], keys)
    for name in ("sent", "backlog"):
        frame[f"{name}_change"] = _less(frame, name)
    frame = frame[_differs(frame, ("limit", "sent", "backlog"))]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _pauses(before: Result, after: Result) -> pd.DataFrame:
    keys = ["name", "run", "start"]
    frame = _joined(_named(before), _named(after), keys)
    frame = frame[_differs(frame, ("end",)) | _differs(frame, ("hours",))].copy()
    gone, new = frame["hours_after"].isna(), frame["hours_before"].isna()
    longer = frame["hours_after"] > frame["hours_before"]
    frame["change"] = np.select([gone, new, longer], ["gone", "new", "longer"], "shorter")
    frame["change"] = frame["change"].astype("str")
    return frame.sort_values(["start", "name"], kind="stable", ignore_index=True)


def _named(result: Result) -> pd.DataFrame:
    names = dict(enumerate((task.name for task in result.plan.tasks), 1))
    pauses = result.pauses
    return pauses.assign(name=pauses["task"].map(names).astype("str"))[
        ["name", "run", "start", "end", "hours"]
    ]
