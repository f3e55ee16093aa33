"""The fence around a send: addresses and domains outside which nothing goes."""

from __future__ import annotations

from collections.abc import Iterable

from sessim.errors import ArgumentError, shown
from sessim.recipients import canonical


class Within:
    """Recipients that are allowed: ``address in Within(...)`` tells.

    Parameters
    ----------
    patterns
        ``ann@example.org`` for one address, ``example.org`` for a domain, ``*.example.org`` for
        all domains below it; in whatever case, and not only in ASCII.

    Raises
    ------
    ArgumentError
        If one is none of these.

    Attributes
    ----------
    patterns
        The patterns in lower case and ASCII, each once.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(dict.fromkeys(map(_normal, patterns)))
        self._parents = tuple(text[1:] for text in self.patterns if text.startswith("*"))
        self._exact = frozenset(self.patterns)

    def __repr__(self) -> str:
        return f"<Within {', '.join(self.patterns)}>"

    def __contains__(self, address: str) -> bool:
        key = address.lower()
        domain = key.rpartition("@")[2]
        return key in self._exact or domain in self._exact or domain.endswith(self._parents)


def _normal(pattern: str) -> str:
    text = pattern.strip().removeprefix("*@").removeprefix("@")
    try:
        if "@" in text:
            return canonical(text)[1]
        star, _, domain = text.rpartition("*.")
        if star:  # an asterisk anywhere but in front
            raise ValueError(star)
        key = canonical(f"postmaster@{domain}")[1].partition("@")[2]
    except ValueError:
        raise ArgumentError(
            f"only: {shown(pattern)} is neither an address nor a domain; give ann@example.org, "
            "example.org, or *.example.org for the domains below it"
        ) from None
    return f"*.{key}" if "*" in text else key
