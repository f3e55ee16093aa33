"""Plans side by side: figures, differences, overlaid curves, variants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from matplotlib.figure import Figure

import sessim
from sessim.charts import comparison as overlay
from sessim.charts.story import Story
from sessim.comparison import (
    FIGURES,
    ComparisonError,
    as_results,
    compare,
    compare_tasks,
    with_second_domain,
    with_warmup,
)
from sessim.summary import summary
from tests import results
from tests.strategies import plans

LAUNCH = "launch.example.com"


@pytest.fixture
def three() -> dict[str, sessim.Result]:
    plan = results.launch().plan
    faster = with_warmup(plan, {"start": 2_000, "factor": 2, "cap": 1_000_000}, LAUNCH)
    return as_results(
        {"Standard": results.launch(), "Faster": faster, "Two": with_second_domain(plan, LAUNCH)}
    )


def test_a_comparison_holds_the_figures_and_what_differs(three: dict[str, sessim.Result]) -> None:
    found = compare(three)
    assert list(found["plan"]) == list(three)
    for i, result in enumerate(three.values()):
        figures = summary(result).to_dict()
        assert found[list(FIGURES)].iloc[i].to_dict() == figures
    changes = found[[f"{name}_change" for name in FIGURES]]
    assert not changes.iloc[0].any()
    assert found["pauses_change"].tolist() == (found["pauses"] - found["pauses"].iloc[0]).tolist()
    assert found["pauses_change"].dtype == "int64"
    assert found["paused_hours_change"].iloc[1] < 0 < found["paused_hours_change"].iloc[2]


def test_times_differ_by_hours(three: dict[str, sessim.Result]) -> None:
    found = compare(three, tasks="Grand opening")
    finish = three["Standard"].tasks["finished"].iloc[0]
    faster = three["Faster"].tasks["finished"].iloc[0]
    assert found["finish_change"].iloc[1] == pytest.approx((faster - finish).total_seconds() / 3600)
    assert found["finish_change"].iloc[1] < -40


def test_what_cannot_be_said_is_empty() -> None:
    plan = results.launch().plan
    left = sessim.simulate(plan, until="2026-12-03")
    found = compare([left, plan])
    assert list(found["plan"]) == ["Plan 1", "Plan 2"]
    assert pd.isna(found["finish"].iloc[0])
    assert found["finish_change"].isna().all()
    assert found["unsent_change"].iloc[1] == -found["unsent"].iloc[0] < 0


def test_when_each_task_finished(three: dict[str, sessim.Result]) -> None:
    found = compare_tasks(three)
    opening = found[found["name"] == "Grand opening"].set_index("plan")
    for name, result in three.items():
        assert opening.loc[name, "finished"] == result.tasks["finished"].iloc[0]
    assert opening["change_hours"].tolist()[0] == 0
    assert (opening["change_hours"].iloc[1:] < -20).all()
    second = found[found["name"] == "Grand opening (2)"]
    assert list(second["plan"]) == ["Two"]
    assert second["change_hours"].isna().all()


@pytest.mark.parametrize(
    ("given_plans", "names", "said"),
    [
        ([1], None, "cannot be compared"),
        ([results.launch()], ["a", "b"], "2 names for 1"),
        ([results.launch()] * 2, ["a", "a"], "given twice"),
    ],
)
def test_wrong_plans_and_names(given_plans: Any, names: Any, said: str) -> None:
    with pytest.raises(ComparisonError, match=said):
        compare(given_plans, names)


# --- variants -------------------------------------------------------------------------------------


def test_another_warmup_changes_nothing_else() -> None:
    plan = results.launch().plan
    one, all_ = with_warmup(plan, "legacy", LAUNCH), with_warmup(plan, 500)
    assert [domain.warmup for domain in one.domains][1:] == [d.warmup for d in plan.domains][1:]
    assert one.domains[0].warmup == "legacy"
    assert {domain.warmup for domain in all_.domains} == {500}
    assert one.tasks == all_.tasks == plan.tasks
    assert all_.domains[1].warmup_start == plan.domains[1].warmup_start


def test_a_second_domain_takes_half_of_each_list() -> None:
    plan = results.launch().plan
    found = with_second_domain(plan, LAUNCH)
    assert [domain.name for domain in found.domains][:2] == [LAUNCH, f"second.{LAUNCH}"]
    assert found.domains[0].warmup == found.domains[1].warmup
    named = {task.name: task for task in found.tasks}
    assert named["Grand opening (2)"].sender == f"Example Shop <hello@second.{LAUNCH}>"
    requests = {task.name: task.requests for task in plan.tasks}
    for name, task in named.items():
        other = named.get(f"{name} (2)")
        if other is not None:
            assert task.requests + other.requests == requests[name]
            assert other.start == task.start
    assert sum(t.requests for t in found.tasks) == sum(requests.values())


def test_halves_keep_names_apart_and_one_email_whole() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("a.example.com")],
        tasks=[
            sessim.Task("A", sender="x@a.example.com", requests=3),
            sessim.Task("A (2)", sender="X <x@A.example.com>", requests=1),
        ],
    )
    found = with_second_domain(plan, "a.example.com", "b.example.com")
    assert [(task.name, task.requests) for task in found.tasks] == [
        ("A", 2), ("A (3)", 1), ("A (2)", 1),
    ]  # fmt: skip
    assert found.tasks[1].sender == "x@b.example.com"


@pytest.mark.parametrize("change", [with_second_domain, lambda p, d: with_warmup(p, "legacy", d)])
def test_a_domain_that_is_not_there(change: Any) -> None:
    with pytest.raises(ComparisonError, match=f"did you mean '{LAUNCH}'"):
        change(results.launch().plan, "lunch.example.com")


# --- charts ---------------------------------------------------------------------------------------


def test_the_lines_end_where_the_tables_do(three: dict[str, sessim.Result]) -> None:
    ax = Figure().add_subplot()
    overlay.draw(three, "cumulative", ax=ax)
    for line, result in zip(ax.get_lines(), three.values(), strict=True):
        assert line.get_ydata()[-1] == result.tasks["sent"].sum()
        assert np.all(np.diff(line.get_ydata()) >= 0)
    assert len({str(line._dash_pattern) for line in ax.get_lines()}) == 3
    ax = Figure().add_subplot()
    overlay.draw(three, "backlog", ax=ax)
    for line, result in zip(ax.get_lines(), three.values(), strict=True):
        assert line.get_ydata().max() == summary(result).largest_backlog
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(three)


def test_a_chart_says_what_it_shows(three: dict[str, sessim.Result]) -> None:
    said = overlay.describe(three, "cumulative", tasks="Grand opening")
    assert "Standard: 120,000 emails by 8 December 2026 at 00:34" in said
    assert "Faster: 120,000 emails by 6 December 2026" in said
    assert "no backlog" in overlay.describe({"a": results.nothing_due()}, "backlog")
    assert "no email was sent" in overlay.describe({"a": results.nothing_due()}, "cumulative")
    with pytest.raises(ValueError, match="cumulative, backlog"):
        overlay.describe(three, "timeline")


@pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")
@settings(max_examples=settings().max_examples // 2)
@given(plans())
def test_emails_sent_so_far_are_those_of_the_tables(plan: dict[str, Any]) -> None:
    """At each beginning of a day, where the log tells of all that is being sent."""
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    story = Story(result)
    curve = overlay.cumulative(story)
    tests = result.events[result.events["task"].isna() & (result.events["event"] == "sent")]
    assert curve.total[-1] == result.tasks["sent"].sum() + tests["sent"].sum()
    sent = story.sent(np.zeros(len(story.emails[0]), dtype=np.int64), 1)[0].cumsum()
    for edge, expected in zip(story.edges[1:], sent, strict=True):
        if edge in curve.instants:
            before = curve.total[curve.instants.searchsorted(edge)]
            assert abs(before - expected) <= 1
