"""The task builder: a plan by clicking, with every error beside its field."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import ipywidgets

from sessim.plan import Plan
from sessim.widgets import base, plan_file, rows
from sessim.widgets.builder_actions import FILE, TASKS, Actions, tab_of
from sessim.widgets.builder_views import Domains, Summary, heading, style
from sessim.widgets.check import unknown_domain
from sessim.widgets.draft import Draft
from sessim.widgets.forms import AccountForm, TaskForm

_TABS = ("tasks", "domains", "account", "file")


class TaskBuilder(Actions):
    """The console's form *Create Sending Task*, with domains, account and plan file.

    Every field is a widget and an attribute: those of a task are the builder's own (``name``,
    ``type``, ``start``, ...), the others are in ``domains``, ``account`` and ``file``. They work
    without a browser: ``builder.name.value = "Launch"``, ``builder.add.click()``.

    Parameters
    ----------
    plan
        A :class:`sessim.Plan`, or the path of a plan file. Default: an empty form.
    language
        ``"en"`` or ``"id"``.
    folder
        Where relative paths of files begin, and uploads are kept. Default: the folder of the
        plan file, or else the working directory.

    Attributes
    ----------
    plan
        Trait: the last complete plan; None before there is one. May be set.
    draft
        Trait: the :class:`sessim.widgets.draft.Draft` in the form. May be set.
    problems
        Trait: what is wrong with the draft, as :class:`sessim.errors.Problem`.
    selected
        Trait: the number of the task in the form, as in the tables; 0 for a new one.
    entry
        Trait: the :class:`sessim.widgets.draft.TaskDraft` of the new task.
    """

    def __init__(
        self,
        plan: Plan | str | PathLike[str] | None = None,
        *,
        language: str = "en",
        folder: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(language)
        self._build()
        path = None if plan is None or isinstance(plan, Plan) else Path(plan)
        place = Path(folder) if folder is not None else path.parent if path else Path()
        if path is not None:
            plan = self._disk.read(path)
            self.file.path.value = path
        assert plan is None or isinstance(plan, Plan)
        here = place.absolute()
        self._begin(Draft(here) if plan is None else self._adopted(plan, here), plan)
        if path is not None:
            self._disk.loaded(self.draft, path)
        self.look_around()

    # --- building the panel -------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self._buttons()
        self.form = TaskForm(words, self._edit_task, self._upload, self.add_domain)
        for name, field in self.form.fields.items():
            setattr(self, name, field.input)
        self.upload, self.template_upload = self.form.upload, self.form.template_upload
        self.domains = Domains(
            words, self._edit_domain, self._upload, self._on_new_domain, self._on_delete_domain
        )
        self.account = AccountForm(words, self._edit_account)
        self.file = plan_file.PlanFile(words, self._on_load, self._on_save)
        self.list = rows.Rows(
            words("builder.list"),
            words("builder.list_hint"),
            [self.new, self.duplicate, self.up, self.down, self.delete],
        )
        self.list.observe(self._on_chosen, "chosen")
        self.domains.list.observe(self._on_chosen_domain, "chosen")
        self.summary = Summary(words, self._on_show_problem)
        self.heading = ipywidgets.HTML()
        self.tabs = ipywidgets.Tab(self._pages(), selected_index=TASKS)
        self.tabs.observe(self._show_file, "selected_index")
        bar = ipywidgets.HBox([self.undo, self.redo, self.new_plan])
        self.children = (style(), bar, self.summary, self.status, self.tabs)
        self.add_class("sessim-builder")

    def _buttons(self) -> None:
        words = self.words
        self.add = rows.button(words, "add", "plus", self._on_add, named=True)
        self.add.button_style = "primary"
        self.add_domain = rows.button(
            words, "add_sender_domain", "plus", self._on_add_sender_domain, named=True
        )
        self.new = rows.button(words, "new", "plus", self._on_new, named=True)
        self.duplicate = rows.button(words, "duplicate", "copy", self._on_duplicate)
        self.up = rows.button(words, "up", "arrow-up", self._on_up)
        self.down = rows.button(words, "down", "arrow-down", self._on_down)
        self.delete = rows.button(words, "delete", "trash", self._on_delete)
        self.undo = rows.button(words, "undo", "undo", self._on_undo, named=True)
        self.redo = rows.button(words, "redo", "repeat", self._on_redo, named=True)
        self.new_plan = rows.button(words, "new_plan", "file", self._on_new_plan, named=True)

    def _pages(self) -> list[Any]:
        remark = ipywidgets.HTML(f"<p>{base.text(self.words('builder.batch_is_for'))}</p>")
        required = ipywidgets.HTML(
            f'<span class="sessim-hint">{base.text(self.words("builder.required"))}</span>'
        )
        self.answer = ipywidgets.HTML()
        self.observe(self._show_answer, ["error", "message"])
        bar = ipywidgets.HBox(
            [self.add, self.answer],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        tasks = [self.list, self.heading, remark, self.form, required, bar]
        return [ipywidgets.VBox(tasks), self.domains, self.account, self.file]

    @property
    def folder(self) -> Path:
        """Where relative paths of files begin, and uploads are kept."""
        return self.draft.folder

    def look_around(self) -> None:
        """Look for files to suggest: lists, templates, plans."""
        self.form.look_around(self.folder)
        self.domains.form.look_around(self.folder)
        self.file.look_around()

    # --- showing ------------------------------------------------------------------------------

    def _show(self) -> None:
        draft, check = self.draft, self._check
        self.form.suggest(draft)
        self.domains.show(draft, check, min(self.domains.list.chosen or 1, len(draft.domains)) - 1)
        self.account.show(draft.account, check.beside())
        self._show_file()
        self.summary.show(draft, check, kept=self.plan is not None)
        for index, name in enumerate(_TABS):
            wrong = any(tab_of(problem.where) == index for problem in check.problems)
            self.tabs.set_title(index, self.words(f"builder.tab_{name}") + " ⚠" * wrong)
        self._show_task()

    def _show_file(self, *_: object) -> None:
        visible = self.tabs.selected_index == FILE
        stale = self._check.plan is None
        self.file.show(self.plan, self.folder, stale=stale, visible=visible)

    def _show_answer(self, *_: object) -> None:
        """Repeat the status beside the button, which may be far below it."""
        kind, sign = ("problem", "⚠ ") if self.error else ("answer", "")
        said = base.text(self.error or self.message)
        self.answer.value = f'<span class="sessim-{kind}">{sign if said else ""}{said}</span>'

    def _show_task(self) -> None:
        row, built, problems = self._row()
        self.form.show(row, built, problems, self.draft.account.timezone)
        self.list.fill(rows.task_lines(self.draft, self._check, self.words), self.selected)
        said = self.words("create_sending_task")
        if self.selected:
            name = row.name or self.words("builder.unnamed")
            said = self.words("builder.task_n", n=self.selected, name=name)
        self.heading.value = heading(said)
        domain = unknown_domain(row, self.draft)
        self.add_domain.description = self.words("builder.add_sender_domain", domain=domain)
        self.add_domain.layout.display = None if domain else "none"
        self.add.layout.display = "none" if self.selected else None
        self._enable()

    def _enable(self) -> None:
        count, chosen = len(self.draft.tasks), self.selected
        self.undo.disabled = not self._history.can_undo
        self.redo.disabled = not self._history.can_redo
        for button in (self.new, self.duplicate, self.delete):
            button.disabled = not chosen
        self.up.disabled = chosen < 2
        self.down.disabled = not chosen or chosen == count
