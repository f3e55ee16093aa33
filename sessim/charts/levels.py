"""Reputation in the chart of the emails sent each day: limits that step inside a day, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sessim.charts import style
from sessim.charts.story import Floats, Story
from sessim.charts.words import in_words, number
from sessim.days import levels_in
from sessim.eventlog import NONE, Event
from sessim.ledger import Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM: Final = 15.0  # points from number to number, at the least
_MARKS: Final[Mapping[str, dict[str, Any]]] = {
    "Level raised": {"marker": "^", "color": style.Colour.GREEN.rgb},
    "Level lowered": {"marker": "v", "color": style.Colour.VERMILION.rgb},
    "Blocked": {"marker": "X", "color": style.Colour.VERMILION.rgb},
}
"""What happens to a domain, in the legend's order, and its looks."""
RAISED, LOWERED, BLOCKED = _MARKS


@dataclass(frozen=True)
class Change:
    """What a reputation did to a domain at an instant, and its level from then on."""

    what: str
    domain: str
    instant: int
    level: int


def steps(story: Story) -> tuple[Ints, Mapping[str, Floats]]:
    """Return the limits of the chosen domains, and from which instant to which each holds.

    Where a reputation raised one inside a day, the day has a step; else the edges are those of the
    days.
    """
    told = {name: _told(story, name) for name in _judged(story)}
    inside = [time[1:][limit[1:] != limit[:-1]] for time, limit, _ in told.values()]
    instants = np.concatenate([np.zeros(0, np.int64), *inside])
    shown = instants[(instants > story.edges[0]) & (instants < story.edges[-1])]
    edges = np.union1d(story.edges, shown)
    day = story.edges.searchsorted(edges[:-1], "right") - 1
    found = {name: values[day] for name, values in story.limits.items()}
    for name, (time, limit, _) in told.items():
        row = time.searchsorted(edges[:-1], "right") - 1
        found[name] = np.where(np.isnan(found[name]) | (row < 0), np.nan, limit[row])
    return edges, found


def changes(story: Story) -> list[Change]:
    """Return how the chosen domains rose, fell and were blocked, in the order of time."""
    found = []
    for name in _judged(story):
        time, _, detail = _told(story, name)
        texts = [story.log.details[code] for code in detail]
        level = levels_in(tuple(texts))
        before = NONE
        for i, instant in enumerate(time.tolist()):
            if texts[i].startswith("blocked"):
                found.append(Change(BLOCKED, name, instant, int(level[i])))
            elif i + 1 == len(time) or time[i + 1] != instant:  # of several at once the last
                if NONE not in (before, level[i]) and level[i] != before:
                    what = RAISED if level[i] > before else LOWERED
                    found.append(Change(what, name, instant, int(level[i])))
                before = level[i]
    kept = (change for change in found if story.edges[0] <= change.instant < story.edges[-1])
    return sorted(kept, key=lambda change: change.instant)


def _judged(story: Story) -> list[str]:
    judged = {domain.name for domain in story.plan.domains if domain.warmup == "reputation"}
    return [name for name in story.limits if name in judged]


def _told(story: Story, name: str) -> tuple[Ints, Floats, Ints]:
    """Return what the log says of a domain's limit: the instants, the limits, the texts."""
    log = story.log
    rows = np.flatnonzero((log.event == Event.LIMIT) & (log.domain == log.domains.index(name)))
    return log.time[rows], log.limit[rows].astype(np.float64), log.detail[rows].astype(np.int64)


def mark(ax: Axes, story: Story, edges: Ints, heights: Floats, top: float) -> dict[str, Any]:
    """Mark changes on the line of limits, with the level's number where there is room for it.

    Of several domains the line is a sum, on which a number would say nothing.
    """
    found = changes(story)
    place = edges.searchsorted([change.instant for change in found], "right") - 1
    y = np.minimum(np.nan_to_num(heights[place]), top)
    x = style.dates(np.array([change.instant for change in found], dtype=np.int64))
    drawn: dict[str, Any] = {}
    for what, looks in _MARKS.items():
        here = [i for i, change in enumerate(found) if change.what == what]
        if here:
            shape: dict[str, Any] = {
                "markersize": 6,
                "markeredgecolor": "white",
                "linestyle": "none",
            }
            (drawn[what],) = ax.plot(x[here], y[here], label=what, zorder=5, **shape, **looks)
    if sum(~np.isnan(values).all() for values in story.limits.values()) == 1:
        _numbers(ax, found, x, y)
    return drawn


def _numbers(ax: Axes, found: list[Change], x: Floats, y: Floats) -> None:
    points = style.width(ax) / max(np.diff(ax.get_xlim())[0], 1e-9)
    last = -np.inf
    for change, across, up in zip(found, x.tolist(), y.tolist(), strict=True):
        if change.what != BLOCKED and (across - last) * points >= _ROOM:
            last = across
            ax.annotate(
                f"{change.level}",
                (across, up),
                (4, 4),
                textcoords="offset points",
                fontsize=7,
                color=style.ink(),
                zorder=5,
            )


def describe(story: Story) -> str:
    """Say how the levels changed; empty if no domain goes by its reputation."""
    if not _judged(story):
        return ""
    found = [change.what for change in changes(story)]
    said = [
        f"{word} {number(found.count(what), 'time')}"
        for what, word in ((RAISED, "rose"), (LOWERED, "fell"), (BLOCKED, "was blocked"))
        if what in found
    ]
    return f"a reputation level {in_words(said)}" if said else "no reputation level changed"
