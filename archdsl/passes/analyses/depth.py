"""Finds depth decisions: decisions whose outcomes prune iterations of a chain.

In `out = x[gate]`, where each `x[i]` is computed from the previous one, iterations after the selected one are
dead and pruned: `gate` is a decision of depth, and the stage a hyper-cell. Decisions on settings such as
dilation, groups or stride, or between ops within an iteration, prune no iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

from archdsl import ops
from archdsl.ir import Decision, Graph, Mux
from archdsl.passes.analyses.liveness import dependencies
from archdsl.passes.analyses.pruned import Pruning
from archdsl.passes.base import Analysis, Contract


@dataclass(frozen=True)
class Depths(Analysis[Mapping[str, tuple[int, ...]]]):
    """The analysis that finds the depth decisions (see `depths`)."""

    name = "depths"
    summary = "the depth decisions, by dominators, with the number of iterations kept by each outcome"
    contract = Contract(needs="space")

    def run(self, graph: Graph) -> Mapping[str, tuple[int, ...]]:
        return _depths(graph)

    def text(self, found: Mapping[str, tuple[int, ...]]) -> str:
        return "\n".join(
            f"{path}: {', '.join(map(str, rounds))} iterations" for path, rounds in found.items()
        )


def depths(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The depth decisions by path, with the number of iterations that each outcome keeps.

    If the labels of outcomes are increasing integers, they are these numbers; otherwise the iterations are
    counted.
    """
    return dict(Depths()(graph)) if graph.decisions else {}


def _depths(graph: Graph) -> dict[str, tuple[int, ...]]:
    pruning = Pruning(graph)
    rounds: dict[str, set[str]] = {}
    for name in graph.nodes:
        for round in _rounds_around(name):
            rounds.setdefault(round, set()).add(name)
    found = {}
    for path, decision in graph.decisions.items():
        if decision.count > 1 or path not in pruning.choices:
            continue
        chain = next(filter(None, (_chain(pruning, path, mux) for mux in pruning.choices[path])), None)
        if chain is not None and (kept := _kept(pruning, decision, chain, rounds)):
            found[path] = kept
    return found


@dataclass(frozen=True)
class _Chain:
    """Outcomes of a decision in an order in which each selects a tensor computed from the previous."""

    outcomes: tuple[int, ...]
    first: str
    """The tensor that the first of these outcomes selects."""


def _chain(pruning: Pruning, path: str, mux: str) -> _Chain | None:
    own = pruning.choices[path]
    picked = []
    for outcome in range(len(own[mux])):
        source: str | None = mux
        while source is not None and source in own:  # a choice of what the same decision chose
            source = own[source][outcome]
        if source is None:
            return None
        picked.append((pruning.place.get(source, -1), outcome, source))
    picked.sort()
    sources = [source for _, _, source in picked]
    if len(sources) < 2 or not all(a != b and _reads(pruning, b, a) for a, b in pairwise(sources)):
        return None
    return _Chain(tuple(outcome for _, outcome, _ in picked), sources[0])


def _kept(
    pruning: Pruning, decision: Decision, chain: _Chain, rounds: Mapping[str, set[str]]
) -> tuple[int, ...]:
    """The iterations that each outcome keeps; empty unless each outcome prunes more than the next one."""
    by_outcome = pruning.by_outcome(decision.path, pruning.place.get(chain.first, -1) + 1)
    own = pruning.choices[decision.path]

    def is_merged(name: str, outcome: int) -> bool:
        item = pruning.graph.nodes[name]
        chosen = name in own or any(picked[outcome] == name for picked in own.values())
        return not chosen and (isinstance(item, Mux) or ops.get(item.op).is_shared)

    def gone_under(outcome: int) -> frozenset[str]:
        return _gone(by_outcome[outcome], rounds, lambda name: is_merged(name, outcome))

    gone = [gone_under(outcome) for outcome in chain.outcomes]
    if not all(deeper < shallower for shallower, deeper in pairwise(gone)):
        return ()
    labels = decision.candidates
    if all(label.isdecimal() and label.isascii() and len(label) < 10 for label in labels):
        numbers = [int(labels[outcome]) for outcome in chain.outcomes]
        if all(a < b for a, b in pairwise(numbers)):
            return tuple(map(int, labels))
    families = {_family(round) for round in gone[0]}
    total = sum(_family(round) in families for round in rounds)
    count = {outcome: total - len(pruned) for outcome, pruned in zip(chain.outcomes, gone, strict=True)}
    return tuple(count[outcome] for outcome in range(decision.size))


def _rounds_around(name: str) -> Iterator[str]:
    """Yields the iterations that contain a node, as prefixes of its name: `body[3]` of `body[3].x.conv`."""
    for part in accumulate(name.split("."), "{}.{}".format):
        if part.endswith("]"):
            yield part


def _family(round: str) -> str:
    """The stage of an iteration: `body` of `body[3]`."""
    return round.rpartition("[")[0]


def _gone(
    pruned: Collection[str], rounds: Mapping[str, set[str]], is_merged: Callable[[str], bool]
) -> frozenset[str]:
    """The iterations that are removed entirely, except for those nested in others.

    Nodes without weights may remain in a removed iteration if `is_merged`: after simplification, they are
    equal to nodes outside of it.
    """
    touched = {round for name in pruned for round in _rounds_around(name)}
    whole = {round for round in touched if all(map(is_merged, rounds[round].difference(pruned)))}
    return frozenset(r for r in whole if not any(outer in whole for outer in _rounds_around(r) if outer != r))


def _reads(pruning: Pruning, reader: str, wanted: str) -> bool:
    """Whether a node depends on another, directly or indirectly; graph inputs precede all nodes."""
    graph, place = pruning.graph, pruning.place
    first, seen, ahead = place.get(wanted, -1), {reader}, [reader]
    while ahead:
        item = graph.nodes.get(ahead.pop())
        for name in dependencies(item) if item is not None else ():
            if name == wanted:
                return True
            if name not in seen and place.get(name, -1) > first:
                seen.add(name)
                ahead.append(name)
    return False
