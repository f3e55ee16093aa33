"""What is kept of many replications: numbers, no frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sessim.eventlog import NONE
from sessim.ledger import NOT_YET, Ints
from sessim.quality import OUTCOMES

TASKS: Final = (
    "status", "requests", "sent", "cached", "failed", "cancelled", "finished", "pauses", "paused",
    *OUTCOMES,
)  # fmt: skip
"""What is kept of each task: the API's code, emails, an instant, a number, microseconds, and what
became of the emails sent (0 where nobody says)."""

DAILY: Final = ("limit", "level", "sent", "failed", "cached", "backlog", "dues")
"""What is kept of each domain and day: emails (no limit is -1), the reputation's level (-1 where
there is none), and how many runs were due."""

_AT_REST: Final = dict.fromkeys(DAILY, 0) | {"limit": NONE, "level": NONE}
"""What a day says on which a replication had ended with all work done."""


@dataclass(frozen=True)
class Tally:
    """The numbers of some replications of one plan; the first axis of each array is theirs.

    Parameters
    ----------
    numbers
        Which replications, from 0, rising.
    ended
        The instant at which each ended: all work was done, or the simulation was over.
    tasks
        For each of :data:`TASKS` an array by replication and task.
    daily
        For each of :data:`DAILY` an array by replication, domain and day.
    days
        The local dates of the days, as ordinals: all from the plan's start on.
    """

    numbers: Ints
    ended: Ints
    tasks: Mapping[str, Ints]
    daily: Mapping[str, Ints]
    days: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, chosen: slice) -> Tally:
        """Return some of the replications."""
        return trimmed(
            self.numbers[chosen],
            self.ended[chosen],
            {name: values[chosen] for name, values in self.tasks.items()},
            {name: values[chosen] for name, values in self.daily.items()},
            self.days,
        )

    @property
    def finished(self) -> Ints:
        """When the last task of each replication was finished; ``NOT_YET`` if one was not."""
        finished = self.tasks["finished"]
        return np.where((finished == NOT_YET).any(axis=1), NOT_YET, finished.max(axis=1))


def trimmed(
    numbers: Ints, ended: Ints, tasks: Mapping[str, Ints], daily: Mapping[str, Ints], days: Ints
) -> Tally:
    """Make a tally without days at its end on which all replications were at rest."""
    awake = np.array([np.any(values != _AT_REST[name], (0, 1)) for name, values in daily.items()])
    last = np.flatnonzero(awake.any(axis=0)).max(initial=0) + 1
    daily = {name: values[:, :, :last] for name, values in daily.items()}
    return Tally(numbers, ended, tasks, daily, days[:last])


def repeated(one: Tally, numbers: range) -> Tally:
    """Return a tally of replications that cannot differ from the one that is known."""
    size = len(numbers)
    return Tally(
        np.array(numbers, dtype=np.int64),
        one.ended.repeat(size),
        {name: values.repeat(size, axis=0) for name, values in one.tasks.items()},
        {name: values.repeat(size, axis=0) for name, values in one.daily.items()},
        one.days,
    )


def joined(tallies: Sequence[Tally]) -> Tally:
    """Put tallies of one plan together, in the order of their replications."""
    days = max((tally.days for tally in tallies), key=len)
    order = np.argsort(np.concatenate([tally.numbers for tally in tallies]))

    def together(parts: Iterable[Ints]) -> Ints:
        return np.concatenate(list(parts))[order]

    return trimmed(
        together(tally.numbers for tally in tallies),
        together(tally.ended for tally in tallies),
        {name: together(tally.tasks[name] for tally in tallies) for name in TASKS},
        {
            name: together(_longer(name, tally.daily[name], len(days)) for tally in tallies)
            for name in DAILY
        },
        days,
    )


def _longer(name: str, values: Ints, days: int) -> Ints:
    """Add days at rest.

    Only replications that were done with their work are shorter than others: the rest goes on to
    the same end.
    """
    missing = days - values.shape[-1]
    rest = np.full((*values.shape[:-1], missing), _AT_REST[name], dtype=np.int64)
    return np.concatenate([values, rest], axis=-1)
