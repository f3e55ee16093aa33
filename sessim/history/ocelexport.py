"""OCEL 2.0 in its three forms: tasks, runs and domains, and the events that touch them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd

from sessim.clock import EPOCH
from sessim.eventlog import NONE, Event, EventLog
from sessim.lifecycle import TaskType
from sessim.quality import OUTCOMES
from sessim.result import Result

if TYPE_CHECKING:
    import sqlite3

COUNTS: Final = ("requests", "sent", "cached", "failed", "cancelled")

Entries = Iterable[Mapping[str, Any]]


class _Parts(NamedTuple):
    """A log: its types with the attributes of each and their types, and its entries."""

    object_types: Mapping[str, Mapping[str, str]]
    event_types: Mapping[str, Mapping[str, str]]
    objects: Entries
    events: Entries


def write(result: Result, rows: pd.DataFrame, file: Path) -> None:
    """Write a result's log, as :func:`sessim.history.export.frame` returns it.

    Parameters
    ----------
    result
        The result.
    rows
        All of its rows.
    file
        Where; its ending says in which form.
    """
    log = result.log
    attributes = _ATTRIBUTES | dict.fromkeys(log.outcomes, "integer")
    attributes |= {"seq": "integer"} if "seq" in rows else {}
    words = rows["concept:name"].unique().tolist()
    objects = chain(_tasks(result), _runs(rows), _domains(log))
    events = _events(rows, log.domains)
    parts = _Parts(_OBJECTS, dict.fromkeys(words, attributes), objects, events)
    _FORMS.get(file.suffix.lower(), _json)(parts, file)


# --- what there is --------------------------------------------------------------------------------

_OBJECTS: Final = {
    "task": {"name": "string", "type": "string", "sender": "string"},
    "run": {"requests": "integer"},
    "domain": {"limit": "integer"},
}
_ATTRIBUTES: Final = {
    "lifecycle": "string",
    **dict.fromkeys(COUNTS, "integer"),
    "limit": "integer",
    "sent_today": "integer",
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
    firsts = found[found["concept:instance"] > 0].drop_duplicates("case:concept:name")
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


def _events(found: pd.DataFrame, domains: Sequence[str]) -> Iterator[dict[str, Any]]:
    keys = ("lifecycle:transition", *_ATTRIBUTES, *OUTCOMES, "seq")
    for number, event in enumerate(found.to_dict("records"), 1):
        values = {key: event[key] for key in keys if key in event and not pd.isna(event[key])}
        values["lifecycle"] = values.pop("lifecycle:transition")
        links = dict(_links(event, domains))
        time = event["time:timestamp"].tz_convert("UTC").isoformat(timespec="microseconds")
        yield {
            "id": f"event {number}",
            "type": event["concept:name"],
            "time": time.replace("+00:00", "Z"),
            "attributes": [{"name": k, "value": v} for k, v in values.items()],
            "relationships": [{"objectId": o, "qualifier": q} for o, q in links.items()],
        }


def _links(event: Mapping[Any, Any], domains: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the objects that an event touches; what is of nobody is of all domains."""
    if event["concept:instance"]:
        yield f"run {event['case:concept:name']}", "of run"
    if event["case:task"]:
        yield f"task {event['case:task']}", "of task"
    if event["org:resource"]:
        yield f"domain {event['org:resource']}", "from domain"
    elif not event["case:task"]:
        yield from ((f"domain {name}", "from domain") for name in domains)


# --- the forms ------------------------------------------------------------------------------------


def _json(parts: _Parts, file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="\n") as target:
        target.write("{")
        for name, types in (("object", parts.object_types), ("event", parts.event_types)):
            described = [
                {"name": type_, "attributes": [{"name": k, "type": t} for k, t in keys.items()]}
                for type_, keys in types.items()
            ]
            target.write(f'"{name}Types": {json.dumps(described, ensure_ascii=False)},\n')
        for name, entries in (("objects", parts.objects), ("events", parts.events)):
            target.write(f'"{name}": [')
            for number, entry in enumerate(entries):
                comma = ",\n" if number else "\n"
                target.write(comma + json.dumps(entry, ensure_ascii=False))
            target.write("]}\n" if name == "events" else "],\n")


def _xml(parts: _Parts, file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="\n") as target:
        target.write('<?xml version="1.0" encoding="UTF-8"?>\n<log>\n')
        for name, types in (("object", parts.object_types), ("event", parts.event_types)):
            target.write(f"<{name}-types>\n")
            for type_, keys in types.items():
                of = "".join(_tag("attribute", name=k, type=t) for k, t in keys.items())
                head = _tag(f"{name}-type", is_open=True, name=type_)
                target.write(f"{head}<attributes>{of}</attributes></{name}-type>\n")
            target.write(f"</{name}-types>\n")
        for name, entries in (("object", parts.objects), ("event", parts.events)):
            target.write(f"<{name}s>\n")
            target.writelines(_element(name, entry) for entry in entries)
            target.write(f"</{name}s>\n")
        target.write("</log>\n")


def _tag(tag: str, *, is_open: bool = False, **attributes: str) -> str:
    values = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{values}{'' if is_open else '/'}>"


def _element(tag: str, entry: Mapping[str, Any]) -> str:
    head = {name: entry[name] for name in ("id", "type", "time") if name in entry}
    attributes = "".join(
        _tag("attribute", is_open=True, name=one["name"], **_since(one))
        + f"{escape(str(one['value']))}</attribute>"
        for one in entry["attributes"]
    )
    links = "".join(
        _tag("relationship", **{"object-id": one["objectId"], "qualifier": one["qualifier"]})
        for one in entry["relationships"]
    )
    return (
        f"{_tag(tag, is_open=True, **head)}<attributes>{attributes}</attributes>"
        f"<objects>{links}</objects></{tag}>\n"
    )


def _since(attribute: Mapping[str, Any]) -> dict[str, str]:
    return {"time": attribute["time"]} if "time" in attribute else {}


# --- SQLite ---------------------------------------------------------------------------------------

_TABLES: Final = """
    CREATE TABLE event_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
    CREATE TABLE object_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
    CREATE TABLE event (ocel_id TEXT PRIMARY KEY, ocel_type TEXT);
    CREATE TABLE object (ocel_id TEXT PRIMARY KEY, ocel_type TEXT);
    CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT,
        PRIMARY KEY (ocel_event_id, ocel_object_id, ocel_qualifier));
    CREATE TABLE object_object (ocel_source_id TEXT, ocel_target_id TEXT, ocel_qualifier TEXT,
        PRIMARY KEY (ocel_source_id, ocel_target_id, ocel_qualifier));
"""
_SQL_TYPES: Final = {"string": "TEXT", "integer": "INTEGER"}


def _sqlite(parts: _Parts, file: Path) -> None:
    import sqlite3

    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as base, base:
        base.executescript(_TABLES)
        for table, types in (("object", parts.object_types), ("event", parts.event_types)):
            for type_, keys in types.items():
                base.execute(f"INSERT INTO {table}_map_type VALUES (?, ?)", (type_, type_))  # noqa: S608
                _create(base, f"{table}_{type_}", keys, changes=table == "object")
        for table, types, entries in (
            ("object", parts.object_types, parts.objects),
            ("event", parts.event_types, parts.events),
        ):
            for entry in entries:
                _insert(base, table, tuple(types[entry["type"]]), entry)


def _create(base: sqlite3.Connection, name: str, keys: Mapping[str, str], *, changes: bool) -> None:
    columns = ["ocel_id TEXT", "ocel_time TIMESTAMP", *["ocel_changed_field TEXT"] * changes]
    columns += [f'"{key}" {_SQL_TYPES[type_]}' for key, type_ in keys.items()]
    base.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')


def _insert(
    base: sqlite3.Connection, table: str, keys: tuple[str, ...], entry: Mapping[str, Any]
) -> None:
    id_, type_ = entry["id"], entry["type"]
    base.execute(f"INSERT INTO {table} VALUES (?, ?)", (id_, type_))  # noqa: S608
    marks = ", ".join("?" * (2 + (table == "object") + len(keys)))
    into = f'INSERT INTO "{table}_{type_}" VALUES ({marks})'  # noqa: S608
    if table == "event":
        values = {one["name"]: one["value"] for one in entry["attributes"]}
        base.execute(into, (id_, entry["time"], *map(values.get, keys)))
    else:
        for time, field, values in _changes(entry):
            base.execute(into, (id_, time, field, *map(values.get, keys)))
    base.executemany(
        f"INSERT INTO {table}_object VALUES (?, ?, ?)",  # noqa: S608
        [(id_, link["objectId"], link["qualifier"]) for link in entry["relationships"]],
    )


def _changes(entry: Mapping[str, Any]) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Yield how an object was at first, and each later change of one of its attributes."""
    begun = _stamp(0)
    attributes = entry["attributes"]
    yield begun, None, {one["name"]: one["value"] for one in attributes if one["time"] == begun}
    for one in attributes:
        if one["time"] != begun:
            yield one["time"], one["name"], {one["name"]: one["value"]}


_FORMS: Final[Mapping[str, Callable[[_Parts, Path], None]]] = {".xmlocel": _xml, ".sqlite": _sqlite}
"""The writers by the endings of files; all other files are JSON."""
