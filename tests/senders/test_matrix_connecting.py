"""Rows 1 to 15, 39 and 46 to 47 of the fault matrix: before the first message."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import socket
import ssl
import time
import warnings

import pytest
import trustme

from sessim.senders.pacing import Policy
from sessim.senders.replies import Outcome, Schedule
from sessim.senders.settings import Credentials, Guard, Secret
from sessim.senders.stops import (
    AuthenticationRefused,
    CertificateRefused,
    ConfigurationRefused,
    EncryptionFailed,
    EncryptionMissing,
    PeerRefused,
    ServerRefused,
    ServerUnreachable,
)
from tests.senders.conftest import Certify
from tests.senders.faults import DROP, FEATURES, HANG, RST, Faults
from tests.senders.sending import CREDENTIALS, PASSWORD, QUICK, rows, send, server_at

PATIENT = Policy(backoff=Schedule(0.01, 2.0, 0.05), tries=4)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_row_01_421_greetings_are_waited_out() -> None:
    with Faults({"connect": ["421 4.3.2 busy"] * 3}) as faults:
        began = time.monotonic()
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["accepted"] * 3
    assert len(faults.began) == 4
    # Counted from before the first one, which may be taken note of late.
    assert faults.began[1] - began >= 0.01
    assert faults.began[2] - began >= 0.01 + 0.02
    assert faults.began[3] - began >= 0.01 + 0.02 + 0.04


def test_row_02_a_554_greeting_stops_the_task() -> None:
    with Faults({"connect": "554 5.7.1 go away"}) as faults:
        sent = send(server_at(faults.port, connections=3), rows(5))
    assert isinstance(sent.error, ServerRefused)
    assert sent.outcomes == ["deferred"] * 5
    assert str(sent.error) == (
        f"127.0.0.1:{faults.port}: the server refuses this client (greeting: 554 5.7.1 go away): "
        "ask its operator, or send through another server"
    )
    assert len(faults.began) <= 3


def test_row_03_nobody_listens_then_somebody_does() -> None:
    server = server_at(free_port())
    sent = send(server, rows(3), policy=PATIENT)
    assert isinstance(sent.error, ServerUnreachable)
    assert "4 tries, the last one: " in str(sent.error)
    assert sent.outcomes == ["deferred"] * 3
    assert {answer.retry_after for answer in sent.answers.values()} == {0.0}
    with Faults(port=server.port):
        assert send(server, rows(3)).outcomes == ["accepted"] * 3


def test_row_04_no_banner_is_waited_for_so_long_and_tried_again() -> None:
    with Faults({"connect": [HANG]}) as faults:
        sent = send(server_at(faults.port, waits={"greeting": 0.2}), rows(2))
    assert sent.outcomes == ["accepted"] * 2


@pytest.mark.parametrize(
    "banner",
    [
        b"hello, who are you?\r\n",
        b"2" * 1_000_000,
        b"220 " + b"x" * 1_000_000 + b"\r\n",
        b"220 a\0b\r\n",
        b"\0" * 5000,
        b"220-a\r\n" * 10_000,
        b"220-a\r\n221 b\r\n",
        b"999 a\r\n",
        b"250 that is no greeting\r\n",
        b"\xff\xfe\r\n",
    ],
    ids=["text", "digits", "megabyte", "nul", "nuls", "endless", "codes", "999", "250", "bytes"],
)
def test_row_05_a_garbage_banner_is_a_failed_connection(banner: bytes) -> None:
    with Faults({"connect": banner}) as faults:
        sent = send(server_at(faults.port), rows(1), policy=Policy(QUICK.backoff, tries=2))
    assert isinstance(sent.error, ServerUnreachable)
    assert len(str(sent.error)) < 400
    assert str(sent.error).isprintable()
    assert sent.outcomes == ["deferred"]


@pytest.mark.parametrize("code", [500, 502, 504])
def test_row_06_helo_is_the_fallback(code: int) -> None:
    with Faults({"ehlo": f"{code} 5.5.1 what?"}) as faults:
        sent = send(server_at(faults.port), rows(3))
    assert sent.outcomes == ["accepted"] * 3
    assert faults.said("HELO") == ["HELO [127.0.0.1]"]


def test_row_06_but_not_where_tls_is_required(certified: Certify, cafile: str) -> None:
    with Faults({"ehlo": "502 5.5.1 what?"}, tls=certified()) as faults:
        sent = send(server_at(faults.port, tls="starttls", cafile=cafile), rows(1))
    assert isinstance(sent.error, ServerRefused)
    assert faults.said("HELO") == []


def test_row_08_pipelining_with_replies_byte_by_byte() -> None:
    def every_third(visit: object) -> str | None:
        return "550 5.1.1 no such user" if visit.count % 3 == 2 else None  # type: ignore[attr-defined]

    with Faults({"rcpt": every_third}, bytewise=True, late=0.005) as faults:
        sent = send(server_at(faults.port), rows(12))
    assert sent.keys(Outcome.REJECTED) == [3, 6, 9, 12]
    assert [f"u{key}@example.com" for key in sent.keys(Outcome.ACCEPTED)] == faults.recipients


# --- credentials and TLS ---


def secure(faults: Faults, cafile: str, **changes: object):  # type: ignore[no-untyped-def]
    return server_at(faults.port, tls="implicit", cafile=cafile, **changes)


AUTH = (*FEATURES, "AUTH PLAIN LOGIN")


def forms(password: str) -> list[str]:
    """Return how a password may show: itself, and in base64 at each of three offsets."""
    plain = base64.b64encode(f"\0ann@example.com\0{password}".encode()).decode()
    return [password, base64.b64encode(password.encode()).decode(), plain]


def test_row_09_535_stops_at_once_after_one_try(certified: Certify, cafile: str) -> None:
    said = f"535 5.7.8 no: {PASSWORD} {forms(PASSWORD)[2]}"
    with Faults({"auth": said}, AUTH, certified(), implicit=True) as faults:
        sent = send(secure(faults, cafile), rows(3), credentials=CREDENTIALS)
    assert isinstance(sent.error, AuthenticationRefused)
    assert sent.outcomes == ["deferred"] * 3
    assert len(faults.said("AUTH")) == 1
    shown = f"{sent.error!r} {sent.error} {sent.answers} {vars(sent.error)}"
    assert not [form for form in forms(PASSWORD) if form in shown]


def test_row_09_no_frame_of_the_traceback_holds_the_password(
    certified: Certify, cafile: str
) -> None:
    with Faults({"auth": "535 5.7.8 no"}, AUTH, certified(), implicit=True) as faults:
        sent = send(secure(faults, cafile), rows(1), credentials=CREDENTIALS)
    assert sent.error is not None
    trace = sent.error.__traceback__
    while trace is not None:
        shown = repr(trace.tb_frame.f_locals)
        if "sessim" in trace.tb_frame.f_code.co_filename:
            assert not [form for form in forms(PASSWORD) if form in shown]
        trace = trace.tb_next


def test_row_10_454_is_waited_out(certified: Certify, cafile: str) -> None:
    rules = {"auth": ["454 4.7.0 later", "454 4.7.0 later"]}
    with Faults(rules, AUTH, certified(), implicit=True) as faults:  # type: ignore[arg-type]
        sent = send(secure(faults, cafile), rows(3), credentials=CREDENTIALS)
    assert sent.outcomes == ["accepted"] * 3
    assert len(faults.said("AUTH")) == 3


@pytest.mark.parametrize("way", [DROP, RST])
def test_row_11_auth_dropped_in_the_middle(certified: Certify, cafile: str, way: object) -> None:
    with Faults({"auth": [way]}, AUTH, certified(), implicit=True) as faults:  # type: ignore[list-item]
        sent = send(secure(faults, cafile), rows(2), credentials=CREDENTIALS)
    assert sent.outcomes == ["accepted"] * 2


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        ("AUTH PLAIN LOGIN", ["AUTH PLAIN " + forms(PASSWORD)[2]]),
        ("AUTH=PLAIN", ["AUTH PLAIN " + forms(PASSWORD)[2]]),
        ("AUTH CRAM-MD5 LOGIN", ["AUTH LOGIN", "YW5uQGV4YW1wbGUuY29t", forms(PASSWORD)[1]]),
    ],
)
def test_row_11_the_first_known_mechanism_is_used(
    certified: Certify, cafile: str, offered: str, words: list[str]
) -> None:
    with Faults({}, (*FEATURES, offered), certified(), implicit=True) as faults:
        sent = send(secure(faults, cafile), rows(1), credentials=CREDENTIALS)
    assert sent.outcomes == ["accepted"]
    lines = [line for _, line in faults.commands]
    assert lines[1 : 1 + len(words)] == words


@pytest.mark.parametrize("offered", ["AUTH GSSAPI", "HELP"])
def test_row_11_no_known_mechanism_stops_the_task(
    certified: Certify, cafile: str, offered: str
) -> None:
    with Faults({}, (offered,), certified(), implicit=True) as faults:
        sent = send(secure(faults, cafile), rows(1), credentials=CREDENTIALS)
    assert isinstance(sent.error, ConfigurationRefused)


def test_row_11_a_long_password_goes_on_a_line_of_its_own(certified: Certify, cafile: str) -> None:
    credentials = Credentials("ann", Secret("x" * 600))
    with Faults({"auth": "334 "}, AUTH, certified(), implicit=True) as faults:
        send(
            secure(faults, cafile, waits={"auth": 0.2}), rows(1),
            credentials=credentials, policy=Policy(QUICK.backoff, tries=1),
        )  # fmt: skip
    assert faults.said("AUTH") == ["AUTH PLAIN"]


def test_no_credentials_without_tls() -> None:
    with Faults({}, AUTH) as faults:
        sent = send(server_at(faults.port), rows(1), credentials=CREDENTIALS)
    assert isinstance(sent.error, ConfigurationRefused)
    assert faults.began == []


def test_starttls_and_auth(certified: Certify, cafile: str) -> None:
    with Faults({}, (*AUTH, "STARTTLS"), certified()) as faults:
        server = server_at(faults.port, tls="starttls", cafile=cafile, connections=3)
        sent = send(server, rows(30), credentials=CREDENTIALS)
    assert sent.outcomes == ["accepted"] * 30
    assert len(faults.recipients) == 30


def test_row_12_starttls_not_offered_is_no_reason_for_clear_text() -> None:
    with Faults({}, AUTH) as faults:
        sent = send(server_at(faults.port, tls="starttls"), rows(2), credentials=CREDENTIALS)
    assert isinstance(sent.error, EncryptionMissing)
    assert faults.mails == []
    assert faults.said("AUTH") + faults.said("MAIL") == []


def test_row_13_454_to_starttls_is_waited_out(certified: Certify, cafile: str) -> None:
    with Faults({"starttls": ["454 4.7.0 later"]}, ("STARTTLS",), certified()) as faults:
        sent = send(server_at(faults.port, tls="starttls", cafile=cafile), rows(2))
    assert sent.outcomes == ["accepted"] * 2


def test_row_13_502_to_starttls_stops(certified: Certify, cafile: str) -> None:
    with Faults({"starttls": "502 5.5.1 no"}, ("STARTTLS",), certified()) as faults:
        sent = send(server_at(faults.port, tls="starttls", cafile=cafile), rows(2))
    assert isinstance(sent.error, EncryptionMissing)


@pytest.mark.parametrize("extra", [b"250 PIPELINING\r\n", b"235 welcome", b"\x16\x03\x01 garbage"])
def test_row_13_what_comes_behind_the_reply_to_starttls_is_never_read(extra: bytes) -> None:
    with Faults({"starttls": b"220 go on\r\n" + extra}, ("STARTTLS", *AUTH)) as faults:
        server = server_at(faults.port, tls="starttls")
        policy = Policy(QUICK.backoff, tries=2)
        sent = send(server, rows(2), credentials=CREDENTIALS, policy=policy)
    assert isinstance(sent.error, ServerUnreachable | EncryptionFailed)
    assert faults.said("AUTH") + faults.said("MAIL") == []


def test_row_13_a_reply_in_clear_is_never_read_as_one_over_tls(
    certified: Certify, cafile: str
) -> None:
    rules = {"starttls": "220 go on\r\n250-injected\r\n250 AUTH PLAIN"}
    with Faults(rules, ("STARTTLS", *AUTH), certified()) as faults:  # type: ignore[arg-type]
        server = server_at(faults.port, tls="starttls", cafile=cafile)
        policy = Policy(QUICK.backoff, tries=2)
        sent = send(server, rows(2), credentials=CREDENTIALS, policy=policy)
    assert "more than the reply to STARTTLS" in str(sent.error)
    assert faults.said("AUTH") + faults.said("MAIL") == []


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("wrong", ["untrusted", "expired", "host"])
def test_row_14_certificates_are_verified(
    certified: Certify, cafile: str, tls: str, wrong: str
) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    context = {
        "untrusted": lambda: certified(by=trustme.CA()),
        "expired": lambda: certified(until=past),
        "host": lambda: certified("mail.example.com"),
    }[wrong]()
    features = (*AUTH, "STARTTLS")
    with Faults({}, features, context, implicit=tls == "implicit") as faults:
        server = server_at(faults.port, tls=tls, cafile=cafile)
        sent = send(server, rows(2), credentials=CREDENTIALS)
    assert isinstance(sent.error, CertificateRefused)
    assert "cafile" in str(sent.error)
    assert faults.said("AUTH") + faults.said("MAIL") == []


def test_row_14_tls_older_than_1_2_is_refused(certified: Certify, cafile: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = certified(newest=ssl.TLSVersion.TLSv1_1)
    with Faults({}, AUTH, context, implicit=True) as faults:
        sent = send(secure(faults, cafile), rows(1), credentials=CREDENTIALS)
    assert isinstance(sent.error, EncryptionFailed)


def test_a_cafile_that_cannot_be_read_stops_the_task(tmp_path: object) -> None:
    with Faults() as faults:
        sent = send(server_at(faults.port, tls="implicit", cafile=f"{tmp_path}/no.pem"), rows(1))
    assert isinstance(sent.error, ConfigurationRefused)


def test_row_15_tls_to_a_port_in_clear(cafile: str) -> None:
    with Faults() as faults:
        sent = send(secure(faults, cafile), rows(1))
    assert isinstance(sent.error, EncryptionFailed)
    assert "port and kind of TLS" in str(sent.error)


def test_row_15_clear_text_to_a_port_with_tls(certified: Certify) -> None:
    with Faults({}, FEATURES, certified(), implicit=True) as faults:
        server = server_at(faults.port, waits={"greeting": 0.2})
        sent = send(server, rows(1), policy=Policy(QUICK.backoff, tries=2))
    assert isinstance(sent.error, ServerUnreachable)
    assert "greeting: it did not answer within 0.2 seconds" in str(sent.error)


def test_row_39_fewer_connections_where_fewer_are_allowed() -> None:
    with Faults({}, most=4, late=0.002) as faults:
        sent = send(server_at(faults.port, connections=16), rows(400))
    assert sent.outcomes == ["accepted"] * 400
    assert len(faults.mails) == 400
    assert len(faults.began) <= 16 + 4  # no storm


# --- who may be connected to ---


def test_row_46_a_guard_refuses_before_any_socket_is_opened(connected: list[object]) -> None:
    sent = send(server_at(9), rows(2), guard=Guard.only("127.0.0.1", 10))
    assert isinstance(sent.error, PeerRefused)
    assert connected == []
    assert sent.outcomes == ["deferred"] * 2


def test_row_46_a_recipient_outside_the_guard_never_reaches_mail() -> None:
    with Faults() as faults:
        guard = Guard(lambda *_: True, lambda recipient: recipient == "u2@example.com")
        sent = send(server_at(faults.port), rows(3), guard=guard)
    assert sent.outcomes == ["rejected", "accepted", "rejected"]
    assert faults.recipients == ["u2@example.com"]
    assert len(faults.said("MAIL")) == 1


def test_row_47_a_name_that_resolves_elsewhere_is_refused(
    connected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhere(*arguments: object, **options: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 2525)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 2525)),
        ]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", elsewhere)
    server = server_at(2525, host="mail.example.com")
    sent = send(server, rows(1), guard=Guard.only("127.0.0.1", 2525))
    assert isinstance(sent.error, PeerRefused)
    assert "192.0.2.1" in str(sent.error)
    assert connected == []


def test_an_unknown_host_stops_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*arguments: object, **options: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", unknown)
    sent = send(server_at(25, host="nowhere.invalid"), rows(1))
    assert isinstance(sent.error, ConfigurationRefused)
    assert "unknown host" in str(sent.error)
