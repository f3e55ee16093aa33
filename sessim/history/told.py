"""What became of the emails sent, as far as a source tells it (rule R7)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sessim.clock import HOUR
from sessim.eventlog import EventLog
from sessim.ledger import Ints, Ledger
from sessim.quality import OUTCOMES

if TYPE_CHECKING:
    from sessim.senders.reading import OutboxReader

INVALID, SPAM, SOFT = OUTCOMES[:3]

_ENHANCED: Final = re.compile(r"\b[45]\.(\d{1,3})\.\d{1,3}\b")
_REPLY: Final = re.compile(r"[2-5]\d\d\b")
"""How a server's words begin."""
_SUBJECTS: Final = {"1": INVALID, "7": SPAM}
"""RFC 3463: what the middle number of an enhanced status code is about."""
_WORDS: Final = {
    SPAM: re.compile(
        r"spam|block|black|reputation|polic|reject\w* content|content reject", re.IGNORECASE
    ),
    INVALID: re.compile(
        r"no such|not exist|invalid|(user|recipient|mailbox|address) unknown|"
        r"unknown (user|recipient|mailbox|address)",
        re.IGNORECASE,
    ),
}


def bounce(words: str, *, is_hard: bool | None = None) -> str:
    """Return what a bounced email counts as, one of the first three ``OUTCOMES``.

    Parameters
    ----------
    words
        What the receiving server said, with its status codes.
    is_hard
        What the service says of it, if it does. An address that was refused for good is invalid,
        unless the server speaks of spam; what is neither counts as a soft failure.
    """
    codes = (_SUBJECTS.get(code) for code in _ENHANCED.findall(words))
    said = next((kind for kind in codes if kind), None)
    said = said or next((kind for kind, form in _WORDS.items() if form.search(words)), None)
    if said == SPAM:
        return SPAM
    if is_hard is None:
        return said or SOFT
    return INVALID if is_hard else SOFT


@dataclass(frozen=True, eq=False)
class Told:
    """What became of the emails of runs: one entry a run and look, in order of time.

    Attributes
    ----------
    time
        When it was known, in microseconds since the Unix epoch.
    task, run
        Whose emails: the ids of the log, from 1.
    sent
        The emails sent until then.
    counts
        Of these, those of each of the ``OUTCOMES`` that the source tells; it may tell few.
    """

    time: Ints
    task: Ints
    run: Ints
    sent: Ints
    counts: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of_log(cls, log: EventLog) -> Told | None:
        """Take the outcomes from an event log; None if it has none."""
        if not log.outcomes:
            return None
        rows = np.sort(Ledger(log).rows)
        rows = rows[log.sent[rows] > 0]
        time, task, run, sent, *counts = (
            log.columns[name][rows].astype(np.int64)
            for name in ("time", "task", "run", "sent", *OUTCOMES)
        )
        return cls(time, task, run, sent, dict(zip(OUTCOMES, counts, strict=True)))

    @classmethod
    def of_outbox(cls, outbox: OutboxReader) -> Told | None:
        """Take from an outbox who was refused by a server; None if it sent nothing.

        Here those refused are of the emails sent, as rule R7 counts them. What sessim refused by
        itself never left, and is none of them.
        """
        from sessim.senders.states import State  # loads the senders

        rows: list[tuple[int, int, int, int, Mapping[str, int]]] = []
        for run in outbox.runs():
            hours: dict[int, Counter[str]] = {}
            for state in (State.ACCEPTED, State.REJECTED):
                for row in outbox.rows(run, state):
                    kind = "" if state is State.ACCEPTED else bounce(row.words)
                    if row.taken is not None and (not kind or _REPLY.match(row.words)):
                        hours.setdefault(row.taken // HOUR, Counter()).update(("sent", kind))
            total: Counter[str] = Counter(dict.fromkeys(OUTCOMES[:3], 0))
            for hour in sorted(hours):
                total.update(hours[hour])
                rows.append(((hour + 1) * HOUR - 1, run.task, run.run, total["sent"],
                             {name: total[name] for name in OUTCOMES[:3]}))  # fmt: skip
        return cls.of_rows(rows, OUTCOMES[:3])

    @classmethod
    def of_rows(
        cls, rows: Iterable[tuple[int, int, int, int, Mapping[str, int]]], names: Iterable[str]
    ) -> Told | None:
        """Put rows of time, task, run, emails sent and outcomes in order; None if there are none.

        What a row says nothing of is as the row of its run before it had it.
        """
        known = [name for name in OUTCOMES if name in set(names)]
        table, latest = [], dict[tuple[int, int], list[int]]()
        for time, task, run, sent, counts in sorted(rows, key=lambda row: row[0]):
            before = latest.get((task, run), [0] * len(known))
            now = [counts.get(name, was) for name, was in zip(known, before, strict=True)]
            latest[task, run] = now
            table.append((time, task, run, sent, *now))
        if not table or not known:
            return None
        time_, task_, run_, sent_, *rest = np.array(table, dtype=np.int64).T
        return cls(time_, task_, run_, sent_, dict(zip(known, rest, strict=True)))

    def totals(self, tasks: int, until: int | None = None) -> dict[str, Ints]:
        """Return the emails ``sent`` by each task and each of the known outcomes of them.

        Parameters
        ----------
        tasks
            How many tasks there are; entry 0 is the first.
        until
            What is told from then on is left out; microseconds since the Unix epoch.
        """
        end = len(self) if until is None else int(self.time.searchsorted(until, "left"))
        key = self.task[:end] << 32 | self.run[:end]
        # the last look at each run
        _, place = np.unique(key[::-1], return_index=True)
        last = end - 1 - place
        found = {}
        for name, values in {"sent": self.sent, **self.counts}.items():
            found[name] = np.zeros(tasks, dtype=np.int64)
            np.add.at(found[name], self.task[last] - 1, values[last])
        return found
