"""The console's task list over the simulated time: bars, filters, limits, the life of a task."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from sessim import life
from sessim.clock import moment
from sessim.lifecycle import TaskStatus, TaskType
from sessim.result import Result
from sessim.widgets import lives, markup
from sessim.widgets.base import guarded
from sessim.widgets.markup import Html
from sessim.widgets.pressing import script
from sessim.widgets.selection import MOST_OPTIONS, ResultPanel
from sessim.widgets.timebar import TimeBar

MOST_ROWS: Final = 200
"""How many tasks are listed at once."""

_WRAP: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"}
_HIGH: Final = "50rem"  # of the task list: a dozen tasks, whose names take two lines or three
_NOBODY: Final = 0  # stands for no task in the box of lives


class Console(ResultPanel):
    """The console's *Batch* page at any instant of a result.

    Parameters
    ----------
    result
        What is shown; None until there is one.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    result, selected, domains
        Traits, as in :class:`~sessim.widgets.selection.ResultPanel`: the lives of the selected
        tasks are shown, and only tasks of the chosen domains are listed. A new result keeps the
        time and the filters.
    time
        Trait: the instant shown, a datetime in the plan's zone; takes what
        :meth:`sessim.Result.at` takes.
    status_filter, type_filter
        Traits: only tasks of this status or type, as the tables name it or as the API codes it;
        empty for all.
    name_filter
        Trait: only tasks whose name contains this, in capitals or not.
    """

    time = traitlets.Any(allow_none=True)
    status_filter = traitlets.Any("")
    type_filter = traitlets.Any("")
    name_filter = traitlets.Unicode()

    def __init__(self, result: Result | None = None, *, language: str = "en") -> None:
        super().__init__(language)
        self._build()
        self.children = (
            ipywidgets.HTML(
                markup.style(markup.LAB, markup.RULES, script=script("task", "sessim-life"))
            ),
            self.time_bar,
            self.status,
            self.domain_list,
            ipywidgets.HBox(self._filters, layout=_WRAP),
            self.task_list,
            ipywidgets.HBox([self.life_box], layout=_WRAP),
            self.life_list,
        )
        self.time_bar.observe(self._on_instant, "instant")
        self.time_bar.observe(self._on_outside, "outside")
        self._ids: list[int] | None = None
        self._shown_changes: object = None
        with self._at_once():
            self.result = result
            self._stale = True

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.time_bar = TimeBar(words)
        self.domain_list = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.task_list = markup.scrolled(_HIGH)
        self.life_list = markup.scrolled("30rem")
        statuses = [status.label for status in _in_order(TaskStatus)]
        self.status_box = self._filter_box("task_status", statuses, "status_filter")
        self.type_box = self._filter_box(
            "task_type", [kind.label for kind in TaskType], "type_filter"
        )
        self.name_box = ipywidgets.Text(
            description=words("name_has"), layout={"width": "auto"},
            style={"description_width": "initial"},
        )  # fmt: skip
        traitlets.link((self.name_box, "value"), (self, "name_filter"))
        self._filters = [self.status_box, self.type_box, self.name_box]
        self.life_box = ipywidgets.Dropdown(
            description=words("show_life"), layout={"width": "auto", "max_width": "100%"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.life_box.add_class("sessim-life")
        self.life_box.observe(self._on_life_box, "value")

    def _filter_box(self, key: str, labels: list[str], trait: str) -> ipywidgets.Dropdown:
        options = [(self.words("all"), "")]
        options += [(markup.word(label, self.words), label) for label in labels]
        box = ipywidgets.Dropdown(
            options=options, description=self.words(key), layout={"width": "auto"},
            style={"description_width": "initial"},
        )  # fmt: skip
        traitlets.link((box, "value"), (self, trait))
        return box

    # --- traits -------------------------------------------------------------------------------

    @traitlets.validate("time")
    def _valid_time(self, proposal: Any) -> Any:
        if self.result is None or proposal["value"] is None:
            return None
        clock = self.result.plan.clock
        wanted = clock.instant(moment(proposal["value"]))
        if wanted != self.time_bar.instant:
            self.time_bar.go_to(wanted)
        return clock.local(self.time_bar.instant)

    @traitlets.validate("status_filter")
    def _valid_status(self, proposal: Any) -> str:
        return _label("status_filter", proposal["value"], TaskStatus)

    @traitlets.validate("type_filter")
    def _valid_type(self, proposal: Any) -> str:
        return _label("type_filter", proposal["value"], TaskType)

    @traitlets.observe("time", "status_filter", "type_filter", "name_filter")
    def _on_view(self, _: Any) -> None:
        self._refresh()

    @guarded
    def _on_instant(self, _: Any) -> None:
        if self.result is not None:
            self.time = self.result.plan.clock.local(self.time_bar.instant)

    def _on_outside(self, _: Any) -> None:
        outside = self.time_bar.outside
        asked = None if outside is None else self.time_bar.clock.local(outside)
        self.message = "" if asked is None else self.words("outside_span", time=markup.when(asked))

    def _on_life_box(self, change: Any) -> None:
        if self._hears:
            self.selected = () if change["new"] == _NOBODY else (change["new"],)

    # --- showing ------------------------------------------------------------------------------

    def _take(self) -> None:
        self._ids = self._shown_changes = None
        if self.result is None:
            self.time_bar.set_span(self.time_bar.clock, 0, 0)
            self.time = None
            return
        plan = self.result.plan
        self.time_bar.set_span(plan.clock, plan.start_instant, int(self.result.log.time[-1]))
        self.time = plan.clock.local(self.time_bar.instant)

    def _draw(self) -> None:
        if self.result is None:
            self.domain_list.value = self.life_list.value = ""
            self.task_list.value = markup.block(markup.note(self.words("no_result")))
            self.life_box.options = [(self.words("choose_task"), _NOBODY)]
            return
        tasks, domains = self.result.at(self.time), self.result.domains_at(self.time)
        listed = tasks[self._listed(tasks)]
        found = listed[self._of_status(listed)]
        time = f"{markup.when(self.time, seconds=True)} ({self.result.plan.timezone})"
        if self.domains:
            domains = domains[domains["domain"].isin(self.domains)]
        self.domain_list.value = markup.block(
            markup.domain_table(
                domains, self.words("domains_at", time=time), self.words, self.result.plan
            )
        )
        self._offer(listed, found)  # first: a name in the list chooses from the box
        self.task_list.value = self._task_table(tasks, found, time)
        self._tell_changes()
        now = pd.Timestamp(self.time)
        self.life_list.value = lives.show(self.result, self.selected, now, self.words)

    def _listed(self, tasks: pd.DataFrame) -> Any:
        """Say which tasks the filters let through, the one by status left aside."""
        listed = np.ones(len(tasks), dtype=bool)
        if self.type_filter:
            listed &= (tasks["type"] == self.type_filter).to_numpy()
        if self.domains:
            listed &= tasks["domain"].isin(self.domains).to_numpy()
        if self.name_filter.strip():
            wanted = self.name_filter.strip().casefold()
            listed &= np.array([wanted in name.casefold() for name in tasks["name"]], dtype=bool)
        return listed

    def _of_status(self, tasks: pd.DataFrame) -> Any:
        if not self.status_filter:
            return np.ones(len(tasks), dtype=bool)
        return (tasks["status"] == self.status_filter).to_numpy()

    def _task_table(self, tasks: pd.DataFrame, found: pd.DataFrame, time: str) -> str:
        words = self.words
        counts = Counter(tasks["status"])
        parts = [
            f"{counts[status.label]:,} {markup.word(status.label, words)}"
            for status in _in_order(TaskStatus)
            if counts[status.label]
        ]
        caption = f"{words('tasks_at', time=time)}: {', '.join(parts)}"
        shown = found.head(MOST_ROWS)
        notes: list[Html] = []
        if not len(found):
            notes.append(markup.note(words("no_match")))
        elif len(shown) < len(tasks):
            key = "cut_tasks" if len(shown) < len(found) else "shown_tasks"
            total = len(found) if len(shown) < len(found) else len(tasks)
            notes.append(markup.note(words(key, shown=f"{len(shown):,}", total=f"{total:,}")))
        return markup.block(
            markup.task_table(shown, caption, words, current=self.selected, buttons=True), *notes
        )

    def _offer(self, listed: pd.DataFrame, found: pd.DataFrame) -> None:
        """Offer tasks in the box of lives, and show which one is chosen.

        The offer does not change with the time, unless there are more than it can hold.
        """
        offered = listed if len(listed) <= MOST_OPTIONS else found.head(MOST_ROWS)
        options = [(self.words("choose_task"), _NOBODY), *self._task_options(offered["task"])]
        if len(self.selected) > 1:
            options[0] = (self.words("several", n=len(self.selected)), _NOBODY)
        if list(self.life_box.options) != options:
            self.life_box.options = options
        self.life_box.value = self.selected[0] if len(self.selected) == 1 else _NOBODY

    def _tell_changes(self) -> None:
        assert self.result is not None
        if self._shown_changes != self.selected:
            self.time_bar.set_changes(life.changes(self.result.log, self.selected))
            self._shown_changes = self.selected


def _in_order(kinds: type[TaskStatus]) -> list[TaskStatus]:
    return sorted(kinds, key=lambda status: status or len(kinds) * 10)  # cancelled last


def _label(trait: str, value: Any, kinds: type[TaskStatus] | type[TaskType]) -> str:
    """Return the word for a status or a type that is given by its word or by the API's code."""
    if value is None or value == "":
        return ""
    for kind in kinds:
        if value in (kind, kind.label) or value == int(kind):
            return kind.label
    known = ", ".join(repr(kind.label) for kind in kinds)
    raise traitlets.TraitError(f"{trait} is {value!r}; give one of {known}, or '' for all")
