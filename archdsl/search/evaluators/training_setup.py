"""The setup with which all networks of a search by trials are trained: data, loss, batches and scores.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from archdsl.backends.supernet.fitting import demand_trainable
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batch, Batches
from archdsl.data.dataset import Dataset
from archdsl.data.targets import read_maps
from archdsl.program import Network
from archdsl.runs.processes import processes
from archdsl.runs.reporter import Reporter
from archdsl.search.config import USUAL, SearchConfig
from archdsl.search.differentiable.optimisers import optimiser, rate
from archdsl.search.differentiable.readiness import demand_scorable
from archdsl.search.evaluators.base import EvaluatorContext, Stopped
from archdsl.search.evaluators.predictions import Predictions
from archdsl.search.reading import read_optimiser
from archdsl.search.scores import weights_rule
from archdsl.spec.losses import loss_terms
from archdsl.spec.search_values import SearchValue, Term
from archdsl.train.descent import Part
from archdsl.train.evaluation import inputs_from
from archdsl.train.inspected import weighted_classes
from archdsl.train.networks import demand_parameters, image_size
from archdsl.train.output_losses import demanded_losses, scored_outputs
from archdsl.train.task import Task


class TrainingSetup:
    """The data, loss and seed with which all networks of a search are trained and scored.

    `loss` is a formula of losses (None: `cross_entropy`). Raises SpecError for errors in the data, ARCH606
    for unavailable scores, and as `demanded_losses` for losses that the space or the data do not support.
    """

    def __init__(self, loss: SearchValue | None, context: EvaluatorContext):
        self.processes = processes(context.device)
        formula = Term("cross_entropy") if loss is None else loss
        self.context = context
        self.seed, self.stop = context.seed, context.stop
        self.batch, self.batched = context.batch, context.goals.batched
        self.splits = context.data()
        rule = weights_rule(loss_terms(formula))
        weights = None if rule is None else weighted_classes(self.splits, rule, self.processes, Reporter())
        graph = context.space.graph
        by_rule = None if weights is None else {rule: weights}
        losses = demanded_losses([formula], graph, self.splits.train, by_rule)
        self.task = Task(formula, losses)
        self.main = next(iter(graph.outputs))
        self.scored = scored_outputs(losses, graph)
        self.validate_on(self.splits.val, context.goals)

    def validate_on(self, dataset: Dataset, goals: SearchConfig) -> None:
        """Sets the dataset on which networks are scored."""
        self.predictions = Predictions(goals, dataset, self.processes, self.scored, self.main)

    def crop(self, network: Network) -> tuple[int, int]:
        """The training crop (height, width): the setting `crop` of the data, or the input size."""
        height, width = self.batched.crop or image_size(network)
        return height, width

    def batches(self, network: Network) -> Batches:
        """The training batches for a network."""
        return self.batches_of(self.crop(network))

    def batches_of(self, crop: tuple[int, int]) -> Batches:
        """The training batches with crops of a size (height, width)."""
        change = Augmentation(crop, self.batched.scale, self.batched.flip)
        read = read_maps(self.splits.train, self.context.space.graph)
        targets = self.task.targets
        return Batches(self.splits.train, self.batch, change, self.seed, targets=targets, inputs=read)

    def module(self, network: Network) -> nn.Module:
        """The module of a network in training mode, with random weights that depend on the seed only.

        Raises SpecError as `demand`.
        """
        self.demand(network)
        torch.manual_seed(self.seed)
        return self.trained(network).module().to(self.processes.device).train()

    def demand(self, network: Network) -> None:
        """Raises SpecError if a network cannot be trained or scored.

        ARCH935: it has no parameters; ARCH829: a batch normalization would have a single value per channel;
        ARCH918: it does not support the size of crops or of validation images.
        """
        demand_parameters(self.trained(network), self.task.outputs)
        demand_trainable(network.graph, self.crop(network), self.batch)
        demand_scorable(network.graph, self.predictions.dataset)

    @property
    def is_plain(self) -> bool:
        """Whether the main output is the only one with a loss."""
        return self.task.outputs == (self.main,)

    def trained(self, network: Network) -> Network:
        """The network to train: without its train-only outputs if only the main output has a loss, otherwise
        with them.
        """
        return network if self.is_plain else network.with_train_outputs()

    def loss_of_batch(self, run: Callable[..., Any], batch: Batch) -> torch.Tensor:
        """The loss of a batch; `run` is the forward pass of a network."""
        device = self.processes.device
        images_B3HW, targets = batch.images_B3HW.to(device), batch.targets(device)
        return self.task(self.named(run(*self.inputs(images_B3HW))), targets, self.processes)

    def named(self, found: Any) -> dict[str, torch.Tensor]:
        """The outputs of a forward pass by name; `found` is such a dict, or the main output alone."""
        return found if isinstance(found, dict) else {self.main: found}

    def inputs(self, images_B3HW: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Splits the images of a batch into the inputs of the networks of the space."""
        return inputs_from(self.context.space.graph, images_B3HW)

    def check_stop(self) -> None:
        """Raises Stopped if the search is stopping."""
        if self.stop():
            raise Stopped

    def images(self, batch: Batch) -> torch.Tensor:
        """The images of a batch, moved to the training device."""
        return batch.images_B3HW.to(self.processes.device)


def part(written: Term | None, parameters: Any, clip: float) -> Part:
    """Parameters with the optimizer that a term such as `adam(lr = 7e-3)` describes (None: the default)."""
    settings = USUAL["parameters"] if written is None else read_optimiser(written, USUAL["parameters"])
    return Part(optimiser(settings, parameters), partial(rate, settings), clip)
