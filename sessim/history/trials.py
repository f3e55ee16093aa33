"""The test sends of a plan that was told (rule R8): no list of tasks shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sessim.eventlog import NONE
from sessim.ledger import Ints
from sessim.plan import Plan


class Trial(NamedTuple):
    """A test send: when, of which domain by its place, to how many, and how many were sent."""

    time: int
    domain: int
    recipients: int
    sent: int


def planned(plan: Plan, last: int) -> list[Trial]:
    """Return the test sends of a plan up to an instant, in order, as if no limit held."""
    places = {domain.name: place for place, domain in enumerate(plan.domains)}
    found = [
        Trial(plan.clock.instant(test.at), places[test.domain], test.recipients, test.recipients)
        for test in plan.test_sends
    ]
    found.sort(key=lambda trial: trial.time)
    return [trial for trial in found if trial.time <= last]


def within(trials: Iterable[Trial], sent: Ints, limits: Ints) -> Iterator[Trial]:
    """Yield test sends of one day as the limits let them be.

    A day of which something is left has had all of them. Of a full day the emails that no run sent
    were theirs, the earliest first.

    Parameters
    ----------
    trials
        Those of the day, in order.
    sent, limits
        By the domain's place: what its runs sent that day, and its limit.
    """
    left = np.where(limits == NONE, np.iinfo(np.int64).max, np.maximum(limits - sent, 0))
    for trial in trials:
        emails = min(trial.recipients, int(left[trial.domain]))
        left[trial.domain] -= emails
        yield trial._replace(sent=emails)


def total(trials: Sequence[Trial], instant: int, domains: int) -> Ints:
    """Return by domain how many emails of test sends were sent up to an instant."""
    found = np.zeros(domains, dtype=np.int64)
    for trial in trials:
        if trial.time <= instant:
            found[trial.domain] += trial.sent
    return found
