"""Daily limits of a warm-up (rule R4): published tables, lists, CSV files, rules, fixed numbers.

A domain's ``warmup`` says where its limits come from; :func:`limits` turns that into something
with one method, ``on(day)``: the most emails that may be sent on that warm-up day.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from math import log
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from sessim.errors import nearest, shown

LARGEST = 10**15
"""No limit and no number of requests may be larger: the log keeps counts in 64 bits."""


_LARGEST_FILE = 50 * 2**20
_MOST_DIGITS = 100
_OWN = ("standard", "legacy")
_WORDS = ("none", "reputation")
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)


class Limits(Protocol):
    """Where the daily limits of a domain come from."""

    counts_days: ClassVar[bool]
    """Whether there is a warm-up day to speak of."""

    def on(self, day: int) -> int | None:
        """Return the most emails of warm-up day 1, 2, ...; 0 before day 1, None for no limit."""
        ...


@dataclass(frozen=True)
class Unlimited:
    """``warmup: none``."""

    counts_days: ClassVar[bool] = False

    def on(self, day: int) -> None:
        """Return None: no limit."""


@dataclass(frozen=True)
class Fixed:
    """``warmup`` as a number: the same limit every day."""

    limit: int
    counts_days: ClassVar[bool] = False

    def on(self, day: int) -> int:
        """Return the fixed limit, whatever the day."""
        return self.limit


@dataclass(frozen=True)
class Reputation:
    """``warmup: reputation``: the limit of the level that the domain begins with.

    What becomes of the level is no matter of days: see :mod:`sessim.reputation`.
    """

    level: int
    counts_days: ClassVar[bool] = False

    def on(self, day: int) -> int:
        """Return the limit of the first level; 0 before day 1."""
        return levels()[self.level] if day > 0 else 0


@dataclass(frozen=True)
class Table:
    """A number for each warm-up day; after the last one, that number holds."""

    numbers: tuple[int, ...]
    counts_days: ClassVar[bool] = True

    def on(self, day: int) -> int:
        """Return the number of the day."""
        return self.numbers[min(day, len(self.numbers)) - 1] if day > 0 else 0

    def first_fall(self) -> int | None:
        """Return the first day whose number is below that of the day before, if there is one."""
        days = enumerate(pairwise(self.numbers), 2)
        return next((day for day, (before, after) in days if after < before), None)


@dataclass(frozen=True)
class Rule:
    """``min(cap, floor(start * factor ** (day - 1)))``, the factor exactly as written."""

    start: int
    factor: Decimal
    cap: int
    counts_days: ClassVar[bool] = True

    def on(self, day: int) -> int:
        """Return the number of the day."""
        return _grown(self.start, self.factor, self.cap, day) if day > 0 else 0


_LOG = Context(prec=28)
_EXACT_POWER = 64  # 2**64 is more than the largest start: no higher power of 1.5 is whole


@lru_cache(maxsize=65_536)
def _grown(start: int, factor: Decimal, cap: int, day: int) -> int:
    power = day - 1
    if not start:
        return 0
    # Well past the cap, the power would only cost time.
    if power * float(_LOG.ln(factor)) > log(cap + 1) - log(start) + 1:
        return cap
    if power <= _EXACT_POWER or factor == 1:
        return min(cap, int(start * Fraction(factor) ** power))
    # The exact power has millions of digits. A rounded one will do, unless a whole number lies
    # within its error; then more digits decide, for such a high power is no whole number itself.
    digits = 60
    while True:
        context = Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN)
        grown = Fraction(context.power(factor, power)) * start
        error = grown / 10 ** (digits - 5)
        if int(grown - error) == int(grown + error):
            return min(cap, int(grown))
        digits *= 2


@dataclass(frozen=True)
class Schedule:
    """A published warm-up schedule, as shipped with the package.

    ``limits`` holds a number for each warm-up day from 1; ``source`` says who published it.
    """

    name: str
    title: str
    source: str
    note: str
    limits: tuple[int, ...]


@cache
def published() -> dict[str, Schedule]:
    """Return the published schedules by name, the service's own two first.

    Sources stand in each schedule's ``source``. Hourly limits are given as their daily sum; the
    ``note`` says so.
    """
    folder = files("sessim") / "schedules"
    found = {entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".csv")}
    names = [*_OWN, *sorted(found.difference(_OWN))]
    return {name: _schedule(name, (folder / f"{name}.csv").read_text("utf-8")) for name in names}


def _schedule(name: str, text: str) -> Schedule:
    lines = text.splitlines()
    remarks = dict(
        line.lstrip("# ").split(": ", 1) for line in lines if line.startswith("#") and ": " in line
    )
    numbers = numbers_from_csv("\n".join(line for line in lines if not line.startswith("#")))
    return Schedule(name, remarks["title"], remarks["source"], remarks.get("note", ""), numbers)


def numbers_from_csv(text: str) -> tuple[int, ...]:
    """Read daily limits from CSV: a column ``limit``, and optionally ``day`` counting from 1.

    Raises ``ValueError`` with the line for anything else.
    """
    # A remark becomes a blank line, which is skipped but counted.
    lines = ["\n" if line.startswith("#") else line for line in io.StringIO(text)]
    header = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(",;\t", key=header.count))
    rows = ([cell.strip() for cell in row] for row in reader if any(row))
    names = [name.lower() for name in next(rows, [])]
    if "limit" not in names:
        raise ValueError("has no column named limit; write a header line: day,limit")
    numbers: list[int] = []
    for row in rows:
        line, expected = reader.line_num, len(numbers) + 1
        cells = dict.fromkeys(names, "") | dict(zip(names, row, strict=False))
        if cells.get("day", str(expected)) != str(expected):
            raise ValueError(f"line {line}: day {shown(cells['day'])} should be {expected}")
        limit = cells["limit"]
        if not _INTEGER.fullmatch(limit):
            raise ValueError(f"line {line}: limit {shown(limit)} is not a whole number; give one")
        numbers.append(int(limit))
    return check_numbers(numbers)


def check_numbers(numbers: Sequence[int]) -> tuple[int, ...]:
    """Check a list of daily limits: whole numbers from 0."""
    if not numbers:
        raise ValueError("is an empty list of limits; give at least one number")
    for day, number in enumerate(numbers, 1):
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise ValueError(f"limit of day {day} is {shown(number)}; give a whole number")
        if not 0 <= number <= LARGEST:
            raise ValueError(
                f"limit of day {day} is {shown(number)}; give a number from 0 to {LARGEST}"
            )
    return tuple(map(int, numbers))


@dataclass(frozen=True)
class CsvLimits:
    """``warmup: {csv: limits.csv}``: limits read from a file when the plan was built."""

    csv: str
    numbers: tuple[int, ...]


Warmup = str | int | tuple[int, ...] | Rule | CsvLimits
"""What a domain's ``warmup`` may be once it has been read."""


def located(folder: Path, path: str) -> Path:
    """Return where a file named in a folder is, from the root on and without any ``..``."""
    return Path(os.path.normpath(folder.resolve() / path))


def read(value: object, folder: Path) -> Warmup:
    """Read a domain's ``warmup`` as users write it; ``ValueError`` says what would be right.

    Parameters
    ----------
    value
        A published name, ``"none"`` (or None), ``"reputation"``, a number, a list of numbers,
        ``{"start", "factor", "cap"}`` or ``{"csv": path}``.
    folder
        Where a relative path of a CSV file begins.
    """
    to_list = getattr(value, "tolist", None)
    if callable(to_list):  # numbers and arrays of numpy and pandas
        value = to_list()
    match value:
        case None:
            return "none"
        case str():
            if value not in _WORDS and value not in published():
                hint = nearest(value, [*published(), *_WORDS])
                raise ValueError(f"{shown(value)} is not a published schedule; {hint}")
            return value
        case Rule() | CsvLimits():
            return value
        case int() if not isinstance(value, bool):
            return check_numbers([value])[0]
        case list() | tuple():
            return check_numbers(value)
        case {"csv": str(path), **rest} if path.strip() and path.isprintable() and not rest:
            return _read_csv(path, folder)
        case {"csv": path, **rest}:
            wrong = f"csv is {shown(path)}" if not rest else "csv stands beside other keys"
            raise ValueError(f"{wrong}; give the path of a file and nothing else")
        case dict():
            return _read_rule(value)
    raise ValueError(
        f"{shown(value)} is no warm-up; give a published name, none, reputation, a number, "
        "a list of numbers, {start, factor, cap} or {csv: FILE}"
    )


def _read_csv(path: str, folder: Path) -> CsvLimits:
    file, name = located(folder, path), shown(path)
    try:
        if file.exists() and not file.is_file():
            raise ValueError(f"{name} is not a file; name a CSV file")
        if file.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"file {name} is larger than 50 MB; limits are a small file")
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"file {name} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ValueError(f"cannot read the file {name} ({error.strerror}); name another") from None
    try:
        return CsvLimits(str(file), numbers_from_csv(text))
    except csv.Error as error:
        raise ValueError(f"file {name} is not readable as CSV ({error}); mend it") from None
    except ValueError as error:
        raise ValueError(f"file {name}: {error}") from None


def _read_rule(value: dict[str, object]) -> Rule:
    for key in value:
        if key not in ("start", "factor", "cap"):
            hint = nearest(str(key), ("start", "factor", "cap", "csv"))
            raise ValueError(f"key {shown(key)} is not known; {hint}")
    for key in ("start", "factor", "cap"):
        if key not in value:
            raise ValueError(f"{key} is missing; give all of start, factor and cap")
    start, cap = value["start"], value["cap"]
    for key, number in (("start", start), ("cap", cap)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LARGEST:
            raise ValueError(f"{key} is {shown(number)}; give a whole number from 0 to {LARGEST}")
    factor = value["factor"]
    if isinstance(factor, bool) or not isinstance(factor, int | float | str | Decimal):
        raise ValueError(f"factor is {shown(factor)}; give a number from 1")
    try:
        exact = Decimal(str(factor))
    except (ArithmeticError, ValueError):
        raise ValueError(f"factor is {shown(factor)}; give a number from 1") from None
    if not exact.is_finite() or not 1 <= exact <= LARGEST:
        raise ValueError(
            f"factor is {shown(factor)}; give a number from 1, as a warm-up never shrinks"
        )
    if len(exact.as_tuple().digits) > _MOST_DIGITS:
        raise ValueError(f"factor has more than {_MOST_DIGITS} digits; round it")
    assert isinstance(start, int) and isinstance(cap, int)
    return Rule(start, exact, cap)


def plain(warmup: Warmup) -> object:
    """Write a ``warmup`` as plain data, as :func:`read` takes it."""
    match warmup:
        case tuple():
            return list(warmup)
        case Rule(start, factor, cap):
            return {"start": start, "factor": plain_number(factor), "cap": cap}
        case CsvLimits(path):
            return {"csv": path}
    return warmup


def plain_number(number: Decimal) -> int | float | str:
    """Write a decimal as a number where that loses nothing, else as text."""
    if number == number.to_integral_value():
        return int(number)
    return float(number) if Decimal(str(float(number))) == number else str(number)


@cache
def levels() -> tuple[int, ...]:
    """Return the limits of the reputation levels from 0, which forbids sending, to 20."""
    return (0, *published()["standard"].limits)


def limits(warmup: Warmup, level: int = 1) -> Limits:
    """Turn a ``warmup`` into the daily limits that it means.

    ``level`` is where a domain begins whose limits follow its reputation.
    """
    match warmup:
        case "reputation":
            return Reputation(level)
        case "none":
            return Unlimited()
        case str():
            return Table(published()[warmup].limits)
        case int():
            return Fixed(warmup)
        case tuple():
            return Table(warmup)
        case CsvLimits(_, numbers):
            return Table(numbers)
        case Rule():
            return warmup
