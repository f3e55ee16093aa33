"""The busy periods of the account: from when on, and how many emails since (rule R3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sessim.lifecycle import SENDING

if TYPE_CHECKING:
    from sessim.history.conformance.stretch import Stretch


class Busy:
    """The busy periods of a stretch; arrays have an entry for each row of the stretch.

    Attributes
    ----------
    start
        When the latest busy period began.
    sent, left
        The emails sent since then, and with those that failed.
    is_on
        Whether a run was SENDING until the row.
    ends
        The rows that end a busy period.
    """

    def __init__(self, s: Stretch) -> None:
        self._trail, trail, size = s.trail, s.trail, len(s)
        change, emails, failed = np.zeros((3, size), dtype=np.int64)
        is_sending, was = s.now("status") == SENDING, s.before("status") == SENDING
        change[s.rows] = is_sending.astype(np.int64) - was
        emails[s.rows], failed[s.rows] = s.risen, s.now("failed") - s.before("failed")
        sending = trail.sending + np.cumsum(change)
        self.is_on = np.append(trail.sending, sending[:-1])[:size] > 0
        self.ends = np.flatnonzero(self.is_on & (sending == 0))
        begins = np.where((sending > 0) & ~self.is_on, np.arange(size), -1)
        begin = np.maximum.accumulate(begins)
        self._sent = trail.sent + np.cumsum(emails)
        self._left = trail.left + np.cumsum(emails + failed)
        start, sent, left = trail.busy
        earlier, at = begin < 0, np.maximum(begin, 0)
        self.start = np.where(earlier, start, s.columns["time"][at])
        self.sent = self._sent - np.where(earlier, sent, self._sent[at])
        self.left = self._left - np.where(earlier, left, self._left[at])

    def close(self) -> None:
        """Remember the busy period that goes on."""
        trail = self._trail
        trail.sent, trail.left = int(self._sent[-1]), int(self._left[-1])
        trail.busy = (int(self.start[-1]), trail.sent - int(self.sent[-1]),
                      trail.left - int(self.left[-1]))  # fmt: skip
