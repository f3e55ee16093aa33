"""What the charts share: figures, colours, axes of dates and counts, legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from sessim.charts import lettering, words
from sessim.charts.story import Floats, Ints, Story

INK: Final = "0.15"
FAINT: Final = "0.72"
GRID: Final = "0.9"
OTHER: Final = "0.62"
"""Greys: of lines and marks, of what waits, of the grid, of what is folded together."""

_OKABE_ITO = "#000000 #e69f00 #56b4e9 #009e73 #f0e442 #0072b2 #d55e00 #cc79a7".split()
_POINTS = 72  # an inch


class Colour(IntEnum):
    """The Okabe-Ito palette, which colour-blind readers can tell apart, in its usual order."""

    BLACK = 0
    ORANGE = 1
    SKY = 2
    GREEN = 3
    YELLOW = 4
    BLUE = 5
    VERMILION = 6
    PURPLE = 7

    @property
    def rgb(self) -> Any:
        """The colour as matplotlib takes it, from its own palette where it has one."""
        palette = mpl.colormaps["okabe_ito"].colors if "okabe_ito" in mpl.colormaps else _OKABE_ITO  # type: ignore[attr-defined]
        return palette[self]


LOOKS: Final[Sequence[tuple[Colour, str]]] = (
    (Colour.BLUE, ""),
    (Colour.ORANGE, "///"),
    (Colour.GREEN, "..."),
    (Colour.SKY, "\\\\\\"),
    (Colour.PURPLE, "xxx"),
    (Colour.YELLOW, "---"),
    (Colour.VERMILION, "|||"),
)
"""Colour and hatch of the parts of a stack, in order."""


def new_figure(size: tuple[float, float]) -> Figure:
    """Make a figure that pyplot knows, so that a notebook shows it."""
    import matplotlib.pyplot as plt  # only where nobody hands in a figure

    return plt.figure(figsize=size, layout="constrained")


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the Axes given, or those of a new figure of a size in inches."""
    return new_figure(size).add_subplot() if ax is None else ax


def dates(instants: Ints) -> Floats:
    """Turn microseconds since the Unix epoch into matplotlib's dates."""
    found: Floats = date2num(np.asarray(instants, dtype=np.int64).view("M8[us]"))
    return found


def width(ax: Axes) -> float:
    """Return the width of Axes in points, before any layout has moved them."""
    return float(ax.get_window_extent().width / ax.get_figure(root=True).dpi * _POINTS)  # type: ignore[union-attr]


def height(ax: Axes) -> float:
    """Return the height of Axes in points, before any layout has moved them."""
    return float(ax.get_window_extent().height / ax.get_figure(root=True).dpi * _POINTS)  # type: ignore[union-attr]


def time_axis(ax: Axes, story: Story) -> None:
    """Let the x axis show the local days of a result, from the first to the last."""
    zone = story.plan.clock.zone
    ax.xaxis_date(zone)
    most = int(np.clip(width(ax) / 55, 3, 11))
    locator = AutoDateLocator(tz=zone, minticks=min(4, most), maxticks=most)
    formatter = ConciseDateFormatter(
        locator,
        tz=zone,
        formats=["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%S.%f"],
        zero_formats=["", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
        show_offset=False,
    )
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    ax.set_xlim(*dates(story.edges[[0, -1]]))
    first, last = (words.month(story, int(edge)) for edge in story.edges[[0, -2]])
    ax.set_xlabel(f"{words.span(first, last)}, local time ({story.plan.timezone})", color=INK)
    _plain(ax)


def count_axis(ax: Axes, top: float) -> None:
    """Let the y axis count emails, from 0 to ``top``."""
    ax.set_ylim(0, max(top, 1))
    ax.yaxis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True))
    ax.set_ylabel("Emails", color=INK)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.grid(axis="y", color=GRID)


def _plain(ax: Axes) -> None:
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes, title: str, handles: Mapping[str, Any]) -> None:
    """Put a heading and a legend above the Axes, in as many columns as there is room for.

    Parameters
    ----------
    ax
        Where to put it.
    title
        The heading.
    handles
        What to draw beside each text.
    """
    small = FontProperties(size="small").get_size_in_points()
    found = ax.legend(
        list(handles.values()),
        [" "] * len(handles),  # the texts come below: a legend drops those that begin with _
        title=title,
        alignment="left",
        title_fontproperties={"weight": "bold", "size": "medium"},
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_columns(list(handles), _room(ax) / small),
        frameon=False,
        fontsize=small,
        borderpad=0,
        borderaxespad=0.6,
        columnspacing=1.6,
        labelspacing=0.35,
    )
    for text, shown in zip(found.get_texts(), handles, strict=True):
        text.set_text(shown)
    lettering.fit(found.get_texts())


def _room(ax: Axes) -> float:
    """Return the points that a legend may take: a layout widens Axes, by about a seventh."""
    figure = ax.get_figure(root=True)
    widens = figure is not None and figure.get_layout_engine() is not None
    return width(ax) * (1.14 if widens else 1.0)


def _columns(texts: Sequence[str], room: float) -> int:
    """Return how many columns of texts fit into a room, in sizes of the letter."""
    sizes = np.array([0.54 * lettering.breadth(text) + 4.4 for text in texts])
    for columns in range(len(texts), 1, -1):
        if sum(part.max() for part in np.array_split(sizes, columns)) <= room:
            return columns
    return 1


def note(ax: Axes, text: str) -> None:
    """Write a text into the middle of Axes that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=INK)


def boxes(start: Floats, end: Floats, low: Floats, high: Floats) -> NDArray[np.float64]:
    """Return the corners of rectangles."""
    x = np.stack([start, start, end, end], axis=1)
    y = np.stack([low, high, high, low], axis=1)
    return np.stack([x, y], axis=2)
