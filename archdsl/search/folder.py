"""The run folder of a search."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archdsl import atomic
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.lang.loader import Unit
from archdsl.resources import specs_folder
from archdsl.runs.folder import Folder
from archdsl.runs.manifest import Manifest
from archdsl.search.options import FREE


@dataclass(frozen=True)
class SearchFolder(Folder):
    """The run folder of a search: paths in it, and starting and resuming the run."""

    @property
    def found(self) -> Path:
        """The spec of the network found."""
        return self.path / "best.arch"

    @property
    def decoded(self) -> Path:
        """The spec of the decoded network, for a search with a `decode` clause."""
        return self.path / "decoded.arch"

    @property
    def weights(self) -> Path:
        """The weights of the network found, inherited from the supernet."""
        return self.path / "best.safetensors"

    @property
    def table(self) -> Path:
        """The latency table built for the search, if any."""
        return self.path / "latency.json"

    @property
    def trials(self) -> Path:
        """The table of all trials, a CSV file."""
        return self.path / "trials.csv"

    @property
    def front(self) -> Path:
        """The folder of the specs of the non-dominated networks, for several objectives."""
        return self.path / "front"

    @property
    def pareto(self) -> Path:
        """The chart of the Pareto front."""
        return self.path / "pareto.svg"

    def after_epoch(self, epoch: int) -> Path:
        """The spec of the network derived after an epoch, counted from 1."""
        return self.path / f"found-{epoch:04d}.arch"

    def written(self) -> list[Path]:
        of_trials = [self.trials, self.pareto, *self.front.glob("trial-*.arch")]
        return [
            *super().written(), self.found, self.decoded, self.weights, *of_trials,
            *self.path.glob("found-*.arch"),
        ]  # fmt: skip

    def begin(self, manifest: Manifest, unit: Unit, table: str | None, *, resume: bool) -> None:
        """Starts a run with copies of its spec and latency table, or checks that it can be resumed.

        `table` is the text of a latency table that was built. Raises SpecError as `resume`, `demand_new` and
        `copy_specs`.
        """
        if resume:
            self.resume("search", manifest, FREE)
            return
        self.demand_new()
        self.copy_specs(unit)
        if table is not None:
            atomic.write_text(self.table, table)
        self.start(manifest)

    def copy_specs(self, unit: Unit) -> None:
        """Copies a spec and its imports into the folder, so that files there can import them.

        Raises SpecError (ARCH931), writing nothing, if a copy would overwrite a file with other contents.
        """
        root = unit.path.parent
        texts = {
            self.path / os.path.relpath(other.path, root): other.source.text
            for other in _units(unit)
            if not _ships(other.path)
        }
        there = {path for path in texts if path.exists()}
        for path in there:
            if path.read_bytes().removeprefix(b"\xef\xbb\xbf") != texts[path].encode("utf-8"):
                headline = f"{path} already exists and would be overwritten by a copy of the spec"
                raise SpecError([Diagnostic("ARCH931", headline, help="choose another folder: --out DIR")])
        for path in texts.keys() - there:
            atomic.write_text(path, texts[path])


def _units(unit: Unit) -> Iterator[Unit]:
    """Yields a file and the files that it imports, directly or indirectly."""
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
