"""How the account tells what happens to it: rows of the event log, each with exact counts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from sessim.eventlog import NONE, Event
from sessim.lifecycle import Rest
from sessim.logwriter import LogWriter
from sessim.plan import Plan
from sessim.serving import DISCIPLINES, Queue, Ranks
from sessim.state import State

# In Python 3.11 an enumeration's attributes are slow to look up.
ROW = SimpleNamespace(**Event.__members__)
NOWHERE, WAITING, CACHED, DROPPED, FAILED = map(int, Rest)

_LEFT = frozenset({ROW.PAUSED, ROW.ERROR, ROW.CANCELLED})
"""The events before which several runs may have sent something."""

_FEW = 20  # are quicker looked at one by one than as an array


class Telling:
    """A plan, where it stands, and its log.

    Parameters
    ----------
    plan
        What is to be sent.
    state
        Where it stands.
    """

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan, self.state, self._counts = plan, state, state.counts
        self._fates = state.fates
        self._discipline = DISCIPLINES[plan.discipline](state.counts, state.after)

    @property
    def finished(self) -> bool:
        """Whether no work is left, now or to come."""
        state = self.state
        tests_left = state.next_test < len(self.plan.test_sends)
        return not (state.unfinished or state.to_come or tests_left)

    def _row(self, event: int, rank: int, detail: str = "") -> None:
        state, counts = self.state, self._counts
        queue = counts.queue_of[rank]
        if self._fates and counts.emails[rank]:
            self._fates.mark(rank, counts.emails[rank])
        state.log.row(
            state.now, event, queue.domain, counts.codes[rank], counts.rests[rank],
            queue.limit, queue.total - queue.counted_from, detail, rank, counts.emails[rank],
        )  # fmt: skip

    def _rows(self, event: int, queue: Queue, ranks: Ranks, detail: str = "") -> None:
        """Write rows of runs of one domain that are alike in all but their emails."""
        first = ranks[0]
        if len(ranks) == 1:
            self._row(event, first, detail)
            return
        state, counts = self.state, self._counts
        if self._fates and event in _LEFT:
            ranks = np.asarray(ranks)
            moved = ranks if len(ranks) < _FEW else ranks[self._fates.behind(ranks, counts.sent)]
            for rank in moved.tolist():
                self._fates.mark(rank, counts.emails[rank])
        state.log.rows(
            state.now, event, queue.domain, counts.codes[first], counts.rests[first],
            queue.limit, queue.total - queue.counted_from, detail, ranks, counts.sent[ranks],
        )  # fmt: skip

    def _domain_row(self, event: int, queue: Queue, detail: str, sent: int, failed: int) -> None:
        self.state.log.row(
            self.state.now, event, queue.domain, NONE, NOWHERE,
            queue.limit, queue.total - queue.counted_from, detail, NONE, sent, failed,
        )  # fmt: skip

    def _limit_row(self, queue: Queue) -> None:
        days = self.state.days[queue.domain]
        standing = self.state.standings[queue.domain]
        if standing is not None:
            detail = standing.words
        else:
            detail = f"warm-up day {days.day(self.state.date)}" if days.limits.counts_days else ""
        self._domain_row(ROW.LIMIT, queue, detail, 0, 0)

    def _write_end(self, log: LogWriter, instant: int) -> None:
        state = self.state
        now, rows = state.now, state.log
        state.now, state.log = (log.last_time if self.finished else instant), log
        fates, self._fates = self._fates, None  # looking changes no luck
        for rank in self._discipline.served():
            self._row(ROW.END, rank)
        detail = "all work done" if self.finished else "work left"
        log.row(state.now, ROW.END, NONE, NONE, NOWHERE, NONE, 0, detail)
        if fates:
            counts = self._counts
            log.tell_of(fates, np.array(counts.requests), counts.sent.astype(np.int64))
        state.now, state.log, self._fates = now, rows, fates
