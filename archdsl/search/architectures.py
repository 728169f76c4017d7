"""The architectures of a search, each with its settings and its space: one, or several that share weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archdsl.diagnostics import closest
from archdsl.ir import Graph
from archdsl.ir.paths import is_named
from archdsl.program import Space
from archdsl.search.config import MemberConfig, SearchConfig
from archdsl.search.decision_names import no_decision
from archdsl.search.terms import cannot


@dataclass(frozen=True)
class Architecture:
    """What an architecture is searched in, and for; `fixed` are decisions that always have an outcome."""

    name: str
    config: SearchConfig
    space: Space
    fixed: Mapping[str, int] = field(default_factory=dict)
    passes: tuple[str, ...] = ("sampled",)
    pretrain_passes: tuple[str, ...] = ("sampled",)


def architectures(
    config: SearchConfig, space_of: Callable[[Mapping[str, Any]], Space]
) -> tuple[Architecture, ...]:
    """The architectures of a search; `space_of` makes the space under settings of one of them.

    Raises SpecError (ARCH606) for decisions and outcomes that its space does not have, and settings that
    only a search of one architecture has.
    """
    if not config.members:
        return (Architecture("", config, space_of({})),)
    if config.refine:
        raise cannot("`refine` is not supported for several architectures", "remove `refine`")
    if config.pretrain and not any(member.pretrain_passes for member in config.members):
        help = "give an architecture `pretrain_passes = [largest]`"
        raise cannot("no architecture has a forward pass in `pretrain`", help)
    found = []
    for member in config.members:
        space = space_of(member.of_space)
        fixed = _fixed(member, space.searched)
        own = config.of(member)
        found.append(Architecture(member.name, own, space, fixed, member.passes, member.pretrain_passes))
    return tuple(found)


def _fixed(member: MemberConfig, graph: Graph) -> dict[str, int]:
    """The outcomes of decisions that a member fixes, by path."""
    found: dict[str, int] = {}
    for name, label in member.fixed.items():
        paths = [path for path in graph.decisions if is_named(path, name)]
        if not paths:
            raise no_decision(name, graph.decisions, member.at)
        for path in paths:
            decision = graph.decisions[path]
            outcome = decision.number(label)
            if outcome is None:
                guess = closest(label, decision.outcomes)
                listed = f"available: {', '.join(decision.outcomes[:12])}"
                help = f"did you mean `{guess}`? {listed}" if guess else listed
                raise cannot(f"`{path}` has no outcome `{label}`", help, member.at)
            found[path] = outcome
    return found
