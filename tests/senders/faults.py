"""A mail server that fails on purpose, at any point and in any way, and writes down what it got.

``rules`` says what happens at a point: ``connect ehlo starttls auth mail rcpt data body dot quit``.
A rule is one action, a list of actions (one a visit, then the usual), or a function from a `Visit`
to an action. An action is

- text: that reply (``421`` closes the connection, as do 4xx and 5xx to ``connect``);
- bytes: written as they are;
- `DROP`, `RST`, `HANG`; at ``dot`` also `ACCEPT_DROP` and `ACCEPT_HANG`: the mail is kept first;
- `After`: another action after some seconds, some bytes of the body, or something else was done;
- ``None``: the usual.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import NamedTuple, Self


class Way(Enum):
    DROP = auto()
    RST = auto()
    HANG = auto()
    ACCEPT_DROP = auto()
    ACCEPT_HANG = auto()


DROP, RST, HANG = Way.DROP, Way.RST, Way.HANG
ACCEPT_DROP, ACCEPT_HANG = Way.ACCEPT_DROP, Way.ACCEPT_HANG


class After(NamedTuple):
    then: str | bytes | Way | None = None
    seconds: float = 0.0
    octets: int = 0
    done: Callable[[], object] | None = None


Action = str | bytes | Way | After | None


class Visit(NamedTuple):
    connection: int  # from 1
    point: str
    line: str
    sender: str
    recipient: str
    count: int  # how often this point was visited before, on any connection


Rule = Action | list[Action] | Callable[[Visit], Action]

FEATURES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 100000000")
USUAL = {
    "connect": "220 faults ESMTP",
    "starttls": "220 go on",
    "auth": "235 2.7.0 welcome",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "dot": "250 2.0.0 kept",
    "quit": "221 bye",
    "rset": "250 ok",
    "noop": "250 ok",
}


class Mail(NamedTuple):
    sender: str
    recipients: tuple[str, ...]
    content: bytes  # dots undone


class OverError(Exception):
    """This connection has ended."""


@dataclass
class Faults:
    rules: dict[str, Rule] = field(default_factory=dict)
    features: Sequence[str] = FEATURES
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    bytewise: bool = False
    late: float = 0.0  # seconds before each batch of replies
    most: int = 1000  # connections at a time
    slow: int = 0  # bytes of a body read a second
    port: int = 0

    def __post_init__(self) -> None:
        self.mails: list[Mail] = []
        self.commands: list[tuple[int, str]] = []
        self.visits: dict[str, int] = {}
        self.began: list[float] = []
        self.open = self.most_open = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.threads: list[threading.Thread] = []
        self.sockets: list[socket.socket] = []

    # --- what tests ask ---

    @property
    def recipients(self) -> list[str]:
        return [recipient for mail in self.mails for recipient in mail.recipients]

    def said(self, verb: str) -> list[str]:
        """Return the lines that clients began with a word."""
        return [line for _, line in self.commands if line.upper().startswith(verb)]

    # --- its life ---

    def __enter__(self) -> Self:
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        for sock in [self.listener, *self.sockets]:
            end(sock)
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                break
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets.append(sock)
                self.began.append(time.monotonic())
                number = len(self.began)
            self._start(self._serve, sock, number)
        self.listener.close()

    def _serve(self, sock: socket.socket, number: int) -> None:
        client = Client(self, sock, number)
        with self.lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            with suppress(OverError, OSError):
                client.talk()
        finally:
            with self.lock:
                self.open -= 1
            end(client.sock)
            client.sock.close()

    def decide(self, visit: Visit) -> Action:
        rule = self.rules.get(visit.point)
        if isinstance(rule, list):
            return rule[visit.count] if visit.count < len(rule) else None
        return rule(visit) if callable(rule) else rule

    def count(self, point: str) -> int:
        with self.lock:
            self.visits[point] = self.visits.get(point, 0) + 1
            return self.visits[point] - 1


def awaited(action: Action) -> Action:
    """Wait for what an action comes after; return what is to be done then."""
    if not isinstance(action, After):
        return action
    time.sleep(action.seconds)
    if action.done is not None:
        action.done()
    return action.then


def end(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class Client:
    """One client's connection, in a thread of its own."""

    def __init__(self, server: Faults, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self.buffer = bytearray()
        self.sender: str | None = None
        self.recipients: list[str] = []

    def talk(self) -> None:
        if self.server.implicit:
            self._secure()
        if self.server.open > self.server.most:
            self._say("421 4.7.0 too many connections from you")
            raise OverError
        self._at("connect")
        while True:
            line = self._line()
            self.server.commands.append((self.number, line))
            verb = line[:4].upper().strip()
            handler = getattr(self, f"_{verb.lower()}", None)
            if handler is None:
                self._say("500 5.5.1 unknown")
            else:
                handler(line)

    # --- commands ---

    def _ehlo(self, line: str) -> None:
        lines = ["faults", *self.server.features]
        usual = [f"250-{text}" for text in lines[:-1]] + [f"250 {lines[-1]}"]
        self._at("ehlo", line, "\r\n".join(usual))

    def _helo(self, line: str) -> None:
        self._say("250 faults")

    def _star(self, line: str) -> None:
        if self._at("starttls", line):
            self._secure()

    def _auth(self, line: str) -> None:
        if line.upper() == "AUTH LOGIN":
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                self._say(prompt)
                self.server.commands.append((self.number, self._line()))
        self._at("auth", line)

    def _mail(self, line: str) -> None:
        if self.sender is not None:
            self._say("503 5.5.1 nested MAIL")
            return
        sender = line[line.index("<") + 1 : line.rindex(">")]
        self.sender = sender
        if not self._at("mail", line):
            self.sender = None

    def _rcpt(self, line: str) -> None:
        recipient = line[line.index("<") + 1 : line.rindex(">")]
        if self.sender is None:
            self._say("503 5.5.1 MAIL first")
        elif self._at("rcpt", line, recipient=recipient):
            self.recipients.append(recipient)

    def _data(self, line: str) -> None:
        if not self.recipients and "data" not in self.server.rules:
            self._say("503 5.5.1 no valid recipients")
        elif self._at("data", line):
            self._body()

    def _rset(self, line: str) -> None:
        self._reset()
        self._at("rset")

    def _noop(self, line: str) -> None:
        self._at("noop")

    def _quit(self, line: str) -> None:
        self._at("quit", line)
        raise OverError

    def _reset(self) -> None:
        self.sender, self.recipients = None, []

    def _body(self) -> None:
        action = self._decide("body", "")
        if isinstance(action, After):
            while len(self.buffer) < action.octets:
                self._receive()
            action = awaited(action)
        if action is not None:
            self._do(action)
        seen = 0
        self.buffer[:0] = b"\r\n"  # that of DATA: the lone dot may be the first line
        while (found := self.buffer.find(b"\r\n.\r\n", seen)) < 0:
            seen = max(0, len(self.buffer) - 5)
            self._receive()
        del self.buffer[:2]
        content = bytes(self.buffer[:found])
        del self.buffer[: found + 3]
        if content.startswith(b"."):
            content = content[1:]
        mail = Mail(self.sender or "", tuple(self.recipients), content.replace(b"\r\n.", b"\r\n"))
        self._end_of_mail(mail)
        self._reset()

    def _end_of_mail(self, mail: Mail) -> None:
        recipient = mail.recipients[0] if mail.recipients else ""
        action = awaited(self._decide("dot", "", recipient))
        is_kept = action is None or action in {ACCEPT_DROP, ACCEPT_HANG}
        if is_kept and mail.recipients:
            self.server.mails.append(mail)
        plain = {ACCEPT_DROP: DROP, ACCEPT_HANG: HANG, None: USUAL["dot"]}
        self._do(plain[action] if action is None or action in plain else action)

    # --- actions ---

    def _decide(self, point: str, line: str, recipient: str = "") -> Action:
        count = self.server.count(point)
        visit = Visit(self.number, point, line, self.sender or "", recipient, count)
        return self.server.decide(visit)

    def _at(self, point: str, line: str = "", usual: str = "", recipient: str = "") -> bool:
        """Do what the rules say; return whether that is no refusal."""
        action = awaited(self._decide(point, line, recipient))
        if action is None:
            action = usual or USUAL[point]
        self._do(action)
        is_done = isinstance(action, str) and action[0] in "23"
        if point == "connect" and not is_done:
            raise OverError
        return is_done

    def _do(self, action: Action) -> None:
        if isinstance(action, bytes):
            self._write(action)
            return
        if isinstance(action, str):
            self._say(action)
            if action.startswith("421"):
                raise OverError
            return
        if action is HANG:
            self.server.closing.wait()
        elif action is RST:
            linger = struct.pack("ii", 1, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.sock.close()
        raise OverError

    def _say(self, text: str) -> None:
        self._write(text.encode() + b"\r\n")

    def _write(self, data: bytes) -> None:
        if self.server.late:
            time.sleep(self.server.late)
        if not self.server.bytewise:
            self.sock.sendall(data)
            return
        for byte in data:
            self.sock.sendall(bytes([byte]))

    def _line(self) -> str:
        while (end := self.buffer.find(b"\n")) < 0:
            self._receive()
        line = bytes(self.buffer[:end]).rstrip(b"\r")
        del self.buffer[: end + 1]
        return line.decode("utf-8", "replace")

    def _receive(self) -> None:
        if self.server.slow:
            time.sleep(0.05)
        data = self.sock.recv(self.server.slow // 20 or 65536)
        if not data:
            raise OverError
        self.buffer += data

    def _secure(self) -> None:
        assert self.server.tls is not None
        self.buffer.clear()
        self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)
        with self.server.lock:
            self.server.sockets.append(self.sock)
