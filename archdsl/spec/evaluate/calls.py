"""Records of the calls that add nodes to a graph: the origin of a node, and its shape and constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archdsl.diagnostics import Label, Location
from archdsl.ir import Shape, Value
from archdsl.ir.expr import Scalar
from archdsl.ops.base import Primitive

Allowed = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Trace:
    """The backtrace of evaluation: stage iterations and calls, innermost first."""

    outer: Trace | None
    location: Location
    text: str

    def labels(self) -> tuple[Label, ...]:
        """The backtrace as labels, outermost first."""
        own = (Label(self.location, self.text),)
        return own if self.outer is None else self.outer.labels() + own


@dataclass(frozen=True, slots=True)
class Place:
    """The origin of a node, for diagnostics and layer names."""

    location: Location
    trace: Trace | None
    instance: str | None
    cell: str | None


class Typing(NamedTuple):
    """The result of a shape rule: the shape, the number of constraints that hold, and the others."""

    shape: Shape
    settled: int
    demands: list[tuple[Value, str, str, dict[str, Value]]]


class NodeCall(NamedTuple):
    """A recorded call of `add_node`, for stamps (see `archdsl.spec.evaluate.stamping`)."""

    name: str
    primitive: Primitive
    inputs: tuple[str, ...]
    attrs: Mapping[str, Value]
    place: Place
    allowed: Allowed
    conditions: tuple[Value, ...]
    optional: frozenset[int]
    typing: Typing


class MuxCall(NamedTuple):
    """A recorded call of `add_mux`, and the name of the mux or tensor that it returned."""

    asked: str
    name: str
    on: str | Value
    cases: Sequence[tuple[Scalar, str | None]]
    location: Location
