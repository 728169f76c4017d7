"""Reads the manifest and the journal of a run for its report."""

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
"""The maximum size of a manifest in bytes; a manifest contains the text of the spec."""

Record = Start | Step | Epoch | Evaluation | Resumed | Recalibrated | Tried | Scratch | End
_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
R = TypeVar("R", bound=Read)


@dataclass(frozen=True)
class Run:
    """The manifest and the journal records of a run; `unread` counts the lines that are not valid records."""

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
        """The record of each step, in order; of one repeated after resuming, the last record."""
        return [found for _, found in sorted({s.step: s for s in self.all(Step)}.items())]

    def epochs(self) -> list[Epoch]:
        """The record of each epoch, in order; of one repeated after resuming, the last record."""
        return [found for _, found in sorted({e.epoch: e for e in self.all(Epoch)}.items())]

    def scratch(self, role: str) -> list[Scratch]:
        """The records of a training from scratch, one per epoch; `role` is "found" or "baseline"."""
        return [s for _, s in sorted({s.epoch: s for s in self.all(Scratch) if s.role == role}.items())]

    def means(self, value: Callable[[Step], float | None]) -> dict[int, tuple[float, float]]:
        """For each epoch, the mean step number and the mean of `value`, over the steps for which `value` is
        not None.
        """
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
        """Outcomes, by path, of the network found, or of the one derived after the last epoch."""
        if self.end is not None and self.end.chosen:
            return self.end.chosen
        return self.epochs()[-1].chosen if self.epochs() else {}

    @property
    def network(self) -> dict[str, float]:
        """Recorded costs, by name, of the network found, or of the one derived after the last epoch."""
        epochs = self.epochs()
        found = epochs[-1].found.model_dump(exclude={"gates"}, exclude_none=True) if epochs else {}
        return {**found, **(self.end.network if self.end else {})}

    @property
    def scored(self) -> Scored:
        """The newest defined scores: of the network found, or of a network derived after an epoch."""
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
        """The record of each evaluation, in order; of one repeated after resuming, the last record."""
        return [found for _, found in sorted({e.step: e for e in self.all(Evaluation)}.items())]


def read_run(folder: Path, member: str | None = None) -> Run:
    """Reads the run in a folder; the run may be in progress, and an incomplete last line is ignored.

    Of a search of several architectures, returns the records of the architecture `member` (default: the last
    one) and the records that concern all. Raises SpecError (ARCH911) without a readable manifest.
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
    """Reads the manifest of the run in a folder, also of a run that could not be resumed here.

    Raises SpecError: ARCH911 if the manifest is missing or invalid, ARCH715 if it is too large.
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
    """The name of the search strategy in a manifest."""
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
