"""The quality rates in the forms of the task builder: seven texts, of a task or of a domain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sessim import quality
from sessim.quality import RATES
from sessim.widgets.reading import rate

_KEY: Final = re.compile(rf"\b({'|'.join(RATES)})\b")


@dataclass(frozen=True, kw_only=True)
class RatesDraft:
    """The rates as they stand in a form; the fields are those of :class:`sessim.quality.Quality`.

    Each is a number from 0 to 1, a percentage, or a distribution as a plan file has it.
    """

    invalid_rate: str = ""
    spam_bounce_rate: str = ""
    soft_failure_rate: str = ""
    complaint_rate: str = ""
    open_rate: str = ""
    click_rate: str = ""
    unsubscribe_rate: str = ""

    @property
    def rates(self) -> dict[str, object]:
        """The rates that are filled in, as a plan file has them."""
        texts = {name: getattr(self, name) for name in RATES}
        return {name: rate(text) for name, text in texts.items() if text}


def texts(rates: Mapping[str, Any]) -> dict[str, str]:
    """Return rates, as a plan file has them, as texts that are read as the same rates."""
    return {name: _text(value) for name, value in rates.items()}


def _text(value: float | Mapping[str, Sequence[float]]) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    [(kind, numbers)] = value.items()
    return f"{kind}: [{', '.join(map(str, numbers))}]"


def problems(row: RatesDraft) -> dict[str, str]:
    """Return what is wrong with each rate by itself."""
    found = {}
    for name, value in row.rates.items():
        try:
            quality.read({name: value})
        except ValueError as error:
            found[name] = str(error)
    return found


def beside(row: RatesDraft, message: str) -> str:
    """Return beside which field something that is wrong with the rates belongs.

    That is a rate which the message names, one of the row's own if there is any.
    """
    named = _KEY.findall(message) or RATES
    return next((name for name in named if getattr(row, name)), named[0])


def labelled(message: str, labels: Mapping[str, str]) -> str:
    """Return a message with the labels of the fields instead of the plan file's keys."""
    return _KEY.sub(lambda found: f"“{labels[found[1]]}”", message)
