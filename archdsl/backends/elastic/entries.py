"""The nodes of an elastic supernet for inputs of certain sizes and channel indices, made once for each."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from archdsl.backends.elastic.scaling import Calls
from archdsl.backends.elastic.widths import Widths, not_shared, place_of
from archdsl.backends.naming import RESERVED, identifier, unique
from archdsl.backends.supernet.mixing import Mixture, mixture
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph, Mux, Node, Value
from archdsl.ops.base import Layer, Primitive
from archdsl.ops.places import NotShared, Places
from archdsl.passes.analyses.shapes import FixedShape
from archdsl.passes.transforms.bind import Binder

MOST_ENTRIES = 1 << 16
"""The maximum number of nodes, each for certain input sizes, in the cache."""

SMALL = 1 << 17
"""The maximum number of elements of a feature map that is computed in one call with others; for larger ones,
the copies that this needs take longer than separate calls.
"""


class Lay:
    """The size and the channel indices of a tensor; equal ones are the same object."""

    __slots__ = ("places", "shape")

    def __init__(self, shape: FixedShape, places: Places):
        self.shape, self.places = shape, places


class Entry:
    """A remaining node, for inputs of certain sizes and channel indices.

    `node` has constant settings; `lay` is the size and the channel indices of its output, and `x` the channel
    indices of its first input. `layer` is its layer, and `attribute` the name of the module of the stored
    layer, both None without weights. Entries with equal `look` have equal code. Entries with equal `alike`
    have equal layers that can process small maps of one size in one call; None for all others.
    """

    __slots__ = ("alike", "attribute", "lay", "layer", "look", "node", "x")

    def __init__(
        self, node: Node, lay: Lay, x: Places, layer: Layer | None, attribute: str | None, look: int,
        alike: int | None,
    ):  # fmt: skip
        self.node, self.lay, self.x, self.alike = node, lay, x, alike
        self.layer, self.attribute, self.look = layer, attribute, look


class Entries:
    """The nodes of a simplified space with constant settings, and the names of their layers and variables.

    An entry is constructed once for all forward passes.
    """

    def __init__(
        self, graph: Graph, widths: Widths, binder: Binder, results: Collection[str], batch: bool = False
    ):
        """With `batch`, equal layers that are applied to small maps of one size get equal `alike` numbers."""
        self.graph, self.widths, self.binder, self.batch = graph, widths, binder, batch
        self.calls = Calls(graph, widths, results)
        self.variables: dict[str, str] = {name: f"t{n}" for n, name in enumerate(graph.inputs)}
        self.attributes: dict[str, str] = {}
        self._taken = set(RESERVED)
        self._place = {name: n for n, name in enumerate((*graph.inputs, *graph.nodes))}
        self._mixtures: dict[Hashable, Mixture] = {}
        self._entries: dict[Hashable, Entry] = {}
        self._lays: dict[tuple[FixedShape, Places], Lay] = {}
        self._moved: dict[tuple[str, str, Lay], Lay] = {}
        self._looks: dict[Hashable, int] = {}
        self._alike: dict[Hashable, int] = {}

    def variable(self, name: str) -> str:
        """The variable of an item in generated code; equal in all forward passes, so that code is shared."""
        found = self.variables.get(name)
        if found is None:
            # Short, since compiling code is a good part of what a forward costs when it is new.
            found = self.variables[name] = f"t{len(self.variables)}"
        return found

    def place(self, name: str) -> int:
        """The position of an item in the order of the space, in which gradients are summed."""
        name = name.partition("*")[0]
        # Variants of a node have its name and a number; nodes of a distributed block have one of their own.
        return self._place[name if name in self._place else name.rpartition("#")[0]]

    def attribute(self, name: str) -> str:
        """The name of the layer of an item."""
        found = self.attributes.get(name)
        if found is None:
            found = self.attributes[name] = unique(identifier(name), self._taken)
        return found

    def mixture(self, on: Value, place: Mapping[Hashable, int]) -> Mixture:
        """The mixture of the candidates that the value `on` selects; cached. Raises TooManyOutcomes."""
        key = on, tuple(place.items())
        found = self._mixtures.get(key)
        if found is None:
            found = self._mixtures[key] = mixture(on, self.graph.decisions, place)
        return found

    def lay(self, shape: FixedShape, places: Places) -> Lay:
        found = self._lays.get((shape, places))
        if found is None:
            found = self._lays[shape, places] = Lay(shape, places)
        return found

    def moved(self, source: str, mux: Mux, lay: Lay) -> Lay:
        """The size and channel indices (`Lay`) of a mux's output if it selects `source`; `lay` is that of
        `source`.
        """
        key = mux.name, source, lay
        found = self._moved.get(key)
        if found is None:
            places = self.widths.moved(lay.places, source, mux)
            found = self._moved[key] = self.lay(lay.shape, places)
        return found

    def entry(
        self, origin: Node, name: str, inputs: tuple[str, ...], xs: tuple[Lay | None, ...],
        sizes: tuple[FixedShape, ...], values: tuple[Any, ...],
    ) -> Entry:  # fmt: skip
        """The entry of a node with constant settings: `origin` itself or a variant of it. Raises
        SpecError.
        """
        key = name, inputs, xs, values, tuple(map(type, values))
        found = self._entries.get(key)
        if found is None:
            if len(self._entries) >= MOST_ENTRIES:
                for remembered in (self._entries, self._lays, self._moved):
                    remembered.clear()
            node = self.binder._node(origin, inputs, values)
            node = node if node.name == name else replace(node, name=name)
            found = self._entries[key] = self._made(origin, node, xs, sizes, values)
        return found

    def _made(
        self, origin: Node, node: Node, xs: tuple[Lay | None, ...], sizes: tuple[FixedShape, ...],
        values: tuple[Any, ...],
    ) -> Entry:  # fmt: skip
        shape, failures = self.binder._type(node, sizes, values)
        if failures:
            where, code, message = failures[0]
            raise SpecError([Diagnostic(code, f"`{where}`: {message}", place_of(node))])
        widths = [self.widths.width(source) for source in origin.inputs]
        read = [None if x is None else x.places for x in xs]
        primitive, most = self.binder._primitives[node.op], self.widths.width(origin.name)
        try:
            places = primitive.places(read, widths, shape[0], most, node.attrs)
        except NotShared as error:
            raise not_shared(node, str(error)) from None
        layer = primitive.layer(sizes, shape, node.attrs)
        attribute = None if layer is None else self.attribute(node.name)
        look = self._look(primitive, node, sizes, shape, attribute)
        first = next(x for x in read if x is not None)
        lay, alike = self.lay(shape, places), None
        if layer is not None and self.batch and primitive.by_image and prod(sizes[0]) <= SMALL:
            key = node.weights, tuple(layer.kwargs.items()), sizes[0], first, lay
            alike = self._alike.setdefault(key, len(self._alike))
        return Entry(node, lay, first, layer, attribute, look, alike)

    def _look(
        self, primitive: Primitive, node: Node, sizes: tuple[FixedShape, ...], y: FixedShape,
        attribute: str | None,
    ) -> int:  # fmt: skip
        """A number that identifies everything on which the code of a node depends.

        A sum may have fewer inputs than in the space.
        """
        layer, attrs = attribute and f"self.{attribute}", node.attrs
        counts = range(1, len(sizes) + 1) if primitive.zero_is_neutral else (len(sizes),)
        texts: list[Any] = []
        for count in counts:
            names, xs = [f"x{n}" for n in range(count)], sizes[:count]
            texts += [
                primitive.expression(names, layer, xs, y, attrs),
                primitive.weighted_expression(names, layer, "w", xs, y, attrs),
                primitive.is_identity(xs, y, attrs),
            ]
        whole = primitive.in_place("x", attrs), primitive.keeps_zero(attrs)
        content = node.name, node.op, node.inputs, *whole, *texts
        return self._looks.setdefault(content, len(self._looks))
