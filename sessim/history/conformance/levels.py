"""R7: the limits of reputation levels, and what happens while a domain is blocked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sessim.eventlog import NONE, Event
from sessim.history.conformance.check import WARNING, Check, Found
from sessim.history.conformance.knots import changes, note, watch_of
from sessim.history.conformance.quotas import at_limits, raises, text
from sessim.history.conformance.stretch import Stretch, Trail, judged
from sessim.reputation import HIGHEST
from sessim.warmup import levels

_WORDS: Final = re.compile(r"(blocked at )?level (\d+)(?: to (\d+))?(?::.*)?")
_BEGINS: Final = (int(Event.SENDING), int(Event.PAUSED), int(Event.RESTARTED))


def sent_while_blocked(s: Stretch) -> Found | None:
    """Find emails sent, or runs begun, between a block and the end of its day."""
    if not (judged(s.plan) and s.all_exact):
        return None
    wrong = []
    change = changes(s)[0] if s.tells_outcomes else np.zeros(len(s), dtype=np.int64)
    for domain in judged(s.plan):
        rows, watch = s.of_domains[domain], watch_of(s.trail, domain)
        event, time = s.columns["event"][rows], s.columns["time"][rows]
        at = watch.blocked_at
        for first, end in _between(np.flatnonzero(event == Event.LIMIT), len(rows)):
            if first >= 0:
                words = s.details[int(s.columns["detail"][rows[first]])]
                at = int(time[first]) if words.startswith("blocked") else NONE
            part = slice(first + 1, end)
            if at != NONE:
                went_on = (change[rows[part]] > 0) | np.isin(event[part], _BEGINS)
                wrong += rows[part][went_on & (time[part] > at)].tolist()
        watch.blocked_at = at
    places = np.array(wrong, dtype=np.int64)
    return s.places(places, np.maximum(change[places], 1), {"emails": change[places]})


def _between(limits: NDArray[np.intp], size: int) -> Iterator[tuple[int, int]]:
    """Yield the rows "limit", before them -1, each with where the next one is."""
    begins = [-1, *limits.tolist()]
    yield from zip(begins, [*begins[1:], size], strict=True)


def limits_of_levels(s: Stretch) -> Iterator[tuple[int, int, int | None, bool]]:
    """Yield the rows "limit" of judged domains: place, limit, the level that words name.

    The last entry says whether the domain's warm-up has begun by then.
    """
    for domain in judged(s.plan):
        rows = s.of_domains[domain]
        start = s.plan.clock.day_start(s.plan.warmup_start(s.plan.domains[domain]))
        for row in rows[s.columns["event"][rows] == Event.LIMIT].tolist():
            words = _WORDS.fullmatch(s.details[int(s.columns["detail"][row])])
            level = int(words[3] or words[2]) if words else None
            yield row, int(s.columns["limit"][row]), level, int(s.columns["time"][row]) >= start


def no_such_level(s: Stretch) -> Found | None:
    """Find limits of judged domains that are those of no level."""
    unknown = () if s.all_exact and s.trail.knows_turns else (NONE,)
    wrong = [(row, limit) for row, limit, *_ in limits_of_levels(s)
             if limit not in (*levels(), *unknown)]  # fmt: skip
    return _rows(s, wrong, ("limit",))


def not_of_its_level(s: Stretch) -> Found | None:
    """Find limits that are not those of the level that the row names."""
    wrong = [
        (row, limit, level)
        for row, limit, level, begun in limits_of_levels(s)
        if level is not None and begun and (level > HIGHEST or levels()[level] != limit)
    ]
    return _rows(s, wrong, ("limit", "level"))


def _rows(s: Stretch, wrong: Sequence[tuple[int, ...]], names: Sequence[str]) -> Found | None:
    if not wrong:
        return None
    places, *facts = (np.array(column, dtype=np.int64) for column in zip(*wrong, strict=True))
    return s.places(places, 1, dict(zip(names, facts, strict=True)))


def lowered_at_once(trail: Trail) -> Found | None:
    """Find levels that fell within a day."""
    found = []
    for domain, row, before in raises(trail):
        if domain in judged(trail.plan) and 0 <= row["limit"] < before:
            facts = {"before": text(before), "now": text(row["limit"])}
            found.append((domain, row, before - row["limit"], facts))
    return at_limits(found)


def raised_often(trail: Trail) -> Found | None:
    """Find limits that were raised more often in a day than the plan's levels allow."""
    most, found = trail.plan.levels_per_day, []
    times: dict[tuple[int, dt.date], int] = {}
    for domain, row, before in raises(trail):
        if before != NONE and (row["limit"] > before or row["limit"] == NONE):
            day = domain, trail.plan.clock.date(row["day"])
            times[day] = times.get(day, 0) + 1
            if times[day] > most:
                found.append((domain, row, times[day] - most, {"times": times[day], "most": most}))
    return at_limits(found)


CHECKS: Final = (
    Check("R7", "judgements", "", note),
    Check("R7", "sent while blocked", "it went on, with {emails:,} emails, though its domain was "
          "blocked for the day", sent_while_blocked),
    Check("R7", "no such level", "a limit of {limit:,} is that of no level", no_such_level,
          WARNING),
    Check("R7", "limit not of its level", "the limit is {limit:,}, which is not that of level "
          "{level}", not_of_its_level),
)  # fmt: skip
AT_THE_END: Final = (
    Check("R7", "lowered on the same day", "the limit fell from {before} to {now} before the day "
          "was over", lowered_at_once),
    Check("R7", "raised too often", "the limit rose for the {times}th time in a day; {most} is "
          "allowed", raised_often),
)  # fmt: skip
