"""Histories: pick files, see the console at any instant, press a pause and read why it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, Final

import ipywidgets
import traitlets

from sessim import clock
from sessim.errors import HistoryError
from sessim.history import History, load_history
from sessim.history.explanation import Explanation
from sessim.history.kinds import KINDS
from sessim.widgets import attachments, markup, replay_views
from sessim.widgets.background import Background
from sessim.widgets.base import Panel, guarded
from sessim.widgets.console import Console
from sessim.widgets.fields import Field, Pick
from sessim.widgets.forms import uploader
from sessim.widgets.pictures import Pictures
from sessim.widgets.pressing import script

ENDINGS: Final = (
    ".json", ".jsonl", ".ndjson", ".csv", ".parquet", ".xes", ".jsonocel",
    ".xmlocel", ".sqlite", ".log", ".gz", ".outbox",
)  # fmt: skip
"""Of the files that are suggested; any other may be named."""

_WRAP: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 8px"}
_SIDES: Final = {
    "grid_gap": "8px", "grid_template_columns": "repeat(auto-fit, minmax(min(26rem, 100%), 1fr))",
}  # fmt: skip
_AUTO: Final = {"width": "auto", "max_width": "100%"}
_LABEL: Final = {"description_width": "initial"}
_NONE: Final = 0  # stands for no pause
_CSS: Final = """
.sessim-replay .sessim-field { flex: 0 0 auto; min-width: 0; }
.sessim-replay .sessim-field > .widget-hbox > :first-child { flex: 1 1 0; min-width: 0; }
.sessim-replay .sessim-field > .widget-hbox > :not(:first-child) { flex: 0 0 auto; }
.sessim-replay .sessim-hint { color: var(--jp-ui-font-color2); font-size: 0.85em; }
.sessim-replay ul { margin: 4px 8px; padding-left: 1.2em; }
.sessim-replay .sessim-list .note { margin: 4px 8px; }
.sessim-replay .sessim b { display: block; padding: 4px 8px; }
.sessim-replay .time { white-space: nowrap; }
"""


class Replay(Panel):
    """The files of a history, and what happened in it.

    Files are read and pauses explained in a thread: the panel goes on answering meanwhile.

    Parameters
    ----------
    files
        Files of a history, or folders of them; they are read at once.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    files
        Trait: the paths of the chosen files.
    timezone, format
        Traits: the zone of times that are written without one, and what the files hold; empty for
        the console's zone, and for recognising it.
    history
        Trait: the :class:`sessim.History` that was read last; None until then. May be set.
    pause
        Trait: which pause is explained, by its place in ``history.pauses`` from 1; 0 for none.
    explanation
        Trait: the :class:`~sessim.history.explanation.Explanation` of that pause.
    loading, explaining
        Traits: whether files are being read, and whether a pause is being explained.
    console
        The console, at any instant of the history.
    """

    files = traitlets.Tuple()
    timezone = traitlets.Unicode()
    format = traitlets.Unicode()
    history = traitlets.Instance(History, allow_none=True)
    pause = traitlets.Int(_NONE)
    explanation = traitlets.Instance(Explanation, allow_none=True)
    loading = traitlets.Bool(default_value=False, read_only=True)
    explaining = traitlets.Bool(default_value=False, read_only=True)

    def __init__(self, *files: str | PathLike[str], language: str = "en") -> None:
        super().__init__(language)
        self._reading = Background(lambda busy: self.set_trait("loading", busy))
        self._answering = Background(lambda busy: self.set_trait("explaining", busy))
        self.console = Console(language=language)
        self._build()
        self._connect()
        self._show_files()
        self._show_history()
        if files:
            self.files = tuple(map(str, files))
            self.load()

    # --- for users ----------------------------------------------------------------------------

    def add(self, path: str | PathLike[str]) -> None:
        """Add a file, or a folder of files, to those of the history.

        Raises
        ------
        HistoryError
            If there is none.
        """
        named = str(path)
        try:
            there = Path(named).exists()
        except (OSError, ValueError):
            there = False
        if not there:
            raise HistoryError(self.words("replay.not_there", path=named))
        self.files = tuple(dict.fromkeys((*self.files, named)))

    def load(self) -> asyncio.Task[None] | None:
        """Read the files; where an event loop is running, return the task that does."""
        self.error = ""
        if not self.files:
            self.error = self.words("replay.no_file")
            return None
        self.message = self.words("replay.loading")
        files, format_, zone = self.files, self.format or None, self.timezone or None
        return self._reading.run(lambda: _read(files, format_, zone), self._loaded)

    def close(self) -> None:
        """Close the panel, and leave what is being read."""
        self._reading.drop()
        self._answering.drop()
        super().close()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.path = Pick(
            description=words("replay.path"), tooltip=words("replay.path"),
            continuous_update=False, placeholder="polls.jsonl", style=_LABEL, layout=_AUTO,
            options=tuple(attachments.pick(Path(), ENDINGS)),
        )  # fmt: skip
        self.add_button = self._button("replay.add", "plus", self._on_add)
        self.upload = uploader(words, "replay.upload_tip", ENDINGS, self._on_upload, multiple=True)
        field = Field(self.path, words("replay.path_hint"), beside=[self.add_button, self.upload])
        self.files_box = ipywidgets.SelectMultiple(
            description=words("replay.files"), rows=3, style=_LABEL,
            layout={"width": "auto", "max_width": "100%", "flex": "1 1 18rem"},
        )  # fmt: skip
        self.remove_button = self._button("replay.remove", "trash", self._on_remove)
        self.zone_box = Pick(
            description=words("replay.zone"), tooltip=words("replay.zone"),
            continuous_update=False, placeholder="Asia/Shanghai", style=_LABEL, layout=_AUTO,
            options=tuple(clock.zones()),
        )  # fmt: skip
        kinds = [(words("replay.recognised"), ""), *((name, name) for name in KINDS)]
        self.format_box = ipywidgets.Dropdown(
            options=kinds, description=words("replay.format"), style=_LABEL, layout=_AUTO
        )
        self.load_button = self._button("replay.load", "history", lambda _: self._on_load())
        self.load_button.tooltip = words("replay.load_tip")
        self.load_button.button_style = "primary"
        self.notes = markup.scrolled("12rem")
        self.timeline = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.pause_list = markup.scrolled("24rem")
        self.pause_box = ipywidgets.Dropdown(
            options=[(words("replay.choose"), _NONE)], description=words("replay.pause"),
            style=_LABEL, layout=_AUTO,
        )  # fmt: skip
        self.pause_box.add_class("sessim-pause")
        self.reason = markup.scrolled("40rem")
        self.finding_list = markup.scrolled("40rem")
        self.sides = ipywidgets.GridBox([self.reason, self.finding_list], layout=_SIDES)
        chosen = [self.files_box, self.remove_button]
        how = [self.zone_box, self.format_box, self.load_button]
        self.below = ipywidgets.VBox(
            [
                self.notes, self.console, self.timeline, self.pause_list,
                ipywidgets.HBox([self.pause_box], layout=_WRAP), self.sides,
            ]
        )  # fmt: skip
        looks = markup.style(markup.LAB, markup.RULES, _CSS, script=script("pause", "sessim-pause"))
        self.children = (
            ipywidgets.HTML(looks),
            field,
            ipywidgets.HBox(chosen, layout=_WRAP),
            ipywidgets.HBox(how, layout=_WRAP),
            self.status,
            self.below,
        )
        self.add_class("sessim-replay")

    def _button(self, key: str, icon: str, pressed: Callable[[Any], None]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=self.words(key), icon=icon, layout={"width": "auto"})
        button.on_click(pressed)
        return button

    def _connect(self) -> None:
        traitlets.link((self, "timezone"), (self.zone_box, "value"))
        traitlets.link((self, "format"), (self.format_box, "value"))
        traitlets.link((self, "pause"), (self.pause_box, "value"))
        self.observe(self._show_files, "files")
        self.observe(self._on_history, "history")
        self.observe(self._on_pause, "pause")
        self.observe(self._show_reason, ["explanation", "explaining"])

    # --- callbacks ----------------------------------------------------------------------------

    @guarded
    def _on_add(self, _: Any) -> None:
        self._add_named()

    def _add_named(self) -> None:
        """Add the file that stands in the field, if one does."""
        if self.path.value.strip():
            self.add(self.path.value.strip())
            self.path.value = ""

    @guarded
    def _on_upload(self, name: str, content: bytes) -> None:
        self.add(attachments.keep(Path(), "histories", name, content))

    def _on_remove(self, _: Any) -> None:
        self.files = tuple(path for path in self.files if path not in self.files_box.value)

    @guarded
    def _on_load(self) -> None:
        self._add_named()
        self.load()

    @guarded
    def _loaded(self, outcome: Callable[[], tuple[History, str]]) -> None:
        self.message = ""
        history, picture = outcome()
        self.history = history
        self.timeline.value = picture

    def _on_history(self, _: Any) -> None:
        self._answering.drop()
        with self.hold_trait_notifications():
            self.pause, self.explanation = _NONE, None
        self._show_history()

    @guarded
    def _on_pause(self, _: Any) -> None:
        self.explanation = None
        self._answering.drop()
        if self.history is None:
            return
        self.pause_list.value = replay_views.pauses(self.history, self.pause, self.words)
        if self.pause == _NONE:
            return
        row = self.history.pauses.iloc[self.pause - 1]
        task, history, at = int(row["task"]), self.history, row["start_latest"].to_pydatetime()
        self.console.choose((task,), self.console.domains)
        self.console.time = at
        id_ = history.evidence.ids[task - 1]
        self._answering.run(lambda: history.explain(id_, at), self._explained)

    @guarded
    def _explained(self, outcome: Callable[[], Explanation]) -> None:
        self.explanation = outcome()

    # --- showing ------------------------------------------------------------------------------

    def _show_files(self, _: Any = None) -> None:
        self.files_box.options = self.files
        self.remove_button.disabled = not self.files
        if not self.files:
            self.message = self.words("replay.begin")

    @guarded
    def _show_history(self) -> None:
        history = self.history
        self.below.layout.display = "none" if history is None else None
        self.console.result = history
        self.timeline.value = ""
        if history is None:
            return
        self.notes.value = replay_views.notes(history, self.words)
        self.finding_list.value = replay_views.findings(history, self.words)
        self.pause_list.value = replay_views.pauses(history, _NONE, self.words)
        self.pause_box.options = [
            (self.words("replay.choose"), _NONE), *replay_views.pause_options(history)
        ]  # fmt: skip
        self.message = self.words(
            "replay.loaded",
            tasks=f"{len(history.plan.tasks):,}",
            pauses=f"{len(history.pauses):,}",
            findings=f"{len(history.findings):,}",
            end=markup.when(history.end),
        )

    def _show_reason(self, _: Any = None) -> None:
        waiting = markup.block(markup.note(self.words("replay.explaining")))
        shown = replay_views.explanation(self.explanation, self.words)
        empty = markup.block(markup.note(self.words("replay.choose")))
        self.reason.value = waiting if self.explaining else shown or empty


def _read(files: tuple[str, ...], format_: str | None, zone: str | None) -> tuple[History, str]:
    """Read a history and all that is shown of it, which takes a while."""
    history = load_history(*files, format=format_, timezone=zone)
    for table in ("tasks", "pauses", "findings"):
        getattr(history, table)
    return history, markup.block(Pictures(history).show("timeline"))
