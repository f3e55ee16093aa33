"""What polls show becomes the history again: the same days, and every pause within its bounds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import sessim
from sessim.charts.story import Story
from sessim.history.polling import Poller
from tests import results, strategies

COUNTS = ["domain", "date", "limit", "sent", "failed", "cached", "backlog", "utilisation"]


@st.composite
def polled_plans(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan of which polls can tell everything: days by the calendar, nobody cancels.

    A test send is no task, so that no poll shows it; a cancelled task is not in the list any more,
    and what it sent since the poll before nobody knows. Who restarts by hand, or late, may do so
    between two polls, so that a run that sends nothing then leaves no trace of it.
    """
    plan = draw(strategies.plans(most_tasks=4, most_domains=2))
    plan.pop("test_sends", None)
    for key in ("window", "restart", "restart_at", "restart_delay"):
        plan.pop(key, None)
    plan.setdefault("horizon", "12d")
    for task in plan["tasks"]:
        task.pop("cancel_at", None)
    return plan


def simulated(plan: dict[str, Any]) -> sessim.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sessim.SessimWarning)
        return sessim.simulate(sessim.Plan.from_dict(plan))


def replayed(result: sessim.Result, folder: Path, **options: Any) -> sessim.History:
    file = Poller(result).write(folder / "polls.jsonl")
    return sessim.load_history(file, timezone=result.plan.timezone, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("polls")


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame, columns: list[str]) -> None:
    """Whatever the order of the domains, which polls do not tell."""
    a, b = (
        frame[columns].astype({"domain": "str"}).sort_values(["domain", "date"], ignore_index=True)
        for frame in (found, wanted)
    )
    pd.testing.assert_frame_equal(a, b)


def same_days(result: sessim.Result, history: sessim.History) -> None:
    """Hold the days against each other; where the table says that it is unsure, it may be so."""
    if history.daily["unsure"].any():
        sides = [frame.astype({"domain": "str"}) for frame in (history.daily, result.daily)]
        both = sides[0].merge(sides[1], "outer", ["domain", "date"], suffixes=("", "_true"))
        off = (both["sent"].fillna(0) - both["sent_true"].fillna(0)).abs()
        assert (off <= both["unsure"].fillna(both["unsure"].max())).all()
        return
    assert_same(history.daily, result.daily, COUNTS)


def within_bounds(result: sessim.Result, history: sessim.History) -> None:
    """Every pause that was found is one that happened, and happened within the bounds."""
    happened = result.pauses.merge(history.tasks[["task", "name"]], on="task")
    for pause in history.pauses.itertuples():
        true = happened[(happened["task"] == pause.task)]
        fits = (true["start"] >= pause.start_earliest) & (true["start"] <= pause.start_latest)
        if pd.isna(pause.end):
            fits &= true["end"].isna() | (true["end"] > history.end)
        else:
            fits &= (true["end"] >= pause.end_earliest) & (true["end"] <= pause.end_latest)
        assert fits.any(), pause


@settings(
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=max(50, settings().max_examples // 2),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
)
@given(plan=polled_plans(), knows_plan=st.booleans())
def test_polls_give_the_same_days_bound_every_pause_and_break_no_rule(
    folder: Path, plan: dict[str, Any], *, knows_plan: bool
) -> None:
    result = simulated(plan)
    assume(len(result.daily))
    history = replayed(result, folder, plan=result.plan if knows_plan else None)
    same_days(result, history)
    within_bounds(result, history)
    assert history.findings["finding"].tolist() == []


NEWS = {"name": "news.example.com", "warmup": 53}
TOLD_APART = {
    "who is due while the domain is full is paused at once, though seen sending at midnight": {
        "start": "2026-03-08 23:50", "rate": "1/60", "domains": [NEWS], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 51,
             "start": "2026-03-08 23:50", "every": "24h", "count": 3},
            {"name": "B", "sender": "a@news.example.com", "requests": 174}],
    },
    "the limit's last email falls on midnight: nobody was cached, so it is of the new day": {
        "start": "2026-03-07 23:00", "rate": "1/3600", "horizon": "2026-03-10",
        "domains": [{"name": "news.example.com", "warmup": [1, 24]}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 100}],
    },
    "one email of a day, seen at midnight: it was cached before, so it is of the old day": {
        "start": "2026-10-24 23:58", "rate": 3, "discipline": "fair",
        "domains": [{"name": "news.example.com", "warmup": 1}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 6}],
    },
    "all is over within a moment: the rate is what that needs": {
        "start": "2026-03-06", "rate": 1000, "domains": [NEWS], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 11}],
    },
    "one email an hour, in turns": {
        "start": "2026-04-05", "rate": "1/3600", "discipline": "fair",
        "domains": [NEWS, {"name": "shop.example.com", "warmup": 22}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 60},
            {"name": "B", "sender": "b@shop.example.com", "requests": 70}],
    },
    "a run is skipped: the one before it was not done yet, whatever the rate is thought to be": {
        "start": "2027-02-28", "rate": "1/600", "horizon": "2027-03-05",
        "domains": [{"name": "news.example.com", "warmup": 1}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "start": "2027-02-28 00:01",
             "every": "1h", "overlap": "skip", "requests": 4}],
    },
    "one email between two polls tells no rate": {
        "start": "2026-03-07", "rate": 1000, "horizon": "2026-03-09", "domains": [NEWS], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "start": "2026-03-07 23:58",
             "every": "3h", "requests": 1}],
    },
    "the only email before midnight left on it: one more, and the domain paused": {
        "start": "2027-02-27 01:30", "rate": "1/600", "horizon": "2027-03-01",
        "domains": [{"name": "news.example.com", "warmup": 2}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 9,
             "start": "2027-02-27 23:50"},
            {"name": "B", "sender": "a@news.example.com", "requests": 9,
             "start": "2027-02-28 23:00"}],
    },
    "it may have left on midnight: the limit's last email was its run's, and nobody paused": {
        "start": "2027-02-27 01:30", "rate": "1/600", "horizon": "2027-03-01",
        "domains": [{"name": "news.example.com", "warmup": 2}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 2,
             "start": "2027-02-27 23:50"},
            {"name": "B", "sender": "a@news.example.com", "requests": 9,
             "start": "2027-02-28 23:00"}],
    },
    "due shortly before a day with a limit of 0, which pauses it, and not what was left": {
        "start": "2026-10-24", "rate": "1/600", "horizon": "2026-10-27",
        "domains": [{"name": "news.example.com", "warmup": [39, 0, 13]},
                    {"name": "shop.example.com", "warmup": 100}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 50,
             "start": "2026-10-24 23:50"},
            {"name": "B", "sender": "b@shop.example.com", "requests": 10}],
    },
    "the limit is one email, and it left on the midnight with which the history ends": {
        "start": "2026-10-25", "rate": "1/600", "horizon": "2026-10-27",
        "domains": [{"name": "news.example.com", "warmup": 1}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 60,
             "start": "2026-10-26 23:50"}],
    },
    "a restart and a due time before it, both within one interval between polls": {
        "start": "2026-10-31", "rate": "1/3600", "horizon": "2026-11-04",
        "domains": [{"name": "news.example.com", "warmup": [1, 41]}], "tasks": [
            {"name": "A", "sender": "a@news.example.com", "requests": 17},
            {"name": "B", "sender": "a@news.example.com", "requests": 99,
             "start": "2026-10-31 23:50"}],
    },
}  # fmt: skip


@pytest.mark.parametrize("plan", TOLD_APART.values(), ids=TOLD_APART)
@pytest.mark.parametrize("knows_plan", [False, True])
def test_what_polls_tell_apart(folder: Path, plan: dict[str, Any], *, knows_plan: bool) -> None:
    result = simulated(plan)
    history = replayed(result, folder, plan=result.plan if knows_plan else None)
    same_days(result, history)
    within_bounds(result, history)
    assert history.findings["finding"].tolist() == []


RECURS = {
    "by the wall clock": {"every_by": "wall"},
    "in elapsed time": {},
    "runs that overlap are skipped": {"overlap": "skip"},
    "runs that overlap queue, and end": {"count": 2},
}


@pytest.mark.parametrize("keys", RECURS.values(), ids=RECURS)
def test_how_a_task_recurs_is_found_in_its_runs(folder: Path, keys: dict[str, Any]) -> None:
    """The clocks change on 29 March; 60 emails a day take a day and a half."""
    task = {"name": "A", "sender": "a@news.example.com", "requests": 80, "every": "24h",
            "start": "2026-03-28 08:00"} | keys  # fmt: skip
    plan = {"timezone": "Europe/Berlin", "start": "2026-03-28", "horizon": "2026-04-02",
            "rate": "1/60", "domains": [{"name": "news.example.com", "warmup": 60}],
            "tasks": [task]}  # fmt: skip
    result = simulated(plan)
    history = replayed(result, folder)
    found = history.plan.tasks[0]
    assert (found.every_by, found.overlap) == (
        keys.get("every_by", "elapsed"),
        keys.get("overlap", "queue"),
    )
    assert history.runs["due"].tolist() == result.runs["due"].tolist()
    assert history.findings["finding"].tolist() == []
    skipped = [
        (history.events["event"] == "skipped").sum(),
        (result.events["event"] == "skipped").sum(),
    ]
    assert skipped[0] == skipped[1]


def test_the_example_comes_back_as_it_was(folder: Path) -> None:
    result = results.launch()
    history = replayed(result, folder)
    assert history.plan.rate == result.plan.rate == 20
    assert [domain.warmup for domain in history.plan.domains][::2] == ["standard", 30_000]
    whole = [*COUNTS, "oldest_hours"]  # the pace tells the very instants
    assert_same(history.daily, result.daily, whole)
    columns = ["task", "run", "domain", "start", "end", "cached", "reason"]
    pd.testing.assert_frame_equal(
        history.pauses[columns].astype({"reason": "str", "domain": "str"}),
        result.pauses[columns].astype({"reason": "str", "domain": "str"}),
    )
    counts = ["domain", "type", "status", "requests", "sent", "due", "pauses"]
    pd.testing.assert_frame_equal(
        history.tasks[counts], result.tasks[counts], check_categorical=False
    )


def test_between_two_polls_emails_are_shared_out_evenly(folder: Path) -> None:
    history = replayed(results.no_pause(), folder)
    at = history.at("2026-12-01 00:00:25")
    assert at["sent"].tolist() == [500]
    assert at["status"].tolist() == ["Sending"]


def test_with_its_plan_even_the_warm_up_days_come_back(folder: Path) -> None:
    result = results.launch()
    history = replayed(result, folder, plan=result.plan)
    assert_same(history.daily, result.daily, ["day", *COUNTS])
    assert history.plan.domains == result.plan.domains


def test_what_was_seen_only_between_two_polls_is_drawn_so(folder: Path) -> None:
    domain = sessim.Domain("news.example.com", warmup=500)
    task = sessim.Task("Launch", sender="a@news.example.com", requests=1200)
    result = sessim.simulate(sessim.Plan(start="2026-12-01", domains=[domain], tasks=[task]))
    history = replayed(result, folder)
    pauses = history.pauses
    assert list(pauses.columns[:8]) == list(result.pauses.columns)
    width = pd.Timedelta(minutes=15)
    assert (pauses["start_latest"] - pauses["start_earliest"]).tolist() == [width, width]
    bands = Story(history).bands(np.zeros(1, dtype=np.int64))["unsure"]
    assert len(bands.lane) == 3  # after each midnight and, from the second day on, around it
    labels = [entry.get_label() for entry in history.plot.timeline().collections]
    assert "Between two looks" in labels
    assert "Between two looks" not in [e.get_label() for e in result.plot.timeline().collections]
