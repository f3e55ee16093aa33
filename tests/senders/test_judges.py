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

import sessim
from sessim.senders import envelope
from sessim.senders.courier import Courier
from sessim.senders.dispatch import Dispatch
from sessim.senders.handover import SendingModel
from sessim.senders.loopback import Loopback
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.pool import Pool
from sessim.senders.replies import Outcome
from sessim.senders.states import State
from sessim.senders.store import Header
from tests.senders.faults import Faults
from tests.senders.sending import SENDER, guard_for, send, server_at

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
    """Return what a reader sees: the subject, and the text or all its forms."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    texts = [part.get_content() for part in message.walk() if not part.is_multipart()]
    return str(message["Subject"]), "".join(texts).replace("\r\n", "\n").strip()


# --- a task: what its rows say, filled in with nothing but str.replace ---

SUBJECT = "Grüße, {{name}} 😀"
TEXT = "Hello {{name}}!\n.\n..dots\nFrom the start\n" + "long " * 300 + "\n{{code}}\n"
HTML = "<p>Hello {{name}}!</p>\n.\n<p>مرحبا {{code}}</p>\n"


def values(number: int) -> dict[str, str]:
    return {"{{name}}": f"Ann Ü {number}", "{{code}}": f".{number} = {number}%"}


def expected(number: int) -> tuple[str, str]:
    subject, text, html = SUBJECT, TEXT, HTML
    for name, value in values(number).items():
        subject, text, html = (form.replace(name, value) for form in (subject, text, html))
    return subject, f"{text}{html}".strip()


TASK = {f"t{number}@example.com": expected(number) for number in range(COUNT)}
EXPECTED = {it.recipient: read(it.message) for it in ENVELOPES} | TASK


def plan_in(folder: Path) -> sessim.Plan:
    rows = (f"t{k}@example.com,{','.join(values(k).values())}\n" for k in range(COUNT))
    (folder / "list.csv").write_text(f"address,name,code\n{''.join(rows)}", "utf-8")
    for suffix, text in {"txt": TEXT, "html": HTML}.items():
        (folder / f"mail.{suffix}").write_text(text, "utf-8")
    task = {
        "name": "Launch", "sender": SENDER, "subject": SUBJECT,
        "recipients": str(folder / "list.csv"), "template": str(folder / "mail.html"),
    }  # fmt: skip
    domain = {"name": "example.com", "warmup": "none"}
    return sessim.Plan.from_dict({"start": "2026-12-01", "domains": [domain], "tasks": [task]})


def deliver(port: int, folder: Path) -> None:
    """Send the envelopes, and the task from its outbox."""
    server = server_at(port, connections=4)
    sent = send(server, ENVELOPES)
    assert sent.keys(Outcome.ACCEPTED) == list(range(COUNT))
    order = Order(plan_in(folder))
    with Outbox.create(folder / "send.outbox", Header(order.mode)) as outbox:
        for name, group in order.groups():
            outbox.add_list(name, group)
        with Courier(Pool(server, guard=guard_for(server))) as courier:
            SendingModel(order.plan, Dispatch(order, outbox, courier)).run()
        assert outbox.counts()[State.ACCEPTED] == COUNT


def test_row_48_our_own_servers(tmp_path: Path) -> None:
    with Loopback(tmp_path / "mails") as server:
        deliver(server.port, tmp_path)
        assert {it.recipient: read(it.file.read_bytes()) for it in server.received()} == EXPECTED
    (tmp_path / "send.outbox").unlink()
    with Faults() as faults:
        deliver(faults.port, tmp_path)
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


def test_row_48_aiosmtpd(tmp_path: Path) -> None:
    keeper = Keeper()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Listener(keeper, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        deliver(port, tmp_path)
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
        deliver(port, tmp_path)
    assert dict(read_dump(dump.read_bytes())) == EXPECTED


def read_dump(dump: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the mails of an mbox as smtp-sink writes it: three lines of its own come first."""
    for text in (b"\n" + dump).split(b"\nX-Client-Addr: ")[1:]:
        mail = text.split(f"\nFrom {SENDER} ".encode())[0]
        head, _, rest = mail.partition(b"\nReceived: ")
        recipient = head.split(b"X-Rcpt-Args: <")[1].split(b">")[0].decode()
        yield recipient, read(b"Received: " + rest)
