"""Whether runs were served in turns (``fair``) or one after the other (``fifo``), from looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sessim.lifecycle import SENDING

if TYPE_CHECKING:
    from sessim.history.table import Table

Ints = NDArray[np.int64]

_BY_CHANCE: Final = 1  # times that it may seem so: a run paused in between, or a page came late
_ENOUGH: Final = 20_000
_NOBODY: Final = np.iinfo(np.int64).max


def takes_turns(table: Table) -> bool:
    """Say whether runs sent side by side, as in ``fair``, and not one after the other."""
    going = (table.emails > 0) & (table.status == SENDING) & (table.before == SENDING)
    _, runs = np.unique(table.time[going], return_counts=True)
    return int((runs > 1).sum()) > _BY_CHANCE or _served_out_of_line(table)


def _served_out_of_line(table: Table) -> bool:
    """Say whether runs were served, as a rule, while an earlier one was waiting to send.

    An account so slow that no two runs send between two polls shows its turns in no other way.
    """
    first = np.argsort(table.time, kind="stable")[:_ENOUGH]
    waits = first[_waited(table)[first]]
    served = first[(table.emails > 0)[first] & (table.status == SENDING)[first]]
    instants = np.unique(np.append(table.since[waits], table.time[first]))
    ahead = _earliest(table, waits, instants)
    before = ahead[instants.searchsorted(table.time[served]) - 1]
    contended = before != _NOBODY
    out_of_line = int((before < table.run[served]).sum())
    return out_of_line > _BY_CHANCE and 4 * out_of_line >= int(contended.sum())


def _waited(table: Table) -> NDArray[np.bool_]:
    """Say which looks show that a run had been SENDING ever since the look before.

    Who has emails in the cache queue may have been PAUSED, and was restarted since.
    """
    goes_on = (table.status == SENDING) & (table.before == SENDING)
    return np.asarray(goes_on & (table.cached == 0))


def _earliest(table: Table, looks: Ints, instants: Ints) -> Ints:
    """Return for the time up to each next instant the first run in line that was SENDING."""
    found = np.full(len(instants), _NOBODY, dtype=np.int64)
    looks = looks[np.argsort(-table.run[looks], kind="stable")]  # the first in line comes last
    begin = instants.searchsorted(table.since[looks]).tolist()
    end = instants.searchsorted(table.time[looks]).tolist()
    for run, start, stop in zip(table.run[looks].tolist(), begin, end, strict=True):
        found[start:stop] = run
    return found
