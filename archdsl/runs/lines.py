"""Parses the lines of journals; positions in a journal, which checkpoints store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archdsl.bounded import demand_regular
from archdsl.runs.unfit import Unfit

LONGEST_LINE = 1 << 24
"""The maximum length in bytes of a line that `each_record` parses."""


class Mark(NamedTuple):
    """A position in a journal: the number of lines before it, and the SHA-256 of these lines.

    The hash is None in checkpoints of version 1.
    """

    lines: int
    sha256: str | None = None

    def plain(self) -> dict[str, Any]:
        """The mark as a dict, for a checkpoint."""
        return self._asdict()

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Mark:
        """The mark in the state of a checkpoint. Raises Unfit if the state has none."""
        found = state.get("journal")
        lines, sha256 = (found.get("lines"), found.get("sha256")) if type(found) is dict else (found, None)
        if type(lines) is not int or lines < 0 or type(sha256) not in (str, type(None)):
            raise Unfit("it has no journal position")
        return cls(lines, sha256)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The complete records of a journal, oldest first, without damaged ones.

    Another process may write the journal at the same time. Raises SpecError (ARCH715) if `path` is not a
    regular file.
    """
    demand_regular(path)
    found = map(record, whole_lines(path.read_bytes()))
    return [one for one in found if one is not None]


def each_record(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yields the records of a journal one at a time; None for a complete line that is damaged or too long.

    Raises SpecError (ARCH715) if `path` is not a regular file.
    """
    demand_regular(path)
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            too_long = False
            while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                line, too_long = file.readline(LONGEST_LINE), True
            if line.endswith(b"\n"):
                yield None if too_long else record(line)


def whole_lines(data: bytes) -> list[bytes]:
    """The complete lines with their line breaks, without lines of zero bytes at the end, left by a crash."""
    lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
    while lines and not lines[-1].strip(b"\0\n"):
        lines.pop()
    return lines


def record(line: bytes) -> dict[str, Any] | None:
    """The JSON object in a line; None if the line is damaged."""
    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def is_of(found: dict[str, Any] | None, step: int | None) -> bool:
    """Whether a record is readable and belongs to a step up to `step` (None: any step)."""
    if found is None:
        return False
    at = found.get("step", 0)
    return isinstance(at, int) and (step is None or 0 <= at <= step)
