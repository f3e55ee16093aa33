"""Sending mail as sessim does, as Postfix's smtp-source does, and the plain way: emails a second.

Elapsed time, not this process's own: others do a part of the work, and the disk another.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path
from tempfile import TemporaryDirectory

from sessim import Plan
from sessim.senders.courier import Courier
from sessim.senders.dispatch import Dispatch
from sessim.senders.handover import SendingModel
from sessim.senders.loopback import HOST
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.pool import Pool
from sessim.senders.settings import Guard, Server
from sessim.senders.states import State
from sessim.senders.store import Header

CONNECTIONS = 16
POSTFIX = Path(os.environ.get("SESSIM_POSTFIX", "/"))
"""Where Debian's package postfix is unpacked."""

SENDER = "hello@news.example.com"
LINES = "The same for everybody, and about as long as a line of text is.\n" * 14
TEXT = f"Hello {{{{first}}}}!\n{LINES}Your code: {{{{code}}}}\n"
HTML = f"<p>Hello {{{{first}}}}!</p>\n{LINES}<p>Your code: {{{{code}}}}</p>\n"
SIZE = 2000  # bytes of a message, roughly


def postfix(name: str, *arguments: str) -> list[str] | None:
    """Return the command of a program of Postfix's; None if it is not here."""
    unpacked = POSTFIX / "usr/sbin" / name
    program = str(unpacked) if unpacked.exists() else shutil.which(name)
    libraries = f"LD_LIBRARY_PATH={POSTFIX / 'usr/lib/postfix'}"
    return program and ["env", libraries, program, *arguments]


@contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink; the value is its port."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    as_whom = ["-u", "root"] if os.geteuid() == 0 else []
    command = postfix("smtp-sink", *as_whom, f"{HOST}:{port}", "1000")
    assert command is not None
    with subprocess.Popen(command) as process:
        try:
            while process.poll() is None:
                with socket.socket() as probe:
                    if not probe.connect_ex((HOST, port)):
                        break
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()


def rate(emails: int, work: Callable[[], object]) -> float:
    """Return how many emails a second some work comes to."""
    start = time.perf_counter()
    work()
    return emails / (time.perf_counter() - start)


def by_sessim(port: int, emails: int) -> float:
    """Send from model to wire: an outbox on the disk, messages built for each recipient.

    What lies before the first email (the list taken in) is not counted, the run's rows are.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        order = _order(folder, emails)
        header = Header(order.mode, plan=order.to_json())
        server = Server(HOST, port, tls="none", connections=CONNECTIONS)
        pool = Pool(server, guard=Guard.only(HOST, port))
        with Outbox.create(folder / "send.outbox", header) as outbox:
            for title, group in order.groups():
                outbox.add_list(title, group)
            with Courier(pool) as courier:
                model = SendingModel(order.plan, Dispatch(order, outbox, courier))
                found = rate(emails, lambda: model.run(order.plan.end_instant))
            assert outbox.counts()[State.ACCEPTED] == emails
    return found


def _order(folder: Path, emails: int) -> Order:
    rows = (f"user{n}@site{n % 100}.example,Ann {n},c{n}\n" for n in range(emails))
    (folder / "list.csv").write_text("address,first,code\n" + "".join(rows))
    (folder / "mail.txt").write_text(TEXT)
    (folder / "mail.html").write_text(HTML)
    task = {
        "name": "Launch", "sender": SENDER, "subject": "News for {{first}}",
        "recipients": str(folder / "list.csv"), "template": str(folder / "mail.html"),
    }  # fmt: skip
    domain = {"name": "news.example.com", "warmup": "none"}
    plain = {"start": "2026-12-01", "rate": 1_000_000, "domains": [domain], "tasks": [task]}
    return Order(Plan.from_dict(plain))


def by_smtp_source(port: int, emails: int, *options: str) -> float:
    """Send the same bytes again and again, with 16 sessions, in C."""
    numbers = ["-s", str(CONNECTIONS), "-m", str(emails), "-l", str(SIZE)]
    names = ["-f", SENDER, "-t", "user@site.example"]
    command = postfix("smtp-source", *options, *numbers, *names, f"{HOST}:{port}")
    assert command is not None
    return rate(emails, lambda: subprocess.run(command, check=True))


def by_smtplib(port: int, emails: int) -> float:
    """Send the plain way: a message object each time, one connection that is kept."""

    def work() -> None:
        with smtplib.SMTP(HOST, port, local_hostname="[127.0.0.1]") as server:
            for number in range(emails):
                server.send_message(_message(number))

    return rate(emails, work)


def _message(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = SENDER, f"user{number}@site.example"
    message["Subject"] = f"News for Ann {number}"
    message["Date"], message["Message-ID"] = localtime(), make_msgid(domain="news.example.com")
    values = {"{{first}}": f"Ann {number}", "{{code}}": f"c{number}"}
    message.set_content(_filled(TEXT, values))
    message.add_alternative(_filled(HTML, values), subtype="html")
    return message


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text
