"""Normalization over the batch, over channels, over groups of channels, and over positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from archdsl.ir.expr import eq, le
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import Parts, Places, index

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted

_EPS = Setting("eps", "float", 1e-5, "added to the variance", low=0)


class BatchNorm(Primitive):
    """Batch normalization over (N, H, W), with running statistics for evaluation: arXiv:1502.03167."""

    name = "bn"
    summary = "batch normalization"
    lifts = ("batch_norm",)
    over_batch = True
    keeps_size = True
    fresh = True
    settings = (
        _EPS,
        Setting(
            "momentum",
            "float",
            0.1,
            "momentum of the running statistics: weight of the newest batch",
            low=0,
            high=1,
        ),
        Setting("affine", "bool", True, "whether to learn scale and shift"),
    )

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        return Cost(params=2 * y[0] if a["affine"] else 0)

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        kwargs: dict[str, object] = {"num_features": y[0]}
        if a["eps"] != 1e-5:
            kwargs["eps"] = a["eps"]
        if a["momentum"] != 0.1:
            kwargs["momentum"] = a["momentum"]
        if not a["affine"]:
            kwargs["affine"] = False
        return Layer("BatchNorm2d", kwargs, positional=1)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (index(x),))

    def weighted_expression(
        self, names: Sequence[str], layer: str | None, weight: str, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"layers.weighted_batch_norm({layer}, {names[0]}, {weight})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        c = (y[0],)
        if a["affine"]:
            scale, shift = to.weight("weight", c), to.weight("bias", c)
        else:
            scale, shift = to.filled("ones", 1.0, c), to.filled("zeros", 0.0, c)
        inputs = [names[0], scale, shift, to.weight("running_mean", c), to.weight("running_var", c)]
        return to.node("BatchNormalization", inputs, epsilon=float(a["eps"]))

    def lifted(self, call: Call) -> Lifted | None:
        weights = {name: call[name] for name in ("weight", "bias", "running_mean", "running_var")}
        affine = weights["weight"] is not None
        if weights["running_mean"] is None or affine != (weights["bias"] is not None):
            return None
        return call.lifted(call.x, weights=weights, eps=call["eps"], momentum=call["momentum"], affine=affine)


class Standardised(Primitive):
    """Base class of normalization by the statistics of one image.

    Such layers have no running statistics, and compute the same in training and evaluation.
    """

    keeps_size = True
    fresh = True
    settings: ClassVar[tuple[Setting, ...]] = (
        _EPS,
        Setting("affine", "bool", True, "whether to learn scale and shift"),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return a["affine"] is False and isinstance(a["eps"], (int, float)) and a["eps"] > 0

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        return Cost(params=2 * y[0] if a["affine"] else 0)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        return dict.fromkeys(("weight", "bias"), (index(x),))


class LayerNorm(Standardised):
    """Layer normalization over the channels at each position: arXiv:1607.06450."""

    name = "layer_norm"
    summary = "normalization over the channels at each position"
    lifts = ("layer_norm",)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        c = xs[0][0]
        demand(le(2, c), "ARCH231", "layer_norm: {c} channel at each position, too few to normalize", c=c)
        return xs[0]

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return Layer("ChannelLayerNorm", {"channels": y[0], **_options(a)}, positional=1)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        last = to.node("Transpose", names, "last", perm=[0, 2, 3, 1])
        inputs = [last, *_scale_and_shift(to, y[0], (y[0],), a)]
        normal = to.node("LayerNormalization", inputs, "normal", axis=-1, epsilon=float(a["eps"]))
        return to.node("Transpose", [normal], perm=[0, 3, 1, 2])

    def lifted(self, call: Call) -> Lifted | None:
        x, weight, bias = call.x, call["weight"], call["bias"]
        over_channels = len(call["normalized_shape"]) == 1 and x.has_channels_at(-1)
        if not over_channels or (weight is None) != (bias is None):
            return None
        weights = {"weight": weight, "bias": bias}
        return call.pointwise(x, weights=weights, eps=call["eps"], affine=weight is not None)


class GroupNorm(Standardised):
    """Normalization over height, width and the channels of each of g groups: arXiv:1803.08494."""

    name = "group_norm"
    summary = "normalization over height, width and groups of channels"
    lifts = ("group_norm",)
    settings = (Setting("g", "int", None, "groups", low=1), *Standardised.settings)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), g = xs[0], a["g"]
        demand(eq(c % g, 0), "ARCH310", "{c} channels are not divisible by {g} groups", g=g, c=c)
        message = "group_norm: {g} groups of {c} × {h} × {w} have one value each, too few to normalize"
        demand(le(g + 1, c * h * w), "ARCH231", message, g=g, c=c, h=h, w=w)
        return xs[0]

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return (0, x - 1)

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        kwargs = {"num_groups": a["g"], "num_channels": y[0], **_options(a)}
        return Layer("GroupNorm", kwargs, positional=2)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        """Writes instance normalization of each group, since GroupNormalization of opset 18 has one scale per
        group.

        Here, each channel has a scale.
        """
        (c, h, w), g = y, a["g"]
        grouped = to.node("Reshape", [names[0], to.ints("apart", [to.batch, g, c // g * h * w])], "grouped")
        plain = [to.filled("ones", 1.0, (g,)), to.filled("zeros", 0.0, (g,))]
        normal = to.node("InstanceNormalization", [grouped, *plain], "normal", epsilon=float(a["eps"]))
        whole = [normal, to.ints("whole", [to.batch, c, h, w])]
        if not a["affine"]:
            return to.node("Reshape", whole)
        scale, shift = _scale_and_shift(to, c, (c, 1, 1), a)
        scaled = to.node("Mul", [to.node("Reshape", whole, "map"), scale], "scaled")
        return to.node("Add", [scaled, shift])

    def lifted(self, call: Call) -> Lifted | None:
        weight, bias = call["weight"], call["bias"]
        if (weight is None) != (bias is None):
            return None
        how = {"g": call["num_groups"], "eps": call["eps"], "affine": weight is not None}
        return call.lifted(call.x, weights={"weight": weight, "bias": bias}, **how)


class InstanceNorm(Standardised):
    """Normalization of each channel over height and width, in evaluation as well: arXiv:1607.08022."""

    name = "instance_norm"
    summary = "normalization of each channel over height and width"
    lifts = ("instance_norm",)
    settings = (_EPS, Setting("affine", "bool", False, "whether to learn scale and shift"))

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        _, h, w = xs[0]
        message = "instance_norm: {h} × {w} is one value in each channel, too few to normalize"
        demand(le(2, h * w), "ARCH231", message, h=h, w=w)
        return xs[0]

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return (0, x - 1)

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        kwargs: dict[str, object] = {"num_features": y[0], **_options(a, affine=False)}
        return Layer("InstanceNorm2d", kwargs, positional=1)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        inputs = [names[0], *_scale_and_shift(to, y[0], (y[0],), a)]
        return to.node("InstanceNormalization", inputs, epsilon=float(a["eps"]))

    def lifted(self, call: Call) -> Lifted | None:
        weight, bias = call["weight"], call["bias"]
        if not call["use_input_stats"] or (weight is None) != (bias is None):
            return None
        weights = {"weight": weight, "bias": bias}
        return call.lifted(call.x, weights=weights, eps=call["eps"], affine=weight is not None)


def _options(a: Attrs, affine: bool = True) -> dict[str, object]:
    """The arguments of a layer that differ from the defaults of its torch class."""
    found: dict[str, object] = {}
    if a["eps"] != 1e-5:
        found["eps"] = a["eps"]
    if a["affine"] is not affine:
        found["affine"] = a["affine"]
    return found


def _scale_and_shift(to: OnnxWriter, c: int, shape: Sequence[int], a: Attrs) -> tuple[str, str]:
    if a["affine"]:
        return to.weight("weight", shape), to.weight("bias", shape)
    return to.filled("ones", 1.0, shape), to.filled("zeros", 0.0, shape)
