"""OCEL 2.0 in its three forms, JSON, XML and SQLite: rows of events, with what objects tell.

A file is read twice, first for the objects that cases are made of, then for the events, one at a
time: however many there are, only the tasks and runs are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from sessim.history import markup, ocelbase
from sessim.history.losses import Losses, Place
from sessim.history.reading import head, members
from sessim.history.whole import DOMAIN, LIMIT, TEST

Rows = Iterator[tuple[Place, dict[str, Any]]]


class Named(Struct):
    """The value of an attribute, since a time if it changes."""

    name: str
    value: Any = None
    time: str | None = None


class Link(Struct):
    """An object to which an event or another object is related."""

    objectId: str  # noqa: N815
    qualifier: str = ""


class Object(Struct):
    """A task, a run, a domain or something else that is no matter here."""

    id: str
    type: str
    attributes: list[Named] = []
    relationships: list[Link] = []


class Event(Struct):
    """Something that happened to objects."""

    id: str
    type: str
    time: str
    attributes: list[Named] = []
    relationships: list[Link] = []


_CASES: Final = ("run", "occurrence")
_KEPT: Final = (*_CASES, "task", "domain")
_APART: Final = (TEST, LIMIT, "end")
"""Events of domains and the account alone that are read."""

Entries = Iterator[tuple[Place, Any]]
"""Objects or events as a form holds them: what they are built of, not looked at yet."""


def ocel_rows(path: Path, losses: Losses) -> Rows:
    """Yield the events of an OCEL 2.0 log, one for each run (or else task) they touch.

    Parameters
    ----------
    path
        The file, in any of the three forms.
    losses
        Where objects and events are counted that are left out, each by itself.

    Raises
    ------
    HistoryError
        If it declares entities, or cannot be read at all.
    """
    entries = _form(path)
    objects: dict[str, Object] = {}
    # Damage of a file is met again when its events are read.
    of_file = losses if entries is ocelbase.entries else Losses()
    for _, found in _whole(entries(path, "objects", of_file), Object, losses, "object"):
        if found.type in _KEPT:
            objects[found.id] = found
    for place, event in _whole(entries(path, "events", losses), Event, losses, "event"):
        yield from _rows(event, objects, place, losses)


def _form(path: Path) -> Callable[[Path, str, Losses], Entries]:
    start = head(path)
    if start.startswith(ocelbase.MAGIC):
        return ocelbase.entries
    return _of_xml if start.lstrip().startswith(b"<") else _of_json


def _whole(entries: Entries, kind: Any, losses: Losses, called: str) -> Iterator[tuple[Place, Any]]:
    """Yield entries that are as OCEL 2.0 has them, and count the others."""
    for place, entry in entries:
        try:
            if isinstance(entry, bytes):
                yield place, msgspec.json.decode(entry, type=kind)
            else:
                yield place, msgspec.convert(entry, kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            losses.leave_out(f"it is no {called} of OCEL 2.0 ({error})", place)


def _rows(event: Event, objects: Mapping[str, Object], place: Place, losses: Losses) -> Rows:
    touched = [objects[link.objectId] for link in event.relationships if link.objectId in objects]
    kinds = (_CASES, ("task",), ("domain",))
    cases = next(filter(None, ([o for o in touched if o.type in kind] for kind in kinds)), [])
    if not cases or (cases[0].type == "domain" and event.type not in _APART):
        losses.leave_out("the event touches neither a run nor a task", place)
        return
    row = {entry.name: entry.value for entry in event.attributes}
    row |= {"concept:name": event.type, "time:timestamp": event.time}
    domains = [o.id.removeprefix("domain ") for o in touched if o.type == "domain"]
    row["org:resource"] = domains[0] if domains else None
    for case in cases[: 1 if cases[0].type == "domain" else None]:
        yield place, {**row, **_of_case(case, objects)}


def _of_case(case: Object, objects: Mapping[str, Object]) -> dict[str, Any]:
    """Return what the objects say of a case: its name, and its task's attributes."""
    found: dict[str, Any] = {"case:concept:name": case.id.removeprefix(f"{case.type} ")}
    if case.type == "domain":
        return found | {"case:type": DOMAIN}
    tasks = [objects.get(link.objectId) for link in case.relationships]
    for entry in (case, *tasks):
        if entry is not None and entry.type in ("task", case.type):
            found |= {f"case:{attribute.name}": attribute.value for attribute in entry.attributes}
    return found


# --- JSON -----------------------------------------------------------------------------------------


def _of_json(path: Path, kind: str, losses: Losses) -> Entries:
    """Yield objects or events, each with its number as the line: a file may be a single line."""
    number = 0
    for member, (_, value) in members(path, losses):
        if member == kind:
            number += 1
            yield Place(path.name, number), value


# --- XML ------------------------------------------------------------------------------------------

_ENTRIES: Final = {"objects": "object", "events": "event"}
_LONGEST: Final = 1 << 16
"""The most characters of an attribute's value that are kept."""


class _Xml(markup.Reader):
    """Collects the elements of one kind as JSON would have them."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(name)
        self._tag = _ENTRIES[kind]
        self._entry: dict[str, Any] | None = None
        self._named: dict[str, str] | None = None
        self.parser.CharacterDataHandler = self._text

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take in the beginning of an element."""
        entry = self._entry
        if entry is None:
            if tag == self._tag:
                self._entry = {**attributes, "attributes": [], "relationships": []}
        elif "object-id" in attributes:
            link = {"objectId": attributes["object-id"]}
            entry["relationships"].append(link | {"qualifier": attributes.get("qualifier", "")})
        elif tag == "attribute":
            self._named = {**attributes, "value": ""}
            entry["attributes"].append(self._named)

    def end(self, tag: str) -> None:
        """Take in the end of an element."""
        if tag == "attribute":
            self._named = None
        elif tag == self._tag and self._entry is not None:
            self.found.append((self.place, self._entry))
            self._entry = None

    def _text(self, text: str) -> None:
        if self._named is not None and len(self._named["value"]) < _LONGEST:
            self._named["value"] += text


def _of_xml(path: Path, kind: str, losses: Losses) -> Entries:
    return markup.read(path, _Xml(path.name, kind), losses)
