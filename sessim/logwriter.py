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

_STATUS: Final = {
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
    Event.END: SENDING,
}
"""The status of a run after each event; only runs that are being served have a row ``end``."""

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
        self._whom = array("q")
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
        ranks: NDArray[np.intp],
        emails: NDArray[np.int64],
        sent_today: int,
        detail: str = "",
    ) -> None:
        """Append a row for each of several runs of one domain."""
        code = self._code(detail) if detail else 0
        self._blocks.extend((time, event, sent_today, code, len(ranks)))
        self._whom.frombytes(ranks.tobytes())
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
        writer._whom = array("q", arrays["log_whom"].tobytes())
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
        whom, rows = np.array(self._whom), blocks.pop("rows")
        counts = _smallest(plan.runs.requests, blocks["sent_today"], np.array(self._emails))
        kinds = {"time": np.int64, "event": np.int8, "sent_today": counts, "detail": np.int32}
        columns: dict[str, NDArray[Any]] = {
            name: np.repeat(values.astype(kinds[name]), rows) for name, values in blocks.items()
        }
        columns |= _concerned(whom, plan)
        emails = np.array(self._emails).astype(counts)
        columns |= _emails(columns, emails, np.append(plan.runs.requests, 0).astype(counts), whom)
        columns["limit"] = _limits(columns, emails, len(plan.domains))
        names = tuple(domain.name for domain in plan.domains)
        return EventLog(columns, names, tuple(self._details), plan, meta)


def _smallest(*numbers: NDArray[np.int64]) -> type[np.int32 | np.int64]:
    """Return the smaller kind of whole number that holds all of these."""
    largest = max(int(values.max(initial=0)) for values in numbers)
    return np.int32 if largest < 2**31 else np.int64


def _concerned(whom: NDArray[np.int64], plan: Plan) -> dict[str, NDArray[Any]]:
    """Return the columns that say whom each row concerns, and what status that leaves."""
    runs, tasks, domains = plan.runs, len(plan.tasks), len(plan.domains)
    nobody = np.zeros(domains + 1, dtype=np.int32)
    task = np.concatenate((runs.task, np.arange(1, tasks + 1, dtype=np.int32), nobody))
    run = np.append(runs.number, np.zeros(tasks + domains + 1, dtype=np.int32))
    domain = np.concatenate(
        (runs.domain, np.full(tasks, NONE), np.arange(domains), [NONE]), dtype=np.int8
    )
    return {"task": task[whom], "run": run[whom], "domain": domain[whom]}


def _emails(
    columns: Mapping[str, NDArray[Any]],
    emails: NDArray[Any],
    requests: NDArray[Any],
    whom: NDArray[np.int64],
) -> dict[str, NDArray[Any]]:
    """Return the status, and where the emails of each row's run or test send are (rule R1)."""
    event, is_run = columns["event"], columns["run"] > 0
    status = np.where(is_run, np.array(list(_STATUS.values()), dtype=np.int8)[event], np.int8(NONE))
    none = emails.dtype.type(0)
    is_test_failure = ~is_run & (event == Event.ERROR)
    sent = np.where(is_test_failure | (event == Event.LIMIT), none, emails)
    first_pause = np.full(len(requests), len(event))
    pauses = np.flatnonzero(event == Event.PAUSED)[::-1]  # the last one assigned stays
    first_pause[whom[pauses]] = pauses
    ranks = np.minimum(whom, len(requests) - 1)
    rest = np.where(is_run, requests[ranks] - sent, none)
    is_open = (status == TO_START) | (status == SENDING) | (status == PAUSED)
    is_cached = is_open & (np.arange(len(event)) >= first_pause[ranks])
    return {
        "status": status,
        "sent": sent,
        "cached": np.where(is_cached, rest, none),
        "failed": np.where(is_test_failure, emails, none),
        "cancelled": np.where(is_run & (event == Event.CANCELLED), rest, none),
        "waiting": np.where(is_open & ~is_cached, rest, none),
    }


def _limits(
    columns: Mapping[str, NDArray[Any]], emails: NDArray[Any], domains: int
) -> NDArray[Any]:
    """Return the limit in force after each row of a domain."""
    limits = np.full(len(emails), NONE, dtype=emails.dtype)
    for domain in range(domains):
        rows = np.flatnonzero(columns["domain"] == domain)
        is_limit = columns["event"][rows] == Event.LIMIT
        latest = np.maximum.accumulate(np.where(is_limit, rows, 0))
        limits[rows] = emails[latest]
    return limits
