"""Determines how a search shares weights between networks, and which decisions must therefore be sampled."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archdsl.backends.elastic.sampled import sampled_decisions
from archdsl.backends.elastic.widths import Widths
from archdsl.backends.supernet.structure import parts
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph
from archdsl.passes.transforms.simplify import simplify
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.samplers import Sampler, by_decision
from archdsl.search.terms import cannot

SOFT = ("gumbel", "softmax")
"""The samplers under which several outcomes of a decision have weights > 0 in a forward pass."""


def is_elastic(share: str | None, graph: Graph) -> bool:
    """Whether the supernet of a space has elastic weights, stored once at their largest size.

    If `share` is not set, it has elastic weights if networks differ in the size or presence of a tensor.
    """
    if share is not None:
        return share == "elastic"
    if is_elastic not in graph.facts:
        try:
            parts(graph)
            graph.facts[is_elastic] = False
        except SpecError as error:
            graph.facts[is_elastic] = error.diagnostics[0].code == "ARCH802"
    return bool(graph.facts[is_elastic])


def demand_kernels(kernels: Kernels, *graphs: Graph) -> None:
    """Raises SpecError (ARCH606) if `kernels` is "transformed", but no space searches a kernel size."""
    if kernels == "cropped":
        return
    slots = [slot for graph in graphs for slot in Widths(simplify(graph), kernels=kernels).slots.values()]
    if not any(slot.transforms for slot in slots):
        headline = f"`kernels = {kernels}` applies to searched kernels, which {graphs[0].name} does not have"
        raise cannot(headline, "remove `kernels`")


def demand_shared(
    config: SearchConfig, graph: Graph, fixed: Collection[str] = ()
) -> dict[str, tuple[str, str]]:
    """The decisions that must be sampled; by path, the property and the tensor that the decision changes.

    Empty without elastic weights. `fixed` are decisions with a constant outcome. Raises SpecError: ARCH802 if
    the space has no supernet of the kind `share`; ARCH810 for weights that cannot be shared; ARCH812 if the
    sampler of a decision that must be sampled mixes outcomes; ARCH606 for settings of elastic weights that
    have no effect.
    """
    if config.share == "candidates":
        parts(graph)
    if not is_elastic(config.share, graph):
        for key, value, usual in (("bn", config.bn, "shared"), ("kernels", config.kernels, "cropped")):
            if value != usual:
                headline = f"`{key} = {value}` applies to elastic weights, which {graph.name} does not have"
                raise cannot(headline, f"set share = elastic, or remove `{key}`")
        return {}
    found = _to_sample(graph, config.bn, config.kernels)
    samplers = by_decision(config.sampler, config.gates_from, config.samplers, graph)
    soft = [path for path in found if path not in fixed and samplers[path].name in SOFT]
    if soft:
        raise _soft(graph, soft, samplers, found)
    return found


def _to_sample(graph: Graph, bn: BN, kernels: Kernels) -> dict[str, tuple[str, str]]:
    """The result of `sampled_decisions`, cached with the graph, which members of a co-search often share."""
    key = _to_sample, bn, kernels
    if key not in graph.facts:
        simple = simplify(graph)
        graph.facts[key] = sampled_decisions(simple, Widths(simple, bn, kernels))
    found: dict[str, tuple[str, str]] = graph.facts[key]
    return found


def _soft(
    graph: Graph, paths: list[str], samplers: Mapping[str, Sampler], found: Mapping[str, tuple[str, str]]
) -> SpecError:
    path, more = paths[0], len(paths) - 1
    sampler, (what, tensor) = samplers[path], found[path]
    others = f", and {more} other decision{'s' if more > 1 else ''}," if more else ""
    its = "their" if more else "its"
    headline = (
        f"`{path}`{others} must be sampled, but {its} sampler `{sampler.name}` mixes outcomes: "
        f"`{path}` changes {what} `{tensor}`"
    )
    name = path.rpartition(".")[2].partition("[")[0]
    help = (
        f"write `{path.partition('[')[0]} = hard` in `architecture {{ … }}`, or one_path, uniform, fixed; "
        "or set sampler=hard for all decisions"
    )
    declared = graph.decisions[path].location
    place = sampler.place or declared
    label = Label(place, f"`{name}` is declared here" if place is declared else "") if place else None
    return SpecError([Diagnostic("ARCH812", headline, label, help=help)])
