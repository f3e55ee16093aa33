"""The file below an outbox: its tables, its lock, what is checked before it is trusted."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sessim.errors import OutboxBusyError, OutboxError, shown

FORMAT: Final = 3
"""The version of the tables below; another one is refused, never converted in passing."""
_APPLICATION: Final = 0x5E551301  # tells an outbox from other SQLite files

_TABLES: Final = """
CREATE TABLE header (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE list (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, variables TEXT NOT NULL,
    recipients INTEGER NOT NULL, refused INTEGER NOT NULL, seal INTEGER NOT NULL
) STRICT;
CREATE TABLE recipient (
    list INTEGER NOT NULL, line INTEGER NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL,
    vals TEXT NOT NULL, seal INTEGER NOT NULL,
    PRIMARY KEY (list, line), UNIQUE (key, list)
) STRICT, WITHOUT ROWID;
CREATE TABLE refusal (
    list INTEGER NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (list, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL, run INTEGER NOT NULL, list INTEGER NOT NULL,
    domain TEXT NOT NULL, date INTEGER NOT NULL, seal INTEGER NOT NULL, UNIQUE (task, run)
) STRICT;
CREATE TABLE row (
    run INTEGER NOT NULL, line INTEGER NOT NULL, state INTEGER NOT NULL,
    attempts INTEGER NOT NULL, due INTEGER, taken INTEGER, words TEXT NOT NULL,
    seal INTEGER NOT NULL, PRIMARY KEY (run, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX deferred ON row (run, due) WHERE state = 4;
CREATE TABLE tally (
    run INTEGER NOT NULL, state INTEGER NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;
CREATE TABLE suppression (
    key TEXT PRIMARY KEY, reason TEXT NOT NULL, seal INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIEW mail (
    run, line, state, attempts, due, taken, words, address, vals, is_suppressed
) AS SELECT
    row.run, row.line, row.state, row.attempts, row.due, row.taken, row.words, recipient.address,
    recipient.vals, suppression.key IS NOT NULL
FROM row JOIN run ON run.id = row.run
JOIN recipient ON recipient.list = run.list AND recipient.line = row.line
LEFT JOIN suppression ON suppression.key = recipient.key;
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1), state BLOB NOT NULL, seal INTEGER NOT NULL
) STRICT;
CREATE TABLE request (id INTEGER PRIMARY KEY, act TEXT NOT NULL, task INTEGER NOT NULL) STRICT;
"""
_MARKS: Final = (f"PRAGMA application_id = {_APPLICATION}", f"PRAGMA user_version = {FORMAT}")

_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit is on the disk before it returns
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cache_size = -8000",  # kB, whatever the size of the list
    "PRAGMA wal_autocheckpoint = 4000",  # pages
)

# What is checked before an outbox is sent from: a query that finds a breach, and what it is.
_CHECKS: Final = {
    "SELECT 1 FROM list WHERE seal IS NOT seal(id, name, variables, recipients, refused)": (
        "a recipient list was edited"
    ),
    "SELECT 1 FROM run WHERE seal IS NOT seal(id, task, run, list, domain, date)": (
        "a run was edited"
    ),
    "SELECT line FROM recipient WHERE seal IS NOT seal(list, line, key, address, vals)": (
        "the recipient of line {} was edited"
    ),
    "SELECT line FROM row WHERE seal IS NOT seal(run, line, state, attempts, due, taken, words)": (
        "the row of line {} was edited"
    ),
    "SELECT 1 FROM suppression WHERE seal IS NOT seal(key, reason)": (
        "the suppression list was edited"
    ),
    "SELECT 1 FROM checkpoint WHERE seal IS NOT crc32(state)": "the checkpoint was edited",
    """SELECT 1 FROM list WHERE recipients IS NOT
    (SELECT count(*) FROM recipient WHERE recipient.list = list.id)""": (
        "recipients were added or removed"
    ),
    """SELECT run, state, count(*) FROM row GROUP BY run, state
    EXCEPT SELECT run, state, rows FROM tally""": "rows were added or removed",
    """SELECT run, state, rows FROM tally WHERE rows
    EXCEPT SELECT run, state, count(*) FROM row GROUP BY run, state""": (
        "rows were added or removed"
    ),
}

_RESTORE: Final = "restore a copy made since its last email, as any other could send twice"

_REASONS: Final = {
    "SQLITE_FULL": "the disk is full; make room, then resume",
    "SQLITE_READONLY": "it cannot be written; allow writing to the file and its folder",
    "SQLITE_PERM": "it cannot be written; allow writing to the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check that folder and file are there and may be used",
    "SQLITE_IOERR": "the disk does not take or give its bytes; check the disk, then resume",
    "SQLITE_TOOBIG": "a value is too large for it; shorten the rows of the list",
    "SQLITE_NOTADB": "it is no outbox; name another file",
    "SQLITE_CORRUPT": f"it is damaged; {_RESTORE}",
    "SQLITE_BUSY": "another program writes to it; close that first",
    "SQLITE_LOCKED": "another program writes to it; close that first",
    "SQLITE_MISUSE": "it is closed; open it again",
}
_DAMAGED: Final = _REASONS["SQLITE_CORRUPT"]


@dataclass(frozen=True, slots=True, repr=False)
class Header:
    """What an outbox was made for; it never changes.

    Parameters
    ----------
    mode
        ``loopback`` or ``live``, or another word of the caller's.
    host
        The server's name.
    token
        The confirmation that the send was started with.
    plan
        The plan as JSON.
    digests
        What files held, by what they are called: ``{"list 'a.csv'": SHA-256, ...}``.
    id
        Tells this outbox from all others; part of every ``Message-ID``.
    created
        When it was made, ISO 8601 in UTC.
    """

    mode: str
    host: str = ""
    token: str = ""
    plan: str = "{}"
    digests: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    created: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat("T", "seconds"))

    def __repr__(self) -> str:
        return f"<Header of outbox {self.id}: {self.mode}>"

    def rows(self) -> dict[str, str]:
        """Return the header as texts by name."""
        names = ("mode", "host", "token", "plan", "id", "created")
        texts = {name: str(getattr(self, name)) for name in names}
        return texts | {"digests": json.dumps(dict(sorted(self.digests.items())))}


def _lock_of(path: Path) -> Path:
    """Return the file whose lock is the right to send from an outbox."""
    return Path(f"{path.resolve()}.lock")


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Take the right to send from an outbox; it is given back if what follows fails.

    It is a transaction that stays open in a small SQLite file beside the outbox, until the
    connection is closed: SQLite's own locks work on every system, and the system frees them
    however a process ends. The outbox itself is not locked, so that others can look on.

    Raises
    ------
    OutboxBusyError
        If another sender has it.
    """
    with in_words(path):
        lock = sqlite3.connect(
            _lock_of(path), timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            lock.execute("BEGIN EXCLUSIVE")
            yield lock
        except BaseException as error:
            lock.close()
            if isinstance(error, sqlite3.Error) and _code(error).startswith("SQLITE_BUSY"):
                raise OutboxBusyError(
                    f"outbox {path.name!r} is in use by another sender; wait for it or stop it"
                ) from None
            raise


def seal(*values: object) -> int:
    """Return the checksum of a row's values, by which an edited row is found out."""
    return zlib.crc32(repr(values).encode("utf-8", "replace"))


def require(header: Header, path: Path, wanted: Mapping[str, object]) -> None:
    """Make sure that an outbox was made for what it is to go on with.

    ``wanted`` are fields of the header, of which None may be anything; :class:`OutboxError` names
    the first that differs.
    """
    for name, value in wanted.items():
        held = getattr(header, name)
        if value is None or value == held:
            continue
        if name == "digests":
            _refuse_digests(header.digests, dict(value), path)  # type: ignore[call-overload]
        told = "" if name in _LONG else f" ({shown(held)}, not {shown(value)})"
        raise OutboxError(
            f"outbox {path.name!r} was made for another {name}{told}; "
            "go on as it began, or start a new one"
        )


_LONG: Final = ("plan", "digests")


def _refuse_digests(held: Mapping[str, str], given: Mapping[str, str], path: Path) -> None:
    for name in sorted({*held, *given}):
        if held.get(name) != given.get(name):
            raise OutboxError(
                f"outbox {path.name!r}: {name} is not what it was when the send began; "
                "put the old one back, or start a new outbox"
            )


def _code(error: sqlite3.Error) -> str:
    # What Python itself raises has no code: a closed connection, or a text that is not UTF-8.
    closed = isinstance(error, sqlite3.ProgrammingError)
    return getattr(error, "sqlite_errorname", "SQLITE_MISUSE" if closed else "SQLITE_CORRUPT")


def _told(path: Path, error: sqlite3.Error) -> OutboxError:
    code = _code(error)
    reasons = [words for name, words in _REASONS.items() if code.startswith(name)]
    return OutboxError(f"outbox {path.name!r}: {(reasons or [_DAMAGED])[0]}")


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Raise what SQLite raises as an :class:`OutboxError` with one sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise _told(path, error) from None
    except UnicodeDecodeError:  # in a text that SQLite takes for sound
        raise OutboxError(f"outbox {path.name!r}: {_DAMAGED}") from None


def connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open the file of an outbox that is there: ``rw`` to write, ``ro`` only to read."""
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.create_function("seal", -1, seal, deterministic=True)
    connection.create_function("crc32", 1, zlib.crc32, deterministic=True)
    return connection


def create(path: Path, header: Header) -> sqlite3.Connection:
    """Make a new outbox: all its tables, or nothing.

    Raises
    ------
    OutboxError
        If there is a file already (an empty one or one half made may be written over), or no file
        can be written there.
    """
    with in_words(path):
        connection = connect(path, "rwc")
        try:
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise _taken(path)
            _settle_in(connection)
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES}")
            for mark in _MARKS:
                connection.execute(mark)
            rows = header.rows()
            rows["seal"] = str(seal(rows))
            connection.executemany("INSERT INTO header VALUES (?, ?)", rows.items())
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
    return connection


def require_free(path: Path) -> None:
    """Make sure that an outbox may be made there; what is half made has a lock beside it.

    Raises
    ------
    OutboxError
        If something is there.
    """
    if path.exists() and not path.is_file():
        raise OutboxError(f"outbox {path.name!r} is not a file; name another")
    if path.exists() and path.stat().st_size and not _lock_of(path).exists():
        raise _taken(path)


def _taken(path: Path) -> OutboxError:
    return OutboxError(f"outbox {path.name!r} is there already; resume it or name a new")


def require_file(path: Path) -> None:
    """Make sure that there is a file; :class:`OutboxError` if not."""
    if not path.is_file():
        raise OutboxError(f"there is no outbox {shown(str(path))}; name one, or start a new send")


def require_outbox(path: Path) -> None:
    """Make sure that a file is an outbox of this version, and leave nothing beside it.

    Where a lock is, another sender may be making one.

    Raises
    ------
    OutboxError
        If it is none.
    """
    require_file(path)
    if _lock_of(path).exists():
        return
    has_log = path.with_name(f"{path.name}-wal").exists()  # then it counts, else none is to be made
    with in_words(path), closing(connect(path, "ro" if has_log else "ro&immutable=1")) as found:
        _check_kind(found, path)


def open_checked(path: Path, *, writing: bool) -> tuple[sqlite3.Connection, Header]:
    """Open an outbox after looking at it: thoroughly to write, its header only to read.

    Raises
    ------
    OutboxError
        If there is none, it is another version's, damaged or edited; one sentence says which.
    """
    require_file(path)
    with in_words(path):
        connection = connect(path, "rw" if writing else "ro")
        try:
            _check_kind(connection, path)
            header = _read_header(connection, path)
            if writing:
                _settle_in(connection)
                _check_all(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection, header


def _settle_in(connection: sqlite3.Connection) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION:
        raise OutboxError(f"{path.name!r} is no outbox; name another file, or start a new send")
    if version != FORMAT:
        raise OutboxError(
            f"outbox {path.name!r} has format {version} and this sessim knows {FORMAT}; "
            "go on with the sessim that made it"
        )


def _read_header(connection: sqlite3.Connection, path: Path) -> Header:
    found = dict(connection.execute("SELECT name, value FROM header"))
    given = found.pop("seal", "")
    # The seal was made over the names in the order of Header.rows().
    with suppress(KeyError, TypeError, ValueError):
        header = Header(**found | {"digests": json.loads(found["digests"])})
        if given == str(seal(header.rows())):
            return header
    raise OutboxError(f"outbox {path.name!r}: its header was edited; {_RESTORE}")


def _check_all(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
        raise OutboxError(f"outbox {path.name!r}: {_DAMAGED}")
    for query, breach in _CHECKS.items():
        if found := connection.execute(f"{query} LIMIT 1").fetchone():
            raise OutboxError(
                f"outbox {path.name!r}: {breach.format(found[0])} from outside; {_RESTORE}"
            )
