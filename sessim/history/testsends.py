"""Test sends of a history: they count towards a day's limit, and no run tells of them (rule R8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sessim.eventlog import NONE
from sessim.history.quotas import Limits
from sessim.ledger import Ints
from sessim.plan import Plan


class SentTest(NamedTuple):
    """A test send: when, of which domain by its place, how many emails were sent and failed."""

    time: int
    domain: int
    sent: int
    failed: int
    source: int = NONE

    @property
    def recipients(self) -> int:
        """How many emails it was to send."""
        return self.sent + self.failed

    def within(self, left: int) -> SentTest:
        """Return what becomes of it where so many emails may still be sent."""
        sent = max(0, min(self.recipients, left))
        return self._replace(sent=sent, failed=self.recipients - sent)


LimitsOf = Callable[[int, Sequence[SentTest]], tuple[Limits, tuple[Ints, Ints]]]
"""Return a domain's limits if these were all test sends, and its emails by then."""


def planned(plan: Plan, domains: Sequence[str], until: int) -> list[SentTest]:
    """Return the test sends of a plan up to an instant, in order, as if no limit held.

    Parameters
    ----------
    plan
        The plan.
    domains
        The names of domains by their places.
    until
        When the history ends.
    """
    found = [
        SentTest(plan.clock.instant(test.at), domains.index(test.domain), test.recipients, 0)
        for test in plan.test_sends
    ]
    found.sort(key=lambda test: test.time)
    return [test for test in found if test.time <= until]


def by_limits(tests: Iterable[SentTest], limits: LimitsOf) -> list[SentTest]:
    """Return test sends, each as far as the limit of its day allowed.

    Parameters
    ----------
    tests
        As they were planned, in order.
    limits
        What is known of a domain, given by its place.
    """
    found: list[SentTest] = []
    for test in tests:
        left = _left(test.time, *limits(test.domain, [*found, test.within(0)]))
        found.append(test if left is None else test.within(left))
    return found


def _left(time: int, limits: Limits, emails: tuple[Ints, Ints]) -> int | None:
    """Return how many emails a domain may still send at an instant; None for any number."""
    change = limits.change(time)
    if change is None or change.limit == NONE:
        return None
    times, sums = emails
    used = sums[times.searchsorted(time, "right")] - sums[times.searchsorted(change.time, "left")]
    return max(0, change.limit - int(used))


def of_a_day(tests: Iterable[SentTest], sent: Ints, limits: Ints) -> Iterator[SentTest]:
    """Yield test sends of one day as the limits let them be.

    A day of which something is left has had all of them. Of a full day the emails that no run sent
    were theirs, the earliest first.

    Parameters
    ----------
    tests
        Those of the day, in order.
    sent, limits
        By the domain's place: what its runs sent that day, and its limit.
    """
    left = np.where(limits == NONE, np.iinfo(np.int64).max, np.maximum(limits - sent, 0))
    for test in tests:
        tried = test.within(int(left[test.domain]))
        left[test.domain] -= tried.sent
        yield tried


def total(tests: Sequence[SentTest], instant: int, domains: int) -> Ints:
    """Return by domain how many emails of test sends were sent up to an instant."""
    found = np.zeros(domains, dtype=np.int64)
    for test in tests:
        if test.time <= instant:
            found[test.domain] += test.sent
    return found
