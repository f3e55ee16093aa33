"""OCEL 2.0 in JSON, XML and SQLite: what is damaged costs itself, and is said."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sessim
from sessim.history import ocel
from sessim.history.export import export
from sessim.history.kinds import kind
from sessim.history.losses import Losses
from tests import results

Document = dict[str, Any]


def left_out(history: sessim.history.History) -> list[str]:
    return [note for note in history.evidence.notes if "left out" in note]


@pytest.fixture
def whole(tmp_path: Path) -> Document:
    """The launch, as JSON: its fifth event is that its second task begins to send."""
    found: Document = json.loads(export(results.launch(), tmp_path / "whole.jsonocel").read_text())
    return found


def load(document: Document, file: Path) -> sessim.history.History:
    file.write_text(json.dumps(document))
    return sessim.load_history(file)


# --- JSON -----------------------------------------------------------------------------------------


def no_time(event: Document) -> None:
    del event["time"]


def links_in_a_word(event: Document) -> None:
    event["relationships"] = "task 1"


def a_number_for_a_name(event: Document) -> None:
    event["attributes"][0]["name"] = 7


def touches_nothing(event: Document) -> None:
    event["relationships"] = [{"objectId": "nobody", "qualifier": ""}]


def an_hour_that_is_none(event: Document) -> None:
    event["time"] = "2026-12-01T25:00:00Z"


def half_an_email(event: Document) -> None:
    next(one for one in event["attributes"] if one["name"] == "sent")["value"] = 0.5


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_time, "it is no event of OCEL 2.0 (Object missing required field `time`)"),
        (links_in_a_word, "it is no event of OCEL 2.0 (Expected `array`, got `str`"),
        (a_number_for_a_name, "it is no event of OCEL 2.0 (Expected `str`, got `int`"),
        (touches_nothing, "the event touches neither a run nor a task"),
        (an_hour_that_is_none, "its time cannot be read"),
        (half_an_email, "sent is no whole number from 0"),
    ],
)
def test_a_bad_event_costs_its_own_row(
    spoil: Callable[[Document], None], words: str, whole: Document, tmp_path: Path
) -> None:
    before = load(whole, tmp_path / "whole.json")
    spoil(whole["events"][4])
    history = load(whole, tmp_path / "log.json")
    (note,) = left_out(history)
    assert note.startswith(f"1 row was left out: {words}")
    assert note.endswith("(first in log.json, line 5)")
    assert history.tasks["sent"].tolist() == before.tasks["sent"].tolist()


def test_a_bad_object_is_counted_and_so_are_the_events_that_need_it(
    whole: Document, tmp_path: Path
) -> None:
    run = next(entry for entry in whole["objects"] if entry["type"] == "run")
    events = [e for e in whole["events"]
              if any(link["objectId"] == run["id"] for link in e["relationships"])]  # fmt: skip
    run["attributes"] = None
    for event in events:  # the task alone cannot stand for it
        event["relationships"] = [{"objectId": run["id"]}]
    with pytest.raises(sessim.HistoryError, match=r"nothing in .* tells of a task") as caught:
        load(whole | {"events": events}, tmp_path / "log.json")
    assert "it is no object of OCEL 2.0 (Expected `array`, got `null`" in str(caught.value)


def test_events_may_stand_before_the_objects(whole: Document, tmp_path: Path) -> None:
    known = load(whole, tmp_path / "whole.json")
    order = ("eventTypes", "events", "version", "objects", "objectTypes")
    other = load({name: whole.get(name, "2.0") for name in order}, tmp_path / "log.json")
    pd.testing.assert_frame_equal(other.events, known.events)


@pytest.mark.parametrize("ending", ["json", "xmlocel"])
def test_a_file_that_is_cut_off_keeps_what_comes_before(ending: str, tmp_path: Path) -> None:
    file = export(results.launch(), tmp_path / f"log.{ending}")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - 4000])
    history = sessim.load_history(file)
    assert len(history.events) > 0
    (note,) = left_out(history)
    assert "1 row was left out: " in note
    assert "in the middle" in note or "cut off here" in note


def test_however_many_events_there_are_they_are_read_one_at_a_time(tmp_path: Path) -> None:
    """13 MB in each form, in the memory of the objects and of a few chunks."""
    event = {"id": "", "type": "paused", "time": "2026-12-01T09:00:00Z",
             "attributes": [{"name": "detail", "value": "x" * 900}],
             "relationships": [{"objectId": "task 1", "qualifier": ""}]}  # fmt: skip
    document = {"objectTypes": [], "eventTypes": [],
                "objects": [{"id": "task 1", "type": "task"}], "events": []}  # fmt: skip
    text = json.dumps(document).removesuffix("]}")
    body = ",".join([json.dumps(event)] * 12_000)
    (tmp_path / "log.json").write_text(f"{text}{body}]}}")
    tag = (
        '<event id="" type="paused" time="2026-12-01T09:00:00Z"><attributes><attribute '
        f'name="detail">{"x" * 900}</attribute></attributes><objects><relationship '
        'object-id="task 1" qualifier=""/></objects></event>'
    )
    head = '<log><objects><object id="task 1" type="task"/></objects><events>'
    (tmp_path / "log.xmlocel").write_text(f"{head}{tag * 12_000}</events></log>")
    del text, body
    for name in ("log.json", "log.xmlocel"):
        tracemalloc.start()
        assert sum(1 for _ in ocel.ocel_rows(tmp_path / name, Losses())) == 12_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 9 << 20


# --- XML ------------------------------------------------------------------------------------------


def test_a_bad_element_costs_its_own_row(tmp_path: Path) -> None:
    file = export(results.launch(), tmp_path / "log.xmlocel")
    assert kind(file) == "ocel"
    lines = file.read_text().splitlines(keepends=True)
    fifth = [number for number, line in enumerate(lines) if line.startswith("<event id")][4]
    lines[fifth] = lines[fifth].replace(" time=", " when=")
    file.write_text("".join(lines))
    (note,) = left_out(sessim.load_history(file))
    assert "it is no event of OCEL 2.0 (Object missing required field `time`)" in note
    assert note.endswith(f"(first in log.xmlocel, line {fifth + 1})")


def test_xml_that_declares_entities_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log.xml"
    bomb = '<!DOCTYPE log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    file.write_text(f'<?xml version="1.0"?>{bomb}<log><object-types/><events>&b;</events></log>')
    with pytest.raises(sessim.HistoryError, match="declares entities; a log has no need of them"):
        sessim.load_history(file)


def test_packed_or_in_utf_16_it_is_the_same(tmp_path: Path) -> None:
    file = export(results.launch(), tmp_path / "log.xmlocel")
    known = sessim.load_history(file)
    packed, wide = tmp_path / "log.gz", tmp_path / "wide.xml"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    wide.write_text(file.read_text().partition("?>")[2], "utf-16")
    for other in (packed, wide):
        pd.testing.assert_frame_equal(sessim.load_history(other).events, known.events)


# --- SQLite ---------------------------------------------------------------------------------------


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as base, base:
        yield base


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return export(results.launch(), tmp_path / "log.sqlite")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM event_sending WHERE ocel_id = 'event 5'", "Expected `str`, got `null`"),
        ("UPDATE event SET ocel_type = 'unheard' WHERE ocel_id = 'event 5'", "got `null`"),
        ("UPDATE event_sending SET ocel_time = 5 WHERE ocel_id = 'event 5'", "got `int`"),
        ("UPDATE event_sending SET sent = x'ff' WHERE ocel_id = 'event 5'", "sent is no whole"),
        ("DELETE FROM event_object WHERE ocel_event_id = 'event 5'", "neither a run nor a task"),
    ],
)
def test_a_bad_row_costs_itself(statement: str, words: str, base: Path) -> None:
    with database(base) as opened:
        assert opened.execute(statement).rowcount
    (note,) = left_out(sessim.load_history(base))
    assert words in note
    assert note.startswith("1 row was left out")
    assert note.endswith("(first in log.sqlite, line 5)")


def test_a_missing_table_is_one_sentence(base: Path) -> None:
    with database(base) as opened:
        opened.execute("DROP TABLE event_object")
    with pytest.raises(sessim.HistoryError, match="has no table event_object, so it is no OCEL"):
        sessim.load_history(base)


def test_a_view_is_no_table_and_is_not_run(base: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    with database(base) as opened:
        opened.execute("DROP TABLE event_object")
        opened.execute(
            "CREATE VIEW event_object AS SELECT i AS ocel_event_id, i AS ocel_object_id, "
            f"'' AS ocel_qualifier FROM ({endless})"
        )
    with pytest.raises(sessim.HistoryError, match="has no table event_object"):
        sessim.load_history(base)


def test_a_damaged_database_is_one_sentence(base: Path) -> None:
    with database(base) as opened:
        (page,) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event_sent'")
    content = bytearray(base.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    start = (page[0] - 1) * size
    content[start : start + size] = b"\xa5" * size
    base.write_bytes(content)
    with pytest.raises(sessim.HistoryError, match="the database cannot be read from here on"):
        sessim.load_history(base)


def test_a_packed_database_is_to_be_unpacked_first(base: Path, tmp_path: Path) -> None:
    packed = tmp_path / "log.sqlite.gz"
    packed.write_bytes(gzip.compress(base.read_bytes()))
    with pytest.raises(sessim.HistoryError, match="is packed; unpack it first"):
        sessim.load_history(packed)


@pytest.mark.parametrize("form", ["jsonocel", "xmlocel", "sqlite"])
def test_whatever_bytes_are_damaged_it_is_one_sentence_or_a_history(
    form: str, tmp_path: Path
) -> None:
    content = export(results.launch(), tmp_path / f"whole.{form}").read_bytes()
    dice = random.Random(form)
    for number in range(60):
        spoilt = bytearray(content if number % 3 else content[: dice.randrange(len(content))])
        for _ in range(number % 3 * 10):
            spoilt[dice.randrange(100, len(spoilt))] = dice.randrange(256)
        file = tmp_path / f"log.{form}"
        file.write_bytes(spoilt)
        with suppress(sessim.HistoryError):
            assert len(sessim.load_history(file).events) > 0


def test_reading_changes_nothing(base: Path) -> None:
    before = base.read_bytes()
    sessim.load_history(base)
    assert base.read_bytes() == before
    assert sorted(base.parent.iterdir()) == [base]
