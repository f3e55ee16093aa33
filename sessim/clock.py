"""Instants as whole microseconds, local days of 23 to 25 hours, and the times that users write.

An *instant* is a whole number of microseconds since the Unix epoch (UTC). A *day* is a local date
of the plan's zone; it begins at the first instant that bears that date, so it may last 23, 25 or
23.5 hours, and a date that the zone skipped has no day at all.
"""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sessim.errors import nearest, shown

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL = EPOCH.toordinal()
_MICROSECOND = dt.timedelta(microseconds=1)
_YEARS = range(1970, 3000)
_MACHINES_OWN = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*", re.DOTALL)
_PLACE = re.compile(r"(?!Etc/)\w+/")
_HOURS = re.compile(r"\s*(\d{1,9})\s*(?:h|hours?)?\s*", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_TIME_OF_DAY = re.compile(_TIME, re.ASCII)
_DATE_TIME = re.compile(
    rf"({_DATE.pattern})(?:T|\s+)({_TIME})(?:(?<=\.\d{{6}})\d+)?"  # nanoseconds are cut off
    r"\s*(Z|[+-]\d{2}(?::?\d{2}){0,2})?",
    re.ASCII,
)

Moment = dt.date | dt.datetime
"""A time as a plan keeps it: a date, a local time without zone, or a time with its own zone."""


class SkippedHourError(ValueError):
    """A local time or date that a clock change skips."""


def zones() -> list[str]:
    """Return the names of all zones that a plan may have, sorted."""
    return sorted(name for name in available_timezones() if not _MACHINES_OWN.fullmatch(name))


def zone(name: str) -> ZoneInfo:
    """Look up a time zone; a ``ValueError`` says which name was probably meant.

    Names that mean something else on each machine, such as ``localtime``, are refused.
    """
    found = None
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        found = None if _MACHINES_OWN.fullmatch(name) else ZoneInfo(name)
    if found is None:
        # An abbreviation is no slip of a zone's name: CST is near to UCT, and GMT+8 to Etc/GMT+8,
        # which lies west of Greenwich.
        places = (known for known in zones() if _PLACE.match(known))
        hint = nearest(name, places) if name else "write one"
        hint = hint if hint.startswith("did") else "write one as Asia/Shanghai or UTC"
        raise ValueError(f"{shown(name)} is not a known time zone; {hint}")
    return found


def moment(value: object) -> Moment:
    """Read a date or a time as users write it.

    ``"2026-12-01"`` and dates stay dates; ``"2026-12-01 09:00"``, ``"2026-12-01T09:00+08:00"``
    and datetimes (pandas' too) become datetimes. Raises ``ValueError`` for anything else, and for
    years before 1970 or after 2999.
    """
    try:
        read = _parse(value)
    except ValueError:
        read = None
    if read is None:
        raise ValueError(
            f"{shown(value)} is not a date or time; write for example 2026-12-01 09:00"
        )
    if read.year not in _YEARS:
        most = f"{_YEARS[0]} to {_YEARS[-1]}"
        raise ValueError(f"{shown(value)} is out of range; give a year from {most}")
    return read


def _parse(value: object) -> Moment | None:
    if isinstance(value, dt.datetime):  # pandas' NaT is one too, and raises
        return dt.datetime.fromisoformat(value.isoformat(timespec="microseconds"))
    if isinstance(value, dt.date):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if _DATE.fullmatch(text):
        return dt.date.fromisoformat(text)
    if match := _DATE_TIME.fullmatch(text):
        date, time, offset = match.groups(default="")
        return dt.datetime.fromisoformat(f"{date} {_two_digits(time)}{offset}")
    return None


def _two_digits(time: str) -> str:
    return f"0{time}" if time[1] == ":" else time


def time_of_day(value: object) -> dt.time:
    """Read a wall-clock time such as ``"09:00"``; ``ValueError`` if it is none."""
    if isinstance(value, dt.time) and value.tzinfo is None:
        return value
    text = value.strip() if isinstance(value, str) else ""
    try:
        if _TIME_OF_DAY.fullmatch(text):
            return dt.time.fromisoformat(_two_digits(text))
    except ValueError:
        pass
    raise ValueError(f"{shown(value)} is not a time of day; write for example 09:00")


def whole_hours(value: object) -> int:
    """Read an interval in whole hours: ``"24h"``, ``24`` or a timedelta; else ``ValueError``."""
    if isinstance(value, dt.timedelta):
        hours, rest = divmod(value, dt.timedelta(hours=1))
        if not rest:
            return hours
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    elif isinstance(value, str) and (match := _HOURS.fullmatch(value)):
        return int(match[1])
    raise ValueError(f"{shown(value)} is not a whole number of hours; write for example 24h")


def format_moment(value: Moment) -> str:
    """Write a time as :func:`moment` reads it, without seconds where they are zero."""
    if not isinstance(value, dt.datetime):
        return value.isoformat()
    plain = value.second == 0 and value.microsecond == 0
    return value.isoformat(" ", "minutes" if plain else "auto")


class Clock:
    """The instants and days of one time zone.

    Parameters
    ----------
    timezone
        A name of the IANA database, such as ``"Asia/Shanghai"``.
    """

    def __init__(self, timezone: str) -> None:
        self.zone = zone(timezone)

    def instant(self, value: Moment, *, skipped: str = "forward") -> int:
        """Return the instant of a date (its beginning) or of a time.

        A repeated local hour means the first. In a skipped hour the time moves forward by the
        gap, and a skipped date to the next one, or with ``skipped="error"`` a
        :class:`SkippedHourError` is raised.
        """
        if not isinstance(value, dt.datetime):
            start = self.day_start(value)
            if skipped == "error" and start == self.day_start(value + dt.timedelta(days=1)):
                raise SkippedHourError(
                    f"{format_moment(value)} does not exist in {self.zone.key}: the clocks skip "
                    "it; write a date before or after the change"
                )
            return start
        if value.tzinfo is not None:
            return (value - EPOCH) // _MICROSECOND
        aware = value.replace(tzinfo=self.zone, fold=0)
        if skipped == "error" and self._skips(aware):
            raise SkippedHourError(
                f"{format_moment(value)} does not exist in {self.zone.key}: the clocks skip it; "
                "write a time before or after the change"
            )
        return (aware - EPOCH) // _MICROSECOND

    def end_instant(self, value: Moment) -> int:
        """Return the instant of a time, or the end of the day of a bare date."""
        if isinstance(value, dt.datetime):
            return self.instant(value)
        return self.day_start(value + dt.timedelta(days=1))

    def day_start(self, date: dt.date) -> int:
        """Return the first instant that bears a date, or, of a skipped date, the next one."""
        return _day_start(self.zone, date.toordinal())

    def date(self, instant: int) -> dt.date:
        """Return the date of the day that holds an instant."""
        date = self.local(instant).date()
        # A clock set back across midnight shows yesterday's date inside a day that has begun.
        tomorrow = date + dt.timedelta(days=1)
        return tomorrow if self.day_start(tomorrow) <= instant else date

    def local(self, instant: int) -> dt.datetime:
        """Return an instant as a time with the clock's zone."""
        return (EPOCH + instant * _MICROSECOND).astimezone(self.zone)

    @staticmethod
    def _skips(aware: dt.datetime) -> bool:
        before, after = aware.utcoffset(), aware.replace(fold=1).utcoffset()
        return before is not None and after is not None and before < after


@lru_cache(maxsize=65_536)
def _day_start(tz: ZoneInfo, ordinal: int) -> int:
    midnight = dt.datetime.fromordinal(ordinal).replace(tzinfo=tz)
    before, after = midnight.utcoffset(), midnight.replace(fold=1).utcoffset()
    assert before is not None and after is not None
    start = (ordinal - _EPOCH_ORDINAL) * DAY - before // _MICROSECOND
    if before >= after:
        return start
    # Midnight is skipped: the date begins where the gap ends, which lies within the gap's length.
    low, high = start - (after - before) // _MICROSECOND, start
    while low < high:
        middle = (low + high) // 2
        if (EPOCH + middle * _MICROSECOND).astimezone(tz).toordinal() >= ordinal:
            high = middle
        else:
            low = middle + 1
    return low
