"""Task types, task statuses and the only transitions between them (rules R1 and R2), as data."""

from __future__ import annotations

from enum import IntEnum


class TaskType(IntEnum):
    """What kind of task it is; the number is the API's ``TaskType``."""

    IMMEDIATE = 1
    SCHEDULED = 2
    RECURRING = 3

    @property
    def label(self) -> str:
        """The console's word."""
        return _TYPE_LABELS[self]


class TaskStatus(IntEnum):
    """Where a run or a task stands; the number is the API's ``TaskStatus``.

    ``CANCELLED`` is sessim's own: the API has no such code.
    """

    CANCELLED = 0
    TO_START = 1
    SENDING = 5
    PAUSED = 6
    ERROR = 7
    SENT = 10

    @property
    def label(self) -> str:
        """The console's word."""
        return STATUS_LABELS[self]

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to a run by itself."""
        return self in FINISHED


_TYPE_LABELS = {
    TaskType.IMMEDIATE: "Batch",
    TaskType.SCHEDULED: "Scheduled",
    TaskType.RECURRING: "Recurring",
}
STATUS_LABELS = {
    TaskStatus.CANCELLED: "Cancelled",
    TaskStatus.TO_START: "To start",
    TaskStatus.SENDING: "Sending",
    TaskStatus.PAUSED: "Paused",
    TaskStatus.ERROR: "Error",
    TaskStatus.SENT: "Sent",
}

CANCELLED, TO_START, SENDING, PAUSED, ERROR, SENT = map(int, TaskStatus)
"""The codes by themselves: in Python 3.11 an enumeration's attributes are slow to look up."""

FINISHED = frozenset({TaskStatus.CANCELLED, TaskStatus.ERROR, TaskStatus.SENT})


class Rest(IntEnum):
    """Where the emails of a run are that have not left (rule R1)."""

    NOWHERE = 0
    WAITING = 1
    CACHED = 2
    CANCELLED = 3
    FAILED = 4


TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.TO_START: frozenset(
        {TaskStatus.SENDING, TaskStatus.PAUSED, TaskStatus.ERROR, TaskStatus.CANCELLED}
    ),
    TaskStatus.SENDING: frozenset(
        {TaskStatus.PAUSED, TaskStatus.SENT, TaskStatus.ERROR, TaskStatus.CANCELLED}
    ),
    TaskStatus.PAUSED: frozenset({TaskStatus.SENDING, TaskStatus.ERROR, TaskStatus.CANCELLED}),
    TaskStatus.ERROR: frozenset({TaskStatus.SENDING, TaskStatus.PAUSED}),
    TaskStatus.SENT: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}
"""From each status, the statuses that may follow it (rule R2)."""
