"""Polls of accounts under any rules of resets and restarts: the same days, and no false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings

import sessim
from sessim.history import History
from sessim.history.explanation import Verdict
from sessim.history.polling import FIRST_ID, Poller
from tests.history.test_clean_logs import RESETS, RESTARTS, ZONES, account, under_all_rules
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

DAYS: Final = ["domain", "date", "limit", "sent", "failed", "cached", "backlog"]


def polled(result: sessim.Result, folder: Path, *, knows_plan: bool = True) -> History:
    """Return what somebody sees every 15 minutes and at midnight, with the plan or without."""
    file = Poller(result, every=15).write(folder / "polls.jsonl")
    plan = result.plan if knows_plan else None
    return sessim.load_history(file, timezone=result.plan.timezone, plan=plan)


def assert_same_days(history: History, result: sessim.Result) -> None:
    a, b = (
        frame[DAYS].astype({"domain": "str"}).sort_values(["domain", "date"], ignore_index=True)
        for frame in (history.daily, result.daily)
    )
    pd.testing.assert_frame_equal(a, b)


@under_all_rules
def test_polls_with_their_plan_give_the_same_days_and_break_no_rule(
    reset: str, restart: str, discipline: str, tmp_path: Path
) -> None:
    """Each in a zone of its own; both domains are full again and again."""
    number = list(RESTARTS).index(restart) + list(RESETS).index(reset)
    zone = ZONES[number % len(ZONES)]
    result = account(zone, **RESETS[reset], **RESTARTS[restart], discipline=discipline)
    history = polled(result, tmp_path)
    assert history.findings["finding"].tolist() == []
    assert_same_days(history, result)


NEWS: Final = {"name": "a.org", "warmup": 100}
TESTED: Final[dict[str, Any]] = {
    "start": "2026-12-01", "horizon": "2026-12-05", "rate": 1, "domains": [NEWS],
    "tasks": [{"name": "A", "sender": "x@a.org", "requests": 250}],
    "test_sends": [{"sender": "x@a.org", "at": "2026-12-01 00:01", "recipients": 20},
                   {"sender": "x@a.org", "at": "2026-12-01 09:00", "recipients": 20},
                   {"sender": "x@a.org", "at": "2026-12-02", "recipients": 7}],
}  # fmt: skip
"""The first and the last of the test sends use up quota; the second finds none left."""
GONE_WHEN_DUE: Final[dict[str, Any]] = {
    "start": "2026-12-01", "horizon": "2026-12-02", "domains": [NEWS],
    "tasks": [{"name": "A", "sender": "x@a.org", "start": "2026-12-01 00:01", "every": "1h",
               "requests": 2, "cancel_at": "2026-12-01 00:01"},
              {"name": "B", "sender": "x@a.org", "requests": 30}],
}  # fmt: skip
"""The looks at 00:00 and 00:15 show a task and none; its run was due and cancelled between."""


@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])
@example(plan=TESTED)
@example(plan=TESTED | {"window": "rolling"})
@example(plan=GONE_WHEN_DUE)
@given(plan=plans().map(lambda plan: {"horizon": "8d"} | plan))
def test_polls_of_any_account_break_no_rule(
    tmp_path_factory: pytest.TempPathFactory, plan: dict[str, Any]
) -> None:
    """Whether its plan is told or not."""
    result = sessim.simulate(sessim.Plan.from_dict(plan))
    for knows_plan in (True, False):
        try:
            history = polled(result, tmp_path_factory.mktemp("polls"), knows_plan=knows_plan)
        except sessim.HistoryError:  # nothing was ever seen
            return
        assert history.findings["finding"].tolist() == []


@pytest.mark.parametrize("window", ["day", "rolling"])
def test_test_sends_of_a_plan_fill_days_of_which_no_poll_tells(window: str, tmp_path: Path) -> None:
    """80 emails and 20 tests are the 100 of the first day."""
    result = sessim.simulate(sessim.Plan.from_dict(TESTED | {"window": window}))
    history = polled(result, tmp_path)
    assert_same_days(history, result)
    assert history.runs["sent"].tolist() == result.runs["sent"].tolist()
    found = history.explain(FIRST_ID + 1, "2026-12-01 12:00")
    assert found.verdict == Verdict.LIMIT
    assert found.ledger is not None
    assert dict(zip(found.ledger.used["name"], found.ledger.used["emails"], strict=True)) == {
        "A": 80, "test sends": 20
    }  # fmt: skip


def test_more_than_a_rolling_window_allows_is_found(tmp_path: Path) -> None:
    """The account lets 150 emails a window leave; the plan that is told says 100."""
    rules = TESTED | {"window": "rolling", "test_sends": []}
    result = sessim.simulate(sessim.Plan.from_dict(rules | {"domains": [NEWS | {"warmup": 150}]}))
    file = Poller(result, every=15).write(tmp_path / "polls.jsonl")
    lines = [line for line in file.read_text().splitlines() if "EmailIdentities" not in line]
    file.write_text("\n".join(lines))
    history = sessim.load_history(file, plan=sessim.Plan.from_dict(rules))
    assert "R4" in history.findings["rule"].tolist()
