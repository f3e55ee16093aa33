"""The chart of what became of each run: sending, waiting, paused, finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D

from sessim.charts import lettering, style
from sessim.charts.story import Ints, Story
from sessim.charts.words import number, time
from sessim.ledger import NOT_YET
from sessim.lifecycle import TaskStatus

By = Literal["run", "task"]

_RUNS: Final = 24  # as lanes of their own
_TASKS: Final = 60
_LABEL: Final = 24  # places for a label
_THIN: Final = 7.0  # points from lane to lane, at the least

_STATES: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "paused": (
        "Paused",
        {"facecolor": "white", "edgecolor": style.Colour.VERMILION.rgb, "hatch": "//////", "linewidth": 0.5},
    ),
    "turn": (
        "Waiting for its turn",
        {"facecolor": style.Colour.SKY.rgb, "edgecolor": style.Colour.SKY.rgb, "linewidth": 1.0},
    ),
    "sending": (
        "Sending",
        {"facecolor": style.Colour.BLUE.rgb, "edgecolor": style.Colour.BLUE.rgb, "linewidth": 1.2},
    ),
}
_ENDS: Final[Mapping[str, dict[str, Any]]] = {
    TaskStatus.SENT.label: {"marker": "o", "color": style.INK},
    TaskStatus.CANCELLED.label: {"marker": "X", "color": style.INK},
    TaskStatus.ERROR.label: {"marker": "D", "color": style.Colour.VERMILION.rgb},
}


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
        When the last run of each lane was due, and when all of it was finished (NOT_YET: it was
        not), in microseconds since the Unix epoch.
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
    story: Story, ax: Axes, by: By | None = None, most: int | None = None, options: Mapping[str, Any] | None = None
) -> None:
    """Draw the chart; see :func:`sessim.charts.timeline`."""
    style.time_axis(ax, story)
    if most is None:
        most = int(np.clip(style.height(ax) / _THIN, 3, _TASKS))
    found = lanes(story, by, most)
    handles = {"To start": _waits(ax, story, found)}
    handles |= _bands(ax, story, found, options or {})
    handles |= _ends(ax, found)
    if story.result.finished:
        handles[f"All done {time(story, story.end)}"] = ax.axvline(
            *style.dates(np.array([story.end])), color=style.INK, linestyle=":", linewidth=1.2
        )
    _lane_axis(ax, found.labels)
    style.legend(ax, found.title, handles)


def _waits(ax: Axes, story: Story, found: Lanes) -> LineCollection:
    ends = np.where(found.due == NOT_YET, story.edges[-1], found.due)
    start, end = style.dates(np.full(len(ends), story.plan.start_instant)), style.dates(ends)
    lane = np.arange(len(ends))
    lines = np.stack([np.stack([start, lane], axis=1), np.stack([end, lane], axis=1)], axis=1)
    drawn = LineCollection(list(lines), colors=style.FAINT, linewidths=1.2, label="To start", zorder=1)
    ax.add_collection(drawn, autolim=False)
    return drawn


def _bands(ax: Axes, story: Story, found: Lanes, options: Mapping[str, Any]) -> dict[str, PolyCollection]:
    bands = story.bands(found.runs)
    drawn = {}
    for order, (state, (label, looks)) in enumerate(_STATES.items()):
        lane, start, end = (bands[state].lane, style.dates(bands[state].start), style.dates(bands[state].end))
        if len(lane):
            corners = style.boxes(start, end, lane - 0.38, lane + 0.38)
            drawn[label] = PolyCollection(list(corners), label=label, zorder=2 + order / 10, **{**looks, **options})
            ax.add_collection(drawn[label], autolim=False)
    return dict(reversed(drawn.items()))


def _ends(ax: Axes, found: Lanes) -> dict[str, Line2D]:
    drawn: dict[str, Line2D] = {}
    for status, looks in _ENDS.items():
        here = [i for i, word in enumerate(found.status) if word == status and found.finished[i] != NOT_YET]
        if here:
            (drawn[status],) = ax.plot(
                style.dates(found.finished[here]), here, linestyle="none", markersize=5,
                markeredgecolor="white", markeredgewidth=0.6, label=status, zorder=4, clip_on=False, **looks,
            )  # fmt: skip
    return drawn


def _lane_axis(ax: Axes, labels: list[str]) -> None:
    ax.set_ylim(len(labels) - 0.4, -0.6)
    pitch = style.height(ax) / len(labels)
    every = int(np.ceil(0.8 * _THIN / pitch))
    places = range(0, len(labels), every)
    ax.set_yticks(places, [labels[i] for i in places], fontsize=float(np.clip(0.85 * pitch, 5.5, 9)))
    ax.tick_params(axis="y", length=0)
    lettering.fit(ax.get_yticklabels())


# --- numbers --------------------------------------------------------------------------------------


def lanes(story: Story, by: By | None = None, most: int = _TASKS) -> Lanes:
    """Share out the runs among lanes: one each where they are few, else one for each task."""
    runs, tasks = _shown(story, story.result.runs), _shown(story, story.result.tasks)
    if by is None:
        by = "run" if len(runs) <= min(_RUNS, most) else "task"
    rows = runs if by == "run" else tasks
    return rows


def _shown(story: Story, frame: pd.DataFrame) -> pd.DataFrame:
    codes = frame["domain"].map({name: i for i, name in enumerate(story.log.domains)})
    return frame[story.tasks[frame["task"]] & story.domains[codes]]
