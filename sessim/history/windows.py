"""Rolling windows of a domain, as a plan's limits and the emails that were seen make them."""

from __future__ import annotations

from sessim.advance import Days
from sessim.clock import DAY
from sessim.eventlog import NONE
from sessim.history.quotas import Change, Limits
from sessim.history.table import midnights
from sessim.ledger import Ints
from sessim.plan import Plan


def planned(plan: Plan, days: Days, first: int | None, times: Ints, sums: Ints) -> Limits:
    """Return the limits of a domain's windows (rule R4).

    A window opens 24 hours after the email that filled the one before; one with a limit of 0 is
    over when the next day begins.

    Parameters
    ----------
    plan
        Whose windows are rolling.
    days
        The domain's warm-up days, as they stand when the plan starts.
    first
        When the first run of the domain was due, which opens the first window.
    times, sums
        When events told of its emails, in order, and how many it had sent in all: before the
        first, and after each.
    """
    changes: list[Change] = []
    if first is None or not len(times):
        return Limits(changes)
    clock, start, last = plan.clock, plan.start_instant, int(times[-1])
    to_come = [day for day in midnights(clock, start, last) if day > start]
    opened, sent = first, 0
    while opened <= last:
        while to_come and to_come[0] <= opened:
            days.pass_midnight(int(sums[times.searchsorted(to_come.pop(0), "left")]))
        limit = days.limit(clock.date(opened).toordinal())
        changes.append(Change(opened, opened, opened, NONE if limit is None else limit))
        if limit is None:
            break
        if limit == 0:
            opened = to_come[0] if to_come else last + 1
            continue
        sent += limit
        full = int(sums[1:].searchsorted(sent))
        if full == len(times):
            break
        opened = int(times[full]) + DAY
    return Limits(changes)
