"""What must always hold (rule R10), on random plans of every kind."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import sessim
from sessim import tables
from sessim.clock import SECOND
from sessim.eventlog import NONE, Event
from sessim.ledger import Ledger, Snapshot
from sessim.lifecycle import FINISHED, TRANSITIONS, TaskStatus
from tests.strategies import plans, with_quality

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

Key = tuple[int, int]  # task and run number
ROOT = Path(__file__).parent.parent


class Row(NamedTuple):
    """A row of the log, in numbers."""

    time: int
    event: int
    task: int
    run: int
    domain: int
    status: int
    sent: int
    cached: int
    failed: int
    cancelled: int
    waiting: int
    limit: int
    sent_today: int
    detail: int  # 0 if there is none


class Outcome:
    """A plan, what became of it, and its log in numbers."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = sessim.Plan.from_dict(plan)
        self.result = sessim.simulate(self.plan)
        self.log = self.result.log

    @cached_property
    def rows(self) -> list[Row]:
        """Every row of the log."""
        columns = [self.log.columns[name].tolist() for name in Row._fields]
        return [Row(*values) for values in zip(*columns, strict=True)]

    @cached_property
    def runs(self) -> dict[Key, list[Row]]:
        """The rows of each run that happened."""
        found: defaultdict[Key, list[Row]] = defaultdict(list)
        for row in self.rows:
            if row.run and row.event != Event.SKIPPED:
                found[row.task, row.run].append(row)
        return dict(found)

    @cached_property
    def pauses(self) -> list[tuple[Key, int, int | None]]:
        """Each pause: which run, from when, until when (None if it never ended)."""
        found: list[tuple[Key, int, int | None]] = []
        for key, rows in self.runs.items():
            for is_paused, group in groupby(rows, key=lambda row: row.status == TaskStatus.PAUSED):
                if is_paused:
                    found.append((key, next(group).time, None))
                elif found and found[-1][0] == key and found[-1][2] is None:
                    found[-1] = (*found[-1][:2], next(group).time)
        return found

    def queue_key(self, key: Key) -> tuple[int, int, int]:
        """Return the place of a run in rule R3's order."""
        return self.runs[key][0].time, *key

    def emails_by(self, instant: int) -> int:
        """Return the emails of all runs sent up to and at an instant."""
        data = tables.run_numbers(Snapshot(Ledger(self.log), instant))
        return int(data["sent"].sum())

    def instants(self) -> st.SearchStrategy[int]:
        """Return a strategy for instants of the simulation, near changes and between them."""
        times = sorted({row.time for row in self.rows})
        near = st.sampled_from(times).flatmap(lambda t: st.sampled_from([t - 1, t, t + 1]))
        return near | st.integers(times[0], times[-1] + SECOND)


def is_by_day(plan: dict[str, Any]) -> bool:
    """Tell whether limits are those of a local day and paused runs restart with it, at once."""
    rules = (plan.get("window", "day"), plan.get("restart", "auto"), plan.get("restart_delay", 0))
    return rules == ("day", "auto", 0)


# 1


@given(plans(), st.data())
def test_every_email_of_a_run_is_in_one_place(plan: dict[str, Any], data: st.DataObject) -> None:
    """Requests = sent + failed + cancelled + cached + waiting, and what is sent never falls."""
    outcome = Outcome(plan)
    for (task, _), rows in outcome.runs.items():
        for row in rows:
            places = (row.sent, row.failed, row.cancelled, row.cached, row.waiting)
            assert min(places) >= 0
            assert sum(places) == outcome.plan.tasks[task - 1].requests
        assert all(before.sent <= after.sent for before, after in pairwise(rows))
    told = tables.run_numbers(Snapshot(Ledger(outcome.log), data.draw(outcome.instants())))
    held = sum(told[name] for name in ("sent", "failed", "cancelled", "cached"))
    assert (held >= 0).all()
    assert (held <= told["requests"]).all()
    assert (told["cached"] >= 0).all()
    is_over = told["status"] != TaskStatus.TO_START
    is_over &= (told["status"] != TaskStatus.SENDING) | (told["pauses"] > 0)
    assert (held == told["requests"])[is_over].all()


# 2


def assert_limits_only_rise_within_a_day(outcome: Outcome) -> None:
    clock, limits = outcome.plan.clock, [row for row in outcome.rows if row.event == Event.LIMIT]
    for before, after in pairwise(sorted(limits, key=lambda row: row.domain)):
        same = before.domain == after.domain and clock.date(before.time) == clock.date(after.time)
        # At the first instant of a day the day before is judged, too.
        if same and outcome.plan.window == "day" and before.time < after.time:
            assert after.limit >= before.limit


@given(plans() | with_quality())
def test_no_domain_ever_passes_its_limit(plan: dict[str, Any]) -> None:
    outcome = Outcome(plan)
    for row in outcome.rows:
        assert row.domain == NONE or row.limit == NONE or row.sent_today <= row.limit
    assert_limits_only_rise_within_a_day(outcome)
    daily = outcome.result.daily.dropna(subset="limit")
    if outcome.plan.window == "day":
        assert (daily["sent"] <= daily["limit"]).all()


# 3


@given(plans() | with_quality())
def test_only_the_allowed_changes_of_status_happen(plan: dict[str, Any]) -> None:
    outcome = Outcome(plan)
    for rows in outcome.runs.values():
        statuses = [TaskStatus.TO_START, *(TaskStatus(row.status) for row in rows)]
        for before, after in pairwise(statuses):
            assert before == after or after in TRANSITIONS[before]
        assert all(rows[-1].time == row.time for row in rows if row.status in FINISHED)


# 4


@given(plans(), st.data())
def test_sent_is_flat_while_paused(plan: dict[str, Any], data: st.DataObject) -> None:
    outcome = Outcome(plan)
    for rows in outcome.runs.values():
        for before, after in pairwise(rows):
            if before.status == TaskStatus.PAUSED:
                assert after.sent == before.sent
    assume(outcome.pauses)
    key, start, end = data.draw(st.sampled_from(outcome.pauses))
    last = outcome.rows[-1].time if end is None else end
    instant = data.draw(st.integers(start, max(start, last - 1)))
    told = tables.run_numbers(Snapshot(Ledger(outcome.log), instant))
    place = list(zip(told["task"].tolist(), told["run"].tolist(), strict=True)).index(key)
    row = next(row for row in outcome.runs[key] if row.status == TaskStatus.PAUSED and
               row.time == start)  # fmt: skip
    assert (told["status"][place], told["sent"][place]) == (TaskStatus.PAUSED, row.sent)
    assert told["cached"][place] == row.cached


def busy_periods(outcome: Outcome) -> Iterator[tuple[int, int, int]]:
    """Yield the beginning and the end of each busy period, and the emails sent in it."""
    sending: set[Key] = set()
    sent: dict[Key, int] = {}
    begin = emails = 0
    for row in outcome.rows:
        key = (row.task, row.run)
        if key not in outcome.runs or row.event == Event.SKIPPED:
            continue
        emails += row.sent - sent.get(key, 0)
        sent[key] = row.sent
        was_busy = bool(sending)
        (sending.add if row.status == TaskStatus.SENDING else sending.discard)(key)
        if sending and not was_busy:
            begin, emails = row.time, 0
        if was_busy and not sending:
            yield begin, row.time, emails
    if sending:
        yield begin, outcome.rows[-1].time, emails


@given(plans())
def test_the_account_is_never_idle_nor_too_fast_while_a_run_is_sending(
    plan: dict[str, Any],
) -> None:
    """Email n falls n/rate after the busy period began, whole microseconds, rounded up."""
    outcome = Outcome(plan)
    for begin, end, emails in busy_periods(outcome):
        last, following = (
            begin + math.ceil(number * SECOND / outcome.plan.rate)
            for number in (emails, emails + 1)
        )
        assert last <= end <= following


# 5


@given(plans())
def test_no_cached_email_vanishes(plan: dict[str, Any]) -> None:
    outcome = Outcome(plan)
    for (task, _), rows in outcome.runs.items():
        first = next((place for place, row in enumerate(rows) if row.cached), len(rows))
        for row in rows[first:]:
            assert row.waiting == 0
            gone = row.sent + row.failed + row.cancelled
            assert gone + row.cached == outcome.plan.tasks[task - 1].requests
            assert row.cached == 0 or row.status not in FINISHED


# 6


@given(plans().filter(is_by_day))
def test_a_paused_run_is_sending_again_at_the_next_reset_that_has_quota(
    plan: dict[str, Any],
) -> None:
    outcome = Outcome(plan)
    resets = [row for row in outcome.rows if row.event == Event.LIMIT and row.limit != 0]
    for key, start, end in outcome.pauses:
        domain = outcome.runs[key][0].domain
        following = [row.time for row in resets if row.domain == domain and row.time > start]
        was_cancelled = outcome.runs[key][-1].status == TaskStatus.CANCELLED
        if end is None or end not in following:
            assert not following if end is None else was_cancelled
        else:
            assert end == following[0]


@given(plans().filter(is_by_day))
def test_a_domain_with_a_paused_run_at_the_end_of_the_day_has_sent_its_limit(
    plan: dict[str, Any],
) -> None:
    outcome = Outcome(plan)
    clock, daily = outcome.plan.clock, outcome.result.daily
    for row in daily.itertuples():
        end = clock.end_instant(row.date.date())
        is_paused = any(
            start < end and (until is None or end <= until)
            for key, start, until in outcome.pauses
            if outcome.plan.tasks[key[0] - 1].domain == row.domain
        )
        if is_paused and end <= outcome.rows[-1].time:
            assert row.sent == row.limit


# 7


@given(plans().filter(lambda plan: plan.get("discipline", "fifo") == "fifo"))
def test_the_cache_queue_drains_first_in_first_out(plan: dict[str, Any]) -> None:
    """No run is served from the cache while an earlier one of its domain has cached emails."""
    outcome = Outcome(plan)
    latest: dict[Key, Row] = {}
    for row in outcome.rows:
        key = (row.task, row.run)
        if key not in outcome.runs or row.event == Event.SKIPPED:
            continue
        latest[key] = row
        if row.event == Event.TURN and row.cached and not row.detail:
            place = outcome.queue_key(key)
            for other, told in latest.items():
                is_in_front = told.domain == row.domain and outcome.queue_key(other) < place
                assert not (is_in_front and told.cached)


# 8


@given(plans())
def test_what_was_used_of_a_day_stays_used(plan: dict[str, Any]) -> None:
    """Whatever is cancelled or fails: the count of the day falls only where a new one begins."""
    outcome = Outcome(plan)
    used: defaultdict[int, int] = defaultdict(int)
    for row in outcome.rows:
        if row.domain != NONE:
            if row.event == Event.LIMIT and row.sent_today < used[row.domain]:
                used[row.domain] = 0
            assert row.sent_today >= used[row.domain]
            used[row.domain] = row.sent_today


# 9


@given(plans(), st.data())
def test_no_second_holds_more_emails_than_the_rate(
    plan: dict[str, Any], data: st.DataObject
) -> None:
    outcome = Outcome(plan)
    start = data.draw(outcome.instants())
    assert outcome.emails_by(start + SECOND - 1) - outcome.emails_by(start - 1) <= math.ceil(
        outcome.plan.rate
    )


# 10


@given(plans())
def test_no_email_before_its_run_is_due_and_no_run_twice(plan: dict[str, Any]) -> None:
    outcome = Outcome(plan)
    runs = outcome.plan.runs
    dues = dict(zip(zip(runs.task.tolist(), runs.number.tolist(), strict=True), runs.due.tolist(),
                    strict=True))  # fmt: skip
    told = [row for row in outcome.rows if row.event in (Event.DUE, Event.SKIPPED)]
    keys = [(row.task, row.run) for row in told]
    assert len(keys) == len(set(keys))
    assert all(dues[key] == row.time for key, row in zip(keys, told, strict=True))
    for key, rows in outcome.runs.items():
        assert all(row.sent == 0 for row in rows if row.time <= dues[key])
        assert rows[0].event in (Event.DUE, Event.CANCELLED)
    for task, group in groupby(sorted(keys), key=lambda key: key[0]):
        numbers = [run for _, run in group]
        assert numbers == list(range(1, len(numbers) + 1)), task


# 11

PRINT_DIGESTS = """
import hashlib, json, sys, tempfile, warnings
from pathlib import Path
import sessim
warnings.simplefilter("ignore")
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "events.parquet")
    for plan in json.load(sys.stdin):
        sessim.simulate(sessim.Plan.from_dict(plan), seed=7).log.write(file)
        print(hashlib.sha256(file.read_bytes()).hexdigest())
"""


def digests(some_plans: list[dict[str, Any]], hash_seed: int) -> str:
    """Simulate plans in a fresh process, and return the digests of their Parquet files."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS],
        input=json.dumps(some_plans), capture_output=True, text=True, check=True, cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
    )  # fmt: skip
    return done.stdout


@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(plans(), min_size=6, max_size=6))
def test_same_plan_same_bytes_in_any_process(some_plans: list[dict[str, Any]]) -> None:
    first = digests([*some_plans, *some_plans], hash_seed=1)
    assert first == digests([*some_plans, *some_plans], hash_seed=2)
    names = first.split()
    assert names[:6] == names[6:]  # the second time in one process


def without_ties(plan: dict[str, Any]) -> dict[str, Any]:
    """Move each task by another odd time, so that no two runs are due together."""
    tasks = []
    for number, spec in enumerate(plan["tasks"]):
        later = dt.timedelta(seconds=61 * number)
        keys = {key: spec[key] for key in ("start", "cancel_at") if key in spec}
        keys.setdefault("start", plan["start"])
        keys = {key: str(dt.datetime.fromisoformat(time) + later) for key, time in keys.items()}
        tasks.append(spec | keys | ({"count": spec.get("count", 3)} if "every" in spec else {}))
        tasks[-1].pop("until", None)
    return plan | {"tasks": tasks}


NO_CLOCK_CHANGES = ("UTC", "Asia/Shanghai")


@given(plans(zones=NO_CLOCK_CHANGES).map(without_ties), st.randoms(use_true_random=False))
def test_the_order_of_the_tasks_changes_nothing_but_ties(plan: dict[str, Any], random: Any) -> None:
    shuffled = plan | {"tasks": random.sample(plan["tasks"], len(plan["tasks"]))}
    outcome = Outcome(plan)
    assert len(set(outcome.plan.runs.due.tolist())) == len(outcome.plan.runs)
    assert by_name(outcome.result) == by_name(Outcome(shuffled).result)


def by_name(result: sessim.Result) -> list[tuple[Any, ...]]:
    """Return the log with the tasks' names instead of their ids."""
    names = dict(enumerate((task.name for task in result.plan.tasks), 1))
    log = result.events.assign(task=result.events["task"].map(names, na_action="ignore"))
    return [tuple(map(str, row)) for row in log.itertuples(index=False)]
