"""Configs of evaluators, which score individual networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.objectives import NoSettings
from archdsl.configs.setting import setting
from archdsl.configs.sharing import BN, Kernels
from archdsl.configs.word import Maker
from archdsl.registry import imported

_ADAM = "adam(lr = {}, decay = 1e-5, betas = [0.9, 0.999])"

PREDICTIONS = ("miou", "macc", "fwiou", "reward", "accuracy", "cross_entropy")
"""Names of the scores of class predictions on the validation images."""
OF_MAPS = ("f1", "precision", "recall", "mae", "rmse", "delta1")
"""Names of the scores of outputs that are maps."""
MEANS = PREDICTIONS[:4]
"""Names of the scores that are means over classes, and therefore have settings such as `omit`."""


def _optimizer() -> Any:
    usual = "sgd(lr = 0.025, end = 1e-3, decay = 5e-4)"
    return setting("word", "optimizer of the weights", group="optimizers", usual=usual)


def _loss() -> Any:
    return setting("loss", "training loss, also of several outputs: ohem(logits) + 0.4 * ohem(aux)", usual="cross_entropy")  # fmt: skip


@dataclass(frozen=True)
class EvaluatorKind(Maker):
    """A kind of evaluator; `scores` are the names that objectives can use in addition to costs.

    `make(config, context)` returns an `archdsl.search.evaluators.base.Evaluator`; `context` contains the
    space and other inputs. An evaluator that `trains` reads the data of the search, and evaluates networks
    with equal graphs only once.
    """

    scores: tuple[str, ...] = ()
    of_maps: tuple[str, ...] = ()
    """Names of scores available if the loss compares outputs with maps; `scores` may then be absent."""
    trains: bool = False
    predicts: bool = False
    """Whether the scores are of class predictions, so that classes can be omitted: `miou(omit = ["sky"])`."""
    memory: Callable[..., Any] | str | None = None
    """`memory(config)` returns the state that scores of earlier trials change and later evaluations depend on
    (`archdsl.search.evaluators.base.Memory`), or None."""
    demand: Callable[..., Any] | str | None = None
    """`demand(config, graph)` raises SpecError if the evaluator cannot evaluate all networks of the space;
    `check` calls it."""
    reads_command: bool = False
    """Whether the evaluator runs the program of the option `--command`, which prints the scores."""

    @property
    def by_graph(self) -> bool:
        """Whether networks with equal graphs are evaluated once, because an evaluation is expensive."""
        return self.trains or self.reads_command

    def demand_runnable(self, config: Any, graph: Any) -> None:
        """Raises SpecError if the evaluator cannot evaluate all networks of a space."""
        found: Callable[..., Any] | None = (
            imported(self.demand) if isinstance(self.demand, str) else self.demand
        )
        if found is not None:
            found(config, graph)

    def reads(self, score: str) -> bool:
        """Whether the evaluator supports the settings of a score, such as `omit`."""
        return self.predicts and score in MEANS


@dataclass(frozen=True)
class Training:
    """Settings of the evaluator that trains each network from scratch."""

    epochs: int = setting(
        "whole", "epochs of each network; overridden by rungs of successive halving", 3, low=1
    )
    optimizer: Any = _optimizer()
    loss: Any = _loss()
    clip: float = setting("number", "maximum gradient norm; 0 disables clipping", 5.0)


@dataclass(frozen=True)
class Weights:
    """Settings of the evaluator whose networks share the weights of a supernet (one-shot)."""

    path: str | None = setting(
        "text",
        "run folder of a search whose supernet is used, relative to the working directory",
        usual="trained first",
    )
    train: Any = setting(
        "word",
        "how the networks that train the weights are sampled",
        group="sharing",
        usual="sandwich(random = 2)",
    )
    distill: str | None = setting(
        "text",
        "targets of the networks of a step except the largest: the predictions of the largest (in_place), or the labels (none)",
        choices=("in_place", "none"),
        usual="in_place with sandwich, else none",
    )
    epochs: int = setting("whole", "epochs of the supernet", 20, low=1)
    bn: BN = setting(
        "text",
        "batch normalization of the supernet: slices of one set of parameters and statistics (shared), or a separate set for each combination of widths (per_width)",
        "shared",
        choices=("shared", "per_width"),
    )
    kernels: Kernels = setting(
        "text",
        "smaller kernels of the supernet: the centre of the largest (cropped), or a learned linear map of it (transformed; OFA)",
        "cropped",
        choices=("cropped", "transformed"),
    )
    optimizer: Any = _optimizer()
    loss: Any = _loss()
    clip: float = setting("number", "maximum gradient norm; 0 disables clipping", 5.0)
    calibrate: int = setting(
        "whole", "number of batches for recomputing the batch-norm statistics of a network", 4, low=1
    )


@dataclass(frozen=True)
class DecoderOnly:
    """A stage that trains the decoder on precomputed features of the encoder."""

    epochs: int = setting("whole", "epochs", 5, low=1)
    optimizer: Any = setting(
        "word", "optimizer of the decoder", group="optimizers", usual=_ADAM.format("7e-3")
    )
    clip: float = setting("number", "maximum norm of the decoder's gradients; 0 disables clipping", 3.0)
    average: float = setting(
        "number", "decay of the moving average of weights, which replaces them after each epoch; 0 disables it", 0.9,
        high=0.999999,
    )  # fmt: skip
    crops: int = setting("whole", "number of crops with precomputed features", 1000, low=1)
    crop: Any = setting(
        "data", "[height, width] of these crops", form=forms.SIDES, usual="the crop of the data"
    )
    validate_every: int = setting("whole", "epochs between validations", 5, low=1)


@dataclass(frozen=True)
class EndToEnd:
    """A stage that trains encoder and decoder together."""

    epochs: int = setting("whole", "number of epochs; overridden by rungs of successive halving", 5, low=1)
    optimizer: Any = setting(
        "word", "optimizer of the decoder", group="optimizers", usual=_ADAM.format("2e-3")
    )
    encoder: Any = setting("word", "optimizer of the encoder", group="optimizers", usual=_ADAM.format("5e-4"))
    clip: float = setting("number", "maximum norm of the decoder's gradients; 0 disables clipping", 3.0)
    encoder_clip: float = setting(
        "number", "maximum norm of the encoder's gradients; 0 disables clipping", 3.0
    )
    average: float = setting(
        "number", "decay of the moving average of weights, which replaces them after each epoch; 0 disables it", 0.99,
        high=0.999999,
    )  # fmt: skip
    validate_every: int = setting("whole", "epochs between validations", 1, low=1)


@dataclass(frozen=True)
class MovingLevel:
    """Early stopping by a moving average of validation scores (arXiv:1904.02365).

    A training stops if its score is below (1 - u) times the moving average of the scores that earlier trainings had
    at this point, with u sampled uniformly from 0 to the slack.
    """

    level: float = setting("number", "initial value of the moving average of validation scores", 0.01)
    decay: float = setting("number", "decay of the moving average", 0.99, high=1)
    slack: float = setting(
        "number",
        "a training stops if its score is below (1 - u) · moving average, with u sampled uniformly from 0 to this slack",
        0.9,
        high=1,
    )
    narrowed: Any = setting(
        "data", "factors by which the slack is multiplied successively, one after each `every` trainings", (0.9, 0.8, 0.7, 0.6),
        form=forms.SHARES,
    )  # fmt: skip
    every: int = setting(
        "whole",
        "number of trainings between changes of the slack; trainings with a score above the moving average count twice",
        100,
        low=1,
    )


@dataclass(frozen=True)
class TwoStage:
    """Settings of the evaluator that trains the decoder first, then the entire network (arXiv:1904.02365)."""

    first: Any = setting(
        "word", "the first stage", group="stages", choices=("decoder_only",), usual="decoder_only"
    )
    second: Any = setting(
        "word", "the second stage", group="stages", choices=("end_to_end",), usual="end_to_end"
    )
    early_stop: Any = setting("word", "rule of early stopping", group="early_stops", usual="never")
    loss: Any = _loss()
    encoder: Any = setting(
        "text", "file with initial weights of the encoder, relative to the spec", usual="random ones"
    )
    validate: Any = setting(
        "data", "[height, width] of the centre crop for validation", form=forms.SIDES,
        usual="whole images",
    )  # fmt: skip


@dataclass(frozen=True)
class Command:
    """Settings of the evaluator that runs a program of the user, the value of the option `--command`."""

    timeout: Any = setting(
        "time", "time limit of each network, after which it has failed", 600_000, usual="10 min"
    )
    scores: Any = setting(
        "data", "names of the scores printed by the program", form=forms.SCORES, declares=True,
        usual="scores in objectives and requirements",
    )  # fmt: skip


EVALUATORS: dict[str, EvaluatorKind] = {
    "costs": EvaluatorKind(
        "costs only (parameters, MACs, FLOPs, latency, frame rate), without training", NoSettings,
        make="archdsl.search.evaluators.costs:CostsEvaluator",
    ),
    "training": EvaluatorKind(
        "trains each network from scratch, and scores it on the validation images", Training,
        make="archdsl.search.evaluators.training:TrainingEvaluator", scores=PREDICTIONS, of_maps=OF_MAPS, trains=True, predicts=True,
    ),
    "weights": EvaluatorKind(
        "scores networks with shared weights that are trained once (one-shot, once-for-all)", Weights,
        make="archdsl.search.evaluators.weights:WeightsEvaluator", scores=PREDICTIONS, of_maps=OF_MAPS, trains=True, predicts=True,
        demand="archdsl.search.evaluators.demands:demand_weights",
    ),
    "two_stage": EvaluatorKind(
        "trains the decoder on features of a shared encoder, then the whole network (arXiv:1904.02365)",
        TwoStage, make="archdsl.search.evaluators.two_stage:TwoStages", scores=PREDICTIONS, of_maps=OF_MAPS, trains=True,
        predicts=True, memory="archdsl.search.evaluators.early_stop:memory",
    ),
    "command": EvaluatorKind(
        "an external command, passed by --command, reads each network from a file, and prints its scores as JSON", Command,
        make="archdsl.search.evaluators.command:CommandEvaluator", reads_command=True,
    ),
}  # fmt: skip
