"""The chart of what became of each run: sending, waiting, paused, finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from sessim.charts import lettering, style
from sessim.charts.lanes import MOST, By, Lanes, lanes
from sessim.charts.story import Story, instants
from sessim.charts.words import number, time
from sessim.ledger import NOT_YET
from sessim.lifecycle import TaskStatus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_MANY: Final = 3_000  # bands of a kind: from there on those too close to tell apart are united
_COLUMNS: Final = 3_000  # more than a picture has columns of pixels
_THIN: Final = 7.0  # points from lane to lane, at the least
_HALF: Final = 0.38  # of a lane: half a band

_PAUSED = {"facecolor": "white", "edgecolor": style.Colour.VERMILION.rgb, "hatch": "//////"}
_TURN = {"facecolor": style.Colour.SKY.rgb, "edgecolor": style.Colour.SKY.rgb}
_SENDING = {"facecolor": style.Colour.BLUE.rgb, "edgecolor": style.Colour.BLUE.rgb}
_UNSURE = {
    "facecolor": style.pale(style.Colour.YELLOW.rgb),
    "edgecolor": style.ink(),
    "hatch": ".....",
}
_STATES: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "paused": ("Paused", _PAUSED),
    "turn": ("Waiting for its turn", _TURN),
    "sending": ("Sending", _SENDING),
    "unsure": ("Between two looks", _UNSURE),
}
"""The label and the looks of bands, from the lowest to the uppermost."""
_MARKS: Final = {
    TaskStatus.SENT.label: "o",
    TaskStatus.CANCELLED.label: "X",
    TaskStatus.ERROR.label: "D",
}
_LEGEND: Final = (
    "To start",
    *(label for label, _ in _STATES.values()),
    TaskStatus.SENT.label,
    "Done 30 November 2026 at 00:00",
)


def height(story: Story, by: By | None = None, most: int | None = None) -> float:
    """Return how high a new figure is, in inches."""
    shown = max(1, len(lanes(story, by, MOST if most is None else most).labels))
    return 1.5 + shown * float(np.clip(6 / shown, 0.13, 0.25))


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
        most = int(np.clip(room / _THIN, 3, MOST))
    found = lanes(story, by, most)
    pitch = room / max(1, len(found.labels))
    handles: dict[str, Any] = {"To start": _waits(ax, story, found)}
    handles |= _bands(ax, story, found, options or {})
    handles |= _ends(ax, found, pitch)
    if found.done is not None:
        at = style.dates(np.array([found.done]))[0]
        line = ax.axvline(at, color=style.ink(), linestyle=":", linewidth=1.2)
        handles[f"Done {time(story, found.done)}"] = line
    _lane_axis(ax, found.labels, pitch)
    style.legend(ax, found.title, handles)


def _waits(ax: Axes, story: Story, found: Lanes) -> LineCollection:
    """Draw from where to where something of each lane is still to start."""
    lane = np.arange(len(found.due))
    start = style.dates(np.full(len(lane), story.plan.start_instant))
    end = style.dates(np.minimum(found.due, story.edges[-1]))
    points = [np.stack([x, lane], axis=1) for x in (start, end)]
    drawn = LineCollection(
        list(np.stack(points, axis=1)),
        colors=style.FAINT,
        linewidths=1.2,
        label="To start",
        zorder=1,
    )
    ax.add_collection(drawn, autolim=False)
    return drawn


def _bands(
    ax: Axes, story: Story, found: Lanes, options: Mapping[str, Any]
) -> dict[str, PolyCollection]:
    """Draw what the runs were doing; where bands are many, as finely as a picture can show."""
    days = len(story.edges) - 1
    line = float(np.clip(0.2 * style.width(ax) / days, 0.3, 1.2))  # shows what is very short
    gap = int(story.edges[-1] - story.edges[0]) // _COLUMNS
    states = story.bands(found.runs)
    drawn: dict[str, PolyCollection] = {}
    for order, (state, (label, looks)) in enumerate(_STATES.items()):
        bands = states[state]
        if len(bands.lane) > _MANY:
            bands = bands.united(gap)
        if not len(bands.lane):
            continue
        lane = bands.lane.astype(np.float64)
        start, end = style.dates(bands.start), style.dates(bands.end)
        corners = list(style.boxes(start, end, lane - _HALF, lane + _HALF))
        looks = {"linewidth": min(line, 0.5) if "hatch" in looks else line, **looks, **options}
        drawn[label] = PolyCollection(corners, label=label, zorder=2 + order / 10, **looks)
        ax.add_collection(drawn[label], autolim=False)
    return dict(reversed(drawn.items()))


def _ends(ax: Axes, found: Lanes, pitch: float) -> dict[str, Line2D]:
    """Mark where lanes were finished."""
    drawn: dict[str, Line2D] = {}
    looks = {"markersize": float(np.clip(0.5 * pitch, 3, 5)), "markeredgecolor": "white"}
    words = np.array(found.status, dtype=object)
    for status, marker in _MARKS.items():
        here = np.flatnonzero((words == status) & (found.finished != NOT_YET))
        if len(here):
            (drawn[status],) = ax.plot(
                style.dates(found.finished[here]),
                here,
                marker,
                color=style.ink(),
                markeredgewidth=0.6,
                label=status,
                zorder=4,
                **looks,  # type: ignore[arg-type]
            )
    return drawn


def _lane_axis(ax: Axes, labels: list[str], pitch: float) -> None:
    """Let the y axis name the lanes, or every so many of them where they are too thin."""
    ax.set_ylim(max(1, len(labels)) - 0.4, -0.6)
    every = int(np.ceil(0.8 * _THIN / pitch))
    places = range(0, len(labels), every)
    size = float(np.clip(0.85 * pitch, 5.5, 9))
    ax.set_yticks(places, [labels[i] for i in places], fontsize=size)
    ax.tick_params(axis="y", length=0)
    lettering.fit(ax.get_yticklabels())


def describe(story: Story) -> str:
    """Say what the chart shows."""
    runs, tasks = story.of(story.result.runs), story.of(story.result.tasks)
    what = f"{number(len(tasks), 'task')} with {number(len(runs), 'run')}"
    pauses, hours = int(runs["pauses"].sum()), runs["paused_hours"].sum()
    times = f"paused {number(pauses, 'time')} for {hours:,.0f} hours in all"
    ended = instants(tasks["finished"])
    unfinished = int((ended == NOT_YET).sum())
    if unfinished:
        last = f"{number(unfinished, 'task')} not finished by {time(story, story.end)}"
    else:
        last = f"all finished on {time(story, int(ended.max(initial=story.plan.start_instant)))}"
    return f"{what}, {times if pauses else 'never paused'}; {last}."
