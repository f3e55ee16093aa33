"""Where replications stand, in arrays, and the rows that tell of it: see :mod:`sessim.telling`."""

from __future__ import annotations

from typing import Any

import numpy as np

from sessim.eventlog import NONE, Event
from sessim.experiments.abreast.lots import Lots
from sessim.experiments.abreast.standings import Lanes, Standings
from sessim.experiments.notes import Notes, Rows
from sessim.ledger import Ints
from sessim.lifecycle import TO_START, Rest
from sessim.logwriter import SEVERAL
from sessim.plan import Plan
from sessim.reputation import HIGHEST
from sessim.serving import NEVER
from sessim.state import first_state

_LEVELS = tuple(f"level {level}" for level in range(HIGHEST + 1))
"""The texts of the log that are read again: those of limits by level."""


class Telling:
    """A plan, where its replications stand, and what is noted of them.

    Arrays have a row for each replication and a column for each run, or a row for each domain and
    a column for each replication. Methods are told of which replications they speak (``lanes``).

    Parameters
    ----------
    plan
        What is to be sent.
    lots
        What becomes of the emails of each replication.
    """

    def __init__(self, plan: Plan, lots: Lots) -> None:
        self._plan, self._runs, self._lots = plan, plan.runs, lots
        size, runs, domains = len(lots), len(plan.runs), len(plan.domains)
        self._all: Lanes = np.arange(size)
        self._start = first_state(plan)
        self._domain = plan.runs.domain.astype(np.intp)
        self._requests = np.tile(plan.runs.requests, (size, 1))
        self._emails = np.zeros((size, runs), dtype=np.int64)
        self._status = np.full((size, runs), TO_START, dtype=np.uint8)
        self._rest = np.full((size, runs), Rest.WAITING, dtype=np.uint8)
        self._total, self._counted_from, self._limit, self._closes_at, self._stops_at = np.zeros(
            (5, domains, size), dtype=np.int64
        )
        self._blocked = np.zeros((domains, size), dtype=np.bool_)
        self._standings = [self._standing(domain) for domain in range(domains)]
        self._turn = np.full(size, NEVER)
        self._now, self._busy_from, self._booked, self._unfinished, self._last = np.zeros(
            (5, size), dtype=np.int64
        )
        self._to_come, self._next_due = self._start.to_come, 0
        self._rows = Rows()

    def _standing(self, domain: int) -> Standings | None:
        entry = self._plan.domains[domain]
        if entry.warmup != "reputation":
            return None
        harmless = np.array([p.harmless_from for p in self._lots.prospects[domain]], dtype=float)
        return Standings(entry.level, self._plan.levels_per_day, harmless)

    @property
    def _under_way(self) -> Lanes:
        """The replications in which work is left, now or to come."""
        return self._all if self._to_come else np.flatnonzero(self._unfinished)

    def _sent_today(self, domain: Ints | int, lanes: Lanes) -> Ints:
        found: Ints = self._total[domain, lanes] - self._counted_from[domain, lanes]
        return found

    def _mark(self, lanes: Lanes, ranks: Lanes | int) -> None:
        """Note how far runs have come, for what becomes of their emails."""
        self._lots.mark(lanes, np.broadcast_to(ranks, lanes.shape), self._emails[lanes, ranks])

    def _row(self, event: int, lanes: Lanes, ranks: Lanes | int) -> None:
        """Note a row for one run in each of some replications."""
        if len(lanes):
            self._mark(lanes, ranks)
            self._note(event, lanes, ranks)

    def _rows_of(self, event: int, lanes: Lanes, ranks: Lanes) -> None:
        """Note rows of runs of one domain that differ in no more than their emails.

        The runs of one replication stand together: they are one block.
        """
        if not len(lanes):
            return
        self._mark(lanes, ranks)
        first = np.flatnonzero(np.diff(lanes, prepend=NONE))
        rows = np.diff(first, append=len(lanes))
        self._rows.put_beside(ranks, self._emails[lanes, ranks])
        self._note(event, lanes[first], ranks[first], run=SEVERAL, rows=rows)

    def _note(self, event: int, lanes: Lanes, ranks: Lanes | int, **columns: Any) -> None:
        domain = self._domain[ranks]
        now = self._last[lanes] = self._now[lanes]
        told = {"run": ranks, "sent": self._emails[lanes, ranks]} | columns
        self._rows.add(
            lanes, time=now, event=event, domain=domain, limit=self._limit[domain, lanes],
            status=self._status[lanes, ranks], rest=self._rest[lanes, ranks],
            sent_today=self._sent_today(domain, lanes), **told,
        )  # fmt: skip

    def _limit_row(self, domain: int, lanes: Lanes) -> None:
        standings = self._standings[domain]
        now = self._last[lanes] = self._now[lanes]
        self._rows.add(
            lanes, time=now, event=Event.LIMIT, domain=domain, run=NONE,
            detail=0 if standings is None else standings.level[lanes],
            status=NONE, rest=Rest.NOWHERE, limit=self._limit[domain, lanes],
            sent_today=self._sent_today(domain, lanes),
        )  # fmt: skip

    def _notes(self, until: int) -> Notes:
        """Close the log of each replication, and hand out all that was noted."""
        lanes = self._under_way
        ended = self._last.copy()
        ended[lanes] = self._now[lanes] = until
        served = lanes[self._turn[lanes] != NEVER]
        self._note(Event.END, served, self._turn[served])
        self._rows.add(
            self._all, time=ended, event=Event.END, domain=NONE, run=NONE,
            status=NONE, rest=Rest.NOWHERE, limit=NONE, sent_today=0,
        )  # fmt: skip
        blocks, which = self._rows.columns()
        return Notes(
            size=len(self._all),
            blocks=blocks,
            which=which,
            ended=ended,
            requests=self._requests.ravel(),
            totals=self._lots.totals(self._emails),
            details=[_LEVELS] * len(self._all),
            beside=self._rows.beside,
        )
