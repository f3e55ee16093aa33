"""The numbers behind the charts, taken from the event log alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.errors import SessimError, nearest
from sessim.eventlog import NONE, Event
from sessim.ledger import NOT_YET, Ints, Ledger, is_finished
from sessim.lifecycle import TaskStatus

if TYPE_CHECKING:
    from sessim.plan import Plan
    from sessim.result import Result

Names = str | int | Iterable[str | int] | None
"""Which tasks or domains: one or several names, tasks also by id; None for all."""

Floats = NDArray[np.float64]

_MANY: Final = 30  # names that a sentence can list
_CLOSING: Final = (Event.DAY, Event.END)  # they count for the day that ends with them


class SelectionError(SessimError, ValueError):
    """A task or a domain was asked for that is not there."""


class Days(Protocol):
    """The local days that a chart shows: those of a story, or of many."""

    @property
    def plan(self) -> Plan:
        """The plan, whose zone the days are of."""

    @property
    def edges(self) -> Ints:
        """When they begin, and when the last one ends (microseconds since the Unix epoch)."""


@dataclass(frozen=True)
class Curve:
    """The unsent emails of due runs over time, one entry a vertex: linear between vertices.

    Parameters
    ----------
    instants
        In microseconds since the Unix epoch; where the number jumps, an instant is there twice.
    cached, waiting
        Emails in the cache queue, and due but not cached.
    """

    instants: Ints
    cached: Ints
    waiting: Ints

    @property
    def total(self) -> Ints:
        """Both together."""
        return self.cached + self.waiting


@dataclass(frozen=True)
class Bands:
    """Stretches of time ``[start, end)``, in microseconds since the Unix epoch, each in a lane."""

    lane: Ints
    start: Ints
    end: Ints

    def united(self, gap: int = 0) -> Bands:
        """Unite those of a lane that overlap, touch or leave at most a gap; by lane and start."""
        if not len(self.lane):
            return self
        zero = int(self.start.min())
        far = int(self.end.max()) - zero + gap + 1  # keeps the lanes apart in one row of numbers
        order = np.lexsort((self.start, self.lane))
        lane = self.lane[order]
        start, end = (v[order] - zero + lane * far for v in (self.start, self.end))
        reach = np.maximum.accumulate(end)
        firsts = np.flatnonzero(np.append(True, start[1:] > reach[:-1] + gap))
        lane, back = lane[firsts], zero - lane[firsts] * far
        return Bands(lane, start[firsts] + back, np.maximum.reduceat(end, firsts) + back)


class Story:
    """What a result tells of some of its tasks and domains.

    Parameters
    ----------
    result
        Whose log is read.
    tasks, domains
        The chosen ones: names, tasks also by id.

    Attributes
    ----------
    log, plan, ledger
        The event log, its plan and its rows sorted by run.
    tasks, domains
        Whether each is chosen: by task id (0: test sends), and by the log's code of the domain
        (those that the log does not tell of come after it).
    """

    def __init__(self, result: Result, tasks: Names = None, domains: Names = None) -> None:
        self.result, self.log, self.plan = result, result.log, result.plan
        self.ledger = Ledger(self.log)
        ids = {task.name: number for number, task in enumerate(self.plan.tasks, 1)}
        self.tasks = _chosen("task", tasks, ids, len(ids) + 1)
        known = dict.fromkeys([*self.log.domains, *(domain.name for domain in self.plan.domains)])
        codes = {name: code for code, name in enumerate(known)}
        self.domains = _chosen("domain", domains, codes, len(codes))
        self._codes = codes

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table with columns ``task`` and ``domain`` that are chosen."""
        domain = frame["domain"].map(self._codes).to_numpy(dtype=np.int64)
        return frame[self.tasks[frame["task"]] & self.domains[domain]]

    @property
    def narrowed(self) -> bool:
        """Whether not all is chosen."""
        return not (self.tasks.all() and self.domains.all())

    def has(self, rows: Ints) -> NDArray[np.bool_]:
        """Say of rows of the log that belong to a domain whether they are chosen."""
        task, domain = self.log.task[rows], self.log.domain[rows]
        chosen: NDArray[np.bool_] = self.tasks[task] & self.domains[domain]
        return chosen

    # --- days -----------------------------------------------------------------------------------

    @cached_property
    def edges(self) -> Ints:
        """When the local days begin, and when the last one ends (microseconds since the epoch).

        Where not all is chosen, they are the days from the one before to the one after its life.
        """
        edges = self._all_edges()
        rows = np.append(self.ledger.rows[self.has(self.ledger.rows)], self.emails[0])
        if not (self.narrowed and len(rows)):
            return edges
        times = self.log.time[rows]
        unfinished = self.of(self.result.tasks)["finished"].isna().any()
        life = np.array([times.min(), self.end if unfinished else times.max()])
        first, last = edges.searchsorted(life, "right") - 1
        return edges[max(first - 1, 0) : last + 3]

    def _all_edges(self) -> Ints:
        log, clock = self.log, self.plan.clock
        marks = np.isin(log.event, (*_CLOSING, Event.LIMIT))
        last = max(int((log.time - marks).max()), int(log.time[0]))
        date = clock.date(int(log.time[0]))
        edges = [clock.day_start(date)]
        while edges[-1] <= last:
            date += dt.timedelta(days=1)
            start = clock.day_start(date)
            if start > edges[-1]:  # a date that the zone skipped has no day
                edges.append(start)
        return np.array(edges)

    @property
    def end(self) -> int:
        """The last instant of the log."""
        return int(self.log.time[-1])

    def days(self, rows: Ints) -> Ints:
        """Return the day that rows of the log count for."""
        closing = np.isin(self.log.event[rows], _CLOSING)
        return self.edges.searchsorted(self.log.time[rows] - closing, "right") - 1

    @cached_property
    def emails(self) -> tuple[Ints, Ints]:
        """The rows of the log that tell of emails sent, and how many each tells of."""
        log, ledger = self.log, self.ledger
        tests = np.flatnonzero((log.run == 0) & (log.domain != NONE) & (log.sent > 0))
        rows = np.append(ledger.rows, tests)
        sent = np.append(ledger.risen, log.sent[tests])
        chosen = (sent != 0) & self.has(rows)
        return rows[chosen], sent[chosen]

    def sent(self, groups: Ints, size: int) -> Ints:
        """Sum the emails sent by group (one for each row of :attr:`emails`) and day."""
        rows, sent = self.emails
        total = np.zeros((size, len(self.edges) - 1), dtype=np.int64)
        np.add.at(total, (groups, self.days(rows)), sent)
        return total

    @cached_property
    def limits(self) -> Mapping[str, Floats]:
        """The daily limits of each chosen domain with work; not a number where there is none."""
        log, size = self.log, len(self.edges) - 1
        found = np.full((len(log.domains), size), np.nan)
        rows = np.flatnonzero(log.event == Event.LIMIT)
        limit = np.where(log.limit[rows] == NONE, np.nan, log.limit[rows])
        days = self.edges.searchsorted(log.time[rows], "right") - 1
        shown = (days >= 0) & (days < size)
        found[log.domain[rows[shown]], days[shown]] = limit[shown]
        worked = np.unique(log.domain[self.ledger.rows[self.has(self.ledger.rows)]])
        worked = np.union1d(worked, log.domain[self.emails[0]])
        return {log.domains[code]: found[code] for code in worked}

    @cached_property
    def daily(self) -> pd.DataFrame:
        """The day table of the chosen domains with work, on the shown days, whatever the tasks."""
        daily = self.result.daily
        return daily[daily["domain"].isin(list(self.limits)) & daily["date"].isin(self._dates)]

    @cached_property
    def full_days(self) -> Mapping[str, NDArray[np.bool_]]:
        """On which days each chosen domain with work sent all it might, whatever the tasks."""
        daily = self.daily
        full = daily[(daily["sent"] >= daily["limit"]).fillna(value=False) & (daily["sent"] > 0)]
        found = {}
        for name in self.limits:
            on = full["date"][full["domain"] == name].to_numpy(dtype="M8[us]")
            found[name] = np.isin(self._dates, on)
        return found

    @cached_property
    def _dates(self) -> NDArray[np.datetime64]:
        """The date of each day."""
        clock = self.plan.clock
        return np.array([clock.date(int(edge)) for edge in self.edges[:-1]], dtype="M8[us]")

    # --- backlog ----------------------------------------------------------------------------------

    @cached_property
    def curve(self) -> Curve:
        """The backlog over time."""
        log, ledger = self.log, self.ledger
        new = np.append(True, log.time[1:] > log.time[:-1])
        place = (np.cumsum(new) - 1)[ledger.rows]
        finished = is_finished(ledger.column("status"))
        falls = _Falls(place, ledger, self._progress(new))
        chosen = self.has(ledger.rows)
        cached, waiting = (
            falls.levels(np.where(finished, 0, ledger.column(name)).astype(np.int64), chosen)
            for name in ("cached", "waiting")
        )
        return Curve(np.repeat(log.time[new], 2), cached, waiting)

    def _progress(self, new: NDArray[np.bool_]) -> Floats:
        """Return a clock, read at each instant of the log, by which a served run sends evenly.

        In ``fifo`` it is time. In ``fair`` it goes the slower the more runs take turns.
        """
        instants = self.log.time[new]
        lasted = np.diff(instants).astype(np.float64)
        if self.plan.discipline == "fair":
            lasts = np.append(np.flatnonzero(new)[1:], len(new))[:-1] - 1
            lasted /= np.maximum(self.ledger.sending[lasts], 1)
        return np.append(0.0, np.cumsum(lasted))

    # --- timeline ---------------------------------------------------------------------------------

    def bands(self, lanes: Ints) -> dict[str, Bands]:
        """Return when the runs of each lane were sending, waiting for their turn, or paused.

        Parameters
        ----------
        lanes
            The lane of each run, by the ledger's line; -1 for none.

        Returns
        -------
        dict of str to Bands
            Under ``"sending"``, ``"turn"``, ``"paused"`` and, in a history, ``"unsure"``: where
            a pause began or ended between two looks; those of a lane united.
        """
        ledger = self.ledger
        status, lane = ledger.column("status"), lanes[ledger.line]
        end = np.minimum(ledger.next_time, self.end)
        start = ledger.column("time")
        grows = np.append(ledger.risen[1:], 0)[: len(start)] > 0
        sending = status == TaskStatus.SENDING
        states = {
            "sending": sending & grows,
            "turn": sending & ~grows,
            "paused": status == TaskStatus.PAUSED,
        }
        there = (lane >= 0) & (end > start)
        found = {
            name: Bands(lane[rows], start[rows], end[rows]).united()
            for name, rows in ((name, is_so & there) for name, is_so in states.items())
        }
        return found | {"unsure": self._unsure(lanes)}

    def _unsure(self, lanes: Ints) -> Bands:
        """Return between which instants pauses began and ended, where nobody saw it."""
        pauses = self.result.pauses
        if "start_earliest" not in pauses:
            return Bands(*np.zeros((3, 0), dtype=np.int64))
        firsts = self.ledger.rows[self.ledger.starts]
        places = zip(self.log.task[firsts].tolist(), self.log.run[firsts].tolist(), strict=True)
        line = {place: i for i, place in enumerate(places)}
        runs = zip(pauses["task"], pauses["run"], strict=True)
        lane = lanes[np.array([line[run] for run in runs], dtype=np.int64)]
        bounds = {
            name: instants(pauses[name])
            for name in ("start_earliest", "start_latest", "end_earliest", "end_latest")
        }
        start = np.append(bounds["start_earliest"], bounds["end_earliest"])
        end = np.append(bounds["start_latest"], bounds["end_latest"])
        lane = np.tile(lane, 2)
        there = (lane >= 0) & (end > start) & (start != NOT_YET)
        return Bands(lane[there], start[there], end[there]).united()


def instants(column: pd.Series[Any]) -> Ints:
    """Turn a column of times into microseconds since the Unix epoch; NaT into ``NOT_YET``."""
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None)
    found: Ints = utc.to_numpy(dtype="M8[us]").view(np.int64)
    return found


class _Falls:
    """How emails leave: between two rows of a run evenly, what else changes at the row."""

    def __init__(self, place: Ints, ledger: Ledger, progress: Floats) -> None:
        self.place, self.progress = place, progress
        self.first = np.zeros(len(place), dtype=bool)
        self.first[ledger.starts] = True
        following = np.append(place[1:], 0)
        self.ahead = np.maximum(progress[following] - progress[place], 0)
        self.ahead[np.append(self.first[1:], True)[: len(place)]] = 0
        leaving = np.append(ledger.risen[1:], 0)
        self.leaving = np.where(self.ahead > 0, leaving, 0)

    def levels(self, values: Ints, chosen: NDArray[np.bool_]) -> Ints:
        """Sum a number of the runs, before and after what happened at each instant."""
        size = len(self.progress)
        falls = np.clip(self.leaving, 0, values)
        before = np.append(0, (values - falls)[:-1])
        jumps = np.where(chosen, values - np.where(self.first, 0, before), 0)
        slopes = np.where(chosen, falls, 0) / np.where(self.ahead > 0, self.ahead, 1)
        change = np.bincount(self.place, slopes, size)
        change -= np.bincount(self.place[1:], slopes[:-1], size)
        fallen = np.append(0, np.cumsum(change)[:-1] * np.diff(self.progress))
        jump = np.bincount(self.place, jumps, size)
        after = np.cumsum(jump - fallen)
        levels = np.stack([after - jump, after], axis=1).ravel()
        whole: Ints = np.maximum(np.rint(levels), 0).astype(np.int64)
        return whole


def _chosen(kind: str, names: Names, known: Mapping[str, int], size: int) -> NDArray[np.bool_]:
    """Return for each number whether it is chosen."""
    if names is None:
        return np.ones(size, dtype=bool)
    chosen = np.zeros(size, dtype=bool)
    for name in [names] if isinstance(names, str | int) else names:
        chosen[_number(kind, name, known)] = True
    return chosen


def _number(kind: str, name: Any, known: Mapping[str, int]) -> int:
    if isinstance(name, str) and name in known:
        return known[name]
    if kind == "task" and isinstance(name, int | np.integer) and 1 <= name <= len(known):
        return int(name)
    raise SelectionError(f"there is no {kind} {name!r}; {_remedy(name, known)}")


def _remedy(name: Any, known: Collection[str]) -> str:
    hint = nearest(str(name), known)
    many = hint.startswith("known") and len(known) > _MANY
    return "see the column name of result.tasks" if many else hint
