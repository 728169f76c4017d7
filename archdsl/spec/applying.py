"""Applying primitives, ops and cells to tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archdsl import ops
from archdsl.diagnostics import Label, SpecError, closest
from archdsl.ir import Expr, Instance
from archdsl.lang import ast
from archdsl.ops.base import Setting
from archdsl.spec import builtins, choosing, stamping
from archdsl.spec.builder import Trace, values_of
from archdsl.spec.frame import Frame, join
from archdsl.spec.units import Quantity
from archdsl.spec.values import (
    Builtin,
    Choice,
    Either,
    Function,
    ListValue,
    Member,
    PrimitiveOp,
    SetValue,
    Tensor,
    Undefined,
    kind_of,
)

if TYPE_CHECKING:
    from archdsl.spec.evaluate import Evaluator

DEPTH_BUDGET = 40


def call_expression(ev: Evaluator, expr: ast.Call, frame: Frame) -> Any:
    """`f(x, y, k = 3)`."""
    fn = ev.evaluate(expr.fn, frame)
    args = [ev.evaluate(a, frame) for a in expr.args]
    settings: dict[str, Any] = {}
    for given in expr.settings:
        name = given.path.id  # type: ignore[union-attr]
        if name in settings:
            raise frame.error("ARCH204", f"`{name}` is given twice", given)
        settings[name] = ev.evaluate(given.value, frame)
    site = frame.sites.nodes.get(id(expr), "")
    return call(ev, fn, args, settings, expr, frame, site, id(expr) in frame.sites.whole)


def chain_expression(ev: Evaluator, expr: ast.Chain, frame: Frame) -> Any:
    """`x -> f`."""
    source = ev.evaluate(expr.source, frame)
    op = ev.evaluate(expr.op, frame)
    if not isinstance(op, PrimitiveOp | Function | Choice | Either | Builtin | Undefined):
        raise frame.error(
            "ARCH209",
            f"`->` applies an op, this is {kind_of(op)}",
            expr.op,
            help="the right side is an op with its settings, without its input: x -> conv(c = 8)",
        )
    site = frame.sites.nodes.get(id(expr), "")
    return call(ev, op, [source], {}, expr.op, frame, site, id(expr) in frame.sites.whole)


def add(ev: Evaluator, expr: ast.Binary, left: Any, right: Any, frame: Frame) -> Any:
    """`a + b` on tensors is the primitive add."""
    for value, side in ((left, expr.left), (right, expr.right)):
        if not isinstance(value, Tensor):
            raise frame.error("ARCH207", f"a tensor cannot be added to {kind_of(value)}", side)
    site = frame.sites.nodes.get(id(expr), "add")
    return call(ev, PrimitiveOp(ops.get("add")), [left, right], {}, expr, frame, site, False)


def call(
    ev: Evaluator,
    fn: Any,
    args: list[Any],
    settings: Mapping[str, Any],
    at: Any,
    frame: Frame,
    site: str,
    whole: bool,
) -> Any:
    """Applies anything that can be applied; without tensors an op is only configured."""
    if isinstance(fn, Undefined):
        return fn
    undefined = next((s for s in settings.values() if isinstance(s, Undefined)), None)
    if undefined is not None:
        return undefined
    if isinstance(fn, SetValue) and not args:
        members = (
            Member(m.label, call(ev, m.value, [], settings, at, frame, site, whole)) for m in fn.members
        )
        return SetValue(tuple(members))
    if isinstance(fn, Choice):
        return _call_choice(ev, fn, args, settings, at, frame, site, whole)
    if isinstance(fn, Either):
        return choosing.each(
            ev, fn, lambda f: call(ev, f, _refined(ev, args), settings, at, frame, site, whole), at, frame
        )
    if isinstance(fn, PrimitiveOp):
        return apply_primitive(ev, fn, args, settings, at, frame, site)
    if isinstance(fn, Function):
        return apply_function(ev, fn, args, settings, at, frame, site, whole)
    if isinstance(fn, Builtin):
        return builtins.call(ev, fn, args, settings, at, frame, site)
    raise frame.error("ARCH209", f"{kind_of(fn)} cannot be applied", at)


def _refined(ev: Evaluator, args: list[Any]) -> list[Any]:
    return [ev.refine(a) for a in args]


def _call_choice(
    ev: Evaluator,
    fn: Choice,
    args: list[Any],
    settings: Mapping[str, Any],
    at: Any,
    frame: Frame,
    site: str,
    whole: bool,
) -> Any:
    """A mux over what the candidates give; without tensors, every candidate configured."""
    outcomes = ev.builder.decisions[fn.decision].outcomes
    decisions, nodes = frame.decisions, frame.node_name
    cases = []
    for outcome in ev.outcomes(fn.decision):
        member = fn.values[outcome]
        if member is None:
            continue
        label = outcomes[outcome]
        with ev.assuming(fn.decision, (outcome,)):
            here = {name: ev.refine(value) for name, value in settings.items()}
            inner = join(site, label) if args else site
            candidate = call(ev, ev.refine(member), _refined(ev, args), here, at, frame, inner, False)
        cases.append((outcome, candidate))
    assert (decisions, nodes) == (frame.decisions, frame.node_name)
    if not args:
        table: list[Any] = [None] * len(outcomes)
        for outcome, value in cases:
            table[outcome] = None if isinstance(value, Undefined) else value
        return Choice(fn.decision, tuple(table))
    return _merge_at(ev, fn.decision, cases, at, frame, site)


def _merge_at(ev: Evaluator, on: str, cases: list[tuple[int, Any]], at: Any, frame: Frame, site: str) -> Any:
    defined = [v for _, v in cases if not isinstance(v, Undefined)]
    if len(cases) > 1 and defined and all(isinstance(v, Tensor) for v in defined):
        keyed = [(k, v.node if isinstance(v, Tensor) else None) for k, v in cases]
        name = frame.node_path(join(site, "mux"))
        return Tensor(ev.builder.add_mux(on, name, keyed, frame.location(at)))
    return choosing.merge(ev, on, cases, at, frame)


# ---------------------------------------------------------------- primitives


def apply_primitive(
    ev: Evaluator,
    fn: PrimitiveOp,
    args: list[Any],
    settings: Mapping[str, Any],
    at: Any,
    frame: Frame,
    site: str,
) -> Any:
    primitive = fn.primitive
    merged = {**fn.settings, **settings} if fn.settings else dict(settings)
    if merged:
        known = _known_settings(primitive)
        for name in merged:
            if name not in known:
                raise unknown_setting(primitive.name, name, list(known), at, frame)
    if not args:
        return PrimitiveOp(primitive, merged)
    for value in args:
        if isinstance(value, Choice | Either):
            return _spread(ev, fn, args, settings, value, at, frame, site)
    tensors, optional = _tensors(ev, primitive.arity[1], args, at, frame)
    if tensors is None:
        return Undefined("an input is not defined")
    least, most = primitive.arity
    if len(tensors) < least or (most is not None and len(tensors) > most):
        raise wrong_inputs(primitive.name, _arity_text(least, most), len(tensors), at, frame)
    for name in primitive.tensor_settings:
        like = merged.pop(name, None)
        if like is not None:
            if not isinstance(like, Tensor):
                raise frame.error("ARCH207", f"`{name}` takes a tensor, this is {kind_of(like)}", at)
            tensors.append(like.node)
    shapes = [ev.builder.shapes[t] for t in tensors]
    attrs: dict[str, Any] = {}
    for setting in primitive.settings:
        value = merged.get(setting.name)
        if value is None:
            if setting.default is None:
                if setting.optional:
                    continue
                raise frame.error("ARCH205", f"`{primitive.name}` needs its setting `{setting.name}`", at)
            attrs[setting.name] = setting.default(shapes) if callable(setting.default) else setting.default
        else:
            attrs[setting.name] = checked(ev, setting, value, primitive.name, at, frame)
    name = frame.node_path(site) or primitive.name
    return Tensor(
        ev.builder.add_node(
            primitive, name, tuple(tensors), attrs, frame.place(at), ev.allowed, ev.conditions, optional
        )
    )


def _known_settings(primitive: Any) -> dict[str, None]:
    return dict.fromkeys([*(s.name for s in primitive.settings), *primitive.tensor_settings])


def _spread(
    ev: Evaluator,
    fn: Any,
    args: list[Any],
    settings: Mapping[str, Any],
    value: Any,
    at: Any,
    frame: Frame,
    site: str,
) -> Any:
    """A primitive on a value that is one set or another: once for each."""

    def use(inner: Any) -> Any:
        replaced = [inner if a is value else ev.refine(a) for a in args]
        return call(ev, fn, replaced, settings, at, frame, site, False)

    return choosing.each(ev, value, use, at, frame)


def _tensors(
    ev: Evaluator, most: int | None, args: list[Any], at: Any, frame: Frame
) -> tuple[list[str] | None, frozenset[int]]:
    """The nodes of the inputs, and which may be missing; None where an input is not defined."""
    tensors: list[str] = []
    optional: set[int] = set()
    for value in args:
        if isinstance(value, Tensor):
            tensors.append(value.node)
        elif isinstance(value, Undefined):
            if most is not None:
                return None, frozenset()
        elif isinstance(value, SetValue | ListValue):
            items = [m.value for m in value.members] if isinstance(value, SetValue) else value.items
            for item in items:
                if not isinstance(item, Tensor):
                    raise frame.error(
                        "ARCH207", f"tensors are needed here, this set holds {kind_of(item)}", at
                    )
                if item.node in ev.builder.present:
                    optional.add(len(tensors))
                tensors.append(item.node)
        else:
            raise frame.error("ARCH207", f"a tensor is needed here, this is {kind_of(value)}", at)
    return (tensors or None), frozenset(optional)


def checked(ev: Evaluator, setting: Setting, value: Any, owner: str, at: Any, frame: Frame) -> Any:
    """A setting's value, of the right kind and within its range in every network."""
    at = _setting_node(at, setting.name)
    if setting.kind == "ints":
        if not isinstance(value, ListValue):
            raise _wrong_kind(owner, setting, value, at, frame)
        single = Setting(setting.name, "int", low=setting.low)
        return tuple(checked(ev, single, item, owner, at, frame) for item in value.items)
    if isinstance(value, Quantity) and value.dimension == "count":
        value = value.amount
    if not isinstance(value, int | float | str | Expr):
        raise _wrong_kind(owner, setting, value, at, frame)
    for constant in values_of(value):
        _check_constant(setting, constant, value, owner, at, frame)
    return value


_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


def _check_constant(setting: Setting, constant: Any, value: Any, owner: str, at: Any, frame: Frame) -> None:
    right = isinstance(constant, _KINDS[setting.kind]) and isinstance(constant, bool) == (
        setting.kind == "bool"
    )
    if not right:
        raise _wrong_kind(owner, setting, constant, at, frame)
    if setting.choices and constant not in setting.choices:
        guess = closest(constant, setting.choices)
        raise frame.error(
            "ARCH208",
            f"`{setting.name} = {constant}` is not one of {', '.join(setting.choices)}",
            at,
            help=f"did you mean `{guess}`?" if guess else None,
        )
    low, high = setting.low, setting.high
    if (low is not None and constant < low) or (high is not None and constant > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise frame.error("ARCH208", f"`{setting.name}` of `{owner}` is {constant}, and must be {bounds}", at)


def _wrong_kind(owner: str, setting: Setting, value: Any, at: Any, frame: Frame) -> SpecError:
    wanted = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "a string",
        "ints": "a list of whole numbers",
    }
    text = f" ({value})" if isinstance(value, int | float | str) else ""
    return frame.error(
        "ARCH208",
        f"`{setting.name}` of `{owner}` takes {wanted[setting.kind]}, this is {kind_of(value)}{text}",
        at,
    )


def unknown_setting(owner: str, name: str, known: list[str], at: Any, frame: Frame) -> SpecError:
    guess = closest(name, known)
    settings = f"its settings are {', '.join(known)}" if known else "it has none"
    return frame.error(
        "ARCH204",
        f"`{owner}` has no setting `{name}`",
        _setting_node(at, name),
        help=f"did you mean `{guess}`? {settings}" if guess else settings,
    )


def _setting_node(at: Any, name: str) -> Any:
    """The place where the setting is given, if it is given right here."""
    for given in getattr(at, "settings", ()):
        if isinstance(given, ast.Named) and isinstance(given.path, ast.Name) and given.path.id == name:
            return given.path
    return at


def wrong_inputs(owner: str, wanted: str, got: int, at: Any, frame: Frame) -> SpecError:
    return frame.error("ARCH206", f"`{owner}` takes {wanted}, and gets {got}", at)


def _arity_text(least: int, most: int | None) -> str:
    count = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
    return f"{count} tensor{'' if count == '1' else 's'}"


# ---------------------------------------------------------------- ops and cells


def apply_function(
    ev: Evaluator,
    fn: Function,
    args: list[Any],
    settings: Mapping[str, Any],
    at: Any,
    frame: Frame,
    site: str,
    whole: bool,
) -> Any:
    signature = fn.declared.signature
    merged = {**fn.settings, **settings} if fn.settings else settings
    for name in settings:
        if not any(s.name == name for s in signature.settings):
            raise unknown_setting(fn.name, name, [s.name for s in signature.settings], at, frame)
    if not args and signature.inputs:
        return Function(fn.declared, fn.unit, dict(merged), fn.shared)
    if len(args) != len(signature.inputs):
        names = ", ".join(i.id for i in signature.inputs)
        raise wrong_inputs(
            fn.name,
            f"{len(signature.inputs)} input{'' if len(signature.inputs) == 1 else 's'} ({names})",
            len(args),
            at,
            frame,
        )
    undefined = next((a for a in args if isinstance(a, Undefined)), None)
    if undefined is not None:
        return undefined
    if not fn.is_cell and frame.instance is None:
        return _stamped(ev, fn, args, merged, at, frame, site)
    return _evaluated(ev, fn, args, merged, at, frame, site, whole)


def _stamped(
    ev: Evaluator, fn: Function, args: list[Any], merged: Mapping[str, Any], at: Any, frame: Frame, site: str
) -> Any:
    """An op, by the stamp of an earlier application that was the same but for its place."""
    builder = ev.builder
    settings = {name: ev.refine(value) for name, value in merged.items()}
    key = stamping.key_of(fn, args, settings, builder)
    prefix = frame.node_path(site) or fn.name
    stamp = ev.stamps.get(key) if key is not None else None
    if stamp is not None and len(builder.nodes) + len(stamp.nodes) <= builder.budget:
        ev.count_call(at, frame)
        instance = Instance(prefix, "op", fn.name)
        return stamping.apply(stamp, builder, args, prefix, instance, frame.cell, ev.allowed, ev.conditions)
    start, counts = len(builder.nodes), (len(builder.obligations), builder.settled)
    result = _evaluated(ev, fn, args, settings, at, frame, site, False)
    if key is not None:
        stamp = stamping.record(builder, start, counts, args, prefix, result)
        if stamp is not None:
            ev.stamps[key] = stamp
    return result


def _evaluated(
    ev: Evaluator,
    fn: Function,
    args: list[Any],
    merged: Mapping[str, Any],
    at: Any,
    frame: Frame,
    site: str,
    whole: bool,
) -> Any:
    """The value of the body, with inputs and settings in place."""
    declared, signature = fn.declared, fn.declared.signature
    inner = _enter(ev, fn, at, frame, site, whole)
    for name, value in zip(signature.inputs, args, strict=True):
        inner.names[name.id] = value
    for declared_setting in signature.settings:
        value = _setting_value(ev, declared_setting, merged, fn, at, frame, inner)
        if isinstance(value, Undefined):
            return value
        inner.names[declared_setting.name] = value
    ev.active.append(declared)
    try:
        return ev.run_body(declared, inner, frame, at)
    finally:
        ev.active.pop()


def _enter(ev: Evaluator, fn: Function, at: Any, frame: Frame, site: str, whole: bool) -> Frame:
    """The frame in which a function's body is evaluated."""
    if any(a is fn.declared for a in ev.active):
        raise frame.error(
            "ARCH210",
            f"`{fn.name}` is applied inside itself",
            at,
            help="recursion is not possible; use a stage",
        )
    ev.count_call(at, frame)
    if frame.depth >= DEPTH_BUDGET:
        ev.stop(frame.error("ARCH711", f"calls nested more than {DEPTH_BUDGET} deep", at))
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
            "ARCH215", f"a cell, `{fn.name}`, inside an op", at, help="an op is one candidate: make it a cell"
        )
    if fn.is_cell:
        cell = nodes or fn.name
        ev.builder.instances[cell] = Instance(cell, "cell", fn.name)
    elif instance is None:
        instance = nodes or fn.name
        ev.builder.instances[instance] = Instance(instance, "op", fn.name)
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
    merged: Mapping[str, Any],
    fn: Function,
    at: Any,
    frame: Frame,
    inner: Frame,
) -> Any:
    if declared.name in merged:
        value = ev.refine(merged[declared.name])
    elif declared.default is not None:
        value = ev.evaluate(declared.default, inner)
    else:
        raise frame.error(
            "ARCH205",
            f"`{fn.name}` needs its setting `{declared.name}`",
            at,
            secondary=(Label(inner.location(declared), "declared here without a default"),),
        )
    if declared.type is not None and not isinstance(value, Undefined):
        _check_type(declared, value, fn.name, at, frame)
    return value


def _check_type(declared: ast.Setting, value: Any, owner: str, at: Any, frame: Frame) -> None:
    kind = declared.type
    if kind == "op":
        right = isinstance(value, PrimitiveOp | Function | Choice | Either)
    else:
        wanted = _KINDS.get(kind or "", ())
        constants = values_of(value) if isinstance(value, int | float | str | Expr) else None
        right = constants is not None and all(
            isinstance(v, wanted) and isinstance(v, bool) == (kind == "bool") for v in constants
        )
    if not right:
        raise frame.error(
            "ARCH208",
            f"`{declared.name}` of `{owner}` takes {kind}, this is {kind_of(value)}",
            _setting_node(at, declared.name),
        )
