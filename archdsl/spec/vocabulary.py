"""What a search can name, by kind: strategies, samplers, schedules, optimizers, datasets, objectives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archdsl.registry import demand_free, loaded, unusable
from archdsl.spec.datasets import DATASETS, DatasetKind
from archdsl.spec.words import Word

# fmt: off
GROUPS: Mapping[str, Mapping[str, Word]] = {
    "strategies": {
        "differentiable": Word(
            "a supernet and architecture parameters trained together by gradients (DARTS, AutoRTNet, GAS)",
            ("sampler", "epochs", "gates_from", "steps", "warmup", "order", "clip", "pretrain",
             "refine", "refine_epochs"),
        ),
        "evolution": Word(
            "ageing evolution",
            ("population", "generations", "mutation", "tournament"), run=False,
        ),
        "random": Word("networks drawn at random", ("trials",), run=False),
        "reinforce": Word(
            "a controller trained by the policy gradient",
            ("controller", "lr", "baseline", "entropy", "clip", "samples"), run=False,
        ),
        "ppo": Word(
            "a controller trained by proximal policy optimization",
            ("controller", "lr", "baseline", "entropy", "clip", "epochs", "buffer", "samples"), run=False,
        ),
        "lstm": Word("the controller of `reinforce` and `ppo`", ("hidden", "layers"), run=False),
    },
    "samplers": {
        "gumbel": Word(
            "all candidates run, weighted by probabilities with Gumbel noise (Gumbel-softmax)",
            ("tau", "end", "schedule", "start", "hard"),
        ),
        "softmax": Word(
            "all candidates run, weighted by their probabilities",
            ("tau", "end", "schedule", "start"),
        ),
        "hard": Word(
            "all candidates run, the sampled one with weight 1 (straight-through)",
            ("tau", "end", "schedule", "start"),
        ),
        "one_path": Word(
            "only the sampled candidates run (straight-through)",
            ("tau", "end", "schedule", "start"),
        ),
        "uniform": Word("only sampled candidates run, each equally likely; the architecture is not trained"),
        "fixed": Word("only the likeliest candidates run; the architecture is not trained"),
    },
    "schedules": {
        "cosine": Word("along a half cosine", ("lr", "end", "epochs")),
        "poly": Word("along a power of the progress", ("lr", "power", "end", "epochs")),
        "linear": Word("along a line", ("lr", "end", "epochs")),
        "exponential": Word("by equal factors", ("lr", "decay")),
    },
    "optimizers": {
        "adam": Word("Adam", ("lr", "betas", "decay", "end")),
        "sgd": Word("SGD with momentum", ("lr", "end", "momentum", "decay", "schedule")),
    },
    "datasets": DATASETS,
    "communication": {
        "gcn": Word(
            "messages between cells by a graph convolution (GAS, section 3.2)",
            ("hidden", "layers", "residual", "between", "source", "lr"),
        ),
        "dense": Word(
            "messages between cells by linear layers",
            ("hidden", "residual", "between", "source", "lr"),
        ),
    },
    "objectives": {
        "cross_entropy": Word("mean cross-entropy of labelled pixels", ("class_weights",)),
        "ohem": Word("cross-entropy of the hardest pixels", ("threshold", "kept", "class_weights")),
        "distillation": Word("divergence from a teacher", ("weight", "teacher", "temperature"), run=False),
        "miou": Word("mean intersection over union", run=False),
        "reward": Word("the reward of template-based search", run=False),
        "log": Word("natural logarithm of a cost", None),
        "latency": Word("time of one image by a lookup table, in ms", ("device", "table", "mode")),
        "rate": Word("images a second by a lookup table", ("device", "table", "mode")),
        "params": Word("trainable parameters"),
        "macs": Word("multiply-accumulates of one image"),
        "flops": Word("2 × MACs"),
        "cells": Word("what `communicate` is between: cells"),
        "decisions": Word("what `communicate` is between: decisions"),
    },
}
# fmt: on


class _Settings(Mapping[str, "tuple[str, ...] | None"]):
    """The settings of every word, as the groups have them now."""

    def __getitem__(self, name: str) -> tuple[str, ...] | None:
        for words in GROUPS.values():
            if name in words:
                return words[name].settings
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for words in GROUPS.values() for name in words)

    def __len__(self) -> int:
        return sum(len(words) for words in GROUPS.values())


VOCABULARY: Mapping[str, tuple[str, ...] | None] = _Settings()
"""Every name, and the settings it takes."""


def register_dataset(name: str, place: str, plugin: str) -> None:
    """Adds a kind of data of a plug-in, a `DatasetKind` at "module:attribute".

    Raises SpecError: ARCH864 where it is none, ARCH865 where a search knows the name already.
    """
    demand_free("dataset", name, plugin, VOCABULARY)
    made = loaded("dataset", place, DatasetKind, plugin)
    if not callable(made.files or made.samples):
        raise unusable("dataset", place, plugin, "it has neither a function `files` nor one `samples`")
    DATASETS[name] = made


CLAUSES: Mapping[str, str | None] = {
    "strategy": None,
    "data": None,
    "budget": "time",
    "samples": "number",
    "epochs": "number",
    "batch": "number",
    "seed": "number",
    "optimizer": None,
    "schedule": None,
    "sampler": None,
    "init": None,
    "temperature": None,
    "upsample": None,
}
"""What a search or a group sets, and what it measures (None: not an amount)."""
