"""From polls of accounts whose rules nobody told, with late and missing pages, to those rules."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sessim
from tests.history import hidden, looks


@pytest.mark.parametrize(
    ("seed", "discipline", "zone", "minutes"),
    [
        (0, "fifo", "Asia/Shanghai", 15),
        (1, "fair", "UTC", 15),
        (2, "fifo", "America/New_York", 30),
        (3, "fair", "Asia/Kolkata", 60),
    ],
)
def test_the_rules_are_found_in_what_was_polled(
    tmp_path: Path, seed: int, discipline: str, zone: str, minutes: int
) -> None:
    account = hidden.history(seed, discipline=discipline, zone=zone, poll=minutes)
    history = sessim.load_history(looks.write_polls(account, tmp_path / "polls.jsonl"))
    found = history.calibrate()
    assert (found.plan.discipline, found.plan.timezone) == (discipline, zone)
    assert found.errors.set_index("measure").loc["backlog", "model"] < 0.01


@pytest.mark.parametrize("noise", [False, True])
def test_an_account_that_keeps_the_rules_breaks_none_however_late_its_pages(
    tmp_path: Path, noise: bool
) -> None:
    """Its rate is unsteady and nobody told its limits: neither is a breach."""
    account = hidden.history(4, discipline="fifo", zone="Asia/Shanghai", poll=15, noise=noise)
    history = sessim.load_history(looks.write_polls(account, tmp_path / "polls.jsonl"))
    assert history.findings.empty


def test_pages_that_come_late_make_every_interval_begin_earlier(tmp_path: Path) -> None:
    """At five minutes between polls, counters that are up to ten minutes old fall now and then."""
    account = hidden.history(0, discipline="fifo", zone="Asia/Shanghai", poll=5, days=4)
    history = sessim.load_history(looks.write_polls(account, tmp_path / "polls.jsonl"))
    assert any("comes late" in note for note in history.evidence.notes)
    pauses = history.pauses
    width = pauses["start_latest"] - pauses["start_earliest"]
    assert width.min() >= pd.Timedelta(minutes=15)
