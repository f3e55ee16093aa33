"""The columns and words in which other tools write event logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sessim.lifecycle import CANCELLED, ERROR, PAUSED, SENDING, SENT, TO_START, TaskType
from sessim.quality import OUTCOMES


def _plain(name: str) -> str:
    """Return a column's name as other tools write it."""
    return name.replace("_", " ")


KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "case": ("case:concept:name", "case", "case_id", "case id", "caseid", "task_id", "taskid",
             "task"),
    "activity": ("concept:name", "activity", "event"),
    "time": ("time:timestamp", "time", "timestamp", "end_time", "complete timestamp"),
    "transition": ("lifecycle:transition", "lifecycle", "transition"),
    "resource": ("org:resource", "resource", "domain"),
    "run": ("concept:instance", "run", "occurrence"),
    "name": ("case:name", "name"),
    "sender": ("case:sender", "sender"),
    "type": ("case:type", "type"),
    "requests": ("requests", "requestcount"),
    "sent": ("sent", "sendcount"),
    "cached": ("cached", "cachecount"),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "limit": ("limit",),
    "sent_today": ("sent_today",),
    "status": ("status",),
    "detail": ("detail",),
    "seq": ("seq",),
    **{name: (name, _plain(name)) for name in OUTCOMES},
}  # fmt: skip
"""What is looked for in a row, and the columns in which it may stand, the first that is there."""
NEEDED: Final = ("case", "activity", "time")

_WORDS: Final = {
    TO_START: ("due", "create", "created", "schedule", "scheduled", "assign", "withdraw"),
    SENDING: ("sending", "start", "started", "restarted", "restart", "resume", "resumed", "turn",
              "day"),
    PAUSED: ("paused", "pause", "suspend", "suspended", "cached"),
    SENT: ("sent", "complete", "completed", "finish", "finished", "done"),
    ERROR: ("error", "exception", "ate_abort", "failed"),
    CANCELLED: ("cancelled", "canceled", "cancel", "delete", "deleted", "pi_abort"),
}  # fmt: skip
STATUS: Final = {word: status for status, words in _WORDS.items() for word in words}
TYPES: Final = {kind.label.lower(): kind for kind in TaskType}
"""What activities and types of tasks mean, by their words in small letters."""
