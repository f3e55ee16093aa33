"""A history as calibration looks at it: counters at instants, and what they add up to."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sessim.clock import SECOND
from sessim.history import rates
from sessim.history.history import History
from sessim.history.sightings import Sightings
from sessim.ledger import Ints
from sessim.lifecycle import TaskStatus
from sessim.plan import Plan

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Observed:
    """What was seen of the runs of a plan up to an instant.

    Parameters
    ----------
    history
        The history.
    until
        What was seen from then on is left out; microseconds since the Unix epoch.

    Attributes
    ----------
    plan
        The history's, with the quality rates that were seen until then. Nothing in it is left to
        chance: what a domain's reputation made of its limits is to be found as any limits are.
    """

    def __init__(self, history: History, until: int | None = None) -> None:
        seen, own = history.evidence.seen, history.plan
        self.plan = _certain(rates.applied(own, rates.fit(history.evidence.told, own, until)))
        self.seen = seen if until is None else seen.before(until)
        self.end = int(self.seen.time[-1]) if len(self.seen) else self.plan.start_instant
        domains = {domain.name: place for place, domain in enumerate(self.plan.domains)}
        of_task = np.array([domains[task.domain] for task in self.plan.tasks], dtype=np.int64)
        self.domain: Ints = of_task[self.seen.task - 1]

    @cached_property
    def by_run(self) -> list[Ints]:
        """The places of the sightings of each run, in order of time."""
        key = self.seen.task << 32 | self.seen.run
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order])) + 1
        return np.split(order, starts) if len(order) else []

    @cached_property
    def weight(self) -> Floats:
        """How long each sighting stands for: half the time to its run's neighbouring ones.

        An importer keeps the first and the last look at what does not change, another source every
        look: weighted, they say the same.
        """
        weight = np.ones(len(self.seen))
        for places in self.by_run:
            gaps = np.diff(self.seen.time[places]) / (2 * SECOND)
            weight[places] += np.append(gaps, 0) + np.append(0, gaps)
        return weight

    @cached_property
    def returns(self) -> tuple[Ints, Ints, Ints]:
        """Between which looks a paused run went on: earliest and latest instant, domain."""
        status, sent, time = self.seen.status, self.seen.sent, self.seen.time
        found: list[tuple[int, int, int]] = []
        for places in self.by_run:
            now, then = places[:-1], places[1:]
            went_on = (status[then] != TaskStatus.PAUSED) | (sent[then] > sent[now])
            for place in np.flatnonzero((status[now] == TaskStatus.PAUSED) & went_on):
                before, after = now[place], then[place]
                found.append((int(time[before]), int(time[after]), int(self.domain[before])))
        table = np.array(sorted(found), dtype=np.int64).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]

    @cached_property
    def sustained_rate(self) -> float | None:
        """Emails a second while there was something to send, None if nothing was seen sent.

        Where no run was seen SENDING from one look to the next, the looks are far apart, and it
        is the least that the rate can have been.
        """
        looks, number = np.unique(self.seen.time, return_inverse=True)
        sent, busy = np.zeros(len(looks)), np.zeros(len(looks), dtype=bool)
        for places in self.by_run:
            at = number[places]
            rise = np.diff(self.seen.sent[places])
            sending = self.seen.status[places] == TaskStatus.SENDING
            busy[at[1:][(np.diff(at) == 1) & sending[1:] & sending[:-1]]] = True
            np.add.at(sent, at[1:], np.maximum(rise, 0))
        seconds = np.append(0, np.diff(looks)) / SECOND
        if not sent[busy].sum():
            busy = sent > 0
        return float(sent[busy].sum() / seconds[busy].sum()) if sent[busy].sum() else None

    def totals(self, instants: Ints, domain: int) -> tuple[Ints, Flags, Flags]:
        """Return what a domain had sent in all before instants, and how it stood there.

        Returns
        -------
        tuple of arrays
            The emails; whether none of its runs was SENDING; whether one was PAUSED. All as last
            seen before each instant.
        """
        total = np.zeros(len(instants), dtype=np.int64)
        quiet, paused = np.ones(len(instants), dtype=bool), np.zeros(len(instants), dtype=bool)
        for places in self.by_run:
            if self.domain[places[0]] != domain:
                continue
            last = self.seen.time[places].searchsorted(instants, "left") - 1
            known = last >= 0
            place = places[np.maximum(last, 0)]
            total += np.where(known, self.seen.sent[place], 0)
            quiet &= ~(known & (self.seen.status[place] == TaskStatus.SENDING))
            paused |= known & (self.seen.status[place] == TaskStatus.PAUSED)
        return total, quiet, paused

    def backlog(self, instants: Ints) -> Ints:
        """Return the emails that were due and not sent at instants, as last seen."""
        total = np.zeros(len(instants), dtype=np.int64)
        for places in self.by_run:
            total += _unsent(self.seen, places, instants)
        return total


def _certain(plan: Plan) -> Plan:
    domains = [
        replace(entry, warmup="none", level=1) if entry.warmup == "reputation" else entry
        for entry in plan.domains
    ]
    return replace(plan, domains=tuple(domains), outcomes="expected")


def _unsent(seen: Sightings, places: Ints, instants: Ints) -> Ints:
    due = places[seen.status[places] != TaskStatus.TO_START]
    if not len(due):
        return np.zeros(len(instants), dtype=np.int64)
    last = seen.time[due].searchsorted(instants, "right") - 1
    place = due[np.maximum(last, 0)]
    left = seen.requests[place] - seen.sent[place] - seen.failed[place]
    return np.where(last >= 0, left, 0)
