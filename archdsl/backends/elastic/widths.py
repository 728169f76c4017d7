"""Computes the widest form of each tensor of a space, and the indices of a network's channels in it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from archdsl import ops
from archdsl.backends.elastic.combinations import Blocks, Combination, Combinations, Uncounted, combination
from archdsl.backends.elastic.kernels import KernelSize
from archdsl.backends.elastic.slots import Slot, largest, slot_of
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Dim, Expr, Graph, Mux, Node, Value
from archdsl.ir.expr import apply, by_axis, kind
from archdsl.ir.resolve import rebuilt
from archdsl.ops.places import NotShared, Parts, Places, leading
from archdsl.passes.analyses.symbolic import infer_symbolic
from archdsl.passes.transforms.bind import Bound
from archdsl.spec.deciding.possible import Possible, Unbounded

MOST_SETS = 32
"""The maximum number of sets of weights of one batch normalization, one set per combination of widths."""

MOST_CHANNELS, MOST_TOGETHER = 1 << 17, 1 << 22
"""The maximum number of channels of a tensor, and of all tensors of a space together.

Channel indices are listed individually, so their number must be limited.
"""


class Widths:
    """The largest number of channels of each tensor of a space, the largest values of settings, and the
    stored layers.

    With `bn` "per_width", a batch normalization has a set of weights and statistics for each combination of
    widths of the origins of its input, otherwise slices of one set. With `kernels` "transformed", smaller
    kernels are derived from the largest by learned transforms, otherwise they are its centre.

    Raises SpecError: ARCH810 if a setting has no largest value, kernel sizes to transform cannot be listed,
    nodes with the same weights are layers of different kinds, a tensor has more than MOST_CHANNELS channels,
    or all tensors together have more than MOST_TOGETHER; ARCH818 for more than MOST_SETS combinations.
    """

    def __init__(self, graph: Graph, bn: BN = "shared", kernels: Kernels = "cropped"):
        self.graph, self._transforms_kernels = graph, kernels == "transformed"
        self.shapes, self.definitions = infer_symbolic(graph)
        self._possible = Possible(self.definitions, {})
        self.blocks: dict[str, Blocks] = {name: ((name, shape[0]),) for name, shape in graph.inputs.items()}
        self.most: dict[str, Mapping[str, Any]] = {}
        self._channels = sum(shape[0] for shape in graph.inputs.values())
        found: dict[str, list[Node]] = {}
        for item in graph.nodes.values():
            if isinstance(item, Mux):
                self.blocks[item.name] = self._of_mux(item)
                continue
            most = self.most[item.name] = {key: self._most(item, key) for key in item.attrs}
            self.blocks[item.name] = self._of_node(item, most)
            primitive = ops.get(item.op)
            if primitive.has_weights:
                found.setdefault(item.weights, []).append(item)
        self.weights = frozenset(found)
        """The names of all weights."""
        self.sets: dict[str, tuple[Blocks, dict[Combination, str]]] = {}
        """For each name of weights with several sets, the origins of the input, and the stored layer for each
        combination.
        """
        self.slots: dict[str, Slot] = {}
        """The stored layers, by name."""
        combinations = Combinations(graph, self.blocks)
        for weights, nodes in found.items():
            slot = self._slot(weights, nodes)
            if bn == "per_width" and ops.get(nodes[0].op).over_batch:
                self._add_sets(slot, nodes, combinations)
            else:
                self.slots[weights] = slot

    def width(self, name: str) -> int:
        """The largest number of channels of a tensor."""
        return sum(width for _, width in self.blocks[name])

    def _of_node(self, node: Node, most: Mapping[str, Any]) -> Blocks:
        primitive = ops.get(node.op)
        width = primitive.widest([self.width(source) for source in node.inputs], most)
        if width is None:
            width = self._greatest(node, self.shapes[node.name][0], "the number of its channels")
        self._count(node, width)
        if primitive.stacks:
            return tuple(block for source in node.inputs for block in self.blocks[source])
        same = primitive.keeps_places and width == self.width(node.inputs[0])
        return self.blocks[node.inputs[0]] if same else ((node.name, width),)

    def _of_mux(self, mux: Mux) -> Blocks:
        """The origins of the channels of a mux's widest form.

        Candidates of `one of` share channels, beginning with the first; members of a selected set have
        separate channels.
        """
        every = [self.blocks[source] for source in mux.inputs]
        self._count(mux, max(self.width(source) for source in mux.inputs))
        if all(blocks == every[0] for blocks in every):
            return every[0]
        if self.chooses_several(mux):
            return tuple(dict(block for blocks in every for block in blocks).items())
        return ((mux.name, max(self.width(source) for source in mux.inputs)),)

    def _count(self, item: Node | Mux, width: int) -> None:
        self._channels += width
        if width > MOST_CHANNELS or self._channels > MOST_TOGETHER:
            found = f"a tensor has up to {width:,} channels, all tensors at least {self._channels:,}"
            raise not_shared(item, f"{found}; the limits are {MOST_CHANNELS:,} and {MOST_TOGETHER:,}")

    def chooses_several(self, mux: Mux) -> bool:
        """Whether the decision of a mux selects several members, each of which has separate channels."""
        return isinstance(mux.on, str) and self.graph.decisions[mux.on].count > 1

    def _most(self, node: Node, key: str) -> Any:
        value = node.attrs[key]
        return value if not isinstance(value, Expr) else self._greatest(node, value, f"`{key}`")

    def _greatest(self, node: Node, value: Value, what: str) -> Any:
        value = self._known(value)
        try:
            if not {kind(one) for one in by_axis(value)}.isdisjoint(("str", "mixed")):
                return min(self._possible.of(value), key=str)  # a word: no weight depends on it
            rows, columns = (int(self._possible.greatest(one)) for one in by_axis(value))
        except (Unbounded, ValueError, OverflowError):
            raise not_shared(node, f"{what} of `{node.op}` has no known largest value") from None
        return apply("pair", rows, columns)

    def _known(self, value: Value) -> Value:
        """A value in which dimensions represented by tensors that some networks lack are replaced by their
        sizes.
        """
        return rebuilt(value, self._size)

    def _size(self, leaf: Value) -> Value:
        if not isinstance(leaf, Dim) or leaf in self.definitions:
            return leaf
        return self._known(self.shapes[leaf.node][leaf.axis])

    def _slot(self, weights: str, nodes: list[Node]) -> Slot:
        first = nodes[0]
        if any(node.op != first.op for node in nodes):
            raise not_shared(first, f"`{weights}` are weights of different primitives")
        most = {key: largest([self.most[node.name][key] for node in nodes]) for key in first.attrs}
        width = max(self.width(node.inputs[0]) for node in nodes)
        wide = max(self.width(node.name) for node in nodes)
        joined = tuple(width for _, width in self.blocks[first.inputs[0]])
        kernels = self._kernels(nodes) if self._transforms_kernels else frozenset()
        try:
            return slot_of(weights, first.op, most, width, wide, joined, kernels)
        except NotShared as error:
            raise not_shared(first, str(error)) from None

    def _kernels(self, nodes: list[Node]) -> frozenset[KernelSize]:
        """The kernel sizes of nodes with the same weights; empty if they have no kernel."""
        primitive = ops.get(nodes[0].op)
        sizes = [primitive.kernel_size(node.attrs) for node in nodes]
        try:
            return frozenset(
                by_axis(one)
                for size in sizes
                if size is not None
                for one in self._possible.of(self._known(size))
            )
        except Unbounded:
            raise not_shared(nodes[0], f"the kernel sizes of `{nodes[0].op}` cannot be listed") from None

    def _add_sets(self, slot: Slot, nodes: list[Node], combinations: Combinations) -> None:
        first = nodes[0]
        blocks = self.blocks[first.inputs[0]]
        if any(self.blocks[node.inputs[0]] != blocks for node in nodes):
            blocks = (("", slot.width),)  # nodes with other sources: by their channels alone
        found: dict[Combination, None] = {}
        for node in nodes:
            try:
                listed = combinations.of(node.inputs[0], MOST_SETS)
            except Uncounted as error:
                raise _too_many(node, f"the combinations of widths cannot be counted: {error}") from None
            found |= dict.fromkeys(one if len(one) == len(blocks) else (sum(one),) for one in listed)
            if len(found) > MOST_SETS:
                raise _too_many(node, f"its input has more than {MOST_SETS} combinations of widths")
        named = {one: f"{slot.weights}{list(one)}" for one in sorted(found)}
        self.sets[slot.weights] = blocks, named
        for one, name in named.items():
            self.slots[name] = slot_of(name, slot.op, slot.most, sum(one), sum(one), one, frozenset())

    # ------------------------------------------------------------ one network

    def places(self, bound: Bound, outcomes: Mapping[str, int]) -> dict[str, tuple[Places, Places]]:
        """For each node of a network, the indices of the channels of its first input, and of its output.

        The indices are those in the widest forms of these tensors. Raises SpecError (ARCH810) if channels of
        different origins would have the same index.
        """
        result: dict[str, tuple[Places, Places]] = {}
        found: dict[str, Places] = {name: leading(shape[0]) for name, shape in self.graph.inputs.items()}

        def of(source: str) -> Places | None:
            """The channel indices of a tensor of the space; None if the network does not contain it."""
            if bound.resolved.get(source) is None:
                return None
            if source not in found:
                mux = self.graph.nodes[source]
                assert isinstance(mux, Mux)
                picked = self._picked(mux, bound, outcomes)
                found[source] = self.moved(of(picked) or (), picked, mux)
            return found[source]

        for name, node in bound.graph.nodes.items():
            assert isinstance(node, Node)
            sources = self.graph.nodes[name].inputs
            widths = [self.width(source) for source in sources]
            c = bound.shapes[name][0]
            xs = [of(source) for source in sources]
            try:
                found[name] = ops.get(node.op).places(xs, widths, c, self.width(name), node.attrs)
            except NotShared as error:
                raise not_shared(node, str(error)) from None
            result[name] = next(x for x in xs if x is not None), found[name]
        return result

    def _picked(self, mux: Mux, bound: Bound, outcomes: Mapping[str, int]) -> str:
        """The name of the tensor that a mux selects in a network."""
        if isinstance(mux.on, str):
            return next(s for key, s in mux.cases if key == outcomes[mux.on] and s is not None)
        return next(s for s in mux.inputs if bound.resolved.get(s) == bound.resolved[mux.name])

    def moved(self, places: Places, source: str, mux: Mux) -> Places:
        """Converts channel indices in the widest form of a source to indices in that of the mux."""
        here, there = self.blocks[source], self.blocks[mux.name]
        if here == there:
            return places
        if not self.chooses_several(mux):
            return leading(len(places))
        start = dict(zip([origin for origin, _ in there], accumulated(there), strict=True))
        own = [start[origin] + n for origin, width in here for n in range(width)]
        return tuple([own[place] for place in places])

    def stored(self, node: Node, x: Places, y: Places) -> tuple[str, Parts]:
        """The name of the stored layer of a node, and the slices of its tensors, given channel indices.

        `x` and `y` are the channel indices of the first input and of the output. Raises SpecError (ARCH810)
        if weights cannot be shared.
        """
        if node.weights in self.sets:
            blocks, named = self.sets[node.weights]
            return named[combination(x, blocks)], {}
        slot = self.slots[node.weights]
        try:
            return node.weights, ops.get(node.op).parts(x, y, slot.width, node.attrs, slot.most)
        except NotShared as error:
            raise not_shared(node, str(error)) from None


def accumulated(blocks: Blocks) -> list[int]:
    """The offset of each block in the channels."""
    return [0, *accumulate(width for _, width in blocks)][:-1]


def not_shared(node: Node | Mux, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH810", f"no elastic weights: {why}", place_of(node))])


def _too_many(node: Node, why: str) -> SpecError:
    help = "bn = shared keeps one set, and recomputes statistics for each network; or search fewer widths"
    return SpecError(
        [
            Diagnostic(
                "ARCH818",
                f"no separate `{node.op}` for each combination of widths: {why}",
                place_of(node),
                help=help,
            )
        ]
    )


def place_of(node: Node | Mux) -> Label | None:
    return Label(node.location, f"in `{node.name}`") if node.location else None
