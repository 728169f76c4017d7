"""The structure of a supernet: the graph of a space, its mixtures, its layers, and the size of each
tensor.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from archdsl import ops
from archdsl.backends.naming import RESERVED, identifier, unique
from archdsl.backends.supernet.mixing import (
    MOST_OUTCOMES,
    Mixture,
    TooManyOutcomes,
    mixture,
    outcome_of,
    tabled,
)
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Dim, Expr, Graph, Mux, Node, Value
from archdsl.ir.expr import decisions_in, leaves
from archdsl.ops.base import Layer
from archdsl.passes.analyses.picking import picked_by
from archdsl.passes.analyses.shapes import FixedShape
from archdsl.passes.analyses.symbolic import Definitions, infer_symbolic
from archdsl.passes.transforms.simplify import simplify

LayerKey = tuple[Any, ...]

MOST_ERRORS = 8
"""The maximum number of errors that are looked for in one space; each error needs a search in the whole
graph.
"""


@dataclass(frozen=True)
class Mixed:
    """A mux in a supernet: its candidates, and the mixture that weights them."""

    name: str
    mixture: int
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Structure:
    """The input of code generation for a supernet.

    `items` are in order of computation. Settings of nodes do not depend on decisions: a node with a searched
    setting is replaced by a node for each of its values, and a mux of these. `attributes` are the names of
    the modules of nodes that have one, `variables` the variables of inputs and items in code. Nodes with
    equal numbers in `alike` apply equal layers to inputs of one size, image by image.
    """

    graph: Graph
    items: Mapping[str, Node | Mixed]
    shapes: Mapping[str, FixedShape]
    mixtures: tuple[Mixture, ...]
    layers: Mapping[LayerKey, tuple[str, Layer]]
    attributes: Mapping[str, str]
    variables: Mapping[str, str]
    alike: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def place(self) -> Mapping[str, int]:
        """The position of each item in the order of computation; the caller, "", is last."""
        return {name: n for n, name in enumerate((*self.items, ""))}

    @cached_property
    def passing(self) -> frozenset[str]:
        """The nodes that return their input unchanged (identities)."""
        return frozenset(node.name for node in self._nodes() if self._passes(node))

    @cached_property
    def weighing(self) -> frozenset[str]:
        """The nodes whose primitive can multiply the output by the weight of a candidate itself."""
        return frozenset(
            node.name
            for node in self._nodes()
            if self.weighed(node, ["x"] * len(node.inputs), "w") is not None
        )

    def layer_of(self, node: Node) -> str | None:
        """The Python expression of a node's module; None if it has none."""
        attribute = self.attributes.get(node.name)
        return attribute and f"self.{attribute}"

    def weighed(self, node: Node, names: Sequence[str], weight: str) -> str | None:
        """The Python expression of a node's output times a weight; None if an ordinary product is needed."""
        xs, y = [self.shapes[i] for i in node.inputs], self.shapes[node.name]
        return ops.get(node.op).weighted_expression(names, self.layer_of(node), weight, xs, y, node.attrs)

    def _nodes(self) -> Iterator[Node]:
        return (item for item in self.items.values() if isinstance(item, Node))

    def _passes(self, node: Node) -> bool:
        xs = [self.shapes[i] for i in node.inputs]
        return ops.get(node.op).is_identity(xs, self.shapes[node.name], node.attrs)


def layer_key(weights: str, layer: Layer) -> LayerKey:
    """The key of a layer: the name of its weights, and its arguments."""
    return weights, layer.cls, tuple(layer.kwargs.items())


def parts(graph: Graph) -> Structure:
    """The structure of the supernet of a space.

    Raises SpecError (ARCH802) if a tensor's size or existence varies between networks, or if too many
    decisions select one tensor.
    """
    return _Splitter(simplify(graph)).run()


class _Splitter:
    def __init__(self, graph: Graph):
        self.graph = graph
        self.items: dict[str, Node | Mixed] = {}
        self.mixtures: dict[Mixture, int] = {}
        self.errors: list[Diagnostic] = []

    def run(self) -> Structure:
        shapes = self._shapes()
        for item in self.graph.nodes.values():
            try:
                self._mux(item) if isinstance(item, Mux) else self._node(item, shapes)
            except TooManyOutcomes as error:
                instead = f"reduce their joint outcomes to at most {MOST_OUTCOMES:,}"
                self._fail(item, f"too many decisions select one tensor: {error}", instead=instead)
        if self.errors:
            raise SpecError(self.errors)
        layers: dict[LayerKey, tuple[str, Layer]] = {}
        attributes: dict[str, str] = {}
        taken = set(RESERVED)
        for node in self.items.values():
            if not isinstance(node, Node) or (layer := _layer(node, shapes)) is None:
                continue
            key = layer_key(node.weights, layer)
            if key not in layers:
                layers[key] = unique(identifier(node.name), taken), layer
            attributes[node.name] = layers[key][0]
        # Short, since compiling its code is a good part of what the first step of a path costs.
        variables = {name: f"t{n}" for n, name in enumerate((*self.graph.inputs, *self.items))}
        return Structure(self.graph, self.items, shapes, tuple(self.mixtures), layers, attributes, variables)

    def _shapes(self) -> dict[str, FixedShape]:
        """The size of each tensor. Reports an error for a tensor whose size differs between networks."""
        symbolic, definitions = infer_symbolic(self.graph)
        shapes: dict[str, Any] = symbolic  # fixed, unless an error is noted below
        broken: set[str] = set()
        for name, shape in shapes.items():
            varying = [axis for axis, size in enumerate(shape) if isinstance(size, Expr)]
            if not varying:
                continue
            item = self.graph.nodes[name]
            if broken.isdisjoint(item.inputs):
                by = next(_deciding([shape[axis] for axis in varying], definitions), None)
                self._fail(item, f"the size of `{name}` differs between networks", by, _one_size(varying))
            broken.add(name)
        if self.errors:
            raise SpecError(self.errors)
        return shapes

    def _fail(self, item: Node | Mux, headline: str, by: str | None = None, instead: str = "") -> None:
        """Reports an error about an item, located at the decision `by`, by default the one that selects the
        item.

        `instead` is the first help text. Raises SpecError after MOST_ERRORS errors.
        """
        picked = picked_by(self.graph, item.name)
        decision = self.graph.decisions[by] if by else picked.decision if picked else None
        places = [Label(item.location, f"in `{item.name}`")] if item.location else []
        if decision is not None and decision.location is not None:
            places = [p for p in places if p.location != decision.location]
            places.insert(0, Label(decision.location, f"`{decision.path}` is declared here"))
        help = (
            f"{instead}; or share weights elastically (share = elastic); or train individual networks of the "
            "space: archdsl sample SPEC -n 8 -o DIR"
        )
        first, others = (places[0], tuple(places[1:])) if places else (None, ())
        headline = f"no supernet: {headline}"
        self.errors.append(Diagnostic("ARCH802", headline, first, secondary=others, help=help))
        if len(self.errors) >= MOST_ERRORS:
            raise SpecError(self.errors)

    def _mux(self, mux: Mux) -> None:
        if any(source is None for _, source in mux.cases):
            self._fail(mux, f"`{mux.name}` is not defined in every network", instead=_THERE)
            return
        decisions = self.graph.decisions
        on = outcome_of(decisions[mux.on]) if isinstance(mux.on, str) else mux.on
        number = {source: n for n, source in enumerate(mux.inputs)}
        place: dict[Hashable, int] = {k: number[source] for k, source in mux.cases if source is not None}
        self._mixed(mux.name, mixture(on, decisions, place), mux.inputs)

    def _mixed(self, name: str, found: Mixture, sources: tuple[str, ...]) -> None:
        self.items[name] = Mixed(name, self.mixtures.setdefault(found, len(self.mixtures)), sources)

    def _node(self, node: Node, shapes: dict[str, FixedShape]) -> None:
        varying = {key: value for key, value in node.attrs.items() if isinstance(value, Expr)}
        if node.optional:
            self._fail(node, f"an input of `{node.name}` is not defined in every network", instead=_THERE)
        if not varying:
            self.items[node.name] = node
            return
        self._variants(node, varying, shapes)

    def _variants(self, node: Node, varying: Mapping[str, Expr], shapes: dict[str, FixedShape]) -> None:
        """Adds a node for each combination of values of the settings, and a mux of these."""
        decisions = self.graph.decisions
        paths, values = tabled(tuple(varying.values()), decisions)
        names = {value: f"{node.name}#{n}" for n, value in enumerate(dict.fromkeys(values))}
        for value, name in names.items():
            attrs: dict[str, Any] = {**node.attrs, **dict(zip(varying, value, strict=True))}
            self.items[name] = replace(node, name=name, attrs=attrs)
            shapes[name] = shapes[node.name]
        place = {value: n for n, value in enumerate(names)}
        sizes = tuple(decisions[p].size for p in paths)
        picks = tuple(place[v] for v in values)
        self._mixed(node.name, Mixture(paths, sizes, picks), tuple(names.values()))


_THERE = "a supernet sums over all candidates: define the tensor in every network"


def _one_size(axes: Sequence[int]) -> str:
    """The help for sizes that differ in channels (axis 0), or in height or width."""
    how = "conv(c = …, k = 1)" if 0 in axes else "resize(like = …)"
    return f"a supernet sums over candidates: make their sizes equal, as by `{how}` after each"


def _deciding(sizes: Sequence[Value], definitions: Definitions) -> Iterator[str]:
    """Yields the paths of the decisions on which sizes depend, directly or through dimensions that muxes
    select.
    """
    seen: set[Value] = set()
    ahead = list(sizes)
    while ahead:
        size = ahead.pop(0)
        if size in seen:
            continue
        seen.add(size)
        yield from sorted(decisions_in(size))
        for part in leaves(size):
            if isinstance(part, Dim) and part in definitions:
                mux, cases = definitions[part]
                if isinstance(mux.on, str):
                    yield mux.on
                else:
                    ahead.append(mux.on)
                ahead += [case for case in cases if case is not None]


def _layer(node: Node, shapes: Mapping[str, FixedShape]) -> Layer | None:
    xs = [shapes[i] for i in node.inputs]
    return ops.get(node.op).layer(xs, shapes[node.name], node.attrs)
