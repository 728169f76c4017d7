"""Configs of the clauses of a `search` block and of the groups in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Search:
    """Clauses of a search."""

    strategy: Any = setting("word", "the search strategy", group="strategies", usual="differentiable")
    sampler: Any = setting(
        "word", "sampler of all decisions; shorthand for `sampler` of the strategy", group="samplers"
    )
    epochs: int = setting(
        "whole", "number of epochs; shorthand for `epochs` of the strategy", low=1, usual="8"
    )
    data: Any = setting(
        "word", "the dataset for training and validation", group="datasets", usual="synthetic"
    )
    batch: int = setting("whole", "batch size; shorthand for `batch` of the dataset", low=1, usual="8")
    init: float = setting("number", "standard deviation of the initial logits", 1e-3)
    seed: int = setting("whole", "random seed; --seed takes precedence", 0, high=2**63 - 1)
    budget: Any = setting("time", "time limit, checked after each epoch or trial", usual="none")
    evaluate: Any = setting(
        "word", "the evaluator that scores each proposed network", group="evaluators",
        usual="costs",
    )  # fmt: skip
    decode: Any = setting(
        "word", "how a differentiable search derives its network from probabilities", group="decoders",
        usual="the most probable outcome of each decision",
    )  # fmt: skip
    trials: int = setting("whole", "number of trials (networks evaluated)", low=1, usual="100")
    private: Any = setting(
        "names",
        "parts of the space whose weights are not shared: each of several architectures stores its own",
        usual="none",
    )
    blend_outputs: Any = setting(
        "names", "decisions for which a supernet evaluates the rest of the block on each candidate and blends the results, instead of blending the candidates",
        usual="none",
    )  # fmt: skip
    parallel: int = setting(
        "whole", "maximum number of concurrent trials", low=1, high=4096,
        usual="1",
    )  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Clauses of the groups `architecture { … }` and `parameters { … }`."""

    optimizer: Any = setting("word", "the optimizer of these parameters", group="optimizers")


SIZES = ("sampled", "largest", "smallest", "random")
"""The outcomes that decisions on sizes take in a forward pass."""


@dataclass(frozen=True)
class ArchitectureGroup:
    """Clauses of a group that declares one of several architectures which share weights."""

    optimizer: Any = setting(
        "word", "the optimizer of the architecture parameters", group="optimizers", usual="that of `architecture`"
    )  # fmt: skip
    passes: Any = setting(
        "choices", "the forward passes of a step: a network of each of these sizes", choices=SIZES, usual="[sampled]"
    )  # fmt: skip
    pretrain_passes: Any = setting(
        "choices", "`passes` during the epochs of `pretrain`; [] excludes this architecture from them", choices=SIZES, usual="as `passes`"
    )  # fmt: skip
    decode: Any = setting(
        "word", "how the network of this architecture is derived from probabilities", group="decoders", usual="that of the search"
    )  # fmt: skip
