"""The lives of the chosen tasks: every change of status, its time and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from sessim import life
from sessim.eventlog import Event
from sessim.result import Result
from sessim.widgets import markup
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html

MOST_LIVES: Final = 3
MOST_CHANGES: Final = 40
"""How many lives, and how many changes of each, are shown at once."""

REASON_KEYS: Final[dict[str, str]] = {
    life.REASONS[Event.SENDING]: "why_due",
    life.REASONS[Event.RESTARTED]: "why_reset",
    life.BY_HAND: "why_hand",
    life.REASONS[Event.SENT]: "why_sent",
    life.REASONS[Event.PAUSED]: "why_reached",
    life.REASONS[Event.REFUSED]: "why_nothing",
    "daily limit is 0": "why_zero",
    "an earlier run of the task is paused": "why_earlier_paused",
    life.REASONS[Event.SKIPPED]: "why_earlier",
    life.REASONS[Event.ERROR]: "why_failed",
    life.REASONS[Event.CANCELLED]: "why_cancelled",
    "later recurrences called off": "why_called_off",
    life.PAUSED_BY_USER: "why_user_paused",
    life.RESTARTED_BY_USER: "why_user_restarted",
}
"""From the reasons that sessim itself gives to the keys of the labels."""


def reason(given: str, words: Words) -> str:
    """Return a reason of the log in the panel's language; one that is not known stays as it is."""
    return words(REASON_KEYS[given]) if given in REASON_KEYS else given


def show(result: Result, tasks: Sequence[int], now: pd.Timestamp, words: Words) -> str:
    """Return the lives of some tasks, with what holds now marked.

    Parameters
    ----------
    result
        Where they are told.
    tasks
        Ids of the tasks.
    now
        The instant shown.
    words
        The language.
    """
    parts = [_one(result, task, now, words) for task in tasks[:MOST_LIVES]]
    if len(tasks) > MOST_LIVES:
        parts.append(markup.note(words("cut_lives", shown=MOST_LIVES, total=f"{len(tasks):,}")))
    return markup.block(*parts) if parts else ""


def _one(result: Result, task: int, now: pd.Timestamp, words: Words) -> Html:
    frame = result.life(task)
    name = result.plan.tasks[task - 1].name
    caption = words("life_of", name=name, task=task)
    if frame.empty:
        return Html(f"<p><b>{markup.html(caption)}</b></p>{markup.note(words('no_life'))}")
    present = int((frame["time"] <= now).sum()) - 1
    first = max(0, min(present - MOST_CHANGES // 2, len(frame) - MOST_CHANGES))
    shown = frame.iloc[first : first + MOST_CHANGES]
    several = bool((frame["run"] > 1).any())
    rows = [_row(row, words, several) for row in markup.records(shown)]
    keys = [
        "time",
        *(["run_number"] if several else []),
        "task_status",
        "sent",
        "in_cache",
        "reason",
    ]
    last = len(keys)
    numbers = (last - 3, last - 2)
    found = markup.table(
        caption,
        [words(key) for key in keys],
        rows,
        numbers=(1, *numbers) if several else numbers,
        fixed=(0, last - 4),
        wide=(last - 1,),
        current=(present - first,),
    )
    left = len(frame) - first - len(shown)
    if first or left:
        cut = words("cut_life", before=f"{first:,}", after=f"{left:,}")
        found = Html(found + markup.note(cut))
    return found


def _row(row: Any, words: Words, several: bool) -> list[object]:
    status: object = markup.badge(row.status, words)
    why = reason(row.reason, words)
    if row.event in (Event.REFUSED.label, Event.SKIPPED.label):
        why = f"{words(row.event)}: {why}"
    sent = f"{markup.number(row.sent)} / {markup.number(row.requests)}"
    run = [markup.number(row.run)] if several else []
    known = not pd.isna(row.run) and row.requests
    counts = [sent, markup.number(row.cached)] if known else ["", ""]
    return [markup.when(row.time, seconds=True), *run, status, *counts, why]
