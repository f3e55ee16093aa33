"""What goes into the client and what comes out of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from sessim.senders.replies import Outcome, Stage


class Envelope(NamedTuple):
    """A message on its way: the caller's key for the row, the two addresses, the ready bytes."""

    key: Hashable
    sender: str
    recipient: str
    message: bytes


class Delivery(NamedTuple):
    """What became of an envelope.

    ``code`` is 0 if no reply decided; ``words`` says what the server, or else the client, said;
    ``retry_after`` is the shortest time to the next try in seconds; ``stage`` the command that
    decided; ``suppress``: the address itself is bad.
    """

    outcome: Outcome
    code: int
    words: str
    retry_after: float = 0.0
    stage: Stage = Stage.DOT
    suppress: bool = False
