"""The rows of a rebuilt log, collected out of order and then put in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event
from sessim.lifecycle import TaskStatus

Ints = NDArray[np.int64]

ORDER: Final = {
    Event.DAY: 0, Event.LIMIT: 1, Event.SENT: 2, Event.PAUSED: 2, Event.ERROR: 2,
    Event.RESTARTED: 3, Event.REFUSED: 3, Event.CANCELLED: 4, Event.DUE: 5, Event.SKIPPED: 5,
    Event.SENDING: 6, Event.TURN: 7, Event.END: 9,
}  # fmt: skip
"""What comes first at one instant (rules, *Terms*)."""
LAST: Final = 8


class Span(NamedTuple):
    """An instant, and between which two it is known to lie."""

    time: int
    earliest: int
    latest: int

    @classmethod
    def at(cls, time: int) -> Span:
        """Return an instant that is known exactly."""
        return cls(time, time, time)

    @classmethod
    def within(cls, time: int, earliest: int, latest: int) -> Span:
        """Return an instant that was estimated, moved into its bounds."""
        return cls(min(max(time, earliest), latest), earliest, latest)


class Counts(NamedTuple):
    """The counters of a run."""

    requests: int
    sent: int
    cached: int
    failed: int = 0


_FIELDS: Final = (
    "time", "order", "event", "task", "run", "domain", "status", "sent", "cached", "failed",
    "cancelled", "waiting", "limit", "detail", "earliest", "latest", "source",
)  # fmt: skip


class Rows:
    """Collects rows; those of one run in the order in which they happened."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, ...]] = []
        self._details: dict[str, int] = {"": 0}
        self._who = (0, 0)
        self._latest = (0, 0)
        self._tests: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def begin(self) -> None:
        """Begin with another run: its rows need not come after those before."""
        self._latest = (0, 0)

    def run(
        self, event: Event, who: tuple[int, int, int], span: Span, status: int, counts: Counts,
        source: int, detail: str = "",
    ) -> None:  # fmt: skip
        """Append a row of a run, given by task, number and domain."""
        task, run, domain = who
        after_test = event == Event.PAUSED and (domain, span.time) in self._tests
        place = (span.time, LAST if after_test else ORDER[event])
        if place < self._latest:
            place = self._latest
        self._latest = place
        requests, sent, cached, failed = counts
        rest = max(requests - sent - cached - failed, 0)
        dropped = rest + cached if status == TaskStatus.CANCELLED else 0
        if dropped:
            cached = rest = 0
        elif status == TaskStatus.PAUSED:
            cached, rest = cached + rest, 0
        self._add(
            *place, event, task, run, domain, status, sent, cached, failed, dropped, rest, NONE,
            self._code(detail), min(span.earliest, place[0]), max(span.latest, place[0]), source,
        )  # fmt: skip

    def limit(self, domain: int, span: Span, limit: int, detail: str) -> None:
        """Append a row that tells of a domain's limit."""
        self._add(
            span.time, ORDER[Event.LIMIT], Event.LIMIT, 0, 0, domain, NONE, 0, 0, 0, 0, 0, limit,
            self._code(detail), span.earliest, span.latest, NONE,
        )  # fmt: skip

    def test(self, time: int, domain: int, sent: int, failed: int, source: int) -> None:
        """Append the rows of a test send; the runs that it stopped are to be told of later."""
        if sent:
            self._tests.add((domain, time))
        outcomes = ((Event.SENT, sent, 0, "test send"),
                    (Event.ERROR, 0, failed, "test send at the daily limit"))  # fmt: skip
        for event, told, lost, detail in outcomes:
            if told or lost:
                self._add(
                    time, ORDER[Event.TURN], event, 0, 0, domain, NONE, told, 0, lost, 0, 0, NONE,
                    self._code(detail), time, time, source,
                )  # fmt: skip

    def skipped(self, who: tuple[int, int, int], due: int) -> None:
        """Append a row that tells that a run did not happen, given by task, number and domain."""
        task, run, domain = who
        self._add(
            due, ORDER[Event.SKIPPED], Event.SKIPPED, task, run, domain, NONE, 0, 0, 0, 0, 0, NONE,
            self._code("an earlier run of the task is unfinished"), due, due, NONE,
        )  # fmt: skip

    def called_off(self, task: int, span: Span, source: int) -> None:
        """Append a row that tells that a task's later recurrences will not come."""
        self._add(
            span.time, ORDER[Event.CANCELLED], Event.CANCELLED, task, 0, NONE, NONE, 0, 0, 0, 0, 0,
            NONE, self._code("later recurrences called off"), span.earliest, span.latest, source,
        )  # fmt: skip

    def end(self, time: int, detail: str) -> None:
        """Append the row that ends the log."""
        self._add(
            time, ORDER[Event.END], Event.END, 0, 0, NONE, NONE, 0, 0, 0, 0, 0, NONE,
            self._code(detail), time, time, NONE,
        )  # fmt: skip

    def _add(self, *row: int) -> None:
        self._rows.append(row)

    def _code(self, detail: str) -> int:
        return self._details.setdefault(detail, len(self._details))

    @property
    def last(self) -> int:
        """The instant of the last row."""
        return max((row[0] for row in self._rows), default=0)

    @property
    def details(self) -> tuple[str, ...]:
        """The texts of the column ``detail``, by code."""
        return tuple(self._details)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the rows as arrays, in order, with those of the evidence."""
        table = np.array(self._rows, dtype=np.int64).reshape(-1, len(_FIELDS))
        self._rows = []
        order = np.lexsort((table[:, 3], table[:, 1], table[:, 0]))
        return dict(zip(_FIELDS, table[order].T.copy(), strict=True))


def used(columns: dict[str, NDArray[Any]], fresh: Sequence[Sequence[int]]) -> None:
    """Fill in the limit in force, and what counted towards it, of each row with a domain.

    ``fresh`` are, by the domain's place, the instants at which counting begins anew.
    """
    domain, event, time = columns["domain"], columns["event"], columns["time"]
    risen = _rises(columns)
    columns["sent_today"] = np.zeros(len(time), dtype=np.int64)
    for place in range(int(domain.max(initial=NONE)) + 1):
        rows = np.flatnonzero(domain == place)
        if not len(rows):
            continue
        told = np.maximum.accumulate(np.where(event[rows] == Event.LIMIT, np.arange(len(rows)), -1))
        known = columns["limit"][rows][told]
        columns["limit"][rows] = np.where(told < 0, NONE, known)
        total = np.cumsum(risen[rows])
        starts = np.isin(time[rows], np.array(fresh[place], dtype=np.int64))
        starts &= event[rows] == Event.LIMIT
        began = np.maximum.accumulate(np.where(starts, np.arange(len(rows)), -1))
        base = np.where(began < 0, 0, total[began])
        columns["sent_today"][rows] = (total - base)[_together(columns, rows)]


def _together(columns: dict[str, NDArray[Any]], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each of some rows the last of those that tell of emails at its instant.

    Where runs pause together their emails had all been sent, whichever of the rows comes first.
    """
    time, order = columns["time"][rows], columns["order"][rows]
    alone = ~np.isin(order, (ORDER[Event.DAY], ORDER[Event.PAUSED], LAST))
    ends = alone[:-1] | (time[1:] != time[:-1]) | (order[1:] != order[:-1])
    ends = np.append(np.flatnonzero(ends), len(rows) - 1)
    return ends[np.searchsorted(ends, np.arange(len(rows)))]


def _rises(columns: dict[str, NDArray[Any]]) -> Ints:
    """Return by how much each row's ``sent`` rose since its run's row before, or a test's."""
    key = columns["task"] << 32 | columns["run"]
    order = np.argsort(key, kind="stable")
    sent, sorted_key = columns["sent"][order], key[order]
    risen = sent.copy()
    same = np.append(False, sorted_key[1:] == sorted_key[:-1])[: len(sent)]
    risen[same] -= np.roll(sent, 1)[same]
    found = np.zeros(len(sent), dtype=np.int64)
    found[order] = np.where(columns["run"][order] > 0, risen, 0)
    tests = (columns["run"] == 0) & (columns["event"] == Event.SENT)
    found[tests] = columns["sent"][tests]
    return found
