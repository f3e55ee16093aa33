"""A send under way: the model advanced by a clock, its emails handed over, all of it resumable."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sessim.clock import SECOND
from sessim.errors import OutboxError
from sessim.result import Result
from sessim.senders import credentials
from sessim.senders.caps import Ramp
from sessim.senders.courier import Courier
from sessim.senders.dispatch import Dispatch
from sessim.senders.guards import fence, guard_for
from sessim.senders.handover import SendingModel
from sessim.senders.loopback import Loopback
from sessim.senders.order import Order
from sessim.senders.outbox import Outbox
from sessim.senders.pool import Pool
from sessim.senders.settings import Guard, Server
from sessim.senders.states import State
from sessim.senders.stopping import Latch, SendStopped, StopFile, interruptible
from sessim.senders.store import Header
from sessim.senders.switch import preview, require_armed, require_confirmed
from sessim.simulation import Bar, Progress

TICK: Final = 0.05
"""Seconds between two looks at the clock."""

LATE: Final = 5.0
"""Seconds behind the clock after which the time that was missed passes without sending."""

KEEP: Final = 1.0
"""Seconds between two checkpoints, at least; what they miss is in the outbox's rows."""


class Sending:
    """A send under way, for a ``with`` statement: the outbox is held, the server is there.

    Made by :meth:`start` or :meth:`resume`. :meth:`run` sends to the end, in whatever thread; any
    other thread may look at ``result`` and ``counts`` meanwhile, and stop it.

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
        The model, which says what is sent when.
    """

    def __init__(self, order: Order, outbox: Outbox) -> None:
        self.order, self.outbox = order, outbox
        self._stop = Latch()
        self._turn = threading.RLock()  # a panel looks on from another thread
        self._resources = ExitStack()
        self._kept = 0.0
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
        if order.mode == "live":
            require_confirmed(preview(order), confirm)
        order.check_variables()
        header = Header(order.mode, order.server, confirm or "", order.to_json(), order.digests())
        outbox = Outbox.create(path, header)
        try:
            for name, group in order.groups():
                outbox.add_list(name, group)
            outbox.suppress(order.suppressed(), "on the suppression list of the order")
        except BaseException:
            outbox.close()
            Path(path).unlink()
            raise
        return cls(order, outbox)

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
            self._courier = self._resources.enter_context(Courier(self._pool(), rate))
            self.model = self._model()
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
            self._keep()
        finally:
            if not self._is_whole:  # nobody waits for the messages in hand any more
                self._courier.abort()
            self._resources.close()

    @property
    def mails(self) -> Path:
        """Where a loopback send keeps the mails, a Maildir."""
        return self.outbox.path.with_name(f"{self.outbox.path.name}.mails")

    def _pool(self) -> Pool:
        if self.order.mode == "live":
            where = self.order.where
            found = None if where.tls == "none" else credentials.find(where.host)
            return Pool(where, guard=guard_for(where, fence(self.order)), credentials=found)
        server = self._resources.enter_context(Loopback(self.mails))
        here = Server(server.host, server.port, tls="none")
        return Pool(here, guard=Guard.only(server.host, server.port, fence(self.order)))

    def _model(self) -> SendingModel:
        order, checkpoint = self.order, self.outbox.checkpoint()
        dispatch = Dispatch(order, self.outbox, self._courier)
        sender = Ramp(dispatch, self.outbox) if order.mode == "live" else dispatch
        if checkpoint is None:
            return SendingModel(order.plan, sender)
        model = SendingModel.restore(checkpoint, sender)
        dispatch.told = model.dealt_with
        model.retry()
        return model

    # --- running ------------------------------------------------------------------------------

    def run(self, progress: Progress | None = None) -> Result:
        """Send until all is done, the horizon is reached, or somebody or something stops it.

        Parameters
        ----------
        progress
            As of :func:`sessim.simulate`: a bar of the emails.

        Raises
        ------
        SendStopped
            After Ctrl-C, or a notebook's Interrupt: each connection has finished the message in
            hand, all of it is in the outbox, and the error says how to go on.
        """
        with self._bar(progress) as bar, interruptible(self.stop) as interrupts:
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
            before = self.model.emails
            begun = time.monotonic()
            with self._turn:
                self._is_whole = False  # until it returns: an error leaves half a step
                self._advance()
                self._is_whole = True
            if bar is not None:
                bar.update(self.model.emails - before)
            if begun - self._kept > KEEP:
                self._keep()
                self._kept = begun
            tick = max(tick, begun - TICK) + TICK  # a little time that was lost is made up for
            self._stop.wait(tick - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent: all is done, or it was stopped."""
        ended = self.model.finished or self.model.env.now >= self.order.plan.end_instant
        return self._stop.is_set() or self.problem is not None or ended

    def _advance(self) -> None:
        model = self.model
        now = int(model.env.now)
        if self.order.mode == "loopback" or self.order.speed != 1:
            # While messages are under way the plan's time stands still: nothing comes too late.
            model.run(now + round(TICK * self.order.speed * SECOND))
            return
        wall = time.time_ns() // 1000
        if wall - now > LATE * SECOND:
            model.pass_to(wall)
        model.run(wall)

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Stop, from any thread: each connection finishes at most the message in hand.

        A file with the outbox's name and ``.stop`` behind it does the same.
        """
        self._stop.set()
        self._courier.stop()

    def cancel(self, task: int) -> None:
        """Cancel a task, given by its id, as its user does in the console."""
        with self._turn:
            self.model.cancel(task)
            for run in self.outbox.runs():
                if run.task == task:
                    self.outbox.cancel(run)
            self._keep()

    # --- looking on ---------------------------------------------------------------------------

    @property
    def problem(self) -> Exception | None:
        """What stopped the send: a server that refuses it, for example."""
        return self._courier.problem

    @property
    def result(self) -> Result:
        """What has come of the plan so far."""
        with self._turn:
            return Result(self.model.log())

    @property
    def counts(self) -> dict[State, int]:
        """How many rows of the outbox are in each state."""
        return self.outbox.counts()

    def _keep(self) -> None:
        """Keep a checkpoint, but not of a model that broke off in the middle of a step."""
        with self._turn:
            if self._is_whole:
                self.outbox.settle((), self.model.dump())
