"""Counts, dates and lists as a sentence has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sessim.charts.story import Days

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def number(count: int, what: str) -> str:
    """Return ``"1 day"`` or ``"1,234 days"``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def date(story: Days, instant: int) -> str:
    """Return the local date of an instant, as ``"7 December 2026"``."""
    day = story.plan.clock.date(instant)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def month(story: Days, instant: int) -> str:
    """Return the local month of an instant, as ``"December 2026"``."""
    day = story.plan.clock.date(instant)
    return f"{_MONTHS[day.month - 1]} {day.year}"


def span(first: str, last: str) -> str:
    """Return ``"first to last"``, or the one if both are the same."""
    return first if first == last else f"{first} to {last}"


def time(story: Days, instant: int) -> str:
    """Return an instant in local time, as ``"7 December 2026 at 09:00"``."""
    local = story.plan.clock.local(instant)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year} at {local:%H:%M}"


def in_words(parts: Sequence[str]) -> str:
    """Return ``"a, b and c"``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
