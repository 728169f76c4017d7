"""How a space can be searched: sampled and mixed decisions of a supernet, and the size of its weights.

Without torch, since `check` and `explain` use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archdsl import ops
from archdsl.backends.elastic.sampled import sampled_decisions
from archdsl.backends.elastic.widths import Widths
from archdsl.backends.supernet.structure import parts
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph, Node
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.simplify import simplify
from archdsl.search.evaluators.demands import demand_shared_weights

DRAWING = ("hard", "one_path", "uniform", "fixed")
"""Samplers that give one outcome a weight at a time."""


@dataclass(frozen=True)
class Searchability:
    """How a space can be searched.

    `candidates` and `elastic` are the trainable parameters of a supernet with a layer for each candidate, and
    of one whose weights are stored once at their largest size, or the reason why there is none. `sampled` are
    the decisions of which a forward pass of the latter takes one outcome, each with the property that it
    changes and the tensor; `mixed` are all others.
    """

    decisions: int
    candidates: int | Diagnostic
    elastic: int | Diagnostic
    sampled: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mixed: tuple[str, ...] = ()

    @property
    def share(self) -> str | None:
        """The kind of supernet of a differentiable search: "candidates" or "elastic"; None if there is
        none.
        """
        if isinstance(self.candidates, int):
            return "candidates"
        return "elastic" if isinstance(self.elastic, int) else None

    def strategies(self) -> Iterator[tuple[str, str]]:
        """Pairs of a strategy and a sentence on how it would search the space."""
        for name, word in STRATEGIES.items():
            if isinstance(word, StrategyKind):
                yield name, self._by_trials
            elif word.run:
                yield name, self._by_gradients

    @property
    def _by_gradients(self) -> str:
        if self.share == "candidates":
            return f"trains all candidates in one supernet, as weighted sums for {_count(self.decisions)}"
        if self.share == "elastic":
            by = ", ".join(DRAWING[:-1]) + f" or {DRAWING[-1]}"
            mixes = f"; weighted sums for {_count(len(self.mixed))}" if self.mixed else ""
            return f"trains elastic weights; samples {_count(len(self.sampled))}, by {by}{mixes}"
        return "not possible: networks share no weights"

    @property
    def _by_trials(self) -> str:
        if isinstance(self.elastic, int):
            return "networks trained from scratch, or scored with elastic weights by evaluate = weights(…)"
        return "networks trained from scratch; not by evaluate = weights(…), as they share no weights"


def _count(decisions: int) -> str:
    return f"{decisions} decision{'' if decisions == 1 else 's'}"


def searchability(graph: Graph) -> Searchability:
    """How the space of a graph can be searched; without its train-only outputs."""
    space = Deploy(keep_decisions=False)(graph)
    return Searchability(len(space.decisions), _of_candidates(space), *_elastic(space))


def why_not_shared(graph: Graph) -> Diagnostic | None:
    """A diagnostic that says why the deployed networks cannot share weights; None if they can."""
    space = Deploy(keep_decisions=False)(graph)
    elastic, *_ = _elastic(space)
    if isinstance(elastic, int) or isinstance(_of_candidates(space), int):
        return None
    return elastic


def _of_candidates(graph: Graph) -> int | Diagnostic:
    try:
        found = parts(graph)
    except SpecError as error:
        return error.diagnostics[0]
    params: dict[str, int] = {}
    for item in found.items.values():
        if isinstance(item, Node) and ops.get(item.op).has_weights:
            xs = [found.shapes[name] for name in item.inputs]
            layer = found.attributes[item.name]
            params[layer] = ops.get(item.op).cost(xs, found.shapes[item.name], item.attrs).params
    return sum(params.values())


def _elastic(graph: Graph) -> tuple[int | Diagnostic, Mapping[str, tuple[str, str]], tuple[str, ...]]:
    simple = simplify(graph)
    try:
        widths = Widths(simple)
        demand_shared_weights(simple, widths)
    except SpecError as error:
        return error.diagnostics[0], {}, ()
    found = sampled_decisions(simple, widths)
    mixed = tuple(path for path in graph.decisions if path not in found)
    return sum(slot.params for slot in widths.slots.values()), found, mixed
