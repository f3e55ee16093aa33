"""What the panel that sends shows: the mode, what would be sent, and how far it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from sessim.widgets import markup
from sessim.widgets.base import text
from sessim.widgets.labels import Words
from sessim.widgets.markup import Html, number, when

if TYPE_CHECKING:
    from sessim.senders.sending import Sending
    from sessim.senders.switch import Preview

_MOST_DOMAINS: Final = 5

CSS: Final = """
.sessim-panel .sessim-mode {
  display: inline-block; padding: 2px 10px; border-radius: 3px; font-weight: 700;
  border: 2px solid var(--jp-border-color1); color: var(--jp-ui-font-color0);
}
.sessim-panel .sessim-mode.loopback { border-color: #0072b2; border-style: dashed; }
.sessim-panel .sessim-mode.live { border-color: #d55e00; background: #d55e00; color: #fff; }
"""
"""The badge of the mode: its words tell it, its looks only help."""


def badge(mode: str, host: str, words: Words) -> str:
    """Return the mode as a badge, with the server of a live send."""
    said = words(f"send.badge.{mode}", host=host or "?") if mode == "live" else ""
    said = said or words(f"send.badge.{mode}")
    return f'<span class="sessim-mode {mode}">{text(said)}</span>'


def preview(found: Preview, words: Words) -> Html:
    """Show what an order would do; the token only where one is asked for."""
    order, result = found.order, found.result
    most = Counter(dict(found.domains)).most_common(_MOST_DOMAINS)
    named = [words("send.at", rows=number(rows), name=name) for name, rows in most]
    if others := len(found.domains) - len(most):
        named.append(words("send.more", n=f"{others:,}"))
    rows = [
        ("send.mode", words(f"send.badge.{order.mode}", host=order.server)),
        ("send.from", ", ".join(sorted({task.sender for task in order.plan.tasks}))),
        ("send.emails", number(found.recipients)),
        ("send.recipients", ", ".join(named)),
        ("send.refused", number(found.refused)),
        ("send.first", when(result.tasks["due"].min())),
        ("send.last", when(result.end)),
    ]
    bounds = {
        "send.redirect_to": order.redirect_to
        and words("send.redirected", address=order.redirect_to),
        "send.only": ", ".join(order.only),
        "send.outside": found.outside and number(found.outside),
        "send.test_to": ", ".join(order.test_to),
        "send.token": order.mode == "live" and found.token,
    }
    rows += [(key, value) for key, value in bounds.items() if value]
    cells = [(words(key), value) for key, value in rows]
    return markup.table(words("send.would"), [words("figure"), words("value")], cells, wide=(1,))


def progress(sending: Sending, words: Words) -> str:
    """Show each task with its status, and the rows of the outbox by state."""
    result, counts, tasks = sending.result, sending.counts, sending.order.plan.tasks
    listed = markup.task_table(result.tasks, words("send.now", time=when(result.end)), words)
    held = ", ".join(tasks[task - 1].name for task in sorted(sending.held))
    notes = [markup.note(words("send.held", names=held))] if held else []
    rows = [
        (words(f"send.state.{state.word}"), f"{rows:,}") for state, rows in counts.items() if rows
    ]
    columns = [words("send.state"), words("send.count")]
    states = markup.table(words("send.rows"), columns, rows, numbers=(1,))
    return markup.block(listed, *notes, states)
