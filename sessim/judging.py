"""What quality does to an account (rule R7): lists shrink, domains rise, fall or are blocked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from operator import sub

from sessim.lifecycle import ERROR, PAUSED, SENDING
from sessim.plan import Plan
from sessim.reputation import Standing, Verdict, judge
from sessim.serving import NEVER, Queue, Ranks
from sessim.state import State
from sessim.telling import FAILED, ROW, Telling


class Judging(Telling, ABC):
    """An account whose domains are judged by what becomes of their emails."""

    def __init__(self, plan: Plan, state: State) -> None:
        super().__init__(plan, state)
        self._previous: list[int] = plan.runs.previous.tolist()

    @abstractmethod
    def _left(self, queue: Queue, ranks: Ranks) -> None:
        """Note that runs of a domain are no longer SENDING."""

    @abstractmethod
    def _restart(self, domains: Iterable[int]) -> None:
        """Restart the paused runs of domains that have something left to send (rule R5)."""

    def _gather(self, rank: int) -> None:
        """Find the addresses of a run that is due: without those known to have bounced."""
        counts, earlier = self._counts, self._previous[rank]
        assert self._fates is not None
        while earlier != NEVER and counts.codes[earlier] == SENDING:
            self._discipline.served()
            self._fates.settle(earlier, counts.emails[earlier])
            earlier = self._previous[earlier]
        counts.requests[rank] = self._fates.begin(rank)

    def _verdict(self, queue: Queue, standing: Standing) -> Verdict:
        counts, fates = self._counts, self._fates
        assert fates is not None
        for rank in self._discipline.served():
            if counts.queue_of[rank] is queue:
                fates.settle(rank, counts.emails[rank])
        today = list(map(sub, fates.by_domain[queue.domain], standing.before))
        may_rise = standing.rises(self.plan.levels_per_day)
        return judge(queue.counted, queue.limit, today, may_rise=may_rise)

    def _judge(self, queue: Queue, standing: Standing) -> None:
        """Judge a domain's emails of the day: it may rise or be blocked now, or fall tomorrow."""
        verdict = self._verdict(queue, standing)
        standing.lowered = standing.lowered or verdict.lowered
        if verdict.blocked:
            self._block(queue, f"blocked at level {standing.level}: {verdict.blocked}")
            return
        risen = standing.risen
        self._rise(queue, standing, verdict)
        queue.stops_at = queue.counted_from + standing.next_judgement(queue.counted)
        if standing.risen > risen:
            for rank in self._discipline.served():
                if self._counts.queue_of[rank] is queue:
                    self._row(ROW.TURN, rank, "the limit rose")
            if self.plan.resume_on_raise:
                self._restart([queue.domain])

    def _rise(self, queue: Queue, standing: Standing, verdict: Verdict) -> None:
        """Raise a domain's level at once, as far as its emails of the day allow."""
        while verdict.raised:
            standing.rise(verdict.raised)
            queue.limit = standing.limit
            queue.closes_at = queue.counted_from + queue.limit
            self._limit_row(queue)
            verdict = self._verdict(queue, standing)

    def _block(self, queue: Queue, reason: str) -> None:
        """Let the unsent emails of a domain's due runs fail, and nothing be sent today."""
        counts = self._counts
        queue.blocked = True
        self._domain_row(ROW.LIMIT, queue, reason, 0, 0)
        for status, number in ((SENDING, queue.sending), (PAUSED, queue.paused)):
            if not number:
                continue
            ranks = queue.due(counts, status, number)
            counts.status[ranks], counts.rest[ranks] = ERROR, FAILED
            self.state.unfinished -= len(ranks)
            if status == SENDING:
                self._left(queue, ranks)
            else:
                queue.paused = 0
            self._rows(ROW.ERROR, queue, ranks, reason)

    def _close_day(self, queue: Queue, standing: Standing) -> None:
        """Judge a day that is over, and begin the next: a block is over, too."""
        assert self._fates is not None
        if queue.counted:
            verdict = self._verdict(queue, standing)
            standing.lowered = standing.lowered or verdict.lowered
            if not queue.blocked:
                self._rise(queue, standing, verdict)
        queue.blocked = False
        standing.begin_day(tuple(self._fates.by_domain[queue.domain]))
