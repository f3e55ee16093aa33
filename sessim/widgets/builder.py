"""The task builder: a plan by clicking, with every error beside its field."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import ipywidgets
import traitlets

from sessim.errors import PlanError
from sessim.fields import address_parts
from sessim.plan import Plan
from sessim.widgets import attachments, plan_file, rows
from sessim.widgets.base import Panel, guarded
from sessim.widgets.builder_views import Summary, style, tabs
from sessim.widgets.check import Check, Checker
from sessim.widgets.domains import Domains
from sessim.widgets.draft import DomainDraft, Draft, TaskDraft
from sessim.widgets.forms import AccountForm, TaskForm
from sessim.widgets.history import History

TASKS, DOMAINS, ACCOUNT, FILE = range(4)
_LISTED: Final = {"tasks": TASKS, "domains": DOMAINS}


class TaskBuilder(Panel):
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

    plan = traitlets.Instance(Plan, allow_none=True)
    draft = traitlets.Instance(Draft)
    problems = traitlets.Tuple()
    selected = traitlets.Int()
    entry = traitlets.Instance(TaskDraft, args=())

    def __init__(
        self,
        plan: Plan | str | PathLike[str] | None = None,
        *,
        language: str = "en",
        folder: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(language)
        self._attempted = False  # whether a new task was to be added as it is
        self._sure: Path | None = None  # which file may be replaced
        self._own: Path | None = None  # which file was loaded or saved here
        self._merge: object = None
        self._checker = Checker(self.words)
        self._build()
        path = None if plan is None or isinstance(plan, Plan) else Path(plan)
        place = Path(folder) if folder is not None else path.parent if path else Path()
        self._history = History(self._opened(plan, place.resolve(), path))
        self._check: Check | None = None
        self.draft = self._history.draft
        self.observe(self._on_draft, "draft")
        self.observe(self._on_plan, "plan")
        self.observe(self._on_selection, ["selected", "entry"])
        self._recheck()
        self.look_around()

    def _opened(self, plan: Any, folder: Path, path: Path | None) -> Draft:
        if plan is None:
            return Draft(folder)
        if path is not None:
            plan = Plan.from_yaml(path)
            self._own = path.resolve()
            self.file.path.value = path
        draft = Draft.from_plan(plan, folder)
        self._checker.adopt(draft, plan)
        return draft

    # --- children -----------------------------------------------------------------------------

    def _build(self) -> None:
        self._toolbar()
        self.add_domain = rows.button(
            self.words, "add_sender_domain", "plus", self._on_add_domain, named=True
        )
        self.form = TaskForm(self.words, self._edit_task, self._upload, self.add_domain)
        for name, field in self.form.fields.items():
            setattr(self, name, field.input)
        self.upload, self.template_upload = self.form.upload, self.form.template_upload
        self.domains = Domains(self.words, self._edit_domains, self._upload)
        self.account = AccountForm(self.words, self._edit_account)
        self.file = plan_file.PlanFile(self.words, self._on_load, self._on_save)
        self.list = rows.Rows(
            self.words("builder.list"),
            [self.new, self.duplicate, self.up, self.down, self.delete],
        )
        self.list.observe(self._on_chosen, "chosen")
        self.summary = Summary(self.words, self._on_show_problem)
        self.title = ipywidgets.HTML()
        self.tabs = tabs(self)
        bar = ipywidgets.HBox([self.undo, self.redo])
        self.children = (style(), bar, self.summary, self.status, self.tabs)
        self.add_class("sessim-builder")

    def _toolbar(self) -> None:
        words = self.words
        self.add = rows.button(words, "add", "plus", self._on_add, named=True)
        self.add.button_style = "primary"
        self.new = rows.button(words, "new", "plus", self._on_new, named=True)
        self.duplicate = rows.button(words, "duplicate", "copy", self._on_duplicate)
        self.up = rows.button(words, "up", "arrow-up", self._on_up)
        self.down = rows.button(words, "down", "arrow-down", self._on_down)
        self.delete = rows.button(words, "delete", "trash", self._on_delete)
        self.undo = rows.button(words, "undo", "undo", self._on_undo, named=True)
        self.redo = rows.button(words, "redo", "repeat", self._on_redo, named=True)

    @property
    def folder(self) -> Path:
        """Where relative paths of files begin, and uploads are kept."""
        return self.draft.folder

    def look_around(self) -> None:
        """Look for files to suggest: lists, templates, plans."""
        self.form.look_around(self.folder)
        self.domains.form.look_around(self.folder)
        self.file.look_around()
