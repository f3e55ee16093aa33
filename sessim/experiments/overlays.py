"""Charts of several plans' replications over each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sessim.charts import lettering, style
from sessim.charts.words import number
from sessim.clock import moment
from sessim.experiments.charts import (
    FAN,
    SIZE,
    Fan,
    Finishes,
    Span,
    around,
    mark_deadline,
    share_axis,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sessim.experiments.replications import Replications

_LINES: Final = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (9, 3)))
_DPI: Final = 144


def _looks(place: int) -> dict[str, Any]:
    colour = style.LOOKS[place % len(style.LOOKS)][0].rgb
    return {"color": colour, "linestyle": _LINES[place % len(_LINES)], "linewidth": 2.0}


def fans(
    replications: Mapping[str, Replications],
    chart: str,
    *,
    ax: Axes | None = None,
    domain: str | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the median of each plan, and the range that holds 90% of its replications.

    Parameters
    ----------
    replications
        What is shown, by name.
    chart
        ``"throughput"`` (emails sent each day) or ``"backlog"`` (unsent at the end of each day).
    ax
        Where to draw. Default: a new figure.
    domain
        Only this one, which each plan has. Default: all together.
    **kwargs
        Handed on to each line.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn; its lines are in the order of the plans.
    """
    drawn = [Fan(entry, chart, domain) for entry in replications.values()]
    edges = np.concatenate([entry.span.edges[[0, -1]] for entry in drawn])
    ax = style.axes(ax, SIZE)
    style.time_axis(ax, Span.between(drawn[0].span.plan, int(edges.min()), int(edges.max())))
    handles: dict[str, Any] = {}
    shown = lettering.names(replications, range(1, len(drawn) + 1))
    for place, (label, entry) in enumerate(zip(shown, drawn, strict=True)):
        looks = _looks(place)
        handles[label] = entry.line(ax, **{**looks, **kwargs})
        entry.range(ax, *FAN[0], color=looks["color"], alpha=0.18)
    style.count_axis(ax, 1.08 * max(entry.top for entry in drawn))
    style.legend(ax, f"{title(chart, domain)}: median, and 90% of replications", handles)
    return ax


def finishes(
    replications: Mapping[str, Replications],
    *,
    ax: Axes | None = None,
    task: str | None = None,
    by: str | dt.date | dt.datetime | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw for each plan which share of its replications is finished by when.

    Parameters
    ----------
    replications
        What is shown, by name.
    ax
        Where to draw. Default: a new figure.
    task
        Of the task of this name. Default: of all tasks.
    by
        A deadline to mark: a time, or a date (its end).
    **kwargs
        Handed on to each line.
    """
    curves = [Finishes(entry, task) for entry in replications.values()]
    deadline = None if by is None else curves[0].plan.clock.end_instant(moment(by))
    span = around(curves, deadline)
    ax = style.axes(ax, SIZE)
    style.time_axis(ax, span)
    handles: dict[str, Any] = {}
    shown = lettering.names(replications, range(1, len(curves) + 1))
    for place, (label, curve) in enumerate(zip(shown, curves, strict=True)):
        label += f" ({curve.late})" if curve.late else ""
        handles[label] = curve.draw(ax, span, **{**_looks(place), **kwargs})
    if deadline is not None:
        handles["Deadline"] = mark_deadline(ax, deadline)
    share_axis(ax)
    n = len(next(iter(replications.values())))
    style.legend(ax, f"{curves[0].what} finished: {number(n, 'replication')} each", handles)
    return ax


@dataclass(frozen=True)
class Overlays:
    """The charts of a comparison: call one of its methods.

    Parameters
    ----------
    replications
        What is shown, by name.
    """

    replications: Mapping[str, Replications]

    def throughput(self, **options: Any) -> Axes:
        """Draw the emails sent each day, with the options of :func:`fans`."""
        return fans(self.replications, "throughput", **options)

    def backlog(self, **options: Any) -> Axes:
        """Draw the unsent emails, with the options of :func:`fans`."""
        return fans(self.replications, "backlog", **options)

    def finish(self, **options: Any) -> Axes:
        """Draw the distributions of the finish, with the options of :func:`finishes`."""
        return finishes(self.replications, **options)
