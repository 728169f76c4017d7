"""Conditions over decisions as hash-consed decision diagrams: equivalent conditions have equal ids."""

from __future__ import annotations

from archdsl.ir import Apply, Expr, Pick, Value
from archdsl.ir.expr import TooLargeError, apply, pick
from archdsl.passes.analyses.decision_diagrams import Diagrams, TooLarge
from archdsl.spec.evaluate.builder import Builder

MOST_NODES = 100_000
_CONNECTIVES = frozenset({"and", "or", "not", "if"})


class Truths:
    """A set of conditions with ids; comparisons of sizes in them are opaque variables.

    All methods raise TooLargeError if a diagram becomes too large.
    """

    def __init__(self, builder: Builder):
        self._builder = builder
        self._diagrams = Diagrams(MOST_NODES)
        self._variables: list[str | Expr] = []
        self._levels: dict[str | Expr, int] = {}
        self._known: dict[Value, int] = {}
        self.true, self.false = self._diagrams.true, self._diagrams.false

    def both(self, a: int, b: int) -> int:
        try:
            return self._diagrams.both(a, b)
        except TooLarge as error:
            raise _too_large() from error

    def either(self, a: int, b: int) -> int:
        try:
            return self._diagrams.either(a, b)
        except TooLarge as error:
            raise _too_large() from error

    def of(self, condition: Value) -> int:
        """The id of a condition."""
        ahead = [condition]
        while ahead:
            here = ahead[-1]
            if not isinstance(here, Expr) or here in self._known:
                ahead.pop()
                continue
            connects = isinstance(here, Apply) and here.fn in _CONNECTIVES
            parts = here.args if isinstance(here, Apply) and connects else ()
            missing = [part for part in parts if isinstance(part, Expr) and part not in self._known]
            if missing:
                ahead += missing
                continue
            ahead.pop()
            self._known[here] = self._connected(here) if connects else self._variable(here)  # type: ignore[arg-type]
        return self._of_known(condition)

    def _of_known(self, condition: Value) -> int:
        if isinstance(condition, Expr):
            return self._known[condition]
        return self.true if condition else self.false

    def _connected(self, value: Apply) -> int:
        parts = [self._of_known(part) for part in value.args]
        if value.fn == "not":
            return self._not(parts[0])
        if value.fn == "if":
            condition, then, otherwise = parts
            return self.either(self.both(condition, then), self.both(self._not(condition), otherwise))
        return (self.both if value.fn == "and" else self.either)(*parts)

    def _not(self, root: int) -> int:
        try:
            return self._diagrams.map(lambda truth: not truth, root)
        except TooLarge as error:
            raise _too_large() from error

    def _variable(self, value: Expr) -> int:
        if isinstance(value, Pick):
            leaves = tuple(self._of_known(truth or False) for truth in value.values)
            return self._diagrams.node(self._level(value.decision), leaves)
        return self._diagrams.node(self._level(value), (self.false, self.true))

    def _level(self, variable: str | Expr) -> int:
        level = self._levels.get(variable)
        if level is None:
            level = self._levels[variable] = -len(self._variables)
            self._variables.append(variable)
        return level

    def value(self, root: int) -> Value:
        """The condition with an id, as a value over decisions and sizes."""
        d = self._diagrams
        found: dict[int, Value] = {d.true: True, d.false: False}
        for at in sorted(d.reachable(root)):  # children precede parents
            if not d.is_leaf(at):
                found[at] = self._tested(self._variables[-d.level[at]], d.children[at], found)
        return found[root]

    def _tested(self, variable: str | Expr, children: tuple[int, ...], found: dict[int, Value]) -> Value:
        if isinstance(variable, Expr):
            return apply("if", variable, found[children[1]], found[children[0]])
        others = [child for child in dict.fromkeys(children) if not self._diagrams.is_leaf(child)]
        value: Value = found[others[0]] if others else False
        for child in others[1:]:
            value = apply("if", _among(variable, children, child), found[child], value)
        if self.true in children:
            value = apply("or", value, _among(variable, children, self.true))
        if self.false in children and others:
            value = apply("and", value, apply("not", _among(variable, children, self.false)))
        return value


def _among(decision: str, children: tuple[int, ...], wanted: int) -> Value:
    """The condition that the outcome of a decision leads to the child `wanted`."""
    return pick(decision, tuple(child == wanted for child in children))


def _too_large() -> TooLargeError:
    return TooLargeError("this value depends on too many decisions at once")
