"""Stopping a send from outside: a file beside its outbox, Ctrl-C, a notebook's Interrupt."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from sessim.senders.pool import Waiting

LOOK: Final = 0.05
"""Seconds between two looks at the file."""

ENOUGH: Final = 2
"""Glances at a send that was stopped until it is told what it waits for."""

NONE: Final = (signal.SIG_IGN, None)
"""Handlers that are not replaced: nobody listens to the signal, or something outside Python."""


class SendStopped(KeyboardInterrupt):
    """Somebody pressed Ctrl-C or Interrupt, and the send is stopped: nothing is lost.

    Parameters
    ----------
    outbox
        Where everything is written down.
    """

    def __init__(self, outbox: Path) -> None:
        super().__init__(outbox)
        self.outbox = outbox

    def __str__(self) -> str:
        return (
            "the send is stopped and everything is written down; go on with "
            f"Sending.resume({str(self.outbox)!r})"
        )


class Herald:
    """Says why a send waits: what its end waits for a moment after a stop, or for a connection.

    Parameters
    ----------
    tell
        Takes the sentence; by default standard error shows it, in a notebook below the cell.
    """

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self._tell = tell or partial(print, file=sys.stderr, flush=True)
        self._glances = 0
        self._trouble = ""

    def worry(self, trouble: str) -> None:
        """Say, once as long as it stays the same, why nothing is sent."""
        if trouble and trouble != self._trouble:
            self._tell(trouble)
        self._trouble = trouble or self._trouble

    def glance(self, waiting: Waiting, times: str) -> None:
        """Look at a send that was stopped; most end before the second look.

        ``times`` says how often Ctrl-C, or a notebook's Interrupt, ends the waiting.
        """
        self._glances += 1
        if self._glances == ENOUGH and waiting.messages:
            s = "s" if waiting.messages > 1 else ""
            self._tell(
                f"waiting for the server's answer to {waiting.messages} message{s}, at most "
                f"{ceil(waiting.seconds):,} seconds; Ctrl-C {times} stops now and lists them as "
                "unknown"
            )


class Latch:
    """Set once, and waited for; unlike a :class:`threading.Event` a signal's handler may set it.

    An event holds a lock for an instant while somebody begins to wait: a handler that sets it in
    that instant, in the same thread, would wait for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Set it, for good."""
        self._is_set = True

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._is_set

    def wait(self, seconds: float) -> None:
        """Sleep for some seconds, or not at all if it is set."""
        if not self._is_set and seconds > 0:
            time.sleep(seconds)


class StopFile:
    """A file that stops a send when somebody makes it, for a ``with`` statement.

    One that is there already is removed: whoever starts or resumes a send wants it to go on.

    Parameters
    ----------
    outbox
        The file is called as the outbox, with ``.stop`` behind it.
    stop
        Called once, from another thread.
    """

    def __init__(self, outbox: Path, stop: Callable[[], None]) -> None:
        self.path = outbox.with_name(f"{outbox.name}.stop")
        self._stop = stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sessim-stop", daemon=True)

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            if self.path.exists():
                self._stop()
                return


@contextmanager
def interruptible(*stops: Callable[[], None]) -> Iterator[list[int]]:
    """Let Ctrl-C call a function instead of ending what is under way, and again the next one.

    Once more, and it does end it. Only the main thread hears of Ctrl-C; in any other nothing
    changes.

    Parameters
    ----------
    stops
        What a signal's handler may call.

    Yields
    ------
    list of int
        The signals received so far.
    """
    received: list[int] = []

    def heed(number: int, _: FrameType | None) -> None:
        if len(received) == len(stops):
            raise KeyboardInterrupt
        received.append(number)
        stops[len(received) - 1]()

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in NONE:
        yield received
        return
    signal.signal(signal.SIGINT, heed)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)
