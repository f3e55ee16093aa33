"""Forms: inputs with labels, each with a line below it for a hint or for what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final

import ipywidgets
import traitlets

from sessim import clock
from sessim.widgets import base
from sessim.widgets.labels import Words

Edited = Callable[[str, Any, bool], None]
"""Takes a field's name, what stands in it now, and whether to undo it with the edit before."""

_LABEL: Final = "8.5rem"
_COLUMNS: Final = "repeat(auto-fit, minmax(18rem, 1fr))"
_PLAIN: Final = (int, float, Decimal, Fraction, dt.date, dt.time, PurePath)


class AnyText(traitlets.Unicode):  # type: ignore[type-arg]
    """A text that may also be set as a number, a date, a time or a path."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Turn what is plain into its text, and nothing into an empty one."""
        if isinstance(value, dt.datetime):
            value = clock.format_moment(value)
        elif value is None:
            value = ""
        elif isinstance(value, _PLAIN) and not isinstance(value, bool):
            value = str(value)
        return super().validate(obj, value)


class Text(ipywidgets.Text):  # type: ignore[misc]
    """A line of text, handed on when it is complete."""

    value = AnyText(help="What stands in the field").tag(sync=True)


class Pick(ipywidgets.Combobox):  # type: ignore[misc]
    """A line of text with suggestions, handed on when it is complete."""

    value = AnyText(help="What stands in the field").tag(sync=True)


class Field(ipywidgets.VBox):  # type: ignore[misc]
    """An input and the line below it.

    An input needs a tooltip: the browser shows None as ``null`` over its label.

    Parameters
    ----------
    input_
        The input, with its label.
    hint
        What the line says while nothing is wrong.
    beside, below
        Further widgets beside the input, and below the line.
    """

    def __init__(
        self,
        input_: Any,
        hint: str = "",
        beside: Sequence[Any] = (),
        below: Sequence[Any] = (),
    ) -> None:
        self.input = input_
        self.note = ipywidgets.HTML()
        self._hint = hint
        row = ipywidgets.HBox([input_, *beside]) if beside else input_
        super().__init__([row, self.note, *below])
        self.add_class("sessim-field")
        self.show()

    def show(self, problem: str = "", hint: str = "", visible: bool = True) -> None:
        """Show what is wrong, or else a hint; or hide the field."""
        self.layout.display = None if visible else "none"
        kind, sign, said = ("problem", "⚠ ", problem) if problem else ("hint", "", hint)
        role = ' role="alert"' if problem else ""
        said = base.text(said or self._hint) or "&nbsp;"
        self.note.value = f'<span class="sessim-{kind}"{role}>{sign}{said}</span>'


class Calendar(ipywidgets.NaiveDatetimePicker):  # type: ignore[misc]
    """Picks the time of a text field from a calendar.

    Parameters
    ----------
    name
        Its label, for those who cannot see the picture.
    text
        The text field.
    picked
        Is called with the text of what was picked.
    """

    def __init__(self, name: str, text: Text, picked: Callable[[str], None]) -> None:
        super().__init__(description=name, tooltip=name, layout=ipywidgets.Layout(width="2.3rem"))
        self.add_class("sessim-calendar")
        self._text, self._picked = text, picked
        text.observe(self._follow, "value")
        self.observe(self._hand_on, "value")

    def _follow(self, *_: object) -> None:
        self.value = _naive(self._text.value)

    def _hand_on(self, change: Any) -> None:
        if change.new != _naive(self._text.value):
            self._picked("" if change.new is None else clock.format_moment(change.new))


def _naive(text: str) -> dt.datetime | None:
    """Return the local time that a text says, if it is one without a zone of its own."""
    try:
        found = clock.moment(text)
    except ValueError:
        return None
    if not isinstance(found, dt.datetime):
        return dt.datetime.combine(found, dt.time())
    return found if found.tzinfo is None else None


class Fold(ipywidgets.VBox):  # type: ignore[misc]
    """Fields that are folded away until somebody wants them, or one of them is wrong.

    Parameters
    ----------
    words
        The language.
    name
        What is in it: the key of its label.

    Attributes
    ----------
    is_open
        Trait: whether the fields are seen.
    """

    is_open = traitlets.Bool(False)

    def __init__(self, words: Words, name: str) -> None:
        self._words, self._name, self._wrong = words, name, False
        self.button = ipywidgets.Button(
            tooltip=words(f"builder.{name}_tip"),
            layout=ipywidgets.Layout(width="auto", align_self="flex-start"),
        )
        self.remark = ipywidgets.HTML()
        self.grid = ipywidgets.GridBox(
            layout=ipywidgets.Layout(grid_template_columns=_COLUMNS, grid_gap="0 1rem")
        )
        super().__init__([self.button, self.remark, self.grid])
        self.add_class("sessim-fold")
        self.button.on_click(self._toggle)
        self.show(0, wrong=False)
        self._fold()

    def _toggle(self, _: Any) -> None:
        self.is_open = self._wrong or not self.is_open

    @traitlets.observe("is_open")
    def _fold(self, *_: object) -> None:
        self.button.icon = "caret-down" if self.is_open else "caret-right"
        for part in (self.remark, self.grid):
            part.layout.display = None if self.is_open else "none"

    def add(self, field: Field) -> None:
        """Put a field at the end."""
        self.grid.children = (*self.grid.children, field)

    def show(self, filled: int, *, wrong: bool, remark: str = "") -> None:
        """Say how many fields are filled; what is wrong is not folded away."""
        name = self._words(f"builder.field.{self._name}")
        said = f"{name}: {filled or self._words('builder.none')}"
        self.button.description = said + " ⚠" * wrong
        self.remark.value = f'<span class="sessim-hint">{base.text(remark)}</span>'
        self._wrong = wrong
        self.is_open = self.is_open or wrong


class Form(ipywidgets.GridBox):  # type: ignore[misc]
    """The fields of one row of a draft; each input is an attribute of the form, too.

    Parameters
    ----------
    words
        The language.
    edited
        Is called when somebody changes a field.
    prefix
        What stands before a field's name in the key of its label, where that is ambiguous.
    """

    def __init__(self, words: Words, edited: Edited, prefix: str = "") -> None:
        super().__init__(layout=ipywidgets.Layout(grid_template_columns=_COLUMNS))
        self.add_class("sessim-form")
        self.words = words
        self.fields: dict[str, Field] = {}
        self.folds: dict[str, Fold] = {}
        self._fold: Fold | None = None
        self._parts: list[Any] = []
        self._edited, self._prefix = edited, prefix
        self._row: Any = None

    # --- building it --------------------------------------------------------------------------

    def text(
        self,
        name: str,
        *,
        required: bool = False,
        options: Sequence[str] | None = None,
        beside: Sequence[Any] = (),
        below: Sequence[Any] = (),
    ) -> None:
        """Add a line of text, with suggestions if there may be ``options``."""
        named = {"description": self._label(name, required), "continuous_update": False}
        field = Text(**named) if options is None else Pick(options=tuple(options), **named)
        self._add(name, field, beside, below)

    def moment(self, name: str, *, required: bool = False) -> None:
        """Add a date or time: a line of text with a calendar beside it."""
        field = Text(description=self._label(name, required), continuous_update=False)
        tip = self.words("builder.calendar_tip", field=self._label(name))
        calendar = Calendar(tip, field, lambda text: self._edited(name, text, True))
        self._add(name, field, [calendar])

    def choice(
        self, name: str, options: Mapping[str, str], *, radio: bool = False, wide: bool = False
    ) -> None:
        """Add a choice among values, each with its words; a ``wide`` one has a row for itself."""
        kind = ipywidgets.RadioButtons if radio else ipywidgets.Dropdown
        across = {"orientation": "horizontal"} if radio else {}
        pairs = [(words, value) for value, words in options.items()]
        self._add(name, kind(options=pairs, description=self._label(name), **across), wide=wide)

    def tick(self, name: str) -> None:
        """Add a box to tick."""
        self._add(name, ipywidgets.Checkbox(description=self._label(name), indent=False))

    def fold(self, name: str) -> None:
        """Begin a section that is folded away: the fields added from here on are in it."""
        self._fold = self.folds[name] = Fold(self.words, name)
        self._show_part(self._fold)

    def _add(
        self,
        name: str,
        field: Any,
        beside: Sequence[Any] = (),
        below: Sequence[Any] = (),
        *,
        wide: bool = False,
    ) -> None:
        field.style.description_width = _LABEL
        field.layout.width = "auto"
        field.observe(lambda change: self._changed(name, change.new), "value")
        key = self._key("hint", name)
        hint = self.words(key) if key else ""
        field.tooltip = hint or self._label(name)
        self.fields[name] = Field(field, hint, beside, below)
        setattr(self, name, field)
        if wide:
            self.fields[name].add_class("sessim-wide")
        put = self._show_part if self._fold is None else self._fold.add
        put(self.fields[name])

    def _show_part(self, part: Any) -> None:
        self._parts.append(part)
        self.children = tuple(self._parts)

    def _key(self, kind: str, name: str) -> str:
        keys = (f"builder.{kind}.{self._prefix}{name}", f"builder.{kind}.{name}")
        return next((key for key in keys if key in self.words), "")

    def _label(self, name: str, required: bool = False) -> str:
        return self.words(self._key("field", name)) + (" *" if required else "")

    # --- using it -----------------------------------------------------------------------------

    def _changed(self, name: str, value: Any) -> None:
        if self._row is None or value == getattr(self._row, name):
            return
        tidy = value.strip() if isinstance(value, str) else value
        if tidy == getattr(self._row, name):
            self.fields[name].input.value = tidy
        else:
            self._edited(name, tidy, False)

    def fill(
        self,
        row: Any,
        problems: Mapping[str, str],
        hints: Mapping[str, str],
        visible: Sequence[str] | None = None,
    ) -> None:
        """Show a row with what is wrong with it; fields that are not ``visible`` are hidden."""
        self._row = row
        for name, field in self.fields.items():
            if field.input.value != getattr(row, name):
                field.input.value = getattr(row, name)
            shown = visible is None or name in visible
            field.show(problems.get(name, ""), hints.get(name, ""), shown)
