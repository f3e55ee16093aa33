"""The chart of the unsent emails of due runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sessim.charts import style
from sessim.charts.story import Curve, Story
from sessim.charts.words import number, time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VERTICES: Final = 8_000  # more than a picture has columns of pixels


def draw(story: Story, ax: Axes, options: Mapping[str, Any] | None = None) -> None:
    """Draw the chart; see :func:`sessim.charts.backlog`."""
    style.time_axis(ax, story)
    curve = thinned(story.curve)
    x, total = style.dates(curve.instants), curve.total
    cached, waiting = style.Colour.ORANGE.rgb, style.Colour.SKY.rgb
    areas: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "In the cache queue": (0, curve.cached, {"facecolor": cached, "hatch": "///"}),
        "Due, not cached": (curve.cached, total, {"facecolor": waiting, "hatch": ""}),
    }
    handles: list[tuple[str, Any]] = []
    for label, (low, high, looks) in areas.items():
        looks = {
            "edgecolor": "white",
            "linewidth": 0.0,
            "hatch_linewidth": 0.8,
            **looks,
            **(options or {}),
        }
        handles.append((label, ax.fill_between(x, low, high, label=label, **looks)))
    ax.plot(x, total, color=style.ink(), linewidth=0.9, label="Backlog")
    style.count_axis(ax, 1.06 * total.max(initial=0))
    if not total.any():
        style.note(ax, "There was no backlog")
    style.legend(ax, "Backlog: emails due and not sent yet", handles)


def thinned(curve: Curve, most: int = _VERTICES) -> Curve:
    """Leave out vertices that a picture could not show, but no extreme."""
    if len(curve.instants) <= most:
        return curve
    since = curve.instants - curve.instants[0]
    column = since * (most // 4) // (since[-1] + 1)
    kept = []
    for values in (np.arange(len(column)), curve.total):
        order = np.lexsort((values, column))
        ends = np.flatnonzero(np.diff(column[order]))
        kept += [order[np.append(0, ends + 1)], order[np.append(ends, len(order) - 1)]]
    places = np.unique(np.concatenate(kept))
    return Curve(curve.instants[places], curve.cached[places], curve.waiting[places])


def describe(story: Story) -> str:
    """Say what the chart shows."""
    curve = story.curve
    total = curve.total
    if not total.any():
        return "There was no backlog."
    place = int(total.argmax())
    cached, most = int(curve.cached[place]), int(total[place])
    part = "all" if cached == most else f"{cached:,}" if cached else "none"
    when = time(story, int(curve.instants[place]))
    peak = f"The backlog was largest with {number(most, 'email')} on {when}"
    left = int(total[-1])
    if left:
        end = f"{number(left, 'email')} {'was' if left == 1 else 'were'} left at the end"
    else:
        end = f"it was gone on {time(story, int(curve.instants[np.flatnonzero(total)[-1] + 1]))}"
    return f"{peak}, {part} of them in the cache queue; {end}."
