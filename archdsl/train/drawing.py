"""Predictions of a network beside their targets, as pictures for a report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from archdsl.data.channels import as_colours
from archdsl.data.dataset import Colour, Dataset
from archdsl.report.charts import short
from archdsl.report.pictures import Legend, OutputPictures, Prediction, png
from archdsl.runs.processes import Processes
from archdsl.train.evaluation import seen_outputs
from archdsl.train.overlay import grey, numbers, probabilities
from archdsl.train.tallies import ScoredOutput

_MOST = 4
"""The maximum number of images in a report."""


def legend_of(outputs: Sequence[ScoredOutput], dataset: Dataset) -> Legend:
    """The classes of a dataset with their colours; empty unless one of the outputs predicts classes."""
    if all(one.task != "classes" for one in outputs):
        return []
    return list(zip(dataset.classes, dataset.colours, strict=True))


@torch.inference_mode()
def drawn_predictions(
    module: nn.Module, dataset: Dataset, outputs: Sequence[ScoredOutput], processes: Processes
) -> list[Prediction]:
    """Pictures of predictions for the first four images of this process; leaves the module in eval mode."""
    names, targets = [one.name for one in outputs], [one.target for one in outputs]
    module.eval()
    seen = islice(seen_outputs(module, dataset, processes, names, targets), _MOST)
    shown: list[Prediction] = []
    for n, (found, there) in enumerate(seen):
        sample = dataset[processes.rank + n * processes.world]
        drawn = [
            _drawn(one, _array(found[one.name]), _array(there[one.target]), dataset, len(outputs) > 1)
            for one in outputs
        ]
        shown.append((sample.name, png(Image.fromarray(as_colours(sample.image))), drawn))
    return shown


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    """The first element of a batch, as an array."""
    found: NDArray[Any] = tensor[0].float().cpu().numpy()
    return found


def _drawn(
    output: ScoredOutput, found_CHW: NDArray[Any], truth_HW: NDArray[Any], dataset: Dataset, several: bool
) -> OutputPictures:
    name = output.name if several else ""
    if output.task == "classes":
        unused: list[Colour] = [(0, 0, 0)] * (256 - len(dataset.colours))
        colours = [*dataset.colours, *unused]
        truth, guess = (numbers(ids, colours).convert("RGB") for ids in (truth_HW, found_CHW.argmax(0)))
        return OutputPictures(png(truth), png(guess), name)
    if output.task == "binary":
        return OutputPictures(
            png(grey(truth_HW, (0.0, 1.0))), png(probabilities(found_CHW[0])), name, "", False
        )
    known = truth_HW[~np.isnan(truth_HW)]
    values = known if known.size else found_CHW
    ends = float(values.min()), float(values.max())
    note = f", {short(ends[0])} (black) to {short(ends[1])}"
    return OutputPictures(png(grey(truth_HW, ends)), png(grey(found_CHW[0], ends)), name, note, False)
