"""Bad files: one sentence for each kind of damage, with file and line, and the good rows kept."""

from __future__ import annotations

import codecs
import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim.history import reading
from sessim.history.polls import MOST_TASKS

ROW = {
    "TaskId": 4711, "FromEmailAddress": "a@news.example.com", "TaskStatus": 5, "TaskType": 1,
    "RequestCount": 1000, "SendCount": 0, "CacheCount": 0, "CreateTime": "2026-12-01 09:00:00",
    "UpdateTime": "2026-12-01 09:00:00", "Subject": "Launch",
}  # fmt: skip


def poll(minute: int, *rows: dict[str, Any], **more: Any) -> str:
    """Write a poll that was taken so many minutes after nine, with the rows' changes."""
    time = f"2026-12-01T{9 + minute // 60:02}:{minute % 60:02}:00+08:00"
    data = [{**ROW, **row} for row in rows]
    page = {"TotalCount": len(data), "Data": data}
    return json.dumps({"time": time, "Response": page, **more})


GOOD = [poll(0, {}), poll(15, {"SendCount": 300}), poll(30, {"SendCount": 600})]


def loaded(file: Path, content: str | bytes, **options: Any) -> sessim.History:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return sessim.load_history(file, **options)


def said(history: sessim.History) -> str:
    return "\n".join(history.evidence.notes)


BAD_ROWS = {
    "an unknown status": ({"TaskStatus": 3}, "TaskStatus 3 is not known"),
    "no status": ({"TaskStatus": None}, "TaskStatus is missing"),
    "a negative counter": ({"SendCount": -5}, "SendCount is negative or out of range"),
    "a huge counter": ({"RequestCount": 10**15}, "RequestCount is negative or out of range"),
    "requests of zero": ({"RequestCount": 0}, "RequestCount is 0, and yet the task is under way"),
    "too many cached": ({"CacheCount": 5000}, "CacheCount is larger than RequestCount"),
    "no requests": ({"RequestCount": None}, "RequestCount is missing"),
    "more sent than requested": ({"SendCount": 2000}, "SendCount is larger than RequestCount"),
    "a word for a number": ({"SendCount": "many"}, "SendCount is not what it should be"),
    "a list for a number": ({"SendCount": [1]}, "SendCount is not what it should be"),
    "a falling counter": ({"SendCount": 200}, "SendCount is below what an earlier poll showed"),
}


@pytest.mark.parametrize(("row", "words"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_left_out_and_counted(row: dict, words: str, tmp_path: Path) -> None:
    lines = [*GOOD[:2], poll(20, row, {"TaskId": 5, "SendCount": 7}), GOOD[2]]
    history = loaded(tmp_path / "polls.jsonl", "\n".join(lines))
    assert words in said(history)
    assert "1 row was left out" in said(history)
    assert "polls.jsonl" in said(history)
    assert history.tasks["sent"].tolist()[:2] in ([600, 7], [7, 600])


BAD_LINES = {
    "cut off": (b'{"time": "2026-12-01T09:20:00+08:00", "Respo', "it ends in the middle"),
    "no JSON": (b"hello }", "it is no JSON"),
    "another encoding": (
        '{"Response": {"Data": [{"TaskId": 1, "Subject": "推广"}]}}'.encode("gbk"),
        "it is not in UTF-8",
    ),
    "a nested bomb": (b'{"Response":' * 100_000 + b"}" * 100_000, "nested too deeply"),
    "a bomb of lists": (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "an error": (
        b'{"Response": {"Error": {"Code": "LimitExceeded", "Message": "slow down"}}}',
        "answered with an error",
    ),
    "another object": (b'{"hello": "world"}', "no answer of ListSendTasks"),
    "a number": (b"42", "is not what it should be"),
    "no time": (b'{"Response": {"TotalCount": 1, "Data": [{"TaskId": 1}]}}', "when the page was"),
}


@pytest.mark.parametrize(("line", "words"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_named_and_the_others_are_kept(
    line: bytes, words: str, tmp_path: Path
) -> None:
    content = b"\n".join([GOOD[0].encode(), line, GOOD[1].encode(), GOOD[2].encode()])
    history = loaded(tmp_path / "polls.jsonl", content)
    assert words in said(history)
    assert "polls.jsonl, line 2" in said(history)
    assert history.tasks["sent"].tolist() == [600]


ASSUMED = {
    "no sender": ({"FromEmailAddress": None}, "were put under unknown.test: nobody knows whose"),
    "an odd sender": ({"FromEmailAddress": "nobody"}, "missing or no address"),
    "an odd time": ({"CreateTime": "yesterday"}, "Some CreateTime is no time between 2000"),
    "no interval": (
        {"TaskType": 3, "CycleParam": {"IntervalTime": -4, "BeginTime": "2026-12-01 09:00:00"}},
        "without a usable IntervalTime",
    ),
    "no beginning": ({"TaskType": 2, "TimedParam": {"BeginTime": "soon"}}, "Some BeginTime in Tim"),
    "an odd type": ({"TaskType": 9}, "TaskType that is not 1, 2 or 3"),
    "nothing sent": ({"SendCount": None}, "Where SendCount is missing"),
}


@pytest.mark.parametrize(("row", "words"), ASSUMED.values(), ids=ASSUMED)
def test_what_had_to_be_assumed_is_said(row: dict, words: str, tmp_path: Path) -> None:
    """As the service's official client prints them: every field is there, many are null."""
    nulls = dict.fromkeys(("ReceiverId", "Template", "TimedParam", "ErrMsg", "CycleParam"))
    history = loaded(tmp_path / "polls.jsonl", poll(0, nulls | row))
    assert words in said(history)
    assert history.tasks["requests"].tolist() == [1000]


def test_a_row_that_comes_late_is_named_with_its_line_among_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([*GOOD[:2], poll(18, {"SendCount": 350})]))
    (tmp_path / "b.jsonl").write_text("\n" + poll(20, {"SendCount": 200}) + "\n" + GOOD[2])
    history = sessim.load_history(tmp_path)
    assert (
        "what an earlier poll showed, as in a page that comes late (first in b.jsonl, line 2)"
        in (said(history))
    )
    assert history.tasks["sent"].tolist() == [600]


def test_zeros_that_a_lost_machine_left_behind_cost_no_row(tmp_path: Path) -> None:
    history = loaded(tmp_path / "polls.jsonl", "\n".join(GOOD).encode() + bytes(5000))
    assert history.tasks["sent"].tolist() == [600]
    assert "left out" not in said(history)


EVENTS = [
    "case,activity,time,resource,sent,cached,requests",
    "1,start,2026-12-01T09:00:00+08:00,news.example.com,0,0,100",
    "1,suspend,2026-12-01T09:10:00+08:00,news.example.com,40,60,100",
    "1,resume,2026-12-02T00:00:00+08:00,news.example.com,40,60,100",
]
BAD_EVENTS = {
    "a falling counter": ("1,complete,2026-12-02T00:10:00+08:00,a.example.com,30,0,100",
                          "sent is below what an earlier row says (first in log.csv, line 5)"),
    "a negative counter": ("1,complete,2026-12-02T00:10:00+08:00,a.example.com,-3,0,100",
                           "sent is no whole number from 0 (first in log.csv, line 5)"),
    "a word for a time": ("1,complete,soon,a.example.com,100,0,100",
                          "its time cannot be read (first in log.csv, line 5)"),
    "an activity": ("1,dance,2026-12-02T00:10:00+08:00,a.example.com,100,0,100",
                    "the activity 'dance' tells nothing of a task (first in log.csv, line 5)"),
    "half a row": ("1,complete", "more or fewer cells than the header (first in log.csv, line 5)"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "words"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_row_of_a_table_is_left_out(row: str, words: str, tmp_path: Path) -> None:
    history = loaded(tmp_path / "log.csv", "\n".join([*EVENTS, row]))
    assert f"1 row was left out: {words}" in said(history).replace("the row has ", "")
    assert history.tasks[["status", "sent"]].to_numpy().tolist() == [["Sending", 40]]


def test_tables_that_tell_less_or_too_much(tmp_path: Path) -> None:
    bare = [",".join(row.split(",")[:3]) for row in EVENTS]
    assert "No column tells how many emails" in said(loaded(tmp_path / "a.csv", "\n".join(bare)))
    twice = EVENTS[0].replace("cached", "sent")
    with pytest.raises(sessim.HistoryError, match="has two columns 'sent' in line 1"):
        loaded(tmp_path / "b.csv", "\n".join([twice, *EVENTS[1:]]))
    odd = '"1\n2",start,2026-12-01T09:00:00+08:00,news.example.com,0,0,5'
    names = loaded(tmp_path / "c.csv", "\n".join([*EVENTS, odd])).tasks["name"]
    assert names.tolist() == ["Task 1", "Task 1 2"]


def test_whatever_the_wrapping_of_the_bytes_the_rows_are_the_same(tmp_path: Path) -> None:
    text = "\n".join(GOOD)
    forms = {
        "bom": codecs.BOM_UTF8 + text.encode(),
        "utf16": text.encode("utf-16"),
        "gzip": gzip.compress(text.encode()),
        "gzipped bom": gzip.compress(codecs.BOM_UTF8 + text.encode()),
        "windows": text.replace("\n", "\r\n").encode(),
        "blank lines": text.replace("\n", "\n\n \n").encode(),
    }
    for name, content in forms.items():
        history = loaded(tmp_path / name, content)
        assert history.tasks["sent"].tolist() == [600], name


def test_a_packed_file_that_is_cut_off_keeps_what_comes_before(tmp_path: Path) -> None:
    lines = [poll(minute, {"SendCount": minute}) for minute in range(900)]
    packed = gzip.compress("\n".join(lines).encode())
    history = loaded(tmp_path / "polls.jsonl.gz", packed[: len(packed) // 2])
    assert "ends before its end, or is damaged" in said(history)
    assert 50 < history.tasks["sent"].item() < 899


def test_a_document_that_is_cut_off_keeps_its_whole_pages(tmp_path: Path) -> None:
    text = json.dumps([json.loads(line) for line in GOOD], indent=1)
    history = loaded(tmp_path / "pages.json", text[:-200])
    assert "the file ends in the middle of a value" in said(history)
    assert history.tasks["sent"].tolist() == [300]


def test_a_line_longer_than_any_answer_needs_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    file = tmp_path / "polls.jsonl"
    with file.open("wb") as target:
        target.write(GOOD[0].encode() + b"\n")
        for _ in range(40):
            target.write(b'{"x":"' + b"y" * (1 << 20))
        target.write(b"\n" + GOOD[2].encode() + b"\n")
    tracemalloc.start()
    history = sessim.load_history(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "the line is longer than" in said(history)
    assert "line 2" in said(history)
    assert peak < 20 << 20
    assert history.tasks["sent"].tolist() == [600]


def test_equal_and_repeated_times_keep_the_order_of_reading(tmp_path: Path) -> None:
    lines = [poll(0, {}), poll(15, {"SendCount": 300}), poll(15, {"SendCount": 310}), GOOD[2]]
    history = loaded(tmp_path / "polls.jsonl", "\n".join(lines))
    assert history.evidence.seen.sent.tolist() == [0, 300, 310, 600]


def test_a_clock_that_jumps_back_is_put_in_order(tmp_path: Path) -> None:
    lines = [GOOD[0], GOOD[2], GOOD[1]]
    history = loaded(tmp_path / "polls.jsonl", "\n".join(lines))
    assert history.evidence.seen.sent.tolist() == [0, 300, 600]


@pytest.mark.parametrize("time", ["1970-01-01 00:00:00", "2999-01-01 00:00:00", 9e16])
def test_a_clock_that_jumps_by_decades_is_not_believed(tmp_path: Path, time: object) -> None:
    """Else a table would have a row for each day of a thousand years."""
    jumped = {**json.loads(GOOD[1]), "time": time}
    history = loaded(tmp_path / "polls.jsonl", "\n".join([GOOD[0], json.dumps(jumped), GOOD[2]]))
    assert history.evidence.seen.sent.tolist() == [0, 600]
    assert "1 row was left out: no time between 2000 and 2099" in said(history)
    assert len(history.daily) == 1


def test_a_task_shown_twice_in_one_poll_is_counted_once(tmp_path: Path) -> None:
    history = loaded(tmp_path / "polls.jsonl", "\n".join([poll(0, {}, {}), *GOOD[1:]]))
    assert "the same poll shows the task twice" in said(history)
    assert len(history.tasks) == 1


def test_more_domains_than_an_account_has(tmp_path: Path) -> None:
    rows = [{"TaskId": i, "FromEmailAddress": f"a@d{i}.example.com"} for i in range(14)]
    history = loaded(tmp_path / "polls.jsonl", poll(0, *rows))
    assert len(history.tasks) == 10
    assert "4 rows were left out: an account has at most 10 domains" in said(history)


def test_more_tasks_than_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessim.history.polls.MOST_TASKS", 50)
    assert MOST_TASKS == 100_000
    history = loaded(tmp_path / "polls.jsonl", poll(0, *({"TaskId": i} for i in range(80))))
    assert len(history.tasks) == 50
    assert "30 rows were left out: there are more than" in said(history)


BAD_FIRST_LINES = {
    "a bomb of objects": (b'{"Response":' * 50_000 + b"}" * 50_000, "nested too deeply"),
    "a bomb of lists": (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
    "a bomb that never ends": (b"[" * 200_000, "nested too deeply"),
    "a bomb of strings": (b'{"x":"' + b"y" * (2 << 20) + b'"}', "the line is longer than"),
    "half an answer": (b'{"time": "2026-12-01T09:20:00+08:00", "Respo', "it ends in the middle"),
    "the other half": (b'nse": {"TotalCount": 0, "Data": []}}', "it is no JSON"),
    "another language": (b"-- polls of December, by the night shift --", "it is no JSON"),
}


@pytest.mark.parametrize(("line", "words"), BAD_FIRST_LINES.values(), ids=BAD_FIRST_LINES)
def test_a_bad_first_line_does_not_take_the_file_with_it(
    line: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    history = loaded(tmp_path / "polls.jsonl", line + b"\n" + "\n".join(GOOD).encode())
    assert words in said(history)
    assert "1 row was left out" in said(history)
    assert "polls.jsonl, line 1" in said(history)
    assert history.tasks["sent"].tolist() == [600]


@pytest.mark.parametrize("name", ["a bomb of objects", "a bomb of lists", "a bomb of strings"])
def test_nor_does_a_bad_first_entry_of_a_document(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    content = b"[\n" + b",\n".join([BAD_FIRST_LINES[name][0], *(g.encode() for g in GOOD)]) + b"]"
    history = loaded(tmp_path / "polls.json", content)
    assert "1 row was left out: the value is" in said(history)
    assert "polls.json, line 2" in said(history)
    assert history.tasks["sent"].tolist() == [600]


def test_a_bomb_that_never_ends_in_a_document_is_said_to_hide_the_rest(tmp_path: Path) -> None:
    content = "[\n" + ",\n".join([GOOD[0], GOOD[1], "[" * 200_000, GOOD[2]]) + "]"
    history = loaded(tmp_path / "polls.json", content)
    assert "What comes after polls.json, line 4, cannot be read" in said(history)
    assert history.tasks["sent"].tolist() == [300]


NO_HISTORY = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "words": (b"dear diary", "is no history that is known"),
    "damaged gzip": (b"\x1f\x8b\x08\x00broken", "is empty, or cannot be unpacked"),
    "pictures": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no history that is known"),
    "no tasks": (b'{"Response": {"TotalCount": 0, "Data": []}}', "tells of a task"),
    "entities": (
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aa">]><log><trace>&a;</trace></log>',
        "declares entities",
    ),
    "half a log": (b"PAR1 and no more", "is no whole Parquet file"),
    "no columns": (b"a,b\n1,2\n", "has no column for the case"),
}


@pytest.mark.parametrize(("content", "words"), NO_HISTORY.values(), ids=NO_HISTORY)
def test_what_is_no_history_is_one_sentence(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(sessim.HistoryError, match=words):
        loaded(tmp_path / "file", content)


def test_texts_of_a_file_stay_texts(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>\n\x1b[31m{{7*7}}"
    history = loaded(tmp_path / "polls.jsonl", poll(0, {"Subject": hostile}))
    name = history.tasks["name"].item()
    assert name.isprintable()
    assert "<img" not in history._repr_html_()


def test_arguments_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "polls.jsonl"
    file.write_text("\n".join(GOOD))
    for options, words in (
        ({"format": "pols"}, "format: 'pols' is not known; did you mean 'polls'"),
        ({"timezone": "CST"}, "timezone: 'CST' is not a known time zone"),
    ):
        with pytest.raises(sessim.ArgumentError, match=words):
            sessim.load_history(file, **options)
    with pytest.raises(sessim.HistoryError, match="there is no file"):
        sessim.load_history(tmp_path / "missing.json")
    with pytest.raises(sessim.ArgumentError, match="files: none is given"):
        sessim.load_history()


def test_one_page_that_comes_very_late_costs_no_other_look(tmp_path: Path) -> None:
    lines = [poll(minute, {"SendCount": 10 * minute}) for minute in range(0, 60, 5)]
    lines.insert(9, poll(42, {"SendCount": 10}))
    history = loaded(tmp_path / "polls.jsonl", "\n".join(lines))
    assert "1 row was left out" in said(history)
    assert "polls.jsonl, line 10" in said(history)
    assert len(set(history.evidence.seen.sent.tolist())) == 12
