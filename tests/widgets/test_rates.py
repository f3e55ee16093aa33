"""Quality rates in the task builder: typed, folded away, mended, undone, saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessim
from sessim import quality
from sessim.plan import Plan
from sessim.quality import RATES, Distribution, Quality
from sessim.widgets import TaskBuilder
from sessim.widgets.builder_actions import DOMAINS, TASKS
from sessim.widgets.labels import Words
from sessim.widgets.rates import texts
from sessim.widgets.reading import rate
from tests.widgets.driving import beside, empty, fill, plan_of

pytestmark = pytest.mark.usefixtures("in_a_folder")


# --- what is typed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0.02", 0.02),
        ("0,02", 0.02),
        (".5", 0.5),
        ("2%", 0.02),
        (" 0.3 % ", 0.003),
        ("1e-05", 0.00001),
        ("1", 1),
        ("uniform: [0, 0.04]", Distribution("uniform", (0, 0.04))),
        ("{uniform: [0, 0.04]}", Distribution("uniform", (0, 0.04))),
        ("triangular:[0, 1%, 4%]", Distribution("triangular", (0, 0.01, 0.04))),
        ("beta: [2, 98]", Distribution("beta", (2, 98))),
    ],
)
def test_rates_as_people_write_them(typed: str, read: object) -> None:
    found = quality.read({"invalid_rate": rate(typed)})
    assert found is not None
    assert found.invalid_rate == read


SHARES = st.floats(0, 1)
PLAIN = st.one_of(
    SHARES,
    st.lists(SHARES, min_size=1, max_size=4).map(lambda numbers: {"choice": numbers}),
    st.tuples(st.floats(0.01, 99), st.floats(0.01, 99)).map(lambda two: {"beta": list(two)}),
)


@given(st.dictionaries(st.sampled_from(RATES), PLAIN))
def test_every_rate_is_the_same_again_behind_its_text(given_: dict[str, Any]) -> None:
    rates = quality.read(given_)
    written = texts(quality.plain(rates) or {})
    assert quality.read({name: rate(text) for name, text in written.items()}) == rates


@given(PLAIN)
def test_what_is_typed_is_what_a_plan_file_understands(value: Any) -> None:
    [text] = texts({"open_rate": value}).values()
    data = {
        "start": "2026-12-01",
        "domains": [{"name": "a.example", "quality": {"open_rate": "X"}}],
        "tasks": [{"name": "A", "sender": "a@a.example", "requests": 1}],
    }
    written = json.dumps(data).replace('"X"', f"{{{text}}}" if isinstance(value, dict) else text)
    Path("rates.yaml").write_text(written, "utf-8")
    assert Plan.from_yaml("rates.yaml").domains[0].quality == quality.read({"open_rate": value})


WRONG = {
    "1.5": "“Invalid” is 1.5; give a number from 0 to 1, or a distribution",
    "-0.1": "“Invalid” is -0.1; give a number from 0 to 1",
    "2": "“Invalid” is 2; give a number from 0 to 1",
    "101%": "“Invalid” is 1.01; give a number from 0 to 1",
    "few": "“Invalid” is 'few'; give a number from 0 to 1",
    "nan": "“Invalid” is 'nan'; give a number from 0 to 1",
    "1e999999999": "“Invalid” is '1e999999999'; give a number from 0 to 1",
    "uniform: []": "“Invalid”: uniform is []; give a list of the lowest and the highest rate",
    "uniform: [0.04, 0]": "“Invalid”: uniform is [0.04, 0]; give a list of the lowest",
    "uniform: [0, , 1]": "“Invalid”: uniform is [0, ' ', 1]; give a list of the lowest",
    "unifrom: [0, 1]": "“Invalid”: 'unifrom' is no distribution; did you mean 'uniform'?",
    "{}": "“Invalid” is '{}'; give a number from 0 to 1, or a distribution",
}


@pytest.mark.parametrize("typed", WRONG)
def test_a_wrong_rate_is_one_sentence_beside_its_field(typed: str) -> None:
    builder = with_task(invalid_rate=typed, open_rate="0.2")
    assert beside(builder, "invalid_rate").startswith(f"⚠ {WRONG[typed]}")
    assert "⚠" not in beside(builder, "open_rate")
    assert [problem.where for problem in builder.problems] == [("tasks", 0, "invalid_rate")]
    assert builder.invalid_rate.value == typed.strip(), "nothing typed is lost"


def with_task(**rates: Any) -> TaskBuilder:
    """Return a builder with a task in its form, whose rates are then typed."""
    builder = empty()
    fill(builder)
    builder.add.click()
    builder.selected = 1
    for name, value in rates.items():
        getattr(builder, name).value = value
    return builder


def test_each_wrong_rate_has_a_sentence_of_its_own() -> None:
    builder = with_task(invalid_rate="2", open_rate="x", click_rate="0.1")
    wrong = [problem.where[-1] for problem in builder.problems]
    assert wrong == ["invalid_rate", "open_rate"]


# --- what goes together -------------------------------------------------------------------------


def test_rates_that_sum_to_more_than_all_emails() -> None:
    builder = with_task(spam_bounce_rate="0.6", soft_failure_rate="50%")
    assert beside(builder, "spam_bounce_rate") == (
        "⚠ “Invalid”, “Spam bounce” and “Soft failure” sum to 1.1; an email has one of them at "
        "most: give rates that sum to 1 or less"
    )
    builder.soft_failure_rate.value = "40%"
    assert builder.problems == ()


def test_a_task_that_does_not_go_with_its_domains_rates() -> None:
    """The domain's are right by themselves: the mistake stands at the task, in what it gave."""
    builder = with_task(soft_failure_rate="0.5")
    builder.domains.invalid_rate.value = "0.6"
    assert [problem.where for problem in builder.problems] == [("tasks", 0, "soft_failure_rate")]


def test_more_clicks_than_opens() -> None:
    builder = with_task(click_rate="0.3", open_rate="0.1")
    assert beside(builder, "click_rate").startswith("⚠ “Clicks” is 0.3 and “Opens” 0.1; only who")


def test_a_domain_behind_one_without_a_name_is_told_its_own_mistake() -> None:
    builder = with_task()
    builder.domains.add.click()
    builder.domains.name.value = ""
    builder.domains.add.click()
    builder.domains.name.value = "b.example.com"
    builder.domains.invalid_rate.value = "0.7"
    builder.domains.spam_bounce_rate.value = "0.7"
    assert [problem.where for problem in builder.problems] == [
        ("domains", 1, "name"),
        ("domains", 2, "invalid_rate"),
    ]


# --- in the form --------------------------------------------------------------------------------


def test_rates_reach_the_plan_of_a_new_task_and_of_its_domain() -> None:
    builder = empty()
    builder.domains.warmup.value = "reputation"
    builder.domains.level.value = "3"
    builder.domains.invalid_rate.value = "uniform: [0, 4%]"
    builder.domains.open_rate.value = "30%"
    fill(builder, complaint_rate="0,1%")
    builder.add.click()
    assert builder.error == ""
    plan = plan_of(builder)
    assert plan.domains[0].quality == Quality(Distribution("uniform", (0, 0.04)), open_rate=0.3)
    assert plan.tasks[0].quality == Quality(complaint_rate=0.001)
    assert plan.domains[0].level == 3
    assert builder.complaint_rate.value == "", "the next task begins empty"


def test_the_section_is_folded_until_it_is_wanted_and_says_how_many_there_are() -> None:
    builder = with_task()
    fold = builder.form.folds["quality"]
    assert (fold.button.description, fold.is_open) == ("Quality rates: none", False)
    assert fold.grid.layout.display == "none"
    fold.button.click()
    assert fold.grid.layout.display is None
    fold.button.click()
    builder.invalid_rate.value = "2%"
    builder.open_rate.value = "0.2"
    assert (fold.button.description, fold.is_open) == ("Quality rates: 2", False)


def test_what_is_wrong_is_not_folded_away() -> None:
    builder = with_task(invalid_rate="2")
    fold = builder.form.folds["quality"]
    assert fold.is_open
    fold.button.click()
    assert fold.is_open
    assert fold.button.description == "Quality rates: 1 ⚠"
    builder.invalid_rate.value = "0.2"
    assert fold.button.description == "Quality rates: 1"


def test_show_leads_to_a_wrong_rate() -> None:
    builder = with_task()
    builder.domains.open_rate.value = "9"
    builder.domains.form.folds["quality"].button.click()
    builder.tabs.selected_index = TASKS
    builder.summary.show_problem.click()
    assert builder.tabs.selected_index == DOMAINS
    assert builder.domains.form.folds["quality"].is_open


def test_rates_are_undone_duplicated_saved_and_loaded() -> None:
    builder = with_task(invalid_rate="2%", open_rate="beta: [2, 8]")
    plan = plan_of(builder)
    builder.undo.click()
    assert builder.open_rate.value == ""
    builder.redo.click()
    assert plan_of(builder) == plan
    builder.duplicate.click()
    assert plan_of(builder).tasks[1].quality == plan.tasks[0].quality
    builder.undo.click()
    builder.file.path.value = "rates.yaml"
    builder.file.save.click()
    assert builder.error == ""
    other = TaskBuilder("rates.yaml")
    other.selected = 1
    assert (other.invalid_rate.value, other.open_rate.value) == ("0.02", "beta: [2, 8]")
    assert plan_of(other) == plan


def test_a_list_with_segments_keeps_them_and_says_so() -> None:
    parts = [{"name": "engaged", "requests": 400, "quality": {"open_rate": 0.6}},
             {"name": "others", "requests": 600}]  # fmt: skip
    task = sessim.Task("A", sender="a@a.example", requests=1_000, segments=parts)
    plan = Plan(start="2026-12-01", domains=[sessim.Domain("a.example")], tasks=[task])
    builder = TaskBuilder(plan)
    builder.selected = 1
    assert "segments keep rates of their own" in builder.form.folds["quality"].remark.value
    builder.invalid_rate.value = "1%"
    found = plan_of(builder).tasks[0]
    assert found.segments == plan.tasks[0].segments
    assert found.quality == Quality(invalid_rate=0.01)


@pytest.mark.parametrize("language", ["en", "id"])
def test_every_rate_has_a_label_and_a_hint(language: str) -> None:
    words = Words(language)
    assert all(f"builder.{kind}.{name}" in words for kind in ("field", "hint") for name in RATES)
    builder = TaskBuilder(language=language)
    for name in RATES:
        assert getattr(builder, name).description == words(f"builder.field.{name}")
        assert getattr(builder.domains, name).description == words(f"builder.field.{name}")
