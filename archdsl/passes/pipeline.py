"""Pipelines: sequences of passes, which are passes themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.ir import Graph
from archdsl.passes.base import Contract, Pass, Transform, Verifier


@dataclass(frozen=True)
class Step:
    """A completed step of a pipeline: the pass, its input graph, its result, and the graph after it."""

    pass_: Pass[Any]
    before: Graph
    found: Any
    after: Graph


@dataclass(frozen=True)
class Pipeline(Transform):
    """A sequence of passes, run in order; analyses do not change the graph."""

    name = "pipeline"
    summary = "a sequence of passes"

    passes: tuple[Pass[Any], ...] = ()

    def __call__(self, graph: Graph, *, verify: Verifier | None = None) -> Graph:
        """Runs all passes and returns the final graph; `verify` checks each contract."""
        for step in self.steps(graph, verify=verify):
            graph = step.after
        return graph

    def run(self, graph: Graph) -> Graph:
        return self(graph)

    def steps(self, graph: Graph, *, verify: Verifier | None = None) -> Iterator[Step]:
        """Runs the passes in order, and yields a step for each. Raises the errors of the passes."""
        for pass_ in self.passes:
            found = pass_(graph, verify=verify)
            after = found if isinstance(pass_, Transform) else graph
            yield Step(pass_, graph, found, after)
            graph = after

    def declared(self) -> Contract:
        """The contract: the first pass's needs, changes of any pass, guarantees of all transforms.

        `idempotent` is not guaranteed, since it does not follow from that of the passes.
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
