"""Activation functions: of each value, or of the values of all channels at each position (softmax)."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, prod, sqrt
from typing import TYPE_CHECKING, ClassVar

from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import NotShared, Parts, Places, index

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


class Activation(Primitive):
    """Base class of activations; `function` is the callable applied to the tensor."""

    function: ClassVar[str]
    keeps_size = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{self.function}({names[0]})"


class Relu(Activation):
    name = "relu"
    summary = "max(x, 0)"
    lifts = ("relu",)
    function = "F.relu"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Relu", names)

    def in_place(self, name: str, a: Attrs) -> str:
        return f"F.relu({name}, inplace=True)"


class Relu6(Activation):
    name = "relu6"
    summary = "min(max(x, 0), 6)"
    lifts = ("relu6", "hardtanh", "clamp")
    function = "F.relu6"

    def in_place(self, name: str, a: Attrs) -> str:
        return f"F.relu6({name}, inplace=True)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        bounds = [to.filled(label, bound, (1,)) for label, bound in (("0", 0.0), ("6", 6.0))]
        return to.node("Clip", [names[0], *bounds])

    def lifted(self, call: Call) -> Lifted | None:
        low, high = ("min_val", "max_val") if call.operator == "hardtanh" else ("min", "max")
        bounds = call[low], call[high]
        if call.operator != "relu6" and bounds != (0, 6):
            return None
        return super().lifted(call)


class HardSwish(Activation):
    name = "hswish"
    summary = "x * relu6(x + 3) / 6"
    lifts = ("hardswish",)
    function = "F.hardswish"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("HardSwish", names)


class Silu(Activation):
    name = "silu"
    summary = "x * sigmoid(x)"
    lifts = ("silu",)
    function = "F.silu"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Mul", [names[0], to.node("Sigmoid", names, "sigmoid")])


class Sigmoid(Activation):
    name = "sigmoid"
    summary = "1 / (1 + exp(-x))"
    lifts = ("sigmoid",)
    function = "torch.sigmoid"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Sigmoid", names)

    def keeps_zero(self, a: Attrs) -> bool:
        return False


class HardSigmoid(Activation):
    name = "hsigmoid"
    summary = "relu6(x + 3) / 6"
    lifts = ("hardsigmoid",)
    function = "F.hardsigmoid"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("HardSigmoid", names, alpha=1 / 6, beta=0.5)

    def keeps_zero(self, a: Attrs) -> bool:
        return False


class Tanh(Activation):
    name = "tanh"
    summary = "hyperbolic tangent"
    lifts = ("tanh",)
    function = "torch.tanh"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Tanh", names)


class Softplus(Activation):
    name = "softplus"
    summary = "log(1 + exp(x))"
    lifts = ("softplus",)
    function = "F.softplus"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Softplus", names)

    def keeps_zero(self, a: Attrs) -> bool:
        return False

    def lifted(self, call: Call) -> Lifted | None:
        return super().lifted(call) if (call["beta"], call["threshold"]) == (1, 20) else None


class LeakyRelu(Activation):
    name = "leaky_relu"
    summary = "max(x, 0) + slope * min(x, 0)"
    lifts = ("leaky_relu",)
    settings = (Setting("slope", "float", 0.01, "factor of negative values"),)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.leaky_relu({names[0]}, {float(a['slope'])!r})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("LeakyRelu", names, alpha=float(a["slope"]))

    def lifted(self, call: Call) -> Lifted | None:
        return call.pointwise(call.x, slope=call["negative_slope"])


class Elu(Activation):
    name = "elu"
    summary = "max(x, 0) + alpha * (exp(min(x, 0)) - 1)"
    lifts = ("elu",)
    settings = (Setting("alpha", "float", 1, "the limit of very negative values is -alpha"),)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.elu({names[0]}, {float(a['alpha'])!r})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Elu", names, alpha=float(a["alpha"]))

    def lifted(self, call: Call) -> Lifted | None:
        if (call["scale"], call["input_scale"]) != (1, 1):
            return None
        return call.pointwise(call.x, alpha=call["alpha"])


class Gelu(Activation):
    """Gaussian error linear unit, x · Φ(x) with the standard normal distribution function Φ:
    arXiv:1606.08415.
    """

    name = "gelu"
    summary = "x * (1 + erf(x / sqrt(2))) / 2"
    lifts = ("gelu",)
    settings = (
        Setting(
            "approximate",
            "bool",
            False,
            "whether to compute x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2 instead",
        ),
    )

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f'F.gelu({names[0]}, approximate="tanh")' if a["approximate"] else f"F.gelu({names[0]})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        """Writes Gelu from its definition by Erf or Tanh: ONNX has the operator from opset 20 on only."""
        (x,), half, one = names, to.filled("half", 0.5, (1,)), to.filled("one", 1.0, (1,))
        if a["approximate"]:
            square = to.node("Mul", [x, x], "square")
            cubic = to.node("Mul", [square, to.filled("cubic", 0.044715, (1,))], "2")
            factor = to.node("Mul", [to.node("Add", [cubic, one], "3"), x], "4")
            inner = to.node("Mul", [factor, to.filled("scale", sqrt(2 / pi), (1,))], "5")
            bent = to.node("Tanh", [inner], "tanh")
        else:
            inner = to.node("Mul", [x, to.filled("scale", sqrt(0.5), (1,))], "1")
            bent = to.node("Erf", [inner], "erf")
        gate = to.node("Mul", [to.node("Add", [bent, one], "sum"), half], "gate")
        return to.node("Mul", [x, gate])

    def lifted(self, call: Call) -> Lifted | None:
        return call.pointwise(call.x, approximate=call["approximate"] == "tanh")


class Prelu(Activation):
    """max(x, 0) + a · min(x, 0) with a learned slope a, initially 0.25 (arXiv:1502.01852, equation 1)."""

    name = "prelu"
    summary = "max(x, 0) + slope * min(x, 0), with a learned slope per channel"
    lifts = ("prelu",)
    settings = (
        Setting(
            "shared", "bool", False, "whether all channels share one slope, instead of one slope per channel"
        ),
    )

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        return Cost(params=1 if a["shared"] else y[0])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return Layer("PReLU", {"num_parameters": 1 if a["shared"] else y[0]}, positional=1)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        if a["shared"] != most["shared"]:
            raise NotShared("`prelu` has one slope in one network and a slope per channel in another")
        return {} if a["shared"] else {"weight": (index(x),)}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{layer}({names[0]})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        slopes = 1 if a["shared"] else y[0]
        return to.node("PRelu", [names[0], to.weight("weight", (slopes, 1, 1))])

    def lifted(self, call: Call) -> Lifted | None:
        weight = call["weight"]
        shared = prod(weight.shape) == 1 < call.x.shape[1]
        return call.lifted(call.x, weights={"weight": weight}, shared=shared)


class Softmax(Activation):
    """Softmax over the channels at each position: exp(x) divided by its sum over all channels."""

    name = "softmax"
    summary = "exp(x) / its sum over the channels at each position"
    lifts = ("softmax",)

    def keeps_zero(self, a: Attrs) -> bool:
        return False

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.softmax({names[0]}, 1)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Softmax", names, axis=1)

    def lifted(self, call: Call) -> Lifted | None:
        return call.pointwise(call.x) if call.x.has_channels_at(call["dim"]) else None
