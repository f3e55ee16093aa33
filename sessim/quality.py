"""Quality rates (rule R7): what becomes of the emails sent, as numbers or as distributions.

Of the emails sent, some have an invalid address, some are spam bounces, some fail for now (soft
failures), each email at most one of these; the rest is delivered. The rates of complaints, opens,
clicks and unsubscriptions are of the emails delivered; only who opens an email can click.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final, NamedTuple

import numpy as np

from sessim.errors import nearest, shown

EXCLUSIVE: Final = ("invalid_rate", "spam_bounce_rate", "soft_failure_rate")
"""Rates of the emails sent: an email falls under one of these at most."""

RATES: Final = (*EXCLUSIVE, "complaint_rate", "open_rate", "click_rate", "unsubscribe_rate")

OUTCOMES: Final = (
    "invalid",
    "spam_bounce",
    "soft_failures",
    "complaints",
    "opens",
    "clicks",
    "unsubscribes",
)
"""What became of the emails sent (rule R7): columns of the log and of the tables."""


class Kind(NamedTuple):
    """A kind of distribution: its numbers in words, their check, how it is drawn, its mean."""

    numbers: str
    fits: Callable[[Sequence[float]], bool]
    draw: Callable[[np.random.Generator, Sequence[float]], float]
    mean: Callable[[Sequence[float]], float]


def _rising(numbers: Sequence[float]) -> bool:
    return numbers[0] >= 0 and numbers[-1] <= 1 and list(numbers) == sorted(numbers)


KINDS: Final[dict[str, Kind]] = {
    "beta": Kind(
        "two numbers above 0",
        lambda n: len(n) == 2 and min(n) > 0,
        lambda generator, n: generator.beta(n[0], n[1]),
        lambda n: n[0] / (n[0] + n[1]),
    ),
    "uniform": Kind(
        "the lowest and the highest rate, from 0 to 1",
        lambda n: len(n) == 2 and _rising(n),
        lambda generator, n: generator.uniform(n[0], n[1]),
        lambda n: (n[0] + n[1]) / 2,
    ),
    "triangular": Kind(
        "the lowest, the likeliest and the highest rate, from 0 to 1",
        lambda n: len(n) == 3 and _rising(n) and n[0] < n[2],
        lambda generator, n: generator.triangular(n[0], n[1], n[2]),
        lambda n: sum(n) / 3,
    ),
    "choice": Kind(
        "at least one rate from 0 to 1, each as likely as the others",
        lambda n: len(n) > 0 and _rising(sorted(n)),
        lambda generator, n: n[int(generator.integers(len(n)))],
        lambda n: sum(n) / len(n),
    ),
}
"""The distributions by name."""


@dataclass(frozen=True)
class Distribution:
    """A rate that is drawn once a replication: ``kind`` is one of :data:`KINDS`."""

    kind: str
    numbers: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The expected rate."""
        return float(KINDS[self.kind].mean(self.numbers))

    def draw(self, generator: np.random.Generator) -> float:
        """Draw a rate."""
        return float(KINDS[self.kind].draw(generator, self.numbers))


Rate = float | Distribution


def mean(rate: Rate) -> float:
    """Return a rate, or what is expected of it."""
    return rate.mean if isinstance(rate, Distribution) else rate


@dataclass(frozen=True)
class Quality:
    """The rates that somebody gave; None where nothing was said."""

    invalid_rate: Rate | None = None
    spam_bounce_rate: Rate | None = None
    soft_failure_rate: Rate | None = None
    complaint_rate: Rate | None = None
    open_rate: Rate | None = None
    click_rate: Rate | None = None
    unsubscribe_rate: Rate | None = None

    @property
    def given(self) -> dict[str, Rate]:
        """The rates that were given."""
        found = {name: getattr(self, name) for name in RATES}
        return {name: rate for name, rate in found.items() if rate is not None}

    def over(self, other: Quality | None) -> Quality:
        """Return these rates, and those of another where nothing was said."""
        return self if other is None else replace(other, **self.given)

    def mean(self, name: str) -> float:
        """Return what is expected of a rate; 0 where nothing was said."""
        rate = getattr(self, name)
        return 0.0 if rate is None else mean(rate)

    def problem(self) -> str | None:
        """Say why these rates cannot hold together; None if they can."""
        total = sum(self.mean(name) for name in EXCLUSIVE)
        if total > 1 + 1e-12:
            return (
                f"invalid_rate, spam_bounce_rate and soft_failure_rate sum to {total:g}; "
                "an email has one of them at most: give rates that sum to 1 or less"
            )
        clicks, opens = self.mean("click_rate"), self.mean("open_rate")
        if clicks > opens:
            return (
                f"click_rate is {clicks:g} and open_rate {opens:g}; only who opens can click: "
                "give an open_rate that is not below the click_rate"
            )
        return None


@dataclass(frozen=True)
class Segment:
    """A part of a task's list with rates of its own; the segments are sent in their order."""

    name: str
    requests: int
    quality: Quality = Quality()


# --- as users write them ------------------------------------------------------------------------


def read(value: object) -> Quality | None:
    """Read rates as users write them; ``ValueError`` says what would be right."""
    if value is None or isinstance(value, Quality):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{shown(value)} is no group of rates; write for example open_rate: 0.2")
    for key in value:
        if key not in RATES:
            raise ValueError(f"key {shown(key)} is not known; {nearest(str(key), RATES)}")
    return Quality(**{key: _rate(key, rate) for key, rate in value.items() if rate is not None})


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _rate(key: str, value: object) -> Rate:
    if isinstance(value, Distribution):
        return value
    if isinstance(value, Mapping):
        return _distribution(key, value)
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        raise ValueError(
            f"{key} is {shown(value)}; give a number from 0 to 1, or a distribution such as "
            "{uniform: [0.001, 0.003]}"
        )
    return number


def _distribution(key: str, value: Mapping[Any, object]) -> Distribution:
    if len(value) != 1:
        wrong = "is an empty distribution" if not value else "has more than one distribution"
        raise ValueError(f"{key} {wrong}; give one, such as {{uniform: [0.001, 0.003]}}")
    [(name, given)] = value.items()
    if name not in KINDS:
        raise ValueError(f"{key}: {shown(name)} is no distribution; {nearest(str(name), KINDS)}")
    kind = KINDS[name]
    numbers = list(map(_number, given)) if isinstance(given, Sequence | np.ndarray) else [None]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or not kind.fits(known):
        raise ValueError(f"{key}: {name} is {shown(given)}; give a list of {kind.numbers}")
    return Distribution(str(name), tuple(known))


def plain(quality: Quality | None) -> dict[str, object] | None:
    """Write rates as plain data, as :func:`read` takes them."""
    return None if quality is None else {n: _plain(rate) for n, rate in quality.given.items()}


def _plain(rate: Rate) -> object:
    if isinstance(rate, Distribution):
        return {rate.kind: list(map(_short, rate.numbers))}
    return _short(rate)


def _short(number: float) -> int | float:
    return int(number) if number.is_integer() else number


_SEGMENT: Final = ("name", "requests", "quality")


def read_segments(value: object) -> tuple[Segment, ...] | None:
    """Read a task's segments as users write them; ``ValueError`` says what would be right."""
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{shown(value)} is no list of segments; write one a line")
    if not value:
        raise ValueError("is an empty list; give at least one segment, or leave it out")
    found = tuple(_segment(entry, number) for number, entry in enumerate(value, 1))
    names = [segment.name for segment in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is given {names.count(name)} times; names must differ")
    return found


def _segment(value: object, number: int) -> Segment:
    if isinstance(value, Segment):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"segment {number} is {shown(value)}; give name, requests and quality")
    for key in value:
        if key not in _SEGMENT:
            hint = nearest(str(key), _SEGMENT)
            raise ValueError(f"segment {number}, key {shown(key)} is not known; {hint}")
    name, requests = value.get("name"), value.get("requests")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(f"segment {number}, name is {shown(name)}; write some words")
    if isinstance(requests, bool) or not isinstance(requests, int | np.integer) or requests < 1:
        raise ValueError(
            f"segment {name!r}, requests is {shown(requests)}; give a whole number from 1"
        )
    try:
        quality = read(value.get("quality")) or Quality()
    except ValueError as error:
        raise ValueError(f"segment {name!r}, {error}") from None
    return Segment(name.strip(), int(requests), quality)


def plain_segments(segments: tuple[Segment, ...] | None) -> list[dict[str, object]] | None:
    """Write segments as plain data, as :func:`read_segments` takes them."""
    if segments is None:
        return None
    entries: list[dict[str, object]] = []
    for segment in segments:
        rates = plain(segment.quality)
        entry: dict[str, object] = {"name": segment.name, "requests": segment.requests}
        entries.append(entry | ({"quality": rates} if rates else {}))
    return entries
