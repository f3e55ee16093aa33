"""The task builder, driven without a browser: as a user clicks and types."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ipywidgets
import pytest
import traitlets
from ipywidgets.widgets.widget import _instances

import sessim
from sessim.plan import Plan
from sessim.widgets import TaskBuilder
from sessim.widgets.builder_actions import ACCOUNT, DOMAINS, FILE, TASKS
from sessim.widgets.draft import Draft, TaskDraft
from tests.widgets.driving import (
    HOSTILE,
    Tags,
    beside,
    empty,
    fill,
    htmls,
    names,
    plan_of,
    upload,
    visible,
    widgets_in,
)
from tests.widgets.test_draft import LAUNCH

pytestmark = pytest.mark.usefixtures("in_a_folder")


# --- the three types ----------------------------------------------------------------------------


def test_a_batch_task() -> None:
    builder = empty()
    fill(builder)
    builder.add.click()
    assert builder.error == ""
    assert builder.message == "Task Launch was added."
    task = plan_of(builder).tasks[0]
    assert task == sessim.Task("Launch", sender="hello@news.example.com", requests=60_000)


def test_a_scheduled_task() -> None:
    builder = empty()
    builder.type.value = "Scheduled"
    fill(builder, start=dt.datetime(2026, 12, 3, 9))  # noqa: DTZ001  local, as the plan has it
    builder.add.click()
    task = plan_of(builder).tasks[0]
    assert task.type is sessim.TaskType.SCHEDULED
    assert task.start == dt.datetime(2026, 12, 3, 9)  # noqa: DTZ001


def test_a_recurring_task() -> None:
    builder = empty()
    builder.type.value = "Recurring"
    fill(builder, start="2026-12-01 8:00", every=24, count=14, until="2026-12-20")
    builder.every_by.value, builder.overlap.value = "wall", "skip"
    builder.add.click()
    task = plan_of(builder).tasks[0]
    assert (task.every, task.count, task.until) == (24, 14, dt.date(2026, 12, 20))
    assert (task.every_by, task.overlap) == ("wall", "skip")


def test_the_type_shows_and_hides_fields() -> None:
    builder = empty()
    repeated = {"every", "count", "until", "every_by", "overlap"}
    assert not visible(builder) & {"start", *repeated}
    builder.type.value = "Scheduled"
    assert visible(builder) & {"start", *repeated} == {"start"}
    builder.type.value = "Recurring"
    assert visible(builder) >= {"start", *repeated}


def test_the_group_is_a_number_or_a_file() -> None:
    builder = empty()
    assert "requests" in visible(builder)
    assert "recipients" not in visible(builder)
    builder.group.value = "csv"
    assert "recipients" in visible(builder)
    assert "requests" not in visible(builder)


def test_every_optional_field_reaches_the_plan() -> None:
    builder = empty()
    fill(
        builder,
        subject="We are open",
        template="Dear {{name}}",
        reply_to="Help <help@news.example.com>",
        cancel_at="2026-12-05 10:00",
    )
    builder.add.click()
    task = plan_of(builder).tasks[0]
    assert task.subject == "We are open"
    assert task.template == "Dear {{name}}"
    assert task.reply_to == "Help <help@news.example.com>"
    assert task.cancel_at == dt.datetime(2026, 12, 5, 10)  # noqa: DTZ001
    assert builder.entry == TaskDraft()


def test_required_fields_are_marked() -> None:
    builder = empty()
    marked = {name for name, f in builder.form.fields.items() if f.input.description.endswith("*")}
    assert marked == {"name", "sender", "start", "every", "requests", "recipients"}


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Required to send"), ("id", "Wajib untuk mengirim")]
)
def test_what_only_sending_requires_is_said_and_not_asked_for(language: str, said: str) -> None:
    builder = empty(language=language)
    for field in ("subject", "template"):
        assert beside(builder, field).startswith(said)
    fill(builder)
    builder.add.click()
    assert builder.problems == ()


def test_the_form_says_what_batch_is_for() -> None:
    assert any("SendEmail" in text for text in htmls(empty()))


# --- errors -------------------------------------------------------------------------------------


def test_nothing_is_said_before_there_was_time_to_type() -> None:
    builder = empty()
    assert beside(builder, "name") == "Not that of another task"
    builder.add.click()
    assert builder.error.startswith("The task was not added")
    assert beside(builder, "name") == "⚠ Required: please fill it in"


def test_a_wrong_field_says_so_at_once() -> None:
    builder = empty()
    builder.requests.value = "lots"
    assert beside(builder, "requests").startswith("⚠ 'lots' is not a whole number")
    builder.requests.value = "1,000"
    assert beside(builder, "requests") == "= 1,000 emails in one run"


def test_nothing_typed_is_lost_on_an_error() -> None:
    builder = empty()
    builder.type.value = "Recurring"
    typed = {
        "name": "N",
        "sender": "nobody",
        "requests": "x",
        "start": "soon",
        "every": "1d",
        "count": "?",
        "until": "never",
        "subject": "s" * 999,
        "template": "{{a}}",
        "reply_to": "me",
        "cancel_at": "now",
    }
    for field, value in typed.items():
        getattr(builder, field).value = value
    builder.add.click()
    assert {name: getattr(builder, name).value for name in typed} == typed
    wrong = {name for name in typed if "⚠" in beside(builder, name)}
    assert wrong == typed.keys() - {"name", "template"}
    assert builder.draft.tasks == ()


def test_an_unfinished_task_waits_while_another_is_looked_at() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.name.value = "Half"
    builder.selected = 3
    assert builder.name.value == "Newsletter"
    builder.new.click()
    assert builder.name.value == "Half"


def test_an_edit_that_is_wrong_keeps_the_last_complete_plan() -> None:
    builder = TaskBuilder(LAUNCH)
    before = builder.plan
    builder.selected = 3
    builder.every.value = "1.5 d"
    assert builder.plan is before
    assert [problem.where for problem in builder.problems] == [("tasks", 2, "every")]
    assert "⚠" in builder.list.list.options[2]
    assert "⚠" in builder.tabs.get_title(TASKS)
    builder.selected = 4
    builder.selected = 3
    assert builder.every.value == "1.5 d"
    assert "⚠" in beside(builder, "every")
    builder.every.value = "36"
    assert builder.problems == ()
    assert plan_of(builder).tasks[2].every == 36


def test_a_domain_that_the_plan_lacks_can_be_added_on_the_spot() -> None:
    builder = empty()
    fill(builder, sender="a@other.example")
    assert "other.example is not one" in beside(builder, "sender")
    assert builder.add_domain.description == "Add other.example"
    assert builder.add_domain.layout.display is None
    builder.add_domain.click()
    assert builder.add_domain.layout.display == "none"
    builder.add.click()
    assert names(builder) == ["Launch"]


def test_a_name_that_is_taken() -> None:
    builder = empty()
    for _ in range(2):
        fill(builder)
        builder.add.click()
    assert "⚠ Another one has this name" in beside(builder, "name")
    assert names(builder) == ["Launch"]


@pytest.mark.parametrize(("edited", "other"), [(3, 4), (4, 3)])
def test_a_name_that_is_taken_is_said_beside_the_edited_task(edited: int, other: int) -> None:
    builder = TaskBuilder(LAUNCH)
    builder.selected = edited
    builder.name.value = builder.draft.tasks[other - 1].name
    for number in (edited, other):
        builder.selected = number
        assert "⚠ Another one has this name" in beside(builder, "name")
    assert len(builder.problems) == 2
    builder.name.value = "Its own"
    assert builder.problems == ()


def test_the_summary_says_what_is_to_do() -> None:
    builder = TaskBuilder()
    assert "⚠ 3 to do before the plan is complete:" in builder.summary.text.value
    assert "<li>Account, Start: Required: please fill it in</li>" in builder.summary.text.value
    builder.plan = Plan.from_yaml(LAUNCH)
    assert "Tasks: 8, domains: 3, emails: 1,084,000" in builder.summary.text.value
    builder.account.rate.value = "?"
    assert "until then the last complete plan is kept" in builder.summary.text.value


def test_the_first_problem_is_shown() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.selected = 5
    builder.start.value = "never"
    builder.selected = 0
    builder.tabs.selected_index = FILE
    builder.summary.show_problem.click()
    assert (builder.tabs.selected_index, builder.selected) == (TASKS, 5)
    builder.domains.list.chosen = 2
    builder.domains.cap.value = "-1"
    builder.domains.list.chosen = 1
    builder.summary.show_problem.click()
    assert (builder.tabs.selected_index, builder.domains.list.chosen) == (DOMAINS, 2)
    builder.account.rate.value = "?"
    builder.summary.show_problem.click()
    assert builder.tabs.selected_index == ACCOUNT


def test_an_unforeseen_error_is_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = empty()
    fill(builder)

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("sessim.widgets.draft.Draft.add_task", fail)
    with pytest.raises(RuntimeError):
        builder.add.click()
    assert builder.error == "RuntimeError: broken"
    assert "RuntimeError: broken" in builder.status.value


def test_buttons_without_a_task_say_so() -> None:
    builder = TaskBuilder(LAUNCH)
    for button in (builder.duplicate, builder.up, builder.down, builder.delete):
        assert button.disabled
        button.click()
        assert builder.error == "Choose a task in the list first."
    builder.selected = 1
    builder.add.click()
    assert builder.error.startswith("A task of the plan is in the form")
    with pytest.raises(traitlets.TraitError, match="selected=99"):
        builder.selected = 99


def test_times_with_blanks_and_pickers() -> None:
    builder = empty()
    builder.type.value = "Scheduled"
    builder.start.value = "  2026-12-03 09:00 "
    assert builder.start.value == "2026-12-03 09:00"
    calendar = builder.form.fields["start"].children[0].children[1]
    assert calendar.value == dt.datetime(2026, 12, 3, 9)  # noqa: DTZ001
    calendar.value = dt.datetime(2026, 12, 4, 10)  # noqa: DTZ001
    assert builder.start.value == "2026-12-04 10:00"
    builder.start.value = "soon"
    assert calendar.value is None
    assert builder.start.value == "soon"


def test_a_new_plan_empties_the_form_and_can_be_undone() -> None:
    builder = TaskBuilder(LAUNCH)
    before = builder.draft
    fill(builder, "Half a task")
    builder.selected = 3
    builder.file.path.value = "plan.yaml"
    builder.tabs.selected_index = FILE
    builder.new_plan.click()
    assert builder.draft == Draft(before.folder)
    assert (builder.selected, builder.tabs.selected_index) == (0, TASKS)
    assert builder.name.value == builder.account.start.value == ""
    assert builder.message == "A new plan. Undo brings the other one back."
    builder.undo.click()
    assert builder.draft == before
    builder.selected = 0
    assert builder.name.value == "Half a task"
    builder.redo.click()
    assert builder.draft == Draft(before.folder)
    assert builder.name.value == ""


def test_a_new_plan_takes_away_a_first_task_that_undo_brings_back() -> None:
    builder = TaskBuilder()
    builder.new_plan.click()
    assert builder.undo.disabled
    builder.name.value = "Half a task"
    builder.new_plan.click()
    assert builder.name.value == ""
    builder.undo.click()
    assert builder.name.value == "Half a task"
    assert builder.undo.disabled


def test_a_new_plan_is_not_saved_over_the_other_one_without_a_question() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.file.path.value = "plan.yaml"
    builder.file.save.click()
    builder.new_plan.click()
    builder.account.start.value = "2026-12-01"
    builder.domains.add.click()
    builder.domains.name.value = "news.example.com"
    fill(builder)
    builder.add.click()
    builder.file.save.click()
    assert builder.error.startswith("plan.yaml exists. Save again")


# --- traits, text, several builders -------------------------------------------------------------


def test_the_plan_is_a_trait() -> None:
    builder, seen = TaskBuilder(LAUNCH), []
    builder.observe(lambda change: seen.append(change.new), "plan")
    builder.selected = 1
    assert seen == []
    builder.requests.value = 5
    builder.requests.value = "?"
    builder.requests.value = 6
    assert [plan.tasks[0].requests for plan in seen] == [5, 6]


def test_the_plan_may_be_set() -> None:
    builder = TaskBuilder()
    builder.plan = Plan.from_yaml(LAUNCH)
    assert len(builder.list.list.options) == 8
    assert builder.account.start.value == "2026-12-01"
    builder.undo.click()
    assert builder.draft.tasks == ()


def test_the_draft_may_be_set() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.draft = builder.draft.delete_task(0)
    assert names(builder)[0] == "Early birds"
    builder.undo.click()
    assert names(builder)[0] == "Grand opening"


def test_a_plan_as_an_object() -> None:
    plan = Plan.from_yaml(LAUNCH)
    assert TaskBuilder(plan).plan == plan


def test_looking_at_a_task_changes_nothing() -> None:
    task = sessim.Task(" Launch ", sender="a@x.org", requests=1)
    builder = TaskBuilder(
        sessim.Plan(start="2026-12-01", domains=[sessim.Domain("x.org")], tasks=[task])
    )
    builder.selected = 1
    assert builder.name.value == "Launch"
    assert builder.undo.disabled
    builder.name.value = " Other "
    assert builder.name.value == "Other"


def test_plain_values_are_written_as_text() -> None:
    builder = empty()
    fill(builder, subject=None, template=Path("mail.html"), cancel_at=dt.date(2026, 12, 5))
    assert (builder.subject.value, builder.template.value) == ("", "mail.html")
    assert builder.cancel_at.value == "2026-12-05"
    with pytest.raises(traitlets.TraitError):
        builder.subject.value = ["a list"]


def test_keys_stay_in_the_panel() -> None:
    """JupyterLab would take D, D in the list for "delete the cell"."""
    assert "data-lm-suppress-shortcuts" in TaskBuilder().status.value


def test_two_builders_do_not_disturb_each_other() -> None:
    one, two = TaskBuilder(LAUNCH), TaskBuilder(LAUNCH, language="id")
    one.selected = 1
    one.name.value = "Changed"
    two.selected = 2
    two.delete.click()
    one.account.rate.value = "?"
    assert names(two)[0] == "Grand opening"
    assert len(one.draft.tasks) == 8
    assert two.problems == ()
    one.close()
    two.undo.click()
    assert len(names(two)) == 8


def test_closing_leaves_no_widget_behind() -> None:
    before = len(_instances)
    builder = TaskBuilder(LAUNCH)
    assert len(_instances) > before
    builder.close()
    assert len(_instances) == before


def test_widgets_are_built_once() -> None:
    builder = TaskBuilder(LAUNCH)
    before = len(_instances)
    for number in range(8):
        builder.selected = number + 1
        builder.duplicate.click()
        builder.type.value = "Recurring"
        builder.domains.list.chosen = 1 + number % 3
        builder.tabs.selected_index = number % 4
    assert len(_instances) == before


@pytest.mark.parametrize("name", HOSTILE)
def test_what_users_write_is_text(name: str) -> None:
    builder = empty()
    allowed = {tag for text in htmls(builder) for tag in Tags(text).tags} | {"ul", "li", "img"}
    fill(builder, name, subject=name, template=name + "{{x}}", sender=name, cancel_at=name)
    builder.add.click()
    fill(builder, name, sender="a@news.example.com", cancel_at="")
    builder.add.click()
    builder.selected = 1
    builder.requests.value = builder.start.value = name
    builder.domains.add.click()
    builder.domains.name.value = builder.domains.csv.value = name
    builder.domains.warmup.value = "csv"
    builder.account.timezone.value = name
    builder.file.path.value = name
    builder.file.load.click()
    builder.upload.value = upload(name, b"x")
    for shown in (0, 1):
        builder.selected = shown
        for text in htmls(builder):
            assert set(Tags(text).tags) <= allowed, text
            assert name not in text
    assert "script" not in allowed
    assert not any(getattr(w, "description_allow_html", False) for w in widgets_in(builder))


def test_no_output_widget_and_every_button_has_a_name() -> None:
    builder = TaskBuilder(LAUNCH)
    for widget in widgets_in(builder):
        assert not isinstance(widget, ipywidgets.Output)
        if isinstance(widget, ipywidgets.Button | ipywidgets.FileUpload):
            assert widget.tooltip


def test_no_label_shows_null_where_the_mouse_rests() -> None:
    bare = {
        widget.description
        for widget in widgets_in(TaskBuilder(LAUNCH))
        if getattr(widget, "description", "") and widget.tooltip is None
    }
    assert bare == set()
