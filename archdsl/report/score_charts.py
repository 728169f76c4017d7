"""Charts, cards and names of the scores of a network's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from archdsl.report.curves import Curve, Points, curves
from archdsl.report.records import Scored
from archdsl.report.scores import score_name, score_text
from archdsl.report.sheet import figure

R = TypeVar("R", bound=Scored)


def names_of_scores(rows: Iterable[Scored]) -> list[str]:
    """The display names of the main scores of all outputs; mIoU if there are none."""
    return list(dict.fromkeys(name for row in rows for name in row.shown)) or ["mIoU"]


def points_of(rows: Sequence[R], step: Callable[[R], float], name: str) -> Points:
    """The points (step, score) of the records that have the score with this display name."""
    return [(step(row), row.shown[name]) for row in rows if name in row.shown]


def score_figure(name: str, rows: Sequence[Curve], text: str) -> str:
    """The chart of one score by step, as HTML, with the caption `text`."""
    title = f"{name} on the validation images"
    chart = curves(rows, title=title, x_label="step", y_label=name, summary=text, low=0.0)
    return figure(title, chart, text)


def heading(scored: Scored) -> str:
    """The heading of charts of losses and scores."""
    several = len(scored.by_output) > 1
    return "Loss and scores" if several else f"Loss and {score_name(scored.leading[0])}"


def further_cards(scored: Scored) -> list[tuple[str, str, str]]:
    """A card (name, value, remark) for each output but the first: its main score; the others as remark."""
    found = []
    for output, *_ in scored.by_output[1:]:
        shown = [(score_name(key), score_text(key, score)) for key, score in scored.scores[output].items()]
        (name, score), *others = shown
        found.append((f"{name} of {output}", score, ", ".join(f"{key} {text}" for key, text in others)))
    return found
