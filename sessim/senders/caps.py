"""Caps beside the plan's own: ten emails an hour to a recipient, and a live send's first minute."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from sessim.clock import HOUR, SECOND
from sessim.senders.handover import Handed, Sender
from sessim.senders.reading import OutboxReader, Row

RATE: Final = 20
"""Emails a second that the service takes from an account."""

A_DAY: Final = 1_000_000
"""Emails a day that the service allows a domain at most."""

HOURLY: Final = 10
"""Emails an hour that the service takes for one recipient."""

FIRST: Final = 5
"""Emails that a live send tries in its first minute."""

_MINUTE: Final = 65 * SECOND  # a minute, and what the model may be behind the clock


class Hourly:
    """Tells which emails would be too many for their recipient within an hour.

    What a recipient has been sent is read from the outbox, over all its tasks and runs: so it holds
    across a resume, too.

    Parameters
    ----------
    outbox
        Where the rows are.
    most
        Emails in any hour.
    shared
        Whether all mail goes to one recipient.

    Attributes
    ----------
    words
        What is said of an email that is one too many.
    """

    def __init__(self, outbox: OutboxReader, most: int = HOURLY, *, shared: bool = False) -> None:
        self.words = f"more than {most} emails an hour to the same recipient"
        self._outbox, self._most, self._shared = outbox, most, shared
        # An address is in a run once: no more than ten runs, no more than ten emails.
        self._runs: OrderedDict[int, int] = OrderedDict(outbox.last_taken())
        self._latest = deque(outbox.latest(most) if shared else (), maxlen=most)

    def is_full(self, row: Row) -> bool:
        """Tell whether a row that was just taken is one too many for its recipient."""
        assert row.taken is not None
        since = row.taken - HOUR
        if self._shared:
            return self._is_full(row.taken, since)
        self._runs[row.run.id] = row.taken
        self._runs.move_to_end(row.run.id)
        while next(iter(self._runs.values())) <= since:
            self._runs.popitem(last=False)
        if len(self._runs) <= self._most:
            return False
        return self._outbox.sent_to(row, since, self._runs) >= self._most

    def _is_full(self, instant: int, since: int) -> bool:
        if len(self._latest) == self._most and self._latest[0] > since:
            return True
        self._latest.append(instant)
        return False


class Ramp:
    """A sender that begins slowly: a live send that goes wrong goes wrong for five people.

    Parameters
    ----------
    sender
        Who sends.
    outbox
        Says whether the send has begun before, and how.
    """

    def __init__(self, sender: Sender, outbox: OutboxReader) -> None:
        self.mode = sender.mode
        self._sender = sender
        begun, tried = outbox.first_taken()
        self._ends = None if begun is None else begun + _MINUTE
        self._left = FIRST - tried

    def send(self, rank: int, emails: int, now: int) -> Handed:
        """Send the next emails of a run, in the first minute only the first five of all runs.

        See :class:`~sessim.senders.handover.Sender`.
        """
        if self._ends is None:
            self._ends = now + _MINUTE
        if now >= self._ends:
            return self._sender.send(rank, emails, now)
        allowed = max(0, min(emails, self._left))
        self._left -= allowed
        handed = self._sender.send(rank, allowed, now) if allowed else Handed(0)
        if handed.settled < allowed or allowed == emails:
            return handed
        wait = -(-(self._ends - now) // SECOND)
        reason = f"a live send begins with {FIRST} emails in its first minute"
        return handed._replace(wait=wait, reason=reason)

    def send_test(self, number: int, emails: int, now: int) -> tuple[int, str]:
        """Send a test; in the first minute what is above the first five emails fails.

        See :class:`~sessim.senders.handover.Sender`.
        """
        if self._ends is None:
            self._ends = now + _MINUTE
        allowed = emails if now >= self._ends else max(0, min(emails, self._left))
        self._left -= allowed
        failed, words = self._sender.send_test(number, allowed, now)
        if allowed < emails:
            words = f"a live send begins with {FIRST} emails in its first minute"
        return failed + emails - allowed, words
