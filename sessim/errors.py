"""What goes wrong, in words: one base class, and each error also the builtin a caller expects."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import NamedTuple


class SessimError(Exception):
    """Base class of every error that sessim raises on purpose."""


class Problem(NamedTuple):
    """One thing that is wrong: the field in words, what is wrong with the remedy, the path."""

    field: str
    message: str
    where: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class PlanError(SessimError, ValueError):
    """A plan, or a file that a plan names, says something that the service could not do.

    Parameters
    ----------
    problems
        Everything that is wrong, in the order of the plan. The text of the error is the first
        one, with the number of the others.
    """

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        found = [Problem("", problems)] if isinstance(problems, str) else list(problems)
        self.problems: tuple[Problem, ...] = tuple(found)
        super().__init__(self.problems)

    def __str__(self) -> str:
        first, others = self.problems[0], len(self.problems) - 1
        if not others:
            return str(first)
        return f"{first} (and {others} more problem{'s' if others > 1 else ''})"


class ArgumentError(SessimError, ValueError):
    """An argument of a call cannot be used; the sentence begins with its name."""


class LogError(SessimError, ValueError):
    """A file or directory does not hold an event log that sessim can read."""


class HistoryError(SessimError, ValueError):
    """A history, or a file that tells of it, cannot be used."""


class RecipientError(SessimError, ValueError):
    """A recipient list, or one row of it, cannot be used."""


class TemplateError(SessimError, ValueError):
    """A template, or what goes with it into every message, cannot be used."""


class OutboxError(SessimError, RuntimeError):
    """An outbox cannot be used, or cannot do what it was asked to; nothing was written."""


class OutboxBusyError(OutboxError):
    """Another sender holds the outbox."""


class SessimWarning(UserWarning):
    """Something allowed that is probably not what was meant."""


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 3, 3, 4, 4
        self.maxstring = self.maxother = self.maxlong = 80

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python writes no number of more than 4300 digits
            return "a number of thousands of digits"


_SHORT = _Short()


def shown(value: object) -> str:
    """Write a value into a sentence: as Python writes it, but on one line and never long."""
    text = " ".join(_SHORT.repr(value).split())
    return text if len(text) <= 100 else f"{text[:70]}...{text[-20:]}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or else list them all."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(words)}"
