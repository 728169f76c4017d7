"""Estimates the latency of networks from a table, with an error bound, and reports missing rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl import ops
from archdsl.devices import build, table
from archdsl.devices.calibrate import Sum, predict
from archdsl.devices.conditions import demand_same, differences
from archdsl.devices.foreign import rows_of
from archdsl.devices.keys import NetworkUnits, Unit, parts, size_text
from archdsl.devices.measure import Timer
from archdsl.devices.runtimes import RUNTIMES
from archdsl.devices.table import Row, Table
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.graph import Node
from archdsl.ops.resizing import Resize
from archdsl.passes.analyses.shapes import infer

if TYPE_CHECKING:
    from archdsl.program import Network


@dataclass(frozen=True)
class Line:
    """A term of an estimate: a unit of the network, or primitives shared by units, which are subtracted.

    `ms` is calibrated if the table is, negative for shared primitives, and None if the row is missing or
    failed. `rows` are the names of the rows in the table: hashes of keys, or names of a third-party table.
    """

    name: str
    op: str
    rows: tuple[str, ...]
    ms: float | None
    note: str = ""


@dataclass(frozen=True)
class Estimate:
    """The latency of a network estimated from a table, in milliseconds.

    `total_ms` is the sum of `fixed_ms` and the available rows, complete only if `missing` is empty.
    `error_ms` is the error that 90 % of held-out networks do not exceed; None if the table was not validated.
    `final_upsampling` says whether the network resizes its output to the image size. `stale` lists
    differences between the conditions of the table and of this machine.
    """

    network: str
    total_ms: float
    error_ms: float | None
    fixed_ms: float
    lines: tuple[Line, ...]
    missing: tuple[str, ...]
    final_upsampling: str
    device: str
    backend: str
    notes: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        return 1000 / self.total_ms if self.total_ms else math.inf

    def __str__(self) -> str:
        least = "at least " if self.missing else ""
        error = f" ± {self.error_ms:.2g}" if self.error_ms is not None else ""
        return f"{least}{written_ms(self.total_ms, self.error_ms)}{error} ms"


def written_ms(ms: float, error_ms: float | None = None) -> str:
    """Milliseconds as text, with as many digits as the error justifies, or four."""
    if error_ms:
        return f"{ms:.{_places(1, error_ms)}f}"
    return f"{ms:.{_places(3, ms)}f}" if ms > 0 else "0"


def _places(digits: int, ms: float) -> int:
    """The number of decimal places to write `ms` with its first digit and `digits` more; at most 12."""
    return min(max(0, digits - math.floor(math.log10(ms))), 12) if ms < math.inf else 0


def read_table(
    path: Path, *, allow_stale: bool = False, backend: str | None = None, threads: int | None = None
) -> tuple[Table, tuple[str, ...]]:
    """Reads a table; returns the table, and the differences of its conditions from those of this machine, as
    text.

    `backend` and `threads` are compared with those of the table, if set. Third-party tables, which have a
    mapping, are not compared. Raises SpecError: ARCH820 if the file is not a table, ARCH821 if it was
    measured under other conditions, unless `allow_stale`.
    """
    found = table.read(path)
    if found.mapping is not None:
        return found, ()
    timer = timer_of(found)
    timer = timer and replace(timer, backend=backend or timer.backend, threads=threads or timer.threads)
    here = build.conditions_of(timer) if timer is not None else {}
    if not allow_stale:
        demand_same(found, here, path, "archdsl latency build")
    return found, tuple(differences(found, here))


def timer_of(found: Table) -> Timer | None:
    """The timer with which this machine would measure a table; None if its runtime is unknown."""
    if found.runtime.backend not in RUNTIMES:
        return None
    kind = "cuda" if found.device.kind == "cuda" and _has_cuda() else "cpu"
    return Timer(found.runtime.backend, found.protocol.threads, found.protocol.batch, kind)


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def estimate(network: Network, by: Table, stale: tuple[str, ...] = ()) -> Estimate:
    """Estimates the latency of a network by the rows of a table; `stale` is stored in the result."""
    split = parts(network)
    made = _foreign(split, by) if by.mapping is not None else _timed(split, by)
    notes = (*made.notes, *_foreign_calibration(network, by))
    return replace(
        made, network=network.name, final_upsampling=_upsampling(network, by), stale=stale, notes=notes
    )


def _foreign_calibration(network: Network, by: Table) -> tuple[str, ...]:
    """A note, if the calibration of the table was fitted on networks of another space or input size."""
    calibration = by.calibration
    if calibration is None or not calibration.space:
        return ()
    same_sizes = {n: tuple(s) for n, s in calibration.inputs.items()} == dict(network.graph.inputs)
    if network.origin == calibration.space and same_sizes:
        return ()
    sizes = ", ".join(size_text(shape) for shape in calibration.inputs.values())
    return (f"calibration and error were measured on networks of {calibration.space} at {sizes}",)


def latency_ms(network: Network, by: Table) -> float:
    """The estimated latency of a network in ms. Raises SpecError (ARCH824) if the table lacks rows."""
    found = estimate(network, by)
    if found.missing:
        raise missing_rows(found.missing)
    return found.total_ms


def missing_rows(
    missing: tuple[str, ...] | list[str],
    by: Table | None = None,
    settings: Mapping[str, object] | None = None,
) -> SpecError:
    """The error ARCH824 for rows that a table lacks.

    `settings` are those of the space; the help names settings that differ from those that the table was built
    with.
    """
    listed = "; ".join(list(missing)[:5]) + ("; …" if len(missing) > 5 else "")
    headline = f"the table lacks {len(missing)} rows: {listed}"
    made = by.settings if by is not None else {}
    other = {k: v for k, v in (settings or {}).items() if made and _listed(v) != _listed(made.get(k))}
    words = " ".join(f"{name}={_word(value)}" for name, value in other.items())
    build = f"archdsl latency build SPEC -o TABLE{f' --set {words}' if words else ''}"
    help = f"measure the missing rows: {build}"
    if other:
        named = ", ".join(f"{k} = {_word(made[k]) if k in made else 'as declared'}" for k in other)
        help = f"it was built with {named}; {help}"
    return SpecError([Diagnostic("ARCH824", headline, help=help)])


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _word(value: object) -> str:
    """The value of a setting in the format of `--set`, such as 3x96x192."""
    return size_text(value) if isinstance(value, tuple | list) else str(value)


def _timed(split: NetworkUnits, by: Table) -> Estimate:
    rows = by.by_key()
    calibration = by.calibration
    lines = [_line(unit, rows, by, 1) for unit in split.units]
    lines += [_line(unit, rows, by, -1) for unit in split.shared]
    missing = [f"{line.note}: {line.name}" for line in lines if line.ms is None]
    fixed = calibration.fixed_ms if calibration else by.nothing_ms
    total = fixed + math.fsum(line.ms for line in lines if line.ms is not None)
    return Estimate(
        network="",
        total_ms=total,
        error_ms=calibration.error * total if calibration and not missing else None,
        fixed_ms=fixed,
        lines=tuple(lines),
        missing=tuple(missing),
        final_upsampling="",
        device=by.device.model,
        backend=_backend(by),
        notes=()
        if calibration
        else ("an uncalibrated sum of rows: calibrate with archdsl latency validate",),
    )


def _backend(by: Table) -> str:
    versions = " ".join(f"{k} {v}" for k, v in by.runtime.versions.items()) or by.runtime.options.get(
        "runtime", ""
    )
    threads = "1 thread" if by.protocol.threads == 1 else f"{by.protocol.threads} threads"
    name = "" if versions.startswith(by.runtime.backend) or by.mapping else f"{by.runtime.backend}, "
    return f"{name}{versions}, " + (by.protocol.dtype if by.mapping else f"{threads}, {by.protocol.dtype}")


def _line(unit: Unit, rows: Mapping[str, Row], by: Table, sign: int) -> Line:
    digest = unit.key.hash
    row = rows.get(digest)
    note = "" if sign > 0 else "computed once for several units"
    if row is None or row.ms is None:
        why = "missing" if row is None or row.failed is None else f"failed ({row.failed})"
        return Line(f"{unit.name} ({unit.key})", unit.key.op, (digest,), None, why)
    return Line(unit.name, unit.key.op, (digest,), sign * unit_ms(by, digest, unit.key.op, row.ms), note)


def unit_ms(by: Table, digest: str, op: str, row_ms: float) -> float:
    """The contribution of a unit to an estimate in ms: its row, calibrated if the table is."""
    calibration = by.calibration
    if calibration is None:
        return row_ms
    one = Sum({digest: 1}, {digest: op}, 1)
    return predict(calibration, one, {digest: row_ms}) - calibration.fixed_ms


def _foreign(split: NetworkUnits, by: Table) -> Estimate:
    assert by.mapping is not None
    rows = by.by_key()
    lines = []
    missing = []
    for found in rows_of(split.units, by.mapping):
        name, op = found.units[0].name, found.units[-1].key.op
        if found.rule is None:
            lines.append(Line(name, op, (), None, "no rule of the mapping"))
            missing.append(f"no rule of the mapping matches: {name} ({found.units[0].key})")
            continue
        lacking = [row for row in found.rows if row not in rows]
        missing += [f"missing: {row}" for row in lacking]
        ms = None if lacking else math.fsum(rows[row].ms or 0.0 for row in found.rows)
        lines.append(Line(name, op, found.rows, ms, found.rule.why))
    return Estimate(
        network="",
        total_ms=math.fsum(rows[r].ms or 0.0 for line in lines if line.ms is not None for r in line.rows),
        error_ms=None,
        fixed_ms=0.0,
        lines=tuple(lines),
        missing=tuple(missing),
        final_upsampling="",
        device=by.device.model,
        backend=_backend(by),
        notes=tuple(by.mapping.notes),
    )


def _upsampling(network: Network, by: Table) -> str:
    return by.mapping.final_upsampling if by.mapping is not None else final_upsampling(network)


def final_upsampling(network: Network) -> str:
    """A text on whether the network resizes its output to the image size: "inside", or "outside: …"."""
    graph = network.graph
    shapes = infer(graph)
    main = next(iter(graph.outputs.values()))
    _, height, width = next(iter(graph.inputs.values()))
    node = graph.nodes.get(main)
    if (
        isinstance(node, Node)
        and isinstance(ops.get(node.op), Resize)
        and shapes[main][1:] == (height, width)
    ):
        return "inside"
    if shapes[main][1:] == (height, width):
        return "inside: the output has the size of the image"
    return f"outside: the output has {shapes[main][1]}x{shapes[main][2]}, the image {height}x{width}"
