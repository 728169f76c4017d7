"""Settings of what an objective or a requirement names: losses, costs, and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Plain:
    """A word without settings."""


@dataclass(frozen=True)
class CrossEntropy:
    """The mean cross-entropy of labelled pixels."""

    class_weights: Any = setting("data", "what each class counts", form=forms.CLASS_WEIGHTS, usual="1 each")


@dataclass(frozen=True)
class Ohem(CrossEntropy):
    """Online hard example mining: the cross-entropy of the hardest pixels."""

    threshold: float = setting(
        "number", "greatest probability of its own class that a hard pixel has", 0.7, high=1
    )
    kept: int | None = setting(
        "whole", "least number of hard pixels", low=1, high=2**31, usual="a sixteenth of all"
    )


@dataclass(frozen=True)
class Distillation:
    """The divergence from a teacher."""

    weight: float = setting("number", "weight of the divergence", run=False)
    teacher: str = setting("text", "group that teaches", run=False)
    temperature: float = setting("number", "temperature of both distributions", run=False)


@dataclass(frozen=True)
class Timed:
    """A time or a rate by a lookup table."""

    device: str | None = setting("text", "device whose table answers", usual="that of the table")
    table: str | None = setting("text", "file of the table, relative to the spec", usual="that of --table")


@dataclass(frozen=True)
class OfClasses:
    """A mean over the classes that are there or were predicted."""

    omit: Any = setting("data", "names of classes that do not count", form=forms.NAMES, usual="none")


@dataclass(frozen=True)
class OfAccuracies(OfClasses):
    """A mean that the accuracies of classes have part in."""

    compat: bool = setting(
        "flag", "a class that is predicted and not there has an accuracy of 2, as in the code of the paper",
        False,
    )  # fmt: skip
