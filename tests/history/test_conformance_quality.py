"""Conformance to R7: outcomes and levels; no false alarm, and every planted breach by its name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import sessim
from sessim.clock import HOUR, SECOND
from sessim.eventlog import Event
from sessim.history import Evidence, History, audit, conformance
from sessim.history.conformance import judgements, levels, outcomes
from sessim.lifecycle import TaskStatus
from tests.history.logs import Rows
from tests.strategies import with_quality

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


def judged(*, requests: int = 8000, level: int = 2, **rates: float) -> dict[str, Any]:
    """Return a plan of one domain that is judged, and what is expected of its emails."""
    domain = {"name": "a.org", "warmup": "reputation", "level": level, "quality": rates}
    return {
        "start": "2026-12-01",
        "outcomes": "expected",
        "horizon": "6d",
        "domains": [domain],
        "tasks": [
            {"name": "A", "sender": "x@a.org", "requests": requests},
            {"name": "B", "sender": "x@a.org", "requests": 90, "start": "2026-12-01 12:00"},
        ],
    }


GOOD = judged(invalid_rate=0.02, open_rate=0.3, click_rate=0.1)
"""Rises by a level a day, from 1,000 to 2,000 on the first."""
POOR = judged(invalid_rate=0.1, level=4)
"""Falls by a level a day."""
BAD = judged(invalid_rate=0.2, level=4)
"""Is blocked after 301 emails."""

RISES_AND_FALLS_AT_ONCE: dict[str, Any] = {
    "start": "2026-12-01",
    "horizon": "4d",
    "outcomes": "expected",
    "domains": [{"name": "a.org", "warmup": "reputation", "quality": {"invalid_rate": 0.095}}],
    "tasks": [
        {"name": "A", "sender": "x@a.org", "requests": 490, "segments": [
            {"name": "first", "requests": 350, "quality": {"open_rate": 0.4}},
            {"name": "last", "requests": 140, "quality": {"open_rate": 1}}]},
        {"name": "B", "sender": "x@a.org", "requests": 900, "start": "2026-12-02 12:00"},
    ],
}  # fmt: skip
"""Raised for its opens only when the day is over, and lowered with the next, at that midnight."""

PAUSED_TOGETHER: dict[str, Any] = {
    "start": "2026-12-01",
    "horizon": "2d",
    "discipline": "fair",
    "domains": [{"name": "a.org", "warmup": "reputation", "quality": {"complaint_rate": 0.01}}],
    "tasks": [
        {"name": "A", "sender": "x@a.org", "requests": 310, "quality": {"complaint_rate": 0}},
        {"name": "B", "sender": "x@a.org", "requests": 310},
    ],
}
"""Lowered after 350 of 500 emails; of the two rows of that pause only B's tells of complaints."""


@settings(suppress_health_check=list(HealthCheck))
@example(GOOD, "expected", 3)
@example(POOR, "expected", 3)
@example(BAD, "expected", 2)
@example(RISES_AND_FALLS_AT_ONCE, "expected", 3)
@example(PAUSED_TOGETHER, "expected", 3)
@example({**RISES_AND_FALLS_AT_ONCE, "levels_per_day": 2}, "expected", conformance.STRETCH)
@given(
    with_quality(),
    st.sampled_from(["expected", "sampled"]),
    st.sampled_from([3, 50, conformance.STRETCH]),
)
def test_a_log_that_the_model_wrote_breaks_no_rule(
    plan: dict[str, Any], outcomes: str, stretch: int
) -> None:
    """In whatever stretches it is read, drawn or expected, known exactly or roughly."""
    log = sessim.simulate(sessim.Plan.from_dict(plan | {"outcomes": outcomes}), seed=1).log
    exact = Evidence.exact(log)
    found = conformance.findings(log, exact, stretch=stretch)
    assert found["finding"].tolist() == []


@settings(suppress_health_check=list(HealthCheck))
@given(with_quality(), st.randoms(use_true_random=False), st.sampled_from([1, 600, 7200]))
def test_nor_does_it_where_its_instants_are_only_known_roughly(
    plan: dict[str, Any], random: Any, seconds: int
) -> None:
    log = sessim.simulate(sessim.Plan.from_dict(plan | {"outcomes": "sampled"}), seed=1).log
    wide = np.array([random.randrange(2) for _ in range(len(log))]) * seconds * SECOND
    exact = Evidence.exact(log)
    rough = Evidence(
        log.time - wide // 2, log.time + wide, exact.seen, exact.source, exact.ids, exact.timezone
    )
    assert History(log, rough).findings["finding"].tolist() == []


def test_a_level_may_rise_and_fall_at_one_midnight() -> None:
    log = sessim.simulate(sessim.Plan.from_dict(RISES_AND_FALLS_AT_ONCE)).log
    midnight = log.plan.clock.day_start(dt.date(2026, 12, 2))
    told = log.limit[(log.time == midnight) & (log.event == Event.LIMIT)]
    assert told.tolist() == [1000, 500]
    assert History(log).findings.empty


# --- planted breaches ---------------------------------------------------------------------------


def raised(rows: Rows) -> int:
    """Return the first row of a raise within a day."""
    limits = rows.where(Event.LIMIT)
    return int(limits[rows.columns["sent_today"][limits] > 0][0])


def opening(rows: Rows, day: int) -> int:
    """Return the row that opens a day, from 0."""
    limits = rows.where(Event.LIMIT)
    return int(limits[rows.columns["sent_today"][limits] == 0][day])


def share(rows: Rows, name: str, percent: int) -> None:
    """Let a share of all emails sent have another outcome than they had."""
    rows.columns[name] = rows.columns["sent"] * percent // 100


def invalid(percent: int) -> Callable[[Rows], None]:
    return lambda rows: share(rows, "invalid", percent)


def fell(rows: Rows) -> None:
    rows.change(rows.where(Event.RESTARTED, 1)[0], invalid=-5)


def too_many_opens(rows: Rows) -> None:
    share(rows, "opens", 99)


def too_many_clicks(rows: Rows) -> None:
    share(rows, "clicks", 31)


def too_many_lost(rows: Rows) -> None:
    share(rows, "soft_failures", 99)


def below_zero(rows: Rows) -> None:
    rows.put(rows.where(Event.PAUSED, 1)[0], complaints=-1)


def sent_though_blocked(rows: Rows) -> None:
    rows.put(rows.where(Event.ERROR, 2)[0], event=Event.SENDING, status=TaskStatus.SENDING)


def another_test_though_blocked(rows: Rows) -> None:
    """A test send goes out in the afternoon of a block."""
    block = raised(rows)
    rows.copy_row(block, rows.where(Event.ERROR, 2)[0] + 1)
    row = rows.where(Event.LIMIT)[rows.where(Event.LIMIT) > block][0]
    rows.put(row, event=Event.SENT, sent=5, detail=0)
    rows.columns["time"][row] = rows.columns["time"][row - 1] + HOUR


def odd_limit(rows: Rows) -> None:
    rows.put(raised(rows), limit=1777)


def level_said_otherwise(rows: Rows) -> None:
    rows.say(opening(rows, 1), "level 7")


def two_levels(rows: Rows) -> None:
    rows.put(raised(rows), limit=5000)


def raised_by_night(rows: Rows) -> None:
    rows.put(opening(rows, 1), limit=5000)


def began_lower(rows: Rows) -> None:
    rows.put(opening(rows, 0), limit=500)


def lowered_at_noon(rows: Rows) -> None:
    rows.put(raised(rows), limit=500)


def fell_too_far(rows: Rows) -> None:
    rows.put(opening(rows, 1), limit=500)


def stayed(rows: Rows) -> None:
    """The level of the second day is that of the first."""
    rows.put(opening(rows, 1), limit=5000)


BREACHES: list[tuple[str, dict[str, Any], Callable[[Rows], None]]] = [
    ("outcome count fell", GOOD, fell),
    ("more outcomes than emails", GOOD, too_many_opens),
    ("more outcomes than emails", GOOD, too_many_clicks),
    ("more outcomes than emails", GOOD, too_many_lost),
    ("negative outcome count", GOOD, below_zero),
    ("sent while blocked", BAD, sent_though_blocked),
    ("sent while blocked", BAD, another_test_though_blocked),
    ("no such level", GOOD, odd_limit),
    ("limit not of its level", GOOD, level_said_otherwise),
    ("raised without cause", GOOD, invalid(6)),
    ("raised by several levels", GOOD, two_levels),
    ("raised overnight", GOOD, raised_by_night),
    ("not raised", POOR, invalid(0)),
    ("lowered without cause", POOR, invalid(0)),
    ("lowered without cause", POOR, fell_too_far),
    ("not lowered", GOOD, invalid(10)),
    ("not lowered", POOR, stayed),
    ("blocked without cause", BAD, invalid(10)),
    ("not blocked", POOR, invalid(20)),
    ("level not as planned", GOOD, began_lower),
    ("lowered on the same day", GOOD, lowered_at_noon),
]


def spoilt(plan: dict[str, Any], spoil: Callable[[Rows], None]) -> History:
    rows = Rows(sessim.simulate(sessim.Plan.from_dict(plan)).log)
    spoil(rows)
    return rows.history()


@pytest.mark.parametrize(
    ("name", "plan", "spoil"), BREACHES, ids=[f"{n}, {s.__name__}" for n, _, s in BREACHES]
)
def test_a_planted_breach_is_found_and_named(
    name: str, plan: dict[str, Any], spoil: Callable[[Rows], None], tmp_path: Path
) -> None:
    history = spoilt(plan, spoil)
    found = history.findings
    assert ("R7", name) in set(zip(found["rule"], found["check"], strict=True)), found.to_string()
    history.log.write(tmp_path / "log.parquet")
    for stretch in (3, conformance.STRETCH):
        again = audit(tmp_path / "log.parquet", stretch=stretch)
        assert set(again["finding"]) == set(found["finding"])


def test_every_check_of_outcomes_and_levels_is_broken_by_some_log() -> None:
    told = {check.name for check in (*outcomes.CHECKS, *levels.CHECKS, *judgements.AT_THE_END)
            if check.said}  # fmt: skip
    assert told <= {name for name, *_ in BREACHES}


def test_a_finding_says_what_was_earned_or_asked_for() -> None:
    found = spoilt(POOR, invalid(0)).findings
    [first] = found[found["check"] == "not raised"].head(1).to_dict("records")
    assert str(first["time"]) == "2026-12-01 00:04:10+08:00"  # 5,000 at 20 a second
    assert first["finding"].startswith("a.org: it had earned a raise (5,000 sent, invalid 0.00% < ")
    found = spoilt(POOR, stayed).findings
    [first] = found[found["check"] == "not lowered"].to_dict("records")
    assert first["finding"].startswith("a.org: it stayed at level 4 (invalid ")
