from __future__ import annotations

import mailbox
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessim.senders.loopback import LARGEST, Loopback, read_index
from sessim.senders.replies import Outcome
from tests.senders.sending import MAIL, row, rows, send, server_at


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Loopback]:
    with Loopback(tmp_path / "mails") as loopback:
        yield loopback


def talk(server: Loopback, *lines: str) -> list[str]:
    """Say lines; return the codes of the replies but the greeting's and EHLO's."""
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        file = sock.makefile("rw", newline="")
        file.readline()
        file.write("".join(f"{line}\r\n" for line in [*lines, "QUIT"]))
        file.flush()
        with file:
            return [line[:3] for line in file.read().splitlines()]


def test_mails_are_kept_byte_by_byte_in_a_maildir(server: Loopback) -> None:
    sent = send(server_at(server.port, connections=3), rows(50))
    assert sent.outcomes == ["accepted"] * 50
    received = list(server.received())
    assert sorted(it.recipient for it in received) == sorted(
        f"u{n}@example.com" for n in range(1, 51)
    )
    assert {it.file.read_bytes() for it in received} == {MAIL}
    assert {(it.sender, it.size) for it in received} == {("news@example.com", len(MAIL))}
    assert set(server.counts.values()) == {1}
    box = mailbox.Maildir(server.folder)
    assert len(box) == 50
    assert {message["Subject"] for message in box} == {"Hello"}


def test_it_listens_on_this_machine_only_and_ends_with_its_block(tmp_path: Path) -> None:
    before = threading.active_count()
    with Loopback(tmp_path) as server:
        port = server.port
        client = socket.create_connection(("127.0.0.1", port))
        assert client.recv(100).startswith(b"220 ")
    assert client.recv(100) == b""
    client.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    server.stop()  # again


def test_a_taken_port_is_an_error(server: Loopback, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"(?i)address already in use"):
        Loopback(tmp_path, server.port).start()


def test_a_second_server_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        with Loopback(tmp_path) as server:
            send(server_at(server.port), rows(2))
    assert server.counts == {"u1@example.com": 2, "u2@example.com": 2}
    assert len(list(read_index(tmp_path))) == len(mailbox.Maildir(tmp_path)) == 4


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (["HELO x"], "250"),
        (["NOOP", "RSET"], "250 250"),
        (["WHAT", "", "123"], "500 500 500"),
        (["RCPT TO:<a@b>"], "503"),
        (["DATA"], "503"),
        (["MAIL FROM:<a@b>", "MAIL FROM:<a@b>"], "250 503"),
        (["MAIL FROM:<a@b>", "DATA"], "250 503"),
        (["MAIL a@b", "MAIL FROM:<a@b"], "501 501"),
        (["mail from: <a@b> SIZE=10 BODY=8BITMIME", "rcpt to:<a@b>"], "250 250"),
        (["MAIL FROM:<a@b>", "RCPT TO:<>"], "250 501"),
        ([f"MAIL FROM:<a@b> SIZE={LARGEST + 1}"], "552"),
        (["MAIL FROM:<>", "RCPT TO:<a@b>", "RSET", "DATA"], "250 250 250 503"),
        (["MAIL FROM:<>", *["RCPT TO:<a@b>"] * 101], "250 " + "250 " * 100 + "452"),
        (["MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", "."], "250 250 354 250"),
        (["MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", "x", ".", "NOOP"], "250 250 354 250 250"),
    ],
)
def test_commands(server: Loopback, lines: list[str], codes: str) -> None:
    assert talk(server, *lines) == [*codes.split(), "221"]


def test_a_line_without_end_is_hung_up_on(server: Loopback) -> None:
    assert talk(server, "NOOP " + "x" * 10_000) == ["500"]


def test_nothing_but_a_dot_between_crlf_ends_a_mail(server: Loopback) -> None:
    tricks = b"a\n.\nMAIL FROM:<x@y>\r\n.\rb\r.\r\nc\r\n"
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.mail("a@example.com")
        client.rcpt("b@example.com")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(tricks + b".\r\n")
        assert client.getreply()[0] == 250
    (mail,) = server.received()
    assert mail.file.read_bytes() == tricks.replace(b"\r\n.", b"\r\n")


def test_a_mail_that_begins_with_a_dot(server: Loopback) -> None:
    mail = b".hidden: x\r\n\r\n..\r\n.\r\n"
    assert send(server_at(server.port), [row(1, mail=mail)]).outcomes == ["accepted"]
    (received,) = server.received()
    assert received.file.read_bytes() == mail


def test_a_mail_in_small_pieces(server: Loopback) -> None:
    commands = b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in commands + b"x\r\n.y\r\n.\r\nQUIT\r\n":
            sock.sendall(bytes([byte]))
            time.sleep(0.001)
        while sock.recv(1000):
            pass
    (received,) = server.received()
    assert received.file.read_bytes() == b"x\r\ny\r\n"


def test_a_mail_for_two_is_kept_once_and_counted_twice(server: Loopback) -> None:
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("a@example.com", ["b@example.com", "c@example.com"], MAIL)
    assert server.counts == {"b@example.com": 1, "c@example.com": 1}
    assert len({it.file for it in server.received()}) == 1


def test_addresses_beyond_ascii(server: Loopback) -> None:
    sent = send(server_at(server.port), [row(1, "jürgen@example.com")])
    assert sent.keys(Outcome.ACCEPTED) == [1]
    assert server.counts == {"jürgen@example.com": 1}


def test_a_folder_that_takes_no_more_is_an_answer_for_now(server: Loopback) -> None:
    (server.folder / "new").rename(server.folder / "gone")
    sent = send(server_at(server.port), rows(2))
    assert sent.outcomes == ["deferred"] * 2
    assert sent.answers[1].words.startswith("452 4.3.1 cannot be kept")
