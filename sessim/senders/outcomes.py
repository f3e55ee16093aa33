"""What became of a row that was claimed, as a sender tells the outbox."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sessim.errors import ArgumentError, shown
from sessim.senders.reading import Row
from sessim.senders.states import OUTCOMES, State

_MOST_WORDS: Final = 500  # characters of the server's that are kept

HARD_BOUNCE: Final = re.compile(r"\d{3}[ -]5\.1\.1\b")
"""RFC 3463: there is no such mailbox. Nothing else is sure enough to stop writing to somebody."""


class Outcome(NamedTuple):
    """What became of a row that was claimed.

    ``state`` is one of :data:`~sessim.senders.states.OUTCOMES` (pending: it surely never left,
    and the attempt does not count); ``words`` are the server's, of which 500 characters are kept;
    ``due`` is when a deferred row is to be tried again, in the caller's microseconds.
    """

    row: Row
    state: State
    words: str = ""
    due: int | None = None

    def __repr__(self) -> str:
        return f"<Outcome {self.state.word} of {self.row!r}>"


def checked(outcome: Outcome) -> Outcome:
    """Return an outcome that may be written, with the server's words in one short line."""
    row, state, words, due = outcome
    if state not in OUTCOMES:
        known = ", ".join(sorted(known.word for known in OUTCOMES))
        raise ArgumentError(f"outcome is {shown(state)}; give one of {known}")
    if (state is State.DEFERRED) != (due is not None):
        raise ArgumentError(
            f"due of an outcome {state.word} is {shown(due)}; "
            "a deferred row needs an instant, and no other has one"
        )
    return Outcome(row, state, _one_line(words), due)


def _one_line(words: str) -> str:
    if words.isprintable():
        return words[:_MOST_WORDS]
    line = " ".join(words.encode("utf-8", "replace").decode().split())[:_MOST_WORDS]
    return "".join(character if character.isprintable() else "?" for character in line)
