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
from numpy.typing import NDArray

from sessim.charts import lettering, levels, style
from sessim.charts.story import Floats, Story
from sessim.charts.words import date, in_words, number
from sessim.ledger import Ints
from sessim.lifecycle import TaskType

if TYPE_CHECKING:
    from matplotlib.axes import Axes

By = Literal["task", "domain", "type"]

Days = NDArray[np.bool_]

MOST: Final = len(style.LOOKS)
"""How many parts of a stack are told apart."""

_FAR: Final = 1.6  # times the highest bar: a limit above it leaves the picture
_FULL: Final = "A domain at its limit"
_ROWS: Final = 4  # of domains that were at their limits
_NAME: Final = 22  # places for the name of such a row
_NARROW: Final = 330  # points across: too few for names beside the bars
_LISTED: Final = 8  # domains at their limits that a description names
_NAMED: Final = 2  # domains without a limit that a legend names
_PITCH: Final = 9.0  # points from row to row
_GAP: Final = 7.0  # points between the rows and the bars: an arrow fits in


@dataclass(frozen=True)
class Part:
    """One part of the stack: its name, colour and hatch, and its emails of each day."""

    label: str
    colour: Any
    hatch: str
    sent: Ints
    free: bool = False
    """Whether no limit holds, although there are domains with one: pale, and on top."""


@dataclass(frozen=True)
class Limit:
    """A line of daily limits, not a number where there is none, and the instants between them."""

    label: str
    values: Floats
    edges: Ints


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
    line = limit(story)
    top = _top(base, line)
    if line:
        handles.append((_with_height(line, top), _line(ax, line, top)))
        handles += levels.mark(ax, story, line.edges, line.values, top).items()
    handles += [(label, Line2D([], [], linestyle="none")) for label in _unlimited_labels(story)]
    raised = 0.0
    if full := _full_days(story, named=style.width(ax) > _NARROW):
        handles.append((_FULL, _strip(ax, edges, full)))
        raised = _GAP + len(full) * _PITCH
    style.count_axis(ax, top)
    if not base.any():
        style.note(ax, "Nothing was sent")
    style.legend(ax, "Emails sent each day", handles, raised)


def _bars(ax: Axes, edges: Floats, base: Ints, part: Part, options: Mapping[str, Any]) -> Any:
    days = np.flatnonzero(part.sent)
    looks = {"color": part.colour, "edgecolor": "white", "linewidth": _edge(edges)}
    if part.free:
        looks |= {"color": style.pale(part.colour), "edgecolor": part.colour}
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


def _line(ax: Axes, line: Limit, top: float) -> Any:
    """Draw a limit, with an arrow wherever it leaves the picture."""
    edges = style.dates(line.edges)
    step = ax.stairs(
        line.values,
        edges,
        baseline=None,
        label=line.label,
        color=style.ink(),
        linewidth=1.8,
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


def _strip(ax: Axes, edges: Floats, full: Mapping[str, Days]) -> Any:
    """Mark above the bars on which days which domain was at its limit, a row for each."""
    bounds = (0, _GAP, 1, len(full) * _PITCH)
    strip = ax.inset_axes(bounds, transform=style.points_above(ax), sharex=ax)
    rows, days = np.nonzero(list(full.values()))
    middle = rows.astype(np.float64)
    marks = PolyCollection(
        list(style.boxes(edges[days], edges[days + 1], middle - 0.35, middle + 0.35)),
        label=_FULL,
        facecolor=style.ink(),
        edgecolor="white",
        linewidth=_edge(edges),
    )
    strip.add_collection(marks, autolim=False)
    strip.set_ylim(len(full) - 0.5, -0.5)
    strip.set_yticks(range(len(full)), list(full), fontsize=7)
    strip.tick_params(length=0, labelbottom=False)
    strip.spines[:].set_visible(False)
    strip.patch.set_visible(False)
    lettering.fit(strip.get_yticklabels())
    return marks


# --- numbers --------------------------------------------------------------------------------------


def parts(story: Story, by: By = "task", most: int = MOST) -> list[Part]:
    """Return the parts of the stack from the lowest to the uppermost.

    They are in the plan's order, small ones folded together. What domains without a limit sent
    comes after the rest, which can so be compared with the limits of the others.
    """
    keys, labels = _keys(story, by)
    size = len(labels)
    keys = keys + size * _is_free(story)
    totals = np.zeros(2 * size, dtype=np.int64)
    np.add.at(totals, keys, story.emails[1])
    totals[[0, size]] = 0  # test sends are never folded
    kept, folded = _folded(totals, most)
    places = len(kept) + 2
    groups = np.full(2 * size, len(kept))
    groups[kept], groups[[0, size]] = np.arange(len(kept)), places - 1
    groups[size:] += places
    by_day = story.sent(groups[keys], 2 * places)
    chosen = np.unique(kept % size).tolist()
    names = dict(zip(chosen, lettering.names([labels[i] for i in chosen], chosen), strict=True))
    found = []
    for group in np.flatnonzero(by_day.any(axis=1)):
        free, place = divmod(int(group), places)
        label, look = "Test sends", (style.Colour.BLACK.rgb, "")
        if place < len(kept):
            label, look = names[int(kept[place]) % size], _look(place)
        elif place == len(kept):
            others = int(np.count_nonzero((folded >= size) == free))
            label, look = number(others, f"other {by}"), (style.OTHER, "")
        label += ", no limit" if free else ""
        found.append(Part(label, *look, by_day[group], bool(free)))
    return found


def _folded(totals: Ints, most: int) -> tuple[Ints, Ints]:
    """Return which parts are told apart and which are folded; one alone is not."""
    order = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
    if len(order) <= most + 1:
        most = len(order)
    return np.sort(order[:most]), order[most:]


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
            types = np.array([0, *story.log.types])
            return types[task], ["", *(kind.label for kind in TaskType)]
    raise ValueError(f"by: {by!r} is unknown; use task, domain or type")


def _look(i: int) -> tuple[Any, str]:
    """Return colour and hatch of a part; where the colours begin again, the hatches do not."""
    again, place = divmod(i, MOST)
    return style.LOOKS[place][0].rgb, style.LOOKS[(place + 3 * again) % MOST][1]


def limit(story: Story) -> Limit | None:
    """Return the line of limits: of the only domain, or the sum of all that have one."""
    edges, values = levels.steps(story)
    found = {name: numbers for name, numbers in values.items() if not np.isnan(numbers).all()}
    if not found:
        return None
    every = np.stack(list(found.values()))
    known = ~np.isnan(every).all(axis=0)
    total = np.where(known, np.nansum(every, axis=0), np.nan)
    return Limit(_limit_label(story, list(found)), total, edges)


def _limit_label(story: Story, names: Sequence[str]) -> str:
    if len(story.limits) == 1:
        return "Daily limit"
    if len(names) == 1:
        return f"Limit of {lettering.name(names[0])}"
    return f"Sum of {len(names)} domain limits"


def _top(sent: Ints, line: Limit | None) -> float:
    """Return how high the picture is: the bars stay readable however high the limits are."""
    highest = float(sent.max(initial=0))
    most = _highest(line) if line else 0.0
    if not highest or most <= _FAR * highest:
        return 1.06 * max(highest, most)
    return 1.15 * highest


def _highest(line: Limit) -> float:
    return float(np.nan_to_num(line.values).max(initial=0))


def _with_height(line: Limit, top: float) -> str:
    return f"{line.label} (up to {_highest(line):,.0f})" if _highest(line) > top else line.label


def _unlimited(story: Story) -> list[str]:
    """Return the domains without a limit."""
    return [name for name, values in story.limits.items() if np.isnan(values).all()]


def _is_free(story: Story) -> Days:
    """Say of each row of emails whether no limit held although there are domains with one."""
    log, names = story.log, _unlimited(story)
    rows, _ = story.emails
    if len(names) == len(story.limits):
        return np.zeros(len(rows), dtype=bool)
    return np.isin(log.domain[rows], [log.domains.index(name) for name in names])


def _unlimited_labels(story: Story) -> list[str]:
    names = _unlimited(story)
    if len(names) == len(story.limits):
        return ["No daily limit"] if names else []
    if len(names) > _NAMED:
        return [f"{len(names)} domains have no limit"]
    return [f"{lettering.name(name)} has no limit" for name in names]


def _full_days(story: Story, *, named: bool) -> dict[str, Days]:
    """Return on which days which domain was at its limit, by label, those with few folded.

    Of all that an only domain sent, the line of its limit says so.
    """
    found = {name: days for name, days in story.full_days.items() if days.any()}
    if not found or (len(story.limits) == 1 and story.tasks.all()):
        return {}
    if not named:
        return {"": np.any(list(found.values()), axis=0)}
    most = sorted(found, key=lambda name: int(-found[name].sum()))
    folded = most[_ROWS - 1 :] if len(most) > _ROWS else []
    kept = [name for name in found if name not in folded]
    shown = lettering.names(kept, range(1, len(kept) + 1), _NAME)
    rows = {label: found[name] for label, name in zip(shown, kept, strict=True)}
    if folded:
        rows[number(len(folded), "other domain")] = np.any([found[n] for n in folded], axis=0)
    return rows


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
    free = _unlimited(story)
    if len(free) == len(story.limits):
        return "there was no daily limit"
    each = [f"by {name} on {number(days, 'day')}" for name, days in full.items()]
    if len(each) > _LISTED:
        each[_LISTED:] = [f"by {number(len(each) - _LISTED, 'other domain')}"]
    reached = in_words(each) if len(story.limits) > 1 else f"on {number(sum(full.values()), 'day')}"
    words = (
        f"the daily limit was reached {reached}" if full else "the daily limit was never reached"
    )
    return "; ".join(filter(None, [words, levels.describe(story), *_unlimited_labels(story)]))
