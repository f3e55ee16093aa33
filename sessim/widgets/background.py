"""Work that a panel does in a thread, so that it goes on answering; what came of it in the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

_Value = TypeVar("_Value")


class Background:
    """One piece of work at a time: a newer one makes those before obsolete.

    Parameters
    ----------
    busy
        Is called with True when work begins, with False when none is under way any more.
    """

    def __init__(self, busy: Callable[[bool], None]) -> None:
        self._busy = busy
        self._task: asyncio.Task[None] | None = None

    def run(
        self, work: Callable[[], _Value], done: Callable[[Callable[[], _Value]], Any]
    ) -> asyncio.Task[None] | None:
        """Do some work, then call ``done`` with a function that returns or raises what came of it.

        Returns
        -------
        asyncio.Task or None
            In a notebook, or wherever else an event loop is running: the task, which may be
            awaited. Else the work has been done.
        """
        self.drop()
        self._busy(True)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._busy(False)
            done(work)
            return None
        self._task = loop.create_task(self._work(work, done))
        return self._task

    def drop(self) -> None:
        """Take no interest any more in what is under way; a thread cannot be stopped."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._busy(False)
        self._task = None

    async def _work(
        self, work: Callable[[], _Value], done: Callable[[Callable[[], _Value]], Any]
    ) -> None:
        outcome = asyncio.ensure_future(asyncio.to_thread(work))
        await asyncio.wait([outcome])
        self._busy(False)
        done(outcome.result)
