"""The rules one by one, on plans so short that a pencil confirms every line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import simpy

import sessim
from sessim.clock import SECOND
from sessim.eventlog import Event
from tests.stories import (
    NEWS,
    SHOP,
    lines,
    microseconds,
    plan_of,
    run_name,
    simulated,
    story,
    task,
)

UNLIMITED_SHOP = {"name": SHOP, "warmup": "none"}

falling_limits = pytest.mark.filterwarnings("ignore:.* the warm-up falls")


def limits_of(result: sessim.Result) -> list[str]:
    """Return the limits as they came into force: date, warm-up day, limit."""
    rows = result.events[result.events["event"] == "limit"]
    return [
        f"{row.time:%d} {row.detail.removeprefix('warm-up ') or '-'} {row.limit}"
        for row in rows.itertuples()
    ]


def console_sends(result: sessim.Result) -> list[str]:
    """Return what became of test sends: when, how many were sent and how many failed."""
    rows = result.events[
        result.events["task"].isna() & result.events["event"].isin(["sent", "error"])
    ]
    return [
        f"{row.time:%d %H:%M:%S} {row.sent} sent {row.failed} failed" for row in rows.itertuples()
    ]


# --- the log ------------------------------------------------------------------------------------


def test_the_whole_log_of_a_small_plan() -> None:
    """Three emails, at most two a day, and one of another task behind them."""
    result = simulated(task(3), task(1, start="2026-12-01 08:00"), warmup=[2, 5])
    log = result.events.assign(time=result.events["time"].dt.strftime("%d %H:%M:%S"))
    columns = [
        "time",
        "event",
        "task",
        "status",
        "sent",
        "cached",
        "waiting",
        "sent_today",
        "limit",
    ]
    told = log[[*columns, "detail"]].astype(object).fillna("-").astype(str).agg(" ".join, axis=1)
    # Time, event, task, status; emails sent, cached, waiting; sent today and the limit; detail.
    assert [" ".join(line.split()) for line in told] == lines("""
        01 00:00:00  limit      -  -         0 0 0   0 2   warm-up day 1
        01 00:00:00  due        1  To start  0 0 3   0 2
        01 00:00:00  sending    1  Sending   0 0 3   0 2
        01 00:00:00  turn       1  Sending   0 0 3   0 2
        01 00:00:02  paused     1  Paused    2 1 0   2 2   daily limit reached
        01 08:00:00  due        2  To start  0 0 1   2 2
        01 08:00:00  paused     2  Paused    0 1 0   2 2   nothing left of the daily limit
        02 00:00:00  limit      -  -         0 0 0   0 5   warm-up day 2
        02 00:00:00  restarted  1  Sending   2 1 0   0 5
        02 00:00:00  restarted  2  Sending   0 1 0   0 5
        02 00:00:00  turn       1  Sending   2 1 0   0 5
        02 00:00:01  sent       1  Sent      3 0 0   1 5
        02 00:00:01  turn       2  Sending   0 1 0   1 5
        02 00:00:02  sent       2  Sent      1 0 0   2 5
        02 00:00:02  end        -  -         0 0 0   0 -   all work done
    """)
    assert log["seq"].tolist() == list(range(15))
    assert set(log["domain"].dropna()) == {NEWS}
    assert not log[["failed", "cancelled"]].any(axis=None)


def test_a_day_begins_with_a_row_for_each_run_being_served_counts_before_it() -> None:
    result = simulated(task(4), start="2026-12-01 23:58", rate="1/60")
    assert story(result, (Event.DAY,)) == ["02 00:00:00 A day 1/4"]
    in_turns = simulated(task(4), task(4), start="2026-12-01 23:58", rate="1/30", discipline="fair")
    assert story(in_turns, (Event.DAY,)) == ["02 00:00:00 A day 2/4", "02 00:00:00 B day 1/4"]


def test_what_falls_on_one_instant_happens_in_order() -> None:
    """The day begins, an email, restarts, cancellations, runs due, test sends."""
    midnight = "2026-12-02 00:00"
    result = simulated(
        task(5, cancel_at=midnight),
        task(2, start=midnight),
        task(2, SHOP, start="2026-12-01 23:59:58"),
        warmup=[2, 3],
        more_domains=[UNLIMITED_SHOP],
        restart="manual",
        restart_at=[midnight],
        test_sends=[{"sender": f"a@{NEWS}", "at": midnight, "recipients": 5}],
    )
    log = result.events[result.events["time"] == midnight]
    names = log["task"].map({1: "A", 2: "B", 3: "C"}).astype(object).fillna("-")
    assert (log["event"].astype(str) + " " + names).tolist() == lines("""
        day        C
        limit      -
        limit      -
        sent       C
        restarted  A
        turn       A
        cancelled  A
        due        B
        sending    B
        turn       B
        sent       -
        error      -
        paused     B
    """)


# --- R3: rate and order -------------------------------------------------------------------------


def test_the_last_email_falls_on_microseconds_rounded_up_from_the_busy_period_s_beginning() -> None:
    assert story(simulated(task(4), rate=3)) == lines("""
        01 00:00:00         A sending 0/4
        01 00:00:01.333334  A sent    4/4
    """)
    assert story(simulated(task(3), rate="1/60"))[-1] == "01 00:03:00 A sent 3/3"


def test_a_new_busy_period_counts_from_its_own_beginning() -> None:
    late = task(1, start="2026-12-01 00:01")
    assert story(simulated(task(1), late, rate="2/3")) == lines("""
        01 00:00:00         A sending  0/1
        01 00:00:01.500000  A sent     1/1
        01 00:01:00         B sending  0/1
        01 00:01:01.500000  B sent     1/1
    """)


def test_runs_due_together_go_in_the_order_of_creation() -> None:
    assert story(simulated(task(2), task(2)), (Event.SENT,)) == lines("""
        01 00:00:02  A sent  2/2
        01 00:00:04  B sent  2/2
    """)


def test_an_earlier_due_time_counts_more_than_an_earlier_creation() -> None:
    late = task(2, start="2026-12-01 00:00:02")
    assert story(simulated(late, task(4))) == lines("""
        01 00:00:00  B sending  0/4
        01 00:00:02  A sending  0/2
        01 00:00:04  B sent     4/4
        01 00:00:06  A sent     2/2
    """)


def test_a_restarted_older_run_goes_before_a_newer_one_of_another_domain() -> None:
    newer = task(86_405, SHOP, start="2026-12-01 00:00:10")
    result = simulated(task(3), newer, warmup=[1, 5], more_domains=[UNLIMITED_SHOP])
    # The busy period goes on over midnight, so A's two emails take the turns of 00:00:01 and :02.
    assert story(result) == lines("""
        01 00:00:00  A sending    0/3
        01 00:00:01  A paused     1/3
        01 00:00:10  B sending    0/86405
        02 00:00:00  A restarted  1/3
        02 00:00:02  A sent       3/3
        02 00:00:17  B sent       86405/86405
    """)
    assert story(result, (Event.TURN,)) == lines("""
        01 00:00:00  A turn  0/3
        01 00:00:10  B turn  0/86405
        02 00:00:00  B turn  86390/86405
        02 00:00:00  A turn  1/3
        02 00:00:02  B turn  86390/86405
    """)


def test_a_domain_at_its_limit_never_holds_up_another() -> None:
    result = simulated(task(5), task(3, SHOP), warmup=2, more_domains=[UNLIMITED_SHOP])
    assert story(result)[:4] == lines("""
        01 00:00:00  A sending  0/5
        01 00:00:00  B sending  0/3
        01 00:00:02  A paused   2/5
        01 00:00:05  B sent     3/3
    """)


def test_fair_gives_each_run_an_email_in_turns() -> None:
    # ABABABB: A is sent with the fifth email.
    assert story(simulated(task(3), task(4), discipline="fair"), (Event.SENT,)) == lines("""
        01 00:00:05  A sent  3/3
        01 00:00:07  B sent  4/4
    """)


def test_fair_gives_a_newcomer_the_turn_behind_the_others() -> None:
    newcomer = task(2, start="2026-12-01 00:00:01")
    result = simulated(task(4), task(3), newcomer, discipline="fair")
    # A, then C is due, BCABCABA: the newcomer waits for B only.
    assert story(result, (Event.SENT,)) == lines("""
        01 00:00:06  C sent  2/2
        01 00:00:08  B sent  3/3
        01 00:00:09  A sent  4/4
    """)


def test_fair_begins_each_day_with_the_first() -> None:
    result = simulated(task(4), task(4), start="2026-12-01 23:59:56", discipline="fair")
    # ABA on the first day; it would be B's turn, but midnight begins with A again: ABABB... so A
    # is sent with the email of 00:00:02.
    assert story(result, (Event.SENT,)) == lines("""
        02 00:00:02  A sent  4/4
        02 00:00:04  B sent  4/4
    """)


def test_fair_stops_a_domain_at_its_limit_in_the_middle_of_a_round() -> None:
    result = simulated(task(9), task(9), task(4, SHOP), warmup=3, discipline="fair",
                       more_domains=[UNLIMITED_SHOP])  # fmt: skip
    # ABCA, and news.example.com has sent its three; then C alone.
    assert story(result)[3:6] == lines("""
        01 00:00:04  A paused  2/9
        01 00:00:04  B paused  1/9
        01 00:00:07  C sent    4/4
    """)


# --- R2, R4, R5: the limit, the pause and the restart -------------------------------------------


def test_at_the_limit_a_run_pauses_and_restarts_at_midnight() -> None:
    result = simulated(task(4), warmup=[1, 2, 5])
    assert story(result) == lines("""
        01 00:00:00  A sending    0/4
        01 00:00:01  A paused     1/4
        02 00:00:00  A restarted  1/4
        02 00:00:02  A paused     3/4
        03 00:00:00  A restarted  3/4
        03 00:00:01  A sent       4/4
    """)
    assert result.daily["sent"].tolist() == [1, 2, 1]
    assert result.finished


def test_a_run_whose_last_email_is_the_day_s_last_is_sent_and_the_others_pause() -> None:
    assert story(simulated(task(2), task(1), warmup=2)) == lines("""
        01 00:00:00  A sending    0/2
        01 00:00:00  B sending    0/1
        01 00:00:02  A sent       2/2
        01 00:00:02  B paused     0/1
        02 00:00:00  B restarted  0/1
        02 00:00:01  B sent       1/1
    """)


def test_an_email_at_exactly_midnight_is_of_the_new_day() -> None:
    result = simulated(task(3), start="2026-12-01 23:58", rate="1/60", warmup=2)
    # 23:59 is of the first day; 00:00 and 00:01 are the second day's two.
    assert story(result)[-1] == "02 00:01:00 A sent 3/3"
    assert result.daily["sent"].tolist() == [1, 2]


def test_a_day_without_quota_pauses_before_the_email_of_its_first_instant() -> None:
    keys: dict[str, Any] = {"start": "2026-12-01 23:58", "rate": "1/60"}
    assert story(simulated(task(3), warmup=[0, 10], warmup_start="2026-12-02", **keys)) == lines("""
        01 23:58:00  A paused     0/3
        03 00:00:00  A restarted  0/3
        03 00:03:00  A sent       3/3
    """)


@falling_limits
def test_a_limit_that_falls_to_0_pauses_at_midnight_and_the_run_waits_for_quota() -> None:
    keys: dict[str, Any] = {"start": "2026-12-01 23:58", "rate": "1/60"}
    assert story(simulated(task(3), warmup=[10, 0, 10], **keys)) == lines("""
        01 23:58:00  A sending    0/3
        02 00:00:00  A paused     1/3
        03 00:00:00  A restarted  1/3
        03 00:02:00  A sent       3/3
    """)


def test_a_run_due_when_nothing_is_left_is_paused_at_once() -> None:
    late = task(1, start="2026-12-01 08:00")
    assert story(simulated(task(2), late, warmup=2))[2:] == lines("""
        01 08:00:00  B paused     0/1
        02 00:00:00  B restarted  0/1
        02 00:00:01  B sent       1/1
    """)


def test_without_a_limit_nothing_pauses() -> None:
    result = simulated(task(100_000))
    assert story(result)[1:] == ["02 03:46:40 A sent 100000/100000"]
    assert limits_of(result) == ["01 - <NA>", "02 - <NA>"]


def test_by_hand_a_run_restarts_only_when_told_and_is_refused_without_quota() -> None:
    instants = ["2026-12-01 12:00", "2026-12-03 12:00"]
    assert story(simulated(task(2), warmup=1, restart="manual", restart_at=instants)) == lines("""
        01 00:00:00  A sending    0/2
        01 00:00:01  A paused     1/2
        01 12:00:00  A refused    1/2
        03 12:00:00  A restarted  1/2
        03 12:00:01  A sent       2/2
    """)


def test_by_hand_other_tasks_send_meanwhile_and_runs_of_the_paused_task_wait() -> None:
    daily = task(2, start="2026-12-01 00:00", every="24h", count=2)
    other = task(3, start="2026-12-02 08:00")
    result = simulated(daily, other, warmup=[1, 9], restart="manual", restart_at="09:00")
    # Run 2 is due on the second day with quota left, but run 1 of its task is paused.
    assert story(result) == lines("""
        01 00:00:00  A.1 sending    0/2
        01 00:00:01  A.1 paused     1/2
        01 09:00:00  A.1 refused    1/2
        02 00:00:00  A.2 paused     0/2
        02 08:00:00  B sending      0/3
        02 08:00:03  B sent         3/3
        02 09:00:00  A.1 restarted  1/2
        02 09:00:00  A.2 restarted  0/2
        02 09:00:01  A.1 sent       2/2
        02 09:00:03  A.2 sent       2/2
    """)
    reasons = result.pauses.set_index("run")["reason"]
    assert reasons[2] == "an earlier run of the task is paused"


def test_a_restart_delay_lets_others_send_first_and_may_find_nothing_left() -> None:
    early = task(2, start="2026-12-02 00:30")
    result = simulated(task(3), early, warmup=[1, 2, 9], restart_delay=3600)
    assert story(result) == lines("""
        01 00:00:00  A sending    0/3
        01 00:00:01  A paused     1/3
        01 01:00:00  A refused    1/3
        02 00:30:00  B sending    0/2
        02 00:30:02  B sent       2/2
        02 01:00:00  A refused    1/3
        03 01:00:00  A restarted  1/3
        03 01:00:02  A sent       3/3
    """)


# --- R4: where limits come from -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        # Day 1 is the date of the first due run, whatever becomes of it; before it, nothing.
        ({"warmup": [5, 6]}, ["01 day 0 0", "02 day 1 5", "03 day 2 6", "04 day 3 6"]),
        (
            {"warmup": [5, 6, 7, 8], "warmup_start": "2026-11-30"},
            ["01 day 2 6", "02 day 3 7", "03 day 4 8", "04 day 5 8"],
        ),
        (
            {"warmup": [5, 6], "warmup_start": "2026-12-04"},
            ["01 day 0 0", "02 day 0 0", "03 day 0 0", "04 day 1 5"],
        ),
        ({"warmup": 9, "warmup_start": "2026-12-03"}, [f"0{day} - 9" for day in (1, 2, 3, 4)]),
        (
            {"warmup": "standard", "warmup_start": "2026-11-29"},
            ["01 day 3 2000", "02 day 4 5000", "03 day 5 10000", "04 day 6 20000"],
        ),
        ({"warmup": "legacy"}, ["01 day 0 0", "02 day 1 100", "03 day 2 200", "04 day 3 500"]),
        # 100, 115, 132.25: the second is 114.99... in binary floating point
        (
            {"warmup": {"start": 100, "factor": 1.15, "cap": 130}},
            ["01 day 0 0", "02 day 1 100", "03 day 2 115", "04 day 3 130"],
        ),
    ],
)
def test_limits_come_into_force_at_midnight(keys: dict[str, Any], told: list[str]) -> None:
    first = task(1, start="2026-12-02 10:00", cancel_at="2026-12-01 05:00")
    last = task(1, start="2026-12-04 10:00")
    assert limits_of(simulated(first, last, **keys)) == told


def test_advance_by_sending_counts_only_days_with_mail() -> None:
    days = [task(1, start=f"2026-12-0{day} 10:00") for day in (2, 4, 6)]
    result = simulated(
        *days, warmup=[1, 2, 3, 4, 5, 6], warmup_start="2026-11-29", advance="sending"
    )
    # The two days before the plan count; then the second and the fourth.
    assert limits_of(result) == lines("""
        01 day 3 3
        02 day 3 3
        03 day 4 4
        04 day 4 4
        05 day 5 5
        06 day 5 5
    """)


def test_advance_by_sending_counts_a_test_send() -> None:
    tests = [{"sender": f"a@{NEWS}", "at": "2026-12-01 12:00", "recipients": 1}]
    late = task(1, start="2026-12-02 10:00")
    keys: dict[str, Any] = {"warmup": [1, 2], "warmup_start": "2026-12-01", "advance": "sending"}
    assert limits_of(simulated(late, test_sends=tests, **keys)) == ["01 day 1 1", "02 day 2 2"]


# --- R4: the rolling window ---------------------------------------------------------------------


def test_a_rolling_window_opens_24_hours_after_the_email_that_filled_it() -> None:
    result = simulated(task(6), start="2026-12-01 10:00", window="rolling", warmup=[2, 3, 9])
    assert story(result) == lines("""
        01 10:00:00  A sending    0/6
        01 10:00:02  A paused     2/6
        02 10:00:02  A restarted  2/6
        02 10:00:05  A paused     5/6
        03 10:00:05  A restarted  5/6
        03 10:00:06  A sent       6/6
    """)


@falling_limits
def test_midnight_changes_nothing_for_an_open_rolling_window() -> None:
    keys: dict[str, Any] = {"start": "2026-12-01 23:58", "rate": "1/60", "window": "rolling"}
    assert story(simulated(task(4), warmup=[3, 0, 9], **keys))[1:] == lines("""
        02 00:01:00  A paused     3/4
        03 00:01:00  A restarted  3/4
        03 00:02:00  A sent       4/4
    """)


@falling_limits
def test_a_rolling_window_with_limit_0_waits_for_a_day_with_quota() -> None:
    keys: dict[str, Any] = {"start": "2026-12-01 10:00", "window": "rolling"}
    assert story(simulated(task(4), warmup=[0, 0, 2, 0, 5], **keys)) == lines("""
        01 10:00:00  A paused     0/4
        03 00:00:00  A restarted  0/4
        03 00:00:02  A paused     2/4
        05 00:00:00  A restarted  2/4
        05 00:00:02  A sent       4/4
    """)


@falling_limits
def test_a_rolling_window_that_opens_at_midnight_has_the_limit_of_the_new_date() -> None:
    """Filled at 23:00 before a day of 23 hours, it opens in the first instant of the day after."""
    result = simulated(
        task(16), window="rolling", warmup=[10, 1, 5], rate="1/60", timezone="Europe/Berlin",
        start="2026-03-28 22:50", horizon="2026-04-10",
    )  # fmt: skip
    assert story(result)[1:] == lines("""
        28 23:00:00  A paused     10/16
        30 00:00:00  A restarted  10/16
        30 00:05:00  A paused     15/16
        31 00:05:00  A restarted  15/16
        31 00:06:00  A sent       16/16
    """)


# --- R6: recurrence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "runs"),
    [
        ({"count": 3}, 3),
        ({"until": "2026-12-03 08:00"}, 3),  # the run due exactly then is sent
        ({"until": "2026-12-03 07:59"}, 2),
        ({"until": "2026-12-03"}, 3),  # the end of that day
        ({"cancel_at": "2026-12-03 08:00"}, 2),  # cancellations come before runs due
        ({"cancel_at": "2026-12-03 08:01"}, 3),
        ({}, 5),  # none at the horizon
    ],
)
def test_the_end_of_a_recurrence(bounds: dict[str, Any], runs: int) -> None:
    recurring = task(1, start="2026-12-01 08:00", every="24h", **bounds)
    result = simulated(recurring, horizon="2026-12-06 08:00")
    assert result.runs["run"].tolist() == list(range(1, runs + 1))
    assert set(result.runs["status"]) == {"Sent"}


def test_a_recurrence_until_a_date_has_no_run_at_the_midnight_behind_it() -> None:
    recurring = task(1, start="2026-12-01 00:00", every="24h", until="2026-12-02")
    assert simulated(recurring).runs["run"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("every_by", "start", "hours"),
    [
        ("elapsed", "2026-03-28 08:00", [8, 9, 9]),
        ("wall", "2026-03-28 08:00", [8, 8, 8]),
        ("wall", "2026-03-28 02:00", [2, 3, 2]),  # 02:00 is skipped on the 29th
    ],
)
def test_recurrences_over_a_clock_change(every_by: str, start: str, hours: list[int]) -> None:
    recurring = task(1, start=start, every="24h", every_by=every_by, count=3)
    result = simulated(
        recurring, timezone="Europe/Berlin", start="2026-03-28", horizon="2026-04-30"
    )
    assert result.runs["due"].dt.hour.tolist() == hours


def test_a_run_waits_for_the_paused_ones_before_it_though_one_of_them_is_due_later() -> None:
    """Troll skips the hours from 1 to 3: the run of 2 o'clock is due behind that of 3."""
    hourly = task(1, start="2026-03-28 23:00", every="1h", count=5, every_by="wall")
    result = simulated(
        hourly, start="2026-03-28", timezone="Antarctica/Troll", horizon="2026-03-30",
        restart="manual", restart_at="09:00", rate="1/60",
        warmup=[0, 37],
    )  # fmt: skip
    assert story(result)[:5] == lines("""
        28 23:00:00  A.1 paused  0/1
        29 00:00:00  A.2 paused  0/1
        29 03:00:00  A.3 paused  0/1
        29 03:00:00  A.5 paused  0/1
        29 04:00:00  A.4 paused  0/1
    """)


def test_overlapping_runs_queue() -> None:
    recurring = task(3, start="2026-12-01 08:00", every="24h", count=2)
    assert story(simulated(recurring, warmup=2)) == lines("""
        01 08:00:00  A.1 sending    0/3
        01 08:00:02  A.1 paused     2/3
        02 00:00:00  A.1 restarted  2/3
        02 00:00:01  A.1 sent       3/3
        02 08:00:00  A.2 sending    0/3
        02 08:00:01  A.2 paused     1/3
        03 00:00:00  A.2 restarted  1/3
        03 00:00:02  A.2 sent       3/3
    """)
    assert (
        story(simulated(recurring | {"every": "1h"}, warmup=2))[2] == "01 09:00:00 A.2 paused 0/3"
    )


def test_overlapping_runs_are_skipped_and_count() -> None:
    recurring = task(3, start="2026-12-01 08:00", every="12h", count=4, overlap="skip")
    result = simulated(recurring, warmup=2)
    # Run 1 is paused until midnight, so run 2 at 20:00 does not happen; run 4 neither.
    assert story(result, (Event.SKIPPED,)) == lines("""
        01 20:00:00  A.2 skipped  0/3
        02 20:00:00  A.4 skipped  0/3
    """)
    assert result.runs["run"].tolist() == [1, 3]
    assert result.tasks["requests"].item() == 6


# --- R2, R6, R10: cancelling --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cancel_at", "told"),
    [
        ("2026-12-01 05:00", ["01 05:00:00 A cancelled 0/5"]),  # before it is due
        ("2026-12-02 08:00", ["02 08:00:00 A cancelled 0/5"]),  # in the instant in which it is
        # The email of the instant is sent first.
        ("2026-12-02 08:00:01", ["02 08:00:00 A sending 0/5", "02 08:00:01 A cancelled 1/5"]),
        (
            "2026-12-02 12:00",
            [
                "02 08:00:00 A sending 0/5",
                "02 08:00:02 A paused 2/5",
                "02 12:00:00 A cancelled 2/5",
            ],
        ),
    ],
)
def test_cancelling_a_run(cancel_at: str, told: list[str]) -> None:
    result = simulated(task(5, start="2026-12-02 08:00", cancel_at=cancel_at), warmup=2)
    assert story(result) == told
    row = result.tasks.iloc[0]
    assert (row["status"], row["cached"]) == ("Cancelled", 0)
    assert row["sent"] + row["cancelled"] == row["requests"] == 5
    assert result.finished


def test_cancelling_what_is_sent_changes_nothing() -> None:
    result = simulated(task(2, cancel_at="2026-12-01 00:00:02"))
    assert story(result)[-1] == "01 00:00:02 A sent 2/2"


def test_what_a_cancelled_run_has_used_of_the_day_stays_used() -> None:
    later = task(9, start="2026-12-01 10:00")
    result = simulated(task(5, cancel_at="2026-12-01 00:00:02"), later, warmup=4)
    assert story(result)[1:4] == lines("""
        01 00:00:02  A cancelled  2/5
        01 10:00:00  B sending    0/9
        01 10:00:02  B paused     2/9
    """)


def test_cancelling_a_recurring_task_between_two_runs_calls_off_the_later_ones() -> None:
    recurring = task(1, start="2026-12-01 08:00", every="24h", cancel_at="2026-12-02 12:00")
    result = simulated(recurring)
    assert story(result) == lines("""
        01 08:00:00  A.1 sending    0/1
        01 08:00:01  A.1 sent       1/1
        02 08:00:00  A.2 sending    0/1
        02 08:00:01  A.2 sent       1/1
        02 12:00:00  A cancelled    0/1
    """)
    assert result.finished
    assert result.at("2026-12-02 11:59")["status"].item() == "To start"
    assert result.at("2026-12-02 12:00")["status"].item() == "Sent"


def test_cancelling_a_recurring_task_cancels_every_run_that_is_due() -> None:
    recurring = task(3, start="2026-12-01 08:00", every="1h", cancel_at="2026-12-01 09:30")
    assert story(simulated(recurring, warmup=2))[2:] == lines("""
        01 09:00:00  A.2 paused     0/3
        01 09:30:00  A.1 cancelled  2/3
        01 09:30:00  A.2 cancelled  0/3
        01 09:30:00  A cancelled    0/3
    """)


def test_a_recurring_task_cancelled_before_its_first_run_has_none() -> None:
    recurring = task(3, start="2026-12-02 08:00", every="1h", cancel_at="2026-12-01 12:00")
    result = simulated(recurring)
    assert story(result) == ["01 12:00:00 A cancelled 0/3"]
    assert result.runs.empty
    row = result.tasks.iloc[0]
    assert (row["status"], row["requests"], row["cancelled"]) == ("Cancelled", 0, 0)
    assert f"{row['finished']:%d %H:%M}" == "01 12:00"


# --- R8: test sends -----------------------------------------------------------------------------


def test_test_sends_use_the_limit_and_fail_at_it() -> None:
    tests = [
        {"sender": f"A <a@{NEWS}>", "at": "2026-12-01 00:00:02", "recipients": 3},
        {"sender": f"a@{NEWS}", "at": "2026-12-01 00:00:02", "recipients": 2},
    ]
    result = simulated(task(9), warmup=4, test_sends=tests)
    # Two emails of the task, then two of three recipients, and nothing is left for the other test.
    assert console_sends(result) == lines("""
        01 00:00:02  2 sent  0 failed
        01 00:00:02  0 sent  1 failed
        01 00:00:02  0 sent  2 failed
    """)
    assert story(result)[1] == "01 00:00:02 A paused 2/9"
    assert result.daily.loc[0, ["sent", "failed"]].tolist() == [4, 3]


def test_a_test_send_takes_no_turn_of_the_account_s_rate() -> None:
    tests = [{"sender": f"a@{NEWS}", "at": "2026-12-01 00:00:01", "recipients": 20}]
    assert story(simulated(task(3), test_sends=tests))[-1] == "01 00:00:03 A sent 3/3"


def test_a_test_send_to_come_keeps_the_simulation_going() -> None:
    tests = [{"sender": f"a@{NEWS}", "at": "2026-12-03", "recipients": 1}]
    result = simulated(task(1), test_sends=tests)
    assert result.end.isoformat() == "2026-12-03T00:00:00+00:00"
    assert result.finished


def test_a_test_send_opens_the_first_rolling_window() -> None:
    tests = [{"sender": f"a@{NEWS}", "at": "2026-12-01 10:00", "recipients": 1}]
    late = task(2, start="2026-12-02 08:00")
    keys: dict[str, Any] = {"warmup": [2, 5], "window": "rolling", "test_sends": tests}
    # The window of the first is still open on the second: one email is left of its two.
    assert story(simulated(late, warmup_start="2026-12-01", **keys)) == lines("""
        02 08:00:00  A sending    0/2
        02 08:00:01  A paused     1/2
        03 08:00:01  A restarted  1/2
        03 08:00:02  A sent       2/2
    """)


# --- the horizon and the model itself -----------------------------------------------------------


def test_at_the_horizon_nothing_happens_and_what_is_left_stays_unfinished() -> None:
    late = task(1, start="2026-12-01 00:00:03")
    with pytest.warns(sessim.SessimWarning, match="task 'B' starts at or after the horizon"):
        result = simulated(task(5), late, horizon="2026-12-01 00:00:03")
    assert not result.finished
    assert result.end.isoformat() == "2026-12-01T00:00:03+00:00"
    assert result.tasks["status"].tolist() == ["Sending", "To start"]
    assert result.tasks["sent"].tolist() == [2, 0]
    assert result.tasks["finished"].isna().all()


def test_a_plan_that_can_never_finish_ends_at_the_horizon() -> None:
    result = simulated(task(2), warmup=0, horizon="5d")
    assert story(result) == ["01 00:00:00 A paused 0/2"]
    assert not result.finished
    assert result.end.isoformat() == "2026-12-06T00:00:00+00:00"
    assert result.pauses["end"].isna().all()


def test_the_horizon_is_a_year_by_default() -> None:
    result = simulated(task(2), warmup=0, horizon=None)
    assert result.end.isoformat() == "2027-12-01T00:00:00+00:00"


def test_a_recurrence_beyond_the_horizon_is_work_left() -> None:
    recurring = task(1, start="2026-12-01 08:00", every="24h")
    result = simulated(recurring, horizon="2026-12-03")
    assert result.runs["status"].tolist() == ["Sent"] * 3
    assert result.tasks["status"].item() == "To start"
    assert not result.finished


def test_a_day_whose_midnight_is_skipped_begins_an_hour_later() -> None:
    keys: dict[str, Any] = {"timezone": "America/Havana", "start": "2026-03-07 12:00"}
    result = simulated(task(2), warmup=1, horizon="2026-03-20", **keys)
    assert story(result)[2:] == ["08 01:00:00 A restarted 1/2", "08 01:00:01 A sent 2/2"]
    assert result.log.time[-1] == microseconds("2026-03-08 05:00:01")


def test_more_than_an_email_a_microsecond() -> None:
    result = simulated(task(10), rate=4_000_000, warmup=[7, 9])
    assert story(result) == lines("""
        01 00:00:00         A sending    0/10
        01 00:00:00.000002  A paused     7/10
        02 00:00:00         A restarted  7/10
        02 00:00:00.000001  A sent       10/10
    """)


def test_a_model_tells_where_it_stands() -> None:
    model = sessim.Model(plan_of(task(4), warmup=[1, 5]))
    model.run("2026-12-01 00:00:01")
    assert (model.emails, model.finished) == (0, False)  # up to, and without, the instant
    model.run("2026-12-01")
    assert model.now.isoformat() == "2026-12-02T00:00:00+00:00"  # a date means its end
    assert (model.emails, model.finished) == (1, False)
    model.run("2026-11-30")  # a time already reached changes nothing
    model.run()
    assert (model.emails, model.finished) == (4, True)
    assert model.now.isoformat() == "2026-12-21T00:00:00+00:00"  # the horizon
    last = model.log()
    assert run_name(last, len(last) - 2) == "A"
    assert last.time[-1] == microseconds("2026-12-02 00:00:03")


def test_who_runs_the_environment_sees_what_has_been_sent() -> None:
    model = sessim.Model(plan_of(task(10)))
    seen = []

    def watch() -> Iterator[simpy.Event]:
        while True:
            yield model.env.timeout(2 * SECOND)
            seen.append(model.emails)

    model.env.process(watch())
    model.env.run(until=model.env.now + 7 * SECOND)
    assert seen == [1, 3, 5]  # a second for an email, and without the instant
    assert sessim.Result(model.log()).tasks["sent"].tolist() == [6]


def test_a_log_taken_on_the_way_does_not_disturb_the_model() -> None:
    plan = plan_of(task(9), task(9), warmup=4, discipline="fair")
    model = sessim.Model(plan)
    model.run("2026-12-01 00:00:03")
    assert model.log().details[-1] == "work left"
    model.run()
    assert story(sessim.Result(model.log())) == story(sessim.simulate(plan))
