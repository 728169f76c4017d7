"""Configs of the terms of objectives and requirements: losses, costs and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class NoSettings:
    """The config of a name that takes no arguments, such as `params`."""


@dataclass(frozen=True)
class OfOutput:
    """Settings that all losses of outputs have."""

    target: str | None = setting(
        "target", "target of the loss: labels, edges, or a map of the data",
        usual="labels for losses of classes, edges for `bce`, the map of the data for the others",
    )  # fmt: skip
    outputs: Any = setting(
        "data", "outputs whose losses are added up", form=forms.NAMES, usual="the main output"
    )
    compare_at: str = setting(
        "text", "the size at which output and target are compared: of the target (the output is resized bilinearly), or of the output (the target is resized by nearest neighbour)",
        "labels", choices=("labels", "logits"),
    )  # fmt: skip


SHARED = ("target", "outputs", "compare_at", "class_weights")
"""Settings of losses that are not passed to the loss functions: callers apply them."""


@dataclass(frozen=True)
class CrossEntropy(OfOutput):
    """The mean cross-entropy over labelled pixels."""

    class_weights: Any = setting(
        "data", "class weights of the loss", form=forms.CLASS_WEIGHTS, usual="1 for every class"
    )


@dataclass(frozen=True)
class Ohem(CrossEntropy):
    """Online hard example mining (arXiv:1604.03540): the mean cross-entropy over the hardest pixels."""

    threshold: float = setting(
        "number", "pixels whose true class has at most this probability are hard", 0.7, high=1
    )
    kept: int | None = setting(
        "whole", "minimum number of pixels kept as hard", low=1, high=2**31, usual="1/16 of all pixels"
    )


@dataclass(frozen=True)
class Bce(OfOutput):
    """The binary cross-entropy of an output whose single channel is the logit."""

    positive: float = setting("number", "weight of positive pixels", 1.0)
    balanced: bool = setting(
        "flag", "weight positive pixels by the share of negative ones in the batch, and vice versa (HED, arXiv:1504.06375)",
        False,
    )  # fmt: skip


@dataclass(frozen=True)
class SmoothL1(OfOutput):
    """The smooth L1 (Huber) loss: the mean of e²/(2 beta) where |e| < beta, and of |e| - beta/2 elsewhere."""

    beta: float = setting("number", "the absolute error above which the loss is linear", 1.0, low=1e-6)


@dataclass(frozen=True)
class Distillation:
    """Knowledge distillation: the divergence of the outputs from a teacher's outputs."""

    weight: float = setting("number", "weight of the distillation loss", run=False)
    teacher: str = setting("text", "group that acts as the teacher", run=False)
    temperature: float = setting("number", "softmax temperature of teacher and student", run=False)


@dataclass(frozen=True)
class Timed:
    """Settings of the latency and the frame rate, which are estimated with a lookup table."""

    device: str | None = setting("text", "device of the lookup table", usual="the table's own device")
    table: str | None = setting(
        "text", "lookup table file, relative to the spec", usual="the file of --table"
    )
    uniform: Any = setting(
        "names", "decisions replaced by equal probabilities in the expected latency", usual="none"
    )
    largest: Any = setting(
        "names", "decisions fixed to their largest outcomes in the expected latency", usual="none"
    )
    sampled: Any = setting(
        "names",
        "decisions fixed to the outcomes sampled in the step, with straight-through gradients",
        usual="none",
    )
    mode: Any = setting(
        "word", "how the expected latency is computed from probabilities",
        group="expectations", usual="corrected",
    )  # fmt: skip


@dataclass(frozen=True)
class OfClasses:
    """Settings of scores that are means over the classes which occur in the labels or the predictions."""

    omit: Any = setting("data", "names of excluded classes", form=forms.NAMES, usual="none")


@dataclass(frozen=True)
class OfAccuracies(OfClasses):
    """Settings of scores that contain the mean of the accuracies of classes."""

    compat: bool = setting(
        "flag", "a class that is predicted but absent from the labels has an accuracy of 2, as in the paper's released code",
        False,
    )  # fmt: skip
