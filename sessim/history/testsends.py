"""Test sends of a history: they count towards a day's limit, and no run tells of them (rule R8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sessim.eventlog import NONE
from sessim.history.quotas import Limits
from sessim.history.seen import SentTest
from sessim.ledger import Ints
from sessim.plan import Plan

LimitsOf = Callable[[int, Sequence[SentTest]], tuple[Limits, tuple[Ints, Ints]]]
"""Return a domain's limits if these were all test sends, and its emails by then."""


def planned(plan: Plan, domains: Sequence[str], until: int, limits: LimitsOf) -> list[SentTest]:
    """Return the test sends of a plan, each as far as the limit of its day allowed.

    Parameters
    ----------
    plan
        The plan.
    domains
        The names of domains by their places.
    until
        When the history ends.
    limits
        What is known of a domain, given by its place.
    """
    dated = sorted((plan.clock.instant(test.at), i) for i, test in enumerate(plan.test_sends))
    found: list[SentTest] = []
    for time, number in dated:
        test = plan.test_sends[number]
        if time > until:
            break
        place = domains.index(test.domain)
        left = _left(time, *limits(place, [*found, SentTest(time, place, 0, 0, NONE)]))
        sent = test.recipients if left is None else min(test.recipients, left)
        found.append(SentTest(time, place, sent, test.recipients - sent, NONE))
    return found


def _left(time: int, limits: Limits, emails: tuple[Ints, Ints]) -> int | None:
    """Return how many emails a domain may still send at an instant; None for any number."""
    change = limits.change(time)
    if change is None or change.limit == NONE:
        return None
    times, sums = emails
    used = sums[times.searchsorted(time, "right")] - sums[times.searchsorted(change.time, "left")]
    return max(0, change.limit - int(used))
