"""Activations: a function of each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Sizes


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
    function = "F.relu"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Relu", names)

    def in_place(self, name: str, a: Attrs) -> str:
        return f"F.relu({name}, inplace=True)"


class Relu6(Activation):
    name = "relu6"
    summary = "min(max(x, 0), 6)"
    function = "F.relu6"

    def in_place(self, name: str, a: Attrs) -> str:
        return f"F.relu6({name}, inplace=True)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        bounds = [to.filled(label, bound, (1,)) for label, bound in (("0", 0.0), ("6", 6.0))]
        return to.node("Clip", [names[0], *bounds])


class HardSwish(Activation):
    name = "hswish"
    summary = "x * relu6(x + 3) / 6"
    function = "F.hardswish"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("HardSwish", names)


class Silu(Activation):
    name = "silu"
    summary = "x * sigmoid(x)"
    function = "F.silu"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Mul", [names[0], to.node("Sigmoid", names, "sigmoid")])


class Sigmoid(Activation):
    name = "sigmoid"
    summary = "1 / (1 + exp(-x))"
    function = "torch.sigmoid"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Sigmoid", names)

    def keeps_zero(self, a: Attrs) -> bool:
        return False


class HardSigmoid(Activation):
    name = "hsigmoid"
    summary = "relu6(x + 3) / 6"
    function = "F.hardsigmoid"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("HardSigmoid", names, alpha=1 / 6, beta=0.5)

    def keeps_zero(self, a: Attrs) -> bool:
        return False
