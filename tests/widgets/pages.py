"""Reading HTML as a browser would: which elements there are, and what stands in the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"br", "img", "meta", "wbr", "hr"}


@dataclass
class Element:
    """An element: its attributes, the text in it, and what it is inside of."""

    tag: str
    attributes: dict[str, str | None]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Page:
    """The elements of a piece of HTML in order, and whether each was closed."""

    elements: list[Element] = field(default_factory=list)
    balanced: bool = True

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag with these attributes; ``class_`` stands for class."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    @property
    def tables(self) -> list[list[dict[str, str]]]:
        """Return the rows of each table: the text of each cell by its column's heading."""
        found: list[list[dict[str, str]]] = []
        heads: list[str] = []
        for element in self.elements:
            if element.tag == "table":
                found.append([])
                heads = []
            elif element.tag == "th" and element.attributes.get("scope") == "col":
                heads.append(element.text)
            elif element.tag == "tr" and "tbody" in element.inside:
                found[-1].append({})
            elif element.tag in ("td", "th"):
                row = found[-1][-1]
                row[heads[len(row)]] = element.text
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self.open = Page(), []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = tuple(element.tag for element in self.open)
        element = Element(tag, dict(attrs), inside)
        self.page.elements.append(element)
        if tag in VOID:
            for around in self.open if tag == "br" else ():
                around.text += "\n"
        else:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1].tag == tag:
            self.open.pop()
        else:
            self.page.balanced = False

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def read(html: str) -> Page:
    """Read a piece of HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.balanced &= not reader.open
    return reader.page


def widgets_in(widget: Any) -> list[Any]:
    """Return a widget and all that are in it."""
    return [widget, *(w for child in getattr(widget, "children", ()) for w in widgets_in(child))]


def html_of(widget: Any) -> str:
    """Return all HTML that a panel shows."""
    found = [w.value for w in widgets_in(widget) if type(w).__name__ == "HTML"]
    return "".join(found)
