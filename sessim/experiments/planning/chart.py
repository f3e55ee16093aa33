"""Each day's emails, booked and planned, beneath what the domains may send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from sessim.charts import style
from sessim.charts.story import Floats
from sessim.experiments.charts import Span
from sessim.experiments.planning.planned import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sessim.experiments.planning.planned import Planned

_FAR = 1.35  # times the highest bar: a line above it leaves the picture


def draw(planned: Planned, ax: Axes | None = None) -> Axes:
    """Draw the chart; see :meth:`sessim.Planned.plot`.

    Bars are stacked by domain, what was booked beneath in grey; the steps are the sum of the
    domains' limits, the dashed line is what the account's rate allows, and the dotted one the
    deadline.
    """
    ax = style.axes(ax, (10.0, 3.8))
    span = _span(planned)
    edges = style.dates(span.edges)
    style.time_axis(ax, span)
    handles: list[tuple[str, Any]] = []
    base = np.zeros(len(edges) - 1, dtype=np.int64)
    for label, numbers, looks in _parts(planned, len(base)):
        bars = ax.bar(
            edges[:-1], numbers, np.diff(edges), base, align="edge", label=label,
            edgecolor="white", linewidth=0.4, hatch_linewidth=0.8, **looks,
        )  # fmt: skip
        handles.append((label, bars))
        base += numbers
    top = _FAR * int(base.max(initial=1))
    handles += _lines(planned, ax, edges, top)
    style.count_axis(ax, top)
    title = f"Emails of each day, in time for {in_words(planned.by)}"
    style.legend(ax, title, handles)
    return ax


def _span(planned: Planned) -> Span:
    clock = planned.plan.clock
    dates = [date.date() for date in planned.binding["date"]]
    last = max(dates[-1], planned.by) if (planned.by - dates[-1]).days <= 7 else dates[-1]
    ordinals = range(dates[0].toordinal(), last.toordinal() + 2)
    instants = [clock.day_start(type(last).fromordinal(day)) for day in ordinals]
    return Span(planned.plan, np.array(instants, dtype=np.int64))


def _parts(planned: Planned, days: int) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return label, emails of each day and looks of each part of the bars, the lowest first."""
    booked = np.zeros(days, dtype=np.int64)
    booked[: len(planned.binding)] = planned.binding["booked"]
    found: list[tuple[str, Any, dict[str, Any]]] = []
    if booked.any():
        found.append(("Booked", booked, {"color": style.FAINT, "hatch": ""}))
    for place, name in enumerate(planned.domains):
        own = planned.days[planned.days["domain"] == name]
        numbers = np.zeros(days, dtype=np.int64)
        numbers[: len(own)] = own["planned"]
        colour, hatch = style.LOOKS[place % len(style.LOOKS)]
        found.append((name, numbers, {"color": colour.rgb, "hatch": hatch}))
    return found


def _lines(planned: Planned, ax: Axes, edges: Floats, top: float) -> list[tuple[str, Any]]:
    """Draw limits, rate and deadline, those that are in the picture."""
    binding = planned.binding
    own = edges[: len(binding) + 1]
    handles: list[tuple[str, Any]] = []
    if binding["limit"].notna().any():
        limit = binding["limit"].to_numpy(dtype=np.float64, na_value=np.nan)
        label = "Daily limit of all domains" if len(planned.domains) > 1 else "Daily limit"
        if (limit > top).any():
            label += f" (up to {int(np.nanmax(limit)):,})"
        step = ax.stairs(
            limit, own, baseline=None, label=label, color=style.ink(), linewidth=1.8, zorder=3
        )
        handles.append((label, step))
    account = binding["account"].to_numpy(dtype=np.float64)
    if (account <= top).any():
        label = "Account's rate"
        step = ax.stairs(
            account, own, baseline=None, label=label, color=style.Colour.VERMILION.rgb,
            linestyle="dashed", linewidth=1.6, zorder=3,
        )  # fmt: skip
        handles.append((label, step))
    deadline = style.dates(np.array([planned.deadline.value // 1000], dtype=np.int64))[0]
    if edges[0] < deadline <= edges[-1]:
        looks = {"color": style.ink(), "linestyle": "dotted", "linewidth": 1.8}
        ax.axvline(deadline, clip_on=False, **looks)
        handles.append(("Deadline", Line2D([], [], **looks)))
    return handles
