"""How far a domain's warm-up has come (rule R4, ``advance``)."""

from __future__ import annotations

from dataclasses import dataclass

from sessim.warmup import Limits


@dataclass
class Days:
    """How far a domain's warm-up has come.

    Parameters
    ----------
    limits
        The limits by warm-up day.
    first
        Date of warm-up day 1, as an ordinal.
    sending
        Whether only dates count on which the domain sent something.
    counted
        With ``sending``: the dates that counted so far.
    total_before
        The domain's emails before today.
    """

    limits: Limits
    first: int
    sending: bool
    counted: int = 0
    total_before: int = 0

    def day(self, today: int) -> int:
        """Return the warm-up day of a date (an ordinal), 0 before the first."""
        if today < self.first:
            return 0
        return self.counted + 1 if self.sending else today - self.first + 1

    def limit(self, today: int) -> int | None:
        """Return the limit of a date; None for no limit."""
        return self.limits.on(self.day(today))

    def pass_midnight(self, total: int) -> None:
        """Count the day that is over, on which the domain's emails rose to ``total``."""
        self.counted += total > self.total_before
        self.total_before = total
