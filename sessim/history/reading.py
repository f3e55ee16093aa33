"""The bytes of a history's files: unpacked, in UTF-8, in lines or JSON values of bounded size."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, cast

from sessim.errors import HistoryError, shown
from sessim.history.losses import Losses, Place

MOST_BYTES: Final = 32 << 20
"""The longest line, and the largest JSON value, that is read."""
MOST_DEPTH: Final = 100
"""How deep a JSON value may be nested."""
CHUNK: Final = 1 << 20

_WIDE: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[{}\[\]]', re.DOTALL)
"""A string, whole or cut off at the end, or a bracket."""
_REST: Final = re.compile(rb'(?:[^"\\]++|\\.)*+("?)', re.DOTALL)
"""The rest of a string, whole or cut off."""

Line = tuple[int, bytes]
"""A number from 1, and the bytes without the line's end."""


def head(path: Path, size: int = 1 << 16) -> bytes:
    """Return the first bytes of a file, unpacked and in UTF-8."""
    start = b""
    with opened(path) as file, suppress(OSError, EOFError, zlib.error):
        while len(start) < size and (read := some(file)):
            start += read
    return start[:size]


def first_lines(path: Path, most: int = 20) -> Iterator[bytes]:
    """Yield how the first lines of a file begin that are not empty, at most 1 MB of each."""
    with opened(path) as file, suppress(OSError, EOFError, zlib.error):
        while most and (line := file.readline(CHUNK)):
            if not line.endswith(b"\n"):
                _skip_line(file)
            if line := line.strip():
                most -= 1
                yield line


def some(file: IO[bytes]) -> bytes:
    """Return some bytes that come next, at most :data:`CHUNK`; what is damaged is raised later."""
    return cast("io.BufferedReader", file).read1(CHUNK)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, whether packed by gzip or not; what is in UTF-16 comes as UTF-8.

    Raises :class:`HistoryError` if it cannot be opened.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise HistoryError(f"cannot read the history {shown(str(path))}: {reason}") from None
    with raw:
        file = cast("IO[bytes]", raw)
        if _peek(raw)[:2] == b"\x1f\x8b":
            file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
        start = _peek(file)
        for mark, encoding in _WIDE.items():
            if start.startswith(mark):
                file = _Recoded(file, encoding)
                break
        else:
            if start.startswith(codecs.BOM_UTF8):
                file.read(len(codecs.BOM_UTF8))
        yield file


def _peek(file: IO[bytes]) -> bytes:
    try:
        return cast("io.BufferedReader", file).peek(4)[:4]
    except (OSError, EOFError, zlib.error):
        return b""


class _Recoded(io.BufferedReader):
    """A file in another encoding, read as UTF-8; what is broken becomes a replacement mark."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        super().__init__(_Recoder(file, encoding), CHUNK)


class _Recoder(io.RawIOBase):
    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            read = self._file.read(CHUNK)
            self._rest = self._decoder.decode(read, final=not read).encode("utf-8", "replace")
            if not read:
                break
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def lines(path: Path, losses: Losses) -> Iterator[Line]:
    """Yield the lines of a file that are not empty; what is too long or cut off is left out."""
    with opened(path) as file:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(MOST_BYTES + 1)
                if len(line) > MOST_BYTES:
                    _skip_line(file)
                    losses.leave_out(_TOO_LONG, Place(path.name, number))
                    continue
            except (OSError, EOFError, zlib.error):
                losses.leave_out(_CUT_OFF, Place(path.name, number))
                return
            if not line:
                return
            if line := line.strip(_BLANK):
                yield number, line


_BLANK: Final = b" \t\r\n\f\v\0"
"""What stands around lines: a machine that lost its power leaves zeros at the end of a log."""
_TOO_LONG: Final = f"the line is longer than {MOST_BYTES >> 20} MB"
_TOO_LARGE: Final = f"the value is larger than {MOST_BYTES >> 20} MB"
_TOO_DEEP: Final = f"the value is nested deeper than {MOST_DEPTH} levels"
_CUT_OFF: Final = "the packed file ends before its end, or is damaged; what comes after is missing"
_UNFINISHED: Final = "the file ends in the middle of a value"


def _skip_line(file: IO[bytes]) -> None:
    while chunk := file.readline(CHUNK):
        if chunk.endswith(b"\n"):
            return


def values(path: Path, losses: Losses) -> Iterator[Line]:
    """Yield the JSON objects and lists of a document: its own, or the entries of its one list.

    However long the list is, only one entry is held at a time.
    """
    with opened(path) as file:
        yield from _Splitter(file, path.name, losses).values()


def members(path: Path, losses: Losses) -> Iterator[tuple[str, Line]]:
    """Yield the objects and lists of a document that is one object, with their member's name.

    Of a member that is a list, its entries: however long it is, only one is held at a time.
    """
    with opened(path) as file:
        splitter = _Members(file, path.name, losses)
        for value in splitter.values():
            yield splitter.member, value


class _Splitter:
    """Cuts a stream of JSON into values by counting brackets outside strings."""

    names_at = -1  # at which depth strings are the names of members

    def __init__(self, file: IO[bytes], name: str, losses: Losses) -> None:
        self.file, self.name, self.losses = file, name, losses
        self.buffer = bytearray()
        self.line = 1
        self.counted = 0  # up to where line ends have been counted in
        self.place = 0  # what lies before it has been looked at
        self.depth = self.base = 0  # the base is 1 inside the one list
        self.start = -1  # where the value begins, -1: none has begun
        self.begun_on = 1
        self.skips = ""  # why the value is left out
        self.torn = False  # within a string whose beginning has been dropped
        self.member = ""

    def values(self) -> Iterator[Line]:
        more = True
        while more:
            more = self._read()
            yield from self._whole()
            self._forget()
        if self.is_unfinished:
            self.losses.leave_out(self.skips or _UNFINISHED, Place(self.name, self.begun_on))
            if self.skips:
                place = Place(self.name, self.begun_on)
                self.losses.remark(
                    f"What comes after {place}, cannot be read: that value never ends."
                )

    @property
    def is_unfinished(self) -> bool:
        """Whether what has been read ends in the middle of a value."""
        return self.start >= 0 or self.depth > self.base

    def _read(self) -> bool:
        try:
            chunk = some(self.file)
        except (OSError, EOFError, zlib.error):
            self.losses.leave_out(_CUT_OFF, Place(self.name, self.line))
            return False
        self.buffer += chunk
        return bool(chunk)

    def _whole(self) -> Iterator[Line]:
        if self.torn:
            rest = _REST.match(self.buffer, self.place)
            assert rest is not None
            self.place, self.torn = rest.end(), not rest[1]
            if self.torn:
                return
        for match in _TOKEN.finditer(self.buffer, self.place):
            token = self.buffer[match.start()]
            if token == 0x22:  # a string
                if not match[1]:
                    self.place = match.start()
                    return
                if self.depth == self.names_at:
                    self.member = match[0][1:-1].decode("utf-8", "replace")
            elif token in b"{[":
                self._open(match.start(), token)
            elif (found := self._close(match.end())) is not None:
                yield found
        self.place = len(self.buffer)

    def _open(self, start: int, token: int) -> None:
        if self.depth == 0 and token == 0x5B and self.base == 0:
            self.base = 1  # the one list
        elif self.depth == self.base:
            self.start, self.skips = start, ""
            self.begun_on = self._line_at(start)
        self.depth += 1
        if self.depth - self.base > MOST_DEPTH:
            self.skips = _TOO_DEEP

    def _line_at(self, place: int) -> int:
        self.line += self.buffer.count(b"\n", self.counted, place)
        self.counted = place
        return self.line

    def _close(self, end: int) -> Line | None:
        self.depth = max(self.depth - 1, 0)
        if self.depth == 0 and self.base:
            self.base = 0
            return None
        if self.depth != self.base or (self.start < 0 and not self.skips):
            return None
        start, self.start = self.start, -1
        if self.skips:
            self.losses.leave_out(self.skips, Place(self.name, self.begun_on))
            self.skips = ""
            return None
        return self.begun_on, bytes(self.buffer[start:end])

    def _forget(self) -> None:
        """Drop what is done with, and a value that has grown too large."""
        if self.start >= 0 and len(self.buffer) - self.start > MOST_BYTES:
            self.skips, self.start = self.skips or _TOO_LARGE, -1
        if len(self.buffer) - self.place > MOST_BYTES:  # within one string
            self.skips, self.torn = _TOO_LARGE, True
            self.place += 1  # its quote
        keep = self.start if self.start >= 0 else self.place
        self._line_at(keep)
        del self.buffer[:keep]
        self.counted = 0
        self.place -= keep
        self.start = 0 if self.start >= 0 else -1


class _Members(_Splitter):
    """Cuts a JSON object into the values of its members, and the entries of those that are lists.

    ``base`` is 1 within the object and 2 within one of its lists.
    """

    names_at = 1

    @property
    def is_unfinished(self) -> bool:
        """Whether the object has no end."""
        return self.start >= 0 or self.depth > 0

    def _open(self, start: int, token: int) -> None:
        is_object = self.depth == 0 and token == 0x7B
        if is_object or (self.depth == self.base == 1 and token == 0x5B):
            self.depth = self.base = self.depth + 1
        else:
            super()._open(start, token)

    def _close(self, end: int) -> Line | None:
        if self.depth == self.base:
            self.depth = self.base = max(self.depth - 1, 0)
            return None
        return super()._close(end)
