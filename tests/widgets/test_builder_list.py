"""The list of tasks: edit, duplicate, move, delete, undo and redo, in any order."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sessim.plan import Plan
from sessim.widgets import TaskBuilder
from sessim.widgets.builder_actions import ACCOUNT, DOMAINS, TASKS
from tests.widgets.driving import HOSTILE, names, plan_of
from tests.widgets.test_draft import LAUNCH

pytestmark = pytest.mark.usefixtures("in_a_folder")


# --- the list -----------------------------------------------------------------------------------


def test_edit_duplicate_move_delete_undo_redo() -> None:
    builder = TaskBuilder(LAUNCH)
    before = names(builder)
    builder.list.list.index = 2
    assert builder.selected == 3
    builder.duplicate.click()
    assert names(builder)[2:4] == ["Newsletter", "Newsletter (2)"]
    assert builder.selected == 4
    builder.up.click()
    assert names(builder)[2:4] == ["Newsletter (2)", "Newsletter"]
    assert builder.selected == 3
    builder.down.click()
    builder.delete.click()
    assert names(builder) == before
    assert builder.message == "Newsletter (2) was deleted; Undo brings it back."
    for _ in range(4):
        builder.undo.click()
    assert names(builder) == before
    assert builder.undo.disabled
    for _ in range(3):
        builder.redo.click()
    assert names(builder)[2:4] == ["Newsletter", "Newsletter (2)"]


def test_undo_shows_what_is_undone() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.selected = 3
    builder.subject.value = "New"
    builder.domains.list.chosen = 3
    builder.domains.warmup.value = "none"
    builder.account.rate.value = "5"
    builder.selected = 0
    builder.undo.click()
    assert builder.tabs.selected_index == ACCOUNT
    assert builder.account.rate.value == "20"
    builder.domains.list.chosen = 1
    builder.undo.click()
    assert (builder.tabs.selected_index, builder.domains.list.chosen) == (DOMAINS, 3)
    assert builder.domains.warmup.value == "number"
    builder.undo.click()
    assert (builder.tabs.selected_index, builder.selected) == (TASKS, 3)
    assert builder.subject.value == ""
    assert builder.plan == Plan.from_yaml(LAUNCH)


def test_picking_from_the_calendar_is_undone_as_one() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.selected = 2
    calendar = builder.form.fields["start"].children[0].children[1]
    for day in (5, 6, 7):
        calendar.value = dt.datetime(2026, 12, day, 10)  # noqa: DTZ001
    builder.undo.click()
    assert builder.start.value == "2026-12-04 10:00"


def test_the_list_shows_each_task() -> None:
    builder = TaskBuilder(LAUNCH)
    assert [" ".join(line.split()) for line in builder.list.list.options[:3]] == [
        "1 Grand opening Batch 120,000 at once",
        "2 Early birds Scheduled 18,000 2026-12-04 10:00",
        "3 Newsletter Recurring 35,000 × 5 2026-12-02 08:00",  # noqa: RUF001
    ]


class Clicks(RuleBasedStateMachine):
    """Whatever is clicked and typed: undo leads back, redo forth, and the list is the plan."""

    @initialize()
    def begin(self) -> None:
        self.builder = TaskBuilder(LAUNCH)
        self.drafts = [self.builder.draft]
        self.at = 0

    def note(self) -> None:
        if self.builder.draft is not self.drafts[self.at]:
            self.drafts[self.at + 1 :] = [self.builder.draft]
            self.at += 1

    @rule(number=st.integers(0, 12))
    def select(self, number: int) -> None:
        self.builder.selected = min(number, len(self.builder.draft.tasks))

    @rule(
        field=st.sampled_from(["name", "sender", "requests", "start", "every", "subject"]),
        value=st.sampled_from(["", "x", "7", "a@news.example.com", "2026-12-05", *HOSTILE]),
    )
    def type_into(self, field: str, value: str) -> None:
        getattr(self.builder, field).value = value
        assert getattr(self.builder, field).value == value
        self.note()

    @rule(kind=st.sampled_from(["Batch", "Scheduled", "Recurring"]))
    def choose_type(self, kind: str) -> None:
        self.builder.type.value = kind
        self.note()

    @rule(button=st.sampled_from(["add", "new", "duplicate", "up", "down", "delete"]))
    def press(self, button: str) -> None:
        getattr(self.builder, button).click()
        self.note()

    @rule(schedule=st.sampled_from(["legacy", "none", "number"]))
    def choose_warmup(self, schedule: str) -> None:
        self.builder.domains.warmup.value = schedule
        self.note()

    @precondition(lambda self: self.at > 0)
    @rule()
    def undo(self) -> None:
        self.builder.undo.click()
        self.at -= 1

    @precondition(lambda self: self.at < len(self.drafts) - 1)
    @rule()
    def redo(self) -> None:
        self.builder.redo.click()
        self.at += 1

    @invariant()
    def history_is_right(self) -> None:
        assert self.builder.draft == self.drafts[self.at]
        assert self.builder.undo.disabled == (self.at == 0)
        assert self.builder.redo.disabled == (self.at == len(self.drafts) - 1)

    @invariant()
    def list_and_form_show_the_draft(self) -> None:
        builder = self.builder
        assert len(builder.list.list.options) == len(builder.draft.tasks)
        assert builder.list.chosen == builder.selected
        row = builder.draft.tasks[builder.selected - 1] if builder.selected else builder.entry
        assert all(
            getattr(builder, name).value == getattr(row, name) for name in builder.form.fields
        )

    @invariant()
    def plan_is_there_if_nothing_is_wrong(self) -> None:
        if not self.builder.problems:
            assert [task.name for task in plan_of(self.builder).tasks] == [
                row.name for row in self.builder.draft.tasks
            ]

    def teardown(self) -> None:
        self.builder.close()


Clicks.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestClicks = Clicks.TestCase
