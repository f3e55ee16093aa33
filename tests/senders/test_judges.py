"""Row 48 of the fault matrix: independent servers get the same mails."""

from __future__ import annotations

import email
import email.message
import email.policy
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from sessim.senders import envelope
from sessim.senders.loopback import Loopback
from sessim.senders.replies import Outcome
from tests.senders.faults import Faults
from tests.senders.sending import SENDER, send, server_at

COUNT = 1000

POSTFIX = Path(os.environ.get("SESSIM_POSTFIX", "/"))
"""Where Debian's package postfix is unpacked."""

Mails = dict[str, tuple[str, str]]  # by recipient: subject and text


def mail_for(number: int) -> bytes:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = SENDER
    message["To"] = f"u{number}@example.com"
    message["Subject"] = f"Grüße {number}"
    message.set_content(f"Für {number} 😀\n.\n..dots\n\u0645\u0631\u062d\n" + "long " * 300 + "\n")
    return message.as_bytes()


ENVELOPES = [
    envelope.Envelope(number, SENDER, f"u{number}@example.com", mail_for(number))
    for number in range(COUNT)
]


def read(mail: bytes) -> tuple[str, str]:
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return str(message["Subject"]), message.get_content().replace("\r\n", "\n").strip()


EXPECTED = {it.recipient: read(it.message) for it in ENVELOPES}


def deliver(port: int) -> None:
    sent = send(server_at(port, connections=4), ENVELOPES)
    assert sent.keys(Outcome.ACCEPTED) == list(range(COUNT))


def test_row_48_our_own_servers(tmp_path: Path) -> None:
    with Loopback(tmp_path) as server:
        deliver(server.port)
        assert {it.recipient: read(it.file.read_bytes()) for it in server.received()} == EXPECTED
    with Faults() as faults:
        deliver(faults.port)
    assert {it.recipients[0]: read(it.content) for it in faults.mails} == EXPECTED


class Keeper:
    def __init__(self) -> None:
        self.mails: Mails = {}

    async def handle_DATA(self, server: SMTP, session: Session, got: Envelope) -> str:  # noqa: N802
        assert isinstance(got.content, bytes)
        self.mails[got.rcpt_tos[0]] = read(got.content)
        return "250 2.0.0 kept"


class Listener(Controller):
    """aiosmtpd looks up this machine's name for its greeting unless told one."""

    def factory(self) -> SMTP:
        return SMTP(self.handler, hostname="judge.example", **self.SMTP_kwargs)


def test_row_48_aiosmtpd() -> None:
    keeper = Keeper()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Listener(keeper, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        deliver(port)
    finally:
        controller.stop()
    assert keeper.mails == EXPECTED


# --- Debian's smtp-sink ---


def sink() -> tuple[list[str], dict[str, str]]:
    """Return the command and environment of smtp-sink; skip the test where it is not installed."""
    unpacked = POSTFIX / "usr/sbin/smtp-sink"
    program = str(unpacked) if unpacked.exists() else shutil.which("smtp-sink")
    if program is None:
        pytest.skip("smtp-sink, of Debian's package postfix, is not installed")
    as_whom = ["-u", "root"] if os.geteuid() == 0 else []
    libraries = str(POSTFIX / "usr/lib/postfix")
    return [program, *as_whom], {**os.environ, "LD_LIBRARY_PATH": libraries}


@contextmanager
def running(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            for _ in range(100):
                if process.poll() is not None:
                    assert process.stderr is not None
                    pytest.fail(f"smtp-sink ended: {process.stderr.read().decode()}")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def test_row_48_smtp_sink(tmp_path: Path) -> None:
    command, environment = sink()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    dump = tmp_path / "mails"
    command += ["-D", str(dump), f"127.0.0.1:{port}", "100"]
    with running(command, environment, port):
        deliver(port)
    assert dict(read_dump(dump.read_bytes())) == EXPECTED


def read_dump(dump: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the mails of an mbox as smtp-sink writes it: three lines of its own come first."""
    for text in (b"\n" + dump).split(b"\nX-Client-Addr: ")[1:]:
        mail = text.split(b"\nFrom ")[0]
        head, _, rest = mail.partition(b"\nReceived: ")
        recipient = head.split(b"X-Rcpt-Args: <")[1].split(b">")[0].decode()
        yield recipient, read(b"Received: " + rest)
