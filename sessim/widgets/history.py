"""Undo and redo: the drafts before and after the present one."""

from __future__ import annotations

from sessim.widgets.draft import Draft


class History:
    """The drafts before and after the present one.

    Parameters
    ----------
    draft
        The first one.
    most
        How many steps back are kept.
    """

    def __init__(self, draft: Draft, most: int = 500) -> None:
        self.draft = draft
        self._past: list[Draft] = []
        self._future: list[Draft] = []
        self._most = most
        self._merge: object = None

    @property
    def can_undo(self) -> bool:
        """Whether there is a draft before the present one."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a draft after the present one."""
        return bool(self._future)

    def push(self, draft: Draft, merge: object = None) -> None:
        """Go on to a new draft; steps with the same ``merge`` in a row are undone as one."""
        if merge is None or merge != self._merge:
            self._past.append(self.draft)
            del self._past[: -self._most]
        self.draft, self._merge = draft, merge
        self._future.clear()

    def undo(self) -> Draft:
        """Go back to the draft before, if there is one."""
        if self._past:
            self._future.append(self.draft)
            self.draft = self._past.pop()
        self._merge = None
        return self.draft

    def redo(self) -> Draft:
        """Go forward again, if something was undone."""
        if self._future:
            self._past.append(self.draft)
            self.draft = self._future.pop()
        self._merge = None
        return self.draft
