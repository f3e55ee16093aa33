"""What all panels share: errors shown in the panel, text that is never markup, charts as images."""

from __future__ import annotations

import asyncio
import base64
import functools
import html
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import ipywidgets
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sessim.errors import SessimError
from sessim.widgets.labels import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Method = TypeVar("_Method", bound=Callable[..., Any])

DPI = 144


def text(value: object) -> str:
    """Write a value as text inside HTML, whatever it contains."""
    return html.escape(str(value), quote=True)


def image(figure: Figure, description: str) -> str:
    """Return a figure as an ``<img>`` with a text for those who cannot see it.

    The figure needs no pyplot: callbacks may run where pyplot's state is another's.
    """
    png = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(png, format="png", dpi=DPI)
    data = base64.b64encode(png.getvalue()).decode("ascii")
    width = int(figure.get_figwidth() * DPI / 2)
    return (
        f'<img alt="{text(description)}" style="max-width:100%;width:{width}px" '
        f'src="data:image/png;base64,{data}">'
    )


_KEYS: Final = """
const panel = this.closest('.sessim-panel');
if (panel && !panel.sessimKeys) {
  panel.sessimKeys = true;
  const keys = event => {
    const at = event.target;
    if (!panel.contains(at)) { window.removeEventListener('keydown', keys, true); return; }
    const shortcut = event.ctrlKey || event.metaKey || event.altKey
      || (event.shiftKey && event.key === 'Enter');
    at.toggleAttribute('data-lm-suppress-shortcuts', !shortcut && !at.matches(':read-write'));
  };
  panel.addEventListener('focusin', () => window.addEventListener('keydown', keys, true));
  panel.addEventListener('focusout', () => window.removeEventListener('keydown', keys, true));
}
"""
"""Keeps plain keys from JupyterLab while a list, a button or a choice of a panel has the focus.

Lab takes them for commands of the notebook: there the arrow keys left the panel, and D pressed
twice deleted its cell. Ctrl and its like, and Shift+Enter, stay Lab's.
"""
_CSS: Final = """
.sessim-panel .sessim-alert {
  color: var(--jp-error-color1);
  color: color-mix(in srgb, var(--jp-error-color1) 75%, var(--jp-ui-font-color0));
  font-weight: 600;
}
.sessim-panel .sessim-status { color: var(--jp-ui-font-color1); }
"""
_STYLE: Final = f'<style onload="{text(" ".join(_KEYS.split()))}">{_CSS}</style>'
"""Is shown with the status; that it has been loaded is when the keys are looked after."""


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """A panel of the application, usable without a browser.

    Parameters
    ----------
    language
        ``"en"`` or ``"id"``.

    Attributes
    ----------
    error
        Trait: the sentence of the latest error, empty if all is well. The panel shows it.
    message
        Trait: what the panel says about itself, shown beside the error.
    """

    error = traitlets.Unicode()
    message = traitlets.Unicode()

    def __init__(self, language: str = "en", **traits: Any) -> None:
        super().__init__(**traits)
        self.add_class("sessim-panel")
        self.words = Words(language)
        self.status = ipywidgets.HTML()
        self.observe(self._show_status, ["error", "message"])
        self._show_status()

    def _show_status(self, *_: object) -> None:
        kind = "alert" if self.error else "status"
        sign = "⚠ " if self.error else ""
        shown = f"{sign}{text(self.error or self.message)}"
        self.status.value = f'<div role="{kind}" class="sessim-{kind}">{shown}</div>{_STYLE}'

    def _repr_mimebundle_(self, **options: Any) -> Any:
        with suppress(RuntimeError):  # no loop is running: there is no browser to hear
            loop = asyncio.get_running_loop()
            for widget in _family(self):
                if widget.comm is not None:
                    widget.comm.on_msg(_at_home(widget._handle_msg, loop))  # noqa: SLF001
        return super()._repr_mimebundle_(**options)

    def close(self) -> None:
        """Close the panel and every widget in it: they stay in a registry until then."""
        for widget in _family(self):
            if widget is not self:
                widget.close()
        super().close()


def _at_home(hear: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> Callable[[Any], None]:
    """Let messages of the browser be heard in the thread of a loop.

    JupyterLab sends them to a subshell, which ipykernel runs in a thread of its own. There a
    change would come in the middle of another that the loop is working on, such as a frame of a
    console that is being played, and would be lost.
    """
    home = threading.get_ident()

    def post(message: Any) -> None:
        if threading.get_ident() == home:
            hear(message)
            return
        heard: Future[None] = Future()

        def take() -> None:
            try:
                hear(message)
            finally:
                heard.set_result(None)

        loop.call_soon_threadsafe(take)
        heard.result()  # the browser sends the next move of a slider when this one has been heard

    return post


def _family(widget: Any) -> list[Any]:
    """Return a widget, those in it, and their layouts and styles."""
    found = [widget, *(getattr(widget, name, None) for name in ("layout", "style"))]
    for child in getattr(widget, "children", ()):
        found.extend(_family(child))
    return [entry for entry in found if isinstance(entry, ipywidgets.Widget)]


def guarded(method: _Method) -> _Method:
    """Let a callback of a :class:`Panel` show its errors in the panel.

    A user's mistake is shown as its sentence; anything else is shown too and raised again, so
    that it is seen in the log and in tests.
    """

    @functools.wraps(method)
    def call(self: Panel, *arguments: Any, **named: Any) -> Any:
        self.error = ""
        try:
            return method(self, *arguments, **named)
        except SessimError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise
        return None

    return call  # type: ignore[return-value]
