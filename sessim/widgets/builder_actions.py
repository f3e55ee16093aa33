"""What the buttons and fields of the task builder do to the draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import traitlets

from sessim.errors import PlanError
from sessim.plan import Plan
from sessim.widgets import attachments, plan_file
from sessim.widgets.base import Panel, guarded
from sessim.widgets.builder_views import Domains
from sessim.widgets.built import Built
from sessim.widgets.check import Check, Checker, unknown_domain
from sessim.widgets.draft import CSV, DomainDraft, Draft, TaskDraft
from sessim.widgets.history import History

TASKS, DOMAINS, ACCOUNT, FILE = range(4)
"""The tabs."""

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _action(method: _Method) -> _Method:
    """Guard a callback, and let the message of the action before it go."""

    @wraps(method)
    def call(self: Actions, *arguments: Any, **named: Any) -> Any:
        self.message = ""
        return method(self, *arguments, **named)

    return guarded(call)  # type: ignore[return-value]


class Actions(Panel):
    """The state of a task builder, and what its buttons and fields do to it.

    :class:`sessim.widgets.builder.TaskBuilder` adds what is seen.
    """

    plan = traitlets.Instance(Plan, allow_none=True)
    draft = traitlets.Instance(Draft)
    problems: Any = traitlets.Instance(tuple, args=())
    selected = traitlets.Int()
    entry = traitlets.Instance(TaskDraft, args=())

    list: Any
    tabs: Any
    domains: Domains
    file: plan_file.PlanFile
    _check: Check
    _history: History

    def __init__(self, language: str = "en") -> None:
        super().__init__(language)
        self._attempted = False  # whether the new task was to be added as it is
        self._merge: object = None
        self._travels = False  # whether the draft comes from the history
        self._unfinished: dict[object, TaskDraft] = {}  # the new tasks of plans not shown now
        self._checker = Checker(self.words)
        self._disk = plan_file.Disk(self.words)

    def _begin(self, draft: Draft, plan: Plan | None) -> None:
        self.draft, self.plan = draft, plan
        self._history = History(draft)
        self._check = self._checker(draft)
        self.observe(self._on_draft, "draft")
        self.observe(self._on_plan, "plan")
        self.observe(self._on_row, ["selected", "entry"])
        self._publish()

    def _show(self) -> None:
        raise NotImplementedError

    def _show_task(self) -> None:
        raise NotImplementedError

    def look_around(self) -> None:
        """Look for files to suggest."""

    # --- traits -------------------------------------------------------------------------------

    @traitlets.validate("selected")
    def _is_row(self, proposal: Any) -> int:
        value: int = proposal["value"]
        if not 0 <= value <= len(self.draft.tasks):
            most = len(self.draft.tasks)
            raise traitlets.TraitError(f"selected={value} is no task; give 1 to {most}, or 0")
        return value

    def _on_draft(self, change: Any) -> None:
        if not self._travels:
            self._history.push(change.new, self._merge)
        chosen = change.old.tasks[self.selected - 1].key if self.selected else 0
        keys = [row.key for row in change.new.tasks]
        self._check = self._checker(change.new)
        self.selected = keys.index(chosen) + 1 if chosen in keys else 0
        self._publish()

    def _publish(self) -> None:
        self.problems = self._check.problems
        if self._check.plan is not None:
            self.plan = self._check.plan
        self._show()

    def _on_plan(self, change: Any) -> None:
        if change.new is not None and change.new is not self._check.plan:
            self.draft = self._adopted(change.new, self.folder)

    def _on_row(self, *_: object) -> None:
        self._show_task()
        self._enable()

    def _adopted(self, plan: Plan, folder: Path) -> Draft:
        draft = Draft.from_plan(plan, folder)
        self._checker.adopt(draft, plan)
        return draft

    # --- tasks --------------------------------------------------------------------------------

    def _row(self) -> tuple[TaskDraft, Built, dict[str, str]]:
        """Return the task in the form, what became of it, and what is wrong with it."""
        if self.selected:
            index = self.selected - 1
            return (
                self.draft.tasks[index],
                self._check.tasks[index],
                self._check.beside("tasks", index),
            )
        index = len(self.draft.tasks)
        check = self._checker(self.draft.add_task(self.entry))
        problems = check.beside("tasks", index)
        if not self._attempted:  # nobody is told what is missing before having had time to write it
            problems = {name: said for name, said in problems.items() if getattr(self.entry, name)}
        return self.entry, check.tasks[index], problems

    def _change(self, changes: dict[str, Any], merge: bool = False) -> None:
        """Change fields of the task in the form."""
        if not self.selected:
            self.entry = replace(self.entry, **changes)
            return
        self._merge = (self.draft.tasks[self.selected - 1].key, *changes) if merge else None
        try:
            self.draft = self.draft.with_task(self.selected - 1, **changes)
        finally:
            self._merge = None

    @_action
    def _edit_task(self, name: str, value: str, merge: bool) -> None:
        self._change({name: value}, merge)

    def _on_chosen(self, change: Any) -> None:
        if not self.list.filling:
            self._choose(change.new)

    @_action
    def _choose(self, number: int) -> None:
        self.selected = number

    @_action
    def _on_add(self, _: Any) -> None:
        if self.selected:
            raise PlanError(self.words("builder.add_while_editing"))
        self._attempted = True
        row, _built, problems = self._row()
        if problems:
            self._show_task()
            raise PlanError(self.words("builder.mend"))
        self._attempted = False
        self.draft = self.draft.add_task(row)
        self.entry = TaskDraft()
        self.message = self.words("builder.added", name=row.name)

    @_action
    def _on_new(self, _: Any) -> None:
        self.selected = 0

    @_action
    def _on_duplicate(self, _: Any) -> None:
        if index := self._chosen():
            self.draft = self.draft.duplicate_task(index - 1)
            self.selected = index + 1

    @_action
    def _on_up(self, _: Any) -> None:
        if self._chosen() > 1:
            self.draft = self.draft.move_task(self.selected - 1, -1)

    @_action
    def _on_down(self, _: Any) -> None:
        if 0 < self._chosen() < len(self.draft.tasks):
            self.draft = self.draft.move_task(self.selected - 1, 1)

    @_action
    def _on_delete(self, _: Any) -> None:
        index = self._chosen()
        name = self.draft.tasks[index - 1].name or self.words("builder.unnamed")
        self.draft = self.draft.delete_task(index - 1)
        self.selected = min(index, len(self.draft.tasks))
        self.message = self.words("builder.deleted", name=name)

    def _chosen(self) -> int:
        if not self.selected:
            raise PlanError(self.words("builder.choose_task"))
        return self.selected

    # --- domains, account ---------------------------------------------------------------------

    def _on_chosen_domain(self, change: Any) -> None:
        if not self.domains.list.filling:
            self._choose_domain(change.new)

    @_action
    def _choose_domain(self, number: int) -> None:
        self.domains.show(self.draft, self._check, number - 1)

    @_action
    def _edit_domain(self, name: str, value: str, merge: bool) -> None:
        index = self.domains.list.chosen - 1
        self._merge = (self.draft.domains[index].key, "domain", name) if merge else None
        try:
            self.draft = self.draft.with_domain(index, **{name: value})
        finally:
            self._merge = None

    @_action
    def _on_new_domain(self, _: Any) -> None:
        self._add_domain("")

    @_action
    def _on_add_sender_domain(self, _: Any) -> None:
        if domain := unknown_domain(self._row()[0], self.draft):
            self._add_domain(domain)

    def _add_domain(self, name: str) -> None:
        self.draft = self.draft.add_domain(DomainDraft(name))
        self.domains.list.chosen = len(self.draft.domains)

    @_action
    def _on_delete_domain(self, _: Any) -> None:
        index = self.domains.list.chosen - 1
        if index >= 0:
            name = self.draft.domains[index].name or self.words("builder.unnamed")
            self.draft = self.draft.delete_domain(index)
            self.message = self.words("builder.deleted", name=name)

    @_action
    def _edit_account(self, name: str, value: Any, merge: bool) -> None:
        self._merge = ("account", name) if merge else None
        try:
            self.draft = self.draft.with_account(**{name: value})
        finally:
            self._merge = None

    # --- undo, files --------------------------------------------------------------------------

    @_action
    def _on_undo(self, _: Any) -> None:
        if self._history.can_undo:
            self._travel(self._history.undo())
            self.message = self.words("builder.undone")

    @_action
    def _on_redo(self, _: Any) -> None:
        if self._history.can_redo:
            self._travel(self._history.redo())
            self.message = self.words("builder.redone")

    @_action
    def _on_new_plan(self, _: Any) -> None:
        before, empty = self.draft, Draft(self.folder)
        if empty == before and self.entry == TaskDraft():
            return
        if empty == before:  # the draft does not change, but Undo is to bring the new task back
            self._history.push(empty)
        self.draft = empty
        self._swap_entry(before, TaskDraft())
        self.tabs.selected_index = TASKS
        self.message = self.words("builder.emptied")

    def _swap_entry(self, before: Draft, entry: TaskDraft) -> None:
        """Put the new task away with the plan that was shown before, and take that of this one."""
        self._unfinished[before.origin] = self.entry
        self._attempted = False
        self.entry = self._unfinished.get(self.draft.origin, entry)

    def _travel(self, draft: Draft) -> None:
        """Show another draft of the history, and what is different in it."""
        before = self.draft
        self._travels = True
        try:
            self.draft = draft
        finally:
            self._travels = False
        if draft.origin is not before.origin:
            self._swap_entry(before, self.entry)
        if draft.tasks != before.tasks:
            self.tabs.selected_index = TASKS
            self.selected = _changed(before.tasks, draft.tasks) or self.selected
        elif draft.domains != before.domains:
            self.tabs.selected_index = DOMAINS
            self.domains.list.chosen = (
                _changed(before.domains, draft.domains) or self.domains.list.chosen
            )
        elif draft.account != before.account:
            self.tabs.selected_index = ACCOUNT

    @_action
    def _on_show_problem(self, _: Any) -> None:
        where: Any = self.problems[0].where if self.problems else ()
        self.tabs.selected_index = tab_of(where)
        if len(where) > 1 and where[0] == "tasks":
            self.selected = where[1] + 1
        elif len(where) > 1 and where[0] == "domains":
            self.domains.list.chosen = where[1] + 1

    @_action
    def _upload(self, field: str, kind: str, name: str, content: bytes) -> None:
        path = attachments.keep(self.folder, kind, name, content)
        if field == "csv":
            self.draft = self.draft.with_domain(self.domains.list.chosen - 1, csv=path)
        else:
            group = {"group": CSV} if field == "recipients" else {}
            self._change({field: path} | group)
        self.look_around()
        self.message = self.words("builder.kept", path=path)

    @_action
    def _on_load(self, _: Any) -> None:
        path = self._disk.path(self.file.path.value)
        plan = self._disk.read(path)
        self.selected = 0
        self.draft = self._adopted(plan, path.parent.absolute())
        self._disk.loaded(self.draft, path)
        self.look_around()
        self.message = self.words("builder.loaded", path=str(path))

    @_action
    def _on_save(self, _: Any) -> None:
        if self.problems:
            raise PlanError(self.words("builder.not_saved"))
        path = self._disk.path(self.file.path.value)
        draft = self.draft
        self._disk.ask(draft, path)
        if path.parent.absolute() != draft.folder:
            draft = draft.moved_to(path.parent.absolute())
        check = self._checker(draft)
        if check.plan is None:
            raise PlanError(check.problems)
        self._disk.write(check.plan, draft, path)
        self.draft = draft
        self.file.path.value = path
        self.look_around()
        self.message = self.words("builder.saved", path=str(path))


def tab_of(where: tuple[int | str, ...]) -> int:
    """Return the tab where a problem is mended."""
    kind = str(where[0]) if where else ""
    return {"tasks": TASKS, "domains": DOMAINS, "test_sends": FILE}.get(kind, ACCOUNT)


def _changed(before: tuple[Any, ...], after: tuple[Any, ...]) -> int:
    """Return the number of the first row that is new or different, 0 if there is none."""
    known = {(row.key, row) for row in before}
    return next((i for i, row in enumerate(after, 1) if (row.key, row) not in known), 0)
