"""ONNX nodes of operators that PyTorch's exporter lacks, or writes for one size only: adaptive pooling.

Row i of n output rows pools rows floor(i h / n) to ceil((i + 1) h / n) - 1 of h input rows, which may be
dynamic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from onnxscript import INT64
from onnxscript import opset18 as op

AXES = (2, 3)


def table() -> Mapping[Any, Callable[..., Any]]:
    """The translation functions by PyTorch operator, for `torch.onnx.export`."""
    aten = torch.ops.aten
    return {
        aten.adaptive_avg_pool2d.default: _adaptive_mean,
        aten._adaptive_avg_pool2d.default: _adaptive_mean,
        aten.adaptive_max_pool2d.default: _adaptive_maximum,
    }


def _adaptive_mean(x: Any, output_size: INT64) -> Any:
    """Translates adaptive mean pooling to two matrix products, with the weights of rows and of columns.

    The output size may be dynamic as well.
    """
    rows, columns = (_weights(x, output_size, axis) for axis in AXES)
    return op.MatMul(op.MatMul(rows, x), op.Transpose(columns, perm=[1, 0]))


def _weights(x: Any, output_size: Any, axis: int) -> Any:
    """The weight of each input row in each output row, n × h."""
    h = op.Squeeze(op.Shape(x, start=axis, end=axis + 1))
    n = op.Squeeze(op.Slice(output_size, _ints(axis - 2), _ints(axis - 1)))
    at = op.Unsqueeze(op.Range(_int(0), n, _int(1)), _ints(1))
    row = op.Range(_int(0), h, _int(1))
    first = op.Div(op.Mul(at, h), n)
    end = op.Div(op.Add(op.Mul(op.Add(at, _int(1)), h), op.Sub(n, _int(1))), n)
    inside = op.CastLike(op.And(op.GreaterOrEqual(row, first), op.Less(row, end)), x)
    return op.Div(inside, op.CastLike(op.Sub(end, first), x))


def _adaptive_maximum(x: Any, output_size: Sequence[int]) -> Any:
    """Translates adaptive max pooling; no primitive reads the indices, the second output of the operator."""
    for axis, bins in zip(AXES, output_size, strict=True):
        rows, along = op.Shape(x, start=axis, end=axis + 1), _ints(axis)
        found = []
        for at in range(bins):
            first = op.Div(op.Mul(rows, _ints(at)), _ints(bins))
            end = op.Div(op.Add(op.Mul(rows, _ints(at + 1)), _ints(bins - 1)), _ints(bins))
            found.append(op.ReduceMax(op.Slice(x, first, end, along), along, keepdims=1))
        x = op.Concat(*found, axis=axis)
    return x, x


def _ints(value: int) -> Any:
    return op.Constant(value_ints=[value])


def _int(value: int) -> Any:
    return op.Constant(value_int=value)
