"""Letters: what all messages of a task have in common, checked before anything is made of it."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sessim.errors import TemplateError, shown
from sessim.fields import address_parts
from sessim.recipients import FORBIDDEN
from sessim.senders.quoting import CRLF, display_name
from sessim.senders.templates import LARGEST_MESSAGE, Segment, Template, Variable, names, segments

_LONGEST_NAME = 255  # bytes, as in file systems; three characters each fit on a header's line
_LINK = re.compile(r"https://[!#-;=?-_a-z{|}~]+")  # printable ASCII without quotes and <>


@dataclass(frozen=True, slots=True, repr=False)
class Attachment:
    """A file that goes with every message of a run.

    Parameters
    ----------
    name
        The name under which the recipient sees it.
    data
        Its bytes.
    kind
        Its media type, such as ``application/pdf``; by default what the name suggests.
    """

    name: str
    data: bytes
    kind: str = ""

    def __post_init__(self) -> None:
        length = len(self.name.encode("utf-8", "replace"))
        is_name = self.name.strip() and length <= _LONGEST_NAME and "/" not in self.name
        if not is_name or FORBIDDEN.search(self.name):
            raise TemplateError(
                f"attachment name {shown(self.name)} cannot be used; give a file name of at "
                f"most {_LONGEST_NAME} bytes without slashes and control characters"
            )
        kind = self.kind or mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        # A message or several parts in one would need rules of their own (RFC 2046 section 5).
        if not re.fullmatch(r"(application|audio|font|image|model|text|video)/[\w.+-]+", kind):
            kind = "application/octet-stream"
        object.__setattr__(self, "kind", kind)

    def __repr__(self) -> str:
        return f"<Attachment {self.name!r} of {len(self.data)} bytes>"

    @classmethod
    def read(cls, path: str | Path) -> Attachment:
        """Read an attachment from a file; :class:`TemplateError` if that is not possible."""
        file = Path(path)
        try:
            if file.exists() and not file.is_file():
                raise TemplateError(f"attachment {shown(str(file))} is not a file; name another")
            with file.open("rb") as stream:
                data = stream.read(LARGEST_MESSAGE + 1)
        except OSError as error:
            raise TemplateError(
                f"cannot read the attachment {shown(str(file))} ({error.strerror}); name another"
            ) from None
        if len(data) > LARGEST_MESSAGE:
            raise TemplateError(
                f"attachment {file.name!r} has more than {LARGEST_MESSAGE:,} bytes, the most that "
                "a whole message may have; send a link to it"
            )
        return cls(file.name, data)


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """What all messages of a task have in common.

    Parameters
    ----------
    sender, reply_to
        ``Name <address>`` or a bare address.
    subject
        May hold variables; at most 998 characters once they are filled in.
    template
        The text, HTML or both.
    unsubscribe
        An https link, which may hold variables, for ``List-Unsubscribe`` with one click
        (RFC 8058).
    attachments
        Files that go with every message.

    Raises
    ------
    TemplateError
        If one of them cannot stand in a message.
    """

    sender: str
    subject: str
    template: Template
    reply_to: str | None = None
    unsubscribe: str | None = None
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        mailbox("sender", self.sender)
        if self.reply_to is not None:
            mailbox("reply_to", self.reply_to)
        if not self.subject.strip() or FORBIDDEN.search(self.subject):
            raise TemplateError(
                f"subject {shown(self.subject)} cannot be used; write some words on one line, "
                "without control characters"
            )
        if self.unsubscribe is not None:
            _check_link(self.unsubscribe)
        self.parts()

    def __repr__(self) -> str:
        return f"<Letter with {self.template!r} and {len(self.attachments)} attachments>"

    @property
    def domain(self) -> str:
        """The sender's domain, in lower case and ASCII."""
        return address_parts(self.sender)[2]

    @property
    def variables(self) -> frozenset[str]:
        """The variables of subject, texts and unsubscribe link together."""
        return frozenset(name for part in self.parts().values() for name in names(part))

    def parts(self) -> dict[str, tuple[Segment, ...]]:
        """Return subject, link, text and HTML, as far as there are any, taken apart."""
        found = {"subject": segments(self.subject, "subject")}
        if self.unsubscribe is not None:
            found["unsubscribe"] = segments(self.unsubscribe, "unsubscribe")
        return found | self.template.parts()

    def digest(self) -> str:
        """Return the SHA-256 of everything that goes into the messages, in hexadecimal digits."""
        found = hashlib.sha256()
        texts = [self.sender, self.subject, self.reply_to, self.unsubscribe]
        texts += [self.template.html, self.template.text]
        texts += [part for a in self.attachments for part in (a.name, a.kind, str(len(a.data)))]
        found.update(json.dumps(texts).encode())
        for attachment in self.attachments:
            found.update(attachment.data)
        return found.hexdigest()


def mailbox(field: str, text: str) -> str:
    """Write a sender or reply address as a header does; ``field`` begins the error's sentence."""
    try:
        if FORBIDDEN.search(text):
            raise ValueError(f"{shown(text)} has line breaks or control characters; leave them out")
        name, local, domain = address_parts(text)
    except ValueError as error:
        raise TemplateError(f"{field}: {error}") from None
    if not name:
        return f"{local}@{domain}"
    return f"{display_name(name)}{CRLF} <{local}@{domain}>"


def _check_link(link: str) -> None:
    filled = "".join(
        "x" if isinstance(part, Variable) else part for part in segments(link, "unsubscribe")
    )
    try:
        is_link = bool(_LINK.fullmatch(filled) and urlsplit(filled).hostname)
    except ValueError:
        is_link = False
    if not is_link:
        raise TemplateError(
            f"unsubscribe {shown(link)} is no link for one click; "
            "give one such as https://example.com/unsubscribe?who={{token}}"
        )


def require_same(letter: Letter, variables: Iterable[str], group: str) -> None:
    """Make sure that a letter and a recipient group have the same variables.

    Raises
    ------
    TemplateError
        If not: one sentence that names all that are missing, on either side; ``group`` is how it
        calls the group.
    """
    wanted, given = letter.variables, frozenset(variables)
    missing, extra = sorted(wanted - given), sorted(given - wanted)
    wrong = []
    if missing:
        wrong.append(f"{group} has no {' and no '.join(map(shown, missing))}")
    if extra:
        wrong.append(
            f"subject, template and link do not use {' or '.join(map(shown, extra))} of {group}"
        )
    if wrong:
        raise TemplateError(
            f"{letter.template.name}: {', and '.join(wrong)}; "
            "name the same variables in the list and the template"
        )
