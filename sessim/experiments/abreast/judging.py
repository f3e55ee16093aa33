"""What quality does to accounts abreast (rule R7): see :mod:`sessim.judging`."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sessim.experiments.abreast.standings import Lanes, Mask, Standings
from sessim.experiments.abreast.telling import Telling
from sessim.lifecycle import PAUSED, SENDING


class Judging(Telling, ABC):
    """Accounts whose domains are judged by what becomes of their emails."""

    @abstractmethod
    def _of_status(self, domain: int, lanes: Lanes, status: int) -> Lanes:
        """Return the runs of a status."""

    @abstractmethod
    def _fail(self, domain: int, at: Lanes) -> None:
        """Let the unsent emails of a domain's runs fail."""

    def _gather(self, lanes: Lanes, rank: int, first: int) -> None:
        """Find the addresses of a run that is due: without those known to have bounced.

        Before the rank ``first`` no run is SENDING any more.
        """
        task = self._runs.task
        for earlier in (np.flatnonzero(task[first:rank] == task[rank]) + first).tolist():
            at = self._at(lanes, earlier)
            self._mark(at[self._status[at] == SENDING])
        self._requests[self._at(lanes, rank)] = self._lots.begin(lanes, rank)

    def _verdict(self, domain: int, standings: Standings, lanes: Lanes) -> tuple[Mask, Mask, Mask]:
        """Say where a domain is to rise, to fall, to be blocked."""
        sent = self._sent_today(domain, lanes)
        asked = standings.rises(lanes) | (sent < standings.harmless_from[lanes])
        found = np.zeros((3, len(lanes)), dtype=np.bool_)
        some = lanes[asked]
        if len(some):
            limit, so_far = self._limit[domain, some], self._lots.so_far[domain, some]
            found[:, asked] = standings.judge(some, sent[asked], limit, so_far)
        return found[0], found[1], found[2]

    def _next_judgement(self, domain: int, standings: Standings, lanes: Lanes) -> None:
        """Have the accounts look at a domain when it is judged next."""
        at = standings.next_judgement(lanes, self._sent_today(domain, lanes))
        at = np.minimum(at, self._limit[domain, lanes])
        self._stops_at[domain, lanes] = self._counted_from[domain, lanes] + at

    def _judge(self, domain: int, standings: Standings, lanes: Lanes) -> None:
        """Judge a domain's emails of the day: it may rise or be blocked now, or fall tomorrow."""
        raised, lowered, blocked = self._verdict(domain, standings, lanes)
        standings.lowered[lanes] |= lowered
        self._block(domain, lanes[blocked])
        self._rise(domain, standings, lanes[raised])
        self._next_judgement(domain, standings, lanes[~blocked])

    def _rise(self, domain: int, standings: Standings, lanes: Lanes) -> None:
        """Raise a domain's level at once, as far as its emails of the day allow."""
        while len(lanes):
            standings.rise(lanes)
            limit = self._limit[domain, lanes] = standings.limit(lanes)
            self._closes_at[domain, lanes] = self._counted_from[domain, lanes] + limit
            raised, _, _ = self._verdict(domain, standings, lanes)
            lanes = lanes[raised]

    def _block(self, domain: int, lanes: Lanes) -> None:
        """Let the unsent emails of a domain's due runs fail, and nothing be sent today."""
        if not len(lanes):
            return
        self._blocked[domain, lanes] = True
        paused = self._of_status(domain, lanes, PAUSED)
        self._paused[paused] += self._now[self._lane(paused)]
        self._fail(domain, paused)
        self._fail(domain, self._of_status(domain, lanes, SENDING))

    def _close_day(self, domain: int, standings: Standings, lanes: Lanes) -> None:
        """Judge a day that is over, and begin the next: a block is over, too."""
        used = lanes[self._sent_today(domain, lanes) > 0]
        raised, lowered, _ = self._verdict(domain, standings, used)
        standings.lowered[used] |= lowered
        self._rise(domain, standings, used[raised])
        self._blocked[domain, lanes] = False
        standings.begin_day(lanes, self._lots.so_far[domain, lanes])
