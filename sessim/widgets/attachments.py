"""The files that a plan names: recipient lists, templates, limits; where uploads are kept."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from sessim import recipients
from sessim.errors import SessimError
from sessim.fields import Path_
from sessim.recipients import Survey
from sessim.widgets.reading import is_file

_PATH: Final[TypeAdapter[str]] = TypeAdapter(Path_)
LARGEST_TEMPLATE: Final = 10 * 2**20
_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")
_UNSAFE: Final = re.compile(r"[^\w.()+ -]+")
_MOST_FOLDERS: Final = 300
_DEPTH: Final = 3


class AttachmentError(SessimError, ValueError):
    """A file that a plan names, or that was uploaded, cannot be used."""


Stamp = tuple[int, int] | None


def stamp(path: Path) -> Stamp:
    """Return what changes when a file changes; None if there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def group(path: str) -> tuple[str, Survey | str]:
    """Return the whole path of a recipient list, and what it holds or what is wrong with it."""
    try:
        whole = _PATH.validate_python(path)
    except ValidationError as error:
        return path, str(error.errors()[0]["ctx"]["error"])
    return whole, _counted(whole, stamp(Path(whole)))


@lru_cache(maxsize=256)
def _counted(path: str, state: Stamp) -> Survey | str:  # noqa: ARG001  once for each state
    """Look through a recipient list."""
    try:
        return recipients.survey(Path(path))
    except ValueError as error:
        return str(error)


# --- variables ----------------------------------------------------------------------------------


def variables(template: str) -> tuple[str, ...]:
    """Return the variables of a template, ``{{name}}``, each once, in their order."""
    return tuple(dict.fromkeys(_VARIABLE.findall(template)))


def template_text(folder: Path, template: str) -> str | None:
    """Return what a template says: a file beside the plan, or else a text with variables.

    None if it is neither: then it is the name of a template of the service, whose variables
    nobody here knows.
    """
    path = folder / template
    if not is_file(path):
        return template if variables(template) else None
    try:
        if path.stat().st_size > LARGEST_TEMPLATE:
            raise AttachmentError(f"file {template!r} is larger than 10 MB; a mail is smaller")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise AttachmentError(f"cannot read the file {template!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AttachmentError(f"file {template!r} is not UTF-8 text; save it as UTF-8") from None


def columns(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the address column of a recipient list, and the others: its variables.

    Raises ``ValueError`` where a recipient list would, too.
    """
    with recipients.opened(path) as lines:
        header = recipients.head(lines)
    try:
        delimiter, at = recipients.layout(header, path)
        names = recipients.names_in(csv.reader(header, delimiter=delimiter))
    except csv.Error as error:
        raise AttachmentError(f"file {path.name!r} is not readable as CSV: {error}") from None
    others = names[:at] + names[at + 1 :]
    return names[at], tuple(dict.fromkeys(name for name in others if name))


# --- files to pick, uploads ---------------------------------------------------------------------


def pick(folder: Path, endings: Collection[str]) -> list[str]:
    """Return the files of some endings in a folder and a few levels below, as relative paths."""
    found = [
        path.relative_to(folder).as_posix()
        for path in _files(folder)
        if path.suffix.lower() in endings
    ]
    return sorted(found, key=lambda path: (path.count("/"), path.lower()))


def _files(folder: Path) -> Iterator[Path]:
    for number, (place, folders, names) in enumerate(os.walk(folder)):
        here = Path(place)
        deep = len(here.relative_to(folder).parts) >= _DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if _looked_into(name))
        yield from (here / name for name in names if not name.startswith("."))
        if number >= _MOST_FOLDERS:
            return


def _looked_into(name: str) -> bool:
    return not name.startswith((".", "_")) and name != "node_modules"


def keep(folder: Path, kind: str, name: str, content: bytes) -> str:
    """Keep an uploaded file beside the plan, and return its path as the plan names it.

    A file is never overwritten: if another one has that name, this one gets a number.

    Parameters
    ----------
    folder
        Where the plan's relative paths begin.
    kind
        The folder in it: ``"recipients"``, ``"templates"`` or ``"limits"``.
    name, content
        What was uploaded. Only the last part of the name counts, without unusual characters.
    """
    safe = safe_name(name)
    stem, ending = Path(safe).stem, Path(safe).suffix
    number = 1
    try:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / kind / safe
            if not path.exists():
                path.write_bytes(content)
            if path.is_file() and path.read_bytes() == content:
                return path.relative_to(folder).as_posix()
            number += 1
            safe = f"{stem}-{number}{ending}"
    except OSError as error:
        raise AttachmentError(f"cannot keep the file {safe!r}: {error.strerror}") from None


def safe_name(name: str) -> str:
    """Return the last part of a file's name, without characters that a path could stumble on."""
    last = re.split(r"[/\\]", name)[-1]
    tidy = _UNSAFE.sub("_", last).strip(" .")
    stem, ending = Path(tidy).stem[:80].strip(" ."), Path(tidy).suffix[:10]
    return f"{stem or 'file'}{ending}"
