"""A result in a few figures: when it finished, how long it paused, how large the backlog was."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sessim import tables
from sessim.ledger import Snapshot, is_finished

if TYPE_CHECKING:
    from sessim.charts.story import Names, Story
    from sessim.result import Result

_NEAR: Final = 2  # emails by which a chart's curve may miss the exact backlog
_CANDIDATES: Final = 16


@dataclass(frozen=True)
class Summary:
    """The figures of a result, or of some of its tasks and domains.

    Attributes
    ----------
    finish
        When the last task was finished; NaT if one was not.
    requests, sent, unsent
        Emails of the runs that were due: all, those sent, and those that were neither sent nor
        failed nor cancelled at the end.
    failed, cancelled
        Emails that failed or were cancelled.
    pauses, paused_hours
        How many there were, and their length, summed over the runs.
    largest_backlog, largest_backlog_at
        Emails due and not sent, at the most, and when that was first; 0 and NaT if never any.
    days_at_limit
        Days on which a domain sent all that it might, summed over the domains.
    utilisation
        Emails sent of those allowed, 0 to 1, from a domain's first due run to its last day with
        work; not a number without a limit.

    Notes
    -----
    The last two are the domains': with some tasks chosen, other tasks of those domains count too.
    They are of the days that the charts show: with some tasks or domains chosen, of the days from
    the one before to the one after the life of the chosen tasks, else of all days.
    """

    finish: pd.Timestamp
    requests: int
    sent: int
    unsent: int
    failed: int
    cancelled: int
    pauses: int
    paused_hours: float
    largest_backlog: int
    largest_backlog_at: pd.Timestamp
    days_at_limit: int
    utilisation: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def summary(result: Result, *, tasks: Names = None, domains: Names = None) -> Summary:
    """Return the figures of a result.

    Parameters
    ----------
    result
        What is summed up.
    tasks, domains
        Only these: one or several names, tasks also by id. Default: all.

    Raises
    ------
    SelectionError
        If the plan has no task or domain of that name.
    """
    from sessim.charts.story import Story

    story = Story(result, tasks, domains)
    codes = {name: code for code, name in enumerate(story.log.domains)}
    own = result.tasks
    own = own[story.tasks[own["task"]] & story.domains[own["domain"].map(codes).astype(int)]]
    counts = {name: int(own[name].sum()) for name in ("requests", "sent", "failed", "cancelled")}
    most, at = _largest_backlog(story)
    limited = story.daily[story.daily["limit"].notna()]
    allowed = int(limited["limit"].sum())
    return Summary(
        finish=own["finished"].max(skipna=False),
        **counts,
        unsent=unsent(own),
        pauses=int(own["pauses"].sum()),
        paused_hours=float(own["paused_hours"].sum()),
        largest_backlog=most,
        largest_backlog_at=at,
        days_at_limit=sum(int(days.sum()) for days in story.full_days.values()),
        utilisation=int(limited["sent"].sum()) / allowed if allowed else float("nan"),
    )


def unsent(tasks: pd.DataFrame) -> int:
    """Return how many emails of due runs were neither sent nor failed nor cancelled.

    Parameters
    ----------
    tasks
        Rows of :attr:`sessim.Result.tasks`.
    """
    done = tasks["sent"] + tasks["failed"] + tasks["cancelled"]
    return int((tasks["requests"] - done).sum())


def _largest_backlog(story: Story) -> tuple[int, pd.Timestamp]:
    """Return the largest backlog and its first instant.

    The chart's curve says roughly where it is; the console at those instants says it exactly.
    """
    curve = story.curve
    total = curve.total
    most = int(total.max(initial=0))
    if not most:
        return 0, pd.NaT  # type: ignore[return-value]
    slack = _NEAR + (story.plan.discipline == "fair") * int(story.ledger.sending.max())
    near = np.flatnonzero(total >= most - slack)
    near = np.sort(near[np.argsort(-total[near], kind="stable")][:_CANDIDATES])
    instants = np.unique(curve.instants[near])
    exact = [_backlog(story, int(instant)) for instant in instants]
    place = int(np.argmax(exact))
    return exact[place], pd.Timestamp(story.plan.clock.local(int(instants[place])))


def _backlog(story: Story, instant: int) -> int:
    snapshot = Snapshot(story.ledger, instant)
    data = tables.run_numbers(snapshot)
    rows = ~is_finished(data["status"])
    rows &= story.tasks[data["task"]] & story.domains[snapshot.column("domain")]
    unsent = data["requests"] - data["sent"] - data["failed"] - data["cancelled"]
    return int(unsent[rows].sum())
