"""Sanitizes everything that commands print.

Printed names and texts come from untrusted files. A control character or a direction mark in them could move
the cursor, hide text, or set the title of a window, so all of these are escaped, except the few escape
sequences that archdsl writes itself. Characters that the encoding of the stream lacks are escaped as well.
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
    """A text stream whose `write` escapes control characters.

    A carriage return at the beginning of a text is kept, for progress bars.
    """

    buffer = None  # click would bypass `write` for ASCII encodings

    def __init__(self, stream: IO[str]):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        return self._put(text if text.isascii() and text.isprintable() else _shown(text))

    def isatty(self) -> bool:
        """Whether the stream is a terminal; a stream without `isatty` is not."""
        return bool(getattr(self.stream, "isatty", lambda: False)())

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def document(self, text: str) -> int:
        """Writes machine-readable text: unchanged, unless the stream is a terminal."""
        return self.write(text) if self.isatty() else self._put(text)

    def _put(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except UnicodeEncodeError:  # × and … on old terminals, lone surrogates in file names
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            return self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _shown(text: str) -> str:
    start = len(text) - len(text.lstrip("\r"))
    pieces = _SPLIT.split(text[start:].replace("\r\n", "\n"))
    return text[:start] + "".join(piece if n % 2 else clean(piece) for n, piece in enumerate(pieces))


@contextmanager
def printed() -> Iterator[None]:
    """A context manager in which standard output and standard error escape control characters (`Printed`)."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (s if isinstance(s, Printed) else Printed(s) for s in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console() -> Console:
    """A rich console on standard error, for progress bars.

    The console bypasses `Printed`, so its texts must be passed through `clean`.
    """
    from rich.console import Console

    stream = sys.stderr.stream if isinstance(sys.stderr, Printed) else sys.stderr
    return Console(file=stream, markup=False, highlight=False)


def progress_bars() -> Progress:
    """A progress bar with count, description and remaining time, on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    return Progress(BarColumn(), MofNCompleteColumn(), text, TimeRemainingColumn(), console=console())


def document(text: str) -> None:
    """Prints machine-readable text (see `Printed.document`)."""
    if isinstance(sys.stdout, Printed):
        sys.stdout.document(text)
    else:
        sys.stdout.write(text)


def forget_output() -> None:
    """Redirects standard output to the null device after a broken pipe, so that Python's final flush
    succeeds.
    """
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # a stream without a file descriptor
        return
