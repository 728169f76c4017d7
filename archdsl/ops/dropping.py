"""Regularization by zeroing random parts in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from archdsl.ops.base import Attrs, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


class Dropping(Primitive):
    """Base class of primitives that zero random parts of a tensor in training, and divide the rest by 1 - p.

    In evaluation they are the identity. `cls` is the class of the layer.
    """

    cls: ClassVar[str]
    stateless = True
    keeps_size = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a["p"] == 0)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        return 0, 0

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return Layer(self.cls, {"p": a["p"]}, positional=1)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return names[0]

    def lifted(self, call: Call) -> Lifted | None:
        return call.pointwise(call.x, p=call["p"])


class Dropout(Dropping):
    """Zeroes each value independently with probability p."""

    name = "dropout"
    summary = "dropout of individual values"
    lifts = ("dropout",)
    cls = "Dropout"
    settings = (Setting("p", "float", 0.5, "probability of dropping a value", low=0, high=1),)


class Dropout2d(Dropping):
    """Zeroes each channel of each image with probability p (arXiv:1411.4280)."""

    name = "dropout2d"
    summary = "dropout of whole channels"
    lifts = ("feature_dropout",)
    cls = "Dropout2d"
    settings = (Setting("p", "float", 0.5, "probability of dropping a channel", low=0, high=1),)


class DropPath(Dropping):
    """Zeroes the entire tensor of each image with probability p: stochastic depth (arXiv:1603.09382)."""

    name = "drop_path"
    summary = "dropout of the whole tensor of an image (stochastic depth)"
    cls = "DropPath"
    settings = (Setting("p", "float", 0.1, "probability of dropping the tensor of an image", low=0, high=1),)
