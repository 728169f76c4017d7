"""Converts a traced program to a network: each call is recognized by a primitive, through the inverse of its
rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import fx

from archdsl import ops
from archdsl.ir.graph import Graph, Instance, Node
from archdsl.lang.parser import language
from archdsl.lift import layouts
from archdsl.lift.resizing import measured
from archdsl.lift.tracing import (
    BATCH,
    Trace,
    arguments_of,
    hint,
    hints,
    is_in_place,
    is_item,
    operator_of,
    place_of,
    value_of,
)  # fmt: skip
from archdsl.ops.base import ADVISORY, Primitive
from archdsl.ops.lifting import Call, FixedSizes, Layout, Lifted, Operand, map_layout


@dataclass(frozen=True)
class Hole:
    """A part of the model that no primitive computes; its result becomes an input of the network.

    `node` is the name of the result in the traced program; `operator`, `module` and `place` identify the call
    that could not be lifted.
    """

    name: str
    node: str
    sizes: FixedSizes
    layout: Layout
    operator: str
    module: str
    place: str | None

    def __str__(self) -> str:
        where = f" in {self.module}" if self.module else ""
        return f"aten.{self.operator}{where}{f' ({self.place})' if self.place else ''}"


@dataclass(frozen=True)
class Recognized:
    """The network that a traced program computes.

    `weights` maps nodes to the stored tensors of their layers, by the names in the layer. `outputs` are the
    returned operands by name. `unknown` are the calls that no primitive computes and on which outputs depend.
    """

    graph: Graph
    weights: Mapping[str, Mapping[str, str]]
    outputs: Mapping[str, Operand]
    holes: Sequence[Hole] = ()
    unknown: Sequence[fx.Node] = ()
    values: Mapping[fx.Node, Operand] = field(default_factory=dict)


def recognize(trace: Trace, name: str, holes: Sequence[Hole] = ()) -> Recognized:
    """The network that a traced program computes; the results of `holes` are inputs of the network."""
    return _Recognizer(trace, name, holes).run()


class _Recognizer:
    def __init__(self, trace: Trace, name: str, holes: Sequence[Hole]):
        self.trace, self.name = trace, name
        self.holes = {hole.node: hole for hole in holes}
        self.values: dict[fx.Node, Operand] = {}
        self.several: dict[fx.Node, Call] = {}
        self.nodes: dict[str, Node] = {}
        self.weights: dict[str, dict[str, str]] = {}
        self.instances: dict[str, Instance] = {}
        self.inputs: dict[str, FixedSizes] = {}
        self.taken: set[str] = set()
        self.words: set[str] = {*language().keywords, *ops.primitives()}
        self.table: dict[str, list[Primitive]] = {}
        for primitive in ops.primitives().values():
            for operator in primitive.lifts:
                self.table.setdefault(operator, []).append(primitive)

    def run(self) -> Recognized:
        for node in self.trace.nodes:
            if node.op == "placeholder":
                self.values[node] = self._placeholder(node)
            elif node.op == "call_function":
                self._call(node)
        outputs = self._outputs()
        found = {name: self.values[node].name for name, node in outputs.items() if node in self.values}
        known = {name: tensor for name, tensor in found.items() if tensor is not None}
        graph = Graph(self.name, self.inputs, self.nodes, known, instances=self.instances)
        unknown = self._unknown(outputs.values())
        results = {name: self.values[node] for name, node in outputs.items()}
        return Recognized(graph, self.weights, results, tuple(self.holes.values()), unknown, self.values)

    def _outputs(self) -> dict[str, fx.Node]:
        (end,) = (node for node in self.trace.nodes if node.op == "output")
        results: Any = end.args[0]
        found = {}
        for name, result in zip(self.trace.outputs, results, strict=True):
            if (
                name is not None
                and isinstance(result, fx.Node)
                and isinstance(value_of(result), torch.Tensor)
            ):
                found[_unique(_word(name), self.words)] = result
        return found

    def _placeholder(self, node: fx.Node) -> Operand:
        weight, value = self.trace.weight_of(node), value_of(node)
        shape = hints(value.shape) if isinstance(value, torch.Tensor) else ()
        if weight is not None:
            return Operand(shape, weight=weight)
        size = self.trace.inputs.get(node.name)
        if size is None:
            return Operand(shape)
        name = _unique(_word(node.name), self.words)
        self.taken.add(name)
        self.inputs[name] = size
        return Operand(shape, name, size, map_layout(BATCH, size), uses=len(node.users))

    # ------------------------------------------------------------ calls

    def _call(self, node: fx.Node) -> None:
        value = value_of(node)
        if isinstance(value, (list, tuple)):
            self.several[node] = self._described(node, ())
            return
        if not isinstance(value, torch.Tensor):
            return
        shape = hints(value.shape)
        if is_item(node):
            source, index = node.args
            assert isinstance(source, fx.Node)
            assert isinstance(index, int)
            call = replace(self.several[source], shape=shape, index=index)
        else:
            call = self._described(node, shape)
        self.values[node] = found = replace(self._result(node, call, value), uses=len(node.users))
        if is_in_place(node) and isinstance(call.x, Operand):
            self._overwrite(call.x, found)

    def _described(self, node: fx.Node, shape: tuple[int, ...]) -> Call:
        arguments = {name: self._argument(value) for name, value in arguments_of(node).items()}
        origin = measured(node, self.trace.likes, self.values)
        return Call(operator_of(node), arguments, shape, place=place_of(node), measured=origin)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, fx.Node):
            if value in self.values:
                return self.values[value]
            inner = value_of(value)
            return hint(inner) if isinstance(inner, (int, torch.SymInt)) else inner
        if isinstance(value, (list, tuple)):
            return tuple(self._argument(item) for item in value)
        return value

    def _result(self, node: fx.Node, call: Call, value: torch.Tensor) -> Operand:
        unknown = Operand(call.shape, call=call)
        hole = self.holes.get(node.name)
        if hole is not None:
            self.inputs[hole.name] = hole.sizes
            self.taken.add(hole.name)
            return Operand(call.shape, hole.name, hole.sizes, hole.layout, call=call)
        if value.dtype != torch.float32:
            return unknown
        if call.operator in layouts.OPERATORS and (x := call.x).shape:
            found = self._rearranged(node, x, call)
            if found is not None:
                return found
        for primitive in self.table.get(call.operator, ()):
            lifted = primitive.lifted(call)
            applied = lifted and self._applied(node, primitive, lifted, call)
            if applied:
                return applied
        return unknown

    def _rearranged(self, node: fx.Node, x: Operand, call: Call) -> Operand | None:
        if x.weight is not None:
            return Operand(call.shape, weight=x.weight) if layouts.keeps_order(call) else None
        if x.sizes is None:
            return None
        layout = layouts.rearranged(x.layout, call)
        if layout is None:
            return None
        found = Operand(call.shape, x.name, x.sizes, layout, call=x.call)
        if len(layout) != 4 or found.is_map:
            return found
        for primitive in ops.primitives().values():
            attrs = primitive.rearranged(x.sizes, layout)
            if attrs is not None:
                assert x.name is not None
                whole = Operand((BATCH, *x.sizes), x.name, x.sizes, map_layout(BATCH, x.sizes))
                return self._applied(node, primitive, Lifted((whole,), attrs), call) or found
        return found

    def _applied(self, node: fx.Node, primitive: Primitive, lifted: Lifted, call: Call) -> Operand | None:
        """Adds a node for a call; None if the node would be ill-typed, or of another size than the result of
        the call.
        """
        operands = [self._made(node, x) if isinstance(x, Lifted) else x for x in lifted.inputs]
        xs = [x.sizes for x in operands]
        attrs = _filled_in(primitive, xs, lifted.attrs)
        failed: list[str] = []

        def demand(condition: Any, code: str, message: str, /, **values: Any) -> None:
            if not condition and code not in ADVISORY:
                failed.append(code)

        sizes = primitive.sizes(xs, attrs, demand)  # type: ignore[arg-type]
        layout = lifted.layout if lifted.layout is not None else map_layout(BATCH, sizes)
        if failed or _shape_of(layout) != _without_ones(call.shape):
            return None
        name, scopes = self._named(node, primitive)
        names = {own: w.weight for own, w in lifted.weights.items() if w.weight is not None}
        self.weights[name] = names
        tied = "|".join(names.values()) if names else name
        inputs = tuple(x.name for x in operands if x.name is not None)
        self.nodes[name] = Node(name, primitive.name, inputs, attrs, tied, instance=scopes)
        return Operand(call.shape, name, sizes, layout, call=call)

    def _made(self, node: fx.Node, lifted: Lifted) -> Operand:
        """Adds the node of an application that is an operand of another application; returns its output
        tensor.
        """
        primitive = ops.get(lifted.op)
        operands = [x for x in lifted.inputs if isinstance(x, Operand)]
        xs = [x.sizes for x in operands]
        attrs = _filled_in(primitive, xs, lifted.attrs)
        sizes = primitive.sizes(xs, attrs, lambda *_, **__: None)  # type: ignore[arg-type]
        name, scopes = self._named(node, primitive)
        inputs = tuple(x.name for x in operands if x.name is not None)
        self.nodes[name] = Node(name, primitive.name, inputs, attrs, name, instance=scopes)
        return Operand((BATCH, *sizes), name, sizes, map_layout(BATCH, sizes))

    def _named(self, node: fx.Node, primitive: Primitive) -> tuple[str, str | None]:
        """A name for a node, that of its submodule if there is one; and the path of the innermost submodule
        around it.

        The path is None outside of submodules; only submodules that have submodules count.
        """
        scopes = self.trace.scopes(node)
        outer = [scope for scope in scopes if not scope.leaf]
        for scope in outer:
            self.instances.setdefault(scope.path, Instance(scope.path, "op", scope.cls))
        path = scopes[-1].path if scopes and scopes[-1].leaf else None
        inside = f"{outer[-1].path}." if outer else ""
        own = path if path is not None else f"{inside}{primitive.name}"
        return _unique(own, self.taken), outer[-1].path if outer else None

    def _overwrite(self, x: Operand, by: Operand) -> None:
        """Makes all FX nodes whose value is the tensor `x` refer to `by`, the result of the in-place
        operation.
        """
        for node, value in self.values.items():
            if value is x or (x.name is not None and value.name == x.name):
                same = by.sizes == value.sizes
                self.values[node] = (
                    replace(value, name=by.name) if same else Operand(value.shape, call=by.call)
                )

    def _unknown(self, outputs: Any) -> list[fx.Node]:
        """The calls that no primitive computes and on which outputs depend, in order."""
        ahead, found = [node for node in outputs if self.values[node].name is None], set()
        while ahead:
            node = ahead.pop()
            if node not in found:
                found.add(node)
                ahead += [
                    n for n in node.all_input_nodes if n.op == "call_function" and not self._is_known(n)
                ]
        return [node for node in self.trace.nodes if node in found]

    def _is_known(self, node: fx.Node) -> bool:
        return not (node in self.several or (node in self.values and self.values[node].name is None))


def _filled_in(primitive: Primitive, xs: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    for setting in primitive.settings:
        value = given.get(setting.name)
        if value is None and not setting.optional:
            value = setting.default(xs) if callable(setting.default) else setting.default
        if value is not None:
            attrs[setting.name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return attrs


def _shape_of(layout: Layout) -> tuple[int, ...]:
    """The sizes of the dimensions of a layout, without those of size 1."""
    found = []
    for dimension in layout:
        size = 1
        for _, _, count in dimension:
            size *= count
        if size != 1:
            found.append(size)
    return tuple(found)


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _word(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return word if word and not word[0].isdigit() else f"x_{word}"


def _unique(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free
