"""The latency of the networks of a graph, as an analysis pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archdsl.devices.estimate import read_table
from archdsl.devices.foreign_price import foreign_price
from archdsl.devices.price import LatencyPrice, latency_price
from archdsl.devices.table import Table
from archdsl.ir import Graph
from archdsl.passes.base import Analysis, option
from archdsl.passes.costs.space_cost import SpaceCost


def _table(path: str) -> Table:
    return read_table(Path(path))[0]


@dataclass(frozen=True, eq=False)
class Latency(Analysis[LatencyPrice]):
    """The latency price, in milliseconds, of the networks of a graph by a table."""

    name = "latency"
    summary = "latency of the networks of a graph by a table"

    table: Table = option(meaning="a table from `archdsl latency build`", takes="FILE", read=_table)

    def run(self, graph: Graph) -> LatencyPrice:
        return foreign_price(self.table, graph) if self.table.mapping else latency_price(self.table, graph)

    def text(self, found: LatencyPrice) -> str:
        """The latency in milliseconds as text (for a space, the mean over uniformly distributed outcomes),
        and a line for each row that the table lacks.
        """
        ms = found.fixed_ms + SpaceCost(found.graph).expected(found.price).of()
        lacking = "".join(f"\nthe table lacks {row}" for row in sorted(found.missing))
        return f"{ms:.3f} ms{' on average' if found.graph.decisions else ''}{lacking}"
