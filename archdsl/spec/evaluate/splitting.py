"""Evaluates `split`: a list of slices of the channels of a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archdsl import ops
from archdsl.ir import Expr
from archdsl.ir.expr import apply, eq
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import reaching
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, join
from archdsl.spec.evaluate.primitives import apply_primitive, setting_node, unknown_setting, wrong_inputs
from archdsl.spec.evaluate.values import Builtin, ListValue, PrimitiveOp, SpecValue, Tensor, kind_of

MOST_PARTS = 1000


def configured(fn: Builtin, settings: Mapping[str, SpecValue], at: Spanned, frame: Frame) -> Builtin:
    """The builtin `split` with its setting, the number of parts."""
    for name in settings:
        if name != "n":
            raise unknown_setting("split", name, ["n"], at, frame)
    return Builtin("split", {**fn.settings, **settings})


def split(
    ev: Evaluator, fn: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    """A list of n slices of a tensor with equally many channels, each a node of the primitive `slice`."""
    if len(args) != 1:
        raise wrong_inputs("split", "1 tensor", len(args), at, frame)
    (x,), n = args, _parts(fn, at, frame)
    if not isinstance(x, Tensor):
        raise frame.error("ARCH207", f"`split` expects a tensor, got {kind_of(x)}", at)
    c = ev.builder.shapes[x.node][0]
    size = f"{c} channels are" if type(c) is int else "the channels are"
    rest: Any = apply("mod", c, n)
    reaching.demand(ev, eq(rest, 0), "ARCH310", f"{size} not divisible into {n} parts", at, frame)
    each: Any = apply("floordiv", c, n)
    found = []
    for part in range(n):
        bounds: dict[str, SpecValue] = {"first": each * part + 1, "last": each * (part + 1)}
        ev.spend(1, at, frame)
        one = apply_primitive(
            ev, PrimitiveOp(ops.get("slice")), [x], bounds, at, frame, join(site or "split", str(part + 1))
        )
        found.append(one)
    return ListValue(tuple(found))


def _parts(fn: Builtin, at: Spanned, frame: Frame) -> int:
    n = fn.settings.get("n", 2)
    at = setting_node(at, "n")
    if isinstance(n, Expr):
        what = "`n` of `split` must be the same in all networks"
        raise frame.error("ARCH217", what, at, help="a list has a fixed number of entries")
    if type(n) is not int or not 1 <= n <= MOST_PARTS:
        what = f" ({n})" if isinstance(n, (int, float, str)) else ""
        text = f"`n` of `split` must be an integer from 1 to {MOST_PARTS}, got {kind_of(n)}{what}"
        raise frame.error("ARCH208", text, at)
    return n
