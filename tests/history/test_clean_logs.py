"""Clean logs of accounts whose rules nobody tells: no false alarm, whatever the rules were.

And what such a log does tell of them is used: who is left behind is found without a plan.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sessim
from sessim.history import History, audit
from sessim.history.conformance.usual import usual
from sessim.history.export import export, frame
from sessim.history.polling import Poller
from tests.strategies import plans, with_quality

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

RESETS: Final[dict[str, dict[str, Any]]] = {"day": {}, "rolling": {"window": "rolling"}}
RESTARTS: Final[dict[str, dict[str, Any]]] = {
    "auto": {},
    "half an hour late": {"restart_delay": 1800},
    "seconds late": {"restart_delay": 7},
    "by hand": {"restart": "manual", "restart_at": dt.time(9, 30)},
    "by hand at midnight": {"restart": "manual", "restart_at": dt.time(0)},
    "by hand now and then": {
        "restart": "manual",
        "restart_at": ["2026-03-27 00:00", "2026-03-28 00:00", "2026-03-30", "2026-03-31 14:05"],
    },
}
ZONES: Final = (
    "Asia/Shanghai",
    "UTC",
    "Europe/Berlin",  # changes its clocks within these days
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # by half an hour
)
ENDINGS: Final = ("csv", "xes", "parquet", "jsonocel", "xmlocel", "sqlite")


def account(zone: str, **rules: Any) -> sessim.Result:
    """Return a week over the change of clocks, in which both domains are often full."""
    growing = [2000, 2500, 3000, 4000, 8000, 12000]
    first = sessim.Domain("a.example.com", warmup=growing)
    other = sessim.Domain("b.example.com", warmup=1500)
    tasks = [
        sessim.Task("Launch", sender="x@a.example.com", requests=9000),
        sessim.Task("Offer", sender="x@b.example.com", requests=2500, start="2026-03-26 07:30"),
        sessim.Task("Digest", sender="x@a.example.com", requests=900, start="2026-03-26 09:00",
                    every="24h", count=4),
    ]  # fmt: skip
    return sessim.simulate(
        sessim.Plan(
            start="2026-03-26", timezone=zone, rate=5, domains=[first, other], tasks=tasks, **rules
        )
    )


def under_all_rules(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for each kind of reset, each of restart, and both disciplines."""
    for name, values in (
        ("discipline", ("fifo", "fair")), ("restart", RESTARTS), ("reset", RESETS),
    ):  # fmt: skip
        test = pytest.mark.parametrize(name, values)(test)
    return test


@under_all_rules
def test_an_event_log_without_its_plan_breaks_no_rule(
    reset: str, restart: str, discipline: str, tmp_path: Path
) -> None:
    """In any zone, also when its days are taken for those of another."""
    for number, zone in list(enumerate(ZONES))[discipline == "fair" :: 2]:
        result = account(zone, **RESETS[reset], **RESTARTS[restart], discipline=discipline)
        file = export(result, tmp_path / f"{number}.{ENDINGS[number % len(ENDINGS)]}")
        for taken_for in {zone, ZONES[0]}:
            history = sessim.load_history(file, timezone=taken_for)
            assert history.findings["finding"].tolist() == []
        history.log.write(tmp_path / "events.parquet")
        assert audit(tmp_path / "events.parquet")["finding"].tolist() == []


@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize("reset", RESETS)
def test_nor_do_polls(reset: str, restart: str, tmp_path: Path) -> None:
    result = account("Europe/Berlin", **RESETS[reset], **RESTARTS[restart])
    file = Poller(result, every=15).write(tmp_path / "polls.jsonl")
    history = sessim.load_history(file, timezone="Europe/Berlin")
    assert history.findings["finding"].tolist() == []


RUNS_GROW_LESS: Final[dict[str, Any]] = {
    "start": "2026-12-01", "horizon": "2026-12-02", "outcomes": "expected",
    "domains": [{"name": "a.org", "warmup": "reputation", "quality": {"invalid_rate": 0.02}}],
    "tasks": [{"name": "Task", "sender": "x@a.org", "start": "2026-12-01 00:01", "every": "1h",
               "count": 2, "requests": 50}],
}  # fmt: skip
"""Who bounced in the first run is left out of the second: its rows tell of 49 emails."""
MOST_ARE_SKIPPED: Final[dict[str, Any]] = {
    "start": "2026-12-01", "horizon": "2026-12-06",
    "domains": [{"name": "a.org", "warmup": 27}],
    "tasks": [{"name": "Long", "sender": "x@a.org", "requests": 100},
              {"name": "Task", "sender": "x@a.org", "start": "2026-12-01 00:01", "every": "1h",
               "overlap": "skip", "requests": 1}],
}  # fmt: skip
"""Run 73 comes three days after the first: their numbers say that it was hourly."""


@settings(max_examples=50)
@example(plan=RUNS_GROW_LESS, ending="csv", knows_zone=True)
@example(plan=MOST_ARE_SKIPPED, ending="csv", knows_zone=True)
@given(plan=plans(), ending=st.sampled_from(ENDINGS), knows_zone=st.booleans())
def test_nor_does_any_other_log(
    plan: dict[str, Any], ending: str, knows_zone: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    file = export(result, tmp_path_factory.mktemp("log") / f"log.{ending}")
    zone = result.plan.timezone if knows_zone else None
    if result.log.run.any():
        history = sessim.load_history(file, timezone=zone)
        assert history.findings["finding"].tolist() == []


# --- what a log tells -----------------------------------------------------------------------------


def read(result: sessim.Result, file: Path, spoil: Callable[[Rows], Rows] | None = None) -> History:
    """Return what is imported of an exported log, spoilt if wanted."""
    export(result, file)
    if spoil is not None:
        with file.open(newline="") as source:
            rows = list(csv.DictReader(source))
        with file.open("w", newline="") as target:
            table = csv.DictWriter(target, rows[0])
            table.writeheader()
            table.writerows(spoil(rows))
    return sessim.load_history(file, timezone=result.plan.timezone)


Rows = list[dict[str, str]]


@pytest.mark.parametrize(
    ("rules", "window", "delay"),
    [
        ({}, "day", 0),
        (RESTARTS["half an hour late"], "day", 1800),
        (RESETS["rolling"], "rolling", 0),
        (RESTARTS["by hand"], "", 0),
    ],
)
def test_how_restarts_go_is_read_from_the_log(
    rules: dict[str, Any], window: str, delay: int, tmp_path: Path
) -> None:
    history = read(account("Europe/Berlin", **rules), tmp_path / "log.csv")
    found = usual(history.log, history.evidence.earliest, history.evidence.latest)
    assert (found.window, found.delay) == (window, delay * 1_000_000)


def left_behind(rows: Rows) -> Rows:
    """Digest's first run stays paused when Launch is restarted on 27 March, until the day after."""
    own = [row for row in rows if row["case:concept:name"] == "3#1"]
    drop = [row for row in own if "2026-03-27" in row["time:timestamp"]]
    assert {row["concept:name"] for row in drop} >= {"restarted", "paused"}
    return [row for row in rows if row not in drop]


@pytest.mark.parametrize("rules", [{}, *RESTARTS.values(), RESETS["rolling"]])
def test_who_is_left_behind_is_found_whatever_the_rules(
    rules: dict[str, Any], tmp_path: Path
) -> None:
    """Who is restarted shows that its domain had something left: then all of it is restarted."""
    result = account("Europe/Berlin", **rules)
    found = read(result, tmp_path / "log.csv", left_behind).findings
    assert found[["rule", "check", "task", "run"]].to_numpy().tolist() == [
        ["R5", "not restarted", 3, 1]
    ]
    assert found["finding"].str.contains("stayed paused").all()


def a_day_late(hour: str, until: str) -> Callable[[Rows], Rows]:
    """Return what moves the rows from an hour of 9 April until a date by three hours."""

    def spoil(rows: Rows) -> Rows:
        for row in rows:
            if f"2026-04-09T{hour}" <= row["time:timestamp"] < until:
                time = dt.datetime.fromisoformat(row["time:timestamp"]) + dt.timedelta(hours=3)
                row["time:timestamp"] = time.isoformat()
        return rows

    return spoil


@pytest.mark.parametrize(
    ("reset", "spoil", "checks"),
    [
        ("day", a_day_late("00", "2026-04-10"), ["not restarted", "restarted at another time"]),
        ("rolling", a_day_late("09:00", "2026-05"), ["restarted at another time"]),
    ],
)
def test_one_restart_of_many_at_another_time_is_found(
    reset: str, spoil: Callable[[Rows], Rows], checks: list[str], tmp_path: Path
) -> None:
    """Of 14 restarts one came three hours late."""
    domain = sessim.Domain("a.example.com", warmup=100)
    task = sessim.Task("Long", sender="x@a.example.com", requests=1500, start="2026-04-01 09:00")
    plan = sessim.Plan(start="2026-04-01", domains=[domain], tasks=[task], **RESETS[reset])
    assert len(read(sessim.simulate(plan), tmp_path / "clean.csv").findings) == 0
    found = read(sessim.simulate(plan), tmp_path / "late.csv", spoil).findings
    assert found["check"].tolist() == checks
    assert str(found["time"].dt.date[0]) == "2026-04-09"


def test_a_log_of_few_restarts_does_not_tell_when_they_should_be(tmp_path: Path) -> None:
    """One of four at another time: they may all have been by hand."""
    file = tmp_path / "log.csv"
    lines = ["case,activity,time,resource,requests,sent"]
    for day, hour in ((2, "00"), (3, "00"), (4, "00"), (5, "13")):
        sent = 10 * (day - 1)
        start = "start" if day == 2 else "resume"
        lines.append(f"1,{start},2026-12-0{day} {hour}:00,a.example.com,100,{sent - 10}")
        lines.append(f"1,suspend,2026-12-0{day} {hour}:05,a.example.com,100,{sent}")
    file.write_text("\n".join(lines))
    assert sessim.load_history(file).findings["finding"].tolist() == []


# --- with its plan --------------------------------------------------------------------------------


@under_all_rules
def test_nor_does_an_event_log_with_its_plan(
    reset: str, restart: str, discipline: str, tmp_path: Path
) -> None:
    """No export tells that a restart was refused, nor when a rolling window opened."""
    zone = "Europe/Berlin"
    result = account(zone, **RESETS[reset], **RESTARTS[restart], discipline=discipline)
    for ending in ("csv", "xes"):
        file = export(result, tmp_path / f"log.{ending}")
        history = sessim.load_history(file, timezone=zone, plan=result.plan)
        assert history.findings["finding"].tolist() == []


def as_others_have_it(result: sessim.Result, file: Path, *, tells_turns: bool) -> Path:
    """Write of each run what any tool may: no limits, no test sends, nothing of who was skipped."""
    rows = frame(result.log)
    unsaid = ["skipped"] if tells_turns else ["skipped", "turn", "day", "refused", "end"]
    rows = rows[(rows["concept:instance"] > 0) & ~rows["concept:name"].isin(unsaid)]
    columns = {"case:concept:name": "Who", "concept:name": "What", "time:timestamp": "When"}
    kept = ["case:name", "case:sender", "case:type", "requests", "sent", "cached", "failed"]
    rows[[*columns, *kept]].rename(columns=columns).to_csv(file, index=False)
    return file


MAPPING: Final = {"case": "Who", "activity": "What", "time": "When"}

ALL_AT_ONCE: Final[dict[str, Any]] = {
    "start": "2026-12-01", "rate": "1/60", "domains": [{"name": "a.org", "warmup": [30, 50, 0]}],
    "horizon": "2026-12-05",
    "tasks": [{"name": "Long", "sender": "x@a.org", "requests": 90, "start": "2026-12-01 23:50"},
              {"name": "Often", "sender": "x@a.org", "requests": 2, "start": "2026-12-01 09:00",
               "every": "1h", "cancel_at": "2026-12-01 11:30"},
              {"name": "Never", "sender": "x@a.org", "requests": 9, "start": "2026-12-03 09:00",
               "cancel_at": "2026-12-02 09:00"}],
    "test_sends": [{"sender": "x@a.org", "at": "2026-12-01 08:00", "recipients": 20},
                   {"sender": "x@a.org", "at": "2026-12-02 00:10", "recipients": 20},
                   {"sender": "x@a.org", "at": "2026-12-03 08:00", "recipients": 1}],
}  # fmt: skip
"""Test sends before, amid and without quota; a recurrence called off between two of its runs."""
ONE_WARMS_UP_BY_DATES: Final[dict[str, Any]] = {
    "start": "2026-12-31 23:30", "horizon": "2027-01-03", "timezone": "UTC",
    "domains": [{"name": "a.org", "warmup": [428, 0, 0, 0, 300, 0], "warmup_start": "2026-12-28",
                 "advance": "sending"}],
    "tasks": [{"name": "Late", "sender": "x@a.org", "requests": 9, "start": "2027-01-02"}],
}  # fmt: skip
"""Its warm-up counts from the plan's start, and its first run is paused as a day begins."""


@settings(max_examples=30)
@example(plan=ALL_AT_ONCE, ending="xes", share=0.3)
@given(plan=plans() | with_quality(), ending=st.sampled_from(ENDINGS), share=st.floats(0, 1))
def test_with_its_plan_an_export_is_the_log_that_it_was(
    plan: dict[str, Any], ending: str, share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    file = export(result, tmp_path_factory.mktemp("log") / f"log.{ending}")
    history = sessim.load_history(file, plan=result.plan)
    assert history.findings["finding"].tolist() == []
    pd.testing.assert_frame_equal(history.events, result.events, check_categorical=False)
    pd.testing.assert_frame_equal(history.daily[result.daily.columns], result.daily)
    first, last = result.log.time[[0, -1]].tolist()
    at = result.plan.clock.local(first + int((last - first) * share))
    pd.testing.assert_frame_equal(history.at(at), result.at(at))


@settings(max_examples=40)
@example(plan=ALL_AT_ONCE, tells_turns=False)
@example(plan=ONE_WARMS_UP_BY_DATES, tells_turns=False)
@given(plan=plans() | with_quality(), tells_turns=st.booleans())
def test_nor_does_the_log_of_others_with_its_plan(
    plan: dict[str, Any], tells_turns: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Test sends and cancellations are the plan's; who was served at midnight, the rate tells."""
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    if result.log.run.any():
        file = tmp_path_factory.mktemp("log") / "log.csv"
        as_others_have_it(result, file, tells_turns=tells_turns)
        history = sessim.load_history(file, mapping=MAPPING, plan=result.plan)
        assert history.findings["finding"].tolist() == []


def test_what_is_taken_from_the_plan_is_said(tmp_path: Path) -> None:
    """Of 30 emails on the first day 20 were of a test send, and 4 of the two runs of a task."""
    result = sessim.simulate(sessim.Plan.from_dict(ALL_AT_ONCE))
    file = as_others_have_it(result, tmp_path / "log.csv", tells_turns=False)
    history = sessim.load_history(file, mapping=MAPPING, plan=result.plan)
    assert history.daily["sent"].tolist()[:2] == result.daily["sent"].tolist()[:2] == [30, 50]
    notes = " ".join(history.evidence.notes)
    assert "test sends are those of the plan" in notes
    assert "When tasks were cancelled is taken from the plan" in notes


def test_a_test_send_beyond_the_limit_is_found(tmp_path: Path) -> None:
    def spoil(rows: Rows) -> Rows:
        for row in rows:
            if row["concept:name"] == "test send" and row["sent"] == "20":
                row["sent"] = row["requests"] = "31"
        return rows

    result = sessim.simulate(sessim.Plan.from_dict(ALL_AT_ONCE))
    read(result, tmp_path / "log.csv", spoil)
    found = sessim.load_history(tmp_path / "log.csv", plan=result.plan).findings
    assert {"test send too large", "limit exceeded in sum"} <= set(found["check"])


def test_restarts_before_the_first_run_of_a_log_are_no_matter(tmp_path: Path) -> None:
    restarts = ["2026-03-26 01:00", "2026-03-27 09:00"]
    domain = sessim.Domain("a.example.com", warmup=100)
    task = sessim.Task("Late", sender="x@a.example.com", requests=150, start="2026-03-26 09:00")
    plan = sessim.Plan(
        start="2026-03-26", domains=[domain], tasks=[task], restart="manual", restart_at=restarts
    )
    file = export(sessim.simulate(plan), tmp_path / "log.csv")
    history = sessim.load_history(file, plan=plan)
    assert history.findings["finding"].tolist() == []
    others = as_others_have_it(sessim.simulate(plan), tmp_path / "others.csv", tells_turns=False)
    history = sessim.load_history(others, mapping=MAPPING, plan=plan)
    assert history.findings["finding"].tolist() == []


def test_a_plan_tells_how_its_tasks_recur_where_runs_do_not(tmp_path: Path) -> None:
    """Hourly, but once; and every other run skipped, of which no export tells."""
    domain = sessim.Domain("a.example.com", warmup=100)
    keys = {"sender": "x@a.example.com", "every": "1h", "start": "2026-12-01 09:00"}
    tasks = [
        sessim.Task("Once", requests=5, count=1, **keys),
        sessim.Task("Often", requests=90, count=40, overlap="skip", **keys),
    ]
    plan = sessim.Plan(start="2026-12-01", domains=[domain], tasks=tasks)
    history = sessim.load_history(
        export(sessim.simulate(plan), tmp_path / "log.csv"), plan=plan
    )  # fmt: skip
    assert history.findings["finding"].tolist() == []
    assert [task.count for task in history.plan.tasks] == [1, 40]
