"""Whether a search decided anything, and whether what it found computes anything."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from archdsl.passes.analyses.depth import depths
from archdsl.passes.analyses.idle import idle_outcomes
from archdsl.passes.costs.cost import Total
from archdsl.program import Space

UNDECIDED = 0.95
"""Mean normalised entropy from which on a search counts as undecided.

1 is uniform.  At 0.95 the likeliest of six outcomes has a chance of about 0.35, the others of 0.13 each:
another seed would as likely choose another.
"""
COLLAPSED = 0.9
"""Share of edges that multiply nothing from which on the network counts as collapsed.

Searches by weight sharing fall into skips and pooling where these train faster (Zela et al.,
arXiv:1909.09656); a network of which nine edges in ten do so is hardly one that was searched for.
"""
RANDOM = 8
"""Networks drawn to set the costs of the found one beside."""


def entropy(chances: Sequence[float]) -> float:
    """Of a distribution, as a share of the most that it could be: 0 decided, 1 uniform."""
    if len(chances) < 2:
        return 0.0
    return max(0.0, -sum(p * math.log(p) for p in chances if p > 0) / math.log(len(chances)))


def verdict(
    space: Space, chances: Mapping[str, Sequence[float]], chosen: Mapping[str, str], seed: int = 0
) -> dict[str, Any]:
    """How decided a search is, how much of its network is idle, and what is to be warned of, as plain values.

    `entropy` is by decision, `mean_entropy` over them; `idle` the share of the network's edges that multiply
    nothing; `shallow` that every depth is the least; `random` the costs of networks drawn uniformly.
    """
    by = {path: round(entropy(p), 6) for path, p in chances.items()}
    mean = fmean(by.values()) if by else 0.0
    edges = idle_outcomes(space.searched)
    deep = depths(space.searched)
    idle = [edges[p][space.decisions[p].index[o]] for p, o in chosen.items() if p in edges and p not in deep]
    share = sum(idle) / len(idle) if idle else None
    kept = {p: rounds[space.decisions[p].index[chosen[p]]] for p, rounds in deep.items() if p in chosen}
    shallow = bool(deep) and all(count == min(deep[p]) for p, count in kept.items())
    warnings = []
    if mean >= UNDECIDED:
        warnings.append(
            f"undecided: the probabilities are near uniform (mean entropy {mean:.2f} of 1); search longer, or"
            " with a higher architecture_lr"
        )
    if share is not None and share >= COLLAPSED:
        warnings.append(
            f"collapsed: {sum(idle)} of {len(idle)} edges of the network are zeros, skips or pooling; compare"
            " it with networks of `archdsl sample`, lower the weight of the cost, or search longer"
        )
    return {
        "entropy": by, "mean_entropy": mean, "idle": share, "edges": len(idle), "shallow": shallow,
        "random": _random(space, seed), "warnings": warnings,
    }  # fmt: skip


def _random(space: Space, seed: int) -> list[dict[str, int]]:
    rng = random.Random(seed)
    drawn = [Total()(space.bind(space.sample(rng)).graph) for _ in range(RANDOM)]
    return [{"params": cost.params, "macs": cost.macs} for cost in drawn]
