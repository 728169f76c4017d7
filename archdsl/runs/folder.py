"""The folder of a run: what lies where in it, and how it is opened."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.manifest import Manifest, differences, read_manifest, refuse_differences

if TYPE_CHECKING:
    from archdsl.runs.checkpoints import Keeper


@dataclass(frozen=True)
class Folder:
    """Paths that every run has."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def events(self) -> Path:
        """Where TensorBoard finds its metrics."""
        return self.path / "events"

    @property
    def report(self) -> Path:
        """The page about the run."""
        return self.path / "report.html"

    @property
    def checkpoints(self) -> Keeper:
        from archdsl.runs.checkpoints import Keeper  # brings torch, which not every worker needs

        data = self.manifest.read_bytes() if self.manifest.exists() else b""
        return Keeper(self.path / "checkpoints", run=hashlib.sha256(data).hexdigest())

    @contextmanager
    def held(self, really: bool = True) -> Iterator[None]:
        """Keeps other processes out of the folder, also where this one ends in no good order.

        Only where it is `really` wanted, which is in the process that writes.  Raises SpecError (ARCH919)
        where another process is at work in the folder.
        """
        if not really:
            yield
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            headline = f"another process is at work in {self.path}"
            help = "wait for it, or start another run elsewhere: --out DIR"
            raise SpecError([Diagnostic("ARCH919", headline, help=help)]) from error
        try:
            yield
        finally:
            lock.release()

    def start(self, manifest: Manifest) -> None:
        """Begins a new run.  Raises SpecError (ARCH919) where there is a run already."""
        self.demand_new()
        manifest.write(self.manifest)

    def demand_new(self) -> None:
        """Raises SpecError: ARCH919 where there is a run already, ARCH931 where other files are."""
        if self.manifest.exists():
            headline = f"{self.path} holds a run already"
            here = shlex.quote(str(self.path))
            help = f"resume it: --resume {here}; or start another one elsewhere: --out DIR"
            raise SpecError([Diagnostic("ARCH919", headline, help=help)])
        for path in self.written():
            if path.exists():
                headline = f"{path} is there already, and a run in {self.path} would write over it"
                raise SpecError(
                    [Diagnostic("ARCH931", headline, help="start it in another folder: --out DIR")]
                )

    def written(self) -> list[Path]:
        """What a run writes beside its manifest, as far as it is known before."""
        return [self.journal, self.report, *map(self.checkpoints.path, self.checkpoints.steps())]

    def resume(self, kind: str, manifest: Manifest, free: Sequence[str] = ()) -> None:
        """Resumes a run of a kind ("train", "search"); settings in `free` may differ.

        Raises SpecError: ARCH911 where there is none, ARCH912 where it is a run of another spec, other data
        or other settings.
        """
        refuse_differences(self.path, differences(read_manifest(self.manifest, kind), manifest, free))
