"""Whether paused runs went on when days or windows began anew, or at other times."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sessim.ledger import Ints

LIKELY: Final = 0.75
"""A reset is taken for the rule if so many of the returns agree with it."""


def between(instants: Ints, earliest: Ints, latest: Ints) -> NDArray[np.bool_]:
    """Say of spans of time whether one of some instants, given in order, lies within each."""
    first = instants.searchsorted(earliest, "left")
    return np.asarray(instants.searchsorted(latest, "right") > first)
