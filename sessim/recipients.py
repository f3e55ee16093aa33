"""Recipient lists: CSV files that are read row by row and never held in memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from sessim.errors import shown

ADDRESS_COLUMNS = ("address", "email", "e-mail", "email address", "mail", "recipient")
"""Names, in any case, under which the column of addresses is found; the first match wins."""

_WORD = r"[^\s@<>()\[\],;:\"\x00-\x1f.]+"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_WORD}(?:\.{_WORD})*@(?:{_WORD}\.)+{_WORD}")
_NAMED_LINES = 5
_LONGEST_LINE = 2**20


def count(path: Path) -> int:
    """Count the recipients of a CSV file with a header line.

    Raises
    ------
    ValueError
        If the file cannot be read, has no column of addresses, holds no recipient, or has rows
        without an address; the text names how many and the first lines.
    """
    good, bad = 0, 0
    first_bad: list[str] = []
    for line, address in addresses(path):
        if _ADDRESS.fullmatch(address) and len(address) <= 254:
            good += 1
            continue
        bad += 1
        if len(first_bad) < _NAMED_LINES:
            first_bad.append(str(line))
    if bad:
        more = ", ..." if bad > len(first_bad) else ""
        raise ValueError(
            f"file {path.name!r} has {bad} row{'s' if bad > 1 else ''} without a valid address "
            f"(line{'s' if bad > 1 else ''} {', '.join(first_bad)}{more}); mend or remove them"
        )
    if not good:
        raise ValueError(f"file {path.name!r} holds no recipients; add rows below the header")
    return good


def addresses(path: Path) -> Iterator[tuple[int, str]]:
    """Read the line numbers and address fields of a CSV file, blank lines left out."""
    line = 1
    with opened(path) as lines:
        try:
            header = head(lines)
            delimiter, column = layout(header, path)
            reader = csv.reader(chain(header, lines), delimiter=delimiter, strict=True)
            names_in(reader)
            line = reader.line_num + 1
            for row in reader:
                if row:
                    yield line, row[column].strip() if column < len(row) else ""
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(
                f"file {path.name!r}, line {line}, is not readable as CSV ({error}); mend the line"
            ) from None


@contextmanager
def opened(path: Path, errors: str = "strict") -> Iterator[Iterator[str]]:
    """Open a list: its lines, of which none is held longer than it is used.

    ``errors`` says what becomes of bytes that are not UTF-8, as for :func:`open`. Raises
    ``ValueError`` with a sentence if the file cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{shown(str(path))} is not a file; name a CSV file")
        with path.open(encoding="utf-8-sig", errors=errors, newline="") as file:
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
