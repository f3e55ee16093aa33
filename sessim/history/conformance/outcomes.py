"""R7: what became of the emails sent, in counts that fit each other."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sessim.history.conformance.check import Check, Found
from sessim.history.conformance.stretch import Mask, Stretch
from sessim.quality import OUTCOMES

_NAMES: Final = np.array([name.replace("_", " ") for name in OUTCOMES], dtype=object)


def fell(s: Stretch) -> Found | None:
    """Find outcomes of a run that are fewer than before."""
    if not s.tells_outcomes:
        return None
    less = np.array([s.before(name) - s.now(name) for name in OUTCOMES])
    which = less.argmax(axis=0)
    most = less.max(axis=0)
    return s.steps(most > 0, most, less=most, what=_NAMES[which])


def too_many(s: Stretch) -> Found | None:
    """Find outcomes of which there are more than emails that they can fall on."""
    if not s.tells_outcomes:
        return None
    count = {name: s.now(name).astype(np.int64) for name in OUTCOMES}
    sent = s.now("sent").astype(np.int64)
    lost = count["invalid"] + count["spam_bounce"] + count["soft_failures"]
    bounds = [
        ("emails that bounced or failed", lost, "sent", sent),
        ("complaints", count["complaints"], "delivered", sent - lost),
        ("opens", count["opens"], "delivered", sent - lost),
        ("clicks", count["clicks"], "opened", count["opens"]),
        ("unsubscribes", count["unsubscribes"], "delivered", sent - lost),
    ]
    over = np.array([many - of for _, many, _, of in bounds])
    which, most = over.argmax(axis=0), over.max(axis=0)
    facts = (_chosen(which, [bound[i] for bound in bounds]) for i in range(4))
    names = ("what", "many", "where", "of")
    return s.steps(most > 0, most, **dict(zip(names, facts, strict=True)))


def _chosen(which: NDArray[np.intp], values: list[Any]) -> NDArray[Any]:
    """Return of the arrays, or words, the one that each row chooses."""
    wide = [np.broadcast_to(np.array(value), which.shape) for value in values]
    found: NDArray[Any] = np.choose(which, wide)
    return found.astype(object)


def negative(s: Stretch) -> Found | None:
    """Find outcomes below zero."""
    if not s.tells_outcomes:
        return None
    least = np.minimum.reduce([s.now(name) for name in OUTCOMES])
    below: Mask = least < 0
    return s.steps(below, -least, least=least)


CHECKS: Final = (
    Check("R7", "outcome count fell", "{less:,} {what} less than before", fell),
    Check("R7", "more outcomes than emails", "{many:,} {what}, and {of:,} were {where}", too_many),
    Check("R7", "negative outcome count", "a count of outcomes is {least:,}", negative),
)  # fmt: skip
