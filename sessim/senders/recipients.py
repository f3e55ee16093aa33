"""Recipient groups from CSV files, streamed: each row is an address with variables, or refused."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sessim.errors import RecipientError, shown
from sessim.fields import local_part_and_domain
from sessim.recipients import head, layout, names_in, opened

LONGEST_ADDRESS = 254  # octets, RFC 5321 with its erratum 1690
LONGEST_LOCAL_PART = 64
_BLOCK = 2**20  # bytes read at once for a digest

# What no variable holds: it would end a header line in one program or another. Format characters
# stay allowed: emoji sequences and right-to-left text need them.
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")


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
        names the address column as :data:`sessim.recipients.ADDRESS_COLUMNS` do.

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
                self._delimiter, self._column = layout(header, self.path)
                names = names_in(csv.reader(header, delimiter=self._delimiter, strict=True))
        except (ValueError, csv.Error) as error:
            raise RecipientError(str(error)) from None
        self._columns = len(names)
        self.variables = self._variables(names)

    def __repr__(self) -> str:
        return f"<RecipientFile {self.path.name!r} with {len(self.variables)} variables>"

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        try:
            with opened(self.path, errors="surrogateescape") as lines:
                yield from self._rows(lines)
        except (ValueError, csv.Error) as error:
            raise RecipientError(str(error)) from None

    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes in hexadecimal digits."""
        found = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                while block := file.read(_BLOCK):
                    found.update(block)
        except OSError as error:
            raise RecipientError(
                f"cannot read the file {shown(str(self.path))} ({error.strerror}); name another"
            ) from None
        return found.hexdigest()

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
        if FORBIDDEN.search("".join(fields)):
            self._refuse_characters(fields)
        return fields

    def _refuse_characters(self, fields: list[str]) -> None:
        names = [*self.variables]
        names.insert(self._column, "address")
        for name, value in zip(names, fields, strict=True):
            if _NOT_UTF8.search(value):
                raise ValueError(f"{name} is not UTF-8 text; save the list as UTF-8")
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
