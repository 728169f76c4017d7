"""Plans the forward passes of individual networks of an elastic supernet, in one traversal of the network.

A search trains a different network at each step, so planning must be fast. The code and layer of a node
depend only on its settings and on the sizes and channel indices of the tensors that it reads: they are cached
by these, for all networks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from math import prod
from operator import attrgetter
from typing import Any

from archdsl import ops
from archdsl.backends.elastic.forms import Form, Forms, Function, IllTyped, Look
from archdsl.backends.elastic.schedule import Made, Path, Tensor, scheduled
from archdsl.backends.elastic.slices import Sliced
from archdsl.backends.elastic.widths import Widths, not_shared
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Dim, Mux, Node, Pick, Value
from archdsl.ir.expr import decisions_in, leaves
from archdsl.ir.resolve import evaluate
from archdsl.ops.base import Layer
from archdsl.ops.places import NotShared, Parts, Places, leading
from archdsl.passes.analyses.sized_by import SizedBy
from archdsl.passes.transforms.bind import Binder

MOST_MADE = 1 << 16
"""The maximum number of planned nodes (`Made`) in the cache."""
FEW = 1 << 12
"""The maximum number of joint outcomes of a condition's decisions for which the values of the condition are
cached.
"""


class Paths:
    """Plans the forward passes of networks.

    Passes are planned on the space before equal nodes were merged: a computation that several nodes share is
    done at the first of them that the network contains, so that gradients are summed in the same order as in
    the network compiled separately. `binder` is the binder of that graph; `instead` maps its merged nodes to
    the nodes that replace them; `widths` are the widths of the simplified graph.

    `variable` returns the name of an item in code, `compiled` compiles an expression to a function of given
    arguments, `sliced` constructs the layer over a slice of stored weights.
    """

    def __init__(
        self, binder: Binder, instead: Mapping[str, str], widths: Widths, variable: Callable[[str], str],
        compiled: Callable[[str, str], Function],
        sliced: Callable[[str, Layer, Parts], Sliced],
    ):  # fmt: skip
        graph = binder.graph
        self.graph, self.widths, self.binder = graph, widths, binder
        self.kept = {name: instead.get(name, name) for name in (*graph.inputs, *graph.nodes)}
        """For each input and node, the input or node of the simplified graph that computes it."""
        self.variable, self.sliced = variable, sliced
        self.inputs = tuple(variable(name) for name in graph.inputs)
        self.primitives = ops.primitives()
        self.place = {name: n for n, name in enumerate(graph.nodes)}
        self.forms = Forms(binder, compiled)
        self._width = {name: widths.width(kept) for name, kept in self.kept.items() if kept in widths.blocks}
        self._tensors: dict[Hashable, Tensor] = {}
        self._made: dict[Hashable, Made] = {}
        self._moved: dict[Hashable, Tensor] = {}
        self._equal: dict[Hashable, int] = {}
        self._conditions = {
            name: found
            for name, item in graph.nodes.items()
            if isinstance(item, Mux) and not isinstance(item.on, str) and (found := self._leaves_of(item.on))
        }
        """For each condition with few values, the decisions and sizes on which it depends."""
        self._selected: dict[Hashable, Any] = {}
        self._cases = {name: dict(item.cases) for name, item in graph.nodes.items() if isinstance(item, Mux)}
        self._varying = {name: tuple(keys) for name, keys in binder._varying.items()}
        self.first = {
            name: self.tensor(
                variable(name), self.forms.look(shape, leading(shape[0]), False, SizedBy(name, 1))
            )
            for name, shape in graph.inputs.items()
        }

    def plan(self, outcomes: Mapping[str, int], outputs: Mapping[str, str]) -> Path:
        """The forward pass of the network with these outcomes.

        Raises SpecError if the network is not well-typed or weights cannot be shared (ARCH810), and KeyError
        for a decision without an outcome.
        """
        run = _Run(self, outcomes)
        results = []
        for out, name in outputs.items():
            found = run.resolve(name)
            if found is None:
                headline = f"output `{out}` is not defined in the network with these outcomes"
                raise SpecError([Diagnostic("ARCH406", headline)])
            results.append(found.variable)
        run.order.sort(key=attrgetter("place"))
        return scheduled(self.inputs, [step.made for step in run.order], tuple(results))

    def _leaves_of(self, on: Value) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]] | None:
        """The decisions (paths) and the sizes (node, axis) on which a condition depends; None if the
        decisions have more than FEW joint outcomes.
        """
        paths = sorted(decisions_in(on))
        if prod(self.graph.decisions[path].size for path in paths) > FEW:
            return None
        return tuple(paths), tuple((leaf.node, leaf.axis) for leaf in leaves(on) if isinstance(leaf, Dim))

    def selected(self, mux: Mux, outcomes: Mapping[str, int], dim: Callable[[str, int], int]) -> Any:
        """The value of the condition of a mux; cached."""
        assert not isinstance(mux.on, str)
        known = self._conditions.get(mux.name)
        if known is None:
            return evaluate(mux.on, outcomes, dim)
        paths, sizes = known
        key = mux.name, tuple(map(outcomes.get, paths)), tuple([dim(*size) for size in sizes])
        if key not in self._selected:
            if len(self._selected) >= MOST_MADE:
                self._selected.clear()
            self._selected[key] = evaluate(mux.on, outcomes, dim)
        return self._selected[key]

    def tensor(self, variable: str, look: Look) -> Tensor:
        found = self._tensors.get((variable, look))
        if found is None:
            found = self._tensors[variable, look] = Tensor(variable, look)
        return found

    def moved(self, mux: Mux, source: str, tensor: Tensor) -> Tensor:
        """The output tensor of a mux that selects `source`, whose tensor is `tensor`; cached."""
        name, source = self.kept[mux.name], self.kept[source]
        if name == source:  # it picks nothing else
            return tensor
        key = name, source, tensor
        found = self._moved.get(key)
        if found is None:
            self._limit()
            kept = self.widths.graph.nodes[name]
            assert isinstance(kept, Mux)
            look = tensor.look
            places = self.widths.moved(look.places, source, kept)
            moved = self.forms.look(look.shape, places, look.is_zero, look.sized)
            found = self._moved[key] = self.tensor(tensor.variable, moved)
        return found

    def made(self, node: Node, read: tuple[Tensor | None, ...], values: tuple[Any, ...]) -> Made:
        """The planned node for these input tensors (None for absent ones) and values of searched settings;
        cached.
        """
        key = self.kept[node.name], read, values, tuple(map(type, values))
        found = self._made.get(key)
        if found is None:
            self._limit()
            found = self._made[key] = self._make(node, read, values)
        return found

    def _limit(self) -> None:
        if len(self._made) >= MOST_MADE:
            for remembered in (self._made, self._tensors, self._moved):
                remembered.clear()

    def _make(self, node: Node, read: tuple[Tensor | None, ...], values: tuple[Any, ...]) -> Made:
        primitive, name = self.primitives[node.op], self.kept[node.name]
        bound = self.binder._node(node, node.inputs, values)
        form = self._form(bound, tuple([None if tensor is None else tensor.look for tensor in read]))
        given = [tensor for tensor in read if tensor is not None]
        given = [given[port] for port in form.kept] if form.source is None else [self.first[form.source]]
        if form.function is None:
            return Made(self.tensor(given[0].variable, form.look))
        variable, layer = self.variable(name), form.layer
        own: Sliced | Layer | None = None
        if layer is not None:
            x = next(tensor.look.places for tensor in read if tensor is not None)
            own = self._layer(bound, layer, x, form.look.places)
        reads = tuple([tensor.variable for tensor in given[: form.count]])
        measures = tuple([tensor.variable for tensor in given[form.count :]])
        equal = None
        if primitive.is_shared:
            same = node.op, form.function, reads, measures, form.look.shape, form.look.places
            equal = self._equal.setdefault(same, len(self._equal))
        return Made(
            self.tensor(variable, form.look),
            reads,
            measures,
            form.function,
            form.in_place,
            primitive.fresh,
            own,
            equal,
        )

    def _form(self, node: Node, read: tuple[Look | None, ...]) -> Form:
        """The form of a node with constant settings. Raises SpecError if the node is not well-typed."""
        widths = tuple([self._width[source] for source in node.inputs])
        try:
            return self.forms.of(node, read, widths, self._width[node.name])
        except IllTyped as error:
            place = Label(node.location, f"in `{node.name}`") if node.location else None
            headline = f"`{node.name}`: {error.message}"
            raise SpecError([Diagnostic(error.code, headline, place)]) from None
        except NotShared as error:
            raise not_shared(node, str(error)) from None

    def _layer(self, node: Node, layer: Layer, x: Places, y: Places) -> Sliced | Layer:
        """The layer over its slice of the stored weights; a layer without weights is constructed for each
        network.
        """
        if node.weights not in self.widths.weights:
            return layer
        name, parts = self.widths.stored(node, x, y)
        return self.sliced(name, layer, parts)


class _Placed:
    """A planned node with its position in the order of the space.

    Gradients are summed in this order, as in the network compiled separately.
    """

    __slots__ = ("made", "place")

    def __init__(self, place: int, made: Made):
        self.place, self.made = place, made


class _Run:
    """Plans one network; resolves tensors on demand, so dead nodes are never visited."""

    def __init__(self, of: Paths, outcomes: Mapping[str, int]):
        self.of, self.outcomes = of, outcomes
        self.found: dict[str, Tensor | None] = dict(of.first)
        self.order: list[_Placed] = []
        self._picks: dict[str, str | None] = {}
        self._equal: dict[Hashable, _Placed] = {}

    def resolve(self, wanted: str) -> Tensor | None:
        """The tensor of this name; None if the network does not contain it."""
        found, needs_of, nodes = self.found, self.of.binder._needs, self.of.graph.nodes
        stack = [wanted]
        while stack:
            name = stack[-1]
            if name in found:
                stack.pop()
                continue
            item = nodes[name]
            needs = self._needs_of_mux(item) if isinstance(item, Mux) else needs_of[name]
            complete = True
            for need in reversed(needs):
                if need not in found:
                    stack.append(need)
                    complete = False
            if not complete:
                continue
            stack.pop()
            if isinstance(item, Mux):
                source = self._picks[name]
                tensor = None if source is None else found[source]
                found[name] = tensor if tensor is None else self.of.moved(item, source or "", tensor)
            else:
                found[name] = self._node(item)
        return found[wanted]

    def _needs_of_mux(self, mux: Mux) -> tuple[str, ...]:
        """The tensors to resolve before a mux: first those whose sizes its condition reads, then the selected
        one.
        """
        dims = self.of.binder._dims.get(mux.name, ())
        if any(dim not in self.found for dim in dims):
            return dims
        if mux.name not in self._picks:
            on = mux.on
            key = (
                self.outcomes[on] if isinstance(on, str) else self.of.selected(mux, self.outcomes, self._dim)
            )
            self._picks[mux.name] = self.of._cases[mux.name].get(key)
        source = self._picks[mux.name]
        return () if source is None else (source,)

    def _dim(self, node: str, axis: int) -> int:
        tensor = self.found[node]
        return 0 if tensor is None else tensor.shape[axis]

    def _node(self, node: Node) -> Tensor | None:
        found = self.found
        read = tuple([found[source] for source in node.inputs])
        if None in read:
            kept = [one for port, one in enumerate(read) if one is not None or port not in node.optional]
            if None in kept or not kept:
                return None
        keys = self.of._varying.get(node.name)
        values = tuple([self._setting(node, key) for key in keys]) if keys else ()
        made = self.of.made(node, read, values)
        if made.function is None:
            return made.output
        place = self.of.place[node.name]
        if made.equal is not None:
            first = self._equal.get(made.equal)
            if first is not None:
                first.place = min(first.place, place)
                return first.made.output
        step = _Placed(place, made)
        self.order.append(step)
        if made.equal is not None:
            self._equal[made.equal] = step
        return made.output

    def _setting(self, node: Node, key: str) -> Any:
        value = node.attrs[key]
        if isinstance(value, Pick):
            found = value.values[self.outcomes[value.decision]]
        else:
            try:
                found = evaluate(value, self.outcomes, self._dim)
            except ArithmeticError:
                found = None
        if found is None:
            headline = f"`{key}` of `{node.op}` has no value"
            raise SpecError([Diagnostic("ARCH211", f"`{node.name}`: {headline}")])
        return found
