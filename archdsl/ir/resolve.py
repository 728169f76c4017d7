"""Evaluates values, or simplifies them, for given outcomes of decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from archdsl.ir.expr import FUNCTIONS, SHALLOW, Apply, Dim, Expr, Pick, Value, apply, pick


def specialize(value: Value, allowed: Mapping[str, Sequence[int]]) -> Value:
    """Simplifies a value for the remaining outcomes: `allowed` maps decisions to indices of outcomes."""
    if not allowed or not isinstance(value, Expr):
        return value
    if isinstance(value, Pick):
        outcomes = allowed.get(value.decision)
        if outcomes is None:
            return value
        if len(outcomes) == 1 and value.values[outcomes[0]] is not None:
            return value.values[outcomes[0]]  # type: ignore[no-any-return]
        table = [None] * len(value.values)
        for outcome in outcomes:
            table[outcome] = value.values[outcome]
        return pick(value.decision, tuple(table))
    if not isinstance(value, Apply):
        return value
    if value.depth > SHALLOW:
        return rebuilt(value, lambda leaf: specialize(leaf, allowed))
    return _with_args(value, tuple([specialize(a, allowed) for a in value.args]))


def _with_args(value: Apply, args: tuple[Value, ...]) -> Value:
    same = all(a is b for a, b in zip(args, value.args, strict=True))
    return value if same else apply(value.fn, *args)


def rebuilt(value: Value, leaf: Callable[[Value], Value]) -> Value:
    """The value, simplified, after `leaf` has replaced each pick, dimension, measure and constant."""
    if not isinstance(value, Apply):
        return leaf(value)
    done: dict[int, Value] = {}
    for part in _inside_out(value):
        args = [done[id(a)] if isinstance(a, Apply) else leaf(a) for a in part.args]
        done[id(part)] = _with_args(part, tuple(args))
    return done[id(value)]


def _inside_out(value: Apply) -> list[Apply]:
    """The function applications in a value, each after its arguments."""
    found: dict[int, Apply] = {}
    ahead = [value]
    while ahead:
        here = ahead.pop()
        found.pop(id(here), None)
        found[id(here)] = here
        ahead += [a for a in here.args if isinstance(a, Apply)]
    return list(found.values())[::-1]


def applications(values: Iterable[Value]) -> int:
    """The number of distinct function applications in these values."""
    found: set[int] = set()
    ahead = [value for value in values if isinstance(value, Apply)]
    while ahead:
        here = ahead.pop()
        if id(here) not in found:
            found.add(id(here))
            ahead += [a for a in here.args if isinstance(a, Apply)]
    return len(found)


def evaluate(
    value: Value,
    outcomes: Mapping[str, int],
    dim: Callable[[str, int], int],
    known: dict[int, Any] | None = None,
) -> Any:
    """Evaluates a value in the network given by `outcomes`; None where a pick is undefined.

    `dim` gives the dimension of a node by name and axis. `known` caches results of deep values by id, for
    further values of the same network that share parts. Raises ArithmeticError for undefined numbers.
    """
    if not isinstance(value, Expr):
        return value
    if isinstance(value, Pick):
        return value.values[outcomes[value.decision]]
    if isinstance(value, Dim):
        return dim(value.node, value.axis)
    assert isinstance(value, Apply)
    if value.depth > SHALLOW:
        return settled(value, lambda leaf: evaluate(leaf, outcomes, dim), known)
    fn, args = value.fn, value.args
    if fn in ("if", "and", "or"):
        first = evaluate(args[0], outcomes, dim)
        if first is None:
            return None
        if fn == "if":
            return evaluate(args[1] if first else args[2], outcomes, dim)
        return first if bool(first) is (fn == "or") else evaluate(args[1], outcomes, dim)
    values = [evaluate(a, outcomes, dim) for a in args]
    return None if None in values else FUNCTIONS[fn](*values)


def settled(value: Value, leaf: Callable[[Value], Any], known: dict[int, Any] | None = None) -> Any:
    """Evaluates an expression without recursion, from the values of its leaves, which may be expressions.

    Conditions are evaluated before their branches, and leaves that are not needed are not evaluated. `known`
    caches results by id; results are added to it.
    """
    known = {} if known is None else known

    def of(part: Value) -> Any:
        return known[id(part)] if isinstance(part, Apply) else leaf(part)

    def needed(part: Apply) -> Sequence[Value]:
        first = part.args[0]
        if part.fn not in ("if", "and", "or"):
            return part.args
        if (isinstance(first, Apply) and id(first) not in known) or of(first) is None:
            return (first,)
        condition = of(first)
        if isinstance(condition, Expr):
            return part.args
        if part.fn == "if":
            return (first, part.args[1] if condition else part.args[2])
        return (first,) if bool(condition) is (part.fn == "or") else part.args

    if not isinstance(value, Apply):
        return leaf(value)
    if id(value) in known:
        return known[id(value)]
    ahead = [value]
    while ahead:
        here = ahead[-1]
        needs = needed(here)
        missing = [a for a in needs if isinstance(a, Apply) and id(a) not in known]
        if missing:
            ahead += missing
            continue
        ahead.pop()
        found = [of(a) for a in needs]
        if here.fn in ("if", "and", "or") and not isinstance(found[0], Expr):
            known[id(here)] = found[-1]
        elif any(a is None for a in found):
            known[id(here)] = None
        elif any(isinstance(a, Expr) for a in found):
            known[id(here)] = apply(here.fn, *found)
        else:
            known[id(here)] = FUNCTIONS[here.fn](*found)
    return known[id(value)]


def lenient(fn: str) -> Callable[..., Any]:
    """The function `fn`, except that it returns None for an argument of None and for an undefined result."""
    function = FUNCTIONS[fn]

    def result(*args: Any) -> Any:
        if fn == "if":
            return args[1] if args[0] else args[2]
        if fn in ("and", "or") and args[0] is not None and bool(args[0]) is (fn == "or"):
            return args[0]
        if None in args:
            return None
        try:
            return function(*args)
        except (ArithmeticError, TypeError):
            return None

    return result
