"""The table of days: what each domain sent on each local day, and how it stood at its end."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from sessim.clock import HOUR
from sessim.eventlog import NONE, Event, integers, words
from sessim.ledger import NOT_YET, Ints, Ledger, is_finished
from sessim.quality import OUTCOMES


class Days:
    """The days of a log, and sums by domain and day."""

    def __init__(self, ledger: Ledger) -> None:
        log = ledger.log
        self.ledger, self.log = ledger, log
        clock = log.plan.clock
        date, self.dates, starts = clock.date(int(log.time[0])), [], []
        happened = log.time[log.event != Event.END]
        last = max(
            log.time[-1] - 1, happened.max(initial=0)
        )  # a day that begins at the very end is not part
        while (start := clock.day_start(date)) <= last:
            following = clock.day_start(date + dt.timedelta(days=1))
            if following > start:
                self.dates.append(date)
                starts.append(start)
            date += dt.timedelta(days=1)
        self.starts = np.array(starts, dtype=np.int64)
        self.ends = np.append(self.starts[1:], log.time[-1])

    def of(self, instants: Ints) -> Ints:
        """Return the day of each instant, by its place in ``dates``."""
        return self.starts.searchsorted(instants, "right") - 1

    def of_rows(self, rows: Ints) -> Ints:
        """Return the day that rows count for: a day's first row closes the one before."""
        closing = np.isin(self.log.event[rows], (int(Event.DAY), int(Event.END)))
        return self.of(self.log.time[rows] - closing)

    def sums(self, rows: Ints, values: Ints) -> Ints:
        """Sum a number over rows of the log, by domain and day."""
        total = np.zeros((len(self.log.domains), len(self.dates)), dtype=np.int64)
        np.add.at(total, (self.log.domain[rows], self.of_rows(rows)), values)
        return total

    def levels(self, values: Ints) -> Ints:
        """Return a number of the runs, summed by domain, as it stands at the end of each day."""
        return np.cumsum(self.sums(self.ledger.rows, self.ledger.rise(values)), axis=1)

    def limit_rows(self, values: Ints) -> Ints:
        """Return what the day's last row ``limit`` of each domain says; -1 if there is none."""
        rows = np.flatnonzero(self.log.event == Event.LIMIT)
        found = np.full((len(self.log.domains), len(self.dates)), NONE, dtype=np.int64)
        found[self.log.domain[rows], self.of(self.log.time[rows])] = values[rows]
        return found

    def oldest(self) -> Ints:
        """Return since when the oldest email has been cached at the end of each day."""
        ledger, cached = self.ledger, self.ledger.column("cached")
        time, domain = ledger.column("time"), ledger.column("domain")
        entered = np.flatnonzero((cached > 0) & (ledger.rise((cached > 0).astype(int)) > 0))
        lasts = np.append(ledger.starts[1:], len(time))[ledger.line[entered]] - 1
        left = np.where(cached[lasts] > 0, len(self.dates), self.of(time[lasts]))
        entered_on, found = (
            self.of(time[entered]),
            np.full((len(self.log.domains), len(self.dates)), NOT_YET),
        )
        for i in np.argsort(-time[entered], kind="stable"):
            found[domain[entered[i]], entered_on[i] : left[i]] = time[entered[i]]
        return found


def outcome_columns(data: Mapping[str, Ints]) -> dict[str, Ints]:
    """Return the columns that tell what became of the emails sent; none where nobody knows."""
    if OUTCOMES[0] not in data:
        return {}
    lost = data["invalid"] + data["spam_bounce"] + data["soft_failures"]
    return {"delivered": data["sent"] - lost, **{name: data[name] for name in OUTCOMES}}


def daily(ledger: Ledger) -> pd.DataFrame:
    """Return one row a domain and day, from its first due run to the last day with work.

    Columns ``domain, date`` (local date), ``day`` (warm-up day, empty if there is none),
    ``limit`` (empty if there is none), ``sent, failed`` (emails of the day, test sends
    included), and as they stand at the end of the day ``cached, backlog`` (emails),
    ``oldest_hours`` (age of the oldest cached email) and ``utilisation`` (0 to 1, of the limit).

    Where a domain goes by its reputation, also ``level`` (at the end of the day, empty for other
    domains); where the plan has quality rates, what became of the emails sent that day, as in
    :func:`runs`: test sends count as delivered.
    """
    log, days = ledger.log, Days(ledger)
    rows = np.append(ledger.rows, np.flatnonzero((log.run == 0) & (log.domain != NONE)))
    tests = rows[len(ledger.rows) :]
    sent = days.sums(rows, np.append(ledger.rise(ledger.column("sent")), log.sent[tests]))
    failed = days.sums(rows, np.append(ledger.rise(ledger.column("failed")), log.failed[tests]))
    status = ledger.column("status")
    unsent = ledger.column("cached") + ledger.column("waiting").astype(np.int64)
    backlog = days.levels(np.where(is_finished(status), 0, unsent))
    due = np.flatnonzero(log.event == Event.DUE)
    dues = days.sums(due, np.ones(len(due), dtype=np.int64))
    had_work = (sent + failed + dues + backlog > 0) | (np.roll(backlog, 1, axis=1) > 0)
    places = [
        (domain, day)
        for domain in range(len(log.domains))
        if dues[domain].any()
        for day in range((dues[domain] > 0).argmax(), np.flatnonzero(had_work[domain])[-1] + 1)
    ]
    domain, day = np.array(places, dtype=np.int64).reshape(-1, 2).T
    limit = days.limit_rows(log.limit)[domain, day]
    number = days.limit_rows(warmup_days(log.details)[log.detail])[domain, day]
    oldest = days.oldest()[domain, day]
    age = (days.ends[day] - oldest) / HOUR
    sent = sent[domain, day]
    added = {
        name: days.sums(ledger.rows, ledger.rise(ledger.column(name)))[domain, day]
        for name in log.outcomes
    }
    more: dict[str, Any] = {}
    if any(entry.warmup == "reputation" for entry in log.plan.domains):
        level = days.limit_rows(levels_in(log.details)[log.detail])[domain, day]
        more["level"] = integers(level, level == NONE)
    return pd.DataFrame(
        {
            "domain": words(domain, log.domains),
            "date": np.array(days.dates, dtype="M8[D]").astype("M8[us]")[day],
            "day": integers(number, number == NONE),
            "limit": integers(limit, limit == NONE),
            "sent": sent,
            "failed": failed[domain, day],
            "cached": days.levels(ledger.column("cached"))[domain, day],
            "backlog": backlog[domain, day],
            "oldest_hours": np.where(oldest == NOT_YET, np.nan, age),
            "utilisation": np.where(limit == NONE, np.nan, sent / np.maximum(limit, 1)),
            **more,
            **outcome_columns({"sent": sent, **added}),
        },
        copy=False,
    )


_LEVEL: Final = re.compile(r"level (?:\d+ to )?(\d+)|blocked at level (\d+)")


def levels_in(details: tuple[str, ...]) -> Ints:
    """Return the reputation level that each text of a row ``limit`` tells of, or -1."""
    found = (_LEVEL.match(text) for text in details)
    return np.array([int(m[1] or m[2]) if m else NONE for m in found], dtype=np.int64)


def warmup_days(details: tuple[str, ...]) -> Ints:
    """Return the warm-up day that each text of a row ``limit`` tells of, or -1."""
    numbers = [text.removeprefix("warm-up day ") for text in details]
    return np.array([int(text) if text.isdecimal() else NONE for text in numbers], dtype=np.int64)
