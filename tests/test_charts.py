"""The charts by what they hold: bars, lines, areas and bands against the tables, not by image."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from matplotlib.collections import Collection, LineCollection, PolyCollection
from matplotlib.dates import date2num, num2date
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from PIL import Image

import sessim
from sessim import charts
from sessim.charts import areas, bars, lanes, lettering, story, style
from sessim.charts.story import Bands, Curve, Story
from sessim.errors import SessimWarning
from tests import strategies

if TYPE_CHECKING:
    from matplotlib.axes import Axes

START = "2026-12-01"
NASTY = (
    "<img src=x onerror=alert(1)>",
    "</script>",
    "cost $5, save $x^2$",
    r"\$\alpha$ back\slash",
    "_hidden",
    "日本語のニュースレター",
    "Launch 🚀 party 👩",
    "مرحبا بالعالم",
    "%s {x} &amp; \ufe0f",
    "A very very long name of a campaign that nobody should have written, part A",
    "A very very long name of a campaign that nobody should have written, part B",
    "Daily limit",
    "Test sends",
)


def plan(tasks: list[dict[str, Any]], **keys: Any) -> sessim.Plan:
    """Make a plan of tasks that send from a.example.com unless they say otherwise."""
    data = {"start": START, "domains": [{"name": "a.example.com", "warmup": "standard"}]}
    numbered = [
        {"name": f"Task {i}", "sender": "x@a.example.com", "requests": 1000, **task}
        for i, task in enumerate(tasks, 1)
    ]
    return sessim.Plan.from_dict({**data, **keys, "tasks": numbered})


def contract() -> sessim.Plan:
    """The example of the contract: three tasks, sixteen runs, limits far above the later days."""
    return plan(
        [
            {"name": "Launch", "requests": 60_000},
            {"name": "Invoices", "requests": 8_000, "start": "2026-12-03 09:00"},
            {
                "name": "Digest",
                "requests": 5_000,
                "start": "2026-12-01 08:00",
                "every": "24h",
                "count": 14,
            },
        ]
    )


def three_days() -> sessim.Plan:
    """A slow account: sending, waiting for a turn and pauses of hours."""
    return plan(
        [
            {"name": "Launch", "requests": 4_000},
            {"name": "Invoices", "requests": 2_500, "start": "2026-12-02 06:00"},
            {
                "name": "Digest",
                "requests": 500,
                "start": "2026-12-01 20:00",
                "every": 24,
                "count": 3,
            },
        ],
        start="2026-12-01 08:00",
        rate="1/10",
        domains=[{"name": "a.example.com", "warmup": [1_500, 3_000, 6_000]}],
    )


def quarter(tasks: int = 60, seed: int = 7) -> sessim.Plan:
    """About 90 days, four domains, tasks of all types at random."""
    rnd = random.Random(seed)
    first = datetime.fromisoformat(f"{START} 08:00")
    names = [f"{name}.example.com" for name in ("news", "shop", "mail", "info")]
    warmups = ["standard", "legacy", {"start": 200, "factor": "1.5", "cap": 20_000}, 5_000]
    entries: list[dict[str, Any]] = []
    for i in range(tasks):
        at = first + timedelta(days=rnd.randrange(80), hours=rnd.randrange(12))
        entry: dict[str, Any] = {"name": f"{('Batch', 'Campaign', 'Weekly')[i % 3]} {i + 1}"}
        entry |= {"sender": f"x@{rnd.choice(names)}", "requests": int(rnd.lognormvariate(8.5, 1.2))}
        if i % 3:
            entry["start"] = f"{at:%Y-%m-%d %H:%M}"
        if i % 3 == 2:
            entry |= {"every": "168h", "count": rnd.randrange(2, 7)}
        entries.append(entry)
    domains = [{"name": n, "warmup": w} for n, w in zip(names, warmups, strict=True)]
    return plan(entries, domains=domains)


def manual() -> sessim.Plan:
    """Restarted by hand every morning."""
    return plan(
        [{"requests": 12_000}, {"requests": 3_000, "start": "2026-12-03 07:00"}],
        restart="manual",
        restart_at="09:00",
    )


def unlimited() -> sessim.Plan:
    """No warm-up, several days of sending."""
    return plan(
        [{"requests": 600_000}, {"requests": 300_000, "start": "2026-12-03 07:00"}],
        rate=2,
        domains=[{"name": "a.example.com", "warmup": "none"}],
    )


def fair() -> sessim.Plan:
    """Two domains whose runs take turns."""
    return plan(
        [
            {"requests": 20_000},
            {"requests": 16_000, "start": "2026-12-02 07:00", "sender": "x@b.example.com"},
            {"requests": 900, "start": "2026-12-01 08:00", "every": "24h", "count": 5},
        ],
        discipline="fair",
        rate="1/5",
        domains=[
            {"name": "a.example.com", "warmup": [3_000, 6_000, 20_000]},
            {"name": "b.example.com", "warmup": 9_000},
        ],
    )


def berlin() -> sessim.Plan:
    """Over the end of summer time: 25 October 2026 has 25 hours."""
    digest = {"requests": 2_000, "start": "2026-10-23 08:00", "every": 24, "count": 5}
    return plan(
        [{"requests": 40_000}, {**digest, "every_by": "wall"}],
        start="2026-10-23",
        timezone="Europe/Berlin",
        rate="1/4",
        domains=[{"name": "a.example.com", "warmup": [2_000, 8_000, 15_000, 20_000]}],
    )


def unfinished() -> sessim.Plan:
    """Work is left at the horizon, tasks are cancelled, tests are sent."""
    start = "2026-12-05 07:00"
    return plan(
        [
            {"requests": 30_000},
            {"requests": 300, "start": "2026-12-03 07:00", "sender": "x@b.example.com"},
            {"requests": 30_000, "start": start, "cancel_at": "2026-12-10 10:00"},
            {"start": "2026-12-15 07:00", "cancel_at": "2026-12-10 10:00"},
            {"requests": 300, "start": start, "every": "48h"},
        ],
        horizon="20d",
        domains=[
            {"name": "a.example.com", "warmup": 1_000},
            {"name": "b.example.com", "warmup": 0},
        ],
        test_sends=[{"sender": "x@a.example.com", "at": "2026-12-01 00:00", "recipients": 20}],
    )


def rolling() -> sessim.Plan:
    """Limits of 24 hours from when they were reached, a domain that begins later."""
    return plan(
        [{"requests": 9_000}, {"start": "2026-12-02 15:00", "sender": "x@b.example.com"}],
        window="rolling",
        rate="1/10",
        domains=[
            {"name": "a.example.com", "warmup": 2_000},
            {"name": "b.example.com", "warmup": 400},
        ],
    )


PLANS: dict[str, Callable[[], sessim.Plan]] = {
    made.__name__: made
    for made in (
        *(contract, three_days, quarter, manual, unlimited, fair, berlin, unfinished, rolling),
    )
}


@cache
def result(name: str) -> sessim.Result:
    """Return what came of one of the plans."""
    return sessim.simulate(PLANS[name]())


@pytest.fixture
def ax() -> Axes:
    """Axes of a figure that pyplot knows nothing of."""
    return Figure((10, 4), layout="constrained").add_subplot()


@pytest.fixture
def pyplot() -> Iterator[Any]:
    """Pyplot without a window, its figures closed afterwards."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def drawn(ax: Axes) -> Axes:
    """Draw the figure for real: a missing glyph or a collapsed layout warns, and so fails."""
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    figure.savefig(BytesIO(), format="png")
    return ax


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def heading(ax: Axes) -> str:
    found = ax.get_legend()
    assert found is not None
    return found.get_title().get_text()


def starts_of_days(name: str) -> list[float]:
    """Return the local midnights of a result's picture as matplotlib's dates, by the zone alone."""
    zone = result(name).plan.clock.zone
    first = result(name).events["time"].iloc[0].date()
    days = [first + timedelta(days=i) for i in range(len(Story(result(name)).edges))]
    midnights = [datetime.combine(day, time(), zone) for day in days]
    return [float(date2num(midnight.astimezone(UTC))) for midnight in midnights]


def by_day(ax: Axes) -> dict[float, int]:
    """Sum the bars by their left edges."""
    sums: dict[float, int] = {}
    for container in ax.containers:
        for bar in container:
            left = round(bar.get_x(), 6)
            sums[left] = sums.get(left, 0) + int(bar.get_height())
    return sums


def daily(name: str, column: str = "sent") -> dict[float, int]:
    """Sum a column of the day table by the beginnings of its days, days of 0 left out."""
    clock = result(name).plan.clock
    sums = result(name).daily.groupby("date")[column].sum()
    starts = [clock.day_start(day.date()) / 86_400e6 for day in sums.index]
    return {round(day, 6): int(n) for day, n in zip(starts, sums, strict=True) if n}


def steps(ax: Axes) -> dict[str, StepPatch]:
    return {str(p.get_label()): p for p in ax.patches if isinstance(p, StepPatch)}


def named(ax: Axes, label: str) -> Collection:
    (found,) = [collection for collection in ax.collections if collection.get_label() == label]
    return found


def polygons(ax: Axes, label: str) -> list[tuple[float, float, float, float]]:
    """Return the rectangles of a collection of bands as (lane, start, end, height)."""
    boxes = [path.get_extents() for path in named(ax, label).get_paths()]
    return [((box.y0 + box.y1) / 2, box.x0, box.x1, box.height) for box in boxes]


# --- throughput -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_bars_of_a_day_sum_to_the_day_table(name: str, ax: Axes) -> None:
    assert by_day(result(name).plot.throughput(ax=ax)) == daily(name)


@pytest.mark.parametrize("by", ["task", "domain", "type"])
def test_bars_sum_to_the_day_table_whatever_they_are_stacked_by(by: bars.By, ax: Axes) -> None:
    charts.throughput(result("quarter"), ax=ax, by=by)
    assert by_day(ax) == daily("quarter")


def test_bars_of_a_domain_are_the_day_table_s(ax: Axes) -> None:
    charts.throughput(result("unfinished"), ax=ax, by="domain")
    (container,) = ax.containers
    assert container.get_label() == "a.example.com"
    assert [bar.get_height() for bar in container] == [1_000] * 20


def test_bars_are_as_wide_as_their_local_days(ax: Axes) -> None:
    charts.throughput(result("berlin"), ax=ax)
    edges = starts_of_days("berlin")
    hours = {round(bar.get_x(), 6): round(bar.get_width() * 24, 6) for bar in ax.containers[0]}
    assert hours == dict(zip(np.round(edges, 6), [24, 24, 25, 24], strict=False))


def test_bars_are_stacked_without_gaps(ax: Axes) -> None:
    charts.throughput(result("fair"), ax=ax)
    tops: dict[float, float] = {}
    for container in ax.containers:
        for bar in container:
            assert bar.get_y() == tops.get(bar.get_x(), 0)
            tops[bar.get_x()] = bar.get_y() + bar.get_height()


def test_parts_differ_in_colour_and_in_hatch(ax: Axes) -> None:
    charts.throughput(result("quarter"), ax=ax)
    looks = [
        (container[0].get_facecolor(), container[0].get_hatch()) for container in ax.containers
    ]
    assert len({colour for colour, _ in looks}) == len({hatch for _, hatch in looks[:-1]}) + 1 == 8


def test_more_parts_than_colours_differ_in_their_hatches() -> None:
    parts = bars.parts(Story(result("quarter")), most=40)
    assert len({(str(part.colour), part.hatch) for part in parts}) == len(parts) == 41


def test_limit_is_a_step_line_on_the_beginnings_of_days(ax: Axes) -> None:
    charts.throughput(result("berlin"), ax=ax)
    data = steps(ax)["Daily limit"].get_data()
    assert data.edges.tolist() == pytest.approx(starts_of_days("berlin"), abs=1e-9)
    assert data.values.tolist() == result("berlin").daily["limit"].tolist()
    assert data.baseline is None


def test_limit_far_above_the_bars_leaves_the_picture_at_an_arrow(ax: Axes) -> None:
    charts.throughput(result("contract"), ax=ax)
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim() == (0, pytest.approx(1.15 * 40_000))
    assert legend(ax)[-1] == "Daily limit (up to 400,000)"
    (arrow,) = ax.lines
    assert list(arrow.get_xdata()) == [starts_of_days("contract")[7]]


def test_limit_near_the_bars_stays_in_the_picture(ax: Axes) -> None:
    charts.throughput(result("berlin"), ax=ax)
    assert ax.get_ylim()[1] > 20_000
    assert legend(ax)[-1] == "Daily limit"
    assert not ax.lines


@pytest.mark.parametrize("by", ["task", "domain", "type"])
def test_several_domains_have_the_sum_of_their_limits(by: bars.By, ax: Axes) -> None:
    charts.throughput(result("fair"), ax=ax, by=by)
    (line,) = steps(ax).values()
    assert line.get_label() == "Sum of 2 domain limits"
    assert line.get_data().values.tolist()[:3] == [12_000, 15_000, 29_000]
    assert legend(ax)[-2:] == ["Sum of 2 domain limits (up to 29,000)", "A domain at its limit"]


def rows_of_full_days(ax: Axes) -> dict[str, list[float]]:
    """Return the beginnings of the days that are marked above the bars, by label."""
    (strip,) = ax.child_axes
    rows: dict[str, list[float]] = {text.get_text(): [] for text in strip.get_yticklabels()}
    for row, start, _, _ in polygons(strip, "A domain at its limit"):
        rows[list(rows)[round(row)]].append(start)
    return rows


def test_days_at_the_limit_are_marked_in_a_row_for_each_domain(ax: Axes) -> None:
    charts.throughput(result("quarter"), ax=ax)
    midnights = starts_of_days("quarter")
    first = result("quarter").events["time"].iloc[0].date()
    full = result("quarter").daily.query("sent == limit and sent > 0").groupby("domain")["date"]
    assert rows_of_full_days(ax) == {
        domain: [midnights[(date.date() - first).days] for date in dates] for domain, dates in full
    }
    assert len(rows_of_full_days(drawn(ax))) == 4


def many_domains() -> sessim.Result:
    """Six domains: one without a limit, five that are at theirs on one to five days."""
    names = [f"{letter}.example.com" for letter in "abcdef"]
    tasks = [
        {"sender": f"x@{name}", "requests": 100 * (i + 1), "start": f"{START} 08:00"}
        for i, name in enumerate(names)
    ]
    domains = [{"name": name, "warmup": 100} for name in names]
    domains[5]["warmup"] = "none"
    tests = [
        {"sender": f"x@{name}", "at": f"{START} 07:00", "recipients": 2}
        for name in ("e.example.com", "f.example.com")
    ]
    return sessim.simulate(plan(tasks, domains=domains, test_sends=tests))


def test_domains_seldom_at_their_limits_share_a_row(ax: Axes) -> None:
    charts.throughput(many_domains(), ax=ax)
    days = {label: len(starts) for label, starts in rows_of_full_days(ax).items()}
    assert days == {
        "c.example.com": 3,
        "d.example.com": 4,
        "e.example.com": 5,
        "2 other domains": 2,
    }


def test_days_at_the_limit_have_no_names_where_the_picture_is_narrow() -> None:
    narrow = Figure((4, 4), layout="constrained").add_subplot()
    charts.throughput(many_domains(), ax=narrow)
    assert {label: len(starts) for label, starts in rows_of_full_days(narrow).items()} == {"": 5}


def test_days_at_the_limit_of_an_only_domain_are_marked_for_some_tasks_alone(ax: Axes) -> None:
    charts.throughput(result("contract"), ax=ax)
    assert not ax.child_axes
    charts.throughput(result("contract"), ax=ax, tasks="Digest")
    assert len(rows_of_full_days(ax)["a.example.com"]) > 3


def test_legend_stands_above_the_marked_days(ax: Axes) -> None:
    drawn(charts.throughput(many_domains(), ax=ax))
    (strip,), found = ax.child_axes, ax.get_legend()
    assert found is not None
    boxes = [artist.get_window_extent() for artist in (ax, strip, found)]
    assert all(lower.y1 < upper.y0 for lower, upper in pairwise(boxes))
    assert boxes[-1].y1 <= ax.get_figure(root=True).bbox.y1  # type: ignore[union-attr]


@pytest.mark.parametrize("by", ["task", "domain", "type"])
def test_what_no_limit_holds_is_on_top_of_what_the_line_compares_with(by: bars.By) -> None:
    found = many_domains()
    parts = bars.parts(Story(found), by)
    assert [part.free for part in parts] == sorted(part.free for part in parts)
    for free, domains in ((True, found.daily["limit"].isna()), (False, found.daily["limit"] > 0)):
        sent = sum(int(part.sent.sum()) for part in parts if part.free == free)
        assert sent == found.daily["sent"][domains].sum()
        assert all(part.label.endswith(", no limit") == free for part in parts if part.free == free)
    assert len({part.label for part in parts}) == len(parts)


def test_what_no_limit_holds_is_pale_and_folded_by_itself(ax: Axes) -> None:
    charts.throughput(many_domains(), ax=ax, most=2)
    assert [container.get_label() for container in ax.containers] == [
        "Task 5",
        "4 other tasks",
        "Test sends",
        "Task 6, no limit",
        "Test sends, no limit",
    ]
    looks = {container.get_label(): container[0] for container in ax.containers}
    pale, strong = looks["Task 6, no limit"], looks["Task 5"]
    assert min(pale.get_facecolor()) > 0.7 > min(strong.get_facecolor())
    assert mpl.colors.to_hex(pale.get_edgecolor()) == style._OKABE_ITO[style.Colour.ORANGE]
    assert legend(ax)[-3:] == [
        "Sum of 5 domain limits",
        "f.example.com has no limit",
        "A domain at its limit",
    ]


def test_one_chosen_domain_has_its_own_limit(ax: Axes) -> None:
    charts.throughput(result("fair"), ax=ax, domains="b.example.com")
    assert list(steps(ax)) == ["Daily limit"]
    assert [container.get_label() for container in ax.containers] == ["Task 2"]


def test_no_limit_is_said(ax: Axes) -> None:
    charts.throughput(result("unlimited"), ax=ax)
    assert not steps(ax)
    assert legend(ax) == ["Task 1", "Task 2", "No daily limit"]


def test_a_domain_without_a_limit_beside_others_is_said(ax: Axes) -> None:
    mixed = plan(
        [{}, {"sender": "x@b.example.com"}],
        domains=[
            {"name": "a.example.com", "warmup": 300},
            {"name": "b.example.com", "warmup": "none"},
        ],
    )
    charts.throughput(sessim.simulate(mixed), ax=ax)
    assert legend(ax) == [
        "Task 1",
        "Task 2, no limit",
        "Limit of a.example.com",
        "b.example.com has no limit",
        "A domain at its limit",
    ]


def test_many_domains_without_a_limit_are_counted(ax: Axes) -> None:
    names = [f"{letter}.example.com" for letter in "abcd"]
    free = plan(
        [{"sender": f"x@{name}"} for name in names],
        domains=[{"name": name, "warmup": 300 if name[0] == "a" else "none"} for name in names],
    )
    charts.throughput(sessim.simulate(free), ax=ax)
    assert legend(ax)[-2:] == ["3 domains have no limit", "A domain at its limit"]


def test_limit_of_a_domain_that_begins_later_begins_later() -> None:
    line = bars.limit(Story(result("rolling"), domains="b.example.com"))
    assert line is not None
    assert np.isnan(line.values[0])
    assert set(line.values[1:]) == {400}


def test_test_sends_are_a_part_of_their_own(ax: Axes) -> None:
    charts.throughput(result("unfinished"), ax=ax)
    tests = [c for c in ax.containers if c.get_label() == "Test sends"]
    sent = result("unfinished").events.query("detail == 'test send'")["sent"].sum()
    assert sum(bar.get_height() for container in tests for bar in container) == sent


def test_all_but_the_largest_tasks_are_folded_and_said(ax: Axes) -> None:
    charts.throughput(result("quarter"), ax=ax)
    labels = [str(container.get_label()) for container in ax.containers]
    assert labels[-1] == "53 other tasks"
    assert "53 other tasks" in legend(ax)
    largest = result("quarter").tasks.nlargest(7, "sent").sort_values("task")
    assert labels[:-1] == largest["name"].tolist()


def test_one_task_too_many_is_not_folded(ax: Axes) -> None:
    charts.throughput(result("contract"), ax=ax, most=2)
    assert len(ax.containers) == 3
    ax.clear()
    charts.throughput(result("contract"), ax=ax, most=1)
    assert [container.get_label() for container in ax.containers] == ["Digest", "2 other tasks"]


def test_nothing_sent_is_said(ax: Axes) -> None:
    stuck = plan([{}], horizon="3d", domains=[{"name": "a.example.com", "warmup": 0}])
    drawn(charts.throughput(sessim.simulate(stuck), ax=ax))
    assert [text.get_text() for text in ax.texts] == ["Nothing was sent"]


def test_unknown_stack_is_refused(ax: Axes) -> None:
    with pytest.raises(ValueError, match="by: 'colour' is unknown; use task, domain or type"):
        charts.throughput(result("contract"), ax=ax, by="colour")  # type: ignore[arg-type]


def test_further_arguments_go_to_the_bars(ax: Axes) -> None:
    charts.throughput(result("contract"), ax=ax, alpha=0.5, hatch="")
    assert {(bar.get_alpha(), bar.get_hatch()) for c in ax.containers for bar in c} == {(0.5, "")}


# --- backlog --------------------------------------------------------------------------------------


def level(curve: Curve, values: np.ndarray[Any, Any], instant: int) -> float:
    """Return a number of a curve just before an instant."""
    place = int(curve.instants.searchsorted(instant, "left"))
    if place == len(curve.instants) or curve.instants[place] == instant:
        return float(values[min(place, len(values) - 1)])
    return float(np.interp(instant, curve.instants[place - 1 :], values[place - 1 :]))


@pytest.mark.parametrize("name", PLANS)
def test_backlog_at_the_ends_of_days_is_the_day_table_s(name: str) -> None:
    story = Story(result(name))
    sums = result(name).daily.groupby("date")[["cached", "backlog"]].sum()
    for day, cached, backlog in sums.itertuples():
        end = result(name).plan.clock.end_instant(day.date())
        if end <= story.end:
            assert level(story.curve, story.curve.cached, end) == pytest.approx(cached)
            assert level(story.curve, story.curve.total, end) == pytest.approx(backlog)


@pytest.mark.parametrize("name", PLANS)
def test_backlog_at_every_instant_of_the_log_is_the_console_s(name: str) -> None:
    story, clock = Story(result(name)), result(name).plan.clock
    slack = 1 if story.plan.discipline == "fifo" else int(story.ledger.sending.max()) + 1
    for instant, cached, total in zip(
        story.curve.instants[1::2][-100:],
        story.curve.cached[1::2][-100:],
        story.curve.total[1::2][-100:],
        strict=True,
    ):
        tasks = result(name).at(clock.local(int(instant)))
        due = tasks[tasks["due"] <= clock.local(int(instant))]
        unsent = due["requests"] - due["sent"] - due["failed"] - due["cancelled"]
        assert abs(cached - tasks["cached"].sum()) <= slack
        assert abs(total - unsent.sum()) <= slack


def test_backlog_of_some_tasks_is_theirs_alone() -> None:
    parts = [Story(result("contract"), tasks=name).curve for name in ("Launch", 2, "Digest")]
    whole = Story(result("contract")).curve
    np.testing.assert_allclose(sum(part.total for part in parts), whole.total, atol=2)
    assert parts[1].total.max() == 8_000


def test_areas_are_stacked_and_end_at_the_vertices(ax: Axes) -> None:
    charts.backlog(result("three_days"), ax=ax)
    cached, waiting = ax.collections
    assert [cached.get_label(), waiting.get_label()] == ["In the cache queue", "Due, not cached"]
    curve = Story(result("three_days")).curve
    x = style.dates(curve.instants)
    for area, values, top in (
        (cached, curve.cached, curve.cached),
        (waiting, curve.waiting, curve.total),
    ):
        corners = {(round(x, 6), round(y)) for path in area.get_paths() for x, y in path.vertices}
        there = values > 0
        edge = {(round(a, 6), int(b)) for a, b in zip(x[there], top[there], strict=True)}
        assert edge <= corners
    assert cached.get_hatch() != waiting.get_hatch()


@pytest.mark.parametrize("name", PLANS)
def test_areas_have_outlines_of_their_colours_where_there_is_something(name: str, ax: Axes) -> None:
    charts.backlog(result(name), ax=ax)
    cached, waiting = ax.collections
    assert not {tuple(cached.get_edgecolor()[0]), tuple(cached.get_facecolor()[0])} & {
        tuple(waiting.get_edgecolor()[0]),
        tuple(waiting.get_facecolor()[0]),
    }
    curve = Story(result(name)).curve
    for area, values in ((cached, curve.cached), (waiting, curve.waiting)):
        assert area.get_linewidth()[0] > 1
        hours = sum(path.get_extents().width * 24 for path in area.get_paths())
        either = (values[1:] > 0) | (values[:-1] > 0)
        assert hours == pytest.approx((np.diff(curve.instants) * either).sum() / 3_600e6)


def test_peak_of_the_backlog_is_marked_with_its_size(ax: Axes) -> None:
    charts.backlog(result("three_days"), ax=ax)
    (mark,) = ax.lines
    curve = Story(result("three_days")).curve
    assert list(mark.get_ydata()) == [curve.total.max()] == [4_000]
    assert list(mark.get_xdata()) == [style.dates(curve.instants)[curve.total.argmax()]]
    assert legend(ax)[-1] == "Largest: 4,000 on 1 December 2026 at 08:00"


def test_backlog_begins_at_zero_and_ends_sent(ax: Axes) -> None:
    charts.backlog(result("three_days"), ax=ax)
    assert ax.get_ylim()[0] == 0
    curve = Story(result("three_days")).curve
    assert curve.total[0] == curve.total[-1] == 0
    assert curve.total.max() == 4_000


def test_backlog_is_linear_while_an_email_follows_the_other() -> None:
    curve = Story(result("unlimited")).curve
    assert curve.total.tolist()[:4] == [0, 600_000, 427_201, 427_201]  # one falls on midnight


def test_many_vertices_are_thinned_but_no_extreme_is_lost() -> None:
    rnd = np.random.default_rng(1)
    total = rnd.integers(0, 1_000_000, 50_000)
    curve = Curve(np.arange(50_000) * 1_000, total, np.zeros_like(total))
    few = areas.thinned(curve, 2_000)
    assert 500 < len(few.instants) <= 2_000
    assert {few.total.max(), few.total.min()} == {total.max(), total.min()}
    assert (np.diff(few.instants) > 0).all()
    assert few.instants[[0, -1]].tolist() == curve.instants[[0, -1]].tolist()
    assert areas.thinned(few, 2_000) is few


def test_no_backlog_is_said(ax: Axes) -> None:
    charts.backlog(result("contract"), ax=ax, tasks=[])
    assert [text.get_text() for text in ax.texts] == ["There was no backlog"]


# --- timeline -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["contract", "three_days", "manual", "fair", "berlin"])
def test_pause_bands_are_the_pauses(name: str, ax: Axes) -> None:
    charts.timeline(result(name), ax=ax, by="run", most=1_000)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    names = dict(zip(result(name).tasks["task"], result(name).tasks["name"], strict=True))
    runs = result(name).runs["task"].value_counts()
    expected = {
        (
            labels.index(names[p.task] + (f" #{p.run}" if runs[p.task] > 1 else "")),
            round(float(date2num(p.start)), 6),
            round(float(date2num(p.end)), 6),
        )
        for p in result(name).pauses.itertuples()
    }
    found = {(lane, round(a, 6), round(b, 6)) for lane, a, b, _ in polygons(ax, "Paused")}
    assert found == expected


def test_pauses_without_an_end_go_on_to_the_end_of_the_log(ax: Axes) -> None:
    charts.timeline(result("unfinished"), ax=ax, by="run", most=100)
    ends = [end for _, _, end, _ in polygons(ax, "Paused")]
    never = result("unfinished").pauses["end"].isna().sum()
    assert sum(end == pytest.approx(date2num(result("unfinished").end)) for end in ends) == never


def test_sending_and_waiting_for_a_turn_are_told_apart(ax: Axes) -> None:
    charts.timeline(result("three_days"), ax=ax)
    sending, waiting = polygons(ax, "Sending"), polygons(ax, "Waiting for its turn")
    hours = {
        lane: round(sum((b - a) * 24 for i, a, b, _ in sending if i == lane), 1)
        for lane in range(5)
    }
    # 4,000, three times 500, and 2,500 emails at 360 an hour
    assert list(hours.values()) == [11.1, 1.4, 1.4, 1.4, 6.9]
    assert {band[0] for band in sending} == {0, 1, 2, 3, 4}
    assert {band[0] for band in waiting} == {1, 2, 4}


def test_no_two_bands_of_a_run_overlap(ax: Axes) -> None:
    charts.timeline(result("berlin"), ax=ax, by="run")
    labels = ("Sending", "Waiting for its turn", "Paused")
    bands = sorted(band[:3] for label in labels for band in polygons(ax, label))
    for (lane, _, end), (following, start, _) in pairwise(bands):
        assert lane != following or end <= start + 1e-9


def test_bands_of_a_task_are_the_union_of_its_runs(ax: Axes) -> None:
    charts.timeline(result("contract"), ax=ax, by="task")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["Launch", "Digest", "Invoices"]
    digest = [(a, b) for lane, a, b, _ in polygons(ax, "Paused") if lane == 1]
    pauses = result("contract").pauses.query("task == 3")
    assert len(digest) < len(pauses)
    assert digest[0][0] == pytest.approx(date2num(pauses["start"].min()))
    assert digest[-1][1] == pytest.approx(date2num(pauses["end"].max()))
    assert all(first[1] < second[0] for first, second in pairwise(digest))


def test_runs_have_lanes_where_they_are_few_else_tasks() -> None:
    assert lanes.lanes(Story(result("contract"))).title == "Timeline of 16 runs"
    assert lanes.lanes(Story(result("quarter"))).title == "Timeline of 60 tasks"
    assert lanes.lanes(Story(result("contract")), most=15).title == "Timeline of 3 tasks"


def test_lanes_beyond_the_most_are_folded_into_one_and_said(ax: Axes) -> None:
    charts.timeline(result("quarter"), ax=ax, most=10)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert len(labels) == 10
    assert labels[-1] == "51 other tasks"
    assert heading(ax) == "Timeline of 60 tasks, 51 of them in one lane"
    largest = result("quarter").tasks.nlargest(9, "requests")["name"]
    assert set(labels[:-1]) == set(largest)
    every = Bands(*_of_all(result("quarter"))).united()
    folded = [band for band in polygons(ax, "Paused") if band[0] == 9]
    assert 0 < len(folded) <= len(every.lane)


def _of_all(found: sessim.Result) -> tuple[Any, Any, Any]:
    pauses = found.pauses
    start, end = (story.instants(pauses[name]) for name in ("start", "end"))
    return np.zeros(len(pauses), dtype=np.int64), start, end


def test_lanes_fit_into_the_axes_they_are_given() -> None:
    small = Figure((5, 3), layout="constrained").add_subplot()
    drawn(charts.timeline(result("quarter"), ax=small))
    large = charts.timeline(result("quarter"), ax=Figure((10, 12)).add_subplot())
    assert len(small.get_yticks()) < 20
    assert len(large.get_yticks()) == 60
    figure = small.get_figure()
    assert isinstance(figure, Figure)
    boxes = [text.get_window_extent() for text in small.get_yticklabels()]
    overlaps = [a.y0 < b.y1 - 1 for a, b in pairwise(boxes)]
    assert not any(overlaps)


def test_labels_are_thinned_where_more_lanes_are_asked_for_than_fit() -> None:
    found = charts.timeline(result("quarter"), ax=Figure((5, 2)).add_subplot(), most=60)
    assert found.get_ylim() == (59.6, -0.6)
    assert 5 < len(found.get_yticks()) < 30


def test_finish_is_marked(ax: Axes) -> None:
    charts.timeline(result("contract"), ax=ax)
    dots = next(line for line in ax.lines if line.get_label() == "Sent")
    finished = result("contract").runs["finished"]
    assert sorted(dots.get_xdata()) == pytest.approx(sorted(date2num(finished)))
    assert legend(ax)[-1] == "Done 14 December 2026 at 08:04"
    assert ax.lines[-1].get_xdata()[0] == pytest.approx(date2num(result("contract").end))


def test_done_is_that_of_the_chosen_tasks(ax: Axes) -> None:
    charts.timeline(result("contract"), ax=ax, tasks="Invoices")
    assert legend(ax)[-1] == "Done 8 December 2026 at 00:03"


def test_unfinished_work_is_said_and_cancelled_work_is_marked(ax: Axes) -> None:
    charts.timeline(result("unfinished"), ax=ax)
    assert heading(ax) == "Timeline of 12 runs; not all finished by 21 December 2026 at 00:00"
    assert [line.get_label() for line in ax.lines] == ["Cancelled"]
    assert not any(text.startswith("Done") for text in legend(ax))
    waits = named(ax, "To start")
    assert isinstance(waits, LineCollection)
    early = waits.get_segments()[-1]  # cancelled five days before it was due
    assert early[1][0] == pytest.approx(date2num(pd.Timestamp("2026-12-10 10:00+08:00")))


def test_task_to_come_waits_up_to_the_end_of_the_picture(ax: Axes) -> None:
    short = sessim.simulate(contract(), until="2026-12-02")
    charts.timeline(short, ax=ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "Launch",
        "Digest #1",
        "Digest #2",
        "Invoices",
    ]
    waits = named(ax, "To start")
    assert isinstance(waits, LineCollection)
    assert waits.get_segments()[-1][1][0] == ax.get_xlim()[1]


def test_paused_is_white_with_hatch_and_edge(ax: Axes) -> None:
    charts.timeline(result("contract"), ax=ax)
    paused = named(ax, "Paused")
    assert paused.get_hatch()
    assert paused.get_facecolor().tolist() == [[1, 1, 1, 1]]
    assert paused.get_edgecolor().tolist() != [[1, 1, 1, 1]]


def test_bands_too_many_to_tell_apart_are_united_for_drawing(
    ax: Axes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessim.charts.bands._MANY", 10)
    monkeypatch.setattr("sessim.charts.bands._COLUMNS", 100)
    charts.timeline(result("contract"), ax=ax)
    bands = polygons(ax, "Paused")
    assert len({band[0] for band in bands}) == len(bands)  # 24-hour pauses with minutes between


def test_further_arguments_go_to_the_bands(ax: Axes) -> None:
    charts.timeline(result("contract"), ax=ax, alpha=0.4)
    assert {c.get_alpha() for c in ax.collections if isinstance(c, PolyCollection)} == {0.4}


def test_bands_are_united_lane_by_lane() -> None:
    bands = Bands(*(np.array(v) for v in ([1, 0, 0, 0, 1], [0, 5, 0, 3, 9], [9, 8, 3, 4, 10])))
    united = bands.united()
    assert united.lane.tolist() == [0, 0, 1]
    assert united.start.tolist() == [0, 5, 0]
    assert united.end.tolist() == [4, 8, 10]
    assert bands.united(gap=1).end.tolist() == [8, 10]


# --- random plans ---------------------------------------------------------------------------------


def simulated(data: dict[str, Any]) -> sessim.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SessimWarning)  # limits that fall
        return sessim.simulate(sessim.Plan.from_dict(data))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.plans())
def test_charts_of_random_plans_agree_with_their_tables(data: dict[str, Any]) -> None:
    data.pop("test_sends", None)
    found = simulated(data)
    story = Story(found)
    sent = sum((part.sent for part in bars.parts(story)), np.zeros(len(story.edges) - 1, int))
    dates = [pd.Timestamp(found.plan.clock.date(int(edge))) for edge in story.edges[:-1]]
    table = found.daily.groupby("date")[["sent", "cached", "backlog"]].sum()
    table = table.reindex(dates, fill_value=0)
    assert sent.tolist() == table["sent"].tolist()
    for end, cached, backlog in zip(
        story.edges[1:], table["cached"], table["backlog"], strict=True
    ):
        at = min(int(end), story.end + 1)
        assert level(story.curve, story.curve.cached, at) == pytest.approx(cached)
        assert level(story.curve, story.curve.total, at) == pytest.approx(backlog)
    bands = story.bands(lanes.lanes(story, "run", 1_000_000).runs)["paused"]
    assert (bands.end - bands.start).sum() / 3_600e6 == pytest.approx(found.pauses["hours"].sum())


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.plans())
def test_random_plans_can_be_drawn_and_described(data: dict[str, Any]) -> None:
    found = simulated(data)
    figure = Figure((8, 9), layout="constrained")
    found.plot(figure=figure)
    figure.draw_without_rendering()
    assert all(found.plot.description(chart).endswith(".") for chart in charts.CHARTS)


# --- names ----------------------------------------------------------------------------------------


def test_names_of_users_are_shown_as_text() -> None:
    nasty = plan([{"name": name.replace("\ufe0f", "x")} for name in NASTY])
    found = sessim.simulate(nasty)
    for chart in charts.CHARTS:
        drawn(getattr(found.plot, chart)(ax=Figure((10, 5), layout="constrained").add_subplot()))
    drawn(charts.overview(found, figure=Figure((10, 12), layout="constrained"))[0])


def test_dollars_do_not_begin_a_formula(ax: Axes) -> None:
    for name in ("cost $5, save $x^2$", r"\$\alpha$", "$", r"a\$b", "$$"):
        text = ax.set_title(lettering.name(name))
        assert text._preprocess_math(text.get_text()) == (name, False)


def test_underscored_and_colliding_names_keep_their_places_in_the_legend(ax: Axes) -> None:
    found = sessim.simulate(plan([{"name": "_hidden"}, {"name": "Daily limit"}]))
    charts.throughput(found, ax=ax)
    assert legend(ax) == ["_hidden", "Daily limit", "Daily limit (up to 2,000)"]


def test_long_names_lose_their_middle_and_stay_apart() -> None:
    first, second = lettering.names(NASTY[9:11], [1, 2])
    assert first == "A very very long n…n, part A"
    assert second.endswith("part B")
    alike = lettering.names(["x" * 20 + str(i) + "x" * 20 for i in (1, 2)], [7, 8], longest=12)
    assert alike == ["xxxxxxx…xxxx (7)", "xxxxxxx…xxxx (8)"]


def test_wide_characters_take_two_places() -> None:
    assert lettering.breadth("ab本") == 4
    assert lettering.breadth(lettering._cut("本" * 30, 20)) <= 20


def test_characters_without_a_glyph_become_boxes_with_a_number() -> None:
    shown, emoji = lettering.names(["\U0001f9ff\U0001f9ff", "a \U000e0001b"], [3, 4])
    assert shown == "□□ (3)"
    assert emoji == "a b"  # a character that is never seen just goes
    assert lettering.name("two\nlines\tand\x00more \ud800") == "two lines and more □"


def test_a_further_font_lends_its_glyphs() -> None:
    figure = Figure()
    with mpl.rc_context({"font.family": ["cmr10"]}):
        text = figure.text(0.5, 0.5, lettering.name("Привет, мир"))
        lettering.fit([text])
        assert text.get_text() == "Привет, мир"
        assert text.get_fontfamily() == ["cmr10", "DejaVu Sans"]
        figure.draw_without_rendering()


def test_a_font_that_cannot_be_read_has_no_glyphs(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert lettering._glyphs(str(tmp_path / "broken.ttf")) == frozenset()


# --- axes -----------------------------------------------------------------------------------------


def ticks(ax: Axes) -> tuple[list[datetime], list[str]]:
    """Return the local times of the ticks in the picture, and their labels."""
    drawn(ax)
    low, high = ax.get_xlim()
    shown = [tick for tick in ax.get_xticks() if low <= tick <= high]
    zone = ax.xaxis.get_major_locator().tz  # type: ignore[attr-defined]
    labels = [text.get_text() for text in ax.get_xticklabels()]
    return [num2date(tick, tz=zone) for tick in shown], labels


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("width", [3.5, 6.4, 12])
def test_dates_are_few_and_local(name: str, width: float) -> None:
    found = charts.throughput(
        result(name), ax=Figure((width, 4), layout="constrained").add_subplot()
    )
    times, _ = ticks(found)
    assert 2 <= len(times) <= 13
    assert all((time.minute, time.second) == (0, 0) for time in times)
    boxes = [text.get_window_extent() for text in found.get_xticklabels() if text.get_text()]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_dates_of_three_days_and_of_ninety(ax: Axes) -> None:
    times, labels = ticks(charts.backlog(result("three_days"), ax=ax))
    assert labels[:3] == ["01 Dec", "12:00", "02 Dec"]
    assert times[2] - times[0] == timedelta(days=1)
    long = charts.backlog(result("quarter"), ax=Figure((10, 4)).add_subplot())
    _, labels = ticks(long)
    assert labels == [
        "01 Dec",
        "15 Dec",
        "01 Jan",
        "15 Jan",
        "01 Feb",
        "15 Feb",
        "01 Mar",
        "15 Mar",
    ]
    assert long.get_xlabel() == "December 2026 to March 2027, local time (Asia/Shanghai)"


def test_days_around_a_clock_change_begin_at_midnight(ax: Axes) -> None:
    times, labels = ticks(charts.throughput(result("berlin"), ax=ax))
    midnights = [time for time in times if time.hour == 0]
    assert {f"{time:%d %b}" for time in midnights} <= set(labels)
    assert [time.utcoffset() for time in midnights[2:4]] == [timedelta(hours=2), timedelta(hours=1)]


def test_counts_have_thousands_separators_and_are_whole(ax: Axes) -> None:
    drawn(charts.throughput(result("contract"), ax=ax))
    assert "20,000" in [text.get_text() for text in ax.get_yticklabels()]
    few = charts.throughput(
        sessim.simulate(plan([{"requests": 2}])), ax=Figure((10, 4)).add_subplot()
    )
    labels = [text.get_text() for text in drawn(few).get_yticklabels()]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("chart", charts.CHARTS)
@pytest.mark.parametrize("name", ["contract", "quarter"])
@pytest.mark.parametrize("size", [(5, 4), (10, 5)])
def test_legend_is_above_the_data_and_inside_the_picture(
    chart: str, name: str, size: tuple[float, float]
) -> None:
    figure = Figure(size, layout="constrained")
    ax = getattr(result(name).plot, chart)(ax=figure.add_subplot())
    drawn(ax)
    box, inside = ax.get_legend().get_window_extent(), figure.bbox
    assert box.y0 >= ax.get_window_extent().y1 - 1
    assert box.x1 <= inside.x1 + 1
    assert box.y1 <= inside.y1 + 1


def test_colours_are_okabe_and_ito_s_with_and_without_matplotlib_s_palette(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = [mpl.colors.to_hex(colour.rgb) for colour in style.Colour]
    monkeypatch.setattr(mpl, "colormaps", {})
    assert [style.Colour(i).rgb for i in range(8)] == list(own) == list(style._OKABE_ITO)


def test_dark_styles_have_light_lines(ax: Axes) -> None:
    with mpl.rc_context({"text.color": "white"}):
        charts.throughput(result("berlin"), ax=ax)
    assert mpl.colors.to_hex(steps(ax)["Daily limit"].get_edgecolor()) == "#ffffff"


# --- choosing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", charts.CHARTS)
@pytest.mark.parametrize(
    "chosen", [{"tasks": "Launch"}, {"tasks": [1, "Digest"]}, {"domains": ["a.example.com"]}]
)
def test_tasks_and_domains_are_chosen_by_name_or_id(
    chart: str, chosen: dict[str, Any], ax: Axes
) -> None:
    drawn(getattr(result("contract").plot, chart)(ax=ax, **chosen))
    assert result("contract").plot.description(chart, **chosen)


def test_bars_of_chosen_tasks_are_theirs(ax: Axes) -> None:
    charts.throughput(result("contract"), ax=ax, tasks=[np.int64(2), "Digest"])
    assert [container.get_label() for container in ax.containers] == ["Invoices", "Digest"]
    assert sum(by_day(ax).values()) == 78_000


@pytest.mark.parametrize("chart", charts.CHARTS)
def test_picture_of_some_is_as_long_as_their_life_and_a_day_at_either_end(
    chart: str, ax: Axes
) -> None:
    getattr(result("contract").plot, chart)(ax=ax, tasks="Invoices")  # 3 December to 8 December
    zone = result("contract").plan.clock.zone
    first, last = (num2date(edge, tz=zone) for edge in ax.get_xlim())
    assert (last.month, last.day, last.hour) == (12, 10, 0)
    assert timedelta(0) < datetime(2026, 12, 2, tzinfo=zone) - first < timedelta(hours=2)


def test_days_of_some_are_those_of_all_of_them() -> None:
    whole, some = Story(result("contract")), Story(result("contract"), tasks="Invoices")
    assert some.edges.tolist() == whole.edges[1:10].tolist()
    for name in ("limits", "full_days"):
        ((_, days),) = getattr(some, name).items()
        assert days.tolist() == getattr(whole, name)["a.example.com"][1:9].tolist()
    digest = Story(result("contract"), tasks="Digest")
    assert digest.edges.tolist() == whole.edges.tolist()


def test_days_of_unfinished_work_go_on_to_the_end() -> None:
    whole = Story(result("unfinished")).edges.tolist()
    assert Story(result("unfinished"), tasks=2).edges.tolist() == whole[1:]  # paused for good
    assert Story(result("unfinished"), tasks=5).edges.tolist() == whole[3:]
    assert Story(result("unfinished"), tasks=3).edges.tolist() == whole[3:12]
    assert Story(result("unfinished"), tasks=[]).edges.tolist() == whole
    assert Story(many_domains(), domains="a.example.com").edges.shape == (3,)


@pytest.mark.parametrize("chart", charts.CHARTS)
def test_nothing_chosen_is_an_empty_chart(chart: str, ax: Axes) -> None:
    drawn(getattr(result("contract").plot, chart)(ax=ax, tasks=[]))
    assert result("contract").plot.description(chart, tasks=[])


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"tasks": "Lunch"}, "there is no task 'Lunch'; did you mean 'Launch'?"),
        ({"tasks": 4}, "there is no task 4; known are Digest, Invoices, Launch"),
        ({"tasks": [0]}, "there is no task 0; known are"),
        ({"domains": "b.example.com"}, "there is no domain 'b.example.com'; did you mean 'a."),
        ({"domains": [1]}, "there is no domain 1; known are a.example.com"),
    ],
)
def test_what_is_not_there_cannot_be_chosen(chosen: dict[str, Any], words: str) -> None:
    with pytest.raises(charts.SelectionError) as caught:
        charts.backlog(result("contract"), ax=Figure().add_subplot(), **chosen)
    assert str(caught.value).startswith(words)
    assert isinstance(caught.value, ValueError)


def test_many_known_names_are_not_listed() -> None:
    with pytest.raises(charts.SelectionError, match=r"see the column name of result\.tasks"):
        Story(result("quarter"), tasks="?")


# --- figures and files ----------------------------------------------------------------------------


def test_overview_has_the_three_charts_with_one_time_axis() -> None:
    figure = Figure((10, 10), layout="constrained")
    axes = result("contract").plot(figure=figure)
    assert axes.shape == (3,)
    assert [heading(ax).split()[0] for ax in axes] == ["Emails", "Backlog:", "Timeline"]
    axes[0].set_xlim(axes[0].get_xlim()[0], axes[0].get_xlim()[0] + 2)
    assert len({ax.get_xlim() for ax in axes}) == 1
    assert [bool(ax.get_xlabel()) for ax in axes] == [False, False, True]
    drawn(axes[0])


def test_without_axes_a_new_figure_is_made_and_never_shown(
    pyplot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyplot, "show", lambda: pytest.fail("shown"))
    before = pyplot.figure().add_subplot()
    made = [getattr(result("contract").plot, chart)() for chart in charts.CHARTS]
    made.append(result("contract").plot()[0])
    assert len({before.get_figure(), *(ax.get_figure() for ax in made)}) == 5
    assert not before.has_data()
    assert made[0].get_figure() is pyplot.figure(made[0].get_figure().number)


def test_height_of_a_new_timeline_follows_the_lanes(pyplot: Any) -> None:
    few, many = (charts.timeline(result(name)).get_figure() for name in ("three_days", "quarter"))
    assert few.get_figheight() < 3.5 < 8 < many.get_figheight() < 12


def test_files_are_the_same_from_run_to_run_and_describe_themselves(tmp_path: Path) -> None:
    found = sessim.simulate(three_days())
    first = charts.save_all(found, tmp_path / "a")
    second = charts.save_all(sessim.simulate(three_days()), tmp_path / "b" / "c")
    assert [file.name for file in first] == ["throughput.png", "backlog.png", "timeline.png"]
    for one, other, chart in zip(first, second, charts.CHARTS, strict=True):
        assert one.read_bytes() == other.read_bytes()
        with Image.open(one) as picture:
            assert picture.size[0] == 1440
            assert picture.text["Description"] == charts.description(found, chart)


def test_importing_is_lazy_and_nothing_needs_pyplot(tmp_path: Path) -> None:
    code = f"""
import sys
import sessim
assert "matplotlib" not in sys.modules
plan = sessim.Plan(start="2026-12-01", domains=[sessim.Domain("a.example.com")],
                   tasks=[sessim.Task("Launch", sender="x@a.example.com", requests=5000)])
result = sessim.simulate(plan)
from sessim import charts
assert "matplotlib" in sys.modules
from matplotlib.figure import Figure
charts.save_all(result, {str(tmp_path)!r})
result.plot(figure=Figure(layout="constrained"))
result.plot.timeline(ax=Figure().add_subplot())
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# --- descriptions ---------------------------------------------------------------------------------


DESCRIPTIONS = {
    ("contract", "throughput"): (
        "138,000 emails sent on 14 days from 1 December 2026 to 14 December 2026, at most 40,000 "
        "in a day (7 December 2026); the daily limit was reached on 7 days."
    ),
    ("contract", "backlog"): (
        "The backlog was largest with 79,500 emails on 3 December 2026 at 09:00, all of them in "
        "the cache queue; it was gone on 14 December 2026 at 08:04."
    ),
    ("contract", "timeline"): (
        "3 tasks with 16 runs, paused 36 times for 794 hours in all; all finished on "
        "14 December 2026 at 08:04."
    ),
    ("fair", "throughput"): (
        "40,500 emails sent on 5 days from 1 December 2026 to 5 December 2026, at most 17,279 in "
        "a day (3 December 2026); the daily limit was reached by a.example.com on 2 days and by "
        "b.example.com on 1 day."
    ),
    ("unlimited", "throughput"): (
        "900,000 emails sent on 6 days from 1 December 2026 to 6 December 2026, at most 172,800 "
        "in a day (2 December 2026); there was no daily limit."
    ),
    ("unlimited", "timeline"): (
        "2 tasks with 2 runs, never paused; all finished on 6 December 2026 at 05:00."
    ),
    ("unfinished", "backlog"): (
        "The backlog was largest with 55,620 emails on 5 December 2026 at 07:00, all of them in "
        "the cache queue; 12,720 emails were left at the end."
    ),
    ("unfinished", "timeline"): (
        "5 tasks with 12 runs, paused 99 times for 2,699 hours in all; 3 tasks not finished by "
        "21 December 2026 at 00:00."
    ),
}


@pytest.mark.parametrize(("name", "chart"), DESCRIPTIONS)
def test_descriptions(name: str, chart: str) -> None:
    assert charts.description(result(name), chart) == DESCRIPTIONS[name, chart]


def test_description_of_many_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    assert charts.description(many_domains(), "throughput").endswith(
        "; the daily limit was reached by a.example.com on 1 day, by b.example.com on 2 days, "
        "by c.example.com on 3 days, by d.example.com on 4 days and by e.example.com on 5 days; "
        "f.example.com has no limit."
    )
    monkeypatch.setattr(bars, "_LISTED", 1)
    assert charts.description(many_domains(), "throughput").endswith(
        "reached by a.example.com on 1 day and by 4 other domains; f.example.com has no limit."
    )


def test_descriptions_of_little() -> None:
    one = sessim.simulate(plan([{"requests": 1}]))
    assert [charts.description(one, chart) for chart in charts.CHARTS] == [
        "1 email sent on 1 December 2026; the daily limit was never reached.",
        (
            "The backlog was largest with 1 email on 1 December 2026 at 00:00, none of them in the "
            "cache queue; it was gone on 1 December 2026 at 00:00."
        ),
        "1 task with 1 run, never paused; all finished on 1 December 2026 at 00:00.",
    ]
    stuck = plan([{}], horizon="3d", domains=[{"name": "a.example.com", "warmup": 0}])
    assert charts.description(sessim.simulate(stuck), "throughput") == "No email was sent."
    assert charts.description(one, "backlog", tasks=[]) == "There was no backlog."


def test_description_of_an_unknown_chart_is_refused() -> None:
    with pytest.raises(ValueError, match=r"use one of throughput, backlog, timeline$"):
        charts.description(result("contract"), "pie")
