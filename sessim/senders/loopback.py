"""A mail server of our own on 127.0.0.1, which really receives mails and keeps them.

They are kept as a Maildir, one file for each mail: any mail client and ``mailbox.Maildir`` open it,
the bytes are exactly those that were sent (mbox would change lines that begin with ``From``), and
a mail is either whole in ``new`` or not there, whenever the process is killed. Beside it,
``received.csv`` has a line for each recipient of each mail, in the order of arrival.
"""

from __future__ import annotations

import asyncio
import csv
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, NamedTuple, Self, TextIO, cast

HOST: Final = "127.0.0.1"
LARGEST: Final = 25_000_000  # bytes of a mail
LONGEST_COMMAND: Final = 4096  # bytes
MOST_RECIPIENTS: Final = 100
INDEX: Final = "received.csv"
COLUMNS: Final = ("file", "sender", "recipient", "bytes")

_COMMAND = re.compile(rb"([A-Za-z]+)(?: +(.*))?")
_PATH = re.compile(rb"(?:FROM|TO): ?<([^<>]*)>(?: (.*))?", re.IGNORECASE)
_END = b"\r\n.\r\n"

OFFERED: Final = ("PIPELINING", f"SIZE {LARGEST}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")


class Received(NamedTuple):
    """A mail for one recipient: the Maildir's file, both envelope addresses, its size in bytes."""

    file: Path
    sender: str
    recipient: str
    size: int


class Mailroom:
    """Where mails are kept: a Maildir, its index, and the number of mails for each recipient."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._index = self._opened(folder / INDEX)
        self._writer = csv.writer(self._index, lineterminator="\n")
        self._number = self._take_stock()

    def keep(self, sender: str, recipients: list[str], mail: bytes) -> str:
        """Keep a mail; return the name of its file."""
        self._number += 1
        name = f"{self._number:09d}.sessim"
        draft = self.folder / "tmp" / name
        draft.write_bytes(mail)
        draft.rename(self.folder / "new" / name)
        for recipient in recipients:
            self._writer.writerow((name, sender, recipient, len(mail)))
        self.counts.update(recipients)
        return name

    def flush(self) -> None:
        """Make the index readable up to the last mail."""
        self._index.flush()

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _opened(self, path: Path) -> TextIO:
        is_new = not path.exists()
        file = path.open("a", encoding="utf-8", newline="")
        if is_new:
            file.write(",".join(COLUMNS) + "\n")
            file.flush()
        return file

    def _take_stock(self) -> int:
        """Count what an earlier server kept here; return the number of its last mail."""
        self.counts.update(received.recipient for received in read_index(self.folder))
        names = (path.name for part in ("new", "cur") for path in (self.folder / part).iterdir())
        return max((int(name[:9]) for name in names if name[:9].isdigit()), default=0)


def read_index(folder: Path) -> Iterator[Received]:
    """Yield the mails of a folder in the order of their arrival."""
    with (folder / INDEX).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path = folder / "new" / row["file"]
            yield Received(path, row["sender"], row["recipient"], int(row["bytes"]))


class Session(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, mailroom: Mailroom, others: set[Session]) -> None:
        self._mailroom, self._others = mailroom, others
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._seen = 0  # of the buffer, what holds no end of a mail
        self._replies: list[bytes] = []
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._is_mail = False
        self._is_over = False

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._others.add(self)
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sessim loopback ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Work off what arrived, and answer all of it in one go."""
        self._buffer += data
        while not self._is_over and (self._take_mail() if self._is_mail else self._take_line()):
            pass
        assert self._transport is not None
        self._transport.write(b"".join(self._replies))
        self._replies.clear()
        if self._is_over:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._others.discard(self)

    def abort(self) -> None:
        """Drop the client."""
        if self._transport is not None:
            self._transport.abort()

    # --- how it does it ---

    def _say(self, line: str) -> None:
        self._replies.append(line.encode() + b"\r\n")

    def _take_line(self) -> bool:
        """Take a command from the buffer; return whether there was a whole one."""
        end = self._buffer.find(b"\n")
        if end < 0 and len(self._buffer) <= LONGEST_COMMAND:
            return False
        if end < 0 or end > LONGEST_COMMAND:
            self._hang_up("500 5.5.2 line too long")
            return False
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        self._obey(line)
        return True

    def _take_mail(self) -> bool:
        """Take a mail from the buffer; return whether it was all there."""
        # The line break before the first line is that of DATA: an empty mail is a lone dot.
        end = 0 if self._buffer.startswith(_END[2:]) else self._buffer.find(_END, self._seen) + 2
        if end == 1:
            self._seen = max(0, len(self._buffer) - len(_END))
            if len(self._buffer) > 2 * LARGEST:
                self._hang_up("552 5.3.4 too big")
            return False
        mail = bytes(self._buffer[:end])
        del self._buffer[: end + 3]
        self._seen, self._is_mail = 0, False
        if mail.startswith(b"."):
            mail = mail[1:]
        self._keep(mail.replace(b"\r\n.", b"\r\n"))
        return True

    def _keep(self, mail: bytes) -> None:
        if len(mail) > LARGEST:
            self._say("552 5.3.4 too big")
        else:
            assert self._sender is not None
            try:
                name = self._mailroom.keep(self._sender, self._recipients, mail)
            except OSError as error:
                self._say(f"452 4.3.1 cannot be kept: {error.strerror}")
            else:
                self._say(f"250 2.0.0 kept as {name}")
        self._reset()

    def _obey(self, line: bytes) -> None:
        found = _COMMAND.fullmatch(line)
        verb = found[1].upper().decode("ascii") if found else ""
        obey = self._COMMANDS.get(verb)
        if found is None or obey is None:
            self._say("500 5.5.1 unknown command")
        else:
            obey(self, found[2] or b"")

    def _ehlo(self, rest: bytes) -> None:
        self._reset()
        lines = ("sessim loopback", *OFFERED)
        for number, line in enumerate(lines, start=1):
            self._say(f"250{' ' if number == len(lines) else '-'}{line}")

    def _helo(self, rest: bytes) -> None:
        self._reset()
        self._say("250 sessim loopback")

    def _mail(self, rest: bytes) -> None:
        found = _PATH.fullmatch(rest)
        size = re.search(rb"\bSIZE=(\d{1,20})\b", rest)
        if self._sender is not None:
            self._say("503 5.5.1 there is a sender already")
        elif found is None:
            self._say("501 5.5.4 MAIL FROM:<address> it is")
        elif size is not None and int(size[1]) > LARGEST:
            self._say("552 5.3.4 too big")
        else:
            self._sender = found[1].decode("utf-8", "replace")
            self._say("250 2.1.0 ok")

    def _rcpt(self, rest: bytes) -> None:
        found = _PATH.fullmatch(rest)
        if self._sender is None:
            self._say("503 5.5.1 MAIL first")
        elif found is None or not found[1]:
            self._say("501 5.5.4 RCPT TO:<address> it is")
        elif len(self._recipients) >= MOST_RECIPIENTS:
            self._say("452 4.5.3 too many recipients")
        else:
            self._recipients.append(found[1].decode("utf-8", "replace"))
            self._say("250 2.1.5 ok")

    def _data(self, rest: bytes) -> None:
        if not self._recipients:
            self._say("503 5.5.1 RCPT first")
        else:
            self._is_mail = True
            self._say("354 go on")

    def _rset(self, rest: bytes) -> None:
        self._reset()
        self._say("250 2.0.0 ok")

    def _noop(self, rest: bytes) -> None:
        self._say("250 2.0.0 ok")

    def _quit(self, rest: bytes) -> None:
        self._hang_up("221 2.0.0 bye")

    def _hang_up(self, line: str) -> None:
        self._say(line)
        self._is_over = True

    def _reset(self) -> None:
        self._sender, self._recipients = None, []

    _COMMANDS: ClassVar[dict[str, Callable[[Session, bytes], None]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "RSET": _rset,
        "NOOP": _noop,
        "QUIT": _quit,
    }


class Loopback:
    """The server, in a thread of its own, for a ``with`` statement or `start` and `stop`.

    Parameters
    ----------
    folder
        Where the mails are kept, a Maildir; made if it is not there. Mails that an earlier
        server kept there stay.
    port
        Where to listen on 127.0.0.1; by default any free port.

    Examples
    --------
    >>> with Loopback(folder) as server:  # doctest: +SKIP
    ...     send_to(server.port)
    >>> server.counts["ann@example.com"]  # doctest: +SKIP
    1
    """

    def __init__(self, folder: Path | str, port: int = 0) -> None:
        self.host, self.port = HOST, port
        self.folder = Path(folder)
        self._sessions: set[Session] = set()
        self._mailroom: Mailroom | None = None
        self._hang_up: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._problem: BaseException | None = None

    @property
    def counts(self) -> Counter[str]:
        """Return how many mails each recipient has been sent."""
        return Counter() if self._mailroom is None else self._mailroom.counts

    def received(self) -> Iterator[Received]:
        """Yield the mails kept so far, in the order of their arrival."""
        if self._mailroom is not None and self._thread is not None:
            self._mailroom.flush()
        return read_index(self.folder)

    def start(self) -> Self:
        """Listen.

        Raises
        ------
        OSError
            The folder cannot be written, or the port is taken.
        """
        self._mailroom = Mailroom(self.folder)
        self._thread = threading.Thread(target=self._run, name="sessim-loopback", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._problem is not None:
            self.stop()
            raise self._problem
        return self

    def stop(self) -> None:
        """Drop every client, end the thread, close the index. May be called twice."""
        if self._thread is None or self._mailroom is None:
            return
        if self._hang_up is not None:
            self._hang_up()
        self._thread.join()
        self._thread = None
        self._mailroom.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._problem = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(self._session, HOST, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._hang_up = lambda: loop.call_soon_threadsafe(end.set)
        self._ready.set()
        async with server:
            await end.wait()
            for session in [*self._sessions]:
                session.abort()

    def _session(self) -> Session:
        assert self._mailroom is not None
        return Session(self._mailroom, self._sessions)
