"""The charts of the panels and the report: images with a text that says what they show."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sessim.charts import CHARTS, areas, bands, bars
from sessim.charts import comparison as overlay
from sessim.charts.story import Names, Story
from sessim.result import Result
from sessim.widgets.base import DPI, image
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html, html

_WIDTH: Final = 10.0
_HEIGHTS: Final = {"throughput": 4.2, "backlog": 3.2}
_OVERLAY: Final = 3.4
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

    def figure(self, chart: str) -> Figure:
        """Draw one of :data:`sessim.charts.CHARTS`."""
        height = _HEIGHTS.get(chart) or bands.height(self._story)
        return _drawn(height, lambda ax: _MODULES[chart].draw(self._story, ax))

    def description(self, chart: str) -> str:
        """Say what a chart shows."""
        return _MODULES[chart].describe(self._story)

    def png(self, chart: str) -> bytes:
        """Return a chart as a PNG file, which carries its description."""
        file = io.BytesIO()
        self.figure(chart).savefig(
            file, format="png", dpi=DPI, metadata={"Description": self.description(chart)}
        )
        return file.getvalue()

    def show(self, words: Words, *, level: int = 4) -> dict[str, Html]:
        """Return each chart as HTML, with its name as a heading."""
        return {
            chart: _shown(
                words(f"chart_{chart}"), self.figure(chart), self.description(chart), level
            )
            for chart in CHARTS
        }


def show_overlaid(results: Mapping[str, Result], words: Words, *, level: int = 4) -> list[Html]:
    """Return the charts of several results over each other as HTML."""
    found = []
    for chart in overlay.CHARTS:
        figure = _drawn(_OVERLAY, _overlay(results, chart))
        said = overlay.describe(results, chart)
        found.append(_shown(words(f"chart_{chart}"), figure, said, level))
    return found


def _overlay(results: Mapping[str, Result], chart: str) -> Callable[[Axes], object]:
    return lambda ax: overlay.draw(results, chart, ax=ax)


def _drawn(height: float, draw: Callable[[Axes], object]) -> Figure:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    draw(figure.add_subplot())
    return figure


def _shown(title: str, figure: Figure, description: str, level: int) -> Html:
    return Html(
        f"<figure><h{level}>{html(title)}</h{level}>{image(figure, description)}"
        f'<figcaption aria-hidden="true">{html(description)}</figcaption></figure>'
    )
