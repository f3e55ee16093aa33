"""What simulations of one plan noted, side by side: blocks of rows, and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.ledger import Ints
from sessim.logwriter import LogWriter
from sessim.plan import Plan
from sessim.quality import OUTCOMES


@dataclass(frozen=True)
class Notes:
    """The notes of some simulations of one plan.

    Parameters
    ----------
    size
        How many simulations there are.
    blocks
        The columns of the blocks, as :class:`~sessim.logwriter.LogWriter` packs them; those of
        one simulation stand in its order.
    which
        To which simulation, from 0, each block belongs.
    ended
        When each simulation ended.
    requests, totals
        The emails of each run, and the ``OUTCOMES`` of those sent: simulation after simulation.
    details
        For each simulation the texts behind the codes of ``detail``.
    beside
        The runs of the blocks that tell of several, and their emails.
    """

    size: int
    blocks: Mapping[str, NDArray[Any]]
    which: Ints
    ended: Ints
    requests: Ints
    totals: Ints
    details: Sequence[Sequence[str]]
    beside: tuple[NDArray[Any], NDArray[Any]] = field(
        default_factory=lambda: (np.zeros(0, np.int32), np.zeros(0, np.int64))
    )


def notes(plan: Plan, writers: Sequence[LogWriter]) -> Notes:
    """Lay what models noted side by side."""
    records = [writer.records for writer in writers]
    lengths = np.array([len(part) for part in records])
    blocks = np.concatenate(records)
    none = np.zeros((len(plan.runs), len(OUTCOMES)), dtype=np.int64)
    planned = plan.runs.requests
    totals = [writer.totals for writer in writers]
    return Notes(
        size=len(writers),
        blocks={name: blocks[name] for name in blocks.dtype.names or ()},
        which=np.arange(len(writers)).repeat(lengths),
        ended=blocks["time"][np.cumsum(lengths) - 1],
        requests=np.concatenate([planned if w.requests is None else w.requests for w in writers]),
        totals=np.concatenate([none if told is None else told for told in totals]),
        details=[writer.details for writer in writers],
        beside=(
            np.concatenate([writer.runs for writer in writers]),
            np.concatenate([writer.sent for writer in writers]),
        ),
    )


_COLUMNS: Final = {
    "time": np.int64, "limit": np.int64, "sent_today": np.int64, "sent": np.int64, "run": np.int32,
    "rows": np.int32, "detail": np.int32, "status": np.int16, "event": np.int8,
    "domain": np.int16, "rest": np.int8,
}  # fmt: skip
_USUAL: Final = {"rows": 1, "sent": 0, "detail": 0}


class Rows:
    """Collects blocks of rows of many simulations, one of each that takes part in a step."""

    def __init__(self) -> None:
        self._which: list[Ints] = []
        self._parts: list[dict[str, Any]] = []
        self._runs: list[NDArray[Any]] = [np.zeros(0, np.int32)]
        self._emails: list[NDArray[Any]] = [np.zeros(0, np.int64)]

    def add(self, which: Ints, **columns: Any) -> None:
        """Add a block for each simulation in ``which``; the columns are arrays or numbers."""
        self._which.append(which)
        self._parts.append(_USUAL | columns)

    def put_beside(self, runs: NDArray[Any], emails: NDArray[Any]) -> None:
        """Put the runs of blocks that tell of several, and their emails, beside them."""
        self._runs.append(runs)
        self._emails.append(emails)

    @property
    def beside(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """What stands beside the blocks, in their order."""
        return np.concatenate(self._runs), np.concatenate(self._emails)

    def columns(self) -> tuple[dict[str, NDArray[Any]], Ints]:
        """Return the columns of the blocks, and to which simulation each belongs."""
        lengths = [len(part) for part in self._which]
        found: dict[str, NDArray[Any]] = {"failed": np.zeros(sum(lengths), np.int64)}
        for name, kind in _COLUMNS.items():
            found[name] = np.empty(sum(lengths), kind)
            begin = 0
            for part, length in zip(self._parts, lengths, strict=True):
                found[name][begin : begin + length] = part[name]
                begin += length
        return found, np.concatenate(self._which)
