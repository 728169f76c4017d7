"""Caches op applications: an application with equal input sizes and settings copies recorded nodes (a stamp).

The nodes of an op depend only on its input sizes and settings, except for their names.  Only applications
without proof obligations and muxes are recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from archdsl.diagnostics import Location
from archdsl.ir import Expr, Instance, Mux, Node, Shape, Value
from archdsl.ir.resolve import specialize
from archdsl.spec.evaluate.builder import Allowed, Builder
from archdsl.spec.evaluate.values import Function, SpecValue, Tensor

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Print:
    """A node of a stamp: inputs are node offsets, or arguments where negative (-1 is the first)."""

    suffix: str
    op: str
    inputs: tuple[int, ...]
    attrs: Mapping[str, Value]
    shape: Shape
    location: Location | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """The recorded nodes of an op application; `ties` are offsets of nodes that own weights, and of those
    that share them.
    """

    nodes: tuple[_Print, ...]
    ties: tuple[tuple[int, int], ...]
    result: int
    settled: int


def key_of(
    fn: Function, args: list[SpecValue], settings: Mapping[str, SpecValue], builder: Builder, allowed: Allowed
) -> Key | None:
    """The cache key of an application; None if it must not be recorded.

    It includes the sizes that are possible under the `allowed` outcomes.
    """
    parts: list[object] = [id(fn.declared)]
    for value in args:
        if not isinstance(value, Tensor) or value.node in builder.present:
            return None
        shape = builder.shapes[value.node]
        parts += shape
        if allowed:
            parts += (specialize(size, allowed) for size in shape)
    for name, setting in settings.items():
        if not isinstance(setting, (int, float, str, Expr)):
            return None
        parts.append((name, type(setting), setting))
    if len(args) > 1:  # the body may depend on whether two inputs are the same tensor
        parts.append(tuple(args.index(a) for a in args))
    return tuple(parts)


def record(
    builder: Builder,
    start: int,
    counts: tuple[int, int],
    args: Sequence[Tensor],
    prefix: str,
    result: SpecValue,
) -> Stamp | None:
    """Records the nodes added since `start`; `counts` are the obligations and checked constraints at that
    time.
    """
    made = len(builder.nodes) - start
    if len(builder.obligations) != counts[0] or not isinstance(result, Tensor):
        return None
    names = list(islice(reversed(builder.nodes), made))[::-1]
    number = {value.node: -1 - n for n, value in reversed(list(enumerate(args)))}
    prints = []
    for n, name in enumerate(names):
        node = builder.nodes[name]
        if isinstance(node, Mux) or node.optional or not name.startswith(prefix):
            return None
        if any(i not in number for i in node.inputs):
            return None
        inputs = tuple(number[i] for i in node.inputs)
        prints.append(
            _Print(name[len(prefix) :], node.op, inputs, node.attrs, builder.shapes[name], node.location)
        )
        number[name] = n
    if result.node not in number:
        return None
    ties = tuple(
        (number[owner], n) for n, name in enumerate(names) if (owner := builder.weights_of(name)) != name
    )
    return Stamp(tuple(prints), ties, number[result.node], builder.settled - counts[1])


def apply(
    stamp: Stamp,
    builder: Builder,
    args: Sequence[Tensor],
    prefix: str,
    instance: Instance,
    cell: str | None,
) -> Tensor:
    """Adds copies of the recorded nodes under a new name."""
    names: list[str] = []
    inputs_of = [a.node for a in args]
    builder.settled += stamp.settled
    nodes = builder.nodes
    for p in stamp.nodes:
        name = builder.unique(prefix + p.suffix)
        inputs = tuple([names[i] if i >= 0 else inputs_of[-1 - i] for i in p.inputs])
        nodes[name] = Node(name, p.op, inputs, p.attrs, name, frozenset(), instance.path, cell, p.location)
        builder.shapes[name] = p.shape
        names.append(name)
    for owner, other in stamp.ties:
        builder.tie(names[owner], names[other])
    return Tensor(names[stamp.result]) if stamp.result >= 0 else args[-1 - stamp.result]
