"""The event log as the model writes it: packed blocks of rows, unfolded into columns later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, EventLog
from sessim.lifecycle import Rest
from sessim.outcomes import Fates
from sessim.plan import Plan
from sessim.quality import OUTCOMES
from sessim.serving import Ranks

_PLACES: Final = {
    rest.name.lower(): int(rest) for rest in Rest if rest not in (Rest.NOWHERE, Rest.FAILED)
}

_BLOCK: Final = {
    "time": "q", "limit": "q", "sent_today": "q", "sent": "q", "failed": "q", "run": "i",
    "rows": "i", "detail": "i", "status": "h", "event": "b", "domain": "b", "rest": "b",
}  # fmt: skip
_RECORD: Final = np.dtype(list(_BLOCK.items()), align=True)
_pack: Final = Struct("@" + "".join(_BLOCK.values()) + "0q").pack  # padded as _RECORD is

SEVERAL: Final = -2
"""Stands in a block for its runs, which are noted beside it."""


class _Codes(dict[str, int]):
    """Numbers texts in the order in which they are first looked up."""

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self)
        return code


class LogWriter:
    """Collects rows in blocks: rows of one instant, event, domain and status, differing by run.

    A block is a packed record however many runs it tells of; several runs and their emails stand
    beside it in arrays.
    """

    def __init__(self) -> None:
        self._blocks = bytearray()
        self._runs: list[Ranks] = []
        self._sent: list[NDArray[Any]] = []
        self._details = _Codes({"": 0})
        self.requests: NDArray[np.int64] | None = None
        """The emails of each run, where they are not those of the plan."""
        self._fates: Fates | None = None
        self._emails: NDArray[np.int64] = np.zeros(0, np.int64)

    def row(
        self, time: int, event: int, domain: int, status: int, rest: int, limit: int,
        sent_today: int, detail: str, run: int = NONE, sent: int = 0, failed: int = 0,
    ) -> None:  # fmt: skip
        """Append one row.

        ``run`` is a rank; from the number of runs on it is a task (the first, the second, ...),
        and -1 stands for neither.
        """
        self._blocks += _pack(
            time, limit, sent_today, sent, failed, run, 1, self._details[detail],
            status, event, domain, rest,
        )  # fmt: skip

    def rows(
        self, time: int, event: int, domain: int, status: int, rest: int, limit: int,
        sent_today: int, detail: str, runs: Ranks, sent: NDArray[Any],
    ) -> None:  # fmt: skip
        """Append a row for each of several runs, given by their ranks; both arrays are kept."""
        self._blocks += _pack(
            time, limit, sent_today, 0, 0, SEVERAL, len(runs), self._details[detail],
            status, event, domain, rest,
        )  # fmt: skip
        self._runs.append(runs)
        self._sent.append(sent)

    def tell_of(self, fates: Fates, requests: NDArray[np.int64], emails: NDArray[np.int64]) -> None:
        """Let the log tell what became of the emails.

        ``requests`` and ``emails`` are each run's emails, and those that have left, by rank.
        """
        self._fates, self.requests, self._emails = fates, requests, emails

    @property
    def knots(self) -> NDArray[np.int64] | None:
        """What became of the runs' emails, if anybody says: see :class:`~sessim.outcomes.Fates`."""
        return None if self._fates is None else self._fates.knots(self._emails)

    @property
    def totals(self) -> NDArray[np.int64] | None:
        """What became of the runs' emails in the end, by rank, if anybody says; quickly."""
        return None if self._fates is None else self._fates.totals(self._emails)

    @property
    def last_time(self) -> int:
        """The instant of the last row."""
        return int(self.records["time"][-1])

    @property
    def records(self) -> NDArray[Any]:
        """The blocks so far."""
        return np.frombuffer(bytes(self._blocks), _RECORD)

    @property
    def runs(self) -> NDArray[np.int32]:
        """The runs that stand beside the blocks."""
        return np.concatenate((np.zeros(0, np.int32), *self._runs), dtype=np.int32)

    @property
    def sent(self) -> NDArray[np.signedinteger[Any]]:
        """Their emails."""
        return np.concatenate((np.zeros(0, np.int32), *self._sent))

    @property
    def details(self) -> list[str]:
        """The texts of the column ``detail``, by code."""
        return list(self._details)

    def copy(self) -> LogWriter:
        """Return a writer of the same rows."""
        other = LogWriter()
        other._blocks += self._blocks
        other._runs, other._sent = self._runs.copy(), self._sent.copy()
        other._details = _Codes(self._details)
        other.requests, other._fates, other._emails = self.requests, self._fates, self._emails
        return other

    @property
    def beside(self) -> tuple[list[Ranks], list[NDArray[Any]]]:
        """The runs and their emails that stand beside the blocks, as they were noted."""
        return self._runs, self._sent

    # --- as data ------------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all rows as arrays, from which :meth:`restore` makes a writer again."""
        return {"log_blocks": self.records, "log_runs": self.runs, "log_sent": self.sent}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], details: Iterable[str]) -> LogWriter:
        """Make a writer of what :meth:`arrays` and ``details`` returned."""
        writer = cls()
        writer._blocks += arrays["log_blocks"].tobytes()
        writer._details = _Codes({text: code for code, text in enumerate(details)})
        records = writer.records
        ends = np.cumsum(records["rows"][records["run"] == SEVERAL])
        if len(ends):
            writer._runs = np.split(arrays["log_runs"], ends[:-1])
            writer._sent = np.split(arrays["log_sent"], ends[:-1])
        return writer


class PackedLog(EventLog):
    """A log as the model wrote it; the columns are unfolded when somebody looks at them.

    Parameters
    ----------
    writer
        What happened; it is the log's from now on.
    plan, meta
        As in :class:`~sessim.eventlog.EventLog`.
    """

    def __init__(self, writer: LogWriter, plan: Plan, meta: Mapping[str, Any]) -> None:
        self.domains = tuple(domain.name for domain in plan.domains)
        self.details = tuple(writer.details)
        self.plan, self.meta = plan, meta
        self._writer = writer

    @property
    def writer(self) -> LogWriter:
        """What the model noted; it is empty once the columns are unfolded."""
        return self._writer

    @cached_property
    def columns(self) -> Mapping[str, NDArray[Any]]:  # type: ignore[override]
        """The columns, unfolded."""
        columns = _unfold(self._writer, self.plan)
        self._writer = LogWriter()  # a large log is not kept twice
        return columns


def _unfold(writer: LogWriter, plan: Plan) -> dict[str, NDArray[Any]]:
    blocks = writer.records
    requests = plan.runs.requests if writer.requests is None else writer.requests
    largest = [blocks[name].max(initial=0) for name in ("limit", "sent_today", "failed")]
    counts = _kind(max(2**16, requests.max(initial=0), *largest))  # sums must not run over
    kinds: dict[str, type[Any]] = {
        "time": np.int64, "event": np.int8, "domain": np.int8, "status": np.int8,
        "detail": _kind(len(writer.details)), "limit": counts, "sent_today": counts,
        "sent": counts,
    }  # fmt: skip
    rows = blocks["rows"].astype(np.intp)
    columns: dict[str, NDArray[Any]] = {
        name: blocks[name].astype(kind, copy=False).repeat(rows) for name, kind in kinds.items()
    }
    run = blocks["run"].repeat(rows)
    several = run == SEVERAL
    run[several], columns["sent"][several] = writer.runs, writer.sent
    columns["task"], columns["run"] = _numbers(run, plan)
    unsent = np.append(requests.astype(counts), np.zeros(len(plan.tasks) + 1, counts))[run]
    unsent -= columns["sent"]
    columns["failed"] = np.zeros(len(run), counts)
    if blocks["failed"].any():
        columns["failed"] += blocks["failed"].astype(counts).repeat(rows)
        unsent -= columns["failed"]
    rest = blocks["rest"].repeat(rows)
    for name, place in _PLACES.items():
        here = rest == place
        # zeros that nobody writes to need no memory
        columns[name] = unsent * here if here.any() else np.zeros(len(run), counts)
    if (failing := rest == Rest.FAILED).any():
        columns["failed"] += unsent * failing
    knots = writer.knots
    if knots is not None:
        columns |= _outcomes(knots, run, columns["sent"])
    return columns


def _outcomes(
    knots: NDArray[np.int64], run: NDArray[np.int32], sent: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return what became of the emails sent, a column each: 0 where a row belongs to no run."""
    size = len(knots)
    _, place = np.unique(np.append(knots[:, 1], sent), return_inverse=True)
    width = place.max(initial=0) + 1
    known = knots[:, 0] * width + place[:size]
    order = np.argsort(known)
    wanted = np.where(sent > 0, run, NONE) * width + place[size:]
    at = np.minimum(np.searchsorted(known, wanted, sorter=order), size - 1)
    found = np.zeros((len(run), len(OUTCOMES)), np.int64)
    if size:
        rows = order[at]
        hit = known[rows] == wanted
        found[hit] = knots[rows[hit], 2:]
    return dict(zip(OUTCOMES, found.T, strict=True))


def _numbers(run: NDArray[np.int32], plan: Plan) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the columns ``task`` and ``run``."""
    # Behind the runs stand the tasks, for rows of no run, and last what -1 falls on: neither.
    others = np.arange(1, len(plan.tasks) + 2)
    others[-1] = 0
    task = np.concatenate((plan.runs.task, others), dtype=_kind(len(others)))
    none = np.zeros(len(others), np.int8)
    number = np.concatenate((plan.runs.number, none), dtype=_kind(len(plan.runs)))
    return task[run], number[run]


_KINDS: Final = {7: np.int8, 15: np.int16, 31: np.int32, 63: np.int64}


def _kind(largest: int) -> type[Any]:
    """Return the smallest kind of whole number that holds a number."""
    return next(kind for bits, kind in _KINDS.items() if largest < 1 << bits)
