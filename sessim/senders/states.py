"""The states of a row in an outbox, and which may follow which, as data."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """Where a recipient of a run stands. The numbers are what the outbox holds."""

    PENDING = 0
    """To be sent."""
    INTENT = 1
    """Taken by a sender: may be on the wire."""
    ACCEPTED = 2
    """The server has it."""
    REJECTED = 3
    """The server, or sessim itself, refused it for good."""
    DEFERRED = 4
    """The server refused it for now: to be sent again when it is due."""
    EXPIRED = 5
    """It was deferred until nobody wants it any more."""
    SUPPRESSED = 6
    """Its address is on the suppression list: never sent."""
    UNKNOWN = 7
    """The server may have it or not: the connection or the sender ended in between."""
    CANCELLED = 8
    """Its run was cancelled before it was sent."""

    @property
    def word(self) -> str:
        """The state in lower case, as tables show it."""
        return self.name.lower()


MOVES: Final[dict[State, frozenset[State]]] = {
    State.PENDING: frozenset({State.INTENT, State.SUPPRESSED, State.CANCELLED}),
    State.INTENT: frozenset(
        {
            State.PENDING,
            State.ACCEPTED,
            State.REJECTED,
            State.DEFERRED,
            State.EXPIRED,
            State.UNKNOWN,
        }
    ),
    State.DEFERRED: frozenset({State.INTENT, State.SUPPRESSED, State.CANCELLED}),
    State.UNKNOWN: frozenset({State.PENDING, State.ACCEPTED}),
    State.ACCEPTED: frozenset(),
    State.REJECTED: frozenset(),
    State.EXPIRED: frozenset(),
    State.SUPPRESSED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""Which states may follow a state; those of the lower half are the end of a row."""

OUTCOMES: Final = MOVES[State.INTENT]
"""What can become of a row that a sender took; PENDING: it surely never left."""

WAITING: Final = (State.PENDING, State.DEFERRED)
"""What is still to be sent."""
