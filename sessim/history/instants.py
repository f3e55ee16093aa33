"""Times as histories write them, as instants."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Final

from sessim.clock import SECOND, Clock, moment

CONSOLE_ZONE: Final = "Asia/Shanghai"
"""The zone of times without one: the console's."""

_DIGITS: Final = re.compile(r"\d{9,19}(\.\d{1,9})?", re.ASCII)
_IN_NAME: Final = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)[-_.T ]*([0-2]\d)[-_.:hH]?([0-5]\d)"
    r"(?:[-_.:mM]?([0-5]\d))?(Z|[+-]\d{4})?(?!\d)",
    re.ASCII,
)
_EARLIEST: Final = 946_684_800 * SECOND  # 2000
_LATEST: Final = 4_102_444_800 * SECOND  # 2100: a clock that says so has jumped


class Reader:
    """Reads times; those without a zone are taken to be in one.

    Parameters
    ----------
    timezone
        An IANA name.

    Attributes
    ----------
    naive
        Whether a time without a zone has been read.
    """

    def __init__(self, timezone: str) -> None:
        self.clock = Clock(timezone)
        self.timezone = timezone
        self.naive = False
        self.instant = lru_cache(maxsize=1 << 16)(self._instant)

    def _instant(self, value: object) -> int | None:
        """Return an instant in microseconds since the Unix epoch; None if it is no time.

        Unix times may be in seconds, milliseconds or microseconds. Times before 2000 and after
        2099 are none: each day of a history has rows of its own, and a clock that jumped by
        centuries would fill the memory.
        """
        instant = self._read(value)
        return instant if instant is not None and _EARLIEST <= instant < _LATEST else None

    def _read(self, value: object) -> int | None:
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int | float):
            return _unix(value)
        text = str(value).strip()
        if _DIGITS.fullmatch(text):
            return _unix(float(text) if "." in text else int(text))
        try:
            read = moment(text)
        except ValueError:
            return None
        if not isinstance(read, dt.datetime):
            return None
        self.naive = self.naive or read.tzinfo is None
        return self.clock.instant(read)

    def in_name(self, name: str) -> int | None:
        """Return the instant that a file's name tells, such as ``poll-20261201-0915.json``."""
        match = _IN_NAME.search(name)
        if not match:
            return None
        year, month, day, hour, minute, second, offset = match.groups(default="")
        text = f"{year}-{month}-{day} {hour}:{minute}:{second or '00'}{offset}"
        return self.instant(text)


def _unix(value: float) -> int | None:
    if not 0 < value < 1e17:
        return None
    if value < 1e11:
        return round(value * SECOND)
    return round(value * 1000) if value < 1e14 else round(value)
