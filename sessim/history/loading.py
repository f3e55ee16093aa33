"""Reading histories: which kind each file is, and what it takes to rebuild it."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from sessim.clock import zone
from sessim.errors import ArgumentError, HistoryError, nearest, shown
from sessim.history.history import History
from sessim.history.instants import CONSOLE_ZONE, Reader
from sessim.history.losses import Losses, Place
from sessim.history.pages import page
from sessim.history.polls import Polls
from sessim.history.reading import head, lines, values
from sessim.history.rebuild import rebuild
from sessim.plan import Plan

FORMATS: Final = ("polls",)
"""The kinds of files, by name."""


def load_history(
    *files: str | PathLike[str],
    format: str | None = None,  # noqa: A002
    timezone: str | None = None,
    plan: Plan | None = None,
    mapping: Mapping[str, str] | None = None,
) -> History:
    """Read a task history and rebuild what happened.

    Parameters
    ----------
    files
        Files, or folders of files, of one account.
    format
        What they hold; by default that is recognised.
    timezone
        The zone of times that are written without one, and whose days count. Default: the
        console's, Asia/Shanghai.
    plan
        A plan whose rules hold: rate, discipline, restarts, the zone of its days, warm-ups.
    mapping
        For tables: which of their columns is which.

    Returns
    -------
    History
        The tables, charts and log of a :class:`~sessim.Result`, with the evidence for each row.

    Raises
    ------
    HistoryError
        If a file cannot be read, or nothing in the files tells of a task.
    ArgumentError
        If an argument cannot be used.
    """
    if format not in (None, *FORMATS):
        raise ArgumentError(
            f"format: {shown(format)} is not known; {nearest(str(format), FORMATS)}"
        )
    if mapping is not None:
        raise ArgumentError("mapping: it belongs to tables; leave it out for polls")
    if not files:
        raise ArgumentError("files: none is given; name the files of a history")
    name = timezone or CONSOLE_ZONE
    try:
        zone(name)
    except ValueError as error:
        raise ArgumentError(f"timezone: {error}") from None
    paths = [path for file in files for path in _files(Path(file))]
    losses, reader = Losses(), Reader(name)
    polls = Polls(reader, losses)
    for path in paths:
        read_polls(path, polls, reader, losses)
    polls.finish()
    return rebuild(polls, reader, losses, _named(paths), plan)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise HistoryError(f"there is no file {shown(str(path))}; check the name")
    if not path.is_dir():
        return [path]
    found = sorted(entry for entry in path.iterdir() if entry.is_file())
    if not found:
        raise HistoryError(f"folder {shown(str(path))} holds no file")
    return found


def _named(paths: list[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{len(paths)} files"


def read_polls(path: Path, polls: Polls, reader: Reader, losses: Losses) -> None:
    """Read the answers of ``ListSendTasks`` and ``ListEmailIdentities`` in a file."""
    named = reader.in_name(path.name)
    start = head(path).lstrip()
    first = start.partition(b"\n")[0].rstrip()
    whole = first.startswith(b"{") and first.endswith(b"}")
    for number, value in (lines if whole else values)(path, losses):
        place = Place(path.name, number)
        found = page(value, place, losses)
        if found is not None:
            polls.add(found, place, named)
