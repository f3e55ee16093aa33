"""The reputation of one domain in many replications (rule R7): levels and judgements on arrays."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sessim import warmup
from sessim.ledger import Ints
from sessim.reputation import (
    BLOCKED,
    DELIVERED,
    HIGHEST,
    LOWERED,
    MANY,
    MEASURED,
    MEASURES,
    RAISED,
    SHARE,
)

Lanes = NDArray[np.intp]
Mask = NDArray[np.bool_]

_LIMITS: Final = np.array(warmup.levels(), dtype=np.int64)
_BOUNDS: Final = {*LOWERED, *BLOCKED, *(bound for row in RAISED for bound in row)}


class Standings:
    """Where a domain's reputation stands in each replication.

    Parameters
    ----------
    level
        The level that all begin with.
    levels_a_day
        By how many levels it may rise on one day.
    harmless_from
        For each replication the emails from which on nothing lowers or blocks the domain.
    """

    def __init__(self, level: int, levels_a_day: int, harmless_from: NDArray[np.float64]) -> None:
        size = len(harmless_from)
        self._levels_a_day, self.harmless_from = levels_a_day, harmless_from
        self.level = np.full(size, level)
        self.lowered = np.zeros(size, dtype=np.bool_)
        self._risen = np.zeros(size, dtype=np.int64)
        self._before = np.zeros((size, MEASURED), dtype=np.int64)

    def limit(self, lanes: Lanes) -> Ints:
        """Return the most emails a day."""
        found: Ints = _LIMITS[self.level[lanes]]
        return found

    def rises(self, lanes: Lanes) -> Mask:
        """Say whether it may rise at all today."""
        found: Mask = (self.level[lanes] < HIGHEST) & (self._risen[lanes] < self._levels_a_day)
        return found

    def rise(self, lanes: Lanes) -> None:
        """Rise by one level."""
        self.level[lanes] += 1
        self._risen[lanes] += 1

    def begin_day(self, lanes: Lanes, so_far: Ints) -> None:
        """Begin a day, one level lower where the day before asked for it."""
        self.level[lanes] -= self.lowered[lanes] & (self.level[lanes] > 0)
        self._risen[lanes], self.lowered[lanes] = 0, False
        self._before[lanes] = so_far

    def next_judgement(self, lanes: Lanes, sent: Ints) -> Ints:
        """Return at how many emails of the day the domain is judged next, after so many."""
        limit, rises, harmless = self.limit(lanes), self.rises(lanes), self.harmless_from[lanes]
        share, first = -(-limit * SHARE[0] // SHARE[1]), limit
        for at in (share, MANY + 1):
            ahead = (sent < at) & (at < first)
            first = np.where(ahead & ((at < harmless) | (rises & (at >= share))), at, first)
        return first

    def judge(self, lanes: Lanes, sent: Ints, limit: Ints, so_far: Ints) -> tuple[Mask, Mask, Mask]:
        """Judge the emails of the day: say where it is to rise, to fall, to be blocked."""
        today = so_far - self._before[lanes]
        found = dict(zip(MEASURES, today.T, strict=True))
        # What fails for now stands third among the outcomes, in the place of what is delivered.
        found[DELIVERED] = sent - today[:, :3].sum(axis=1)
        held = {bound: bound.holds(found[bound.measure], sent) for bound in _BOUNDS}
        good = np.any([np.all([held[bound] for bound in row], axis=0) for row in RAISED], axis=0)
        enough = (sent > 0) & (sent * SHARE[1] >= limit * SHARE[0])
        many = sent > MANY
        lowered = many & np.any([held[bound] for bound in LOWERED], axis=0)
        blocked = many & np.any([held[bound] for bound in BLOCKED], axis=0)
        return good & enough & self.rises(lanes), lowered, blocked
