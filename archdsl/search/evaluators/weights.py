"""The evaluator that scores networks with weights shared by all networks of a space (one-shot, once-for-all).

A supernet is trained once, or taken from another search; then, scoring a network requires no training.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.network import build as build_elastic
from archdsl.backends.supernet.fitting import demand_trainable
from archdsl.configs.evaluators import Weights
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network, Space
from archdsl.runs.checkpoints import Keeper
from archdsl.runs.folder import Folder
from archdsl.runs.manifest import read_manifest
from archdsl.runs.reporter import Reporter
from archdsl.search.architectures import graph_of_outputs, outputs_of
from archdsl.search.differentiable.readiness import demand_scorable
from archdsl.search.differentiable.supernets import Supernet, build, load_weights
from archdsl.search.evaluators.base import Candidate, EvaluatorContext, Scores
from archdsl.search.evaluators.demands import demand_settings, has_largest
from archdsl.search.evaluators.shrinking import SANDWICH
from archdsl.search.evaluators.supernet_training import SupernetTraining
from archdsl.search.evaluators.training_setup import TrainingSetup, part
from archdsl.search.extract import recalibrate
from archdsl.search.terms import configured
from archdsl.spec.losses import loss_terms
from archdsl.spec.search_values import Term

SUPERNET = "supernet"
"""The name of the folder, in a run folder, with the checkpoints of the supernet."""


class WeightsEvaluator:
    """Scores networks with inherited weights and recomputed batch-norm statistics."""

    def __init__(self, config: Weights, context: EvaluatorContext):
        demand_settings(config, context.space.searched)
        self.config, self.context = config, context
        self.setup = TrainingSetup(config.loss, context)
        self.rule = configured(config.train or SANDWICH)
        self.folder = Path(config.path) if config.path is not None else context.folder
        self.demand = self.setup.demand
        if config.path is None:
            graph = context.space.searched
            demand_trainable(graph, self.setup.crop(self._any()), self.setup.batch, elastic=True)
            demand_scorable(graph, self.setup.predictions.dataset, elastic=True)

    def prepare(self, reporter: Reporter) -> None:
        """Trains the supernet, or resumes its training; returns immediately if it is complete.

        Raises Stopped if the search is stopping.
        """
        if self.config.path is not None:
            return
        training = self._training()
        resumed = training.restore()
        if training.step < training.steps:
            from_step = f"resuming its training after step {training.step}" if resumed else "training it"
            params = sum(p.numel() for p in training.net.parameters())
            reporter.info(f"a supernet of {params:,} parameters: {from_step}, {training.steps} steps")
        for epoch, loss in training.run():
            reporter.info(f"supernet: epoch {epoch}/{training.epochs}  loss of the first network {loss:.4f}")

    def _training(self) -> SupernetTraining:
        config, setup = self.config, self.setup
        torch.manual_seed(setup.seed)
        net = supernet(config, self.context.space).to(setup.processes.device)
        optimiser = part(config.optimizer, net.parameters(), config.clip)
        batches = setup.batches(self._any())
        keeper = None if self.folder is None else checkpoints_of(self.folder)
        distills = has_largest(config) and config.distill != "none"
        return SupernetTraining(net, setup, batches, optimiser, self.rule, config.epochs, keeper, distills)

    def score(self, candidate: Candidate) -> Scores:
        """The scores of a network's predictions with inherited weights.

        Raises SpecError: ARCH911 without a trained supernet, and as `TrainingSetup.demand`.
        """
        self.demand(candidate.network)
        module = self.net.network(candidate.outcomes)
        recalibrate(module, self.images)
        return self.setup.predictions.score(module.eval())

    @cached_property
    def images(self) -> list[torch.Tensor]:
        """The batches of images for recomputing batch-norm statistics."""
        batches = self.setup.batches(self._any())
        return [self.setup.images(batches.batch(step)) for step in range(self.config.calibrate)]

    @cached_property
    def net(self) -> Supernet:
        """The trained supernet. Raises SpecError: ARCH911 without one, ARCH913 if it is of another space."""
        folder = self.folder or Path()
        is_own = (folder / SUPERNET).is_dir()
        found = (checkpoints_of(folder) if is_own else Folder(folder).checkpoints).latest()
        if found is None:
            headline = f"{folder} has no supernet"
            help = "pass the folder of a search with `differentiable`, or with `evaluate = weights`"
            raise SpecError([Diagnostic("ARCH911", headline, help=help)])
        graph = self.context.space.searched
        net: Supernet
        if is_own:
            net = supernet(self.config, self.context.space)
        else:
            share = read_manifest(Folder(folder).manifest, "search").settings.get("share")
            net = build(graph, share, self.config.bn, self.config.kernels)
        load_weights(net, found[1], folder, graph.name)
        return net.to(self.setup.processes.device)

    def _any(self) -> Network:
        """A network of the space, for properties that all networks have in common."""
        space = self.context.space
        return Candidate(0, dict.fromkeys(space.searched.decisions, 0), space).network


def supernet(config: Weights, space: Space) -> ElasticNetwork:
    """A new elastic supernet of a space, with its deployed outputs and those that the loss names.

    Raises SpecError as `graph_of_outputs`, and if networks cannot share weights.
    """
    loss = config.loss or Term("cross_entropy")
    graph = graph_of_outputs(space, [name for term in loss_terms(loss) for name in outputs_of(term)])
    return build_elastic(graph, bn=config.bn, kernels=config.kernels)


def checkpoints_of(folder: Path) -> Keeper:
    """The checkpoints of the supernet in a run folder."""
    return Keeper(folder / SUPERNET, run=Folder(folder).origin)
