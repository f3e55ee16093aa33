"""Rows 7, 16 to 29, 31 and 38 of the fault matrix: what becomes of messages."""

from __future__ import annotations

import email
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sessim.senders.envelope import Delivery
from sessim.senders.pacing import Policy
from sessim.senders.replies import Outcome, Stage, retry_delay
from sessim.senders.stops import ConfigurationRefused, OutOfStep, SenderBlocked, TooManyRejected
from tests.senders.faults import (
    ACCEPT_DROP,
    ACCEPT_HANG,
    DROP,
    FEATURES,
    HANG,
    RST,
    Action,
    After,
    Faults,
    Visit,
)
from tests.senders.sending import MAIL, QUICK, Sent, row, rows, send, server_at

BIG = MAIL + (b"y" * 70 + b"\r\n") * 200_000  # 14 MB: no system's buffers take it whole
NO_PIPELINING = FEATURES[1:]
BOTH = pytest.mark.parametrize("features", [FEATURES, NO_PIPELINING], ids=["piped", "plain"])


def check(sent: Sent, faults: Faults, count: int) -> None:
    """Check the invariants I1 to I3: counts add up, no false success, nothing twice."""
    assert len(sent.answers) == count
    got = sorted(int(address.split("@")[0][1:]) for address in faults.recipients)
    assert len(got) == len(set(got))
    accepted = set(sent.keys(Outcome.ACCEPTED))
    assert accepted <= set(got) <= accepted | set(sent.keys(Outcome.UNKNOWN))


def nth(*numbers: int, action: Action) -> object:
    """Return a rule: an action at some visits (from 0), the usual at the others."""
    return lambda visit: action if visit.count in numbers else None


# --- 7: what servers lack ---


@pytest.mark.parametrize("lacking", ["PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8"])
def test_row_07_what_a_server_lacks_is_not_used(lacking: str) -> None:
    text = "Grüße 😀 عربي"
    mail = (
        "From: a@example.com\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
    ).encode()
    features = [name for name in FEATURES if not name.startswith(lacking)]
    envelopes = [row(1, mail=mail), row(2, "jürgen@example.com"), row(3)]
    with Faults({}, features) as faults:
        sent = send(server_at(faults.port), envelopes)
    has_utf8 = lacking != "SMTPUTF8"
    assert sent.outcomes == ["accepted", "accepted" if has_utf8 else "rejected", "accepted"]
    content = faults.mails[0].content
    assert content.isascii() == (lacking == "8BITMIME")
    read = email.message_from_bytes(content).get_payload(decode=True)
    assert isinstance(read, bytes)
    assert read.decode().rstrip() == text
    first, second, third = [*faults.said("MAIL"), ""][:3]
    assert ("BODY=8BITMIME" in first) == (lacking != "8BITMIME")
    assert ("SIZE=" in first) == (lacking != "SIZE")
    assert ("SMTPUTF8" in second) == has_utf8
    assert "SMTPUTF8" not in first + third


def test_row_07_without_pipelining_every_command_waits_for_its_reply() -> None:
    with Faults({}, NO_PIPELINING) as faults:
        sent = send(server_at(faults.port), rows(5))
    assert sent.outcomes == ["accepted"] * 5
    assert [line.split()[0] for _, line in faults.commands] == [
        "EHLO", *["MAIL", "RCPT", "DATA"] * 5, "QUIT",
    ]  # fmt: skip


# --- 16 to 21: refused, for now or for good ---


@BOTH
@pytest.mark.parametrize("reply", ["450 4.2.0 busy", "451 4.3.0 try later", "452 4.3.1 full"])
def test_row_16_mail_refused_for_now(features: tuple[str, ...], reply: str) -> None:
    with Faults({"mail": [reply] * 3}, features) as faults:
        sent = send(server_at(faults.port), rows(6))
    assert sent.keys(Outcome.DEFERRED) == [1, 2, 3]
    assert {sent.answers[key].retry_after for key in (1, 2, 3)} == {300.0}
    assert sent.answers[1] == Delivery(
        Outcome.DEFERRED, int(reply[:3]), reply, 300.0, Stage.MAIL, False
    )
    check(sent, faults, 6)
    assert len(faults.began) == 1
    assert not [line for line in faults.said("MAIL") if "503" in line]


def test_row_17_a_message_above_the_servers_size_is_not_sent() -> None:
    with Faults({}, ("PIPELINING", "SIZE 1000")) as faults:
        sent = send(server_at(faults.port), [row(1), row(2, mail=MAIL + b"x\r\n" * 400), row(3)])
    assert sent.outcomes == ["accepted", "rejected", "accepted"]
    assert "the server takes 1000" in sent.answers[2].words
    assert len(faults.said("MAIL")) == 2


def test_row_17_552_to_mail_rejects_the_row() -> None:
    with Faults({"mail": ["552 5.3.4 too big"]}) as faults:
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["rejected", "accepted", "accepted"]
    check(sent, faults, 3)


def test_row_18_a_blocked_sender_stops_the_task_and_keeps_the_list() -> None:
    with Faults({"mail": "550 5.7.1 sender blocked"}) as faults:
        taken = []
        stream = (taken.append(envelope.key) or envelope for envelope in rows(1000))
        sent = send(server_at(faults.port), stream, policy=Policy(sender_refusals=5))
    assert isinstance(sent.error, SenderBlocked)
    assert sent.error.keys == (1, 2, 3, 4, 5)
    assert sent.keys(Outcome.REJECTED) == [1, 2, 3, 4, 5]
    assert len(taken) <= 10
    assert sorted(sent.answers) == taken
    assert "5 times in a row, last: 550 5.7.1 sender blocked" in str(sent.error)


def test_row_18_another_sender_in_between_is_not_in_a_row_but_counts() -> None:
    rules = {"mail": lambda visit: "550 5.7.1 no" if visit.count % 3 else None}
    patient = Policy(sender_refusals=3, rejected_rate=1.0)
    with Faults(rules) as faults:  # type: ignore[arg-type]
        sent = send(server_at(faults.port), rows(30), policy=patient)
    assert sent.error is None
    check(sent, faults, 30)
    with Faults(rules) as faults:  # type: ignore[arg-type]
        sent = send(server_at(faults.port), rows(30), policy=Policy(sender_refusals=3))
    assert isinstance(sent.error, TooManyRejected)
    assert "(6 of 10, last: 550 5.7.1 no)" in str(sent.error)


@pytest.mark.parametrize("reply", ["530 5.7.0 log in first", "538 5.7.11 encrypt first"])
def test_530_to_mail_stops_the_task(reply: str) -> None:
    with Faults({"mail": reply}) as faults:
        sent = send(server_at(faults.port), rows(3))
    assert isinstance(sent.error, ConfigurationRefused)
    assert sent.outcomes == ["deferred"] * 3


def test_503_to_mail_stops_the_task() -> None:
    with Faults({"mail": "503 5.5.1 what?"}) as faults:
        sent = send(server_at(faults.port), rows(3))
    assert isinstance(sent.error, OutOfStep)


@BOTH
def test_row_19_three_percent_unknown_users(features: tuple[str, ...]) -> None:
    bad = {f"u{number}@example.com" for number in range(7, 300, 33)}

    def rule(visit: Visit) -> Action:
        return "550 5.1.1 no such user" if visit.recipient in bad else None

    with Faults({"rcpt": rule}, features) as faults:
        sent = send(server_at(faults.port, connections=3), rows(300))
    assert sent.error is None
    assert sent.keys(Outcome.REJECTED) == list(range(7, 300, 33))
    assert all(sent.answers[key].suppress for key in sent.keys(Outcome.REJECTED))
    check(sent, faults, 300)


def test_more_than_five_percent_of_the_first_hundred_stop_the_task() -> None:
    rule = {"rcpt": lambda visit: "550 5.1.1 nobody" if visit.count % 10 == 9 else None}
    with Faults(rule) as faults:  # type: ignore[arg-type]
        sent = send(server_at(faults.port), rows(300))
    assert isinstance(sent.error, TooManyRejected)
    assert len(sent.keys(Outcome.REJECTED)) == 6
    assert len(sent.keys(Outcome.ACCEPTED)) <= 55
    check(sent, faults, len(sent.answers))


def test_row_20_greylisted_rows_are_not_tried_before_their_time() -> None:
    first: dict[str, int] = {}
    clock = 0

    def rule(visit: Visit) -> Action:
        begun = first.setdefault(visit.recipient, clock)
        return None if clock - begun >= 300 else "451 4.7.1 Greylisted, come back later"

    with Faults({"rcpt": rule}) as faults:
        sent = send(server_at(faults.port, connections=2), rows(10))
        assert sent.outcomes == ["deferred"] * 10
        rng = random.Random(1)
        delays = [retry_delay(it.outcome, 1, rng, it.retry_after) for it in sent.answers.values()]
        assert all(delay is not None and delay >= 300 for delay in delays)
        assert len(faults.said("RCPT")) == 10
        clock = int(min(delay for delay in delays if delay))
        sent = send(server_at(faults.port, connections=2), rows(10))
    assert sent.outcomes == ["accepted"] * 10
    check(sent, faults, 10)


@BOTH
def test_row_21_one_recipient_refused_and_452_after_the_fiftieth(features: tuple[str, ...]) -> None:
    def rule(visit: Visit) -> Action:
        if visit.count >= 50:
            return "452 4.5.3 too many recipients"
        return "550 5.1.1 nobody" if visit.count == 20 else None

    with Faults({"rcpt": rule}, features) as faults:
        sent = send(server_at(faults.port), rows(60))
    assert sent.keys(Outcome.REJECTED) == [21]
    assert sent.keys(Outcome.DEFERRED) == list(range(51, 61))
    assert sent.keys(Outcome.THROTTLED) == []
    check(sent, faults, 60)


# --- 22 to 25: connections that end, transactions that fail ---


@BOTH
@pytest.mark.parametrize("point", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("action", ["421 4.3.2 shutting down", DROP, RST], ids=str)
def test_row_22_the_connection_ends_at(
    features: tuple[str, ...], point: str, action: Action
) -> None:
    with Faults({point: nth(2, 5, action=action)}, features) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), rows(10))
    check(sent, faults, 10)
    is_known = isinstance(action, str) or point != "dot"
    lost = sent.keys(Outcome.DEFERRED if is_known else Outcome.UNKNOWN)
    assert len(lost) == 2
    assert len(sent.keys(Outcome.ACCEPTED)) == 8
    assert len(faults.began) == 3


def test_a_server_that_takes_one_message_a_connection() -> None:
    rules = {"mail": lambda visit: "421 4.7.0 one is enough" if visit.count % 2 else None}
    with Faults(rules) as faults:  # type: ignore[arg-type]
        sent = send(server_at(faults.port), rows(6))
    check(sent, faults, 6)
    assert len(sent.keys(Outcome.ACCEPTED)) >= 3


def test_a_server_that_drops_every_message_costs_no_list() -> None:
    with Faults({"dot": ACCEPT_DROP}) as faults:
        sent = send(server_at(faults.port), rows(1000), policy=Policy(QUICK.backoff, tries=4))
    assert sent.error is not None
    assert len(sent.keys(Outcome.UNKNOWN)) == 4
    assert len(faults.mails) == 4


@BOTH
@pytest.mark.parametrize("reply", ["451 4.3.0 later", "554 5.6.0 no"])
def test_row_23_data_refused(features: tuple[str, ...], reply: str) -> None:
    with Faults({"data": nth(1, action=reply)}, features) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), rows(4))
    outcome = "deferred" if reply[0] == "4" else "rejected"
    assert sent.outcomes == ["accepted", outcome, "accepted", "accepted"]
    check(sent, faults, 4)
    assert len(faults.said("RSET")) == 1


def test_row_23_354_although_every_recipient_was_refused() -> None:
    rules = {
        "rcpt": lambda visit: "550 5.1.1 nobody" if visit.count in {1, 2} else None,
        "data": lambda visit: "354 go on",
    }
    with Faults(rules) as faults:  # type: ignore[arg-type]
        sent = send(server_at(faults.port), rows(5))
    assert sent.outcomes == ["accepted", "rejected", "rejected", "accepted", "accepted"]
    assert faults.recipients == [f"u{number}@example.com" for number in (1, 4, 5)]
    assert len(faults.began) == 1


def test_a_refusal_stands_though_the_connection_is_lost_behind_it() -> None:
    rules = {"rcpt": ["550 5.1.1 nobody"], "data": [DROP]}
    with Faults(rules) as faults:  # type: ignore[arg-type]
        sent = send(server_at(faults.port), rows(2))
    assert sent.outcomes == ["rejected", "accepted"]
    check(sent, faults, 2)


@pytest.mark.parametrize("way", [DROP, RST])
@pytest.mark.parametrize("octets", [1, 1_000_000])
def test_row_24_dropped_in_the_middle_of_a_message(way: Action, octets: int) -> None:
    rule = nth(1, action=After(way, octets=octets))
    with Faults({"body": rule}) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), [row(1), row(2, mail=BIG), row(3)])
    assert sent.outcomes == ["accepted", "deferred", "accepted"]
    assert sent.answers[2].stage is Stage.BODY
    check(sent, faults, 3)


def test_row_24_a_small_message_that_had_left_whole_is_unknown() -> None:
    with Faults({"body": nth(1, action=After(DROP, 0.05, len(MAIL)))}) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["accepted", "unknown", "accepted"]
    check(sent, faults, 3)


def test_a_big_message_refused_half_way_is_rejected() -> None:
    rule = nth(0, action=After(b"552 5.3.4 too big\r\n", octets=1000))
    with Faults({"body": rule}) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), [row(1, mail=BIG), *rows(3)[1:]])
    assert sent.outcomes == ["rejected", "accepted", "accepted"]
    assert faults.recipients == ["u2@example.com", "u3@example.com"]


def test_a_server_that_answers_more_than_it_is_asked_is_left_before_the_message() -> None:
    with Faults({"data": [b"354 go on\r\n250 2.0.0 kept\r\n"]}) as faults:
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["deferred", "accepted", "accepted"]
    check(sent, faults, 3)


@BOTH
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("450 4.2.0 busy", "deferred"),
        ("550 5.7.1 spam", "rejected"),
        ("552 5.2.2 full", "rejected"),
        ("451 4.7.0 rate limit exceeded", "throttled"),
    ],
)
def test_row_25_the_final_dot_refused(features: tuple[str, ...], reply: str, outcome: str) -> None:
    with Faults({"dot": nth(1, action=reply)}, features) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), rows(4))
    assert sent.outcomes == ["accepted", outcome, "accepted", "accepted"]
    assert sent.answers[2].words == reply
    check(sent, faults, 4)


# --- 26 to 29: accepted, but ---


@BOTH
@pytest.mark.parametrize("action", [ACCEPT_DROP, ACCEPT_HANG, b"what?\r\n"], ids=str)
def test_rows_26_and_27_accepted_and_never_answered(
    features: tuple[str, ...], action: Action
) -> None:
    rule = nth(1, 4, action=action)
    with Faults({"dot": rule}, features) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port, waits={"dot": 0.3}), rows(8))
    assert sent.keys(Outcome.UNKNOWN) == [2, 5]
    assert {sent.answers[key].retry_after for key in (2, 5)} == {0.0}
    assert len(sent.keys(Outcome.ACCEPTED)) == 6
    check(sent, faults, 8)
    assert retry_delay(Outcome.UNKNOWN, 1, random.Random(1)) is None


@pytest.mark.parametrize("count", [2, 20])
def test_a_dot_that_is_never_answered_is_no_success_where_all_replies_are_the_same(
    count: int,
) -> None:
    same = dict.fromkeys(("mail", "rcpt"), "250 ok")
    with Faults({**same, "dot": lambda visit: "250 ok" if visit.count else b""}) as faults:
        sent = send(server_at(faults.port), rows(count))
    # The second, whose commands were on the wire, goes out anew.
    assert sent.outcomes == ["unknown", *["accepted"] * (count - 1)]
    assert faults.visits["dot"] == count


def test_row_28_a_late_250_is_waited_for() -> None:
    with Faults({"dot": nth(1, action=After(seconds=1.2))}) as faults:  # type: ignore[dict-item]
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["accepted"] * 3
    assert len(faults.began) == 1


@pytest.mark.parametrize("action", [DROP, RST, HANG, "421 4.0.0 bye", b"\0\0"], ids=str)
def test_row_29_whatever_happens_to_quit(action: Action) -> None:
    with Faults({"quit": action}) as faults:
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["accepted"] * 3
    check(sent, faults, 3)


# --- 31 and 38: servers that die or crawl ---

LOOPBACK = """
import sys
from sessim.senders.loopback import Loopback
with Loopback(sys.argv[1], int(sys.argv[2])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


def start_loopback(folder: Path, port: int = 0) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOPBACK, str(folder), str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_row_31_the_server_is_killed_in_mid_batch_and_comes_back(tmp_path: Path) -> None:
    process, port = start_loopback(tmp_path)
    others = []

    def kill_and_restart() -> None:
        time.sleep(0.3)
        end(process)
        time.sleep(0.2)
        others.append(start_loopback(tmp_path, port)[0])

    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    started = time.monotonic()
    stream = (row(number, mail=MAIL + b"u%d" % number) for number in range(1, 100_000)
              if time.monotonic() < started + 2)  # fmt: skip
    patient = Policy(backoff=QUICK.backoff._replace(longest=0.3), tries=100)
    sent = send(server_at(port, connections=4), stream, policy=patient)
    killer.join()
    end(others[0])
    kept = [path.read_bytes() for path in (tmp_path / "new").iterdir()]
    got = sorted(int(mail.rsplit(b"\r\nu", 1)[1]) for mail in kept)
    accepted = set(sent.keys(Outcome.ACCEPTED))
    assert sent.error is None
    assert len(got) == len(set(got))
    assert accepted <= set(got) <= accepted | set(sent.keys(Outcome.UNKNOWN))
    assert len(sent.keys(Outcome.UNKNOWN)) <= 4
    assert len(sent.keys(Outcome.DEFERRED)) <= 4
    assert len(accepted) > 100


def test_row_38_a_server_that_reads_slowly_but_reads() -> None:
    with Faults(slow=2_000_000) as faults:
        waits = {"body": 1.0}  # for each 64 KiB; all of it takes more
        sent = send(server_at(faults.port, waits=waits), [row(1, mail=BIG[:3_000_000])])
    assert sent.outcomes == ["accepted"]


def test_row_38_a_server_that_reads_nothing_is_given_up_before_the_message_is_complete() -> None:
    with Faults({"body": HANG}) as faults:
        sent = send(
            server_at(faults.port, waits={"body": 0.3}), [row(1, mail=BIG)],
            policy=Policy(QUICK.backoff, tries=2),
        )  # fmt: skip
    assert sent.outcomes == ["deferred"]
    assert sent.answers[1].stage is Stage.BODY
    assert "within 0.3 seconds" in sent.answers[1].words


def test_row_38_replies_that_trickle_in_are_waited_for_no_longer() -> None:
    def trickle(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"220 hi\r\n")
            try:
                while True:
                    sock.sendall(b"2")
                    time.sleep(0.02)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        server = server_at(listener.getsockname()[1], waits={"hello": 0.3})
        sent = send(server, rows(1), policy=Policy(QUICK.backoff, tries=1))
        thread.join()
    assert "EHLO: it did not answer within 0.3 seconds" in str(sent.error)
