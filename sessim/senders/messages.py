"""Messages: compiled once a run, filled for each recipient in about ten microseconds.

A message is a list of pieces of wire text. Those that are the same for everybody (headers, MIME
structure, attachments, the text between the variables) are made once; filling puts a recipient's
pieces into their places and joins. Every value is made fit for its place (subject, text, HTML,
link) by that place's own rule, so that none can become a header, a tag or a variable.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote

from sessim.errors import RecipientError, SessimWarning, TemplateError
from sessim.recipients import FORBIDDEN
from sessim.senders.letters import Attachment, Letter, mailbox, require_same
from sessim.senders.quoting import (
    CRLF,
    SOFT_BREAK,
    base64_lines,
    file_name,
    header_text,
    quoted,
)
from sessim.senders.templates import LARGEST_MESSAGE, Variable, escaped

LARGE_MESSAGE = 4_000_000
"""Bytes on the wire above which a page of the service says that it refuses: worth a warning."""
LONGEST_SUBJECT = 998  # characters, as the service counts them
LONGEST_LINE = 998  # octets, RFC 5322 section 2.1.1

_TO: Final = "to"
_IDENTITY: Final = "identity"
_SUBJECT: Final = "subject"
_LINK_HEADER: Final = "link"


def _quoted_html(value: str) -> str:
    return quoted(escaped(value))


_IN_BODY: Final[dict[str, Callable[[str], str]]] = {"text": quoted, "html": _quoted_html}
"""How a value is written into a body; every other place of a message is a header of its own."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A gap among the pieces: which one, the header or the body's kind, the variable's number."""

    piece: int
    kind: str
    variable: int = -1


class Form:
    """The messages of one run, but for what each recipient has of its own.

    Parameters
    ----------
    letter
        What to send.
    variables
        The names of the values that :meth:`fill` gets, in their order.
    date
        When the run became due, for ``Date``: one for all its messages, so that a message that
        is sent again after a crash has the same bytes. Must know its zone.
    serial
        What tells the run from others (see :meth:`Outbox.serial`): part of the MIME boundaries.

    Raises
    ------
    TemplateError
        If the variables are not the letter's, or no message could be small enough.
    """

    def __init__(
        self,
        letter: Letter,
        variables: Sequence[str],
        date: datetime,
        serial: str,
        group: str = "the list",
    ) -> None:
        require_same(letter, variables, group)
        self.name = letter.template.name
        self.variables = tuple(variables)
        self._parts = letter.parts()
        self._pieces: list[str] = []
        self._places: list[_Place] = []
        self._headers(letter, date)
        self._structure(letter, serial)
        self._join_fixed()
        self._bodies = tuple(
            (place.piece, _IN_BODY[place.kind], place.variable)
            for place in self._places
            if place.kind in _IN_BODY
        )
        self._at = {p.kind: p.piece for p in self._places if p.kind not in _IN_BODY}
        self._subject = self._pattern("subject")
        self._link = self._pattern("unsubscribe")
        self._check_size(sum(map(len, self._pieces)))

    def __repr__(self) -> str:
        return f"<Form of {self.name}: {len(self._pieces)} pieces>"

    def fill(
        self, address: str, values: Sequence[str], identity: str, original: str | None = None
    ) -> bytes:
        """Return the message to one recipient, in wire form: CRLF, without dot-stuffing.

        All bytes are ASCII unless the address is not.

        Parameters
        ----------
        address
            Whom to send it to, as :class:`~sessim.recipients.Recipient` has it.
        values
            The values of the variables, in the form's order.
        identity
            The ``Message-ID`` with its angle brackets.
        original
            Whom it was meant for, if all mail is redirected: goes into ``X-Sessim-Original-To``.

        Raises
        ------
        RecipientError
            If the recipient's values make no message: a control character in one, a subject or a
            link too long, or a message too large. The sentence names no value.
        """
        self._check_values((address, original or "", identity, *values))
        pieces = self._pieces.copy()
        extra = f"X-Sessim-Original-To: {original}{CRLF}" if original else ""
        pieces[self._at[_TO]] = f"{address}{CRLF}{extra}"
        pieces[self._at[_IDENTITY]] = identity
        pieces[self._at[_SUBJECT]] = self._fill_subject(values)
        if self._link is not None:
            pieces[self._at[_LINK_HEADER]] = self._fill_link(values)
        for piece, write, variable in self._bodies:
            pieces[piece] = write(values[variable])
        message = "".join(pieces).encode()
        if len(message) > LARGEST_MESSAGE:
            raise RecipientError(
                f"the message has {len(message):,} bytes and at most {LARGEST_MESSAGE:,} may be "
                "sent; shorten the row's values"
            )
        return message

    # --- making the pieces ----------------------------------------------------------------------

    def _headers(self, letter: Letter, date: datetime) -> None:
        self._add(f"From: {mailbox('sender', letter.sender)}{CRLF}To: ")
        self._gap(_TO)  # with its line end: another header may follow
        if letter.reply_to is not None:
            self._add(f"Reply-To: {mailbox('reply_to', letter.reply_to)}{CRLF}")
        self._add("Subject: ")
        self._gap(_SUBJECT)
        self._add(f"{CRLF}Date: {format_datetime(date)}{CRLF}Message-ID: ")
        self._gap(_IDENTITY)
        if letter.unsubscribe is not None:
            self._add(f"{CRLF}List-Unsubscribe: <")
            self._gap(_LINK_HEADER)
            self._add(f">{CRLF}List-Unsubscribe-Post: List-Unsubscribe=One-Click")
        self._add(f"{CRLF}MIME-Version: 1.0{CRLF}")

    def _structure(self, letter: Letter, serial: str) -> None:
        """Add the texts, as alternatives if there are two, and the attachments behind them."""
        if not letter.attachments:
            self._texts(serial)
            return
        # "=_" stands in no quoted-printable and no base64: no text can end a part.
        boundary = f"=_{serial}_m"
        self._add(f'Content-Type: multipart/mixed; boundary="{boundary}"{CRLF}{CRLF}')
        self._add(f"--{boundary}{CRLF}")
        self._texts(serial)
        for attachment in letter.attachments:
            self._add(f"{CRLF}--{boundary}{CRLF}{_attached(attachment)}")
        self._add(f"{CRLF}--{boundary}--{CRLF}")

    def _texts(self, serial: str) -> None:
        kinds = [kind for kind in _IN_BODY if kind in self._parts]
        if len(kinds) == 1:
            self._text(kinds[0])
            return
        boundary = f"=_{serial}_a"
        self._add(f'Content-Type: multipart/alternative; boundary="{boundary}"{CRLF}{CRLF}')
        for kind in kinds:
            self._add(f"--{boundary}{CRLF}")
            self._text(kind)
            self._add(CRLF)
        self._add(f"--{boundary}--{CRLF}")

    def _text(self, kind: str) -> None:
        subtype = "plain" if kind == "text" else "html"
        self._add(
            f"Content-Type: text/{subtype}; charset=utf-8{CRLF}"
            f"Content-Transfer-Encoding: quoted-printable{CRLF}{CRLF}"
        )
        for number, part in enumerate(self._parts[kind]):
            if number:
                self._add(SOFT_BREAK)
            if isinstance(part, Variable):
                self._gap(kind, self.variables.index(part.name))
            else:
                self._add(quoted(part))

    def _add(self, piece: str) -> None:
        self._pieces.append(piece)

    def _gap(self, kind: str, variable: int = -1) -> None:
        self._places.append(_Place(len(self._pieces), kind, variable))
        self._add("")

    def _join_fixed(self) -> None:
        """Join neighbouring pieces between two gaps: fewer to copy for each message."""
        pieces: list[str] = []
        places: list[_Place] = []
        begin = 0
        for place in self._places:
            pieces.append("".join(self._pieces[begin : place.piece]))
            places.append(_Place(len(pieces), place.kind, place.variable))
            pieces.append("")
            begin = place.piece + 1
        self._pieces = [*pieces, "".join(self._pieces[begin:])]
        self._places = places

    def _pattern(self, part: str) -> tuple[str | int, ...] | None:
        """Return a header's text as fixed pieces and numbers of variables."""
        if part not in self._parts:
            return None
        return tuple(
            self.variables.index(s.name) if isinstance(s, Variable) else s
            for s in self._parts[part]
        )

    def _check_size(self, size: int) -> None:
        if size > LARGEST_MESSAGE:
            raise TemplateError(
                f"{self.name} makes messages of {size:,} bytes with its attachments, and at most "
                f"{LARGEST_MESSAGE:,} may be sent; attach less, or send a link"
            )
        if size > LARGE_MESSAGE:
            warnings.warn(
                f"{self.name} makes messages of {size:,} bytes with its attachments; one page of "
                f"the service's documents allows only {LARGE_MESSAGE:,}",
                SessimWarning,
                stacklevel=3,
            )

    # --- filling the pieces ---------------------------------------------------------------------

    def _check_values(self, values: tuple[str, ...]) -> None:
        """Refuse what could begin another line, whoever let it come so far."""
        if FORBIDDEN.search("".join(values)):
            names = ("address", "original address", "identity", *self.variables)
            wrong = [n for n, v in zip(names, values, strict=True) if FORBIDDEN.search(v)]
            raise RecipientError(
                f"{' and '.join(wrong)} has line breaks or control characters; leave them out"
            )

    def _fill_subject(self, values: Sequence[str]) -> str:
        assert self._subject is not None
        text = "".join([p if isinstance(p, str) else values[p] for p in self._subject])
        if len(text) > LONGEST_SUBJECT:
            raise RecipientError(
                f"subject has {len(text)} characters and may have {LONGEST_SUBJECT}; "
                "shorten the row's values"
            )
        return header_text(text)

    def _fill_link(self, values: Sequence[str]) -> str:
        assert self._link is not None
        link = "".join([p if isinstance(p, str) else quote(values[p], safe="") for p in self._link])
        if len(link) > LONGEST_LINE - len("List-Unsubscribe: <>"):
            raise RecipientError(
                f"unsubscribe link has {len(link)} characters and may have "
                f"{LONGEST_LINE - len('List-Unsubscribe: <>')}; shorten the row's values"
            )
        return link


def _attached(attachment: Attachment) -> str:
    return (
        f"Content-Type: {attachment.kind}{CRLF}"
        f"Content-Transfer-Encoding: base64{CRLF}"
        f"Content-Disposition: attachment;{CRLF} {file_name(attachment.name)}{CRLF}{CRLF}"
        f"{base64_lines(attachment.data)}"
    )
