"""Prices all networks of a space by a latency table, for each op application."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from archdsl.devices.estimate import unit_ms
from archdsl.devices.keys import computed, size_text
from archdsl.devices.table import Row, Table
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.closed_form import Applied
from archdsl.passes.costs.pricing import Piece, Price

_LINE = re.compile(r"^(?P<name>\w+): (?P<size>[\dx]+)(?: = (?P<op>\w+)\((?P<read>[^;)]*)(?P<rest>.*))?$")


Signature = tuple[str, ...]
"""The signature of a piece, independent of wiring: its primitives with sizes, in alphabetical order."""


@dataclass(frozen=True)
class LatencyPrice:
    """The latency of the networks of `graph` in ms, as in `estimate`: the sum of `price`, plus `fixed_ms`.

    Ops without a row are priced as 0, and listed in `missing`; `lacking` is a price that counts them for each
    network, since a closed form also prices op applications that occur in no network.
    """

    graph: Graph
    price: Price
    lacking: Price
    fixed_ms: float
    missing: set[str]

    @staticmethod
    def of(
        graph: Graph, ms: Callable[[Piece], float | str], fixed_ms: float, shared_once: bool
    ) -> LatencyPrice:
        """Builds the price; `ms` gives the milliseconds of a piece, or the name of its missing row."""
        missing: set[str] = set()

        def priced(piece: Piece) -> float:
            found = ms(piece)
            if isinstance(found, str):
                missing.add(found)
                return 0.0
            return found

        def lacking(piece: Piece) -> float:
            return float(isinstance(ms(piece), str))

        return LatencyPrice(
            graph,
            Price("latency", "ms", priced, by="op", shared_once=shared_once),
            Price("missing rows", "", lacking, by="op"),
            fixed_ms,
            missing,
        )


def latency_price(by: Table, graph: Graph) -> LatencyPrice:
    """The latency price of the networks of a space by a measured table, calibrated if the table is.

    `archdsl.devices.foreign_price` is for third-party tables.
    """
    rows = {_signature(row): row for row in by.rows if row.text and row.ms is not None}

    def ms(piece: Piece) -> float | str:
        primitives = tuple(sorted(_line(applied) for _, applied in piece))
        row = rows.get(primitives)
        if row is None:
            return "; ".join(primitives)
        return unit_ms(by, row.key, label(graph, piece[0][0]), row.ms or 0.0)

    fixed = by.calibration.fixed_ms if by.calibration else by.nothing_ms
    return LatencyPrice.of(graph, ms, fixed, shared_once=True)


def label(graph: Graph, node: Node) -> str:
    """The name of the declared op that a node belongs to, or of its primitive."""
    instance = graph.instances.get(node.instance or "")
    return instance.declared if instance is not None else node.op


def _line(applied: Applied) -> str:
    """The text of a primitive with sizes and settings as in a row, but without names of tensors."""
    values = computed(applied.op, [size_text(shape) for shape in applied.inputs], dict(applied.attrs))
    return f"{size_text(applied.shape)} = {values}"


def _signature(row: Row) -> Signature:
    """The signature of a row, from its text.

    Rows are looked up by signature, because the closed form of a space has the primitives of an op, but not
    their wiring.
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
