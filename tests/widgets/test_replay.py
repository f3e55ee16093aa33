"""The panel of histories: files are read, the console shows any instant, pauses are explained."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import sessim
from sessim.errors import HistoryError
from sessim.history.explanation import Verdict
from sessim.history.polling import Poller, Slips
from sessim.widgets import Replay
from sessim.widgets.labels import Words
from tests.widgets.driving import upload
from tests.widgets.pages import html_of, read

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
PLAN = sessim.Plan(
    start="2026-12-01",
    rate=2,
    domains=[sessim.Domain("shop.example.com", warmup=[300, 700, 9_000])],
    tasks=[
        sessim.Task("Opening", sender="a@shop.example.com", requests=900),
        sessim.Task("Reminder", sender="a@shop.example.com", requests=200, start="2026-12-01 12:00",
                    subject=HOSTILE),
    ],
)  # fmt: skip


@pytest.fixture(scope="module")
def polls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    poller = Poller(sessim.simulate(PLAN), every=15, slips=Slips(lost=0.05), seed=1)
    return poller.write(tmp_path_factory.mktemp("polls") / "polls.jsonl")


@pytest.fixture
def panel(polls: Path) -> Replay:
    return Replay(polls)


# --- files --------------------------------------------------------------------------------------


def test_a_file_is_named_and_replayed(polls: Path) -> None:
    panel = Replay()
    assert panel.below.layout.display == "none"
    panel.path.value = str(polls)
    panel.load_button.click()
    assert (panel.error, panel.files) == ("", (str(polls),))
    assert panel.below.layout.display is None
    assert panel.message.startswith("2 tasks, 3 pauses, 0 findings")
    assert panel.history is not None
    assert panel.console.result is panel.history


@pytest.mark.usefixtures("in_a_folder")
def test_several_files_are_uploaded_and_one_is_taken_back(polls: Path) -> None:
    lines = polls.read_bytes().splitlines(keepends=True)
    panel = Replay()
    for number, part in enumerate((lines[:100], lines[100:], [b"nonsense"])):
        panel.upload.value = upload(f"../{number}.jsonl", b"".join(part))
    assert panel.files == tuple(f"histories/{number}.jsonl" for number in range(3))
    panel.files_box.value = panel.files[2:]
    panel.remove_button.click()
    panel.load_button.click()
    assert (panel.error, len(panel.files)) == ("", 2)
    assert panel.history is not None
    assert panel.history.tasks["sent"].tolist() == [900, 200]


def test_nothing_named_or_not_there() -> None:
    panel = Replay()
    panel.load_button.click()
    assert panel.error == "Name a file first, or upload one."
    panel.path.value = "none\0.jsonl"
    panel.add_button.click()
    assert "There is no file" in panel.error
    with pytest.raises(HistoryError, match="There is no file nowhere"):
        panel.add("nowhere")
    assert panel.files == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02", "is no history that is known"),
        (b'{"TotalCount": 1, "Data": [', "tells of a task"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    panel = Replay(tmp_path / "bad.json")
    assert said in panel.error
    assert panel.history is None
    assert not panel.loading


def test_a_wrong_zone_is_said(polls: Path) -> None:
    panel = Replay()
    panel.timezone = "Asia/Shangai"
    panel.path.value = str(polls)
    panel.load_button.click()
    assert "Asia/Shanghai" in panel.error


def test_an_error_leaves_the_history_that_is_shown(panel: Replay, tmp_path: Path) -> None:
    before = panel.history
    (tmp_path / "empty.json").touch()
    panel.files = (str(tmp_path / "empty.json"),)
    panel.load()
    assert "is empty" in panel.error
    assert panel.history is before


# --- what is shown ------------------------------------------------------------------------------


def test_the_notes_of_the_import_are_listed(panel: Replay) -> None:
    assert panel.history is not None
    points = [element.text for element in read(panel.notes.value).all("li")]
    assert points == list(panel.history.evidence.notes)


def test_pauses_are_listed_with_what_is_known_of_their_time(panel: Replay) -> None:
    """Opening had sent its 300 emails at 00:02:30, and nobody looked before 00:15."""
    assert panel.history is not None
    (rows,) = read(panel.pause_list.value).tables
    first = panel.history.pauses.iloc[0]
    assert first["start_earliest"] < first["start_latest"]
    assert rows[0]["Start"] == "2026-12-01 00:00 to 00:15"
    assert "between" in panel.pause_list.value
    exact = Replay()
    exact.history = sessim.History(sessim.simulate(PLAN).log)
    (rows,) = read(exact.pause_list.value).tables
    assert rows[0]["Start"] == "2026-12-01 00:02:30"
    assert "between" not in exact.pause_list.value


def test_a_pause_is_explained_beside_the_findings(panel: Replay) -> None:
    panel.pause_box.value = 2
    assert panel.explanation is not None
    assert panel.explanation.verdict == Verdict.LIMIT
    assert panel.explanation.paragraph in read(panel.reason.value).all("p")[0].text
    assert [row["Task"] for row in read(panel.reason.value).tables[0]] == ["Opening"]
    assert panel.console.selected == (2,)
    assert panel.history is not None
    assert panel.console.time == panel.history.pauses["start_latest"].iloc[1]
    marked = [row for row in read(panel.pause_list.value).all("tr") if "aria-current" in
              row.attributes]  # fmt: skip
    assert len(marked) == 1
    panel.pause_box.value = 0
    assert panel.explanation is None
    assert "Choose a pause" in panel.reason.value


def test_the_console_shows_any_instant(panel: Replay) -> None:
    panel.console.time = "2026-12-01 13:00"
    rows = read(panel.console.task_list.value).tables[0]
    assert [row["Cache queue"] for row in rows] == ["600", "200"]


def test_findings_are_listed(tmp_path: Path) -> None:
    """1,000 emails on a day whose limit is 300."""
    rows = [
        {"TaskId": 7, "TaskStatus": status, "RequestCount": 1000, "SendCount": sent,
         "CacheCount": 0, "TaskType": 1, "FromEmailAddress": "a@x.example", "Subject": "S",
         "CreateTime": "2026-12-01 00:00:00"}
        for status, sent in ((5, 100), (10, 1000))
    ]  # fmt: skip
    quota = {"EmailIdentities": [{"IdentityName": "x.example", "DailyQuota": 300}]}
    answers = [
        {"time": f"2026-12-01T0{hour}:00:00+08:00", "Response": response}
        for hour, row in enumerate(rows, 1)
        for response in (quota, {"TotalCount": 1, "Data": [row]})
    ]
    (tmp_path / "polls.jsonl").write_text("\n".join(map(json.dumps, answers)))
    panel = Replay(tmp_path / "polls.jsonl")
    (found,) = read(panel.finding_list.value).tables
    assert {row["Rule"] for row in found} == {"R4"}
    assert any("300" in row["Finding"] for row in found)


def test_nothing_from_a_file_is_markup(panel: Replay) -> None:
    assert panel.history is not None
    assert panel.history.tasks["name"].iloc[1] == HOSTILE
    panel.pause = 2
    shown = html_of(panel)
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "&lt;script&gt;" in shown
    assert all(read(shown_).balanced for shown_ in (panel.reason.value, panel.pause_list.value))
    names = [row["Task"] for row in read(panel.pause_list.value).tables[0]]
    assert names[1] == HOSTILE


def test_file_names_are_no_markup(tmp_path: Path) -> None:
    name = "<b>x<b>.jsonl"
    (tmp_path / name).touch()
    panel = Replay(tmp_path / name)
    assert "&lt;b&gt;" in panel.status.value


# --- in a loop ------------------------------------------------------------------------------------


def test_reading_leaves_the_loop_to_others(polls: Path) -> None:
    async def watch() -> None:
        panel, seen = Replay(polls), []
        assert panel.loading
        while panel.loading:
            seen.append(panel.message)
            await asyncio.sleep(0.001)
        assert seen[0] == "Reading the files..."
        assert panel.history is not None
        panel.pause = 1
        panel.pause = 2  # the first is of no interest any more
        assert panel.explaining
        assert "Explaining" in panel.reason.value
        while panel.explaining:
            await asyncio.sleep(0.001)
        assert panel.explanation is not None
        assert panel.explanation.task == 2
        panel.close()

    asyncio.run(watch())


def test_an_error_in_the_thread_is_shown(tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()

    async def watch() -> None:
        panel = Replay(tmp_path / "empty.json")
        while panel.loading:
            await asyncio.sleep(0.001)
        assert "is empty" in panel.error

    asyncio.run(watch())


def test_it_speaks_indonesian(polls: Path) -> None:
    panel = Replay(polls, language="id")
    assert panel.load_button.description == "Putar ulang"
    assert "2 tugas" in panel.message
    panel.pause = 1
    assert Words("id")("replay.why", name="Opening") in panel.reason.value
