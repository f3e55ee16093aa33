"""What a log says of many instants at once is what it says of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim.history import Sightings
from sessim.history.forecast import backlog
from sessim.history.paths import Paths
from sessim.ledger import Snapshot
from sessim.tables import run_numbers
from tests import strategies


@pytest.mark.filterwarnings("ignore::sessim.SessimWarning")
@settings(max_examples=settings().max_examples // 2)
@given(strategies.plans(), st.data())
def test_it_agrees_with_the_snapshot_to_within_an_email_or_two(
    data: dict[str, Any], draw: st.DataObject
) -> None:
    result = sessim.simulate(sessim.Plan.from_dict(data))
    time = result.log.time
    instant = draw.draw(st.integers(int(time[0]), int(time[-1])))
    exact = run_numbers(Snapshot(result._ledger, instant))
    names = ("task", "run", "status", "requests", "sent", "cached", "failed")
    columns = [exact[name] for name in names]
    size = len(columns[0])
    seen = Sightings(np.full(size, instant), *columns, np.zeros(size, dtype=np.int64))
    sent, cached = Paths(result.log).at(seen)
    running = ~np.isin(exact["status"], (0, 7))  # of a run that was broken off nothing is cached
    assert np.abs(sent - exact["sent"]).max(initial=0) <= 2
    assert np.abs(cached - exact["cached"])[running].max(initial=0) <= 2


def test_the_backlog_of_a_plan_that_can_be_followed_by_hand() -> None:
    """One an hour may be sent in 2 emails: 10 are due at once, 500 more the next morning."""
    plan = sessim.Plan(
        start="2026-12-01",
        rate=1,
        domains=[sessim.Domain("a.example.com", warmup=[4, 100, 1000])],
        tasks=[
            sessim.Task("A", sender="x@a.example.com", requests=10),
            sessim.Task("B", sender="x@a.example.com", requests=500, start="2026-12-02 09:00"),
        ],
    )
    log = sessim.simulate(plan).log
    at = [
        plan.clock.instant(sessim.clock.moment(text))
        for text in ("2026-12-01 12:00", "2026-12-02 08:00", "2026-12-02 12:00", "2026-12-03 12:00")
    ]
    assert backlog(log, np.array(at)).tolist() == [6, 0, 406, 0]
