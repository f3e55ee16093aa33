"""Event logs in the formats of other tools: CSV, Parquet, XES and OCEL 2.0."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any, Final, cast
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd

from sessim.clock import EPOCH
from sessim.errors import ArgumentError
from sessim.eventlog import NONE, Event, EventLog, iso
from sessim.ledger import Ledger
from sessim.lifecycle import TaskType
from sessim.quality import OUTCOMES
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

_COUNTS: Final = ("requests", "sent", "cached", "failed", "cancelled")


def export(result: Result, path: str | PathLike[str]) -> Path:
    """Write the event log of a result for other tools, in the format of the path's ending.

    Parameters
    ----------
    result
        A simulation's, a live run's, or a history.
    path
        Ends in ``.csv``, ``.parquet``, ``.xes``, ``.xes.gz``, or, for OCEL 2.0 in JSON, in
        ``.jsonocel`` or ``.json``.

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
    counts = {name: log.columns[name][rows].astype(np.int64) for name in _COUNTS[1:]}
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
        kind, text = "date", value.isoformat(timespec="milliseconds")
    elif isinstance(value, int | np.integer):
        kind, text = "int", str(value)
    else:
        kind, text = "string", str(value)
    return f"<{kind} key={quoteattr(key)} value={quoteattr(text)}/>"


# --- OCEL 2.0 -------------------------------------------------------------------------------------


def _ocel(result: Result, file: Path) -> None:
    log = result.log
    found = frame(log)
    found = found[found["lifecycle:transition"] != OTHER]
    words = found["concept:name"].unique().tolist()
    counted = _COUNTED | dict.fromkeys(log.outcomes, "integer")
    data = {
        "objectTypes": [
            {"name": name, "attributes": [{"name": k, "type": t} for k, t in keys.items()]}
            for name, keys in _OBJECTS.items()
        ],
        "eventTypes": [
            {"name": word, "attributes": [{"name": k, "type": t} for k, t in counted.items()]}
            for word in words
        ],
        "objects": [*_tasks(result), *_runs(found), *_domains(log)],
        "events": list(_events(found)),
    }
    file.write_text(json.dumps(data, ensure_ascii=False), "utf-8")


_OBJECTS: Final = {
    "task": {"name": "string", "type": "string", "sender": "string"},
    "run": {"requests": "integer"},
    "domain": {"limit": "integer"},
}
_COUNTED: Final = {
    "lifecycle": "string",
    **dict.fromkeys(_COUNTS, "integer"),
    "status": "string",
    "detail": "string",
}


def _stamp(instant: int) -> str:
    time = EPOCH + dt.timedelta(microseconds=instant)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _object(
    id_: str, kind: str, attributes: list[dict[str, Any]], **related: str
) -> dict[str, Any]:
    links = [{"objectId": other, "qualifier": how} for how, other in related.items()]
    return {"id": id_, "type": kind, "attributes": attributes, "relationships": links}


def _tasks(result: Result) -> Iterator[dict[str, Any]]:
    log, begun = result.log, _stamp(0)
    for number, (task, kind) in enumerate(zip(log.plan.tasks, log.types, strict=True), 1):
        values = {"name": task.name, "type": TaskType(kind).label, "sender": task.sender}
        attributes = [{"name": k, "time": begun, "value": v} for k, v in values.items()]
        yield _object(f"task {number}", "task", attributes, sends_from=f"domain {task.domain}")


def _runs(found: pd.DataFrame) -> Iterator[dict[str, Any]]:
    firsts = found.drop_duplicates("case:concept:name")
    for case, task, requests in zip(
        firsts["case:concept:name"], firsts["case:task"], firsts["requests"], strict=True
    ):
        attributes = [{"name": "requests", "time": _stamp(0), "value": int(requests)}]
        yield _object(f"run {case}", "run", attributes, run_of=f"task {task}")


def _domains(log: EventLog) -> Iterator[dict[str, Any]]:
    rows = np.flatnonzero((log.event == Event.LIMIT) & (log.limit != NONE))
    for place, name in enumerate(log.domains):
        mine = rows[log.domain[rows] == place]
        attributes = [
            {"name": "limit", "time": _stamp(int(log.time[row])), "value": int(log.limit[row])}
            for row in mine
        ]
        yield _object(f"domain {name}", "domain", attributes)


def _events(found: pd.DataFrame) -> Iterator[dict[str, Any]]:
    keys = ("lifecycle:transition", *_COUNTED, *OUTCOMES)
    for number, event in enumerate(found.to_dict("records"), 1):
        values = {key: event.get(key) for key in keys if key in event}
        values["lifecycle"] = values.pop("lifecycle:transition")
        links = {
            f"run {event['case:concept:name']}": "of run",
            f"task {event['case:task']}": "of task",
            f"domain {event['org:resource']}": "from domain",
        }
        time = event["time:timestamp"].tz_convert("UTC").isoformat(timespec="microseconds")
        yield {
            "id": f"event {number}",
            "type": event["concept:name"],
            "time": time.replace("+00:00", "Z"),
            "attributes": [{"name": k, "value": v} for k, v in values.items()],
            "relationships": [{"objectId": o, "qualifier": q} for o, q in links.items()],
        }


_WRITERS: Final[Mapping[str, Callable[[Result, Path], None]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xes": _xes,
    ".xes.gz": _xes,
    ".jsonocel": _ocel,
    ".json": _ocel,
}
