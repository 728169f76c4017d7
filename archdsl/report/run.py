"""Reads a run for its report: manifest and complete lines of the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from archdsl.bounded import demand_regular, read_bytes
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.records import (
    End,
    Epoch,
    Evaluation,
    Manifest,
    Read,
    Recalibrated,
    Resumed,
    Scored,
    Scratch,
    Start,
    Step,
    Tried,
)  # fmt: skip

_LARGEST = 1 << 26
"""Bytes of a manifest, which has the text of its spec."""

Record = Start | Step | Epoch | Evaluation | Resumed | Recalibrated | Tried | Scratch | End
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
R = TypeVar("R", bound=Read)


@dataclass(frozen=True)
class Run:
    """The records of a run so far; `unread` counts complete lines that are not records of these kinds."""

    manifest: Manifest
    records: Sequence[Record]
    unread: int = 0

    def all(self, kind: type[R]) -> list[R]:
        """The records of a kind, oldest first."""
        return [record for record in self.records if isinstance(record, kind)]

    def last(self, kind: type[R]) -> R | None:
        found = self.all(kind)
        return found[-1] if found else None

    def steps(self) -> list[Step]:
        """The record of each step; of repeated steps, after resuming, the last one."""
        return [found for _, found in sorted({s.step: s for s in self.all(Step)}.items())]

    def epochs(self) -> list[Epoch]:
        """The record of each epoch, likewise."""
        return [found for _, found in sorted({e.epoch: e for e in self.all(Epoch)}.items())]

    def scratch(self, role: str) -> list[Scratch]:
        """The record of each epoch of the network found, or the baseline, trained from scratch, likewise."""
        return [s for _, s in sorted({s.epoch: s for s in self.all(Scratch) if s.role == role}.items())]

    def means(self, value: Callable[[Step], float | None]) -> dict[int, tuple[float, float]]:
        """The mean step and the mean value of each epoch, over steps with a value."""
        groups: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for step in self.steps():
            if (found := value(step)) is not None:
                groups[step.epoch].append((step.step, found))
        return {
            epoch: (fmean(n for n, _ in rows), fmean(v for _, v in rows)) for epoch, rows in groups.items()
        }

    @property
    def end(self) -> End | None:
        return self.last(End)

    @property
    def chosen(self) -> dict[str, str]:
        """The outcomes of the network found, or of the one currently derived."""
        if self.end is not None and self.end.chosen:
            return self.end.chosen
        return self.epochs()[-1].chosen if self.epochs() else {}

    @property
    def network(self) -> dict[str, float]:
        """Recorded costs of the network found, by name."""
        epochs = self.epochs()
        found = epochs[-1].found.model_dump(exclude={"gates"}, exclude_none=True) if epochs else {}
        return {**found, **(self.end.network if self.end else {})}

    @property
    def scored(self) -> Scored:
        """The scores of the network found, or of the one derived last."""
        rows: list[Scored] = [*reversed(self.epochs())]
        if self.end is not None:
            rows.insert(0, self.end)
        return next((row for row in rows if row.leading[1] is not None), Scored())

    @property
    def seconds(self) -> float:
        """The duration of the run in seconds; 0 if it was not recorded."""
        if self.end is not None and self.end.seconds:
            return self.end.seconds
        return sum(e.seconds or 0.0 for e in self.epochs())

    def evaluations(self) -> list[Evaluation]:
        """The record of each evaluation, likewise."""
        return [found for _, found in sorted({e.step: e for e in self.all(Evaluation)}.items())]


def read_run(folder: Path, member: str | None = None) -> Run:
    """Reads a run that may still be in progress: an incomplete last line is ignored.

    Of a run of several architectures the records of `member` (by default the last one), and those of all.
    Raises SpecError (ARCH911) without a readable manifest.
    """
    manifest = manifest_of(folder)
    found = list(_records(folder / "journal.jsonl"))
    if member is None:
        member = next((one.member for one in reversed(found) if isinstance(one, Start)), "")
    read = [
        record for record in found if record is not None and getattr(record, "member", "") in ("", member)
    ]
    return Run(manifest, read, found.count(None))


def manifest_of(folder: Path) -> Manifest:
    """The inputs of a run, including of one that cannot be resumed here.

    Raises SpecError: ARCH911 without a readable manifest, ARCH715 for one that is too large.
    """
    path = folder / "manifest.json"
    if not path.exists():
        raise SpecError([_no_run(folder, "manifest.json not found")])
    try:
        return Manifest.model_validate_json(read_bytes(path, _LARGEST))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SpecError([_no_run(folder, f"manifest.json: {where}: {first['msg']}")]) from error


def strategy_of(manifest: Manifest) -> str:
    """The name of a search's strategy."""
    found: Any = manifest.settings.get("strategy")
    name = found.get("name") if isinstance(found, dict) else found
    return name if isinstance(name, str) else "differentiable"


def _records(path: Path) -> Iterator[Record | None]:
    if not path.exists():
        return
    demand_regular(path)
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        try:
            yield _RECORD.validate_json(line)
        except ValidationError:
            yield None


def _no_run(folder: Path, why: str) -> Diagnostic:
    return Diagnostic("ARCH911", f"cannot report on {folder}: {why}")
