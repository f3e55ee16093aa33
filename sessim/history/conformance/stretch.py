"""A log read stretch by stretch, each row of a run beside how that run stood before it.

So a check compares two arrays, and a log of any length needs the memory of one stretch and of its
runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event
from sessim.history.conformance.busy import Busy
from sessim.history.conformance.check import Found, Ints
from sessim.ledger import NOT_YET
from sessim.lifecycle import SENDING, TO_START
from sessim.plan import Plan
from sessim.quality import OUTCOMES

if TYPE_CHECKING:
    from sessim.history.conformance.usual import Usual
    from sessim.history.doubts import Doubts

Mask = NDArray[np.bool_]

COUNTS: Final = ("sent", "cached", "failed", "cancelled", "waiting")
CARRIED: Final = (*COUNTS, "status", "earliest", "latest", "served")
"""What is remembered of each run from one stretch to the next."""

_CLOSING: Final = (int(Event.DAY), int(Event.END))
_ANEW: Final = (int(Event.DAY), int(Event.RESTARTED), int(Event.LIMIT))


class Trail:
    """What is known of a log up to the end of the stretch that was read last.

    Parameters
    ----------
    plan
        Which runs there are to be, and by which rules.
    simulated
        Whether the log keeps the rate to the microsecond.
    rate
        The most emails a second that the account may send. Default: the plan's rate.
    is_told
        Whether somebody told the plan; or else it is a guess who is served first, and that a
        domain of which no limit is known has none.
    knows_turns
        Whether every change of whose turn it was has a row.
    doubts
        As in :class:`sessim.history.Evidence`.
    usual
        When paused runs are restarted, if nobody told. Default: when the plan says.
    """

    def __init__(
        self, plan: Plan, *, simulated: bool, rate: Fraction | None = None,
        is_told: bool = True, knows_turns: bool = True, doubts: Doubts | None = None,
        usual: Usual | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.simulated = plan, simulated
        self.is_told, self.knows_turns = is_told, knows_turns
        self.rate = plan.rate if rate is None else rate
        self.usual = usual
        self._doubts: Doubts = doubts or {}
        runs = plan.runs
        size = len(runs)
        number = np.bincount(runs.task, minlength=len(plan.tasks) + 1)
        self._runs_of = number
        self._offset = np.cumsum(number) - number
        self._rank = np.empty(size, dtype=np.int32)
        self._rank[self._offset[runs.task] + runs.number - 1] = np.arange(size, dtype=np.int32)
        self.carried: dict[str, NDArray[Any]] = {
            name: np.zeros(size, dtype=np.int64) for name in CARRIED
        }
        self.carried["waiting"][:] = runs.requests
        self.carried["status"] = np.full(size, TO_START, dtype=np.int8)
        self.carried["served"] = np.zeros(size, dtype=np.bool_)
        for name in ("earliest", "latest"):
            self.carried[name][:] = NOT_YET
        self.rows_read = 0
        self.last_time = NOT_YET
        self.begun = np.zeros(size, dtype=np.bool_)  # due or skipped
        self.called_off = np.full(len(plan.tasks) + 1, np.iinfo(np.int64).max)
        self.limits: list[Limits] = [Limits() for _ in plan.domains]
        self.used: list[dict[int, int]] = [{} for _ in plan.domains]
        self.perhaps: list[dict[int, int]] = [{} for _ in plan.domains]
        self.held: list[set[int]] = [set() for _ in plan.domains]
        self.today = np.zeros(len(plan.domains), dtype=np.int64)
        self.unseen: set[int] = set()  # domains of runs that were gone at the next look
        self.full = np.zeros(len(plan.domains), dtype=np.bool_)
        self.sending = 0
        self.sent, self.left = 0, 0  # emails sent, and those that failed too
        self.busy = (0, 0, 0)  # when the busy period began, and ``sent`` and ``left`` then
        self.turns_anew: Ints = np.zeros(0, dtype=np.int64)
        self.exact = True
        self.watches: dict[int, Any] = {}  # of judged domains, what their judgements depend on
        self.misjudged: list[tuple[int, Any]] | None = None

    @property
    def counts_days(self) -> bool:
        """Whether what was sent is counted anew when limits are: no poll dates rolling windows."""
        return self.usual is None or self.usual.window != "rolling"

    def knows_limit(self, domain: int) -> bool:
        """Say whether a domain of which no limit is told has none: the log of others may be silent.

        Nor does a plan say which level a domain's reputation had reached.
        """
        return self.is_told and (self.knows_turns or domain not in judged(self.plan))

    def in_doubt(self, domain: int, instant: int) -> int:
        """Return how many emails may be of the day that begins with a midnight, or not."""
        return self._doubts.get((domain, instant), 0)

    def ranks(self, task: NDArray[Any], run: NDArray[Any]) -> NDArray[np.int32]:
        """Return the rank of runs in the plan; -1 for those that are not in it."""
        task = np.where((task > 0) & (task < len(self._runs_of)), task, 0)
        known = (run > 0) & (run <= self._runs_of[task])
        place = np.where(known, self._offset[task] + run - 1, 0)
        return np.where(known, self._rank[place], np.int32(NONE))


@dataclass
class Limits:
    """The rows ``limit`` of one domain so far; ``anew``: counting began anew, within ``span``."""

    time: list[int] = field(default_factory=list)
    limit: list[int] = field(default_factory=list)
    anew: list[bool] = field(default_factory=list)
    seq: list[int] = field(default_factory=list)
    span: list[tuple[int, int]] = field(default_factory=list)

    @property
    def openings(self) -> Ints:
        """When counting began anew."""
        rows = zip(self.time, self.anew, strict=True)
        return np.array([time for time, anew in rows if anew], dtype=np.int64)

    def resets(self, plan: Plan) -> Ints:
        """Return when counting began anew, not for the first time, with something to send."""
        rows = list(zip(self.time, self.limit, self.anew, strict=True))
        if rows and (plan.window == "rolling" or not _is_midnight(plan, self.time[0])):
            del rows[0]
        return np.array([time for time, limit, anew in rows if anew and limit], dtype=np.int64)

    @property
    def raises(self) -> Ints:
        """When the limit rose while counting went on."""
        found = [
            self.time[i]
            for i in range(1, len(self.time))
            if not self.anew[i] and (self.limit[i] > self.limit[i - 1] or self.limit[i] == NONE)
        ]
        return np.array(found, dtype=np.int64)


def judged(plan: Plan) -> list[int]:
    """Return the places of the domains whose limits follow their reputation."""
    return [i for i, domain in enumerate(plan.domains) if domain.warmup == "reputation"]


def has_quality(plan: Plan) -> bool:
    """Say whether chance has a part in a plan: quality, or limits by reputation."""
    parts = (*plan.domains, *plan.tasks)
    by_level = any(domain.warmup == "reputation" for domain in plan.domains)
    return by_level or any(getattr(part, "quality", None) is not None for part in parts)


def _is_midnight(plan: Plan, instant: int) -> bool:
    return plan.clock.day_start(plan.clock.date(instant)) == instant


class Stretch:
    """Consecutive rows of a log.

    Parameters
    ----------
    trail
        What came before; :meth:`close` adds the stretch to it.
    columns
        The columns of the log, in its order.
    earliest, latest, source
        As in :class:`sessim.history.Evidence`.

    Attributes
    ----------
    rows
        Places in the stretch of the rows that belong to runs, sorted by run.
    rank
        The runs of these rows.
    begins
        Which of these rows is the first of its run in this stretch.
    tells_outcomes
        Whether the log says what became of the emails sent.
    """

    def __init__(
        self,
        trail: Trail,
        columns: Mapping[str, NDArray[Any]],
        earliest: Ints,
        latest: Ints,
        source: Ints,
        details: Sequence[str],
    ) -> None:
        self.trail, self.columns, self.details = trail, columns, details
        self.plan = trail.plan
        self.first = trail.rows_read
        self.earliest, self.latest, self.source = earliest, latest, source
        run, event = columns["run"], columns["event"]
        mine = np.flatnonzero((run > 0) & (event != Event.SKIPPED))
        rank = trail.ranks(columns["task"][mine], run[mine])
        known = rank != NONE
        self.strangers = mine[~known]
        mine, rank = (mine, rank) if known.all() else (mine[known], rank[known])
        small = len(trail.plan.runs) < 2**16  # short keys sort in a tenth of the time
        order = np.argsort(rank.astype(np.uint16) if small else rank, kind="stable")
        self.rows, self.rank = mine[order], rank[order]
        self.begins = np.append(True, self.rank[1:] != self.rank[:-1])[: len(mine)]
        self.tells_outcomes = OUTCOMES[0] in columns
        for name in OUTCOMES if self.tells_outcomes else ():
            if name not in trail.carried:
                trail.carried[name] = np.zeros(len(trail.plan.runs), dtype=np.int64)
        self._now: dict[str, NDArray[Any]] = {}
        self._before: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self.columns["time"])

    def now(self, name: str) -> NDArray[Any]:
        """Return a column as each of ``rows`` says it."""
        if name not in self._now:
            self._now[name] = self._column(name)[self.rows]
        return self._now[name]

    def _column(self, name: str) -> NDArray[Any]:
        if name in ("earliest", "latest"):
            found: NDArray[Any] = getattr(self, name)
            return found
        return self.served if name == "served" else self.columns[name]

    def before(self, name: str) -> NDArray[Any]:
        """Return a column as the run's row before each of ``rows`` said it."""
        if name not in self._before:
            now = self.now(name)
            found = np.empty(len(now), dtype=np.int64 if now.dtype.kind == "i" else now.dtype)
            found[1:] = now[:-1]
            found[self.begins] = self.trail.carried[name][self.rank[self.begins]]
            self._before[name] = found
        return self._before[name]

    @cached_property
    def served(self) -> Mask:
        """Which rows of the stretch say that their run is being served from now on."""
        event, plain = self.columns["event"], self.columns["detail"] == self._code("")
        return np.asarray((event == Event.DAY) | ((event == Event.TURN) & plain))

    def _code(self, detail: str) -> int:
        return self.details.index(detail) if detail in self.details else -2

    def said(self, detail: str) -> Mask:
        """Return which of ``rows`` give a certain reason."""
        return np.asarray(self.now("detail") == self._code(detail))

    @cached_property
    def risen(self) -> Ints:
        """The emails sent since the run's row before."""
        return np.asarray(self.now("sent") - self.before("sent"))

    @cached_property
    def exact(self) -> Mask:
        """Which of ``rows`` happened at a known instant."""
        return np.asarray(self.now("earliest") == self.now("latest"))

    @cached_property
    def all_exact(self) -> bool:
        """Whether every row of the log so far happened at a known instant."""
        here = self.earliest is self.latest or bool((self.earliest == self.latest).all())
        return here and self.trail.exact

    @cached_property
    def closing(self) -> Mask:
        """Which of ``rows`` tell of the time just before their instant."""
        return np.isin(self.now("event"), _CLOSING)

    @cached_property
    def turns_anew(self) -> Ints:
        """When turns may have begun anew, back to the oldest row of a run that is SENDING."""
        anew = np.isin(self.columns["event"], _ANEW)
        return np.union1d(self.trail.turns_anew, self.columns["time"][anew])

    @cached_property
    def busy(self) -> Busy:
        """The busy periods."""
        return Busy(self)

    @cached_property
    def of_domains(self) -> list[NDArray[np.intp]]:
        """Return for each domain its rows in the stretch, in the order of the log."""
        domain = self.columns["domain"]
        return [np.flatnonzero(domain == i) for i in range(len(self.plan.domains))]

    @cached_property
    def in_order(self) -> NDArray[np.intp]:
        """The places among ``rows`` in the order of the log."""
        return np.argsort(self.rows, kind="stable")

    # --- what checks say ----------------------------------------------------------------------

    def steps(self, mask: Mask, size: Any = 1, **facts: NDArray[Any]) -> Found | None:
        """Report those of ``rows`` that a mask chooses; sizes and facts are arrays beside it."""
        chosen = np.flatnonzero(mask)
        if not len(chosen):
            return None
        size = np.broadcast_to(size, mask.shape)[chosen]
        return self.places(self.rows[chosen], size, {k: v[chosen] for k, v in facts.items()})

    def places(
        self, places: NDArray[Any], size: Any = 1, facts: Mapping[str, Any] | None = None
    ) -> Found | None:
        """Report rows of the stretch by their places, with their sizes and facts."""
        if not len(places):
            return None
        rows = {name: self.columns[name][places] for name in ("task", "run", "domain", "time")}
        rows["seq"], rows["source"] = places + self.first, self.source[places]
        return Found(rows, np.broadcast_to(size, places.shape), facts or {})

    def status_of(self, rank: int, place: int) -> int:
        """Return the status of a run as it stood when a row of the stretch was written."""
        bounds = np.searchsorted(self.rank, [rank, rank + 1])
        index = int(bounds[0] + np.searchsorted(self.rows[slice(*bounds)], place)) - 1
        if index < bounds[0]:
            return int(self.trail.carried["status"][rank])
        return int(self.now("status")[index])

    # --- the end ------------------------------------------------------------------------------

    @cached_property
    def after(self) -> dict[str, NDArray[Any]]:
        """How all runs stand after this stretch."""
        ends = np.append(self.begins[1:], True)[: len(self.rows)]
        found = {name: values.copy() for name, values in self.trail.carried.items()}
        for name, values in found.items():
            values[self.rank[ends]] = self.now(name)[ends]
        return found

    def close(self) -> None:
        """Remember how the runs stand after this stretch."""
        trail = self.trail
        trail.carried = self.after
        self.busy.close()
        is_sending = trail.carried["status"] == SENDING
        trail.sending = int(is_sending.sum())
        oldest = trail.carried["latest"][is_sending].min(initial=np.iinfo(np.int64).max)
        trail.turns_anew = self.turns_anew[self.turns_anew >= oldest]
        trail.rows_read += len(self)
        trail.exact = self.all_exact
        trail.last_time = int(self.columns["time"][-1])
