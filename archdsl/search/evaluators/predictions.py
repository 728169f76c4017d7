"""Scores of a network from its predictions, under the names used in objectives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import nn

from archdsl.configs.evaluators import MEANS, PREDICTIONS
from archdsl.data.dataset import Dataset
from archdsl.runs.processes import Processes
from archdsl.search.config import SearchConfig
from archdsl.search.scores import terms_of
from archdsl.search.terms import cannot
from archdsl.spec.search_values import Term, written
from archdsl.train.evaluation import seen
from archdsl.train.losses import cross_entropy, labelled
from archdsl.train.metrics import Confusion


class Predictions:
    """Scores networks on a dataset by `miou`, `macc`, `fwiou`, `reward`, `accuracy` and `cross_entropy`.

    Scores with settings in goals are named by their text: `reward(compat = true)`. Raises SpecError (ARCH606)
    if these omit unknown classes, or all classes.
    """

    def __init__(self, goals: SearchConfig, dataset: Dataset, processes: Processes):
        self.dataset, self.processes = dataset, processes
        named = [term for term in terms_of(goals) if term.name in MEANS and term.settings]
        terms = [*map(Term, PREDICTIONS), *named]
        self.wanted = {written(term): (term, _omitted(term, dataset.classes)) for term in terms}

    def score(self, module: nn.Module) -> dict[str, float]:
        """The scores of a module in its eval mode, at the resolution of the labels.

        Raises SpecError as `archdsl.train.evaluation.score`.
        """
        confusion, loss = confusion_and_loss(module, self.dataset, self.processes)
        return {name: _value(term, omit, confusion, loss) for name, (term, omit) in self.wanted.items()}


@torch.inference_mode()
def confusion_and_loss(module: nn.Module, dataset: Dataset, processes: Processes) -> tuple[Confusion, float]:
    """The confusion matrix and the mean cross-entropy of labelled pixels; nan without labelled pixels."""
    was_training = module.training
    module.eval()
    confusion, total, pixels = Confusion(len(dataset.classes)), 0.0, 0
    for logits_BKHW, masks_BHW in seen(module, dataset, processes):
        confusion.add(logits_BKHW.argmax(1), masks_BHW)
        count = int(labelled(masks_BHW))
        total, pixels = total + count * float(cross_entropy(logits_BKHW, masks_BHW)), pixels + count
    module.train(was_training)
    return confusion, total / pixels if pixels else float("nan")


def _value(term: Term, omit: Collection[int], confusion: Confusion, loss: float) -> float:
    if term.name == "cross_entropy":
        return loss
    if term.name == "accuracy":
        return confusion.accuracy()
    means = confusion.means(omit, compat=bool(term.settings.get("compat", False)))
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
