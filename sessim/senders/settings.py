"""Whom to send through: the server, its time-outs, the credentials, and what a send may touch."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn, get_args

from sessim.errors import ArgumentError, shown

Encryption = Literal["none", "starttls", "implicit"]

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]+")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for each reply, in seconds; the defaults are those of RFC 5321, 4.5.3.2.

    ``body`` is the time for each 64 KiB of a message, so that a slow server has time enough and
    one that reads nothing does not. ``idle`` is how long a connection without work is kept.
    """

    connect: float = 30.0
    greeting: float = 300.0
    hello: float = 300.0
    tls: float = 60.0
    auth: float = 120.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    body: float = 180.0
    dot: float = 600.0
    quit: float = 5.0
    idle: float = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, as its user configures it.

    Parameters
    ----------
    host, port
        Where it listens. The certificate has to name this host.
    tls
        ``"implicit"`` from the first byte (port 465), ``"starttls"`` (port 587), or ``"none"``.
        Certificates are always verified, TLS 1.2 is the oldest allowed.
    cafile
        A PEM file with the authorities to trust instead of the system's.
    ehlo_name
        How the client introduces itself: a host name or an address literal.
    timeouts
        See `Timeouts`.
    connections
        How many connections to keep at most.

    Raises
    ------
    ArgumentError
        A value cannot be used.
    """

    host: str
    port: int = 465
    tls: Encryption = "implicit"
    cafile: str | None = None
    ehlo_name: str = "[127.0.0.1]"
    timeouts: Timeouts = field(default_factory=Timeouts)
    connections: int = 4

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.host):
            raise ArgumentError(f"host: {shown(self.host)} is no host name")
        if not _NAME.fullmatch(self.ehlo_name):
            raise ArgumentError(f"ehlo_name: {shown(self.ehlo_name)} is no host name")
        if not 0 < self.port < 1 << 16:
            raise ArgumentError(f"port: {self.port} is not from 1 to 65535")
        if self.tls not in get_args(Encryption):
            known = ", ".join(get_args(Encryption))
            raise ArgumentError(f"tls: {shown(self.tls)} is not one of {known}")
        if self.tls == "none" and self.cafile is not None:
            raise ArgumentError(
                "cafile: without TLS there is no certificate to look at; use smtps:// or "
                "smtp+starttls://, or leave it out"
            )
        if not 1 <= self.connections <= 100:
            raise ArgumentError(f"connections: {self.connections} is not from 1 to 100")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Secret:
    """A value that shows itself only to who asks for it by name.

    It is not in ``repr``, ``vars``, pickles or JSON, and two are compared in constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value: do not keep it in a variable, tracebacks may show those."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never written to a file")


HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of an account on the server.

    Raises
    ------
    ArgumentError
        The user is empty, or one of the two holds a NUL, which AUTH cannot carry.
    """

    user: str
    password: Secret

    def __post_init__(self) -> None:
        if not self.user:
            raise ArgumentError("user: is empty, the server needs to know who sends")
        if "\0" in self.user or "\0" in self.password.reveal():
            raise ArgumentError("user and password: may hold no NUL")

    def plain(self) -> bytes:
        """Return the one word of AUTH PLAIN (RFC 4616)."""
        return base64.b64encode(f"\0{self.user}\0{self.password.reveal()}".encode())

    def login_user(self) -> bytes:
        """Return the first word of AUTH LOGIN."""
        return base64.b64encode(self.user.encode())

    def login_password(self) -> bytes:
        """Return the second word of AUTH LOGIN."""
        return base64.b64encode(self.password.reveal().encode())

    def scrubbed(self, words: str) -> str:
        """Return what a server said without the password, should it have echoed it."""
        forms = (self.plain().decode(), self.login_password().decode(), self.password.reveal())
        for form in filter(None, forms):
            words = words.replace(form, HIDDEN)
        return words


@dataclass(frozen=True, slots=True)
class Guard:
    """What a send may touch, asked at the last moment.

    Parameters
    ----------
    peer
        Called with the host as configured, each address that it resolves to, and the port,
        before any socket is opened. False stops the task.
    recipient
        Called with the envelope's recipient just before MAIL. False refuses the row.
    """

    peer: Callable[[str, str, int], bool]
    recipient: Callable[[str], bool]

    @classmethod
    def only(
        cls, address: str, port: int, recipient: Callable[[str], bool] = lambda address: True
    ) -> Guard:
        """Return a guard that allows one peer, by its resolved address, and any recipient."""
        return cls(
            peer=lambda host, resolved, number: (resolved, number) == (address, port),
            recipient=recipient,
        )
