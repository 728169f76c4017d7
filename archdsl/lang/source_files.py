"""Reads spec files, and decodes and validates their text."""

from __future__ import annotations

import errno
from pathlib import Path

from archdsl.bounded import near
from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError

MAX_BYTES = 5_000_000
ENDING = ".arch"


def read(path: Path, name: str) -> Source:
    """Reads a spec file; `name` is its name in messages. Raises SpecError if it is unreadable or not text."""
    if "\0" in str(path):  # Python's error for it is not an OSError
        raise SpecError([_unreadable(path, name, OSError(errno.EINVAL, "null byte in the name"))])
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError([_unreadable(path, name, error)]) from error
    if len(data) > MAX_BYTES:
        raise SpecError([too_large(Source(name, ""))])
    return decode(data.removeprefix(b"\xef\xbb\xbf"), name)


def decode(data: bytes, name: str) -> Source:
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        source = Source(name, data.decode("utf-8", errors="replace"))
        at = len(data[: error.start].decode("utf-8"))
        primary = Label(Location(source, at, at + 1), f"byte 0x{data[error.start]:02x}")
        raise SpecError(
            [Diagnostic("ARCH002", "the file is not UTF-8 text", primary, help="save it as UTF-8")]
        ) from error


def check_text(source: Source) -> None:
    """Raises SpecError for text that cannot be a spec: too long, or with NUL or a lone surrogate."""
    text = source.text
    if len(text) > MAX_BYTES:
        raise SpecError([too_large(source)])
    at, what = text.find("\0"), "a NUL character"
    if at < 0 and not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            at, what = error.start, "a lone surrogate"
    if at >= 0:
        primary = Label(Location(source, at, at + 1), what)
        raise SpecError([Diagnostic("ARCH002", "the file is not text", primary)])


def too_large(source: Source) -> Diagnostic:
    return Diagnostic(
        "ARCH701",
        f"the file is larger than {MAX_BYTES // 1_000_000} MB",
        Label(Location(source, 0, 0)),
        help="split it and import its parts",
    )


def _unreadable(path: Path, name: str, error: OSError) -> Diagnostic:
    guess = near(path, ENDING) if isinstance(error, FileNotFoundError) else None
    reason = (error.strerror or type(error).__name__).lower()
    return Diagnostic(
        "ARCH001",
        f"cannot read `{name}`: {reason}",
        Label(Location(Source(name, ""), 0, 0)),
        help=f"did you mean `{Path(name).with_name(guess)}`?" if guess else None,
    )


def starts_line(text: str, at: int) -> bool:
    """Whether only white space precedes a position on its line."""
    while at and text[at - 1] in " \t\r":
        at -= 1
    return at == 0 or text[at - 1] == "\n"


def shortened(word: str) -> str:
    return word if len(word) <= 30 else f"{word[:27]}…"
