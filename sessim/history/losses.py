"""What had to be left out of a history: counted by kind, with the place of the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pandas as pd

MOST: Final = 200
"""Kinds that are told apart; a damaged file must not fill the memory with sentences."""


class Place(NamedTuple):
    """Where something stands: the file's name and the line, from 1; line 0 is the file as such."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(slots=True)
class Loss:
    """One kind of rows that were left out."""

    what: str
    first: Place
    rows: int = 0

    def __str__(self) -> str:
        rows = "1 row was" if self.rows == 1 else f"{self.rows:,} rows were"
        return f"{rows} left out: {self.what} (first in {self.first})"


@dataclass
class Losses:
    """Everything that was left out, and other things that a reader of the history should know.

    Attributes
    ----------
    kinds
        What was left out, by what was wrong with it, in the order of first appearance.
    remarks
        Sentences on assumptions, each once, in order.
    """

    kinds: dict[str, Loss] = field(default_factory=dict)
    remarks: dict[str, None] = field(default_factory=dict)

    def leave_out(self, what: str, place: Place, rows: int = 1) -> None:
        """Count rows that are left out; ``what`` says what is wrong with them."""
        if what not in self.kinds and len(self.kinds) >= MOST:
            what = "they are damaged in further ways"
        self.kinds.setdefault(what, Loss(what, place)).rows += rows

    def remark(self, sentence: str) -> None:
        """Keep a sentence that the user should see."""
        self.remarks[sentence] = None

    @property
    def rows(self) -> int:
        """How many rows were left out in all."""
        return sum(loss.rows for loss in self.kinds.values())

    @property
    def sentences(self) -> tuple[str, ...]:
        """The remarks, and one sentence for each kind of rows that was left out."""
        return (*self.remarks, *map(str, self.kinds.values()))

    @property
    def why(self) -> str:
        """The first sentence in brackets, if there is one: why nothing could be used."""
        return f" ({next(iter(self.kinds.values()))})" if self.kinds else ""

    @property
    def frame(self) -> pd.DataFrame:
        """One row a kind: ``what``, ``rows``, ``file``, ``line`` (of the first)."""
        entries = [
            (loss.what, loss.rows, loss.first.file, loss.first.line) for loss in self.kinds.values()
        ]
        frame = pd.DataFrame(entries, columns=["what", "rows", "file", "line"])
        return frame.astype({"what": "str", "rows": "int64", "file": "str", "line": "int64"})
