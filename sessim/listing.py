"""Tables as text, for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

BAR: Final = 20
"""Characters of a whole progress bar."""

MOST: Final = 1_000
"""Rows of a table; who wants more opens the files."""


def console(tasks: pd.DataFrame) -> str:
    """Write the task list as the console shows it, the first thousand of it.

    Parameters
    ----------
    tasks
        A table as :attr:`sessim.Result.tasks` or :meth:`sessim.Result.at`.
    """
    rows: list[Sequence[str]] = [
        ("Task", "Sending Progress", "Task Type", "Task Status", "Requests")
    ]
    for task in tasks.head(MOST).to_dict("records"):
        full = int(task["progress"] * BAR)
        bar = "█" * full + "░" * (BAR - full)
        percent = f"{int(task['progress'] * 100):3d}%"  # 99.9% is not done
        rows.append(
            (
                task["name"],
                f"{bar} {percent}",
                task["type"],
                task["status"],
                _number(task["requests"]),
            )
        )
    return columns(rows, right=(4,)) + _more(tasks, "tasks")


def day_table(daily: pd.DataFrame) -> str:
    """Write the daily table with its most telling columns (see :attr:`sessim.Result.daily`).

    Of more than a thousand rows the first ones.
    """
    rows: list[Sequence[str]] = [
        ("Domain", "Date", "Day", "Limit", "Sent", "Cached", "Backlog", "Used")
    ]
    for day in daily.head(MOST).to_dict("records"):
        used = "" if pd.isna(day["utilisation"]) else f"{int(day['utilisation'] * 100)}%"
        counts = [_number(day[name]) for name in ("day", "limit", "sent", "cached", "backlog")]
        rows.append((day["domain"], f"{day['date']:%Y-%m-%d}", *counts, used))
    return columns(rows, right=range(2, 8)) + _more(daily, "days")


def _more(frame: pd.DataFrame, name: str) -> str:
    more = len(frame) - MOST
    return f"\nand {more:,} {name} more" if more > 0 else ""


def _number(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:,}"


def columns(rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """Write rows in columns; those numbered in ``right`` end where the widest cell does."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(space + cell if i in right else cell + space)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
