"""What stands between the verbs and the terminal: whatever is printed passes here once.

Names, texts and numbers that are printed come from files of strangers.  A control character or a direction
mark in them could move the cursor, hide text, or set the title of a window, so all are made visible, but for
the few sequences that archdsl itself writes.  Characters that the stream's encoding lacks are escaped.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from archdsl.render.terminal import ANSI, clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_ERASE, _HIDE, _SHOW = "\x1b[K", "\x1b[?25l", "\x1b[?25h"  # click's progress bars
_OURS = sorted(
    {*(value for value in vars(ANSI).values() if value), _ERASE, _HIDE, _SHOW, "\t"}, key=len, reverse=True
)
_SPLIT = re.compile("(" + "|".join(map(re.escape, _OURS)) + ")")


class Printed:
    """A text stream whose `write` makes control characters visible; everything else is that of `stream`.

    A carriage return at the start of what is written stays: progress bars write over their line.
    """

    buffer = None  # click would write its bytes past `write` where the encoding is ASCII

    def __init__(self, stream: IO[str]):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        return self._put(text if text.isascii() and text.isprintable() else _shown(text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def document(self, text: str) -> int:
        """Writes a text that is for a program or a file to read: as it is, unless a terminal shows it."""
        return self.write(text) if self.stream.isatty() else self._put(text)

    def _put(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except UnicodeEncodeError:  # × and … on old terminals, halves of surrogate pairs in names of files
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            return self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _shown(text: str) -> str:
    start = len(text) - len(text.lstrip("\r"))
    pieces = _SPLIT.split(text[start:].replace("\r\n", "\n"))
    return text[:start] + "".join(piece if n % 2 else clean(piece) for n, piece in enumerate(pieces))


@contextmanager
def printed() -> Iterator[None]:
    """Standard output and error pass through `Printed` meanwhile."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (s if isinstance(s, Printed) else Printed(s) for s in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console() -> Console:
    """A console of rich on standard error, for bars.

    It moves the cursor, which `Printed` would make visible, so it writes past it: `clean` what it shows.
    """
    from rich.console import Console

    stream = sys.stderr.stream if isinstance(sys.stderr, Printed) else sys.stderr
    return Console(file=stream, markup=False, highlight=False)


def progress_bars() -> Progress:
    """A bar with how many of how many, a description, and the time left, on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    return Progress(BarColumn(), MofNCompleteColumn(), text, TimeRemainingColumn(), console=console())


def document(text: str) -> None:
    """Prints a text that is for a program or a file to read (see `Printed.document`)."""
    if isinstance(sys.stdout, Printed):
        sys.stdout.document(text)
    else:
        sys.stdout.write(text)


def forget_output() -> None:
    """Gives Python somewhere to flush standard output to at its end, where nobody takes it any more."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # a stream without a file behind it
        return
