"""The chart of what became of each run: sending, waiting, paused, finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection, PolyCollection

from sessim.charts import lettering, style
from sessim.charts.story import Story
from sessim.charts.words import number, time
from sessim.ledger import NOT_YET, Ints
from sessim.lifecycle import TaskStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

By = Literal["run", "task"]

_RUNS: Final = 24  # as lanes of their own
_TASKS: Final = 60
_LABEL: Final = 24  # places for a label
_MANY: Final = 3_000  # bands of a kind: from there on those too close to tell apart are united
_COLUMNS: Final = 3_000  # more than a picture has columns of pixels
_THIN: Final = 7.0  # points from lane to lane, at the least

_PAUSED = {"facecolor": "white", "edgecolor": style.Colour.VERMILION.rgb, "hatch": "//////"}
_TURN = {"facecolor": style.Colour.SKY.rgb, "edgecolor": style.Colour.SKY.rgb}
_SENDING = {"facecolor": style.Colour.BLUE.rgb, "edgecolor": style.Colour.BLUE.rgb}
_STATES: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "paused": ("Paused", _PAUSED),
    "turn": ("Waiting for its turn", _TURN),
    "sending": ("Sending", _SENDING),
}
"""The label and the looks of bands, from the lowest to the uppermost."""
_ENDS: Final[Mapping[str, dict[str, Any]]] = {
    TaskStatus.SENT.label: {"marker": "o", "color": style.INK},
    TaskStatus.CANCELLED.label: {"marker": "X", "color": style.INK},
    TaskStatus.ERROR.label: {"marker": "D", "color": style.Colour.VERMILION.rgb},
}
_LEGEND: Final = (
    "To start",
    *(label for label, _ in _STATES.values()),
    "Sent",
    "Done 31 December 2026",
)


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
        When the last run of each lane was due (the largest number: later), and when all of it was
        finished (``NOT_YET``: it was not), in microseconds since the Unix epoch.
    status
        The word for how each lane ended.
    title
        What the lanes are.
    """

    labels: list[str]
    runs: Ints
    due: Ints
    finished: Ints
    status: list[str]
    title: str


def height(story: Story, by: By | None = None, most: int | None = None) -> float:
    """Return how high a new figure is, in inches."""
    number = len(lanes(story, by, _TASKS if most is None else most).labels)
    return 1.5 + number * float(np.clip(6 / number, 0.13, 0.25))


def draw(
    story: Story,
    ax: Axes,
    by: By | None = None,
    most: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Draw the chart; see :func:`sessim.charts.timeline`."""
    style.time_axis(ax, story)
    room = style.height(ax, _LEGEND)
    if most is None:
        most = int(np.clip(room / _THIN, 3, _TASKS))
    found = lanes(story, by, most)
    pitch = room / len(found.labels)
    handles: dict[str, Any] = {"To start": _waits(ax, story, found)}
    handles |= _bands(ax, story, found, options or {})
    handles |= _ends(ax, found, pitch)
    if story.result.finished:
        handles[f"Done {time(story, story.end)}"] = ax.axvline(
            *style.dates(np.array([story.end])), color=style.INK, linestyle=":", linewidth=1.2
        )
    _lane_axis(ax, found.labels, pitch)
    style.legend(ax, found.title, handles)


def _waits(ax: Axes, story: Story, found: Lanes) -> LineCollection:
    ends = np.minimum(found.due, story.edges[-1])
    start, end = style.dates(np.full(len(ends), story.plan.start_instant)), style.dates(ends)
    lane = np.arange(len(ends))
    lines = np.stack([np.stack([start, lane], axis=1), np.stack([end, lane], axis=1)], axis=1)
    drawn = LineCollection(
        list(lines), colors=style.FAINT, linewidths=1.2, label="To start", zorder=1
    )
    ax.add_collection(drawn, autolim=False)
    return drawn


def _bands(
    ax: Axes, story: Story, found: Lanes, options: Mapping[str, Any]
) -> dict[str, PolyCollection]:
    days = len(story.edges) - 1
    line = float(np.clip(0.2 * style.width(ax) / days, 0.3, 1.2))  # shows what is very short
    gap = int(story.edges[-1] - story.edges[0]) // _COLUMNS
    drawn: dict[str, PolyCollection] = {}
    states = story.bands(found.runs)
    for order, (state, (label, looks)) in enumerate(_STATES.items()):
        bands = states[state]
        if len(bands.lane) > _MANY:
            bands = bands.united(gap)
        if len(bands.lane):
            start, end = style.dates(bands.start), style.dates(bands.end)
            lane = bands.lane.astype(np.float64)
            corners = style.boxes(start, end, lane - 0.38, lane + 0.38)
            looks = {"linewidth": min(line, 0.5) if "hatch" in looks else line, **looks, **options}
            drawn[label] = PolyCollection(
                list(corners), label=label, zorder=2 + order / 10, **looks
            )
            ax.add_collection(drawn[label], autolim=False)
    return dict(reversed(drawn.items()))


def _ends(ax: Axes, found: Lanes, pitch: float) -> dict[str, Line2D]:
    drawn: dict[str, Line2D] = {}
    size = float(np.clip(0.5 * pitch, 3, 5))
    for status, looks in _ENDS.items():
        here = [
            i
            for i, word in enumerate(found.status)
            if word == status and found.finished[i] != NOT_YET
        ]
        if here:
            (drawn[status],) = ax.plot(
                style.dates(found.finished[here]), here, linestyle="none", markersize=size,
                markeredgecolor="white", markeredgewidth=0.6, label=status, zorder=4, clip_on=False, **looks,
            )  # fmt: skip
    return drawn


def _lane_axis(ax: Axes, labels: list[str], pitch: float) -> None:
    ax.set_ylim(len(labels) - 0.4, -0.6)
    every = int(np.ceil(0.8 * _THIN / pitch))
    places = range(0, len(labels), every)
    ax.set_yticks(
        places, [labels[i] for i in places], fontsize=float(np.clip(0.85 * pitch, 5.5, 9))
    )
    ax.tick_params(axis="y", length=0)
    lettering.fit(ax.get_yticklabels())


# --- numbers --------------------------------------------------------------------------------------


def lanes(story: Story, by: By | None = None, most: int = _TASKS) -> Lanes:
    """Share out the runs among lanes: one each where they are few, else one for each task.

    Lanes are in the order in which their tasks were first due. All but the ``most`` with the
    most requests share the last one.
    """
    runs = _shown(story, story.result.runs)
    if by is None:
        by = "run" if len(runs) <= min(_RUNS, most) else "task"
    owners = runs if by == "run" else _shown(story, story.result.tasks)
    of_run = np.arange(len(runs)) if by == "run" else owners["task"].searchsorted(runs["task"])
    lane, folded = _places(owners, runs, most)
    kept = owners.iloc[np.argsort(lane, kind="stable")[: len(owners) - folded]]
    labels = _labels(kept, runs, by)
    title = f"Timeline of {number(len(owners), by)}"
    if folded:
        labels.append(f"{number(folded, f'other {by}')}")
        title += f", {folded:,} of them in one lane"
    if not story.result.finished:
        title += f"; not all finished by {time(story, story.end)}"
    due, finished, status = _outcomes(owners, runs, of_run, lane, len(labels))
    return Lanes(labels, _by_line(story, runs, lane[of_run]), due, finished, status, title)


def _shown(story: Story, frame: pd.DataFrame) -> pd.DataFrame:
    codes = {name: code for code, name in enumerate(story.log.domains)}
    domain = frame["domain"].map(codes).to_numpy(dtype=np.int64)
    return frame[story.tasks[frame["task"]] & story.domains[domain]]


def _instants(column: pd.Series[Any]) -> Ints:
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None)
    instants: Ints = utc.to_numpy(dtype="M8[us]").view(np.int64)
    return instants


def _places(owners: pd.DataFrame, runs: pd.DataFrame, most: int) -> tuple[Ints, int]:
    """Return the lane of each owner, and how many share the last one."""
    task = owners["task"].to_numpy()
    first = runs.groupby("task")["due"].min().reindex(task)
    order = np.lexsort((np.arange(len(task)), _instants(first)))
    if len(task) > most:
        largest = np.argsort(-owners["requests"].to_numpy(), kind="stable")[: max(most - 1, 1)]
        order = order[np.isin(order, largest)]
    lane = np.full(len(task), len(order))
    lane[order] = np.arange(len(order))
    return lane, len(task) - len(order)


def _labels(kept: pd.DataFrame, runs: pd.DataFrame, by: By) -> list[str]:
    tasks = kept.drop_duplicates("task")
    names = dict(
        zip(tasks["task"], lettering.names(tasks["name"], tasks["task"], _LABEL), strict=True)
    )
    if by == "task":
        return list(names.values())
    several = set(runs["task"][runs["task"].duplicated()])
    return [
        f"{names[task]} #{run}" if task in several else names[task]
        for task, run in zip(kept["task"], kept["run"], strict=True)
    ]


def _outcomes(
    owners: pd.DataFrame, runs: pd.DataFrame, of_run: Ints, lane: Ints, size: int
) -> tuple[Ints, Ints, list[str]]:
    """Return of each lane when its last run was due, when it was finished, and how it ended."""
    ended = _instants(owners["finished"])
    late = np.iinfo(np.int64).max
    finished = np.full(size, NOT_YET)
    np.maximum.at(finished, lane, np.where(ended == NOT_YET, late, ended))
    status = np.full(size, "", dtype=object)
    for place in np.argsort(ended, kind="stable"):
        status[lane[place]] = owners["status"].iat[place]
    due = np.full(size, NOT_YET)
    over = np.where(_instants(runs["finished"]) == NOT_YET, late, _instants(runs["finished"]))
    run_due = np.where(_instants(runs["due"]) == NOT_YET, late, _instants(runs["due"]))
    np.maximum.at(due, lane[of_run], np.minimum(run_due, over))  # it may be cancelled before
    to_come = (owners["status"] == TaskStatus.TO_START.label).to_numpy()
    due[lane[to_come]] = late
    return due, np.where(finished == late, NOT_YET, finished), status.tolist()


def _by_line(story: Story, runs: pd.DataFrame, lane: Ints) -> Ints:
    """Return the lane of each line of the ledger."""
    ledger = story.ledger
    firsts = ledger.rows[ledger.starts]
    lines = story.log.task[firsts].astype(np.int64) << 32 | story.log.run[firsts]
    keys = runs["task"].to_numpy(dtype=np.int64) << 32 | runs["run"].to_numpy(dtype=np.int64)
    found = np.full(len(lines), -1)
    known = np.isin(lines, keys)
    found[known] = lane[keys.searchsorted(lines[known])]
    return found


def describe(story: Story) -> str:
    """Say what the chart shows."""
    runs, tasks = _shown(story, story.result.runs), _shown(story, story.result.tasks)
    what = f"{number(len(tasks), 'task')} with {number(len(runs), 'run')}"
    pauses, hours = int(runs["pauses"].sum()), runs["paused_hours"].sum()
    paused = (
        f"paused {number(pauses, 'time')} for {hours:,.0f} hours in all"
        if pauses
        else "never paused"
    )
    unfinished = int(tasks["finished"].isna().sum())
    if unfinished:
        last = f"{number(unfinished, 'task')} not finished by {time(story, story.end)}"
    else:
        last = f"all finished on {time(story, int(_instants(tasks['finished']).max()))}"
    return f"{what}, {paused}; {last}."
