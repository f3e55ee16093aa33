"""Charts of several results over each other: emails sent so far, and backlog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sessim.charts import lettering, style
from sessim.charts.areas import thinned
from sessim.charts.story import Curve, Names, Story
from sessim.charts.words import number, time
from sessim.eventlog import NONE, Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sessim.result import Result

CHARTS: Final = ("cumulative", "backlog")
"""The names of the charts."""

_LINES: Final = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (9, 3)))
_TITLES: Final = {
    "cumulative": "Emails sent so far",
    "backlog": "Backlog: emails due and not sent yet",
}


def draw(
    results: Mapping[str, Result],
    chart: str,
    *,
    ax: Axes | None = None,
    tasks: Names = None,
    domains: Names = None,
    **kwargs: Any,
) -> Axes:
    """Draw a line for each of several results over each other.

    Parameters
    ----------
    results
        What is shown, by name.
    chart
        One of :data:`CHARTS`: ``"cumulative"`` (emails sent so far) or ``"backlog"``.
    ax
        Where to draw. Default: a new figure.
    tasks, domains
        Only these, as in :func:`sessim.charts.throughput`.
    **kwargs
        Handed on to :meth:`matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn; its lines are in the order of the results.
    """
    stories = [Story(result, tasks, domains) for result in results.values()]
    curves = [curve(story, chart) for story in stories]
    ax = style.axes(ax, (10.0, 3.6))
    if stories:
        style.time_axis(ax, stories[0])
        edges = np.concatenate([story.edges[[0, -1]] for story in stories])
        ax.set_xlim(*style.dates(np.array([edges.min(), edges.max()])))
    handles: dict[str, Any] = {}
    shown = lettering.names(results, range(1, len(results) + 1))
    for i, (label, line) in enumerate(zip(shown, curves, strict=True)):
        looks = {
            "color": style.LOOKS[i % len(style.LOOKS)][0].rgb,
            "linestyle": _LINES[i % len(_LINES)],
            "linewidth": 2.0,
        }
        x = style.dates(line.instants)
        (handles[label],) = ax.plot(x, line.total, label=label, **{**looks, **kwargs})
    style.count_axis(ax, 1.06 * max((line.total.max(initial=0) for line in curves), default=0))
    style.legend(ax, _TITLES[chart], handles)
    return ax


def curve(story: Story, chart: str) -> Curve:
    """Return what a chart shows of one result.

    Raises
    ------
    ValueError
        If there is no such chart.
    """
    if chart not in CHARTS:
        raise ValueError(f"chart: {chart!r} is unknown; use one of {', '.join(CHARTS)}")
    found = thinned(story.curve if chart == "backlog" else cumulative(story))
    if chart == "backlog" or not len(found.instants):
        return found
    end = max(int(story.edges[-1]), int(found.instants[-1]))  # what was sent stays sent
    return Curve(
        np.append(found.instants, end),
        np.append(found.cached, 0),
        np.append(found.waiting, found.waiting[-1]),
    )


def cumulative(story: Story) -> Curve:
    """Return the emails sent up to each instant, test sends included, as a curve's ``waiting``.

    What was due, less what was not sent, failed or was cancelled: as exact as the backlog.
    """
    log, ledger, backlog = story.log, story.ledger, story.curve
    place = np.cumsum(np.append(True, log.time[1:] > log.time[:-1])) - 1
    event = ledger.column("event")
    was_due = np.isin(ledger.line, ledger.line[event == Event.DUE]) & story.has(ledger.rows)
    lost = ledger.column("failed").astype(np.int64) + ledger.column("cancelled")
    rise = np.where(was_due, -ledger.rise(lost), 0)
    due = was_due & (event == Event.DUE)
    rise[due] += sum(ledger.column(name)[due] for name in ("waiting", "cached", "sent"))
    tests = np.flatnonzero((log.task == 0) & (log.domain != NONE) & (log.sent > 0))
    tests = tests[story.has(tests)]
    steps = np.zeros(int(place[-1]) + 1, dtype=np.int64)
    np.add.at(steps, place[ledger.rows], rise)
    np.add.at(steps, place[tests], log.sent[tests])
    after = np.cumsum(steps)
    sent = np.stack([after - steps, after], axis=1).ravel() - backlog.total
    return Curve(backlog.instants, np.zeros_like(sent), sent)


def describe(
    results: Mapping[str, Result], chart: str, *, tasks: Names = None, domains: Names = None
) -> str:
    """Say what a chart shows, as alternative text of its picture.

    Parameters
    ----------
    results, chart, tasks, domains
        As in :func:`draw`.
    """
    parts = [
        f"{name}: {_story(Story(result, tasks, domains), chart)}"
        for name, result in results.items()
    ]
    return f"{_TITLES[chart]}. {'; '.join(parts)}."


def _story(story: Story, chart: str) -> str:
    line = curve(story, chart)
    total, instants = line.total, line.instants
    most = int(total.max(initial=0))
    if not most:
        return "no email was sent" if chart == "cumulative" else "there was no backlog"
    first = time(story, int(instants[int(total.argmax())]))
    if chart == "backlog":
        return f"largest with {number(most, 'email')} on {first}"
    return f"{number(most, 'email')} by {first}"
