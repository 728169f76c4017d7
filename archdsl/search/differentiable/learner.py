"""Learners: the architecture parameters of one architecture, with their samplers and their optimizer.

Several learners can share the weights of one supernet.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from archdsl.passes.analyses.cells import Cells
from archdsl.program import Space
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.architecture import FREE, Architecture, ArchitectureSample
from archdsl.search.differentiable.optimisers import optimiser
from archdsl.search.differentiable.samplers import Sampler, by_decision


class Learner:
    """The architecture parameters of a space, with their optimizer and a sampler for each decision.

    Decisions in `fixed` always have the outcome of this index.
    """

    def __init__(
        self, config: SearchConfig, space: Space, seed: int, device: torch.device,
        fixed: Mapping[str, int] = FREE,
    ):  # fmt: skip
        self.config, self.seed = config, seed
        decisions, cells = space.searched.decisions, Cells()(space.searched)
        self.samplers: dict[str, Sampler] = by_decision(
            config.sampler, config.gates_from, config.samplers, space.searched
        )
        self.samplers |= {path: Sampler("fixed") for path in fixed}
        frozen = [path for path, sampler in self.samplers.items() if not sampler.trains]
        self.architecture = Architecture(
            decisions, cells, config.communication, config.init, seed, frozen, fixed
        ).to(device)
        self.optimiser = optimiser(
            config.architecture, self.architecture.logits.parameters(), self.architecture.messages(),
            config.communication.lr,
        )  # fmt: skip

    def sample(self, step: int, epoch: int) -> ArchitectureSample:
        """Samples the outcomes of a step: a function of seed, step and architecture parameters."""
        generator = torch.Generator().manual_seed((self.seed << 32) + step)
        by = {path: sampler.at(epoch, self.config.epochs) for path, sampler in self.samplers.items()}
        return self.architecture.sample(by, generator)

    def tau(self, epoch: int) -> float:
        """The temperature of the default sampler in an epoch."""
        return self.config.sampler.at(epoch, self.config.epochs).tau
