"""Straight-through weights of drawn decisions, whose value is 1, and the tensors that they scale.

The tensor that a drawn decision selects is multiplied by the weight of its outcome. The result of an op call
is multiplied by the weight of each drawn decision on which the channels of its arguments or of its result
depend, as the mixed ops of FasterSeg (arXiv:1912.10917). A primitive outside of op calls is treated as a call
if one of its settings is searched.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, Protocol

from archdsl import ops
from archdsl.backends.elastic.widths import Widths
from archdsl.backends.supernet.mixing import Mixture, mixture, outcome_of
from archdsl.ir import Dim, Expr, Graph, Mux, Node, Value
from archdsl.ir.expr import decisions_in, leaves

if TYPE_CHECKING:
    import torch

Factors = tuple[tuple[Mixture, int], ...]
"""Weights that a tensor is multiplied with: of a mixture, that of one candidate."""
UNSCALED: Factors = ()


@dataclass(frozen=True)
class Scaled:
    """The weights of the candidates of a decision, each multiplied by straight-through weights of decisions
    on sizes; the product alone where one candidate is computed.
    """

    of: Mixture | None
    by: tuple[Factors, ...]

    def weights(self, weights_of: Mapping[Mixture, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The weight of each candidate, from those of mixtures."""
        scalars = [[weights_of[other][place] for other, place in factors] for factors in self.by]
        if self.of is None:
            return (reduce(mul, scalars[0]),)
        own = weights_of[self.of]
        if all(factors == self.by[0] for factors in self.by):
            return (own * reduce(mul, scalars[0])).unbind()
        return tuple(reduce(mul, factors, one) for one, factors in zip(own, scalars, strict=True))

    @property
    def mixtures(self) -> Iterator[Mixture]:
        """The mixtures whose weights are needed."""
        if self.of is not None:
            yield self.of
        yield from (other for factors in self.by for other, _ in factors)


class Drawing(Protocol):
    """The drawn outcomes of a forward pass, and the drawn decisions that have weights."""

    outcomes: Mapping[str, int]
    weighed: frozenset[str]


class Calls:
    """The op calls of a space: the tensors that are their results, and the decisions that determine their
    channels.
    """

    def __init__(self, graph: Graph, widths: Widths, results: Collection[str]):
        """`results` are the results of the calls before equal nodes of several calls were merged."""
        self.graph, self.widths, self._results = graph, widths, results
        self._instance = {
            name: item.instance if isinstance(item, Node) else None for name, item in graph.nodes.items()
        }
        self._arguments = self._find_arguments()
        self._plain: dict[str, Mixture] = {}
        self._depends: dict[Value, tuple[str, ...] | None] = {}

    def is_inside(self, reader: Node, source: str) -> bool:
        """Whether a node reads a tensor of its own op call."""
        return reader.instance is not None and self._instance.get(source) == reader.instance

    def factors(self, node: Node, drawing: Drawing) -> Factors:
        """The weights by which the output of a node is multiplied where it is read outside of its call."""
        if not drawing.weighed:
            return UNSCALED
        if node.instance is None:
            if not any(isinstance(value, Expr) for value in node.attrs.values()):
                return UNSCALED
        elif node.name not in self._results:
            return UNSCALED
        tensors = [*self._arguments[node.instance or node.name], node.name]
        paths = dict.fromkeys(path for name in tensors for path in self._sized_by(name, drawing.outcomes))
        return tuple(
            (self._mixture(path), drawing.outcomes[path]) for path in paths if path in drawing.weighed
        )

    def _mixture(self, path: str) -> Mixture:
        found = self._plain.get(path)
        if found is None:
            decision = self.graph.decisions[path]
            place: dict[Hashable, int] = {n: n for n in range(decision.size)}
            found = self._plain[path] = mixture(outcome_of(decision), self.graph.decisions, place)
        return found

    def _find_arguments(self) -> dict[str, tuple[str, ...]]:
        """For each call, the tensors that its nodes read from outside; for a node outside of calls, its
        inputs.
        """
        found: dict[str, dict[str, None]] = {}
        for name, item in self.graph.nodes.items():
            if not isinstance(item, Node):
                continue
            call = found.setdefault(item.instance or name, {})
            tensors = item.inputs[: ops.get(item.op).tensors(len(item.inputs))]
            call |= dict.fromkeys(i for i in tensors if not self.is_inside(item, i))
        return {call: tuple(tensors) for call, tensors in found.items()}

    def _sized_by(self, name: str, outcomes: Mapping[str, int]) -> Iterator[str]:
        """The drawn decisions on which the channels of a tensor depend."""
        ahead: list[Value] = [self.widths.shapes[name][0]]
        while ahead:
            value = ahead.pop()
            if not isinstance(value, Expr):
                continue
            yield from sorted(path for path in decisions_in(value) if path in outcomes)
            for leaf in leaves(value):
                if isinstance(leaf, Dim) and leaf in self.widths.definitions:
                    mux, cases = self.widths.definitions[leaf]
                    ahead += self._cases(mux, cases, outcomes)
                    if isinstance(mux.on, str) and mux.on in outcomes:
                        yield mux.on
                elif isinstance(leaf, Dim):
                    size = self.widths.shapes[leaf.node][leaf.axis]
                    ahead += [size] if size != leaf else []

    @staticmethod
    def _cases(mux: Mux, cases: tuple[Value | None, ...], outcomes: Mapping[str, int]) -> list[Value]:
        """The sizes of the drawn case of a mux, or of all possible cases."""
        sizes = zip(mux.cases, cases, strict=True)
        if isinstance(mux.on, str):
            drawn = outcomes.get(mux.on)
            return [v for (key, _), v in sizes if v is not None and drawn in (None, key)]
        return [mux.on, *(v for _, v in sizes if v is not None)]


def results_of_calls(graph: Graph) -> set[str]:
    """The nodes of op calls that are read outside of their call, also through muxes."""
    outside = set(graph.outputs.values())
    found: set[str] = set()
    calls: dict[str, set[str]] = {}
    """By mux, the calls of all that read it, also behind other muxes; "" for what is in no call."""
    for name, item in reversed(list(graph.nodes.items())):
        own = calls.get(name, set()) | ({""} if name in outside else set())
        if isinstance(item, Node):
            if item.instance is not None and own - {item.instance}:
                found.add(name)
            own = {item.instance or ""}
        for source in item.inputs:
            calls.setdefault(source, set()).update(own)
    return found
