"""States of a run as files that are written whole, hold no code, and are checked when they are read."""

from __future__ import annotations

import io
import os
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from archdsl import atomic
from archdsl.diagnostics import Diagnostic, SpecError

_FORMAT = "archdsl/state"
_VERSION = 1
_NAME = re.compile(r"step-(\d+)\.pt")


def save_state(path: Path, state: dict[Any, Any]) -> None:
    """Writes a state: tensors, numbers, strings, None, and lists, tuples and dicts of these.

    The file at `path` is replaced when the new one is safely on disk.  Raises SpecError (ARCH917) where the
    disk is full, TypeError for a value of any other kind, which could not be read back without pickled code.
    """
    _demand_plain(state, "state")
    data = io.BytesIO()
    torch.save({"format": _FORMAT, "version": _VERSION, "state": state}, data)
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    with atomic.room_for(path):
        _sync_folder(path.parent)


def load_state(path: Path) -> dict[str, Any]:
    """Reads a state, to the CPU.  Raises SpecError (ARCH910) where the file is torn or none of ours."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()  # torch itself does not compare checksums
            if damaged is not None:
                raise SpecError([_unreadable(path, f"{damaged} in it is damaged")])
            file.seek(0)
            whole = torch.load(file, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise SpecError([_unreadable(path, "it ends too early or is something else")]) from error
    if not isinstance(whole, dict) or whole.get("format") != _FORMAT:
        raise SpecError([_unreadable(path, "archdsl did not write it")])
    if whole["version"] != _VERSION:
        raise SpecError([_unreadable(path, f"its version is {whole['version']}, not {_VERSION}")])
    state: dict[str, Any] = whole["state"]
    return state


@dataclass
class Keeper:
    """A folder with the newest checkpoints of a run.

    `passed_over` holds what `latest` found unreadable: the file, and why.
    """

    folder: Path
    keep: int = 2
    passed_over: list[tuple[Path, str]] = field(default_factory=list)

    def save(self, step: int, state: dict[Any, Any]) -> Path:
        """Writes the state after a step.

        Older checkpoints beyond `keep` go, and so do those of later steps, which a resumed run left behind.
        """
        path = self.path(step)
        save_state(path, state)
        there = self.steps()
        for old in [*there[there.index(step) + self.keep :], *there[: there.index(step)]]:
            self.path(old).unlink(missing_ok=True)
        return path

    def latest(self) -> tuple[int, dict[str, Any]] | None:
        """Step and state of the newest checkpoint that can be read; None where there is none."""
        self.passed_over = []
        for step in self.steps():
            try:
                return step, load_state(self.path(step))
            except SpecError as error:
                self.passed_over.append((self.path(step), error.diagnostics[0].headline))
        return None

    def steps(self) -> list[int]:
        """Steps of which there are checkpoints, newest first."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def newest(self) -> Path | None:
        """The file of the newest checkpoint, which was whole when it was written."""
        steps = self.steps()
        return self.path(steps[0]) if steps else None

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step is."""
        return self.folder / f"step-{step:09d}.pt"


def _demand_plain(value: Any, where: str) -> None:
    """Subclasses count as other kinds: numpy's float64 is a float, and pickled as something else."""
    if type(value) in (torch.Tensor, torch.nn.Parameter, int, float, str, bool, type(None)):
        return
    if type(value) is dict:
        for key, item in value.items():
            if type(key) not in (str, int):
                raise TypeError(f"{where}: a key of type {type(key).__name__}")
            _demand_plain(item, f"{where}[{key!r}]")
    elif type(value) in (list, tuple):
        for n, item in enumerate(value):
            _demand_plain(item, f"{where}[{n}]")
    else:
        raise TypeError(f"{where}: {type(value).__name__} is not kept in a checkpoint")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unreadable(path: Path, why: str) -> Diagnostic:
    return Diagnostic(
        "ARCH910",
        f"{path} is no whole checkpoint: {why}",
        help="an older one lies beside it if the run got that far; `--resume` finds it by itself",
    )
