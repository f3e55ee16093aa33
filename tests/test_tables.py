"""The tables against the reference's emails, counted one by one, and against a pencil."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import sessim
from sessim.lifecycle import TaskStatus
from tests.reference import (
    CANCELLED,
    FINISHED,
    HOUR,
    PAUSED,
    SENDING,
    TO_START,
    Clock,
    Domain,
    RunRecord,
    Simulation,
    _due_instants,
    status_at,
)
from tests.stories import NEWS, SHOP, instants_of, plan_of, simulated, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

Key = tuple[int, int]

RUN_COLUMNS = (
    "name domain type status requests sent cached failed cancelled progress due started finished "
    "pauses paused_hours"
)
CONTRACT = {
    "tasks": f"task {RUN_COLUMNS}",
    "runs": f"task run {RUN_COLUMNS}",
    "daily": "domain date day limit sent failed cached backlog oldest_hours utilisation",
    "pauses": "task run domain start end hours cached reason",
}
KINDS = {
    "int64": "task run requests sent cached failed cancelled pauses backlog",
    "category": "domain type status reason",
    "float64": "progress paused_hours hours oldest_hours utilisation",
    "datetime64[us, Asia/Shanghai]": "due started finished start end",
    "datetime64[us]": "date",
    "Int64": "day limit",
    "str": "name",
}
KIND_OF = {column: kind for kind, columns in KINDS.items() for column in columns.split()}


# --- columns ------------------------------------------------------------------------------------


def with_pauses() -> sessim.Result:
    return simulated(task(3), warmup=[1, 5], timezone="Asia/Shanghai")


def without_pauses() -> sessim.Result:
    return simulated(task(3), timezone="Asia/Shanghai")


def with_nothing_due() -> sessim.Result:
    late = task(3, start="2026-12-05", every="24h")
    with pytest.warns(sessim.SessimWarning, match="starts at or after the horizon"):
        return simulated(late, horizon="2026-12-02", timezone="Asia/Shanghai")


def before_anything_happened() -> sessim.Result:
    return sessim.Result(sessim.Model(plan_of(task(3), timezone="Asia/Shanghai")).log())


@pytest.mark.parametrize(
    "result", [with_pauses(), without_pauses(), with_nothing_due(), before_anything_happened()]
)
@pytest.mark.parametrize("name", CONTRACT)
def test_columns_and_their_kinds_are_the_contract_s(result: sessim.Result, name: str) -> None:
    """Whether or not there is a row."""
    frame = getattr(result, name)
    assert list(frame.columns) == CONTRACT[name].split()
    kinds = {column: str(kind) for column, kind in frame.dtypes.items()}
    assert kinds == {column: KIND_OF[column] for column in frame.columns}


def test_a_plan_without_a_pause_has_none() -> None:
    assert without_pauses().pauses.empty
    assert without_pauses().daily["oldest_hours"].isna().all()


def test_a_plan_in_which_nothing_is_due_has_no_days() -> None:
    result = with_nothing_due()
    assert result.daily.empty
    assert result.pauses.empty
    assert result.tasks["status"].tolist() == ["To start"]
    assert not result.finished


# --- against the reference ----------------------------------------------------------------------


class Judged:
    """A plan, its result, and what the reference says about it."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self.plain = plain
        self.result = sessim.simulate(sessim.Plan.from_dict(plain))
        self.simulation = Simulation(plain)
        self.reference = self.simulation.run()
        self.clock = Clock(plain["timezone"])
        self.end = int(self.result.log.time[-1])
        self.last = self.end if self.result.finished else self.end - 1  # nothing at the horizon

    @property
    def runs(self) -> dict[Key, RunRecord]:
        return self.reference.runs

    @cached_property
    def began(self) -> dict[Key, int]:
        """When each run that was due was due."""
        changes = self.reference.transitions
        return {
            (number, run): self.runs[number, run].due
            for _, number, run, status in changes
            if status in (SENDING, PAUSED)
        }

    def domain(self, number: int) -> str:
        """Return the domain of a task."""
        return self.result.plan.tasks[number - 1].domain

    # The console.

    def task_at(self, number: int, instant: int) -> tuple[str, int, int, int, int]:
        """Return a task's status, requests, sent, cached and cancelled emails at an instant."""
        told = status_at(self.reference, instant)
        runs = {run: row for (other, run), row in sorted(told.items()) if other == number}
        is_due = {
            run: self.runs[number, run].due <= instant or row[0] == CANCELLED
            for run, row in runs.items()
        }
        counted = [row for run, row in runs.items() if is_due[run]]
        requests = self.plain["tasks"][number - 1]["requests"] * len(counted)
        sums = [sum(row[place] for row in counted) for place in (1, 2, 3)]
        unfinished = [row[0] for row in counted if row[0] not in FINISHED]
        if unfinished:
            status = unfinished[0]
        elif self.goes_on(number, instant):
            status = TO_START
        else:
            status = counted[-1][0] if counted else CANCELLED
        return TaskStatus(status).label, requests, *sums  # type: ignore[return-value]

    def goes_on(self, number: int, instant: int) -> bool:
        """Tell whether runs of the task are due after an instant, the horizon or not."""
        spec = self.plain["tasks"][number - 1]
        cancelled = self.clock.instant(spec["cancel_at"]) if "cancel_at" in spec else math.inf
        if cancelled <= instant and cancelled < self.simulation.horizon:
            return False
        far = self.simulation.horizon + 60 * 24 * HOUR
        return _due_instants(spec, self.clock, self.simulation.start, far)[-1] > instant

    # Days.

    def daily_row(self, domain: str, day: date) -> dict[str, Any]:
        """Return what the table `daily` should say of a domain and day."""
        end = self.clock.begin(day + timedelta(days=1))
        keys = [key for key in self.began if self.domain(key[0]) == domain]
        told = status_at(self.reference, min(end - 1, self.last))
        cached = {key: told[key][2] for key in keys if told[key][2]}
        backlog = [
            self.runs[key].requests - told[key][1]
            for key in keys
            if self.began[key] < end and told[key][0] not in FINISHED
        ]
        oldest = [self.runs[key].pauses[0][0] for key in cached]
        sent = self.reference.daily.get((domain, day.isoformat()), 0)
        limit = self.reference.limits[domain, day.isoformat()]
        return {
            "domain": domain,
            "date": pd.Timestamp(day),
            "day": self.warmup_day(self.simulation.domains[domain], day),
            "limit": limit,
            "sent": sent,
            "failed": self.tests_on(domain, day)[1],
            "cached": sum(cached.values()),
            "backlog": sum(backlog),
            "oldest_hours": (min(end, self.end) - min(oldest)) / HOUR if oldest else None,
            "utilisation": None if limit is None else sent / max(limit, 1),
        }

    @staticmethod
    def warmup_day(domain: Domain, day: date) -> int | None:
        """Return the warm-up day of a date; None where the limits know no days."""
        if domain.warmup == "none" or isinstance(domain.warmup, int):
            return None
        return 0 if day < domain.warmup_start else domain.warmup_day(day)

    @cached_property
    def tests(self) -> list[tuple[str, date, int, int]]:
        """Where and when each test send was, with the emails sent and failed."""
        found = zip(Simulation(self.plain).test_sends, self.reference.tests, strict=False)
        return [
            (test.domain.name, self.clock.date_of(test.at), sent, failed)
            for test, (_, sent, failed) in found
        ]

    def tests_on(self, domain: str, day: date) -> tuple[int, int]:
        """Return the emails of test sends that were sent and that failed on a day."""
        those = [entry for entry in self.tests if entry[:2] == (domain, day)]
        return sum(entry[2] for entry in those), sum(entry[3] for entry in those)

    def days(self, domain: str) -> list[date]:
        """Return the dates from the first due run to the last with work."""
        keys = [key for key in self.began if self.domain(key[0]) == domain]
        if not keys:
            return []
        first = self.clock.date_of(min(self.began[key] for key in keys))
        busy = {date.fromisoformat(day) for name, day in self.reference.daily if name == domain}
        busy |= {day for name, day, _, failed in self.tests if name == domain and failed}
        for key in keys:  # up to and with the day in which its backlog ended
            until = self.runs[key].finished
            busy.add(self.clock.date_of(self.last if until is None else until))
        day, found = first, []
        while day <= max(busy):
            if self.clock.begin(day) < self.clock.begin(day + timedelta(days=1)):
                found.append(day)
            day += timedelta(days=1)
        return found


def values_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows, what is empty as None."""
    plain = frame.astype(object).where(frame.notna(), None)
    return plain.to_dict("records")


@given(plans().filter(lambda plan: plan.get("window") != "rolling"))
def test_daily_is_what_the_emails_say(plain: dict[str, Any]) -> None:
    judged = Judged(plain)
    expected = [
        judged.daily_row(domain["name"], day)
        for domain in plain["domains"]
        for day in judged.days(domain["name"])
    ]
    assert values_of(judged.result.daily) == expected


@given(plans().map(lambda plan: plan | {"window": "rolling"}))
def test_daily_is_what_the_emails_say_in_a_rolling_window(plain: dict[str, Any]) -> None:
    """All but the limit, which is that of the window and not of the date."""
    judged = Judged(plain)
    expected = [
        judged.daily_row(domain["name"], day)
        for domain in plain["domains"]
        for day in judged.days(domain["name"])
    ]
    for row in (found := values_of(judged.result.daily)) + expected:
        del row["limit"], row["utilisation"]
    assert found == expected


@given(plans())
def test_pauses_are_the_reference_s(plain: dict[str, Any]) -> None:
    judged = Judged(plain)
    expected = []
    for (number, run), record in judged.runs.items():
        for start, end in record.pauses:
            told = status_at(judged.reference, start)[number, run]
            hours = ((judged.end if end is None else end) - start) / HOUR
            expected.append((start, number, run, judged.domain(number), end, hours, told))
    frame = judged.result.pauses
    assert frame["start"].is_monotonic_increasing
    found = [
        (row.start.value // 1000, row.task, row.run, row.domain,
         None if row.end is pd.NaT else row.end.value // 1000, row.hours, row.cached)
        for row in frame.itertuples()
    ]  # fmt: skip
    # What a run has cached when it pauses stays so until it is sent; within one instant it may
    # have been paused and cancelled.
    assert sorted(row[:6] for row in found) == sorted(row[:6] for row in expected)
    cached = {row[:3]: row[6] for row in found}
    for start, number, run, *_, (status, _, emails, _) in expected:
        assert status != PAUSED or cached[start, number, run] == emails


def counts_of(row: Any) -> tuple[Any, ...]:
    """Return what the reference says of a task, from a row of the console's list."""
    return row.status, row.requests, row.sent, row.cached, row.cancelled


@given(plans(), st.data())
def test_the_console_at_any_instant_is_the_reference_s(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    judged = Judged(plain)
    for instant in data.draw(st.lists(instants_of(judged.result.log), min_size=1, max_size=4)):
        frame = judged.result.at(judged.result.plan.clock.local(instant))
        for row in frame.itertuples():
            # After the end nothing changes any more, and at the horizon nothing happens.
            expected = judged.task_at(row.task, min(instant, judged.last))
            assert counts_of(row) == expected


@given(plans())
def test_the_tasks_at_the_end_are_the_console_s(plain: dict[str, Any]) -> None:
    judged = Judged(plain)
    result = judged.result
    pd.testing.assert_frame_equal(result.at(result.end), result.tasks)
    pd.testing.assert_frame_equal(result.at(result.end + pd.Timedelta(days=99)), result.tasks)
    for row in result.tasks.itertuples():
        assert counts_of(row) == judged.task_at(row.task, judged.last)
        records = [judged.runs[key] for key in judged.began if key[0] == row.task]
        assert row.pauses == sum(len(record.pauses) for record in records)
        paused = [
            (judged.end if end is None else end) - start
            for record in records
            for start, end in record.pauses
        ]
        assert row.paused_hours == pytest.approx(sum(paused) / HOUR)
        assert row.progress == (row.sent / row.requests if row.requests else 0)


@given(plans(), st.data())
def test_what_each_domain_has_used_and_cached_at_any_instant(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    judged = Judged(plain)
    instant = data.draw(instants_of(judged.result.log))
    assume(judged.result.plan.window == "day" and instant <= judged.last)
    begin = judged.clock.begin(judged.clock.date_of(instant))
    told = status_at(judged.reference, instant)
    used = Counter(
        judged.domain(number)
        for when, number, _ in judged.reference.emails
        if begin <= when <= instant
    )
    tests = zip(Simulation(plain).test_sends, judged.reference.tests, strict=False)
    for test, (when, sent, _) in tests:
        used[test.domain.name] += sent if begin <= when <= instant else 0
    for row in judged.result.domains_at(judged.result.plan.clock.local(instant)).itertuples():
        runs = [key for key in judged.began if judged.domain(key[0]) == row.domain]
        limit = judged.reference.limits[row.domain, judged.clock.date_of(instant).isoformat()]
        assert row.used == used[row.domain]
        assert row.limit is pd.NA if limit is None else row.limit == limit
        assert row.left is pd.NA if limit is None else row.left == limit - row.used
        assert row.cached == sum(told[key][2] for key in runs)
        statuses = Counter(told[key][0] for key in runs)
        assert (row.sending, row.paused) == (statuses[SENDING], statuses[PAUSED])


# --- with a pencil ------------------------------------------------------------------------------


def test_days_without_mail_are_listed_and_those_before_the_first_due_run_are_not() -> None:
    result = simulated(
        task(1, start="2026-12-02 10:00"), task(1, start="2026-12-05 10:00"), task(1, SHOP),
        warmup=[7, 8], more_domains=[{"name": SHOP, "warmup": 3}],
    )  # fmt: skip
    daily = result.daily.assign(date=result.daily["date"].dt.day)
    assert values_of(daily[["domain", "date", "day", "limit", "sent", "utilisation"]]) == [
        {"domain": NEWS, "date": 2, "day": 1, "limit": 7, "sent": 1, "utilisation": 1 / 7},
        {"domain": NEWS, "date": 3, "day": 2, "limit": 8, "sent": 0, "utilisation": 0},
        {"domain": NEWS, "date": 4, "day": 3, "limit": 8, "sent": 0, "utilisation": 0},
        {"domain": NEWS, "date": 5, "day": 4, "limit": 8, "sent": 1, "utilisation": 1 / 8},
        {"domain": SHOP, "date": 1, "day": None, "limit": 3, "sent": 1, "utilisation": 1 / 3},
    ]


def test_in_a_rolling_window_a_day_shows_the_limit_that_was_in_force_last() -> None:
    keys: dict[str, Any] = {"start": "2026-12-01 10:00", "window": "rolling", "warmup": [2, 3, 9]}
    daily = simulated(task(6), task(1, start="2026-12-05 09:00"), **keys).daily
    # The window that opens on the third has room for nine, and is open still on the fifth.
    assert daily["limit"].tolist() == [2, 3, 9, 9, 9]
    assert daily["day"].tolist() == [1, 2, 3, 4, 5]
    assert daily["sent"].tolist() == [2, 3, 1, 0, 1]


def test_the_oldest_email_in_the_cache_queue() -> None:
    tasks = [task(4, start="2026-12-01 06:00"), task(1, start="2026-12-01 12:00")]
    result = simulated(*tasks, warmup=1)
    # Task A's emails are in the queue from 06:00:01 of the first day until the fourth.
    second = 1 / 3600
    ages = result.daily["oldest_hours"].tolist()
    assert ages[:3] == pytest.approx([18 - second, 42 - second, 66 - second])
    assert ages[3] == pytest.approx(84)  # now it is task B's, from 12:00
    assert math.isnan(ages[4])
    assert result.daily["cached"].tolist() == [4, 3, 2, 1, 0]


def test_a_pause_that_never_ends_lasts_to_the_horizon() -> None:
    result = simulated(task(2), warmup=[1], restart="manual", restart_at=["2026-12-01 12:00"],
                       horizon="2026-12-02 12:00")  # fmt: skip
    (row,) = values_of(result.pauses)
    assert (row["end"], row["cached"], row["reason"]) == (None, 1, "daily limit reached")
    assert row["hours"] == pytest.approx(36 - 1 / 3600)
    assert result.tasks["paused_hours"].item() == row["hours"]
    assert result.at("2027-01-01")["paused_hours"].item() == row["hours"]


def test_a_day_of_25_hours_and_a_day_of_23() -> None:
    for start, hours in (("2026-10-25", 25), ("2026-03-29", 23)):
        result = simulated(task(2), warmup=1, timezone="Europe/Berlin", start=start,
                           horizon=None)  # fmt: skip
        assert result.daily["oldest_hours"][0] == pytest.approx(hours - 1 / 3600)


def test_a_recurring_task_between_its_runs_is_to_start() -> None:
    recurring = task(2, start="2026-12-01 08:00", every="24h", count=2)
    result = simulated(recurring)
    told = {
        at: result.at(at).iloc[0][["status", "requests", "sent"]].tolist()
        for at in ("2026-12-01 07:59", "2026-12-01 08:00", "2026-12-01 09:00",
                   "2026-12-02 08:00:01", "2026-12-02 09:00")
    }  # fmt: skip
    assert list(told.values()) == [
        ["To start", 0, 0],
        ["Sending", 2, 0],
        ["To start", 2, 2],
        ["Sending", 4, 3],
        ["Sent", 4, 4],
    ]


def test_a_task_s_status_is_that_of_its_earliest_unfinished_run() -> None:
    recurring = task(3, start="2026-12-01 08:00", every="1h", count=2)
    result = simulated(recurring, warmup=[1, 4, 9])
    assert result.at("2026-12-01 10:00")["status"].item() == "Paused"
    assert result.runs["status"].tolist() == ["Sent", "Sent"]
    assert result.at("2026-12-02 00:00:03")["status"].item() == "Sending"  # run 1 is Sent
    assert result.at("2026-12-02 00:00:04")["status"].item() == "Paused"


def test_before_the_start_everything_is_to_start() -> None:
    result = simulated(task(2), task(3, start="2026-12-01 08:00", every="24h", count=2))
    frame = result.at("2026-11-01")
    assert frame["status"].tolist() == ["To start", "To start"]
    assert not frame[["requests", "sent", "cached"]].any(axis=None)
    assert frame["due"].dt.hour.tolist() == [0, 8]
    assert frame["started"].isna().all()


def test_types() -> None:
    result = simulated(task(1), task(1, start="2026-12-01"), task(1, start="2026-12-01", every="1h",
                       count=1))  # fmt: skip
    assert result.tasks["type"].tolist() == ["Batch", "Scheduled", "Recurring"]
