"""R3: the account's rate, and who is served when."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.clock import SECOND
from sessim.eventlog import Event
from sessim.history.conformance.check import WARNING, Check, Found, Ints
from sessim.history.conformance.stretch import Stretch
from sessim.lifecycle import SENDING, SENT

_LARGEST: Final = 2**62


def sent_in(span: Ints, rate: Fraction) -> Ints:
    """Return the emails that fit into spans of microseconds: exactly, rounded down."""
    emails, unit = rate.numerator, rate.denominator * SECOND
    whole, rest = np.divmod(span, unit)
    if unit * emails < _LARGEST and int(whole.max(initial=0)) * emails < _LARGEST:
        return np.asarray(whole * emails + rest * emails // unit)
    exact = [value * emails // unit for value in span.tolist()]
    return np.array([min(value, _LARGEST) for value in exact], dtype=np.int64)


def too_fast(s: Stretch) -> Found | None:
    """Find rows by which more was sent than the rate allows since the busy period began."""
    if not s.all_exact:
        return _too_fast_between(s)
    if not s.trail.is_told:
        return None  # what is known of the rate are these emails
    busy = s.busy
    over = busy.sent - sent_in(s.columns["time"] - busy.start, s.trail.rate)
    rows = np.flatnonzero(busy.is_on & (over > 0))
    return s.places(rows, over[rows], {"over": over[rows]})


def _too_fast_between(s: Stretch) -> Found | None:
    """Find runs that sent more between two looks than the rate allows."""
    span = np.maximum(s.now("latest") - np.maximum(s.before("earliest"), 0), 0)
    over = s.risen - sent_in(span, s.trail.rate) - 1
    return s.steps(over > 0, over, over=over)


def idle(s: Stretch) -> Found | None:
    """Find busy periods that end with fewer emails than the rate makes."""
    if not (s.all_exact and s.trail.simulated):
        return None
    busy = s.busy
    last = np.flatnonzero((s.columns["event"] == Event.END) & (s.columns["run"] == 0) & busy.is_on)
    ends = np.unique(np.append(busy.ends, last))
    fitting = sent_in(s.columns["time"][ends] - 1 - busy.start[ends], s.plan.rate)
    short = fitting - busy.left[ends]
    wrong = short > 0
    return s.places(ends[wrong], short[wrong], {"short": short[wrong]})


# --- fifo -----------------------------------------------------------------------------------------


def out_of_line(s: Stretch) -> Found | None:
    """Find runs that were sending and waited while a later one was served.

    Where turns have no rows, who is SENT was served at that instant, and no more is known.
    """
    if s.plan.discipline != "fifo" or not (s.all_exact and s.trail.is_told):
        return None
    wrong = np.zeros(len(s.rows), dtype=np.bool_)
    ahead = np.zeros(len(s.rows), dtype=np.int64)
    instants = np.unique(np.append(s.columns["time"], max(s.trail.last_time, s.plan.start_instant)))
    at = np.searchsorted(instants, s.now("latest"))
    begin = np.searchsorted(instants, np.maximum(s.before("latest"), instants[0]))
    open_ = _Open(s, instants)
    fed, until = (s.risen > 0) & (at > begin), at
    on, since = open_.served, begin
    if not s.trail.knows_turns:
        fed, until = fed & (s.now("status") == SENT), at - 1  # at one instant either may be first
        on, since = np.zeros_like(on), at - 1
    served = _painted(
        len(instants), np.append(since[fed], open_.begin[on]), np.append(at[fed], open_.end[on]),
        np.append(s.rank[fed], open_.rank[on]),
    )  # fmt: skip
    waits = np.flatnonzero((s.before("status") == SENDING) & (until > begin))
    latest = _largest(served, begin[waits], until[waits])
    wrong[waits], ahead[waits] = latest > s.rank[waits], latest
    latest = _largest(served, open_.begin, open_.end)
    late = latest > open_.rank
    wrong[open_.step[late]], ahead[open_.step[late]] = True, latest[late]
    tasks, numbers = s.plan.runs.task, s.plan.runs.number
    return s.steps(wrong, 1, task=tasks[ahead], run=numbers[ahead])


class _Open:
    """The runs that are SENDING where a stretch ends, and from when in it they have been.

    ``step`` is their last row in the stretch, or the stretch's last one if they have none there.
    """

    def __init__(self, s: Stretch, instants: Ints) -> None:
        rank = np.flatnonzero(s.after["status"] == SENDING)
        begin = np.searchsorted(instants, np.maximum(s.after["latest"][rank], instants[0]))
        last = len(instants) - 1
        there = (begin < last) & (len(s.rows) > 0)
        self.rank, self.begin = rank[there], begin[there]
        self.end = np.full(len(self.rank), last)
        self.served = s.after["served"][self.rank]
        ends = np.searchsorted(s.rank, self.rank, "right") - 1
        self.step = np.maximum(ends, 0)


def _painted(size: int, begin: Ints, end: Ints, rank: NDArray[Any]) -> Ints:
    """Return for each span between instants the run served in it, the last if there are more."""
    served = np.full(size, -1, dtype=np.int64)
    length = end - begin
    order = np.argsort(rank, kind="stable")  # the latest of several stays
    length, begin, rank = length[order], begin[order], rank[order]
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    served[np.repeat(begin, length) + offset] = np.repeat(rank, length)
    return served


def _largest(values: Ints, begin: Ints, end: Ints) -> Ints:
    """Return the largest value in each range ``[begin, end)``, none of them empty."""
    level = np.frexp((end - begin).astype(float))[1] - 1  # the largest power of two within
    found = np.full(len(begin), -1, dtype=np.int64)
    for power in range(int(level.max(initial=-1)) + 1):
        mine = np.flatnonzero(level == power)
        other = end[mine] - (1 << power)
        found[mine] = np.maximum(values[begin[mine]], values[other])
        values = np.maximum(values[: -(1 << power) or None], values[1 << power :])
    return found


# --- fair -----------------------------------------------------------------------------------------


def unfair(s: Stretch) -> Found | None:
    """Find runs that sent over the same time, one of them more than its turns."""
    if s.plan.discipline != "fair" or not (s.all_exact and s.trail.is_told):
        return None
    steps = np.flatnonzero((s.before("status") == SENDING) & (s.now("latest") > s.before("latest")))
    begin, end, risen = s.before("latest")[steps], s.now("latest")[steps], s.risen[steps]
    order = np.lexsort((end, begin))
    begin, end, risen, steps = begin[order], end[order], risen[order], steps[order]
    first = np.append(True, (begin[1:] != begin[:-1]) | (end[1:] != end[:-1]))[: len(steps)]
    starts = np.flatnonzero(first)
    if not len(starts):
        return None
    most = np.maximum.reduceat(risen, starts)
    least = np.minimum.reduceat(risen, starts)
    anew = s.turns_anew
    again = anew.searchsorted(end[starts], "right") - anew.searchsorted(begin[starts], "left")
    spread = most - least - 1 - again
    lasts = np.append(starts[1:], len(steps)) - 1
    wrong = spread > 0
    rows = steps[lasts][wrong]
    facts = {"most": most[wrong], "least": least[wrong]}
    return s.places(s.rows[rows], spread[wrong], facts)


CHECKS: Final = (
    Check("R3", "rate exceeded", "{over:,} emails more were sent than the rate allows", too_fast),
    Check("R3", "idle while sending", "{short:,} emails fewer were sent than the rate makes while "
          "a run was sending", idle, WARNING),
    Check("R3", "out of line", "it was sending and waited while run {run} of task {task}, which "
          "is behind it, was served", out_of_line),
    Check("R3", "turns not fair", "over the same time one run sent {most:,} emails and another "
          "{least:,}", unfair),
)  # fmt: skip
