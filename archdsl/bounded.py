"""Reads untrusted files, with limits on their size and on the nesting and numbers of JSON."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError, closest

LONGEST_NUMBER = 300
"""The maximum number of digits of an integer in JSON."""
_MOST_LISTED = 500
"""The maximum number of names in a folder that are compared with the name of a missing file."""


def read_bytes(path: Path, most: int) -> bytes:
    """Reads a regular file of at most `most` bytes.

    Raises SpecError (ARCH715) for a larger file, for one that cannot be opened, and for anything but a
    regular file, such as a pipe.
    """
    demand_regular(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise unread(path, error) from error
    if len(data) > most:
        raise _refused(
            f"{path} is larger than {most / 2**20:.3g} MiB", "files of this kind are small; check the path"
        )
    return data


def demand_regular(path: Path) -> None:
    """Raises SpecError (ARCH715) if `path` is missing or is not a regular file."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise unread(path, error) from error
    if not regular:
        raise _refused(f"{path} is not a regular file", "copy its contents to a regular file")


def unread(path: Path, error: OSError) -> SpecError:
    """The error for a file that cannot be opened (ARCH715)."""
    absent = isinstance(error, FileNotFoundError)  # safetensors gives it no number
    reason = os.strerror(errno.ENOENT) if absent else error.strerror or type(error).__name__
    guess = near(path, path.suffix) if absent else None
    hint = f"did you mean {path.with_name(guess)}?" if guess else "check the path and its permissions"
    return _refused(f"{path} cannot be read: {reason.lower()}", hint)


def near(path: Path, ending: str) -> str | None:
    """The file beside `path`, ending in `ending`, whose name is most similar; None if none is similar."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST_LISTED), strict=False)]
    except OSError:
        return None
    return closest(path.name, sorted(name for name in names if name.endswith(ending)))


def json_of(text: str) -> Any:
    """Parses a JSON text.

    Raises ValueError, also for deep nesting, long numbers, lone surrogates and objects with a duplicate key.
    """
    try:
        found = json.loads(text, parse_int=_whole, object_pairs_hook=_without_duplicates)
        if "\\ud" in text.lower():
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError:  # a file that is written of such a text would fail later
        raise ValueError("a lone surrogate is not a character") from None
    return found


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number with {len(digits):,} digits")
    return int(digits)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"duplicate key {key[:40]!a}")
    return found


def _refused(headline: str, help: str) -> SpecError:
    return SpecError([Diagnostic("ARCH715", headline, help=help)])
