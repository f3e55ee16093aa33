"""The lists of tasks and of domains, with the buttons that change them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ipywidgets
import traitlets

from sessim.widgets import base
from sessim.widgets.built import Built
from sessim.widgets.check import Check
from sessim.widgets.draft import BATCH, CSV, RECURRING, DomainDraft, Draft, TaskDraft
from sessim.widgets.forms import type_words
from sessim.widgets.labels import Words
from sessim.widgets.reading import number

_NAME: Final = 22
_KIND: Final = 11
_SIZE: Final = 12
_MOST_ROWS: Final = 12


class Rows(ipywidgets.VBox):  # type: ignore[misc]
    """A list of rows of which one may be chosen, and a toolbar.

    Parameters
    ----------
    label
        What the list is called, for those who cannot see where it stands.
    hint
        What can be done with it.
    toolbar
        The buttons below it.

    Attributes
    ----------
    chosen
        Trait: the number of the chosen row, from 1; 0 for none.
    filling
        Whether it is :meth:`fill` that changes things, not a user.
    """

    chosen = traitlets.Int()

    def __init__(self, label: str, hint: str, toolbar: Sequence[Any]) -> None:
        self.list = ipywidgets.Select(
            description=label, tooltip=hint, rows=4, layout=ipywidgets.Layout(width="auto")
        )
        self.list.add_class("sessim-list")
        bar = ipywidgets.HBox(
            toolbar, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        )
        remark = ipywidgets.HTML(f'<span class="sessim-hint">{base.text(hint)}</span>')
        super().__init__([remark, self.list, bar])
        self.filling = False
        self.list.observe(self._choose, "index")

    def _choose(self, change: Any) -> None:
        if not self.filling and change.new is not None:
            self.chosen = change.new + 1

    def fill(self, lines: Sequence[str], chosen: int) -> None:
        """Show these lines, one of them chosen."""
        self.filling = True
        try:
            with self.list.hold_sync():
                if self.list.options != tuple(lines):
                    self.list.options = tuple(lines)
                self.list.index = chosen - 1 if chosen else None
                self.list.rows = min(max(len(lines), 4), _MOST_ROWS)
            self.chosen = chosen
        finally:
            self.filling = False


def button(
    words: Words, key: str, icon: str, pressed: Callable[[Any], None], *, named: bool = False
) -> Any:
    """Make a button with an icon, and with words on it if it is ``named``."""
    made = ipywidgets.Button(
        icon=icon,
        description=words(f"builder.{key}") if named else "",
        tooltip=words(f"builder.{key}_tip"),
        layout=ipywidgets.Layout(width="auto" if named else "2.6rem", flex="0 0 auto"),
    )
    made.on_click(pressed)
    return made


# --- lines of text ------------------------------------------------------------------------------


def task_lines(draft: Draft, check: Check, words: Words) -> list[str]:
    """Return a line for each task: number, name, type, size, time, and whether it is wrong."""
    kinds = type_words(words)
    wrong = _wrong(check, "tasks")
    return [
        _line(
            i,
            f"{_cut(row.name or words('builder.unnamed'), _NAME)} "
            f"{_cut(kinds[row.type], _KIND)} {_size(row, built, words):>{_SIZE}}  "
            f"{row.start if row.type != BATCH else words('builder.at_once')}",
            wrong,
        )
        for i, (row, built) in enumerate(zip(draft.tasks, check.tasks, strict=True))
    ]


def domain_lines(draft: Draft, check: Check, words: Words) -> list[str]:
    """Return a line for each domain: number, name, warm-up, and whether it is wrong."""
    wrong = _wrong(check, "domains")
    return [
        _line(
            i, f"{_cut(row.name or words('builder.unnamed'), _NAME)} {_limits(row, words)}", wrong
        )
        for i, row in enumerate(draft.domains)
    ]


def _wrong(check: Check, kind: str) -> set[int]:
    return {
        int(problem.where[1])
        for problem in check.problems
        if problem.where[0] == kind and len(problem.where) > 1
    }


def _line(index: int, words: str, wrong: set[int]) -> str:
    return f"{index + 1:>2} {'⚠' if index in wrong else ' '} {words}"


def _size(row: TaskDraft, built: Built, words: Words) -> str:
    size: int | str = number(row.requests) if row.group != CSV else ""
    if row.group == CSV and built.count is not None:
        size = built.count
    said = f"{size:,}" if isinstance(size, int) else (size or "?")
    if row.type == RECURRING:
        runs = number(row.count)
        said = words("builder.list_counts", each=said, runs=runs if row.count else "…")
    return _cut(said, _SIZE).strip()


def _limits(row: DomainDraft, words: Words) -> str:
    start, cap = _counted(row.rule_start), _counted(row.cap)
    details: Mapping[str, str] = {
        "number": words("builder.limit_number", n=_counted(row.number)),
        "list": row.numbers,
        "rule": words("builder.limit_rule", start=start, factor=row.factor, cap=cap),
        "csv": row.csv,
        "none": words("builder.choice.warmup.none"),
    }
    return details.get(row.warmup, row.warmup)


def _counted(text: str) -> str:
    found = number(text)
    return f"{found:,}" if isinstance(found, int) else text or "?"


def _cut(text: str, places: int) -> str:
    """Return a text that takes so many places, wide characters two of them."""
    shown, room = "", places
    for character in text:
        wide = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if unicodedata.combining(character):
            wide = 0
        if room - wide < (1 if len(text) > len(shown) + 1 else 0):
            return f"{shown}…{' ' * (room - 1)}"
        shown, room = shown + character, room - wide
    return shown + " " * room
