"""Calibrates latency estimates, sums of rows of a table, on networks measured end to end.

A sum of the latencies of isolated ops misses effects between ops: fusion, changes of memory layout, warm
caches. Correction models of increasing complexity are compared by cross-validation on one part of the
networks; accuracy is measured on the other, held-out networks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.devices.keys import NetworkUnits
from archdsl.devices.table import Accuracy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

CONFIDENCE = 0.9
"""The fraction of held-out networks whose relative error is at most the reported error."""

_STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
_PLAIN = 0.02  # a more complex model must reduce the error by this fraction


@dataclass(frozen=True)
class Sum:
    """The features of a network for the fit.

    `counts` is the number of units of each key, by hash, less those of shared primitives; `ops` is the op of
    each key; `units` is the number of units.
    """

    counts: Mapping[str, int]
    ops: Mapping[str, str]
    units: int

    @staticmethod
    def of(parts: NetworkUnits) -> Sum:
        counts: dict[str, int] = {}
        ops: dict[str, str] = {}
        for sign, units in ((1, parts.units), (-1, parts.shared)):
            for unit in units:
                digest = unit.key.hash
                counts[digest] = counts.get(digest, 0) + sign
                ops[digest] = unit.key.op
        return Sum(counts, ops, len(parts.units) - len(parts.shared))


@dataclass(frozen=True)
class Fit:
    """The parameters of a fitted correction model, as in `table.Calibration`."""

    form: str
    scale: float
    per_unit_ms: float
    fixed_ms: float
    op_scales: Mapping[str, float]
    corrections_ms: Mapping[str, float]


def predict(fit: Any, network: Sum, rows: Mapping[str, float]) -> float:
    """The latency of a network in ms that a fit predicts; `rows` are ms by key.

    Raises KeyError if one is missing.
    """
    total: float = fit.fixed_ms + fit.per_unit_ms * network.units
    for digest, count in network.counts.items():
        op_scale = fit.op_scales.get(network.ops[digest], 1.0)
        total += count * (fit.scale * op_scale * rows[digest] + fit.corrections_ms.get(digest, 0.0))
    return total


def rows_alone(rows: Mapping[str, float]) -> Callable[[Sum], float]:
    """A predictor without calibration: the sum of the rows of a network, in ms."""
    none = Fit("sum", 1.0, 0.0, 0.0, {}, {})
    return lambda network: predict(none, network, rows)


FORMS = ("line", "ops", "keys")
"""The correction models. line: a scale, a cost per unit, and a fixed cost; ops: in addition, a scale for
each op; keys: in addition, a term for each key.
"""


def fit(
    networks: Sequence[Sum], measured_ms: Sequence[float], rows: Mapping[str, float], seed: int = 0
) -> tuple[Fit, dict[str, float]]:
    """The fit of the model with the best cross-validation error, and the mean relative error of each model.

    `measured_ms` are the latencies of the networks, `rows` the ms of each key. A more complex model is chosen
    only if its error is at least 2 % lower.
    """
    import numpy as np

    measured = np.asarray(measured_ms, float)
    folds = _folds(len(networks), seed)
    best: dict[str, tuple[float, float]] = {}
    for form in FORMS:
        for strength in _STRENGTHS if form != "line" else (0.0,):
            errors = []
            for inside, outside in folds:
                made = _fit(form, strength, [networks[i] for i in inside], measured[inside], rows)
                errors += [abs(predict(made, networks[i], rows) / measured[i] - 1) for i in outside]
            error = float(np.mean(errors))
            if form not in best or error < best[form][0]:
                best[form] = (error, strength)
    chosen = FORMS[0]
    for form in FORMS[1:]:
        if best[form][0] < best[chosen][0] * (1 - _PLAIN):
            chosen = form
    made = _fit(chosen, best[chosen][1], networks, measured, rows)
    return made, {form: error for form, (error, _) in best.items()}


def fit_form(
    form: str, networks: Sequence[Sum], measured_ms: Sequence[float], rows: Mapping[str, float], seed: int = 0
) -> Fit:
    """The fit of the model `form`, with the strength of regularization chosen by cross-validation."""
    import numpy as np

    measured = np.asarray(measured_ms, float)
    if form == "line":
        return _fit(form, 0.0, networks, measured, rows)
    errors = {}
    for strength in _STRENGTHS:
        errors[strength] = sum(
            abs(
                predict(
                    _fit(form, strength, [networks[i] for i in inside], measured[inside], rows),
                    networks[i],
                    rows,
                )
                / measured[i]
                - 1
            )
            for inside, outside in _folds(len(networks), seed)
            for i in outside
        )
    return _fit(form, min(errors, key=errors.__getitem__), networks, measured, rows)


def _folds(n: int, seed: int) -> list[tuple[list[int], list[int]]]:
    order = list(range(n))
    random.Random(seed).shuffle(order)
    parts = min(5, n)
    return [(sorted(set(order) - set(order[k::parts])), sorted(order[k::parts])) for k in range(parts)]


def _fit(
    form: str, strength: float, networks: Sequence[Sum], measured: Vector, rows: Mapping[str, float]
) -> Fit:
    """Fits a model by least squares of relative errors; deviations from the model `line` are regularized."""
    import numpy as np

    sums = np.array([sum(c * rows[k] for k, c in n.counts.items()) for n in networks])
    units = np.array([float(n.units) for n in networks])
    line = _positive(np.stack([sums, units, np.ones_like(sums)], 1) / measured[:, None])
    scale, per_unit, fixed = (float(v) for v in line)
    scale = scale or 1e-9
    if form == "line":
        return Fit(form, scale, per_unit, fixed, {}, {})
    left = 1 - (scale * sums + per_unit * units + fixed) / measured
    op_names = sorted({op for n in networks for op in n.ops.values()})
    digests = sorted({k for n in networks for k in n.counts}) if form == "keys" else []
    columns = np.zeros((len(networks), len(op_names) + len(digests)))
    op_at = {op: i for i, op in enumerate(op_names)}
    key_at = {k: len(op_names) + i for i, k in enumerate(digests)}
    size = {k: scale * rows[k] + _FLOOR_MS for k in digests}
    for i, network in enumerate(networks):
        for k, count in network.counts.items():
            columns[i, op_at[network.ops[k]]] += count * scale * rows[k] / measured[i]
            if digests:
                columns[i, key_at[k]] += count * size[k] / measured[i]
    bend = np.linalg.solve(columns.T @ columns + strength * np.eye(columns.shape[1]), columns.T @ left)
    return Fit(
        form,
        scale,
        per_unit,
        fixed,
        {op: 1 + float(bend[i]) for op, i in op_at.items()},
        {k: float(bend[i]) * size[k] for k, i in key_at.items()},
    )


_FLOOR_MS = 2e-3  # a row of nearly zero may still have a cost between others


def _positive(design: Vector) -> Vector:
    """The solution of non-negative least squares with a target of 1 for every row of the design matrix."""
    import numpy as np
    from scipy.optimize import nnls

    size = np.linalg.norm(design, axis=0)
    size[size == 0] = (
        1.0  # normalizes columns such as MACs and milliseconds, since the solver has one tolerance
    )
    found: Vector = nnls(design / size, np.ones(len(design)))[0] / size
    return found


def line_through(values: Sequence[float], measured_ms: Sequence[float]) -> Callable[[float], float]:
    """The best linear predictor of latency in ms from a single property of networks, such as MACs."""
    import numpy as np

    measured, given = np.asarray(measured_ms, float), np.asarray(values, float)
    slope, fixed = _positive(np.stack([given, np.ones_like(given)], 1) / measured[:, None])
    return lambda value: float(slope * value + fixed)


def accuracy(predicted: Sequence[float], measured: Sequence[float]) -> Accuracy:
    """The accuracy of predicted latencies of networks, compared with measured ones."""
    import numpy as np

    p, m = np.asarray(predicted, float), np.asarray(measured, float)
    errors = np.abs(p / m - 1)
    return Accuracy(
        networks=len(m),
        spearman=spearman(p, m),
        kendall=kendall(p, m),
        mean_error=float(errors.mean()),
        worst_error=float(errors.max()),
        within_5=float((errors <= 0.05).mean()),
        within_10=float((errors <= 0.10).mean()),
    )


def spearman(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> float:
    """Spearman's rank correlation with mean ranks for ties; 0 if one side is constant."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic) if _vary(a, b) else 0.0


def kendall(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> float:
    """Kendall's tau-b; 0 if one side is constant."""
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic) if _vary(a, b) else 0.0


def _vary(*sides: Sequence[float] | Vector) -> bool:
    return all(min(side) < max(side) for side in sides)


def error_of(predicted: Sequence[float], measured: Sequence[float]) -> float:
    """The `CONFIDENCE` quantile of the relative errors of predictions."""
    import numpy as np

    errors = np.abs(np.asarray(predicted) / np.asarray(measured) - 1)
    return float(np.quantile(errors, CONFIDENCE, method="higher"))
