"""Writing the event log: the model notes what happened, and the columns are unfolded once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event, EventLog
from sessim.lifecycle import CANCELLED, ERROR, PAUSED, SENDING, SENT, TO_START
from sessim.plan import Plan
from sessim.serving import Ranks

_AFTER: Final = {
    Event.DUE: TO_START,
    Event.SENDING: SENDING,
    Event.PAUSED: PAUSED,
    Event.RESTARTED: SENDING,
    Event.REFUSED: PAUSED,
    Event.TURN: SENDING,
    Event.DAY: SENDING,
    Event.SENT: SENT,
    Event.ERROR: ERROR,
    Event.CANCELLED: CANCELLED,
    Event.SKIPPED: NONE,
    Event.LIMIT: NONE,
    Event.END: SENDING,  # only the runs that are being served have a row at the end
}
"""The status of a run after each event."""

_STATUS: Final = np.array([_AFTER[event] for event in Event], dtype=np.int8)
_IS_OPEN: Final = np.isin(_STATUS, (TO_START, SENDING, PAUSED))

_FIELDS: Final = ("time", "event", "sent_today", "detail", "rows")


class LogWriter:
    """Collects what happened: when, what, whom it concerns, and how many emails.

    Whom it concerns is a number: the rank of a run; from the number of runs on a task, the first,
    the second, ...; from there on a domain; and last nobody. The emails are those that a run has
    sent so far, a domain's new limit (-1 for none), or those of a test send. All else that a row
    of the log shows follows from the rows before it and the plan: :meth:`log` fills it in.
    """

    def __init__(self) -> None:
        self._blocks = array("q")  # _FIELDS for each block of rows
        self._whom = array("i")
        self._emails = array("q")
        self._details: dict[str, int] = {"": 0}

    def row(
        self, time: int, event: int, whom: int, emails: int, sent_today: int, detail: str = ""
    ) -> None:
        """Append one row."""
        self._blocks.extend((time, event, sent_today, self._code(detail) if detail else 0, 1))
        self._whom.append(whom)
        self._emails.append(emails)

    def rows(
        self,
        time: int,
        event: int,
        ranks: Ranks,
        emails: NDArray[np.int64],
        sent_today: int,
        detail: str = "",
    ) -> None:
        """Append a row for each of several runs of one domain."""
        code = self._code(detail) if detail else 0
        self._blocks.extend((time, event, sent_today, code, len(ranks)))
        self._whom.frombytes(np.asarray(ranks, dtype=np.int32).tobytes())
        self._emails.frombytes(emails.tobytes())

    def _code(self, text: str) -> int:
        return self._details.setdefault(text, len(self._details))

    @property
    def last_time(self) -> int:
        """The instant of the last row."""
        return self._blocks[-len(_FIELDS)]

    def mark(self) -> tuple[int, int]:
        """Return the present end, to which :meth:`rewind` comes back."""
        return len(self._blocks), len(self._whom)

    def rewind(self, mark: tuple[int, int]) -> None:
        """Drop the rows written since :meth:`mark`."""
        del self._blocks[mark[0] :], self._whom[mark[1] :], self._emails[mark[1] :]

    # --- as data ------------------------------------------------------------------------------

    @property
    def details(self) -> list[str]:
        """The texts of the column ``detail``, by code."""
        return list(self._details)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all rows as arrays, from which :meth:`restore` makes a writer again."""
        return {
            "log_blocks": np.array(self._blocks),
            "log_whom": np.array(self._whom),
            "log_emails": np.array(self._emails),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], details: Iterable[str]) -> LogWriter:
        """Make a writer of what :meth:`arrays` and ``details`` returned."""
        writer = cls()
        writer._blocks = array("q", arrays["log_blocks"].tobytes())
        writer._whom = array("i", arrays["log_whom"].tobytes())
        writer._emails = array("q", arrays["log_emails"].tobytes())
        writer._details = {text: code for code, text in enumerate(details)}
        return writer

    # --- unfolding ----------------------------------------------------------------------------

    def log(self, plan: Plan, meta: Mapping[str, Any]) -> EventLog:
        """Unfold what was noted into the columns of a log.

        Parameters
        ----------
        plan, meta
            As in :class:`~sessim.eventlog.EventLog`.
        """
        blocks = dict(zip(_FIELDS, np.array(self._blocks).reshape(-1, len(_FIELDS)).T, strict=True))
        whom, emails = np.array(self._whom), np.array(self._emails)
        counts = _smallest(plan.runs.requests, emails, blocks["sent_today"])
        kinds: dict[str, type[Any]] = {"time": np.int64, "event": np.int8, "sent_today": counts,
                 "detail": _smallest(blocks["detail"])}  # fmt: skip
        rows = blocks.pop("rows")
        columns: dict[str, NDArray[Any]] = {
            name: np.repeat(values.astype(kinds[name]), rows) for name, values in blocks.items()
        }
        columns |= _concerned(whom, plan)
        _fill_in_emails(columns, whom, emails.astype(counts), plan.runs.requests.astype(counts))
        names = tuple(domain.name for domain in plan.domains)
        return EventLog(columns, names, tuple(self._details), plan, meta)


def _smallest(*numbers: NDArray[np.integer[Any]]) -> type[np.signedinteger[Any]]:
    """Return the smallest kind of whole number that holds all of these.

    Of the counts none is smaller than 32 bits, lest sums of them run over.
    """
    largest = max(int(values.max(initial=0)) for values in numbers)
    kinds = (np.int32, np.int64) if len(numbers) > 1 else (np.int8, np.int16, np.int32)
    return next(kind for kind in kinds if largest <= np.iinfo(kind).max)


def _concerned(whom: NDArray[np.int32], plan: Plan) -> dict[str, NDArray[Any]]:
    """Return the columns that say whom each row concerns."""
    runs, tasks, domains = plan.runs, len(plan.tasks), len(plan.domains)
    nobody = np.zeros(domains + 1, dtype=np.int32)
    task = np.concatenate((runs.task, np.arange(1, tasks + 1, dtype=np.int32), nobody))
    run = np.append(runs.number, np.zeros(tasks + domains + 1, dtype=np.int32))
    domain = np.concatenate((runs.domain, np.full(tasks, NONE), np.arange(domains), [NONE]))
    return {
        name: codes.astype(_smallest(codes))[whom]
        for name, codes in (("task", task), ("run", run), ("domain", domain))
    }


def _fill_in_emails(
    columns: dict[str, NDArray[Any]],
    whom: NDArray[np.int32],
    emails: NDArray[Any],
    requests: NDArray[Any],
) -> None:
    """Add the status, the limit and where each row's emails are (rule R1)."""
    event, size = columns["event"], len(whom)
    is_run = columns["run"] > 0
    columns["status"] = np.where(is_run, _STATUS[event], np.int8(NONE))
    columns["limit"] = _limits(columns, emails)
    for name in ("cached", "failed", "cancelled", "waiting"):
        columns[name] = np.zeros(size, dtype=emails.dtype)
    others = np.flatnonzero(~is_run)
    refused = others[event[others] == Event.ERROR]  # test sends at the daily limit
    columns["failed"][refused] = emails[refused]
    emails[others[event[others] == Event.LIMIT]] = 0
    emails[refused] = 0
    columns["sent"] = emails

    first_pause = np.full(len(requests) + 1, size, dtype=np.int32)
    pauses = np.flatnonzero(event == Event.PAUSED)[::-1]  # the last one assigned stays
    first_pause[whom[pauses]] = pauses
    rank = np.where(is_run, whom, len(requests))
    was_cached = np.arange(size, dtype=np.int32) >= first_pause[rank]
    _put_rest(columns, "cached", _IS_OPEN[event] & is_run & was_cached, rank, requests)
    _put_rest(columns, "waiting", _IS_OPEN[event] & is_run & ~was_cached, rank, requests)
    _put_rest(columns, "cancelled", (event == Event.CANCELLED) & is_run, rank, requests)


def _put_rest(
    columns: dict[str, NDArray[Any]],
    name: str,
    chosen: NDArray[np.bool_],
    rank: NDArray[np.int32],
    requests: NDArray[Any],
) -> None:
    """Put what is not sent of the chosen rows' runs into a column."""
    rows = np.flatnonzero(chosen)
    columns[name][rows] = requests[rank[rows]] - columns["sent"][rows]


def _limits(columns: Mapping[str, NDArray[Any]], emails: NDArray[Any]) -> NDArray[Any]:
    """Return the limit in force after each row: the one of its domain's latest row ``limit``."""
    domain = columns["domain"]
    changes = np.flatnonzero(columns["event"] == Event.LIMIT)
    limits = np.full(len(domain), NONE, dtype=emails.dtype)
    bounds = np.append(changes, len(domain))
    current = np.full(int(domain.max(initial=0)) + 2, NONE, dtype=emails.dtype)  # [-1]: no domain
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        current[domain[begin]] = emails[begin]
        limits[begin:end] = current[domain[begin:end]]
    return limits
