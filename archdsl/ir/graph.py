"""The graph IR: nodes, muxes, decisions and requirements, flat, with hierarchical names.

Graphs are immutable.  Nodes are in topological order, so that most passes are one loop; `Graph.digraph` is
the same graph as a frozen networkx DiGraph, for everything that is an ordinary graph job (ancestors, longest
paths, isomorphism, drawing).
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
"""Channels, height, width of a tensor; the batch dimension is omitted everywhere."""


_BETWEEN = re.compile(r", (?![^\[]*\])")
"""What stands between labels, some of which have commas of their own: `e[1, 2]`."""


def outcome_labels(outcome: str) -> list[str]:
    """The labels in the outcome of a choice of several, `{a, b}`."""
    return _BETWEEN.split(outcome[1:-1])


@dataclass(frozen=True)
class Decision:
    """A decision of a space.

    `candidates` are labels.  A decision for `count` > 1 of them has one outcome for each combination.
    `under` is the decision and outcome on which this one is conditional.
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
        """The outcomes as text: a label, or `{a, b}` where several are chosen."""
        if self.count == 1:
            return self.candidates
        return tuple("{" + ", ".join(c) + "}" for c in combinations(self.candidates, self.count))

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each outcome by text."""
        return {text: o for o, text in enumerate(self.outcomes)}

    def number(self, text: str) -> int | None:
        """The index of an outcome, with several chosen candidates in any order; None if unknown."""
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
    """One application of a declared op or cell; `path` is its hierarchical name."""

    path: str
    kind: Literal["op", "cell"]
    declared: str


@dataclass(frozen=True)
class Node:
    """An application of a primitive.

    `inputs` are names of nodes or graph inputs; those at positions in `optional` are omitted where undefined.
    `attrs` are all settings of the primitive, defaults filled in; a value that depends on decisions is an
    `Expr`.  Nodes with the same `weights` share one set of weights. `instance` is the path of the op instance
    it belongs to, `cell` of the innermost cell instance.
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
    """One of several tensors, selected by a decision (`on` is its path) or by a value (`on` is an Expr).

    `cases` are (key, input): for a decision the keys are its outcome numbers, otherwise the values that
    `on` can have.  An input of None is undefined.
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
    """A space, or a network where `decisions` is empty.

    `inputs` maps names to declared shapes (C, H, W).  `outputs` maps names to nodes; the first is the main
    one, and those in `train_only` (auxiliary outputs, used in training only) come last.  `settings` are the
    parameters it was elaborated with; `chosen` the decisions, as path to outcome text, by which it was bound
    from a space (`origin`).
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
        """The number of combinations of outcomes (1 for a network)."""
        return prod(d.size for d in self.decisions.values())

    @cached_property
    def facts(self) -> dict[Hashable, Any]:
        """Cached results of analyses (`archdsl.passes.base`)."""
        return {}

    @cached_property
    def digraph(self) -> networkx.DiGraph:
        """The graph as a frozen networkx DiGraph; each node carries its `Node` or `Mux` as `item`.

        An edge carries `ports`, the input positions it feeds (for a mux: the keys of its cases).
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
