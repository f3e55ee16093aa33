"""Recurrences and the order of runs (rules R6 and R3)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessim
from sessim.clock import DAY, HOUR, Clock, moment
from sessim.schedule import Recurrence, runs
from tests.strategies import TIMES, ZONES

BERLIN = "Europe/Berlin"
behind_the_horizon = pytest.mark.filterwarnings("ignore:task 'T' starts at or after the horizon")


def plan_of(zone: str = "Asia/Shanghai", horizon: str | None = None, **task: Any) -> sessim.Plan:
    """Return a plan of one task, which begins in 2026."""
    return sessim.Plan(
        start="2026-03-01" if zone != "Asia/Shanghai" else "2026-12-01",
        timezone=zone,
        horizon=horizon,
        domains=[{"name": "a.com"}],
        tasks=[{"name": "T", "sender": "a@a.com", "requests": 1} | task],
    )


def dues(zone: str = "Asia/Shanghai", horizon: str | None = None, **task: Any) -> list[str]:
    """Return when the runs of a task are due, as the clocks on the wall show it."""
    plan = plan_of(zone, horizon, **{"start": "2026-12-01 08:00"} | task)
    return [f"{plan.clock.local(due):%Y-%m-%d %H:%M}" for due in plan.runs.due.tolist()]


# --- ends ---------------------------------------------------------------------------------------


@behind_the_horizon
def test_a_single_run_is_due_at_its_start_even_behind_the_horizon() -> None:
    plan = plan_of(start="2026-12-09", horizon="2d")
    assert plan.runs.due.tolist() == [plan.clock.day_start(date(2026, 12, 9))]
    assert plan.runs.due[0] > plan.end_instant


def test_count_ends_a_recurrence() -> None:
    assert dues(every="8h", count=4) == [
        "2026-12-01 08:00",
        "2026-12-01 16:00",
        "2026-12-02 00:00",
        "2026-12-02 08:00",
    ]
    assert len(dues(every=1, count=1)) == 1


@pytest.mark.parametrize("by", ["elapsed", "wall"])
@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("2026-12-03 08:00", "2026-12-03 08:00"),  # a run due exactly then is sent
        ("2026-12-03 07:59:59.999999", "2026-12-03 00:00"),
        ("2026-12-03 08:00:00.000001", "2026-12-03 08:00"),
        ("2026-12-02", "2026-12-02 16:00"),  # midnight after a bare date is another day's
        ("2026-12-03 00:00", "2026-12-03 00:00"),
        ("2026-12-01", "2026-12-01 16:00"),
        ("2026-12-01 08:00", "2026-12-01 08:00"),
        ("2026-12-03 00:00Z", "2026-12-03 08:00"),
    ],
)
def test_until_ends_a_recurrence(until: str, last: str, by: str) -> None:
    assert dues(every="8h", until=until, every_by=by)[-1] == last


@pytest.mark.parametrize("by", ["elapsed", "wall"])
def test_the_earlier_of_count_and_until_holds(by: str) -> None:
    assert len(dues(every="24h", count=3, until="2026-12-31", every_by=by)) == 3
    assert len(dues(every="24h", count=9, until="2026-12-02", every_by=by)) == 2


@pytest.mark.parametrize("by", ["elapsed", "wall"])
def test_what_never_ends_goes_up_to_the_horizon_which_is_not_part_of_it(by: str) -> None:
    assert dues(every="24h", horizon="2026-12-03 08:00", every_by=by)[-1] == "2026-12-02 08:00"
    assert dues(every="24h", horizon="2026-12-03 08:01", every_by=by)[-1] == "2026-12-03 08:00"
    assert dues(every="24h", horizon="2026-12-03", every_by=by)[-1] == "2026-12-03 08:00"
    assert len(dues(every="24h", every_by=by)) == 365


@behind_the_horizon
@pytest.mark.parametrize("by", ["elapsed", "wall"])
def test_a_recurrence_that_begins_behind_the_horizon_has_no_run(by: str) -> None:
    plan = plan_of(start="2026-12-09 08:00", every=24, every_by=by, horizon="2d")
    assert len(plan.runs) == 0
    assert plan.goes_on == (True,)


@pytest.mark.parametrize("by", ["elapsed", "wall"])
def test_goes_on_tells_of_runs_behind_the_horizon(by: str) -> None:
    daily = {"start": "2026-12-01 08:00", "every": 24, "every_by": by, "horizon": "2026-12-03"}
    assert plan_of(**daily).goes_on == (True,)
    assert plan_of(**daily, count=4).goes_on == (True,)
    assert plan_of(**daily, count=3).goes_on == (False,)
    assert plan_of(**daily, until="2026-12-04 08:00").goes_on == (True,)
    assert plan_of(**daily, until="2026-12-04 07:59").goes_on == (False,)
    assert plan_of(**daily, until="2026-12-03").goes_on == (False,)
    assert plan_of(horizon="2d").goes_on == (False,)


# --- clock changes ------------------------------------------------------------------------------


def test_elapsed_hours_shift_on_the_wall_when_the_clocks_change() -> None:
    spring = {"start": "2026-03-28 08:00", "every": "24h", "count": 3}
    assert dues(BERLIN, **spring) == ["2026-03-28 08:00", "2026-03-29 09:00", "2026-03-30 09:00"]
    autumn = {"start": "2026-10-24 08:00", "every": "24h", "count": 3}
    assert dues(BERLIN, **autumn) == ["2026-10-24 08:00", "2026-10-25 07:00", "2026-10-26 07:00"]


def test_wall_clock_hours_keep_the_time_of_day() -> None:
    spring = {"start": "2026-03-28 08:00", "every": "24h", "count": 3, "every_by": "wall"}
    assert dues(BERLIN, **spring) == ["2026-03-28 08:00", "2026-03-29 08:00", "2026-03-30 08:00"]
    autumn = spring | {"start": "2026-10-24 08:00"}
    assert dues(BERLIN, **autumn) == ["2026-10-24 08:00", "2026-10-25 08:00", "2026-10-26 08:00"]


@pytest.mark.parametrize(
    ("zone", "start", "second", "third"),
    [
        (BERLIN, "2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30"),
        ("America/Havana", "2026-03-07 00:15", "2026-03-08 01:15", "2026-03-09 00:15"),
        ("Australia/Lord_Howe", "2026-10-03 02:10", "2026-10-04 02:40", "2026-10-05 02:10"),
    ],
)
def test_on_the_wall_a_skipped_time_moves_by_the_gap_for_that_day(
    zone: str, start: str, second: str, third: str
) -> None:
    found = dues(zone, start=start, every="24h", count=3, every_by="wall")
    assert found == [start, second, third]


def test_on_the_wall_a_repeated_hour_means_the_first() -> None:
    hourly = {"start": "2026-10-25 01:30", "every": 1, "count": 4}
    assert dues(BERLIN, **hourly) == [f"2026-10-25 {hour}:30" for hour in ("01", "02", "02", "03")]
    by_wall = dues(BERLIN, **hourly, every_by="wall")
    assert by_wall == [f"2026-10-25 {hour}:30" for hour in ("01", "02", "03", "04")]


@st.composite
def recurrences(draw: st.DrawFn) -> tuple[str, Recurrence, int]:
    """Draw a zone, a recurrence shortly before its clocks change, and a horizon."""
    zone = draw(st.sampled_from(sorted(ZONES)))
    clock = Clock(zone)
    day = draw(st.sampled_from(ZONES[zone]))
    first = clock.instant(moment(f"{day} {draw(st.sampled_from(TIMES))}"))
    until = draw(st.none() | st.integers(0, 9 * 24 * 60).map(lambda m: first + m * (HOUR // 60)))
    count = draw(st.none() | st.integers(1, 30))
    end = first + draw(st.integers(1, 9 * DAY) | st.integers(1, 9 * 24).map(lambda h: h * HOUR))
    hours = draw(st.integers(1, 50))
    return zone, Recurrence(first, hours, count, until, draw(st.booleans())), end


def one_by_one(recurrence: Recurrence, zone: str) -> list[int]:
    """Return due instants of a recurrence as rule R6 words it, a few too many."""
    clock = Clock(zone)
    if not recurrence.wall:
        return [recurrence.first + k * recurrence.hours * HOUR for k in range(300)]
    wall = clock.local(recurrence.first).replace(tzinfo=None)
    return [clock.instant(wall + timedelta(hours=k * recurrence.hours)) for k in range(300)]


@given(recurrences())
def test_dues_are_those_that_the_rule_words(drawn: tuple[str, Recurrence, int]) -> None:
    zone, recurrence, end = drawn
    clock = Clock(zone)
    words = one_by_one(recurrence, zone)[: recurrence.count]
    if recurrence.until is not None:
        words = [due for due in words if due <= recurrence.until]
    before = [due for due in words if due < end]
    assert recurrence.dues(clock, end).tolist() == before
    assert recurrence.goes_on(clock, len(before) + 1) == (len(words) > len(before))


def test_a_million_runs_are_laid_out() -> None:
    plan = plan_of(start="2026-12-01", every=1, count=1_000_000, horizon="50000d")
    assert len(plan.runs) == 1_000_000
    assert plan.runs.due[-1] - plan.runs.due[0] == 999_999 * HOUR


# --- order --------------------------------------------------------------------------------------


def test_runs_stand_in_order_of_due_time_creation_and_number() -> None:
    found = runs(
        [np.array([50]), np.array([10, 30, 50]), np.array([30]), np.array([], np.int64)],
        [0, 1, 0, 1],
        [5, 6, 7, 8],
    )
    rows = zip(found.due, found.task, found.number, found.domain, found.requests, strict=True)
    assert [tuple(map(int, row)) for row in rows] == [
        (10, 2, 1, 1, 6),
        (30, 2, 2, 1, 6),
        (30, 3, 1, 0, 7),
        (50, 1, 1, 0, 5),
        (50, 2, 3, 1, 6),
    ]
    assert found.previous.tolist() == [-1, 0, -1, -1, 1]
    assert len(found) == 5


def test_a_plan_may_have_no_run_at_all() -> None:
    found = runs([np.array([], np.int64)], [0], [5])
    assert (len(found), found.previous.tolist()) == (0, [])


@given(st.lists(st.lists(st.integers(0, 20), max_size=5), min_size=1, max_size=5))
def test_previous_leads_back_through_a_tasks_runs(drawn: list[list[int]]) -> None:
    found = runs(
        [np.array(sorted(due), np.int64) for due in drawn], [0] * len(drawn), [1] * len(drawn)
    )
    keys = list(zip(found.due.tolist(), found.task.tolist(), found.number.tolist(), strict=True))
    assert keys == sorted(keys)
    for rank, before in enumerate(found.previous.tolist()):
        _, task, number = keys[rank]
        assert (before == -1) == (number == 1)
        if before >= 0:
            assert keys[before][1:] == (task, number - 1)


def test_the_warm_up_begins_with_the_domains_earliest_due_date() -> None:
    plan = sessim.Plan(
        start="2026-12-01 23:30",
        timezone="America/Havana",
        domains=[{"name": n} for n in ("a.com", "b.com", "c.com")]
        + [{"name": "d.com", "warmup_start": "2026-11-20"}],
        tasks=[
            {"name": "1", "sender": "x@a.com", "requests": 1, "start": "2026-12-09"},
            {"name": "2", "sender": "x@a.com", "requests": 1, "start": "2026-12-05", "every": 24},
            {"name": "3", "sender": "x@b.com", "requests": 1},
        ],
    )
    starts = [plan.warmup_start(domain) for domain in plan.domains]
    # Without a task a domain's warm-up begins with the plan.
    assert starts == [date(2026, 12, 5), date(2026, 12, 1), date(2026, 12, 1), date(2026, 11, 20)]


def test_the_horizon_is_a_year_a_length_a_time_or_the_end_of_a_date() -> None:
    def ends(horizon: str | None, start: str = "2027-03-27 09:00") -> str:
        plan = sessim.Plan(
            start=start,
            timezone=BERLIN,
            horizon=horizon,
            domains=[{"name": "a.com"}],
            tasks=[{"name": "T", "sender": "a@a.com", "requests": 1}],
        )
        assert plan.end_instant > plan.start_instant
        return f"{plan.clock.local(plan.end_instant):%Y-%m-%d %H:%M}"

    assert ends(None) == "2028-03-27 09:00"
    assert ends(None, start="2028-02-29") == "2029-02-28 00:00"
    assert ends("2d") == "2027-03-29 09:00"  # days of the calendar, one of them of 23 hours
    assert ends("48h") == "2027-03-29 10:00"
    assert ends("2 days") == ends("2d")
    assert ends("2027-04-01 12:00") == "2027-04-01 12:00"
    assert ends("2027-04-01") == "2027-04-02 00:00"
    assert datetime.fromisoformat(ends("2027-03-27")) == datetime.fromisoformat("2027-03-28")
