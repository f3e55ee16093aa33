"""The dashboard: figures and charts of all or some tasks and domains, and files to hand over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import ipywidgets
import traitlets

from sessim.charts import CHARTS
from sessim.errors import SessimError
from sessim.result import Result
from sessim.summary import Summary, summary
from sessim.widgets import export, markup
from sessim.widgets.base import guarded
from sessim.widgets.console import Console
from sessim.widgets.pictures import Pictures
from sessim.widgets.selection import ResultPanel

_ROWS: Final = 6
_WRAP: Final = {"flex_flow": "row wrap", "align_items": "flex-end", "grid_gap": "4px 12px"}
_LABEL: Final = {"description_width": "initial"}


class Dashboard(ResultPanel):
    """Throughput, backlog and pauses of a result, with its figures.

    Where an event loop is running, as in a notebook, the charts are drawn one by one behind the
    figures; ``drawing`` is true, and ``message`` says so, until they are there.

    Parameters
    ----------
    result
        What is shown; None until there is one.
    console
        A console to share the result and the selection with.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    result, selected, domains
        Traits, as in :class:`~sessim.widgets.selection.ResultPanel`: what the charts and the
        figures are of; nothing chosen means all.
    active
        Trait: whether changes are drawn at once. A panel out of sight may leave them for later.
    folder
        Trait: where files are written.
    files
        Trait: the files written last.
    drawing
        Trait: whether charts are still being drawn.
    """

    active = traitlets.Bool(default_value=True)
    folder = traitlets.Unicode("out")
    files = traitlets.Tuple()
    drawing = traitlets.Bool(default_value=False, read_only=True)

    def __init__(
        self,
        result: Result | None = None,
        *,
        console: Console | None = None,
        language: str = "en",
        active: bool = True,
    ) -> None:
        super().__init__(language)
        self._waiting = False
        self._task: asyncio.Task[None] | None = None
        self.active = active
        self._build()
        self.observe(self._on_active, "active")
        self.console = console
        with self._at_once():
            if console is not None:
                self._share(console, result)
            else:
                self.result = result
            self._stale = True

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.figures = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.charts = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.tasks_box = self._list("show_tasks")
        self.domains_box = self._list("show_domains")
        self.tasks_box.observe(self._on_tasks_box, "value")
        self.domains_box.observe(self._on_domains_box, "value")
        self.all_button = ipywidgets.Button(description=words("show_all"), layout={"width": "auto"})
        self.all_button.on_click(self._on_all)
        self.coverage = ipywidgets.HTML()
        self.folder_box = ipywidgets.Text(
            description=words("export_folder"), layout={"width": "auto"}, style=_LABEL
        )
        traitlets.link((self, "folder"), (self.folder_box, "value"))
        self.png_button = self._export("export_png", "image", self.write_png)
        self.csv_button = self._export("export_csv", "table", self.write_csv)
        self.html_button = self._export("export_html", "file-text-o", self.write_html)
        self.links = ipywidgets.HTML()
        lists = [self.tasks_box, self.domains_box, self.all_button, self.coverage]
        exports = [self.folder_box, self.png_button, self.csv_button, self.html_button]
        self.children = (
            ipywidgets.HTML(markup.style(markup.LAB, markup.RULES)),
            ipywidgets.HBox(lists, layout=_WRAP),
            ipywidgets.HTML(markup.block(markup.note(words("choose_several")))),
            ipywidgets.HBox(exports, layout=_WRAP),
            self.status,
            self.links,
            self.figures,
            self.charts,
        )

    def _list(self, key: str) -> ipywidgets.SelectMultiple:
        return ipywidgets.SelectMultiple(
            description=self.words(key), rows=_ROWS, style=_LABEL,
            layout={"width": "auto", "max_width": "100%"},
        )  # fmt: skip

    def _export(
        self, key: str, icon: str, write: Callable[[], Sequence[Path]]
    ) -> ipywidgets.Button:
        button = ipywidgets.Button(description=self.words(key), icon=icon, layout={"width": "auto"})
        button.on_click(lambda _: self._on_export(write))
        return button

    # --- the selection ------------------------------------------------------------------------

    def _share(self, console: Console, result: Result | None) -> None:
        if result is not None:
            console.result = result
        traitlets.link((console, "result"), (self, "result"))
        console.observe(self._follow, ["selected", "domains"])
        self.observe(self._lead, ["selected", "domains"])
        self.observe(self._follow, "result")
        self._follow()

    def _follow(self, _: Any = None) -> None:
        """Choose what the console has chosen, once both show the same result."""
        if self.console is not None and self.console.result is self.result:
            self.choose(self.console.selected, self.console.domains)

    def _lead(self, change: Any) -> None:
        if self.console is not None and self.console.result is self.result:
            self.console.choose(self.selected, self.domains)

    def _on_tasks_box(self, change: Any) -> None:
        if self._hears:
            self.selected = change["new"]

    def _on_domains_box(self, change: Any) -> None:
        if self._hears:
            self.domains = change["new"]

    def _on_all(self, _: Any) -> None:
        self.choose((), ())

    # --- showing ------------------------------------------------------------------------------

    @property
    def summary(self) -> Summary | None:
        """The figures shown; None without a result."""
        if self.result is None:
            return None
        return summary(self.result, tasks=self.selected or None, domains=self.domains or None)

    def _on_active(self, _: Any) -> None:
        if self.active and self._waiting:
            self._refresh()

    def _take(self) -> None:
        self.files = ()
        self.links.value = ""

    def _draw(self) -> None:
        self._waiting = not self.active
        if self._waiting:
            return
        there = self.result is not None
        for control in (self.tasks_box, self.domains_box, self.all_button):
            control.disabled = not there
        for button in (self.png_button, self.csv_button, self.html_button):
            button.disabled = not there
        if self.result is None:
            self.tasks_box.options = self.domains_box.options = ()
            self._cancel()
            self.figures.value = markup.block(markup.note(self.words("no_result")))
            self.coverage.value = self.charts.value = ""
            return
        self._offer(self.result)
        self._draw_charts(self.result)

    def _offer(self, result: Result) -> None:
        tasks = self._task_options(range(1, len(result.plan.tasks) + 1))
        domains = [domain.name for domain in result.plan.domains]
        for box, options in ((self.tasks_box, tasks), (self.domains_box, domains)):
            if list(box.options) != options:
                box.value = ()
                box.options = options
        self.tasks_box.value, self.domains_box.value = self.selected, self.domains

    def _draw_charts(self, result: Result) -> None:
        self._cancel()
        pictures = Pictures(result, self.selected or None, self.domains or None)
        coverage = pictures.coverage(self.words)
        self.coverage.value = markup.block(coverage)
        if self._chosen_apart(result):
            self.figures.value = markup.block(markup.note(self.words("no_tasks_there")))
            self.charts.value = ""
            return
        found = self.summary
        assert found is not None
        notes = [markup.note(self.words("figures_of_domains"))] if coverage else []
        self.figures.value = markup.block(markup.tiles(found, self.words), *notes)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.charts.value = markup.block(*map(pictures.show, CHARTS))
            return
        self.set_trait("drawing", True)
        self._task = loop.create_task(self._draw_one_by_one(pictures))

    async def _draw_one_by_one(self, pictures: Pictures) -> None:
        """Draw the charts, letting others go on in between: a newer choice makes these obsolete."""
        try:
            shown = []
            for chart in CHARTS:
                await asyncio.sleep(0)
                shown.append(pictures.show(chart))
            self.charts.value = markup.block(*shown)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            if self._task is asyncio.current_task():
                self.set_trait("drawing", False)

    @traitlets.observe("drawing")
    def _on_drawing(self, _: Any) -> None:
        self.message = self.words("drawing") if self.drawing else ""

    def _cancel(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._task = None
            self.set_trait("drawing", False)

    def close(self) -> None:
        """Close the panel, and leave charts that are being drawn."""
        self._cancel()
        super().close()

    def _chosen_apart(self, result: Result) -> bool:
        """Say whether none of the chosen tasks belongs to the chosen domains."""
        if not (self.selected and self.domains):
            return False
        tasks = result.plan.tasks
        return not any(tasks[number - 1].domain in self.domains for number in self.selected)

    # --- files --------------------------------------------------------------------------------

    def write_png(self) -> Sequence[Path]:
        """Write the charts as they are shown as PNG into ``folder``; return the files."""
        return self._write(
            export.write_charts(
                self._given(),
                self.folder,
                tasks=self.selected or None,
                domains=self.domains or None,
                language=self.words.language,
            )
        )

    def write_csv(self) -> Sequence[Path]:
        """Write ``tables.zip`` into ``folder``: all tables as CSV, and the plan.

        Whatever is chosen, they are of the whole plan, as the report is.
        """
        return self._write(
            export.write_tables(self._given(), self.folder, language=self.words.language)
        )

    def write_html(self) -> Sequence[Path]:
        """Write ``report.html`` into ``folder``: all of the result in one file."""
        return self._write(
            export.write_report(self._given(), self.folder, language=self.words.language)
        )

    def _given(self) -> Result:
        if self.result is None:
            raise SessimError(self.words("no_result"))
        return self.result

    def _write(self, files: list[Path]) -> Sequence[Path]:
        self.files = tuple(files)
        return self.files

    @guarded
    def _on_export(self, write: Callable[[], Sequence[Path]]) -> None:
        self.links.value, self.message = "", ""
        try:
            files = list(write())
        except OSError as error:
            raise SessimError(f"{error.filename or self.folder}: {error.strerror}") from error
        self.message = self.words("written", files=", ".join(map(str, files)))
        self.links.value = markup.block(export.links(files, self.words))
