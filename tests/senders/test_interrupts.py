"""Row 32: Ctrl-C, a notebook's Interrupt, a kernel's end, a stop file; all sent, and once."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim.errors import OutboxError
from sessim.senders import pool
from sessim.senders.order import Order
from sessim.senders.pool import Waiting
from sessim.senders.sending import Sending
from sessim.senders.stopping import Herald, Latch, SendStopped, interruptible
from sessim.senders.switch import preview
from tests.senders.faults import ACCEPT_HANG, HANG, After, Faults
from tests.senders.plans import (
    SENDER,
    begin,
    list_of,
    live,
    mails_in,
    people,
    plan_to,
    rows_of,
    states_of,
    task_to,
)  # fmt: skip

EMAILS = 1500
CONNECTIONS = 4


def saved(folder: Path, **keys: Any) -> Path:
    """Save a plan of 75 seconds."""
    task = {"name": "Launch", "sender": SENDER, "requests": EMAILS}
    path = folder / "plan.yaml"
    plan_to(task, **keys).to_yaml(path)
    return path


def some_are_sent(outbox: Path, least: int = 1) -> None:
    """Wait until a sender in another process has sent some."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if states_of(outbox)["accepted"] >= least:
                return
        except OutboxError:  # not there yet, or not whole
            pass
        time.sleep(0.02)
    raise AssertionError("nothing was sent")


def check_pause(outbox: Path) -> None:
    """Everything is settled: what is not sent will be."""
    states = states_of(outbox)
    assert states.keys() <= {"accepted", "pending"}
    assert states["pending"] > 0


def check_end(outbox: Path, unknown: int = 0) -> None:
    """Everybody has one mail; those that the outbox is sure of are there."""
    states = states_of(outbox)
    assert states["accepted"] + states["unknown"] == EMAILS
    assert states["unknown"] <= unknown
    found = Counter(mail["To"] for mail in mails_in(outbox.with_name(f"{outbox.name}.mails")))
    assert max(found.values()) == 1
    accepted = {row.address for row in rows_of(outbox) if row.state.word == "accepted"}
    assert accepted <= found.keys()
    assert found.total() >= EMAILS - states["unknown"]


# --- the command line -----------------------------------------------------------------------------


def command(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sessim", "send", *map(str, arguments)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def by_signal(number: int) -> Callable[[subprocess.Popen[str], Path], None]:
    return lambda process, outbox: process.send_signal(number)


def by_file(process: subprocess.Popen[str], outbox: Path) -> None:
    Path(f"{outbox}.stop").touch()


@pytest.mark.parametrize(
    "stop",
    [by_signal(signal.SIGINT), by_signal(signal.SIGTERM), by_file],
    ids=["SIGINT", "SIGTERM", "stop file"],
)
def test_a_send_by_command_stops_and_goes_on(
    tmp_path: Path, stop: Callable[[subprocess.Popen[str], Path], None]
) -> None:
    plan, outbox = saved(tmp_path), tmp_path / "a.outbox"
    with command(tmp_path, plan, "--outbox", outbox, "--speed", 50) as process:
        some_are_sent(outbox)
        stop(process, outbox)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == f"sessim: stopped; go on with --resume {outbox}"
    assert "Launch" in out
    check_pause(outbox)
    with command(tmp_path, "--resume", outbox) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "1,500 accepted" in out
    assert not Path(f"{outbox}.stop").exists()
    check_end(outbox)


WAITS = re.compile(
    r"sessim: waiting for the server's answer to 3 messages, at most (\d+) seconds; Ctrl-C again "
    r"stops now and lists them as unknown"
)


def confirmed(folder: Path, server: Faults, count: int = 3) -> list[object]:
    """Save a live plan; return the arguments that send it."""
    plan_to(task_to(list_of(folder, *people(count)))).to_yaml(folder / "plan.yaml")
    url = f"smtp://127.0.0.1:{server.port}"
    order = live(sessim.Plan.from_yaml(folder / "plan.yaml"), server.port, speed=100.0)
    options = ("--mode", "live", "--server", url, "--speed", 100)
    return ["plan.yaml", "--outbox", "a.outbox", *options, "--confirm", preview(order).token]


def test_ctrl_c_says_what_it_waits_for_and_the_second_one_waits_no_more(tmp_path: Path) -> None:
    outbox = tmp_path / "a.outbox"
    with Faults({"dot": ACCEPT_HANG}) as server:
        with command(tmp_path, *confirmed(tmp_path, server)) as process:
            while len(server.mails) < 3:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            line = process.stderr.readline()  # it comes while the send waits
            assert (found := WAITS.fullmatch(line.strip())), line
            assert 590 < int(found[1]) <= 600  # RFC 5321's ten minutes
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert err == "sessim: stopped; go on with --resume a.outbox\n"
        assert "\n3 unknown\n" in out
        for person in people(3):
            assert f"  task 1 run 1 {person} unknown: final dot: the send was stopped " in out
        assert states_of(outbox) == {"unknown": 3}
        server.rules.clear()
        with Sending.resume(outbox) as sending:
            assert sending.run().finished
        assert Counter(server.recipients) == Counter(people(3))  # none of them twice
    assert states_of(outbox) == {"unknown": 3}


@pytest.mark.parametrize(
    ("rules", "states"),
    [
        ({"mail": HANG}, {"pending": 3}),
        ({"rcpt": HANG}, {"pending": 3}),
        ({"data": HANG}, {"pending": 3}),
        ({"dot": HANG}, {"unknown": 3}),
        ({"dot": ACCEPT_HANG}, {"unknown": 3}),
        ({"dot": lambda visit: HANG if visit.count else None}, {"accepted": 1, "unknown": 2}),
    ],
)
def test_stopped_at_once_only_what_the_server_may_have_is_unknown(
    tmp_path: Path, rules: dict[str, Any], states: dict[str, int]
) -> None:
    (point,) = rules
    plan = plan_to(task_to(list_of(tmp_path, *people(3))))
    with Faults(rules) as server:
        with begin(live(plan, server.port, speed=100), tmp_path / "a") as sending:
            thread = threading.Thread(target=sending.run)
            thread.start()
            while server.visits.get(point, 0) < 3:
                time.sleep(0.01)
            time.sleep(0.2)
            assert sending.waiting.messages == 3 - states.get("accepted", 0)
            sending.stop(at_once=True)
            thread.join(10)
            assert not thread.is_alive()
        assert states_of(tmp_path / "a") == states
        server.rules.clear()
        with Sending.resume(tmp_path / "a") as sending:
            assert sending.run().finished
        assert max(Counter(server.recipients).values(), default=1) == 1


def test_what_a_message_may_take_is_all_that_is_still_to_be_answered(tmp_path: Path) -> None:
    """RFC 5321: MAIL and RCPT five minutes, DATA two, a block three, the final dot ten."""
    plan = plan_to(task_to(list_of(tmp_path, *people(1))))
    for number, (point, minutes) in enumerate(
        {"mail": 25, "rcpt": 20, "data": 15, "dot": 10}.items()
    ):
        with (
            Faults({point: HANG}) as server,
            begin(live(plan, server.port, speed=100), tmp_path / f"{number}") as sending,
        ):
            thread = threading.Thread(target=sending.run)
            thread.start()
            while not server.visits.get(point):
                time.sleep(0.01)
            time.sleep(0.1)
            assert minutes * 60 - 20 < sending.waiting.seconds <= minutes * 60
            sending.stop(at_once=True)
            thread.join()
            assert sending.waiting == (0, 0.0)


def test_a_stop_does_not_wait_for_a_server_that_never_greets(tmp_path: Path) -> None:
    plan = plan_to(task_to(list_of(tmp_path, *people(3))))
    with (
        Faults({"connect": HANG}) as server,
        begin(live(plan, server.port, speed=100), tmp_path / "a") as sending,
    ):
        thread = threading.Thread(target=sending.run)
        thread.start()
        while not server.visits.get("connect"):
            time.sleep(0.01)
        sending.stop()
        thread.join(10)  # a greeting may take five minutes
        assert not thread.is_alive()
    assert states_of(tmp_path / "a") == {"pending": 3}


def test_a_server_that_nobody_reaches_is_told_while_it_is_tried(tmp_path: Path) -> None:
    with Faults() as server:
        port, arguments = server.port, confirmed(tmp_path, server)
    with command(tmp_path, *arguments) as process:
        line = process.stderr.readline()
        assert line.startswith(f"sessim: no connection to 127.0.0.1:{port} (")
        assert line.endswith("); it is tried again, 8 times in all\n")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert err == "sessim: stopped; go on with --resume a.outbox\n"
    assert states_of(tmp_path / "a.outbox") == {"pending": 3}


def test_interrupted_again_and_again_nothing_is_lost_or_sent_twice(tmp_path: Path) -> None:
    plan, outbox = sessim.Plan.from_yaml(saved(tmp_path)), tmp_path / "a.outbox"
    moments = random.Random(7)
    sending = Sending.start(Order(plan, speed=20), outbox)
    for _ in range(10):
        timer = threading.Timer(moments.uniform(0.02, 0.25), signal.raise_signal, [signal.SIGINT])
        with sending:
            timer.start()
            with pytest.raises(SendStopped):
                sending.run()
        timer.join()
        check_pause(outbox)
        sending = Sending.resume(outbox)
    with sending:
        assert sending.run().finished
    check_end(outbox)


# --- notebooks ------------------------------------------------------------------------------------

BEGIN = """
import sessim
from sessim.senders import Order, Sending
with Sending.start(Order(sessim.Plan.from_yaml({plan!r}), speed=20), {outbox!r}) as sending:
    sending.run()
"""
GO_ON = """
from sessim.senders import Sending
with Sending.resume({outbox!r}) as sending:
    result = sending.run()
print(result.finished)
"""


class Notebook:
    """A real kernel, as JupyterLab starts it."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def begin(self, cell: str) -> None:
        self.asked = self.client.execute(cell)

    def end(self) -> list[dict[str, Any]]:
        """Return what the cell showed."""
        shown = []
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != self.asked:
                continue
            if message["content"].get("execution_state") == "idle":
                return shown
            shown.append({"type": message["msg_type"], **message["content"]})

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()


@contextmanager
def notebook() -> Iterator[Notebook]:
    manager_of = pytest.importorskip("jupyter_client.manager")
    manager = manager_of.KernelManager(kernel_name="python3")
    manager.start_kernel()
    opened = None
    try:
        opened = Notebook(manager)
        yield opened
    finally:
        if opened is not None:
            opened.client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.mark.notebook
def test_row_32_a_cell_is_interrupted_then_the_kernel_killed(tmp_path: Path) -> None:
    outbox = tmp_path / "a.outbox"
    names = {"plan": str(saved(tmp_path)), "outbox": str(outbox)}
    with notebook() as lab:
        lab.begin(BEGIN.format(**names))
        some_are_sent(outbox)
        lab.manager.interrupt_kernel()
        (error,) = [shown for shown in lab.end() if shown["type"] == "error"]
        assert error["ename"] == "SendStopped"
        assert error["evalue"] == (
            "the send is stopped and everything is written down; go on with "
            f"Sending.resume({str(outbox)!r})"
        )
        check_pause(outbox)
        sent = states_of(outbox)["accepted"]

        lab.begin(GO_ON.format(**names))  # in the same kernel
        some_are_sent(outbox, sent + 1)
        lab.restart()
        killed = states_of(outbox)
        assert killed["accepted"] < EMAILS

        lab.begin(GO_ON.format(**names))
        shown = lab.end()
        assert [it["text"] for it in shown if it["type"] == "stream"] == ["True\n"]
    check_end(outbox, unknown=killed["intent"])


# --- at most the message in hand on each connection -----------------------------------------------


def by_call(sending: Sending) -> None:
    sending.stop()


def by_touch(sending: Sending) -> None:
    sending.outbox.path.with_name(f"{sending.outbox.path.name}.stop").touch()


@pytest.mark.parametrize("stop", [by_call, by_touch])
def test_each_connection_finishes_at_most_the_message_in_hand(
    tmp_path: Path, stop: Callable[[Sending], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessim.senders.caps.FIRST", 1000)
    plan = plan_to(task_to(list_of(tmp_path, *people(60))))
    with Faults({"dot": After(seconds=0.4)}) as server:
        with begin(live(plan, server.port, speed=100), tmp_path / "a") as sending:
            thread = threading.Thread(target=sending.run)
            thread.start()
            while len(server.mails) < 2 * CONNECTIONS:
                time.sleep(0.01)
            time.sleep(0.1)  # each connection has the next one in hand
            before = len(server.mails)
            stop(sending)
            thread.join()
        assert before < len(server.mails) <= before + CONNECTIONS
        accepted = len(server.mails)
    assert states_of(tmp_path / "a") == {"accepted": accepted, "pending": 60 - accepted}


def test_a_stop_file_from_before_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.stop").touch()
    plan = plan_to({"name": "Launch", "sender": SENDER, "requests": 3})
    with Sending.start(Order(plan, speed=1000), tmp_path / "a") as sending:
        assert sending.run().finished
        assert not sending.stopped
    assert not (tmp_path / "a.stop").exists()


def test_row_15_who_speaks_clear_text_to_a_port_with_tls_hears_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "QUIET", 0.1)
    plan = plan_to(task_to(list_of(tmp_path, *people(3))))
    with Faults({"connect": HANG}) as server:  # it waits for the client's first words, of TLS
        with begin(live(plan, server.port, speed=100), tmp_path / "a") as sending:
            said: list[str] = []

            def tell(sentence: str) -> None:
                said.append(sentence)
                sending.stop()

            sending.run(tell=tell)
        (sentence,) = said
    assert sentence.startswith(f"127.0.0.1:{server.port} has not answered for 0.1 seconds")
    assert sentence.endswith("needs smtps://")
    assert states_of(tmp_path / "a") == {"pending": 3}


# --- what breaks off in the middle ----------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 9))
def test_no_checkpoint_is_kept_of_half_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    plan = plan_to({"name": "Launch", "sender": SENDER, "requests": 100})
    path, calls = tmp_path / "a", 0
    with Sending.start(Order(plan, speed=100), path) as sending:
        claim = sending.outbox.exchange

        def full(*arguments: Any, **keys: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                raise OutboxError("the disk is full; make room, then resume")
            return claim(*arguments, **keys)

        with monkeypatch.context() as patch:
            patch.setattr(sending.outbox, "exchange", full)
            with suppress(OutboxError):  # the last of the eight may have been one too many
                sending.run()
    with Sending.resume(path) as sending:
        result = sending.run()
    assert result.finished
    assert result.tasks["sent"].tolist() == [100]
    unknown = states_of(path)["unknown"]
    found = Counter(mail["To"] for mail in mails_in(sending.mails))
    assert max(found.values()) == 1
    assert 100 - unknown <= found.total() <= 100


# --- the parts ------------------------------------------------------------------------------------


def test_ctrl_c_calls_each_function_once_and_then_ends_it() -> None:
    before, calls = signal.getsignal(signal.SIGINT), []
    with interruptible(lambda: calls.append(1), lambda: calls.append(2)) as received:
        signal.raise_signal(signal.SIGINT)
        assert (received, calls) == ([signal.SIGINT], [1])
        signal.raise_signal(signal.SIGINT)
        assert calls == [1, 2]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert calls == [1, 2]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_herald_speaks_once_and_only_of_what_takes_longer_than_a_moment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for messages, seconds, times, said in (
        (0, 0.0, "again", ""),
        (1, 599.2, "again", "to 1 message, at most 600 seconds; Ctrl-C again stops now"),
        (4, 1500.0, "twice", "to 4 messages, at most 1,500 seconds; Ctrl-C twice stops now"),
    ):
        herald = Herald()
        herald.glance(Waiting(messages, seconds), times)
        assert capsys.readouterr() == ("", "")
        for _ in range(3):
            herald.glance(Waiting(messages, seconds), times)
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert err.count("\n") == bool(said)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(lambda: None) as received:
            signal.raise_signal(signal.SIGINT)
        assert received == []
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_listens() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def look() -> None:
        with interruptible(lambda: None):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]


def test_a_latch() -> None:
    latch = Latch()
    assert not latch.is_set()
    latch.wait(0.0)
    latch.set()
    latch.wait(1e9)  # returns at once
    assert latch.is_set()


def test_a_stopped_send_says_how_to_go_on() -> None:
    assert str(SendStopped(Path("x.outbox"))).endswith("go on with Sending.resume('x.outbox')")
    assert issubclass(SendStopped, KeyboardInterrupt)
