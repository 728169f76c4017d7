"""The primitives: all that is not composed from something else in the language.

`PRIMITIVES` is the explicit list; a new primitive is one class in its family's file and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archdsl.ops import activation, convolution, joining, normalisation, pooling, resizing, scaling, shaping
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting

PRIMITIVES: tuple[Primitive, ...] = (
    convolution.Conv(),
    convolution.DepthwiseConv(),
    normalisation.BatchNorm(),
    normalisation.Dropout(),
    activation.Relu(),
    activation.Relu6(),
    activation.HardSwish(),
    activation.Silu(),
    activation.Sigmoid(),
    pooling.MaxPool(),
    pooling.AvgPool(),
    pooling.GlobalPool(),
    resizing.Resize(),
    resizing.Upsample(),
    joining.Concat(),
    joining.Add(),
    joining.Mul(),
    shaping.Identity(),
    shaping.Zero(),
    shaping.Tile(),
    shaping.Shift(),
    shaping.ChannelShuffle(),
    shaping.PixelShuffle(),
    scaling.Scale(),
)

_BY_NAME: Mapping[str, Primitive] = MappingProxyType({p.name: p for p in PRIMITIVES})


def primitives() -> Mapping[str, Primitive]:
    """All primitives by name."""
    return _BY_NAME


def get(name: str) -> Primitive:
    """The primitive of that name; KeyError where there is none."""
    return _BY_NAME[name]
