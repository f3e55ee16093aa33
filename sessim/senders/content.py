"""Addresses and messages in the form in which they go over the wire."""

from __future__ import annotations

import base64
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message
from functools import lru_cache
from typing import Final, NamedTuple

import email_validator

from sessim.errors import SessimError, shown

LONGEST_LINE: Final = 998  # octets without CRLF, RFC 5321, 4.5.3.1.6
LONGEST_ADDRESS: Final = 254  # a path of 256 has two angle brackets
LONGEST_LOCAL_PART: Final = 64
LONGEST_DOMAIN: Final = 255

_ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"({_ATOMS}(?:\.{_ATOMS})*)@({_LABEL}(?:\.{_LABEL})*)")


class Unfit(SessimError, ValueError):
    """A row that cannot go over the wire, with the reason."""


class Path(NamedTuple):
    """An address as it stands between ``<`` and ``>``; ``needs_utf8``: only with SMTPUTF8."""

    text: bytes
    needs_utf8: bool


@lru_cache(maxsize=64)  # for senders: they repeat
def sender_path(address: str) -> Path:
    """Return a sender's address for MAIL; see `recipient_path`. Empty is the null sender."""
    return Path(b"", False) if not address else recipient_path(address)


def recipient_path(address: str) -> Path:
    """Return a recipient's address for RCPT.

    Raises
    ------
    Unfit
        The address is none, or too long, or holds what could be read as another command.
    """
    plain = _PLAIN.fullmatch(address)
    if plain is None:
        return _unusual_path(address)
    local, domain = plain.groups()
    is_long = len(local) > LONGEST_LOCAL_PART or len(domain) > LONGEST_DOMAIN
    if is_long or len(address) > LONGEST_ADDRESS:
        raise Unfit(f"{shown(address)} is longer than an address may be")
    return Path(address.encode("ascii"), False)


def _unusual_path(address: str) -> Path:
    """Take quoted local parts and letters beyond ASCII; domains become A-labels."""
    try:
        found = email_validator.validate_email(
            address,
            check_deliverability=False,
            allow_quoted_local=True,
            test_environment=True,
            globally_deliverable=False,
        )
    except email_validator.EmailNotValidError as error:
        raise Unfit(f"{shown(address)} is no address: {error}") from None
    text = f"{found.ascii_local_part or found.local_part}@{found.ascii_domain}"
    # Whatever the validator lets through: nothing may end the command or the path early.
    if not text.isprintable() or re.search("[<>\r\n\0]", text):
        raise Unfit(f"{shown(address)} holds what no envelope may hold")
    return Path(text.encode(), not text.isascii())


def on_the_wire(message: bytes, *, takes_8bit: bool) -> bytes:
    """Return a message ready for DATA: CRLF everywhere, dots doubled, the final dot at the end.

    Bare LF becomes CRLF. What SMTP cannot carry as it is (bytes above 127 without 8BITMIME, lines
    of more than 998 octets, NUL, bare CR) is re-encoded as base64, part by part, so that the
    decoded content stays the same byte for byte.

    Raises
    ------
    Unfit
        The message cannot be brought into that form: its header is broken.
    """
    if not _is_ready(message, takes_8bit):
        message = _made_ready(message, takes_8bit)
    if b"\n." in message:
        message = message.replace(b"\n.", b"\n..")
    start = b"." if message.startswith(b".") else b""
    return b"".join((start, message, b".\r\n"))


def _is_ready(message: bytes, takes_8bit: bool) -> bool:
    """Tell whether nothing needs to be done but doubling dots: so are all of sessim's own."""
    if b"\0" in message or not (takes_8bit or message.isascii()):
        return False
    lines = message.split(b"\r\n")
    breaks = len(lines) - 1
    if lines[-1] or message.count(b"\n") != breaks or message.count(b"\r") != breaks:
        return False
    return max(map(len, lines)) <= LONGEST_LINE


def _made_ready(message: bytes, takes_8bit: bool) -> bytes:
    if not _is_carried(message, takes_8bit):
        message = _in_base64(message)
        if not _is_carried(message, takes_8bit):
            raise Unfit("the message's header has bytes or lines that SMTP cannot carry")
    if message.count(b"\n") != message.count(b"\r\n"):
        message = re.sub(rb"(?<!\r)\n", b"\r\n", message)
    if not message.endswith(b"\r\n") and message:
        message += b"\r\n"
    return message


def _is_carried(message: bytes, takes_8bit: bool) -> bool:
    """Tell whether SMTP carries a message once its lines end with CRLF."""
    if b"\0" in message or not (takes_8bit or message.isascii()):
        return False
    if message.count(b"\r") != message.count(b"\r\n"):
        return False
    # A line of 999 with its CR is one of 998 and CRLF; counting is exact enough at C's speed.
    return max(map(len, message.split(b"\n"))) <= LONGEST_LINE


_TO_ENCODE = ("", "7bit", "8bit", "binary")


def _in_base64(message: bytes) -> bytes:
    """Return a message whose parts that are in no encoding are in base64."""
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    for part in _leaves(parsed):
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in _TO_ENCODE:
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            del part["Content-Transfer-Encoding"]
            part["Content-Transfer-Encoding"] = "base64"
            part.set_payload(base64.encodebytes(content).decode("ascii"))
    if "MIME-Version" not in parsed:
        parsed["MIME-Version"] = "1.0"
    return parsed.as_bytes()


def _leaves(message: Message) -> Iterator[Message]:
    return (part for part in message.walk() if not part.is_multipart())
