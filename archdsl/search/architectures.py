"""The architectures that a differentiable search optimizes: one, or several that share weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from archdsl.diagnostics import closest
from archdsl.ir import Graph
from archdsl.ir.paths import is_called, is_named
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.distribute import Distribute
from archdsl.program import Space
from archdsl.search.config import MemberConfig, SearchConfig
from archdsl.search.decision_names import no_decision
from archdsl.search.scores import losses_of
from archdsl.search.terms import cannot
from archdsl.spec.search_values import Term


@dataclass(frozen=True)
class Architecture:
    """An architecture of a search, with its settings and its space.

    `fixed` are the outcome indices, by path, of decisions that are not searched. `forward_passes` are the
    sizes of the networks in the forward passes of a step (`archdsl.configs.clauses.SIZES`),
    `pretrain_forward_passes` those in steps that train weights only.
    """

    name: str
    config: SearchConfig
    space: Space
    fixed: Mapping[str, int] = field(default_factory=dict)
    forward_passes: tuple[str, ...] = ("sampled",)
    pretrain_forward_passes: tuple[str, ...] = ("sampled",)


def architectures(
    config: SearchConfig, space_of: Callable[[Mapping[str, Any]], Space]
) -> tuple[Architecture, ...]:
    """The architectures of a search: one, or one for each group of the search block.

    `space_of` returns the space with some settings. Raises SpecError (ARCH606) if a group names unknown
    decisions or outcomes, and for settings that searches of several architectures do not support.
    """
    if not config.members:
        return (Architecture("", config, space_of({})),)
    if config.refine:
        raise cannot("`refine` is not supported for several architectures", "remove `refine`")
    if config.share == "candidates":
        raise cannot(
            "searches of several architectures support elastic weights only", "remove `share = candidates`"
        )
    if config.pretrain and not any(member.pretrain_passes for member in config.members):
        help = "give an architecture `pretrain_passes = [largest]`"
        raise cannot("no architecture has a forward pass in `pretrain`", help)
    found = []
    for member in config.members:
        space = space_of(member.of_space)
        fixed = fixed_outcomes(member, space.searched)
        own = config.of(member)
        found.append(Architecture(member.name, own, space, fixed, member.passes, member.pretrain_passes))
    return tuple(found)


def named_outputs(of: Architecture) -> list[str]:
    """The outputs that losses of an architecture name as argument: `aux` for `ohem(aux)`."""
    return [loss.output for loss in losses_of(of.config) if loss.output]


def outputs_of(loss: Term) -> tuple[str, ...]:
    """The outputs that a loss names, as in `ohem(aux)` or `ohem(outputs = [aux])`; empty if it names none."""
    several: Any = loss.settings.get("outputs", ())
    return (*((loss.output,) if loss.output else ()), *several)


def trained_graph(of: Architecture) -> Graph:
    """The graph of the supernet to train, with the deployed outputs and those that losses name.

    The decisions that `blend_outputs` names are distributed over their blocks
    (`archdsl.passes.transforms.distribute`). Raises SpecError (ARCH606) if a name matches no decision, and as
    `graph_of_outputs`.
    """
    named = [name for loss in losses_of(of.config) for name in outputs_of(loss)]
    graph = graph_of_outputs(of.space, named)
    for name in of.config.blend_outputs:
        paths = [path for path in graph.decisions if is_named(path, name) or is_called(path, name)]
        if not paths:
            raise no_decision(name, graph.decisions, None)
        for path in paths:
            graph = Distribute(path)(graph)
    return graph


def graph_of_outputs(space: Space, named: Collection[str]) -> Graph:
    """The graph of a space with its deployed outputs and the train-only outputs `named`.

    Raises SpecError (ARCH606) if a decision affects only train-only outputs, since it cannot be searched.
    """
    graph = Deploy(keep_decisions=False, kept=frozenset(named))(space.graph)
    if other := graph.decisions.keys() - space.searched.decisions.keys():
        headline = f"`{min(other)}` cannot be searched: only train-only outputs depend on it"
        raise cannot(headline, "remove these outputs from the loss")
    return graph


def fixed_outcomes(member: MemberConfig, graph: Graph) -> dict[str, int]:
    """The outcome indices, by path, of the decisions that an architecture of a co-search fixes.

    Raises SpecError (ARCH606) for unknown decisions and outcomes.
    """
    found: dict[str, int] = {}
    for name, label in member.fixed.items():
        paths = [path for path in graph.decisions if is_named(path, name)]
        if not paths:
            raise no_decision(name, graph.decisions, member.places.get(name))
        for path in paths:
            decision = graph.decisions[path]
            outcome = decision.number(label)
            if outcome is None:
                guess = closest(label, decision.outcomes)
                listed = f"available: {', '.join(decision.outcomes[:12])}"
                help = f"did you mean `{guess}`? {listed}" if guess else listed
                raise cannot(f"`{path}` has no outcome `{label}`", help, member.places.get(name))
            found[path] = outcome
    return found
