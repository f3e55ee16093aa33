"""The event log as the model writes it: notes of what happened, unfolded into columns later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event, EventLog
from sessim.lifecycle import CANCELLED, ERROR, PAUSED, SENDING, SENT, TO_START
from sessim.plan import Plan

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

Note = tuple[int, int, "int | NDArray[np.intp]", "int | NDArray[np.signedinteger[Any]]", int, str]
"""When, what, whom it concerns, their emails, the domain's emails of the day, and why.

Whom it concerns is the rank of a run, or an array of the ranks of several runs of one domain; from
the number of runs on a task, the first, the second, ...; from there on a domain; and last nobody.
The emails are those that a run has sent so far, a domain's new limit (-1 for none), or those of a
test send.
"""

_FIELDS: Final = ("time", "event", "sent_today", "detail", "rows", "whom", "emails")


class NotedLog(EventLog):
    """A log as the model noted it; the columns are unfolded when somebody looks at them.

    All else that a row shows (its status, its limit, where the other emails of the run are)
    follows from the rows before it and the plan.

    Parameters
    ----------
    notes
        What happened, in order.
    plan, meta
        As in :class:`~sessim.eventlog.EventLog`.
    """

    def __init__(self, notes: list[Note], plan: Plan, meta: Mapping[str, Any]) -> None:
        self.domains = tuple(domain.name for domain in plan.domains)
        self.plan, self.meta = plan, meta
        self._notes = notes

    @cached_property
    def _unfolded(self) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
        folded, details = fold(self._notes)
        self._notes = []  # a large log is not kept twice
        return _unfold(folded, self.plan), details

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:  # type: ignore[override]
        """The columns, unfolded."""
        return self._unfolded[0]

    @property
    def details(self) -> tuple[str, ...]:  # type: ignore[override]
        """The words behind the codes of ``detail``."""
        return self._unfolded[1]


def fold(notes: list[Note]) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Put notes into arrays, one entry a note, but ``whom`` and ``emails`` one a row.

    Returns
    -------
    tuple
        The arrays, and the texts behind the codes of ``detail``.
    """
    time, event, whom, emails, sent_today, detail = zip(*notes, strict=True) if notes else [()] * 6
    texts = {text: code for code, text in enumerate(dict.fromkeys(("", *detail)))}
    rows = [1 if isinstance(who, int) else len(who) for who in whom]
    ranks = np.empty(sum(rows), dtype=np.int32)
    largest = max((n if isinstance(n, int) else int(n.max()) for n in emails), default=0)
    counts = np.empty(len(ranks), dtype=np.int32 if largest < 2**31 else np.int64)
    begin = 0
    for who, number, size in zip(whom, emails, rows, strict=True):
        ranks[begin : begin + size] = who
        counts[begin : begin + size] = number
        begin += size
    codes = [texts[text] for text in detail]
    columns = (time, event, sent_today, codes, rows)
    kinds = (np.int64, np.int8, np.int64, np.int32, np.int32)
    arrays = [np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)]
    return dict(zip(_FIELDS, (*arrays, ranks, counts), strict=True)), tuple(texts)


def unfold_notes(folded: Mapping[str, NDArray[Any]], details: Sequence[str]) -> list[Note]:
    """Make notes again of what :func:`fold` returned."""
    ends = np.cumsum(folded["rows"])
    notes: list[Note] = []
    for i, (end, rows) in enumerate(zip(ends.tolist(), folded["rows"].tolist(), strict=True)):
        whom, emails = folded["whom"][end - rows : end], folded["emails"][end - rows : end]
        head = int(folded["time"][i]), int(folded["event"][i])
        tail = int(folded["sent_today"][i]), details[folded["detail"][i]]
        if rows == 1:
            notes.append((*head, int(whom[0]), int(emails[0]), *tail))
        else:
            notes.append((*head, whom.astype(np.intp), emails.astype(np.int64), *tail))
    return notes


def _unfold(folded: dict[str, NDArray[Any]], plan: Plan) -> dict[str, NDArray[Any]]:
    whom, emails, rows = folded["whom"], folded.pop("emails"), folded["rows"]
    counts = _smallest(plan.runs.requests, emails, folded["sent_today"])
    columns = {
        "time": folded["time"].repeat(rows),
        "event": folded["event"].repeat(rows),
        "sent_today": folded["sent_today"].astype(counts).repeat(rows),
        "detail": folded["detail"].astype(_smallest(folded["detail"])).repeat(rows),
    }
    columns |= _concerned(whom, plan)
    emails = emails.astype(counts, copy=False)  # they become the column
    _fill_in_emails(columns, whom, emails, plan.runs.requests.astype(counts))
    return columns


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
    was_cached = first_pause.take(whom, mode="clip") <= np.arange(size, dtype=np.int32)
    rest = np.append(requests, requests.dtype.type(0)).take(whom, mode="clip")
    rest -= emails
    is_open = _IS_OPEN[event] & is_run
    np.multiply(rest, is_open & was_cached, out=columns["cached"])
    for name, chosen in (
        ("waiting", is_open & ~was_cached),
        ("cancelled", (event == Event.CANCELLED) & is_run),
    ):
        rows = np.flatnonzero(chosen)  # few, so that most of the column is never touched
        columns[name][rows] = rest[rows]


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
