"""The curve of a warm-up: its daily limits as a picture, and a sentence that says the same."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from sessim import warmup
from sessim.widgets import base
from sessim.widgets.labels import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DAYS: Final = 120
_FIXED_DAYS: Final = 14
_SIZE: Final = (5.6, 2.4)
_STEEP: Final = 50  # from this ratio on, only a logarithmic axis shows the first days
_BLUE: Final = "#0072b2"
_INK: Final = "0.15"


class Curve(NamedTuple):
    """The daily limits from warm-up day 1, none if there is no limit.

    ``rises`` says whether they go on to change after the last one.
    """

    limits: tuple[int, ...]
    rises: bool = False


def curve(value: warmup.Warmup) -> Curve:
    """Return the daily limits of a warm-up, up to where they stay the same."""
    limits = warmup.limits(value)
    if not limits.counts_days:
        first = limits.on(1)
        return Curve(() if first is None else (first,))
    if isinstance(limits, warmup.Table):
        return Curve(limits.numbers[:MOST_DAYS], len(limits.numbers) > MOST_DAYS)
    assert isinstance(limits, warmup.Rule)
    if limits.factor == 1 or not limits.start:
        return Curve((limits.on(1),))
    found = [limits.on(day) for day in range(1, MOST_DAYS + 1)]
    if found[-1] < limits.cap:
        return Curve(tuple(found), rises=True)
    return Curve(tuple(found[: found.index(limits.cap) + 1]))


def describe(found: Curve, words: Words) -> str:
    """Say in a sentence what the daily limits are."""
    if not found.limits:
        return words("builder.curve_none")
    first, last, day = found.limits[0], found.limits[-1], len(found.limits)
    if day == 1:
        return words("builder.curve_fixed", first=f"{first:,}")
    key = "builder.curve_rises" if found.rises else "builder.curve"
    total = f"{sum(found.limits):,}"
    return words(key, first=f"{first:,}", last=f"{last:,}", day=day, total=total)


def picture(found: Curve, words: Words) -> str:
    """Return the curve as an ``<img>``, or nothing where there is no limit to show."""
    return _picture(found, words.language) if found.limits else ""


@lru_cache(maxsize=64)
def _picture(found: Curve, language: str) -> str:
    words = Words(language)
    figure = Figure(figsize=_SIZE, layout="constrained")
    _draw(figure.add_subplot(), found.limits, words)
    return base.image(figure, words("builder.curve_picture", text=describe(found, words)))


def _draw(ax: Axes, limits: tuple[int, ...], words: Words) -> None:
    shown = limits if len(limits) > 1 else limits * _FIXED_DAYS
    edges = [day + 0.5 for day in range(len(shown) + 1)]
    ax.stairs(shown, edges, fill=True, color=_BLUE, alpha=0.25)
    ax.stairs(shown, edges, baseline=None, color=_BLUE, linewidth=1.6)
    label = "builder.curve_y"
    if min(shown) > 0 and max(shown) >= _STEEP * min(shown):
        label = "builder.curve_y_log"
        ax.set_yscale("log")
        ax.set_ylim(min(shown) / 2, max(shown) * 3)
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(0, max(*shown, 1) * 1.2)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel(words("builder.curve_x"), color=_INK, fontsize="small")
    ax.set_ylabel(words(label), color=_INK, fontsize="small")
    ax.tick_params(labelsize="small")
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
