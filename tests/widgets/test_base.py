"""What all panels share."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from sessim.widgets.console import Console
from tests import results


def choice(index: int) -> dict[str, Any]:
    """Return the message with which a browser tells that an option has been chosen."""
    data = {"method": "update", "state": {"index": index}, "buffer_paths": []}
    return {"content": {"data": data}, "buffers": []}


def test_the_browser_is_heard_where_the_panel_lives() -> None:
    async def scenario() -> None:
        console = Console(results.launch())
        console._repr_mimebundle_()
        heard: list[tuple[Any, threading.Thread]] = []
        console.observe(lambda c: heard.append((c.new, threading.current_thread())), "selected")
        # as from a subshell, which ipykernel runs in a thread of its own
        await asyncio.to_thread(console.life_box.comm.handle_msg, choice(3))
        console.life_box.comm.handle_msg(choice(2))
        here = threading.current_thread()
        assert heard == [((3,), here), ((2,), here)]

    asyncio.run(scenario())


def test_an_error_of_a_callback_leaves_nobody_waiting() -> None:
    async def scenario() -> None:
        console = Console(results.launch())
        console._repr_mimebundle_()
        console._draw = lambda: 1 / 0  # type: ignore[method-assign]
        await asyncio.to_thread(console.life_box.comm.handle_msg, choice(3))
        assert console.error == "ZeroDivisionError: division by zero"

    asyncio.run(scenario())


def test_without_a_loop_a_panel_is_shown_all_the_same() -> None:
    assert "application/vnd.jupyter.widget-view+json" in Console()._repr_mimebundle_()
