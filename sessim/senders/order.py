"""What was ordered: all that a send needs to know, as data, so that it can be gone on with."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from sessim.errors import ArgumentError, OutboxError, PlanError, Problem, RecipientError, shown
from sessim.plan import Plan, Task
from sessim.recipients import Recipient, RecipientFile, canonical
from sessim.senders import credentials
from sessim.senders.binding import Witnessed
from sessim.senders.caps import HOURLY
from sessim.senders.letters import Attachment, Letter, require_same
from sessim.senders.settings import Encryption, Server
from sessim.senders.templates import Template
from sessim.senders.trial import Addressees, addressees
from sessim.senders.within import Within

Mode = Literal["loopback", "live"]

_ONLY_LIVE: Final = ("server", "recipients", "cafile", "override")
"""What a loopback send has no use for."""

UNCONFIRMED: Final = 20
"""How many recipients a live send may have before their number is confirmed."""

_TLS: Final[dict[str, tuple[Encryption, int]]] = {
    "smtps": ("implicit", 465),
    "smtp+starttls": ("starttls", 587),
    "smtp": ("none", 25),
}
_RESERVED: Final = re.compile(
    r"(?:.*\.)?(?:example|test|invalid|localhost|local)|(?:.*\.)?example\.(?:com|net|org)"
)


@dataclass(frozen=True)
class Numbered:
    """So many recipients that nobody has: the list of a task that only has a number.

    Their domain is reserved (RFC 2606): no mail to them can leave for a stranger.
    """

    size: int
    task: int
    variables: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """The domain of all of them."""
        return f"task{self.task}.example.com"

    def __iter__(self) -> Iterator[Recipient]:
        for number in range(1, self.size + 1):
            address = f"recipient{number}@{self.domain}"
            yield Recipient(number, address, address, ())


@dataclass(frozen=True)
class Order:
    """A plan to be sent for real, and how.

    Parameters
    ----------
    plan
        What is to be sent.
    mode
        ``"loopback"``: to a server of sessim's own; ``"live"``: to ``server``.
    server
        ``smtps://host:port`` (TLS from the first byte), ``smtp+starttls://...``, or ``smtp://...``
        in clear text, without credentials.
    speed
        How many of the plan's seconds pass in one; 1 unless the server is on a loopback address.
    recipients
        How many recipients are confirmed, over all tasks.
    redirect_to
        An address that all mail goes to instead.
    unsubscribe
        A link for ``List-Unsubscribe``; it may hold variables.
    attachments
        Paths of files that go with every message.
    cafile
        Certificates to trust instead of the system's.
    only
        Addresses and domains outside which nothing is sent: ``ann@example.org``, ``example.org``
        or ``*.example.org``; by default anywhere.
    hourly
        How many emails an hour one recipient gets; more are refused.
    override
        Whether ``server`` takes more than the service: a higher rate, limit or ``hourly``.
    suppress
        A list of recipients, as of a task, who get nothing.
    test_to
        To whom the plan's test sends go in a live send; in a loopback send to nobody's addresses.
    folder
        Where the relative paths of the plan's templates begin: that of the plan file. Default:
        where this runs now, wherever the send is gone on with.

    Raises
    ------
    ArgumentError
        If a value cannot be used.
    """

    plan: Plan
    mode: Mode = "loopback"
    server: str = ""
    speed: float = 1.0
    recipients: int = UNCONFIRMED
    redirect_to: str | None = None
    unsubscribe: str | None = None
    attachments: tuple[str, ...] = ()
    cafile: str | None = None
    only: tuple[str, ...] = ()
    hourly: int = HOURLY
    override: bool = False
    suppress: str | None = None
    test_to: tuple[str, ...] = ()
    folder: str = ""
    lists: dict[int, str] = field(default_factory=dict)
    """The name of each task's list in the outbox, by task id."""

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ArgumentError(f"mode: {shown(self.mode)} is not {' or '.join(get_args(Mode))}")
        self._check_heeded()
        self._root_files()
        if not (self.speed > 0 and math.isfinite(self.speed)):
            raise ArgumentError(f"speed: {self.speed} is not above 0")
        if self.mode == "live":
            where = self.where
            if self.speed != 1 and not is_loopback(where.host):
                raise ArgumentError(f"speed: {self.speed} is not 1, as for any server out there")
        if self.redirect_to is not None:
            bare_address("redirect_to", self.redirect_to)
        self._check_tested()
        if self.hourly < 1:
            raise ArgumentError(f"hourly: {self.hourly} is below 1, nobody would get an email")
        if self.only:
            self._check_only()
        if not self.lists:
            object.__setattr__(self, "lists", self._named_lists())

    def _root_files(self) -> None:
        """Name the files from the root on: who goes on with a send may do so from elsewhere."""
        rooted = {
            "folder": str(Path(self.folder).absolute()),
            "attachments": tuple(str(Path(file).absolute()) for file in self.attachments),
            "cafile": self.cafile and str(Path(self.cafile).absolute()),
        }
        for name, value in rooted.items():
            object.__setattr__(self, name, value)

    def _check_heeded(self) -> None:
        """Refuse what would be ignored: who gives it relies on it."""
        usual = {field.name: field.default for field in fields(self)}
        for name in _ONLY_LIVE:
            if self.mode != "live" and getattr(self, name) != usual[name]:
                raise ArgumentError(
                    f"{name}: is for a live send; leave it out, or choose mode live"
                )
        most = max((test.recipients for test in self.plan.test_sends), default=0)
        if len(self.test_to) > most:
            what = f"test send of the plan has more than {most}" if most else "test send is planned"
            raise ArgumentError(
                f"test_to: names {len(self.test_to)}, but no {what}; leave out who gets nothing"
            )

    def _check_tested(self) -> None:
        seen: set[str] = set()
        for address in self.test_to:
            key = bare_address("test_to", address).lower()
            if key in seen:
                raise ArgumentError(f"test_to: {shown(address)} is named twice; name another")
            seen.add(key)

    def _check_only(self) -> None:
        within = Within(self.only)
        object.__setattr__(self, "only", within.patterns)
        if self.redirect_to is not None and canonical(self.redirect_to)[1] not in within:
            raise ArgumentError(
                f"redirect_to: {shown(self.redirect_to)} is outside {', '.join(within.patterns)}; "
                "name it in only, too"
            )

    def _named_lists(self) -> dict[int, str]:
        """Name the lists: tasks with the same file share one."""
        first: dict[str, int] = {}
        names = {}
        for number, task in enumerate(self.plan.tasks, 1):
            shared = first.setdefault(task.recipients, number) if task.recipients else number
            names[number] = f"task {shared}"
        return names

    # --- as data ------------------------------------------------------------------------------

    def to_json(self, *without: str) -> str:
        """Return all of it as JSON; what the plan took from files stands in it as numbers."""
        names = [name for name in self.__dataclass_fields__ if name not in without]
        found = {name: getattr(self, name) for name in names}
        found["plan"] = self.plan.to_dict()
        found["lists"] = {str(number): name for number, name in self.lists.items()}
        return json.dumps(found, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Make an order of what :meth:`to_json` returned; it was checked when it was first made.

        Checked anew, a send could not be gone on with once more is refused than when it began.
        """
        found: dict[str, Any] = json.loads(text)
        found["plan"] = Plan.from_dict(found["plan"])
        found["lists"] = {int(number): name for number, name in found["lists"].items()}
        order = object.__new__(cls)
        for field_ in fields(cls):
            value = found.get(field_.name, field_.default)
            object.__setattr__(order, field_.name, tuple(value) if type(value) is list else value)
        return order

    # --- what it comes to ---------------------------------------------------------------------

    @cached_property
    def where(self) -> Server:
        """The server of a live send."""
        return server_of(self.server, self.cafile)

    @cached_property
    def letters(self) -> dict[int, Letter]:
        """What each task sends, by its id.

        Raises
        ------
        PlanError
            If a live send lacks a subject, a template or a recipient list, or a domain's limits
            follow its reputation, which nobody out there tells.
        TemplateError
            If a template or an attachment cannot be used.
        """
        for domain in self.plan.domains:
            if domain.warmup == "reputation":
                wrong = "'reputation' is simulated only; choose a schedule or a number to send by"
                raise PlanError([Problem(f"domain {domain.name!r}, warmup", wrong)])
        attachments = tuple(map(Attachment.read, self.attachments))
        return {n: self._letter(task, attachments) for n, task in enumerate(self.plan.tasks, 1)}

    def _letter(self, task: Task, attachments: tuple[Attachment, ...]) -> Letter:
        if self.mode == "live":
            for key in ("subject", "template"):
                if getattr(task, key) is None:
                    missing = "is missing; a task that is sent for real needs it"
                    raise PlanError([Problem(f"task {task.name!r}, {key}", missing)])
        subject = task.subject or task.name.replace("{", "(").replace("}", ")")
        template = (
            Template.read(task.template, self.folder) if task.template else Template(text=subject)
        )
        return Letter(task.sender, subject, template, task.reply_to, self.unsubscribe, attachments)

    def groups(self) -> Iterator[tuple[str, RecipientFile | Numbered | Addressees]]:
        """Yield the lists by name, each once."""
        for number, task in enumerate(self.plan.tasks, 1):
            if self.lists[number] != f"task {number}":
                continue
            if task.recipients is None and self.mode == "live":
                missing = "is missing; a task that is sent for real needs a list"
                raise PlanError([Problem(f"task {task.name!r}, recipients", missing)])
            group = RecipientFile(task.recipients) if task.recipients else None
            yield self.lists[number], group or Numbered(int(task.requests or 0), number)
        are_needed = self.mode == "live" and self.redirect_to is None
        for tested in addressees(self.plan, self.test_to, are_needed=are_needed):
            yield f"test {tested.number}", tested

    def check_taken_in(self, lists: Iterable[str]) -> None:
        """Make sure that these are the names of all lists that :meth:`groups` yields.

        Raises
        ------
        OutboxError
            If not: whoever took them in was killed, and nothing has been sent.
        """
        tests = range(1, len(self.plan.test_sends) + 1)
        if not {*self.lists.values(), *(f"test {number}" for number in tests)} <= set(lists):
            raise OutboxError(
                "the outbox lacks a list, its start was cut short before anything was sent; "
                "remove the file and start anew"
            )

    def check_count(self, name: str, recipients: int) -> None:
        """Make sure that a list has as many recipients as when the plan was read.

        Raises
        ------
        RecipientError
            If not: the plan's numbers are those of another list.
        """
        for number, task in enumerate(self.plan.tasks, 1):
            if task.recipients and self.lists[number] == name and task.requests != recipients:
                raise RecipientError(
                    f"list {Path(task.recipients).name!r} has {recipients:,} recipients now, and "
                    f"had {task.requests:,} when the plan was read; read the plan again"
                )

    def gone(self, expected: str | None = None) -> Witnessed | None:
        """Return the list of those who get nothing, which may have to be as it was confirmed."""
        return Witnessed(RecipientFile(self.suppress), expected) if self.suppress else None

    def suppressed(self, gone: Witnessed | None) -> list[str]:
        """Return the addresses that get nothing, of the list :meth:`gone`.

        Raises
        ------
        RecipientError
            If the list cannot be read, is not what was confirmed, or a row of it is no address.
        """
        found = []
        for row in gone or ():
            if not isinstance(row, Recipient):
                raise RecipientError(f"suppress: line {row.line}: {row.reason}")
            found.append(row.address)
        return found

    def check_variables(self) -> None:
        """Make sure that each list has the variables of what is sent to it, and no others.

        Raises
        ------
        TemplateError
            If one has not.
        """
        groups = dict(self.groups())
        for number, letter in self.letters.items():
            group = groups[self.lists[number]]
            path = self.plan.tasks[number - 1].recipients
            name = f"list {Path(path).name!r}" if path else f"task {number} without a list"
            require_same(letter, group.variables, name)

    def digests(self) -> dict[str, str]:
        """Return what must be the same when the send is gone on with: what each task sends."""
        return {f"task {number}": letter.digest() for number, letter in self.letters.items()}


def bare_address(name: str, text: str) -> str:
    """Read an address that an argument holds; :class:`~sessim.ArgumentError` if it is none."""
    try:
        return canonical(text.strip())[0]
    except ValueError as error:  # its remedy is one for a row of a list
        said = str(error).removesuffix(", or remove the row").removesuffix(", remove the row")
        raise ArgumentError(f"{name}: {said}") from None


def server_of(url: str, cafile: str | None = None) -> Server:
    """Read a server as users write it; :class:`~sessim.ArgumentError` if it is none."""
    known = ", ".join(f"{name}://HOST" for name in _TLS)
    if "@" in url:  # what stands before it may be a password: never shown
        raise ArgumentError(
            "server: holds a user or a password; name only the host here, the user in "
            f"{credentials.USER}, and keep the password in the keyring"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ArgumentError(
            f"server: {shown(url)} is none ({error}); give one of {known}"
        ) from None
    if parts.scheme not in _TLS or not parts.hostname:
        raise ArgumentError(f"server: {shown(url)} is none; give one of {known}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ArgumentError(f"server: {shown(url)} has more than host and port; leave the rest out")
    tls, usual = _TLS[parts.scheme]
    return Server(parts.hostname, usual if port is None else port, tls=tls, cafile=cafile)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this computer, by its address; a name is looked up by nobody here."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_reserved(address: str) -> bool:
    """Tell whether nobody can have an address, because its domain is reserved (RFC 2606)."""
    return _RESERVED.fullmatch(address.rpartition("@")[2].lower()) is not None
