"""Exported logs are opened by another tool, in its own process, and hold the same events."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sessim
from sessim.history.export import export, frame
from tests import results

JUDGE = Path(__file__).with_name("judge_pm4py.py")


def judged(file: Path, *copies: Path) -> dict[str, Any]:
    interpreter = os.environ.get("SESSIM_PM4PY", "")
    if not Path(interpreter).is_file():
        pytest.skip("no PM4Py: SESSIM_PM4PY names no interpreter that has it")
    done = subprocess.run(
        [interpreter, JUDGE, file, *copies], capture_output=True, text=True, check=True, timeout=300
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("ending", ["csv", "xes", "xes.gz"])
def test_another_tool_opens_the_log(ending: str, tmp_path: Path) -> None:
    result = results.launch()
    found = judged(export(result, tmp_path / f"log.{ending}"))
    rows = frame(result.log)
    assert found["events"] == len(rows)
    assert found["cases"] == sorted(rows["case:concept:name"].unique())
    assert found["activities"] == sorted(rows["concept:name"].unique())
    assert found["first"] == str(rows["time:timestamp"].min().tz_convert("UTC"))


@pytest.mark.parametrize("ending", ["jsonocel", "xmlocel", "sqlite"])
def test_another_tool_opens_the_objects(ending: str, tmp_path: Path) -> None:
    result = results.launch()
    found = judged(export(result, tmp_path / f"log.{ending}"))
    assert found["objects"] == ["domain", "run", "task"]
    assert found["activities"] == sorted(frame(result.log)["concept:name"].unique())
    limits = result.events.query("event == 'limit'")
    assert found["changes"] >= len(limits) - 3  # the first value is no change


def test_what_another_tool_writes_of_it_is_the_same_log(tmp_path: Path) -> None:
    """In the two other forms of OCEL 2.0; in JSON it writes no parts of seconds."""
    file = export(results.many(9, 6, 2), tmp_path / "log.jsonocel")
    copies = [tmp_path / f"copy.{form}" for form in ("xmlocel", "sqlite")]
    judged(file, *copies)
    history = sessim.load_history(file)
    for copy in copies:
        found = sessim.load_history(copy)
        assert [note for note in found.evidence.notes if "left out" in note] == []
        pd.testing.assert_frame_equal(found.events, history.events)
        pd.testing.assert_frame_equal(found.tasks, history.tasks)
        assert found.findings["finding"].tolist() == []


def test_parquet_holds_what_csv_holds(tmp_path: Path) -> None:
    result = results.launch()
    found = pd.read_parquet(export(result, tmp_path / "log.parquet"))
    pd.testing.assert_frame_equal(found, frame(result.log))


def test_texts_stay_texts(tmp_path: Path) -> None:
    file = export(results.hostile(), tmp_path / "log.xes")
    assert "<img" not in file.read_text("utf-8")


def test_an_ending_that_means_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(sessim.ArgumentError, match=r"'log.doc' ends in no known format"):
        export(results.launch(), tmp_path / "log.doc")
