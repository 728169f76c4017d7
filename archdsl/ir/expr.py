"""Values that depend on decisions: constants, picks, dimensions of tensors, and arithmetic over them.

A `Pick` is a number selected by one decision: it has a value for each outcome. A `Dim` is a dimension of a
node whose size varies between networks. `Apply` is arithmetic over these. The functions in this module build
values in a normal form with constant folding, so that two equal dimensions are in all usual cases identical
expressions, and comparing these proves that they are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import floor, inf, isfinite
from typing import Any, Union

Scalar = Union[int, float, bool, str]
AXES = ("c", "h", "w")

LARGEST = 10**18
"""The largest absolute value of a number in a spec."""
TERMS = 10_000
"""The maximum number of terms of a value; it bounds the work of traversing the value."""
SHALLOW = 60
"""The maximum depth of values that are traversed by recursion, which is faster than a loop with a stack."""
_LARGE_DIM = 100_000


class TooLargeError(ArithmeticError):
    """The error that a number exceeds `LARGEST` or depends on too many decisions; the message says which."""


class Expr:
    """A value that depends on decisions. Instances are immutable; arithmetic on them builds new values."""

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
        raise TypeError(f"the truth value of {self!r} depends on decisions")


class Pick(Expr):
    """A value chosen by a decision: `values[o]` for outcome `o`; None where the value is undefined."""

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
    """A dimension of a node that varies between networks; axis 0, 1, 2 is channels, height, width."""

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
    """A function applied to values, at least one of which depends on decisions.

    `terms` and `depth` are the size and depth of the fully expanded expression, `least` is a lower bound of
    its value, `bound` an upper bound of its absolute value, and `kind` its type: "int", "number" (possibly a
    fraction), "bool", "str", "pair" (two integers) or "mixed".
    """

    __slots__ = ("_equal", "args", "bound", "depth", "fn", "kind", "least", "terms")
    _equal: Apply | None
    terms: int
    depth: int
    least: float
    bound: float
    kind: str

    def __init__(self, fn: str, args: tuple[Value, ...]):
        self.fn, self.args = fn, args
        self._hash = hash((fn, args))
        self._equal = None  # one that was found to be equal
        terms, depth = 1, 0
        for a in args:
            if isinstance(a, Apply):
                terms += a.terms
                depth = max(depth, a.depth)
            else:
                terms += 1
        self.terms, self.depth = terms, depth + 1
        self.least = _least_of(fn, args)
        self.bound = _bound_of(fn, args)
        self.kind = _kind_of(fn, args)

    def renamed(self, args: tuple[Value, ...]) -> Apply:
        """The same function of the same arguments, except for the names of dimensions in them."""
        found = Apply.__new__(Apply)
        found.fn, found.args, found._hash, found._equal = self.fn, args, hash((self.fn, args)), None
        found.terms, found.depth, found.kind = self.terms, self.depth, self.kind
        found.least, found.bound = self.least, self.bound
        return found

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Apply) or self._hash != other._hash:
            return False
        ahead: list[tuple[Apply, Apply]] = [(self, other)]
        equal: dict[tuple[int, int], tuple[Apply, Apply]] = {}
        while ahead:
            a, b = (part._representative() for part in ahead.pop())
            if a is b or (id(a), id(b)) in equal:
                continue
            if a._hash != b._hash or a.fn != b.fn or len(a.args) != len(b.args):
                return False
            equal[id(a), id(b)] = a, b
            for x, y in zip(a.args, b.args, strict=True):
                if x is y:
                    continue
                if isinstance(x, Apply) and isinstance(y, Apply):
                    ahead.append((x, y))
                elif type(x) is not type(y) or x != y:
                    return False
        for a, b in equal.values():
            first, second = a._representative(), b._representative()
            if first is not second:
                first._equal = second
        return True

    def _representative(self) -> Apply:
        """The representative of the expressions found equal to this one, so that parts are compared once."""
        here = self
        while (equal := here._equal) is not None:
            here = equal
        if here is not self:
            self._equal = here
        return here

    __hash__ = Expr.__hash__

    def __repr__(self) -> str:
        if self.depth > SHALLOW:
            return f"{self.fn}(… {self.terms} terms)"
        return f"{self.fn}({', '.join(map(repr, self.args))})"


def kind(value: object) -> str:
    """The type of a value: "int", "number", "bool", "str", "pair", or "mixed" if networks differ in it."""
    known = _KINDS.get(type(value))
    if known is not None:
        return known
    if isinstance(value, Apply):
        return value.kind
    if not isinstance(value, Pick):
        return "mixed"
    return _joined({kind(v) for v in value.values if v is not None})


def _joined(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return "number" if kinds == {"int", "number"} else "mixed"


def _kind_of(fn: str, args: tuple[Value, ...]) -> str:
    if fn in _CONDITIONS:
        return "bool"
    if fn in ("floor", "round"):
        return "int"
    if fn == "if":
        return _joined({kind(a) for a in args[1:]})
    if fn in ("div", "pair"):
        return "number" if fn == "div" else fn
    for a in args:
        if kind(a) != "int":
            return "number"
    return "int"


def least(value: Value) -> float:
    """A lower bound of a number, or -inf; dimensions of well-typed networks are at least 1."""
    if isinstance(value, Apply):
        return value.least
    if isinstance(value, Pick):
        return min((least(v) for v in value.values if v is not None), default=-inf)
    if isinstance(value, Dim):
        return 1
    return value if isinstance(value, (int, float)) else -inf


def _least_of(fn: str, args: tuple[Value, ...]) -> float:
    if fn not in _MONOTONE:
        return -inf
    low = [least(a) for a in (args[1:] if fn == "if" else args)]
    if fn == "add":
        return sum(low)
    if fn == "mul":
        return low[0] * low[-1] if min(low) >= 0 else -inf
    return max(low) if fn == "max" else min(low)


def bound(value: Value) -> float:
    """An upper bound of the absolute value of a number, assuming that no dimension exceeds 100,000."""
    if isinstance(value, Apply):
        return value.bound
    if isinstance(value, Pick):
        return max((bound(v) for v in value.values if v is not None), default=0.0)
    if isinstance(value, Dim):
        return _LARGE_DIM
    return abs(value) if isinstance(value, (int, float)) else 1


def _bound_of(fn: str, args: tuple[Value, ...]) -> float:
    if fn in _CONDITIONS:
        return 1
    sizes = [bound(a) for a in (args[1:] if fn == "if" else args)]
    if fn in ("add", "sub"):
        return sum(sizes)
    if fn == "mul":
        return sizes[0] * sizes[-1]
    if fn in ("if", "max", "min"):
        return max(sizes)
    return sizes[1] if fn == "mod" else sizes[0]


class Measure(Expr):
    """A measure of an entire network: `params`, `macs`, or `latency(device = "…")`, in base units.

    Times are in milliseconds, rates in frames per second, sizes in bytes; counts have no unit.
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


_KINDS: dict[type, str] = {
    bool: "bool", int: "int", float: "number", str: "str", tuple: "pair", Dim: "int", Measure: "number",
}  # fmt: skip

Value = Union[int, float, bool, str, Expr]


def _divide(a: Any, b: Any) -> Any:
    """The operator `/` of the language: an integer if `a` is divisible by `b`, otherwise a decimal."""
    if isinstance(a, int) and isinstance(b, int) and b and a % b == 0:
        return a // b
    return a / b


def _finite(function: Callable[[float], int]) -> Callable[[float], int]:
    def rounded(a: float) -> int:
        if not isfinite(a):
            raise TooLargeError("number too large")
        return function(a)

    return rounded


def _is_whole(a: Any) -> bool:
    return isinstance(a, int) and not isinstance(a, bool)


def _power(a: Any, b: int) -> Any:
    """`a ** b` for an integer `b`; the size of the result is bounded before it is computed."""
    if b < 0:
        return _divide(1, _power(a, -b))
    if isinstance(a, int) and abs(a) > 1 and b > LARGEST.bit_length():
        raise TooLargeError("number too large")
    try:
        return a**b
    except OverflowError:
        raise TooLargeError("number too large") from None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "pow": _power,
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
    "floor": _finite(floor),
    "round": _finite(round),
    "whole": _is_whole,
    "pair": lambda rows, columns: rows if rows == columns else (rows, columns),
}
_CONDITIONS = frozenset({"eq", "ne", "lt", "le", "and", "or", "not", "whole"})
_MONOTONE = frozenset({"add", "mul", "max", "min", "if"})
_COMMUTATIVE = frozenset({"add", "mul", "max", "min", "and", "or", "eq", "ne"})


def apply(fn: str, *args: Value) -> Value:
    """The function `fn` of these values, simplified; a constant if all arguments are constants.

    Raises ZeroDivisionError for a constant zero divisor, and TooLargeError if a limit is exceeded.
    """
    varying = [a for a in args if isinstance(a, Expr)]
    if not varying:
        return _limited(FUNCTIONS[fn](*args))  # type: ignore[no-any-return]
    first = varying[0]
    if isinstance(first, Pick):
        decision = first.decision
        if all(isinstance(a, Pick) and a.decision == decision for a in varying):
            return _zip(fn, decision, args)
    if fn == "if":
        simple = _simplify_if(*args)
    elif len(args) == 1:
        simple = _simplify_unary(fn, args[0])
    else:
        if fn in _COMMUTATIVE and not isinstance(args[0], Expr):
            args = args[::-1]  # constants come last
        simple = _simplify(fn, *args)
    return _apply(fn, args) if simple is None else simple


def _apply(fn: str, args: tuple[Value, ...]) -> Apply:
    value = Apply(fn, args)
    if value.bound > LARGEST:
        raise TooLargeError("this number may become too large")
    if value.terms > TERMS:
        raise TooLargeError("this value depends on too many decisions at once")
    return value


def _limited(value: Any) -> Any:
    if isinstance(value, (int, float)) and abs(value) > LARGEST:
        raise TooLargeError("number too large")
    return value


def _zip(fn: str, decision: str, args: tuple[Value, ...]) -> Value:
    """Applies a function to picks of one decision by outcome; None for outcomes with a zero divisor."""
    n = next(len(a.values) for a in args if isinstance(a, Pick))
    function = FUNCTIONS[fn]
    values = []
    for o in range(n):
        row = [a.values[o] if isinstance(a, Pick) else a for a in args]
        if fn == "if" and row[0] is not None:
            values.append(row[1] if row[0] else row[2])
        elif fn in ("and", "or") and row[0] is not None and bool(row[0]) is (fn == "or"):
            values.append(row[0])
        elif any(v is None for v in row):
            values.append(None)
        else:
            try:
                values.append(_limited(function(*row)))
            except ZeroDivisionError:
                values.append(None)
    return pick(decision, tuple(values))


def pick(decision: str, values: Sequence[Any]) -> Value:
    """A pick with these values by outcome, or a constant if all values agree; None values are ignored."""
    given = [v for v in values if v is not None]
    if given and all(v == given[0] and type(v) is type(given[0]) for v in given):
        return given[0]  # type: ignore[no-any-return]
    return Pick(decision, tuple(values))


def grouped(cases: Iterable[tuple[Any, Value]]) -> list[tuple[Value, list[Any]]]:
    """Groups the keys of cases by their values, so that one condition covers all cases with the same value.

    Groups are in the order of their first cases. Equal values of different types, such as 1 and True, are in
    different groups.
    """
    groups: dict[tuple[type, Value], list[Any]] = {}
    for key, value in cases:
        groups.setdefault((type(value), value), []).append(key)
    return [(value, keys) for (_, value), keys in groups.items()]


def _simplify(fn: str, a: Value, b: Value) -> Value | None:
    """Simplifies a function of two values by identities; None if none applies. Constants must come last."""
    constant = not isinstance(b, Expr)
    if fn in ("and", "or"):
        if constant:
            return a if bool(b) is (fn == "and") else bool(b)
        return a if a == b else None
    if fn in ("max", "min", "pair"):
        return a if a == b else None
    if fn in ("eq", "le") and a == b:
        return True
    if fn in ("ne", "lt") and a == b:
        return False
    if fn == "le" and not isinstance(a, (Expr, str)) and least(b) >= a:
        return True
    if fn == "sub" and constant:
        return apply("add", a, -b)  # type: ignore[operator]
    if kind(a) == kind(b) == "int":
        return _simplify_whole(fn, a, b, constant)
    return None


def _simplify_whole(fn: str, a: Value, b: Value, constant: bool) -> Value | None:
    """Simplifies by identities that hold for integers; for decimals, they would change rounding or type."""
    product = a.args if isinstance(a, Apply) and a.fn == "mul" else ()
    if fn == "sub":
        return 0 if a == b else None
    if fn in ("add", "mul"):
        if not constant:
            return None
        if b == (0 if fn == "add" else 1):
            return a
        if fn == "mul" and b == 0:
            return 0
        if isinstance(a, Apply) and a.fn == fn and not isinstance(a.args[1], Expr):
            return apply(fn, a.args[0], FUNCTIONS[fn](a.args[1], b))
    elif fn in ("floordiv", "div"):
        if constant and b == 1:
            return a
        if b in product:
            return product[0] if product[1] == b else product[1]
        return 1 if a == b else None
    elif fn == "mod" and ((constant and b == 1) or a == b or b in product):
        return 0
    return None


def _simplify_unary(fn: str, a: Value) -> Value | None:
    if fn == "not":
        return a.args[0] if isinstance(a, Apply) and a.fn == "not" else None
    if kind(a) != "int":
        return None
    return True if fn == "whole" else a


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
    """Whether a condition is, or is a conjunction that contains, `a == b`."""
    if not isinstance(condition, Apply):
        return False
    if condition.fn == "and":
        return any(_implies_equal(c, a, b) for c in condition.args)
    return condition.fn == "eq" and condition.args in ((a, b), (b, a))


Pair = Union[int, tuple[int, int]]
"""A setting for rows and columns: an integer if they agree, otherwise a tuple (rows, columns)."""


def by_axis(value: Any) -> tuple[Any, Any]:
    """The values for rows and for columns of a setting that is one value for both, or a pair."""
    if isinstance(value, tuple):
        return value[0], value[-1]
    if isinstance(value, Pick) and any(isinstance(v, tuple) for v in value.values):
        rows, columns = zip(*[by_axis(v) for v in value.values], strict=True)
        return pick(value.decision, rows), pick(value.decision, columns)
    if isinstance(value, Apply) and value.fn == "pair":
        return value.args[0], value.args[1]
    if isinstance(value, Apply) and value.fn == "if" and value.kind in ("pair", "mixed"):
        condition, then, otherwise = value.args
        (rows, columns), (others, other) = by_axis(then), by_axis(otherwise)
        return apply("if", condition, rows, others), apply("if", condition, columns, other)
    return value, value


def any_of(values: Sequence[Value]) -> Value:
    """The disjunction of these conditions."""
    result: Value = False
    for value in values:
        result = apply("or", result, value)
    return result


def eq(a: Value, b: Value) -> Value:
    if type(a) is int and type(b) is int:  # the common case, on the hot path of binding
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


def decisions_in(value: Value) -> set[str]:
    """The decisions that a value depends on directly (not through dimensions)."""
    return {part.decision for part in leaves(value) if isinstance(part, Pick)}


def nodes_in(value: Value) -> set[str]:
    """The nodes with dimensions that a value depends on."""
    return {part.node for part in leaves(value) if isinstance(part, Dim)}


def leaves(*values: Value, seen: set[int] | None = None) -> list[Value]:
    """The picks, dimensions, measures and constants in values; shared subexpressions are visited once.

    `seen` contains the ids of subexpressions that are skipped; those visited are added to it.
    """
    found: list[Value] = []
    seen = set() if seen is None else seen
    ahead: list[Value] = list(values)
    while ahead:
        here = ahead.pop()
        if not isinstance(here, Apply):
            found.append(here)
        elif id(here) not in seen:
            seen.add(id(here))
            ahead += here.args
    return found
