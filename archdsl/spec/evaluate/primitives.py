"""Applies primitives: checks settings, collects input tensors, and adds a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import cast

from archdsl.diagnostics import SpecError, closest
from archdsl.ir import Expr, Value
from archdsl.ir.expr import Pick, apply, kind, pick
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import setting_form, string_form
from archdsl.ops.base import Primitive, Setting
from archdsl.spec.evaluate import choosing
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import (
    Choice,
    Either,
    ListValue,
    PrimitiveOp,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    kind_of,
)
from archdsl.spec.units import Quantity


def apply_primitive(
    ev: Evaluator,
    fn: PrimitiveOp,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
) -> SpecValue:
    primitive = fn.primitive
    merged = {**fn.settings, **settings} if fn.settings else dict(settings)
    if merged:
        known = _known_settings(primitive)
        for name in merged:
            if name not in known:
                raise unknown_setting(primitive.name, name, list(known), at, frame)
    if not args:
        return PrimitiveOp(primitive, merged)
    demand_tensors(primitive.name, args, primitive.settings, at, frame)
    for value in args:
        if isinstance(value, (Choice, Either)):
            return _spread(ev, fn, args, settings, value, at, frame, site)
    tensors, optional = _tensors(ev, args, at, frame)
    if tensors is None:
        return Undefined("an input is not defined")
    least, most = primitive.arity
    if len(tensors) < least or (most is not None and len(tensors) > most):
        raise wrong_inputs(primitive.name, _arity_text(least, most), len(tensors), at, frame)
    for name in primitive.tensor_settings:
        like = merged.pop(name, None)
        if like is not None:
            if not isinstance(like, Tensor):
                raise frame.error("ARCH207", f"`{name}` must be a tensor, got {kind_of(like)}", at)
            tensors.append(like.node)
    shapes = [ev.builder.shapes[t] for t in tensors]
    attrs: dict[str, Value] = {}
    for setting in primitive.settings:
        given = merged.get(setting.name)
        if given is None:
            default = setting.default
            if default is None:
                if setting.optional:
                    continue
                raise frame.error("ARCH205", f"missing setting `{setting.name}` of `{primitive.name}`", at)
            attrs[setting.name] = default(shapes) if callable(default) else default
        else:
            value = _of_kind(setting, given, primitive.name, at, frame)
            if setting.implied is None or value != setting.implied:
                attrs[setting.name] = value
    name = ev.builder.unique(frame.node_path(site) or primitive.name)
    repaired = _demand_settings(ev, primitive, merged, attrs, name, at, frame) if merged else attrs
    place = frame.place(at)
    ev.builder.add_node(
        primitive, name, tuple(tensors), attrs, place, ev.allowed, ev.conditions, optional, repaired
    )
    return Tensor(name)


def demand_tensors(
    owner: str, args: list[SpecValue], settings: Sequence[Setting | ast.Setting], at: Spanned, frame: Frame
) -> None:
    """Raises SpecError (ARCH207) if an input is a number or string, such as a setting passed by position."""
    plain = [n for n, value in enumerate(args) if isinstance(value, (int, float, str, Quantity))]
    if not plain:
        return
    given = getattr(at, "args", ())
    first = given[plain[0]] if plain[0] < len(given) else at
    named = [f"{setting.name} = {args[n]}" for setting, n in zip(settings, plain, strict=False)]
    example = f": {owner}({', '.join(named)})" if named else ""
    headline = f"inputs of `{owner}` must be tensors, got {kind_of(args[plain[0]])}"
    raise frame.error("ARCH207", headline, first, help=f"settings are passed by name{example}")


def _demand_settings(
    ev: Evaluator,
    primitive: Primitive,
    given: Iterable[str],
    attrs: Mapping[str, Value],
    node: str,
    at: Spanned,
    frame: Frame,
) -> Mapping[str, Value]:
    """Adds obligations that settings are in range; returns settings with which shapes can be inferred."""
    repaired = attrs
    for setting in primitive.settings:
        if setting.name not in given or setting.name not in attrs:
            continue
        value = attrs[setting.name]
        if setting.is_fine(value):
            continue
        key = primitive.name, setting.name, type(value), value
        settled = ev.in_range.get(key)
        if settled is not None:
            ev.builder.settled += settled
            continue
        before = len(ev.builder.obligations), ev.builder.settled
        place = frame.place(setting_node(at, setting.name))
        demand = ev.builder.demand_of(node, place, ev.allowed, ev.conditions)
        for item in setting.entries(value):
            for condition, message in setting.demands(primitive.name, item):
                demand(condition, "ARCH208", message, value=item)
        if len(ev.builder.obligations) == before[0]:
            ev.in_range[key] = ev.builder.settled - before[1]
            continue
        repaired = {**repaired, setting.name: setting.repaired(primitive.name, value)}
    return repaired


@cache
def _known_settings(primitive: Primitive) -> dict[str, None]:
    return dict.fromkeys([*(s.name for s in primitive.settings), *primitive.tensor_settings])


def _spread(
    ev: Evaluator,
    fn: PrimitiveOp,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    value: Choice | Either,
    at: Spanned,
    frame: Frame,
    site: str,
) -> SpecValue:
    """Applies a primitive to each case of a set that depends on decisions."""

    def use(inner: SpecValue, here: str) -> SpecValue:
        replaced = [inner if a is value else ev.refine(a) for a in args]
        return apply_primitive(ev, fn, replaced, settings, at, frame, here)

    return choosing.spread(ev, value, use, at, frame, site)


def _tensors(
    ev: Evaluator, args: list[SpecValue], at: Spanned, frame: Frame
) -> tuple[list[str] | None, frozenset[int]]:
    """The nodes of the inputs, None if an input is undefined; and the positions of those that may be
    undefined.
    """
    tensors: list[str] = []
    optional: set[int] = set()
    for value in args:
        if isinstance(value, Tensor):
            tensors.append(value.node)
        elif isinstance(value, Undefined):
            return None, frozenset()
        elif isinstance(value, (SetValue, ListValue)):
            items = [m.value for m in value.members] if isinstance(value, SetValue) else value.items
            for item in items:
                if not isinstance(item, Tensor):
                    raise frame.error("ARCH207", f"expected a set of tensors, got {kind_of(item)} in it", at)
                if item.node in ev.builder.present:
                    optional.add(len(tensors))
                tensors.append(item.node)
        else:
            raise frame.error("ARCH207", f"expected a tensor, got {kind_of(value)}", at)
    return (tensors or None), frozenset(optional)


def _of_kind(setting: Setting, value: SpecValue, owner: str, at: Spanned, frame: Frame) -> Value:
    """Converts the value of a setting. Raises SpecError (ARCH208) if it has the wrong type."""
    if type(value) is int and setting.kind in ("int", "pair"):  # the common case
        return value
    at = setting_node(at, setting.name)
    if setting.kind == "ints":
        if not isinstance(value, ListValue):
            raise _wrong_kind(owner, setting, value, at, frame)
        items = tuple(_item_of_kind(setting, item, owner, at, frame) for item in value.items)
        return cast(Value, items)  # the only kind of setting that is not a value over decisions
    if setting.kind == "pair":
        return _pair(setting, value, owner, at, frame)
    if isinstance(value, Quantity) and value.dimension == "count":
        value = value.amount
    if kind(value) not in KINDS[setting.kind]:
        raise _wrong_kind(owner, setting, value, at, frame)
    return cast(Value, value)


def _item_of_kind(setting: Setting, item: SpecValue, owner: str, at: Spanned, frame: Frame) -> SpecValue:
    if isinstance(item, Expr):
        what = f"`{setting.name}` of `{owner}` must be the same list in all networks"
        raise frame.error("ARCH217", what, at, help="choose between ops: one of {small: …, large: …}")
    if kind(item) not in KINDS["int"]:
        raise _wrong_kind(owner, setting, item, at, frame)
    return item


def _pair(setting: Setting, value: SpecValue, owner: str, at: Spanned, frame: Frame) -> Value:
    """Converts an integer, a list of two, or one of the setting's words; each may depend on decisions."""
    if isinstance(value, Choice):
        outcomes = [None if v is None else _pair(setting, v, owner, at, frame) for v in value.values]
        if not any(isinstance(v, Expr) for v in outcomes):
            return pick(value.decision, outcomes)
        return _pair_of_outcomes(value.decision, outcomes)
    if isinstance(value, Either):
        then = _pair(setting, value.then, owner, at, frame)
        return apply("if", value.condition, then, _pair(setting, value.otherwise, owner, at, frame))
    if isinstance(value, ListValue) and len(value.items) == 2:
        rows, columns = [_entry(setting, item, owner, at, frame) for item in value.items]
        return apply("pair", rows, columns)
    if isinstance(value, Quantity) and value.dimension == "count":
        value = value.amount
    if kind(value) == "str" and setting.choices:
        return cast(Value, value)
    return _entry(setting, value, owner, at, frame)


def _entry(setting: Setting, value: SpecValue, owner: str, at: Spanned, frame: Frame) -> Value:
    words = ("str", "mixed") if setting.choices and isinstance(value, Expr) else ()
    if kind(value) not in ("int", "number", *words):
        raise _wrong_kind(owner, setting, value, at, frame)
    return cast(Value, value)


def _pair_of_outcomes(decision: str, outcomes: Sequence[Value | None]) -> Value:
    """The value that depends on a decision, and under its outcomes on further decisions."""
    found: Value | None = None
    for outcome, value in enumerate(outcomes):
        if value is not None:
            here = Pick(decision, tuple([n == outcome for n in range(len(outcomes))]))
            found = value if found is None else apply("if", here, value, found)
    assert found is not None
    return found


KINDS = {"int": ("int", "number"), "float": ("int", "number"), "bool": ("bool",), "str": ("str",)}
"""The types of values that each type of setting accepts; "number" may be an integer in some networks."""


def _wrong_kind(owner: str, setting: Setting, value: SpecValue, at: Spanned, frame: Frame) -> SpecError:
    wanted = {
        "int": "an integer",
        "float": "a number",
        "bool": "true or false",
        "str": "a string",
        "ints": "a list of integers",
        "pair": "an integer or a list of two, [rows, columns]",
    }
    if setting.kind == "pair" and isinstance(value, ListValue):
        text = f" of {len(value.items)}"
        what = f"`{setting.name}` of `{owner}` must be {wanted['pair']}, got {kind_of(value)}{text}"
        raise frame.error("ARCH208", what, at)
    text = (
        f" ({str(value).lower() if isinstance(value, bool) else value})"
        if isinstance(value, (int, float, str))
        else ""
    )
    return frame.error(
        "ARCH208",
        f"`{setting.name}` of `{owner}` must be {wanted[setting.kind]}, got {kind_of(value)}{text}",
        at,
        help=_value_form(setting, value),
    )


def _value_form(setting: Setting, value: SpecValue) -> str | None:
    """The help that says what to write instead of a value of the wrong type; None without such help."""
    if isinstance(value, str):
        return string_form(value, setting.kind)
    if setting.kind == "bool" and isinstance(value, int):
        return f"write {'true' if value else 'false'}"
    if isinstance(value, SetValue):
        return f"choose a member: {setting.name} = one of {{…}}"
    if isinstance(value, ListValue):
        return f"a list of candidates is a set: {setting.name} = one of {{…}}"
    return None


def unknown_setting(owner: str, name: str, known: list[str], at: Spanned, frame: Frame) -> SpecError:
    guess, form = closest(name, known), setting_form(name, known)
    settings = f"available settings: {', '.join(known)}" if known else "it has no settings"
    return frame.error(
        "ARCH204",
        f"`{owner}` has no setting `{name}`",
        setting_node(at, name),
        help=f"{form}; {settings}" if form else f"did you mean `{guess}`? {settings}" if guess else settings,
    )


def setting_node(at: Spanned, name: str) -> Spanned:
    """The AST node of a setting in this call; the call itself if the setting is not written there."""
    for given in getattr(at, "settings", ()):
        if isinstance(given, ast.Named) and isinstance(given.path, ast.Name) and given.path.id == name:
            return given.path
    return at


def wrong_inputs(owner: str, wanted: str, got: int, at: Spanned, frame: Frame) -> SpecError:
    help = "inputs are tensors; settings are passed by name: f(x, k = 3)"
    return frame.error("ARCH206", f"`{owner}` expects {wanted}, got {got}", at, help=help)


def _arity_text(least: int, most: int | None) -> str:
    count = f"at least {least}" if most is None else str(least) if least == most else f"{least} to {most}"
    return f"{count} tensor{'' if count == '1' else 's'}"
