"""The chart of the unsent emails of due runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.markers import CARETDOWN
from numpy.typing import NDArray

from sessim.charts import style
from sessim.charts.story import Curve, Story
from sessim.charts.words import number, time
from sessim.ledger import Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_LINE: Final = 1.2  # points around an area: so much is seen of what is gone in minutes
_LOOKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "In the cache queue": {
        "facecolor": style.Colour.ORANGE.rgb,
        "edgecolor": style.Colour.VERMILION.rgb,
        "hatch": "///",
    },
    "Due, not cached": {
        "facecolor": style.Colour.BLUE.rgb,
        "edgecolor": style.Colour.BLUE.rgb,
        "hatch": "",
    },
}
"""The looks of the areas, from the lower to the upper."""
_VERTICES: Final = 8_000  # more than a picture has columns of pixels


def draw(story: Story, ax: Axes, options: Mapping[str, Any] | None = None) -> None:
    """Draw the chart; see :func:`sessim.charts.backlog`."""
    style.time_axis(ax, story)
    curve = thinned(story.curve)
    x, total = style.dates(curve.instants), curve.total
    levels = pairwise((np.zeros_like(total), curve.cached, total))
    handles: list[tuple[str, Any]] = []
    for (label, own), (low, high) in zip(_LOOKS.items(), levels, strict=True):
        looks = {"linewidth": _LINE, "hatch_linewidth": 0.8, **own, **(options or {})}
        area = ax.fill_between(x, low, high, where=_there(high - low), label=label, **looks)
        handles.append((label, area))
    if total.any():
        handles.append(_largest(ax, story, curve))
    style.count_axis(ax, 1.08 * total.max(initial=0))
    if not total.any():
        style.note(ax, "There was no backlog")
    style.legend(ax, "Backlog: emails due and not sent yet", handles)


def _there(values: Ints) -> NDArray[np.bool_]:
    """Say which vertices have an area: those above 0, and those to which it falls.

    A backlog rises at once, and only then: there are two vertices at that instant.
    """
    found = values > 0
    found[1:] |= values[:-1] > 0
    return found


def _largest(ax: Axes, story: Story, curve: Curve) -> tuple[str, Line2D]:
    """Point at the peak, which may be as narrow as it is high."""
    peak = int(curve.total.argmax())
    at = style.dates(curve.instants[[peak]])
    looks = {"marker": CARETDOWN, "markersize": 7, "color": style.ink(), "linestyle": "none"}
    (mark,) = ax.plot(at, curve.total[[peak]], label="Largest", zorder=4, **looks)
    return f"Largest: {curve.total[peak]:,} on {time(story, int(curve.instants[peak]))}", mark


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
