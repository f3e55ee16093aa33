"""The line of limits where reputation moves it: against the log's rows, by data, not by image."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

import sessim
from sessim import charts
from sessim.charts import bars
from sessim.charts.levels import BLOCKED, LOWERED, RAISED, changes
from sessim.charts.story import Story

GOOD = {"invalid_rate": 0.01, "open_rate": 0.2}


def task(name: str, requests: int, start: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "sender": "x@a.org", "requests": requests, "start": start, **more}


@cache
def story(number: int = 1) -> sessim.Result:
    """Simulate good mail, an old list that lowers the level, and a bad one that is blocked."""
    tasks = [
        task("Launch", 2500, "2026-12-01"),
        task("Old", 2000, "2026-12-04 09:00", quality={"invalid_rate": 0.1}),
        task("Bad", 900, "2026-12-06 10:00", quality={"invalid_rate": 0.2}),
    ]
    judged = {"name": "a.org", "warmup": "reputation", "quality": GOOD}
    domains = [judged, {"name": "b.org", "warmup": 400}][:number]
    if number == 2:
        tasks.append({**task("Other", 700, "2026-12-01"), "sender": "x@b.org"})
    plain = {"start": "2026-12-01", "outcomes": "expected", "domains": domains, "tasks": tasks}
    return sessim.simulate(sessim.Plan.from_dict(plain))


def drawn(result: sessim.Result, **keys: Any) -> tuple[Any, StepPatch, dict[str, list[Any]]]:
    """Draw the throughput; return the axes, the line of limits, and the marks on it by label."""
    ax = charts.throughput(result, ax=Figure(figsize=(10, 4)).add_subplot(), **keys)
    (line,) = (patch for patch in ax.patches if isinstance(patch, StepPatch))
    marks = {
        str(mark.get_label()): list(zip(*mark.get_data(), strict=True))
        for mark in ax.lines
        if mark.get_label() in (RAISED, LOWERED, BLOCKED)
    }
    return ax, line, marks


def test_the_line_steps_when_the_level_rises_inside_a_day() -> None:
    """500 at midnight; 350 good emails later 1,000; the next day 1,000 and, after 700, 2,000."""
    result = story()
    rows = result.events.query("event == 'limit'")
    raised = rows[rows["detail"].str.contains("level 1 to 2|level 2 to 3")][:2]
    assert raised["sent_today"].tolist() == [350, 700]
    _, line, marks = drawn(result)
    data = line.get_data()
    assert data.values.tolist()[:4] == [500, 1000, 1000, 2000]
    inside = date2num(raised["time"].to_list()).tolist()
    assert data.edges[[1, 3]].tolist() == pytest.approx(inside, abs=1e-9)
    assert [at for at, _ in marks[RAISED]][:2] == pytest.approx(inside, abs=1e-9)
    assert [height for _, height in marks[RAISED]][:2] == [1000, 2000]


def test_falls_and_blocks_are_marked_where_they_happen() -> None:
    result = story()
    _, _, marks = drawn(result)
    rows = result.events.query("event == 'limit'")
    blocked = rows[rows["detail"].str.startswith("blocked")]["time"]
    assert [at for at, _ in marks[BLOCKED]] == date2num(blocked.to_list()).tolist()
    fallen = [change.level for change in changes(Story(result)) if change.what == LOWERED]
    assert len(marks[LOWERED]) == len(fallen) > 0
    levels = result.daily["level"].tolist()
    assert fallen == [b for a, b in pairwise(levels) if b < a]


def test_each_change_of_an_only_domain_has_its_number() -> None:
    result = story()
    ax, _, _ = drawn(result)
    numbers = [text.get_text() for text in ax.texts]
    expected = [str(c.level) for c in changes(Story(result)) if c.what != BLOCKED]
    assert numbers == expected


def test_on_a_sum_of_limits_numbers_would_say_nothing() -> None:
    ax, line, marks = drawn(story(2))
    assert line.get_data().values.tolist()[:2] == [900, 1400]
    assert marks[RAISED][0][1] == 1400
    assert not ax.texts
    ax, line, _ = drawn(story(2), domains="a.org")
    assert line.get_data().values.tolist()[:2] == [500, 1000]
    assert ax.texts


def test_where_changes_are_many_the_numbers_keep_apart() -> None:
    judged = {"name": "a.org", "warmup": "reputation", "quality": GOOD}
    plain = {"start": "2026-12-01", "outcomes": "expected", "domains": [judged], "rate": 200,
             "tasks": [task("All", 4_000_000, "2026-12-01")]}  # fmt: skip
    result = sessim.simulate(sessim.Plan.from_dict(plain))
    ax = charts.throughput(result, ax=Figure(figsize=(2.5, 2)).add_subplot())
    raised = [change for change in changes(Story(result)) if change.what == RAISED]
    assert 0 < len(ax.texts) < len(raised)


def test_the_words_beside_the_chart_tell_of_levels() -> None:
    said = bars.describe(Story(story()))
    assert said.endswith("a reputation level rose 2 times, fell 1 time and was blocked 1 time.")


def test_other_plans_draw_the_limits_of_their_days() -> None:
    plain = {"start": "2026-12-01", "domains": [{"name": "a.org"}],
             "tasks": [task("A", 1200, "2026-12-01")]}  # fmt: skip
    _, line, marks = drawn(sessim.simulate(sessim.Plan.from_dict(plain)))
    assert line.get_data().values.tolist() == [500, 1000]
    assert not marks
