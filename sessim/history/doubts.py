"""Emails of which nobody saw on which side of a midnight they were sent."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sessim.clock import Clock
from sessim.history.losses import Losses
from sessim.history.shares import Shares

Doubts = Mapping[tuple[int, int], int]
"""Emails by the domain's place and the instant of the midnight."""


def doubts(shares: Shares) -> Doubts:
    """Return the most emails that may have been sent on the other side of each midnight."""
    table = shares.table
    found: Counter[tuple[int, int]] = Counter()
    if shares.exact or not len(table.time):
        return found
    midnights = np.array(shares.midnights, dtype=np.int64)
    first, last = midnights.searchsorted(table.since, "right"), midnights.searchsorted(table.time)
    for look in np.flatnonzero((first < last) & (table.emails > 0)).tolist():
        domain = int(shares.domain[table.run[look]])
        for midnight in midnights[first[look] : last[look]].tolist():
            found[domain, midnight] += int(table.emails[look])
    for midnight in shares.midnights:
        for domain in shares.undecided(midnight):
            found[domain, midnight] += 1
    return found


def remark(found: Doubts, losses: Losses) -> None:
    """Say how many emails cannot be told to be of one day or the other."""
    if found:
        days = len({midnight for _, midnight in found})
        losses.remark(
            f"At {days:,} midnights the polls do not tell on which side {sum(found.values()):,} "
            "emails were sent: see column unsure of the daily table."
        )


def column(daily: pd.DataFrame, found: Doubts, domains: Sequence[str], clock: Clock) -> pd.Series:
    """Return for each row of the daily table how many emails may be of the day beside it."""
    numbers: Counter[tuple[str, dt.date]] = Counter()
    for (domain, midnight), emails in found.items():
        for instant in (midnight - 1, midnight):
            numbers[domains[domain], clock.date(instant)] += emails
    keys = zip(daily["domain"].astype("str"), pd.DatetimeIndex(daily["date"]).date, strict=True)
    return pd.Series([numbers[key] for key in keys], index=daily.index, dtype="int64")
