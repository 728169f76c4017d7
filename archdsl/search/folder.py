"""The folder of a search: what lies where in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archdsl import atomic
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.lang.loader import Unit
from archdsl.resources import specs_folder
from archdsl.train.checkpoints import Keeper
from archdsl.train.recording import Manifest, differences, read_manifest, refuse_differences


@dataclass(frozen=True)
class SearchFolder:
    """Paths of a search."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def checkpoints(self) -> Keeper:
        return Keeper(self.path / "checkpoints")

    @property
    def events(self) -> Path:
        """Where TensorBoard finds its metrics."""
        return self.path / "events"

    @property
    def found(self) -> Path:
        """The network that the search found."""
        return self.path / "best.arch"

    @property
    def weights(self) -> Path:
        """Weights of the found network, inherited from the supernet."""
        return self.path / "best.safetensors"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def after_epoch(self, epoch: int) -> Path:
        """The network that the search would have found after an epoch, counted from 1."""
        return self.path / f"found-{epoch:04d}.arch"


def start(path: Path, manifest: Manifest, unit: Unit) -> SearchFolder:
    """A folder for a new search, with copies of its specs, so that what is found can be read from it.

    Raises SpecError (ARCH919) where there is a run in it already.
    """
    folder = SearchFolder(path)
    if folder.manifest.exists():
        help = f"go on with it: --resume {path}; or start another one elsewhere: --out DIR"
        raise SpecError([Diagnostic("ARCH919", f"{path} holds a run already", help=help)])
    root = unit.path.parent
    for other in _units(unit):
        if not _ships(other.path):
            atomic.write_text(_made(path / os.path.relpath(other.path, root)), other.source.text)
    manifest.write(_made(folder.manifest))
    return folder


def resume(path: Path, manifest: Manifest) -> SearchFolder:
    """The folder of a search that goes on.

    Raises SpecError: ARCH911 where there is none, ARCH912 where it is of another spec, other data or other
    settings.
    """
    folder = SearchFolder(path)
    refuse_differences(path, differences(read_manifest(folder.manifest, "search"), manifest))
    return folder


def _units(unit: Unit) -> Iterator[Unit]:
    """A file and all that it imports."""
    seen: set[Path] = set()
    ahead = [unit]
    while ahead:
        here = ahead.pop()
        if here.path not in seen:
            seen.add(here.path)
            yield here
            ahead += [other for other, _ in here.imported.values()]


def _ships(path: Path) -> bool:
    return path.is_relative_to(Path(os.path.realpath(specs_folder())) / "std")


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
