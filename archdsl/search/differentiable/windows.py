"""Adaptive weights in objectives, such as `window(0.01, rate, 155 fps .. 175 fps)`, which starts at 0.01.

After each epoch, the weight is halved if the cost of any derived network is at least the end of the range;
otherwise, it is doubled if the cost of any is at most the start, as in search/train_search.py of
VITA-Group/FasterSeg.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from archdsl.runs.restoring import Unfit
from archdsl.spec.search_values import Formula, Term, written
from archdsl.spec.units import Quantity


def adapted(weight: float, values: Sequence[float], low: float, high: float) -> float:
    """The adapted weight, given the costs `values` of derived networks and a range from `low` to `high`."""
    if any(value >= high for value in values):
        return weight / 2
    if any(value <= low for value in values):
        return weight * 2
    return weight


class AdaptiveWeights:
    """The current weights of the `window` terms of a search, by their text."""

    def __init__(self, terms: Iterable[Term]):
        self._terms = {written(term): term for term in terms if term.name == "window"}
        self.weights: dict[str, float] = {key: _number(term.args[0]) for key, term in self._terms.items()}

    def after_epoch(self, values: Callable[[Term], Sequence[float]]) -> None:
        """Adapts all weights; `values` returns the costs of the derived networks for a term."""
        for key, term in self._terms.items():
            _, cost, ends = term.args
            assert isinstance(cost, Term)
            assert isinstance(ends, Formula)
            low, high = map(_number, ends.args)
            self.weights[key] = adapted(self.weights[key], values(cost), low, high)

    def read(self, found: Any) -> dict[str, float]:
        """The weights in a checkpoint. Raises Unfit if they do not belong to the terms of this search."""
        if not isinstance(found, dict) or found.keys() != self.weights.keys():
            raise Unfit("the weights of windows are those of another search")
        for key, weight in found.items():
            if type(weight) is not float or not math.isfinite(weight) or weight < 0:
                raise Unfit(f"the weight of `{key}` is {weight!r}")
        return dict(found)


def _number(value: Any) -> float:
    return float(value.amount if isinstance(value, Quantity) else value)
