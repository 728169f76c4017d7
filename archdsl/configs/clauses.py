"""What the clauses of a search and of its groups set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Search:
    """Clauses of a search."""

    strategy: Any = setting("word", "what proposes networks", group="strategies", usual="differentiable")
    sampler: Any = setting("word", "of all decisions; short for that of the strategy", group="samplers")
    epochs: int = setting("whole", "epochs of the search; short for those of the strategy", low=1, usual="8")
    data: Any = setting("word", "what is trained and scored on", group="datasets", usual="synthetic")
    batch: int = setting("whole", "images of a step; short for that of the data", low=1, usual="8")
    init: float = setting("number", "standard deviation of the logits at the start", 1e-3)
    seed: int = setting("whole", "of all that is random, unless the command line has one", 0, high=2**63 - 1)
    budget: Any = setting("time", "the search ends with the epoch in which it is used up", usual="none")
    evaluate: Any = setting(
        "word", "what scores the networks that a strategy proposes one after the other", group="evaluators",
        usual="costs",
    )  # fmt: skip
    trials: int = setting("whole", "networks that are scored", low=1, usual="100")
    parallel: int = setting(
        "whole", "networks that are evaluated at once, before the first of them is observed", low=1, high=4096,
        usual="1",
    )  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Clauses of `architecture` and of `parameters`."""

    optimizer: Any = setting("word", "what trains them", group="optimizers")
