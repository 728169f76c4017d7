"""Determines widths that can vary: groups of layers with equally many channels, and the numbers they can
have.

The shape rules of the primitives decide. Initially every width is a group of its own. If a constraint does
not hold in all cases, groups are merged (operands of a sum), lose numbers (groups of a convolution), or are
fixed (the number of classes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, product
from math import prod
from typing import Any

from archdsl import ops
from archdsl.ir.expr import Pick, Value, eq, leaves
from archdsl.ir.graph import Graph, Node, Shape
from archdsl.ir.resolve import evaluate
from archdsl.ops.base import ADVISORY, Primitive
from archdsl.passes.analyses.shapes import infer

WIDTH = "c"
"""The name of the setting for the number of output channels."""

MOST_CASES = 20_000
"""The maximum number of combinations of widths for which a constraint is tested; with more, widths are
fixed.
"""


@dataclass(frozen=True)
class Widths:
    """A network whose widths are picks, the shapes of its tensors, and the original width of each group."""

    graph: Graph
    shapes: Mapping[str, Shape]
    now: Mapping[str, int]

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The possible widths of each group, by the name of its decision."""
        picks = (n.attrs.get(WIDTH) for n in self.graph.nodes.values() if isinstance(n, Node))
        found = {p.decision: p.values for p in picks if isinstance(p, Pick)}
        return {name: found[name] for name in self.now if name in found}


def widths(
    graph: Graph, factors: Sequence[Fraction], multiple: int, rows: Sequence[Sequence[Sequence[str]]] = ()
) -> Widths:
    """The network with widths that are multiplied by these factors, and rounded to multiples of `multiple`.

    The channels of outputs are fixed. `rows` are sequences of equal blocks of nodes; blocks of one sequence
    have equal widths. Raises SpecError for an ill-typed network.
    """
    return _Widths(graph, factors, multiple, rows).run()


def numbers(width: int, factors: Sequence[Fraction], multiple: int) -> tuple[int, ...]:
    """A width and its products with each factor, rounded to multiples of `multiple`.

    If the width is less than `multiple`, products are rounded to integers.
    """
    unit = multiple if width >= multiple else 1
    found = {max(unit, round(width * factor / unit) * unit) for factor in factors}
    return tuple(sorted({*found, width}))


class _Widths:
    def __init__(
        self,
        graph: Graph,
        factors: Sequence[Fraction],
        multiple: int,
        rows: Sequence[Sequence[Sequence[str]]],
    ):
        self.graph = graph
        self.fixed = infer(graph)
        self.group: dict[str, str] = {}
        self.values: dict[str, tuple[int, ...]] = {}
        self.now: dict[str, int] = {}
        shared: dict[str, str] = {}
        alike = {node: row[0][n] for row in rows for block in row for n, node in enumerate(block)}
        for node in graph.nodes.values():
            assert isinstance(node, Node)
            width = node.attrs.get(WIDTH)
            if not isinstance(width, int) or isinstance(width, bool):
                continue
            free = f"group_{len(self.now) + 1}"
            first = alike.get(node.name, node.name)
            own = self.group[first] if first in self.group else shared.setdefault(node.weights, free)
            self.group[node.name] = own
            self.now[own] = width
            self.values.setdefault(own, numbers(width, factors, multiple))

    def run(self) -> Widths:
        while True:
            shapes, broken = self._propagated()
            if broken is None:
                break
            self._mend(broken)
        names = {own: f"width_{n}" for n, own in enumerate(self._varying(), start=1)}
        self.group = {node: names.get(own, own) for node, own in self.group.items()}
        self.values = {names.get(own, own): values for own, values in self.values.items()}
        self.now = {names[own]: now for own, now in self.now.items() if own in names}
        shapes, _ = self._propagated()
        nodes = {name: replace(node, attrs=self._attrs(node)) for name, node in self._nodes()}
        return Widths(replace(self.graph, nodes=nodes), shapes, self.now)

    def _varying(self) -> list[str]:
        """The groups with several possible numbers, in order of first use."""
        return [own for own in dict.fromkeys(self.group.values()) if len(self.values[own]) > 1]

    def _nodes(self) -> Iterator[tuple[str, Node]]:
        for name, node in self.graph.nodes.items():
            assert isinstance(node, Node)
            yield name, node

    def _attrs(self, node: Node) -> Mapping[str, Value]:
        own = self.group.get(node.name)
        if own is None:
            return node.attrs
        values = self.values[own]
        return {**node.attrs, WIDTH: Pick(own, values) if len(values) > 1 else values[0]}

    def _propagated(self) -> tuple[dict[str, Shape], Value | None]:
        """The shapes of tensors up to the first constraint that does not hold for all widths, and that
        constraint (None if all hold).
        """
        shapes: dict[str, Shape] = dict(self.graph.inputs)
        failed: list[Value] = []
        read: dict[str, list[Shape]] = {}

        def demand(condition: Any, code: str, message: str, /, **values: Any) -> None:
            if code not in ADVISORY and condition is not True and not self._always(condition):
                failed.append(condition)

        for name, node in self._nodes():
            primitive: Primitive = ops.get(node.op)
            xs = [shapes[source] for source in node.inputs]
            for x, other in zip(xs, read.setdefault(node.weights, xs), strict=True):
                demand(eq(x[0], other[0]), "", "")  # layers with one set of weights
            shapes[name] = primitive.sizes(xs, self._attrs(node), demand)
            if shapes[name][1:] != self.fixed[name][1:]:
                failed.append(False)
            if failed:
                return shapes, failed[0]
        for source in self.graph.outputs.values():
            demand(eq(shapes[source][0], self.fixed[source][0]), "", "")
        return shapes, failed[0] if failed else None

    def _cases(self, groups: Sequence[str]) -> Iterator[dict[str, int]]:
        for outcome in product(*(range(len(self.values[own])) for own in groups)):
            yield dict(zip(groups, outcome, strict=True))

    def _groups(self, condition: Value) -> list[str]:
        return sorted({leaf.decision for leaf in leaves(condition) if isinstance(leaf, Pick)})

    def _always(self, condition: Value) -> bool:
        groups = self._groups(condition)
        few = prod(len(self.values[own]) for own in groups) <= MOST_CASES
        return few and all(_holds(condition, case) for case in self._cases(groups))

    def _mend(self, condition: Value) -> None:
        """Makes a violated constraint hold: joins two groups, or removes widths from groups."""
        groups = self._groups(condition)
        if len(groups) == 1:
            (own,) = groups
            kept = [v for n, v in enumerate(self.values[own]) if _holds(condition, {own: n})]
            self.values[own] = tuple(kept)
            return
        for one, other in combinations(groups, 2):
            if self.now[one] == self.now[other] and self._holds_if_equal(condition, one, other, groups):
                self._join(one, other)
                return
        for own in groups or list(self.values):
            self.values[own] = (self.now[own],)

    def _holds_if_equal(self, condition: Value, one: str, other: str, groups: Sequence[str]) -> bool:
        if prod(len(self.values[own]) for own in groups) > MOST_CASES:
            return False
        first, second = self.values[one], self.values[other]
        alike = (case for case in self._cases(groups) if first[case[one]] == second[case[other]])
        return all(_holds(condition, case) for case in alike)

    def _join(self, one: str, other: str) -> None:
        self.values[one] = tuple(v for v in self.values[one] if v in self.values[other])
        self.group = {node: one if own == other else own for node, own in self.group.items()}
        del self.values[other], self.now[other]


def _holds(condition: Value, case: Mapping[str, int]) -> bool:
    def no_dimension(node: str, axis: int) -> int:
        raise ValueError(f"{node} has a size that depends on decisions")

    return bool(evaluate(condition, case, no_dimension))
