"""Daily limits of a warm-up (rule R4): published tables, lists, CSV files, rules, fixed numbers.

A domain's ``warmup`` says where its limits come from; :func:`limits` turns that into something
with one method, ``on(day)``: the most emails that may be sent on that warm-up day.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from math import log
from pathlib import Path
from typing import ClassVar, Protocol

from sessim.errors import SessimWarning, nearest

LARGEST = 10**15
"""No limit and no number of requests may be larger: the log keeps counts in 64 bits."""


class Limits(Protocol):
    """Where the daily limits of a domain come from."""

    counts_days: bool
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
class Table:
    """A number for each warm-up day; after the last one, that number holds."""

    numbers: tuple[int, ...]
    counts_days: ClassVar[bool] = True

    def on(self, day: int) -> int:
        """Return the number of the day."""
        return self.numbers[min(day, len(self.numbers)) - 1] if day > 0 else 0


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


@lru_cache(maxsize=65_536)
def _grown(start: int, factor: Decimal, cap: int, day: int) -> int:
    # Well past the cap, the exact power would only cost time.
    if start and (day - 1) * log(factor) > log(cap + 1) - log(start) + 1:
        return cap
    return min(cap, int(start * Fraction(factor) ** (day - 1)))


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
    """Return the published schedules by name.

    Sources stand in each schedule's ``source``. Hourly limits are given as their daily sum; the
    ``note`` says so.
    """
    folder = files("sessim") / "schedules"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".csv"))
    return {name[:-4]: _schedule(name[:-4], (folder / name).read_text("utf-8")) for name in names}


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
    reader = csv.DictReader(line for line in io.StringIO(text) if not line.startswith("#"))
    if "limit" not in (reader.fieldnames or ()):
        raise ValueError("has no column named limit; write a header line: day,limit")
    numbers: list[int] = []
    for row in reader:
        line, expected = reader.line_num, len(numbers) + 1
        if "day" in row and (row["day"] or "").strip() != str(expected):
            raise ValueError(f"line {line}: day {row['day']!r} should be {expected}")
        try:
            numbers.append(int((row["limit"] or "").strip()))
        except ValueError:
            raise ValueError(
                f"line {line}: limit {row['limit']!r} is not a whole number"
            ) from None
    return check_numbers(numbers)


def check_numbers(numbers: Sequence[int]) -> tuple[int, ...]:
    """Check a list of daily limits: whole numbers from 0; a list that falls is only warned of."""
    if not numbers:
        raise ValueError("is an empty list of limits; give at least one number")
    for day, number in enumerate(numbers, 1):
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError(f"limit of day {day} is {number!r}; give a whole number")
        if not 0 <= number <= LARGEST:
            raise ValueError(f"limit of day {day} is {number}; give a number from 0 to {LARGEST}")
    for day, (before, after) in enumerate(pairwise(numbers), 2):
        if after < before:
            warnings.warn(
                f"the warm-up falls from {before} to {after} on day {day}",
                SessimWarning,
                stacklevel=2,
            )
            break
    return tuple(numbers)


@dataclass(frozen=True)
class CsvLimits:
    """``warmup: {csv: limits.csv}``: limits read from a file when the plan was built."""

    csv: str
    numbers: tuple[int, ...]


Warmup = str | int | tuple[int, ...] | Rule | CsvLimits
"""What a domain's ``warmup`` may be once it has been read."""


def read(value: object, folder: Path) -> Warmup:
    """Read a domain's ``warmup`` as users write it; ``ValueError`` says what would be right.

    Parameters
    ----------
    value
        A published name, ``"none"`` (or None), a number, a list of numbers,
        ``{"start", "factor", "cap"}`` or ``{"csv": path}``.
    folder
        Where a relative path of a CSV file begins.
    """
    match value:
        case None | "none":
            return "none"
        case "reputation":
            raise ValueError(
                "'reputation' is not simulated in this version; choose a published schedule, "
                "for example standard"
            )
        case str():
            if value not in published():
                hint = nearest(value, [*published(), "none"])
                raise ValueError(f"{value!r} is not a published schedule; {hint}")
            return value
        case Rule() | CsvLimits():
            return value
        case int() if not isinstance(value, bool):
            return check_numbers([value])[0]
        case list() | tuple():
            return check_numbers(value)
        case {"csv": str(path), **rest} if not rest:
            return _read_csv(path, folder)
        case dict():
            return _read_rule(value)
    raise ValueError(
        f"{value!r} is no warm-up; give a published name, none, a number, a list of numbers, "
        "{start, factor, cap} or {csv: FILE}"
    )


def _read_csv(path: str, folder: Path) -> CsvLimits:
    try:
        text = (folder / path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise ValueError(f"cannot read the file {path!r}: {reason}") from None
    try:
        return CsvLimits(path, numbers_from_csv(text))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"file {path!r} {error}") from None


def _read_rule(value: dict[str, object]) -> Rule:
    for key in value:
        if key not in ("start", "factor", "cap"):
            hint = nearest(str(key), ("start", "factor", "cap", "csv"))
            raise ValueError(f"{key!r} is not known; {hint}")
    for key in ("start", "factor", "cap"):
        if key not in value:
            raise ValueError(f"{key} is missing; give all of start, factor and cap")
    start, cap = value["start"], value["cap"]
    for key, number in (("start", start), ("cap", cap)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LARGEST:
            raise ValueError(f"{key} is {number!r}; give a whole number from 0 to {LARGEST}")
    factor = value["factor"]
    if isinstance(factor, bool) or not isinstance(factor, int | float | str | Decimal):
        raise ValueError(f"factor is {factor!r}; give a number from 1")
    try:
        exact = Decimal(str(factor))
    except ArithmeticError:
        raise ValueError(f"factor is {factor!r}; give a number from 1") from None
    if not exact.is_finite() or not 1 <= exact <= LARGEST:
        raise ValueError(f"factor is {factor}; give a number from 1: a warm-up never shrinks")
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


def limits(warmup: Warmup) -> Limits:
    """Turn a ``warmup`` into the daily limits that it means."""
    match warmup:
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


@dataclass
class Days:
    """How far a domain's warm-up has come.

    Parameters
    ----------
    limits
        The limits by warm-up day.
    first
        Date of warm-up day 1, as an ordinal.
    sending
        Whether only dates count on which the domain sent something.
    counted
        With ``sending``: the dates that counted so far.
    total_before
        The domain's emails before today.
    """

    limits: Limits
    first: int
    sending: bool
    counted: int = 0
    total_before: int = 0

    def day(self, today: int) -> int:
        """Return the warm-up day of a date (an ordinal), 0 before the first."""
        if today < self.first:
            return 0
        return self.counted + 1 if self.sending else today - self.first + 1

    def limit(self, today: int) -> int | None:
        """Return the limit of a date; None for no limit."""
        return self.limits.on(self.day(today))

    def pass_midnight(self, total: int) -> None:
        """Count the day that is over, on which the domain's emails rose to ``total``."""
        self.counted += total > self.total_before
        self.total_before = total
