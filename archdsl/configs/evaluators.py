"""Configs of evaluators, which score individual networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.objectives import Plain
from archdsl.configs.setting import setting
from archdsl.configs.word import Maker

PREDICTIONS = ("miou", "macc", "fwiou", "reward", "accuracy", "cross_entropy")
"""Scores of predictions on the validation images."""
MEANS = PREDICTIONS[:4]
"""Scores that are means over classes, with settings."""


@dataclass(frozen=True)
class EvaluatorKind(Maker):
    """An evaluator; `scores` are the names, beside costs, available in objectives.

    `make` is (config, surroundings) -> archdsl.search.evaluators.base.Evaluator; `surroundings` have the
    space and what else it can be for.  One that `trains` reads the data of the search, and is not asked twice
    about networks with equal graphs.
    """

    scores: tuple[str, ...] = ()
    trains: bool = False
    predicts: bool = False
    """Whether it scores predictions, where classes can be omitted: `miou(omit = ["sky"])`."""
    reads_command: bool = False
    """Whether it runs the program given by `--command`, which prints the scores."""

    @property
    def by_graph(self) -> bool:
        """Whether to merge networks with equal graphs, as evaluations are expensive."""
        return self.trains or self.reads_command

    def reads(self, score: str) -> bool:
        """Whether it reads settings of scores."""
        return self.predicts and score in MEANS


@dataclass(frozen=True)
class Training:
    """Training from scratch."""

    epochs: int = setting(
        "whole", "epochs of each network; overridden by rungs of successive halving", 3, low=1
    )
    optimizer: Any = setting(
        "word", "optimizer of the weights", group="optimizers",
        usual="sgd(lr = 0.025, end = 1e-3, decay = 5e-4)",
    )  # fmt: skip
    loss: Any = setting(
        "word", "training loss", group="objectives", choices=("cross_entropy", "ohem"),
        usual="cross_entropy",
    )  # fmt: skip
    clip: float = setting("number", "maximum gradient norm; 0 disables clipping", 5.0)


@dataclass(frozen=True)
class Weights:
    """Weights that all networks share, in a supernet."""

    path: str | None = setting(
        "text",
        "folder of a search whose supernet is taken, relative to where it is run",
        usual="trained first",
    )
    train: Any = setting(
        "word", "which networks train the weights", group="sharing", usual="sandwich(random = 2)"
    )
    epochs: int = setting("whole", "epochs of the supernet", 20, low=1)
    optimizer: Any = setting(
        "word", "what trains the weights", group="optimizers",
        usual="sgd(lr = 0.025, end = 1e-3, decay = 5e-4)",
    )  # fmt: skip
    loss: Any = setting(
        "word", "what is minimised", group="objectives", choices=("cross_entropy", "ohem"),
        usual="cross_entropy",
    )  # fmt: skip
    clip: float = setting("number", "maximum gradient norm; 0 disables clipping", 5.0)
    calibrate: int = setting(
        "whole", "batches over which running statistics of a network are computed anew", 4, low=1
    )


@dataclass(frozen=True)
class Command:
    """A user program, given by `--command`."""

    timeout: Any = setting(
        "time", "time limit of each network, after which it has failed", 600_000, usual="10 min"
    )
    scores: Any = setting(
        "data", "names of the scores printed by the program", form=forms.SCORES, declares=True,
        usual="scores in objectives and requirements",
    )  # fmt: skip


EVALUATORS: dict[str, EvaluatorKind] = {
    "costs": EvaluatorKind(
        "costs only (parameters, MACs, FLOPs, latency, frame rate), without training", Plain,
        make="archdsl.search.evaluators.costs:Unscored",
    ),
    "training": EvaluatorKind(
        "trains each network from scratch, and scores it on the validation images", Training,
        make="archdsl.search.evaluators.training:FromScratch", scores=PREDICTIONS, trains=True, predicts=True,
    ),
    "weights": EvaluatorKind(
        "networks with weights that all share, trained once (one-shot, once-for-all)", Weights,
        make="archdsl.search.evaluators.weights:OfWeights", scores=PREDICTIONS, trains=True, predicts=True,
    ),
    "command": EvaluatorKind(
        "a program given on the command line receives each network as a file, and prints its scores as JSON", Command,
        make="archdsl.search.evaluators.command:OfCommand", reads_command=True,
    ),
}  # fmt: skip
