from __future__ import annotations

import asyncio
import gc
import itertools
import random
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessim.senders.envelope import Delivery, Envelope
from sessim.senders.pacing import Breaker, Door, Lanes, Pace, Policy
from sessim.senders.pool import Pool
from sessim.senders.replies import Outcome, Schedule, Stage
from sessim.senders.settings import Server
from sessim.senders.stops import SenderBlocked, ServerUnreachable, TooManyRejected
from tests.senders.faults import ACCEPT_DROP, DROP, HANG, RST, Action, Faults, Visit, end
from tests.senders.sending import QUICK, Sent, guard_for, row, rows, send, server_at

REPLIES = ["450 4.2.0 x", "550 5.1.1 x", "421 4.3.2 x", DROP, RST, "451 4.7.0 rate", None, None]


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 60))
def test_whatever_goes_wrong_every_row_is_answered_once(
    seed: int, connections: int, count: int
) -> None:
    rng = random.Random(seed)

    def rule(visit: Visit) -> Action:
        return rng.choice(REPLIES) if rng.random() < 0.2 else None

    # Text in the middle of a message would be a server that lies: it keeps what it refused.
    body: list[Action] = [rng.choice([DROP, RST, None]) for _ in range(5)]
    rules = {"mail": rule, "rcpt": rule, "data": rule, "body": body, "dot": [None, ACCEPT_DROP]}
    with Faults(rules) as faults:  # type: ignore[arg-type]
        policy = Policy(Schedule(0.001, 2, 0.01), tries=1000, rejected_rate=1)
        sent = send(server_at(faults.port, connections=connections), rows(count), policy=policy)
    assert sent.error is None
    assert sorted(sent.answers) == list(range(1, count + 1))
    got = sorted(int(address.split("@")[0][1:]) for address in faults.recipients)
    accepted = set(sent.keys(Outcome.ACCEPTED))
    assert len(got) == len(set(got))
    assert accepted <= set(got) <= accepted | set(sent.keys(Outcome.UNKNOWN))


@pytest.mark.parametrize("connections", [1, 3])
def test_a_stop_finishes_the_message_in_hand_and_no_other(connections: int) -> None:
    with Faults(late=0.01) as faults:
        server = server_at(faults.port, connections=connections)

        async def run() -> tuple[Sent, int]:
            stop, sent, at_stop = asyncio.Event(), Sent(), 0
            async for key, delivery in Pool(server, guard=guard_for(server)).deliver(
                rows(1000), stop
            ):
                sent.answers[key] = delivery
                if len(sent.answers) == 5:
                    stop.set()
                    at_stop = len(faults.mails)
            return sent, at_stop

        sent, at_stop = asyncio.run(run())
    assert len(faults.mails) <= at_stop + connections
    assert len(sent.keys(Outcome.ACCEPTED)) == len(faults.mails)
    left = sent.keys(Outcome.DEFERRED)
    assert {sent.answers[key].retry_after for key in left} <= {0.0}
    assert sorted(sent.answers) == list(range(1, len(sent.answers) + 1))


def test_a_stop_while_nobody_listens() -> None:
    server = server_at(9)  # discard: nobody there

    async def run() -> list[str]:
        stop = asyncio.Event()
        policy = Policy(Schedule(60, 1, 60))
        asyncio.get_running_loop().call_later(0.1, stop.set)
        pool = Pool(server, guard=guard_for(server), policy=policy)
        return [str(it.outcome) async for _, it in pool.deliver(rows(3), stop)]

    assert asyncio.run(asyncio.wait_for(run(), 30)) == ["deferred"] * 3  # not after a minute


def test_a_slow_stream_is_delivered_as_it_comes_and_idle_connections_are_closed() -> None:
    with Faults() as faults:
        server = server_at(faults.port, waits={"idle": 0.1})

        async def run() -> None:
            answered = asyncio.Event()

            async def stream() -> AsyncIterator[Envelope]:
                for number in range(1, 4):
                    yield row(number)
                    await asyncio.wait_for(answered.wait(), 10)  # never true of hoarded rows
                    answered.clear()
                    await asyncio.sleep(0.3)

            async for _ in Pool(server, guard=guard_for(server)).deliver(stream()):
                answered.set()

        asyncio.run(run())
        assert len(faults.began) == 3
        assert len(faults.said("QUIT")) == 3


def test_an_idle_connection_that_the_server_closes_costs_no_row() -> None:
    async def stream() -> AsyncIterator[Envelope]:
        yield row(1)
        await asyncio.sleep(0.3)
        yield row(2)

    rules = {"data": lambda visit: None}
    with Faults(rules) as faults:  # type: ignore[arg-type]
        server = server_at(faults.port)

        async def run() -> list[str]:
            outcomes = []
            async for key, it in Pool(server, guard=guard_for(server)).deliver(stream()):
                outcomes.append(str(it.outcome))
                if key == 1:
                    end(faults.sockets[0])
            return outcomes

        assert asyncio.run(run()) == ["accepted"] * 2
        assert len(faults.began) == 2


def test_no_more_is_taken_than_may_be_in_flight() -> None:
    taken = 0

    def stream() -> object:
        nonlocal taken
        for envelope in rows(200):
            taken += 1
            yield envelope

    with Faults(late=0.001) as faults:
        server = server_at(faults.port, connections=2)

        async def run() -> None:
            answered = 0
            pool = Pool(server, guard=guard_for(server), in_flight=6)
            async for _ in pool.deliver(stream()):  # type: ignore[arg-type]
                answered += 1
                assert taken - answered <= 6

        asyncio.run(run())
    assert taken == 200


def test_an_error_in_the_stream_reaches_the_caller_after_the_last_answer() -> None:
    def stream() -> object:
        yield from rows(3)
        raise ZeroDivisionError

    answers = []
    with Faults() as faults:
        server = server_at(faults.port)

        async def run() -> None:
            async for key, it in Pool(server, guard=guard_for(server)).deliver(stream()):  # type: ignore[arg-type]
                answers.append((key, it.outcome))

        with pytest.raises(ZeroDivisionError):
            asyncio.run(run())
    assert sorted(key for key, _ in answers) == [1, 2, 3]


def test_closing_the_iterator_early_drops_connections_and_leaves_no_task() -> None:
    with Faults(late=0.01) as faults:
        server = server_at(faults.port, connections=3)

        async def run() -> int:
            answers = Pool(server, guard=guard_for(server)).deliver(rows(100))
            await anext(answers)
            await answers.aclose()
            return len(asyncio.all_tasks())

        assert asyncio.run(run()) == 1


def test_closing_while_a_server_hangs_leaves_no_error_that_nobody_heard_of() -> None:
    complaints: list[object] = []

    async def run(server: Server) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
        answers = Pool(server, guard=guard_for(server)).deliver(rows(30))
        await anext(answers)
        await answers.aclose()
        gc.collect()  # asyncio complains when it throws a future away

    with Faults({"dot": lambda visit: HANG if visit.count > 2 else None}) as faults:
        asyncio.run(run(server_at(faults.port, connections=4)))
    assert complaints == []


def test_throttling_answers_slow_the_pool_down() -> None:
    def rule(visit: Visit) -> Action:
        return "451 4.7.0 slow down" if visit.count == 50 else None

    with Faults({"mail": rule}) as faults:
        server = server_at(faults.port, connections=4)
        until = time.monotonic() + 1.5
        stream = itertools.takewhile(
            lambda _: time.monotonic() < until, map(row, itertools.count(1))
        )
        sent = send(server, stream)
    assert len(sent.keys(Outcome.THROTTLED)) == 1
    assert len(faults.began) == 4
    assert len(sent.keys(Outcome.ACCEPTED)) > 50


# --- the parts, by a clock that only tests move ---


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_pace_halves_and_recovers() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.turn() == 0
    for _ in range(100):
        clock.now += 0.01
        pace.note()
    pace.slow_down()
    assert pace.rate == pytest.approx(50, rel=0.05)
    pace.slow_down()  # the same complaint, from another connection
    assert pace.rate == pytest.approx(50, rel=0.05)
    clock.now += 1
    pace.slow_down()
    assert pace.rate == pytest.approx(27.5, rel=0.05)
    clock.now += 10
    assert pace.rate == pytest.approx(77.5, rel=0.05)
    clock.now += 60
    assert pace.rate is None
    assert pace.turn() == 0


def test_pace_gives_turns_at_its_rate() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.slow_down()  # nothing answered yet: one a second is what is halved
    waits = [pace.turn() for _ in range(4)]
    assert [round(later - earlier, 3) for earlier, later in itertools.pairwise(waits)] == [2.0] * 3
    for _ in range(10):
        clock.now += 2
        pace.slow_down()
    assert pace.rate is not None
    assert pace.rate > 0


def test_lanes_shrink_to_one_and_grow_again() -> None:
    clock = Clock()
    lanes = Lanes(3, clock)
    for _ in range(5):
        lanes.shrink()
    assert lanes.has_room
    lanes.open = 1
    assert not lanes.has_room
    clock.now += 61
    assert lanes.has_room
    lanes.open = 2
    assert not lanes.has_room
    clock.now += 61
    assert lanes.has_room
    lanes.open = 3
    clock.now += 600
    assert not lanes.has_room


def test_the_door_waits_longer_each_time_and_gives_up() -> None:
    clock = Clock()
    door = Door(Policy(Schedule(1, 2, 5), tries=5), "h", random.Random(1), clock)
    waits = []
    for ticket in range(4):
        door.fail(ticket, "no")
        door.fail(ticket, "no")  # begun at the same time: counts once
        waits.append(door.wait)
        clock.now += door.wait
    for wait, least in zip(waits, [1, 2, 4, 5], strict=True):
        assert least <= wait < 1.25 * least
    with pytest.raises(ServerUnreachable, match=r"h: .*5 tries, the last one: no"):
        door.fail(4, "no")
    door.succeed()
    assert door.failures == 0


def answer(outcome: Outcome, stage: Stage, code: int = 550) -> Delivery:
    return Delivery(outcome, code, "550 no", 0.0, stage)


def test_the_breaker_counts_refused_senders_in_a_row() -> None:
    breaker = Breaker(Policy(sender_refusals=3), "h")
    refused = answer(Outcome.REJECTED, Stage.MAIL)
    breaker.note(1, refused)
    breaker.note(2, refused)
    breaker.note(3, answer(Outcome.ACCEPTED, Stage.DOT, 250))
    breaker.note(4, refused)
    breaker.note(5, answer(Outcome.DEFERRED, Stage.MAIL, 450))  # says nothing for the sender
    breaker.note(6, refused)
    with pytest.raises(SenderBlocked) as caught:
        breaker.note(7, refused)
    assert caught.value.keys == (4, 6, 7)


def test_the_breaker_looks_at_the_first_rows_only() -> None:
    breaker = Breaker(Policy(first=20, rejected_rate=0.1), "h")
    rejected, accepted = answer(Outcome.REJECTED, Stage.RCPT), answer(Outcome.ACCEPTED, Stage.DOT)
    local = answer(Outcome.REJECTED, Stage.CONNECT, code=0)
    for _ in range(50):
        breaker.note(0, local)
    for it in [rejected, rejected, *[accepted] * 18, *[rejected] * 50]:
        breaker.note(0, it)
    strict = Breaker(Policy(first=20, rejected_rate=0.1), "h")
    strict.note(0, rejected)
    strict.note(0, rejected)
    with pytest.raises(TooManyRejected, match="3 of 3"):
        strict.note(0, rejected)


def test_the_default_policy() -> None:
    assert Policy() == Policy(Schedule(1.0, 2.0, 300.0), 8, 10, 100, 0.05)
    assert QUICK.tries == 8
