"""Charts of many replications: fans of throughput and backlog, and when all is done.

Each draws on the Axes it is given, or on a new figure, and returns the Axes, as the charts of one
result do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
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
from sessim.charts.words import number
from sessim.clock import DAY, HOUR, moment
from sessim.errors import ArgumentError, nearest, shown
from sessim.eventlog import NONE
from sessim.experiments import frames, intervals
from sessim.experiments.tally import Tally
from sessim.ledger import NOT_YET, Ints
from sessim.plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from sessim.experiments.replications import Replications

CHARTS: Final = ("throughput", "backlog", "finish")
"""The names of the charts."""

FAN: Final = ((0.05, 0.95), (0.25, 0.75))
"""The ranges of a fan, the widest first."""

SIZE: Final = (10.0, 3.8)
_DPI: Final = 144
_SHADES: Final = (0.18, 0.38)
_TITLES: Final = {
    "throughput": "Emails sent each day",
    "backlog": "Backlog at the end of each day",
}


@dataclass(frozen=True)
class Span:
    """Local days of a plan (see :class:`sessim.charts.story.Days`)."""

    @classmethod
    def between(cls, plan: Plan, first: int, last: int) -> Span:
        """Return a stretch of time, whatever days it has."""
        return cls(plan, np.array([first, last - 1, last], dtype=np.int64))

    plan: Plan
    edges: Ints


def days(replications: Replications) -> Span:
    """Return the days up to the last on which the fans are above zero."""
    plan, found = replications.plan, replications.tally
    upper = [
        intervals.quantiles(found.daily[name].sum(axis=1), FAN[0][1]).value
        for name in ("sent", "backlog")
    ]
    last = int(np.flatnonzero(sum(upper) > 0).max(initial=0))
    dates = [dt.date.fromordinal(day) for day in found.days[: last + 1].tolist()]
    dates.append(dates[-1] + dt.timedelta(days=1))
    return Span(plan, np.array([plan.clock.day_start(date) for date in dates], dtype=np.int64))


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
    numbers = Fan(replications, chart, domain)
    ax = style.axes(ax, SIZE)
    style.time_axis(ax, numbers.span)
    colour = style.Colour.BLUE.rgb
    handles: dict[str, Any] = {"Median": numbers.line(ax, color=colour, linewidth=1.8)}
    for (low, high), alpha in zip(FAN, _SHADES, strict=True):
        label = f"{100 * (high - low):.0f}% of replications"
        looks = {"color": colour, "alpha": alpha, "label": label, **kwargs}
        handles[label] = numbers.range(ax, low, high, **looks)
    if chart == "throughput":
        handles |= _limit(ax, numbers, replications.tally)
    style.count_axis(ax, 1.08 * numbers.top)
    count = number(len(replications), "replication")
    style.legend(ax, f"{title(chart, domain)} ({count})", handles)
    return ax


def title(chart: str, domain: str | None) -> str:
    """Return the heading of a fan."""
    return f"{_TITLES[chart]}, {lettering.name(domain)}" if domain else _TITLES[chart]


def _domains(plan: Plan, domain: str | None) -> list[int]:
    names = [entry.name for entry in plan.domains]
    if domain is None:
        return list(range(len(names)))
    if domain not in names:
        raise ArgumentError(f"domain: there is no {shown(domain)}; {nearest(str(domain), names)}")
    return [names.index(domain)]


class Fan:
    """A number a day in each replication, all or some domains together.

    Parameters
    ----------
    replications
        What is shown.
    chart
        ``"throughput"`` or ``"backlog"``.
    domain
        Only this one.
    """

    def __init__(self, replications: Replications, chart: str, domain: str | None) -> None:
        self.span = days(replications)
        self.chosen = _domains(replications.plan, domain)
        counts = replications.tally.daily["sent" if chart == "throughput" else "backlog"]
        self._values = counts[:, self.chosen, : len(self.span.edges) - 1].sum(axis=1)

    @property
    def top(self) -> float:
        """How high the widest range goes."""
        return float(intervals.quantiles(self._values, FAN[0][1]).value.max(initial=0))

    def level(self, q: float) -> NDArray[np.float64]:
        """Return a quantile at each edge of the days."""
        found = intervals.quantiles(self._values, q).value
        return np.append(found, found[-1:])  # the last step reaches to the end of its day

    def line(self, ax: Axes, **looks: Any) -> Line2D:
        """Draw the median, a step a day."""
        x, y = style.dates(self.span.edges), self.level(0.5)
        (found,) = ax.plot(x, y, drawstyle="steps-post", zorder=3, **looks)
        return found

    def range(self, ax: Axes, low: float, high: float, **looks: Any) -> Any:
        """Draw the range between two quantiles."""
        looks = {"linewidth": 0, "step": "post", **looks}
        x = style.dates(self.span.edges)
        return ax.fill_between(x, self.level(low), self.level(high), **looks)


def _limit(ax: Axes, numbers: Fan, found: Tally) -> dict[str, Any]:
    """Draw the median of the daily limit, while half of the replications have one.

    Each domain that is shown has to have a limit; a replication that is done has none.
    """
    limit = found.daily["limit"][:, numbers.chosen, : len(numbers.span.edges) - 1]
    known = (limit != NONE).all(axis=1)
    total = limit.sum(axis=1)
    days = range(total.shape[1])
    levels = [
        np.median(total[known[:, day], day]) if known[:, day].mean() >= 0.5 else np.nan
        for day in days
    ]
    if np.isnan(levels).all():
        return {}
    looks = {"color": style.ink(), "linewidth": 1.4, "linestyle": "--", "baseline": None}
    line = ax.stairs(levels, style.dates(numbers.span.edges), **looks)
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
    curve = Finishes(replications, task)
    deadline = None if by is None else replications.plan.clock.end_instant(moment(by))
    ax = style.axes(ax, SIZE)
    span = around([curve], deadline)
    style.time_axis(ax, span)
    looks = {"color": style.Colour.BLUE.rgb, "linewidth": 2.0}
    handles: dict[str, Any] = {
        "Share finished by then": curve.draw(ax, span, **{**looks, **kwargs})
    }
    colours = (style.Colour.GREEN, style.Colour.ORANGE, style.Colour.VERMILION)
    for q, colour in zip((0.05, 0.5, 0.95), colours, strict=True):
        instant = curve.quantile(q)
        if instant is not None:
            (mark,) = ax.plot(style.dates(np.array([instant])), [q], "o", color=colour.rgb)
            handles[f"{q:.0%} by {when(span, instant)}"] = mark
    if curve.late:
        handles[curve.late] = Patch(facecolor="none")
    if deadline is not None and by is not None:
        sure = replications.probability(by, task)
        label = f"Deadline: {sure.value:.1%} ({sure.low:.1%} to {sure.high:.1%})"
        handles[label] = mark_deadline(ax, deadline)
    share_axis(ax)
    heading = f"{curve.what} finished: {number(len(replications), 'replication')}"
    style.legend(ax, heading, handles)
    return ax


class Finishes:
    """When all work, or a task, is finished in each replication.

    Parameters
    ----------
    replications
        What is shown.
    task
        Its id or name; None for all.
    """

    def __init__(self, replications: Replications, task: int | str | None) -> None:
        self.plan, self.until = replications.plan, replications.job.until
        found = np.sort(frames.finished(self.plan, replications.tally, task))
        self.done, self._n = found[found != NOT_YET], len(found)
        name = self.plan.tasks[task - 1].name if isinstance(task, int) else task
        self.what = "All work" if name is None else lettering.name(name)

    @property
    def late(self) -> str:
        """Say how many are later than the replications' end; nothing if none are."""
        late = self._n - len(self.done)
        span = Span.between(self.plan, self.until, self.until)
        return f"{late / self._n:.1%} later than {when(span, self.until)}" if late else ""

    def quantile(self, q: float) -> int | None:
        """Return by when a share is finished; None if that is later than the end."""
        place = max(0, int(np.ceil(q * self._n - 1e-9)) - 1)
        return int(self.done[place]) if place < len(self.done) else None

    def draw(self, ax: Axes, span: Span, **looks: Any) -> Line2D:
        """Draw the share that is finished by each time."""
        x = style.dates(np.concatenate([span.edges[:1], self.done, span.edges[-1:]]))
        steps = np.arange(len(self.done) + 2)
        steps[-1] = len(self.done)
        (line,) = ax.plot(x, steps / self._n, drawstyle="steps-post", **looks)
        return line


def when(span: Span, instant: int) -> str:
    """Return a local time, as ``"7 Dec 09:00"``: the axis has the year."""
    local = span.plan.clock.local(instant)
    return f"{local.day} {local:%b %H:%M}"


def around(curves: Sequence[Finishes], deadline: int | None) -> Span:
    """Return from when to when finishes, and a deadline, are seen well."""
    shown_times = [int(time) for curve in curves for time in curve.done[[0, -1][: len(curve.done)]]]
    shown_times += [] if deadline is None else [deadline]
    shown_times = shown_times or [curves[0].until]
    first, last = min(shown_times), max(shown_times)
    margin = max((last - first) // 12, 2 * HOUR if last > first else DAY // 2)
    return Span.between(curves[0].plan, first - margin, last + margin)


def mark_deadline(ax: Axes, deadline: int) -> Line2D:
    """Draw a deadline."""
    return ax.axvline(style.dates(np.array([deadline]))[0], color=style.ink(), linestyle=":")


def share_axis(ax: Axes) -> None:
    """Let the y axis count replications in percent."""
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylabel("Replications")
    ax.grid(axis="y", color=style.ink(), alpha=0.1)


# --- together -------------------------------------------------------------------------------------


def save_all(plots: object, folder: str | PathLike[str]) -> list[Path]:
    """Write ``throughput.png``, ``backlog.png`` and ``finish.png`` into a folder.

    ``plots`` draws them: :class:`Plots`, or :class:`sessim.experiments.overlays.Overlays`.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = []
    for chart in CHARTS:
        figure = Figure(figsize=SIZE, layout="constrained")
        draw: Callable[..., Axes] = getattr(plots, chart)
        draw(ax=figure.add_subplot())
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
