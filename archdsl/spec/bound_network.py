"""Binds a network that was read to its space, with the constraints that it has to meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl import ops
from archdsl.diagnostics import Label
from archdsl.ir import Graph, Mux, Node, Value
from archdsl.passes.analyses.shapes import FixedShape
from archdsl.passes.transforms.bind import Prepared
from archdsl.spec.evaluate.builder import Obligation


@dataclass(frozen=True)
class BoundNetwork:
    """A network of a space, the shapes of its nodes, and the constraints that it violates."""

    graph: Graph
    shapes: Mapping[str, FixedShape]
    obligations: tuple[Obligation, ...]


def bound_network(
    space: Graph, outcomes: Mapping[str, str], places: Mapping[str, Label], place: Label
) -> BoundNetwork | None:
    """The network of these outcomes, by decision path; None if one of its outputs is undefined.

    `places` are the locations of the outcomes, `place` that of the network. Raises SpecError for unknown
    paths and outcomes, and for missing decisions.
    """
    binder = Prepared()(space)
    bound = binder.bind(binder.outcomes(outcomes, places.get), place=place)
    if bound.graph.outputs.keys() != space.outputs.keys():
        return None
    found = [o for node in bound.graph.nodes.values() for o in _violated(node, bound.shapes)]
    return BoundNetwork(bound.graph, bound.shapes, tuple(found))


def _violated(node: Node | Mux, shapes: Mapping[str, FixedShape]) -> list[Obligation]:
    """The constraints that a node of a network violates, including advisory ones."""
    assert isinstance(node, Node)
    assert node.location is not None
    location = node.location
    found = []

    def demand(condition: Value, code: str, message: str, /, **values: Value) -> None:
        if condition is not True:
            found.append(Obligation(False, code, message, values, node.name, location, None, {}, ()))

    ops.get(node.op).sizes(tuple(shapes[source] for source in node.inputs), node.attrs, demand)
    return found
