"""What the panel of histories shows, as HTML; whatever stands in a file is shown as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from sessim.history import History
from sessim.history.explanation import Counterfactuals, DayLedger, Explanation
from sessim.widgets import markup
from sessim.widgets.base import text
from sessim.widgets.labels import Words
from sessim.widgets.lives import reason
from sessim.widgets.markup import Html, number, percent, records, when

MOST_ROWS: Final = 200
"""How many pauses, and how many findings, are listed."""
_MOST_NOTES: Final = 100


def notes(history: History, words: Words) -> str:
    """List what the import says of itself."""
    said = history.evidence.notes
    points = "".join(f"<li>{text(sentence)}</li>" for sentence in said[:_MOST_NOTES])
    heading = f"<b>{text(words('replay.notes'))}</b>"
    return markup.block(Html(f"{heading}<ul>{points}</ul>"), _cut(len(said), _MOST_NOTES, words))


def pauses(history: History, chosen: int, words: Words) -> str:
    """List the pauses, with the one that is chosen marked (from 1; 0 for none)."""
    frame = history.pauses
    if frame.empty:
        return markup.block(markup.note(words("no_pauses")))
    rows = [
        (
            _button(place, history.plan.tasks[row.task - 1].name),
            number(row.run),
            _between(row.start_earliest, row.start_latest, words),
            _between(row.end_earliest, row.end_latest, words),
            number(row.hours),
            number(row.cached),
            reason(row.reason, words),
        )
        for place, row in enumerate(records(frame.head(MOST_ROWS)), 1)
    ]
    keys = ["task", "run_number", "start", "end", "paused_hours", "in_cache", "reason"]
    found = _listed(
        "replay.pauses", keys, rows, words, numbers=(1, 4, 5), wide=(6,), current=(chosen - 1,)
    )
    legend = markup.note(words("replay.intervals")) if _has_intervals(frame) else Html("")
    return markup.block(found, legend, _cut(len(frame), MOST_ROWS, words))


def _has_intervals(frame: pd.DataFrame) -> bool:
    return bool((frame["start_earliest"] != frame["start_latest"]).any())


def pause_options(history: History) -> list[tuple[str, int]]:
    """Return the pauses to choose from."""
    tasks = history.plan.tasks
    return [
        (f"{place}: {tasks[row.task - 1].name}, {when(row.start)}", place)
        for place, row in enumerate(records(history.pauses.head(MOST_ROWS)), 1)
    ]


def findings(history: History, words: Words) -> str:
    """List what breaks the rules."""
    frame = history.findings
    if frame.empty:
        return markup.block(
            Html(f"<b>{text(words('replay.findings'))}</b>"),
            markup.note(words("replay.no_findings")),
        )
    rows = [
        (
            row.rule,
            words(f"replay.{row.severity}") if f"replay.{row.severity}" in words else row.severity,
            when(row.time),
            row.finding,
        )
        for row in records(frame.head(MOST_ROWS))
    ]
    keys = ["replay.rule", "replay.severity", "time", "replay.finding"]
    found = _listed("replay.findings", keys, rows, words, fixed=(0, 1, 2), wide=(3,))
    return markup.block(found, _cut(len(frame), MOST_ROWS, words))


def explanation(found: Explanation | None, words: Words) -> str:
    """Tell why a task was paused, with the tables that this rests on."""
    if found is None:
        return ""
    parts = [Html(f"<b>{text(words('replay.why', name=found.name))}</b>")]
    parts.append(markup.note(found.paragraph))
    if found.ledger is not None and len(found.ledger.used):
        parts.append(_used(found.ledger, words))
    if found.counterfactuals is not None:
        parts += _counterfactuals(found.counterfactuals, words)
    return markup.block(*parts)


def _used(ledger: DayLedger, words: Words) -> Html:
    rows = [
        (row.name, number(row.emails), "" if pd.isna(row.share) else percent(row.share))
        for row in records(ledger.used.head(MOST_ROWS))
    ]
    caption = words("replay.used", domain=ledger.domain, date=f"{ledger.date:%Y-%m-%d}")
    keys = ["task", "replay.emails", "replay.share"]
    return markup.table(caption, [words(key) for key in keys], rows, numbers=(1, 2))


def _counterfactuals(found: Counterfactuals, words: Words) -> list[Html]:
    changes = [
        (
            row.change,
            "" if pd.isna(row.status) else markup.word(row.status, words),
            when(row.finished, words("unfinished")),
            "" if pd.isna(row.change_hours) else f"{row.change_hours:+.1f}",
        )
        for row in records(found.changes)
    ]
    keys = ["replay.change", "replay.would_be", "finished", "replay.hours"]
    shares = [(row.name, percent(row.share)) for row in records(found.shares)]
    tables = [_listed("replay.changes", keys, changes, words, fixed=(1, 2), numbers=(3,))]
    if shares:
        tables.append(
            _listed("replay.shares", ["task", "replay.part"], shares, words, numbers=(1,))
        )
    return tables


def _listed(
    caption: str, keys: Sequence[str], rows: Sequence[Sequence[object]], words: Words, **looks: Any
) -> Html:
    return markup.table(words(caption), [words(key) for key in keys], rows, **looks)


def _button(place: int, name: str) -> Html:
    return Html(f'<button type="button" data-pause="{place}">{text(name)}</button>')


def _between(earliest: Any, latest: Any, words: Words) -> Html:
    """Write an instant, or the two between which it lies."""
    if pd.isna(earliest) or pd.isna(latest):
        return Html(text(words("unfinished")))
    if earliest == latest:
        return _whole(when(latest, seconds=True))
    last = f"{latest:%H:%M}" if earliest.date() == latest.date() else when(latest)
    return Html(words("replay.between", first=_whole(when(earliest)), last=_whole(last)))


def _whole(time: str) -> Html:
    """Let a time stay on one line."""
    return Html(f'<span class="time">{text(time)}</span>')


def _cut(total: int, most: int, words: Words) -> Html:
    if total <= most:
        return Html("")
    return markup.note(words("replay.cut", shown=f"{most:,}", total=f"{total:,}"))
