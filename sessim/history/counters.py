"""What the service's counters mean: whether ``SendCount`` includes the emails that are cached.

The service does not say (rule R11); its rows do, as a rule. While a run is PAUSED all that it has
not sent is in the cache queue: either both counters add up to ``RequestCount``, or ``SendCount``
alone is as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sessim.history.losses import Losses, Place
from sessim.lifecycle import PAUSED, SENT, TO_START

if TYPE_CHECKING:
    from sessim.history.polls import Look, Looks

UNKNOWN: Final = -1
"""Stands for a ``CacheCount`` that no row tells."""


@dataclass
class Votes:
    """Rows that can be read in one way only.

    Attributes
    ----------
    within, beside
        How many show that ``SendCount`` includes cached emails, and that it does not.
    cached
        How many tell of cached emails.
    first
        Where the first stands of which both counters add up to more than was requested.
    """

    within: int = 0
    beside: int = 0
    cached: int = 0
    first: Place | None = None

    def count(self, look: Look, place: Place) -> None:
        """Take in a row that tells something new."""
        if look.cached <= 0 or look.status == TO_START:
            return
        self.cached += 1
        if look.sent + look.cached > look.requests:
            self.within += 1
            self.first = self.first or place
        elif look.sent < look.cached or (look.status == PAUSED and look.sent < look.requests):
            self.beside += 1

    @property
    def includes(self) -> bool:
        """Whether ``SendCount`` includes cached emails."""
        return self.within > self.beside

    def sentence(self) -> str:
        """Say how ``SendCount`` was read; nothing where no reading makes a difference."""
        if self.includes:
            return (
                f"SendCount includes cached emails, as {self.within:,} rows show: CacheCount was "
                "taken off."
            )
        if self.cached and not self.beside:
            return (
                "No row tells whether SendCount includes cached emails: it was read as if it did "
                "not."
            )
        return ""


def settle(looks: Looks, votes: Votes, losses: Losses) -> None:
    """Let the counters of all looks mean the same: ``sent`` without ``cached``, and both known."""
    if sentence := votes.sentence():
        losses.remark(sentence)
    _fill(looks, includes=votes.includes)
    columns = {name: np.array(values, dtype=np.int64) for name, values in vars(looks).items()}
    if votes.includes:
        columns["sent"] -= columns["cached"]
        wrong = columns["sent"] < 0
        what = "SendCount is below CacheCount, which it includes in other rows"
    else:
        wrong = columns["sent"] + columns["cached"] > columns["requests"]
        wrong &= columns["status"] != TO_START
        what = "SendCount and CacheCount together are larger than RequestCount"
    if wrong.any():
        place = votes.first or Place("the polls")
        losses.leave_out(what, place, int(wrong.sum()))
    for name, values in columns.items():
        getattr(looks, name)[:] = type(looks.sent)("q", values[~wrong].tolist())


def _fill(looks: Looks, *, includes: bool) -> None:
    """Fill in what rows without ``CacheCount`` do not say: it is as it must have been.

    All that a paused run has not sent is in the cache queue, which else empties as it sends.
    """
    if UNKNOWN not in looks.cached:
        return
    before: dict[int, tuple[int, int]] = {}  # SendCount and CacheCount of each task
    columns = (looks.task, looks.status, looks.requests, looks.sent, looks.cached)
    for i, (task, status, requests, sent, cached) in enumerate(zip(*columns, strict=True)):
        if cached == UNKNOWN:
            last_sent, last = before.get(task, (0, 0))
            more = max(sent - last_sent, 0)
            if status == SENT:
                cached = 0
            elif includes:
                cached = min(last + more * (status == PAUSED), sent)
            elif status == PAUSED:
                cached = requests - sent
            else:
                cached = min(max(last - more, 0), requests - sent)
            looks.cached[i] = max(cached, 0)
        before[task] = sent, looks.cached[i]
