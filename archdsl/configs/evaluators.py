"""What scores the networks that a strategy proposes one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.objectives import Plain
from archdsl.configs.word import Maker

PREDICTIONS = ("miou", "macc", "fwiou", "reward", "accuracy", "cross_entropy")
"""Scores of what a network predicts on the images to validate on."""


@dataclass(frozen=True)
class EvaluatorKind(Maker):
    """An evaluator; `scores` are the names, beside costs, that an objective can use.

    `make` is (config, surroundings) -> archdsl.search.evaluators.base.Evaluator; `surroundings` have the space
    and what else it can be for.  One that `trains` reads the data of the search, and is not asked twice about
    networks with equal graphs.
    """

    scores: tuple[str, ...] = ()
    trains: bool = False


EVALUATORS: dict[str, EvaluatorKind] = {
    "costs": EvaluatorKind(
        "parameters, MACs, FLOPs, latency and rate by tables: nothing is trained", Plain,
        make="archdsl.search.evaluators.costs:Unscored",
    ),
}  # fmt: skip
