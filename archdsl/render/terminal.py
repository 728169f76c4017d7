"""Text for terminals: display width, colours, and replacements for unsafe characters.

Specs are untrusted: their escape sequences and direction marks must not reach the terminal.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import IO

_TAB = 4
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Palette:
    """The escape sequences to write before and after each kind of text, such as an error or a line number."""

    error: str = ""
    warning: str = ""
    note: str = ""
    strong: str = ""
    frame: str = ""
    good: str = ""
    end: str = ""

    def paint(self, kind: str, text: str) -> str:
        """The text in the colour of this kind of text."""
        return f"{getattr(self, kind)}{text}{self.end}" if text else text


PLAIN = Palette()
ANSI = Palette(
    error="\x1b[1;31m",
    warning="\x1b[1;33m",
    note="\x1b[1;36m",
    strong="\x1b[1m",
    frame="\x1b[1;34m",
    good="\x1b[32m",
    end="\x1b[0m",
)


def palette(stream: IO[str]) -> Palette:
    """The colours for a stream, if it is a terminal with colours; respects NO_COLOR and FORCE_COLOR."""
    if os.environ.get("NO_COLOR"):
        return PLAIN
    if os.environ.get("FORCE_COLOR"):
        return ANSI
    return ANSI if is_terminal(stream) and os.environ.get("TERM") != "dumb" else PLAIN


def is_terminal(stream: object) -> bool:
    """Whether a stream is a terminal; streams of notebooks and loggers, without `isatty`, are not."""
    return bool(getattr(stream, "isatty", lambda: False)())


def char_width(char: str) -> int:
    """The number of columns of a printable character: 0, 1 or 2."""
    if char.isascii():
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def display(char: str, column: int) -> str:
    """The text that is printed for a character at a display column (counted from 0)."""
    if char == "\t":
        return " " * (_TAB - column % _TAB)
    if char in _DIRECTION_MARKS or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000:
        return "�"
    if char < " ":
        return chr(0x2400 + ord(char))
    return char


def clean(text: str) -> str:
    """The text with visible replacements for control characters and direction marks, except line breaks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == "\n" else display(c, 0) for c in text)
