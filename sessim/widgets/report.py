"""One HTML file that tells all of a result: no request leaves it, and it opens from a disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sessim.charts import CHARTS
from sessim.planfile import yaml_text
from sessim.result import Result
from sessim.summary import summary, unsent
from sessim.version import __version__
from sessim.widgets import markup
from sessim.widgets.base import text
from sessim.widgets.labels import Words
from sessim.widgets.lives import reason
from sessim.widgets.markup import (
    Html,
    badge,
    number,
    percent,
    records,
    table,
    task_name,
    when,
    word,
)
from sessim.widgets.pictures import Pictures

MOST_ROWS: Final = 1000
"""How many rows of a table are shown."""

_PAGE: Final = """
:root { color-scheme: light dark; --sessim-ink: #1b1b1b; --sessim-paper: #fff;
  --sessim-soft: #f0f0f0; --sessim-line: #b5b5b5; --sessim-accent: #1565c0;
  --sessim-done: #2e7d32; --sessim-bad: #c62828; }
@media screen and (prefers-color-scheme: dark) { :root { --sessim-ink: #ececec;
  --sessim-paper: #161616; --sessim-soft: #2a2a2a; --sessim-line: #666; --sessim-accent: #6cb2ff;
  --sessim-done: #7bc67f; --sessim-bad: #ff8a80; } }
body { margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 3rem; color: var(--sessim-ink);
  background: var(--sessim-paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: .5rem 0; } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
.scroll { overflow: auto; max-height: 40rem; border: 1px solid var(--sessim-line); }
.scroll:focus-visible { outline: 3px solid var(--sessim-accent); }
.scroll caption { padding: 4px 8px; }
pre { margin: 0; padding: .7rem 1rem; background: var(--sessim-soft); font-size: .85rem; }
@media print { :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 8.5pt; }
  .sessim .bar { width: 3em; }
  .scroll { overflow: visible; max-height: none; border: 0; } pre { white-space: pre-wrap; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .bar, .bar i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
@page { margin: 12mm; }
"""
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def html(result: Result, *, language: str = "en", title: str | None = None) -> str:
    """Return a report of a result as one HTML page.

    Charts and looks are inside; whatever a user wrote is shown as text.

    Parameters
    ----------
    result
        What is told.
    language
        ``"en"`` or ``"id"``.
    title
        The heading. Default: "Warm-up report".
    """
    words = Words(language)
    title = words("report") if title is None else title
    sections = [
        _section(words("summary"), markup.tiles(summary(result), words)),
        _section(words("tasks"), _tasks(result, words)),
        _section(words("charts"), *map(Pictures(result).show, CHARTS)),
        _section(words("days"), _days(result, words)),
        _section(words("fig_pauses"), _pauses(result, words)),
        _section(words("plan"), _plan(result, words)),
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{markup.html(title)}</title>{markup.style(_PAGE, markup.RULES)}"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head>{head}</head>'
        f'<body class="sessim"><main><h1>{markup.html(title)}</h1>{_opening(result, words)}'
        f"{''.join(sections)}</main></body></html>\n"
    )


def coverage(result: Result, words: Words) -> str:
    """Say that all of a plan is told, and how much that is."""
    plan = result.plan
    return words("covers_all", tasks=f"{len(plan.tasks):,}", domains=f"{len(plan.domains):,}")


def _opening(result: Result, words: Words) -> Html:
    start = result.plan.clock.local(result.plan.start_instant)
    said = words(
        "report_head",
        version=__version__,
        start=when(start),
        end=when(result.end),
        zone=result.plan.timezone,
    )
    key = "work_left" if unsent(result.tasks) else "work_later"
    left = "" if result.finished else markup.note(words(key))
    return Html(f"{markup.note(said)}{markup.note(coverage(result, words))}{left}")


def _section(heading: str, *parts: str) -> Html:
    return Html(f"<section><h2>{markup.html(heading)}</h2>{''.join(parts)}</section>")


def _tasks(result: Result, words: Words) -> Html:
    tasks = result.tasks
    keys = ["task", "sending_progress", "task_type", "task_status", "requests", "sent", "in_cache"]
    keys += ["due", "finished", "paused_hours"]
    rows = [
        (
            task_name(row.task, row.name, row.domain),
            markup.bar(row.progress, row.status),
            word(row.type, words),
            badge(row.status, words),
            *(number(value) for value in (row.requests, row.sent, row.cached)),
            when(row.due),
            when(row.finished, words("unfinished")),
            number(row.paused_hours),
        )
        for row in records(tasks.head(MOST_ROWS))
    ]
    looks = {"numbers": (4, 5, 6, 9), "fixed": (1, 3, 7, 8)}
    caption = words("tasks_at", time=f"{when(result.end)} ({result.plan.timezone})")
    return _listed(caption, keys, rows, len(tasks), words, looks)


def _days(result: Result, words: Words) -> Html:
    daily = result.daily
    if daily.empty:
        return markup.note(words("no_days"))
    keys = ["date", "domain", "warmup_day", "limit", "sent", "in_cache", "backlog", "utilisation"]
    free = {domain.name for domain in result.plan.domains if domain.warmup == "none"}
    rows = [
        (
            f"{row.date:%Y-%m-%d}",
            row.domain,
            number(row.day),
            number(row.limit, words("none_limit") if row.domain in free else ""),
            *(number(value) for value in (row.sent, row.cached, row.backlog)),
            percent(row.utilisation),
        )
        for row in records(daily.head(MOST_ROWS))
    ]
    looks = {"numbers": range(2, 8), "fixed": (0,)}
    caption = words("days_caption")
    return _listed(caption, keys, rows, len(daily), words, looks)


def _pauses(result: Result, words: Words) -> Html:
    pauses = result.pauses
    if pauses.empty:
        return markup.note(words("no_pauses"))
    keys = ["task", "run_number", "start", "end", "paused_hours", "in_cache", "reason"]
    tasks = result.plan.tasks
    rows = [
        (
            task_name(row.task, tasks[row.task - 1].name, row.domain),
            number(row.run),
            when(row.start, seconds=True),
            when(row.end, words("unfinished"), seconds=True),
            number(row.hours),
            number(row.cached),
            reason(row.reason, words),
        )
        for row in records(pauses.head(MOST_ROWS))
    ]
    looks = {"numbers": (1, 4, 5), "fixed": (2, 3), "wide": (6,)}
    return _listed(words("fig_pauses"), keys, rows, len(pauses), words, looks)


def _plan(result: Result, words: Words) -> Html:
    return _scroll(
        words("plan"), f"<pre><code>{text(yaml_text(result.plan.to_dict()))}</code></pre>"
    )


def _listed(
    caption: str,
    keys: Sequence[str],
    rows: Sequence[Sequence[object]],
    total: int,
    words: Words,
    looks: dict[str, Any],
) -> Html:
    shown = _scroll(caption, table(caption, [words(key) for key in keys], rows, **looks))
    if len(rows) == total:
        return shown
    cut = words("cut_rows", shown=f"{len(rows):,}", total=f"{total:,}")
    return Html(shown + markup.note(cut))


def _scroll(name: str, inside: str) -> Html:
    """Let a wide or long part be scrolled, with the keyboard too."""
    return Html(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(name)}">{inside}</div>'
    )
