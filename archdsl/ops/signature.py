"""Signatures of primitives as text: tensors, settings and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.ops.base import Primitive, Setting

_X = ("x.c", "x.h", "x.w")
_KINDS = {
    "int": "integer", "float": "number", "bool": "true or false", "str": "string",
    "ints": "list of integers", "pair": "integer or [rows, columns]",
}  # fmt: skip


def signature(primitive: Primitive) -> str:
    """The signature of a primitive, such as `conv(x; c = x.c, k = 3, …)`; `?` marks optional settings without
    default.
    """
    least, most = primitive.arity
    tensors = "x, …" if most is None else ", ".join("xyz"[:least])
    settings = [f"{name}?: tensor" for name in primitive.tensor_settings]
    for setting in primitive.settings:
        default = default_text(setting)
        optional = "?" if setting.optional and setting.implied is None else ""
        settings.append(
            f"{setting.name} = {default}" if default else f"{setting.name}{optional}: {setting.kind}"
        )
    return f"{primitive.name}({tensors}{'; ' if settings else ''}{', '.join(settings)})"


def default_text(setting: Setting) -> str:
    """The default of a setting as source text; empty if it has none."""
    default = setting.default([_X]) if callable(setting.default) else setting.default
    default = setting.implied if default is None else default
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f'"{default}"' if setting.kind == "str" else str(default)


def takes(setting: Setting) -> str:
    """The values that a setting accepts, in words: "integer >= 1"."""
    words = [f'"{choice}"' for choice in setting.choices]
    if setting.choices and setting.kind != "pair":
        return ", ".join(words)
    limits: Sequence[Any] = [
        *([f">= {setting.low}"] if setting.low is not None else []),
        *([f"<= {setting.high}"] if setting.high is not None else []),
    ]
    return ", ".join([_KINDS[setting.kind], *limits, *words])
