"""A network of a space, trained from nothing for a little, and scored.

A supernet judges a candidate by weights that it shares with many networks and by the images that it trains
on, which favours the larger of two that are nearly as good.  This is the second opinion: short trainings,
compared by the objective on the images to validate on.  It is in neither paper; DARTS (arXiv:1806.09055,
section 3.2) chooses so among the networks that several searches found.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from archdsl.data.batches import Batches
from archdsl.data.dataset import Dataset
from archdsl.program import Network
from archdsl.search.differentiable.optimisers import change, optimiser, set_rates
from archdsl.search.differentiable.step import Stepper
from archdsl.train.evaluation import seen
from archdsl.train.synchronised import synchronise


def trained(stepper: Stepper, network: Network, batches: Batches) -> nn.Module:
    """The network, trained for the plan's epochs of refining by its optimiser of weights."""
    plan, here = stepper.plan, stepper.processes
    torch.manual_seed(stepper.seed)
    module = network.module().to(here.device).train()
    here.same_weights(module)
    synchronise(module, here)
    by = optimiser(plan.parameters, module.parameters())
    steps = plan.refine_epochs * batches.steps_per_epoch
    for step in range(steps):
        set_rates(by, plan.parameters, step / steps)
        loss = stepper.task(module, batches.batch(step))
        by.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        change(by, here, plan.clip)
    return module.eval()


@torch.inference_mode()
def objective_of(stepper: Stepper, module: nn.Module, outcomes: Mapping[str, int], dataset: Dataset) -> float:
    """The objective of a network: the task's loss on whole images, and its own costs.

    Infinite where it is no number.  Raises SpecError (ARCH918) where the network takes no such image.
    """
    here, total, pixels = stepper.processes, 0.0, 0.0
    for logits_BKHW, masks_BHW in seen(module, dataset, here):
        if count := float(stepper.objective.labelled(masks_BHW)):
            task = stepper.objective.task(logits_BKHW, masks_BHW)
            total, pixels = total + count * float(task), pixels + count
    total, pixels = here.sum(torch.tensor([total, pixels], dtype=torch.float64)).tolist()
    task = torch.tensor(total / pixels if pixels else 0.0)
    value = float(stepper.objective.value(task, stepper.objective.costs_of(outcomes)))
    return value if math.isfinite(value) else math.inf
