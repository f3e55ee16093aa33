"""Users' texts in pictures: never markup, never too long, never a glyph that no font has."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

if TYPE_CHECKING:
    from matplotlib.text import Text

LONGEST: Final = 28
"""Places that a name may take; a wide character takes two."""

_CUT: Final = "…"
_MISSING: Final = "□"
_OWN: Final = "DejaVu Sans"  # comes with matplotlib
_WIDE_FONTS: Final = (
    "Noto Sans", "Noto Emoji", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback", "PingFang",
    "Hiragino Sans", "Heiti", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic",
    "Segoe UI", "Arial Unicode MS", "Symbola", "Unifont",
)  # fmt: skip
"""How the names of fonts begin that reach beyond Latin, Greek and Cyrillic."""


def name(text: str, longest: int = LONGEST) -> str:
    """Return a text as it stands in a picture.

    Breaks become blanks, a long text loses its middle, a character that no font has becomes a
    box, and a dollar sign does not begin a formula.
    """
    usual = _usual()
    tidy = "".join(_tidy(character, usual) for character in text)
    return _cut(" ".join(tidy.split()), longest).replace("$", r"\$")


def names(texts: Iterable[str], numbers: Iterable[int], longest: int = LONGEST) -> list[str]:
    """Return several names as :func:`name` does, with a number where they look alike."""
    shown = [name(text, longest) for text in texts]
    alike = Counter(shown)
    return [
        f"{text} ({number})" if alike[text] > 1 or _MISSING in text else text
        for text, number in zip(shown, numbers, strict=True)
    ]


def breadth(text: str) -> int:
    """Return how many places a text takes."""
    return sum(_places(character) for character in text)


def fit(texts: Iterable[Text]) -> None:
    """Let texts be drawn with further fonts where those in use lack a character."""
    usual = _usual()
    for text in texts:
        lacking, families = set(map(ord, text.get_text())) - usual, []
        for family, more in _further().items() if lacking else ():
            if lacking & more:
                families.append(family)
                lacking -= more
        if families:
            text.set_fontfamily([*mpl.rcParams["font.family"], *families])


def _tidy(character: str, usual: frozenset[int]) -> str:
    kind = unicodedata.category(character)
    if kind in {"Cc", "Zl", "Zp"}:
        return " "
    if ord(character) in usual or any(ord(character) in more for more in _further().values()):
        return character
    return "" if kind in {"Cf", "Mn", "Me"} else _MISSING


def _cut(text: str, longest: int) -> str:
    if breadth(text) <= longest:
        return text
    tail = _fitting(text[::-1], longest // 3)[::-1]
    head = _fitting(text, longest - 1 - breadth(tail))
    return head.rstrip() + _CUT + tail.lstrip()


def _fitting(text: str, room: int) -> str:
    for place, character in enumerate(text):
        room -= _places(character)
        if room < 0:
            return text[:place]
    return text


def _places(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


# --- fonts ---------------------------------------------------------------------------------------


def _usual() -> frozenset[int]:
    """Return the characters that the fonts in use can draw."""
    fonts = [findfont(FontProperties(family=[name])) for name in mpl.rcParams["font.family"]]
    return frozenset().union(*map(_glyphs, fonts))


@cache
def _further() -> dict[str, frozenset[int]]:
    """Return the fonts on this machine that reach further, and what they can draw, by name."""
    known = sorted({font.name for font in fontManager.ttflist})
    found = [name for start in _WIDE_FONTS for name in known if name.startswith(start)]
    return {name: _glyphs(findfont(FontProperties(family=[name]))) for name in [_OWN, *found]}


@cache
def _glyphs(font: str) -> frozenset[int]:
    try:
        return frozenset(get_font(font).get_charmap())
    except (OSError, RuntimeError):  # it has pictures alone, or cannot be read
        return frozenset()
