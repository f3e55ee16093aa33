"""Recipient lists: CSV files read row by row; each row is an address with variables, or refused.

What a simulation counts is what a send takes in: both read the rows here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from sessim.errors import RecipientError, shown
from sessim.fields import local_part_and_domain

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12

ADDRESS_COLUMNS: Final = (*("address", "email", "e-mail", "email address", "mail", "recipient"),)
"""Names, in any case, under which the column of addresses is found; the first match wins."""

LONGEST_ADDRESS: Final = 254  # octets, RFC 5321 with its erratum 1690
LONGEST_LOCAL_PART: Final = 64
_LONGEST_LINE: Final = 2**20
_BLOCK: Final = 2**16  # bytes read at once
_NAMED: Final = 5  # refused rows that are named

# What no variable holds: it would end a header line in one program or another. Format characters
# stay allowed: emoji sequences and right-to-left text need them.
FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_UTF8: Final = re.compile("[\ud800-\udfff]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_BRACES: Final = "{{"


@dataclass(frozen=True)
class Survey:
    """What a list comes to.

    Attributes
    ----------
    good
        Recipients that are sent to, each address once.
    refused
        Rows that are not, repetitions included.
    first
        The first few of these, by line.
    """

    good: int
    refused: int
    first: tuple[Refusal, ...]

    @property
    def warning(self) -> str:
        """What is to be said of refused rows, empty if there are none."""
        return f"leaves out {self}" if self.refused else ""

    def __str__(self) -> str:
        """Name the refused rows, in a sentence's end."""
        lines = ", ".join(str(refusal.line) for refusal in self.first)
        more = ", ..." if self.refused > len(self.first) else ""
        s = "s" if self.refused > 1 else ""
        return (
            f"{self.refused:,} row{s} that cannot be used (line{s} {lines}{more}), "
            f"the first: {self.first[0].reason}"
        )


def survey(path: Path) -> Survey:
    """Look through a list as a send does; it takes some 100 bytes of memory a row.

    Raises
    ------
    ValueError
        If the file cannot be read, has no column of addresses, or no row that can be used.
    """
    good = refused = 0
    first: list[Refusal] = []
    for row in without_repeats(RecipientFile(path)):
        if isinstance(row, Recipient):
            good += 1
            continue
        refused += 1
        if len(first) < _NAMED:
            first.append(row)
    found = Survey(good, refused, tuple(first))
    if not good and refused:
        raise ValueError(f"file {path.name!r} holds nothing but {found}")
    if not good:
        raise ValueError(f"file {path.name!r} holds no recipients; add rows below the header")
    return found


def without_repeats(rows: Iterable[Recipient | Refusal]) -> Iterator[Recipient | Refusal]:
    """Yield the rows of a list; one whose address was there before is refused.

    It is known by a number of 64 bits: two in a list of a million are the same once in 37 million
    lists.
    """
    seen: set[int] = set()
    for row in rows:
        if isinstance(row, Recipient):
            key = hash(row.key)
            if key in seen:
                yield Refusal(row.line, "address is that of a line before; remove one of them")
                continue
            seen.add(key)
        yield row


class Recipient(NamedTuple):
    """One good row: its first line in the file, the address with its key, the variables' values.

    The domain of ``address`` is in lower case and ASCII (A-labels); a local part that is not
    ASCII needs a server with SMTPUTF8. Two rows are the same recipient if their ``key`` is.
    """

    line: int
    address: str
    key: str
    values: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Recipient of line {self.line}>"


class Refusal(NamedTuple):
    """One row that is not sent to: its first line in the file, and why in one sentence."""

    line: int
    reason: str

    def __repr__(self) -> str:
        return f"<Refusal of line {self.line}>"


class RecipientFile:
    """A recipient group in a CSV file: an address column, every other column a variable.

    Iterating yields a :class:`Recipient` or a :class:`Refusal` a row, in the order of the file,
    blank lines left out; nothing is held, so a list may have millions of rows. Repetitions are
    not told here: the outbox knows the rows before.

    Parameters
    ----------
    path
        UTF-8 (with or without byte order mark), separated by comma, semicolon or tab; the header
        names the address column as :data:`ADDRESS_COLUMNS` do.

    Raises
    ------
    RecipientError
        If the file cannot be read, has no address column, or names a variable twice or not at
        all.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with opened(self.path, errors="surrogateescape") as lines:
                header = head(lines)
                if _NOT_UTF8.search("".join(header)):
                    raise RecipientError(
                        f"file {self.path.name!r} is not UTF-8 text; save it as UTF-8"
                    )
                self._delimiter, self._column = layout(header, self.path)
                names = names_in(csv.reader(header, delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            raise RecipientError(
                f"file {self.path.name!r} is not readable as CSV ({error}); mend its header"
            ) from None
        except ValueError as error:
            raise RecipientError(str(error)) from None
        while not names[-1]:  # a delimiter at the end of the lines begins no column
            names.pop()
        self._columns = len(names)
        self.variables = self._variables(names)

    def __repr__(self) -> str:
        return f"<RecipientFile {self.path.name!r} with {len(self.variables)} variables>"

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        return self.read()

    def read(self, digest: Digest | None = None) -> Iterator[Recipient | Refusal]:
        """Yield the rows, and let a digest see what they are made of: the header and every byte."""
        if digest is not None:
            digest.update(repr((self._delimiter, self._column, self.variables)).encode())
        try:
            with opened(self.path, errors="surrogateescape", digest=digest) as lines:
                yield from self._rows(lines)
        except (ValueError, csv.Error) as error:
            raise RecipientError(str(error)) from None

    def _variables(self, names: list[str]) -> tuple[str, ...]:
        """Return the names of the variables, those of the address column left out."""
        seen: set[str] = set()
        for number, name in enumerate(names, 1):
            wrong = (
                "has no name"
                if not name
                else f"is called {shown(name)}, as one before"
                if name in seen
                else f"is called {shown(name)}, which no template could name"
                if FORBIDDEN.search(name) or "{" in name or "}" in name
                else ""
            )
            if wrong:
                raise RecipientError(
                    f"file {self.path.name!r}: column {number} {wrong}; give each column a name of "
                    "its own, without braces"
                )
            seen.add(name)
        return tuple(names[: self._column] + names[self._column + 1 :])

    def _rows(self, lines: Iterator[str]) -> Iterator[Recipient | Refusal]:
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        names_in(reader)
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:  # the reader goes on behind what it could not read
                last = reader.line_num
                lost = f"lines {line} to {last} are" if last > line else "is"
                yield Refusal(line, f"{lost} not readable as CSV ({error}); mend the quotes")
                continue
            if fields:
                yield self._row(line, fields)

    def _row(self, line: int, fields: list[str]) -> Recipient | Refusal:
        try:
            fields = self._fitting(fields)
            address, key = canonical(fields.pop(self._column).strip())
        except ValueError as error:
            return Refusal(line, str(error))
        return Recipient(line, address, key, tuple(fields))

    def _fitting(self, fields: list[str]) -> list[str]:
        """Return the fields of a row, as many as there are columns and each fit for a header."""
        count = self._columns
        if len(fields) < count or any(fields[count:]):
            raise ValueError(
                f"has {len(fields)} fields, but the header has {count}; "
                "give one a column, in quotes if it holds a delimiter"
            )
        del fields[count:]
        text = "".join(fields)
        if _BRACES in text or FORBIDDEN.search(text):
            self._refuse_characters(fields)
        return fields

    def _refuse_characters(self, fields: list[str]) -> None:
        names = [*self.variables]
        names.insert(self._column, "address")
        for name, value in zip(names, fields, strict=True):
            if _NOT_UTF8.search(value):
                raise ValueError(f"{name} is not UTF-8 text; save the list as UTF-8")
            if _BRACES in value:
                raise ValueError(
                    f"{name} {shown(value)} has {_BRACES}, with which variables begin; leave it out"
                )
            # An address may stand between line breaks: they are stripped from it.
            if FORBIDDEN.search(value.strip() if name == "address" else value):
                raise ValueError(
                    f"{name} {shown(value)} has line breaks or control characters; leave them out"
                )


def canonical(text: str) -> tuple[str, str]:
    """Return an address with its domain as A-labels, and the key by which it is told from others.

    The key is the address in lower case: servers that tell ``Ann@`` from ``ann@`` are rarer than
    lists that name one person twice. ``ann+news@`` is another recipient than ``ann@``, and no dots
    are left out: what a provider makes of them is its own affair.

    Raises
    ------
    ValueError
        If it is no address that the service could send to, quoted local parts included.
    """
    local, _, domain = text.rpartition("@")
    try:
        if _PLAIN.fullmatch(local) and len(local) <= LONGEST_LOCAL_PART:
            domain = _ascii_domain(domain)
        else:
            local, domain = local_part_and_domain(text)
        if "." not in domain:
            raise ValueError("the part after the @-sign has no dot")
    except ValueError as error:
        raise ValueError(
            f"address {shown(text)} cannot be used ({str(error).rstrip('.')}); "
            "write name@domain, or remove the row"
        ) from None
    address = f"{local}@{domain}"
    if len(address.encode()) > LONGEST_ADDRESS or len(local.encode()) > LONGEST_LOCAL_PART:
        raise ValueError(
            f"address {shown(text)} is too long; {LONGEST_LOCAL_PART} octets before the @ and "
            f"{LONGEST_ADDRESS} in all are the most, remove the row"
        )
    return address, address.lower()


@lru_cache(maxsize=65_536)
def _ascii_domain(domain: str) -> str:
    """Check a domain once, not once a row: that takes most of the time of an address."""
    return local_part_and_domain(f"postmaster@{domain}")[1]


class Digest(Protocol):
    """What :mod:`hashlib` makes."""

    def update(self, data: Buffer, /) -> None:
        """Take some bytes."""


class _Seen(io.FileIO):
    """A file whose bytes a digest sees as they are read, so that it is that of no other moment."""

    def __init__(self, path: Path, digest: Digest) -> None:
        super().__init__(path)
        self._digest = digest

    def readinto(self, buffer: Buffer) -> int | None:
        count = super().readinto(buffer)
        self._digest.update(memoryview(buffer)[:count])
        return count


@contextmanager
def opened(
    path: Path, errors: str = "strict", digest: Digest | None = None
) -> Iterator[Iterator[str]]:
    """Open a list: its lines, of which none is held longer than it is used.

    ``errors`` says what becomes of bytes that are not UTF-8, as for :func:`open`; a ``digest``
    sees all bytes. Raises ``ValueError`` with a sentence if the file cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{shown(str(path))} is not a file; name a CSV file")
        raw = io.FileIO(path) if digest is None else _Seen(path, digest)
        with io.TextIOWrapper(
            io.BufferedReader(raw, _BLOCK), encoding="utf-8-sig", errors=errors, newline=""
        ) as file:
            yield iter(partial(file.readline, _LONGEST_LINE), "")
    except UnicodeDecodeError:
        raise ValueError(f"file {path.name!r} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ValueError(
            f"cannot read the file {shown(str(path))} ({error.strerror}); name another"
        ) from None


def head(lines: Iterator[str]) -> list[str]:
    """Take the lines of the header: up to the first with text, and on while a quote is open."""
    taken: list[str] = []
    size = quotes = 0
    for line in lines:
        taken.append(line)
        size += len(line)
        quotes += line.count('"')
        if (line.strip() and quotes % 2 == 0) or size >= _LONGEST_LINE:
            break
    return taken


def names_in(rows: Iterable[list[str]]) -> list[str]:
    """Return the names of the columns, on one line each: the first row with text."""
    found = next((row for row in rows if "".join(row).strip()), [])
    return [" ".join(name.split()) for name in found]


def layout(header: list[str], path: Path) -> tuple[str, int]:
    """Find the delimiter and the column of addresses in the lines of a header."""
    text = "".join(header)
    for delimiter in sorted(",;\t", key=text.count, reverse=True):
        names = [name.lower() for name in names_in(csv.reader(header, delimiter=delimiter))]
        for known in ADDRESS_COLUMNS:
            if known in names:
                return delimiter, names.index(known)
    raise ValueError(f"file {path.name!r} has no address column; name one of its columns 'address'")
