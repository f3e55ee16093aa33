"""The chart of the emails sent each day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.markers import CARETUPBASE
from matplotlib.transforms import Bbox, TransformedBbox

from sessim.charts import lettering, style
from sessim.charts.story import Floats, Story
from sessim.charts.words import date, in_words, number
from sessim.ledger import Ints
from sessim.lifecycle import TaskType

if TYPE_CHECKING:
    from matplotlib.axes import Axes

By = Literal["task", "domain", "type"]

MOST: Final = len(style.LOOKS)
"""How many parts of a stack are told apart."""

_FAR: Final = 1.6  # times the highest bar: a limit above it leaves the picture
_FULL: Final = "A domain at its limit"
_LINES: Final = 5  # domains' own limits that a picture bears
_DASHES: Final = ((0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (8, 3)), (0, (3, 1, 1, 1)))


@dataclass(frozen=True)
class Part:
    """One part of the stack: its name, colour and hatch, and its emails of each day."""

    label: str
    colour: Any
    hatch: str
    sent: Ints


@dataclass(frozen=True)
class Limit:
    """A line of daily limits, not a number where there is none."""

    label: str
    values: Floats
    own: bool = False
    """Whether it is that of some domains, drawn beside that of all together."""


def draw(
    story: Story,
    ax: Axes,
    by: By = "task",
    most: int = MOST,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Draw the chart; see :func:`sessim.charts.throughput`."""
    style.time_axis(ax, story)
    edges = style.dates(story.edges)
    base = np.zeros(len(edges) - 1, dtype=np.int64)
    handles: list[tuple[str, Any]] = []
    for part in parts(story, by, most):
        handles.append((part.label, _bars(ax, edges, base, part, options or {})))
        base += part.sent
    lines = limits(story, each=by == "domain")
    top = _top(base, lines)
    for i, line in enumerate(lines):
        handles.append((_with_height(line, top), _line(ax, edges, line, i, top)))
    if len(story.limits) > 1 and not any(line.own for line in lines):
        handles += _full_days(story, ax, edges)
    handles += [(label, Line2D([], [], linestyle="none")) for label in _unlimited(story)]
    style.count_axis(ax, top)
    if not base.any():
        style.note(ax, "Nothing was sent")
    style.legend(ax, "Emails sent each day", handles)


def _bars(ax: Axes, edges: Floats, base: Ints, part: Part, options: Mapping[str, Any]) -> Any:
    days = np.flatnonzero(part.sent)
    looks = {"color": part.colour, "edgecolor": "white", "linewidth": _edge(edges)}
    looks |= {"hatch": part.hatch, "hatch_linewidth": 0.8}
    return ax.bar(
        edges[days],
        part.sent[days],
        np.diff(edges)[days],
        base[days],
        align="edge",
        label=part.label,
        **(looks | dict(options)),
    )


def _edge(edges: Floats) -> float:
    """Return the width of a line between two days, in points."""
    return 0.4 if len(edges) <= 100 else 0.0


def _line(ax: Axes, edges: Floats, line: Limit, number: int, top: float) -> Any:
    """Draw a limit, with an arrow wherever it leaves the picture."""
    dashes = _DASHES[number % len(_DASHES)] if line.own else "-"
    step = ax.stairs(
        line.values,
        edges,
        baseline=None,
        label=line.label,
        color=style.ink(),
        linestyle=dashes,
        linewidth=1.1 if line.own else 1.8,
        zorder=3,
    )
    above = np.append(False, line.values > top)
    leaves = np.flatnonzero(above[1:] & ~above[:-1])
    if len(leaves):
        looks = {"marker": CARETUPBASE, "markersize": 6, "color": style.ink(), "linestyle": "none"}
        across, upper = ax.get_xaxis_transform(), np.ones(len(leaves))
        (arrows,) = ax.plot(edges[leaves], upper, transform=across, zorder=4, **looks)
        arrows.set_clip_box(TransformedBbox(Bbox([[0, 0], [1, 2]]), ax.transAxes))
    return step


def _full_days(story: Story, ax: Axes, edges: Floats) -> list[tuple[str, PolyCollection]]:
    """Mark the days on which a domain was at its limit, where its own line is not drawn."""
    days = np.flatnonzero(np.any(list(story.full_days.values()), axis=0))
    if not len(days):
        return []
    low = np.full(len(days), 0.975)
    strip = PolyCollection(
        list(style.boxes(edges[days], edges[days + 1], low, low + 0.025)),
        label=_FULL,
        facecolor=style.ink(),
        edgecolor="white",
        linewidth=_edge(edges),
        transform=ax.get_xaxis_transform(),
        zorder=2,
    )
    ax.add_collection(strip, autolim=False)
    return [(_FULL, strip)]


# --- numbers --------------------------------------------------------------------------------------


def parts(story: Story, by: By = "task", most: int = MOST) -> list[Part]:
    """Return the parts of the stack in the plan's order, small ones folded into the last."""
    keys, labels = _keys(story, by)
    _, sent = story.emails
    totals = np.zeros(len(labels), dtype=np.int64)
    np.add.at(totals, keys, sent)
    tests, totals[0] = totals[0], 0
    largest = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
    kept = np.sort(largest if len(largest) <= most + 1 else largest[:most])
    folded = len(largest) - len(kept)
    groups = np.full(len(labels), len(kept))
    groups[kept], groups[0] = np.arange(len(kept)), len(kept) + 1
    by_day = story.sent(groups[keys], len(kept) + 2)
    shown = lettering.names([labels[key] for key in kept], kept.tolist())
    found = [Part(label, *_look(i), by_day[i]) for i, label in enumerate(shown)]
    if folded:
        found.append(Part(f"{folded:,} other {by}s", style.OTHER, "", by_day[-2]))
    if tests:
        found.append(Part("Test sends", style.Colour.BLACK.rgb, "", by_day[-1]))
    return found


def _keys(story: Story, by: By) -> tuple[Ints, Sequence[str]]:
    """Return what each row of emails is stacked by, 0 for test sends, and the names of all."""
    log, plan = story.log, story.plan
    rows, _ = story.emails
    task = log.task[rows].astype(np.int64)
    match by:
        case "task":
            return task, ["", *(task.name for task in plan.tasks)]
        case "domain":
            return log.domain[rows].astype(np.int64) + 1, ["", *log.domains]
        case "type":
            types = np.array([0, *(task.type for task in plan.tasks)])
            return types[task], ["", *(kind.label for kind in TaskType)]
    raise ValueError(f"by: {by!r} is unknown; use task, domain or type")


def _look(i: int) -> tuple[Any, str]:
    """Return colour and hatch of a part; where the colours begin again, the hatches do not."""
    again, place = divmod(i, MOST)
    return style.LOOKS[place][0].rgb, style.LOOKS[(place + 3 * again) % MOST][1]


def limits(story: Story, *, each: bool = False) -> list[Limit]:
    """Return the lines of limits: of all domains together, and if wanted those of each.

    Where a domain has no limit, the limits of the others are all there is.
    """
    found = {name: values for name, values in story.limits.items() if not np.isnan(values).all()}
    if not found:
        return []
    if len(story.limits) == 1:
        return [Limit("Daily limit", values) for values in found.values()]
    own = _own_limits(found)
    if len(found) == len(story.limits):
        every = np.stack(list(found.values()))
        known = ~np.isnan(every).all(axis=0)
        total = np.where(known, np.nansum(every, axis=0), np.nan)
        together = Limit(f"Limit, all {len(found)} domains", total)
        return [together, *(own if each and len(own) <= _LINES else [])]
    return own


def _own_limits(found: Mapping[str, Floats]) -> list[Limit]:
    alike: dict[bytes, list[str]] = {}
    for name, values in found.items():
        alike.setdefault(values.tobytes(), []).append(name)
    return [
        Limit(_limit_label(names, len(found)), found[names[0]], own=True)
        for names in alike.values()
    ]


def _limit_label(names: Sequence[str], number: int) -> str:
    if len(names) == 1:
        return f"Limit of {lettering.name(names[0])}"
    return f"Limit of each {'domain' if len(names) == number else f'of {len(names)} domains'}"


def _top(sent: Ints, lines: Sequence[Limit]) -> float:
    """Return how high the picture is: the bars stay readable however high the limits are."""
    highest = float(sent.max(initial=0))
    limit = max((_highest(line) for line in lines), default=0.0)
    if not highest or limit <= _FAR * highest:
        return 1.06 * max(highest, limit)
    return 1.15 * highest


def _highest(line: Limit) -> float:
    return float(np.nan_to_num(line.values).max(initial=0))


def _with_height(line: Limit, top: float) -> str:
    return f"{line.label} (up to {_highest(line):,.0f})" if _highest(line) > top else line.label


def _unlimited(story: Story) -> list[str]:
    free = [name for name, values in story.limits.items() if np.isnan(values).all()]
    if len(free) == len(story.limits):
        return ["No daily limit"] if free else []
    return [f"{lettering.name(name)} has no limit" for name in free]


def describe(story: Story) -> str:
    """Say what the chart shows."""
    rows, sent = story.emails
    by_day = story.sent(np.zeros(len(rows), dtype=np.int64), 1)[0]
    days = np.flatnonzero(by_day)
    if not len(days):
        return "No email was sent."
    first, last, most = (
        date(story, int(story.edges[day])) for day in (days[0], days[-1], by_day.argmax())
    )
    span = f"on {first}" if len(days) == 1 else f"on {len(days)} days from {first} to {last}"
    peak = "" if len(days) == 1 else f", at most {by_day.max():,} in a day ({most})"
    return f"{number(int(sent.sum()), 'email')} sent {span}{peak}; {_limit_words(story)}."


def _limit_words(story: Story) -> str:
    full = {name: int(days.sum()) for name, days in story.full_days.items() if days.any()}
    if all(np.isnan(values).all() for values in story.limits.values()):
        return "there was no daily limit"
    if not full:
        return "the daily limit was never reached"
    if len(story.limits) == 1:
        return f"the daily limit was reached on {number(sum(full.values()), 'day')}"
    each = [f"by {name} on {number(days, 'day')}" for name, days in full.items()]
    return f"the daily limit was reached {in_words(each)}"
