"""Text made fit for the wire: 7-bit lines of at most 76 characters that decode to the same text.

The standard library does the same with about a hundred times the work, as it must: it does not
know that a piece of text begins a line. Here every piece does.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

CRLF = "\r\n"
SOFT_BREAK = "=\r\n"
"""Between two quoted pieces: the line goes on."""

_LONGEST_LINE = 75  # and the soft break's "=": 76, RFC 2045 section 6.7
_WORD_BYTES = 39  # 52 characters in base64, 64 as an encoded word: room for the header's name
_SHORT_HEADER = 60

_QUOTED = tuple(
    chr(byte) if 32 <= byte < 127 and byte != ord("=") else f"={byte:02X}" for byte in range(256)
)
_READY = re.compile(r"(?!\.)[ -<>-~]{0,71}[!-<>-~]")
_PLAIN_HEADER = re.compile(rf"(?!.*=\?)[!-~](?:[ -~]{{0,{_SHORT_HEADER - 2}}}[!-~])?")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LINE_BREAK = re.compile("\r\n|\n")


def quoted(text: str) -> str:
    """Write text in quoted-printable, as a piece that begins a line.

    Pieces are joined by :data:`SOFT_BREAK`. Line breaks (LF or CRLF) become CRLF; a lone CR is
    kept as a character. No line begins with a dot.
    """
    if _READY.fullmatch(text):
        return text
    return CRLF.join(map(_quoted_line, _LINE_BREAK.split(text)))


def _quoted_line(line: str) -> str:
    tokens = [_QUOTED[byte] for byte in line.encode()]
    if len(whole := "".join(tokens)) <= _LONGEST_LINE and whole[-1:] != " " and whole[:1] != ".":
        return whole
    if tokens and tokens[-1] == " ":  # spaces at the end of a line get lost on the way
        tokens[-1] = "=20"
    return SOFT_BREAK.join(_wrapped(tokens))


def _wrapped(tokens: list[str]) -> Iterator[str]:
    """Cut characters into lines, none of them inside a character."""
    line: list[str] = []
    length = 0
    for written in tokens:
        if length + len(written) > _LONGEST_LINE:
            yield "".join(line)
            line, length = [], 0
        safe = "=2E" if written == "." and not line else written
        line.append(safe)
        length += len(safe)
    yield "".join(line)


def header_text(text: str) -> str:
    """Write the text of a header such as Subject, folded; encoded words unless plain and short."""
    return text if not text or _PLAIN_HEADER.fullmatch(text) else encoded_words(text)


def encoded_words(text: str) -> str:
    """Write text as encoded words (RFC 2047) on lines of their own, whole characters in each."""
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in _words(text))


def _words(text: str) -> Iterator[bytes]:
    word = text.encode()
    if len(word) <= _WORD_BYTES:
        yield word
        return
    word = b""
    for character in text:
        more = character.encode()
        if len(word) + len(more) > _WORD_BYTES:
            yield word
            word = b""
        word += more
    yield word


def display_name(name: str) -> str:
    """Write the name before an address: atoms, a quoted string, or encoded words."""
    if len(name) > _SHORT_HEADER or not name.isascii() or "=?" in name:
        return encoded_words(name)
    if _ATOMS.fullmatch(name):
        return name
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def file_name(name: str) -> str:
    """Write the parameter that names an attachment (RFC 2231 where it is not plain)."""
    if re.fullmatch(r"[\w.-](?:[\w. -]*[\w.-])?", name, re.ASCII) and len(name) <= _SHORT_HEADER:
        return f'filename="{name}"'
    return f"filename*=utf-8''{quote(name, safe='')}"


def base64_lines(data: bytes) -> str:
    """Write bytes in base64, in lines of 76 characters that end with CRLF."""
    return base64.encodebytes(data).decode().replace("\n", CRLF)
