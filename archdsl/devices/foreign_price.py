"""Prices all networks of a space by a third-party latency table and its mapping."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from archdsl.devices.foreign import rows_of
from archdsl.devices.keys import Unit, unit, values_read
from archdsl.devices.price import LatencyPrice, label
from archdsl.devices.table import RowMapping, Table
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.closed_form import source_of
from archdsl.passes.costs.pricing import Piece, pieces


def foreign_price(by: Table, graph: Graph) -> LatencyPrice:
    """The latency price of the networks of a space by a table with a mapping.

    In the `graph` of the result, chains of ops that one rule covers are merged into one op application.
    """
    assert by.mapping is not None
    mapping = by.mapping
    rows = {row.key: row.ms or 0.0 for row in by.rows}
    known: dict[tuple[object, ...], float | str] = {}

    def ms(piece: Piece) -> float | str:
        applied = tuple((nodes[node.name], what) for node, what in piece)
        same = tuple((label(graph, node), what) for node, what in applied)
        if same not in known:
            known[same] = _priced(list(_units(graph, applied)), mapping, rows)
        return known[same]

    nodes = {name: node for name, node in graph.nodes.items() if isinstance(node, Node)}
    return LatencyPrice.of(_joined(graph, mapping), ms, 0.0, shared_once=False)


def _priced(units: list[Unit], by: RowMapping, rows: Mapping[str, float]) -> float | str:
    total = 0.0
    for found in rows_of(units, by):
        if found.rule is None:
            return f"no rule of the mapping matches {found.units[0].key}"
        lacking = [row for row in found.rows if row not in rows]
        if lacking:
            return ", ".join(lacking)
        total += math.fsum(rows[row] for row in found.rows)
    return total


def _units(graph: Graph, piece: Piece) -> Iterator[Unit]:
    """Yields the op applications in a piece as units, with their sizes and settings."""
    applied = {node.name: what for node, what in piece}
    for name, nodes in pieces(node for node, _ in piece).items():
        here = [
            replace(
                node,
                inputs=tuple(source_of(node, port) for port in applied[node.name].ports),
                attrs=dict(applied[node.name].attrs),
                optional=frozenset(),
            )
            for node in nodes
        ]
        shapes = {
            source: size
            for node in here
            for source, size in zip(node.inputs, applied[node.name].inputs, strict=True)
        }
        shapes |= {node.name: applied[node.name].shape for node in here}
        yield unit(graph, shapes, {}, name, label(graph, nodes[0]), here)


def _joined(graph: Graph, by: RowMapping) -> Graph:
    """A graph in which chains of ops that a rule covers are merged into one op application."""
    chains = {tuple(rule.chain) for rule in by.rules if len(rule.chain) > 1}
    groups = pieces(node for node in graph.nodes.values() if isinstance(node, Node))
    labels = {name: label(graph, nodes[0]) for name, nodes in groups.items()}
    readers = _readers(graph, groups)
    into: dict[str, str] = {}
    for first in groups:
        for chain in chains:
            at, members = first, [first]
            while len(members) < len(chain) and len(readers.get(at, ())) == 1:
                at = next(iter(readers[at]))
                members.append(at)
            if tuple(labels.get(m, "") for m in members) == chain:
                into.update(dict.fromkeys(members, first))
    nodes = {
        node.name: replace(node, instance=into[name])
        for name, group in groups.items()
        if name in into
        for node in group
    }
    return replace(graph, nodes={**graph.nodes, **nodes})


def _readers(graph: Graph, groups: Mapping[str, list[Node]]) -> dict[str, set[str]]:
    """The readers of each op application: other applications, muxes and outputs."""
    home = {node.name: name for name, nodes in groups.items() for node in nodes}
    found: dict[str, set[str]] = {}
    for item in graph.nodes.values():
        reader = home.get(item.name, f"mux {item.name}")
        for source in values_read(item) if isinstance(item, Node) else item.inputs:
            if home.get(source, reader) != reader:
                found.setdefault(home[source], set()).add(reader)
    for output, source in graph.outputs.items():
        if source in home:
            found.setdefault(home[source], set()).add(f"output {output}")
    return found
