"""The evaluator that trains the decoder on features of the encoder first, then the whole network.

As in template-based search (Nekrasov, Shen, Reid, arXiv:1904.02365; src/main_search.py and
src/engine/trainer.py of DrSleep/nas-segm-pytorch). All networks start with the same encoder weights, so that
the features are computed only once. specs/template.arch has the settings of the paper.

Shapes: B images or N crops, C channels, K classes, H × W pixels.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from archdsl.backends.supernet.fitting import demand_trainable
from archdsl.backends.torch_module import CompiledNetwork, view
from archdsl.configs.evaluators import OF_MAPS, PREDICTIONS, DecoderOnly, EndToEnd, TwoStage
from archdsl.data.batches import Batch, Batches, Stepwise
from archdsl.data.central import Central
from archdsl.data.targets import LABELS
from archdsl.passes.transforms.deployed import Deploy
from archdsl.program import Network
from archdsl.report.scores import LOWER
from archdsl.search.architectures import graph_of_outputs
from archdsl.search.config import SearchConfig
from archdsl.search.evaluators.base import Candidate, EvaluatorContext, Scores
from archdsl.search.evaluators.early_stop import PREFIX, Levels, memory
from archdsl.search.evaluators.features import FeatureBatches, Features
from archdsl.search.evaluators.stages import Parts, share_weights
from archdsl.search.evaluators.training_setup import TrainingSetup, part
from archdsl.search.extract import recalibrate
from archdsl.search.terms import cannot, configured
from archdsl.spec.search_values import Term, terms_in, written
from archdsl.train.average import Average
from archdsl.train.descent import Descent, Part
from archdsl.train.initial import load_matching
from archdsl.train.task import nearest

_CALIBRATED = 8
"""The number of batches for computing the running statistics of an encoder with random weights."""

C = TypeVar("C")


class TwoStages:
    """Trains networks in both stages, or until early stopping; scores are those of the last validation.

    Raises SpecError: ARCH606 for a space without an encoder, or if the file of encoder weights is missing or
    lacks tensors; ARCH914 if that file cannot be read.
    """

    def __init__(self, config: TwoStage, context: EvaluatorContext):
        self.config, self.seed, self.space = config, context.seed, context.space
        self.first: DecoderOnly = _settings(config.first, DecoderOnly)
        self.second: EndToEnd = _settings(config.second, EndToEnd)
        self.setup = TrainingSetup(config.loss, context)
        self.watched = _watched(context.goals, self.setup)
        if config.early_stop is not None and _scored_by(self.watched) in LOWER:
            headline = f"`early_stop` needs a score where higher is better, but `{self.watched}` is an error"
            raise cannot(headline, "maximize f1, miou or delta1", config.early_stop.at)
        self.parts = Parts(graph_of_outputs(context.space, self.setup.task.outputs))
        if not self.parts.is_trained:
            headline = f"{context.space.name} has no encoder: all of its weights depend on decisions"
            raise cannot(headline, "evaluate = training(…) trains whole networks from scratch")
        if config.validate:
            self.setup.validate_on(Central(self.setup.splits.val, config.validate), context.goals)
        demand_trainable(self.parts.encoder, self._crop(), self.setup.batch)
        self.encoder = self._encoder(context)
        self.features = self._features()

    # ------------------------------------------------------------ the encoder

    def _encoder(self, context: EvaluatorContext) -> CompiledNetwork:
        torch.manual_seed(self.seed)
        encoder = self.parts.encoder_module()
        if self.config.encoder is not None:
            file = context.base / self.config.encoder
            if not file.is_file():
                help = "write a path relative to the folder of the spec"
                raise cannot(f"`encoder` of `two_stage`: file not found: {file}", help)
            if not (found := load_matching(encoder, file)).is_whole:
                lacking = [*found.other_shape, *found.lacking]
                headline = f"`encoder` of `two_stage`: {file} lacks {len(lacking)} tensors of the encoder"
                raise cannot(headline, f"the first is `{lacking[0]}`")
            return encoder.to(self.setup.processes.device).eval()
        # Running statistics of random weights are not known, and features by those of the start fade away.
        encoder, batches = encoder.to(self.setup.processes.device), self._crops()
        recalibrate(encoder, [self.setup.images(batches.batch(n)) for n in range(_CALIBRATED)])
        return encoder.eval()

    def _crop(self) -> tuple[int, int]:
        """The height and width of the crops of the first stage."""
        _, *declared = next(iter(self.space.graph.inputs.values()))
        height, width = self.first.crop or self.setup.batched.crop or declared
        return height, width

    def _crops(self) -> Batches:
        return self.setup.batches_of(self._crop())

    @torch.no_grad()
    def _features(self) -> Features:
        """The features of the encoder for crops, and targets at the size of the largest feature map."""
        batches, left = self._crops(), self.first.crops
        inputs = self.parts.encoder.inputs
        sizes_alone = set(inputs) - self.parts.inputs_read
        tensors: dict[str, list[torch.Tensor]] = {name: [] for name in self.parts.features}
        targets: dict[str, list[torch.Tensor]] = {name: [] for name in (LABELS, *self.setup.task.targets)}
        for step in range(-(-left // batches.size)):
            batch = batches.batch(step)
            images_B3HW = self.setup.images(batch)[:left]
            read = self.setup.inputs(images_B3HW)
            found = {**dict(zip(inputs, read, strict=True)), **self.encoder.forward_all(*read)}
            largest = max((found[name].shape[-2:] for name in self.parts.encoder.outputs), key=tuple)
            for name, kept in tensors.items():
                kept.append(found[name][:, :1, :1, :1] if name in sizes_alone else found[name])
            for name, target_BHW in batch.targets(images_B3HW.device).items():
                exact = target_BHW.to(torch.uint8) if name == LABELS else target_BHW
                targets[name].append(nearest(exact[:left], (largest[0], largest[1])))
            left -= len(images_B3HW)
        joined = {name: torch.cat(kept) for name, kept in tensors.items()}
        for name in sizes_alone & set(joined):  # one number stands for all of an image
            joined[name] = joined[name].expand(-1, *found[name].shape[1:])
        return Features(joined, {name: torch.cat(kept) for name, kept in targets.items()})

    # ------------------------------------------------------------ a network

    def demand(self, network: Network) -> None:
        """Raises SpecError, as `TrainingSetup.demand`, if a network cannot be trained in both stages."""
        self.setup.demand(network)
        demand_trainable(network.graph, self._crop(), self.setup.batch)

    def score(self, candidate: Candidate) -> Scores:
        """Trains a network; returns the scores of its predictions, and the watched score of each validation.

        Raises SpecError: as `demand`; ARCH915 for non-finite values.
        """
        self.demand(candidate.network)
        return _Training(self, candidate).scores()


class _Training:
    """The training of one network in both stages."""

    def __init__(self, by: TwoStages, candidate: Candidate):
        self.by, self.setup, self.number = by, by.setup, candidate.number
        self.epochs = candidate.epochs or by.second.epochs
        self.levels = _levels(by.config, candidate.memory)
        self.batches = by.setup.batches(candidate.network)
        module = by.setup.module(candidate.network)
        assert isinstance(module, CompiledNetwork)
        trained = Deploy(kept=frozenset(by.parts.graph.outputs))(module.archdsl_graph)
        self.module, self.graph = module, by.parts.decoder(trained)
        self.decoder = view(module, self.graph)
        self.of_encoder = share_weights(by.encoder, module)
        own = {id(parameter) for parameter in self.of_encoder}
        self.of_decoder = [parameter for parameter in module.parameters() if id(parameter) not in own]
        self.found: dict[str, float] = {}

    def scores(self) -> dict[str, float]:
        """Trains in both stages, until the end or early stopping; returns the scores."""
        first, second = self.by.first, self.by.second
        if self.of_decoder:
            features = FeatureBatches(self.by.features, self.setup.batch, self.setup.seed)
            trained = [part(first.optimizer or _adam(7e-3), self.of_decoder, first.clip)]
            descent = self._descent(self.decoder, trained, self._loss_of_features, first.average)
            if not self._runs("decoder", descent, features, first.epochs, first.validate_every):
                return self.found
        trained = [
            part(written or _adam(lr), parameters, clip)
            for written, lr, parameters, clip in (
                (second.encoder, 5e-4, self.of_encoder, second.encoder_clip),
                (second.optimizer, 2e-3, self.of_decoder, second.clip),
            )
            if parameters
        ]
        descent = self._descent(self.module, trained, self._loss_of_images, second.average)
        self._runs("network", descent, self.batches, self.epochs, second.validate_every)
        return self.found

    def _descent(self, module: nn.Module, parts: list[Part], loss: Any, average: float) -> Descent[Any]:
        follower = Average(module, average, warm=False) if average else None
        here = self.setup.processes
        return Descent(module.train(), parts, loss, here, self.setup.seed, average=follower)

    def _runs(
        self, stage: str, descent: Descent[Any], batches: Stepwise[Any], epochs: int, every: int
    ) -> bool:
        """Trains a stage; returns False after early stopping."""
        for epoch in descent.epochs(batches, epochs, self.setup.check_stop):
            if descent.average is not None:
                descent.average.copy_to(descent.module)
            if epoch % every and epoch != epochs:
                continue
            scores = self.setup.predictions.score(self.module)
            point, value = f"{stage} {epoch}", scores[self.by.watched]
            self.found |= {**scores, PREFIX + point: value}
            rng = random.Random(f"{self.setup.seed} {self.number} {point}")
            if self.levels is not None and not self.levels.continues(point, value, rng):
                return False
        return True

    def _loss_of_features(self, batch: Features) -> torch.Tensor:
        """The loss of the decoder on features, with outputs resized to the targets."""
        found = self._outputs(self.decoder, [batch.tensors[name] for name in self.graph.inputs])
        targets = {**batch.targets, LABELS: batch.targets[LABELS].long()}
        return self.setup.task(found, targets, self.setup.processes)

    def _loss_of_images(self, batch: Batch) -> torch.Tensor:
        """The loss of the network on images, with targets resized to the outputs."""
        images_B3HW = self.setup.images(batch)
        found = self._outputs(self.module, self.setup.inputs(images_B3HW))
        targets = batch.targets(images_B3HW.device)
        return self.setup.task.at_outputs()(found, targets, self.setup.processes)

    def _outputs(self, module: CompiledNetwork, inputs: Sequence[torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """The outputs of a module by name: only the main one if no other output has a loss, otherwise all."""
        if self.setup.is_plain:
            return {self.setup.main: module(*inputs)}
        return module.forward_all(*inputs)


def _settings(written_: Term | None, kind: type[C]) -> C:
    found: C = kind() if written_ is None else configured(written_)
    return found


def _adam(lr: float) -> Term:
    return Term("adam", {"lr": lr, "decay": 1e-5, "betas": (0.9, 0.999)})


def _levels(config: TwoStage, state: Mapping[str, Any] | None) -> Levels | None:
    found = memory(config)
    if found is not None and state is not None:
        found.restore(state)
    return found


def _watched(goals: SearchConfig, setup: TrainingSetup) -> str:
    """The score used for early stopping: the first one maximized, or that of the first scored output."""
    scores = (*PREDICTIONS, *OF_MAPS)
    maximized = [goal.value for goal in goals.objectives if goal.direction == "maximize"]
    found = [written(term) for value in maximized for term in terms_in(value) if term.name in scores]
    if found:
        return found[0]
    first = setup.scored[0]
    if first.task == "classes":
        return "reward" if first.name == setup.main else f"miou({first.name})"
    return first.leading if first.name == setup.main else f"{first.leading}({first.name})"


def _scored_by(score: str) -> str:
    """The name of a score without its output and settings."""
    return score.partition("(")[0]
