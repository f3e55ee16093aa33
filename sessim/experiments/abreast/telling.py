"""Where replications stand, in arrays, and what is told of their days."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE
from sessim.experiments.abreast.lots import Lots
from sessim.experiments.abreast.standings import Lanes, Standings
from sessim.experiments.endings import Endings
from sessim.experiments.tally import DAILY, TASKS, Tally, trimmed
from sessim.ledger import NOT_YET, Ints
from sessim.lifecycle import PAUSED, TO_START, Rest
from sessim.plan import Plan
from sessim.serving import NEVER, NOT_TO_BE
from sessim.state import first_state


class Telling:
    """A plan, where its replications stand, and what is told of them.

    Arrays have an entry for each run, replication after replication, or a row for each domain and
    a column for each replication. Methods are told of which replications (``lanes``) or of which
    of those runs (``at``) they speak.

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
        self._requests = np.tile(plan.runs.requests, size)
        self._emails, self._over, self._pauses, self._paused = np.zeros(
            (4, size * runs), dtype=np.int64
        )
        self._status = np.full(size * runs, TO_START, dtype=np.uint8)
        self._rest = np.full(size * runs, Rest.WAITING, dtype=np.uint8)
        self._total, self._counted_from, self._limit, self._closes_at, self._stops_at = np.zeros(
            (5, domains, size), dtype=np.int64
        )
        self._blocked = np.zeros((domains, size), dtype=np.bool_)
        self._standings = [self._standing(domain) for domain in range(domains)]
        self._turn = np.full(size, NEVER)
        self._now, self._busy_from, self._booked, self._unfinished = np.zeros(
            (4, size), dtype=np.int64
        )
        self._head = 0  # before it, every run is finished everywhere
        self._to_come, self._next_due = self._start.to_come, 0
        self._told: list[Ints] = []
        self._dates = [self._start.date]
        self._is_of = np.eye(domains, dtype=np.int64)[self._domain]
        self._has_day = np.ones(size, dtype=np.bool_)
        self._before_today, self._failed, self._dues, self._backlog = np.zeros(
            (4, domains, size), dtype=np.int64
        )

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

    def _at(self, lanes: Lanes, rank: Lanes | int) -> Lanes:
        found: Lanes = lanes * len(self._domain) + rank
        return found

    def _lane(self, at: Lanes) -> Lanes:
        found: Lanes = at // len(self._domain)
        return found

    def _table(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return numbers of the runs as a table: a row a replication, a column a run."""
        return values.reshape(len(self._all), -1)

    def _mark(self, at: Lanes) -> None:
        """Note that the log would tell of runs, for what becomes of their emails so far."""
        self._lots.mark(at, self._emails[at])

    # --- days -----------------------------------------------------------------------------------

    def _end_day(self) -> Ints:
        """Keep the day that is over; return what each domain sent on it."""
        window = np.s_[:, self._head : self._next_due]
        left = self._table(self._requests)[window] - self._table(self._emails)[window]
        is_of = self._is_of[self._head : self._next_due]
        levels = [np.full(len(self._all), NONE) if s is None else s.level for s in self._standings]
        sent = self._total - self._before_today
        self._backlog -= sent + self._failed
        day = {
            "limit": np.where(self._has_day, self._limit, NONE),
            "level": np.where(self._has_day, levels, NONE),
            "sent": sent,
            "failed": self._failed,
            "cached": (left * (self._table(self._rest)[window] == Rest.CACHED) @ is_of).T,
            "backlog": self._backlog,
            "dues": self._dues,
        }
        self._told.append(np.stack([day[name] for name in DAILY]))
        self._before_today[:], self._failed[:], self._dues[:] = self._total, 0, 0
        return sent

    def _open_day(self, lanes: Lanes, date: int) -> None:
        """Begin to keep a day, for the replications in which work is left."""
        self._dates.append(date)
        self._has_day[:] = False
        self._has_day[lanes] = True

    # --- in the end -----------------------------------------------------------------------------

    def _tally(self, until: int, first: int) -> Tally:
        """Hand out the numbers of all replications, of which work is left in some."""
        self._end_day()
        ended = self._table(self._over).max(axis=1, initial=self._plan.start_instant)
        ended[self._under_way] = until
        tasks = self._endings(ended).tasks()
        daily = np.stack(self._told, axis=-1).swapaxes(1, 2)
        return trimmed(
            np.arange(first, first + len(self._all)),
            ended,
            {name: tasks[name] for name in TASKS},
            dict(zip(DAILY, daily, strict=True)),
            np.array(self._dates),
        )

    def _endings(self, ended: Ints) -> Endings:
        status = self._status
        runs = np.flatnonzero((status != TO_START) & (status != NOT_TO_BE))
        still = (status[runs] == PAUSED) * ended[self._lane(runs)]
        return Endings(
            plan=self._plan,
            size=len(self._all),
            runs=runs,
            status=status[runs],
            rest=self._rest[runs],
            over=self._over[runs],
            requests=self._requests[runs],
            sent=self._emails[runs],
            pauses=self._pauses[runs],
            paused=self._paused[runs] + still,
            outcomes=self._lots.totals(self._emails)[runs],
            skipped=np.flatnonzero(status == NOT_TO_BE),
            called_off=np.full((len(self._all), len(self._plan.tasks)), NOT_YET),
        )
