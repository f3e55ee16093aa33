"""XML of logs, parsed as it is read: no entities, no file but this one, no tree in memory."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from sessim.errors import HistoryError, shown
from sessim.history.losses import Losses, Place
from sessim.history.reading import MOST_BYTES, opened, some

_TOO_LONG = f"from here on: a name or value is longer than {MOST_BYTES >> 20} MB"


class _Refused(Exception):  # noqa: N818
    """The file wants something that a log has no need of."""


class Reader(ABC):
    """Collects what elements say.

    Parameters
    ----------
    name
        The file's name.

    Attributes
    ----------
    found
        What is whole, and has not been taken yet, with its place.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._finish
        self.parser.EntityDeclHandler = self._refuse
        self.parser.buffer_text = True
        self.found: list[tuple[Place, Any]] = []

    @property
    def place(self) -> Place:
        """Where the parser is."""
        return Place(self.name, self.parser.CurrentLineNumber)

    def _refuse(self, *_: object) -> None:
        raise _Refused

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        self.start(tag.rpartition(":")[2], attributes)

    def _finish(self, tag: str) -> None:
        self.end(tag.rpartition(":")[2])

    @abstractmethod
    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take in the beginning of an element, its tag without a prefix."""

    @abstractmethod
    def end(self, tag: str) -> None:
        """Take in the end of an element."""


def read(path: Path, reader: Reader, losses: Losses) -> Iterator[tuple[Place, Any]]:
    """Yield what a reader collects from a file; what comes after damage is left out.

    Raises :class:`HistoryError` if the file declares entities.
    """
    with opened(path) as file:
        try:
            fed = 0
            while chunk := some(file):
                reader.parser.Parse(chunk)
                fed += len(chunk)
                if fed - reader.parser.CurrentByteIndex > MOST_BYTES:
                    losses.leave_out(_TOO_LONG, reader.place)
                    return
                found, reader.found = reader.found, []
                yield from found
            reader.parser.Parse(b"", True)
        except expat.ExpatError as error:
            losses.leave_out("the XML is damaged or cut off here", Place(path.name, error.lineno))
        except (OSError, EOFError, zlib.error):
            losses.leave_out("the packed file is cut off or damaged", Place(path.name))
        except _Refused:
            raise HistoryError(
                f"file {shown(path.name)} declares entities; a log has no need of them"
            ) from None
    yield from reader.found
