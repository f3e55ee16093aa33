"""Sends as a whole: against a server of sessim's own, killed, stopped, confirmed."""

from __future__ import annotations

import email
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from mailbox import Maildir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sessim
from sessim.errors import OutboxError
from sessim.senders.courier import IN_HAND
from sessim.senders.loopback import Loopback
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.sending import Sending
from sessim.senders.states import State
from sessim.senders.switch import ARMED, preview
from tests.senders.faults import Faults

CONNECTIONS = 4
COLUMNS = ["task", "run", "status", "sent", "failed", "due", "started", "finished", "pauses"]


def plan_of(**keys: Any) -> sessim.Plan:
    """Return a plan that pauses and recurs, over two domains and some days."""
    plain = {
        "start": "2026-12-01",
        "horizon": "2026-12-08",
        "domains": [
            {"name": "news.example.com", "warmup": [50, 80, 100, 200]},
            {"name": "shop.example.org", "warmup": [30]},
        ],
        "tasks": [
            {"name": "Launch", "sender": "Shop <hello@news.example.com>", "requests": 300},
            {
                "name": "Digest", "sender": "hi@shop.example.org", "requests": 40,
                "start": "2026-12-01 08:00", "every": "24h", "count": 3,
            },
        ],
    }  # fmt: skip
    return sessim.Plan.from_dict({**plain, **keys})


def with_list(folder: Path, size: int, template: str = "Hello {{first}}!") -> sessim.Plan:
    """Return a plan with one task that has a list and a template."""
    rows = "".join(f"user{i}@site{i % 3}.example,Ann{i}\n" for i in range(size))
    (folder / "list.csv").write_text(f"email,first\n{rows}", "utf-8")
    task = {
        "name": "Launch", "sender": "hello@news.example.com", "subject": "For {{first}}",
        "recipients": str(folder / "list.csv"), "template": template,
    }  # fmt: skip
    return plan_of(tasks=[task], domains=[{"name": "news.example.com", "warmup": [10, 80]}])


def mails(folder: Path) -> list[email.message.Message]:
    """Return the mails of a Maildir."""
    return list(Maildir(folder, create=False))


# --- the same as the simulation -------------------------------------------------------------------


@pytest.mark.parametrize("discipline", ["fifo", "fair"])
def test_a_loopback_send_is_the_simulation_and_every_mail_is_there(
    tmp_path: Path, discipline: str
) -> None:
    plan = plan_of(discipline=discipline)
    with Sending.start(Order(plan, speed=200_000), tmp_path / "a.outbox") as sending:
        result = sending.run()
        assert sending.counts[State.ACCEPTED] == 420
    pd.testing.assert_frame_equal(result.events, sessim.simulate(plan).events)
    assert result.log.meta["mode"] == "loopback"
    found = Counter(mail["To"] for mail in mails(sending.mails))
    assert found.total() == 420
    assert found["recipient1@task2.example.com"] == 3  # a mail a run
    assert found["recipient300@task1.example.com"] == 1


def test_a_running_send_can_be_looked_at_from_another_thread(tmp_path: Path) -> None:
    with Sending.start(Order(plan_of(), speed=50_000), tmp_path / "a.outbox") as sending:
        thread = threading.Thread(target=sending.run)
        thread.start()
        seen = []
        while thread.is_alive():
            seen.append(int(sending.result.tasks["sent"].sum()))
            time.sleep(0.1)
        thread.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


def test_the_message_is_the_template_filled_in(tmp_path: Path) -> None:
    with Sending.start(Order(with_list(tmp_path, 3), speed=200_000), tmp_path / "a") as sending:
        sending.run()
    texts = {m["To"]: (m["Subject"], m.get_payload(decode=True)) for m in mails(sending.mails)}
    assert texts["user1@site1.example"] == ("For Ann1", b"Hello Ann1!\n")
    assert len({mail["Message-ID"] for mail in mails(sending.mails)}) == 3


TESTED = {
    "test_sends": [
        {"sender": "hello@news.example.com", "at": "2026-12-01 10:00", "recipients": 3},
        {"sender": "hi@shop.example.org", "at": "2026-12-01 06:00", "recipients": 20},
        {"sender": "hi@shop.example.org", "at": "2026-12-01 06:30", "recipients": 20},
        {"sender": "hi@shop.example.org", "at": "2026-12-02 07:00", "recipients": 20},
    ]
}


def test_the_plan_s_test_sends_go_out_at_their_instants_as_far_as_the_limit_allows(
    tmp_path: Path,
) -> None:
    plan = plan_of(**TESTED)
    with Sending.start(Order(plan, speed=200_000), tmp_path / "a") as sending:
        result = sending.run()
    pd.testing.assert_frame_equal(result.events, sessim.simulate(plan).events)
    found = Counter(str(mail["Subject"]) for mail in mails(sending.mails))
    tested = [found[f"Test send {number}"] for number in range(1, 5)]
    # The first finds its domain at the limit; the other domain has 30 a day, and a backlog then.
    assert tested == [0, 20, 10, 0]
    assert sending.counts[State.CANCELLED] == 3 + 10 + 20
    whom = {mail["To"] for mail in mails(sending.mails) if mail["Subject"] == "Test send 3"}
    assert whom == {f"recipient{i}@test3.example.com" for i in range(1, 11)}


def test_a_live_test_send_needs_addresses_and_tells_what_was_refused(tmp_path: Path) -> None:
    with Faults({"rcpt": lambda v: "550 no such user" if "bob" in v.recipient else None}) as server:
        plan = with_list(tmp_path, 3)
        tests = [{"sender": "hello@news.example.com", "at": "2026-12-02", "recipients": 2}]
        plan = replace(plan, test_sends=[sessim.TestSend(**test) for test in tests])
        order = Order(plan, "live", f"smtp://127.0.0.1:{server.port}", speed=200_000)
        with pytest.raises(sessim.PlanError, match=r"^test send 1, recipients: is 2, but 0 addres"):
            preview(order)
        with pytest.raises(sessim.ArgumentError, match=r"^test_to: address 'x' cannot be used"):
            replace(order, test_to=("x",))
        order = replace(order, test_to=("ann@site.net", "bob@site.net"))
        found = preview(order)
        assert (found.recipients, found.domains["site.net"]) == (5, 2)
        with Sending.start(order, tmp_path / "a", confirm=found.token) as sending:
            result = sending.run()
    rows = result.events[result.events["run"].isna()]
    assert "test send: 550 no such user" in rows["detail"].tolist()
    assert result.daily[["sent", "failed"]].to_numpy().tolist() == [[3, 0], [1, 1]]


BAD_ROWS = [
    "nobody,Ann", "a@b.net>,Ann", '"a@b.net\r\nRCPT TO:<c@b.net>",Ann', '"c@b.net",{{first}}',
    '"d@b.net","Ann\r\nBcc: c@b.net"', "e@b.net", "e@b.net,Ann,Lee", "USER1@site1.example,Ann",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::sessim.errors.SessimWarning")
def test_row_44_bad_rows_are_refused_as_rows_and_simulation_and_send_agree(tmp_path: Path) -> None:
    """Requests are the rows that can be used; the others are told with line and reason."""
    plan = with_list(tmp_path, 120)
    file = tmp_path / "list.csv"
    rows = file.read_text("utf-8").splitlines()
    file.write_bytes("\n".join([*rows[:50], *BAD_ROWS, *rows[50:]]).encode())
    again = replace(plan, tasks=[replace(plan.tasks[0])])  # counts the list anew
    assert again.tasks[0].requests == 120
    order = Order(again, speed=200_000)
    found = preview(order)
    assert (found.recipients, found.refused) == (120, len(BAD_ROWS))
    assert sum(found.domains.values()) == 120
    assert "list 'list.csv', line 51: address 'nobody' cannot be used" in str(found)
    with Sending.start(order, tmp_path / "a") as sending:
        result = sending.run()
        refusals = list(sending.outbox.refusals("task 1"))
        assert sending.left_out() == {"1": len(BAD_ROWS)}
    # A row of two lines counts as two.
    assert [row.line for row in refusals] == [51, 52, 53, 55, 56, 58, 59, 60]
    assert result.log.meta["left_out"] == {"1": len(BAD_ROWS)}
    assert result.tasks[["sent", "failed"]].to_numpy().tolist() == [[120, 0]]
    pd.testing.assert_frame_equal(result.events, sessim.simulate(again).events)
    assert len({mail["To"] for mail in mails(sending.mails)}) == 120
    looked = run("outbox", "a", cwd=tmp_path)
    assert "8 rows of the lists cannot be used and are left out:" in looked.stdout
    assert "  list of task 1, line 51: address 'nobody' cannot be used" in looked.stdout


# --- stopped, killed, gone on with ----------------------------------------------------------------

CHILD = """
import sys, sessim
from sessim.senders.order import Order
from sessim.senders.sending import Sending
plan, outbox = sys.argv[1:]
start = lambda: Sending.start(Order(sessim.Plan.from_yaml(plan), speed=30_000), outbox)
with Sending.resume(outbox) if __import__("os").path.exists(outbox) else start() as sending:
    print("ready", flush=True)
    sending.run()
"""


def child(*arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def finish(plan: Path, outbox: Path, kills: int, rng: random.Random) -> None:
    """Send to the end, the sender killed so many times on the way."""
    while True:
        with child(plan, outbox) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if not kills:
                assert process.wait(120) == 0
                return
            time.sleep(rng.uniform(0.0, 1.2))
            process.send_signal(signal.SIGKILL)
            kills -= 1


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_row_30_killed_at_any_moment_nothing_is_lost_and_nothing_sent_twice(
    tmp_path: Path, kills: int
) -> None:
    plan = plan_of(
        domains=[
            {"name": "news.example.com", "warmup": [900, 2000, 9000]},
            {"name": "shop.example.org", "warmup": [500]},
        ],
        tasks=[
            {"name": "Launch", "sender": "hello@news.example.com", "requests": 6000},
            {"name": "Digest", "sender": "hi@shop.example.org", "requests": 1200},
        ],
    )
    plan.to_yaml(tmp_path / "plan.yaml")
    outbox = tmp_path / "a.outbox"
    finish(tmp_path / "plan.yaml", outbox, kills, random.Random(1))
    with Outbox.resume(outbox) as held:
        counts = held.counts()
        unknown = {row.address for run in held.runs() for row in held.rows(run, State.UNKNOWN)}
    assert counts[State.ACCEPTED] + counts[State.UNKNOWN] == 7200
    assert counts[State.UNKNOWN] <= IN_HAND * CONNECTIONS * kills
    found = Counter(mail["To"] for mail in mails(Path(f"{outbox}.mails")))
    assert max(found.values()) == 1
    assert 7200 - len(unknown) <= found.total() <= 7200


def test_a_stopped_send_goes_on_where_it_was(tmp_path: Path) -> None:
    plan, outbox = plan_of(), tmp_path / "a.outbox"
    with Sending.start(Order(plan, speed=50_000), outbox) as sending:
        timer = threading.Timer(1.0, sending.stop)
        timer.start()
        part = sending.run()
    assert not part.finished
    with Sending.resume(outbox) as sending:
        whole = sending.run()
    assert whole.finished
    assert sessim.simulate(plan).daily["sent"].tolist() == whole.daily["sent"].tolist()
    assert len(mails(sending.mails)) == 420


def test_a_cancelled_task_sends_no_more(tmp_path: Path) -> None:
    with Sending.start(Order(plan_of(), speed=50_000), tmp_path / "a") as sending:
        timer = threading.Timer(0.5, lambda: sending.cancel(1))
        timer.start()
        result = sending.run()
        counts = sending.counts
    launch = result.tasks.iloc[0]
    assert launch["status"] == "Cancelled"
    assert launch["sent"] + launch["cancelled"] == 300
    assert counts[State.CANCELLED] == launch["cancelled"]


def test_an_outbox_is_not_begun_twice(tmp_path: Path) -> None:
    order = Order(plan_of(), speed=200_000)
    with Sending.start(order, tmp_path / "a") as sending:
        with pytest.raises(OutboxError):
            Sending.resume(tmp_path / "a")
        sending.stop()
    with pytest.raises(OutboxError):
        Sending.start(order, tmp_path / "a")


def test_other_texts_are_not_sent_to_the_rest(tmp_path: Path) -> None:
    template = tmp_path / "hello.txt"
    template.write_text("Hello {{first}}!", "utf-8")
    plan = with_list(tmp_path, 3, str(template))
    with Sending.start(Order(plan), tmp_path / "a") as sending:
        sending.stop()
    template.write_text("Bye {{first}}!", "utf-8")
    with pytest.raises(OutboxError, match="other texts"):
        Sending.resume(tmp_path / "a")


# --- the switch -----------------------------------------------------------------------------------


def test_a_live_send_to_this_computer_needs_the_confirmation_only(tmp_path: Path) -> None:
    with Loopback(tmp_path / "server") as server:
        order = Order(
            with_list(tmp_path, 30), "live", f"smtp://127.0.0.1:{server.port}", speed=200_000
        )
        with pytest.raises(sessim.ArgumentError, match=r"^confirm: is missing"):
            Sending.start(order, tmp_path / "a")
        token = preview(order).token
        (tmp_path / "list.csv").write_text("email,first\na@site.example,Ann\n", "utf-8")
        fewer = Order(with_list(tmp_path, 29), "live", order.server, speed=200_000)
        with pytest.raises(sessim.ArgumentError, match="another order"):
            Sending.start(fewer, tmp_path / "a", confirm=token)
        with_list(tmp_path, 30)
        with Sending.start(order, tmp_path / "a", confirm=token) as sending:
            result = sending.run()
        assert result.log.meta["mode"] == "live"
        assert server.counts.total() == 30


@pytest.mark.parametrize(
    ("keys", "armed", "confirm", "sentence"),
    [
        ({}, None, True, f"{ARMED}: is not 'mail.example.net'"),
        ({}, "other.example.net", True, f"{ARMED}: is not 'mail.example.net'"),
        ({}, "mail.example.net", False, "confirm: is missing"),
        ({}, "mail.example.net", True, "recipients: 30 emails are more than 20"),
        ({"recipients": 31}, "mail.example.net", True, "recipients: 31 were confirmed, but 30"),
        ({"recipients": 30}, "mail.example.net", True, "unsubscribe: is missing"),
        ({"speed": 2}, "mail.example.net", True, "speed: 2 is not 1"),
    ],
)
def test_row_46_without_every_piece_nothing_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: list[object],
    keys: dict[str, Any], armed: str | None, confirm: bool, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.delenv(ARMED, raising=False)
    if armed:
        monkeypatch.setenv(ARMED, armed)
    plan = with_list(tmp_path, 30)

    def start() -> None:
        order = Order(plan, "live", "smtps://mail.example.net", **keys)
        Sending.start(order, tmp_path / "a", confirm=preview(order).token if confirm else None)

    with pytest.raises(sessim.ArgumentError, match=f"^{sentence}"):
        start()
    assert not (tmp_path / "a").exists()
    assert connected == []


def test_the_number_and_where_it_is_typed_leave_the_token_as_it_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(with_list(tmp_path, 30), "live", "smtps://mail.example.net")
    shown = preview(order).token
    assert preview(replace(order, recipients=30)).token == shown
    monkeypatch.chdir(tmp_path)
    assert preview(replace(order, folder=".")).token == shown
    assert preview(replace(order, hourly=9)).token != shown


@pytest.mark.parametrize("key", ["recipients", "subject", "template"])
def test_a_live_send_needs_what_it_sends(tmp_path: Path, key: str) -> None:
    plan = with_list(tmp_path, 3).to_dict()
    plan["tasks"][0] |= {"recipients": str(tmp_path / "list.csv")}
    plan["tasks"][0].pop("requests", None)
    plan["tasks"][0].pop(key)
    if key == "recipients":
        plan["tasks"][0]["requests"] = 3
    with pytest.raises(sessim.PlanError, match=f"task 'Launch', {key}: is missing"):
        preview(Order(sessim.Plan.from_dict(plan), "live", "smtps://mail.example.net"))


def test_everything_may_be_redirected(tmp_path: Path) -> None:
    with Loopback(tmp_path / "server") as server:
        order = Order(
            with_list(tmp_path, 5), "live", f"smtp://127.0.0.1:{server.port}", speed=200_000,
            redirect_to="me@here.example",
        )  # fmt: skip
        with Sending.start(order, tmp_path / "a", confirm=preview(order).token) as sending:
            sending.run()
        assert server.counts == {"me@here.example": 5}
    originals = {mail["X-Sessim-Original-To"] for mail in mails(tmp_path / "server")}
    assert "user1@site1.example" in originals


# --- the command line -----------------------------------------------------------------------------


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sessim", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        env={key: value for key, value in os.environ.items() if key != ARMED},
    )  # fmt: skip


def test_send_outbox_and_test_send_by_command(tmp_path: Path) -> None:
    plan_of().to_yaml(tmp_path / "plan.yaml")
    sent = run(
        "send", "plan.yaml", "--outbox", "a", "--speed", 200_000, "--out", "out", cwd=tmp_path
    )
    assert sent.returncode == 0, sent.stderr
    assert "420 accepted" in sent.stdout
    assert sessim.load(tmp_path / "out").finished
    looked = run("outbox", "a", cwd=tmp_path)
    assert "LOOPBACK" in looked.stdout
    assert "420 accepted" in looked.stdout
    test = run(
        "test-send", "--sender", "a@shop.example.org", "--subject", "Hi", "--template", "Hello",
        "--to", "x@one.example,y@two.example", cwd=tmp_path,
    )  # fmt: skip
    assert test.returncode == 0, test.stderr
    assert "x@one.example: accepted" in test.stdout
    assert len(mails(tmp_path / "test-mails")) == 2


def test_the_files_of_a_send_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away, outbox = tmp_path / "home", tmp_path / "away", tmp_path / "a"
    for folder in (home, away):
        folder.mkdir()
    with_list(home, 40, "hello.txt").to_yaml(home / "plan.yaml")
    (home / "hello.txt").write_text("Hello {{first}}!", "utf-8")
    (away / "notes.txt").write_text("with every mail", "utf-8")
    monkeypatch.chdir(away)
    sent = run("send", "../home/plan.yaml", "--outbox", "../b", "--speed", 200_000, cwd=away)
    assert sent.returncode == 0, sent.stderr
    texts = {mail.get_payload(decode=True) for mail in mails(tmp_path / "b.mails")}
    assert b"Hello Ann7!" in {text.strip() for text in texts if isinstance(text, bytes)}
    plan = sessim.Plan.from_yaml(home / "plan.yaml")
    order = Order(plan, folder=str(home), attachments=("notes.txt",), speed=200_000)
    with Sending.start(order, outbox) as sending:
        sending.stop()
    monkeypatch.chdir(home)
    with Sending.resume(outbox) as sending:
        sending.run()
    parts = [part.get_filename() for mail in mails(sending.mails) for part in mail.walk()]
    assert parts.count("notes.txt") == 40


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["send", "plan.yaml"], "PLAN.yaml and --outbox: are missing"),
        (["send", "--resume", "none"], "none"),
        (["send", "plan.yaml", "--outbox", "a", "--speed", "0"], "speed: 0.0 is not above 0"),
        (["send", "plan.yaml", "--outbox", "a", "--mode", "live"], "server: '' is none"),
        (["outbox", "none"], "none"),
        (["test-send", "--sender", "a", "--subject", "s", "--template", "t", "--to", "x@y.z"],
         "sender: 'a' is not an e-mail address"),
        (["test-send", "--sender", "a@b.org", "--subject", "s", "--template", "t", "--to", "x"],
         "to: address 'x' cannot be used"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    plan_of().to_yaml(tmp_path / "plan.yaml")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.yaml"]
