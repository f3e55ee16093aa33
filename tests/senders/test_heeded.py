"""What a send would have to ignore is refused in one sentence: who gives it relies on it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

import sessim
from sessim.cli import main
from sessim.errors import ArgumentError
from sessim.senders.order import Order
from sessim.senders.sending import Sending
from sessim.senders.settings import Server
from sessim.senders.stops import ConfigurationRefused
from sessim.senders.switch import preview
from sessim.senders.testsend import TestOrder, send
from tests.senders.faults import Faults
from tests.senders.plans import begin, list_of, live, people, plan_to, states_of, task_to

TESTS = [
    {"sender": "hello@news.example.com", "at": "2026-12-01 10:00", "recipients": count}
    for count in (1, 2)
]
LIVE = {"mode": "live", "server": "smtps://mail.example.net"}
TEST = ("a@shop.example.org", "Hi", "Hello", ("ann@site.example",))
NO_TLS = "cafile: without TLS there is no certificate to look at; use smtps:// or smtp+starttls://"


@pytest.fixture
def plan(tmp_path: Path) -> sessim.Plan:
    return plan_to(task_to(list_of(tmp_path, *people(3))))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"cafile": "ca.pem"}, "cafile: is for a live send; leave it out, or choose mode live"),
        ({"server": "smtps://a"}, "server: is for a live send; leave it out, or choose mode live"),
        ({"recipients": 3}, "recipients: is for a live send; leave it out, or choose mode live"),
        ({"override": True}, "override: is for a live send; leave it out, or choose mode live"),
        ({"test_to": ("a@b.example",)}, "test_to: names 1, but no test send is planned; leave out"),
        ({"mode": "simulate"}, "mode: 'simulate' is not loopback or live"),
        ({"mode": "LIVE", "server": "smtps://a"}, "mode: 'LIVE' is not loopback or live"),
        ({**LIVE, "server": "smtp://a", "cafile": "ca.pem"}, NO_TLS),
        ({**LIVE, "server": "smtps://a.net/x"}, "server: 'smtps://a.net/x' has more than host and"),
        ({**LIVE, "server": "smtps://a.net?x=1"}, "server: 'smtps://a.net?x=1' has more than host"),
        ({**LIVE, "server": "smtps://a.net:0"}, "port: 0 is not from 1 to 65535"),
        ({"redirect_to": "me"}, "redirect_to: address 'me' cannot be used (An email address must "),
        ({"redirect_to": "x" * 65 + "@y.net"}, "redirect_to: address 'xxxxxxxxxxxxxxxxxxxxxxxxx"),
        ({"speed": float("nan")}, "speed: nan is not above 0"),
        ({"speed": float("inf")}, "speed: inf is not above 0"),
    ],
)
def test_an_order_is_heeded_to_the_last_word(
    plan: sessim.Plan, keys: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        Order(plan, **keys)
    assert str(caught.value).startswith(sentence)
    assert "remove the row" not in str(caught.value)  # there is none


def test_with_tls_a_cafile_is_looked_at(plan: sessim.Plan) -> None:
    for kind in ("smtps", "smtp+starttls"):
        order = Order(plan, "live", f"{kind}://mail.example.net", cafile="ca.pem")
        assert order.where.cafile == str(Path("ca.pem").absolute())
    with pytest.raises(ArgumentError) as caught:
        Server("mail.example.net", tls="none", cafile="ca.pem")
    assert str(caught.value).startswith(NO_TLS)


def test_a_cafile_that_is_none_is_found_before_anything_is_confirmed(
    plan: sessim.Plan, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name, said in {"none.pem": "No such file", "ca.pem": "no certificate or crl"}.items():
        order = live(plan, 9, server="smtps://127.0.0.1:9", cafile=str(tmp_path / name))
        with pytest.raises(ConfigurationRefused, match=said):
            preview(order)
        with pytest.raises(ConfigurationRefused, match=said):
            TestOrder(*TEST, "smtps://127.0.0.1:9", str(tmp_path / name))


def test_nobody_is_named_for_test_sends_who_gets_none(tmp_path: Path) -> None:
    plan = plan_to(task_to(list_of(tmp_path, *people(3))), test_sends=TESTS)
    assert Order(plan, test_to=("a@b.example", "c@d.example"))
    with pytest.raises(ArgumentError, match="names 3, but no test send of the plan has more than"):
        Order(plan, test_to=("a@b.example", "c@d.example", "e@f.example"))
    with pytest.raises(ArgumentError, match=r"^test_to: ' A@b.example' is named twice; name anoth"):
        Order(plan, test_to=("a@b.example", " A@b.example"))


def test_a_token_is_for_a_live_send(plan: sessim.Plan, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="confirm: is for a live send; leave it out, or choose"):
        Sending.start(Order(plan), tmp_path / "a", confirm=preview(Order(plan)).token)
    assert not (tmp_path / "a").exists()


def test_a_wrong_number_is_no_confirmation_however_few_they_are(
    plan: sessim.Plan, tmp_path: Path
) -> None:
    for wrong in (0, -3, 2, 4, 19, 21):
        with pytest.raises(ArgumentError) as caught:
            begin(live(plan, 9, recipients=wrong), tmp_path / "a")
        assert str(caught.value) == (
            f"recipients: {wrong} were confirmed, but 3 emails would be sent; "
            "confirm the number with 3"
        )
    for right in (3, 20):  # the second one is what nobody gave
        begin(live(plan, 9, recipients=right), tmp_path / str(right)).outbox.close()


@pytest.mark.parametrize(
    ("keys", "confirm", "sentence"),
    [
        ({"cafile": "ca.pem"}, None, "cafile: is for a real server; name one, or leave it out"),
        ({}, "abc", "confirm: is for a real server; name one, or leave it out"),
        ({"server": "smtp://127.0.0.1", "cafile": "ca.pem"}, None, NO_TLS),
    ],
)
def test_a_test_send_is_heeded_too(
    tmp_path: Path, keys: dict[str, Any], confirm: str | None, sentence: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        send(TestOrder(*TEST, **keys), tmp_path / "mails", confirm)
    assert str(caught.value).startswith(sentence)
    assert not (tmp_path / "mails").exists()


# --- the command line -----------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the sentence about arguments that cannot be used."""
    assert main([*map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize(
    "more",
    [
        ["plan.yaml"], ["--outbox", "b"], ["--mode", "live"], ["--server", "smtp://127.0.0.1"],
        ["--confirm", "abc"], ["--recipients", "20"], ["--speed", "1"],
        ["--redirect-to", "me@here.example"], ["--test-to", "me@here.example"],
        ["--only", "here.example"], ["--suppress", "list.csv"], ["--hourly", "10"], ["--override"],
        ["--unsubscribe", "https://here.example"], ["--attach", "list.csv"], ["--cafile", "ca.pem"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_an_outbox_knows_is_not_given_again(
    plan: sessim.Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """Who resumes with ``--redirect-to`` would else have mailed the list itself."""
    with Faults() as server:
        begin(live(plan, server.port), tmp_path / "a").outbox.close()
        sentence = said(capsys, "send", "--resume", tmp_path / "a", *more)
    option = more[0].replace("plan.yaml", "PLAN.yaml")
    assert sentence == (
        f"sessim: --resume: the outbox knows what is sent, where and how; leave {option} out"
    )
    assert server.commands == []
    assert states_of(tmp_path / "a") == {}


def test_a_send_goes_on_though_what_it_was_begun_with_is_refused_now(
    plan: sessim.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(Order, "_check_heeded", lambda _: None)
        begin(Order(plan, speed=200_000, recipients=7), tmp_path / "a").outbox.close()
    with Sending.resume(tmp_path / "a") as sending:
        assert sending.run().finished
    assert not states_of(tmp_path / "a").keys() - {"accepted"}


@pytest.mark.parametrize("act", ["--resend", "--reconcile", "--pause", "--unpause", "--cancel=1"])
def test_rows_are_listed_or_decided_on(
    plan: sessim.Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str], act: str
) -> None:
    begin(Order(plan), tmp_path / "a").outbox.close()
    sentence = said(capsys, "outbox", tmp_path / "a", "--state", "rejected", act)
    assert sentence == f"sessim: --state: lists rows; leave it out, or {act.partition('=')[0]}"


def test_a_folder_for_mails_that_a_real_server_keeps_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--sender", TEST[0], "--subject", "Hi", "--template", "Hello", "--to", TEST[3][0])
    sentence = said(
        capsys, "test-send", *arguments, "--server", "smtp://127.0.0.1", "--out", tmp_path / "x"
    )
    assert sentence == "sessim: --out: is for the mails of a server of its own; leave it out"


def test_no_task_is_not_all_tasks(
    plan: sessim.Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell puts nothing where a variable is empty."""
    begin(Order(plan), tmp_path / "a").outbox.close()
    sentence = said(capsys, "outbox", tmp_path / "a", "--cancel", "")
    assert sentence == "sessim: --cancel: names no task; give its id or name"
    with Sending.resume(tmp_path / "a") as sending:
        sending.stop()
        assert sending.result.tasks["status"].tolist() != ["Cancelled"]


def test_a_folder_that_is_none_is_found_before_anything_is_sent(
    plan: sessim.Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.to_yaml(tmp_path / "plan.yaml")
    begin(Order(plan), tmp_path / "begun").outbox.close()
    file = tmp_path / "list.csv"
    arguments = ("--sender", TEST[0], "--subject", "Hi", "--template", "Hello", "--to", TEST[3][0])
    for command in (
        ("send", tmp_path / "plan.yaml", "--outbox", tmp_path / "a", "--speed", 1e5),
        ("send", "--resume", tmp_path / "begun"),
        ("test-send", *arguments),
    ):
        sentence = said(capsys, *command, "--out", file)
        assert sentence.endswith("cannot be the folder for results (file exists); name another")
    assert not (tmp_path / "a").exists()
    assert states_of(tmp_path / "begun") == {}


def test_a_test_send_to_nobody_is_told_soon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    order = TestOrder(*TEST, f"smtp://127.0.0.1:{port}")
    arguments = ("--sender", TEST[0], "--subject", "Hi", "--template", "Hello", "--to", TEST[3][0])
    confirmed = ("--server", order.server, "--confirm", order.token)
    assert main(["test-send", *arguments, *confirmed]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(
        rf"sessim: 127.0.0.1:{port}: the server could not be reached \(3 tries, .*\n", captured.err
    )
