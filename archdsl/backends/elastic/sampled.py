"""Finds the decisions of an elastic supernet of which one outcome must be sampled per step.

All other decisions may be computed as weighted sums of their candidates.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from archdsl import ops
from archdsl.backends.elastic.widths import Widths
from archdsl.ir import Dim, Graph, Mux, Node, Pick, Shape
from archdsl.ir.expr import decisions_in, leaves
from archdsl.ops.places import NotShared, leading
from archdsl.passes.analyses.symbolic import Definitions, Sizes

SIZE, PRESENCE, ORIGIN = "the size of", "whether there is", "the origin of the channels of"

FIRST: Hashable = "first channels"
"""The origin of a tensor whose channels are the first ones of its widest form."""


def sampled_decisions(graph: Graph, widths: Widths) -> dict[str, tuple[str, str]]:
    """The decisions of which one outcome must be sampled per step, in the order of the space.

    The values are pairs (property, tensor): the decision changes a property of the tensor (size, presence, or
    origins of channels) that must be equal for all candidates of a weighted sum.
    """
    found = _Finder(graph, widths).run()
    return {path: found[path] for path in graph.decisions if path in found}


def _sizes_by_presence(graph: Graph, widths: Widths) -> tuple[Mapping[str, Shape], Definitions]:
    """Shapes in which the channels of nodes that concatenate optional inputs are represented by the node.

    These channels depend on which of the inputs a network has, so they equal no other size.
    """
    joining = {
        item.name
        for item in graph.nodes.values()
        if isinstance(item, Node) and item.optional and ops.get(item.op).stacks
    }
    if not joining:
        return widths.shapes, widths.definitions
    sizes = Sizes(graph.inputs, graph.decisions)
    for item in graph.nodes.values():
        sizes.add(item)
        if item.name in joining:
            _, height, width = sizes.shapes[item.name]
            sizes.shapes[item.name] = Dim(item.name, 0), height, width
    return sizes.shapes, sizes.definitions


class _Finder:
    def __init__(self, graph: Graph, widths: Widths):
        self.graph, self.widths = graph, widths
        self.shapes, self.definitions = _sizes_by_presence(graph, widths)
        self.found: dict[str, tuple[str, str]] = {}
        self.partial: set[str] = set()
        """The tensors that some networks lack."""
        self._seen: set[int] = set()
        """The ids of expressions in sizes that were already searched for decisions."""
        self.origins: dict[str, Hashable] = dict.fromkeys(graph.inputs, FIRST)
        """For each tensor, its origin: tensors of equal origins and sizes have equal channel indices."""

    def run(self) -> dict[str, tuple[str, str]]:
        for item in self.graph.nodes.values():
            self._sizes(item)
            if isinstance(item, Mux):
                self._mux(item)
            else:
                self._node(item)
        return self.found

    def _note(self, paths: Sequence[str], what: str, name: str) -> None:
        for path in paths:
            self.found.setdefault(path, (what, name))

    def _sizes(self, item: Node | Mux) -> None:
        """Records the decisions on which the sizes of an item depend directly.

        The decisions on which the sizes of other tensors depend are recorded for these tensors.
        """
        for leaf in leaves(*self.shapes[item.name], seen=self._seen):
            if isinstance(leaf, Pick):
                self._note([leaf.decision], SIZE, item.name)
            elif isinstance(leaf, Dim) and leaf in self.definitions:
                self._note(sorted(_on(self.definitions[leaf][0])), SIZE, item.name)

    def _mux(self, mux: Mux) -> None:
        name, sources = mux.name, mux.inputs
        missing = any(source is None for _, source in mux.cases)
        if missing or not self.partial.isdisjoint(sources):
            self.partial.add(name)
            self._note(sorted(_on(mux)), PRESENCE, name)
        self.origins[name] = self._shared_origin(mux)
        if self.origins[name] is None:
            self._note(sorted(_on(mux)), ORIGIN, name)
            self.origins[name] = name

    def _shared_origin(self, mux: Mux) -> Hashable:
        """The common origin of the channels of all candidates of a mux; None if they differ."""
        blocks = self.widths.blocks
        if all(blocks[source] == blocks[mux.name] for source in mux.inputs):
            origins = {self.origins[source] for source in mux.inputs}
            return next(iter(origins)) if len(origins) == 1 else None
        return None if self.widths.chooses_several(mux) else FIRST

    def _node(self, node: Node) -> None:
        missing = [i in self.partial for i in node.inputs]
        needed = [gone for port, gone in enumerate(missing) if port not in node.optional]
        if any(needed) or (not needed and all(missing)):
            self.partial.add(node.name)
        self.origins[node.name] = self._origin(node)

    def _origin(self, node: Node) -> Hashable:
        primitive, most = ops.get(node.op), self.widths.width(node.name)
        if self.shapes[node.name][0] == most or self._takes_first(node):
            return FIRST
        tensors = node.inputs[: primitive.tensors(len(node.inputs))]
        origins = {self.origins[i] for i in tensors}
        if primitive.keeps_places and not primitive.stacks and len(origins) == 1:
            return next(iter(origins))
        return node.name

    def _takes_first(self, node: Node) -> bool:
        """Whether the channels of a node are always the first ones of its widest form, whatever its inputs
        are.
        """
        most = self.widths.width(node.name)
        widths = [self.widths.width(i) for i in node.inputs]
        last = [tuple(range(width - max(1, width // 2), width)) for width in widths]
        some = max(1, most // 2)
        try:
            places = ops.get(node.op).places(last, widths, some, most, self.widths.most[node.name])
        except NotShared:
            return False
        return places == leading(some)


def _on(mux: Mux) -> set[str]:
    return {mux.on} if isinstance(mux.on, str) else decisions_in(mux.on)


def mixed(graph: Graph, found: Mapping[str, object]) -> list[str]:
    """The paths of the decisions that may be mixed: all except those in `found`, which must be sampled."""
    return [path for path in graph.decisions if path not in found]
