"""The folder of a training run: what lies where in it, and how it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.train.checkpoints import Keeper
from archdsl.train.recording import Manifest, differences, read_manifest, refuse_differences

FREE = ("data", "evaluate_every", "checkpoint_every", "licence")
"""Settings that may be others when a run goes on: they do not change what is learned.  Where the data lies
may change; whether it is the same is told by its fingerprint."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def best_weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def last_weights(self) -> Path:
        return self.path / "weights_last.safetensors"

    @property
    def events(self) -> Path:
        """Where TensorBoard finds its metrics."""
        return self.path / "events"

    @property
    def checkpoints(self) -> Keeper:
        return Keeper(self.path / "checkpoints")


def start(path: Path, manifest: Manifest) -> RunFolder:
    """A folder for a new run.  Raises SpecError (ARCH919) where there is a run in it already."""
    folder = RunFolder(path)
    if folder.manifest.exists():
        headline = f"{path} holds a run already"
        help = f"go on with it: --resume {path}; or start another one elsewhere: --out DIR"
        raise SpecError([Diagnostic("ARCH919", headline, help=help)])
    manifest.write(folder.manifest)
    return folder


def resume(path: Path, manifest: Manifest) -> RunFolder:
    """The folder of a run that goes on.

    Raises SpecError: ARCH911 where there is none, ARCH912 where it is a run of another spec, other data or
    other settings.
    """
    folder = RunFolder(path)
    refuse_differences(path, differences(read_manifest(folder.manifest, "train"), manifest, FREE))
    return folder
