"""What is taken in is what was confirmed: a list's digest, of the pass that reads its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sessim.errors import RecipientError
from sessim.recipients import Recipient, RecipientFile, Refusal


class Witnessed:
    """A list that is told by its digest when it has been read, a group of an outbox.

    Parameters
    ----------
    file
        The list. It is read row by row, and nothing of it is held.
    expected
        What the digest has to be; by default anything.

    Attributes
    ----------
    digest
        Of the latest pass to the end, empty before: the names of the variables and every byte.
    """

    def __init__(self, file: RecipientFile, expected: str | None = None) -> None:
        self.file, self.expected = file, expected
        self.variables = file.variables
        self.digest = ""

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        """Yield the rows.

        Raises
        ------
        RecipientError
            After the last row, so that who takes them in gives all of them up: the list is not
            what is expected.
        """
        seen = hashlib.sha256()
        yield from self.file.read(seen)
        self.digest = seen.hexdigest()
        if self.expected not in {None, self.digest}:
            raise RecipientError(
                f"list {self.file.path.name!r} was changed after it was confirmed; look at what "
                "would be sent now, and confirm that"
            )
