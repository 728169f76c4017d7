"""Converts the scores of an evaluation for progress events, the journal, and the metadata of weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from archdsl.report.scores import NAMES
from archdsl.train.tallies import ClassTally, Tally, value_of


def leading(found: Mapping[str, Tally]) -> dict[str, float]:
    """The main score of each output (mIoU, F1 or MAE) by name: `OUTPUT mIoU` if there are several outputs."""
    several = len(found) > 1
    return {
        f"{output} {NAMES[one.leading]}" if several else NAMES[one.leading]: abs(value_of(one))
        for output, one in found.items()
    }


def recorded(
    found: Mapping[str, Tally],
) -> tuple[dict[str, Any], float | None, tuple[float | None, ...]]:
    """The scores as a journal record, and mIoU and IoU per class of the first output.

    mIoU is 0 without labelled pixels, and None if the output does not predict classes; the IoU of an absent
    class is None.
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
    """The scores as metadata of a file of weights."""
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
