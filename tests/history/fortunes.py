"""What other services would have written of a simulation's emails, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sessim
from sessim.clock import SECOND
from sessim.eventlog import EventLog
from sessim.quality import OUTCOMES, RATES

TRUE = dict(zip(RATES, (0.03, 0.012, 0.02, 0.004, 0.22, 0.03, 0.006), strict=True))


def simulated(seed: int, emails: int = 3000, **of_second: float) -> sessim.Result:
    """Simulate two tasks of a domain with the true rates; the second may have others."""
    second = {"quality": of_second} if of_second else {}
    plan = {
        "start": "2026-12-01 09:00",
        "domains": [{"name": "a.org", "warmup": "standard", "quality": TRUE}],
        "tasks": [
            {"name": "First", "sender": "x@a.org", "requests": emails},
            {"name": "Second", "sender": "y@a.org", "requests": emails,
             "start": "2026-12-02 09:00", **second},
        ],
    }  # fmt: skip
    return sessim.simulate(sessim.Plan.from_dict(plan), seed=seed)


def emails(log: EventLog) -> Iterator[tuple[int, int, int, list[str]]]:
    """Yield every email: when, at 20 a second; its task, its number, its fate."""
    before: dict[int, list[int]] = {}
    number = 0
    names = ("sent", *OUTCOMES)
    for i in range(len(log)):
        task = int(log.task[i])
        if not log.run[i]:
            continue
        now = [int(log.columns[name][i]) for name in names]
        sent, *fates = (b - a for a, b in zip(before.get(task, [0] * 8), now, strict=True))
        before[task] = now
        for place in range(sent):
            number += 1
            time = int(log.time[i]) - (sent - 1 - place) * SECOND // 20
            yield time, task, number, list(_fate(place, fates))


def _fate(place: int, fates: list[int]) -> Iterator[str]:
    """Deal outcomes out: the lost ones first, then whoever opens, clicks, complains."""
    for name, count in zip(OUTCOMES[:3], fates[:3], strict=True):
        if place < count:
            yield name
            return
        place -= count
    yield from (name for name, n in zip(OUTCOMES[3:], fates[3:], strict=True) if place < n)


_BOUNCES: dict[str, dict[str, Any]] = {
    "invalid": {"bounceType": "hard_bounce", "reason": "550 5.1.1 no such user"},
    "spam_bounce": {"bounceType": "hard", "reason": "554 5.7.1 message looks like spam"},
    "soft_failures": {"bounceType": "soft_bounce", "reason": "452 4.2.2 mailbox full"},
}
_EVENTS = {"complaints": "spamreport", "clicks": "click", "unsubscribes": "unsubscribe",
           "opens": "open"}  # fmt: skip


def webhooks(log: EventLog, path: Path) -> Path:
    """Write webhook events; each opener opens twice, the second time without being a new one."""
    with path.open("w") as file:
        for time, task, number, fate in emails(log):
            base = {"timestamp": time // 10**6, "bulkId": f"b{task}", "email": f"{number}@x.test",
                    "from": log.plan.tasks[task - 1].sender}  # fmt: skip
            lost = next((_BOUNCES[name] for name in fate if name in _BOUNCES), None)
            events = [{"event": "processed"}]
            events += [{"event": "bounce", **lost}] if lost else [{"event": "delivered"}]
            events += [{"event": _EVENTS[name]} for name in fate if name in _EVENTS]
            events += [{"event": "open", "useragent": "again"}] if "opens" in fate else []
            file.writelines(json.dumps(base | event) + "\n" for event in events)
    return path


_STATUS = {
    "invalid": "dsn=5.1.1, status=bounced (host mx.x.test said: 550 5.1.1 no such user)",
    "spam_bounce": "dsn=5.7.1, status=bounced (host mx.x.test said: 554 5.7.1 refused)",
    "soft_failures": "dsn=5.2.2, status=bounced (host mx.x.test said: 552 5.2.2 mailbox full)",
}

_DELIVERED = "dsn=2.0.0, status=sent (250 ok)"


def mail_log(log: EventLog, path: Path) -> Path:
    """Write what Postfix would have logged."""
    with path.open("w") as file:
        for time, task, number, fate in emails(log):
            stamp = log.plan.clock.local(time).isoformat()
            sender, queued = log.plan.tasks[task - 1].sender, f"{number:010X}"
            lost = next(
                (_STATUS[name] for name in fate if name in _STATUS), "dsn=2.0.0, status=sent"
            )
            file.write(f"{stamp} mx postfix/qmgr[1]: {queued}: from=<{sender}>, nrcpt=1\n")
            file.write(f"{stamp} mx postfix/smtp[2]: {queued}: to=<{number}@x.test>, {lost}\n")
    return path
