"""The command line, run as users run it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import sessim
from sessim.listing import console, day_table
from tests.results import many_tasks

LAUNCH = Path(__file__).parent.parent / "notebooks" / "data" / "launch.yaml"

SMALL = """\
start: 2026-12-01
domains: [{name: news.example.com, warmup: [500, 1000]}]
tasks:
  - {name: Launch, sender: a@news.example.com, requests: 1200}
  - {name: 新年, sender: a@news.example.com, requests: 100, start: 2026-12-02 09:00}
"""


def run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sessim", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )


def write(folder: Path, text: str = SMALL) -> Path:
    path = folder / "plan.yaml"
    path.write_text(text, "utf-8")
    return path


def test_simulate_writes_what_the_contract_names(tmp_path: Path) -> None:
    done = run("simulate", LAUNCH, "--out", "out", "--seed", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [
            "tasks.csv",
            "runs.csv",
            "daily.csv",
            "pauses.csv",
            "events.parquet",
            "plan.yaml",
            "throughput.png",
            "backlog.png",
            "timeline.png",
        ]
    )
    tasks = pd.read_csv(tmp_path / "out" / "tasks.csv", parse_dates=["due"])
    assert list(tasks["name"]) == [task.name for task in sessim.Plan.from_yaml(LAUNCH).tasks]
    assert tasks["due"].iloc[0].isoformat() == "2026-12-01T00:00:00+08:00"
    again = run("simulate", "out/plan.yaml", "--out", "again", "--seed", 1, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    logs = [(tmp_path / name / "events.parquet").read_bytes() for name in ("out", "again")]
    assert logs[0] == logs[1]


def test_simulate_prints_the_console_and_a_day_table(tmp_path: Path) -> None:
    done = run("simulate", write(tmp_path), "--out", "out", "--until", "2026-12-01", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "Task"
    assert lines[1].split() == ["Launch", "█" * 8 + "░" * 12, "41%", "Batch", "Paused", "1,200"]
    assert "news.example.com  2026-12-01    1    500   500     700      700  100%" in lines
    assert "work left" in done.stdout


def test_of_very_many_tasks_the_first_thousand_are_printed() -> None:
    result = sessim.simulate(many_tasks(1_203, 400, 10))
    shown = console(result.tasks).splitlines()
    assert len(shown) == 1 + 1_000 + 1
    assert shown[1_000].startswith("Task 999 ")
    assert shown[-1] == "and 203 tasks more"
    days = day_table(result.daily).splitlines()
    assert len(days) == 1 + 1_000 + 1
    assert days[-1] == f"and {len(result.daily) - 1_000:,} days more"
    assert "more" not in console(result.tasks.head(1_000))


def test_names_of_wide_characters_keep_the_columns() -> None:
    plan = sessim.Plan.from_dict(
        {
            "start": "2026-12-01",
            "domains": [{"name": "a.org"}],
            "tasks": [
                {"name": "新年", "sender": "a@a.org", "requests": 1},
                {"name": "News", "sender": "a@a.org", "requests": 1},
            ],
        }
    )
    _, wide, narrow = console(sessim.simulate(plan).tasks).splitlines()
    assert wide.index("█") == narrow.index("█") - 2  # two characters as wide as four


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["simulate", "missing.yaml", "--out", "out"], "cannot read the file 'missing.yaml'"),
        (["simulate", "bad.yaml", "--out", "out"], "task 'Launch', requests: 0 is out of range"),
        (["simulate", "plan.yaml"], "the following arguments are required: --out"),
        (["simulate", "plan.yaml", "--out", "out", "--until", "soon"], "until: 'soon' is not"),
        (["simulate", "plan.yaml", "--out", "out", "--until", "2026-11-01"], "not after the plan"),
        (["simulate", "plan.yaml", "--out", "out", "--seed", "x"], "invalid int value: 'x'"),
        (["simulate", "plan.yaml", "--out", ""], "--out: '' cannot be the folder for results"),
        (["simulate", "plan.yaml", "--out", "bad.yaml"], "(file exists); name another"),
        (["simulate", "plan.yaml", "--out", "bad.yaml/x"], "(not a directory); name another"),
        (["stimulate"], "invalid choice: 'stimulate'"),
        ([], "the following arguments are required: COMMAND"),
        (["lab", "nowhere"], "there is no folder 'nowhere'"),
    ],
)
def test_a_mistake_gets_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    write(tmp_path)
    (tmp_path / "bad.yaml").write_text(SMALL.replace("1200", "0"), "utf-8")
    before = sorted(tmp_path.iterdir())
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
    assert not done.stdout
    assert sorted(tmp_path.iterdir()) == before


def test_a_failed_run_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "out" / "runs.csv").mkdir(parents=True)
    done = run("simulate", write(tmp_path), "--out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "sessim: out/runs.csv: Is a directory"


def test_at_the_horizon_it_says_what_is_left(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL + "horizon: 2026-12-10\n")
    text = path.read_text("utf-8")
    left = run("simulate", path, "--out", "out", "--until", "2026-12-01", cwd=tmp_path)
    assert "with work left: 700 emails of due runs are unsent." in left.stdout
    path.write_text(text.replace("2026-12-02", "2026-12-09"), "utf-8")
    to_come = run("simulate", path, "--out", "out", "--until", "2026-12-05", cwd=tmp_path)
    assert "with work left: runs that are not due yet." in to_come.stdout


def test_a_falling_list_is_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL.replace("[500, 1000]", "[500, 1000, 800]"))
    done = run("simulate", path, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == (
        "sessim: warning: news.example.com: the warm-up falls from 1000 to 800 on day 3\n"
    )


def test_a_terminal_without_utf8_still_shows_the_list(tmp_path: Path) -> None:
    done = run("simulate", write(tmp_path), "--out", "out", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Launch" in done.stdout


def test_schema_is_json(tmp_path: Path) -> None:
    done = run("schema", cwd=tmp_path)
    assert "tasks" in json.loads(done.stdout)["properties"]
