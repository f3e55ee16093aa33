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

from sessim.errors import ArgumentError
from sessim.eventlog import Event, EventLog, iso
from sessim.history import ocelexport
from sessim.history.ocelexport import COUNTS
from sessim.ledger import Ledger
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
    """Return the rows of runs with the columns of XES, as PM4Py names them.

    ``case:concept:name`` is the task's id, with ``#`` and the run's number where the task recurs.
    """
    ledger = Ledger(log)
    rows = np.sort(ledger.rows)
    task, run = log.task[rows].astype(np.int64), log.run[rows].astype(np.int64)
    types = np.array(log.types)[task - 1]
    case = [
        f"{t}#{r}" if kind == TaskType.RECURRING else str(t)
        for t, r, kind in zip(task.tolist(), run.tolist(), types.tolist(), strict=True)
    ]
    plan = log.plan
    names = np.array([entry.name for entry in plan.tasks], dtype=object)
    senders = np.array([entry.sender for entry in plan.tasks], dtype=object)
    data: dict[str, Any] = {"case:concept:name": pd.array(case, dtype="str")}
    events = log.frame.iloc[rows]
    data["concept:name"] = events["event"].astype("str").to_numpy()
    data["time:timestamp"] = events["time"].to_numpy()
    words = np.array([TRANSITIONS.get(event, OTHER) for event in Event], dtype=object)
    data["lifecycle:transition"] = words[log.event[rows]]
    data["org:resource"] = events["domain"].astype("str").to_numpy()
    data["concept:instance"] = run
    data |= {"case:task": task, "case:name": names[task - 1], "case:sender": senders[task - 1]}
    data["case:type"] = [TaskType(int(kind)).label for kind in types]
    counts = {name: log.columns[name][rows].astype(np.int64) for name in COUNTS[1:]}
    data["requests"] = sum(counts.values()) + log.waiting[rows].astype(np.int64)
    data |= counts | {name: log.columns[name][rows].astype(np.int64) for name in log.outcomes}
    for name in ("status", "detail"):
        data[name] = events[name].astype("str").fillna("").to_numpy()
    return pd.DataFrame(data)


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
        found = found[found["lifecycle:transition"] != OTHER]
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
    keys = (key for key in event if not key.startswith("case:"))
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
    found = frame(result.log)
    ocelexport.write(result, found[found["lifecycle:transition"] != OTHER], file)


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
