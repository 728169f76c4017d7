"""Checkpoints of runs: files without pickled code, written atomically, verified by a checksum when read."""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from archdsl import atomic
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.restoring import Unfit

_FORMAT = "archdsl/state"
_VERSION = 2
_NAME = re.compile(r"step-(\d{9,18})\.pt")

_MARK = b"archdsl sha256 "
_DIGITS = 64
_END_OF_ARCHIVE = b"PK\x05\x06"
_END_LENGTH = 22
_LENGTH = 2
"""The size in bytes of the ZIP field for the length of the archive comment, the last field of an archive
without comment.
"""


def save_state(path: Path, state: dict[Any, Any], step: int = 0, run: str = "") -> None:
    """Writes a state: tensors, numbers, strings, None, and lists, tuples and dicts of these.

    `step` and `run` (a hash of the run's inputs) are stored with the state and identify it. The file is a
    torch archive with the SHA-256 of its contents as comment; it replaces `path` after it was flushed to
    disk. Raises SpecError (ARCH917) if the disk is full, TypeError for values of other types, which would
    need pickled code.
    """
    _demand_plain(state, "state")
    whole = {"format": _FORMAT, "version": _VERSION, "step": step, "run": run, "state": state}
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        sealing = _Sealing(file)
        torch.save(whole, sealing)  # type: ignore[arg-type]  # it calls `write` and `flush` only
        sealing.end()
        file.flush()
        os.fsync(file.fileno())
    with atomic.room_for(path):
        _sync_folder(path.parent)


def load_state(path: Path) -> dict[str, Any]:
    """Reads a state with its tensors on the CPU. Raises SpecError (ARCH910) for a damaged or invalid file."""
    state: dict[str, Any] = _load(path)["state"]
    return state


def _load(path: Path) -> dict[str, Any]:
    """Reads the dict that `save_state` writes; verifies the checksum of the file before parsing it."""
    data = path.read_bytes()
    sealed = _is_sealed(path, data)
    if not sealed:
        _demand_sound_members(path, data)
    try:
        whole = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are not a torch archive raise nearly any exception
        raise _torn(path) from error
    if not isinstance(whole, dict) or whole.get("format") != _FORMAT:
        raise SpecError([_unreadable(path, "not written by archdsl")])
    version = _VERSION if sealed else 1
    if whole.get("version") != version:
        why = f"its format version is {whole.get('version')}, expected {version}"
        raise SpecError([_unreadable(path, why)])
    if not isinstance(whole.get("state"), dict):
        raise SpecError([_unreadable(path, "it contains no state")])
    return whole


class _Sealing:
    """A file object for writing a ZIP archive with the checksum of all preceding bytes as its comment.

    Only the last two bytes, the length of the comment, are buffered, as a state may take most of the memory.
    If the file cannot be written, `end` raises the error, because torch does not expect one from `write`.
    """

    def __init__(self, file: BinaryIO):
        self._file, self._sha256, self._last = file, hashlib.sha256(), b""
        self._failed: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data)
        if len(view) < _LENGTH:
            view = memoryview(self._last + bytes(view))
        else:
            self._put(self._last)
        self._put(view[:-_LENGTH])
        self._last = bytes(view[-_LENGTH:])
        return len(data)

    def flush(self) -> None:
        """Does nothing: the file is flushed after `end`."""

    def end(self) -> None:
        """Writes the comment. Raises OSError if this or an earlier write failed."""
        self._put((len(_MARK) + _DIGITS).to_bytes(_LENGTH, "little") + _MARK)
        if self._failed is not None:
            raise self._failed
        self._file.write(self._sha256.hexdigest().encode())

    def _put(self, data: bytes | memoryview) -> None:
        if self._failed is not None:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self._failed = error
        self._sha256.update(data)


def _is_sealed(path: Path, data: bytes) -> bool:
    """Whether a file has a checksum. Raises SpecError if the checksum is wrong, or the file is truncated."""
    end, digits = len(data) - _DIGITS, data[-_DIGITS:]
    if data.endswith(_MARK, 0, max(0, end)):
        if hashlib.sha256(memoryview(data)[:end]).hexdigest().encode() != digits:
            raise SpecError([_unreadable(path, "it is damaged: wrong checksum")])
        return True
    record = data[-_END_LENGTH:]
    if not record.startswith(_END_OF_ARCHIVE) or not record.endswith(b"\0\0"):
        raise _torn(path)
    return False


def _demand_sound_members(path: Path, data: bytes) -> None:
    """Verifies the ZIP checksums of the members of a file of version 1, which has no checksum of the whole.

    Raises SpecError (ARCH910).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise SpecError([_unreadable(path, "not written by archdsl")])
            damaged = archive.testzip()  # torch itself does not compare checksums
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise _torn(path) from error
    if damaged is not None:
        raise SpecError([_unreadable(path, f"damaged member {damaged}")])


@dataclass
class Keeper:
    """The folder with the newest `keep` checkpoints of a run; `run` is a hash of the run's inputs.

    `passed_over` lists the files that `latest` or `restore` skipped, with the reason for each.
    """

    folder: Path
    keep: int = 2
    run: str = ""
    passed_over: list[tuple[Path, str]] = field(default_factory=list)

    def save(self, step: int, state: dict[Any, Any]) -> Path:
        """Writes the state after a step; returns the path of the checkpoint.

        Deletes older checkpoints beyond `keep`, and checkpoints of later steps, left by a previous attempt.
        Raises as `save_state`.
        """
        path = self.path(step)
        save_state(path, state, step, self.run)
        there = self.steps()
        for old in [*there[there.index(step) + self.keep :], *there[: there.index(step)]]:
            self.path(old).unlink(missing_ok=True)
        return path

    def latest(self) -> tuple[int, dict[str, Any]] | None:
        """Step and state of the newest readable checkpoint; None if there are no checkpoints.

        Raises SpecError (ARCH910) if there are checkpoints and none is readable.
        """
        found: list[dict[str, Any]] = []
        step = self.restore(found.append)
        return None if step is None else (step, found[-1])

    def restore(self, take: Callable[[dict[str, Any]], None]) -> int | None:
        """Passes states to `take`, newest first, until one is accepted; returns the step of that checkpoint.

        For a state of another run, `take` raises Unfit and leaves everything unchanged. Returns None without
        checkpoints; raises SpecError (ARCH910) if there are checkpoints and none is usable.
        """
        self.passed_over = []
        for step in self.steps():
            try:
                take(self._state(step))
                return step
            except SpecError as error:
                self.passed_over.append((self.path(step), error.diagnostics[0].headline))
            except Unfit as error:
                headline = _unreadable(self.path(step), str(error)).headline
                self.passed_over.append((self.path(step), headline))
        if self.passed_over:
            raise SpecError([_unusable(self.folder, [why for _, why in self.passed_over])])
        return None

    def _state(self, step: int) -> dict[str, Any]:
        path = self.path(step)
        whole = _load(path)
        if whole["version"] == 1:
            state: dict[str, Any] = whole["state"]
            return state
        if whole.get("step") != step:
            raise SpecError([_unreadable(path, f"it belongs to step {whole.get('step')}")])
        if whole.get("run") != self.run:
            raise SpecError([_unreadable(path, "it belongs to another run, or the manifest was modified")])
        return whole["state"]  # type: ignore[no-any-return]

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, newest first."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted({int(match[1]) for match in found if match}, reverse=True)

    def newest(self) -> Path | None:
        """The path of the newest checkpoint; None if there are no checkpoints."""
        steps = self.steps()
        return self.path(steps[0]) if steps else None

    def path(self, step: int) -> Path:
        """The path of the checkpoint of a step, whether or not it exists."""
        return self.folder / f"step-{step:09d}.pt"


def _demand_plain(value: Any, where: str) -> None:
    """Raises TypeError for values that `save_state` does not support; `where` is their location in the state.

    Subclasses are rejected too: numpy's float64 is a float, but is pickled differently.
    """
    if type(value) in (torch.Tensor, torch.nn.Parameter, int, float, str, bool, type(None)):
        return
    if type(value) is dict:
        for key, item in value.items():
            if type(key) not in (str, int):
                raise TypeError(f"{where}: cannot store a key of type {type(key).__name__} in a checkpoint")
            _demand_plain(item, f"{where}[{key!r}]")
    elif type(value) in (list, tuple):
        for n, item in enumerate(value):
            _demand_plain(item, f"{where}[{n}]")
    else:
        raise TypeError(f"{where}: cannot store {type(value).__name__} in a checkpoint")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _torn(path: Path) -> SpecError:
    return SpecError([_unreadable(path, "it is truncated or not a checkpoint")])


def _unusable(folder: Path, why: list[str]) -> Diagnostic:
    return Diagnostic(
        "ARCH910",
        f"no usable checkpoint in {folder}: {'; '.join(why)}",
        help="restore one from a copy, or start a new run in another folder: --out DIR",
    )


def _unreadable(path: Path, why: str) -> Diagnostic:
    return Diagnostic(
        "ARCH910",
        f"{path} is not a valid checkpoint: {why}",
        help="`--resume` uses the previous checkpoint, if it exists",
    )
