"""What a server offers in its EHLO reply, and the mechanisms of AUTH (RFC 4954)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from sessim.senders.settings import Credentials

LONGEST_COMMAND: Final = 512  # octets with CRLF, RFC 5321, 4.5.3.1.4


class Features(NamedTuple):
    """What the server's EHLO reply offers; ``size`` 0 is no limit."""

    pipelining: bool = False
    eight_bit: bool = False
    utf8: bool = False
    starttls: bool = False
    size: int = 0
    auth: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: str) -> Features:
        """Read the lines of an EHLO reply; the first one is the server's name."""
        offered: dict[str, list[str]] = {}
        for line in words.upper().splitlines()[1:]:
            # Some old servers write AUTH=LOGIN.
            name, *values = line.replace("AUTH=", "AUTH ").split() or [""]
            offered.setdefault(name, []).extend(values)
        size = next(iter(offered.get("SIZE", [])), "0")
        return cls(
            pipelining="PIPELINING" in offered,
            eight_bit="8BITMIME" in offered,
            utf8="SMTPUTF8" in offered,
            starttls="STARTTLS" in offered,
            size=int(size) if size.isascii() and size.isdigit() else 0,
            auth=tuple(offered.get("AUTH", [])),
        )


Step = Callable[[Credentials], bytes]

MECHANISMS: Final[dict[str, tuple[Step, ...]]] = {
    "PLAIN": (lambda it: b"AUTH PLAIN " + it.plain(),),
    "LOGIN": (
        lambda it: b"AUTH LOGIN",
        lambda it: it.login_user(),
        lambda it: it.login_password(),
    ),
}
"""What is written for each mechanism, a reply 334 between any two; the first known one is used."""

# A line of AUTH with its first response obeys the limit of commands (RFC 4954, 4).
LONG_PLAIN: Final[tuple[Step, ...]] = (lambda it: b"AUTH PLAIN", lambda it: it.plain())


def mechanism(features: Features, credentials: Credentials) -> tuple[Step, ...]:
    """Return the steps of the first mechanism that both sides know, none if there is none."""
    for name, steps in MECHANISMS.items():
        if name in features.auth:
            is_long = len(steps[0](credentials)) + len(b"\r\n") > LONGEST_COMMAND
            return LONG_PLAIN if is_long else steps
    return ()
