"""What scores the networks that a strategy proposes one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.objectives import Plain
from archdsl.configs.setting import setting
from archdsl.configs.word import Maker

PREDICTIONS = ("miou", "macc", "fwiou", "reward", "accuracy", "cross_entropy")
"""Scores of what a network predicts on the images to validate on."""
MEANS = PREDICTIONS[:4]
"""Those that are means over classes, and have settings."""


@dataclass(frozen=True)
class EvaluatorKind(Maker):
    """An evaluator; `scores` are the names, beside costs, that an objective can use.

    `make` is (config, surroundings) -> archdsl.search.evaluators.base.Evaluator; `surroundings` have the space
    and what else it can be for.  One that `trains` reads the data of the search, and is not asked twice about
    networks with equal graphs.
    """

    scores: tuple[str, ...] = ()
    trains: bool = False
    predicts: bool = False
    """Whether it scores predictions, in which classes can be left out: `miou(omit = ["sky"])`."""
    reads_command: bool = False
    """Whether it runs the program that `--command` names, which prints whatever scores goals name."""

    @property
    def by_graph(self) -> bool:
        """Whether networks with equal graphs are one, as an evaluation takes long."""
        return self.trains or self.reads_command

    def reads(self, score: str) -> bool:
        """Whether it reads settings of a score that a goal names."""
        return self.predicts and score in MEANS


@dataclass(frozen=True)
class Training:
    """Training from scratch."""

    epochs: int = setting("whole", "epochs of each network; those of a rung replace them", 3, low=1)
    optimizer: Any = setting(
        "word", "what trains the weights", group="optimizers",
        usual="sgd(lr = 0.025, end = 1e-3, decay = 5e-4)",
    )  # fmt: skip
    loss: Any = setting(
        "word", "what is minimised", group="objectives", choices=("cross_entropy", "ohem"),
        usual="cross_entropy",
    )  # fmt: skip
    clip: float = setting("number", "greatest norm of gradients; 0: not clipped", 5.0)


@dataclass(frozen=True)
class Command:
    """A program of the user's, which `--command` names."""

    timeout: Any = setting("time", "after which a network has failed", 600_000, usual="10 min")
    scores: Any = setting(
        "data", "names of the scores that the program prints", form=forms.SCORES, declares=True,
        usual="those that goals name",
    )  # fmt: skip


EVALUATORS: dict[str, EvaluatorKind] = {
    "costs": EvaluatorKind(
        "parameters, MACs, FLOPs, latency and rate by tables: nothing is trained", Plain,
        make="archdsl.search.evaluators.costs:Unscored",
    ),
    "training": EvaluatorKind(
        "every network trained from scratch, and scored on the images to validate on", Training,
        make="archdsl.search.evaluators.training:FromScratch", scores=PREDICTIONS, trains=True, predicts=True,
    ),
    "command": EvaluatorKind(
        "a program of the command line gets each network as a file, and prints its scores as JSON", Command,
        make="archdsl.search.evaluators.command:OfCommand", reads_command=True,
    ),
}  # fmt: skip
