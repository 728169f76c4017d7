"""The task on which individual networks of a search are trained: data, loss and schedule.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from archdsl.backends.supernet.fitting import demand_trainable
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batch, Batches
from archdsl.data.dataset import Dataset
from archdsl.program import Network
from archdsl.runs.processes import processes
from archdsl.runs.reporter import Reporter
from archdsl.search.config import USUAL, SearchConfig
from archdsl.search.differentiable.optimisers import optimiser, rate
from archdsl.search.differentiable.readiness import demand_scorable
from archdsl.search.evaluators.base import Stopped, Surroundings
from archdsl.search.evaluators.predictions import Predictions
from archdsl.search.reading import read_optimiser
from archdsl.search.scores import weights_rule
from archdsl.search.task import task_loss
from archdsl.search.terms import cannot
from archdsl.spec.search_values import Term
from archdsl.train.descent import Part
from archdsl.train.inspected import weighted_classes
from archdsl.train.networks import demand_parameters, image_size


class Lessons:
    """The data and loss of all networks of a search, which have the same seed and batches.

    Raises SpecError for errors in the data, and ARCH606 for unavailable scores.
    """

    def __init__(self, loss: Term | None, around: Surroundings):
        self.processes = processes(around.device)
        self.loss, self.seed, self.stop = loss or Term("cross_entropy"), around.seed, around.stop
        self.batch, self.batched = around.batch, around.goals.batched
        self.splits = around.data()
        for name in ("outputs", "compare_at"):
            if name in self.loss.settings:
                headline = f"`{name}` of `{self.loss.name}` applies to differentiable searches"
                raise cannot(headline, f"remove `{name}`", self.loss.places.get(name))
        rule = weights_rule(self.loss)
        weights = None if rule is None else weighted_classes(self.splits, rule, self.processes, Reporter())
        self.weights_K = None if weights is None else torch.tensor(weights, device=self.processes.device)
        self.predictions = Predictions(around.goals, self.splits.val, self.processes)

    def validate_on(self, dataset: Dataset, goals: SearchConfig) -> None:
        """Sets the images on which networks are scored."""
        self.predictions = Predictions(goals, dataset, self.processes)

    def crop(self, network: Network) -> tuple[int, int]:
        """The training crop of a network: the `crop` of the data, or the size of its input."""
        height, width = self.batched.crop or image_size(network)
        return height, width

    def batches(self, network: Network) -> Batches:
        """The training batches of a network."""
        return self.batches_of(self.crop(network))

    def batches_of(self, crop: tuple[int, int]) -> Batches:
        """Batches of crops of a size."""
        change = Augmentation(crop, self.batched.scale, self.batched.flip)
        return Batches(self.splits.train, self.batch, change, self.seed)

    def module(self, network: Network) -> nn.Module:
        """A network with random weights, which are equal in all processes and trials.

        Raises SpecError as `demand`.
        """
        self.demand(network)
        torch.manual_seed(self.seed)
        return network.module().to(self.processes.device).train()

    def demand(self, network: Network) -> None:
        """Raises SpecError if a network cannot be trained or scored: ARCH935 without parameters, ARCH829 if a
        normalization would have one value per channel, ARCH918 for a crop, or a size of validation images,
        that it does not support.
        """
        demand_parameters(network, ())
        demand_trainable(network.graph, self.crop(network), self.batch)
        demand_scorable(network.graph, self.predictions.dataset)

    def loss_of(self, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
        """The loss of logits at the size of the labels."""
        return task_loss(self.loss, logits_BKHW, masks_BHW, self.weights_K)

    def check_stop(self) -> None:
        """Raises Stopped if the search is stopping."""
        if self.stop():
            raise Stopped

    def images(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The images and labels of a batch, on the training device."""
        device = self.processes.device
        return batch.images_B3HW.to(device), batch.masks_BHW.to(device)


def part(written: Term | None, parameters: Any, clip: float) -> Part:
    """Parameters with an optimizer in the notation of searches: `adam(lr = 7e-3)`."""
    settings = USUAL["parameters"] if written is None else read_optimiser(written, USUAL["parameters"])
    return Part(optimiser(settings, parameters), partial(rate, settings), clip)
