"""Charts of a result with matplotlib: throughput, backlog and timeline.

Each chart draws on the Axes it is given, or on a new figure, and returns the Axes; only without
``ax`` does it need pyplot. :func:`description` says in a sentence what a chart shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sessim.charts import areas, bands, bars, lanes, style
from sessim.charts.story import Names, SelectionError, Story

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sessim.result import Result

__all__ = [
    "CHARTS",
    "Plots",
    "SelectionError",
    "backlog",
    "description",
    "overview",
    "save_all",
    "throughput",
    "timeline",
]

CHARTS: Final = ("throughput", "backlog", "timeline")
"""The names of the charts, as the overview has them from top to bottom."""

_WIDTH: Final = 10.0
_HEIGHTS: Final = {"throughput": 4.2, "backlog": 3.4}
_DPI: Final = 144

_DRAW: Final[dict[str, Callable[[Story, Axes], None]]] = {
    "throughput": bars.draw,
    "backlog": areas.draw,
    "timeline": bands.draw,
}
_DESCRIBE: Final[dict[str, Callable[[Story], str]]] = {
    "throughput": bars.describe,
    "backlog": areas.describe,
    "timeline": bands.describe,
}


def throughput(
    result: Result,
    *,
    ax: Axes | None = None,
    by: bars.By = "task",
    tasks: Names = None,
    domains: Names = None,
    most: int = bars.MOST,
    **kwargs: Any,
) -> Axes:
    """Draw the emails sent each local day as stacked bars, and the daily limit as a step line.

    Where limits are far above what was sent, the picture is as high as the bars and the line
    leaves it at an arrow; the legend says how far it goes. With several domains the line is the
    sum of their limits, which is what the height of the bars compares with, and rows above the
    bars mark the days on which each was at its own (those with few such days in one row; without
    names where the picture is narrow). What domains without a limit sent is pale and on top: what
    is below can be compared with the line. ``domains="a.example.com"`` draws one alone. Where a
    reputation raises a limit the line steps inside the day, and marks say how levels changed and
    when a domain was blocked; of an only domain, with the number of the new level.

    Parameters
    ----------
    result
        What is shown.
    ax
        Where to draw. Default: a new figure.
    by
        What the bars are stacked by: ``"task"``, ``"domain"`` or ``"type"``.
    tasks, domains
        Only these, and only their days with one more at either end: one or several names, tasks
        also by id. Default: all, test sends included.
    most
        How many parts of the bars are told apart; all but the largest are folded together.
    **kwargs
        Handed on to :meth:`matplotlib.axes.Axes.bar`.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    SelectionError
        If the plan has no task or domain of that name.
    """
    story = Story(result, tasks, domains)
    ax = style.axes(ax, (_WIDTH, _HEIGHTS["throughput"]))
    bars.draw(story, ax, by, most, kwargs)
    return ax


def backlog(
    result: Result,
    *,
    ax: Axes | None = None,
    tasks: Names = None,
    domains: Names = None,
    **kwargs: Any,
) -> Axes:
    """Draw the unsent emails of due runs over time: in the cache queue, and not cached.

    Either has an outline of its colour, so that what is gone in minutes is seen over months too;
    an arrow points at the peak, and the legend says how high it is.

    Parameters
    ----------
    result, ax, tasks, domains
        As in :func:`throughput`.
    **kwargs
        Handed on to :meth:`matplotlib.axes.Axes.fill_between`.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Notes
    -----
    A run's emails are exact at the instants at which the log tells of it, hence at the beginning
    of each day, and to within one email between them (in ``fair``: one of each sending run).
    """
    story = Story(result, tasks, domains)
    ax = style.axes(ax, (_WIDTH, _HEIGHTS["backlog"]))
    areas.draw(story, ax, kwargs)
    return ax


def timeline(
    result: Result,
    *,
    ax: Axes | None = None,
    by: lanes.By | None = None,
    tasks: Names = None,
    domains: Names = None,
    most: int | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw when runs were sending, waiting for their turn, paused, and finished.

    Parameters
    ----------
    result, ax, tasks, domains
        As in :func:`throughput`.
    by
        Whether a lane is a ``"run"`` or a ``"task"`` with all its runs. Default: runs where they
        are few.
    most
        How many tasks have lanes of their own; all but those with the most requests are folded
        into one lane. Default: as many as stay legible, at most 60.
    **kwargs
        Handed on to each :class:`matplotlib.collections.PolyCollection` of bands.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn; lane 0 is on top.
    """
    story = Story(result, tasks, domains)
    if ax is None:
        ax = style.axes(None, (_WIDTH, bands.height(story, by, most)))
    bands.draw(story, ax, by, most, kwargs)
    return ax


def overview(
    result: Result, *, figure: Figure | None = None, tasks: Names = None, domains: Names = None
) -> NDArray[Any]:
    """Draw the three charts under each other, with one time axis.

    Parameters
    ----------
    result, tasks, domains
        As in :func:`throughput`.
    figure
        Where to draw. Default: a new figure of a size that fits.

    Returns
    -------
    numpy.ndarray
        The three Axes, from top to bottom.
    """
    story = Story(result, tasks, domains)
    heights = [3.4, 2.6, bands.height(story)]
    if figure is None:
        figure = style.new_figure((_WIDTH, sum(heights)))
    axes: NDArray[Any] = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    for ax, chart in zip(axes, CHARTS, strict=True):
        _DRAW[chart](story, ax)
        ax.label_outer()
    return axes


def description(result: Result, chart: str, *, tasks: Names = None, domains: Names = None) -> str:
    """Say in one sentence what a chart shows, as alternative text of its picture.

    Parameters
    ----------
    result, tasks, domains
        As in :func:`throughput`.
    chart
        One of :data:`CHARTS`.

    Raises
    ------
    ValueError
        If there is no such chart.
    """
    if chart not in _DESCRIBE:
        raise ValueError(f"chart: {chart!r} is unknown; use one of {', '.join(CHARTS)}")
    return _DESCRIBE[chart](Story(result, tasks, domains))


def save_all(result: Result, folder: str | PathLike[str], *, dpi: int = _DPI) -> list[Path]:
    """Write ``throughput.png``, ``backlog.png`` and ``timeline.png`` into a folder.

    The same result gives the same bytes. Each picture carries its :func:`description`.

    Parameters
    ----------
    result
        What is shown.
    folder
        Where to write; it is made if it does not exist.
    dpi
        Pixels an inch; a picture is 10 inches wide.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    story = Story(result)
    heights = _HEIGHTS | {"timeline": bands.height(story)}
    files = []
    for chart in CHARTS:
        figure = Figure(figsize=(_WIDTH, heights[chart]), layout="constrained")
        _DRAW[chart](story, figure.add_subplot())
        files.append(target / f"{chart}.png")
        figure.savefig(files[-1], dpi=dpi, metadata={"Description": _DESCRIBE[chart](story)})
    return files


@dataclass(frozen=True)
class Plots:
    """The charts of one result: call it for all three, or one of its methods.

    Parameters
    ----------
    result
        What is shown.
    """

    result: Result

    def __call__(self, **options: Any) -> NDArray[np.object_]:
        """Draw all three under each other, with the options of :func:`overview`."""
        return overview(self.result, **options)

    def throughput(self, **options: Any) -> Axes:
        """Draw the emails sent each day, with the options of :func:`throughput`."""
        return throughput(self.result, **options)

    def backlog(self, **options: Any) -> Axes:
        """Draw the unsent emails over time, with the options of :func:`backlog`."""
        return backlog(self.result, **options)

    def timeline(self, **options: Any) -> Axes:
        """Draw what became of each run, with the options of :func:`timeline`."""
        return timeline(self.result, **options)

    def description(self, chart: str, **options: Any) -> str:
        """Say what a chart shows, with the options of :func:`description`."""
        return description(self.result, chart, **options)
