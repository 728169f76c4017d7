"""Latency tables as JSON files: measurements, conditions, calibration and accuracy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from archdsl import atomic, checksums
from archdsl.bounded import json_of, read_bytes
from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError

_SEALED = 2
"""The first version of tables with a checksum; hand-written tables have version 1."""

MAX_BYTES = 32 * 2**20
LONGEST_MS = 1e9
LARGEST_FACTOR = 1e6
LARGEST_COUNT = 10**12
_Factor = Annotated[float, Field(ge=-LARGEST_FACTOR, le=LARGEST_FACTOR)]
_Ms = Annotated[float, Field(ge=-LONGEST_MS, le=LONGEST_MS)]


def text_hash(text: str) -> str:
    """The hash of a canonical text: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_Whole3 = Annotated[tuple[int, int, int], Field(strict=False)]
"""Channels, height and width, a list in JSON."""


class _Part(BaseModel):
    """Base class of the parts of a table; strict, so that neither `true` nor "1" is read as a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Device(_Part):
    """The device where a table was measured; `cores`, `governor` (CPU frequency) may be None: unknown."""

    kind: str
    model: str
    cores: int | None = None
    governor: str | None = None


class RuntimeRecord(_Part):
    """The runtime with which a table was measured: its name, versions by package, and options."""

    backend: str
    versions: dict[str, str] = Field(default_factory=dict)
    options: dict[str, str] = Field(default_factory=dict)


class Protocol(_Part):
    """The protocol by which a table was measured; `statistic` describes how runs are summarized."""

    threads: int = Field(ge=1)
    batch: int = Field(ge=1)
    dtype: str
    memory_format: str
    statistic: str
    mode: str = "evaluation"


class Round(_Part):
    """A round of runs of an item: median, lowest decile and interquartile range in ms, and number of runs.

    `disturbed` is the fraction of runs that were disturbed by other programs.
    """

    median_ms: float = Field(ge=0, le=LONGEST_MS)
    low_ms: float = Field(ge=0, le=LONGEST_MS)
    iqr_ms: float = Field(ge=0, le=LONGEST_MS)
    runs: int = Field(ge=1)
    disturbed: float = Field(default=0, ge=0, le=1)


class Row(_Part):
    """The latency of a key, in milliseconds.

    Estimates use `ms`, the lowest decile of the quietest round minus the call overhead; `median_ms` and
    `iqr_ms` include the overhead. `retimed` is the number of rounds added because rounds disagreed; `noisy`
    is True if they still do. If the runtime could not run the key, `failed` is the reason.
    """

    key: str
    op: str
    inputs: list[_Whole3] = Field(default_factory=list)
    outputs: list[_Whole3] = Field(default_factory=list)
    text: str = ""
    ms: float | None = Field(default=None, ge=0, le=LONGEST_MS)
    median_ms: float | None = Field(default=None, ge=0, le=LONGEST_MS)
    iqr_ms: float | None = Field(default=None, ge=0, le=LONGEST_MS)
    passes: list[Round] = Field(default_factory=list)
    retimed: int = 0
    noisy: bool = False
    failed: str | None = None

    @model_validator(mode="after")
    def _is_of_its_text(self) -> Row:
        if self.text and self.key != text_hash(self.text):
            raise ValueError(f"the key {self.key} does not match the text of the row")
        return self


class Accuracy(_Part):
    """The accuracy of predicted latencies on held-out networks.

    Errors are relative; `within_5` and `within_10` are the fractions of networks with an error of at most
    5 and 10 %.
    """

    networks: int = Field(ge=0, le=LARGEST_COUNT)
    spearman: float = Field(ge=-1, le=1)
    kendall: float = Field(ge=-1, le=1)
    mean_error: float = Field(ge=0, le=LARGEST_FACTOR)
    worst_error: float = Field(ge=0, le=LARGEST_FACTOR)
    within_5: float = Field(ge=0, le=1)
    within_10: float = Field(ge=0, le=1)


class Calibration(_Part):
    """The calibration: fixed_ms + Σ (per_unit_ms + scale · op_scale · ms + correction_ms) over units.

    `op_scales` (by op, default 1) and `corrections_ms` (by key, default 0) were fitted on networks of `space`
    with the input sizes `inputs`. `error` is the relative error that 90 % of the held-out networks do not
    exceed. `held_out`, `rows_alone` and `macs_alone` are the accuracies on held-out networks of the
    calibrated estimate, the sum of rows, and a line through MACs; `tried` those of all correction models.
    """

    scale: _Factor
    per_unit_ms: _Ms
    fixed_ms: _Ms
    op_scales: dict[str, _Factor] = Field(default_factory=dict)
    corrections_ms: dict[str, _Ms] = Field(default_factory=dict)
    error: float = Field(ge=0, le=LARGEST_FACTOR)
    form: str
    fitted_on: int
    seed: int
    held_out: Accuracy
    rows_alone: Accuracy
    macs_alone: Accuracy
    tried: dict[str, Accuracy] = Field(default_factory=dict)
    space: str = ""
    inputs: dict[str, _Whole3] = Field(default_factory=dict)
    final_upsampling: str
    noisy_networks: int = 0


class Rule(_Part):
    """A rule of a mapping: which units it matches, and the names of their rows.

    `chain` are the ops of consecutive units, where each unit is read by the next one only. `when` are
    conditions on fields; `rows` are names of rows with fields such as `{conv1.in.c}`, empty if the
    third-party table does not measure these units separately.
    """

    chain: list[str]
    when: dict[str, int | str | bool] = Field(default_factory=dict)
    rows: list[str] = Field(default_factory=list)
    why: str = ""


class RowMapping(_Part):
    """A mapping from units of networks to rows of a third-party table; the first matching rule applies."""

    name: str
    source: str
    device: str
    runtime: str
    batch: int
    dtype: str
    image: _Whole3
    notes: list[str]
    final_upsampling: str
    rules: list[Rule]


class Table(_Part):
    """A latency table: rows of milliseconds by key, and the conditions under which they were measured.

    `nothing_ms` is the call overhead, measured on an almost empty network and subtracted from every row. A
    third-party table has a `mapping`, and no texts in its rows.
    """

    archdsl_latency_table: int = Field(default=_SEALED, ge=1, le=_SEALED)
    unit: Literal["ms"] = "ms"
    device: Device
    runtime: RuntimeRecord
    protocol: Protocol
    spec: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    nothing_ms: float = Field(default=0, ge=0, le=LONGEST_MS)
    mapping: RowMapping | None = None
    rows: list[Row] = Field(default_factory=list)
    calibration: Calibration | None = None
    _edited: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _has_each_row_once(self) -> Table:
        if len(self.by_key()) < len(self.rows):
            raise ValueError("two rows have the same key")
        return self

    @property
    def edited(self) -> bool:
        """Whether the file is marked as edited on purpose; the mark is kept when rows are added."""
        return self._edited

    def by_key(self) -> dict[str, Row]:
        return {row.key: row for row in self.rows}


def write(table: Table, path: Path) -> None:
    """Writes a table to a file atomically."""
    atomic.write_text(path, text_of(table))


def text_of(table: Table) -> str:
    """The text of the file of a table, with its checksum."""
    data = {**json.loads(table.model_dump_json()), "archdsl_latency_table": _SEALED}
    return json.dumps(checksums.sealed(data, table.edited), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> Table:
    """Reads a table. Raises SpecError (ARCH820), with the location of the first error, for invalid files."""
    data = read_bytes(path, MAX_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(path, "", 0, f"not UTF-8 at byte {error.start}") from error
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> Table:
    try:
        data = json_of(text)
    except json.JSONDecodeError as error:
        what = "the file ends too early" if error.pos >= len(text.rstrip()) else f"invalid JSON: {error.msg}"
        raise _broken(path, text, min(error.pos, len(text)), what) from error
    except ValueError as error:
        raise _broken(path, text, 0, str(error)) from error
    data, checksum = checksums.unsealed(data) if isinstance(data, dict) else (data, None)
    try:
        table = Table.model_validate({"archdsl_latency_table": 1, **data} if isinstance(data, dict) else data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise _broken(path, text, _find(text, first["loc"]), f"{where}: {first['msg']}") from error
    if not checksums.is_intact(data, checksum, demanded=table.archdsl_latency_table >= _SEALED):
        raise _changed(path, text)
    table._edited = checksum == checksums.EDITED
    return table


def _find(text: str, where: tuple[int | str, ...]) -> int:
    """The approximate position in the text of a value, given by its keys: that of the last key found."""
    at = 0
    for name in where:
        found = text.find(f'"{name}"', at) if isinstance(name, str) else at
        at = found if found >= 0 else at
    return at


def _broken(path: Path, text: str, at: int, what: str) -> SpecError:
    source = Source(str(path), text)
    label = Label(Location(source, at, min(at + 1, len(text))), what)
    return SpecError(
        [
            Diagnostic(
                "ARCH820",
                "this is not a complete latency table",
                label,
                help="nothing was overwritten; delete the file, or write to another one",
            )
        ]
    )


def _changed(path: Path, text: str) -> SpecError:
    at = max(0, text.rfind(f'"{checksums.KEY}"'))
    label = Label(Location(Source(str(path), text), at, min(at + 1, len(text))), "its checksum differs")
    return SpecError(
        [
            Diagnostic(
                "ARCH820",
                "this latency table was modified after it was written, or is damaged",
                label,
                help=f"restore it from a copy; or, {checksums.HOW}",
            )
        ]
    )
