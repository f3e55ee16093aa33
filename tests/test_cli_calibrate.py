"""``sessim calibrate``, in the process of the tests: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import sessim
from sessim.cli import main
from sessim.history.polling import Poller
from tests.history import hidden
from tests.history.fortunes import simulated


@pytest.fixture(scope="module")
def polls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    account = hidden.history(1, discipline="fair", zone="UTC", days=8, poll=30)
    return hidden.write(account, tmp_path_factory.mktemp("polls") / "polls.jsonl")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command; return its status and what it said."""
    status = main(["calibrate", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_rules_with_margins_rate_and_errors(
    polls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, polls, "--out", tmp_path / "plan.yaml")
    assert (status, err) == (0, "")
    assert "discipline: fair, fits" in out
    assert "timezone: UTC" in out
    assert "emails/s, sustained" in out
    assert all(word in out for word in ("model", "trend", "yesterday", "backlog"))
    plan = sessim.Plan.from_yaml(tmp_path / "plan.yaml")
    assert (plan.discipline, plan.timezone) == ("fair", "UTC")
    assert len(plan.tasks) == 14
    assert sessim.simulate(plan, until="2026-12-03").tasks["sent"].sum() > 0


def test_what_is_not_decided_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One task alone is served alike in both disciplines."""
    plan = sessim.Plan(
        start="2026-12-01",
        rate=1,
        domains=[sessim.Domain("a.example.com", warmup="standard")],
        tasks=[sessim.Task("One", sender="x@a.example.com", requests=5_000)],
    )
    Poller(sessim.simulate(plan)).write(tmp_path / "polls.jsonl")
    status, out, _ = run(capsys, tmp_path / "polls.jsonl", "--out", tmp_path / "plan.yaml")
    assert status == 0
    assert "Not decided by this history: discipline (" in out
    assert "warm-up standard" in out
    assert sessim.Plan.from_yaml(tmp_path / "plan.yaml").discipline == "fifo"


def test_nothing_was_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,task,event\n2026-12-01T00:00:00Z,1,due\n")
    status, _, err = run(capsys, log, "--out", tmp_path / "plan.yaml")
    assert status == 2
    assert err.count("\n") == 1
    assert not (tmp_path / "plan.yaml").exists()


@pytest.mark.parametrize("out", ["", "none/plan.yaml"])
def test_where_no_plan_can_be_written(
    polls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    status, said, err = run(capsys, polls, "--out", tmp_path / out)
    assert (status, said) == (2, "")
    assert "--out:" in err


def test_rates_are_printed_with_their_intervals_and_errors_and_stand_in_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "events.parquet"
    simulated(1).log.write(log)
    assert main(["calibrate", str(log), "--out", str(tmp_path / "plan.yaml")]) == 0
    told = capsys.readouterr().out
    assert "open_rate of a.org: 0.2" in told
    assert "wrong by so much of the emails that came later" in told
    quality = sessim.Plan.from_yaml(tmp_path / "plan.yaml").domains[0].quality
    assert quality is not None
    assert quality.mean("open_rate") == pytest.approx(0.22, abs=0.03)
