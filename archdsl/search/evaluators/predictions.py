"""Scores of a network from its predictions, under the names used in objectives."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
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
from archdsl.train.evaluation import seen_outputs
from archdsl.train.losses import cross_entropy, labelled
from archdsl.train.tallies import ClassTally, ScoredOutput, Tally
from archdsl.train.tasks import PLAIN


class Predictions:
    """Scores networks on a dataset by `miou`, `macc`, `fwiou`, `reward`, `accuracy` and `cross_entropy`.

    These are of outputs of classes; those of yes-or-no maps are `f1`, `precision` and `recall`, those of maps
    of numbers `mae`, `rmse` and `delta1`. Scores of other outputs than the main one have its name:
    `mae(depth)`; those with settings in objectives are named by their text: `reward(compat = true)`. Raises
    SpecError (ARCH606) if these omit unknown classes, or all classes, and for scores that an output does not
    have.
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
        """Raises SpecError (ARCH606) for a score that an output does not have."""
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

    @torch.inference_mode()
    def score(self, module: nn.Module) -> dict[str, float]:
        """The scores of a module in its eval mode, at the resolution of the labels.

        Raises SpecError as `archdsl.train.evaluation.seen_outputs`.
        """
        was_training = module.training
        module.eval()
        tallies = {one.name: one.tally(len(self.dataset.classes)) for one in self.outputs}
        losses = {one.name: [0.0, 0] for one in self.outputs}
        names, targets = list(tallies), [one.target for one in self.outputs]
        for seen, there in seen_outputs(module, self.dataset, self.processes, names, targets):
            for one in self.outputs:
                tallies[one.name].add(seen[one.name], there[one.target])
                if one.task == "classes":
                    count = int(labelled(there[one.target]))
                    loss = count * float(cross_entropy(seen[one.name], there[one.target]))
                    losses[one.name] = [losses[one.name][0] + loss, losses[one.name][1] + count]
        module.train(was_training)
        means = {name: total / count if count else math.nan for name, (total, count) in losses.items()}
        return {
            name: _value(term, omit, tallies[term.output or self.main], means[term.output or self.main])
            for name, (term, omit) in self.wanted.items()
        }


_SCORES = {"classes": PREDICTIONS, "binary": OF_MAPS[:3], "regression": OF_MAPS[3:]}
"""The scores of an output by its task."""


def _value(term: Term, omit: Collection[int], tally: Tally, loss: float) -> float:
    if not isinstance(tally, ClassTally):
        score = tally.scores()[term.name]
        return 0.0 if math.isnan(score) else score  # precision, where nothing is predicted
    if term.name == "cross_entropy":
        return loss
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
        raise cannot(f"`{term.name}` omits every class", "leave one", place)
    return [number for number, name in enumerate(classes) if name in names]
