"""Charts of many replications: fans of throughput and backlog, and when all is done.

Each draws on the Axes it is given, or on a new figure, and returns the Axes, as the charts of one
result do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from sessim.charts import lettering, style
from sessim.charts.words import number, time
from sessim.clock import DAY, HOUR, moment
from sessim.errors import ArgumentError, nearest, shown
from sessim.eventlog import NONE
from sessim.experiments import frames, intervals
from sessim.experiments.tally import Tally
from sessim.ledger import NOT_YET, Ints
from sessim.plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sessim.experiments.replications import Replications

CHARTS: Final = ("throughput", "backlog", "finish")
"""The names of the charts."""

FAN: Final = ((0.05, 0.95), (0.25, 0.75))
"""The ranges of a fan, the widest first."""

_SIZE: Final = (10.0, 3.8)
_DPI: Final = 144
_SHADES: Final = (0.18, 0.38)
_TITLES: Final = {
    "throughput": "Emails sent each day",
    "backlog": "Backlog at the end of each day: emails due and not sent yet",
}


@dataclass(frozen=True)
class Span:
    """Local days of a plan (see :class:`sessim.charts.story.Days`)."""

    plan: Plan
    edges: Ints


def days(replications: Replications) -> Span:
    """Return the days on which there was work in any of the replications."""
    plan, found = replications.plan, replications.tally
    last = int(frames.places(plan, found)[:, 1].max(initial=0))
    return Span(plan, np.array([*_starts(plan, found.days[: last + 1].tolist())], dtype=np.int64))


def _starts(plan: Plan, ordinals: Sequence[int]) -> list[int]:
    dates = [dt.date.fromordinal(day) for day in ordinals]
    end = dates[-1] + dt.timedelta(days=1)
    return [plan.clock.day_start(date) for date in (*dates, end)]


def fan(
    replications: Replications,
    chart: str,
    *,
    ax: Axes | None = None,
    domain: str | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the median of a number a day, and the ranges that hold half and 90% of replications.

    Parameters
    ----------
    replications
        What is shown.
    chart
        ``"throughput"`` (emails sent each day, beside the median of the daily limit) or
        ``"backlog"`` (emails due and unsent at the end of each day).
    ax
        Where to draw. Default: a new figure.
    domain
        Only this one. Default: all together.
    **kwargs
        Handed on to :meth:`matplotlib.axes.Axes.fill_between`.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    ArgumentError
        If there is no such domain.
    """
    span, found = days(replications), replications.tally
    chosen = _domains(replications.plan, domain)
    ax = style.axes(ax, _SIZE)
    style.time_axis(ax, span)
    name = "sent" if chart == "throughput" else "backlog"
    values = found.daily[name][:, chosen, : len(span.edges) - 1].sum(axis=1)
    handles = _fan(ax, span, values, daily=chart == "throughput", options=kwargs)
    top = float(_quantile(values, FAN[0][1]).max(initial=0))
    if chart == "throughput":
        handles |= _limit(ax, span, found, chosen, top)
    style.count_axis(ax, 1.08 * top)
    shown_domain = f", {lettering.name(domain)}" if domain else ""
    count = number(len(replications), "replication")
    style.legend(ax, f"{_TITLES[chart]}{shown_domain}: {count}", handles)
    return ax


def _domains(plan: Plan, domain: str | None) -> list[int]:
    names = [entry.name for entry in plan.domains]
    if domain is None:
        return list(range(len(names)))
    if domain not in names:
        raise ArgumentError(f"domain: there is no {shown(domain)}; {nearest(str(domain), names)}")
    return [names.index(domain)]


def _quantile(values: NDArray[Any], q: float) -> NDArray[np.float64]:
    return intervals.quantiles(values, q).value


def _fan(
    ax: Axes, span: Span, values: NDArray[Any], *, daily: bool, options: dict[str, Any]
) -> dict[str, Any]:
    """Draw the ranges and the median: steps for what a day brings, else lines to its end."""
    colour = style.Colour.BLUE.rgb
    x = style.dates(span.edges)
    half = _levels(values, 0.5, daily)
    step = "post" if daily else None
    style_of_line = {"drawstyle": "steps-post"} if daily else {}
    (line,) = ax.plot(x, half, color=colour, linewidth=1.8, label="Median", zorder=3,
                      **style_of_line)  # type: ignore[arg-type]  # fmt: skip
    handles: dict[str, Any] = {"Median": line}
    for (low, high), alpha in zip(FAN, _SHADES, strict=True):
        looks = {"color": colour, "alpha": alpha, "linewidth": 0, "step": step, **options}
        below, above = (_levels(values, q, daily) for q in (low, high))
        label = f"{100 * (high - low):.0f}% of replications"
        handles[label] = ax.fill_between(x, below, above, label=label, **looks)
    return handles


def _levels(values: NDArray[Any], q: float, daily: bool) -> NDArray[np.float64]:
    """Return a quantile at each edge of the days."""
    found = _quantile(values, q)
    if daily:
        return np.append(found, found[-1:])  # the last step reaches to the end of its day
    return np.append(0.0, found)


def _limit(ax: Axes, span: Span, found: Tally, chosen: list[int], top: float) -> dict[str, Any]:
    """Draw the median of the daily limit, where every domain that is shown has one."""
    limit = found.daily["limit"][:, chosen, : len(span.edges) - 1]
    known = (limit != NONE).all(axis=1)
    if not known.any():
        return {}
    total = np.where(known, limit.sum(axis=1), 0)
    levels = np.array(
        [
            np.median(total[known[:, day], day]) if known[:, day].any() else np.nan
            for day in range(total.shape[1])
        ]
    )
    looks = {"color": style.ink(), "linewidth": 1.4, "linestyle": "--", "baseline": None}
    line = ax.stairs(np.minimum(levels, 4 * max(top, 1)), style.dates(span.edges), **looks)
    return {"Daily limit, median": line}


# --- when it is done ------------------------------------------------------------------------------


def finish(
    replications: Replications,
    *,
    ax: Axes | None = None,
    task: int | str | None = None,
    by: str | dt.date | dt.datetime | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw which share of the replications is finished by when.

    Parameters
    ----------
    replications
        What is shown.
    ax
        Where to draw. Default: a new figure.
    task
        Of one task, by id or name. Default: of all tasks.
    by
        A deadline to mark, with its probability: a time, or a date (its end).
    **kwargs
        Handed on to :meth:`matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.
    """
    plan, n = replications.plan, len(replications)
    when = np.sort(frames.finished(plan, replications.tally, task))
    done = when[when != NOT_YET]
    deadline = None if by is None else plan.clock.end_instant(moment(by))
    span = _around(plan, done, deadline, replications.job.until)
    ax = style.axes(ax, _SIZE)
    style.time_axis(ax, span)
    looks = {"color": style.Colour.BLUE.rgb, "linewidth": 2.0, "drawstyle": "steps-post"}
    x = style.dates(np.concatenate([span.edges[:1], done, span.edges[-1:]]))
    y = np.concatenate([[0], np.arange(1, len(done) + 1), [len(done)]]) / n
    (line,) = ax.plot(x, y, **{**looks, **kwargs})
    handles: dict[str, Any] = {"Share finished by then": line}
    colours = (style.Colour.GREEN, style.Colour.ORANGE, style.Colour.VERMILION)
    for q, colour in zip((0.05, 0.5, 0.95), colours, strict=True):
        place = max(0, int(np.ceil(q * n - 1e-9)) - 1)
        if place < len(done):
            label = f"{q:.0%} by {time(span, int(done[place]))}"
            (handles[label],) = ax.plot(
                style.dates(done[[place]]), [q], "o", color=colour.rgb, zorder=4
            )
    late = n - len(done)
    if late:
        handles[f"{late / n:.1%} later than {replications.until:%Y-%m-%d %H:%M}"] = Patch(
            facecolor="none"
        )
    if deadline is not None and by is not None:
        sure = replications.probability(by, task)
        label = f"Deadline: {sure.value:.1%} ({sure.low:.1%} to {sure.high:.1%})"
        handles[label] = ax.axvline(style.dates(np.array([deadline]))[0], color=style.ink(), ls=":")
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylabel("Replications")
    ax.grid(axis="y", color=style.ink(), alpha=0.1)
    what = "All work" if task is None else lettering.name(_name(plan, task))
    style.legend(ax, f"{what} finished: {number(n, 'replication')}", handles)
    return ax


def _name(plan: Plan, task: int | str) -> str:
    return task if isinstance(task, str) else plan.tasks[task - 1].name


def _around(plan: Plan, done: Ints, deadline: int | None, until: int) -> Span:
    """Return from when to when finishes, and the deadline, are seen well."""
    shown_times = [*done[[0, -1]].tolist()] if len(done) else [until]
    shown_times += [] if deadline is None else [deadline]
    first, last = min(shown_times), max(shown_times)
    margin = max((last - first) // 12, 2 * HOUR if last > first else DAY // 2)
    return Span(plan, np.array([first - margin, last + margin], dtype=np.int64))


# --- together -------------------------------------------------------------------------------------


def save_all(replications: Replications, folder: str | PathLike[str]) -> list[Path]:
    """Write ``throughput.png``, ``backlog.png`` and ``finish.png`` into a folder."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = []
    for chart in CHARTS:
        figure = Figure(figsize=_SIZE, layout="constrained")
        ax = figure.add_subplot()
        if chart == "finish":
            finish(replications, ax=ax)
        else:
            fan(replications, chart, ax=ax)
        files.append(target / f"{chart}.png")
        figure.savefig(files[-1], dpi=_DPI)
    return files


@dataclass(frozen=True)
class Plots:
    """The charts of replications: call one of its methods.

    Parameters
    ----------
    replications
        What is shown.
    """

    replications: Replications

    def throughput(self, **options: Any) -> Axes:
        """Draw a fan of the emails sent each day, with the options of :func:`fan`."""
        return fan(self.replications, "throughput", **options)

    def backlog(self, **options: Any) -> Axes:
        """Draw a fan of the unsent emails, with the options of :func:`fan`."""
        return fan(self.replications, "backlog", **options)

    def finish(self, **options: Any) -> Axes:
        """Draw the distribution of the finish, with the options of :func:`finish`."""
        return finish(self.replications, **options)
