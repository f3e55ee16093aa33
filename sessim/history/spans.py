"""Spans of time between which something is known to have happened."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sessim.ledger import Ints


def between(instants: Ints, earliest: Ints, latest: Ints) -> NDArray[np.bool_]:
    """Say of spans whether one of some instants, given in order, lies in each, ends included."""
    first = instants.searchsorted(earliest, "left")
    return np.asarray(instants.searchsorted(latest, "right") > first)
