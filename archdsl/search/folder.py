"""The folder of a search: what lies where in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archdsl import atomic
from archdsl.lang.loader import Unit
from archdsl.resources import specs_folder
from archdsl.train.run_folder import Folder


@dataclass(frozen=True)
class SearchFolder(Folder):
    """Paths of a search."""

    @property
    def found(self) -> Path:
        """The network that the search found."""
        return self.path / "best.arch"

    @property
    def weights(self) -> Path:
        """Weights of the found network, inherited from the supernet."""
        return self.path / "best.safetensors"

    def after_epoch(self, epoch: int) -> Path:
        """The network that the search would have found after an epoch, counted from 1."""
        return self.path / f"found-{epoch:04d}.arch"

    def copy_specs(self, unit: Unit) -> None:
        """Copies a spec and what it imports, so that what is found can be read from here."""
        root = unit.path.parent
        for other in _units(unit):
            if not _ships(other.path):
                atomic.write_text(_made(self.path / os.path.relpath(other.path, root)), other.source.text)


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
