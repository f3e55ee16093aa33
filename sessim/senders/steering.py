"""Pausing, going on and cancelling while a send runs: asked by any thread, done between steps."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from sessim.errors import ArgumentError
from sessim.senders.dispatch import Dispatch
from sessim.senders.handover import SendingModel
from sessim.senders.requests import ALL, Act, Notes, Request, number_of

LOOK: Final = 0.05
"""Seconds between two looks at the notes in the outbox."""


class Steering:
    """What the user of a send asks for, until it is done.

    Parameters
    ----------
    model
        Only for who moves it; others ask.
    dispatch
        What it sends with.
    notes
        What other processes ask for.
    """

    def __init__(self, model: SendingModel, dispatch: Dispatch, notes: Notes) -> None:
        self._model, self._dispatch, self._notes = model, dispatch, notes
        self._asked: deque[Request] = deque()
        self._looked = 0.0

    def ask(self, act: Act, task: int | str | None) -> None:
        """Take a request down, from any thread; nothing more of a paused task is begun from now on.

        Raises
        ------
        ArgumentError
            If there is no such task, or nothing of it is left to be sent.
        """
        plan = self._model.plan
        number = number_of(plan, task)
        if number != ALL and self._model.is_over(number):
            name = plan.tasks[number - 1].name
            raise ArgumentError(f"task: nothing of {name!r} is left to be sent; name another")
        request = Request(act, number)
        self._asked.append(request)  # before the next line: see obey()
        if act != "unpause":
            tasks = self._tasks(request)
            self._dispatch.held.update(tasks)
            if self._dispatch.in_hand in tasks:
                self._dispatch.courier.hold()

    def obey(self, keep: Callable[[], None]) -> bool:
        """Do what was asked for, and have it kept; return whether that was anything.

        For who moves the model. What comes in meanwhile is done, too: only then is it sure that
        nothing is sent of what was paused last.
        """
        is_asked = False
        while found := list(self._requests()):
            is_asked = True
            for request in found:
                for task in self._tasks(request):
                    self._act(request.act, task)
            self._dispatch.held = set(self._model.held)
            keep()
            self._notes.strike(found)
        return is_asked

    def _requests(self) -> Iterator[Request]:
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._looked = now
            yield from self._notes.read()
        while self._asked:
            yield self._asked.popleft()

    def _tasks(self, request: Request) -> list[int]:
        if request.task != ALL:
            return [request.task]
        every = range(1, len(self._model.plan.tasks) + 1)
        return [task for task in every if not self._model.is_over(task)]

    def _act(self, act: Act, task: int) -> None:
        if act == "pause":
            self._model.hold(task)
        elif act == "unpause":
            self._model.release(task)
        else:
            self._model.cancel(task)
            outbox = self._dispatch.outbox
            for run in outbox.runs():
                if run.task == task:
                    outbox.cancel(run)
