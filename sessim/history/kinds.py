"""Which kind of history a file is, told by what it holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sessim.errors import HistoryError, shown
from sessim.history.reading import head

KINDS: Final = {
    "polls": "answers of ListSendTasks and ListEmailIdentities",
    "webhook": "webhook events, one a line",
    "postfix": "a mail log of Postfix",
    "csv": "an event log as a table",
    "jsonl": "an event log as JSON lines",
    "parquet": "an event log as Parquet",
    "xes": "an event log as XES",
    "ocel": "an event log as OCEL 2.0 in JSON",
    "log": "sessim's own event log",
    "outbox": "sessim's outbox",
}
"""The kinds by name, and what each is."""

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
    if start.startswith(b"SQLite format 3\0"):
        return "outbox"
    if start.startswith(b"PAR1"):
        return "parquet"
    if text.startswith(b"<"):
        if re.search(rb"<(?:\w+:)?(?:log|trace)\b", text):
            return "xes"
    elif text[:1] in b"{[":
        for name, pattern in _KEYS.items():
            if re.search(pattern, text, re.DOTALL):
                return name
    elif re.search(rb"\bpostfix\S*/\w+\[\d+\]:", text):
        return "postfix"
    elif re.search(rb"[,;\t]", text.partition(b"\n")[0]):
        return "csv"
    known = "; ".join(f"{name}: {what}" for name, what in KINDS.items())
    raise HistoryError(
        f"file {shown(path.name)} is no history that is known; say with format what it is ({known})"
    )
