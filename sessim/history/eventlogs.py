"""Event logs in files: the rows of CSV, JSON lines, Parquet, XES and OCEL 2.0, one at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sessim.errors import ArgumentError, HistoryError, nearest, shown
from sessim.history import markup
from sessim.history.losses import Losses, Place
from sessim.history.ocel import ocel_rows
from sessim.history.reading import lines
from sessim.history.vocabulary import KEYS, NEEDED

Rows = Iterator[tuple[Place, dict[str, Any]]]


def csv_rows(path: Path, losses: Losses) -> Rows:
    """Yield the rows of a table with a header; comma, semicolon and tab part its cells."""
    texts = _texts(path, losses)
    header = next(texts, None)
    if header is None:
        return
    parts = max(",;\t", key=header[1].count)
    names = next(csv.reader([header[1]], delimiter=parts))
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise HistoryError(
            f"{shown(path.name)} has two columns {shown(twice)} in line {header[0]}; rename one"
        )
    number = header[0]

    def rest() -> Iterator[str]:
        nonlocal number
        for number, text in texts:  # noqa: B007
            yield text + "\n"

    table = csv.reader(rest(), delimiter=parts)
    while True:
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error:
            losses.leave_out("the row is no row of a table", Place(path.name, number))
            continue
        if len(cells) != len(names):
            losses.leave_out(
                "the row has more or fewer cells than the header", Place(path.name, number)
            )
            continue
        yield Place(path.name, number), dict(zip(names, cells, strict=True))


def _texts(path: Path, losses: Losses) -> Iterator[tuple[int, str]]:
    for number, line in lines(path, losses):
        try:
            yield number, line.decode()
        except UnicodeDecodeError:
            losses.leave_out(
                "it is not in UTF-8; save the file in that encoding", Place(path.name, number)
            )


def json_rows(path: Path, losses: Losses) -> Rows:
    """Yield the objects of JSON lines."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in lines(path, losses):
        try:
            yield Place(path.name, number), decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            losses.leave_out("it is no JSON object", Place(path.name, number))


def parquet_rows(path: Path, losses: Losses) -> Rows:
    """Yield the rows of a Parquet file, a batch at a time."""
    import pyarrow as pa  # slow to import
    from pyarrow import parquet

    number = 0
    try:
        with path.open("rb") as source:
            for batch in parquet.ParquetFile(source).iter_batches(batch_size=1 << 14):
                for row in batch.to_pylist():
                    number += 1
                    yield Place(path.name, number), row
    except (pa.ArrowException, ValueError, OSError):
        if not number:
            raise HistoryError(f"file {shown(path.name)} is no whole Parquet file") from None
        losses.leave_out("the Parquet file is damaged from here on", Place(path.name, number + 1))


# --- XES ------------------------------------------------------------------------------------------


class _Xes(markup.Reader):
    """Collects the events of traces; attributes within attributes are passed over."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] | None = None
        self._events: list[tuple[Place, dict[str, str]]] = []
        self._depth = 0  # of attributes

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take in the beginning of an element."""
        if tag == "trace":
            self._trace, self._events = {}, []
        elif tag == "event":
            self._event = {}
        elif "key" in attributes:
            self._depth += 1
            if self._depth == 1:
                target = self._trace if self._event is None else self._event
                target[attributes["key"]] = attributes.get("value", "")

    def end(self, tag: str) -> None:
        """Take in the end of an element."""
        if tag == "event" and self._event is not None:
            self._events.append((self.place, self._event))
            self._event = None
        elif tag == "trace":
            trace = {f"case:{key}": value for key, value in self._trace.items()}
            self.found += [(place, {**trace, **event}) for place, event in self._events]
            self._events = []
        elif self._depth and tag in _ATTRIBUTES:
            self._depth -= 1


_ATTRIBUTES: Final = ("string", "date", "int", "float", "boolean", "id", "list", "container")


def xes_rows(path: Path, losses: Losses) -> Rows:
    """Yield the events of an XES log; what a trace says stands in each under ``case:...``."""
    yield from markup.read(path, _Xes(path.name), losses)


# --- columns --------------------------------------------------------------------------------------

READERS: Final[Mapping[str, Callable[[Path, Losses], Rows]]] = {
    "csv": csv_rows,
    "jsonl": json_rows,
    "parquet": parquet_rows,
    "xes": xes_rows,
    "ocel": ocel_rows,
}
"""The kinds of event logs, by name."""


def mapped(rows: Rows, mapping: Mapping[str, str] | None, file: str) -> Rows:
    """Yield rows with the keys of :data:`~sessim.history.vocabulary.KEYS`.

    ``mapping`` names the column for a key; others are looked for by the names that are usual.
    Raises :class:`ArgumentError` or :class:`HistoryError` if a column that is needed is missing.
    """
    for key in mapping or ():
        if key not in KEYS:
            raise ArgumentError(f"mapping: {shown(key)} is not known; {nearest(key, KEYS)}")
    known: dict[tuple[str, ...], dict[str, str]] = {}  # rows need not have the same columns
    for place, row in rows:
        names = tuple(row)
        if names not in known:
            known[names] = _columns(row, mapping or {}, None if known else file)
        yield place, {key: row[name] for key, name in known[names].items()}


def _columns(
    row: Mapping[str, Any], mapping: Mapping[str, str], file: str | None
) -> dict[str, str]:
    """Return the columns of a row by key; those that are needed are, in the first of a file."""
    usual = {name.strip().lower(): name for name in reversed(list(row))}
    columns = {}
    for key, names in KEYS.items():
        if key in mapping:
            if mapping[key] not in row:
                if file is None:
                    continue
                raise ArgumentError(
                    f"mapping: {file} has no column {mapping[key]!r}; {nearest(mapping[key], row)}"
                )
            columns[key] = mapping[key]
        elif found := next((usual[name] for name in names if name in usual), None):
            columns[key] = found
    for key in NEEDED if file else ():
        if key not in columns:
            said = json.dumps({key: "its name"})
            raise HistoryError(f"{file} has no column for the {key}; name it with mapping={said}")
    return columns
