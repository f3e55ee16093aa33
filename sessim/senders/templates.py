"""Templates: text with ``{{name}}`` variables, read from files and taken apart once."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sessim.errors import TemplateError, shown

LARGEST_MESSAGE = 10_000_000
"""Bytes on the wire above which the service refuses a message (its batch pages)."""
_SUFFIXES = {".html": "html", ".htm": "html", ".txt": "text"}
_VARIABLE = re.compile(r"(?<!\{)\{\{[ \t]*([^{}\s][^{}\r\n]*?)[ \t]*\}\}(?!\})")
_BRACES = re.compile(r"\{\{|\}\}")
# Two closing braces are everyday in style sheets and JSON-LD, where two opening ones are none.
_CODE = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_FILE_NAME = re.compile(r"[^\r\n{}<]{1,1000}")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


class Variable(NamedTuple):
    """A place in a text that each recipient's value of this name takes."""

    name: str


Segment = str | Variable


def segments(text: str, where: str, *, is_html: bool = False) -> tuple[Segment, ...]:
    """Take a text apart into fixed pieces and variables.

    Raises
    ------
    TemplateError
        If two braces are left that belong to no variable, or the text has a character that no
        mail can carry; ``where`` begins the sentence.
    """
    if found := _UNSENDABLE.search(text):
        raise TemplateError(
            f"{where}, line {_line(text, found.start())}: has a character that no mail can carry "
            f"({shown(found[0])}); save it as UTF-8 without it"
        )
    parts: list[Segment] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        parts += [text[end : match.start()], Variable(match[1])]
        end = match.end()
    parts.append(text[end:])
    _refuse_braces(text, where, is_html)
    return tuple(part for part in parts if part)


def _refuse_braces(text: str, where: str, is_html: bool) -> None:
    rest = _VARIABLE.sub(lambda match: " " * len(match[0]), text)
    if is_html:
        rest = _CODE.sub(lambda match: match[0].replace("}", " "), rest)
    if found := _BRACES.search(rest):
        raise TemplateError(
            f"{where}, line {_line(text, found.start())}: {shown(_around(text, found.start()))} "
            "is no variable; write {{name}} with two braces on either side, on one line"
        )


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _around(text: str, position: int) -> str:
    return text[max(0, position - 10) : position + 20]


def names(parts: Iterable[Segment]) -> Iterator[str]:
    """Yield the names of the variables in a text that was taken apart."""
    return (part.name for part in parts if isinstance(part, Variable))


@dataclass(frozen=True, slots=True, repr=False)
class Template:
    """What a message says: HTML, plain text, or both as alternatives.

    Parameters
    ----------
    html, text
        The two forms, at least one of them; ``{{name}}`` stands for a variable.
    name
        How errors call it.

    Raises
    ------
    TemplateError
        If there is neither form, or one of them has braces left over.
    """

    html: str | None = None
    text: str | None = None
    name: str = "the template"

    def __post_init__(self) -> None:
        if self.html is None and self.text is None:
            raise TemplateError(f"{self.name} says nothing; give it HTML, a plain text, or both")
        self.parts()

    def __repr__(self) -> str:
        forms = " and ".join(kind for kind in ("html", "text") if getattr(self, kind) is not None)
        return f"<Template {self.name!r}: {forms}>"

    @classmethod
    def read(cls, source: str | Path, folder: str | Path = "") -> Template:
        """Read a template from where it is.

        Parameters
        ----------
        source
            A file (``.html``, ``.htm`` or ``.txt``), whose neighbour of the same name in the
            other form is the alternative; a folder that holds one of each or only one; or the
            text itself, HTML if it begins with ``<``.
        folder
            Where a relative path begins.

        Raises
        ------
        TemplateError
            If a file cannot be read, or what was read is no template.
        """
        if isinstance(source, Path) or _is_file_name(source, folder):
            return _from_files(Path(folder, source))
        if source.lstrip().startswith("<"):
            return cls(html=source)
        return cls(text=source)

    def parts(self) -> dict[str, tuple[Segment, ...]]:
        """Return the forms there are, ``text`` before ``html``, taken apart."""
        found = {}
        if self.text is not None:
            found["text"] = segments(self.text, f"{self.name}, text")
        if self.html is not None:
            found["html"] = segments(self.html, f"{self.name}, HTML", is_html=True)
        return found


def escaped(value: str) -> str:
    """Make a value safe in HTML, between tags and in quoted attributes."""
    return html.escape(value)


def _is_file_name(source: str, folder: str | Path) -> bool:
    if not _FILE_NAME.fullmatch(source) or "\0" in source:
        return False
    path = Path(folder, source)
    try:
        return path.suffix.lower() in _SUFFIXES or path.exists()
    except OSError:  # such as a name that is too long for the file system
        return False


def _from_files(path: Path) -> Template:
    name = f"template {path.name!r}"
    # A file that is not there is named below, where it cannot be read.
    found = sorted(path.iterdir()) if path.is_dir() else [path, *_neighbours(path)]
    forms: dict[str, Path] = {}
    for file in found:
        kind = _SUFFIXES.get(file.suffix.lower())
        if kind and forms.setdefault(kind, file) != file:
            raise TemplateError(
                f"{name} has {forms[kind].name!r} and {file.name!r}; keep one of them"
            )
    if not forms:
        raise TemplateError(f"{name} is no .html or .txt file, nor a folder with one; name another")
    return Template(name=name, **{kind: _text(file) for kind, file in forms.items()})


def _neighbours(path: Path) -> Iterator[Path]:
    """Yield the files that are a file's alternative in the other form."""
    own = _SUFFIXES.get(path.suffix.lower())
    for suffix, kind in _SUFFIXES.items():
        other = path.with_suffix(suffix)
        if own and kind != own and other.is_file():
            yield other


def _text(file: Path) -> str:
    try:
        if file.exists() and not file.is_file():
            raise TemplateError(f"{shown(str(file))} is not a file; name an .html or .txt file")
        with file.open("rb") as stream:
            data = stream.read(LARGEST_MESSAGE + 1)
        if len(data) > LARGEST_MESSAGE:
            raise TemplateError(
                f"template {file.name!r} has more than {LARGEST_MESSAGE:,} bytes; shorten it"
            )
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TemplateError(f"template {file.name!r} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise TemplateError(
            f"cannot read the template {shown(str(file))} ({error.strerror}); name another"
        ) from None
