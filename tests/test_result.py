"""A result: everything from the log alone, also from its file; saving, loading and showing it."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

import sessim
from tests.stories import log_bytes, plan_of, simulated, story, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

TABLES = ("tasks", "runs", "daily", "pauses", "events")
FILES = ["daily.csv", "events.parquet", "pauses.csv", "plan.yaml", "runs.csv", "tasks.csv"]
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?[+-]\d\d:\d\d")


def pausing() -> sessim.Result:
    """Return a result with a pause, in a zone with an offset."""
    return simulated(task(3), task(2, start="2026-12-02 09:00"), warmup=[1, 5],
                     timezone="Asia/Shanghai")  # fmt: skip


# --- from the file alone ------------------------------------------------------------------------


@given(plans())
def test_the_log_s_file_alone_rebuilds_every_table(plain: dict[str, Any]) -> None:
    result = sessim.simulate(sessim.Plan.from_dict(plain), seed=3)
    with tempfile.TemporaryDirectory() as folder:
        result.log.write(Path(folder, "events.parquet"))
        check_same(sessim.load(folder), result)


@settings(max_examples=10)
@given(plans())
def test_a_saved_folder_holds_the_result(plain: dict[str, Any]) -> None:
    result = sessim.simulate(sessim.Plan.from_dict(plain), seed=3)
    with tempfile.TemporaryDirectory() as folder:
        result.save(folder)
        check_same(sessim.load(folder), result)
        assert sessim.Plan.from_yaml(Path(folder, "plan.yaml")) == result.plan


def check_same(other: sessim.Result, result: sessim.Result) -> None:
    """Make sure that two results tell the same in every way."""
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(other, name), getattr(result, name), obj=name)
    middle = result.plan.start_instant // 2 + int(result.log.time[-1]) // 2
    at = result.plan.clock.local(middle)
    pd.testing.assert_frame_equal(other.at(at), result.at(at))
    assert (other.plan, other.end, other.finished) == (result.plan, result.end, result.finished)
    assert log_bytes(other.log) == log_bytes(result.log)


def test_a_result_can_be_loaded_from_its_folder_or_its_log(tmp_path: Path) -> None:
    pausing().save(tmp_path / "out")
    for path in (tmp_path / "out", tmp_path / "out" / "events.parquet", str(tmp_path / "out")):
        assert story(sessim.load(path)) == story(pausing())


def test_where_there_is_no_log_loading_says_so(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / "absent.parquet"):
        with pytest.raises(sessim.LogError, match="there is no event log") as caught:
            sessim.load(path)
        assert str(path) in str(caught.value)


# --- what is saved ------------------------------------------------------------------------------


def test_saving_writes_the_contract_s_files_and_over_those_of_before(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "where"
    simulated(task(9)).save(folder)
    pausing().save(folder)
    assert sorted(file.name for file in folder.iterdir()) == FILES
    assert story(sessim.load(folder)) == story(pausing())


def test_the_plan_is_saved_beside_the_log(tmp_path: Path) -> None:
    pausing().save(tmp_path)
    assert sessim.Plan.from_yaml(tmp_path / "plan.yaml") == pausing().plan


def test_a_saved_folder_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "friends.csv").write_text("email\na@x.org\nb@x.org\n", "utf-8")
    (tmp_path / "limits.csv").write_text("limit\n1\n5\n", "utf-8")
    friends = {"name": "A", "sender": "a@a.org", "recipients": str(tmp_path / "friends.csv")}
    domain = {"name": "a.org", "warmup": {"csv": str(tmp_path / "limits.csv")}}
    plan = sessim.Plan.from_dict({"start": "2026-12-01", "domains": [domain], "tasks": [friends]})
    folder = tmp_path / "out"
    sessim.simulate(plan).save(folder)
    for file in tmp_path.glob("*.csv"):
        file.unlink()
    assert sessim.Plan.from_yaml(folder / "plan.yaml") == sessim.load(folder).plan


@pytest.mark.parametrize("name", ["run:1", "s3:x", "hdfs:q", "out\udcff"])
def test_a_folder_s_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    pausing().save(tmp_path / name)
    assert story(sessim.load(tmp_path / name)) == story(pausing())


def test_csv_files_have_the_tables_columns_and_times_with_their_offset(tmp_path: Path) -> None:
    result = pausing()
    result.save(tmp_path)
    for name in TABLES[:4]:
        frame: pd.DataFrame = getattr(result, name)
        saved = pd.read_csv(tmp_path / f"{name}.csv", dtype=str, keep_default_na=False)
        assert list(saved.columns) == list(frame.columns)
        assert len(saved) == len(frame)
        for column, kind in frame.dtypes.items():
            if isinstance(kind, pd.DatetimeTZDtype):
                assert all(ISO_8601.fullmatch(text) for text in saved[column] if text)
                assert pd.to_datetime(saved[column]).astype(kind).equals(frame[column])
            if kind == "int64":
                assert saved[column].tolist() == [str(number) for number in frame[column]]


def test_csv_files_say_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    never = simulated(task(2), warmup="none", horizon="2026-12-01 00:00:01")
    never.save(tmp_path)
    assert (tmp_path / "daily.csv").read_text("utf-8").splitlines()[1] == (
        "news.example.com,2026-12-01,,,0,0,0,2,,"
    )
    assert (tmp_path / "tasks.csv").read_text("utf-8").splitlines()[1] == (
        "1,A,news.example.com,Batch,Sending,2,0,0,0,0,0.0,"
        "2026-12-01T00:00:00+00:00,2026-12-01T00:00:00+00:00,,0,0.0"
    )
    assert (tmp_path / "pauses.csv").read_text("utf-8").splitlines() == [
        "task,run,domain,start,end,hours,cached,reason"
    ]


# --- asking -------------------------------------------------------------------------------------


def test_a_time_may_be_asked_for_in_any_form() -> None:
    result = pausing()
    moment = dt.datetime(2026, 12, 1, 16, 0, 1, tzinfo=dt.UTC)  # the second day's first second
    shown = result.at("2026-12-02 00:00:01")
    assert shown["sent"].tolist() == [2, 0]
    for time in (moment, pd.Timestamp(moment), "2026-12-01T16:00:01Z", "2026-12-02T00:00:01"):
        pd.testing.assert_frame_equal(result.at(time), shown)
    begin = result.at("2026-12-02 00:00")
    pd.testing.assert_frame_equal(result.at("2026-12-02"), begin)  # a date means its beginning
    pd.testing.assert_frame_equal(result.at(dt.date(2026, 12, 2)), begin)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(sessim.ArgumentError, match=r"^time: 'noon' is not a date or time; write"):
        pausing().at("noon")


def test_the_console_changes_at_an_instant_and_not_before() -> None:
    result = pausing()
    told = [
        result.at(time)["status"].tolist()
        for time in ("2026-12-01 00:00:00.999999", "2026-12-01 00:00:01", "2026-12-02 00:00",
                     "2026-12-02 00:00:02", "2026-12-02 09:00:00", "2026-12-02 09:00:02")
    ]  # fmt: skip
    assert told == [
        ["Sending", "To start"],
        ["Paused", "To start"],
        ["Sending", "To start"],
        ["Sent", "To start"],
        ["Sent", "Sending"],
        ["Sent", "Sent"],
    ]


def test_the_end() -> None:
    assert pausing().end == pd.Timestamp("2026-12-02 09:00:02+08:00")
    assert str(pausing().end.tz) == "Asia/Shanghai"
    assert pausing().finished


def test_changing_a_table_changes_neither_the_log_nor_another_table() -> None:
    result = pausing()
    before = log_bytes(result.log)
    result.runs.loc[0, "sent"] = 99
    result.events.loc[4, "sent"] = 99
    assert result.tasks["sent"].tolist() == [3, 2]
    assert log_bytes(sessim.simulate(result.plan).log) == before
    assert result.log.sent.max() == 3


# --- showing ------------------------------------------------------------------------------------

SCRIPT = "<img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Collects the tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_a_name_full_of_markup_is_shown_as_it_is() -> None:
    named = task(3) | {"name": SCRIPT}
    result = sessim.simulate(plan_of(named))
    page = Tags(result._repr_html_())
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert SCRIPT in page.texts
    assert SCRIPT in repr(result)


def test_a_result_is_shown_in_short() -> None:
    text = repr(pausing())
    assert text.splitlines()[0] == "2 tasks, 5 emails sent, finished 2026-12-02 09:00"
    assert [line.split()[:6] for line in text.splitlines()[2:]] == [
        ["1", "A", "Batch", "Sent", "3", "3"],
        ["2", "B", "Scheduled", "Sent", "2", "2"],
    ]
    unfinished = repr(simulated(task(5), warmup=0))
    assert unfinished.splitlines()[0] == "1 task, 0 emails sent, work left at 2026-12-21 00:00"


def test_many_tasks_with_long_names_are_still_shown_in_short() -> None:
    tasks = [task(1) | {"name": f"{number:03} {'long ' * 30}end"} for number in range(300)]
    plan = sessim.Plan.from_dict(
        {"start": "2026-12-01", "domains": [{"name": "news.example.com"}], "tasks": tasks}
    )
    result = sessim.simulate(plan)
    text = repr(result)
    assert len(text.splitlines()) < 20
    assert max(map(len, text.splitlines())) < 130
    assert result._repr_html_().count("<tr") <= 25
