"""Evaluates calls of primitives, ops, cells and built-in functions, and of choices between these."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import builtins, choosing, indexing, sized
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, below, join
from archdsl.spec.evaluate.functions import apply_function
from archdsl.spec.evaluate.primitives import (
    apply_primitive,
    setting_node,
)
from archdsl.spec.evaluate.values import (
    Builtin,
    Choice,
    Composition,
    Either,
    Function,
    PrimitiveOp,
    SetMember,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    kind_of,
)


def call_expression(ev: Evaluator, expr: ast.Call, frame: Frame) -> SpecValue:
    """Evaluates a call, `f(x, y, k = 3)`."""
    return call_of(ev, ev.evaluate(expr.fn, frame), expr, frame)


def call_of(ev: Evaluator, fn: SpecValue, expr: ast.Call, frame: Frame) -> SpecValue:
    """Evaluates a call whose function has already been evaluated."""
    if isinstance(fn, Builtin) and fn.name == "defined":  # its argument may be undefined
        return indexing.is_defined(ev, expr, frame)
    args = [ev.evaluate(a, frame) for a in expr.args]
    site, whole = frame.sites.nodes.get(id(expr), ""), id(expr) in frame.sites.whole
    if not (args and expr.settings):
        return call(ev, fn, args, settings_of(ev, expr, frame), expr, frame, site, whole)
    with ev.reading() as sizes:
        settings = settings_of(ev, expr, frame)
    with sized.demanding(ev, sizes, expr, frame):
        return call(ev, fn, args, settings, expr, frame, site, whole)


def settings_of(ev: Evaluator, expr: ast.Call, frame: Frame) -> dict[str, SpecValue]:
    """Evaluates the settings of a call."""
    settings: dict[str, SpecValue] = {}
    for given in expr.settings:
        name = given.path.id  # type: ignore[union-attr]
        if name in settings:
            raise frame.error("ARCH204", f"duplicate setting `{name}`", given)
        settings[name] = ev.evaluate(given.value, frame)
    return settings


def call(
    ev: Evaluator,
    fn: SpecValue,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
    whole: bool,
) -> SpecValue:
    """Applies an op, cell or function; without tensors, only sets its settings."""
    if isinstance(fn, Undefined):
        return fn
    for value in settings.values():
        if isinstance(value, Undefined):
            return value
    if isinstance(fn, PrimitiveOp):
        return apply_primitive(ev, fn, args, settings, at, frame, site)
    if isinstance(fn, Function):
        return apply_function(ev, fn, args, settings, at, frame, site, whole)
    if isinstance(fn, Composition):
        return _call_composition(ev, fn, args, settings, at, frame, site)
    if isinstance(fn, SetValue) and not args:
        members = (
            SetMember(m.label, call(ev, m.value, [], settings, at, frame, site, whole)) for m in fn.members
        )
        return SetValue(tuple(members), fn.labels)
    if isinstance(fn, Choice):
        return _call_choice(ev, fn, args, settings, at, frame, site, whole)
    if isinstance(fn, Either):
        return choosing.each(
            ev, fn, lambda f: call(ev, f, _refined(ev, args), settings, at, frame, site, whole), at, frame
        )
    if isinstance(fn, Builtin):
        return builtins.call(ev, fn, args, settings, at, frame, site)
    help = "apply an op to a tensor: conv(x, c = 8), or x -> conv(c = 8)"
    raise frame.error("ARCH209", f"cannot call {kind_of(fn)}", at, help=help)


def _refined(ev: Evaluator, args: list[SpecValue]) -> list[SpecValue]:
    return [ev.refine(a) for a in args]


def _call_composition(
    ev: Evaluator,
    fn: Composition,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
) -> SpecValue:
    """Applies the ops of an anonymous op one after another; the first may have several inputs."""
    if settings:
        raise frame.error(
            "ARCH204",
            "an anonymous op has no settings",
            setting_node(at, next(iter(settings))),
            help="write the settings at its ops, or declare it: op NAME(x; c = 8) = x -> f(c = c) -> g",
        )
    if not args:
        return fn
    for step, name in zip(fn.steps, fn.names, strict=True):
        ev.count_call(at, frame)
        args = [call(ev, step, args, {}, at, frame, join(site, name), False)]
    return args[0]


def _call_choice(
    ev: Evaluator,
    fn: Choice,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
    whole: bool,
) -> SpecValue:
    """Applies each candidate op and selects among the results; without tensors, sets each op's settings."""
    outcomes = ev.builder.decisions[fn.decision].outcomes
    decisions, nodes = frame.decisions, frame.node_name
    cases = []
    ev.height += 4
    for outcome in ev.outcomes(fn.decision):
        member = fn.values[outcome]
        if member is None:
            continue
        label = outcomes[outcome]
        with ev.assuming(fn.decision, (outcome,)):
            here = {name: ev.refine(value) for name, value in settings.items()}
            inner = below(site, label) if args else site
            candidate = call(ev, ev.refine(member), _refined(ev, args), here, at, frame, inner, False)
        cases.append((outcome, candidate))
    ev.height -= 4
    assert (decisions, nodes) == (frame.decisions, frame.node_name)
    if not args:
        return choosing.choice(ev, fn.decision, cases, at, frame)
    return _merge_at(ev, fn.decision, cases, at, frame, site)


def _merge_at(
    ev: Evaluator, on: str, cases: list[tuple[int, SpecValue]], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    defined = [v for _, v in cases if not isinstance(v, Undefined)]
    if len(cases) > 1 and defined and all(isinstance(v, Tensor) for v in defined):
        keyed = [(k, v.node if isinstance(v, Tensor) else None) for k, v in cases]
        name = frame.node_path(join(site, "mux"))
        return Tensor(ev.builder.add_mux(on, name, keyed, frame.location(at)))
    return choosing.merge(ev, on, cases, at, frame)
