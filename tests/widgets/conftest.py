"""What every test of a panel gets: callbacks that may fail loudly, and no widget left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import CallbackDispatcher, _instances


@pytest.fixture(autouse=True)
def strict_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the error of a callback reach the test: ipywidgets would only log it."""

    def call(self: CallbackDispatcher, *arguments: Any, **named: Any) -> Any:
        value = None
        for callback in self.callbacks:
            answer = callback(*arguments, **named)
            value = answer if value is None else value
        return value

    monkeypatch.setattr(CallbackDispatcher, "__call__", call)


@pytest.fixture(autouse=True)
def closed_widgets() -> Iterator[None]:
    """Close the widgets that a test made: each stays in a registry until then."""
    before = set(_instances)
    yield
    for key in set(_instances) - before:
        widget = _instances.get(key)
        if isinstance(widget, ipywidgets.Widget):
            widget.close()


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the test work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
