"""The kinds of values a plan holds: how users write each, and what is said when one is wrong."""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationError
from pydantic.json_schema import WithJsonSchema
from pydantic_core import ErrorDetails

from sessim import clock, warmup
from sessim.errors import PlanError, Problem, nearest

_FOLDER: ContextVar[Path] = ContextVar("folder", default=Path())
_SPAN = re.compile(r"\s*(\d+)\s*(d|h|days?|hours?)\s*", re.ASCII)


@contextmanager
def relative_to(folder: Path) -> Iterator[None]:
    """Let relative paths of files that a plan names begin at a folder."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def locate(path: str) -> Path:
    """Return where a file that a plan names is."""
    return _FOLDER.get() / path


# --- whole numbers ------------------------------------------------------------------------------


def whole(lowest: int, highest: int = warmup.LARGEST) -> BeforeValidator:
    """Make a validator of whole numbers (numpy's too, but no booleans, texts or fractions)."""

    def check(value: object) -> int:
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            number = None
        if number is None or isinstance(value, bool):
            raise ValueError(f"{value!r} is not a whole number; give one from {lowest}")
        if not lowest <= number <= highest:
            most = f" to {highest}" if highest < warmup.LARGEST or number > highest else ""
            raise ValueError(f"{number} is out of range; give a whole number from {lowest}{most}")
        return number

    return BeforeValidator(check)


Count = Annotated[int, whole(1)]


def _rate(value: object) -> Fraction:
    if isinstance(value, int | float | str | Decimal | Fraction) and not isinstance(value, bool):
        try:
            rate = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if 0 < rate <= 10**9:
            return rate
    raise ValueError(f"{value!r} is no sending rate; give emails a second above 0, for example 20")


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

_MOMENT_SCHEMA = WithJsonSchema({"type": "string", "examples": ["2026-12-01 09:00"]})
Moment = Annotated[
    clock.Moment, BeforeValidator(clock.moment), PlainSerializer(clock.format_moment), _MOMENT_SCHEMA
]


def _date(value: object) -> dt.date:
    read = clock.moment(value)
    if isinstance(read, dt.datetime):
        raise ValueError(f"{value!r} has a time of day; give a date, for example 2026-12-01")
    return read


Date = Annotated[
    dt.date,
    BeforeValidator(_date),
    PlainSerializer(dt.date.isoformat),
    WithJsonSchema({"type": "string", "format": "date"}),
]


def _hours(value: object) -> int:
    hours = clock.whole_hours(value)
    if not 1 <= hours <= 1_000_000:
        raise ValueError(f"{value!r} is out of range; give at least 1h")
    return hours


Hours = Annotated[
    int,
    BeforeValidator(_hours),
    PlainSerializer(lambda hours: f"{hours}h"),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": "^[0-9]+ ?h$"}, {"type": "integer", "minimum": 1}]}
    ),
]

Span = tuple[int, Literal["d", "h"]]


def _horizon(value: object) -> clock.Moment | Span:
    if isinstance(value, tuple) and len(value) == 2:
        return value
    if isinstance(value, str) and (match := _SPAN.fullmatch(value)):
        if not 1 <= int(match[1]) <= 1_000_000:
            raise ValueError(f"{value!r} is out of range; give at least 1h or 1d")
        return int(match[1]), "d" if match[2].startswith("d") else "h"
    try:
        return clock.moment(value)
    except ValueError as error:
        raise ValueError(f"{error} or 90d") from None


Horizon = Annotated[
    clock.Moment | Span,
    BeforeValidator(_horizon),
    PlainSerializer(lambda h: f"{h[0]}{h[1]}" if isinstance(h, tuple) else clock.format_moment(h)),
    WithJsonSchema({"type": "string", "examples": ["2027-03-01", "90d", "36h"]}),
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
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "examples": ["09:00"]},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]

# --- addresses and names ------------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def address_parts(text: str) -> tuple[str, str, str]:
    """Split ``Name <address>`` or a bare address into display name, local part and domain.

    The domain is in lower case and ASCII. Raises ``ValueError`` if it is no address.
    """
    try:
        found = validate_email(
            text, allow_display_name=True, check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError:
        raise ValueError(
            f"{text!r} is not an e-mail address; write name@domain or Name <name@domain>"
        ) from None
    return found.display_name or "", found.local_part, found.ascii_domain.lower()


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not an e-mail address; write name@domain as text")
    address_parts(value.strip())
    return value.strip()


def _domain_name(value: object) -> str:
    try:
        return address_parts(f"postmaster@{value}")[2]
    except ValueError:
        raise ValueError(
            f"{value!r} is not a domain; write for example news.example.com"
        ) from None


def _text(longest: int) -> BeforeValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{value!r} is not a text; write some words")
        if len(value) > longest:
            raise ValueError(f"has {len(value)} characters; write at most {longest}")
        if any(not character.isprintable() for character in value):
            raise ValueError(f"{value!r} has line breaks or control characters; leave them out")
        return value

    return BeforeValidator(check)


Address = Annotated[str, BeforeValidator(_address)]
DomainName = Annotated[str, BeforeValidator(_domain_name)]
Name = Annotated[str, _text(200)]
Subject = Annotated[str, _text(998)]
Path_ = Annotated[str, _text(4096)]

# --- warm-up ------------------------------------------------------------------------------------


def _warmup(value: object) -> warmup.Warmup:
    return warmup.read(value, _FOLDER.get())


Warmup = Annotated[
    Any,
    AfterValidator(_warmup),
    PlainSerializer(warmup.plain),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "examples": ["standard", "legacy", "none"]},
                {"type": "integer", "minimum": 0},
                {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
                {
                    "type": "object",
                    "properties": {
                        "start": {"type": "integer", "minimum": 0},
                        "factor": {"anyOf": [{"type": "number", "minimum": 1}, {"type": "string"}]},
                        "cap": {"type": "integer", "minimum": 0},
                    },
                    "required": ["start", "factor", "cap"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {"csv": {"type": "string"}},
                    "required": ["csv"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


def _later(value: object) -> None:
    if value is not None:
        raise ValueError("is not simulated in this version; leave it out")


Quality = Annotated[
    None, BeforeValidator(_later), WithJsonSchema({"type": "null", "description": "not yet"})
]

# --- what pydantic finds, in words --------------------------------------------------------------

_MESSAGES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda error: "is missing; add it",
    "missing_argument": lambda error: "is missing; add it",
    "value_error": lambda error: str(error["ctx"]["error"]),
    "literal_error": lambda error: (
        f"{error['input']!r} is not known; choose {error['ctx']['expected']}"
    ),
    "bool_type": lambda error: f"{error['input']!r} is neither true nor false; write one of them",
    "bool_parsing": lambda error: (
        f"{error['input']!r} is neither true nor false; write one of them"
    ),
    "string_type": lambda error: f"{error['input']!r} is not a text; write it in quotes",
    "tuple_type": lambda error: f"{error['input']!r} is not a list; write one entry a line",
    "dataclass_type": lambda error: f"{error['input']!r} is not a group of keys; write key: value",
}


def _message(error: ErrorDetails) -> str:
    known = _MESSAGES.get(error["type"])
    return known(error) if known else f"{error['input']!r} is wrong: {error['msg'].lower()}"


def problems(
    error: ValidationError, data: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]
) -> list[Problem]:
    """Say in words what pydantic found.

    Parameters
    ----------
    error
        What pydantic raised.
    data
        What was given, to name tasks and domains in the sentence.
    keys
        The known keys of the plan (under ``""``) and of each list of it.
    """
    found: list[Problem] = []
    for details in error.errors(include_url=False):
        cause = details.get("ctx", {}).get("error")
        inner = cause.problems if isinstance(cause, PlanError) else ()
        found.extend(inner or [_problem(details, data, keys)])
    return found


def _problem(
    error: ErrorDetails, data: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]
) -> Problem:
    where = error["loc"]
    if where and isinstance(where[0], int):
        where = ("name", *where[1:])  # the one positional argument
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        group = str(where[0]) if len(where) > 1 else ""
        message = f"is not known; {nearest(str(where[-1]), keys.get(group, ()))}"
    else:
        message = _message(error)
    return Problem(place(where, data), message, tuple(where))


_SINGULAR = {"tasks": "task", "domains": "domain", "test_sends": "test send"}


def place(where: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    """Name a place in a plan: ``("tasks", 1, "every")`` is ``task 'Invoices', every``."""
    if len(where) < 2 or where[0] not in _SINGULAR or not isinstance(where[1], int):
        return ".".join(map(str, where))
    entry = data[str(where[0])][where[1]]
    name = entry.get("name") if isinstance(entry, Mapping) else getattr(entry, "name", None)
    label = f"{_SINGULAR[str(where[0])]} {repr(name) if name else where[1] + 1}"
    return ", ".join([label, *map(str, where[2:])])


_Class = TypeVar("_Class", bound=type)


def in_words(keys: Mapping[str, tuple[str, ...]]) -> Callable[[_Class], _Class]:
    """Decorate a pydantic dataclass so that building it raises :class:`PlanError`."""

    def decorate(cls: _Class) -> _Class:
        build = cls.__init__  # type: ignore[misc]

        @wraps(build)
        def __init__(self: Any, *args: Any, **data: Any) -> None:
            try:
                build(self, *args, **data)
            except ValidationError as error:
                raise PlanError(problems(error, data, keys)) from None

        cls.__init__ = __init__  # type: ignore[misc]
        return cls

    return decorate
