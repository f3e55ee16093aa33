"""Rows 41 and 42 of the fault matrix: bytes and addresses arrive as they were meant."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
import smtplib
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessim.senders.content import Unfit, on_the_wire, recipient_path
from sessim.senders.replies import Outcome
from tests.senders.faults import FEATURES, Faults
from tests.senders.sending import MAIL, row, send, server_at

HEADER = b"From: a@example.com\r\nSubject: x\r\n"
PIECES = ["a", ".", "\r", "\n", "\r\n", " ", "é", "😀", "\u202e", "\u2028", "\0", "="]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join).map(str.encode)
BODIES = st.one_of(TEXTS, st.binary(max_size=200), st.just(b"x" * 2000), st.just(b""))


def received(wire: bytes) -> bytes:
    """Undo what goes over the wire, as a server does."""
    assert wire.endswith(b".\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", wire)
    assert max(map(len, wire.split(b"\r\n"))) <= 999  # with a doubled dot
    lines = wire.split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2  # the first lone dot is the last line
    return b"\r\n".join(line.removeprefix(b".") for line in lines[:-2]) + b"\r\n"


def decoded(mail: bytes) -> bytes:
    content = email.message_from_bytes(mail).get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def unix(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").removesuffix(b"\n")


@given(BODIES, st.booleans())
def test_row_41_every_body_is_the_same_after_decoding(body: bytes, takes_8bit: bool) -> None:
    mail = HEADER + b"\r\n" + body
    wire = on_the_wire(mail, takes_8bit=takes_8bit)
    if takes_8bit is False:
        assert wire.isascii()
    got = decoded(received(wire))
    assert unix(got) == unix(body)
    if b"base64" in wire:
        assert got == body


@given(st.lists(st.sampled_from([b".", b"..", b".a", b"a", b"", b"a."]), max_size=8))
def test_row_41_dots(lines: list[bytes]) -> None:
    mail = b"\r\n".join([*lines, b""])
    got = received(on_the_wire(mail, takes_8bit=True))
    assert got == (mail or b"\r\n")


@given(st.binary(max_size=300))
def test_row_41_every_encoded_content_is_the_same(content: bytes) -> None:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "x"
    message.set_content(content, maintype="application", subtype="octet-stream")
    wire = on_the_wire(message.as_bytes(), takes_8bit=True)
    assert decoded(received(wire)) == content
    assert received(wire) == message.as_bytes()


def test_row_41_multipart_mails_are_encoded_part_by_part() -> None:
    message = email.message.EmailMessage(policy=email.policy.SMTP.clone(cte_type="8bit"))
    message["Subject"] = "x"
    message.set_content("Grüße", cte="8bit")
    message.add_alternative("<p>Grüße</p>", subtype="html", cte="8bit")
    message.add_attachment(b"\0\1\2", maintype="application", subtype="x", filename="a.bin")
    wire = on_the_wire(bytes(message), takes_8bit=False)
    assert wire.isascii()
    read = email.message_from_bytes(received(wire), policy=email.policy.default)
    assert isinstance(read, email.message.EmailMessage)
    leaves = [part.get_content() for part in read.walk() if not part.is_multipart()]  # type: ignore[attr-defined]
    assert [leaf.strip() if isinstance(leaf, str) else leaf for leaf in leaves] == [
        "Grüße", "<p>Grüße</p>", b"\0\1\2",
    ]  # fmt: skip


@pytest.mark.parametrize("header", [b"Subject: " + b"x" * 1000, b"Subject: \xff", b"X: a\0b"])
def test_row_41_a_header_that_cannot_be_carried_is_refused(header: bytes) -> None:
    with pytest.raises(Unfit):
        on_the_wire(header + b"\r\n\r\nbody\r\n", takes_8bit=False)


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with Faults() as server:
        yield server


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(BODIES, min_size=1, max_size=8))
def test_row_41_and_over_a_real_connection(faults: Faults, bodies: list[bytes]) -> None:
    faults.mails.clear()
    mails = [HEADER + b"\r\n" + body for body in bodies]
    envelopes = [row(number, mail=mail) for number, mail in enumerate(mails, start=1)]
    sent = send(server_at(faults.port), envelopes)
    assert sent.outcomes == ["accepted"] * len(mails)
    assert [unix(decoded(mail.content)) for mail in faults.mails] == [unix(b) for b in bodies]


# --- 42: addresses ---

LOCAL_64, LABEL_63 = "a" * 64, "b" * 63


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("ann@example.com", b"ann@example.com"),
        ("ann+tag@example.com", b"ann+tag@example.com"),
        ("o'neil@example.com", b"o'neil@example.com"),
        ("ann@bücher.example", b"ann@xn--bcher-kva.example"),
        ("ann@例え.テスト", b"ann@xn--r8jz45g.xn--zckzah"),
        ("jürgen@example.com", "jürgen@example.com".encode()),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example".encode()),
        ('"ann lee"@example.com', b'"ann lee"@example.com'),
        (f"{LOCAL_64}@example.com", f"{LOCAL_64}@example.com".encode()),
        (f"a@{LABEL_63}.example", f"a@{LABEL_63}.example".encode()),
    ],
)
def test_row_42_addresses_that_can_be_written_to(address: str, path: bytes) -> None:
    assert recipient_path(address).text == path
    assert recipient_path(address).needs_utf8 == (not path.isascii())


BAD = [
    "",
    "ann",
    "@example.com",
    "ann@",
    "ann@@example.com",
    "ann@exa mple.com",
    "ann@example..com",
    "ann@-example.com",
    ".ann@example.com",
    "ann@[127.0.0.1]",
    f"{LOCAL_64}a@example.com",
    f"a@{LABEL_63}b.example",
    "a@" + ".".join(["b" * 50] * 6),
    "x@y.z>\r\nRCPT TO:<q@y.z",
    "x@y.z>\nRCPT TO:<q@y.z",
    "x@y.z\r\nDATA",
    "x@y.z\0",
    "x@y.z> SIZE=1",
    "<x@y.z>",
    '"a\r\nRCPT TO:<b@c.d>"@y.z',
    '"a>b"@y.z',
    "x@y.z\u2028",
    "x@y.z\u0085",
    "x\ud800@y.z",
    "x@y.z,q@y.z",
    "Ann <x@y.z>",
]


@pytest.mark.parametrize("address", BAD)
def test_row_42_addresses_that_cannot(address: str) -> None:
    with pytest.raises(Unfit):
        recipient_path(address)


@settings(max_examples=300)
@given(st.text(st.sampled_from(list('a@.<>"\\\r\n\0 é\u2028,;:')), max_size=14))
def test_row_42_no_address_ends_its_command(address: str) -> None:
    with suppress(Unfit):
        assert not re.search(rb"[\r\n\0<>]", recipient_path(address).text)


def test_row_42_a_bad_address_is_a_row_and_the_rest_goes_on() -> None:
    with Faults() as faults:
        envelopes = [row(n, bad) for n, bad in enumerate(BAD, start=1)]
        envelopes += [row(100), row(101, "ann@bücher.example"), row(102)._replace(sender="x@y>")]
        sent = send(server_at(faults.port), envelopes)
    assert sent.keys(Outcome.REJECTED) == [*range(1, len(BAD) + 1), 102]
    assert faults.recipients == ["u100@example.com", "ann@xn--bcher-kva.example"]
    assert len(faults.said("RCPT")) == 2


def test_the_null_sender_is_allowed() -> None:
    with Faults() as faults:
        sent = send(server_at(faults.port), [row(1)._replace(sender="")])
    assert sent.outcomes == ["accepted"]
    assert faults.said("MAIL")[0].startswith("MAIL FROM:<>")


def test_the_wire_is_that_of_the_standard_library() -> None:
    with Faults({}, FEATURES[1:]) as faults:
        send(server_at(faults.port), [row(1)])
        with smtplib.SMTP("127.0.0.1", faults.port) as client:
            client.sendmail("news@example.com", "u1@example.com", MAIL)
    assert faults.mails[0] == faults.mails[1]
