"""Domains and their warm-up, the account, uploads, plan files, the plan as code."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim.plan import Plan
from sessim.widgets import TaskBuilder
from sessim.widgets.builder_actions import FILE
from tests.widgets.driving import beside, empty, fill, plan_of, upload
from tests.widgets.test_draft import LAUNCH, run

pytestmark = pytest.mark.usefixtures("in_a_folder")


# --- domains and account ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "warmup", "said"),
    [
        ({"warmup": "legacy"}, "legacy", "100 on day 1, 1,000,000 from day 20 on"),
        ({"warmup": "none"}, "none", "No daily limit."),
        ({"warmup": "number", "number": "30,000"}, 30_000, "30,000, every day"),
        ({"warmup": "list", "numbers": "5, 7"}, (5, 7), "5 on day 1, 7 from day 2 on; 12 emails"),
        ({"warmup": "csv", "csv": "l.csv"}, None, "3 on day 1, 4 from day 2 on"),
        (
            {"warmup": "rule", "rule_start": 10, "factor": "1.01", "cap": 999},
            None,
            "10 on day 1, 32 on day 120, and rising after that",
        ),
    ],
)
def test_each_kind_of_warmup_shows_its_curve(
    values: dict[str, Any], warmup: object, said: str, tmp_path: Path
) -> None:
    (tmp_path / "l.csv").write_text("limit\n3\n4\n")
    builder = empty()
    fill(builder)
    builder.add.click()
    for name, value in values.items():
        getattr(builder.domains, name).value = value
    if warmup is not None:
        assert plan_of(builder).domains[0].warmup == warmup
    shown = builder.domains.curve.value
    assert said in shown
    assert ('<img alt="Step chart. ' in shown) == (values["warmup"] != "none")


def test_a_wrong_warmup_shows_no_curve() -> None:
    builder = empty()
    assert "<img" in builder.domains.curve.value
    builder.domains.warmup.value = "rule"
    assert "<img" not in builder.domains.curve.value


def test_the_curve_says_when_day_1_is() -> None:
    assert "Day 1 is 2026-12-01." in TaskBuilder(LAUNCH).domains.curve.value


def test_a_domain_is_deleted_and_its_tasks_say_so() -> None:
    builder = TaskBuilder(LAUNCH)
    builder.domains.list.chosen = 3
    builder.domains.delete.click()
    assert {problem.where for problem in builder.problems} == {
        ("tasks", 4, "sender"),
        ("tasks", 5, "sender"),
    }
    builder.undo.click()
    assert builder.problems == ()
    for _ in range(3):
        builder.domains.delete.click()
    assert builder.domains.form.layout.display == "none"
    builder.domains.delete.click()
    assert builder.draft.domains == ()


def test_the_account_reaches_the_plan() -> None:
    builder = TaskBuilder(LAUNCH)
    for name, value in {
        "start": dt.date(2026, 11, 30),
        "timezone": "Europe/Berlin",
        "rate": 0.5,
        "discipline": "fair",
        "window": "rolling",
        "restart": "manual",
        "restart_at": dt.time(9),
        "restart_delay": 60,
        "horizon": "90d",
        "resume_on_raise": True,
    }.items():
        getattr(builder.account, name).value = value
    plan = plan_of(builder)
    assert builder.problems == ()
    assert (plan.timezone, plan.rate, plan.discipline) == ("Europe/Berlin", 0.5, "fair")
    assert (plan.window, plan.restart, plan.restart_at) == ("rolling", "manual", dt.time(9))
    assert (plan.restart_delay, plan.horizon, plan.resume_on_raise) == (60, (90, "d"), True)
    builder.account.restart.value = "auto"
    assert plan_of(builder).restart_at is None
    assert builder.account.restart_at.value == "09:00:00"


# --- files --------------------------------------------------------------------------------------


def test_an_uploaded_list_is_kept_and_counted(tmp_path: Path) -> None:
    builder = empty()
    fill(builder, template="Dear {{name}}")
    builder.upload.value = upload("../My list.csv", b"email,name\na@x.org,A\nb@x.org,B\n")
    assert builder.upload.value == ()
    assert builder.message == "The file was kept as recipients/My list.csv beside the plan."
    assert (tmp_path / "recipients" / "My list.csv").is_file()
    assert builder.group.value == "csv"
    assert builder.recipients.value == "recipients/My list.csv"
    assert "recipients/My list.csv" in builder.recipients.options
    assert beside(builder, "recipients") == "2 recipients. Variables: name"
    builder.add.click()
    assert plan_of(builder).tasks[0].requests == 2
    builder.selected = 1
    assert beside(builder, "recipients") == "2 recipients. Variables: name"
    assert beside(builder, "template") == "Variables: name"
    assert " 2 " in builder.list.list.options[0]


def test_an_uploaded_template_must_have_the_variables_of_the_list() -> None:
    builder = empty()
    fill(builder)
    builder.upload.value = upload("l.csv", b"email,name\na@x.org,A\n")
    builder.template_upload.value = upload("t.html", b"<p>{{name}} {{city}}")
    assert builder.template.value == "templates/t.html"
    assert beside(builder, "template").endswith("Only in the template: city.")
    builder.add.click()
    assert builder.draft.tasks == ()


def test_a_list_that_is_no_list_is_an_error_beside_its_field() -> None:
    builder = empty()
    fill(builder)
    builder.upload.value = upload("l.csv", b"nothing\n")
    assert "no address column" in beside(builder, "recipients")


def test_uploaded_limits(tmp_path: Path) -> None:
    builder = TaskBuilder(LAUNCH, folder=tmp_path)
    builder.domains.warmup.value = "csv"
    builder.domains.upload.value = upload("l.csv", b"limit\n3\n4\n")
    assert builder.domains.csv.value == "limits/l.csv"
    assert plan_of(builder).domains[0].limits.on(2) == 4


def test_an_upload_that_cannot_be_kept_says_so(tmp_path: Path) -> None:
    (tmp_path / "recipients").touch()
    builder = empty()
    builder.upload.value = upload("l.csv", b"email\na@x.org\n")
    assert builder.error.startswith("cannot keep the file 'l.csv'")


def test_save_and_load(tmp_path: Path) -> None:
    builder = TaskBuilder(LAUNCH)
    builder.file.path.value = "deeper/plan"
    builder.file.save.click()
    assert builder.error == ""
    assert builder.message == "Saved deeper/plan.yaml."
    assert Plan.from_yaml("deeper/plan.yaml") == builder.plan
    assert builder.folder == tmp_path / "deeper"
    other = TaskBuilder()
    other.file.path.value = "deeper/plan.yaml"
    other.file.load.click()
    assert other.message == "Loaded deeper/plan.yaml."
    assert other.plan == builder.plan
    other.undo.click()
    assert other.draft.tasks == ()
    assert "deeper/plan.yaml" in other.file.path.options


@pytest.mark.parametrize("name", ["plan.yaml", "plan.json"])
def test_saving_keeps_files_in_sight(name: str, tmp_path: Path) -> None:
    builder = empty()
    fill(builder)
    builder.upload.value = upload("l.csv", b"email\na@x.org\n")
    builder.add.click()
    builder.file.path.value = name
    builder.file.save.click()
    assert "recipients/l.csv" in (tmp_path / name).read_text()
    assert Plan.from_yaml(name) == builder.plan
    builder.file.path.value = f"elsewhere/{name}"
    builder.file.save.click()
    assert builder.error == ""
    assert Plan.from_yaml(f"elsewhere/{name}") == builder.plan
    assert plan_of(builder).tasks[0].requests == 1


def test_a_file_is_replaced_only_after_a_question(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("precious: true\n")
    builder = TaskBuilder(LAUNCH)
    builder.file.path.value = "plan.yaml"
    builder.file.save.click()
    assert builder.error.startswith("plan.yaml exists. Save again")
    assert "precious" in (tmp_path / "plan.yaml").read_text()
    builder.file.save.click()
    assert builder.error == ""
    builder.file.save.click()
    assert builder.error == ""
    assert Plan.from_yaml("plan.yaml") == builder.plan
    (tmp_path / "plan.yaml").write_text("start: 2026-12-01  # mine\n")
    builder.file.save.click()
    assert builder.error.startswith("plan.yaml has comments")


def saved(name: str, path: str) -> str:
    """Save a plan of one task, and return what the file holds."""
    builder = empty()
    fill(builder, name)
    builder.add.click()
    builder.file.path.value = path
    builder.file.save.click()
    assert builder.error == ""
    return Path(path).read_text()


def test_an_undone_load_does_not_make_the_file_that_of_the_earlier_plan() -> None:
    kept = saved("A", "keepA.yaml")
    builder = TaskBuilder(LAUNCH, folder=Path())
    builder.file.path.value = "keepA.yaml"
    builder.file.load.click()
    builder.undo.click()
    builder.file.save.click()
    assert builder.error.startswith("keepA.yaml exists. Save again")
    assert Path("keepA.yaml").read_text() == kept
    builder.file.save.click()
    assert builder.error == ""
    assert Plan.from_yaml("keepA.yaml") == Plan.from_yaml(LAUNCH)
    builder.redo.click()
    builder.file.save.click()
    assert builder.error.startswith("keepA.yaml exists")


def test_a_question_is_answered_for_the_plan_that_was_shown() -> None:
    kept = saved("A", "keepA.yaml")
    saved("B", "keepB.yaml")
    builder = TaskBuilder(LAUNCH)
    builder.file.path.value = "keepA.yaml"
    builder.file.save.click()
    builder.plan = Plan.from_yaml("keepB.yaml")
    builder.file.save.click()
    assert builder.error.startswith("keepA.yaml exists")
    assert Path("keepA.yaml").read_text() == kept


def test_a_file_that_was_loaded_is_saved_after_edits_and_their_undoing() -> None:
    saved("A", "keepA.yaml")
    builder = TaskBuilder("keepA.yaml")
    for press in (builder.file.save, builder.undo, builder.redo, builder.file.save):
        builder.account.rate.value = "7"
        press.click()
        builder.file.save.click()
        assert builder.error == ""
    assert Plan.from_yaml("keepA.yaml").rate == 7


def test_a_plan_with_problems_is_not_saved(tmp_path: Path) -> None:
    builder = TaskBuilder(LAUNCH)
    builder.account.rate.value = "?"
    builder.file.path.value = "plan.yaml"
    builder.file.save.click()
    assert builder.error.startswith("Not saved")
    assert not (tmp_path / "plan.yaml").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read the file 'plan.yaml'"),
        ("tasks: [", "line 1"),
        ("start: 2026-12-01\ntaks: []\n", "taks"),
        ("start: never\ndomains: []\ntasks: []\n", "'never' is not a date"),
    ],
)
def test_a_file_that_is_no_plan_changes_nothing(text: str, said: str, tmp_path: Path) -> None:
    if text:
        (tmp_path / "plan.yaml").write_text(text)
    builder = TaskBuilder(LAUNCH)
    before = builder.draft
    builder.file.path.value = "plan.yaml"
    builder.file.load.click()
    assert said in builder.error
    assert builder.draft is before


@pytest.mark.parametrize("path", ["", "a\0b.yaml", "x" * 300])
def test_names_that_are_no_files(path: str) -> None:
    builder = TaskBuilder(LAUNCH)
    builder.file.path.value = path
    builder.file.save.click()
    assert builder.error
    builder.file.load.click()
    assert builder.error


def test_a_path_that_is_no_plan_is_an_error() -> None:
    with pytest.raises(sessim.PlanError, match="cannot read"):
        TaskBuilder("no-such-plan.yaml")


# --- code ---------------------------------------------------------------------------------------


def test_the_plan_as_code() -> None:
    builder = TaskBuilder(LAUNCH)
    assert run(builder.file.python.value) == builder.plan
    Path("copy.yaml").write_text(builder.file.yaml.value)
    assert Plan.from_yaml("copy.yaml") == builder.plan
    builder.tabs.selected_index = FILE
    assert builder.file.python.area.value == builder.file.python.value
    builder.file.python.area.value = "changed by accident"
    assert builder.file.python.area.value == builder.file.python.value
    builder.account.rate.value = "7"
    assert "rate=7" in builder.file.python.area.value
    builder.account.rate.value = "?"
    assert "last complete plan" in builder.file.remark.value
    assert "rate=7" in builder.file.python.area.value


def test_no_plan_no_code() -> None:
    builder = TaskBuilder()
    assert builder.file.python.value == builder.file.yaml.value == ""
    assert "no complete plan" in builder.file.remark.value
