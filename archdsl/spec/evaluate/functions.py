"""Applies ops and cells to tensors: evaluates their bodies, or repeats an equal application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from archdsl.diagnostics import Label
from archdsl.ir import Value
from archdsl.ir.expr import apply, kind
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import reaching, sized, stamping
from archdsl.spec.evaluate.calls import Trace
from archdsl.spec.evaluate.control import Poisoned
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, join
from archdsl.spec.evaluate.primitives import (
    KINDS,
    demand_tensors,
    setting_node,
    unknown_setting,
    wrong_inputs,
)
from archdsl.spec.evaluate.statements import run_block
from archdsl.spec.evaluate.values import (
    Choice,
    Composition,
    Either,
    Function,
    Poison,
    PrimitiveOp,
    SpecValue,
    Tensor,
    Undefined,
    kind_of,
)

DEPTH_BUDGET = 40


def apply_function(
    ev: Evaluator,
    fn: Function,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
    whole: bool,
) -> SpecValue:
    """Applies an op or cell; without tensors, only sets its settings."""
    signature = fn.declared.signature
    merged = {**fn.settings, **settings} if fn.settings else settings
    for name in settings:
        if not any(s.name == name for s in signature.settings):
            raise unknown_setting(fn.name, name, [s.name for s in signature.settings], at, frame)
    if not args and signature.inputs:
        return Function(fn.declared, fn.unit, dict(merged), fn.shared)
    demand_tensors(fn.name, args, signature.settings, at, frame)
    if len(args) != len(signature.inputs):
        names = ", ".join(i.id for i in signature.inputs)
        raise wrong_inputs(
            fn.name,
            f"{len(signature.inputs)} input{'' if len(signature.inputs) == 1 else 's'} ({names})",
            len(args),
            at,
            frame,
        )
    if not fn.is_cell and frame.instance is None:
        return _stamped(ev, fn, args, merged, at, frame, site)
    return _evaluated(ev, fn, args, merged, at, frame, site, whole)


def _stamped(
    ev: Evaluator,
    fn: Function,
    args: list[SpecValue],
    merged: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
) -> SpecValue:
    """Applies an op, by repeating the recorded calls of an equal application if there is one."""
    builder = ev.builder
    settings = {name: ev.refine(value) for name, value in merged.items()}
    key = stamping.key_of(fn, args, settings, builder, ev.allowed)
    if key is None:
        return _evaluated(ev, fn, args, settings, at, frame, site, False)
    prefix = frame.node_path(site) or fn.name
    application = stamping.Application(
        cast(list[Tensor], args),
        prefix,
        ev.allowed,
        ev.conditions,
        frame.trace,
        frame.location(at),
        frame.cell,
    )
    stamp = ev.stamps.get(key.parts)
    if stamp is not None and len(builder.nodes) + len(stamp.calls) <= builder.budget:
        ev.count_call(at, frame)
        instance = builder.instance(prefix, "op", fn.name)
        return stamping.apply(stamp, builder, application, key.sizes, instance)
    counts, particular = (len(builder.obligations), builder.settled), ev.particular
    calls = builder.calls = []
    try:
        result = _evaluated(ev, fn, args, settings, at, frame, site, False)
    finally:
        builder.calls = None
    if ev.particular == particular:
        stamp = stamping.record(builder, calls, counts, application, key.sizes, result)
        if stamp is not None:
            ev.stamps[key.parts] = stamp
    return result


def _evaluated(
    ev: Evaluator,
    fn: Function,
    args: list[SpecValue],
    merged: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
    whole: bool,
) -> SpecValue:
    """Evaluates the body of an op or cell with these inputs and settings."""
    declared, signature = fn.declared, fn.declared.signature
    inner = _enter(ev, fn, at, frame, site, whole)
    for name, value in zip(signature.inputs, args, strict=True):
        inner.names[name.id] = value
    with ev.reading() as sizes:
        for declared_setting in signature.settings:
            value = _setting_value(ev, declared_setting, merged, fn, at, frame, inner)
            if isinstance(value, Undefined):
                return value
            inner.names[declared_setting.name] = value
    ev.active.append(declared)
    ev.height += 8
    try:
        with sized.demanding(ev, sizes, at, frame):
            return _run_body(ev, declared, inner, frame, at)
    finally:
        ev.height -= 8
        ev.active.pop()


def _run_body(
    ev: Evaluator, declared: ast.Op | ast.Cell, inner: Frame, caller: Frame, at: Spanned
) -> SpecValue:
    """Evaluates the statements of an op or cell; returns the value of its `return`."""
    if not isinstance(declared.body, ast.Block):
        inner.sites = ev.sites(declared.body)
        return ev.evaluate(declared.body, inner)
    value = run_block(ev, declared.body, inner)
    if isinstance(value, Poison):
        raise Poisoned
    if value is None:
        raise caller.error(
            "ARCH218",
            f"missing `return` in `{declared.name.id}`",
            at,
            secondary=(Label(inner.location(declared.name), "declared here"),),
            help="end it with `return …`",
        )
    return value


def _enter(ev: Evaluator, fn: Function, at: Spanned, frame: Frame, site: str, whole: bool) -> Frame:
    """The frame in which the body of an op or cell is evaluated."""
    if any(a is fn.declared for a in ev.active):
        raise frame.error(
            "ARCH210",
            f"recursive call of `{fn.name}`",
            at,
            help="recursion is not supported; use a stage",
        )
    ev.count_call(at, frame)
    if frame.depth >= DEPTH_BUDGET:
        ev.stop(frame.error("ARCH711", f"calls nested more than {DEPTH_BUDGET} levels deep", at))
    nodes = frame.node_path(site)
    if fn.shared is not None:
        decisions, shared = fn.shared, True
    elif fn.is_cell:
        own = "" if whole else (site or fn.name)
        decisions, shared = join(frame.decisions, frame.decision_name, own), frame.shared
    else:
        decisions, shared = frame.decisions, frame.shared
    instance, cell = frame.instance, frame.cell
    if fn.is_cell and instance is not None:
        raise frame.error(
            "ARCH215",
            f"cell `{fn.name}` is not allowed inside an op",
            at,
            help="declare the enclosing op as a cell",
        )
    if fn.is_cell:
        cell = ev.builder.instance(nodes or fn.name, "cell", fn.name).path
    elif instance is None:
        instance = ev.builder.instance(nodes or fn.name, "op", fn.name).path
    location = frame.location(at)
    kind = "cell" if fn.is_cell else "op"
    return Frame(
        fn.unit,
        decisions=decisions,
        nodes=nodes,
        instance=instance,
        cell=cell,
        trace=Trace(frame.trace, location, f"in {kind} `{fn.name}`, called here"),
        depth=frame.depth + 1,
        shared=shared,
    )


def _setting_value(
    ev: Evaluator,
    declared: ast.Setting,
    merged: Mapping[str, SpecValue],
    fn: Function,
    at: Spanned,
    frame: Frame,
    inner: Frame,
) -> SpecValue:
    if declared.name in merged:
        value = ev.refine(merged[declared.name])
    elif declared.default is not None:
        value = ev.evaluate(declared.default, inner)
    else:
        raise frame.error(
            "ARCH205",
            f"missing setting `{declared.name}` of `{fn.name}`",
            at,
            secondary=(Label(inner.location(declared), "declared here without a default"),),
        )
    if declared.type is None or (declared.type == "int" and type(value) is int):  # the common cases
        return value
    if not isinstance(value, Undefined):
        _check_type(ev, declared, value, fn.name, at, frame)
    return value


def _check_type(
    ev: Evaluator, declared: ast.Setting, value: SpecValue, owner: str, at: Spanned, frame: Frame
) -> None:
    at = setting_node(at, declared.name)
    what = f"`{declared.name}` of `{owner}` must be of type {declared.type}, got {kind_of(value)}"
    if declared.type == "op":
        right = isinstance(value, (PrimitiveOp, Function, Composition, Choice, Either))
    else:
        right = kind(value) in KINDS[declared.type or ""]
    if not right:
        raise frame.error("ARCH208", what, at)
    if declared.type == "int":
        reaching.demand(ev, apply("whole", cast(Value, value)), "ARCH208", what, at, frame)
