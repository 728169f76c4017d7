"""Determines how a space can be searched: the kinds of supernet it has, their decisions and their sizes.

Does not import torch, since `check` and `explain` use this module.
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
"""The samplers under which one outcome of a decision has all the weight in a forward pass."""


@dataclass(frozen=True)
class Searchability:
    """How a space with a number of decisions can be searched.

    `candidates` is the number of parameters of a supernet with a layer for each candidate, `elastic` that of
    a supernet whose weights are stored once at their largest size; or a diagnostic that says why there is
    none. `sampled` are the decisions of which a forward pass of an elastic supernet uses one outcome, by
    path: the property that the decision changes, and the tensor. `mixed` are the other decisions, whose
    outcomes can be averaged.
    """

    decisions: int
    candidates: int | Diagnostic
    elastic: int | Diagnostic
    sampled: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mixed: tuple[str, ...] = ()

    @property
    def share(self) -> str | None:
        """The kind of supernet of a differentiable search: "candidates" or "elastic"; None without any."""
        if isinstance(self.candidates, int):
            return "candidates"
        return "elastic" if isinstance(self.elastic, int) else None

    def strategies(self) -> Iterator[tuple[str, str]]:
        """Yields each strategy with a phrase on how it would search the space."""
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
    """How the space of a graph can be searched, not counting decisions of train-only outputs."""
    space = Deploy(keep_decisions=False)(graph)
    return Searchability(len(space.decisions), _of_candidates(space), *_elastic(space))


def why_not_shared(graph: Graph) -> Diagnostic | None:
    """A diagnostic that says why the networks of a space cannot share weights; None if they can."""
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
