"""Conformance: no false alarm on what the model wrote, and every planted breach by its name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import sessim
from sessim.clock import HOUR, SECOND
from sessim.eventlog import Event
from sessim.history import Evidence, History, audit, conformance
from sessim.lifecycle import TaskStatus
from tests.history.logs import PLAN, Rows, simulated, spoilt
from tests.history.test_conformance_quality import BREACHES as OF_QUALITY
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

MINUTE = 60 * SECOND


# --- no false alarm -----------------------------------------------------------------------------


TURNS_BEGIN_ANEW_IN_ANOTHER_STRETCH = {
    "timezone": "UTC", "start": "2026-12-29", "rate": "1/600", "discipline": "fair",
    "horizon": "2026-12-30 00:30",
    "domains": [{"name": "a.org", "warmup": 100}, {"name": "b.org", "warmup": 50}],
    "tasks": [
        {"name": "Task 1", "sender": "x@a.org", "requests": 500},
        {"name": "Task 2", "sender": "x@b.org", "requests": 500},
        {"name": "Task 3", "sender": "x@b.org", "requests": 500},
    ],
}  # fmt: skip


@example(TURNS_BEGIN_ANEW_IN_ANOTHER_STRETCH, 3)
@given(plans(), st.sampled_from([3, 50, conformance.STRETCH]))
def test_a_log_that_the_model_wrote_breaks_no_rule(plan: dict[str, Any], stretch: int) -> None:
    """In whatever stretches it is read."""
    history = History(sessim.simulate(sessim.Plan.from_dict(plan)).log)
    found = conformance.findings(history.log, history.evidence, stretch=stretch)
    assert found["finding"].tolist() == []


@given(plans(), st.randoms(use_true_random=False), st.sampled_from([1, 600, 7200]))
def test_nor_does_it_where_its_instants_are_only_known_roughly(
    plan: dict[str, Any], random: Any, seconds: int
) -> None:
    log = sessim.simulate(sessim.Plan.from_dict(plan)).log
    wide = np.array([random.randrange(2) for _ in range(len(log))]) * seconds * SECOND
    exact = Evidence.exact(log)
    rough = dataclasses.replace(exact, earliest=log.time - wide // 2, latest=log.time + wide)
    assert History(log, rough).findings["finding"].tolist() == []


def test_a_clean_log_has_a_table_without_rows() -> None:
    found = History(simulated()).findings
    assert list(found) == conformance.COLUMNS
    assert len(found) == 0


# --- planted breaches ---------------------------------------------------------------------------


def sum_broken(rows: Rows) -> None:
    rows.change(rows.where(Event.PAUSED, 1)[0], cached=-3)


def negative(rows: Rows) -> None:
    rows.change(rows.where(Event.SENDING, 1)[0], waiting=10, cached=-10)


def sent_fell(rows: Rows) -> None:
    rows.change(rows.where(Event.RESTARTED, 1)[1], sent=-100, cached=100)


def cached_vanished(rows: Rows) -> None:
    for row in np.flatnonzero((rows.columns["task"] == 1) & (rows.columns["cached"] > 0))[3:]:
        rows.change(row, cached=-50, waiting=50)


def cached_early(rows: Rows) -> None:
    rows.change(rows.where(Event.TURN, 1)[0], cached=100, waiting=-100)


def failed_came_back(rows: Rows) -> None:
    rows.change(rows.where(Event.TURN, 3)[0], failed=5, cached=-5)


def uncached_pause(rows: Rows) -> None:
    rows.change(rows.where(Event.PAUSED, 2)[0], cached=-200, waiting=200)


def no_such_change(rows: Rows) -> None:
    rows.put(rows.where(Event.TURN, 3)[-1], status=TaskStatus.TO_START)


def wrong_status(rows: Rows) -> None:
    rows.put(rows.where(Event.SENDING, 1)[0], status=TaskStatus.PAUSED)


def after_the_end(rows: Rows) -> None:
    end = rows.where(Event.SENT, 4, run=1)[0]
    rows.copy_row(end, end + 3)
    rows.change(end + 3, sent=1)


def ended_with_rest(rows: Rows) -> None:
    rows.change(rows.where(Event.SENT, 2)[0], sent=-7, cached=7)


def sending_nothing(rows: Rows) -> None:
    rows.change(rows.where(Event.TURN, 3)[-1], sent=300, waiting=-300)


def sent_while_paused(rows: Rows) -> None:
    later = np.flatnonzero(rows.columns["task"] == 3)
    later = later[(rows.columns["run"][later] == 1) & (rows.columns["event"][later] != Event.SENT)]
    for row in later[2:]:
        rows.change(row, sent=20, cached=-20)


def paused_early(rows: Rows) -> None:
    rows.change(rows.where(Event.PAUSED, 2)[0], sent_today=-300)


def too_fast(rows: Rows) -> None:
    rows.move(rows.where(Event.SENT, 4, run=1), -20 * SECOND)


def idle(rows: Rows) -> None:
    rows.move(rows.where(Event.SENT, 4, run=1), HOUR)


def out_of_line(rows: Rows) -> None:
    """Task 2 is served for 30 seconds before task 1, which is due earlier, has its turn."""
    restarted, turn = rows.where(Event.RESTARTED, 2)[0], rows.where(Event.TURN, 1)[1]
    rows.copy_row(restarted, turn + 1)
    rows.put(turn + 1, event=Event.TURN)
    rows.change(turn + 1, sent=60, cached=-60)
    rows.move(turn + 1, 30 * SECOND)
    for row in rows.where(Event.TURN, 2)[-1:]:
        rows.change(row, sent=60, cached=-60)


def unfair(rows: Rows) -> None:
    """Of two runs in turns, one sends 300 and the other 200 of 500."""
    one, other = rows.where(Event.PAUSED, sent=250)[:2]
    rows.change(one, sent=50, cached=-50)
    rows.change(other, sent=-50, cached=50)


def over_limit(rows: Rows) -> None:
    rows.change(rows.where(Event.PAUSED, 1)[0], sent_today=1)


def over_limit_in_sum(rows: Rows) -> None:
    """Whatever the column says: the runs' own emails are more than the limit."""
    rows.put(rows.where(Event.LIMIT, domain=0)[0], limit=400)


def limit_fell(rows: Rows) -> None:
    raise_again(rows, [-100])


def raised_twice(rows: Rows) -> None:
    raise_again(rows, [1000, 2000])


def raise_again(rows: Rows, by: list[int]) -> None:
    """Change the limit of the last day, in the morning."""
    row = rows.where(Event.LIMIT, domain=0)[-1]
    for number, change in enumerate(by, 1):
        place = row + 1 + number
        rows.copy_row(row, place)
        rows.change(place, limit=change)
        rows.put(place, sent_today=1)
        rows.move(place, number * MINUTE)


def unplanned(rows: Rows) -> None:
    rows.change(rows.where(Event.LIMIT, domain=0)[-1], limit=1)


def no_limit_row(rows: Rows) -> None:
    rows.drop(rows.where(Event.LIMIT, domain=1)[-1:])


def began_at_limit(rows: Rows) -> None:
    row = rows.where(Event.SENDING, 4, run=2)[0]
    rows.put(row, sent_today=int(rows.columns["limit"][row]))


def left_paused(rows: Rows) -> None:
    """Task 2 stays paused at the reset of the second day and goes on at that of the third."""
    own = np.flatnonzero((rows.columns["task"] == 2) & (rows.columns["cached"] > 0))[1:]
    rows.move(rows.where(Event.SENT, 2), 24 * HOUR)
    rows.drop(own)


def restarted_at_noon(rows: Rows) -> None:
    rows.move(rows.where(Event.RESTARTED, 2), 12 * HOUR)


def refused_early(rows: Rows) -> None:
    rows.put(rows.where(Event.RESTARTED, 3)[0], event=Event.REFUSED, status=TaskStatus.PAUSED)


def restarted_by_raise(rows: Rows) -> None:
    raised = rows.where(Event.LIMIT, domain=1)[1]
    rows.copy_row(raised, raised + 1)
    rows.put(raised + 1, limit=900, sent_today=1)
    rows.move([raised + 1, rows.where(Event.RESTARTED, 2)[0]], 2 * MINUTE)


def happened_twice(rows: Rows) -> None:
    due = rows.where(Event.DUE, 3, run=4)[0]
    rows.copy_row(due, due + 3)


def due_late(rows: Rows) -> None:
    rows.move(rows.where(Event.DUE, 3, run=4), MINUTE)


def sent_early(rows: Rows) -> None:
    rows.move(np.flatnonzero((rows.columns["task"] == 3) & (rows.columns["run"] == 4)), -HOUR)


def unknown_run(rows: Rows) -> None:
    rows.put(rows.where(Event.TURN, 3)[-1], run=17)


def did_not_happen(rows: Rows) -> None:
    rows.drop(np.flatnonzero((rows.columns["task"] == 3) & (rows.columns["run"] == 4)))


def skipped_alone(rows: Rows) -> None:
    mine = np.flatnonzero((rows.columns["task"] == 4) & (rows.columns["run"] == 3))
    rows.put(mine[0], event=Event.SKIPPED)
    rows.drop(mine[1:])


def large_test(rows: Rows) -> None:
    rows.change(rows.where(Event.SENT, 0)[0], sent=16)


def cached_test(rows: Rows) -> None:
    rows.change(rows.where(Event.SENT, 0)[0], sent=-2, cached=2)


def failed_test(rows: Rows) -> None:
    rows.put(rows.where(Event.SENT, 0)[0], event=Event.ERROR, sent=0, failed=5)


def used_given_back(rows: Rows) -> None:
    rows.change(rows.where(Event.CANCELLED, 5)[0], sent_today=-20)
    rows.change(rows.where(Event.TURN, 3)[-1], sent_today=20)


def backwards(rows: Rows) -> None:
    rows.swap(*rows.where(Event.SENT)[:2])


def order_at_once(rows: Rows) -> None:
    rows.copy_row(rows.where(Event.RESTARTED, 1)[0], rows.where(Event.SENDING, 3)[-1])
    row = rows.where(Event.RESTARTED, 1)[-1]
    rows.columns["time"][row] = rows.columns["time"][row - 1]


BREACHES: list[tuple[str, str, Callable[[Rows], None]]] = [
    ("R1", "sum broken", sum_broken),
    ("R1", "negative count", negative),
    ("R1", "sent fell", sent_fell),
    ("R1", "cached emails vanished", cached_vanished),
    ("R1", "waiting again", cached_vanished),
    ("R1", "cached without a pause", cached_early),
    ("R1", "failed or cancelled emails came back", failed_came_back),
    ("R2", "paused but not cached", uncached_pause),
    ("R2", "no such change of status", no_such_change),
    ("R2", "status differs from event", wrong_status),
    ("R2", "sent after its end", after_the_end),
    ("R2", "ended with emails left", ended_with_rest),
    ("R2", "sending nothing", sending_nothing),
    ("R2", "sent while paused", sent_while_paused),
    ("R2", "paused with quota left", paused_early),
    ("R3", "rate exceeded", too_fast),
    ("R3", "idle while sending", idle),
    ("R3", "out of line", out_of_line),
    ("R3", "sent before it was due", sent_early),
    ("R4", "limit exceeded", over_limit),
    ("R4", "limit exceeded in sum", over_limit_in_sum),
    ("R4", "limit fell within a day", limit_fell),
    ("R4", "limit not as planned", unplanned),
    ("R4", "day without a limit", no_limit_row),
    ("R4", "started at the limit", began_at_limit),
    ("R5", "not restarted", left_paused),
    ("R5", "restarted at another time", restarted_at_noon),
    ("R5", "refused with quota left", refused_early),
    ("R6", "run happened twice", happened_twice),
    ("R6", "due at another time", due_late),
    ("R6", "run not in the plan", unknown_run),
    ("R6", "run did not happen", did_not_happen),
    ("R6", "run of a recurrence not as told", skipped_alone),
    ("R7", "raised too often", raised_twice),
    ("R8", "test send too large", large_test),
    ("R8", "test send cached", cached_test),
    ("R8", "test send failed early", failed_test),
    ("R9", "rows out of order", backwards),
    ("R9", "order at one instant", order_at_once),
    ("R11", "used quota given back", used_given_back),
    ("R11", "restarted by a raise", restarted_by_raise),
]


@pytest.mark.parametrize(
    ("rule", "name", "spoil"), BREACHES, ids=[f"{rule}: {name}" for rule, name, _ in BREACHES]
)
def test_a_planted_breach_is_found_and_named(
    rule: str, name: str, spoil: Callable[[Rows], None]
) -> None:
    found = spoilt(spoil).findings
    assert (rule, name) in set(zip(found["rule"], found["check"], strict=True)), found.to_string()


def test_turns_that_are_not_fair_are_found() -> None:
    tasks = [
        {"name": name, "sender": "a@news.example.com", "requests": 600} for name in ("One", "Two")
    ]
    changes = {"tasks": tasks, "discipline": "fair", "test_sends": []}
    assert "turns not fair" in set(spoilt(unfair, **changes).findings["check"])


def paused_at_the_day(rows: Rows) -> None:
    """The domain sends 100 fewer on the first day, and they are missing at its end."""
    for row in np.flatnonzero((rows.columns["task"] == 2) & (rows.columns["cached"] > 0)):
        rows.change(row, sent=-100, cached=100)


def test_a_day_that_ends_with_a_pause_below_the_limit_is_found_from_rough_times_too() -> None:
    history = spoilt(paused_at_the_day)
    hour = dataclasses.replace(
        history.evidence,
        earliest=history.log.time - MINUTE * (history.log.event == Event.PAUSED),
    )
    found = History(history.log, hour).findings
    assert "paused below the limit" in set(found["check"])
    assert "paused with quota left" not in set(found["check"])  # nobody saw the instant


def test_every_check_is_broken_by_some_log() -> None:
    told = {(check.rule, check.name) for check in (*conformance.CHECKS, *conformance.AT_THE_END)
            if check.said}  # fmt: skip
    planted = {(rule, name) for rule, name, _ in BREACHES}
    planted |= {("R7", name) for name, *_ in OF_QUALITY}
    assert told - planted == {("R3", "turns not fair"), ("R4", "paused below the limit")}


# --- the table ----------------------------------------------------------------------------------


def test_a_finding_says_which_row_by_how_much_and_in_a_sentence() -> None:
    history = spoilt(sum_broken)
    [row] = history.findings.query("check == 'sum broken'").to_dict("records")
    assert (row["rule"], row["severity"], row["task"], row["run"]) == ("R1", "error", 1, 1)
    assert (row["domain"], row["size"], row["seq"]) == ("news.example.com", 3, 5)
    assert str(row["time"]) == "2026-12-01 00:04:10+08:00"
    assert row["finding"] == (
        "'Launch': sent, failed, cancelled, cached and waiting make 1,697 emails, "
        "not the 1,700 requested"
    )


def test_every_finding_is_a_sentence_of_one_line() -> None:
    for _, _, spoil in BREACHES:
        for finding in spoilt(spoil).findings["finding"]:
            assert re.fullmatch(r"('[^'\n]+'(, run \d+)?|[a-z.]+|the account): [^{}\n]+", finding)


def test_what_is_found_over_and_over_is_counted() -> None:
    tasks = [{"name": "Many", "sender": "a@news.example.com", "requests": 9,
              "start": "2026-12-01", "every": "1h", "count": 1200}]  # fmt: skip

    def negative_everywhere(rows: Rows) -> None:
        rows.columns["waiting"][rows.where(Event.SENDING)] = -1

    changes = {"tasks": tasks, "test_sends": [], "horizon": "60d"}
    domains = [{"name": "news.example.com", "warmup": "none"}]
    found = spoilt(negative_everywhere, domains=domains, **changes).findings
    assert (found["check"] == "negative count").sum() == 1001
    last = found[(found["check"] == "negative count") & found["seq"].isna()]
    assert last["finding"].tolist() == ["the same was found 200 more times"]


# --- files --------------------------------------------------------------------------------------


def test_a_log_in_a_file_gives_the_same_findings(tmp_path: Path) -> None:
    for number, (_, _, spoil) in enumerate(BREACHES):
        history = spoilt(spoil)
        file = tmp_path / f"{number}.parquet"
        history.log.write(file)
        for stretch in (7, conformance.STRETCH):
            found = audit(file, stretch=stretch)
            told = set(zip(found["rule"], found["check"], strict=True))
            expected = zip(history.findings["rule"], history.findings["check"], strict=True)
            assert told == set(expected)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is not"), (b"PAR1 nothing PAR1", "is not"), (None, "No such file")],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "some.parquet"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(sessim.LogError, match=said):
        audit(file)


def test_the_plan_of_these_tests_has_every_kind_of_row() -> None:
    seen = set(simulated().event.tolist())
    assert {*Event} - seen <= {Event.REFUSED, Event.DAY, Event.ERROR, Event.SKIPPED}
    assert PLAN["rate"] == 2
