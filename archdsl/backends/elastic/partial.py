"""Partially evaluates a space with some decisions sampled, for the forward pass of an elastic supernet.

The result consists of the remaining nodes and mixtures, with the size and channel indices of each tensor.
Each tensor has the same size in all remaining networks, so the candidates of decisions that are not sampled
are summed by weights as in any supernet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from archdsl.backends.elastic.entries import Entries, Entry, Lay
from archdsl.backends.elastic.scaling import UNSCALED, Factors, Scaled
from archdsl.backends.elastic.widths import place_of
from archdsl.backends.supernet.mixing import Mixture, TooManyOutcomes, outcome_of, tabled
from archdsl.backends.supernet.structure import Mixed, Structure
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Dim, Expr, Mux, Node, Pick, Value
from archdsl.ir.expr import decisions_in
from archdsl.ir.resolve import evaluate, rebuilt
from archdsl.ops.places import leading
from archdsl.passes.analyses.shapes import FixedShape

Read = tuple[str, Factors]
"""A tensor as a node reads it: the item that computes the tensor, and the weights that it is multiplied
by.
"""


@dataclass(frozen=True)
class Remaining:
    """The remaining layers and mixtures of a space. Equal `key`s mean equal code.

    `parts` is a function that computes the structure for code generation.
    """

    layers: list[Entry]
    mixtures: tuple[Mixture | Scaled, ...]
    key: Hashable
    parts: Callable[[], Structure]


def remaining(
    entries: Entries, outcomes: Mapping[str, int], weighed: frozenset[str], outputs: Mapping[str, str]
) -> Remaining:
    """The remaining structure; `weighed` are the sampled decisions whose weights have gradients.

    Raises SpecError: ARCH811 for a decision that must be sampled and is not, ARCH810 for weights that
    cannot be shared, and the errors of a network that is not well-typed.
    """
    return _Fixing(entries, outcomes, weighed).run(outputs)


class _Fixing:
    def __init__(self, of: Entries, outcomes: Mapping[str, int], weighed: frozenset[str]):
        self.of, self.graph, self.binder = of, of.graph, of.binder
        self.outcomes, self.sampled, self.weighed = outcomes, frozenset(outcomes), weighed
        inputs = self.graph.inputs
        self.shapes: dict[str, FixedShape] = dict(inputs)
        self.lays: dict[str, Lay | None] = {
            name: of.lay(shape, leading(shape[0])) for name, shape in inputs.items()
        }
        self.reads: dict[str, Read | None] = {name: (name, UNSCALED) for name in inputs}
        self.sources: dict[str, tuple[str | None, ...]] = {}
        """For each mux, the remaining candidates: a single one (or None) if its decision is sampled."""
        self.on: dict[str, Value] = {}
        self.items: dict[str, Node | Mixed] = {}
        self.mixtures: dict[Mixture | Scaled, int] = {}
        self.layers: list[Entry] = []
        self.trace: list[Hashable] = []

    def run(self, wanted: Mapping[str, str]) -> Remaining:
        outputs = {}
        for out, name in wanted.items():
            self._resolve(name)
            read = self.reads[name]
            if read is None:
                headline = f"output `{out}` is not defined in the network with these outcomes"
                raise SpecError([Diagnostic("ARCH406", headline)])
            outputs[out] = self._item(read)
        alike = self._alike() if self.of.batch else {}
        key = tuple(self.trace), tuple(outputs.items()), tuple(alike.items())
        return Remaining(self.layers, tuple(self.mixtures), key, partial(self._parts, outputs, alike))

    def _alike(self) -> dict[str, int]:
        """Numbers the layers that can process several small maps in one call: by node, with equal numbers for
        equal layers.
        """
        numbers: dict[int, int] = {}
        return {
            entry.node.name: numbers.setdefault(entry.alike, len(numbers))
            for entry in self.layers
            if entry.alike is not None
        }

    def _parts(self, outputs: Mapping[str, str], alike: Mapping[str, int]) -> Structure:
        variables = {name: self.of.variable(name) for name in (*self.graph.inputs, *self.items)}
        attributes = {one.node.name: one.attribute for one in self.layers if one.attribute is not None}
        items = dict(sorted(self.items.items(), key=lambda item: self.of.place(item[0])))
        return Structure(
            replace(self.graph, outputs=outputs), items, self.shapes, tuple(self.mixtures),  # type: ignore[arg-type]
            {}, attributes, variables, alike,
        )  # fmt: skip

    # ------------------------------------------------------------ order of computation

    def _resolve(self, wanted: str) -> None:
        reads, stack = self.reads, [wanted]
        while stack:
            name = stack[-1]
            if name in reads:
                stack.pop()
                continue
            missing = [n for n in self._needs(name) if n not in reads]
            if missing:
                missing.reverse()
                stack += missing
                continue
            stack.pop()
            item = self.graph.nodes[name]
            reads[name] = self._mux(item) if isinstance(item, Mux) else self._node(item)

    def _needs(self, name: str) -> Sequence[str]:
        found = self.binder._needs.get(name)
        if found is not None:
            return found
        dims = self.binder._dims.get(name, ())
        if any(d not in self.reads for d in dims):
            return dims
        if name not in self.sources:
            mux = self.graph.nodes[name]
            assert isinstance(mux, Mux)
            self.sources[name] = self._left(mux)
        return [source for source in self.sources[name] if source is not None]

    def _left(self, mux: Mux) -> tuple[str | None, ...]:
        """The remaining candidates of a mux."""
        if isinstance(mux.on, str):
            sampled = self.outcomes.get(mux.on)
            if sampled is None:
                return tuple(dict.fromkeys(source for _, source in mux.cases))
            return tuple(source for key, source in mux.cases if key == sampled)[:1] or (None,)
        on = self.on[mux.name] = self._value(mux.on)
        if not isinstance(on, Expr):
            return tuple(source for key, source in mux.cases if key == on)[:1] or (None,)
        number: dict[Hashable, int] = {key: n for n, (key, _) in enumerate(mux.cases)}
        picked = set(self._mixture(mux, on, number).picks) - {-1}
        return tuple(dict.fromkeys(source for n, (_, source) in enumerate(mux.cases) if n in picked))

    # ------------------------------------------------------------ values

    def _value(self, value: Value) -> Value:
        """A value after the sampled decisions are replaced by their outcomes."""
        if self._is_sampled(value):
            return cast(Value, evaluate(value, self.outcomes, self._dim))
        return rebuilt(value, self._leaf)

    def _is_sampled(self, value: Value) -> bool:
        return self.binder._decisions(value) <= self.outcomes.keys()

    def _leaf(self, leaf: Value) -> Value:
        if isinstance(leaf, Pick) and leaf.decision in self.outcomes:
            return cast(Value, leaf.values[self.outcomes[leaf.decision]])
        return self._dim(leaf.node, leaf.axis) if isinstance(leaf, Dim) else leaf

    def _dim(self, node: str, axis: int) -> int:
        read = self.reads[node]
        return 0 if read is None else self.shapes[read[0]][axis]

    def _mixture(self, mux: Mux, on: Value, place: Mapping[Hashable, int]) -> Mixture:
        try:
            return self.of.mixture(on, place)
        except TooManyOutcomes as error:
            raise SpecError(
                [Diagnostic("ARCH802", f"no supernet: too many decisions select one tensor: {error}",
                            place_of(mux), help="sample some of them")]
            ) from None  # fmt: skip

    # ------------------------------------------------------------ muxes

    def _mux(self, mux: Mux) -> Read | None:
        sources = self.sources[mux.name]
        lays = [self._moved(source, mux) for source in sources]
        if len(sources) == 1:
            read = None if sources[0] is None else self.reads[sources[0]]
            self.lays[mux.name] = lays[0]
            return None if read is None else (read[0], (*read[1], *self._picked(mux)))
        reads = [None if source is None else self.reads[source] for source in sources]
        left = [read for read in reads if read is not None]
        if len(left) < len(reads):
            raise self._unsampled(mux, f"`{mux.name}` is missing in some networks")
        if len({self.shapes[item] for item, _ in left}) > 1:
            raise self._unsampled(mux, f"the size of `{mux.name}` differs between networks")
        if any(one is not lays[0] for one in lays):
            raise self._unsampled(
                mux, f"the inputs of `{mux.name}` use different channels of the shared weights"
            )
        self.lays[mux.name] = lays[0]
        if all(read == left[0] for read in left):
            return left[0]
        number = {source: n for n, source in enumerate(sources)}
        cases: dict[Hashable, int] = {key: number[source] for key, source in mux.cases if source in number}
        on = outcome_of(self.graph.decisions[mux.on]) if isinstance(mux.on, str) else self.on[mux.name]
        found = self._mixture(mux, on, cases)
        by = tuple(factors for _, factors in left)
        self._mixed(mux.name, Scaled(found, by) if any(by) else found, [item for item, _ in left])
        return mux.name, UNSCALED

    def _mixed(self, name: str, found: Mixture | Scaled, sources: Sequence[str]) -> None:
        number = self.mixtures.setdefault(found, len(self.mixtures))
        self.items[name] = Mixed(name, number, tuple(sources))
        self.trace.append((name, number, *sources))
        self.shapes[name] = self.shapes[sources[0]]

    def _picked(self, mux: Mux) -> Factors:
        """The straight-through weight of the sampled candidate; none if the weight has no gradient."""
        on = mux.on
        if isinstance(on, str):
            if on not in self.weighed:
                return UNSCALED
            plain = self.of.mixture(outcome_of(self.graph.decisions[on]), self._in_order(on))
            return ((plain, self.outcomes[on]),)
        if not self._is_sampled(on) or not (decisions := decisions_in(on)) or not decisions <= self.weighed:
            return UNSCALED
        sized = rebuilt(on, lambda leaf: self._dim(leaf.node, leaf.axis) if isinstance(leaf, Dim) else leaf)
        number = {source: n for n, source in enumerate(mux.inputs)}
        cases: dict[Hashable, int] = {key: number[source] for key, source in mux.cases if source is not None}
        try:
            found = self.of.mixture(sized, cases)
        except TooManyOutcomes:  # a condition over many sizes: it has no weight
            return UNSCALED
        return ((found, found.pick(self.outcomes)),) if found.decisions else UNSCALED

    def _in_order(self, path: str) -> dict[Hashable, int]:
        return {n: n for n in range(self.graph.decisions[path].size)}

    def _moved(self, source: str | None, mux: Mux) -> Lay | None:
        if source is None or self.reads[source] is None:
            return None
        lay = self.lays[source]
        assert lay is not None
        return self.of.moved(source, mux, lay)

    # ------------------------------------------------------------ nodes

    def _node(self, node: Node) -> Read | None:
        found = self._inputs(node)
        if not found:
            self.lays[node.name] = None
            return None
        inputs, varying = tuple(found), self.binder._varying.get(node.name)
        values = tuple([self._value(node.attrs[key]) for key in varying]) if varying else ()
        if varying and any(isinstance(value, Expr) for value in values):
            self._variants(node, inputs, varying, values)
        else:
            self.lays[node.name] = self._add(node, node.name, inputs, values)
        return node.name, self.of.calls.factors(node, self)

    def _inputs(self, node: Node) -> list[str]:
        """The items that a node reads; empty if the network does not contain the node.

        Tensors of the node's own op call are read without the weights of the call's result.
        """
        found: list[str] = []
        inside = self.of.calls.inside[node.name]
        for port, source in enumerate(node.inputs):
            read = self.reads[source]
            if read is not None:
                found.append(source if inside[port] else self._item(read))
            elif port not in node.optional:
                return []
        return found

    def _item(self, read: Read) -> str:
        """The name of the item that computes a tensor times its coefficients; adds it if missing."""
        item, factors = read
        if not factors:
            return item
        scaled = Scaled(None, (factors,))
        name = f"{item}*{self.mixtures.setdefault(scaled, len(self.mixtures))}"
        if name not in self.items:
            self._mixed(name, scaled, [item])
        return name

    def _add(self, origin: Node, name: str, inputs: tuple[str, ...], values: tuple[Any, ...]) -> Lay:
        """Adds an item for a node with constant settings: `origin` itself or a variant of it."""
        xs = tuple([self.lays[source] for source in origin.inputs])
        sizes = tuple([self.shapes[i] for i in inputs])
        found = self.of.entry(origin, name, inputs, xs, sizes, values)
        self.items[name], self.shapes[name] = found.node, found.lay.shape
        self.trace.append(found.look)
        if found.layer is not None:
            self.layers.append(found)
        return found.lay

    def _variants(
        self, node: Node, inputs: tuple[str, ...], varying: Sequence[str], values: Sequence[Value]
    ) -> None:
        """Adds a node for each combination of values of the settings, and a mixture of these nodes."""
        decisions = self.graph.decisions
        try:
            paths, rows = tabled(values, decisions)
        except TooManyOutcomes as error:
            raise SpecError(
                [
                    Diagnostic(
                        "ARCH802", f"no supernet: too many decisions set one node: {error}", place_of(node)
                    )
                ]
            ) from None
        names = {row: f"{node.name}#{n}" for n, row in enumerate(dict.fromkeys(rows))}
        found = [self._add(node, name, inputs, row) for row, name in names.items()]
        if any(one is not found[0] for one in found):
            why = f"the size of `{node.name}` differs between networks"
            raise self._unsampled(node, why, *paths)
        self.lays[node.name] = found[0]
        place = {row: n for n, row in enumerate(names)}
        picks = tuple(place[row] for row in rows)
        mixed = Mixture(paths, tuple(decisions[p].size for p in paths), picks)
        self._mixed(node.name, mixed, tuple(names.values()))

    # ------------------------------------------------------------ what is wrong

    def _unsampled(self, item: Node | Mux, why: str, *paths: str) -> SpecError:
        """The error (ARCH811) for decisions that must be sampled and are not."""
        if isinstance(item, Mux):
            on = item.on
            paths = (on,) if isinstance(on, str) else tuple(sorted(decisions_in(self.on[item.name])))
        listed = ", ".join(f"`{path}`" for path in paths)
        declared = self.graph.decisions[paths[0]].location
        place = Label(declared, f"`{paths[0]}` is declared here") if declared else place_of(item)
        headline = f"{listed} must be sampled: {why}"
        help = "pass one outcome in `outcomes` for each forward pass; `weights` are for other decisions"
        return SpecError([Diagnostic("ARCH811", headline, place, help=help)])
