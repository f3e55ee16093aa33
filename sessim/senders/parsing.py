"""From bytes to replies, with limits on everything that a server may send."""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import Final

from sessim.senders.replies import Reply

LONGEST_REPLY_LINE: Final = 4096  # octets; RFC 5321 allows 512, extensions more
MOST_REPLY_LINES: Final = 128
MOST_REPLIES_AHEAD: Final = 64
LONGEST_WORDS: Final = 400  # characters of a server's words that are kept

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\0]*))?")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)")


class Lost(Exception):
    """The connection is over, or what came is no SMTP; the text says how."""


def cleaned(words: str) -> str:
    """Return a server's words on one line, printable and not long."""
    if not words.isprintable():
        words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return words[:LONGEST_WORDS]


class ReplyLine:
    """One line of a reply."""

    __slots__ = ("code", "is_last", "text")

    def __init__(self, code: int, is_last: bool, text: str) -> None:
        self.code, self.is_last, self.text = code, is_last, text


@lru_cache(maxsize=128)  # servers repeat themselves, message after message
def _line(line: bytes) -> ReplyLine:
    found = _LINE.fullmatch(line.rstrip(b"\r"))
    if found is None:
        raise Lost(f"it said something that is no SMTP: {cleaned(line[:60].decode('latin-1'))!r}")
    code, mark, text = found.groups()
    return ReplyLine(int(code), mark != b"-", (text or b"").decode("utf-8", "replace"))


@lru_cache(maxsize=128)
def _single(line: bytes) -> Reply | None:
    """Return the reply that a line is on its own, ``None`` if others follow."""
    parsed = _line(line)
    return _reply([parsed]) if parsed.is_last else None


def _reply(lines: list[ReplyLine]) -> Reply:
    first = lines[0]
    if any(line.code != first.code for line in lines):
        raise Lost("it changed the code in the middle of a reply")
    enhanced = _ENHANCED.match(first.text)
    if enhanced is None or first.text[0] != str(first.code)[0]:
        return Reply(first.code, "", "\n".join(line.text for line in lines))
    skip = enhanced.group()
    words = (line.text.removeprefix(skip) for line in lines)
    return Reply(first.code, enhanced[1], "\n".join(words))


class Replies:
    """Cuts what arrives, in whatever pieces, into replies; holds a few kilobytes at most."""

    def __init__(self) -> None:
        self.ready: deque[Reply] = deque()
        self._rest = b""
        self._lines: list[ReplyLine] = []

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing has arrived that was not asked for."""
        return not (self.ready or self._rest or self._lines)

    def feed(self, data: bytes) -> None:
        """Take what arrived.

        Raises
        ------
        Lost
            It is no SMTP, or too much.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > LONGEST_REPLY_LINE:
            raise Lost(f"it sent a line of more than {LONGEST_REPLY_LINE} bytes")

    def _take(self, line: bytes) -> None:
        if len(line) > LONGEST_REPLY_LINE:
            raise Lost(f"it sent a line of more than {LONGEST_REPLY_LINE} bytes")
        if not self._lines and (single := _single(line)) is not None:
            self.ready.append(single)
        else:
            self._take_part(_line(line))
        if len(self.ready) > MOST_REPLIES_AHEAD:
            raise Lost("it sent replies to nothing")

    def _take_part(self, line: ReplyLine) -> None:
        self._lines.append(line)
        if len(self._lines) > MOST_REPLY_LINES:
            raise Lost(f"it sent a reply of more than {MOST_REPLY_LINES} lines")
        if line.is_last:
            self.ready.append(_reply(self._lines))
            self._lines = []
