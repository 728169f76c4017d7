"""The primitives: ops that are not composed of others.

`PRIMITIVES` lists the built-in primitives explicitly; a new one is one class in the file of its family and
one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archdsl.ops import (
    activation,
    adaptive,
    attention,
    channels,
    convolution,
    dot_attention,
    dropping,
    joining,
    normalisation,
    pooling,
    resizing,
    scaling,
    shaping,
    transposed,
    unpooling,
)
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting
from archdsl.registry import demand_free, loaded, unusable

PRIMITIVES: tuple[Primitive, ...] = (
    convolution.Conv(),
    convolution.DepthwiseConv(),
    transposed.ConvTranspose(),
    normalisation.BatchNorm(),
    normalisation.LayerNorm(),
    normalisation.GroupNorm(),
    normalisation.InstanceNorm(),
    dropping.Dropout(),
    dropping.Dropout2d(),
    dropping.DropPath(),
    activation.Relu(),
    activation.Relu6(),
    activation.HardSwish(),
    activation.Silu(),
    activation.Sigmoid(),
    activation.HardSigmoid(),
    activation.Tanh(),
    activation.Softplus(),
    activation.LeakyRelu(),
    activation.Elu(),
    activation.Gelu(),
    activation.Prelu(),
    activation.Softmax(),
    pooling.MaxPool(),
    pooling.AvgPool(),
    pooling.GlobalPool(),
    adaptive.AdaptivePool(),
    unpooling.MaxUnpool(),
    resizing.Resize(),
    resizing.Upsample(),
    joining.Concat(),
    joining.Add(),
    joining.Sub(),
    joining.Mul(),
    shaping.Identity(),
    shaping.Zero(),
    shaping.Tile(),
    shaping.Shift(),
    shaping.ChannelShuffle(),
    shaping.PixelShuffle(),
    scaling.Scale(),
    scaling.Affine(),
    channels.Linear(),
    channels.ChannelSum(),
    channels.ChannelMean(),
    channels.ChannelMax(),
    channels.ChannelConv(),
    channels.Slice(),
    attention.Attention(),
    dot_attention.DotAttention(),
)

_BY_NAME: dict[str, Primitive] = {p.name: p for p in PRIMITIVES}
_VIEW: Mapping[str, Primitive] = MappingProxyType(_BY_NAME)


def primitives() -> Mapping[str, Primitive]:
    """All primitives by name, including those of plug-ins."""
    return _VIEW


def get(name: str) -> Primitive:
    """The primitive with this name. Raises KeyError if it is unknown."""
    return _BY_NAME[name]


def words() -> frozenset[str]:
    """The words that string settings of primitives accept as values, such as `bilinear`."""
    return frozenset(word for p in _BY_NAME.values() for s in p.settings for word in s.choices)


def register(name: str, place: str, plugin: str) -> None:
    """Registers the primitive of a plug-in, an object or a class at "module:attribute".

    Raises SpecError: ARCH864 if it is not a primitive of that name, ARCH865 if the name is taken.
    """
    demand_free("primitive", name, plugin, _BY_NAME)
    made = loaded("primitive", place, Primitive, plugin)
    if made.name != name:
        raise unusable(
            "primitive", place, plugin, f"its name is `{made.name}`, that of its entry point `{name}`"
        )
    _BY_NAME[name] = made
