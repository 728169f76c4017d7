"""The journal of a run: an append-only JSON-lines file of its events, readable after crashes and damage."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archdsl import atomic
from archdsl.bounded import demand_regular
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.lines import Mark, is_of, read_records, record, whole_lines

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Journal:
    """An append-only JSON-lines file.

    Creating the object creates a missing file, but changes no existing one. The next write drops a truncated
    last line. `notes` are messages on damage found by `cut`, and on the copy of the file that was kept.
    """

    def __init__(self, path: Path):
        self.path = path
        self.notes: list[str] = []
        with atomic.room_for(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open().close()
        self._read()

    def _open(self) -> io.FileIO:
        """Opens the file for appending; called for each write, so that no file stays open."""
        return self.path.open("ab", buffering=0)

    def _read(self) -> None:
        demand_regular(self.path)
        data = self.path.read_bytes()
        lines = whole_lines(data)
        self._sound = [record(line) is not None for line in lines]
        self._ends = [0]
        for line in lines:
            self._ends.append(self._ends[-1] + len(line))
        self._more = len(data) > self._ends[-1]
        self._hash = hashlib.sha256(data[: self._ends[-1]])

    def __len__(self) -> int:
        """The number of lines."""
        return len(self._ends) - 1

    def write(self, event: Mapping[str, Any]) -> None:
        """Appends a record of JSON values.

        Raises SpecError (ARCH917), leaving the file unchanged, if the disk is full; ValueError for numbers
        that are not finite.
        """
        self.write_all([event])

    def write_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Appends several records: all of them, or none if an error is raised. Raises as `write`."""
        lines = [_encode(event).encode("utf-8") + b"\n" for event in events]
        line = b"".join(lines)
        with atomic.room_for(self.path), self._open() as file:
            self._drop_rest(file)
            try:
                written = 0
                while written < len(line):
                    written += file.write(line[written:]) or 0
            except OSError:
                self._more = True
                self._drop_rest(file)
                raise
        for one in lines:
            self._ends.append(self._ends[-1] + len(one))
            self._sound.append(True)
        self._hash.update(line)

    def _drop_rest(self, file: io.FileIO) -> None:
        """Truncates the file after the last complete line."""
        if self._more:
            file.truncate(self._ends[-1])
            self._more = False

    def records(self) -> list[dict[str, Any]]:
        """All records, oldest first; damaged lines are skipped."""
        return read_records(self.path)

    def mark(self) -> Mark:
        """The current position of the journal."""
        return Mark(len(self), self._hash.hexdigest())

    def cut(self, length: int, sha256: str | None = None, step: int | None = None) -> None:
        """Truncates the journal to its first `length` lines, which it had when the checkpoint was written.

        `sha256` is the hash of these lines (None: unknown), `step` the step of the checkpoint. If the lines
        were modified or damaged, the journal keeps its readable records up to `step`, and a copy of the file
        is made. Raises SpecError (ARCH911), changing nothing, if lines are missing and none is damaged.
        """
        damaged = self._more or not all(self._sound[:length])
        if length > len(self) and not damaged:
            headline = f"{self.path} has {len(self)} lines; the checkpoint was written after {length}"
            help = "restore the journal from a copy, or start a new run in another folder: --out DIR"
            raise SpecError([Diagnostic("ARCH911", headline, help=help)])
        if length > len(self) or not all(self._sound[:length]) or not self._is(length, sha256):
            self._mend(step)
            return
        if length == 0 and len(self):
            kept = self._keep()
            self.notes.append(f"no checkpoint found: starting a new journal; the old one is kept as {kept}")
        with atomic.room_for(self.path), self._open() as file:
            file.truncate(self._ends[length])
        self._read()

    def _is(self, length: int, sha256: str | None) -> bool:
        data = self.path.read_bytes()[: self._ends[length]]
        return sha256 in (None, hashlib.sha256(data).hexdigest())

    def _mend(self, step: int | None) -> None:
        kept = self._keep()
        lines = [line for line in whole_lines(self.path.read_bytes()) if is_of(record(line), step)]
        self.notes.append(
            f"{self.path.name} is damaged: kept its {len(lines)} readable lines, and a copy as "
            f"{kept}; training does not depend on it"
        )
        atomic.write_bytes(self.path, b"".join(lines))
        self._read()

    def _keep(self) -> str:
        """Copies the file beside itself; returns the name of the copy."""
        n = 1
        while (path := self.path.with_name(f"{self.path.stem}.damaged-{n}{self.path.suffix}")).exists():
            n += 1
        atomic.write_bytes(path, self.path.read_bytes())
        return path.name

    def sync(self) -> None:
        """Flushes all records to disk (fsync)."""
        with atomic.room_for(self.path), self._open() as file:
            os.fsync(file.fileno())
