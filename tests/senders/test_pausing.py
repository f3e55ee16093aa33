"""Pause, go on and cancel by the user of a send: while it runs, from elsewhere, across kills."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessim
from sessim.lifecycle import STATUS_LABELS, TRANSITIONS
from sessim.senders.handover import Handed, SendingModel
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.sending import Sending
from sessim.senders.states import State
from sessim.senders.switch import preview
from tests.senders.faults import HANG, After, Faults
from tests.senders.test_handover import Scripted, Willing
from tests.senders.test_sending import mails, plan_of, run, with_list
from tests.stories import lines, microseconds, story, task
from tests.stories import plan_of as small
from tests.strategies import plans

pytestmark = pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")


def at(text: str) -> int:
    """Return an instant of a small plan, which is in UTC."""
    return microseconds(f"2026-12-{text}")


Step = tuple[str, Callable[[SendingModel], object]]


def sent(plan: sessim.Plan, *steps: Step, sender: Willing | None = None) -> sessim.Result:
    """Send a plan to its end, and do something at each of these times on the way."""
    model = SendingModel(plan, sender or Willing())
    for text, act in steps:
        model.run(at(text))
        act(model)
    model.run()
    return sessim.Result(model.log())


# --- the rules ------------------------------------------------------------------------------------


def test_a_pause_lasts_over_midnight_until_the_user_ends_it() -> None:
    result = sent(
        small(task(9), task(4), warmup=[7, 9]),
        ("01 00:00:03", lambda model: model.hold(1)),
        ("03 00:00:05", lambda model: model.release(1)),
    )
    assert story(result) == lines("""
        01 00:00:00  A sending    0/9
        01 00:00:00  B sending    0/4
        01 00:00:03  A paused     2/9
        01 00:00:06  B sent       4/4
        02 00:00:00  A refused    2/9
        03 00:00:00  A refused    2/9
        03 00:00:05  A restarted  2/9
        03 00:00:12  A sent       9/9
    """)
    reasons = result.life(1)["reason"].tolist()
    assert reasons[1:5] == ["paused by the user"] * 3 + ["restarted by the user"]
    assert result.pauses["reason"].tolist() == ["paused by the user"]
    assert result.pauses["cached"].tolist() == [7]


def test_a_run_that_is_due_while_its_task_is_paused_is_cached_at_once() -> None:
    result = sent(
        small(task(3), task(2, start="2026-12-01 08:00", every="24h", count=2)),
        ("01 07:00:00", lambda model: model.hold(2)),
        ("02 09:00:00", lambda model: model.release(2)),
    )
    assert [line for line in story(result) if " B" in line] == lines("""
        01 08:00:00  B.1 paused     0/2
        02 00:00:00  B.1 refused    0/2
        02 08:00:00  B.2 paused     0/2
        02 09:00:00  B.1 restarted  0/2
        02 09:00:00  B.2 restarted  0/2
        02 09:00:02  B.1 sent       2/2
        02 09:00:04  B.2 sent       2/2
    """)


def test_the_user_cannot_have_it_go_on_where_nothing_is_left() -> None:
    result = sent(
        small(task(9), warmup=[4, 9]),
        ("01 00:00:02", lambda model: model.hold(1)),
        ("01 00:00:03", lambda model: model.release(1)),
        ("01 06:00:00", lambda model: model.hold(1)),
        ("01 07:00:00", lambda model: model.release(1)),
    )
    assert story(result) == lines("""
        01 00:00:00  A sending    0/9
        01 00:00:02  A paused     1/9
        01 00:00:03  A restarted  1/9
        01 00:00:06  A paused     4/9
        01 07:00:00  A refused    4/9
        02 00:00:00  A restarted  4/9
        02 00:00:05  A sent       9/9
    """)


def test_what_the_model_asked_for_already_goes_back() -> None:
    """The sender was in the middle of it when the user paused: nothing is lost or used up."""
    plan = small(task(9), warmup=[7, 9])
    held = Handed(2, held=True)
    result = sent(
        plan, ("01 00:00:05", lambda model: model.hold(1)),
        ("01 00:00:10", lambda model: model.release(1)), sender=Scripted(held),
    )  # fmt: skip
    assert story(result) == lines("""
        01 00:00:00  A sending    0/9
        01 00:00:05  A paused     2/9
        01 00:00:10  A restarted  2/9
        01 00:00:15  A paused     7/9
        02 00:00:00  A restarted  7/9
        02 00:00:02  A sent       9/9
    """)


def test_a_paused_task_can_be_cancelled() -> None:
    result = sent(
        small(task(5), task(3)),
        ("01 00:00:02", lambda model: model.hold(1)),
        ("01 00:00:09", lambda model: model.cancel(1)),
    )
    assert result.finished
    assert result.tasks[["status", "sent", "cancelled"]].to_numpy().tolist() == [
        ["Cancelled", 1, 4], ["Sent", 3, 0],
    ]  # fmt: skip


def test_a_pause_survives_in_the_checkpoint() -> None:
    plan = small(task(5), warmup=[3, 9])
    model = SendingModel(plan, Willing())
    model.run(at("01 00:00:02"))
    model.hold(1)
    again = SendingModel.restore(model.dump(), Willing())
    again.run(at("02 12:00:00"))
    assert sessim.Result(again.log()).tasks["status"].tolist() == ["Paused"]
    again.release(1)
    again.run()
    assert sessim.Result(again.log()).finished


def test_a_model_that_sends_is_not_forked() -> None:
    with pytest.raises(sessim.ArgumentError, match="cannot be two"):
        SendingModel(small(task(1)), Willing()).fork()


class Interrupted(Willing):
    """A sender that is interrupted, again and again, wherever it is."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.held: set[int] = set()

    def send(self, rank: int, emails: int, now: int) -> Handed:
        is_held = self.tasks[rank] in self.held
        settled = 0 if is_held else self.chance.choice((emails, self.chance.randint(0, emails)))
        assert not (is_held and settled)
        return self.noted(rank, Handed(settled, held=settled < emails))

    tasks: Any = None


@settings(max_examples=60)
@given(plans(), st.integers(0, 2**32))
def test_row_36_whatever_is_paused_when_no_email_is_lost_and_no_limit_broken(
    plain: dict[str, Any], seed: int
) -> None:
    plan = sessim.Plan.from_dict(plain)
    chance, sender = random.Random(seed), Interrupted(seed)
    sender.tasks = plan.runs.task
    model = SendingModel(plan, sender)
    last = int(sessim.simulate(plan).log.time[-1])
    for instant in sorted(chance.randint(plan.start_instant, last) for _ in range(12)):
        model.run(instant)
        acts = [model.hold, model.hold, model.release, model.cancel]
        chance.choice(acts)(chance.randint(1, len(plan.tasks)))
        sender.held = set(model.held)
    for number in range(1, len(plan.tasks) + 1):
        model.release(number)
    sender.held = set()
    model.run()
    result = sessim.Result(model.log())
    assert_sound(result, plan)
    assert result.runs["sent"].sum() == sender.settled.total()


def assert_sound(result: sessim.Result, plan: sessim.Plan) -> None:
    """Judge a log by rules R1, R2 and R4."""
    events = result.events[result.events["run"].notna()]
    for (number, _), rows in events.groupby(["task", "run"], observed=True):
        rows = rows[rows["event"] != "skipped"]
        parts = rows[["sent", "failed", "cancelled", "cached", "waiting"]].sum(axis=1)
        assert (parts == plan.tasks[int(number) - 1].requests).all()
        assert rows["sent"].is_monotonic_increasing
        status = rows["status"].tolist()
        for before, after in itertools.pairwise(status):
            assert before == after or _CODE[after] in TRANSITIONS[_CODE[before]]
        paused = rows["status"].shift() == "Paused"
        assert (rows["sent"].diff()[paused & (rows["event"] != "restarted")] == 0).all()
        assert (rows["sent"].diff()[rows["event"] == "restarted"] == 0).all()
    days = result.daily.dropna(subset=["limit"])
    if plan.window == "day":
        assert (days["sent"] <= days["limit"]).all()


_CODE = {label: status for status, label in STATUS_LABELS.items()}


# --- a send that runs -----------------------------------------------------------------------------


@contextmanager
def running(sending: Sending) -> Iterator[Sending]:
    """Let a send run in a thread; it is stopped when the block ends."""
    with sending:
        thread = threading.Thread(target=sending.run)
        thread.start()
        try:
            yield sending
        finally:
            sending.stop()
            thread.join(30)
            assert not thread.is_alive()


def pauses(sending: Sending) -> int:
    """Return how often the user's pauses have begun; a live send's first minute pauses, too."""
    return int((sending.result.events["detail"] == "paused by the user").sum())


def until(happens: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something happens."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.005)


def statuses(sending: Sending) -> list[str]:
    return [str(status) for status in sending.result.tasks["status"]]


LONG = {
    "domains": [{"name": "news.example.com", "warmup": [900, 2000, 9000]}],
    "tasks": [
        {"name": "One", "sender": "hi@news.example.com", "requests": 2000},
        {"name": "Two", "sender": "hi@news.example.com", "requests": 50},
    ],
    "rate": 1,
}


def test_a_running_task_is_paused_goes_on_and_is_cancelled(tmp_path: Path) -> None:
    sending = Sending.start(Order(plan_of(**LONG), speed=200), tmp_path / "a")
    with running(sending):
        until(lambda: sending.counts[State.ACCEPTED] > 5)
        sending.pause("One")
        until(lambda: statuses(sending) == ["Paused", "Sending"])
        assert sending.held == {1}
        before = int(sending.result.tasks["sent"][0])
        until(lambda: statuses(sending) == ["Paused", "Sent"])
        assert int(sending.result.tasks["sent"][0]) == before
        assert sending.result.life(1)["reason"].iloc[-1] == "paused by the user"
        sending.unpause(1)
        until(lambda: int(sending.result.tasks["sent"][0]) > before)
        sending.cancel(1)
        until(lambda: statuses(sending) == ["Cancelled", "Sent"])
        with pytest.raises(sessim.ArgumentError, match="nothing of 'Two' is left"):
            sending.pause(2)
        with pytest.raises(sessim.ArgumentError, match="there is no task 7"):
            sending.pause(7)
    result = sending.result
    assert result.tasks["sent"][0] + result.tasks["cancelled"][0] == 2000
    assert len(mails(sending.mails)) == result.tasks["sent"].sum()


def test_a_pause_finishes_at_most_the_message_in_hand_on_each_connection(tmp_path: Path) -> None:
    """Hundreds are wanted at once, and the server takes a twentieth of a second for each."""
    with Faults({"dot": lambda _: After(None, 0.05)}) as server:
        domain = sessim.Domain("news.example.com", warmup="none")
        plan = replace(with_list(tmp_path, 400), domains=[domain])
        order = Order(plan, "live", f"smtp://127.0.0.1:{server.port}", speed=20)
        sending = Sending.start(order, tmp_path / "a", confirm=preview(order).token)
        with running(sending):
            for times in range(1, 4):
                before = len(server.mails)
                until(lambda before=before: len(server.mails) > before + 10)
                begun = len(server.mails)
                sending.pause()
                until(lambda times=times: pauses(sending) == times)
                assert len(server.mails) <= begun + order.where.connections
                assert sending.counts[State.INTENT] == 0
                sending.unpause()
        assert sending.counts[State.UNKNOWN] == 0


def test_another_process_asks_through_the_outbox(tmp_path: Path) -> None:
    sending = Sending.start(Order(plan_of(**LONG), speed=100), tmp_path / "a")
    with running(sending):
        until(lambda: sending.counts[State.ACCEPTED] > 5)
        said = run("outbox", "a", "--pause", "Two", cwd=tmp_path)
        assert said.stdout == "The sender is told and pauses task Two.\n", said.stderr
        until(lambda: sending.held == {2})
        run("outbox", "a", "--cancel", 1, cwd=tmp_path)
        until(lambda: statuses(sending) == ["Cancelled", "Paused"])
    said = run("outbox", "a", "--unpause", cwd=tmp_path)
    assert said.stdout == "No sender is at work: the next --resume goes on with all tasks.\n"
    with running(Sending.resume(tmp_path / "a")) as sending:
        until(lambda: statuses(sending) == ["Cancelled", "Sent"])
    wrong = run("outbox", "a", "--pause", "Too", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr) == (
        2, "sessim: task: there is no task 'Too'; did you mean 'Two'?\n"
    )  # fmt: skip


CHILD = """
import sys, sessim
from sessim.senders.sending import Sending
with Sending.resume(sys.argv[1]) as sending:
    sending.pause(1)
    print("paused", flush=True)
    sending.run()
"""


def test_a_pause_survives_a_kill(tmp_path: Path) -> None:
    plan = plan_of(**LONG | {"domains": [{"name": "news.example.com", "warmup": "none"}]})
    with Sending.start(Order(plan, speed=2000), tmp_path / "a"):
        pass
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
    with running(Sending.resume(tmp_path / "a")) as sending:
        until(lambda: statuses(sending) == ["Paused", "Sent"])
        sending.unpause("One")
        until(lambda: sending.result.finished)
    assert len(mails(sending.mails)) == 2050


# --- looking on -----------------------------------------------------------------------------------


def test_every_table_and_chart_works_while_mails_flow(tmp_path: Path) -> None:
    plan = plan_of(discipline="fair", horizon="2027-01-10")
    seen = []
    with running(Sending.start(Order(plan, speed=100_000), tmp_path / "a")) as sending:
        while not sending.result.finished:
            result = sending.result
            now = result.end
            for table in (result.tasks, result.runs):
                parts = table[["sent", "failed", "cancelled", "cached"]].sum(axis=1)
                assert (parts <= table["requests"]).all()
            assert_sound(result, plan)
            assert result.daily["sent"].sum() == result.runs["sent"].sum()
            assert result.at(now)["sent"].sum() == result.tasks["sent"].sum()
            assert len(result.pauses) == result.runs["pauses"].sum()
            assert len(result.plot()) == 3
            plt.close("all")
            seen.append(int(result.tasks["sent"].sum()))
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    pd.testing.assert_frame_equal(sending.result.events, sessim.simulate(plan).events)


def test_a_server_that_hangs_holds_up_nobody_who_looks_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(
            Faults({"dot": lambda visit: HANG if visit.count >= 8 else None})
        )
        url = f"smtp://127.0.0.1:{server.port}"
        domain = sessim.Domain("news.example.com", warmup="none")
        order = Order(replace(with_list(tmp_path, 400), domains=[domain]), "live", url, speed=2000)
        with running(Sending.start(order, tmp_path / "a", confirm=preview(order).token)) as sending:
            until(lambda: sending.counts[State.ACCEPTED] == 8)
            assert sending.result.tasks["requests"].tolist() == [400]
            sending.pause()
            assert sending.held == {1}
            stack.close()  # what hung is in doubt now
            until(lambda: statuses(sending) == ["Paused"])
            assert sending.counts[State.ACCEPTED] == 8
            assert 1 <= sending.counts[State.UNKNOWN] <= order.where.connections


# --- row 36 ---------------------------------------------------------------------------------------


def pester(sending: Sending, chance: random.Random) -> None:
    """Pause, go on and cancel at random moments, and stop in the end."""
    acts = [sending.pause, sending.pause, sending.unpause, sending.unpause, sending.cancel]
    for _ in range(chance.randint(1, 12)):
        time.sleep(chance.uniform(0, 0.05))
        act, tasks = chance.choice(acts), [1, 2, 3]
        whom = chance.choice([*tasks, None] if act != sending.cancel else tasks[:1])
        with suppress(sessim.ArgumentError):  # that task is over
            act(whom)


@pytest.mark.parametrize("times", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_row_36_paused_resumed_cancelled_at_random(tmp_path: Path, times: int) -> None:
    """Limits change meanwhile: the days, each with its own, go by in a tenth of a second."""
    plan = plan_of(
        discipline="fair",
        horizon="2027-12-01",
        domains=[
            {"name": "news.example.com", "warmup": [50, 0, 100, 30, 200, 10, 300]},
            {"name": "shop.example.org", "warmup": [30, 5, 90]},
        ],
        tasks=[
            {"name": "One", "sender": "a@news.example.com", "requests": 150},
            {"name": "Two", "sender": "b@news.example.com", "requests": 100},
            {"name": "Three", "sender": "c@shop.example.org", "requests": 100},
        ],
    )
    for seed in range(times):
        judged(plan, tmp_path / f"{seed}", random.Random(seed))


def judged(plan: sessim.Plan, outbox: Path, chance: random.Random) -> None:
    begun = Sending.start(Order(plan, speed=1_000_000), outbox)
    with running(begun) as sending:
        pester(sending, chance)
    with running(Sending.resume(outbox)) as sending:
        pester(sending, chance)
        sending.unpause()
        until(lambda: sending.result.finished, 60)
    result, counts = sending.result, Counter[State]()
    assert_sound(result, plan)  # with I5: no day above its limit
    arrived = Counter(mail["To"] for mail in mails(sending.mails))
    assert max(arrived.values(), default=1) == 1  # I3
    with Outbox.resume(outbox) as held:
        accepted = {r.address for run in held.runs() for r in held.rows(run, State.ACCEPTED)}
        counts.update(held.counts())
        for entry in held.runs():
            of_run = held.counts(entry)
            assert sum(of_run.values()) == plan.tasks[entry.task - 1].requests  # I1
            told = result.runs[result.runs["task"] == entry.task].iloc[0]
            assert of_run[State.ACCEPTED] == told["sent"]
            assert of_run[State.CANCELLED] == told["cancelled"]
    assert accepted == set(arrived)  # I2
    assert counts[State.PENDING] == counts[State.UNKNOWN] == 0  # I4
