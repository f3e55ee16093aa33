"""R4, R11: daily limits, what was used of a day, and pauses at a limit."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from sessim.eventlog import NONE, Event, EventLog
from sessim.history.conformance.check import WARNING, Check, Found, Ints
from sessim.history.conformance.stretch import Limits, Stretch, Trail, judged
from sessim.lifecycle import PAUSED
from sessim.plan import Plan
from sessim.state import first_state


def note_limits(s: Stretch) -> Found | None:
    """Note the rows ``limit``, which the other checks look up; nothing is wrong with them."""
    event, used = s.columns["event"], s.columns["sent_today"]
    for domain, rows in enumerate(s.of_domains):
        entry = s.trail.limits[domain]
        for i in np.flatnonzero(event[rows] == Event.LIMIT).tolist():
            row = int(rows[i])
            before = int(used[rows[i - 1]]) if i else int(s.trail.today[domain])
            anew = not used[row] and (s.plan.window == "day" or _was_closed(entry, before))
            entry.time.append(int(s.columns["time"][row]))
            entry.limit.append(int(s.columns["limit"][row]))
            entry.anew.append(bool(anew))
            entry.seq.append(s.first + row)
            entry.span.append((int(s.earliest[row]), int(s.latest[row])))
    return None


def limits_of(log: EventLog) -> list[Limits]:
    """Return the rows ``limit`` of each domain of a log."""
    trail, rows = Trail(log.plan, simulated=False), log.time
    note_limits(Stretch(trail, log.columns, rows, rows, rows, log.details))
    return trail.limits


def _was_closed(entry: Limits, used: int) -> bool:
    """Say whether a rolling window could open: one that has emails left goes on at midnight."""
    return not entry.limit or 0 <= entry.limit[-1] <= used


# --- R4 -------------------------------------------------------------------------------------------


def over_limit(s: Stretch) -> Found | None:
    """Find rows where a domain has sent more than its limit."""
    if not s.trail.counts_days or (not s.all_exact and _may_roll(s.trail)):
        return None
    limit, used = s.columns["limit"], s.columns["sent_today"]
    wrong = np.flatnonzero((limit != NONE) & (used > limit) & (s.columns["domain"] != NONE))
    wrong = wrong[[not _may_have_risen(s, row) for row in wrong.tolist()]]
    limit, used = limit[wrong].astype(np.int64), used[wrong].astype(np.int64)
    return s.places(wrong, used - limit, {"used": used, "limit": limit})


def _may_have_risen(s: Stretch, row: int) -> bool:
    """Say whether a limit that rose between two looks may have risen before the row."""
    entry = s.trail.limits[int(s.columns["domain"][row])]
    after = bisect_right(entry.time, int(s.columns["time"][row]))
    if after == len(entry.time) or entry.span[after][0] >= entry.span[after][1]:
        return False
    risen = entry.limit[after] == NONE or entry.limit[after] >= int(s.columns["sent_today"][row])
    return risen and entry.span[after][0] <= int(s.latest[row])


def used_fell(s: Stretch) -> Found | None:
    """Find rows where less of the day is used than before, though no day began."""
    found, fallen = [], []
    for domain, rows in enumerate(s.of_domains):
        used = s.columns["sent_today"][rows].astype(np.int64)
        before = np.append(s.trail.today[domain], used[:-1])[: len(rows)]
        wrong = (used < before) & (s.columns["event"][rows] != Event.LIMIT)
        found.append(rows[wrong])
        fallen.append((before - used)[wrong])
        if len(rows):
            s.trail.today[domain] = used[-1]
    fell = np.concatenate(fallen)
    return s.places(np.concatenate(found), fell, {"fell": fell})


def sum_by_period(s: Stretch) -> Found | None:
    """Add up each domain's emails by day or window, for :func:`over_limit_in_sum`."""
    risen, domain = s.risen, s.now("domain")
    begin, end = s.before("earliest"), s.now("latest") - s.closing
    sent = np.flatnonzero(risen > 0)
    for number, limits in enumerate(s.trail.limits):
        openings = limits.openings
        mine = sent[domain[sent] == number]
        first, last = (openings.searchsorted(t[mine], "right") - 1 for t in (begin, end))
        certain = first == last
        _add(s.trail.used[number], last[certain], risen[mine][certain])
        for period in np.unique(np.append(first[~certain], last[~certain])).tolist():
            spans = ~certain & (first <= period) & (period <= last)
            _add(s.trail.perhaps[number], np.array([period]), risen[mine][spans].sum(keepdims=True))
        tests = s.of_domains[number]
        tests = tests[(s.columns["run"][tests] == 0) & (s.columns["event"][tests] == Event.SENT)]
        when = openings.searchsorted(s.columns["time"][tests], "right") - 1
        _add(s.trail.used[number], when, s.columns["sent"][tests])
    return None


def _add(sums: dict[int, int], periods: Ints, values: Ints) -> None:
    found, which = np.unique(periods, return_inverse=True)
    for period, value in zip(found.tolist(), np.bincount(which, values).tolist(), strict=True):
        sums[period] = sums.get(period, 0) + int(value)


def _periods(trail: Trail) -> Iterator[tuple[int, int, dict[str, int]]]:
    """Yield each domain's periods: its number, the period's, and the row that opened it."""
    for domain, limits in enumerate(trail.limits):
        period = -1
        latest: dict[str, int] = {}
        for i, anew in enumerate(limits.anew):
            if anew:
                if latest:
                    yield domain, period, latest
                period += 1
                latest = {"time": limits.time[i], "seq": limits.seq[i], "limit": limits.limit[i],
                          "opened": limits.limit[i], "earliest": limits.span[i][0],
                          "latest": limits.span[i][1]}  # fmt: skip
            elif latest:
                raised = limits.limit[i]
                latest["limit"] = NONE if NONE in (raised, latest["limit"]) else max(
                    raised, latest["limit"])  # fmt: skip
        if latest:
            yield domain, period, latest


def at_limits(found: list[tuple[int, dict[str, int], int, dict[str, Any]]]) -> Found | None:
    """Report rows ``limit``: domain, row, size and facts of each."""
    if not found:
        return None
    domain, row, size, facts = zip(*found, strict=True)
    none = np.zeros(len(found), dtype=np.int64)
    rows = {"task": none, "run": none, "source": none - 1, "domain": np.array(domain),
            "time": np.array([entry["time"] for entry in row]),
            "seq": np.array([entry["seq"] for entry in row])}  # fmt: skip
    return Found(rows, np.array(size), {key: [fact[key] for fact in facts] for key in facts[0]})


def over_limit_in_sum(trail: Trail) -> Found | None:
    """Find days or windows whose emails, added up, are more than the limit."""
    if not trail.counts_days or (not trail.exact and _may_roll(trail)):
        return None
    found = []
    for domain, period, row in _periods(trail):
        sent, limit = trail.used[domain].get(period, 0), row["limit"]
        if limit != NONE and sent > limit:
            found.append((domain, row, sent - limit, {"sent": sent, "limit": limit}))
    return at_limits(found)


def limit_fell(trail: Trail) -> Found | None:
    """Find limits that fell within a day, but for those of levels."""
    if not trail.exact and _may_roll(trail):
        return None
    found = []
    for domain, row, before in raises(trail):
        if domain in judged(trail.plan):
            continue
        unlimited = before == NONE and trail.exact  # or else nobody had seen a limit
        if 0 <= row["limit"] < before or (unlimited and row["limit"] != NONE):
            facts = {"before": text(before), "now": text(row["limit"])}
            found.append((domain, row, max(before - row["limit"], 1), facts))
    return at_limits(found)


def _may_roll(trail: Trail) -> bool:
    """Say whether limits that polls saw fall within a day may be those of rolling windows.

    They may unless somebody told, or paused runs were seen to go on when days begin.
    """
    is_daily = trail.usual is None or trail.usual.window == "day"
    return not is_daily and any(0 <= row["limit"] < before for _, row, before in raises(trail))


def raises(trail: Trail) -> Iterator[tuple[int, dict[str, int], int]]:
    """Yield rows ``limit`` of which the domain had one before on the same date, and that one.

    A level that rises when its day is over, at midnight, does so on the day before.
    """
    midnight = trail.plan.window == "day"
    for domain, limits in enumerate(trail.limits):
        date, latest = None, NONE
        by_day = trail.exact and domain in judged(trail.plan)
        for time, limit, anew, seq in zip(
            limits.time, limits.limit, limits.anew, limits.seq, strict=True
        ):
            row = {"time": time, "limit": limit, "seq": seq, "day": time - by_day}
            today = trail.plan.clock.date(time)
            # A rolling window that opens is no change of the one before.
            if not anew if by_day else date == today and (not anew or midnight):
                yield domain, row, latest
            date, latest = today, limit


def text(limit: int | None) -> str:
    """Write a limit as sentences have it."""
    return "no limit" if limit in (None, NONE) else f"{limit:,}"


def not_as_planned(trail: Trail) -> Found | None:
    """Find limits at a day's or window's beginning that are not those of the plan's warm-up."""
    if not trail.is_told:
        return None
    found, rolling = [], trail.plan.window == "rolling"
    days = first_state(trail.plan).days
    sent_on = [_dates_with_mail(trail, domain) for domain in range(len(days))]
    for domain, _, row in _periods(trail):
        entry, limit = trail.plan.domains[domain], row["opened"]
        by_mail = entry.advance == "sending" and (rolling or not trail.exact)
        by_unseen = rolling and domain in trail.unseen
        # Nobody knows which dates counted, or who filled which window.
        if entry.warmup == "reputation" or by_mail or by_unseen:
            continue
        if limit == NONE and not trail.exact:
            continue
        names = ("time", "earliest", "latest")
        date, *bounds = (trail.plan.clock.date(row[name]) for name in names)
        if rolling and bounds != [date, date]:  # nobody knows the limit of which date it has
            continue
        counted = days[domain].counted + sum(day < date for day in sent_on[domain])
        planned = replace(days[domain], counted=counted).limit(date.toordinal())
        if limit != (NONE if planned is None else planned):
            facts = {"limit": text(limit), "planned": text(planned)}
            found.append((domain, row, abs(limit - (planned or 0)), facts))
    return at_limits(found)


def _dates_with_mail(trail: Trail, domain: int) -> set[dt.date]:
    """Return the dates on which a domain sent something."""
    clock, sent = trail.plan.clock, trail.used[domain]
    return {
        clock.date(row["time"])
        for number, period, row in _periods(trail)
        if number == domain and sent.get(period, 0)
    }


def day_without_limit(trail: Trail) -> Found | None:
    """Find days that began without a row ``limit`` of a domain."""
    if trail.plan.window != "day" or not trail.exact:
        return None
    found = []
    clock = trail.plan.clock
    for domain, limits in enumerate(trail.limits):
        told = {clock.date(time) for time in limits.time}
        for date in _dates(trail.plan, limits.time, trail.last_time):
            if date not in told:
                row = {"time": clock.day_start(date), "seq": NONE}
                found.append((domain, row, 1, {"date": date}))
    return at_limits(found)


def _dates(plan: Plan, times: list[int], end: int) -> Iterator[dt.date]:
    date, one = plan.clock.date(times[0] if times else plan.start_instant), dt.timedelta(days=1)
    while (start := plan.clock.day_start(date)) < end:
        if plan.clock.day_start(date + one) > start:
            yield date
        date += one


# --- starts and pauses ----------------------------------------------------------------------------


def started_at_limit(s: Stretch) -> Found | None:
    """Find runs that began to send, or restarted, though nothing was left of the day."""
    limit, used, event = s.now("limit"), s.now("sent_today"), s.now("event")
    began = ((event == Event.SENDING) | (event == Event.RESTARTED)) & s.exact
    return s.steps(began & (limit != NONE) & (used >= limit), 1, limit=limit)


def note_held(s: Stretch) -> Found | None:
    """Note the days at whose end a run was surely paused, for :func:`paused_below`."""
    paused, domain = s.before("status") == PAUSED, s.now("domain")
    for number, limits in enumerate(s.trail.limits):
        mine = np.flatnonzero(paused & (domain == number))
        openings = limits.openings
        begun = openings.searchsorted(s.before("latest")[mine], "right") - 1
        over = openings.searchsorted(s.now("earliest")[mine], "right") - 1
        s.trail.held[number].update(begun[over > begun].tolist())
    return None


def paused_below(trail: Trail) -> Found | None:
    """Find days at whose end a run was paused though its domain had sent less than its limit."""
    plan, usual = trail.plan, trail.usual
    is_daily = plan.window == "day" and plan.restart == "auto" and not plan.restart_delay
    if not (is_daily if usual is None else usual.is_daily):
        return None
    found = []
    for domain, period, row in _periods(trail):
        used, perhaps = (sums[domain].get(period, 0) for sums in (trail.used, trail.perhaps))
        date = plan.clock.date(row["time"])
        ends = (plan.clock.day_start(date), plan.clock.day_start(date + dt.timedelta(days=1)))
        doubt = sum(trail.in_doubt(domain, midnight) for midnight in ends)
        limit, most = row["limit"], used + perhaps + doubt
        is_unknown = limit == NONE and not (trail.exact and trail.knows_limit(domain))
        if period in trail.held[domain] and not is_unknown and (limit == NONE or most < limit):
            facts = {"sent": most, "limit": text(limit)}
            found.append((domain, row, max(limit - most, 1), facts))
    return at_limits(found)


CHECKS: Final = (
    Check("R4", "limits", "", note_limits),
    Check("R4", "sums", "", sum_by_period),
    Check("R4", "held", "", note_held),
    Check("R4", "limit exceeded", "{used:,} emails were sent under a limit of {limit:,}",
          over_limit),
    Check("R11", "used quota given back", "{fell:,} emails less count towards the limit than "
          "before", used_fell),
    Check("R4", "started at the limit", "it began to send though the limit of {limit:,} was used "
          "up", started_at_limit),
)  # fmt: skip
AT_THE_END: Final = (
    Check("R4", "limit exceeded in sum",
          "the emails of its runs add up to {sent:,} under a limit of {limit:,}",
          over_limit_in_sum),
    Check("R4", "limit fell within a day", "the limit fell from {before} to {now}", limit_fell),
    Check("R4", "limit not as planned",
          "the limit is {limit}, and the warm-up of the plan says {planned}", not_as_planned,
          WARNING),
    Check("R4", "day without a limit", "no limit was set for {date}", day_without_limit, WARNING),
    Check("R4", "paused below the limit",
          "a run was paused when the day ended, and only {sent:,} were sent; the limit: {limit}",
          paused_below),
)  # fmt: skip
