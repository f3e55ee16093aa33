"""A send under way: the model advanced by a clock, its emails handed over, all of it resumable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sessim.clock import SECOND
from sessim.errors import OutboxError
from sessim.result import Result
from sessim.senders.caps import Ramp
from sessim.senders.courier import Courier
from sessim.senders.dispatch import Dispatch
from sessim.senders.handover import SendingModel
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.pool import Waiting
from sessim.senders.requests import Act, Notes
from sessim.senders.starting import begun, mails_of, pool_for
from sessim.senders.states import State
from sessim.senders.steering import Steering
from sessim.senders.stopping import Herald, Latch, SendStopped, StopFile, interruptible
from sessim.senders.switch import require_armed
from sessim.simulation import Bar, Progress

TICK: Final = 0.05
"""Seconds between two looks at the clock."""

FEWEST: Final = 4
MOST: Final = 4096
"""Emails that the model hands over between two looks at what is asked for."""

LATE: Final = 5.0
"""Seconds behind the clock after which the time that was missed passes without sending."""

KEEP: Final = 1.0
"""Seconds between two checkpoints, at least; what they miss is in the outbox's rows."""


class Sending:
    """A send under way, for a ``with`` statement: the outbox is held, the server is there.

    Made by :meth:`start` or :meth:`resume`. :meth:`run` sends to the end, in whatever thread. Any
    other thread may meanwhile look at ``result`` and ``counts``, pause tasks, have them go on,
    cancel them, and stop it all: none of that waits for a server.

    Parameters
    ----------
    order
        What is sent, and how.
    outbox
        Every recipient with its state.

    Attributes
    ----------
    order, outbox
        As given.
    model
        The model, which says what is sent when; only for who runs it.
    """

    def __init__(self, order: Order, outbox: Outbox) -> None:
        self.order, self.outbox = order, outbox
        self._stop = Latch()
        self._turn = threading.Lock()  # held by who moves the model
        self._looking = threading.Lock()
        self._resources = ExitStack()
        self._kept = self._shown = 0.0
        self._slice = FEWEST
        self._is_whole = True

    @classmethod
    def start(cls, order: Order, path: str | Path, *, confirm: str | None = None) -> Sending:
        """Begin a send with a new outbox.

        Parameters
        ----------
        order
            What is sent, and how.
        path
            The outbox: a file that is not there yet. The mails of a loopback send are kept beside
            it, in a folder of the same name with ``.mails`` behind it.
        confirm
            The token of a live send (see :func:`~sessim.senders.switch.preview`).

        Raises
        ------
        SessimError
            If the order cannot be sent, or may not.
        """
        return cls(order, begun(order, path, confirm))

    @classmethod
    def resume(cls, path: str | Path) -> Sending:
        """Go on with a send that was stopped or killed.

        What was in the sender's hands then is ``unknown`` now, and is not sent again (see
        :meth:`~sessim.senders.outbox.Outbox.recover`); runs that ended in ERROR are tried again.

        Raises
        ------
        SessimError
            If the outbox cannot be gone on with, or the environment does not allow the server.
        """
        outbox = Outbox.resume(path)
        try:
            order = Order.from_json(outbox.header.plan)
            order.check_taken_in(found.name for found in outbox.lists())
            if order.mode == "live":
                require_armed(order.where)
            if order.digests() != outbox.header.digests:
                raise OutboxError(
                    f"outbox {Path(path).name!r} was made for other texts or attachments; "
                    "bring the templates back as they were"
                )
        except BaseException:
            outbox.close()
            raise
        return cls(order, outbox)

    # --- beginning and ending -----------------------------------------------------------------

    def __enter__(self) -> Self:
        self._resources.enter_context(self.outbox)
        rate = float(self.order.plan.rate) * self.order.speed
        try:
            notes = self._resources.enter_context(closing(Notes(self.outbox.path)))
            pool = pool_for(self.order, self.mails, self._resources)
            self._courier = self._resources.enter_context(Courier(pool, rate))
            self.dispatch = Dispatch(self.order, self.outbox, self._courier)
            self.model = self._model()
            self._steering = Steering(self.model, self.dispatch, notes)
            self._left_out = self.left_out()
            self._show()
            self._resources.enter_context(StopFile(self.outbox.path, self.stop))
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        try:
            with self._turn:
                if self._is_whole:
                    self._obey()
                    self._keep()
                    self._show()
        finally:
            if not self._is_whole:  # nobody is to wait for the messages in hand any more
                self._courier.abort()
            self._resources.close()

    @property
    def mails(self) -> Path:
        """Where a loopback send keeps the mails, a Maildir."""
        return mails_of(self.outbox.path)

    def _model(self) -> SendingModel:
        checkpoint = self.outbox.checkpoint()
        is_live = self.order.mode == "live"
        sender = Ramp(self.dispatch, self.outbox) if is_live else self.dispatch
        if checkpoint is None:
            return SendingModel(self.order.plan, sender)
        model = SendingModel.restore(checkpoint, sender)
        self.dispatch.told = model.dealt_with
        self.dispatch.held |= model.held
        model.retry()
        return model

    # --- running ------------------------------------------------------------------------------

    def run(
        self, progress: Progress | None = None, tell: Callable[[str], object] | None = None
    ) -> Result:
        """Send until all is done, the horizon is reached, or somebody or something stops it.

        Parameters
        ----------
        progress
            As of :func:`sessim.simulate`: a bar of the emails.
        tell
            Takes the sentence about what a stop waits for; by default it goes to standard error.

        Raises
        ------
        SendStopped
            After Ctrl-C, or a notebook's Interrupt: each connection has finished the message in
            hand, or given it up after the second one; all of it is in the outbox, and the error
            says how to go on.
        """
        herald = Herald(tell)
        with (
            self._bar(progress) as bar,
            interruptible(self.stop, partial(self.stop, at_once=True)) as interrupts,
        ):
            self._courier.glance = lambda: self._glance(herald, interrupts)
            self._run(bar)
        if interrupts:
            raise SendStopped(self.outbox.path)
        return self.result

    @contextmanager
    def _bar(self, progress: Progress | None) -> Iterator[Bar | None]:
        if progress is None:
            yield None
            return
        total = int(self.order.plan.runs.requests.sum())
        bar = progress(total=total, unit="email", desc="Sending")
        bar.update(self.model.emails)
        try:
            yield bar
        finally:
            bar.close()

    def _run(self, bar: Bar | None) -> None:
        tick = time.monotonic()
        while not self.is_over:
            begun = time.monotonic()
            until = self._target()
            while self._comes_nearer(until, bar):
                pass
            tick = max(tick, begun - TICK) + TICK  # a little time that was lost is made up for
            self._stop.wait(tick - time.monotonic())
        with self._turn:
            self._obey()
            self._show()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent: all is done, or it was stopped."""
        ended = self.model.finished or self.model.env.now >= self.order.plan.end_instant
        return self._stop.is_set() or self.problem is not None or ended

    def _target(self) -> int:
        """Return up to when the model is to come now."""
        now = int(self.model.env.now)
        if self.order.mode == "loopback" or self.order.speed != 1:
            # While messages are under way the plan's time stands still: nothing comes too late.
            return min(now + round(TICK * self.order.speed * SECOND), self.order.plan.end_instant)
        wall = min(time.time_ns() // 1000, self.order.plan.end_instant)
        if wall - now > LATE * SECOND:
            with self._turn:
                self.model.pass_to(wall)
        return wall

    def _comes_nearer(self, until: int, bar: Bar | None) -> bool:
        with self._turn:
            self._step(until, bar)
        return not self.is_over and self.model.env.now < until

    def _step(self, until: int, bar: Bar | None) -> None:
        """Come a little nearer to an instant: by as many emails as take about a tick."""
        begun, before = time.monotonic(), self.model.emails
        self._obey()
        self._is_whole = False  # until it returns: an error leaves half a step
        self.model.approach(until, self._slice)
        self._is_whole = True
        now = time.monotonic()
        factor = 2 if now - begun < TICK / 2 else 0.5
        self._slice = int(min(max(self._slice * factor, FEWEST), MOST))
        if bar is not None:
            bar.update(self.model.emails - before)
        if now - self._kept > KEEP:
            self._keep()
            self._kept = now
        if now - self._shown > TICK:
            self._show()
            self._shown = now

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._stop.is_set()

    def stop(self, *, at_once: bool = False) -> None:
        """Stop, from any thread: each connection finishes at most the message in hand.

        A file with the outbox's name and ``.stop`` behind it does the same. With ``at_once`` even
        that is given up: what the server may have is ``unknown`` then.
        """
        self._stop.set()
        self._courier.stop()
        if at_once:
            self._courier.abort()

    @property
    def waiting(self) -> Waiting:
        """How many messages are in hand, and how many seconds they may take at most."""
        return self._courier.waiting

    def _glance(self, herald: Herald, interrupts: Sequence[int]) -> None:
        self._counts = self.outbox.counts()  # the model waits, others write down answers
        if self._stop.is_set():
            herald.glance(self.waiting, "again" if interrupts else "twice")
        else:
            herald.worry(self._courier.trouble)

    # --- what the user asks for ---------------------------------------------------------------

    def pause(self, task: int | str | None = None) -> None:
        """Pause a task, or all of them: each connection finishes at most the message in hand.

        Its runs are PAUSED, their emails cached, until :meth:`unpause`, whatever day begins; runs
        of it that become due meanwhile, too. The plan's time goes on. A pause survives a stop and
        a kill.

        Parameters
        ----------
        task
            Its id or its name, by default all tasks.

        Raises
        ------
        ArgumentError
            If there is no such task, or nothing of it is left to be sent.
        """
        self._ask("pause", task)

    def unpause(self, task: int | str | None = None) -> None:
        """Have a paused task go on, or all of them; parameters and errors as of :meth:`pause`.

        What is left of the day's limit may be nothing: then it goes on when the limit begins anew.
        """
        self._ask("unpause", task)

    def cancel(self, task: int | str | None = None) -> None:
        """Cancel a task, or all; parameters and errors as of :meth:`pause`."""
        self._ask("cancel", task)

    @property
    def held(self) -> frozenset[int]:
        """The ids of the tasks that the user has paused."""
        return frozenset(self.dispatch.held)

    def _ask(self, act: Act, task: int | str | None) -> None:
        """Take a request down; obey at once if nobody moves the model."""
        self._steering.ask(act, task)
        if self._turn.acquire(blocking=False):
            try:
                self._obey()
            finally:
                self._turn.release()

    def _obey(self) -> None:
        """Do what was asked for; who holds the turn calls it."""
        if self._steering.obey(self._keep):
            self._show()

    # --- looking on ---------------------------------------------------------------------------

    @property
    def problem(self) -> Exception | None:
        """What stopped the send: a server that refuses it, for example."""
        return self._courier.problem

    @property
    def result(self) -> Result:
        """What has come of the plan so far, as it was a moment ago; waits for no server."""
        with self._looking:  # whoever looks first unfolds the log for all
            log = self._log
            len(log)
        return Result(log)

    def left_out(self) -> dict[str, int]:
        """Return how many rows of each task's list cannot be used, by the task's id as a text.

        They are in no count; the outbox has each with line and reason, the log's metadata these.
        """
        refused = {found.name: found.refused for found in self.outbox.lists()}
        return {str(task): refused[name] for task, name in self.order.lists.items()}

    @property
    def counts(self) -> dict[State, int]:
        """How many rows of the outbox are in each state, as they were a moment ago."""
        return self._counts

    def _keep(self) -> None:
        """Keep a checkpoint, but not of a model that broke off in the middle of a step."""
        if self._is_whole:
            self.outbox.settle((), self.model.dump())

    def _show(self) -> None:
        """Let others see how far it is."""
        log = self.model.log()
        log.meta = {**log.meta, "left_out": self._left_out}
        self._log, self._counts = log, self.outbox.counts()
