"""Values that depend on decisions: constants, picks, dimensions of tensors, and arithmetic over them.

A `Pick` is a setting chosen by one decision: a value for each outcome.  A `Dim` is a dimension of a
node whose size differs between networks.  `Apply` is arithmetic over these.  The functions here build
them in a normal form that folds what is constant, so that two dimensions that must agree are, in all
usual cases, the same value, and a proof of it is a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

Scalar = Union[int, float, bool, str]
AXES = ("c", "h", "w")


class Expr:
    """A value that depends on decisions.  Immutable; arithmetic builds new values."""

    __slots__ = ("_hash",)
    _hash: int

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Value) -> Value:
        return apply("add", self, other)

    def __radd__(self, other: Value) -> Value:
        return apply("add", other, self)

    def __sub__(self, other: Value) -> Value:
        return apply("sub", self, other)

    def __rsub__(self, other: Value) -> Value:
        return apply("sub", other, self)

    def __mul__(self, other: Value) -> Value:
        return apply("mul", self, other)

    def __rmul__(self, other: Value) -> Value:
        return apply("mul", other, self)

    def __floordiv__(self, other: Value) -> Value:
        return apply("floordiv", self, other)

    def __rfloordiv__(self, other: Value) -> Value:
        return apply("floordiv", other, self)

    def __mod__(self, other: Value) -> Value:
        return apply("mod", self, other)

    def __rmod__(self, other: Value) -> Value:
        return apply("mod", other, self)

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} depends on decisions and has no truth value of its own")


class Pick(Expr):
    """The value that a decision chooses: `values[o]` for outcome `o`, None where it cannot be."""

    __slots__ = ("decision", "values")

    def __init__(self, decision: str, values: tuple[Any, ...]):
        self.decision, self.values = decision, values
        self._hash = hash((decision, values))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Pick)
            and self.decision == other.decision
            and self.values == other.values
            and all(type(a) is type(b) for a, b in zip(self.values, other.values, strict=True))
        )

    __hash__ = Expr.__hash__

    def __repr__(self) -> str:
        return f"Pick({self.decision!r}, {self.values!r})"


class Dim(Expr):
    """A dimension (axis 0, 1, 2 for channels, height, width) of a node, where networks differ in it."""

    __slots__ = ("axis", "node")

    def __init__(self, node: str, axis: int):
        self.node, self.axis = node, axis
        self._hash = hash((node, axis))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Dim) and self.axis == other.axis and self.node == other.node
        )

    __hash__ = Expr.__hash__

    def __repr__(self) -> str:
        return f"Dim({self.node!r}, {AXES[self.axis]})"


class Apply(Expr):
    """A function of values, at least one of which depends on decisions."""

    __slots__ = ("args", "fn")

    def __init__(self, fn: str, args: tuple[Value, ...]):
        self.fn, self.args = fn, args
        self._hash = hash((fn, args))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Apply)
            and self._hash == other._hash
            and self.fn == other.fn
            and self.args == other.args
        )

    __hash__ = Expr.__hash__

    def __repr__(self) -> str:
        return f"{self.fn}({', '.join(map(repr, self.args))})"


class Measure(Expr):
    """A property of the whole network: `params`, `macs`, or `latency(device = "…")`, in base units.

    Counts are plain numbers, times milliseconds, rates frames per second, sizes bytes.
    """

    __slots__ = ("name", "options")

    def __init__(self, name: str, options: tuple[tuple[str, Scalar], ...] = ()):
        self.name, self.options = name, options
        self._hash = hash((name, options))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Measure) and (self.name, self.options) == (other.name, other.options)

    __hash__ = Expr.__hash__

    def __repr__(self) -> str:
        return f"Measure({self.name!r}, {self.options!r})"


Value = Union[int, float, bool, str, Expr]


def _divide(a: Any, b: Any) -> Any:
    """`/` of the language: whole where it divides, a decimal otherwise."""
    if isinstance(a, int) and isinstance(b, int) and b and a % b == 0:
        return a // b
    return a / b


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "max": max,
    "min": min,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a: not a,
    "if": lambda c, a, b: a if c else b,
}


def apply(fn: str, *args: Value) -> Value:
    """The value of a function, folded as far as it goes.

    Raises ZeroDivisionError where a constant divisor is 0.
    """
    for a in args:
        if isinstance(a, Expr):
            break
    else:
        return FUNCTIONS[fn](*args)  # type: ignore[no-any-return]
    picks = [a for a in args if isinstance(a, Pick)]
    if picks and all(not isinstance(a, Expr) or isinstance(a, Pick) for a in args):
        decision = picks[0].decision
        if all(p.decision == decision for p in picks):
            return _zip(fn, decision, args)
    simple = _simplify(fn, args)
    return Apply(fn, args) if simple is None else simple


def _zip(fn: str, decision: str, args: tuple[Value, ...]) -> Value:
    n = next(len(a.values) for a in args if isinstance(a, Pick))
    function = FUNCTIONS[fn]
    values = []
    for o in range(n):
        row = [a.values[o] if isinstance(a, Pick) else a for a in args]
        if fn == "if" and row[0] is not None:
            values.append(row[1] if row[0] else row[2])
        else:
            values.append(None if any(v is None for v in row) else function(*row))
    return pick(decision, tuple(values))


def pick(decision: str, values: Sequence[Any]) -> Value:
    """A pick, or the constant that all its outcomes agree on."""
    given = [v for v in values if v is not None]
    if given and all(v == given[0] and type(v) is type(given[0]) for v in given):
        return given[0]  # type: ignore[no-any-return]
    return Pick(decision, tuple(values))


def _simplify(fn: str, args: tuple[Value, ...]) -> Value | None:
    """Identities that keep equal sizes equal; None where nothing simplifies."""
    if fn == "if":
        return _simplify_if(*args)
    if fn == "not":
        (a,) = args
        return a.args[0] if isinstance(a, Apply) and a.fn == "not" else None
    a, b = args
    if fn in ("add", "mul", "max", "min", "and", "or", "eq", "ne") and not isinstance(a, Expr):
        a, b = b, a  # a constant stands last
    flipped = (a, b) != args
    constant = not isinstance(b, Expr)
    if fn == "sub":
        if a == b:
            return 0
        return apply("add", a, -b) if constant else None  # type: ignore[operator]
    if fn in ("add", "mul"):
        neutral = 0 if fn == "add" else 1
        if constant and b == neutral:
            return a
        if constant and fn == "mul" and b == 0:
            return 0
        if constant and isinstance(a, Apply) and a.fn == fn and not isinstance(a.args[1], Expr):
            return apply(fn, a.args[0], FUNCTIONS[fn](a.args[1], b))
    elif fn in ("floordiv", "div"):
        if constant and b == 1:
            return a
        if isinstance(a, Apply) and a.fn == "mul" and b in a.args:
            return a.args[0] if a.args[1] == b else a.args[1]
        if a == b:
            return 1
    elif fn == "mod":
        if (constant and b == 1) or a == b:
            return 0
        if isinstance(a, Apply) and a.fn == "mul" and b in a.args:
            return 0
    elif fn in ("max", "min"):
        if a == b:
            return a
    elif fn == "eq" or (fn == "le" and not constant):
        if a == b:
            return True
    elif fn in ("ne", "lt"):
        if a == b:
            return False
    elif fn == "and":
        if constant:
            return a if b else False
        if a == b:
            return a
    elif fn == "or":
        if constant:
            return True if b else a
        if a == b:
            return a
    return Apply(fn, (a, b)) if flipped else None


def _simplify_if(condition: Value, then: Value, otherwise: Value) -> Value | None:
    if not isinstance(condition, Expr):
        return then if condition else otherwise
    if then == otherwise and type(then) is type(otherwise):
        return then
    if _implies_equal(condition, then, otherwise):
        return otherwise
    if then is True and otherwise is False:
        return condition
    if then is False and otherwise is True:
        return apply("not", condition)
    if then is True:
        return apply("or", condition, otherwise)
    if otherwise is False:
        return apply("and", condition, then)
    if otherwise is True and then == condition:
        return True
    return None


def _implies_equal(condition: Value, a: Value, b: Value) -> bool:
    """Whether a condition says, alone or among other things, that a equals b."""
    if not isinstance(condition, Apply):
        return False
    if condition.fn == "and":
        return any(_implies_equal(c, a, b) for c in condition.args)
    return condition.fn == "eq" and condition.args in ((a, b), (b, a))


def any_of(values: Sequence[Value]) -> Value:
    """Whether any of these conditions holds."""
    result: Value = False
    for value in values:
        result = apply("or", result, value)
    return result


def eq(a: Value, b: Value) -> Value:
    if type(a) is int and type(b) is int:  # by far the most usual, and on the way of every network made
        return a == b
    return apply("eq", a, b)


def le(a: Value, b: Value) -> Value:
    if type(a) is int and type(b) is int:
        return a <= b
    return apply("le", a, b)


def both(a: Value, b: Value) -> Value:
    if a is True:
        return b
    return apply("and", a, b)


def maximum(a: Value, b: Value) -> Value:
    return apply("max", a, b)


def specialize(value: Value, allowed: Mapping[str, Sequence[int]]) -> Value:
    """The value where each decision in `allowed` can only come out as listed."""
    if not allowed or not isinstance(value, Expr):
        return value
    if isinstance(value, Pick):
        outcomes = allowed.get(value.decision)
        if outcomes is None:
            return value
        return pick(
            value.decision,
            tuple(v if o in outcomes else None for o, v in enumerate(value.values)),
        )
    if isinstance(value, Apply):
        args = tuple(specialize(a, allowed) for a in value.args)
        same = all(a is b for a, b in zip(args, value.args, strict=True))
        return value if same else apply(value.fn, *args)
    return value


def evaluate(value: Value, outcomes: Mapping[str, int], dim: Callable[[str, int], int]) -> Any:
    """The constant that a value is in one network; None where a pick has no value there."""
    if not isinstance(value, Expr):
        return value
    if isinstance(value, Pick):
        return value.values[outcomes[value.decision]]
    if isinstance(value, Dim):
        return dim(value.node, value.axis)
    assert isinstance(value, Apply)
    if value.fn == "if":
        chosen = value.args[1] if evaluate(value.args[0], outcomes, dim) else value.args[2]
        return evaluate(chosen, outcomes, dim)
    if value.fn in ("and", "or"):
        left = evaluate(value.args[0], outcomes, dim)
        if bool(left) is (value.fn == "or"):
            return left
        return evaluate(value.args[1], outcomes, dim)
    return FUNCTIONS[value.fn](*(evaluate(a, outcomes, dim) for a in value.args))


def decisions_in(value: Value) -> set[str]:
    """The decisions that a value names itself (not those behind its dimensions)."""
    if isinstance(value, Pick):
        return {value.decision}
    if isinstance(value, Apply):
        return {d for a in value.args for d in decisions_in(a)}
    return set()


def nodes_in(value: Value) -> set[str]:
    """The nodes whose dimensions a value reads."""
    if isinstance(value, Dim):
        return {value.node}
    if isinstance(value, Apply):
        return {n for a in value.args for n in nodes_in(a)}
    return set()
