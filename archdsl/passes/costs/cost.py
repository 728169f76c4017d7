"""Costs of a network: trainable parameters and multiply-accumulates (MACs) per image. FLOPs = 2 × MACs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.ops.base import Cost
from archdsl.passes.analyses.receptive import ReceptiveField, receptive_fields
from archdsl.passes.analyses.shapes import FixedShape, Shapes, infer
from archdsl.passes.base import Analysis, Contract
from archdsl.passes.costs.memory import Memory, activation_memory, traffic


@dataclass(frozen=True)
class NodeCost:
    """The cost of one node per image; `memory_bytes` is the size of all live activations while it runs."""

    params: int
    macs: int
    read_bytes: int
    written_bytes: int
    memory_bytes: int
    receptive_field: ReceptiveField

    @property
    def flops(self) -> int:
        return 2 * self.macs

    @property
    def traffic_bytes(self) -> int:
        return self.read_bytes + self.written_bytes


@dataclass(frozen=True)
class NetworkCost:
    """The cost of a network per image.

    Traffic and memory are those of activations of type `dtype`, without weights. `receptive_field` is that of
    the main (first) output.
    """

    nodes: Mapping[str, NodeCost]
    params: int
    macs: int
    traffic_bytes: int
    memory: Memory
    receptive_field: ReceptiveField
    dtype: str

    @property
    def flops(self) -> int:
        return 2 * self.macs


def network_cost(
    graph: Graph, shapes: Mapping[str, FixedShape] | None = None, dtype: str = "float32"
) -> NetworkCost:
    """The costs of a network, by node and in total. Raises KeyError for an unknown `dtype`."""
    shapes = shapes or Shapes()(graph)
    counted, moved = costs(graph, shapes), traffic(graph, shapes, dtype)
    memory, fields = activation_memory(graph, shapes, dtype), receptive_fields(graph, shapes)
    nodes = {
        name: NodeCost(cost.params, cost.macs, *moved[name], memory.during[name], fields[name])
        for name, cost in counted.items()
    }
    whole = total(counted.values())
    output = next(iter(graph.outputs.values()))
    field = fields[output] if output in fields else ReceptiveField(1, 1, (False, False))
    bytes_moved = sum(read + written for read, written in moved.values())
    return NetworkCost(nodes, whole.params, whole.macs, bytes_moved, memory, field, dtype)


@dataclass(frozen=True)
class Total(Analysis[Cost]):
    """The analysis that sums the trainable parameters and multiply-accumulates of a network."""

    name = "cost"
    summary = "parameters, and multiply-accumulates per image, of a network"
    contract = Contract(needs="network", uses=frozenset(("shapes",)))

    def run(self, graph: Graph) -> Cost:
        return total(costs(graph).values())

    def text(self, found: Cost) -> str:
        return f"{found.params:,} parameters, {found.macs:,} MACs"


def costs(graph: Graph, shapes: Mapping[str, FixedShape] | None = None) -> dict[str, Cost]:
    """The cost of each node; weights shared by several nodes are counted at the first one.

    `shapes` is the result of `infer(graph)`, if already known.
    """
    shapes = shapes or infer(graph)
    counted: set[str] = set()
    found: dict[str, Cost] = {}
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        xs = [shapes[i] for i in node.inputs]
        cost = ops.get(node.op).cost(xs, shapes[name], node.attrs)
        found[name] = Cost(0, cost.macs) if node.weights in counted else cost
        counted.add(node.weights)
    return found


def total(parts: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    params = macs = 0
    for part in parts:
        params += part.params
        macs += part.macs
    return Cost(params, macs)
