"""An event log that sessim exported, with every row still there: it comes back as it was.

Such a file numbers its rows and tells of each domain's limits and test sends too, so that with its
plan nothing need be guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event, EventLog
from sessim.lifecycle import STATUS_LABELS
from sessim.plan import Plan
from sessim.quality import OUTCOMES
from sessim.version import __version__

EXPORTED: Final = "export"
"""The mode of a log that was read from an export."""
TEST: Final = "test send"
CALLED_OFF: Final = "called off"
LIMIT: Final = Event.LIMIT.label
SKIPPED: Final = Event.SKIPPED.label
DOMAIN: Final = "Domain"
ACCOUNT: Final = "Account"
"""The types of cases that are no tasks."""

_FAILED: Final = "ate_abort"
_EVENTS: Final = {event.label: event for event in Event} | {CALLED_OFF: Event.CANCELLED}
_STATUS: Final = {label: int(status) for status, label in STATUS_LABELS.items()} | {"": NONE}
_COUNTS: Final = ("sent", "cached", "failed", "cancelled")


def is_apart(row: Mapping[str, Any]) -> bool:
    """Say whether a row, with the keys of ``KEYS``, tells of no run that happened."""
    word = str(row.get("activity") or "").lower()
    return row.get("type") in (DOMAIN, ACCOUNT) or word in (CALLED_OFF, SKIPPED)


class Whole:
    """Collects the rows of an export as the log had them, as long as none of them is damaged."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] | None = {}
        self._tasks: dict[int, str] = {}

    def add(self, row: Mapping[str, Any], time: int | None, number: int) -> None:
        """Take in a row with the keys of ``KEYS``, and which row of the source it is."""
        if self._rows is None:
            return
        try:
            values = {"time": int(time or ""), "source": number, **self._values(row)}
        except (ValueError, LookupError, TypeError):
            self._rows = None
            return
        for name, value in values.items():
            self._rows.setdefault(name, []).append(value)

    def _values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        word = str(row["activity"])
        of_task = row["type"] not in (DOMAIN, ACCOUNT)
        counts = {name: int(row[name]) for name in ("requests", *_COUNTS, "sent_today")}
        counts["waiting"] = counts.pop("requests") - sum(counts[name] for name in _COUNTS)
        task, _, run = str(row["case"]).partition("#") if of_task else ("0", "", "0")
        if of_task:
            self._tasks[int(task)] = str(row["name"])
        event = _EVENTS[word] if word != TEST else None
        if event is None:
            event = Event.ERROR if row["transition"] == _FAILED else Event.SENT
        has_domain = word != CALLED_OFF and (of_task or event != Event.END)
        return counts | {
            "seq": int(row["seq"]),
            "event": int(event),
            "task": int(task),
            "run": 0 if word == CALLED_OFF else int(run or 1),
            "domain": str(row["resource"]) if has_domain else "",
            "status": _STATUS[str(row["status"] or "")],
            "limit": NONE if row.get("limit") in (None, "") else int(row["limit"]),
            "detail": str(row["detail"] or ""),
            **{name: int(row[name]) for name in OUTCOMES if row.get(name) not in (None, "")},
        }

    def log(self, plan: Plan) -> tuple[EventLog, NDArray[np.int64]] | None:
        """Return the log, and the row of the source of each row; None if a row is missing.

        Parameters
        ----------
        plan
            Whose log it is; if not all of its tasks and domains are the plan's, it is not.
        """
        rows, self._rows = self._rows, None
        if not rows or any(len(values) != len(rows["seq"]) for values in rows.values()):
            return None
        order = np.argsort(rows["seq"])
        if (np.array(rows["seq"])[order] != np.arange(len(order))).any() or not self._is_of(plan):
            return None
        domains = {domain.name: place for place, domain in enumerate(plan.domains)} | {"": NONE}
        details = {text: code for code, text in enumerate(dict.fromkeys(["", *rows["detail"]]))}
        coded: Mapping[str, Callable[[Any], int | None]] = {
            "domain": domains.get, "detail": details.get,
        }  # fmt: skip
        columns = {
            name: np.array([*map(coded[name], values)] if name in coded else values)[order]
            for name, values in rows.items()
        }
        time = columns["time"]
        if columns["domain"].dtype == object or (time[1:] < time[:-1]).any():
            return None
        source = columns.pop("source")
        del columns["seq"]
        meta = {"mode": EXPORTED, "version": __version__}
        names = tuple(domain.name for domain in plan.domains)
        return EventLog(columns, names, tuple(details), plan, meta), source

    def _is_of(self, plan: Plan) -> bool:
        names = [task.name for task in plan.tasks]
        return all(
            0 < task <= len(names) and names[task - 1] == name for task, name in self._tasks.items()
        )
