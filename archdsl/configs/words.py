"""The registry of the names that searches can use: by kind, each name with its summary and config class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from archdsl.configs import (
    communication,
    controllers,
    decoding,
    evaluators,
    objectives,
    optimizers,
    samplers,
    schedules,
    sharing,
    strategies,
)
from archdsl.configs.datasets import DATASETS, DatasetKind
from archdsl.configs.evaluators import EVALUATORS, EvaluatorKind
from archdsl.configs.word import LossKind, Maker, Word
from archdsl.diagnostics import closest
from archdsl.registry import demand_free, loaded, unusable

# fmt: off
STRATEGIES: dict[str, Word] = {
    "differentiable": Word("a supernet and architecture parameters trained together by gradients (DARTS, AutoRTNet, GAS)", strategies.Differentiable),
    "random": strategies.StrategyKind("random search", strategies.Random, make="archdsl.search.strategies.random_sampling:RandomSampling", pareto=True, learns=False),
    "evolution": strategies.StrategyKind("regularized (ageing) evolution: mutates tournament winners, removes the oldest network (arXiv:1802.01548)", strategies.Evolution, make="archdsl.search.strategies.evolution:Evolution"),
    "nsga2": strategies.StrategyKind("NSGA-II: evolution towards a Pareto front, by non-dominated sorting and crowding", strategies.Nsga2, make="archdsl.search.strategies.nsga2:Nsga2", pareto=True),
    "hill_climb": strategies.StrategyKind("hill climbing: neighbours of the best network, with restarts", strategies.HillClimb, make="archdsl.search.strategies.hill_climb:HillClimb"),
    "optuna": strategies.StrategyKind("a sampler of Optuna (extra `optuna`)", strategies.Optuna, make="archdsl.search.strategies.optuna_sampler:OptunaSampler", pareto=True),
    "successive_halving": strategies.StrategyKind("successive halving (ASHA): the best networks of another strategy are trained longer (arXiv:1810.05934)", strategies.SuccessiveHalving, make="archdsl.search.strategies.successive_halving:successive_halving", pareto=True),
    "reinforce": strategies.StrategyKind("a controller trained by REINFORCE (policy gradient)", controllers.Reinforce, make="archdsl.search.strategies.controller.reinforce:Reinforce"),
    "ppo": strategies.StrategyKind("a controller trained by proximal policy optimization", controllers.Ppo, make="archdsl.search.strategies.controller.ppo:Ppo"),
}
OBJECTIVES: dict[str, Word] = {
    "cross_entropy": LossKind("mean cross-entropy of labelled pixels", objectives.CrossEntropy, make="archdsl.train.losses:cross_entropy"),
    "ohem": LossKind("online hard example mining: cross-entropy of the hardest pixels", objectives.Ohem, make="archdsl.train.losses:ohem"),
    "bce": LossKind("binary cross-entropy of an output of one channel, such as an edge map", objectives.Bce, make="archdsl.train.losses:bce", task="binary"),
    "l1": LossKind("mean absolute error of an output of one channel, such as a depth map", objectives.OfOutput, make="archdsl.train.losses:l1", task="regression"),
    "mse": LossKind("mean squared error of an output of one channel", objectives.OfOutput, make="archdsl.train.losses:mse", task="regression"),
    "smooth_l1": LossKind("smooth L1 (Huber) loss of an output of one channel", objectives.SmoothL1, make="archdsl.train.losses:smooth_l1", task="regression"),
    "distillation": Word("knowledge distillation from a teacher", objectives.Distillation, run=False),
    "miou": Word("mean intersection over union (mIoU)", objectives.OfClasses, of_output=True),
    "macc": Word("mean accuracy over classes", objectives.OfAccuracies, of_output=True),
    "fwiou": Word("frequency-weighted intersection over union", objectives.OfClasses, of_output=True),
    "accuracy": Word("pixel accuracy", objectives.NoSettings, of_output=True),
    "reward": Word("the reward of template-based search (arXiv:1904.02365): (miou · macc · fwiou)^(1/3)", objectives.OfAccuracies, of_output=True),
    "f1": Word("F1 score of an output trained with `bce`; pixels with a probability of at least 0.5 are positive", objectives.NoSettings, of_output=True),
    "precision": Word("precision of an output trained with `bce`", objectives.NoSettings, of_output=True),
    "recall": Word("recall of an output trained with `bce`", objectives.NoSettings, of_output=True),
    "mae": Word("mean absolute error of a map of numbers", objectives.NoSettings, of_output=True),
    "rmse": Word("root of the mean squared error of a map of numbers", objectives.NoSettings, of_output=True),
    "delta1": Word("fraction of pixels with max(prediction / target, target / prediction) < 1.25 (δ1 of depth estimation)", objectives.NoSettings, of_output=True),
    "log": Word("natural logarithm of a cost", objectives.NoSettings, function=1, example="log(macs)"),
    "window": Word("an adaptive weight: after each epoch it is halved if a cost is at least the end of a range, and doubled if the cost is at most the start", objectives.NoSettings, function=3, example="window(0.01, rate, 155 fps .. 175 fps)"),
    "latency": Word("latency of one image from a lookup table, in ms", objectives.Timed),
    "rate": Word("frame rate from a lookup table, in images per second", objectives.Timed),
    "params": Word("number of trainable parameters", objectives.NoSettings),
    "macs": Word("multiply-accumulates per image", objectives.NoSettings),
    "flops": Word("floating-point operations per image: 2 × MACs", objectives.NoSettings),
}
GROUPS: Mapping[str, Mapping[str, Word]] = {
    "strategies": STRATEGIES,
    "controllers": {
        "lstm": Word("an LSTM controller, for `reinforce` and `ppo`", controllers.Lstm),
    },
    "optuna_samplers": {
        "tpe": Word("tree-structured Parzen estimators", strategies.Tpe),
        "gp": Word("Bayesian optimization with a Gaussian process", strategies.Gp),
        "nsga2": Word("NSGA-II of Optuna", strategies.Genetic),
        "nsga3": Word("NSGA-III", strategies.Genetic),
        "qmc": Word("a quasi-Monte Carlo sequence", strategies.Unset),
        "random": Word("independent draws", strategies.Unset),
    },
    "evaluators": EVALUATORS,
    "decoders": {
        "branches": Word("branches (paths of cells) of a lattice, as a network of another space (FasterSeg)", decoding.Branches),
    },
    "sharing": {
        "uniform": Word("one random network per step", sharing.Uniform),
        "fair": Word("networks in which all outcomes of a decision are equally frequent (FairNAS, arXiv:1907.01845)", sharing.Fair),
        "sandwich": Word("the largest, the smallest and random networks at each step", sharing.Sandwich),
        "progressive": Word("progressive shrinking: decisions are opened for training in sequence (once-for-all, arXiv:1908.09791)", sharing.Progressive),
    },
    "samplers": {
        "gumbel": Word("Gumbel-softmax: all candidates are computed, weighted by probabilities with Gumbel noise", samplers.Gumbel),
        "softmax": Word("softmax: all candidates are computed, weighted by their probabilities", samplers.Tempered),
        "hard": Word("straight-through: all candidates are computed, the sampled one with weight 1", samplers.Tempered),
        "one_path": Word("straight-through: only the sampled candidates are computed", samplers.Tempered),
        "uniform": Word("candidates are sampled uniformly; the architecture is not trained", samplers.Fixed),
        "fixed": Word("the most probable candidates (argmax); the architecture is not trained", samplers.Fixed),
    },
    "schedules": {
        "cosine": Word("cosine annealing", schedules.Schedule),
        "poly": Word("polynomial decay", schedules.Poly),
        "linear": Word("linear", schedules.Schedule),
        "exponential": Word("exponential decay", schedules.Schedule),
    },
    "optimizers": {
        "adam": Word("Adam", optimizers.Adam),
        "sgd": Word("stochastic gradient descent with momentum", optimizers.Sgd),
    },
    "datasets": DATASETS,
    "communication": {
        "gcn": Word("message passing between cells by a graph convolution (GAS, section 3.3)", communication.Gcn),
        "dense": Word("message passing between cells by linear layers", communication.Messages),
    },
    "objectives": OBJECTIVES,
    "expectations": {
        "corrected": Word("the expectation over the networks of the space", objectives.NoSettings),
        "released": Word("latency accumulated over a lattice of cells as in the released code of FasterSeg, including its defects", decoding.Cells),
    },
    "stages": {
        "decoder_only": Word("trains the decoder on precomputed features", evaluators.DecoderOnly),
        "end_to_end": Word("trains encoder and decoder together", evaluators.EndToEnd),
    },
    "early_stops": {
        "moving_level": Word("stops trainings whose score is below a random fraction of the moving average of others (arXiv:1904.02365)", evaluators.MovingLevel),
    },
    "scopes": {
        "cells": Word("scope of `communicate`: cells", objectives.NoSettings),
        "decisions": Word("scope of `communicate`: decisions", objectives.NoSettings, run=False),
    },
}
# fmt: on


class _Words(Mapping[str, Word]):
    """A mapping from names to the words of all groups, including those of plug-ins."""

    def __getitem__(self, name: str) -> Word:
        for words in GROUPS.values():
            if name in words:
                return words[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for words in GROUPS.values() for name in words)

    def __len__(self) -> int:
        return sum(map(len, GROUPS.values()))


WORDS: Mapping[str, Word] = _Words()
"""All words by name.

If words of several kinds have the same name, as a strategy and a sampler `random`, this is the first in the
order of `GROUPS`; callers that know the kind look the name up there.
"""


KINDS: Mapping[str, str] = {
    "strategies": "strategy", "controllers": "controller", "optuna_samplers": "sampler of Optuna",
    "evaluators": "evaluator", "decoders": "decoder", "sharing": "sampling rule of networks",
    "samplers": "sampler", "schedules": "schedule", "optimizers": "optimizer", "datasets": "dataset",
    "communication": "kind of communication", "scopes": "scope of communication", "objectives": "term of an objective",
    "expectations": "kind of expected latency", "stages": "stage", "early_stops": "rule of early stopping",
}  # fmt: skip
"""The singular noun for the words of each group, for messages."""

NOT_RUN = "not run yet"


def one(kind: str) -> str:
    """The kind with its article: `a sampler`, `an optimizer`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


class _Run(Protocol):
    @property
    def run(self) -> bool: ...


def listed(known: Mapping[str, _Run]) -> str:
    """A list of words or settings for a message: the supported ones, then those that `search` rejects."""
    run = ", ".join(name for name, one in known.items() if one.run)
    others = ", ".join(name for name, one in known.items() if not one.run)
    return "; ".join(filter(None, (run, f"checked, {NOT_RUN}: {others}" if others else "")))


def guessed(name: str, known: Mapping[str, _Run]) -> str | None:
    """The message "did you mean …?" with the known name closest to `name`, preferably a supported one.

    None if no name is close.
    """
    guess = closest(name, [one for one in known if known[one].run]) or closest(name, list(known))
    if guess is None:
        return None
    return f"did you mean `{guess}`?{'' if known[guess].run else f' (checked, {NOT_RUN})'}"


def register_dataset(name: str, place: str, plugin: str) -> None:
    """Registers a dataset of a plug-in, a `DatasetKind` at "module:attribute".

    Raises SpecError: ARCH864 if it is invalid, ARCH865 if the name is taken.
    """
    demand_free("dataset", name, plugin, WORDS)
    made = loaded("dataset", place, DatasetKind, plugin)
    if not callable(made.files or made.samples):
        raise unusable("dataset", place, plugin, "it needs a function `files` or `samples`")
    DATASETS[name] = made


def register_strategy(name: str, place: str, plugin: str) -> None:
    """Registers a strategy of a plug-in, a `StrategyKind` at "module:attribute".

    Raises SpecError: ARCH864 if it is invalid, ARCH865 if the name is taken.
    """
    demand_free("strategy", name, plugin, WORDS)
    STRATEGIES[name] = _maker("strategy", place, strategies.StrategyKind, plugin)


def register_evaluator(name: str, place: str, plugin: str) -> None:
    """Registers an evaluator of a plug-in, an `EvaluatorKind` at "module:attribute", and its scores.

    Raises SpecError: ARCH864 if it is invalid, ARCH865 if the name is taken.
    """
    demand_free("evaluator", name, plugin, WORDS)
    made = _maker("evaluator", place, EvaluatorKind, plugin)
    for score in made.scores:
        if not (score in OBJECTIVES and OBJECTIVES[score].run):
            demand_free("score", score, plugin, WORDS.keys() - OBJECTIVES.keys())
            OBJECTIVES[score] = Word(f"a score of the evaluator {name}", objectives.NoSettings)
    EVALUATORS[name] = made


def register_loss(name: str, place: str, plugin: str) -> None:
    """Registers a loss of a plug-in, a `LossKind` at "module:attribute".

    Raises SpecError: ARCH864 if it is invalid, ARCH865 if the name is taken.
    """
    demand_free("loss", name, plugin, WORDS)
    OBJECTIVES[name] = _maker("loss", place, LossKind, plugin)


M = TypeVar("M", bound=Maker)


def _maker(kind: str, place: str, base: type[M], plugin: str) -> M:
    made: M = loaded(kind, place, base, plugin)
    if not callable(made.make):
        raise unusable(kind, place, plugin, "`make` must be a function")
    return made
