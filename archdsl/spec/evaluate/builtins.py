"""Built-in functions of the language, on numbers, lists and sets of tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archdsl.ir import Measure
from archdsl.ir.expr import Scalar, TooLargeError, apply
from archdsl.ir.resolve import specialize
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import choosing, splitting
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, below, join
from archdsl.spec.evaluate.kinds import number
from archdsl.spec.evaluate.loose import loose, upstream
from archdsl.spec.evaluate.quantities import (
    UNITS_HELP,
    amount,
    common_dimension,
    described,
    dimension,
    with_dimension,
)
from archdsl.spec.evaluate.values import (
    Builtin,
    Choice,
    Composition,
    Either,
    Function,
    ListValue,
    PrimitiveOp,
    SetMember,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    Varying,
    kind_of,
)
from archdsl.spec.units import MEASURES, Quantity

Run = Callable[[Evaluator, Builtin, list[SpecValue], Spanned, Frame, str], SpecValue]
"""The implementation of a builtin: a function from its settings, arguments, AST node, frame and site to a
value.
"""


def call(
    ev: Evaluator,
    fn: Builtin,
    args: list[SpecValue],
    settings: Mapping[str, SpecValue],
    at: Spanned,
    frame: Frame,
    site: str,
) -> SpecValue:
    if fn.name in ("latency", "rate"):
        return _measure(fn.name, args, settings, at, frame)
    if fn.name == "split":
        fn, settings = splitting.configured(fn, settings, at, frame), {}
        if not args:
            return fn
    if settings:
        raise frame.error("ARCH204", f"`{fn.name}` has no settings", at)
    undefined = next((a for a in args if isinstance(a, Undefined)), None)
    if undefined is not None:
        return undefined
    several = next((a for a in args if isinstance(a, Choice | Either)), None)
    if several is not None:

        def use(inner: SpecValue, here: str) -> SpecValue:
            replaced = [inner if a is several else ev.refine(a) for a in args]
            return call(ev, fn, replaced, {}, at, frame, here)

        return choosing.spread(ev, several, use, at, frame, site)
    return BUILTINS[fn.name](ev, fn, args, at, frame, site)


def _measure(
    name: str, args: list[SpecValue], settings: Mapping[str, SpecValue], at: Spanned, frame: Frame
) -> SpecValue:
    if args:
        raise frame.error("ARCH206", f'`{name}` takes settings only: {name}(device = "…")', at)
    options: dict[str, Scalar] = {}
    for key, value in settings.items():
        if not isinstance(value, str | int | float):
            raise frame.error("ARCH208", f"`{key}` of `{name}` must be a constant, got {kind_of(value)}", at)
        options[key] = value
    return with_dimension(Measure(name, tuple(sorted(options.items()))), MEASURES[name])


def _extreme(name: str) -> Run:
    def run(
        ev: Evaluator, of: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
    ) -> SpecValue:
        values = list(args)
        if len(values) == 1 and isinstance(values[0], SetValue):
            values = [m.value for m in values[0].members]
        if not values:
            raise frame.error("ARCH206", f"`{name}` expects at least one argument", at)
        common = "number"
        if any(isinstance(value, Quantity | Varying) for value in values):
            found = common_dimension(values)
            if found is None:
                what = f"incompatible units in `{name}`"
                raise frame.error("ARCH212", what, at, described(values), help=UNITS_HELP)
            common, values = found, [amount(value) for value in values]
        result = number(values[0], at, frame)
        for value in values[1:]:
            ev.spend(1, at, frame)
            result = apply(name, result, number(value, at, frame))
        return with_dimension(result, common)

    return run


def _rounding(name: str) -> Run:
    def run(
        ev: Evaluator, of: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
    ) -> SpecValue:
        if len(args) != 1:
            raise frame.error("ARCH206", f"`{name}` expects one number", at, help=f"write {name}(a)")
        try:
            return with_dimension(apply(name, number(amount(args[0]), at, frame)), dimension(args[0]))
        except TooLargeError as error:
            raise frame.error("ARCH211", str(error), at) from None

    return run


def _len(
    ev: Evaluator, of: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    """Evaluates `len`: the number of members of a set or items of a list, including undefined ones."""
    if len(args) != 1 or not isinstance(args[0], SetValue | ListValue):
        got = f", got {kind_of(args[0])}" if len(args) == 1 else ""
        help = "sizes of tensors are x.c, x.h and x.w" if args and isinstance(args[0], Tensor) else None
        raise frame.error("ARCH207", f"`len` expects one list or set{got}", at, help=help)
    if isinstance(args[0], ListValue):
        return len(args[0].items)
    return len(args[0].labels or args[0].members)


def _unused(
    ev: Evaluator, of: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    """Evaluates `unused`: the set members from which no other member is computed.

    A member of which this depends on decisions is a mux that is undefined in the other networks.
    """
    if len(args) != 1 or not isinstance(args[0], SetValue):
        raise frame.error("ARCH207", "`unused` expects a set of tensors: unused(x[3..9])", at)
    nodes: list[str] = []
    for member in args[0].members:
        if not isinstance(member.value, Tensor):
            raise frame.error("ARCH207", f"`unused` expects tensors, got {kind_of(member.value)}", at)
        nodes.append(member.value.node)
    order = list(upstream(ev.builder, nodes))
    ev.spend(len(order), at, frame)
    ev.particular += 1
    try:
        found = loose(ev.builder, nodes, order)
    except TooLargeError as error:
        raise frame.error("ARCH211", str(error), at) from None
    members = []
    for member, node, everywhere in zip(args[0].members, nodes, found, strict=True):
        free = specialize(everywhere, ev.allowed)
        ev.spend(1, at, frame)
        if free is False:
            continue
        if free is not True:
            name = frame.node_path(join(site, "unused"))
            node = ev.builder.add_mux(free, name, [(True, node), (False, None)], frame.location(at))
        members.append(SetMember(member.label, Tensor(node)))
    if not members:
        return Undefined("every member is used")
    return SetValue(tuple(members), args[0].labels or tuple(m.label for m in args[0].members))


def _defined(
    ev: Evaluator, of: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    raise frame.error("ARCH206", "`defined` cannot follow `->`", at, help="write defined(x[i])")


def _fold(
    ev: Evaluator, of: Builtin, args: list[SpecValue], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    """Evaluates `fold(f, {a, b, c, d})`: f(f(f(a, b), c), d), over the members that are defined."""
    is_op = bool(args) and isinstance(args[0], Function | PrimitiveOp | Composition)
    if len(args) != 2 or not is_op or not isinstance(args[1], SetValue):
        raise frame.error(
            "ARCH207",
            "`fold` expects an op or cell and a set",
            at,
            help="write fold(F, {a, b, c}), or fold(F, x[1..4])",
        )
    fn, members = args[0], args[1].members
    total: Tensor | None = None
    for member in members:
        if not isinstance(member.value, Tensor):
            raise frame.error("ARCH207", f"`fold` expects tensors, got {kind_of(member.value)}", at)
        if total is None:
            total = member.value
        else:
            total = _folded(ev, fn, total, member.value, at, frame, below(site, member.label))
    return Undefined("the set is empty") if total is None else total


def _folded(
    ev: Evaluator, fn: SpecValue, total: Tensor, member: Tensor, at: Spanned, frame: Frame, site: str
) -> Tensor:
    """Combines the result of `fold` so far with one more member; either may be undefined in some networks."""
    builder = ev.builder
    before = builder.present.get(total.node, True)
    here = builder.present.get(member.node, True)
    left, right = _bare(ev, total), _bare(ev, member)
    with ev.where(before), ev.where(here):
        both = ev.language.apply(ev, fn, [left, right], {}, at, frame, site, False)
    if not isinstance(both, Tensor):
        raise frame.error("ARCH207", f"the op of `fold` must return a tensor, got {kind_of(both)}", at)
    node, location = both.node, frame.location(at)
    if before is not True:
        node = builder.add_mux(
            before, frame.node_path(join(site, "first")), [(True, node), (False, right.node)], location
        )
    if here is not True:
        cases = [(True, node), (False, total.node)]
        node = builder.add_mux(here, frame.node_path(join(site, "kept")), cases, location)
    return Tensor(node)


def _bare(ev: Evaluator, tensor: Tensor) -> Tensor:
    """The input of a mux that either selects this input or is undefined; any other tensor is returned
    unchanged.
    """
    mux = ev.builder.nodes.get(tensor.node)
    sources = [s for _, s in getattr(mux, "cases", ()) if s is not None]
    hides = len(sources) == 1 and any(s is None for _, s in mux.cases)  # type: ignore[union-attr]
    return Tensor(sources[0]) if hides else tensor


BUILTINS: dict[str, Run] = {
    "max": _extreme("max"),
    "min": _extreme("min"),
    "round": _rounding("round"),
    "floor": _rounding("floor"),
    "len": _len,
    "defined": _defined,
    "unused": _unused,
    "fold": _fold,
    "split": splitting.split,
}
