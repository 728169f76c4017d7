"""Run folders: paths, locking, starting and resuming."""

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
    """The folder of a run: paths in it, its lock, and starting and resuming the run."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def events(self) -> Path:
        """The folder of TensorBoard metrics."""
        return self.path / "events"

    @property
    def report(self) -> Path:
        """The HTML report of the run."""
        return self.path / "report.html"

    @property
    def origin(self) -> str:
        """A hash of the inputs of the run, stored in its checkpoints."""
        data = self.manifest.read_bytes() if self.manifest.exists() else b""
        return hashlib.sha256(data).hexdigest()

    @property
    def checkpoints(self) -> Keeper:
        from archdsl.runs.checkpoints import Keeper  # brings torch, which not every worker needs

        return Keeper(self.path / "checkpoints", run=self.origin)

    @contextmanager
    def held(self, really: bool = True) -> Iterator[None]:
        """A context manager that locks the folder against other processes; does nothing unless `really`.

        Of several distributed processes, the one that writes takes the lock. If it crashes, the system
        releases the lock. Raises SpecError (ARCH919) if another process uses the folder.
        """
        if not really:
            yield
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            headline = f"another process is using {self.path}"
            help = "wait for it, or choose another folder: --out DIR"
            raise SpecError([Diagnostic("ARCH919", headline, help=help)]) from error
        try:
            yield
        finally:
            lock.release()

    def start(self, manifest: Manifest) -> None:
        """Begins a new run: writes its manifest. Raises SpecError as `demand_new`."""
        self.demand_new()
        manifest.write(self.manifest)

    def demand_new(self) -> None:
        """Raises SpecError: ARCH919 if the folder contains a run, ARCH931 if it contains other files."""
        if self.manifest.exists():
            headline = f"{self.path} already contains a run"
            here = shlex.quote(str(self.path))
            help = f"resume it with --resume {here}, or choose another folder: --out DIR"
            raise SpecError([Diagnostic("ARCH919", headline, help=help)])
        for path in self.written():
            if path.exists():
                headline = f"{path} already exists and would be overwritten by a run in {self.path}"
                raise SpecError([Diagnostic("ARCH931", headline, help="choose another folder: --out DIR")])

    def written(self) -> list[Path]:
        """The files that a run may write in addition to its manifest."""
        return [self.journal, self.report, *(self.path / "checkpoints").glob("step-*.pt")]

    def resume(self, kind: str, manifest: Manifest, free: Sequence[str] = ()) -> None:
        """Checks that a run of a kind ("train", "search") can be resumed with the inputs of `manifest`.

        Settings named in `free` may differ. Raises SpecError: ARCH911 if the folder has no such run, ARCH912
        if spec, data or settings differ from those recorded.
        """
        refuse_differences(self.path, differences(read_manifest(self.manifest, kind), manifest, free))
