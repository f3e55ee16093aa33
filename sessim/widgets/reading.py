"""Reading what is typed: whole numbers, lists of them, times, rates."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Final

_COUNTED: Final = re.compile(r"\d{1,3}(?:([,._' \u00a0\u2009\u202f])\d{3})(?:\1\d{3})*", re.ASCII)
_LONGEST: Final = 40
_DISTRIBUTION: Final = re.compile(r"\{?\s*(\w+)\s*:\s*\[([^\[\]]*)\]\s*\}?")


def number(text: str) -> int | str:
    """Read a whole number, ``60,000`` or ``60.000`` too; anything else is returned as it is."""
    plain = text.strip()
    if _COUNTED.fullmatch(plain):
        plain = re.sub(r"\D", "", plain)
    try:
        return int(plain) if len(plain) <= _LONGEST else text
    except ValueError:
        return text


def numbers(text: str) -> list[int | str]:
    """Read a list of whole numbers, separated by blanks, semicolons, line breaks or commas."""
    parts = re.split(r"[;\s]+", text.strip()) if re.search(r"[;\s]", text.strip()) else [text]
    if len(parts) == 1:
        parts = text.split(",")
    found = [part.strip().strip(",") for part in parts]
    return [number(part) for part in found if part]


def times(text: str) -> str | list[str]:
    """Read a time of day, or a list of times separated by commas, semicolons or line breaks."""
    parts = [part.strip() for part in re.split(r"[,;\n]+", text) if part.strip()]
    return parts[0] if len(parts) == 1 and "-" not in parts[0] else parts or text


def rate(text: str) -> object:
    """Read a rate: ``0.02``, ``0,02``, ``2%``, or a distribution, ``uniform: [0, 4%]``.

    Anything else is returned as it is: :func:`sessim.quality.read` says what is wrong with it.
    """
    found = _DISTRIBUTION.fullmatch(text.strip())
    if found is None:
        return _share(text.replace(",", ".") if text.count(",") == 1 else text)
    parts = found[2].split(",") if found[2].strip() else []
    return {found[1]: [_share(part) for part in parts]}


def _share(text: str) -> int | float | str:
    plain = text.strip()
    try:
        value = Decimal(plain.removesuffix("%").strip())
        share = float(value / 100 if plain.endswith("%") else value)
    except ArithmeticError:
        return text
    if not isfinite(share):
        return text
    return int(share) if share.is_integer() else share


def is_file(path: Path) -> bool:
    """Say whether there is a file; what cannot be a path is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
