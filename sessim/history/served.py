"""Who was served when, one after the other, in a log that dates what happened but tells no turns.

In ``fifo`` that follows from the rate alone (rule R3): between two rows of the log the first of the
runs that are SENDING gets every email.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from heapq import heappop, heappush

import numpy as np

from sessim.eventlog import NONE
from sessim.history.table import Table
from sessim.lifecycle import SENDING
from sessim.serving import Pace

_MIDNIGHT, _LOOK, _END, _BEGIN = range(4)
"""What comes first at one instant: an email that falls on a midnight is of the new day."""


def before_midnights(
    table: Table, midnights: Sequence[int], rate: Fraction
) -> dict[tuple[int, int], int]:
    """Return how many emails runs had sent when days began, since they were last told of.

    Parameters
    ----------
    table
        The looks, each an event that the source dates.
    midnights
        When days began.
    rate
        Emails a second.

    Returns
    -------
    dict
        By the run's place in rule R3's order and the midnight; a run that is missing sent none.
    """
    found: dict[tuple[int, int], int] = {}
    since: Counter[int] = Counter()
    queue: list[int] = []
    sending: set[int] = set()
    pace, booked = Pace(rate, 0), 0
    for time, kind, run in _events(table, midnights):
        if sending:
            while queue[0] not in sending:
                heappop(queue)
            total = pace.sent_by(time - (kind == _MIDNIGHT))
            since[queue[0]] += total - booked
            booked = total
        if kind == _MIDNIGHT:
            found |= {(place, time): since[place] for place in sending if since[place]}
        elif kind == _LOOK:
            since.pop(run, None)
        elif kind == _END:
            since.pop(run, None)
            sending.discard(run)
        else:
            if not sending:
                pace, booked = Pace(rate, time), 0
            if run not in sending:
                heappush(queue, run)
            sending.add(run)
    return found


def _events(table: Table, midnights: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield in order of time where days begin, and where runs begin and cease to be SENDING."""
    was = (table.before == SENDING) | ((table.before == NONE) & (table.emails > 0))
    goes_on = was & (table.status == SENDING)
    begins = was & ((table.before == NONE) | ~np.append(False, goes_on[:-1])[: len(was)])
    events = [(midnight, _MIDNIGHT, NONE) for midnight in midnights]
    events += [(time, _LOOK, run) for time, run in _pairs(table.time, table.run, goes_on)]
    events += [(time, _END, run) for time, run in _pairs(table.time, table.run, was & ~goes_on)]
    events += [(time, _BEGIN, run) for time, run in _pairs(table.since, table.run, begins)]
    return iter(sorted(events))


def _pairs(times: np.ndarray, runs: np.ndarray, chosen: np.ndarray) -> Iterator[tuple[int, int]]:
    return zip(times[chosen].tolist(), runs[chosen].tolist(), strict=True)
