"""Snapshots of the state of a search by trials, for resuming without replaying proposals.

A snapshot is a safetensors file with the arrays of the state, and all else as JSON in its metadata; it
contains no code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archdsl import atomic
from archdsl.runs.unfit import Unfit

_NAME = re.compile(r"trial-(\d{9})\.safetensors")
_MOST_BYTES = 1 << 30


@dataclass
class Snapshots:
    """The folder with the newest `keep` snapshots of a run; `run` is a hash of the run's inputs.

    `passed_over` lists the files that `restore` skipped, with the reason for each.
    """

    folder: Path
    run: str
    keep: int = 2
    passed_over: list[tuple[Path, str]] = field(default_factory=list)

    def save(self, trials: int, state: Mapping[str, Any]) -> Path:
        """Writes the state after a number of trials; returns its path. Deletes snapshots beyond `keep`.

        The state consists of JSON values, except for entries "arrays" of its dicts, which are dicts of numpy
        arrays.
        """
        from safetensors.numpy import save

        arrays: dict[str, Any] = {}
        text = json.dumps({"trials": trials, "run": self.run, "state": _without_arrays(state, "", arrays)})
        data = save(arrays, {"archdsl": text, "sha256": _digest(text, arrays)})
        path = self.folder / f"trial-{trials:09d}.safetensors"
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, data)
        for old in self._there()[self.keep :]:
            old.unlink(missing_ok=True)
        return path

    def restore(self, take: Callable[[int, dict[str, Any]], None]) -> int | None:
        """Passes states to `take`, newest first, until one is accepted; returns its number of trials.

        For an unsuitable state, `take` raises Unfit and changes nothing. Returns None if no state is
        accepted.
        """
        self.passed_over = []
        for path in self._there():
            try:
                trials, state = self._read(path)
                take(trials, state)
                return trials
            except Unfit as error:
                self.passed_over.append((path, str(error)))
        return None

    def _there(self) -> list[Path]:
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in found if _NAME.fullmatch(path.name)), reverse=True)

    def _read(self, path: Path) -> tuple[int, dict[str, Any]]:
        from safetensors import SafetensorError, safe_open

        try:
            if path.stat().st_size > _MOST_BYTES:
                raise Unfit("the file is too large")
            with safe_open(path, "numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = metadata["archdsl"]
            if metadata["sha256"] != _digest(text, arrays):
                raise Unfit("it is damaged: wrong checksum")
            whole = json.loads(text)
            if whole["run"] != self.run:
                raise Unfit("it belongs to another run, or the manifest was modified")
            return int(whole["trials"]), _with_arrays(whole["state"], "", arrays)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise Unfit(f"it cannot be read: {type(error).__name__}") from error


def _without_arrays(value: Any, at: str, arrays: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        here = f"{at}/{key}"
        if key == "arrays":
            arrays.update({f"{here}/{name}": array for name, array in one.items()})
            found[key] = list(one)
        else:
            found[key] = _without_arrays(one, here, arrays)
    return found


def _with_arrays(value: Any, at: str, arrays: Mapping[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: {name: arrays[f"{at}/{key}/{name}"] for name in one}
        if key == "arrays"
        else _with_arrays(one, f"{at}/{key}", arrays)
        for key, one in value.items()
    }


def _digest(text: str, arrays: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
