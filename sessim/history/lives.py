"""The life of a run between the looks at it: which rows of the log explain what was seen."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from sessim.eventlog import Event
from sessim.history.looks import Run
from sessim.history.rows import Counts, Rows, Span
from sessim.history.shares import Shares
from sessim.lifecycle import CANCELLED, ERROR, PAUSED, SENDING, SENT, TO_START

LIMIT_REACHED: Final = "daily limit reached"
UNSEEN: Final = "daily limit reached; not seen, but it follows from the counters"
UNSEEN_RESTART: Final = "not seen; other runs of the domain were restarted"
NOTHING_LEFT: Final = "nothing left of the daily limit"
SEEN_PAUSED: Final = "seen paused"
EARLIER_RUN: Final = "an earlier run of the task is paused"
SEEN: Final = "as seen"


@dataclass(slots=True)
class Look:
    """A look at a run and the time since the one before.

    Attributes
    ----------
    since, time
        When the look before was, and when this one.
    reach
        When the emails in between had been sent.
    status, counts, before
        As seen now, and the counters before.
    source
        The row that says so.
    """

    since: int
    time: int
    reach: int
    status: int
    counts: Counts
    before: Counts
    source: int

    @property
    def emails(self) -> int:
        """How many emails were sent in between."""
        return self.counts.sent - self.before.sent


class Life:
    """Writes the rows of one run.

    Parameters
    ----------
    run, place
        The run, and its place in rule R3's order.
    shares
        What all runs sent until when.
    rows
        Where the rows go.
    """

    def __init__(self, run: Run, place: int, shares: Shares, rows: Rows) -> None:
        self.run, self.place, self.shares, self.rows = run, place, shares, rows
        self.who = (run.task, run.number, run.domain)
        self.status = TO_START
        self.counts = Counts(run.requests, 0, 0)

    def write(self, first: int, earlier: Life | None) -> None:
        """Write all rows, given the place of the run's first look and the task's run before it."""
        run, reach = self.run, self.shares.reach
        self.rows.begin()
        due = Span(run.due, run.due_earliest, run.due_latest)
        seen = run.seen
        start = Counts(seen["requests"][0], 0, 0)
        self._row(Event.DUE, due, TO_START, start, seen["source"][0])
        since, before = run.due, start
        looks = zip(
            seen["time"], seen["status"], seen["requests"], seen["sent"], seen["cached"],
            seen["source"], seen.get("failed", [0] * len(seen["time"])), strict=True,
        )  # fmt: skip
        for i, (time, status, requests, sent, cached, source, failed) in enumerate(looks, first):
            counts = Counts(requests, sent, cached, failed)
            look = Look(min(since, time), time, int(reach[i]), status, counts, before, source)
            if self.status == TO_START:
                self._begin(look, earlier)
            self._go_on(look)
            since, before = time, counts

    # --- beginning --------------------------------------------------------------------------------

    def _begin(self, look: Look, earlier: Life | None) -> None:
        """Let a due run begin SENDING, or PAUSED at once."""
        due = Span(self.run.due, self.run.due_earliest, self.run.due_latest)
        held = not look.counts.sent and (look.status == PAUSED or self._was_cached(look))
        if held and self._pauses_at_once(look, earlier):
            detail = NOTHING_LEFT
            if earlier is not None and earlier.status == PAUSED:
                detail = EARLIER_RUN
            latest = max(look.time, due.latest)
            span = due if due.time == look.time else Span(due.time, due.earliest, latest)
            self._row(Event.PAUSED, span, PAUSED, look.counts, look.source, detail)
        elif look.status != CANCELLED or look.counts.sent:
            before = Counts(look.counts.requests, 0, 0)
            self._row(Event.SENDING, due, SENDING, before, look.source)

    def _was_cached(self, look: Look) -> bool:
        """Say whether a run that is seen SENDING had been PAUSED, and a day begun since."""
        all_cached = look.counts.cached == look.counts.requests
        return look.status == SENDING and all_cached and self._reset(look) is not None

    def _pauses_at_once(self, look: Look, earlier: Life | None) -> bool:
        if look.since == look.time or (earlier is not None and earlier.status == PAUSED):
            return True
        midnight = self._reset(look)
        if midnight is not None and self.shares.is_closed_by(self.run.domain, midnight):
            return False  # it might send until that day began
        fill = self.shares.fill(self.run.domain, look.time)
        return fill is None or fill <= self.run.due

    # --- from look to look ------------------------------------------------------------------------

    def _go_on(self, look: Look) -> None:
        self._pass_midnights(look)
        self._pass_restarts(look)
        for step in _STEPS.get((self.status, look.status), ()):
            getattr(self, step)(look)

    def _paused(self, look: Look, reason: str = "") -> None:
        fill = self.shares.fill(self.run.domain, look.time)
        midnight = self._reset(look)
        if midnight is not None and self.shares.is_closed_by(self.run.domain, midnight):
            fill, reason = midnight, "daily limit is 0"
        if not reason:
            reached = self._is_full(look)
            reason = LIMIT_REACHED if reached else SEEN_PAUSED
        if fill is None:
            fill = midnight or look.since
        span = self._span(fill, look)
        self._row(Event.PAUSED, span, PAUSED, look.counts, look.source, reason)

    def _is_full(self, look: Look) -> bool:
        return self.shares.is_full(self.run.domain, look.time)

    def _restarted(self, look: Look) -> None:
        span = self._span(self._restart(look), look)
        self._row(Event.RESTARTED, span, SENDING, self.counts, look.source)
        midnight = self._midnight(look)
        if midnight is not None and span.time < midnight < self.shares.end:
            counts = self._split(look, midnight)
            self._row(Event.DAY, Span.at(midnight), SENDING, counts, look.source)

    def _restart(self, look: Look) -> int:
        """Estimate when a run was restarted: at a reset, or so that its emails fit in."""
        reset = self._reset(look)
        if reset is not None and not (look.emails and reset == look.time):
            return reset  # who goes on then has sent nothing yet
        begun = self.shares.tempo.since(look.time)
        if begun is not None and begun >= look.since:
            return begun
        return look.reach - self.shares.tempo.length(look.emails)

    def _again(self, look: Look) -> None:
        """Let a run that was seen PAUSED twice, and sent in between, have been restarted."""
        if look.emails:
            self._restarted(look)
            self._paused(look)

    def _failed(self, look: Look) -> None:
        if look.emails and self.status == PAUSED:
            self._restarted(look)
        self._row(Event.ERROR, self._estimate(look), ERROR, look.counts, look.source, "seen")

    def _sent(self, look: Look) -> None:
        span = self._estimate(look)
        if look.since <= self.run.busy_at < look.time:  # the run that was skipped then says so
            span = Span.within(span.time, self.run.busy_at + 1, look.time)
        self._row(Event.SENT, span, SENT, look.counts, look.source)

    def _cancelled(self, look: Look) -> None:
        span = self._span(look.time, look)
        counts = look.counts if look.counts.sent else self.counts
        self._row(Event.CANCELLED, span, CANCELLED, counts, look.source, "seen")

    def _estimate(self, look: Look) -> Span:
        return self._span(look.reach, look)

    def _span(self, time: int, look: Look) -> Span:
        """Return an estimated instant with its bounds; the look's where that is dated itself."""
        if self.shares.exact:
            return Span.at(look.time)
        return Span.within(time, look.since, look.time)

    def _seen(self, look: Look) -> None:
        """Write the counters as they were seen; those of the last look close the log."""
        event = Event.END if look.time == self.shares.end else Event.TURN
        self._row(event, Span.at(look.time), SENDING, look.counts, look.source, SEEN)

    def _hidden_pause(self, look: Look) -> None:
        """Explain emails that were cached although the run was never seen PAUSED."""
        if self.shares.exact:
            return
        midnight = self._reset(look)
        grew = look.counts.cached > 0 and not look.before.cached
        filled = midnight is not None and self.shares.filled(self.run.domain, midnight)
        unsent = look.counts.requests > look.counts.sent
        if not unsent or not (grew or (filled and midnight == look.time)):
            return
        stop = midnight or look.time
        fill = self.shares.fill(self.run.domain, look.time)
        if fill is None:
            fill = look.since
        counts = look.counts
        if midnight is not None and midnight < look.time:
            counts = self._split(look, midnight)
        span = Span.within(min(fill, stop), look.since, look.time)
        self._row(Event.PAUSED, span, PAUSED, counts, look.source, UNSEEN)
        span = Span.within(stop, look.since, look.time)
        self._row(Event.RESTARTED, span, SENDING, self.counts, look.source)

    def _pass_restarts(self, look: Look) -> None:
        """Let a paused run have been restarted whenever its domain's others were, by a reset.

        It sent nothing before the next pause, so that no look shows it.
        """
        if self.status != PAUSED or self.shares.exact:
            return
        for since, time, reset, fill in self.shares.restarts(self.run.domain, look):
            if time == look.time and (look.emails or look.status != PAUSED):
                continue
            span = Span.within(reset, since, time)
            self._row(Event.RESTARTED, span, SENDING, self.counts, look.source, UNSEEN_RESTART)
            span = Span.within(max(fill, reset), since, time)
            self._row(Event.PAUSED, span, PAUSED, self.counts, look.source, UNSEEN)

    # --- midnights --------------------------------------------------------------------------------

    def _reset(self, look: Look) -> int | None:
        """Return when the domain's limit last began anew since the look before."""
        return self.shares.reset(self.run.domain, look.since, look.time)

    def _midnight(self, look: Look) -> int | None:
        """Return the last beginning of a day since the look before."""
        midnights = self.shares.midnights
        at = bisect_right(midnights, look.time)
        found = midnights[at - 1] if at else None
        return found if found is not None and found > look.since else None

    def _pass_midnights(self, look: Look) -> None:
        """Write how a run stood that was sending when a day began."""
        if self.status != SENDING:
            return
        midnights = self.shares.midnights
        first, last = (bisect_right(midnights, t) for t in (look.since, look.time))
        for midnight in midnights[first:last]:
            if midnight == self.shares.end:
                return
            if look.reach < midnight and look.status == SENT:
                return
            if self.shares.filled(self.run.domain, midnight) and not self._falls(midnight):
                return
            counts = self._split(look, midnight)
            self._row(Event.DAY, Span.at(midnight), SENDING, counts, look.source)

    def _falls(self, midnight: int) -> bool:
        return self.shares.at_midnight.get(midnight) == self.place

    def _split(self, look: Look, midnight: int) -> Counts:
        """Return the counters at a midnight between two looks, without the email that fell on it.

        Where no look was taken at midnight, and the rate does not tell either, the emails are
        shared out evenly.
        """
        emails = look.emails
        known = self.shares.before_midnights
        if known is not None:
            emails = min(known.get((self.place, midnight), 0), emails)
        elif midnight < look.time:
            whole = max(look.reach - look.since, 1)
            emails = emails * min(midnight - look.since, whole) // whole
        elif self._falls(midnight):
            emails -= 1
        sent = max(look.before.sent + emails, self.counts.sent)
        cached = max(look.before.cached - (sent - look.before.sent), 0)
        failed = look.before.failed
        rest = look.counts.requests - sent - failed
        return Counts(look.counts.requests, sent, min(cached, rest), failed)

    def _row(
        self, event: Event, span: Span, status: int, counts: Counts, source: int, detail: str = ""
    ) -> None:
        self.rows.run(event, self.who, span, status, counts, source, detail)
        self.status, self.counts = status, counts


_STEPS: Final = {
    (SENDING, SENDING): ("_hidden_pause", "_seen"),
    (SENDING, PAUSED): ("_paused",),
    (SENDING, SENT): ("_sent",),
    (SENDING, ERROR): ("_failed",),
    (SENDING, CANCELLED): ("_cancelled",),
    (PAUSED, PAUSED): ("_again",),
    (PAUSED, SENDING): ("_restarted", "_seen"),
    (PAUSED, SENT): ("_restarted", "_sent"),
    (PAUSED, ERROR): ("_failed",),
    (PAUSED, CANCELLED): ("_cancelled",),
    (ERROR, SENDING): ("_restarted", "_seen"),
    (ERROR, PAUSED): ("_paused",),
    (ERROR, SENT): ("_restarted", "_sent"),
    (TO_START, CANCELLED): ("_cancelled",),
}
"""What happened between two looks, by the status before and after."""
