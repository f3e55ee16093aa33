"""The life of a task: every change of its status, with its time and the reason."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from sessim.errors import LogError, nearest
from sessim.eventlog import Event, EventLog, integers, status_words, times
from sessim.ledger import Ledger
from sessim.plan import Plan

REASONS: Final[dict[Event, str]] = {
    Event.SENDING: "due",
    Event.RESTARTED: "restarted by itself at the reset",
    Event.SENT: "all its emails are sent",
    Event.PAUSED: "daily limit reached",
    Event.REFUSED: "nothing left of the daily limit",
    Event.SKIPPED: "an earlier run of the task is unfinished",
    Event.ERROR: "the sending failed",
    Event.CANCELLED: "cancelled by the user",
}
"""What is said of a change for which the log has no words."""

BY_HAND: Final = "restarted by hand"
"""What is said of a restart where the plan has them done by hand."""


def life(ledger: Ledger, task: int | str) -> pd.DataFrame:
    """Return one row a change of the task's status, in order of time.

    Columns ``time, run`` (empty where later recurrences were called off), ``event, status,
    sent, requests, cached`` (emails, after the change) and ``reason``. A restart that was refused
    and a run that was skipped are there too: the status is as it was, or empty.

    Parameters
    ----------
    ledger
        The sorted log.
    task
        Its id or its name.

    Raises
    ------
    LogError
        If there is no such task.
    """
    log, number = ledger.log, task_id(ledger.log.plan, task)
    told = np.isin(log.event, [int(event) for event in REASONS])
    rows = np.flatnonzero((log.task == number) & told)
    counts = {name: log.columns[name][rows].astype(np.int64) for name in ("sent", "cached")}
    rest = sum(log.columns[name][rows] for name in ("failed", "cancelled", "waiting"))
    events = [Event(code) for code in log.event[rows]]
    return pd.DataFrame(
        {
            "time": times(log.time[rows], log.timezone),
            "run": integers(log.run[rows], log.run[rows] == 0),
            "event": pd.array([event.label for event in events], dtype="str"),
            "status": _status(log, rows),
            "sent": counts["sent"],
            "requests": counts["sent"] + counts["cached"] + rest,
            "cached": counts["cached"],
            "reason": pd.array(_reasons(log, rows, events), dtype="str"),
        }
    )


def task_id(plan: Plan, task: int | str) -> int:
    """Return the id of a task that is given by id or by name; ``LogError`` if there is none."""
    names = [entry.name for entry in plan.tasks]
    if isinstance(task, str):
        if task in names:
            return names.index(task) + 1
        raise LogError(f"there is no task {task!r}; {nearest(task, names)}")
    if not 1 <= task <= len(names):
        raise LogError(f"there is no task {task}; give a number from 1 to {len(names)}")
    return int(task)


def _status(log: EventLog, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> pd.Categorical:
    happened = log.event[rows] != Event.SKIPPED
    return status_words(np.where(happened, log.status[rows], -1))


def _reasons(
    log: EventLog, rows: np.ndarray[tuple[int], np.dtype[np.intp]], events: list[Event]
) -> list[str]:
    said = [log.details[code] for code in log.detail[rows]]
    by_hand = log.plan.restart == "manual"
    return [
        detail or (BY_HAND if by_hand and event == Event.RESTARTED else REASONS[event])
        for event, detail in zip(events, said, strict=True)
    ]
