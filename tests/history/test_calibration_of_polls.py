"""Calibration of what the importer makes of polls: as good as with every look at the account."""

from __future__ import annotations

from pathlib import Path

import pytest

import sessim
from sessim.history.calibration import Calibration
from tests.history import hidden, looks

RULES = [
    ("fifo", "Asia/Shanghai", 5),
    ("fair", "UTC", 15),
    ("fifo", "America/New_York", 30),
    ("fair", "Asia/Tokyo", 15),
]
"""Discipline, zone, minutes between polls; nothing tells of the limits."""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[hidden.Hidden, Calibration]]:
    folder = tmp_path_factory.mktemp("polls")
    found = []
    for seed, (discipline, zone, poll) in enumerate(RULES):
        account = hidden.history(seed, discipline=discipline, zone=zone, poll=poll)
        file = hidden.write(account, folder / f"{seed}.jsonl")
        found.append((account, sessim.load_history(file).calibrate()))
    return found


def test_the_rules_are_found(fitted: list[tuple[hidden.Hidden, Calibration]]) -> None:
    for account, found in fitted:
        assert found.plan.discipline == account.discipline
        assert found.plan.timezone == account.zone
        assert found.plan.window == "day"
        assert found.plan.restart == "auto"


def test_the_part_held_back_is_forecast(fitted: list[tuple[hidden.Hidden, Calibration]]) -> None:
    for _, found in fitted:
        backlog = found.errors.set_index("measure").loc["backlog"]
        assert backlog["model"] <= min(0.01, backlog["trend"] / 10)


def test_the_plan_sends_what_was_sent(fitted: list[tuple[hidden.Hidden, Calibration]]) -> None:
    for account, found in fitted:
        result = sessim.simulate(found.plan, until="2026-12-12")
        by_name = dict(zip(result.tasks["name"], result.tasks["sent"], strict=True))
        told = sum(by_name[f"Task {run.task}"] for run in account.tasks)
        assert told == pytest.approx(sum(run.sent for run in account.tasks), rel=0.02)


def test_looks_that_tell_nothing_new_change_nothing(tmp_path: Path) -> None:
    """The importer keeps the first and the last of them: the forecast is the same."""
    account = hidden.history(1, discipline="fair", zone="UTC")
    told = sessim.load_history(hidden.write(account, tmp_path / "polls.jsonl")).calibrate()
    every = looks.of_hidden(account).calibrate()
    assert told.rules["value"].tolist() == every.rules["value"].tolist()
    assert told.errors["model"].iloc[0] == pytest.approx(every.errors["model"].iloc[0], rel=0.1)
