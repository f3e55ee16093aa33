"""The model that hands emails over: the simulation's rules, whatever the sender makes of it."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessim
from sessim.clock import DAY, SECOND
from sessim.senders.handover import Handed, SendingModel
from tests.stories import instants_of, lines, plan_of, story, task
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


class Willing:
    """A sender that accepts everything, and counts."""

    mode = "loopback"

    def __init__(self) -> None:
        self.settled: Counter[int] = Counter()
        self.failed: Counter[int] = Counter()

    def send(self, rank: int, emails: int, now: int) -> Handed:
        return self.noted(rank, Handed(emails))

    def send_test(self, number: int, emails: int, now: int) -> tuple[int, str]:
        return 0, ""

    def noted(self, rank: int, handed: Handed) -> Handed:
        self.settled[rank] += handed.settled
        self.failed[rank] += handed.failed
        return handed


class Moody(Willing):
    """A sender that refuses some emails and puts others off."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)

    def send(self, rank: int, emails: int, now: int) -> Handed:
        settled = emails - self.chance.choice((0, 0, 0, 1, emails))
        failed = self.chance.randint(0, min(settled, 2))
        return self.noted(rank, Handed(settled, failed, wait=900, reason="451 try again later"))


class Scripted(Willing):
    """A sender that gives these answers, and then accepts everything."""

    def __init__(self, *answers: Handed) -> None:
        super().__init__()
        self.answers = list(answers)

    def send(self, rank: int, emails: int, now: int) -> Handed:
        return self.noted(rank, self.answers.pop(0) if self.answers else Handed(emails))


def sent(plan: sessim.Plan, sender: Willing) -> sessim.Result:
    """Send a plan to its end."""
    model = SendingModel(plan, sender)
    model.run()
    return sessim.Result(model.log())


# --- a willing sender ---------------------------------------------------------------------------


@given(plans(), st.data())
def test_if_everything_is_accepted_the_log_is_the_simulation_s(
    plain: dict[str, Any], data: st.DataObject
) -> None:
    plan = sessim.Plan.from_dict(plain)
    simulated = sessim.simulate(plan)
    sender = Willing()
    model = SendingModel(plan, sender)
    for instant in sorted(data.draw(st.lists(instants_of(simulated.log), max_size=9))):
        model.run(instant)
    model.run()
    pd.testing.assert_frame_equal(model.log().frame, simulated.events)
    assert sender.settled.total() == simulated.runs["sent"].sum()


def test_the_log_says_who_wrote_it() -> None:
    assert sent(plan_of(task(3)), Willing()).log.meta["mode"] == "loopback"


# --- refused, and put off -----------------------------------------------------------------------


def test_what_is_refused_has_failed_and_uses_the_limit() -> None:
    plan = plan_of(task(5), warmup=[3, 9])
    result = sent(plan, Scripted(Handed(3, failed=2, reason="550 no such user")))
    assert story(result) == lines("""
        01 00:00:00  A sending    0/5
        01 00:00:03  A paused     1/5
        02 00:00:00  A restarted  1/5
        02 00:00:02  A sent       3/5
    """)
    assert result.tasks[["sent", "failed", "cached"]].to_numpy().tolist() == [[3, 2, 0]]
    assert result.daily[["sent", "failed"]].to_numpy().tolist() == [[1, 2], [2, 0]]


def test_what_is_put_off_is_tried_again_while_others_go_on() -> None:
    plan = plan_of(task(4), task(3))
    result = sent(plan, Scripted(Handed(3, wait=300, reason="451 greylisted")))
    assert story(result) == lines("""
        01 00:00:00  A sending    0/4
        01 00:00:00  B sending    0/3
        01 00:00:04  A paused     3/4
        01 00:00:07  B sent       3/3
        01 00:05:04  A restarted  3/4
        01 00:05:05  A sent       4/4
    """)
    assert result.pauses["reason"].tolist() == ["451 greylisted"]


def test_what_no_retry_can_mend_ends_the_run() -> None:
    plan = plan_of(task(4), task(3))
    result = sent(plan, Scripted(Handed(1, reason="550 sender blocked", broken=True)))
    assert result.tasks["status"].tolist() == ["Error", "Sent"]
    assert result.tasks["sent"].tolist() == [1, 3]
    assert result.finished


@given(plans(), st.integers(0, 2**32))
def test_every_email_is_dealt_with_once_whatever_happens(plain: dict[str, Any], seed: int) -> None:
    plan = sessim.Plan.from_dict(plain)
    sender = Moody(seed)
    result = sent(plan, sender)
    runs = result.runs
    parts = runs[["sent", "failed", "cached", "cancelled"]].sum(axis=1)
    assert (parts <= runs["requests"]).all()
    assert runs["sent"].sum() + runs["failed"].sum() == sender.settled.total()
    assert runs["failed"].sum() == sender.failed.total()
    ended = runs[runs["status"] == "Sent"]
    assert (ended["sent"] + ended["failed"] == ended["requests"]).all()
    days = result.daily.dropna(subset=["limit"])
    if plan.window == "day":
        tests_may_fail = 0 if not plan.test_sends else days["failed"]
        assert (days["sent"] + days["failed"] <= days["limit"] + tests_may_fail).all()


# --- time without sending -----------------------------------------------------------------------


def test_what_was_missed_does_not_leave_in_a_burst() -> None:
    plan = plan_of(task(5), warmup=[3, 9])
    model = SendingModel(plan, Willing())
    start = plan.start_instant
    model.run(start + 2 * SECOND + 1)
    model.pass_to(start + DAY + 100 * SECOND)  # over a midnight, with a limit that was not used up
    model.run()
    assert story(sessim.Result(model.log())) == lines("""
        01 00:00:00  A sending  0/5
        02 00:01:43  A sent     5/5
    """)
