"""The life of a task: every change of its status, with its time and the reason."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from sessim.errors import LogError, nearest
from sessim.eventlog import Event, EventLog, integers, status_words, times
from sessim.ledger import Ints, Ledger
from sessim.plan import Plan

REASONS: Final[dict[Event, str]] = {
    Event.SENDING: "due",
    Event.RESTARTED: "restarted by itself: the limit began anew",
    Event.SENT: "all its emails are sent",
    Event.PAUSED: "daily limit reached",
    Event.REFUSED: "nothing left of the daily limit",
    Event.SKIPPED: "an earlier run of the task is unfinished",
    Event.ERROR: "the sending failed",
    Event.CANCELLED: "cancelled by the user",
}
"""The events that a life tells, and what is said where the log has no words of its own."""

BY_HAND: Final = "restarted by hand"
"""What is said of a restart where the plan has them done by hand."""

PAUSED_BY_USER: Final = "paused by the user"
RESTARTED_BY_USER: Final = "restarted by the user"
"""What the log of a real send says where its user intervened."""

_LISTED: Final = 30  # names that a sentence can list


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
    rows = np.flatnonzero((log.task == number) & np.isin(log.event, _CODES))
    counts = {name: log.columns[name][rows].astype(np.int64) for name in ("sent", "cached")}
    rest = sum(log.columns[name][rows] for name in ("failed", "cancelled", "waiting"))
    happened = log.event[rows] != Event.SKIPPED
    return pd.DataFrame(
        {
            "time": times(log.time[rows], log.timezone),
            "run": integers(log.run[rows], log.run[rows] == 0),
            "event": pd.array([Event(code).label for code in log.event[rows]], dtype="str"),
            "status": status_words(np.where(happened, log.status[rows], -1)),
            "sent": counts["sent"],
            "requests": counts["sent"] + counts["cached"] + rest,
            "cached": counts["cached"],
            "reason": pd.array(_reasons(log, rows), dtype="str"),
        }
    )


_CODES: Final = tuple(map(int, REASONS))


def changes(log: EventLog, tasks: tuple[int, ...] = ()) -> Ints:
    """Return the instants at which a status changed, each once, in order.

    Parameters
    ----------
    log
        The event log.
    tasks
        Only those of these tasks, given by id; of all if there is none.
    """
    told = np.isin(log.event, _CODES) & (log.task > 0)
    if tasks:
        told &= np.isin(log.task, tasks)
    return np.unique(log.time[told])


def task_id(plan: Plan, task: int | str) -> int:
    """Return the id of a task that is given by id or by name; ``LogError`` if there is none."""
    names = [entry.name for entry in plan.tasks]
    if isinstance(task, str):
        if task in names:
            return names.index(task) + 1
        hint = nearest(task, names)
        few = hint.startswith("did") or len(names) <= _LISTED
        raise LogError(f"there is no task {task!r}; {hint if few else 'see result.tasks'}")
    if not 1 <= task <= len(names):
        raise LogError(f"there is no task {task}; give a number from 1 to {len(names)}")
    return int(task)


def _reasons(log: EventLog, rows: Ints) -> list[str]:
    said = REASONS | ({Event.RESTARTED: BY_HAND} if log.plan.restart == "manual" else {})
    return [
        log.details[detail] or said[Event(event)]
        for event, detail in zip(log.event[rows], log.detail[rows], strict=True)
    ]
