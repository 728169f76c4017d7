"""The graph IR: nodes, muxes, decisions and requirements, in a flat graph with hierarchical names.

Graphs are immutable. Nodes are in topological order, so that most passes are one loop. `Graph.digraph` is the
same graph as a frozen networkx DiGraph, for general graph algorithms (ancestors, longest paths, isomorphism,
drawing).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from math import comb, prod
from typing import TYPE_CHECKING, Any, Literal, Union

from archdsl.diagnostics import Location
from archdsl.ir.expr import Scalar, Value

if TYPE_CHECKING:
    import networkx

Shape = tuple[Value, Value, Value]
"""Channels, height and width of a tensor; shapes never include the batch dimension."""


_BETWEEN = re.compile(r", (?![^\[]*\])")
"""Matches the separator between labels; commas inside brackets, as in `e[1, 2]`, belong to the label."""


def outcome_labels(outcome: str) -> list[str]:
    """The labels in an outcome that chooses several candidates, `{a, b}`."""
    return _BETWEEN.split(outcome[1:-1])


@dataclass(frozen=True)
class Decision:
    """A categorical variable of a space.

    `candidates` are labels. A decision that chooses `count` > 1 of them has one outcome for each combination.
    `under` is the decision, and the index of its outcome, on which this decision is conditional.
    """

    path: str
    candidates: tuple[str, ...]
    count: int = 1
    under: tuple[str, int] | None = None
    location: Location | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The number of outcomes."""
        return comb(len(self.candidates), self.count)

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes as text: a label, or `{a, b}` if several candidates are chosen."""
        if self.count == 1:
            return self.candidates
        return tuple("{" + ", ".join(c) + "}" for c in combinations(self.candidates, self.count))

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each outcome, by its text."""
        return {text: o for o, text in enumerate(self.outcomes)}

    def number(self, text: str) -> int | None:
        """The index of an outcome given as text, with several labels in any order; None if it is unknown."""
        found = self.index.get(text)
        if found is not None or self.count == 1 or not text.startswith("{"):
            return found
        place = {label: n for n, label in enumerate(self.candidates)}
        labels = outcome_labels(text)
        if not place.keys() >= set(labels):
            return None
        return self.index.get("{" + ", ".join(sorted(labels, key=place.__getitem__)) + "}")


@dataclass(frozen=True)
class Instance:
    """An application of a declared op or cell; `path` is its hierarchical name."""

    path: str
    kind: Literal["op", "cell"]
    declared: str


@dataclass(frozen=True)
class Node:
    """An application of a primitive.

    `inputs` are names of nodes or graph inputs; inputs at the positions in `optional` are omitted where
    undefined. `attrs` are all settings of the primitive, including defaults; a value that depends on
    decisions is an `Expr`. Nodes with the same `weights` share one set of weights. `instance` is the path of
    the op instance that the node belongs to, `cell` that of the innermost cell instance.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: Mapping[str, Value]
    weights: str
    optional: frozenset[int] = frozenset()
    instance: str | None = None
    cell: str | None = None
    location: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Mux:
    """A node that selects one of several tensors by a decision (`on` is a path) or a value (`on` is an Expr).

    `cases` are pairs (key, input): for a decision, the keys are indices of outcomes, otherwise the values
    that `on` can have. A case with the input None is undefined.
    """

    name: str
    on: str | Value
    cases: tuple[tuple[Scalar, str | None], ...]
    location: Location | None = field(default=None, compare=False, repr=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The distinct inputs, in order of first appearance."""
        return tuple(dict.fromkeys(i for _, i in self.cases if i is not None))


@dataclass(frozen=True)
class Requirement:
    """A condition that a network must satisfy; `text` is its source text."""

    condition: Value
    text: str
    location: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Graph:
    """A space; a network if `decisions` is empty.

    `inputs` maps names to declared shapes (C, H, W). `outputs` maps names to nodes; the first is the main
    output, and those in `train_only` (auxiliary outputs, used in training only) come last. `settings` are the
    settings that the space or network was elaborated with. `chosen` are the decisions (path to outcome text)
    by which the network was bound from the space `origin`.
    """

    name: str
    inputs: Mapping[str, tuple[int, int, int]]
    nodes: Mapping[str, Union[Node, Mux]]
    outputs: Mapping[str, str]
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    origin: str | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    train_only: frozenset[str] = frozenset()

    @property
    def is_fixed(self) -> bool:
        return not self.decisions and not any(isinstance(n, Mux) for n in self.nodes.values())

    @property
    def size(self) -> int:
        """The number of combinations of outcomes; 1 for a network."""
        return prod(d.size for d in self.decisions.values())

    @cached_property
    def facts(self) -> dict[Hashable, Any]:
        """The cached results of analyses of this graph (`archdsl.passes.base`)."""
        return {}

    @cached_property
    def digraph(self) -> networkx.DiGraph:
        """The graph as a frozen networkx DiGraph; each node has its `Node` or `Mux` in the attribute `item`.

        The attribute `ports` of an edge is the input positions that it feeds; for a mux, the keys of its
        cases.
        """
        import networkx

        g = networkx.DiGraph(name=self.name)
        g.add_nodes_from(self.inputs, item=None)
        for name, item in self.nodes.items():
            g.add_node(name, item=item)
            ports = item.cases if isinstance(item, Mux) else enumerate(item.inputs)
            by_source: dict[str, list[Scalar]] = {}
            for port, source in ports:
                if source is not None:
                    by_source.setdefault(source, []).append(port)
            g.add_edges_from((s, name, {"ports": tuple(p)}) for s, p in by_source.items())
        return networkx.freeze(g)
