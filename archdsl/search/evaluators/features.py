"""Precomputed features of an encoder, and batches of features.

Shapes: N crops, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from archdsl.data.targets import LABELS

_ORDER = 3
"""The stream of random numbers for the order of features, different from those of batches of images."""


@dataclass(frozen=True)
class Features:
    """Features of the encoder for crops of images, and the targets of the crops.

    `tensors` are feature maps by tensor name, N × C × H × W; `targets` are labels (uint8), edges and maps by
    name, N × H × W.
    """

    tensors: Mapping[str, torch.Tensor]
    targets: Mapping[str, torch.Tensor]

    def picked(self, crops: torch.Tensor) -> Features:
        """The features and targets of the crops with these indices."""
        tensors, targets = (
            {name: tensor[crops] for name, tensor in of.items()} for of in (self.tensors, self.targets)
        )
        return Features(tensors, targets)


class FeatureBatches:
    """Batches of features, shuffled in each epoch; an incomplete last batch is dropped."""

    def __init__(self, features: Features, batch: int, seed: int):
        self.features, self.seed = features, seed
        self.count = len(features.targets[LABELS])
        self.size = min(batch, self.count)
        self.steps_per_epoch = self.count // self.size

    def batch(self, step: int) -> Features:
        """The batch of a step, counted from 0."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((_ORDER, self.seed, epoch)).permutation(self.count)
        crops = order[within * self.size : (within + 1) * self.size]
        return self.features.picked(torch.from_numpy(crops).to(self.features.targets[LABELS].device))
