"""Recipient lists: CSV files that are read row by row and never held in memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

ADDRESS_COLUMNS = ("address", "email", "e-mail", "email address", "mail", "recipient")
"""Names, in any case, under which the column of addresses is found; the first match wins."""

_ADDRESS = re.compile(r"[^\s@<>,;\"\x00-\x1f]{1,64}@[^\s@<>,;\"\x00-\x1f]+\.[^\s@<>,;\"\x00-\x1f]+")
_NAMED_LINES = 5


def count(path: Path) -> int:
    """Count the recipients of a CSV file with a header line.

    Raises
    ------
    ValueError
        If the file cannot be read, has no column of addresses, holds no recipient, or has rows
        without an address; the text names how many and the first lines.
    """
    good, bad, first_bad = 0, 0, []
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
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            delimiter = max(",;\t", key=header.count)
            column = _address_column(next(csv.reader([header], delimiter=delimiter), []), path)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                if row:
                    address = row[column].strip() if column < len(row) else ""
                    yield reader.line_num + 1, address
    except UnicodeDecodeError:
        raise ValueError(f"file {path.name!r} is not UTF-8 text; save it as UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"file {path.name!r} is not readable as CSV: {error}") from None
    except OSError as error:
        raise ValueError(f"cannot read the file {str(path)!r}: {error.strerror}") from None


def _address_column(header: list[str], path: Path) -> int:
    names = [name.strip().lower() for name in header]
    for known in ADDRESS_COLUMNS:
        if known in names:
            return names.index(known)
    raise ValueError(
        f"file {path.name!r} has no address column; name one of its columns 'address'"
    )
