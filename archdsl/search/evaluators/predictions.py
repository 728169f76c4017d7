"""Scores networks by their predictions on a dataset, under the names used in objectives."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from archdsl.configs.evaluators import OF_MAPS, PREDICTIONS
from archdsl.data.dataset import Dataset
from archdsl.runs.processes import Processes
from archdsl.search.config import SearchConfig
from archdsl.search.scores import terms_of
from archdsl.search.terms import cannot
from archdsl.spec.search_values import Term, written
from archdsl.train.losses import cross_entropy, labelled
from archdsl.train.metrics import Confusion
from archdsl.train.tallies import ClassTally, ScoredOutput, Tally, tallied
from archdsl.train.tasks import PLAIN


class Predictions:
    """Scores networks on a dataset.

    Outputs that predict classes have the scores `miou`, `macc`, `fwiou`, `reward`, `accuracy` and
    `cross_entropy`; binary maps `f1`, `precision` and `recall`; regression `mae`, `rmse` and `delta1`. Scores
    of outputs other than the main one have names such as `mae(depth)`; scores with settings are named by
    their text in objectives, such as `reward(compat = true)`. Raises SpecError (ARCH606) if a term of `goals`
    omits unknown classes or all classes, or names a score that its output does not have.
    """

    def __init__(
        self, goals: SearchConfig, dataset: Dataset, processes: Processes,
        outputs: Sequence[ScoredOutput] = PLAIN, main: str = "",
    ):  # fmt: skip
        self.dataset, self.processes, self.outputs, self.main = dataset, processes, outputs, main
        self.wanted: dict[str, tuple[Term, Collection[int]]] = {}
        for output in outputs:
            own = "" if output.name == main else output.name
            for name in _SCORES[output.task] if not own or output.task != "classes" else ("miou",):
                term = Term(name, output=own)
                self.wanted[written(term)] = (term, ())
        for term in terms_of(goals):
            if term.name in (*PREDICTIONS, *OF_MAPS):
                self._demand(term)
                self.wanted.setdefault(written(term), (term, _omitted(term, dataset.classes)))

    def _demand(self, term: Term) -> None:
        """Raises SpecError (ARCH606) if the output of a term is not scored, or does not have this score."""
        name = term.output or self.main
        tasks = {output.name: output.task for output in self.outputs}
        if name not in tasks:
            help = f"scored outputs: {', '.join(tasks)}: those with a loss that are deployed"
            raise cannot(f"`{name}` is not scored", help, term.places.get("output", term.at))
        if term.name not in _SCORES[tasks[name]]:
            others = [f"{term.name}({n})" for n, task in tasks.items() if term.name in _SCORES[task] and n]
            help = " or ".join(others) or f"available: {', '.join(_SCORES[tasks[name]])}"
            of = f"`{name}`" if name else "the main output"
            raise cannot(f"`{term.name}` is not a score of {of}", help, term.at)

    def score(self, module: nn.Module) -> dict[str, float]:
        """The scores of a module by name, at the resolution of the labels.

        Raises SpecError as `archdsl.train.evaluation.seen_outputs`.
        """
        tallies = tallied(module, self.dataset, self.processes, self.outputs, made=_tally)
        return {
            name: _value(term, omit, tallies[term.output or self.main])
            for name, (term, omit) in self.wanted.items()
        }


@dataclass
class _WithLoss(ClassTally):
    """A ClassTally that also accumulates the cross-entropy of labelled pixels."""

    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))

    def add(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None:
        super().add(output_BCHW, target_BHW)
        if count := int(labelled(target_BHW)):
            loss = count * float(cross_entropy(output_BCHW, target_BHW))
            self.sums += torch.tensor([loss, count], dtype=torch.float64)

    def join(self, processes: Processes) -> None:
        super().join(processes)
        self.sums = processes.sum(self.sums)

    @property
    def loss(self) -> float:
        """The mean cross-entropy over labelled pixels; nan without labelled pixels."""
        total, count = self.sums.tolist()
        return total / count if count else math.nan


def _tally(output: ScoredOutput, classes: int) -> Tally:
    return _WithLoss(Confusion(classes)) if output.task == "classes" else output.tally(classes)


_SCORES = {"classes": PREDICTIONS, "binary": OF_MAPS[:3], "regression": OF_MAPS[3:]}
"""The names of the scores of an output, by its task."""


def _value(term: Term, omit: Collection[int], tally: Tally) -> float:
    if not isinstance(tally, _WithLoss):
        score = tally.scores()[term.name]
        return 0.0 if math.isnan(score) else score  # precision, where nothing is predicted
    if term.name == "cross_entropy":
        return tally.loss
    if term.name == "accuracy":
        return tally.confusion.accuracy()
    means = tally.confusion.means(omit, compat=bool(term.settings.get("compat", False)))
    found: float = getattr(means, term.name)
    return found


def _omitted(term: Term, classes: Sequence[str]) -> list[int]:
    names: Any = term.settings.get("omit", ())
    place = term.places.get("omit", term.at)
    for name in names:
        if name not in classes:
            raise cannot(f"`{term.name}` omits `{name}`, which is not a class", ", ".join(classes), place)
    if set(names) >= set(classes):
        raise cannot(f"`{term.name}` omits every class", "remove a class from `omit`", place)
    return [number for number, name in enumerate(classes) if name in names]
