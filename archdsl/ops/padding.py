"""Padding modes: zeros, reflection, replication, circular."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.ir.expr import apply, both, eq, le, maximum
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Setting, Sizes
from archdsl.ops.geometry import Window, strided, windows

MODE = Setting(
    "padding_mode",
    "str",
    None,
    "padding mode: zeros, or rows and columns of the map",
    choices=("zeros", "reflect", "replicate", "circular"),
    optional=True,
    implied="zeros",
)
SPARE = {"reflect": 1, "circular": 0}
"""For a padding mode, the number of rows that a map must have in addition to the padding.

The mode `replicate` is possible for maps of any size.
"""


def filled(a: Attrs) -> str | None:
    """The padding mode of settings that do not depend on decisions; None for zeros."""
    mode = a.get("padding_mode", "zeros")
    return None if mode == "zeros" else str(mode)


def demand_room(x: Sizes, a: Attrs, demand: Demand) -> None:
    """Adds the constraint that the map has enough rows and columns for its padding mode."""
    mode = a.get("padding_mode")
    if mode is None:
        return
    (rows, columns), (_, h, w) = windows(a), x
    down, across = _largest(rows, h), _largest(columns, w)
    for word, spare in SPARE.items():
        holds = both(le(down + spare, h), le(across + spare, w))
        holds = holds if mode == word else apply("or", apply("not", eq(mode, word)), holds)
        if mode == word or not isinstance(mode, str):
            message = "an input of {h} × {w} is too small to be padded by {p} × {p2} in the mode " + word
            demand(holds, "ARCH115", message, h=h, w=w, p=down, p2=across)


def _largest(window: Window, n: Any) -> Any:
    """The padding at the end of an axis, which is at least as large as that at the beginning."""
    if window.same is False:
        return window.pad
    total = maximum((strided(n, window.s) - 1) * window.s + window.span - n, 0)
    return apply("if", window.same, apply("floordiv", apply("add", total, 1), 2), window.pad)


def onnx_padded(to: OnnxWriter, x: str, size: Sizes, pads: Sequence[int], mode: str) -> str:
    """Writes padding; returns the name of the padded tensor. `pads` are top, left, bottom, right."""
    if not any(pads):
        return x
    if mode != "circular":
        top, left, bottom, right = pads
        sides = to.ints("pads", [0, 0, top, left, 0, 0, bottom, right])
        return to.node("Pad", [x, sides], "padded", mode={"replicate": "edge"}.get(mode, mode))
    for axis in (2, 3):  # opset 18 has no mode `wrap`
        n, before, after = size[axis - 1], pads[axis - 2], pads[axis]
        parts = {"before": (n - before, n), "map": (0, n), "after": (0, after)}
        found = [
            onnx_rows(to, x, axis, f"{name}{axis}", *part)
            for name, part in parts.items()
            if part[0] < part[1]
        ]
        x = to.node("Concat", found, f"padded{axis}", axis=axis) if len(found) > 1 else x
    return x


def onnx_rows(to: OnnxWriter, x: str, axis: int, label: str, first: int, end: int) -> str:
    """Writes a slice from `first` to `end` - 1; returns its name. Axis 2 is rows, axis 3 is columns."""
    bounds = [to.ints(f"{label}.{name}", [n]) for name, n in (("from", first), ("to", end), ("axis", axis))]
    return to.node("Slice", [x, *bounds], label)
