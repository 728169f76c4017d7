"""Quality measures of the result of a differentiable search: entropy of decisions, signs of collapse."""

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
"""The mean normalized entropy from which a search counts as undecided; 1 is uniform.

At 0.95, the most probable of six outcomes has a probability of about 0.35, the others 0.13 each, so that
another seed may well choose another outcome.
"""
COLLAPSED = 0.9
"""The fraction of edges that are zeros, skips or pooling, from which a network counts as collapsed.

Weight-sharing searches tend to collapse into skips and pooling, which train faster (Zela et al.,
arXiv:1909.09656).
"""
RANDOM = 8
"""Number of random networks for comparing costs."""


def entropy(chances: Sequence[float]) -> float:
    """The normalized entropy: 0 if one outcome has probability 1, 1 for the uniform distribution."""
    if len(chances) < 2:
        return 0.0
    return max(0.0, -sum(p * math.log(p) for p in chances if p > 0) / math.log(len(chances)))


def verdict(
    space: Space, chances: Mapping[str, Sequence[float]], chosen: Mapping[str, str], seed: int = 0
) -> dict[str, Any]:
    """Quality measures and warnings of a search result, as JSON values.

    `chances` are the outcome probabilities by decision, `chosen` the selected outcomes. In the result,
    `entropy` is the normalized entropy of each decision and `mean_entropy` their mean; `edges` is the number
    of choices between ops, `idle` the fraction of them whose selected op has no multiplications; `shallow` is
    True if all depths are minimal; `random` are the costs of uniformly sampled networks.
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
    sampled = [Total()(space.bind(space.sample(rng)).graph) for _ in range(RANDOM)]
    return [{"params": cost.params, "macs": cost.macs} for cost in sampled]
