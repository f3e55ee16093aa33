"""Thirty incidents with known causes, and what is said of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import sessim
from sessim.clock import SECOND
from sessim.eventlog import Event, EventLog
from sessim.history import Evidence, History, Sightings
from sessim.history.explanation import Verdict
from sessim.lifecycle import TaskStatus
from tests.history.logs import Rows

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")

NEWS, SHOP = "news.example.com", "shop.example.com"
MINUTE = 60 * SECOND


def task(name: str, requests: int, domain: str = NEWS, **keys: Any) -> dict[str, Any]:
    """Return a task of a plan file."""
    return {"name": name, "sender": f"a@{domain}", "requests": requests, **keys}


def history(*tasks: dict[str, Any], warmup: Any = (500, 1000), **keys: Any) -> History:
    """Simulate tasks of two domains, the second without a limit."""
    domains = [{"name": NEWS, "warmup": list(warmup) if isinstance(warmup, tuple) else warmup},
               {"name": SHOP, "warmup": "none"}]  # fmt: skip
    plan = {"start": "2026-12-01", "rate": 2, "horizon": "20d", "domains": domains,
            "tasks": list(tasks), **keys}  # fmt: skip
    return History(sessim.simulate(sessim.Plan.from_dict(plan)).log)


def spoilt(clean: History, spoil: Callable[[Rows], None]) -> History:
    """Return a history whose log somebody has changed."""
    rows = Rows(clean.log)
    spoil(rows)
    return rows.history()


def with_details(log: EventLog, row: int, text: str) -> EventLog:
    """Return a log of which one row gives another reason."""
    columns = {name: values.copy() for name, values in log.columns.items()}
    columns["detail"] = columns["detail"].astype(np.int64)
    columns["detail"][row] = len(log.details)
    return EventLog(columns, log.domains, (*log.details, text), log.plan, log.meta)


def failed(text: str) -> History:
    """Return a history whose second task ends in an error while it is paused."""
    rows = Rows(history(task("B", 800), task("A", 300, start="2026-12-01 01:00")).log)
    row = int(rows.where(Event.RESTARTED, 2)[0])
    later = rows.where(Event.TURN, 2).tolist() + rows.where(Event.SENT, 2).tolist()
    later += rows.where(Event.PAUSED, 2, run=1)[1:].tolist()
    rows.put(row, event=Event.ERROR, status=TaskStatus.ERROR)
    rows.put(row, failed=300, cached=0)
    rows.drop([place for place in later if place > row])
    log = with_details(rows.history().log, row, text)
    return History(log)


def looked_at(clean: History, minutes: int, missing: tuple[int, ...] = ()) -> History:
    """Return a history known from looks every so many minutes; from some a task is missing."""
    log, step = clean.log, minutes * MINUTE
    start = log.plan.start_instant
    before = start + (log.time - start) // step * step
    inexact = np.isin(log.event, (int(Event.PAUSED), int(Event.SENT), int(Event.TURN)))
    earliest = np.where(inexact, before, log.time)
    latest = np.where(inexact, np.minimum(before + step, log.time[-1]), log.time)
    polls = np.arange(start, log.time[-1] + step, step)
    numbers = np.arange(1, len(log.plan.tasks) + 1)
    time, whom = (grid.ravel() for grid in np.meshgrid(polls, numbers, indexing="ij"))
    kept = (whom != 1) | ~np.isin((time - start) // step, missing)
    time, whom = time[kept], whom[kept]
    zeros = np.zeros(len(time), dtype=np.int64)
    sent = (time - start) // step  # it differs from look to look
    seen = Sightings(time, whom, zeros + 1, zeros, zeros, sent, zeros, zeros, zeros)
    evidence = Evidence(
        earliest, np.maximum(latest, log.time), seen, np.arange(len(log)),
        [4700 + int(number) for number in numbers], log.timezone,
    )  # fmt: skip
    return History(log, evidence)


def own_volume() -> History:
    return history(task("A", 900), task("B", 10, SHOP))


def two_tasks() -> History:
    """Either has 300 of a limit of 500."""
    return history(task("B", 300), task("A", 300, start="2026-12-01 08:00"))


def crowd() -> History:
    """Three others with 400 each: any two of them fill the day."""
    names = ("B", "C", "D")
    return history(*(task(name, 400) for name in names), task("A", 90, start="2026-12-01 12:00"))


def recurring() -> History:
    return history(task("A", 600, start="2026-12-01 01:00", every="6h", count=3))


def by_hand() -> History:
    return history(task("A", 900), restart="manual", restart_at="09:00")


def early_run_paused() -> History:
    """At nine the day has quota again, and the run of the night is not restarted before ten."""
    return history(
        task("A", 600, start="2026-12-01 23:00", every="10h", count=2),
        restart="manual", restart_at="10:00",
    )  # fmt: skip


def unexplained_pause() -> History:
    """It is paused after 100 of 500 emails, and nothing says why."""

    def spoil(rows: Rows) -> None:
        row = rows.where(Event.PAUSED, 1)[0]
        rows.change(row, sent=-400, cached=400, sent_today=-400)
        rows.move(row, -200 * SECOND)

    return spoilt(own_volume(), spoil)


def not_restarted() -> History:
    """It stays paused over the first reset."""

    def spoil(rows: Rows) -> None:
        later = np.flatnonzero((rows.columns["task"] == 1) & (rows.columns["cached"] > 0))[1:]
        rows.drop(later)
        rows.move(rows.where(Event.SENT, 1), 24 * 3600 * SECOND)
        rows.move(rows.where(Event.END), 24 * 3600 * SECOND)

    return spoilt(own_volume(), spoil)


def capped() -> History:
    """The quota shown is 5,000, and the warm-up stops at 500."""

    def spoil(rows: Rows) -> None:
        rows.columns["limit"][rows.columns["limit"] == 500] = 5000

    return spoilt(own_volume(), spoil)


def limit_unknown() -> History:
    """Nobody looked at the quotas."""

    def spoil(rows: Rows) -> None:
        rows.drop(rows.where(Event.LIMIT))
        rows.columns["limit"][:] = -1

    return looked_at(spoilt(own_volume(), spoil), 15)


def never_begun() -> History:
    """A task that is due and of which the log tells nothing."""

    def spoil(rows: Rows) -> None:
        rows.drop(np.flatnonzero(rows.columns["task"] == 2))

    return spoilt(history(task("B", 300), task("A", 10, start="2026-12-01 01:00")), spoil)


def stuck() -> History:
    """It is sending, first in line and alone, and for an hour nothing leaves."""

    def spoil(rows: Rows) -> None:
        turn = int(rows.where(Event.TURN, 1)[0])
        rows.copy_row(turn, turn + 1)
        rows.move(turn + 1, 60 * MINUTE)
        rows.move(np.arange(turn + 2, len(rows.columns["time"])), 60 * MINUTE)

    return spoilt(history(task("A", 300)), spoil)


def unfinished() -> History:
    plan = own_volume().plan
    return History(sessim.simulate(plan, until="2026-12-01 12:00").log)


class Incident(NamedTuple):
    """What happened, when it is asked about task A, and the reason that is known."""

    history: Callable[[], History]
    at: Any
    verdict: Verdict
    says: str


SHARED = {"discipline": "fair"}
INCIDENTS = {
    "its own volume": Incident(own_volume, "2026-12-01 12:00", Verdict.LIMIT, "Its own volume"),
    "one other task": Incident(two_tasks, "2026-12-01 12:00", Verdict.LIMIT, "Without 'B'"),
    "any two of three": Incident(crowd, "2026-12-01 13:00", Verdict.LIMIT, "No single task"),
    "limit 0 before the warm-up": Incident(
        lambda: history(task("A", 10), warmup=(0, 500)), "2026-12-01 12:00", Verdict.LIMIT,
        "may send nothing"),
    "due when the day was used up": Incident(
        lambda: history(task("B", 700), task("A", 10, start="2026-12-01 08:00")),
        "2026-12-01 09:00", Verdict.LIMIT, "500 by B"),
    "a test send took the last": Incident(
        lambda: history(task("A", 495, start="2026-12-01 08:00"), test_sends=[
            {"sender": f"a@{NEWS}", "at": "2026-12-01 07:00", "recipients": 20}]),
        "2026-12-01 09:00", Verdict.LIMIT, "20 by test sends"),
    "fair shares of one limit": Incident(
        lambda: history(task("A", 400), task("B", 400), discipline="fair"), "2026-12-01 09:00",
        Verdict.LIMIT, "250 by A, 250 by B"),
    "paused on the second day": Incident(
        lambda: history(task("A", 3000)), "2026-12-02 12:00", Verdict.LIMIT, "1,000"),
    "rolling window": Incident(
        lambda: history(task("A", 900), window="rolling"), "2026-12-01 12:00", Verdict.LIMIT,
        "500"),
    "restart delayed": Incident(
        lambda: history(task("A", 900), restart_delay=3600), "2026-12-02 00:30", Verdict.LIMIT,
        "3,600 s after the reset"),
    "the warm-up caps lower": Incident(
        capped, "2026-12-01 12:00", Verdict.CAP, "fewer than the quota of 5,000"),
    "nobody restarts": Incident(
        by_hand, "2026-12-02 08:00", Verdict.USER, "nobody has restarted it"),
    "limit, though by hand": Incident(by_hand, "2026-12-01 12:00", Verdict.LIMIT, "500"),
    "an earlier run is paused": Incident(
        early_run_paused, ("2026-12-02 09:00", "2026-12-02 09:59"), Verdict.USER, "nobody"),
    "a recurrence behind itself": Incident(recurring, "2026-12-01 15:00", Verdict.LIMIT, "500"),
    "behind a run of its domain": Incident(
        lambda: history(task("B", 400), task("A", 50)), "2026-12-01 00:01", Verdict.BEHIND,
        "'B'"),
    "behind another domain": Incident(
        lambda: history(task("B", 4000, SHOP), task("A", 50)), "2026-12-01 00:10", Verdict.RATE,
        SHOP),
    "sharing the rate": Incident(
        lambda: history(task("B", 4000, SHOP), task("A", 400), discipline="fair"),
        "2026-12-01 00:02", Verdict.RATE, "2 emails a second with 1 other"),
    "balance": Incident(
        lambda: failed("3033 insufficient balance"), "2026-12-02 12:00", Verdict.ERROR, "balance"),
    "bounces": Incident(
        lambda: failed("code 3030"), "2026-12-02 12:00", Verdict.ERROR, "bounce rate"),
    "daily limit of the account": Incident(
        lambda: failed("FailedOperation 1010"), "2026-12-02 12:00", Verdict.ERROR, "1010"),
    "domain banned": Incident(
        lambda: failed("3008"), "2026-12-02 12:00", Verdict.ERROR, "banned"),
    "another error": Incident(
        lambda: failed("no such template"), "2026-12-02 12:00", Verdict.ERROR,
        "no such template"),
    "cancelled": Incident(
        lambda: history(task("A", 900, cancel_at="2026-12-01 10:00")), "2026-12-01 12:00",
        Verdict.USER, "cancelled at 2026-12-01 10:00"),
    "cancelled before it was due": Incident(
        lambda: history(task("B", 20), task("A", 9, start="2026-12-05 10:00",
                                            cancel_at="2026-12-02 10:00")),
        "2026-12-03", Verdict.USER, "cancelled"),
    "not due yet": Incident(
        lambda: history(task("B", 20), task("A", 9, start="2026-12-05 10:00")), "2026-12-03",
        Verdict.NOT_STARTED, "2026-12-05 10:00"),
    "paused for no reason": Incident(
        unexplained_pause, "2026-12-01 12:00", Verdict.UNEXPLAINED, "400 more could"),
    "not restarted": Incident(
        not_restarted, "2026-12-02 12:00", Verdict.UNEXPLAINED, "would have restarted"),
    "never begun": Incident(
        never_begun, "2026-12-01 12:00", Verdict.UNEXPLAINED, "would have begun"),
    "sending and nothing leaves": Incident(
        stuck, "2026-12-01 00:30", Verdict.UNEXPLAINED, "no email was sent"),
    "missing from the list": Incident(
        lambda: looked_at(own_volume(), 15, missing=(4, 5, 6)), "2026-12-01 01:20", Verdict.GAP,
        "3 looks"),
    "between two looks": Incident(
        lambda: looked_at(own_volume(), 15), "2026-12-01 00:10", Verdict.UNDECIDABLE,
        "between 2026-12-01 00:00 and 2026-12-01 00:15"),
    "limit known from looks": Incident(
        lambda: looked_at(own_volume(), 15), "2026-12-01 12:00", Verdict.LIMIT,
        "between 2026-12-01 00:00 and 2026-12-01 00:15"),
    "quotas nobody looked at": Incident(
        limit_unknown, "2026-12-01 12:00", Verdict.UNDECIDABLE, "not known"),
    "after the history's end": Incident(
        unfinished, "2026-12-01 18:00", Verdict.UNDECIDABLE, "ends at 2026-12-01 12:00"),
    "all is well": Incident(
        lambda: history(task("A", 300)), "2026-12-01 00:01", Verdict.SENDING, "leaving"),
    "done": Incident(
        lambda: history(task("A", 300)), "2026-12-01 12:00", Verdict.SENT, "2026-12-01 00:02"),
    "over an interval": Incident(
        two_tasks, ("2026-12-01 08:00", "2026-12-02 12:00"), Verdict.LIMIT, "Without 'B'"),
}  # fmt: skip


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_is_explained(name: str) -> None:
    incident = INCIDENTS[name]
    found = incident.history().explain("A", incident.at)
    assert found.verdict == incident.verdict, str(found)
    assert incident.says in str(found)
    assert "\n" not in str(found)


def test_there_are_thirty_incidents_and_every_verdict() -> None:
    assert len(INCIDENTS) >= 30
    assert {incident.verdict for incident in INCIDENTS.values()} == set(Verdict)


# --- by hand --------------------------------------------------------------------------------------


def test_the_ledger_says_who_used_the_day_and_when_it_was_full() -> None:
    """B sends 300 in 150 s after midnight; A the other 200 of 500 in 100 s after eight."""
    found = two_tasks().explain("A", "2026-12-01 12:00")
    day = found.ledger
    assert day is not None
    assert (day.domain, str(day.date.date()), day.limit, day.total) == (
        NEWS,
        "2026-12-01",
        500,
        500,
    )
    assert day.used[["name", "emails", "share"]].values.tolist() == [
        ["B", 300, 0.6],
        ["A", 200, 0.4],
    ]
    assert str(day.filled) == "2026-12-01 08:01:40+08:00"
    assert (day.cached, day.cached_of_domain) == (100, 100)
    assert found.forecast is not None
    assert str(found.forecast.restarts) == "2026-12-02 00:00:00+08:00"
    assert str(found.forecast.finishes) == "2026-12-02 00:00:50+08:00"
    assert found.forecast.restarted == found.forecast.restarts
    assert found.forecast.finished == found.forecast.finishes


def test_shares_add_up_and_are_equal_where_tasks_are() -> None:
    """Any two of B, C and D fill the first day: alone none of them keeps A from sending."""
    found = crowd().explain("A", "2026-12-01 13:00").counterfactuals
    assert found is not None
    assert not found.own
    assert found.pivotal == ()
    assert {frozenset(names) for names in found.sets} == {
        frozenset(pair) for pair in (("B", "C"), ("B", "D"), ("C", "D"))
    }
    shares = dict(zip(found.shares["name"], found.shares["share"], strict=True))
    assert shares == pytest.approx({"B": 1 / 3, "C": 1 / 3, "D": 1 / 3})


def test_its_own_volume_takes_all_of_the_share() -> None:
    found = own_volume().explain("A", "2026-12-01 12:00").counterfactuals
    assert found is not None
    assert found.own
    assert found.sets == ()
    assert found.shares.values.tolist() == [["A", 1.0]]


def test_other_plans_say_what_would_have_helped() -> None:
    """With 1,000 emails a day all 600 fit; two hours earlier changes nothing."""
    found = two_tasks().explain("A", "2026-12-01 12:00").counterfactuals
    assert found is not None
    changes = found.changes.set_index("change")
    assert not changes.loc["twice the limit", "held"]
    assert changes.loc["twice the limit", "status"] == "Sent"
    assert changes.loc["twice the limit", "change_hours"] == pytest.approx(-16 + 100 / 3600)
    assert changes.loc["a start two hours earlier", "held"]
    assert changes.loc["the discipline fair", "held"]


def test_where_the_plan_tells_another_story_the_day_is_simulated_from_its_beginning() -> None:
    """A pause that the plan does not have: 400 emails were sent the night before by hand."""
    clean = history(task("B", 300), task("A", 300, start="2026-12-02 08:00"), warmup=(500, 500))
    plan = dataclasses.replace(
        clean.plan,
        domains=(
            dataclasses.replace(clean.plan.domains[0], warmup=(500, 5000)),
            clean.plan.domains[1],
        ),
    )
    log = EventLog(clean.log.columns, clean.log.domains, clean.log.details, plan, clean.log.meta)
    found = History(log).explain("A", "2026-12-02 09:00")
    assert found.verdict == Verdict.SENT


def test_a_task_goes_by_the_sources_id_or_its_name() -> None:
    known = looked_at(own_volume(), 15)
    by_name = known.explain("A", "2026-12-01 12:00")
    assert known.explain(4701, "2026-12-01 12:00").paragraph == by_name.paragraph
    assert known.explain("4701", "2026-12-01 12:00").task == 1


@pytest.mark.parametrize(
    ("whom", "at", "said"),
    [
        (9, "2026-12-01", "there is no task 9; the history has 1, 2"),
        ("Lunch", "2026-12-01", "there is no task 'Lunch'"),
        ("A", "noon", "at: 'noon' is not a date or time"),
        ("A", ("2026-12-02", "2026-12-01"), "at: give one time, or an earlier and a later one"),
    ],
)
def test_what_cannot_be_explained_is_said_in_a_sentence(whom: Any, at: Any, said: str) -> None:
    with pytest.raises(sessim.SessimError) as caught:
        own_volume().explain(whom, at)
    assert said in str(caught.value)
