"""The latencies of the candidates of each cell of a lattice, in milliseconds, from a latency table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast

from archdsl.devices.latency import Latency
from archdsl.devices.price import label
from archdsl.devices.table import Table
from archdsl.ir import Graph, Mux, Node
from archdsl.ir.resolve import evaluate
from archdsl.passes.analyses.lattice import Lattice, NoLattice
from archdsl.passes.analyses.liveness import dependencies
from archdsl.passes.analyses.shapes import FixedShape, infer
from archdsl.passes.costs.pricing import network_price


@dataclass(frozen=True)
class Way:
    """The latencies of a cell in one of its modes: keeping the resolution, or halving it.

    `ms` are milliseconds by the indices of candidate, input width and output width; `before` and `behind` are
    the decisions on the input and output width, None if the width is not searched.
    """

    ms: Mapping[tuple[int, int, int], float]
    before: str | None
    behind: str | None


class LatticeRows:
    """The latencies of each cell of a lattice: `ways`, by layer, row and mode (first: same resolution).

    `stem_ms` is the latency of the stem. Rows that the table lacks are collected in `missing`, and count as
    0. Raises NoLattice if a cell is not one tensor of each candidate, at one or two resolutions.
    """

    def __init__(self, graph: Graph, cells: Lattice, table: Table):
        self.graph, self.cells, self.table = graph, cells, table
        self.missing: set[str] = set()
        self._known: dict[tuple[Any, ...], tuple[float, FixedShape]] = {}
        self._shapes: dict[tuple[str, int], FixedShape] = {}
        self._between: dict[str, list[Node | Mux]] = {}
        self._muxes: dict[str, list[Mux]] = {}
        for item in graph.nodes.values():
            if isinstance(item, Mux) and isinstance(item.on, str):
                self._muxes.setdefault(item.on, []).append(item)
        stem, _ = self._read(0, 0)
        self.stem_ms, self._shapes[stem, 0] = self._application(stem, graph.inputs, {})
        rows = len(cells.rows)
        self.ways = [
            [list(self._cell(layer, row)) for row in range(min(layer + 1, rows))]
            for layer in range(cells.layers)
        ]

    def _cell(self, layer: int, row: int) -> Iterator[Way]:
        before = self._width(layer - 1, row)
        read, source = self._read(layer, row)
        first = {read: self._shapes[source, 0]}

        def height(mux: Mux) -> int:
            none = dict.fromkeys(self.graph.decisions, 0)
            return self._application(str(mux.cases[0][1]), first, none)[1][1]

        muxes = self._muxes[self.cells.kinds[row][layer - row]]
        for halvings, mux in enumerate(sorted(muxes, key=height, reverse=True)):
            behind = self._width(layer, row + halvings)
            ms: dict[tuple[int, int, int], float] = {}
            for taken, given in product(range(self._size(before)), range(self._size(behind))):
                outcomes = {p: o for p, o in ((before, taken), (behind, given)) if p is not None}
                shape = {read: self._shapes[source, taken]}
                for kind, candidate in mux.cases:
                    found, made = self._application(str(candidate), shape, outcomes)
                    ms[int(kind), taken, given], self._shapes[mux.name, given] = found, made
            yield Way(ms, before, behind)

    def _width(self, layer: int, row: int) -> str | None:
        """The path of the decision on the output width of a layer in a row; None if it is not searched."""
        if not self.cells.widths or not 0 <= layer < self.cells.layers - 1:
            return None
        return self.cells.widths[row][layer - max(0, row - 1)]

    def _size(self, decision: str | None) -> int:
        return self.graph.decisions[decision].size if decision is not None else 1

    def _read(self, layer: int, row: int) -> tuple[str, str]:
        """The name of the tensor that a cell reads, and the name of a tensor of known shape that represents
        it.

        If the cell reads one of two rows, these are a mux and its first candidate; otherwise, both are the
        same tensor.
        """
        path = self.cells.kinds[row][layer - row]
        if layer > row > 0:
            mux = self._muxes[self.cells.reads[row][layer - row - 1]][0]
            return mux.name, str(mux.cases[0][1])
        if path not in self._muxes:
            raise NoLattice(f"`{path}` selects no tensor", path)
        inside, at = f"{path.rpartition('.')[0]}.", str(self._muxes[path][0].cases[0][1])
        while at.startswith(inside):
            at = dependencies(self.graph.nodes[at])[0]
        return at, at

    def _application(
        self, made: str, read: Mapping[str, FixedShape], outcomes: Mapping[str, int]
    ) -> tuple[float, FixedShape]:
        """The milliseconds for computing the tensor `made` from the tensors `read` (name: shape), and the
        shape of `made`.
        """
        if made in read:
            return 0.0, read[made]
        nodes = self._bound(self._needed(made, frozenset(read)), read, outcomes)
        place = {name: n for n, name in enumerate((*read, *(node.name for node in nodes)))}
        what = tuple(
            (label(self.graph, node), node.op, *sorted(node.attrs.items()), *(place[i] for i in node.inputs))
            for node in nodes
        )
        key = (tuple(read.values()), what)
        if key not in self._known:
            alone = self._graph(read, nodes, made)
            self._known[key] = self._price(alone), infer(alone)[made]
        return self._known[key]

    def _needed(self, made: str, read: frozenset[str]) -> list[Node]:
        """The nodes that compute the tensor `made` from the tensors `read`, in the order of the graph."""
        if made not in self._between:
            needed, ahead = set(read), [made]
            while ahead:
                name = ahead.pop()
                if name not in needed:
                    needed.add(name)
                    ahead += dependencies(self.graph.nodes[name])
            self._between[made] = [item for name, item in self.graph.nodes.items() if name in needed - read]
        found = self._between[made]
        for item in found:
            if not isinstance(item, Node):
                raise NoLattice(f"`{item.name}` is a decision inside a candidate")
        return cast("list[Node]", found)

    def _bound(
        self, nodes: list[Node], read: Mapping[str, FixedShape], outcomes: Mapping[str, int]
    ) -> list[Node]:
        """Nodes with their settings evaluated for these outcomes."""
        found: list[Node] = []

        def size(node: str, axis: int) -> int:
            return infer(self._graph(read, found, node))[node][axis]

        for node in nodes:
            attrs = {key: evaluate(value, outcomes, size) for key, value in node.attrs.items()}
            found.append(replace(node, attrs=attrs))
        return found

    def _graph(self, read: Mapping[str, FixedShape], nodes: Iterable[Node], made: str) -> Graph:
        by_name: dict[str, Node | Mux] = {node.name: node for node in nodes}
        return Graph(self.graph.name, dict(read), by_name, {"y": made}, instances=self.graph.instances)

    def _price(self, alone: Graph) -> float:
        found = Latency(self.table)(alone)
        ms = network_price(found.graph, found.price)
        self.missing |= found.missing
        return ms
