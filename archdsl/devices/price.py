"""A latency table as a price: what each application of an op adds, for whole spaces at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from archdsl import ops
from archdsl.devices.estimate import missing_rows, unit_ms
from archdsl.devices.keys import computed, size_text
from archdsl.devices.table import Row, Table
from archdsl.passes.shapes import FixedShape

_LINE = re.compile(r"^(?P<name>\w+): (?P<size>[\dx]+)(?: = (?P<op>\w+)\((?P<read>[^;)]*)(?P<rest>.*))?$")


class Applied(Protocol):
    """A primitive as it is applied in some network."""

    @property
    def op(self) -> str: ...
    @property
    def attrs(self) -> tuple[tuple[str, Any], ...]: ...
    @property
    def inputs(self) -> tuple[FixedShape, ...]: ...
    @property
    def shape(self) -> FixedShape: ...


Piece = Iterable[tuple[Any, Applied]]
"""The primitives of one application of an op, each with its node."""

Signature = tuple[str, ...]
"""What a piece computes, whatever reads what: its primitives with sizes, in alphabetical order."""


@dataclass(frozen=True)
class LatencyPrice:
    """`of` prices an application of an op, or a primitive outside of ops; every network adds `fixed_ms`.

    Both are milliseconds.  `archdsl.passes.pricing.Price` takes `of` with `by="op"`.

    What several ops share is priced in each of them, unless the price is asked for a graph in which it is
    merged, as `Network.graph` is; there it agrees with `estimate`.
    """

    of: Callable[[Piece], float]
    fixed_ms: float


def latency_price(by: Table) -> LatencyPrice:
    """The price of ops by a measured table, calibrated where the table is.

    The price raises SpecError (ARCH824) for an op that the table has no row for.
    """
    rows = {_signature(row): row for row in by.rows if row.text and row.ms is not None}

    def of(piece: Piece) -> float:
        primitives = tuple(sorted(_line(applied) for _, applied in piece))
        found = _difference(primitives, rows)
        if found is None:
            raise missing_rows(["; ".join(primitives)])
        return sum(sign * unit_ms(by, row.key, row.op, row.ms or 0.0) for sign, row in found)

    fixed = by.calibration.fixed_ms if by.calibration else by.nothing_ms
    return LatencyPrice(of, fixed)


_MOST_SHARED = 2


def _difference(
    primitives: Signature, rows: Mapping[Signature, Row], deep: int = _MOST_SHARED
) -> list[tuple[int, Row]] | None:
    """The row of these primitives; or one with some more, which other ops compute, less the rows of these."""
    if primitives in rows:
        return [(1, rows[primitives])]
    if deep == 0:
        return None
    for single, row in rows.items():
        if len(single) == 1:
            found = _difference(tuple(sorted((*primitives, *single))), rows, deep - 1)
            if found is not None:
                return [*found, (-1, row)]
    return None


def _line(applied: Applied) -> str:
    """A primitive with its sizes and settings, as in the text of a row but for the names."""
    count = ops.get(applied.op).tensors(len(applied.inputs))
    read = [size_text(shape) for shape in applied.inputs[:count]]
    return f"{size_text(applied.shape)} = {computed(applied.op, read, dict(applied.attrs))}"


def _signature(row: Row) -> Signature:
    """The signature of a row's text.

    A space's closed form knows of an op which primitives are computed, not how they are wired there.
    """
    sizes: dict[str, str] = {}
    found = []
    for line in row.text.splitlines():
        parts = _LINE.match(line)
        if parts is None:
            continue
        sizes[parts["name"]] = parts["size"]
        if parts["op"]:
            read = ", ".join(sizes[name] for name in parts["read"].split(", ") if name)
            found.append(f"{parts['size']} = {parts['op']}({read}{parts['rest']}")
    return tuple(sorted(found))
