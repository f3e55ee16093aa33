"""Rules and explanations on a history that a poller saw, beside the truth that it looked at."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import sessim
from sessim.history import History
from sessim.history.explain import explain
from sessim.history.explanation import Verdict
from sessim.history.polling import FIRST_ID, Poller, Slips
from tests.history.logs import PLAN
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


def polled(result: sessim.Result, folder: Path, slips: Slips | None = None) -> History:
    """Return the history that somebody sees who polls every 15 minutes and at midnight."""
    file = folder / "polls.jsonl"
    Poller(result, every=15, slips=slips or Slips()).write(file)
    return sessim.load_history(file, timezone=result.plan.timezone, plan=result.plan)


def test_polls_of_a_clean_log_break_no_rule(tmp_path: Path) -> None:
    history = polled(sessim.simulate(sessim.Plan.from_dict(PLAN)), tmp_path)
    assert not (history.evidence.earliest == history.evidence.latest).all()
    assert history.findings["finding"].tolist() == []


def test_what_a_poller_sees_is_explained_as_it_was_or_not_at_all(tmp_path: Path) -> None:
    """Every two hours of the first three days, each task."""
    result = sessim.simulate(sessim.Plan.from_dict(PLAN))
    seen, true = polled(result, tmp_path), History(result.log)
    agree = 0
    for hours in range(1, 72, 2):
        at = dt.datetime.fromisoformat("2026-12-01 00:07") + dt.timedelta(hours=hours)
        for number, task in enumerate(result.plan.tasks, 1):
            if task.cancel_at is not None:
                continue  # a task that is cancelled leaves the list
            known = true.explain(task.name, at).verdict
            told = seen.explain(FIRST_ID + number, at).verdict
            assert told in (known, Verdict.UNDECIDABLE)
            agree += told == known
    assert agree >= 130  # of 144


@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(plans().filter(lambda plan: plan.get("window", "day") == "day"), st.data())
def test_nothing_is_explained_wrongly(
    tmp_path_factory: pytest.TempPathFactory, plan: dict[str, Any], data: st.DataObject
) -> None:
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    try:
        seen = polled(result, tmp_path_factory.mktemp("polls"))
    except sessim.SessimError:  # nothing was ever seen
        return
    number = data.draw(st.integers(1, len(result.plan.tasks)))
    at = data.draw(st.integers(int(result.log.time[0]), int(result.log.time[-1])))
    if str(FIRST_ID + number) not in map(str, seen.evidence.ids):
        return
    known = explain(History(result.log), number, at).verdict
    told = explain(seen, FIRST_ID + number, at).verdict
    assert told in (known, Verdict.UNDECIDABLE, Verdict.GAP)


def test_an_instant_between_two_looks_has_both_of_them_in_its_sentence(tmp_path: Path) -> None:
    history = polled(sessim.simulate(sessim.Plan.from_dict(PLAN)), tmp_path)
    found = history.explain("Launch", "2026-12-01 00:05")
    assert found.verdict == Verdict.UNDECIDABLE
    assert "2026-12-01 00:00" in found.reason
    assert "2026-12-01 00:15" in found.reason


def test_instants_that_nobody_saw_are_told_as_estimates(tmp_path: Path) -> None:
    """500 emails at two a second were gone at 00:04:10, of which the polls know the quarter."""
    result = sessim.simulate(sessim.Plan.from_dict(PLAN))
    paused = polled(result, tmp_path).explain("Launch", "2026-12-01 12:00")
    between = "(between 2026-12-01 00:00 and 2026-12-01 00:15)"
    assert f"used up about 2026-12-01 00:04:10 {between}" in paused.paragraph
    assert "It went on about 2026-12-02 00:00 and was done about" in paused.paragraph
    sent = polled(result, tmp_path).explain("Launch", "2026-12-04 12:00")
    assert "The last one was sent about 2026-12-03 00:01:40 (between" in sent.reason
    exact = History(result.log).explain("Launch", "2026-12-01 12:00")
    assert "used up at 2026-12-01 00:04:10." in exact.paragraph
    assert "about" not in exact.paragraph


def test_slips_of_the_poller_are_no_breaches(tmp_path: Path) -> None:
    """Missed polls, lost pages, older states and counters that are null; served in turns."""
    slips = Slips(missed=0.05, lost=0.02, late=0.1, nulls=0.1)
    result = sessim.simulate(sessim.Plan.from_dict(PLAN | {"discipline": "fair"}))
    history = polled(result, tmp_path, slips)
    found = history.findings
    assert found["finding"].tolist() == []
    assert any("CacheCount is missing" in note for note in history.evidence.notes)
    assert history.tasks["sent"].tolist()[:2] == result.tasks["sent"].tolist()[:2]


def test_send_count_may_include_what_is_cached(tmp_path: Path) -> None:
    """The service does not say; its rows do, and the tables are the same either way."""
    result = sessim.simulate(sessim.Plan.from_dict(PLAN))
    file = Poller(result).write(tmp_path / "polls.jsonl")
    beside = sessim.load_history(file, plan=result.plan)
    file.write_text("\n".join(map(_with_cached, file.read_text().splitlines())))
    within = sessim.load_history(file, plan=result.plan)
    assert any("SendCount includes cached emails" in note for note in within.evidence.notes)
    assert not any("SendCount" in note for note in beside.evidence.notes)
    for table in ("daily", "tasks", "pauses", "findings"):
        pd.testing.assert_frame_equal(getattr(within, table), getattr(beside, table))


def _with_cached(line: str) -> str:
    answer = json.loads(line)
    for row in answer["Response"].get("Data", ()):
        row["SendCount"] += row["CacheCount"]
    return json.dumps(answer)


def test_a_row_that_contradicts_the_others_reading_is_left_out(tmp_path: Path) -> None:
    """Both counters of one row together are too large; many others say that they add up."""
    file = Poller(sessim.simulate(sessim.Plan.from_dict(PLAN))).write(tmp_path / "polls.jsonl")
    lines = file.read_text().splitlines()
    paused = [i for i, line in enumerate(lines) if '"SendCount": 500, "CacheCount": 1200' in line]
    lines[paused[5]] = lines[paused[5]].replace('"SendCount": 500, ', '"SendCount": 700, ', 1)
    file.write_text("\n".join(lines))
    history = sessim.load_history(file)
    notes = "\n".join(history.evidence.notes)
    assert "1 row was left out: SendCount and CacheCount together are larger" in notes
    assert f"polls.jsonl, line {paused[5] + 1}" in notes
    assert history.at("2026-12-01 12:00").loc[0, "sent"] == 500


def test_where_no_row_tells_what_send_count_includes_that_is_said(tmp_path: Path) -> None:
    """Seen only while it sends from the cache, with more in SendCount than in CacheCount."""
    row = {"TaskId": 1, "FromEmailAddress": "a@news.example.com", "TaskStatus": 5, "TaskType": 1,
           "RequestCount": 1000, "SendCount": 600, "CacheCount": 300,
           "CreateTime": "2026-12-01 09:00:00"}  # fmt: skip
    file = tmp_path / "polls.jsonl"
    page = {"time": "2026-12-02T09:00:00+08:00", "Response": {"TotalCount": 1, "Data": [row]}}
    file.write_text(json.dumps(page))
    history = sessim.load_history(file)
    assert history.tasks["sent"].tolist() == [600]
    assert any("No row tells whether SendCount includes" in n for n in history.evidence.notes)


def test_times_without_a_zone_are_the_consoles_whatever_the_plans(tmp_path: Path) -> None:
    plan = sessim.Plan.from_dict(PLAN | {"timezone": "UTC"})
    file = Poller(sessim.simulate(plan), timezone="Asia/Shanghai").write(tmp_path / "polls.jsonl")
    history = sessim.load_history(file, plan=plan)
    assert history.plan.timezone == "UTC"
    assert history.runs["due"].iloc[1] == pd.Timestamp("2026-12-01 09:00", tz="UTC")
    assert "Times without a zone were read as Asia/Shanghai." in history.evidence.notes
    assert history.findings.empty


def test_a_pause_at_a_limit_that_nobody_saw(tmp_path: Path) -> None:
    """The polls tell that Launch was Paused, and of no limit; a calibrated plan tells why."""
    file = Poller(sessim.simulate(sessim.Plan.from_dict(PLAN))).write(tmp_path / "polls.jsonl")
    lines = [line for line in file.read_text().splitlines() if "EmailIdentities" not in line]
    file.write_text("\n".join(lines))
    history = sessim.load_history(file)
    found = history.explain(FIRST_ID + 1, "2026-12-01 12:00")
    assert (found.verdict, found.status) == (Verdict.UNDECIDABLE, "Paused")
    assert "What its domain could send that day is not known" in found.paragraph
    told = sessim.load_history(file, plan=history.calibrate().plan)
    assert told.explain(FIRST_ID + 1, "2026-12-01 12:00").verdict == Verdict.LIMIT
