"""Who was served when, in a log that dates what happened but tells no turns.

That follows from the rate (rule R3): between two rows of the log, in ``fifo`` the first of the runs
that are SENDING gets every email; in ``fair`` they take turns.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from sessim.eventlog import NONE
from sessim.history.table import Table
from sessim.lifecycle import PAUSED, SENDING
from sessim.plan import Plan
from sessim.serving import Pace

_MIDNIGHT, _LOOK, _END, _RESTART, _BEGIN = range(5)
"""What comes first at one instant: an email that falls on a midnight is of the new day."""


def before_midnights(
    table: Table, midnights: Sequence[int], plan: Plan
) -> dict[tuple[int, int], int]:
    """Return how many emails runs had sent when days began, since they were last told of.

    Parameters
    ----------
    table
        The looks, each an event that the source dates.
    midnights
        When days began.
    plan
        Whose rate, discipline and windows hold.

    Returns
    -------
    dict
        By the run's place in rule R3's order and the midnight; a run that is missing sent none.
    """
    found: dict[tuple[int, int], int] = {}
    line = _Line(plan.discipline == "fair")
    pace, booked = Pace(plan.rate, 0), 0
    for time, kind, run in _events(table, midnights):
        if line.sending:
            total = pace.sent_by(time - (kind == _MIDNIGHT))
            line.serve(total - booked)
            booked = total
        elif kind in (_RESTART, _BEGIN):
            pace, booked, line.last = Pace(plan.rate, time), 0, NONE
        if kind == _MIDNIGHT:
            found |= {(place, time): line.sent[place] for place in line.sending}
        if kind == _RESTART or (kind == _MIDNIGHT and plan.window == "day"):
            line.last = NONE
        line.note(kind, run, time)
    return found


class _Line:
    """The runs that are SENDING, in rule R3's order, and what they sent since last told of."""

    def __init__(self, takes_turns: bool) -> None:
        self.takes_turns = takes_turns
        self.sending: list[int] = []
        self.sent: Counter[int] = Counter()
        self.last = NONE  # whose turn it was
        self._over: set[tuple[int, int]] = set()  # who ceased at the instant at which it began

    def note(self, kind: int, run: int, time: int) -> None:
        """Let a run be told of, and begin or cease to be SENDING."""
        if kind in (_LOOK, _END):
            del self.sent[run]
        if kind == _END and run in self.sending:
            self.sending.remove(run)
        elif kind == _END:
            self._over.add((run, time))
        elif kind in (_RESTART, _BEGIN):
            if (run, time) in self._over:
                self._over.remove((run, time))
            else:
                insort(self.sending, run)

    def serve(self, emails: int) -> None:
        """Send so many emails."""
        if not self.takes_turns:
            self.sent[self.sending[0]] += emails
        elif emails > 0:
            next_ = bisect_right(self.sending, self.last)
            line = self.sending[next_:] + self.sending[:next_]
            rounds, rest = divmod(emails, len(line))
            for place, run in enumerate(line):
                self.sent[run] += rounds + (place < rest)
            self.last = line[rest - 1]


def _events(table: Table, midnights: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield in order of time where days begin, and where runs begin and cease to be SENDING."""
    was = (table.before == SENDING) | ((table.before == NONE) & (table.emails > 0))
    goes_on = was & (table.status == SENDING)
    begins = was & ((table.before == NONE) | ~np.append(False, goes_on[:-1])[: len(was)])
    events = [(midnight, _MIDNIGHT, NONE) for midnight in midnights]
    events += [(time, _LOOK, run) for time, run in _pairs(table.time, table.run, goes_on)]
    events += [(time, _END, run) for time, run in _pairs(table.time, table.run, was & ~goes_on)]
    again = np.append(NONE, table.status[:-1])[: len(was)] == SENDING
    again &= np.append(NONE, table.before[:-1])[: len(was)] == PAUSED
    again &= table.before != NONE
    for kind, chosen in ((_RESTART, begins & again), (_BEGIN, begins & ~again)):
        events += [(time, kind, run) for time, run in _pairs(table.since, table.run, chosen)]
    return iter(sorted(events))


def _pairs(times: np.ndarray, runs: np.ndarray, chosen: np.ndarray) -> Iterator[tuple[int, int]]:
    return zip(times[chosen].tolist(), runs[chosen].tolist(), strict=True)
