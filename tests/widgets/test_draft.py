"""The form's model: nothing is lost, every error has its field, undo goes all the way back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim.plan import Plan
from sessim.quality import RATES
from sessim.widgets import attachments
from sessim.widgets.check import Check, Checker
from sessim.widgets.code import to_python
from sessim.widgets.draft import (
    AccountDraft,
    DomainDraft,
    Draft,
    TaskDraft,
    free_name,
    numbered,
    plain,
)
from sessim.widgets.history import History
from sessim.widgets.labels import Words
from sessim.widgets.reading import is_file, number, numbers, times
from tests.strategies import plans, with_quality

LAUNCH = Path(__file__).parents[2] / "notebooks" / "data" / "launch.yaml"
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script>",
    "a \"b\" 'c' \\n {{x}} {0} %s",
    "漢字 ☃ $x$",
]
GOOD_TASK = TaskDraft("Launch", sender="a@news.example.com", requests="60000")
GOOD = Draft(
    Path("/nowhere"),
    AccountDraft(start="2026-12-01"),
    numbered([DomainDraft("news.example.com")]),
    numbered([GOOD_TASK]),
)


def check(draft: Draft) -> Check:
    return Checker(Words())(draft)


def task_problems(**changes: Any) -> dict[str, str]:
    return check(GOOD.with_task(0, **changes)).beside("tasks", 0)


def domain_problems(**changes: Any) -> dict[str, str]:
    return check(GOOD.with_domain(0, **changes)).beside("domains", 0)


def account_problems(**changes: Any) -> dict[str, str]:
    return check(GOOD.with_account(**changes)).beside()


# --- there and back -----------------------------------------------------------------------------


def test_example_plan_survives_the_form() -> None:
    plan = Plan.from_yaml(LAUNCH)
    assert check(Draft.from_plan(plan, LAUNCH.parent)).plan == plan


@given(data=plans())
def test_every_plan_survives_the_form_and_the_code(data: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sessim.SessimWarning)
        plan = Plan.from_dict(data)
        found = check(Draft.from_plan(plan, Path.cwd()))
        assert found.problems == ()
        assert found.plan == plan
        assert run(to_python(plan)) == plan


def run(code: str) -> Plan:
    names: dict[str, Any] = {}
    exec(code, names)
    plan = names["plan"]
    assert isinstance(plan, Plan)
    return plan


def test_every_key_of_a_plan_survives(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("email,name\na@x.org,A\nb@x.org,B\n")
    (tmp_path / "limits.csv").write_text("day,limit\n1,10\n2,20\n")
    (tmp_path / "plan.yaml").write_text(
        """
start: 2026-12-01 07:30
timezone: Europe/Berlin
rate: "1/3"
discipline: fair
restart: manual
restart_at: [2026-12-02 09:00, 2026-12-03 09:00]
restart_delay: 60
window: rolling
horizon: 36d
resume_on_raise: true
outcomes: expected
levels_per_day: 3
domains:
  - {name: a.example, warmup: {csv: limits.csv}, warmup_start: 2026-11-30, advance: sending}
  - {name: b.example, warmup: {start: 5, factor: "1.25", cap: 500}}
  - {name: c.example, warmup: [1, 2, 3]}
  - {name: d.example, warmup: 7}
  - {name: e.example, warmup: none}
  - {name: f.example, warmup: sendgrid-auto, quality: {open_rate: {beta: [2, 8]}}}
tasks:
  - name: All
    sender: "Example Shop <a@a.example>"
    recipients: list.csv
    start: 2026-12-02T09:00+01:00
    every: 24h
    count: 9
    until: 2026-12-20
    every_by: wall
    overlap: skip
    cancel_at: 2026-12-19 10:00:30
    subject: "{{name}}: hello"
    template: "Dear {{name}}"
    reply_to: r@b.example
test_sends:
  - {sender: a@a.example, at: 2026-12-03, recipients: 20}
""",
        "utf-8",
    )
    plan = Plan.from_yaml(tmp_path / "plan.yaml")
    draft = Draft.from_plan(plan, tmp_path)
    assert draft.tasks[0].recipients == "list.csv"
    assert draft.domains[0].csv == "limits.csv"
    assert check(draft).plan == plan
    assert run(to_python(plan)) == plan


QUALITY = """
start: 2026-12-01
domains:
  - {name: a.example, warmup: reputation, level: 3, quality: {invalid_rate: 0.01, open_rate: 0.3}}
tasks:
  - name: Launch
    sender: hello@a.example
    requests: 3000
    quality: {complaint_rate: {uniform: [0.0001, 0.0005]}}
    segments:
      - {name: engaged, requests: 1000, quality: {open_rate: 0.6}}
      - {name: others, requests: 2000}
"""


def test_an_edit_beside_them_keeps_level_rates_and_segments(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(QUALITY, "utf-8")
    plan = Plan.from_yaml(tmp_path / "plan.yaml")
    draft = Draft.from_plan(plan, tmp_path)
    assert (draft.domains[0].warmup, draft.domains[0].level) == ("reputation", "3")
    assert check(draft).plan == plan
    found = check(draft.with_task(0, subject="Hello").with_domain(0, level="5")).plan
    assert found is not None
    task, domain = found.tasks[0], found.domains[0]
    assert (task.quality, task.segments) == (plan.tasks[0].quality, plan.tasks[0].segments)
    assert (domain.level, domain.quality) == (5, plan.domains[0].quality)
    found.to_yaml(tmp_path / "edited.yaml")
    assert Plan.from_yaml(tmp_path / "edited.yaml") == found
    other = check(draft.with_domain(0, warmup="standard")).plan  # a level is one of reputation
    assert other is not None
    assert other.domains[0].level == 1


def test_requests_that_leave_the_segments_behind_are_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(QUALITY, "utf-8")
    draft = Draft.from_plan(Plan.from_yaml(tmp_path / "plan.yaml"), tmp_path)
    assert check(draft.with_task(0, requests="2500")).beside("tasks", 0) == {
        "requests": "2500 is not what the task's segments have together; give 3000, or change "
        "the segments"
    }


@given(data=with_quality())
def test_every_plan_with_rates_survives_the_form(data: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sessim.SessimWarning)
        plan = Plan.from_dict(data)
        assert check(Draft.from_plan(plan, Path.cwd())).plan == plan
        assert run(to_python(plan)) == plan


@pytest.mark.parametrize("level", ["", "x", "21", "-1", "1.5"])
def test_a_level_that_is_none_is_said_beside_it(level: str) -> None:
    assert list(domain_problems(warmup="reputation", level=level)) == ["level"]


def test_code_with_a_file_is_right_where_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.csv").write_text("email\na@x.org\n")
    monkeypatch.chdir(tmp_path)
    task = sessim.Task("A", sender="a@x.org", recipients="list.csv")
    plan = sessim.Plan(start="2026-12-01", domains=[sessim.Domain("x.org")], tasks=[task])
    assert 'recipients="list.csv"' in to_python(plan)
    assert run(to_python(plan)) == plan


@pytest.mark.parametrize("name", HOSTILE)
def test_code_of_hostile_names_is_harmless(name: str) -> None:
    plan = check(GOOD.with_task(0, name=name, subject=name)).plan
    assert plan is not None
    assert run(to_python(plan)) == plan


def test_code_is_never_wide() -> None:
    plan = check(
        GOOD.with_domain(0, warmup="list", numbers=", ".join(map(str, range(1000, 90_000, 700))))
    ).plan
    assert plan is not None
    assert max(map(len, to_python(plan).splitlines())) <= 88
    assert run(to_python(plan)) == plan


def test_the_form_knows_every_key() -> None:
    """What a task or domain may say has a place in the form, or else is reserved."""
    for draft, entry in ((TaskDraft, sessim.Task), (DomainDraft, sessim.Domain)):
        keys = {field.name for field in fields(entry)} - {"quality"} | set(RATES)
        assert keys <= {field.name for field in fields(draft)}


# --- typing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("60000", 60_000),
        ("60,000", 60_000),
        ("60.000", 60_000),
        ("1 234 567", 1_234_567),
        ("1'000", 1000),
        ("-5", -5),
        ("60,00", "60,00"),
        ("1,000.000", "1,000.000"),
        ("1.5", "1.5"),
        ("lots", "lots"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_whole_numbers(typed: str, read: object) -> None:
    assert number(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("500, 1000, 2000", [500, 1000, 2000]),
        ("500,1000,2000", [500, 1000, 2000]),
        ("1,000 2,000", [1000, 2000]),
        ("1;2\n3", [1, 2, 3]),
        ("500", [500]),
        ("5, x", [5, "x"]),
        ("", []),
    ],
)
def test_lists_of_numbers(typed: str, read: object) -> None:
    assert numbers(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("09:00", "09:00"),
        ("2026-12-02 09:00", ["2026-12-02 09:00"]),
        ("2026-12-02 09:00, 2026-12-03 09:00", ["2026-12-02 09:00", "2026-12-03 09:00"]),
        ("", ""),
    ],
)
def test_times(typed: str, read: object) -> None:
    assert times(typed) == read


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "", "no-such-file"])
def test_what_cannot_be_a_path_is_no_file(path: str) -> None:
    assert not is_file(Path("/nowhere") / path)


def test_a_change_of_type_keeps_what_was_typed() -> None:
    typed = replace(GOOD_TASK, type="Recurring", start="2026-12-02", every="24", count="3")
    draft = GOOD.with_task(0, **{f.name: getattr(typed, f.name) for f in fields(TaskDraft)})
    batch = draft.with_task(0, type="Batch")
    assert check(batch).plan == check(GOOD).plan
    assert batch.with_task(0, type="Recurring") == draft
    plan = check(draft).plan
    assert plan is not None
    assert plan.tasks[0].count == 3


def test_a_change_of_warmup_keeps_what_was_typed() -> None:
    draft = GOOD.with_domain(0, warmup="rule", rule_start="5", factor="1,5", cap="1.000")
    plan = check(draft).plan
    assert plan is not None
    assert plain(plan, Path())["domains"][0]["warmup"] == {"start": 5, "factor": 1.5, "cap": 1000}
    assert draft.with_domain(0, warmup="legacy").with_domain(0, warmup="rule") == draft


# --- errors -------------------------------------------------------------------------------------

TASK_ERRORS = [
    ("name", {"name": ""}, "Required"),
    ("name", {"name": "x" * 201}, "201 characters"),
    ("sender", {"sender": " "}, "Required"),
    ("sender", {"sender": "nobody"}, "not an e-mail address"),
    ("sender", {"sender": "a@other.example"}, "other.example is not one of the plan's domains"),
    ("requests", {"requests": ""}, "Required"),
    ("requests", {"requests": "0"}, "out of range"),
    ("requests", {"requests": "1.5"}, "not a whole number"),
    ("recipients", {"group": "csv"}, "Required"),
    ("recipients", {"group": "csv", "recipients": "gone.csv"}, "cannot read the file"),
    ("recipients", {"group": "csv", "recipients": "a\0b"}, ""),
    ("start", {"type": "Scheduled"}, "Required"),
    ("start", {"type": "Scheduled", "start": "soon"}, "not a date or time"),
    ("start", {"type": "Scheduled", "start": "2026-11-30"}, "before the plan's start"),
    ("every", {"type": "Recurring", "start": "2026-12-02"}, "Required"),
    ("every", {"type": "Recurring", "start": "2026-12-02", "every": "1d"}, "whole number of hours"),
    ("count", {"type": "Recurring", "start": "2026-12-02", "every": "1", "count": "x"}, "whole"),
    (
        "until",
        {"type": "Recurring", "start": "2026-12-02", "every": "1", "until": "2026-12-01"},
        "before the task's start",
    ),
    ("until", {"type": "Recurring", "start": "2026-12-02", "every": "1", "until": "?"}, "date"),
    ("cancel_at", {"cancel_at": "never"}, "not a date or time"),
    ("cancel_at", {"cancel_at": "2026-11-30"}, "before the plan's start"),
    ("subject", {"subject": "x" * 999}, "999 characters"),
    ("template", {"template": "x" * 201}, "201 characters"),
    ("reply_to", {"reply_to": "nobody"}, "not an e-mail address"),
]


@pytest.mark.parametrize(("field", "changes", "said"), TASK_ERRORS)
def test_each_error_of_a_task_has_its_field(field: str, changes: Any, said: str) -> None:
    found = task_problems(**changes)
    assert list(found) == [field]
    assert said in found[field]


DOMAIN_ERRORS = [
    ("name", {"name": ""}, "Required"),
    ("name", {"name": "no domain"}, "not a domain"),
    ("number", {"warmup": "number"}, "Required"),
    ("number", {"warmup": "number", "number": "-1"}, "from 0"),
    ("number", {"warmup": "number", "number": "standard"}, "not a whole number"),
    ("numbers", {"warmup": "list"}, "Required"),
    ("numbers", {"warmup": "list", "numbers": "1, x"}, "day 2"),
    ("numbers", {"warmup": "list", "numbers": "500,,1"}, "no number before it"),
    ("numbers", {"warmup": "list", "numbers": "500, \n , 1"}, "no number before it"),
    ("numbers", {"warmup": "list", "numbers": "500;;1"}, "no number before it"),
    ("numbers", {"warmup": "list", "numbers": ", 500"}, "no number before it"),
    ("cap", {"warmup": "rule", "rule_start": "1", "factor": "2"}, "Required"),
    (
        "factor",
        {"warmup": "rule", "rule_start": "1", "factor": "0.5", "cap": "9"},
        "“Times, each day” is",
    ),
    (
        "rule_start",
        {"warmup": "rule", "rule_start": "x", "factor": "2", "cap": "9"},
        "“On day 1” is 'x'",
    ),
    ("cap", {"warmup": "rule", "rule_start": "1", "factor": "2", "cap": "-9"}, "“At most” is -9"),
    ("csv", {"warmup": "csv"}, "Required"),
    ("csv", {"warmup": "csv", "csv": "gone.csv"}, "cannot read the file"),
    ("csv", {"warmup": "csv", "csv": "a\0b"}, "“CSV file” is 'a"),
    ("warmup_start", {"warmup_start": "2026-12-01 09:00"}, "time of day"),
]


@pytest.mark.parametrize(("field", "changes", "said"), DOMAIN_ERRORS)
def test_each_error_of_a_domain_has_its_field(field: str, changes: Any, said: str) -> None:
    found = domain_problems(**changes)
    assert list(found) == [field]
    assert said in found[field]


ACCOUNT_ERRORS = [
    ("start", {"start": ""}, "Required"),
    ("start", {"start": "now"}, "not a date or time"),
    ("start", {"start": "2026-03-29 02:30", "timezone": "Europe/Berlin"}, "does not exist"),
    ("timezone", {"timezone": "Asia/Shanghay"}, "did you mean 'Asia/Shanghai'"),
    ("rate", {"rate": "fast"}, "no sending rate"),
    ("restart_at", {"restart": "manual"}, "Required"),
    ("restart_at", {"restart": "manual", "restart_at": "25:00"}, "time of day"),
    ("restart_at", {"restart": "manual", "restart_at": "2026-11-01 09:00"}, "before the plan's"),
    ("restart_delay", {"restart_delay": "-1"}, "out of range"),
    ("horizon", {"horizon": "2026-11-01"}, "not after"),
    ("horizon", {"horizon": "soon"}, "or 90d"),
]


@pytest.mark.parametrize(("field", "changes", "said"), ACCOUNT_ERRORS)
def test_each_error_of_the_account_has_its_field(field: str, changes: Any, said: str) -> None:
    found = account_problems(**changes)
    assert list(found) == [field]
    assert said in found[field]


@pytest.mark.parametrize("numbers", ["500, 1,000,", "500,\n1,000", "500; 1,000;", "500 1,000"])
def test_a_separator_at_the_end_is_no_day(numbers: str) -> None:
    assert domain_problems(warmup="list", numbers=numbers) == {}


def test_each_part_of_a_rule_is_checked_whatever_the_others_are() -> None:
    found = domain_problems(warmup="rule", rule_start="x", factor="0.5", cap="")
    assert set(found) == {"rule_start", "factor", "cap"}
    assert found["factor"].startswith("“Times, each day” is '0.5'; give a number from 1")
    assert found["cap"].startswith("Required")


def test_a_part_of_a_rule_is_called_as_in_the_form() -> None:
    draft = GOOD.with_domain(0, warmup="rule", rule_start="x", factor="1", cap="9")
    found = Checker(Words("id"))(draft).beside("domains", 0)
    assert found["rule_start"].startswith("“Pada hari 1” is 'x'")


def test_all_errors_are_found_at_once() -> None:
    draft = (
        GOOD.with_account(rate="?", horizon="?")
        .with_domain(0, warmup="number", number="?")
        .with_task(0, sender="a@other.example", cancel_at="2020-01-01")
        .add_task(TaskDraft("Launch", sender="b@news.example.com", requests="x"))
        .add_task(replace(GOOD_TASK, name="Good"))
    )
    where = {problem.where for problem in check(draft).problems}
    assert where == {
        ("rate",),
        ("horizon",),
        ("domains", 0, "number"),
        ("tasks", 0, "name"),
        ("tasks", 0, "sender"),
        ("tasks", 0, "cancel_at"),
        ("tasks", 1, "requests"),
        ("tasks", 1, "name"),
    }


def test_an_empty_form_says_what_is_missing() -> None:
    found = check(Draft(Path()))
    assert [problem.where for problem in found.problems] == [("start",), ("domains",), ("tasks",)]
    assert found.plan is None


def test_two_domains_of_one_name_differ_in_nothing_but_case() -> None:
    found = check(GOOD.add_domain(DomainDraft("NEWS.example.com")))
    assert [problem.where for problem in found.problems] == [
        ("domains", 0, "name"),
        ("domains", 1, "name"),
    ]


def test_an_account_has_at_most_ten_domains() -> None:
    draft = GOOD
    for i in range(10):
        draft = draft.add_domain(DomainDraft(f"d{i}.example"))
    assert [problem.where for problem in check(draft).problems] == [("domains",)]


def test_test_sends_are_kept_and_checked() -> None:
    sends = [{"sender": "a@gone.example", "at": "2026-12-02", "recipients": 1}]
    found = check(replace(GOOD, extra={"test_sends": sends}))
    assert [problem.where for problem in found.problems] == [("test_sends", 0, "sender")]


def test_what_is_allowed_but_not_meant_is_a_note() -> None:
    found = check(GOOD.with_domain(0, warmup="list", numbers="5, 4"))
    assert found.plan is not None
    assert found.notes == ("news.example.com: the warm-up falls from 5 to 4 on day 2",)


def test_the_language_of_own_sentences() -> None:
    found = Checker(Words("id"))(GOOD.with_task(0, name=""))
    assert found.problems[0].message == "Wajib: mohon diisi"


# --- files --------------------------------------------------------------------------------------


@pytest.fixture
def group(tmp_path: Path) -> Draft:
    (tmp_path / "list.csv").write_text("name,E-Mail,city\nA,a@x.org,P\nB,b@x.org,Q\n")
    (tmp_path / "mail.html").write_text("<p>Dear {{name}} of {{ city }}, {{name}}!")
    changes = {"group": "csv", "recipients": "list.csv", "template": "mail.html"}
    return replace(GOOD, folder=tmp_path).with_task(0, **changes)


def test_recipients_are_counted_and_variables_are_known(group: Draft) -> None:
    found = check(group)
    assert found.plan is not None
    assert found.plan.tasks[0].requests == 2
    assert found.tasks[0].columns == ("name", "city")
    assert found.tasks[0].variables == ("name", "city")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Dear {{name}}", "Only in the group: city."),
        ("{{name}} {{city}} {{age}}", "Only in the template: age."),
        ("{{town}}", "Only in the template: town. Only in the group: city, name."),
    ],
)
def test_variables_must_be_the_same(group: Draft, template: str, said: str) -> None:
    found = check(group.with_task(0, template=template))
    assert found.beside("tasks", 0)["template"].endswith(said)
    assert found.plan is None


@pytest.mark.parametrize("template", ["", "Template 4711", "{{name}} {{city}} {{E-Mail}}"])
def test_variables_that_nobody_knows_are_not_wrong(group: Draft, template: str) -> None:
    assert check(group.with_task(0, template=template)).plan is not None


def test_a_template_that_is_no_text_is_an_error(group: Draft) -> None:
    (group.folder / "mail.html").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in check(group).beside("tasks", 0)["template"]


def test_a_template_that_is_too_large_is_an_error(
    group: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "LARGEST_TEMPLATE", 5)
    assert "10 MB" in check(group).beside("tasks", 0)["template"]


def test_a_list_without_addresses_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name;city\nA;B\n")
    with pytest.raises(ValueError, match="no address column"):
        attachments.columns(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_text("name;email\nA;a@x.org\n")
    assert attachments.columns(tmp_path / "list.csv") == ("email", ("name",))


@pytest.mark.parametrize(
    "header", ["\n\n  \nemail,first name", 'email,"first\r\nname"', '\ufeffemail,"first\n name",']
)
def test_columns_are_found_wherever_recipients_are(header: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"{header}\na@x.org,A\n", "utf-8", newline="")
    whole, found = attachments.group(str(path))
    assert whole == str(path)
    assert not isinstance(found, str)
    assert found.good == 1
    assert attachments.columns(path) == ("email", ("first name",))


def test_a_header_that_is_no_csv_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f'email,"{"x" * 200_000}"\n')
    with pytest.raises(attachments.AttachmentError, match="not readable as CSV"):
        attachments.columns(tmp_path / "list.csv")


def test_a_file_is_read_again_only_when_it_changes(
    group: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker, counted = Checker(Words()), []
    survey = sessim.recipients.survey

    def counting(path: Path) -> sessim.recipients.Survey:
        counted.append(path)
        return survey(path)

    monkeypatch.setattr("sessim.recipients.survey", counting)
    checker(group)
    checker(group.with_account(rate="5"))
    checker(group.with_task(0, subject="Hello"))
    assert len(counted) == 1
    (group.folder / "list.csv").write_text("email\na@x.org\nb@x.org\nc@x.org\n")
    plan = checker(group.with_task(0, template="")).plan
    assert plan is not None
    assert plan.tasks[0].requests == 3
    assert len(counted) == 2


def test_a_plan_is_right_even_if_its_files_are_gone(group: Draft) -> None:
    plan = check(group).plan
    assert plan is not None
    (group.folder / "list.csv").unlink()
    checker, draft = Checker(Words()), Draft.from_plan(plan, group.folder)
    checker.adopt(draft, plan)
    assert checker(draft.with_account(rate="5")).plan is not None
    assert checker(draft.with_task(0, subject="New")).plan is None


def test_a_plan_that_moves_finds_its_files(group: Draft, tmp_path: Path) -> None:
    before = check(group).plan
    assert before is not None
    away = group.moved_to(tmp_path / "deeper" / "down")
    (tmp_path / "deeper" / "down").mkdir(parents=True)
    after = check(away)
    assert after.plan is not None
    assert after.plan.tasks[0].recipients == before.tasks[0].recipients
    assert after.tasks[0].variables == ("name", "city")
    assert away.moved_to(tmp_path).tasks == group.tasks


def test_uploads_never_replace_a_file(tmp_path: Path) -> None:
    kept = [
        attachments.keep(tmp_path, "recipients", name, content)
        for name, content in [
            ("a.csv", b"1"),
            ("a.csv", b"1"),
            ("a.csv", b"2"),
            ("a.csv", b"3"),
            ("a.csv", b"2"),
        ]
    ]
    assert kept == ["recipients/a.csv"] * 2 + [
        "recipients/a-2.csv",
        "recipients/a-3.csv",
        "recipients/a-2.csv",
    ]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\x\\y.csv", "..", "", ".", "a\0b.csv", "/abs", *HOSTILE]
)
def test_uploads_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    kept = tmp_path / attachments.keep(tmp_path, "recipients", name, b"x")
    assert kept.resolve().parent == tmp_path / "recipients"
    assert kept.is_file()


def test_an_upload_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "recipients").write_text("a file in the way")
    with pytest.raises(attachments.AttachmentError, match="cannot keep"):
        attachments.keep(tmp_path, "recipients", "a.csv", b"x")


def test_files_to_pick(tmp_path: Path) -> None:
    for name in ("b.csv", "A.CSV", "x.txt", ".hidden.csv", "sub/c.csv", ".git/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert attachments.pick(tmp_path, (".csv",)) == ["A.CSV", "b.csv", "sub/c.csv"]


# --- lists and history --------------------------------------------------------------------------


def test_names_of_copies() -> None:
    assert free_name("A", ["A"]) == "A (2)"
    assert free_name("A (2)", ["A", "A (2)", "A (3)"]) == "A (4)"
    assert len(free_name("x" * 200, [])) == 200


def test_a_move_stops_at_the_ends() -> None:
    draft = GOOD.duplicate_task(0)
    assert draft.move_task(0, -1) == draft
    assert draft.move_task(1, 1) == draft
    assert [row.name for row in draft.move_task(0, 1).tasks] == ["Launch (2)", "Launch"]


STEPS: list[Callable[[Draft, int], Draft]] = [
    lambda draft, i: draft.add_task(TaskDraft(f"T{i}")),
    lambda draft, i: draft.add_domain(DomainDraft(f"d{i}")),
    lambda draft, i: draft.with_account(rate=str(i)),
    lambda draft, i: draft.duplicate_task(i % len(draft.tasks)) if draft.tasks else draft,
    lambda draft, i: draft.delete_task(i % len(draft.tasks)) if draft.tasks else draft,
    lambda draft, i: draft.move_task(i % len(draft.tasks), i % 3 - 1) if draft.tasks else draft,
    lambda draft, i: draft.with_task(i % len(draft.tasks), name=str(i)) if draft.tasks else draft,
]


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), max_size=25))
def test_undo_goes_all_the_way_back_and_redo_forth(steps: Any) -> None:
    history, drafts = History(GOOD), [GOOD]
    for step, i in steps:
        drafts.append(step(history.draft, i))
        history.push(drafts[-1])
        keys = [row.key for row in history.draft.tasks]
        assert len(set(keys)) == len(keys)
    for draft in reversed(drafts[:-1]):
        assert history.undo() is draft
    assert not history.can_undo
    for draft in drafts[1:]:
        assert history.redo() is draft
    assert not history.can_redo
    assert history.redo() is history.draft


def test_a_change_after_undo_ends_redo() -> None:
    history = History(GOOD)
    history.push(GOOD.with_account(rate="1"))
    history.undo()
    history.push(GOOD.with_account(rate="2"))
    assert not history.can_redo


def test_steps_of_one_kind_are_undone_as_one() -> None:
    history = History(GOOD)
    for rate in "123":
        history.push(GOOD.with_account(rate=rate), "picking")
    assert history.undo() is GOOD
