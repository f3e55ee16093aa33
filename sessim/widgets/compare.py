"""Plans side by side: overlaid charts, a table of differences, and variants to compare with."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ipywidgets
import pandas as pd
import traitlets

from sessim.comparison import (
    FIGURES,
    ComparisonError,
    as_results,
    compare,
    compare_tasks,
    with_second_domain,
    with_warmup,
)
from sessim.plan import Plan
from sessim.result import Result
from sessim.warmup import published
from sessim.widgets import markup
from sessim.widgets.base import Panel, guarded, text
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html
from sessim.widgets.pictures import show_overlaid
from sessim.widgets.runner import Runner

MOST_ROWS: Final = 200
"""How many tasks are listed."""

_WRAP: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"}
_EVERY: Final = ""  # stands for all domains
_AUTO: Final = {"width": "auto", "min_width": "12rem", "max_width": "100%"}
_LABEL: Final = {"description_width": "initial"}
_SECOND: Final = "second."  # begins the name of the domain that with_second_domain adds
_QUIET: Final = ("failed", "cancelled", "unsent")  # figures left out where all are 0


class Compare(Panel):
    """Two or more plans side by side; the others are measured by the first.

    Parameters
    ----------
    plans
        Plans or results, or a mapping from names to them; plans are simulated.
    names
        Their names. Default: the mapping's, else "Plan 1" and so on.
    seed
        For the plans that are simulated.
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    results
        Trait: the results by name, in order.
    runner
        Simulates the plans that are added by clicking.
    """

    results = traitlets.Dict()

    def __init__(
        self,
        plans: Mapping[str, Plan | Result] | Iterable[Plan | Result] = (),
        names: Sequence[str] | None = None,
        *,
        seed: int = 0,
        language: str = "en",
    ) -> None:
        super().__init__(language)
        self.seed = seed
        self._build()
        self.observe(self._show, "results")
        self.results = as_results(plans, names, seed=seed)
        if not self.results:
            self._show()

    # --- for users ----------------------------------------------------------------------------

    def add(self, plan: Plan | Result, name: str | None = None) -> None:
        """Add a plan, which is simulated at once, or a result.

        Parameters
        ----------
        plan
            What to add.
        name
            Its name; the next free "Plan 2" and so on by default.

        Raises
        ------
        ComparisonError
            If the name is taken.
        """
        name = self._free(f"{self.words('plan')} {len(self.results) + 1}") if name is None else name
        if name in self.results:
            raise ComparisonError(self.words("name_taken", name=name))
        self.results = {**self.results, **as_results({name: plan}, seed=self.seed)}

    @guarded
    def keep(self, result: Result, name: str | None = None) -> bool | None:
        """Add a result as :meth:`add` does; what came of it is said in the panel.

        Returns
        -------
        bool or None
            True if it was added; None if not, and the error is shown.
        """
        self.message = ""
        self.add(result, name)
        self.message = self.words("app.kept", name=list(self.results)[-1])
        return True

    def remove(self, name: str) -> None:
        """Take a plan out of the comparison."""
        if name not in self.results:
            raise ComparisonError(f"there is no plan {name!r} in the comparison")
        self.results = {key: result for key, result in self.results.items() if key != name}

    @property
    def table(self) -> pd.DataFrame:
        """The figures and differences (see :func:`sessim.comparison.compare`)."""
        return compare(self.results)

    @property
    def tasks(self) -> pd.DataFrame:
        """When each task finished (see :func:`sessim.comparison.compare_tasks`)."""
        return compare_tasks(self.results)

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.runner = Runner(language=words.language)
        self.file_box = ipywidgets.Text(
            description=words("file_name"), placeholder="plan.yaml", layout=_AUTO, style=_LABEL
        )
        self.file_button = self._button("add_file", "plus", self._on_file)
        self.base_box = self._dropdown("variant_of")
        self.base_box.observe(self._on_base, "value")
        self.domain_box = self._dropdown("domain")
        self.warmup_box = self._dropdown("other_warmup")
        self.warmup_box.options = [(entry.title, name) for name, entry in published().items()]
        self.warmup_box.value = next(iter(published()))
        self.warmup_button = self._button("add_warmup", "plus", self._on_warmup)
        self.second_button = self._button("add_second", "plus", self._on_second, "second_hint")
        self.remove_box = self._dropdown("plan")
        self.remove_button = self._button("remove", "trash", self._on_remove)
        self.progress = ipywidgets.HBox(
            [self.runner.bar, self.runner.stop_button], layout={**_WRAP, "display": "none"}
        )
        self.runner.observe(self._on_running, "running")
        self.figures = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.charts = ipywidgets.HTML(layout={"overflow": "auto"}, tabbable=True)
        self.task_list = markup.scrolled("30rem")
        variants = [self.base_box, self.domain_box, self.warmup_box]
        self.children = (
            ipywidgets.HTML(markup.style(markup.LAB, markup.RULES)),
            ipywidgets.HBox([self.file_box, self.file_button], layout=_WRAP),
            ipywidgets.HBox([*variants, self.warmup_button, self.second_button], layout=_WRAP),
            ipywidgets.HBox([self.remove_box, self.remove_button], layout=_WRAP),
            self.progress,
            self.status,
            self.figures,
            self.charts,
            self.task_list,
        )

    def _button(
        self, key: str, icon: str, act: Callable[[], None], hint: str = ""
    ) -> ipywidgets.Button:
        button = ipywidgets.Button(
            description=self.words(key), icon=icon, layout={"width": "auto"},
            tooltip=self.words(hint) if hint else None,
        )  # fmt: skip
        button.on_click(lambda _: self._press(act))
        return button

    def _press(self, act: Callable[[], None]) -> None:
        """Act, with nothing said any more of the action before."""
        self.message = ""
        act()

    def _dropdown(self, key: str) -> ipywidgets.Dropdown:
        return ipywidgets.Dropdown(description=self.words(key), layout=_AUTO, style=_LABEL)

    # --- adding -------------------------------------------------------------------------------

    @guarded
    def _on_file(self) -> None:
        file = Path(self.file_box.value.strip()).expanduser()
        self._run(Plan.from_yaml(file), file.stem)

    @guarded
    def _on_warmup(self) -> None:
        if self.base_box.value is None:
            return
        plan = with_warmup(self._base.plan, self.warmup_box.value, self.domain_box.value or None)
        names = {"plan": self.base_box.value, "warmup": self.warmup_box.value}
        self._run(plan, self.words("with_warmup_name", **names))

    @guarded
    def _on_second(self) -> None:
        if self.base_box.value is None:
            return
        plan, domain = self._base.plan, self.domain_box.value
        for name in [domain] if domain else [entry.name for entry in plan.domains]:
            plan = with_second_domain(plan, name)
        self._run(plan, self.words("with_second_name", plan=self.base_box.value))

    @guarded
    def _on_remove(self) -> None:
        if self.remove_box.value is not None:
            self.remove(self.remove_box.value)

    @property
    def _base(self) -> Result:
        result: Result = self.results[self.base_box.value]
        return result

    def _run(self, plan: Plan, name: str) -> None:
        """Simulate a plan and add it, in the background where there is a loop."""
        name = self._free(name)
        self.runner.plan, self.runner.seed = plan, self.seed
        found = self.runner.run()
        if isinstance(found, asyncio.Task):
            found.add_done_callback(lambda task: self._ran(name, task))
        else:
            self._take(name, found)

    def _ran(self, name: str, task: asyncio.Task[Result | None]) -> None:
        failed = task.cancelled() or task.exception() is not None
        self._take(name, None if failed else task.result())

    @guarded
    def _take(self, name: str, result: Result | None) -> None:
        if result is None:
            self.message, self.error = self.runner.message, self.runner.error
        else:
            self.keep(result, self._free(name))

    def _free(self, name: str) -> str:
        taken = self.results
        numbered = (f"{name} ({i})" for i in range(2, len(taken) + 3))
        return name if name not in taken else next(n for n in numbered if n not in taken)

    # --- showing ------------------------------------------------------------------------------

    def _on_running(self, _: Any) -> None:
        busy = self.runner.running
        self.progress.layout.display = "flex" if busy else "none"
        for button in (self.file_button, self.warmup_button, self.second_button):
            button.disabled = busy or (button is not self.file_button and not self.results)

    def _on_base(self, _: Any) -> None:
        there, kept = self.base_box.value in self.results, self.domain_box.value
        domains = [entry.name for entry in self._base.plan.domains] if there else []
        self.domain_box.options = [(self.words("all_domains"), _EVERY), *((n, n) for n in domains)]
        self.domain_box.value = kept if kept in domains else _EVERY

    @guarded
    def _show(self, _: Any = None) -> None:
        names = list(self.results)
        for box in (self.base_box, self.remove_box):
            kept = box.value
            box.options = names
            box.value = kept if kept in names else names[0] if names else None
            box.disabled = not names
        self._on_base(None)
        self._on_running(None)
        self.remove_button.disabled = not names
        if not names:
            self.figures.value = markup.block(markup.note(self.words("too_few")))
            self.charts.value = self.task_list.value = ""
            return
        few = [markup.note(self.words("too_few"))] if len(names) < 2 else []
        self.figures.value = markup.block(*few, figures_table(self.table, self.words))
        self.charts.value = markup.block(*show_overlaid(self.results))
        self.task_list.value = markup.block(
            *split_notes(self.results, self.words), *tasks_table(self.tasks, names, self.words)
        )


# --- tables ---------------------------------------------------------------------------------------


def figures_table(table: pd.DataFrame, words: Words) -> Html:
    """Show a comparison (see :func:`sessim.comparison.compare`), one column a plan."""
    names = list(table["plan"])
    rows = []
    for name in FIGURES:
        if name in _QUIET and not table[name].any():
            continue
        cells = [
            _with_change(
                markup.figure(name, value, words, unsent=unsent), _change(name, change, i, words)
            )
            for i, (value, change, unsent) in enumerate(
                zip(table[name], table[f"{name}_change"], table["unsent"], strict=True)
            )
        ]
        rows.append((words(f"fig_{name}"), *cells))
    caption = words("figures_of", name=names[0])
    columns = [words("figure"), *names]
    return markup.table(caption, columns, rows, pairs=range(1, len(names) + 1))


def tasks_table(tasks: pd.DataFrame, names: Sequence[str], words: Words) -> list[Html]:
    """Show when each task finished (see :func:`sessim.comparison.compare_tasks`)."""
    found: dict[str, dict[str, Any]] = {}
    for row in markup.records(tasks):
        found.setdefault(row.name, {})[row.plan] = row
    rows = []
    for task in list(found)[:MOST_ROWS]:
        cells = [_finish(found[task].get(name), i, words) for i, name in enumerate(names)]
        rows.append((task, *cells))
    caption = words("finishes_of", name=names[0])
    columns = [words("task"), *names]
    parts = [markup.table(caption, columns, rows, pairs=range(1, len(names) + 1))]
    if len(rows) < len(found):
        cut = words("shown_tasks", shown=f"{len(rows):,}", total=f"{len(found):,}")
        parts.append(markup.note(cut))
    return parts


def split_notes(results: Mapping[str, Result], words: Words) -> list[Html]:
    """Say of each plan with a second domain that its tasks are split, and what "(2)" means."""
    notes = []
    for name, result in results.items():
        domains = {domain.name for domain in result.plan.domains}
        for first in sorted(domains):
            if f"{_SECOND}{first}" in domains:
                said = words("split", plan=name, first=first, second=f"{_SECOND}{first}")
                notes.append(markup.note(said))
    return notes


def _finish(row: Any, place: int, words: Words) -> Html:
    if row is None:
        return Html(text(words("not_there")))
    shown = markup.when(row.finished, markup.word(row.status, words))
    return _with_change(shown, _change("finish", row.change_hours, place, words))


def _with_change(value: str, change: str) -> Html:
    shown = f'<span class="fix">{text(value)}</span>'
    return Html(f'{shown} <small class="fix">({text(change)})</small>' if change else shown)


def _change(name: str, change: float, place: int, words: Words) -> str:
    """Write a difference from the first plan, of which there is none."""
    if not place or math.isnan(change):
        return ""
    if name in ("finish", "largest_backlog_at"):
        hours = f"{abs(change):,.1f}"
        key = "same" if hours == "0.0" else "hours_earlier" if change < 0 else "hours_later"
        return words(key, n=hours)
    if not change:
        return words("same")
    if name == "utilisation":
        return words("points", n=f"{100 * change:+.1f}")
    return f"{change:+,}" if change == round(change) else f"{change:+,.1f}"
