"""Activations: a function of each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ops.base import Attrs, Demand, Primitive, Sizes


class Activation(Primitive):
    """What activations share; `function` is the callable applied to the tensor."""

    function: ClassVar[str]

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

    def in_place(self, name: str, a: Attrs) -> str:
        return f"F.relu({name}, inplace=True)"


class Relu6(Activation):
    name = "relu6"
    summary = "min(max(x, 0), 6)"
    function = "F.relu6"

    def in_place(self, name: str, a: Attrs) -> str:
        return f"F.relu6({name}, inplace=True)"


class HardSwish(Activation):
    name = "hswish"
    summary = "x * relu6(x + 3) / 6"
    function = "F.hardswish"


class Silu(Activation):
    name = "silu"
    summary = "x * sigmoid(x)"
    function = "F.silu"


class Sigmoid(Activation):
    name = "sigmoid"
    summary = "1 / (1 + exp(-x))"
    function = "torch.sigmoid"

    def keeps_zero(self, a: Attrs) -> bool:
        return False
