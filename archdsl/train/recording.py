"""Scores of an evaluation for the journal of a training, for its progress, and for files of weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from archdsl.report.scores import NAMES
from archdsl.train.tallies import ClassTally, Tally, value_of


def leading(found: Mapping[str, Tally]) -> dict[str, float]:
    """The main score of each output (mIoU, F1 or error), by name, with the name of the output if there are
    several.
    """
    several = len(found) > 1
    return {
        f"{output} {NAMES[one.leading]}" if several else NAMES[one.leading]: abs(value_of(one))
        for output, one in found.items()
    }


def recorded(
    found: Mapping[str, Tally],
) -> tuple[dict[str, Any], float | None, tuple[float | None, ...]]:
    """The scores for the journal; and of a first output of classes, mIoU (0 without labelled pixels) and IoU
    per class (None for absent classes).
    """
    (first, deciding), *others = found.items()
    record: dict[str, Any] = {}
    miou: float | None = None
    iou: tuple[float | None, ...] = ()
    if isinstance(deciding, ClassTally):
        confusion = deciding.confusion
        miou, iou = value_of(deciding), tuple(_number(x) for x in confusion.iou().tolist())
        record = {"miou": miou, "iou": list(iou), "accuracy": _number(confusion.accuracy())}
    else:
        others = [(first, deciding), *others]
    if others:
        record["scores"] = {
            output: {name: _number(score) for name, score in one.scores().items()} for output, one in others
        }
    return record, miou, iou


def metadata_of(found: Mapping[str, Tally]) -> dict[str, str]:
    """The scores for a file of weights."""
    (_, deciding), *others = found.items()
    if isinstance(deciding, ClassTally) and not others:
        return {"miou": f"{value_of(deciding):.4f}"}
    scores = {
        output: {name: f"{score:.4f}" for name, score in one.scores().items()}
        for output, one in found.items()
    }
    return {"scores": json.dumps(scores)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
