"""Lists the combinations of widths that the origins of a tensor can have, for switchable batch normalization.

The origins of a tensor are the nodes that create its channels. A batch normalization can have separate
parameters and statistics for each combination, as in slimmable networks (arXiv:1812.08928) and FasterSeg
(arXiv:1912.10917).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

from archdsl import ops
from archdsl.ir import Dim, Expr, Graph, Mux, Node, Value
from archdsl.ir.expr import decisions_in, leaves
from archdsl.ir.resolve import evaluate
from archdsl.ops.places import Places

Blocks = tuple[tuple[str, int], ...]
"""The origins of the channels of a tensor, in order of the channels, each with its maximum number of
channels.
"""
Combination = tuple[int, ...]
"""The number of channels from each origin of a tensor; 0 for an origin that is missing."""

MOST_TRIED = 4096
"""The maximum number of joint outcomes, of the decisions on which a tensor's channels depend, that are
enumerated.
"""


class Uncounted(Exception):
    """Raised if the combinations cannot be listed; the message is the reason."""


def combination(places: Places, blocks: Blocks) -> Combination:
    """The number of channels from each concatenated tensor, given the indices of the channels."""
    found, start = [], 0
    for _, width in blocks:
        found.append(sum(start <= place < start + width for place in places))
        start += width
    return tuple(found)


class Combinations:
    """Computes the combinations of widths that tensors of a space have."""

    def __init__(self, graph: Graph, blocks: Mapping[str, Blocks]):
        self.graph, self.blocks = graph, blocks
        self._partial: dict[str, bool] = {}
        for name, item in graph.nodes.items():
            self._partial[name] = _has_gaps(item) or any(self._partial.get(i, False) for i in item.inputs)
        self._sizes: dict[str, Value] = {}

    def of(self, name: str, most: int) -> dict[Combination, None]:
        """The combinations of widths of a tensor's origins, at most `most` + 1 of them.

        Raises Uncounted if they depend on too many decisions to enumerate.
        """
        decisions = self.graph.decisions
        paths = sorted(self._decisions(name))
        sizes = [decisions[path].size for path in paths]
        if prod(sizes) > MOST_TRIED:
            raise Uncounted(
                f"its channels depend on {len(paths)} decisions with {prod(sizes):,} joint outcomes"
            )
        found: dict[Combination, None] = {}
        for outcomes in product(*map(range, sizes)):
            one = _Network(self, dict(zip(paths, outcomes, strict=True))).widths(name)
            if one is not None:
                found[one] = None
            if len(found) > most:
                break
        return found

    # ------------------------------------------------------------ what the channels of a tensor depend on

    def own(self, name: str) -> bool:
        """Whether a node creates channels; other nodes pass on the channels of their inputs."""
        node = self.graph.nodes[name]
        assert isinstance(node, Node)
        return not ops.get(node.op).stacks and self.blocks[name][0][0] == name

    def size(self, name: str) -> Value:
        """The number of channels that a node creates, as a value over decisions, tensors, and input
        indices.
        """
        found = self._sizes.get(name)
        if found is None:
            node = self.graph.nodes[name]
            assert isinstance(node, Node)
            ports = map(str, range(len(node.inputs)))
            xs = [(Dim(port, 0), Dim(port, 1), Dim(port, 2)) for port in ports]
            found = self._sizes[name] = ops.get(node.op).sizes(xs, node.attrs, _ignore)[0]
        return found

    def needed(self, name: str) -> Iterator[str]:
        """Yields the tensors on whose channels or presence the channels of a tensor depend."""
        item = self.graph.nodes.get(name)
        if item is None:
            return
        if isinstance(item, Mux):
            yield from item.inputs
            yield from () if isinstance(item.on, str) else _tensors(item.on, item.inputs)
            return
        if not self.own(name) or self._partial[name]:
            yield from item.inputs
        if self.own(name):
            yield from _tensors(self.size(name), item.inputs)

    def _decisions(self, name: str) -> set[str]:
        found: set[str] = set()
        seen, ahead = {name}, [name]
        while ahead:
            here = ahead.pop()
            item = self.graph.nodes.get(here)
            if isinstance(item, Mux):
                found |= {item.on} if isinstance(item.on, str) else decisions_in(item.on)
            elif item is not None and self.own(here):
                found |= decisions_in(self.size(here))
            fresh = [other for other in self.needed(here) if other not in seen]
            seen.update(fresh)
            ahead += fresh
        return found


class _Network:
    """Computes the widths of tensors in one network."""

    def __init__(self, of: Combinations, outcomes: Mapping[str, int]):
        self.of, self.graph, self.outcomes = of, of.graph, outcomes
        self.known: dict[str, Combination | None] = {
            name: (shape[0],) for name, shape in self.graph.inputs.items()
        }

    def widths(self, wanted: str) -> Combination | None:
        """The widths of the origins of a tensor; None if the network does not contain the tensor."""
        ahead = [wanted]
        while ahead:
            missing = [name for name in self.of.needed(ahead[-1]) if name not in self.known]
            if missing:
                ahead += missing
                continue
            name = ahead.pop()
            if name not in self.known:
                item = self.graph.nodes[name]
                self.known[name] = self._mux(item) if isinstance(item, Mux) else self._node(item)
        return self.known[wanted]

    def _mux(self, mux: Mux) -> Combination | None:
        key = self.outcomes[mux.on] if isinstance(mux.on, str) else self._value(mux.on, mux)
        source = next((source for case, source in mux.cases if case == key), None)
        widths = None if source is None else self.known[source]
        if source is None or widths is None:
            return None
        here, there = self.of.blocks[source], self.of.blocks[mux.name]
        if here == there:
            return widths
        if there[0][0] == mux.name:
            return (sum(widths),)
        own = dict(zip([origin for origin, _ in here], widths, strict=True))
        return tuple(own.get(origin, 0) for origin, _ in there)

    def _node(self, node: Node) -> Combination | None:
        primitive, blocks = ops.get(node.op), self.of.blocks
        if self.of._partial[node.name] or not self.of.own(node.name):
            gone = [self.known[i] is None for i in node.inputs]
            if any(g for port, g in enumerate(gone) if port not in node.optional) or all(gone):
                return None
        if primitive.stacks:
            found = [self.known[i] or (0,) * len(blocks[i]) for i in node.inputs]
            return tuple(width for widths in found for width in widths)
        if self.of.own(node.name):
            return (int(self._value(self.of.size(node.name), node)),)
        tensors = node.inputs[: primitive.tensors(len(node.inputs))]
        first = next(i for i in tensors if self.known[i] is not None)
        widths = self.known[first]
        assert widths is not None
        return widths if blocks[first] == blocks[node.name] else _filled(sum(widths), blocks[node.name])

    def _value(self, value: Value, item: Node | Mux) -> int:
        def dim(name: str, axis: int) -> int:
            if axis:
                raise Uncounted("its channels depend on the height or width of a tensor")
            source = item.inputs[int(name)] if name.isdecimal() else name
            return sum(self.known[source] or ())

        return evaluate(value, self.outcomes, dim)  # type: ignore[no-any-return]


def _tensors(value: Value, inputs: tuple[str, ...]) -> list[str]:
    """The tensors whose channels a value reads."""
    names = [leaf.node for leaf in leaves(value) if isinstance(leaf, Dim)] if isinstance(value, Expr) else []
    return [inputs[int(name)] if name.isdecimal() else name for name in names]


def _has_gaps(item: Node | Mux) -> bool:
    return any(source is None for _, source in item.cases) if isinstance(item, Mux) else bool(item.optional)


def _filled(count: int, blocks: Blocks) -> Combination:
    """The number of channels from each origin, if the first `count` channels are used."""
    found = []
    for _, width in blocks:
        found.append(min(count, width))
        count -= found[-1]
    return tuple(found)


def _ignore(condition: Value, code: str, message: str, /, **values: Value) -> None:
    """Does nothing: constraints are proved by `archdsl.spec.prove`."""
