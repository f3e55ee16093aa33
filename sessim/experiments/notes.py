"""What simulations of one plan noted, side by side: blocks of rows, and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    beside: tuple[NDArray[Any], NDArray[Any]]


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
