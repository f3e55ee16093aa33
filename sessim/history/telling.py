"""An explanation in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from sessim.history.explanation import (
    HEALTHY,
    Counterfactuals,
    DayLedger,
    Explanation,
    Forecast,
    Verdict,
)

_FEW: Final = 3


def paragraph(found: Explanation) -> str:
    """Return an explanation as one paragraph."""
    return " ".join(_sentences(found))


def _sentences(found: Explanation) -> Iterator[str]:
    yield f"{_head(found)} {found.reason}"
    if found.ledger is not None:
        yield from _of_day(found.ledger)
    if found.counterfactuals is not None:
        yield from _of_others(found.counterfactuals)
    if found.forecast is not None:
        yield from _of_future(found.forecast, found.verdict)
    yield found.evidence


def _head(found: Explanation) -> str:
    run = f", run {found.run}," if found.run and found.run > 1 else ""
    status = found.status or "in an unknown state"
    when = _time(found.at)
    if found.until is not None:
        when = f"from {when} to {_time(found.until)}"
    return f"{found.name!r}{run} was {status} at {when}: {found.verdict}.".replace(
        "at from", "from"
    )


def _time(time: pd.Timestamp | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def _of_day(ledger: DayLedger) -> Iterator[str]:
    day = f"{ledger.date:%Y-%m-%d}"
    if ledger.limit is None:
        yield f"The limit of {ledger.domain} on {day} is {ledger.source}."
        return
    rows = [f"{row.emails:,} by {row.name}" for row in ledger.used.head(_FEW).itertuples(False)]
    others = len(ledger.used) - _FEW
    rows += [f"the rest by {others} others"] if others > 0 else []
    who = f" ({', '.join(rows)})" if rows else ""
    filled = f", and it was used up {_filled(ledger)}" if ledger.filled is not None else ""
    yield (
        f"{ledger.domain} could send {ledger.limit:,} emails on {day} ({ledger.source}); "
        f"{ledger.total:,} had been sent{who}{filled}."
    )
    if ledger.cached:
        yield f"{ledger.cached:,} emails of the task were in the cache queue."


def _filled(ledger: DayLedger) -> str:
    if ledger.filled_between is None:
        return f"at {_time(ledger.filled)}"
    earliest, latest = map(_time, ledger.filled_between)
    return f"about {_time(ledger.filled)} (between {earliest} and {latest})"


def _of_others(found: Counterfactuals) -> Iterator[str]:
    whence = "from the plan's start" if found.anchor == "plan" else "from the state at midnight"
    if found.own:
        yield f"Its own volume is enough for that, also without other tasks (simulated {whence})."
    elif len(found.sets) == 1 and len(found.sets[0]) == 1:
        yield f"Without {found.sets[0][0]!r} it would have gone on (simulated {whence})."
    elif found.pivotal:
        yield f"Without any one of {_listed(found.pivotal)} it would have gone on."
    elif found.sets:
        groups = "; or ".join(_listed(names) for names in found.sets[:_FEW])
        yield f"No single task is to blame: it takes the absence of {groups}."
    else:
        yield "No group of tasks that was tried would have let it go on."
    if len(found.shares) > 1:
        rows = found.shares.head(_FEW).itertuples(index=False)
        yield f"Shares: {', '.join(f'{row.name} {row.share:.0%}' for row in rows)}."
    for row in found.changes.itertuples(index=False):
        if not row.held:
            yield f"It would not have been held up with {row.change}."


def _listed(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _of_future(found: Forecast, verdict: Verdict) -> Iterator[str]:
    at = "at" if found.exact else "about"
    parts = []
    if found.restarts is not None and verdict not in HEALTHY:
        parts.append(f"go on {at} {_time(found.restarts)}")
    if found.finishes is not None:
        parts.append(f"be done {at} {_time(found.finishes)}")
    if parts:
        yield f"By the rules it was to {' and '.join(parts)}."
    did = []
    if found.restarted is not None and verdict not in HEALTHY:
        did.append(f"went on {at} {_time(found.restarted)}")
    if found.finished is not None:
        did.append(f"was done {at} {_time(found.finished)}")
    if did:
        yield f"It {' and '.join(did)}."
