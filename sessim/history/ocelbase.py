"""OCEL 2.0 in SQLite: objects and events of a database that somebody else made, only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sessim.errors import HistoryError, shown
from sessim.history.losses import Losses, Place

if TYPE_CHECKING:
    import sqlite3

MAGIC: Final = b"SQLite format 3\0"
"""How the file of a database begins."""

_LONGEST: Final = 1 << 24
"""The longest value that is read, in bytes."""
_SETTINGS: Final = ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON")


class _Kind(NamedTuple):
    """Where objects or events stand: in a table of all, in one a type, and related to objects."""

    table: str
    links: str
    whose: str
    to: str


_KINDS: Final = {
    "objects": _Kind("object", "object_object", "ocel_source_id", "ocel_target_id"),
    "events": _Kind("event", "event_object", "ocel_event_id", "ocel_object_id"),
}
_NEEDED: Final = ("object", "object_map_type", "event", "event_map_type", "event_object")


def is_one(path: Path) -> bool:
    """Say whether a database holds an OCEL 2.0 log, as far as it can be read.

    Raises :class:`HistoryError` if it is packed.
    """
    import sqlite3

    try:
        with _opened(path) as base:
            return "event_map_type" in _tables(base)
    except (sqlite3.Error, UnicodeDecodeError):  # names that are no UTF-8
        return False


def entries(path: Path, kind: str, losses: Losses) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield the objects or events of a database as JSON has them, in their order.

    What comes after damage is left out. Raises :class:`HistoryError` if tables are missing.
    """
    import sqlite3

    place = Place(path.name)
    with _opened(path) as base:
        try:
            tables = _tables(base)
            for name in _NEEDED:
                if name not in tables:
                    raise HistoryError(
                        f"database {shown(path.name)} has no table {name}, so it is no OCEL 2.0 log"
                    )
            for number, entry in _read(base, tables, _KINDS[kind]):
                place = Place(path.name, number)
                yield place, entry
        except (sqlite3.Error, UnicodeDecodeError) as error:
            losses.leave_out(f"the database cannot be read from here on ({error})", place)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database so that nothing is written, and nothing that it holds is run."""
    import sqlite3

    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise HistoryError(f"database {shown(path.name)} is packed; unpack it first")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        base.text_factory = lambda text: text.decode("utf-8", "replace")
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        for setting in _SETTINGS:
            base.execute(f"PRAGMA {setting}")
        yield base


def _tables(base: sqlite3.Connection) -> set[str]:
    """Return the names of the tables proper; views and virtual tables would run something."""
    found = base.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
    return {name for (name,) in found}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read(
    base: sqlite3.Connection, tables: set[str], kind: _Kind
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what the tables of all types say, side by side in the order of the one of all."""
    table = kind.table
    of_types = f"SELECT ocel_type, ocel_type_map FROM {table}_map_type"  # noqa: S608
    named = {type_: f"{table}_{name}" for type_, name in base.execute(of_types)}
    known = {type_: name for type_, name in named.items() if name in tables}
    parts = [_rows(base, kind, name, type_) for type_, name in known.items()]
    parts.append(_others(base, kind, list(known)))
    related = _related(base, kind) if kind.links in tables else _nothing
    for number, rows in groupby(merge(*parts, key=itemgetter(0)), key=itemgetter(0)):
        same = [row for _, row in rows]
        attributes = [
            {"name": name, "value": value, "time": row.get("ocel_time")}
            for row in same
            for name, value in row.items()
            if value is not None and not name.startswith(("ocel_", "ocel:"))
        ]
        entry = {key: same[0].get(f"ocel_{key}") for key in ("id", "type", "time")}
        yield number, {**entry, "attributes": attributes, "relationships": related(number)}


_Numbered = Iterator[tuple[int, dict[str, Any]]]


def _rows(base: sqlite3.Connection, kind: _Kind, name: str, type_: object) -> _Numbered:
    """Yield the rows of a type's table with the number of what they tell of."""
    found = base.execute(
        f"SELECT main.rowid, main.ocel_id, own.* FROM {kind.table} AS main "  # noqa: S608
        f"LEFT JOIN {_quoted(name)} AS own ON own.ocel_id = main.ocel_id "
        "WHERE main.ocel_type = ? ORDER BY main.rowid, own.rowid",
        (type_,),
    )
    names = [column for column, *_ in found.description[2:]]
    for number, id_, *values in found:
        row = dict(zip(names, values, strict=True))
        yield number, {**row, "ocel_id": id_, "ocel_type": type_}


def _others(base: sqlite3.Connection, kind: _Kind, known: list[object]) -> _Numbered:
    """Yield what is of no type that has a table: its row tells nothing more."""
    found = base.execute(f"SELECT rowid, ocel_id, ocel_type FROM {kind.table} ORDER BY rowid")  # noqa: S608
    for number, id_, type_ in found:
        if type_ not in known:
            yield number, {"ocel_id": id_, "ocel_type": type_}


def _related(base: sqlite3.Connection, kind: _Kind) -> Callable[[int], list[dict[str, Any]]]:
    """Return what finds the links of one after the other, given their rising numbers."""
    found = base.execute(
        f"SELECT main.rowid, link.{kind.to} FROM {kind.table} AS main "  # noqa: S608
        f"JOIN {kind.links} AS link ON link.{kind.whose} = main.ocel_id "
        "ORDER BY main.rowid, link.rowid"
    )
    groups = groupby(found, key=itemgetter(0))
    latest = next(groups, None)

    def take(number: int) -> list[dict[str, Any]]:
        nonlocal latest
        while latest is not None and latest[0] < number:
            latest = next(groups, None)
        if latest is None or latest[0] != number:
            return []
        return [{"objectId": other} for _, other in latest[1]]

    return take


def _nothing(_: int) -> list[dict[str, Any]]:
    return []
