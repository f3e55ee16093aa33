"""Event logs in the formats of other tools: CSV, Parquet, XES and OCEL 2.0."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any, Final, cast
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sessim.errors import ArgumentError
from sessim.eventlog import NONE, Event, EventLog, iso
from sessim.history import ocelexport
from sessim.history.ocelexport import COUNTS
from sessim.history.whole import ACCOUNT, CALLED_OFF, DOMAIN, TEST
from sessim.lifecycle import TaskType
from sessim.result import Result

TRANSITIONS: Final = {
    Event.DUE: "schedule",
    Event.SENDING: "start",
    Event.PAUSED: "suspend",
    Event.RESTARTED: "resume",
    Event.SENT: "complete",
    Event.ERROR: "ate_abort",
    Event.CANCELLED: "pi_abort",
    Event.SKIPPED: "withdraw",
}
"""The words of XES's lifecycle; other events change nothing in a run's life."""
OTHER: Final = "unknown"


def export(result: Result, path: str | PathLike[str]) -> Path:
    """Write the event log of a result for other tools, in the format of the path's ending.

    Parameters
    ----------
    result
        A simulation's, a live run's, or a history.
    path
        Ends in ``.csv``, ``.parquet``, ``.xes``, ``.xes.gz``, or, for OCEL 2.0, in ``.jsonocel``
        or ``.json`` (JSON), ``.xmlocel`` (XML) or ``.sqlite`` (a database; one that is there is
        replaced).

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ArgumentError
        If the ending is none of these.
    """
    file = Path(path)
    for ending, write in _WRITERS.items():
        if file.name.lower().endswith(ending):
            write(result, file)
            return file
    known = ", ".join(_WRITERS)
    raise ArgumentError(f"path: {file.name!r} ends in no known format; use one of {known}")


def frame(log: EventLog) -> pd.DataFrame:
    """Return the rows of a log with the columns of XES, as PM4Py names them.

    ``case:concept:name`` is the task's id, with ``#`` and the run's number where the task recurs.
    What belongs to no run is there too: under the name of a domain its limits and test sends
    (``limit``, ``test send``), under the id of a task that its later recurrences were called off
    (``called off``), and under ``account`` the ``end`` of the log. ``seq``, the place in the log,
    is missing in that of a history, whose rows are estimates.
    """
    plan, events = log.plan, log.frame
    task, run = log.task.astype(np.int64), log.run.astype(np.int64)
    kinds = np.array([0, *log.types])[task]
    whom = _parties(log)
    names = np.array(["", *(entry.name for entry in plan.tasks)], dtype=object)
    senders = np.array(["", *(entry.sender for entry in plan.tasks)], dtype=object)
    labels = {int(kind): kind.label for kind in TaskType}
    data: dict[str, Any] = {"case:concept:name": pd.array(whom, dtype="str")}
    data["concept:name"] = _activities(log)
    data["time:timestamp"] = events["time"].to_numpy()
    words = np.array([TRANSITIONS.get(event, OTHER) for event in Event], dtype=object)
    data["lifecycle:transition"] = words[log.event]
    data["org:resource"] = _texts(events["domain"])
    data["concept:instance"] = run
    data |= {"case:task": task, "case:name": names[task], "case:sender": senders[task]}
    of_none = np.where(log.domain == NONE, ACCOUNT, DOMAIN)
    data["case:type"] = [
        labels.get(kind, other) for kind, other in zip(kinds.tolist(), of_none, strict=True)
    ]
    counts = {name: log.columns[name].astype(np.int64) for name in COUNTS[1:]}
    data["requests"] = sum(counts.values()) + log.waiting.astype(np.int64)
    data |= counts | {name: log.columns[name].astype(np.int64) for name in log.outcomes}
    data |= {name: events[name].array for name in ("limit", "sent_today")}
    data |= {name: _texts(events[name]) for name in ("status", "detail")}
    if not log.is_seen:
        data["seq"] = np.arange(len(log))
    return pd.DataFrame(data)


def _parties(log: EventLog) -> list[str]:
    """Return to which case each row belongs: a run or a task, else a domain, else the account."""
    recurs = [False, *(kind == TaskType.RECURRING for kind in log.types)]
    domains = [*log.domains, ACCOUNT.lower()]  # none, -1, is the last
    return [
        (f"{task}#{run}" if run and recurs[task] else str(task)) if task else domains[domain]
        for task, run, domain in zip(
            log.task.tolist(), log.run.tolist(), log.domain.tolist(), strict=True
        )
    ]


def _activities(log: EventLog) -> NDArray[Any]:
    words = np.array([event.label for event in Event], dtype=object)[log.event]
    apart = log.run == 0
    words[apart & np.isin(log.event, (Event.SENT, Event.ERROR))] = TEST
    words[apart & (log.event == Event.CANCELLED)] = CALLED_OFF
    found: NDArray[Any] = words
    return found


def _texts(column: pd.Series[Any]) -> NDArray[Any]:
    found: NDArray[Any] = column.astype("str").fillna("").to_numpy()
    return found


def _csv(result: Result, file: Path) -> None:
    found = frame(result.log)
    found["time:timestamp"] = iso(found["time:timestamp"])
    found.to_csv(file, index=False)


def _parquet(result: Result, file: Path) -> None:
    with file.open("wb") as target:
        frame(result.log).to_parquet(target, index=False)


# --- XES ------------------------------------------------------------------------------------------

_XES_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="2.0" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<classifier name="Event" keys="concept:name"/>
"""


def _xes(result: Result, file: Path) -> None:
    opened: Callable[..., IO[str]] = gzip.open if file.suffix == ".gz" else open
    with opened(file, "wt", encoding="utf-8", newline="\n") as target:
        target.write(_XES_HEAD)
        found = frame(result.log)
        for case, events in found.groupby("case:concept:name", sort=False):
            target.write("<trace>\n")
            first = events.iloc[0]
            for key in ("case:name", "case:sender", "case:type"):
                target.write(_attribute(key.removeprefix("case:"), first[key]))
            target.write(_attribute("concept:name", str(case)))
            for event in events.drop(columns="case:concept:name").to_dict("records"):
                target.write(_event(cast("dict[str, Any]", event)))
            target.write("</trace>\n")
        target.write("</log>\n")


def _event(event: Mapping[str, Any]) -> str:
    keys = (key for key in event if not key.startswith("case:") and not pd.isna(event[key]))
    return f"<event>{''.join(_attribute(key, event[key]) for key in keys)}</event>\n"


def _attribute(key: str, value: object) -> str:
    if isinstance(value, pd.Timestamp):
        kind, text = "date", value.isoformat(timespec="microseconds")
    elif isinstance(value, int | np.integer):
        kind, text = "int", str(value)
    else:
        kind, text = "string", str(value)
    return f"<{kind} key={quoteattr(key)} value={quoteattr(text)}/>"


def _ocel(result: Result, file: Path) -> None:
    ocelexport.write(result, frame(result.log), file)


_WRITERS: Final[Mapping[str, Callable[[Result, Path], None]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xes": _xes,
    ".xes.gz": _xes,
    ".jsonocel": _ocel,
    ".json": _ocel,
    ".xmlocel": _ocel,
    ".sqlite": _ocel,
}
