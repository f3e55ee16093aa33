"""What the charts share: figures, colours, axes of dates and counts, legends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.dates import (
    DAILY,
    HOURLY,
    MONTHLY,
    YEARLY,
    AutoDateLocator,
    ConciseDateFormatter,
    date2num,
)
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from matplotlib.transforms import (
    Affine2D,
    BboxTransformTo,
    ScaledTranslation,
    Transform,
    blended_transform_factory,
)
from numpy.typing import NDArray

from sessim.charts import lettering, words
from sessim.charts.story import Days, Floats
from sessim.ledger import Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAINT: Final = "0.7"
OTHER: Final = "0.62"
"""Greys: of what waits, and of what is folded together."""

_OKABE_ITO = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7",
)  # fmt: skip
_INCH = 72  # points
_AROUND = 56  # points above and below Axes that a layout takes for labels and a heading
_MARGIN = 0.006  # of the days shown, before them: the axis would hide what is gone in minutes
_ROW = 11.5  # points of a row of a legend


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


def ink() -> Any:
    """Return the colour of lines and marks: that of texts, in light and in dark styles."""
    return mpl.rcParams["text.color"]


def pale(colour: Any) -> tuple[float, ...]:
    """Return a colour mixed with much white."""
    return tuple(1 - 0.25 * (1 - part) for part in to_rgb(colour))


def new_figure(size: tuple[float, float]) -> Figure:
    """Make a figure that pyplot knows, so that a notebook shows it."""
    import matplotlib.pyplot as plt  # only where nobody hands in a figure

    return plt.figure(figsize=size, layout="constrained")


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the Axes given, or those of a new figure of a size in inches."""
    return new_figure(size).add_subplot() if ax is None else ax


def dates(instants: Ints) -> Floats:
    """Turn microseconds since the Unix epoch into matplotlib's dates."""
    found: Floats = date2num(  # type: ignore[no-untyped-call]
        np.asarray(instants, dtype=np.int64).view("M8[us]")
    )
    return found


def width(ax: Axes) -> float:
    """Return the width of Axes in points, before any layout has moved them."""
    return _points(ax, ax.get_window_extent().width)


def height(ax: Axes, texts: Sequence[str]) -> float:
    """Return the height of Axes in points, that a layout will leave under a legend of texts."""
    found = _points(ax, ax.get_window_extent().height)
    if not _has_layout(ax):
        return found
    rows = -(-len(texts) // _columns(texts, _room(ax)))
    return max(1.3 * found - _AROUND - _ROW * rows, 0.3 * found)


def points_above(ax: Axes) -> Transform:
    """Return the coordinates of what stands above Axes: across as theirs, upwards in points."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    upwards = Affine2D().scale(1 / _INCH) + figure.dpi_scale_trans
    return blended_transform_factory(
        ax.transAxes, upwards + ScaledTranslation(0, 1, BboxTransformTo(ax.bbox))
    )


def _points(ax: Axes, pixels: float) -> float:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return pixels / figure.dpi * _INCH


def _has_layout(ax: Axes) -> bool:
    figure = ax.get_figure(root=True)
    return figure is not None and figure.get_layout_engine() is not None


def time_axis(ax: Axes, story: Days) -> None:
    """Let the x axis show local days, from the first to the last."""
    zone = story.plan.clock.zone
    ax.xaxis_date(zone)
    ax.xaxis.set_major_locator(locator := _locator(width(ax), zone))
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=zone,
        formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S.%f"],
        zero_formats=["", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
        show_offset=False,  # the label of the axis has the year
    )
    ax.xaxis.set_major_formatter(formatter)
    start, end = dates(story.edges[[0, -1]])
    ax.set_xlim(start - _MARGIN * (end - start), end)
    first, last = (words.month(story, int(edge)) for edge in story.edges[[0, -2]])
    ax.set_xlabel(f"{words.span(first, last)}, local time ({story.plan.timezone})")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _locator(room: float, zone: ZoneInfo) -> AutoDateLocator:
    """Return ticks for as many dates as there is room for, in points.

    Less than the least numbers here would leave hours and months without an interval that fits.
    """
    most = int(np.clip(room / 55, 5, 11))
    least, fitting = (4, 9) if most >= 9 else (3, 7)
    ticks = {YEARLY: most, MONTHLY: max(most, fitting), DAILY: most, HOURLY: max(most, fitting)}
    return AutoDateLocator(  # type: ignore[no-untyped-call]
        tz=zone, minticks=least, maxticks=ticks
    )


def count_axis(ax: Axes, top: float) -> None:
    """Let the y axis count emails, from 0 to ``top``."""
    ax.set_ylim(0, max(top, 1))
    ax.yaxis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True))
    ax.set_ylabel("Emails")
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.grid(axis="y", color=ink(), alpha=0.1)


def legend(
    ax: Axes,
    title: str,
    handles: Mapping[str, Any] | Iterable[tuple[str, Any]],
    raised: float = 0.0,
) -> None:
    """Put a heading and a legend above the Axes, in as many columns as there is room for.

    Parameters
    ----------
    ax
        Where to put it.
    title
        The heading.
    handles
        The texts, and what to draw beside each.
    raised
        How far above the Axes, in points.
    """
    entries = list(handles.items() if isinstance(handles, Mapping) else handles)
    texts = [text for text, _ in entries]
    found = ax.legend(
        [handle for _, handle in entries],
        [" "] * len(entries),  # the texts come below: a legend drops those that begin with _
        title=title,
        alignment="left",
        title_fontproperties={"weight": "bold", "size": "medium"},
        loc="lower left",
        bbox_to_anchor=(0, raised),
        bbox_transform=points_above(ax),
        ncols=_columns(texts, _room(ax)),
        frameon=False,
        fontsize="small",
        borderpad=0,
        borderaxespad=0.6,
        columnspacing=1.6,
        labelspacing=0.35,
    )
    for artist, text in zip(found.get_texts(), texts, strict=True):
        artist.set_text(text)
    lettering.fit(found.get_texts())


def _room(ax: Axes) -> float:
    """Return how wide a legend may be: as Axes and the margin beside them, in points."""
    return 1.06 * width(ax)


def _columns(texts: Sequence[str], room: float) -> int:
    """Return how many columns of texts fit into a room, in points."""
    letter = FontProperties(size="small").get_size_in_points()
    sizes = letter * np.array([0.55 * lettering.breadth(text) + 4.4 for text in texts])
    for columns in range(len(texts), 1, -1):
        if sum(part.max() for part in np.array_split(sizes, columns)) <= room:
            return columns
    return 1


def note(ax: Axes, text: str) -> None:
    """Write a text into the middle of Axes that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center")


def boxes(start: Floats, end: Floats, low: Floats, high: Floats) -> NDArray[np.float64]:
    """Return the corners of rectangles."""
    x = np.stack([start, start, end, end], axis=1)
    y = np.stack([low, high, high, low], axis=1)
    return np.stack([x, y], axis=2)
