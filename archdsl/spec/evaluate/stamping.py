"""Caches applications of ops: an equal application repeats the recorded calls of the builder (a stamp).

The nodes of an op depend only on its input sizes and settings, except for names: the names of the nodes, and
those of tensors whose sizes vary (`Dim`). Sizes are compared, but the names in them have no other effect, so
renaming them in the recorded calls gives the result of evaluating the op again. An application that depends
on anything else, such as whether a network reaches it (`Evaluator.particular`), is not recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import NamedTuple

from archdsl.diagnostics import Location
from archdsl.ir import Apply, Dim, Expr, Instance, Node, Value
from archdsl.ir.expr import SHALLOW, Scalar, nodes_in
from archdsl.ir.resolve import specialize
from archdsl.spec.evaluate.builder import Builder
from archdsl.spec.evaluate.calls import Allowed, MuxCall, NodeCall, Place, Trace, Typing
from archdsl.spec.evaluate.values import Function, SpecValue, Tensor

_RENAMED = 20
"""The maximum number of terms of values in which sizes are renamed; larger values must be equal.

Renaming the sizes of larger values would take as long as computing them.
"""
_NUMBERED = re.compile(r"_\d+$")


class Key(NamedTuple):
    """The cache key of an application, and its varying sizes in order; None if the sizes must be the same."""

    parts: tuple[object, ...]
    sizes: tuple[Dim, ...] | None


@dataclass(frozen=True, slots=True)
class _NodeStamp:
    """A recorded call that adds a node; inputs are indices of calls, or arguments if negative (-1 is the
    first).
    """

    call: NodeCall
    suffix: str
    inputs: tuple[int, ...]
    conditions: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class _MuxStamp:
    call: MuxCall
    suffix: str
    cases: tuple[tuple[Scalar, int], ...]


@dataclass(frozen=True, slots=True)
class Stamp:
    """The recorded calls of an op application.

    `ties` are pairs of indices of calls: a node that owns weights, and a node that shares them. `sizes` are
    the varying sizes, `outer` is the backtrace of the application.
    """

    calls: tuple[_NodeStamp | _MuxStamp, ...]
    ties: tuple[tuple[int, int], ...]
    result: int
    settled: int
    sizes: tuple[Dim, ...]
    outer: Trace | None


class Application(NamedTuple):
    """An application of an op: its inputs, the prefix of its names, and the outcomes and conditions at this
    point.
    """

    args: Sequence[Tensor]
    prefix: str
    allowed: Allowed
    conditions: tuple[Value, ...]
    outer: Trace | None
    location: Location
    cell: str | None


def key_of(
    fn: Function, args: list[SpecValue], settings: Mapping[str, SpecValue], builder: Builder, allowed: Allowed
) -> Key | None:
    """The cache key of an application; None if the application must not be recorded.

    The key includes the sizes that are possible under the `allowed` outcomes.
    """
    parts: list[object] = [id(fn.declared)]
    given: list[Value] = []
    for value in args:
        if not isinstance(value, Tensor) or value.node in builder.present:
            return None
        shape = builder.shapes[value.node]
        given += shape
        if allowed:
            given += (specialize(size, allowed) for size in shape)
    for name, setting in settings.items():
        if not isinstance(setting, (int, float, str, Expr)):
            return None
        parts.append(name)
        given.append(setting)
    if len(args) > 1:  # the body may depend on whether two inputs are the same tensor
        parts.append(tuple(args.index(a) for a in args))
    numbers: dict[Dim, int] = {}
    for value in given:
        if isinstance(value, Apply) and value.terms > _RENAMED:
            return Key((*parts, *[(type(value), value) for value in given]), None)
        parts.append(value if type(value) is int else _part(value, numbers))
    return Key(tuple(parts), tuple(numbers))


def _part(value: Value, numbers: dict[Dim, int]) -> object:
    """The part of a key for a value; equal for values that differ only in the names of sizes."""
    if isinstance(value, Dim):
        return Dim, numbers.setdefault(value, len(numbers))
    if isinstance(value, Apply):
        return value.fn, *[_part(a, numbers) for a in value.args]
    return type(value), value


def record(
    builder: Builder,
    calls: Sequence[NodeCall | MuxCall],
    counts: tuple[int, int],
    at: Application,
    sizes: tuple[Dim, ...] | None,
    result: SpecValue,
) -> Stamp | None:
    """Records the calls of an application; None if it cannot be repeated.

    `counts` are the numbers of obligations and of checked constraints before the application.
    """
    nodes = [call for call in calls if isinstance(call, NodeCall)]
    added = len(builder.obligations) - counts[0]
    if added != sum(len(call.typing.demands) for call in nodes) or not isinstance(result, Tensor):
        return None
    number = {value.node: -1 - n for n, value in reversed(list(enumerate(at.args)))}
    named = None if sizes is None else {size.node for size in sizes}
    stamps: list[_NodeStamp | _MuxStamp] = []
    for n, call in enumerate(calls):
        stamp = _node(call, at, number, builder) if isinstance(call, NodeCall) else _mux(call, at, number)
        if stamp is None or call.name in builder.present:
            return None
        for value in _values(stamp):
            if isinstance(value, Apply) and value.depth > SHALLOW:
                return None
            if named is not None and isinstance(value, Expr) and not nodes_in(value) <= named:
                return None
        if call.name not in number:
            number[call.name] = n
            if named is not None and isinstance(call, MuxCall):
                named.add(call.name)
        stamps.append(stamp)
    if result.node not in number:
        return None
    ties = tuple(
        (number[owner], number[call.name])
        for call in nodes
        if (owner := builder.weights_of(call.name)) != call.name
    )
    settled = builder.settled - counts[1] - sum(call.typing.settled for call in nodes)
    return Stamp(tuple(stamps), ties, number[result.node], settled, sizes or (), at.outer)


def _node(call: NodeCall, at: Application, number: Mapping[str, int], builder: Builder) -> _NodeStamp | None:
    base = _NUMBERED.sub("", call.name)
    renumbered = base != call.name and base not in number and base in builder.nodes  # by a node outside
    if call.optional or renumbered or call.allowed != at.allowed or not call.name.startswith(at.prefix):
        return None
    if any(i not in number for i in call.inputs):
        return None
    inner = call.conditions[len(at.conditions) :]
    return _NodeStamp(call, call.name[len(at.prefix) :], tuple(number[i] for i in call.inputs), inner)


def _mux(call: MuxCall, at: Application, number: Mapping[str, int]) -> _MuxStamp | None:
    """The record of a mux by a condition over sizes; None if it cannot be repeated, as in an op of three
    inputs.

    There, an equal mux may exist already, with the sizes of the third input.
    """
    if isinstance(call.on, str) or len(at.args) > 2 or not call.asked.startswith(at.prefix):
        return None
    cases = [(key, number.get(source)) for key, source in call.cases if source is not None]
    known = [(key, place) for key, place in cases if place is not None]
    whole = len(known) == len(call.cases)
    return _MuxStamp(call, call.asked[len(at.prefix) :], tuple(known)) if whole else None


def _values(stamp: _NodeStamp | _MuxStamp) -> list[Value]:
    if isinstance(stamp, _MuxStamp):
        return [stamp.call.on]
    call = stamp.call
    demanded = [value for demand in call.typing.demands for value in (demand[0], *demand[3].values())]
    return [*call.attrs.values(), *call.typing.shape, *demanded, *stamp.conditions]


def apply(
    stamp: Stamp, builder: Builder, at: Application, sizes: tuple[Dim, ...] | None, instance: Instance
) -> Tensor:
    """Adds the recorded nodes again, under new names, for another application; returns its result."""
    repeated, made, tensors = _Repeated(stamp, at, sizes), list[str](), [a.node for a in at.args]
    nodes, shapes = builder.nodes, builder.shapes
    builder.settled += stamp.settled
    for own in stamp.calls:
        name = at.prefix + own.suffix
        if isinstance(own, _MuxStamp):
            cases = [(key, made[i] if i >= 0 else tensors[-1 - i]) for key, i in own.cases]
            name = builder.add_mux(repeated.value(own.call.on), name, cases, own.call.location)
            repeated.rename(own.call.name, name)
        else:
            call, inputs = own.call, tuple([made[i] if i >= 0 else tensors[-1 - i] for i in own.inputs])
            attrs, typing = call.attrs, call.typing
            if repeated.sizes:
                attrs, typing = repeated.values(attrs), repeated.typing(typing)
            if typing.demands:
                place = Place(call.place.location, repeated.trace(call.place.trace), instance.path, at.cell)
                conditions = (*at.conditions, *map(repeated.value, own.conditions))
                name = builder.add_node(
                    call.primitive, name, inputs, attrs, place, at.allowed, conditions, typing=typing
                )
            else:  # most nodes demand nothing, and are added faster than by that call
                name, op, location = builder.unique(name), call.primitive.name, call.place.location
                nodes[name] = Node(
                    name, op, inputs, attrs, name, call.optional, instance.path, at.cell, location
                )
                shapes[name] = typing.shape
                builder.settled += typing.settled
        made.append(name)
    for owner, other in stamp.ties:
        builder.tie(made[owner], made[other])
    return Tensor(made[stamp.result] if stamp.result >= 0 else tensors[-1 - stamp.result])


class _Repeated:
    """Converts the values and backtraces in a stamp to those of another application."""

    def __init__(self, stamp: Stamp, at: Application, sizes: tuple[Dim, ...] | None):
        self._stamp, self._at = stamp, at
        self.sizes = {old: new for old, new in zip(stamp.sizes, sizes or (), strict=True) if old != new}
        self._known: dict[int, Value] = {}
        self._typings: dict[int, Typing] = {}
        self._traces: dict[int, Trace] = {}

    def rename(self, mux: str, name: str) -> None:
        for axis in range(3):
            self.sizes.setdefault(Dim(mux, axis), Dim(name, axis))

    def values(self, values: Mapping[str, Value]) -> dict[str, Value]:
        return {n: self.value(value) if isinstance(value, Expr) else value for n, value in values.items()}

    def typing(self, typing: Typing) -> Typing:
        found = self._typings.get(id(typing))
        if found is None:
            found = self._typings[id(typing)] = self._typing(typing)
        return found

    def _typing(self, typing: Typing) -> Typing:
        c, h, w = typing.shape
        demands = [
            (self.value(condition), code, message, self.values(values))
            for condition, code, message, values in typing.demands
        ]
        return Typing((self.value(c), self.value(h), self.value(w)), typing.settled, demands)

    def value(self, value: Value) -> Value:
        if isinstance(value, Dim):
            return self.sizes.get(value, value)
        if not isinstance(value, Apply) or not self.sizes:
            return value
        found = self._known.get(id(value))
        if found is None:
            args = tuple([a if type(a) is int else self.value(a) for a in value.args])
            same = all(map(is_, args, value.args))
            found = self._known[id(value)] = value if same else value.renamed(args)
        return found

    def trace(self, trace: Trace | None) -> Trace:
        assert trace is not None
        found = self._traces.get(id(trace))
        if found is None:
            if trace.outer is self._stamp.outer:
                found = Trace(self._at.outer, self._at.location, trace.text)
            else:
                found = Trace(self.trace(trace.outer), trace.location, trace.text)
            self._traces[id(trace)] = found
        return found
