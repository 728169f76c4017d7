"""Third-party latency tables, read through a mapping from units of networks to names of rows.

Mappings are data (`mappings/*.json`). Names of rows have fields in which the nodes of a unit are numbered by
primitive: `{conv2.in.c}` is the number of input channels of the second convolution, `{conv1.k}` a setting of
the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from archdsl.bounded import json_of, read_bytes
from archdsl.devices.keys import Unit, values_read
from archdsl.devices.table import MAX_BYTES, Device, Protocol, Row, RowMapping, Rule, RuntimeRecord, Table
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.passes.analyses.shapes import infer

_FOLDER = Path(__file__).parent / "mappings"
MOST_EXTENDED = 10
_FIELD = re.compile(r"\{([\w.]+)\}")


def known() -> list[str]:
    """The names of shipped mappings."""
    return sorted(p.stem for p in _FOLDER.glob("*.json"))


def mapping(name: str) -> RowMapping:
    """A shipped mapping by name, or a mapping from a file.

    Raises SpecError (ARCH822) if missing or invalid.
    """
    path, data = _merged(name, ())
    try:
        return RowMapping.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise _not_importable(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _merged(name: str, above: tuple[Path, ...]) -> tuple[Path, dict[str, Any]]:
    """The file of a mapping, and its data merged with those of the mapping that it extends.

    `above` are the files of the mappings that extend it, to detect cycles.
    """
    path = _FOLDER / f"{name}.json" if name in known() else Path(name)
    if not path.is_file():
        guess = closest(name, known())
        hint = f"did you mean `{guess}`?" if guess else f"expected a file, or one of {', '.join(known())}"
        raise SpecError([Diagnostic("ARCH822", f"unknown mapping `{name}`", help=hint)])
    if path.resolve() in above:
        raise _not_importable(path, "it extends itself")
    if len(above) >= MOST_EXTENDED:
        raise _not_importable(path, f"more than {MOST_EXTENDED} levels of `extends`")
    data = _json(path)
    base = data.pop("extends", None)
    for key in ("rules", "notes"):
        if not isinstance(data.get(key, []), list):
            raise _not_importable(path, f"{key}: expected a list")
    if base is None:
        return path, data
    if not isinstance(base, str):
        raise _not_importable(path, "extends: expected the name of a mapping")
    _, below = _merged(base, (*above, path.resolve()))
    notes, rules = below.get("notes", []), below.get("rules", [])
    data["rules"] = [*data.get("rules", []), *rules]
    data["notes"] = [*data.get("notes", []), *(n for n in notes if n not in data.get("notes", []))]
    return path, {**below, **data}


def import_table(path: Path, by: RowMapping) -> Table:
    """Imports a third-party table: a JSON object from names to milliseconds, possibly under `entries`.

    Raises SpecError (ARCH822) for other contents.
    """
    data = _json(path)
    entries = data.get("entries", data)
    if not isinstance(entries, dict) or not entries:
        raise _not_importable(path, "it has no entries")
    for name, value in entries.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise _not_importable(path, f"entry `{name}` must be a number of milliseconds")
    return Table(
        device=Device(kind="imported", model=by.device),
        runtime=RuntimeRecord(backend="imported", options={"runtime": by.runtime}),
        protocol=Protocol(
            threads=1, batch=by.batch, dtype=by.dtype, memory_format="contiguous", statistic="as published"
        ),
        spec=by.source,
        settings={"image": list(by.image)},
        mapping=by,
        rows=[Row(key=name, op=name.split("_H", 1)[0], ms=value) for name, value in entries.items()],
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json_of(read_bytes(path, MAX_BYTES).decode("utf-8"))
    except ValueError as error:
        raise _not_importable(path, f"not valid JSON ({error})") from error
    if not isinstance(data, dict):
        raise _not_importable(path, "expected an object of names and values")
    return data


def _not_importable(path: Path, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH822", f"cannot import {path}: {why}")])


class MatchedRows:
    """The names of the rows of consecutive units, by the first matching rule; `rule` is None without one."""

    def __init__(self, units: Sequence[Unit], rule: Rule | None, rows: Sequence[str]):
        self.units, self.rule, self.rows = tuple(units), rule, tuple(rows)


def rows_of(units: Sequence[Unit], by: RowMapping) -> list[MatchedRows]:
    """The rows of the units of a network, in order, by the rules of a mapping.

    Rules for longer chains of units take precedence.
    """
    follows = _only_readers(units)
    taken: set[str] = set()
    found = []
    for unit in units:
        if unit.name in taken:
            continue
        match = _match(unit, follows, by) or MatchedRows([unit], None, ())
        taken.update(u.name for u in match.units)
        found.append(match)
    return found


def _match(unit: Unit, follows: Mapping[str, Unit], by: RowMapping) -> MatchedRows | None:
    for rule in sorted(by.rules, key=lambda r: -len(r.chain)):
        chain = _chain(unit, follows, rule.chain)
        if chain is None:
            continue
        fields = _fields(chain)
        if all(fields.get(name) == _wanted(value, fields) for name, value in rule.when.items()):
            return MatchedRows(chain, rule, [_filled(row, fields) for row in rule.rows])
    return None


def _chain(unit: Unit, follows: Mapping[str, Unit], ops: Sequence[str]) -> list[Unit] | None:
    chain: list[Unit] = []
    at: Unit | None = unit
    for op in ops:
        if at is None or op not in (at.key.op, "*"):
            return None
        chain.append(at)
        at = follows.get(at.name)
    return chain


def _only_readers(units: Sequence[Unit]) -> dict[str, Unit]:
    """The unit that reads each unit, by name, for units with exactly one reader."""
    made_by = {node.name: unit for unit in units for node in unit.nodes}
    readers: dict[str, dict[str, Unit]] = {}
    for unit in units:
        for node in unit.nodes:
            for source in values_read(node):
                maker = made_by.get(source)
                if maker is not None and maker is not unit:
                    readers.setdefault(maker.name, {})[unit.name] = unit
    return {name: next(iter(by.values())) for name, by in readers.items() if len(by) == 1}


def _fields(units: Sequence[Unit]) -> dict[str, Any]:
    """The values of the fields of rules: sizes and settings of the nodes of units, numbered by primitive."""
    fields: dict[str, Any] = {}
    count: dict[str, int] = {}
    for unit in units:
        shapes = infer(unit.piece)
        for node in unit.nodes:
            count[node.op] = count.get(node.op, 0) + 1
            name = f"{node.op}{count[node.op]}"
            for what, shape in (("in", shapes[node.inputs[0]]), ("out", shapes[node.name])):
                fields.update({f"{name}.{what}.{axis}": n for axis, n in zip("chw", shape, strict=True)})
            fields.update({f"{name}.{key}": value for key, value in node.attrs.items()})
    first, last = units[0], units[-1]
    read = next(iter(first.piece.inputs.values()))
    for what, shape in (("in", read), ("out", last.key.outputs[0])):
        fields.update({f"{what}.{axis}": n for axis, n in zip("chw", shape, strict=True)})
    fields["stride"] = max(1, round(read[1] / last.key.outputs[0][1]))
    fields.update({f"count.{op}": n for op, n in count.items()})
    return fields


def _wanted(value: int | str | bool, fields: Mapping[str, Any]) -> Any:
    return fields.get(value, value) if isinstance(value, str) else value


def _filled(row: str, fields: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda m: str(fields.get(m[1], m[0])), row)
