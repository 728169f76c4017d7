"""Names of the scores of a network's outputs."""

from __future__ import annotations

from collections.abc import Mapping

LOWER = ("mae", "rmse")
"""Names of the scores that are errors, of which less is better."""

NAMES: Mapping[str, str] = {
    "miou": "mIoU", "accuracy": "accuracy", "f1": "F1", "precision": "precision", "recall": "recall",
    "mae": "MAE", "rmse": "RMSE", "delta1": "δ < 1.25",
}  # fmt: skip
"""The display names of scores."""


def score_name(name: str) -> str:
    """The display name of a score; unknown ones are unchanged."""
    return NAMES.get(name, name)


def score_text(name: str, score: float | None) -> str:
    """A score in a report: an error as a number, a fraction in percent."""
    if score is None or score != score:
        return "–"
    return f"{score:.4g}" if name in LOWER else f"{score:.1%}"
