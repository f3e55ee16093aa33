"""Which run is drawn in which lane of the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from sessim.charts import lettering
from sessim.charts.story import Story, instants
from sessim.charts.words import number, time
from sessim.ledger import NOT_YET, Ints
from sessim.lifecycle import TaskStatus

By = Literal["run", "task"]

MOST: Final = 60
"""How many lanes there are at the most."""
LATER: Final = np.iinfo(np.int64).max
"""The instant that stands for "after all that is shown"."""

_RUNS: Final = 24  # have lanes of their own
_LABEL: Final = 24  # places for a label


@dataclass(frozen=True)
class Lanes:
    """Who is drawn where, from top to bottom.

    Parameters
    ----------
    labels
        One text a lane.
    runs
        The lane of each run, by the ledger's line; -1 for none.
    due, finished
        When the last run of each lane was due (or ``LATER``), and when all of it was finished
        (``NOT_YET``: it was not), in microseconds since the Unix epoch.
    status
        The word for how each lane ended.
    done
        When the last task was finished; None if one was not.
    title
        What the lanes are.
    """

    labels: list[str]
    runs: Ints
    due: Ints
    finished: Ints
    status: list[str]
    done: int | None
    title: str


def lanes(story: Story, by: By | None = None, most: int = MOST) -> Lanes:
    """Share out the runs among lanes: one each where they are few, else one for each task.

    Lanes are in the order in which their tasks were first due. If there are more than ``most``,
    all but those with the most requests share the last one.
    """
    runs, tasks = story.of(story.result.runs), story.of(story.result.tasks)
    if by is None:
        by = "run" if len(runs) <= min(_RUNS, most) else "task"
    owners = runs if by == "run" else tasks
    of_run = np.arange(len(runs)) if by == "run" else tasks["task"].searchsorted(runs["task"])
    lane, folded = _places(owners, runs, most)
    kept = owners.iloc[np.argsort(lane, kind="stable")[: len(owners) - folded]]
    labels = _labels(kept, runs, by) + ([f"{number(folded, f'other {by}')}"] if folded else [])
    ended = instants(tasks["finished"])
    done = int(ended.max()) if len(ended) and (ended != NOT_YET).all() else None
    due = _dues(owners, runs, lane, lane[of_run], len(labels))
    finished, status = _ends(owners, lane, len(labels))
    title = _title(story, number(len(owners), by), folded, done)
    return Lanes(labels, _by_line(story, runs, lane[of_run]), due, finished, status, done, title)


def _places(owners: pd.DataFrame, runs: pd.DataFrame, most: int) -> tuple[Ints, int]:
    """Return the lane of each owner, and how many share the last one."""
    task = owners["task"].to_numpy()
    first = _or_later(instants(runs.groupby("task")["due"].min().reindex(task)))
    order = np.argsort(first, kind="stable")
    if len(task) > most:
        largest = np.argsort(-owners["requests"].to_numpy(), kind="stable")[: max(most - 1, 1)]
        order = order[np.isin(order, largest)]
    lane = np.full(len(task), len(order))
    lane[order] = np.arange(len(order))
    return lane, len(task) - len(order)


def _labels(kept: pd.DataFrame, runs: pd.DataFrame, by: By) -> list[str]:
    tasks = kept.drop_duplicates("task")
    shown = lettering.names(tasks["name"], tasks["task"], _LABEL)
    if by == "task":
        return shown
    names = dict(zip(tasks["task"], shown, strict=True))
    several = set(runs["task"][runs["task"].duplicated()])
    return [
        f"{names[task]} #{run}" if task in several else names[task]
        for task, run in zip(kept["task"], kept["run"], strict=True)
    ]


def _title(story: Story, what: str, folded: int, done: int | None) -> str:
    shared = f", {folded:,} of them in one lane" if folded else ""
    rest = f"; not all finished by {time(story, story.end)}" if done is None else ""
    return f"Timeline of {what}{shared}{rest}"


def _or_later(times: Ints) -> Ints:
    return np.where(times == NOT_YET, LATER, times)


def _dues(owners: pd.DataFrame, runs: pd.DataFrame, lane: Ints, of_run: Ints, size: int) -> Ints:
    """Return of each lane when its last run was due; a run may be cancelled before."""
    due, finished = (_or_later(instants(runs[name])) for name in ("due", "finished"))
    found = np.full(size, NOT_YET)
    np.maximum.at(found, of_run, np.minimum(due, finished))
    found[lane[owners["status"].to_numpy() == TaskStatus.TO_START.label]] = LATER
    return found


def _ends(owners: pd.DataFrame, lane: Ints, size: int) -> tuple[Ints, list[str]]:
    """Return of each lane when it was finished, and how."""
    ended = instants(owners["finished"])
    finished = np.full(size, NOT_YET)
    np.maximum.at(finished, lane, _or_later(ended))
    order = np.argsort(ended, kind="stable")
    status = np.full(size, "", dtype=object)
    status[lane[order]] = owners["status"].to_numpy()[order]  # the last one of a lane stays
    return np.where(finished == LATER, NOT_YET, finished), status.tolist()


def _by_line(story: Story, runs: pd.DataFrame, lane: Ints) -> Ints:
    """Return the lane of each line of the ledger."""
    ledger, log = story.ledger, story.log
    firsts = ledger.rows[ledger.starts]
    lines = log.task[firsts].astype(np.int64) << 32 | log.run[firsts]
    keys = runs["task"].to_numpy(dtype=np.int64) << 32 | runs["run"].to_numpy(dtype=np.int64)
    found = np.full(len(lines), -1)
    known = np.isin(lines, keys)
    found[known] = lane[keys.searchsorted(lines[known])]
    return found
