"""The control of the simulated time: a slider, a time field with steps, and a play button."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import ipywidgets
import numpy as np
import traitlets

from sessim.clock import DAY, SECOND, Clock
from sessim.ledger import Ints
from sessim.widgets.labels import Words

MINUTE: Final = 60 * SECOND
STEPS: Final = (10, 30, 60, 180, 360, 720, 1440, 10_080)
"""Minutes that a step may have."""

_FRAMES: Final = 250  # that playing the whole span should take, about
_INTERVAL: Final = 0.15  # seconds a frame


class TimeBar(ipywidgets.VBox):  # type: ignore[misc]
    """Chooses an instant between two.

    Parameters
    ----------
    words
        The language.

    Attributes
    ----------
    instant
        Trait: the instant, in microseconds since the Unix epoch.
    outside
        Trait: the instant last asked for if it was outside and the nearest is shown, else None.
    step
        Trait: the minutes of a step.
    playing
        Trait: whether the days are being played.
    """

    instant = traitlets.Int()
    outside = traitlets.Int(allow_none=True, default_value=None)
    step = traitlets.Int(60)
    playing = traitlets.Bool(default_value=False, read_only=True)

    def __init__(self, words: Words) -> None:
        self.words = words
        self.clock = Clock("UTC")
        self.start, self.end = 0, 0
        self._changes: Ints = np.zeros(0, dtype=np.int64)
        self._quiet = self._own_step = False
        self._task: asyncio.Task[None] | None = None
        self._build()
        super().__init__([self._slide_row, self._field_row, self._button_row])
        self._on_step()
        self.slider.observe(self._on_slider, "value")
        self.field.observe(self._on_field, "value")
        self.step_box.observe(self._on_step_box, "value")

    # --- for the panel ------------------------------------------------------------------------

    def set_span(self, clock: Clock, start: int, end: int) -> None:
        """Let instants from ``start`` to ``end`` be chosen."""
        if not self._own_step:
            wanted = (end - start) / MINUTE / _FRAMES
            self.step = min(STEPS, key=lambda step: abs(np.log(step / max(wanted, 1))))
        self.clock, self.start, self.end = clock, start, end
        minutes = -(-(end - start) // MINUTE)
        with self._unheard():
            self.slider.max = max(minutes, 1)
            self.field.description = self.words("time_in", zone=clock.zone.key)
            for control in (self.slider, self.field, self.play_button, *self.buttons):
                control.disabled = not minutes
        self.go_to(min(max(self.instant, start), end))
        self._show()

    def set_changes(self, instants: Ints) -> None:
        """Name the instants between which the two buttons of changes step."""
        self._changes = instants

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        words = self.words
        self.slider = ipywidgets.IntSlider(
            0, 0, 1, readout=False, description=words("time"),
            layout={"width": "auto", "flex": "1 1 16rem", "min_width": "12rem"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.play_button = self._button("play", "play", "play_hint", self._on_play)
        self.field = ipywidgets.NaiveDatetimePicker(
            layout={"width": "auto", "max_width": "100%"}, style={"description_width": "initial"}
        )
        self.field.add_class("sessim-time")  # whose width does not depend on the time's seconds
        self.step_box = ipywidgets.Dropdown(
            options=[(_minutes(step, words), step) for step in STEPS], value=self.step,
            description=words("step"), layout={"width": "auto"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.back = self._button("earlier", "chevron-left", "one_step_back", self.go_back)
        self.on = self._button("later", "chevron-right", "one_step_on", self.go_on)
        self.previous = self._button(
            "previous_change", "step-backward", "change_hint", self.go_to_previous_change
        )
        self.next = self._button(
            "next_change", "step-forward", "change_hint", self.go_to_next_change
        )
        self.buttons = (self.back, self.on, self.previous, self.next)
        wrap = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 8px"}
        self._slide_row = ipywidgets.HBox([self.play_button, self.slider], layout=wrap)
        self._field_row = ipywidgets.HBox([self.field, self.step_box], layout=wrap)
        self._button_row = ipywidgets.HBox(self.buttons, layout=wrap)

    def _button(self, label: str, icon: str, tooltip: str, go: Any) -> ipywidgets.Button:
        button = ipywidgets.Button(
            description=self.words(label), icon=icon, tooltip=self.words(tooltip),
            layout={"width": "auto"},
        )  # fmt: skip
        button.on_click(lambda _: go())
        return button

    # --- playing ------------------------------------------------------------------------------

    def play(self) -> asyncio.Task[None] | None:
        """Go on step by step up to the end, from the start if the end is shown.

        Returns
        -------
        asyncio.Task or None
            What goes on, which is cancelled by :meth:`pause`; None where no event loop is
            running: there is nobody to look on.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        if self._task is None:
            self.set_trait("playing", True)
            self._task = loop.create_task(self._play())
        return self._task

    def pause(self) -> None:
        """Stop playing where it is."""
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """Close the control, and stop playing."""
        self.pause()
        super().close()

    async def _play(self) -> None:
        try:
            if self.instant >= self.end:
                self.go_to(self.start)
            while self.instant < self.end:
                await asyncio.sleep(_INTERVAL)
                self.go_on()
        except asyncio.CancelledError:
            pass
        finally:
            self._task = None
            self.set_trait("playing", False)

    def _on_play(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    @traitlets.observe("playing")
    def _on_playing(self, _: Any) -> None:
        self.play_button.icon = "pause" if self.playing else "play"
        self.play_button.description = self.words("pause" if self.playing else "play")

    # --- going --------------------------------------------------------------------------------

    def go_back(self) -> None:
        """Go back by one step."""
        self._step_to(self.instant - self.step * MINUTE)

    def go_on(self) -> None:
        """Go on by one step."""
        self._step_to(self.instant + self.step * MINUTE)

    def go_to_previous_change(self) -> None:
        """Go to the latest change before the present instant, or to the start."""
        place = int(self._changes.searchsorted(self.instant, "left")) - 1
        self._step_to(int(self._changes[place]) if place >= 0 else self.start)

    def go_to_next_change(self) -> None:
        """Go to the first change after the present instant, or to the end."""
        place = int(self._changes.searchsorted(self.instant, "right"))
        self._step_to(int(self._changes[place]) if place < len(self._changes) else self.end)

    def go_to(self, instant: int) -> None:
        """Go to an instant, or to the nearest one there is."""
        nearest = min(max(instant, self.start), self.end)
        self.outside = None if nearest == instant else instant
        self.instant = nearest

    def _step_to(self, instant: int) -> None:
        self.go_to(min(max(instant, self.start), self.end))

    @traitlets.observe("instant")
    def _show(self, _: Any = None) -> None:
        with self._unheard():
            self.slider.value = self._nearest_mark()
            if self.end > self.start:
                self.field.value = self.clock.local(self.instant).replace(tzinfo=None, fold=0)

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        """Let controls be set without being taken for the user's wish."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    @traitlets.observe("step")
    def _on_step(self, _: Any = None) -> None:
        known = {step for _, step in self.step_box.options}
        if self.step not in known:
            with self._unheard():
                self.step_box.options = [
                    (_minutes(step, self.words), step) for step in sorted({*known, self.step})
                ]
        with self._unheard():
            self.step_box.value = self.step
        with self._unheard(), self.slider.hold_sync():
            self.slider.step = self.step
            self.slider.value = self._nearest_mark()

    def _nearest_mark(self) -> int:
        """Return where the handle stands: a browser would not leave it between two steps."""
        minutes, most = (self.instant - self.start) / MINUTE, int(self.slider.max)
        below = min(int(minutes // self.step) * self.step, most)
        above = min(below + self.step, most)
        return below if minutes - below < above - minutes else above

    def _on_step_box(self, change: Any) -> None:
        if not self._quiet:
            self._own_step = True
            self.step = change["new"]

    def _on_slider(self, change: Any) -> None:
        if not self._quiet:
            self._step_to(self.start + change["new"] * MINUTE)

    def _on_field(self, change: Any) -> None:
        value = change["new"]
        if not self._quiet and isinstance(value, dt.datetime):
            self.go_to(self.clock.instant(value))
            self._show()  # also where the time asked for was outside


def _minutes(step: int, words: Words) -> str:
    if step * MINUTE == DAY:
        return words("one_day")
    if step * MINUTE == 7 * DAY:
        return words("one_week")
    if step % 60:
        return words("minutes", n=step)
    return words("one_hour") if step == 60 else words("hours", n=step // 60)
