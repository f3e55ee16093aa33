"""The log as a frame and as files, and files that are no log."""

from __future__ import annotations

import copy
import csv
import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessim
from sessim.eventlog import COLUMNS, Event, EventLog, iso, times
from tests.stories import lines, log_bytes, microseconds, plan_of, simulated, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

CONTRACT = (
    "seq time event task run domain status sent cached failed cancelled waiting "
    "limit sent_today detail"
)
EVENTS = "due sending paused restarted refused turn day sent error cancelled skipped limit end"


def small_log() -> EventLog:
    """Return the log of two tasks, one of which pauses."""
    late = task(1, start="2026-12-01 08:00")
    return simulated(task(3), late, warmup=[2, 5], timezone="Asia/Shanghai").log


def written(log: EventLog) -> EventLog:
    """Send a log through a Parquet file."""
    with tempfile.TemporaryDirectory() as folder:
        log.write(Path(folder, "events.parquet"))
        return EventLog.read(Path(folder, "events.parquet"))


# --- the frame ----------------------------------------------------------------------------------


def test_the_columns_and_their_kinds_are_the_contract_s() -> None:
    frame = small_log().frame
    assert list(frame.columns) == COLUMNS == CONTRACT.split()
    kinds = frame.dtypes.astype(str)
    assert kinds["time"] == "datetime64[us, Asia/Shanghai]"
    assert set(kinds[["event", "domain", "status", "detail"]]) == {"category"}
    assert set(kinds[["task", "run", "limit"]]) == {"Int64"}
    counts = ["seq", "sent", "cached", "failed", "cancelled", "waiting", "sent_today"]
    assert all(np.issubdtype(frame[name].dtype, np.integer) for name in counts)


def test_the_events_are_the_contract_s() -> None:
    assert [event.label for event in Event] == EVENTS.split()
    assert list(small_log().frame["event"].cat.categories) == EVENTS.split()


@given(plans())
def test_rows_are_numbered_and_in_the_order_of_time(plain: dict[str, Any]) -> None:
    log = sessim.simulate(sessim.Plan.from_dict(plain)).log
    frame = log.frame
    assert frame["seq"].tolist() == list(range(len(log)))
    assert frame["time"].is_monotonic_increasing
    assert frame["event"].iloc[-1] == "end"
    is_run = frame["run"].notna()
    assert frame.loc[is_run, ["task", "domain"]].notna().all(axis=None)
    assert frame.loc[frame["status"].notna(), "run"].notna().all()


def test_columns_are_found_by_name_and_nothing_else() -> None:
    log = small_log()
    assert log.time is log.columns["time"]
    with pytest.raises(AttributeError, match="colour"):
        _ = log.colour


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_log_can_be_copied_and_sent_to_another_process(
    copied: Callable[[EventLog], EventLog],
) -> None:
    log = small_log()
    assert log_bytes(copied(log)) == log_bytes(log)


# --- files --------------------------------------------------------------------------------------


@given(plans())
def test_a_parquet_file_holds_everything(plain: dict[str, Any]) -> None:
    log = sessim.simulate(sessim.Plan.from_dict(plain), seed=9).log
    other = written(log)
    pd.testing.assert_frame_equal(other.frame, log.frame)
    for name, values in log.columns.items():
        assert np.array_equal(other.columns[name], values), name
    assert (other.domains, other.details) == (log.domains, log.details)
    assert (other.plan, other.meta) == (log.plan, log.meta)
    assert log_bytes(other) == log_bytes(log)


def test_a_csv_file_has_local_times_with_their_offset(tmp_path: Path) -> None:
    small_log().write(tmp_path / "log.csv")
    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == CONTRACT.split()
    assert [row["event"] for row in rows][:3] == ["limit", "due", "sending"]
    assert ",".join(rows[4].values()) == (
        "4,2026-12-01T00:00:02+08:00,paused,1,1,news.example.com,Paused,2,1,0,0,0,2,2,"
        "daily limit reached"
    )
    assert (rows[0]["task"], rows[0]["status"], rows[-1]["limit"]) == ("", "", "")


def test_a_jsonl_file_has_a_row_a_line(tmp_path: Path) -> None:
    log = small_log()
    log.write(tmp_path / "log.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == len(log)
    assert list(rows[0]) == CONTRACT.split()
    assert rows[4]["time"] == "2026-12-01T00:00:02+08:00"
    assert rows[0]["task"] is None


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(sessim.LogError, match=r"'.xlsx' is no ending of a log; use .parquet, "):
        small_log().write(tmp_path / "log.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_times_as_text() -> None:
    instants = [
        microseconds("2026-10-25 02:30", "Europe/Berlin"),
        microseconds("2026-10-25 02:30", "Europe/Berlin") + 3_600_000_000,
        np.iinfo(np.int64).min,
    ]
    column = pd.Series(times(np.array(instants), "Europe/Berlin"))
    assert iso(column).tolist() == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", ""]
    assert iso(column[2:]).tolist() == [""]
    newfoundland = pd.Series(
        times(np.array([microseconds("2026-12-01 00:00") + 5]), "America/St_Johns")
    )
    assert iso(newfoundland).tolist() == ["2026-11-30T20:30:00.000005-03:30"]


# --- files that are no log ----------------------------------------------------------------------


def refusal(path: Path) -> str:
    """Return what is said when a file is read that is no log."""
    with pytest.raises(sessim.LogError) as caught:
        EventLog.read(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_there_is_no_such_file(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.parquet")
    refusal(tmp_path)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "text.parquet").write_text("time,event\n")
    (tmp_path / "bytes.parquet").write_bytes(bytes(range(256)))
    pd.DataFrame({"time": [1, 2]}).to_parquet(tmp_path / "foreign.parquet")
    for file in tmp_path.iterdir():
        refusal(file)


def changed(path: Path, change: Callable[[pa.Table], pa.Table], **head: Any) -> Path:
    """Write a log whose table or metadata was changed; return the file."""
    small_log().write(path)
    with pq.ParquetFile(path) as file:
        table = change(file.read())
    meta = json.loads(table.schema.metadata[b"sessim"]) | head
    pq.write_table(table.replace_schema_metadata({"sessim": json.dumps(meta)}), path)
    return path


def same(table: pa.Table) -> pa.Table:
    return table


def with_column(
    name: str, values: Callable[[pa.ChunkedArray], Any]
) -> Callable[[pa.Table], pa.Table]:
    """Return a change of one column."""

    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(name)
        return table.set_column(place, name, [values(table[name])])

    return change


def odd_words(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(["odd"] * len(column)).dictionary_encode()


@pytest.mark.parametrize(
    ("change", "head", "said"),
    [
        (same, {"format": 99}, "another version"),
        (same, {"plan": {"start": "2026-12-01"}}, "plan that cannot be read: domains: is missing"),
        (same, {"plan": None}, "plan that cannot be read"),
        (lambda table: table.drop_columns(["sent"]), {}, "no column 'sent'"),
        (lambda table: table.slice(0, 0), {}, "no rows"),
        (lambda table: table.take([1, 0, *range(4, 9)][::-1]), {}, "order of time"),
        (with_column("task", lambda c: pa.array([7] * len(c))), {}, "task that is not in its plan"),
        (with_column("event", odd_words), {}, "an event that is not known"),
        (with_column("event", lambda c: pa.array([3] * len(c))), {}, "is not an event log"),
        (with_column("time", lambda c: pa.array([1.5] * len(c))), {}, "is not an event log"),
        (with_column("time", lambda c: pa.array([2**62] * len(c), pa.timestamp("us", "UTC"))), {},
         "is not an event log"),
    ],
)  # fmt: skip
def test_a_log_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], head: dict[str, Any], said: str
) -> None:
    assert said in refusal(changed(tmp_path / "log.parquet", change, **head))


def test_a_log_that_another_program_has_written_again_is_the_same(tmp_path: Path) -> None:
    """What matters is in the columns and the metadata, not how they are laid out."""
    path = changed(tmp_path / "log.parquet", same)
    assert log_bytes(EventLog.read(path)) == log_bytes(small_log())


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    data = log_bytes(small_log())
    for length in range(0, len(data), 100):
        (tmp_path / "part.parquet").write_bytes(data[:length])
        refusal(tmp_path / "part.parquet")


@given(st.data())
def test_a_damaged_file_is_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(log_bytes(small_log()))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.parquet")
        path.write_bytes(content)
        try:
            EventLog.read(path)
        except sessim.LogError as error:
            said = str(error)
        else:
            said = ""
    assert lines(said) == [said][: len(said)]  # one sentence, or none


def test_the_smallest_log_can_be_written_and_read() -> None:
    plan = plan_of(task(1, start="2026-12-05"), window="rolling", horizon="2026-12-02")
    log = sessim.simulate(plan).log
    assert len(log) == 1  # only its end
    pd.testing.assert_frame_equal(written(log).frame, log.frame)
    assert written(log).domains == log.domains
