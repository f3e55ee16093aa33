"""Which kind of history a file is, told by what it holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from sessim.errors import HistoryError, shown
from sessim.history import ocelbase
from sessim.history.reading import CHUNK, first_lines, head

KINDS: Final = {
    "polls": "answers of ListSendTasks and ListEmailIdentities",
    "webhook": "webhook events, one a line",
    "postfix": "a mail log of Postfix",
    "csv": "an event log as a table",
    "jsonl": "an event log as JSON lines",
    "parquet": "an event log as Parquet",
    "xes": "an event log as XES",
    "ocel": "an event log as OCEL 2.0 in JSON, XML or SQLite",
    "log": "sessim's own event log",
    "outbox": "sessim's outbox",
}
"""The kinds by name, and what each is."""

_LONG: Final = 1 << 15
_OWN_TABLE: Final = re.compile(rb'\W*seq"?[,;]"?time"?[,;]"?event')
_KEYS: Final = {
    "ocel": rb'"objectTypes"|"eventTypes"',
    "polls": rb'"TaskId"|"TotalCount"|"EmailIdentities"|"IdentityName"|"Response"',
    "webhook": rb'"event"\s*:\s*"[a-z]+".*"(?:email|bulkId|messageId|fromDomain)"'
    rb'|"(?:email|bulkId|messageId|fromDomain)".*"event"\s*:',
    "jsonl": rb'"(?:event|activity|concept:name|lifecycle)"',
}


def kind(path: Path) -> str:
    """Return the kind of a file; :class:`HistoryError` if it is none that is known."""
    start = head(path)
    text = start.lstrip()
    if not text:
        raise HistoryError(f"file {shown(path.name)} is empty, or cannot be unpacked")
    if start.startswith(ocelbase.MAGIC):
        return "ocel" if ocelbase.is_one(path) else "outbox"
    if start.startswith(b"PAR1"):
        return "parquet"
    found = _of_text(text)
    if found in ("", "csv"):  # its first line may be cut off, or damaged
        later = (_of_text(line) for line in first_lines(path) if line[:1] == b"{")
        found = next(filter(None, later), found)
    if found:
        return found
    known = "; ".join(f"{name}: {what}" for name, what in KINDS.items())
    raise HistoryError(
        f"file {shown(path.name)} is no history that is known; say with format what it is ({known})"
    )


def _of_text(text: bytes) -> str:
    """Return the kind of a text by how it begins; nothing if it is none that is known."""
    if text.startswith(b"<"):
        if re.search(rb"<(?:\w+:)?(?:object-types|event-types|objects)\b", text):
            return "ocel"
        if re.search(rb"<(?:\w+:)?(?:log|trace)\b", text):
            return "xes"
    elif text[:1] in b"{[":
        for name, pattern in _KEYS.items():
            if re.search(pattern, text, re.DOTALL):
                return name
    elif re.search(rb"\bpostfix\S*/\w+\[\d+\]:", text):
        return "postfix"
    elif re.search(rb"[,;\t]", first := text.partition(b"\n")[0]) and b'":' not in first:
        return "csv"
    return ""


def is_of_lines(path: Path) -> bool:
    """Say whether each line of a file of JSON is a value, and not all of it one document.

    One line may be cut off or damaged, as where a log was rotated.
    """
    lines = first_lines(path)
    first = next(lines, b"")
    if first[:1] == b"{" and (first[-1:] == b"}" or len(first) >= _LONG):
        return True
    if first[-1:] in b"[{,:" and len(first) < _LONG:
        return False
    return any(_is_object(line) for line in lines)


def _is_object(line: bytes) -> bool:
    if line[:1] != b"{" or len(line) >= CHUNK:
        return line[:1] == b"{"
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
