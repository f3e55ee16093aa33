"""The charts of the panels and the report: images with a text that says what they show."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure

from sessim.charts import areas, bands, bars
from sessim.charts import comparison as overlay
from sessim.charts.story import Names, Story
from sessim.result import Result
from sessim.widgets.base import DPI, image
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html, html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH: Final = 8.6  # inches: legible in a narrow window too
_HEIGHTS: Final = {"throughput": 4.0, "backlog": 3.0}
_OVERLAY: Final = 3.2
_MODULES: Final = {"throughput": bars, "backlog": areas, "timeline": bands}


class Pictures:
    """The three charts of a result, or of some of its tasks and domains.

    Parameters
    ----------
    result
        What is shown.
    tasks, domains
        Only these, as in :func:`sessim.charts.throughput`.
    """

    def __init__(self, result: Result, tasks: Names = None, domains: Names = None) -> None:
        self._story = Story(result, tasks, domains)

    def coverage(self, words: Words) -> str:
        """Say how many of the plan's tasks are shown; nothing where all are."""
        story = self._story
        if not story.narrowed:
            return ""
        shown, total = len(story.of(story.result.tasks)), len(story.plan.tasks)
        return words("shown_tasks", shown=f"{shown:,}", total=f"{total:,}")

    def figure(self, chart: str) -> Figure:
        """Draw one of :data:`sessim.charts.CHARTS`."""
        height = _HEIGHTS.get(chart) or bands.height(self._story)
        return _drawn(height, lambda ax: _MODULES[chart].draw(self._story, ax))

    def description(self, chart: str) -> str:
        """Say what a chart shows."""
        said: str = _MODULES[chart].describe(self._story)
        return said

    def png(self, chart: str, words: Words) -> bytes:
        """Return a chart as a PNG file, which says what it covers and carries its description."""
        file = io.BytesIO()
        figure = self.figure(chart)
        if coverage := self.coverage(words):
            figure.suptitle(coverage, fontsize="medium")
        metadata = {"Description": f"{self.description(chart)} {coverage}".strip()}
        figure.savefig(file, format="png", dpi=DPI, metadata=metadata)
        return file.getvalue()

    def show(self, chart: str) -> Html:
        """Return a chart as HTML."""
        return _shown(self.figure(chart), self.description(chart))


def show_overlaid(results: Mapping[str, Result]) -> list[Html]:
    """Return the charts of several results over each other as HTML."""
    return [
        _shown(_drawn(_OVERLAY, _overlay(results, chart)), overlay.describe(results, chart))
        for chart in overlay.CHARTS
    ]


def picture(height: float, draw: Callable[[Axes], object], description: str) -> Html:
    """Return a chart that somebody else draws as HTML; the height is in inches."""
    return _shown(_drawn(height, draw), description)


def _overlay(results: Mapping[str, Result], chart: str) -> Callable[[Axes], object]:
    return lambda ax: overlay.draw(results, chart, ax=ax)


def _drawn(height: float, draw: Callable[[Axes], object]) -> Figure:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    draw(figure.add_subplot())
    return figure


def _shown(figure: Figure, description: str) -> Html:
    """Return a picture with its text, which is read out once."""
    return Html(
        f"<figure>{image(figure, description)}"
        f'<figcaption aria-hidden="true">{html(description)}</figcaption></figure>'
    )
