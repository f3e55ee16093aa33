"""The domains and the backlog at any instant, and the lives of tasks, judged by the reference."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim import charts, life
from sessim.eventlog import NONE, Event
from sessim.lifecycle import TRANSITIONS, TaskStatus
from sessim.summary import summary
from tests import results
from tests.reference import FINISHED, TO_START, Reference, status_at
from tests.reference import simulate as by_hand
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


@pytest.fixture
def launch() -> sessim.Result:
    return results.launch()


CLOSING = (Event.DAY, Event.LIMIT, Event.END)


def instants(result: sessim.Result, draw: st.DataObject, number: int = 8) -> list[int]:
    """Draw instants of the log, and others between its beginning and its end."""
    first, last = int(result.log.time[0]), int(result.log.time[-1])
    anywhere = st.integers(first, max(first, last - 1))
    told = st.sampled_from(sorted(set(result.log.time.tolist())))
    wanted = draw.draw(st.lists(told | anywhere, min_size=1, max_size=number))
    return [instant for instant in wanted if instant < last]


def sent_today(reference: Reference, plan: sessim.Plan, domain: str, instant: int) -> int:
    """Count the emails of a domain on the day of an instant, up to and at it, one by one."""
    date = plan.clock.date(instant)
    emails = sum(
        when <= instant and plan.clock.date(when) == date and plan.tasks[task - 1].domain == domain
        for when, task, _ in reference.emails
    )
    tests = zip(
        sorted(plan.test_sends, key=lambda test: plan.clock.instant(test.at)),
        sorted(reference.tests, key=lambda test: test[0]),
        strict=False,
    )
    return emails + sum(
        sent
        for test, (when, sent, _) in tests
        if test.domain == domain and when <= instant and plan.clock.date(when) == date
    )


@settings(max_examples=settings().max_examples * 2 // 5)
@given(plans(), st.data())
def test_domains_at_counts_as_the_reference_does(plan: dict[str, Any], data: st.DataObject) -> None:
    plan = {**plan, "window": "day", "test_sends": plan.get("test_sends", [])[:1]}
    reference, result = by_hand(plan), sessim.simulate(sessim.Plan.from_dict(plan))
    for instant in instants(result, data):
        found = result.domains_at(result.plan.clock.local(instant))
        statuses = status_at(reference, instant)
        for row in found.itertuples():
            used = sent_today(reference, result.plan, row.domain, instant)
            assert row.used == used
            date = result.plan.clock.date(instant).isoformat()
            if instant <= reference.end:  # it knows no limits from then on
                limit = reference.limits[row.domain, date]
                assert (None if pd.isna(row.limit) else row.limit) == limit
            assert pd.isna(row.left) if pd.isna(row.limit) else row.left == row.limit - used
            own = [
                (status, sent, cached, reference.runs[key])
                for key, (status, sent, cached, _) in statuses.items()
                if result.plan.tasks[key[0] - 1].domain == row.domain
            ]
            assert row.cached == sum(cached for *_, cached, _ in own)
            assert row.backlog == sum(
                run.requests - sent
                for status, sent, _, run in own
                if run.due <= instant and status not in (*FINISHED, TO_START)
            )


@settings(max_examples=settings().max_examples)
@given(plans())
def test_domains_at_agrees_with_every_row_of_the_log(plan: dict[str, Any]) -> None:
    """In rolling windows too: what the model counted when it wrote a row is what is found."""
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    log = result.log
    for instant in np.unique(log.time).tolist():
        found = result.domains_at(result.plan.clock.local(instant)).set_index("domain")
        for code, domain in enumerate(log.domains):
            rows = np.flatnonzero((log.time == instant) & (log.domain == code))
            if not len(rows) or log.event[rows[-1]] in CLOSING:
                continue  # an email may fall on the instant behind a row that closes the day
            row = rows[-1]
            assert found.loc[domain, "used"] == log.sent_today[row]
            limit = found.loc[domain, "limit"]
            assert (NONE if pd.isna(limit) else limit) == log.limit[row]


def test_domains_at_an_instant_inside_a_day(launch: sessim.Result) -> None:
    found = launch.domains_at("2026-12-05 00:05").set_index("domain")
    assert found.loc["launch.example.com"].to_dict() == {
        "day": 5, "limit": 10_000, "used": 6_000, "left": 4_000, "cached": 123_500,
        "backlog": 123_500, "sending": 2, "paused": 0,
    }  # fmt: skip
    assert launch.at("2026-12-05 00:05")["cached"].sum() == found["cached"].sum()


def test_domains_before_the_first_limit_and_without_one() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        window="rolling",
        domains=[sessim.Domain("a.example.com", warmup="none"), sessim.Domain("b.example.com")],
        tasks=[
            sessim.Task("A", sender="x@a.example.com", requests=5),
            sessim.Task("B", sender="x@b.example.com", requests=5, start="2026-12-02"),
        ],
    )
    found = sessim.simulate(plan).domains_at("2026-12-01 12:00")
    assert found["used"].tolist() == [5, 0]
    assert found[["day", "limit", "left"]].isna().all(axis=None)


# --- lives ----------------------------------------------------------------------------------------


@settings(max_examples=settings().max_examples * 2 // 5)
@given(plans())
def test_a_life_tells_every_transition(plan: dict[str, Any]) -> None:
    reference, result = by_hand(plan), sessim.simulate(sessim.Plan.from_dict(plan))
    codes = {status.label: int(status) for status in TaskStatus}
    told = set()
    for task in range(1, len(result.plan.tasks) + 1):
        found = result.life(task)
        assert found["time"].is_monotonic_increasing
        assert (found["reason"] != "").all()
        happened = found[found["run"].notna() & ~found["event"].isin(["refused", "skipped"])]
        told |= {
            (row.time.value // 1000, task, int(row.run), codes[row.status])
            for row in happened.itertuples()
        }
        for _, run in happened.groupby("run"):
            steps = [TaskStatus.TO_START, *(TaskStatus(codes[s]) for s in run["status"])]
            assert all(b in TRANSITIONS[a] for a, b in pairwise(steps))
    assert told == {entry for entry in reference.transitions if entry[3] != TO_START}


def test_the_life_of_a_task_in_words(launch: sessim.Result) -> None:
    found = launch.life("Newsletter")
    first = found[found["run"] == 1]
    assert first["status"].tolist() == ["Sending", "Paused"] * 3 + ["Sending", "Sent"]
    assert first["reason"].tolist() == [
        "due",
        *["daily limit reached", "restarted by itself: the limit began anew"] * 3,
        "all its emails are sent",
    ]
    assert (first["requests"] == 35_000).all()
    assert launch.life(3).equals(found)


def test_restarts_by_hand_are_told_as_such() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        restart="manual",
        restart_at="09:00",
        domains=[sessim.Domain("a.example.com", warmup=[3, 0, 5])],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=5)],
    )
    found = sessim.simulate(plan).life(1)
    assert found["event"].tolist() == [
        "sending", "paused", "refused", "refused", "restarted", "sent",
    ]  # fmt: skip
    assert found["reason"].tolist()[2:5] == [life.REASONS[Event.REFUSED]] * 2 + [life.BY_HAND]


@pytest.mark.parametrize(
    ("task", "hint"), [("Newsleter", "Newsletter"), (0, "1 to 8"), (9, "1 to 8"), ("x", "Invoices")]
)
def test_a_task_that_is_not_there(launch: sessim.Result, task: Any, hint: str) -> None:
    with pytest.raises(sessim.LogError, match=hint):
        launch.life(task)


# --- summary --------------------------------------------------------------------------------------


@settings(max_examples=settings().max_examples * 2 // 5)
@given(plans(), st.data())
def test_the_largest_backlog_is_what_the_reference_counts(
    plan: dict[str, Any], data: st.DataObject
) -> None:
    reference, result = by_hand(plan), sessim.simulate(sessim.Plan.from_dict(plan))
    chosen = data.draw(st.sets(st.integers(1, len(result.plan.tasks)), min_size=1))
    found = summary(result, tasks=chosen)
    dues = sorted({run.due for key, run in reference.runs.items() if key[0] in chosen})
    backlogs = [backlog(reference, chosen, due) for due in dues if due <= reference.end]
    most = max(backlogs, default=0)
    assert found.largest_backlog == most
    if most:
        first = dues[backlogs.index(most)]
        assert found.largest_backlog_at == pd.Timestamp(result.plan.clock.local(first))
    else:
        assert pd.isna(found.largest_backlog_at)


def backlog(reference: Reference, tasks: set[int], instant: int) -> int:
    return sum(
        reference.runs[key].requests - sent
        for key, (status, sent, _, _) in status_at(reference, instant).items()
        if key[0] in tasks and status not in (*FINISHED, TO_START)
    )


def test_the_figures_come_from_the_tables(launch: sessim.Result) -> None:
    found, tasks, daily = summary(launch), launch.tasks, launch.daily
    full = daily[daily["limit"].notna() & (daily["sent"] >= daily["limit"]) & (daily["sent"] > 0)]
    assert found.finish == tasks["finished"].max() == launch.end
    assert found.sent == tasks["sent"].sum() == 1_084_000
    assert (found.unsent, found.failed, found.cancelled) == (0, 0, 0)
    assert found.pauses == len(launch.pauses)
    assert found.paused_hours == pytest.approx(launch.pauses["hours"].sum())
    assert found.days_at_limit == len(full) == 16
    assert found.utilisation == pytest.approx(daily["sent"].sum() / daily["limit"].sum())
    assert str(found.largest_backlog_at) == "2026-12-14 09:00:00+08:00"


def test_figures_of_chosen_tasks_and_domains(launch: sessim.Result) -> None:
    one = summary(launch, tasks="Newsletter")
    assert (one.sent, one.pauses, one.largest_backlog) == (175_000, 3, 35_000)
    assert summary(launch, tasks=[3]) == one
    domain = summary(launch, domains="launch.example.com")
    assert domain.days_at_limit == 7
    nothing = summary(launch, tasks="Newsletter", domains="launch.example.com")
    assert (nothing.sent, nothing.largest_backlog) == (0, 0)
    assert pd.isna(nothing.finish)
    assert np.isnan(nothing.utilisation)


@pytest.mark.parametrize("task", range(1, 9))
def test_days_at_the_limit_are_those_that_the_chart_tells_of(
    launch: sessim.Result, task: int
) -> None:
    found, said = summary(launch, tasks=task), charts.description(launch, "throughput", tasks=task)
    reached = re.search(r"limit was reached on (\d+) days?", said)
    assert found.days_at_limit == (int(reached[1]) if reached else 0)


def test_limits_count_while_the_chosen_tasks_live() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("a.example.com", warmup=10)],
        tasks=[
            sessim.Task("Long", sender="x@a.example.com", requests=60),
            sessim.Task("Late", sender="x@a.example.com", requests=4, start="2026-12-12"),
        ],
    )
    result = sessim.simulate(plan)
    assert (summary(result).days_at_limit, summary(result, tasks="Long").days_at_limit) == (6, 6)
    late = summary(result, tasks="Late")
    assert (late.days_at_limit, late.utilisation) == (0, 0.2)  # none of 10, then 4 of 10


def test_work_that_is_left_has_no_finish() -> None:
    plan = sessim.Plan(
        start="2026-12-01",
        horizon="2d",
        domains=[sessim.Domain("a.example.com", warmup=10)],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=50)],
    )
    found = summary(sessim.simulate(plan))
    assert pd.isna(found.finish)
    assert (found.unsent, found.days_at_limit, found.utilisation) == (30, 2, 1.0)
