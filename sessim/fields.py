"""The kinds of values a plan holds: how users write each, and what is said when one is wrong."""

from __future__ import annotations

import datetime as dt
import operator
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from sessim import clock, planschema, quality, warmup
from sessim.errors import shown

_FOLDER: ContextVar[Path] = ContextVar("folder", default=Path())
_SPAN = re.compile(r"\s*(\d{1,9})\s*(d|h|days?|hours?)\s*", re.ASCII | re.IGNORECASE)


@contextmanager
def relative_to(folder: Path) -> Iterator[None]:
    """Let relative paths of files that a plan names begin at a folder."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def locate(path: str) -> Path:
    """Return where a file that a plan names is, from the root on: a plan may be read elsewhere."""
    return warmup.located(_FOLDER.get(), path)


# --- whole numbers ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Whole:
    """Checks whole numbers: numpy's too, but no booleans, texts or fractions."""

    lowest: int
    highest: int

    def check(self, value: object) -> int:
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            number = None
        if number is None or isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not a whole number; give one from {self.lowest}")
        if not self.lowest <= number <= self.highest:
            named = self.highest < warmup.LARGEST or number > self.highest
            span = f"from {self.lowest}{f' to {self.highest}' if named else ''}"
            raise ValueError(f"{shown(number)} is out of range; give a whole number {span}")
        return number

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "integer", "minimum": self.lowest, "maximum": self.highest}


def whole(lowest: int, highest: int = warmup.LARGEST) -> _Whole:
    """Make a validator of whole numbers (numpy's too, but no booleans, texts or fractions)."""
    return _Whole(lowest, highest)


Count = Annotated[int, whole(1)]


class Counted(int):
    """A number of requests that was counted in a file, so that it changes with the file."""


Requests = Annotated[
    Count,
    WrapValidator(lambda value, check: value if isinstance(value, Counted) else check(value)),
    PlainSerializer(int),
]

_SMALL = re.compile(r"[^eE]{1,100}([eE][+-]?\d{1,2})?", re.ASCII)


def _rate(value: object) -> Fraction:
    if isinstance(value, int | float | str | Decimal | Fraction | np.number):
        rate = Fraction(0)
        with suppress(ValueError, ZeroDivisionError):
            text = str(value).strip()
            rate = Fraction(text) if _SMALL.fullmatch(text) else rate  # 1e999999 takes for ever
        if 0 < rate <= 10**9 and not isinstance(value, bool):
            return rate
    raise ValueError(
        f"{shown(value)} is no sending rate; give emails a second above 0, for example 20"
    )


def _plain_rate(rate: Fraction) -> int | float | str:
    if rate.denominator == 1:
        return rate.numerator
    return float(rate) if Fraction(str(float(rate))) == rate else str(rate)


Rate = Annotated[
    Fraction,
    BeforeValidator(_rate),
    PlainSerializer(_plain_rate),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]

# --- times --------------------------------------------------------------------------------------

Moment = Annotated[
    clock.Moment,
    BeforeValidator(clock.moment),
    PlainSerializer(clock.format_moment),
    WithJsonSchema(planschema.MOMENT),
]


def _date(value: object) -> dt.date:
    read = clock.moment(value)
    if isinstance(read, dt.datetime):
        raise ValueError(f"{shown(value)} has a time of day; give a date, for example 2026-12-01")
    return read


Date = Annotated[
    dt.date,
    BeforeValidator(_date),
    PlainSerializer(dt.date.isoformat),
    WithJsonSchema(planschema.DATE),
]


def _hours(value: object) -> int:
    hours = clock.whole_hours(value)
    if not 1 <= hours <= 1_000_000:
        raise ValueError(f"{shown(value)} is out of range; give 1h to 1000000h")
    return hours


Hours = Annotated[
    int,
    BeforeValidator(_hours),
    PlainSerializer(lambda hours: f"{hours}h"),
    WithJsonSchema(planschema.HOURS),
]

Span = tuple[int, Literal["d", "h"]]


def _horizon(value: object) -> clock.Moment | Span:
    match value:
        case (int(number), "d" | "h" as unit) if isinstance(value, tuple):  # as read before
            value = f"{number}{unit}"
    if isinstance(value, str) and (match := _SPAN.fullmatch(value)):
        if not 1 <= int(match[1]) <= 1_000_000:
            raise ValueError(
                f"{shown(value)} is out of range; give 1h to 1000000h, or 1d to 1000000d"
            )
        return int(match[1]), "d" if match[2].lower().startswith("d") else "h"
    try:
        return clock.moment(value)
    except ValueError as error:
        raise ValueError(f"{error} or 90d") from None


Horizon = Annotated[
    clock.Moment | Span,
    BeforeValidator(_horizon),
    PlainSerializer(lambda h: f"{h[0]}{h[1]}" if isinstance(h, tuple) else clock.format_moment(h)),
    WithJsonSchema(planschema.HORIZON),
]


def _restart_at(value: object) -> dt.time | tuple[clock.Moment, ...]:
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("is an empty list; give times such as 2026-12-02 09:00, or 09:00")
        return tuple(clock.moment(entry) for entry in value)
    return clock.time_of_day(value)


def _plain_restart_at(value: dt.time | tuple[clock.Moment, ...]) -> str | list[str]:
    if isinstance(value, tuple):
        return [clock.format_moment(entry) for entry in value]
    return value.isoformat("auto" if value.second or value.microsecond else "minutes")


RestartAt = Annotated[
    dt.time | tuple[clock.Moment, ...],
    BeforeValidator(_restart_at),
    PlainSerializer(_plain_restart_at),
    WithJsonSchema(planschema.RESTART_AT),
]

# --- addresses and names ------------------------------------------------------------------------


_NAMED = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|[^"<>]*?)\s*<([^<>]*)>\s*""")


@lru_cache(maxsize=65_536)
def address_parts(text: str) -> tuple[str, str, str]:
    """Split ``Name <address>`` or a bare address into display name, local part and domain.

    The domain is in lower case and ASCII. Raises ``ValueError`` if it is no address.
    """
    match = _NAMED.fullmatch(text)
    name, address = match.groups() if match else ("", text)
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        return name, *local_part_and_domain(address.strip())
    except ValueError:
        raise ValueError(
            f"{shown(text)} is not an e-mail address; write name@domain or Name <name@domain>"
        ) from None


def local_part_and_domain(address: str) -> tuple[str, str]:
    """Split a bare address into local part and ASCII domain; ``ValueError`` says what is wrong."""
    from email_validator import validate_email  # slow to import

    # Names are split off above: the validator wants quotes around every umlaut in them.
    found = validate_email(
        address,
        check_deliverability=False,
        globally_deliverable=False,
        test_environment=True,  # allows the ending .test
    )
    return found.local_part, found.ascii_domain.lower()


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not an e-mail address; write name@domain as text")
    if not value.isprintable():  # a line break would begin another header
        raise ValueError(f"{shown(value)} has line breaks or control characters; leave them out")
    address_parts(value.strip())
    return value.strip()


def _domain_name(value: object) -> str:
    with suppress(ValueError):
        if isinstance(value, str):
            return local_part_and_domain(f"postmaster@{value.strip()}")[1]
    raise ValueError(f"{shown(value)} is not a domain; write for example news.example.com")


def _text(longest: int) -> BeforeValidator:
    def check(value: object) -> str:
        if isinstance(value, int | float | dt.date):  # to YAML 2026 is a number, and true no word
            raise ValueError(f"{shown(value)} is not a text; put it in quotes")
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{shown(value)} is not a text; write some words")
        if len(value) > longest:
            raise ValueError(f"has {len(value)} characters; write at most {longest}")
        if any(not character.isprintable() for character in value):
            raise ValueError(
                f"{shown(value)} has line breaks or control characters; leave them out"
            )
        return value

    return BeforeValidator(check)


def _one_form(name: str) -> str:
    """Write names that look alike in one way, so that no two differ in what nobody sees."""
    return unicodedata.normalize("NFC", name.strip())


Address = Annotated[str, BeforeValidator(_address)]
DomainName = Annotated[str, BeforeValidator(_domain_name)]
Name = Annotated[str, AfterValidator(_one_form), _text(200)]
Template = Annotated[str, _text(200)]
Subject = Annotated[str, _text(998)]
Path_ = Annotated[str, AfterValidator(lambda path: str(locate(path))), _text(4096)]

# --- warm-up ------------------------------------------------------------------------------------


def _warmup(value: object) -> warmup.Warmup:
    return warmup.read(value, _FOLDER.get())


Warmup = Annotated[
    Any,
    PlainValidator(_warmup),
    PlainSerializer(warmup.plain),
    planschema.WarmupSchema(),
]


# --- quality ------------------------------------------------------------------------------------

Quality = Annotated[
    quality.Quality | None,
    PlainValidator(quality.read),
    PlainSerializer(quality.plain),
    WithJsonSchema(planschema.QUALITY),
]

Segments = Annotated[
    tuple[quality.Segment, ...] | None,
    PlainValidator(quality.read_segments),
    PlainSerializer(quality.plain_segments),
    WithJsonSchema(planschema.SEGMENTS),
]

# --- words --------------------------------------------------------------------------------------

_SWITCHES = {
    form(word): is_on
    for is_on, words in {True: ("true", "yes", "on"), False: ("false", "no", "off")}.items()
    for word in words
    for form in (str.lower, str.title, str.upper)
}
"""YAML 1.2 reads yes and on as texts."""


def _switch(value: object) -> bool:
    if isinstance(value, str):
        value = _SWITCHES.get(value, value)
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is neither true nor false; write one of them")
    return value


Switch = Annotated[
    bool,
    PlainValidator(_switch),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": list(_SWITCHES)}]}),
]


def _zone(value: object) -> str:
    name = getattr(value, "key", value)  # of a ZoneInfo
    if not isinstance(name, str):
        raise ValueError(f"{shown(value)} is not a text; write for example Asia/Shanghai")
    clock.zone(name)
    return name


Zone = Annotated[
    str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Asia/Shanghai"]})
]
