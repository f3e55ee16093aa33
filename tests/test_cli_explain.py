"""``sessim explain``, in the process of the tests: what it prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import sessim
from sessim.cli import main
from sessim.history.polling import Poller
from tests.history.logs import PLAN


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a saved result, and polls of it in a file."""
    folder = tmp_path_factory.mktemp("saved")
    result = sessim.simulate(sessim.Plan.from_dict(PLAN))
    result.save(folder / "out")
    Poller(result, every=15).write(folder / "polls.jsonl")
    return folder


def explained(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command; return its status and what it said."""
    status = main(["explain", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("file", ["out", "out/events.parquet"])
def test_a_task_of_a_saved_result(
    saved: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    status, out, err = explained(
        capsys, saved / file, "--task", "Digest", "--at", "2026-12-01 12:00"
    )
    assert (status, err) == (0, "")
    first, *_ = out.splitlines()
    assert first.startswith("'Digest' was Paused at 2026-12-01 12:00: domain limit reached.")
    assert "Without 'Launch' it would have gone on" in first
    assert "Sent by news.example.com on 2026-12-01:" in out
    assert "twice the limit" in out


def test_a_task_of_polls_by_the_services_id(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = "2026-12-01T08:00/2026-12-02T06:00"
    status, out, _ = explained(capsys, saved / "polls.jsonl", "--task", "4701", "--at", at)
    assert status == 0
    assert "'Launch' was Paused from 2026-12-01 08:00 to 2026-12-02 06:00" in out
    assert "Known from looks at the task list" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "Lunch", "--at", "2026-12-01"), "did you mean 'Launch'"),
        (("--task", "77", "--at", "2026-12-01"), "there is no task 77; the history has 1, 2"),
        (("--task", "1", "--at", "noon"), "at: 'noon' is not a date or time"),
        (("--task", "1", "--at", "a/b/c"), "is neither a time nor FROM/TO"),
    ],
)
def test_what_cannot_be_explained(
    saved: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = explained(capsys, saved / "out", *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = explained(capsys, tmp_path / "none.jsonl", "--task", "1", "--at", "2026-12-01")
    assert status == 2
    assert "there is no file" in err
