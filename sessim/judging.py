"""What quality does to an account (rule R7): lists shrink, domains rise, fall or are blocked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from operator import sub

from sessim.lifecycle import ERROR, PAUSED, SENDING
from sessim.plan import Plan
from sessim.reputation import NOTHING, Standing, Verdict, judge
from sessim.serving import Queue, Ranks
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
        counts, fates = self._counts, self._fates
        assert fates is not None
        for earlier in fates.open(self.plan.basis.tasks[rank]):
            if counts.codes[earlier] == SENDING:
                self._discipline.served()
                fates.mark(earlier, counts.emails[earlier])
            fates.settle(earlier)
        counts.requests[rank] = fates.begin(rank)

    def _verdict(self, queue: Queue, standing: Standing) -> Verdict:
        counts, fates = self._counts, self._fates
        assert fates is not None
        may_rise = standing.rises(self.plan.levels_per_day)
        if not may_rise and queue.counted >= fates.prospects[queue.domain].harmless_from:
            return NOTHING
        for rank in self._discipline.served():
            if counts.queue_of[rank] is queue:
                fates.mark(rank, counts.emails[rank])
        today = list(map(sub, self._so_far(queue), standing.before))
        return judge(queue.counted, queue.limit, today, may_rise=may_rise)

    def _so_far(self, queue: Queue) -> list[int]:
        """Return what reputation measures of a domain's emails."""
        fates = self._fates
        assert fates is not None
        fates.settle_domain(queue.domain)
        return fates.by_domain[queue.domain]

    def _next_judgement(self, queue: Queue, standing: Standing) -> None:
        """Have the account look at a domain when it is judged next."""
        assert self._fates is not None
        prospects = self._fates.prospects[queue.domain]
        at = standing.next_judgement(queue.counted, self.plan.levels_per_day, prospects)
        queue.stops_at = queue.counted_from + min(at, queue.limit)

    def _judge(self, queue: Queue, standing: Standing) -> None:
        """Judge a domain's emails of the day: it may rise or be blocked now, or fall tomorrow."""
        verdict = self._verdict(queue, standing)
        if verdict == NOTHING:
            self._next_judgement(queue, standing)
            return
        standing.lowered = standing.lowered or verdict.lowered
        if verdict.blocked:
            self._block(queue, f"blocked at level {standing.level}: {verdict.blocked}")
            return
        risen = standing.risen
        self._rise(queue, standing, verdict)
        self._next_judgement(queue, standing)
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
        if queue.counted:
            verdict = self._verdict(queue, standing)
            standing.lowered = standing.lowered or verdict.lowered
            if not queue.blocked:
                self._rise(queue, standing, verdict)
        queue.blocked = False
        standing.begin_day(tuple(self._so_far(queue)))
