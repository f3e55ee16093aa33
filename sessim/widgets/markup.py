"""HTML of the panels and the report: tables, statuses and bars. A text is text, never markup."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import ipywidgets
import pandas as pd

from sessim.lifecycle import TaskStatus, TaskType
from sessim.plan import Plan
from sessim.summary import Summary
from sessim.widgets.base import text
from sessim.widgets.labels import Words

STATUS_KEYS: Final[dict[str, str]] = {
    TaskStatus.TO_START.label: "to_start",
    TaskStatus.SENDING.label: "sending",
    TaskStatus.PAUSED.label: "paused",
    TaskStatus.ERROR.label: "error_status",
    TaskStatus.SENT.label: "sent",
    TaskStatus.CANCELLED.label: "cancelled",
}
TYPE_KEYS: Final[dict[str, str]] = {
    TaskType.IMMEDIATE.label: "batch",
    TaskType.SCHEDULED.label: "scheduled",
    TaskType.RECURRING.label: "recurring",
}
"""From the words in the tables to the keys of the labels."""

SIGNS: Final[dict[str, str]] = {
    TaskStatus.TO_START.label: "○",
    TaskStatus.SENDING.label: "▶\ufe0e",
    TaskStatus.PAUSED.label: "‖",
    TaskStatus.ERROR.label: "✕",
    TaskStatus.SENT.label: "✓",
    TaskStatus.CANCELLED.label: "⊘",
}

LAB: Final = """
.sessim {
  --sessim-ink: var(--jp-ui-font-color1, #1f1f1f);
  --sessim-paper: var(--jp-layout-color1, #fff);
  --sessim-soft: var(--jp-layout-color2, #eee);
  --sessim-line: var(--jp-border-color1, #bdbdbd);
  --sessim-accent: var(--jp-brand-color1, #1976d2);
  --sessim-done: var(--jp-success-color1, #388e3c);
  --sessim-bad: var(--jp-error-color1, #d32f2f);
  font-family: var(--jp-ui-font-family, system-ui, sans-serif);
  font-size: var(--jp-ui-font-size1, 13px);
}
.sessim-alert { color: var(--jp-ui-font-color1, #1f1f1f); font-weight: 600; }
.sessim-alert:not(:empty) { border-left: 4px solid var(--jp-error-color1, #d32f2f); }
.sessim-alert:not(:empty) { padding: 2px 8px; margin: 2px 0; }
.sessim-status { color: var(--jp-ui-font-color1, #1f1f1f); }
.sessim-alert, .sessim-status { line-height: 1.4; white-space: normal; overflow-wrap: anywhere; }
.sessim-time input[type="datetime-local"] { box-sizing: border-box; width: 19em; min-width: 0;
  flex: 0 1 auto; }
.sessim-list:has(.sessim) { border: 1px solid var(--jp-border-color1, #bdbdbd); }
"""
"""The looks of the panels in JupyterLab: the colours of its theme.

A list that is scrolled has an edge: where a row ends there, the list goes on behind it.

A field for a time has the width that seconds take, whether they are shown or not: nothing beside
or below it moves while somebody presses a button there.
"""

RULES: Final = """
.sessim { color: var(--sessim-ink); line-height: 1.4; }
.sessim table { border-collapse: collapse; width: 100%; margin: 0; font-size: inherit; }
.sessim caption { text-align: left; font-weight: 600; padding: 4px 8px; color: var(--sessim-ink); }
.sessim th, .sessim td { padding: 3px 8px; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--sessim-line); overflow-wrap: break-word;
  color: var(--sessim-ink); background: var(--sessim-paper); }
.sessim table thead th { background: var(--sessim-soft); position: sticky; top: 0; z-index: 1;
  vertical-align: bottom; }
.sessim tbody th { font-weight: 400; min-width: 7em; max-width: 24em; }
.sessim .num, .sessim .two { text-align: right; font-variant-numeric: tabular-nums; }
.sessim .num, .sessim .fix { white-space: nowrap; }
.sessim thead .num, .sessim thead .fix { white-space: normal; }
.sessim .wide { min-width: 9em; }
.sessim button { all: unset; cursor: pointer; text-decoration: underline; }
.sessim button:focus-visible { outline: 2px solid var(--sessim-accent); outline-offset: 2px; }
.sessim tr[aria-current] th, .sessim tr[aria-current] td { background: var(--sessim-soft); }
.sessim tr[aria-current] th { font-weight: 600; box-shadow: inset 4px 0 var(--sessim-accent); }
.sessim .bar { display: inline-block; width: 9em; height: .8em; vertical-align: -0.05em;
  border: 1px solid var(--sessim-ink); border-radius: 2px; overflow: hidden;
  background: var(--sessim-paper); margin-right: .5em; }
.sessim .bar i { display: block; height: 100%; background: var(--sessim-accent); }
.sessim .bar i.paused { background: repeating-linear-gradient(135deg, var(--sessim-accent) 0 3px,
  var(--sessim-paper) 3px 6px); }
.sessim .bar i.sent { background: var(--sessim-done); }
.sessim .bar i.error, .sessim .bar i.cancelled { background: var(--sessim-bad); }
.sessim .sign { display: inline-block; width: 1.3em; }
.sessim .note { margin: 4px 0; }
.sessim a { color: inherit; text-decoration: underline; }
.sessim figure { margin: 8px 0 16px; }
.sessim figure img { background: #fff; border-radius: 4px; width: 900px !important; height: auto; }
.sessim figcaption { max-width: 900px; }
.sessim .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5em, 1fr));
  gap: 6px; margin: 6px 0; }
.sessim .tiles div { border: 1px solid var(--sessim-line); border-radius: 3px; padding: 4px 8px; }
.sessim .tiles dt, .sessim .tiles dd { float: none; width: auto; margin: 0; padding: 0;
  font-weight: 400; }
.sessim .tiles dd { font-weight: 600; font-variant-numeric: tabular-nums; }
@media screen and (max-width: 1000px) {
  .sessim th, .sessim td { padding: 3px 5px; }
  .sessim .bar { width: 4em; }
  .sessim tbody th { min-width: 5.5em; }
}
"""
"""The looks of tables, bars and pictures, in the colours of the page around."""


class Html(str):
    """A piece of HTML; every other string is text."""

    __slots__ = ()


def html(value: object) -> str:
    """Write a value as HTML: as it is if it is :class:`Html`, else as text."""
    return value if isinstance(value, Html) else text(value)


def style(*parts: str, script: str = "") -> Html:
    """Return a style sheet, and a script that runs where and when the sheet has been loaded."""
    runs = f' onload="{text(" ".join(script.split()))}"' if script else ""
    return Html(f"<style{runs}>{''.join(parts)}</style>")


def block(*parts: object) -> str:
    """Put pieces under each other, in the looks of the panels."""
    return f'<div class="sessim">{"".join(map(html, parts))}</div>'


def note(value: object) -> Html:
    """Return a paragraph."""
    return Html(f'<p class="note">{html(value)}</p>')


def table(
    caption: object,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[int] = (),
    pairs: Sequence[int] = (),
    fixed: Sequence[int] = (),
    wide: Sequence[int] = (),
    header: int = 0,
    current: Sequence[int] = (),
    ids: Sequence[object] | None = None,
) -> Html:
    """Return a table.

    Parameters
    ----------
    caption
        What it shows.
    columns
        The headings.
    rows
        The cells: text, unless they are :class:`Html`.
    numbers, pairs, fixed, wide
        Places of the columns of numbers, of numbers with something behind them, of what does not
        wrap, and of whole sentences.
    header
        Place of the column that names the row.
    current
        Places of the rows to be marked.
    ids
        Something to find each row by, written into ``data-row``.
    """
    kinds = {"num": numbers, "two": pairs, "fix": fixed, "wide": wide}
    classes = [
        next((f' class="{kind}"' for kind, places in kinds.items() if i in places), "")
        for i in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col"{looks}>{html(title)}</th>'
        for title, looks in zip(columns, classes, strict=True)
    )
    opens = [
        f'<th scope="row"{looks}>' if i == header else f"<td{looks}>"
        for i, looks in enumerate(classes)
    ]
    closes = ["</th>" if i == header else "</td>" for i in range(len(columns))]
    body = []
    for i, row in enumerate(rows):
        mark = ' aria-current="true"' if i in current else ""
        found = "" if ids is None else f' data-row="{text(ids[i])}"'
        cells = "".join(o + html(cell) + c for o, cell, c in zip(opens, row, closes, strict=True))
        body.append(f"<tr{found}{mark}>{cells}</tr>")
    return Html(
        f"<table><caption>{html(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def badge(status: Any, words: Words) -> Html:
    """Return a status as a sign and a word; nothing if there is none."""
    if pd.isna(status):
        return Html("")
    sign = SIGNS[status]
    return Html(f'<span class="sign" aria-hidden="true">{sign}</span>{text(word(status, words))}')


def word(status: str, words: Words) -> str:
    """Return the word for a status or a type of the tables."""
    return words({**STATUS_KEYS, **TYPE_KEYS}[status])


def bar(progress: float, status: str) -> Html:
    """Return a progress bar with its percentage; a paused one is hatched."""
    kind = STATUS_KEYS[status].removesuffix("_status")
    return Html(
        f'<span class="bar" aria-hidden="true"><i class="{kind}" '
        f'style="width:{100 * progress:.1f}%"></i></span>{percent(progress)}'
    )


def percent(share: float) -> Html:
    """Write a share as a percentage, rounded down: 99.9 % is not done, and 0 % is nothing."""
    if math.isnan(share):
        return Html("")
    return Html("&lt;1%" if 0 < share < 0.01 else f"{math.floor(100 * share + 1e-9)}%")


def number(value: Any, none: str = "") -> str:
    """Write a count or a number of hours, thousands apart; ``none`` if there is none."""
    if pd.isna(value):
        return none
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def when(value: Any, none: str = "", *, seconds: bool = False) -> str:
    """Write a time as ``2026-12-05 12:00``; ``none`` if there is none."""
    if pd.isna(value):
        return none
    return f"{value:%Y-%m-%d %H:%M:%S}" if seconds else f"{value:%Y-%m-%d %H:%M}"


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Return the rows of a frame, their cells as attributes."""
    return frame.itertuples()


def dotted(name: str) -> Html:
    """Write the name of a domain, which may be broken behind its dots."""
    return Html(text(name).replace(".", ".<wbr>"))


def scrolled(height: str) -> ipywidgets.HTML:
    """Return a place for a list that is scrolled, with the keyboard too, where it is higher."""
    place = ipywidgets.HTML(layout={"overflow": "auto", "max_height": height}, tabbable=True)
    place.add_class("sessim-list")
    return place


# --- tables that several panels show --------------------------------------------------------------


def summary_figures(summary: Summary, words: Words) -> list[tuple[str, str]]:
    """Return the name and the value of each figure of a summary, in words."""
    return [
        (words(f"fig_{name}"), figure(name, value, words, unsent=summary.unsent))
        for name, value in summary.to_dict().items()
    ]


def tiles(summary: Summary, words: Words) -> Html:
    """Show a summary as a list of figures."""
    groups = (
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>"
        for name, value in summary_figures(summary, words)
    )
    return Html(f'<dl class="tiles">{"".join(groups)}</dl>')


def figure(name: str, value: Any, words: Words, *, unsent: int) -> str:
    """Write a figure of a summary that counts so many emails as unsent."""
    if name == "finish":
        return when(value, words("unfinished" if unsent else "due_later"))
    if name == "largest_backlog_at":
        return when(value, words("never"))
    if name == "utilisation":
        return words("none_limit") if math.isnan(value) else f"{100 * value:.1f}%"
    return number(value)


def domain_table(domains: pd.DataFrame, caption: str, words: Words, plan: Plan) -> Html:
    """Show the domains of a plan at an instant (see :meth:`sessim.Result.domains_at`)."""
    free = {domain.name for domain in plan.domains if domain.warmup == "none"}
    rows = [
        (
            dotted(row.domain),
            number(row.day),
            number(row.limit, words("none_limit" if row.domain in free else "not_open")),
            number(row.used),
            number(row.left),
            number(row.cached),
            number(row.backlog),
        )
        for row in records(domains)
    ]
    keys = [
        "domain",
        "warmup_day",
        "days_limit",
        "used",
        "left",
        "in_cache",
        "backlog",
    ]
    columns = [words(key) for key in keys]
    ids = list(domains["domain"])
    return table(caption, columns, rows, numbers=range(1, 7), ids=ids)


def task_table(
    tasks: pd.DataFrame,
    caption: str,
    words: Words,
    *,
    current: Sequence[int] = (),
    buttons: bool = False,
) -> Html:
    """Show a task list as the console does.

    Parameters
    ----------
    tasks
        Rows of a table as :attr:`sessim.Result.tasks`.
    caption, words
        What it shows, and the language.
    current
        Ids of the tasks to be marked.
    buttons
        Whether a task's name is a button, with the id in ``data-task``.
    """
    names = ["task", "name", "domain", "progress", "status", "type", "requests", "sent", "cached"]
    columns = [tasks[name].tolist() for name in names]
    rows = [
        (
            task_name(task, name, domain, button=buttons),
            bar(progress, status),
            word(kind, words),
            badge(status, words),
            f"{requests:,}",
            f"{sent:,}",
            f"{cached:,}",
        )
        for task, name, domain, progress, status, kind, requests, sent, cached in zip(
            *columns, strict=True
        )
    ]
    keys = ["task", "sending_progress", "task_type", "task_status", "requests", "sent", "in_cache"]
    return table(
        caption,
        [words(key) for key in keys],
        rows,
        numbers=(4, 5, 6),
        fixed=(1, 2, 3),
        current=[i for i, task in enumerate(columns[0]) if task in current],
        ids=columns[0],
    )


def task_name(task: int, name: str, domain: str, *, button: bool = False) -> Html:
    """Write a task's name, below it its id and domain."""
    shown = text(name)
    if button:
        shown = f'<button type="button" data-task="{task}">{shown}</button>'
    return Html(f"{shown}<br><small>{task} · {dotted(domain)}</small>")
