"""Normalization and regularization."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import Parts, Places, index


class BatchNorm(Primitive):
    """Batch normalisation over (N, H, W), with running statistics for evaluation."""

    name = "bn"
    summary = "batch normalisation"
    over_batch = True
    keeps_size = True
    fresh = True
    settings = (
        Setting("eps", "float", 1e-5, "added to the variance", low=0),
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

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{layer}({names[0]})"

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


class Dropout(Primitive):
    """Zeroes random values in training, and scales the others by 1 / (1 - p)."""

    name = "dropout"
    summary = "dropout of individual values"
    stateless = True
    keeps_size = True
    settings = (Setting("p", "float", 0.5, "probability of dropping a value", low=0, high=1),)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a["p"] == 0)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        return 0, 0

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return Layer("Dropout", {"p": a["p"]}, positional=1)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{layer}({names[0]})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return names[0]
