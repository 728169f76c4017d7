"""Straight-through weights of sampled decisions, whose value is 1, and the tensors that they multiply.

The tensor that a sampled decision selects is multiplied by the weight of its outcome. The result of an op
call is multiplied by the weight of each sampled decision on which the channels of its arguments or of its
result depend, like the mixed ops of FasterSeg (arXiv:1912.10917). A primitive outside of op calls is treated
as a call if one of its settings is searched.
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
"""Weights that a tensor is multiplied by: each is the weight of one candidate, by index, of a mixture."""
UNSCALED: Factors = ()


class Weighed:
    """The weights of mixtures in a forward pass; splits of vectors and products of weights are cached."""

    def __init__(self, vectors: Mapping[Mixture, torch.Tensor]):
        self.vectors = vectors
        self._split: dict[Mixture, tuple[torch.Tensor, ...]] = {}
        self._products: dict[Factors, torch.Tensor] = {}

    def candidates(self, of: Mixture) -> tuple[torch.Tensor, ...]:
        """The weights of the candidates of a mixture, as scalar tensors."""
        found = self._split.get(of)
        if found is None:
            found = self._split[of] = self.vectors[of].unbind()
        return found

    def product(self, factors: Factors) -> torch.Tensor:
        """The product of the weights that `factors` select; there must be at least one."""
        found = self._products.get(factors)
        if found is None:
            scalars = [self.candidates(other)[place] for other, place in factors]
            found = self._products[factors] = reduce(mul, scalars)
        return found


@dataclass(frozen=True)
class Scaled:
    """The weights of a mixture's candidates, each multiplied by straight-through weights of sampled
    decisions.

    Without a mixture (one candidate is computed), the product of straight-through weights alone.
    """

    of: Mixture | None
    by: tuple[Factors, ...]

    def weights(self, weighed: Weighed) -> tuple[torch.Tensor, ...]:
        """The weight of each candidate, as scalar tensors."""
        if self.of is None:
            return (weighed.product(self.by[0]),)
        if all(factors == self.by[0] for factors in self.by):
            return (weighed.vectors[self.of] * weighed.product(self.by[0])).unbind()
        own = zip(weighed.candidates(self.of), self.by, strict=True)
        return tuple(one * weighed.product(factors) if factors else one for one, factors in own)

    @property
    def mixtures(self) -> Iterator[Mixture]:
        """Yields the mixtures whose weights are needed."""
        if self.of is not None:
            yield self.of
        yield from (other for factors in self.by for other, _ in factors)


class SampledOutcomes(Protocol):
    """The outcomes of the sampled decisions in a forward pass.

    `weighed` are the sampled decisions that have straight-through weights.
    """

    outcomes: Mapping[str, int]
    sampled: frozenset[str]
    """The paths of the decisions in `outcomes`."""
    weighed: frozenset[str]


class Calls:
    """The op calls of a space: the tensors that they return, and the decisions that determine channels in
    them.
    """

    def __init__(self, graph: Graph, widths: Widths, results: Collection[str]):
        """`results` are the results of the calls before equal nodes of several calls were merged."""
        self.graph, self.widths, self._results = graph, widths, results
        self._instance = {
            name: item.instance if isinstance(item, Node) else None for name, item in graph.nodes.items()
        }
        self.inside = {
            name: tuple([self._is_inside(item, source) for source in item.inputs])
            for name, item in graph.nodes.items()
            if isinstance(item, Node)
        }
        """For each node, whether each of its inputs is a tensor of the same op call."""
        self._arguments = self._find_arguments()
        self._plain: dict[str, Mixture] = {}
        self._paths: dict[tuple[str, frozenset[str]], tuple[str, ...]] = {}
        self._parts: dict[int, tuple[Value, tuple[str, ...], tuple[Dim, ...]]] = {}
        """The decisions and dimensions in a value, by id of the value, since comparing equal values takes
        longer.
        """

    def _is_inside(self, reader: Node, source: str) -> bool:
        return reader.instance is not None and self._instance.get(source) == reader.instance

    def factors(self, node: Node, sample: SampledOutcomes) -> Factors:
        """The weights by which the output of a node is multiplied where it is read outside of its op call."""
        if not sample.weighed:
            return UNSCALED
        if node.instance is None:
            if not any(isinstance(value, Expr) for value in node.attrs.values()):
                return UNSCALED
        elif node.name not in self._results:
            return UNSCALED
        outcomes, key = sample.outcomes, (node.name, sample.sampled)
        paths = self._paths.get(key)
        if paths is None:
            tensors = [*self._arguments[node.instance or node.name], node.name]
            sampled: list[Mux] = []
            paths = tuple(
                dict.fromkeys(path for name in tensors for path in self._sized_by(name, outcomes, sampled))
            )
            if not sampled:  # they are the same for all outcomes of these decisions
                self._paths[key] = paths
        return tuple([(self._mixture(path), outcomes[path]) for path in paths if path in sample.weighed])

    def _mixture(self, path: str) -> Mixture:
        found = self._plain.get(path)
        if found is None:
            decision = self.graph.decisions[path]
            place: dict[Hashable, int] = {n: n for n in range(decision.size)}
            found = self._plain[path] = mixture(outcome_of(decision), self.graph.decisions, place)
        return found

    def _find_arguments(self) -> dict[str, tuple[str, ...]]:
        """For each op call, the tensors that its nodes read from outside; for a node outside of calls, its
        inputs.
        """
        found: dict[str, dict[str, None]] = {}
        for name, item in self.graph.nodes.items():
            if not isinstance(item, Node):
                continue
            call = found.setdefault(item.instance or name, {})
            tensors = item.inputs[: ops.get(item.op).tensors(len(item.inputs))]
            call |= dict.fromkeys(i for i in tensors if not self._is_inside(item, i))
        return {call: tuple(tensors) for call, tensors in found.items()}

    def _sized_by(self, name: str, outcomes: Mapping[str, int], sampled: list[Mux]) -> Iterator[str]:
        """Yields the sampled decisions on which the channels of a tensor depend; appends to `sampled` each
        mux through which they do.
        """
        ahead: list[Value] = [self.widths.shapes[name][0]]
        while ahead:
            value = ahead.pop()
            if not isinstance(value, Expr):
                continue
            paths, dims = self._parts_of(value)
            yield from (path for path in paths if path in outcomes)
            for dim in dims:
                definition = self.widths.definitions.get(dim)
                if definition is not None:
                    mux, cases = definition
                    ahead += self._cases(mux, cases, outcomes)
                    if isinstance(mux.on, str) and mux.on in outcomes:
                        sampled.append(mux)
                        yield mux.on
                else:
                    size = self.widths.shapes[dim.node][dim.axis]
                    ahead += [size] if size != dim else []

    def _parts_of(self, value: Value) -> tuple[tuple[str, ...], tuple[Dim, ...]]:
        """The decisions and the dimensions in a value."""
        found = self._parts.get(id(value))
        if found is None:
            dims = tuple(leaf for leaf in leaves(value) if isinstance(leaf, Dim))
            found = self._parts[id(value)] = value, tuple(sorted(decisions_in(value))), dims
        return found[1:]

    @staticmethod
    def _cases(mux: Mux, cases: tuple[Value | None, ...], outcomes: Mapping[str, int]) -> list[Value]:
        """The sizes of the sampled case of a mux, or, if it is not sampled, of all cases."""
        sizes = zip(mux.cases, cases, strict=True)
        if isinstance(mux.on, str):
            sampled = outcomes.get(mux.on)
            return [v for (key, _), v in sizes if v is not None and sampled in (None, key)]
        return [mux.on, *(v for _, v in sizes if v is not None)]


def results_of_calls(graph: Graph) -> set[str]:
    """The nodes of op calls that are read outside of their call, also through muxes."""
    outside = set(graph.outputs.values())
    found: set[str] = set()
    calls: dict[str, set[str]] = {}
    """For each node or mux, the op calls that read it, directly or through muxes; "" for readers outside of
    calls.
    """
    for name, item in reversed(list(graph.nodes.items())):
        own = calls.get(name, set()) | ({""} if name in outside else set())
        if isinstance(item, Node):
            if item.instance is not None and own - {item.instance}:
                found.add(name)
            own = {item.instance or ""}
        for source in item.inputs:
            calls.setdefault(source, set()).update(own)
    return found
