"""`sessim replicate` and `sessim compare`, run as users run them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sessim
from sessim import cli
from tests.experiments import cases
from tests.test_cli import run


@pytest.fixture
def plans(tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "now.yaml", tmp_path / "slow.yaml"
    cases.plan().to_yaml(files[0])
    cases.plan(rate=2).to_yaml(files[1])
    return files


def test_replicate_writes_tables_and_charts(tmp_path: Path, plans: tuple[Path, Path]) -> None:
    done = run(
        *("replicate", plans[0], "--replications", 30, "--seed", 7, "--workers", 2),
        *("--by", "2026-12-08", "--out", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    names = ["finish", "tasks", "daily", "summary", "daily_summary", "measures"]
    pictures = ["throughput.png", "backlog.png", "finish.png"]
    expected = sorted([*(f"{name}.csv" for name in names), *pictures, "plan.yaml"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == expected
    found = sessim.replicate(cases.plan(), 30, 7)
    finish = pd.read_csv(tmp_path / "out" / "finish.csv")
    assert finish["sent"].tolist() == found.finish["sent"].tolist()
    assert repr(found) in done.stdout
    sure = found.probability("2026-12-08")
    assert f"done by 2026-12-08 with probability {sure.value:.1%}" in done.stdout
    assert done.stdout.splitlines()[0].split() == [
        "Name",
        "5%",
        "by",
        "50%",
        "by",
        "95%",
        "by",
        "Later",
    ]


def test_compare_many_times(
    tmp_path: Path, plans: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["compare", *map(str, plans), "--replications", "20", "--seed", "3"]
    assert cli.main([*arguments, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    both = {"now": cases.plan(), "slow": cases.plan(rate=2)}
    assert repr(sessim.compare(both, 20, 3)) in said
    assert len(pd.read_csv(out / "before.csv")) == 2
    assert (out / "finish.png").stat().st_size > 10_000


def test_compare_once(
    tmp_path: Path, plans: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *map(str, plans), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["now", "slow"]
    assert said[1].startswith("finish ")
    table = pd.read_csv(tmp_path / "out" / "comparison.csv")
    assert table["plan"].tolist() == ["now", "slow"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("replicate {0} --replications 0 --out x", "--replications: 0 is too small"),
        ("replicate {0} --replications 5 --workers 0 --out x", "--workers: 0 is too small"),
        ("replicate {0} --replications 5 --seed -1 --out x", "--seed: -1 is too small"),
        ("replicate {0} --replications many --out x", "argument --replications: invalid int"),
        ("replicate {0} --out x", "the following arguments are required: --replications"),
        ("replicate {0} --replications 5 --by soon --out x", "--by: 'soon' is not a date"),
        ("replicate no.yaml --replications 5 --out x", "cannot read the file 'no.yaml'"),
        ("compare {0}", "PLAN.yaml: one plan cannot be compared; name two or more"),
        ("compare {0} --replications 5", "plans: 1 cannot be compared; give two or more"),
        ("compare {0} {1} --workers 2", "--workers: a single simulation needs none"),
        ("compare {0} {1} --replications 0", "--replications: 0 is too small"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: str,
    said: str,
    plans: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.main(arguments.format(*plans).split())
    except SystemExit as exit_:
        status = exit_.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert status == 2
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_plans_of_one_name_are_told_apart(tmp_path: Path) -> None:
    from sessim.cli_experiments import _names

    assert _names(["a/plan.yaml", "b/plan.yaml", "c.yaml"]) == ["a/plan.yaml", "b/plan.yaml", "c"]


def test_a_deadline_before_the_plan_is_refused_before_anything_runs(
    tmp_path: Path, plans: tuple[Path, Path]
) -> None:
    done = run(
        *("replicate", plans[0], "--replications", 5, "--by", "2020-01-01", "--out", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("sessim: --by: 2020-01-01 is before the plan's start, 2026-12-01")
    assert not (tmp_path / "out").exists()


def test_a_plan_that_is_named_twice(tmp_path: Path, plans: tuple[Path, Path]) -> None:
    done = run("compare", plans[0], plans[0], "--replications", 3, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"sessim: PLAN.yaml: {plans[0]} is named twice; name each plan once\n"


def test_without_chance_the_replications_are_said_to_be_the_same(tmp_path: Path) -> None:
    sessim.Plan(
        start="2026-12-01",
        domains=[sessim.Domain("a.example.com", warmup=10)],
        tasks=[sessim.Task("A", sender="x@a.example.com", requests=30)],
    ).to_yaml(tmp_path / "plan.yaml")
    done = run("replicate", "plan.yaml", "--replications", 2, "--out", "out", cwd=tmp_path)
    assert "Nothing in this plan is left to chance" in done.stdout
