"""Passes one after another: a pass itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.ir import Graph
from archdsl.passes.base import Contract, Pass, Transform, Verifier


@dataclass(frozen=True)
class Step:
    """A pass of a pipeline that was run: on which graph, what it returned, and the graph after it."""

    pass_: Pass[Any]
    before: Graph
    found: Any
    after: Graph


@dataclass(frozen=True)
class Pipeline(Transform):
    """Runs passes in order; an analysis leaves the graph alone."""

    name = "pipeline"
    summary = "passes one after another"

    passes: tuple[Pass[Any], ...] = ()

    def __call__(self, graph: Graph, *, verify: Verifier | None = None) -> Graph:
        """The graph after the last pass; `verify` checks the contract of each pass."""
        for step in self.steps(graph, verify=verify):
            graph = step.after
        return graph

    def run(self, graph: Graph) -> Graph:
        return self(graph)

    def steps(self, graph: Graph, *, verify: Verifier | None = None) -> Iterator[Step]:
        """Runs one pass after the other.  Raises as they do."""
        for pass_ in self.passes:
            found = pass_(graph, verify=verify)
            after = found if isinstance(pass_, Transform) else graph
            yield Step(pass_, graph, found, after)
            graph = after

    def declared(self) -> Contract:
        """What the first pass needs; all that some pass changes; what every transform guarantees.

        That a second time changes nothing is not among it: it does not follow.
        """
        each = [pass_.declared() for pass_ in self.passes]
        kept = [pass_.declared().guarantees for pass_ in self.passes if isinstance(pass_, Transform)]
        return Contract(
            needs=each[0].needs if each else "graph",
            uses=frozenset(name for one in each for name in one.uses),
            changes=frozenset(part for one in each for part in one.changes),
            guarantees=frozenset.intersection(*kept) - {"idempotent"} if kept else frozenset(),
        )

    def before(self, outcomes: Mapping[str, str], graph: Graph) -> Mapping[str, str]:
        for step in reversed(list(self.steps(graph))):
            if isinstance(step.pass_, Transform):
                outcomes = step.pass_.before(outcomes, step.before)
        return outcomes
