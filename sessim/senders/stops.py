"""What stops a task, or a connection before its first message: errors of one sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sessim.errors import SessimError


class TaskStopped(SessimError, RuntimeError):
    """A send cannot go on: one sentence with the server, what was said and the remedy.

    Parameters
    ----------
    host
        The server, as its user named it.
    said
        What the server or the system said. Never holds a credential.
    """

    what = "the send cannot go on"
    remedy = "see what the server said"

    def __init__(self, host: str, said: str) -> None:
        super().__init__(host, said)
        self.host, self.said = host, said

    def __str__(self) -> str:
        return f"{self.host}: {self.what} ({self.said}): {self.remedy}"


class ServerRefused(TaskStopped):
    """The server does not talk to this client at all."""

    what = "the server refuses this client"
    remedy = "ask its operator, or send through another server"


class ServerUnreachable(TaskStopped):
    """No connection came about, or none that carried a message, however often it was tried."""

    what = "the server could not be reached"
    remedy = "check host and port, then resume: what was not sent is still pending"


class EncryptionMissing(TaskStopped):
    """The server does not offer STARTTLS, or refuses it; nothing goes on in clear text."""

    what = "the server offers no STARTTLS"
    remedy = "use the port with implicit TLS, or ask whether somebody strips it on the way"


class EncryptionFailed(TaskStopped):
    """The two sides do not come to speak TLS 1.2 or newer."""

    what = "no TLS connection came about"
    remedy = "check that port and kind of TLS belong together; TLS 1.2 is the oldest allowed"


class CertificateRefused(TaskStopped):
    """The server's certificate is not trusted, has expired or names another host."""

    what = "the server's certificate is not valid for it"
    remedy = "check the host's name, or name the authority's certificate with cafile"


class AuthenticationRefused(TaskStopped):
    """User and password were refused; tried once, because accounts lock."""

    what = "the server refused the credentials"
    remedy = "check user and password before another try, too many lock the account"


class ConfigurationRefused(TaskStopped):
    """Server and settings do not fit together."""

    what = "server and settings do not fit together"
    remedy = "check TLS, credentials and port in the settings"


class OutOfStep(TaskStopped):
    """The server says that commands came in a wrong order."""

    what = "the server says that commands came in a wrong order"
    remedy = "this is a mistake in sessim or in the server: please report it"


class NotUnderstood(TaskStopped):
    """The server does not know a command, or not in this form (x.5.x of RFC 3463)."""

    what = "the server does not understand a command"
    remedy = "this is a mistake in sessim or in the server: please report it"


class MailSystemRefused(TaskStopped):
    """The server's mail system has a fault of its own (x.3.x of RFC 3463)."""

    what = "the server says that its mail system cannot take mail"
    remedy = "ask its operator, then resume"


class RouteRefused(TaskStopped):
    """The server cannot pass mail on (x.4.x of RFC 3463)."""

    what = "the server says that network or routing behind it fail"
    remedy = "ask its operator, then resume"


class PolicyRefused(TaskStopped):
    """The server's security or policy does not allow the send (x.7.x of RFC 3463)."""

    what = "the server refuses this send by its security or policy"
    remedy = "ask its operator what it requires, then resume"


class PeerRefused(TaskStopped):
    """The guard does not let this send talk to that address."""

    what = "this send may not connect there"
    remedy = "name the server that the mode allows"


class SenderBlocked(TaskStopped):
    """The server refuses the sender again and again; ``keys`` are the rows that it cost.

    What it says it is about (see :data:`ABOUT`), ``words``, is told instead if that is no sender.
    """

    what = "the server refuses the sender"
    remedy = "have the sender's address or domain unblocked, then resume"

    def __init__(self, host: str, said: str, words: str = "", keys: Iterable[object] = ()) -> None:
        super().__init__(host, said)
        self.keys = tuple(keys)
        if (found := _SUBJECT.match(words)) and (kind := ABOUT.get(found[1])):
            self.what, self.remedy = kind.what, kind.remedy


_SUBJECT: Final = re.compile(r"[245]\d\d [245]\.(\d{1,3})\.")
ABOUT: Final = {"3": MailSystemRefused, "4": RouteRefused, "5": NotUnderstood}
"""What a refused MAIL is about if not the sender, by the middle number of an enhanced code.

RFC 3463: 1 is addresses, 2 the mailbox, 3 the mail system, 4 network and routing, 5 the protocol,
6 the content, 7 security or policy.
"""


class TooManyRejected(TaskStopped):
    """More of the first rows were rejected than a healthy list has."""

    what = "too many of the first recipients were rejected"
    remedy = "clean the list before it costs the sender's reputation"


class NotNow(SessimError, RuntimeError):
    """A connection did not come about this time; ``is_crowded``: the server has too many."""

    def __init__(self, said: str, is_crowded: bool = False) -> None:
        super().__init__(said)
        self.is_crowded = is_crowded
