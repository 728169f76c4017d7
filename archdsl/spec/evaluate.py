"""Evaluates expressions of a spec to values (`archdsl.spec.values`), growing the graph as it goes.

A value is evaluated under the outcomes of decisions that are possible where it stands (`allowed`) and
under conditions over several decisions (`conditions`); a branch that cannot be taken is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NoReturn

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.ir import Apply, Expr, Measure, Pick
from archdsl.ir.expr import AXES, apply, specialize
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.spec import applying, builtins, choosing, stamping, statements
from archdsl.spec.builder import Allowed, Builder
from archdsl.spec.frame import Frame
from archdsl.spec.sites import Sites, sites
from archdsl.spec.units import UNITS, Quantity, quantity
from archdsl.spec.values import (
    Builtin,
    Choice,
    Either,
    Family,
    Function,
    ListValue,
    Member,
    Poison,
    PrimitiveOp,
    RecordValue,
    SetValue,
    Tensor,
    Undefined,
    kind_of,
)

SET_BUDGET = 10_000
CALL_BUDGET = 400_000
MEASURES = {"params": "count", "macs": "count", "flops": "count", "latency": "time", "rate": "rate"}
"""Properties of a whole network that a requirement or an objective may name, and what they measure."""

_OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "==": "eq", "!=": "ne", "<": "lt", "<=": "le",
              ">": "lt", ">=": "le", "and": "and", "or": "or"}  # fmt: skip
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


class Poisoned(Exception):
    """A value was read whose computation is already reported as an error."""


class Fatal(Exception):
    """An error after which nothing more is evaluated: a budget was passed."""

    def __init__(self, error: SpecError):
        super().__init__(str(error))
        self.error = error


@dataclass
class Evaluator:
    """Evaluates one space or network.  `given` are outcomes decided beforehand, by decision path."""

    builder: Builder
    given: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Shapes set from outside, by input."""
    allowed: Allowed = field(default_factory=dict)
    conditions: tuple[Any, ...] = ()
    taken: set[str] = field(default_factory=set)
    """The given outcomes that were asked for."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    measuring: bool = False
    """Whether a requirement is being evaluated, where `params` and the like may be read."""
    shared: dict[str, Any] = field(default_factory=dict)
    """The `once` expression that decides under each path."""
    active: list[Any] = field(default_factory=list)
    """The declarations being evaluated, outermost first."""
    defined_at: dict[Any, Location] = field(default_factory=dict)
    """Where each entry of an indexed name was defined."""
    stamps: dict[stamping.Key, stamping.Stamp] = field(default_factory=dict)
    calls: int = 0
    _constants: dict[tuple[int, str], Any] = field(default_factory=dict)
    _sites: dict[int, Sites] = field(default_factory=dict)

    # ------------------------------------------------------------ names

    def lookup(self, name: str, frame: Frame, node: Any) -> Any:
        if name in frame.names:
            value = frame.names[name]
            if isinstance(value, Poison):
                raise Poisoned
            return self.refine(value)
        return self.lookup_outside(name, frame, node)

    def lookup_outside(self, name: str, frame: Frame, node: Any) -> Any:
        """A declaration or constant of the file, an import, a primitive or a builtin."""
        unit = frame.unit
        found = unit.declared.get(name)
        if found is None and name in unit.imported:
            unit, found = unit.imported[name]
        if isinstance(found, ast.Op | ast.Cell):
            return Function(found, unit)
        if isinstance(found, ast.Constant):
            return self.constant(found, unit)
        if found is not None:
            raise frame.error(
                "ARCH207", f"`{name}` is a {type(found).__name__.lower()}, not a value", node, "used here"
            )
        primitive = ops.primitives().get(name)
        if primitive is not None:
            return PrimitiveOp(primitive)
        if name in builtins.BUILTINS:
            return Builtin(name)
        if self.measuring and name in MEASURES:
            return Builtin(name) if name in ("latency", "rate") else Measure(name)
        raise self.unknown(name, frame, node)

    def unknown(self, name: str, frame: Frame, node: Any) -> SpecError:
        known = [
            *frame.names,
            *frame.unit.declared,
            *frame.unit.imported,
            *ops.primitives(),
            *builtins.BUILTINS,
        ]
        return frame.unknown(name, node, known)

    def constant(self, declared: ast.Constant, unit: Unit) -> Any:
        key = (id(unit), declared.name.id)
        if key not in self._constants:
            frame = Frame(unit)
            if key in self.active:
                raise frame.error("ARCH210", f"`{declared.name.id}` is defined by itself", declared.name)
            self.active.append(key)
            try:
                self._constants[key] = self.evaluate(declared.value, frame)
            finally:
                self.active.remove(key)
        return self._constants[key]

    def stop(self, error: SpecError) -> NoReturn:
        """Ends the evaluation: what follows would only take more time."""
        raise Fatal(error)

    def count_call(self, node: Any, frame: Frame) -> None:
        self.calls += 1
        if self.calls > CALL_BUDGET:
            self.stop(frame.error("ARCH711", f"more than {CALL_BUDGET:,} calls", node))

    def run_body(self, declared: Any, inner: Frame, caller: Frame, at: Any) -> Any:
        """The value of an op's or cell's body."""
        if not isinstance(declared.body, ast.Block):
            inner.sites = self.sites(declared.body)
            return self.evaluate(declared.body, inner)
        value = statements.run_block(self, declared.body, inner)
        if isinstance(value, Poison):
            raise Poisoned
        if value is None:
            raise caller.error(
                "ARCH218",
                f"`{declared.name.id}` returns nothing",
                at,
                secondary=(Label(inner.location(declared.name), "declared here"),),
                help="end it with `return …`",
            )
        return value

    # ------------------------------------------------------------ what is possible here

    def refine(self, value: Any) -> Any:
        """A value as it is under the outcomes possible here."""
        if not self.allowed or isinstance(value, int | str | float):
            return value
        if isinstance(value, Tensor):
            node = self.builder.case(value.node, self.allowed)
            if node is None:
                return Undefined("not defined under the decisions made here")
            return value if node == value.node else Tensor(node)
        if isinstance(value, Expr):
            return specialize(value, self.allowed)
        if isinstance(value, Choice):
            outcomes = self.allowed.get(value.decision)
            if outcomes is not None and len(outcomes) == 1:
                return self.refine(value.values[outcomes[0]])
        elif isinstance(value, Either):
            condition = specialize(value.condition, self.allowed)
            if not isinstance(condition, Expr):
                return self.refine(value.then if condition else value.otherwise)
        return value

    @contextmanager
    def assuming(self, decision: str, outcomes: tuple[int, ...]) -> Iterator[None]:
        """Evaluates what happens where a decision comes out as one of these."""
        before = self.allowed
        self.allowed = {**before, decision: outcomes}
        try:
            yield
        finally:
            self.allowed = before

    @contextmanager
    def where(self, condition: Any) -> Iterator[None]:
        """Evaluates what happens where a condition over several decisions holds."""
        before = self.conditions
        if condition is not True:
            self.conditions = (*before, condition)
        self.builder.known = self.conditions
        try:
            yield
        finally:
            self.conditions = self.builder.known = before

    def outcomes(self, decision: str) -> tuple[int, ...]:
        """The outcomes of a decision that are possible here."""
        if decision in self.builder.decided:
            return (self.builder.decided[decision],)
        return self.allowed.get(decision) or tuple(range(self.builder.decisions[decision].size))

    def sites(self, value: Any) -> Sites:
        found = self._sites.get(id(value))
        if found is None:
            found = self._sites[id(value)] = sites(value)
        return found

    # ------------------------------------------------------------ expressions

    def evaluate(self, expr: Any, frame: Frame) -> Any:
        return _EVALUATE[type(expr)](self, expr, frame)

    def name(self, expr: ast.Name, frame: Frame) -> Any:
        return self.lookup(expr.id, frame, expr)

    def literal(self, expr: Any, frame: Frame) -> Any:
        return expr.value

    def quantity(self, expr: ast.Quantity, frame: Frame) -> Any:
        if expr.unit not in UNITS:
            raise frame.error(
                "ARCH212", f"`{expr.unit}` is not a unit", expr, help=f"units are {', '.join(UNITS)}"
            )
        return quantity(expr.value, expr.unit)

    def list_(self, expr: ast.List, frame: Frame) -> Any:
        return ListValue(tuple(self.evaluate(item, frame) for item in expr.items))

    def record(self, expr: ast.Record, frame: Frame) -> Any:
        entries: dict[str, Any] = {}
        for entry in expr.entries:
            if not isinstance(entry.path, ast.Name):
                raise frame.error("ARCH207", "a record here has plain names", entry.path)
            entries[entry.path.id] = self.evaluate(entry.value, frame)
        return RecordValue(entries)

    def every(self, expr: ast.Every, frame: Frame) -> Any:
        raise frame.error("ARCH207", "`*` stands only in brackets: x[*]", expr)

    def optional(self, expr: ast.Optional, frame: Frame) -> Any:
        if isinstance(expr.base, ast.Index):
            return self.index(expr.base, frame, marked=True)
        if isinstance(expr.base, ast.Name) and expr.base.id not in frame.names:
            return Undefined(f"`{expr.base.id}` is not defined")
        return self.evaluate(expr.base, frame)

    def set_(self, expr: ast.Set, frame: Frame) -> Any:
        members: list[Member] = []
        first: dict[str, ast.Candidate] = {}
        for candidate in expr.members:
            value = self.evaluate(candidate.value, frame)
            if isinstance(value, Undefined):
                continue
            if isinstance(value, SetValue) and candidate.label is None:
                new = value.members
            else:
                label = candidate.label or self.label(candidate.value, value, frame)
                new = (Member(label, value),)
            for member in new:
                if member.label in first:
                    raise frame.error(
                        "ARCH214",
                        f"two candidates are called `{member.label}`",
                        candidate,
                        secondary=(Label(frame.location(first[member.label]), "first here"),),
                        help="give one of them a label of its own: {first: …, second: …}",
                    )
                first[member.label] = candidate
            members += new
            self.bounded(len(members), candidate, frame)
        return SetValue(tuple(members))

    def bounded(self, size: int, node: Any, frame: Frame) -> None:
        if size > SET_BUDGET:
            self.stop(frame.error("ARCH712", f"a set or range of more than {SET_BUDGET:,} members", node))

    def label(self, expr: Any, value: Any, frame: Frame) -> str:
        """The label of a candidate that has none: its own text, where that is short and plain."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float | str | Quantity):
            return str(value)
        match expr:
            case ast.Name():
                return expr.id
            case ast.Optional():
                return self.label(expr.base, value, frame)
            case ast.Attribute():
                return expr.name
            case ast.Index(base=ast.Name(id=base)):
                return f"{base}[{', '.join(self.plain(s, frame) for s in expr.subscripts)}]"
            case ast.Call(fn=ast.Name(id=base)) if not expr.args:
                parts = [base]
                for s in expr.settings:
                    parts.append(f"{s.path.id}{self.plain(s.value, frame)}")  # type: ignore[union-attr]
                return "_".join(parts)
        raise frame.error(
            "ARCH213",
            "this candidate needs a label",
            expr,
            help="write {name: …}: decisions are made by name",
        )

    def plain(self, expr: Any, frame: Frame) -> str:
        value = self.evaluate(expr, frame)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float | str | Quantity):
            return str(value).replace(" ", "")
        if isinstance(value, PrimitiveOp | Function):
            return value.name
        raise frame.error(
            "ARCH213",
            "this candidate needs a label",
            expr,
            help="write {name: …}: decisions are made by name",
        )

    def range_(self, expr: ast.Range, frame: Frame) -> Any:
        low, high = self.whole(expr.low, frame), self.whole(expr.high, frame)
        step = self.whole(expr.step, frame) if expr.step is not None else 1
        if step < 1:
            raise frame.error("ARCH208", f"a step of {step}", expr.step, help="steps are 1 or more")
        numbers = range(low, high + 1, step)
        self.bounded(len(numbers), expr, frame)
        return SetValue(tuple(Member(str(n), n) for n in numbers))

    def whole(self, expr: Any, frame: Frame) -> int:
        """A whole number that no decision changes."""
        value = self.evaluate(expr, frame)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, Expr | Choice | Either):
            raise frame.error(
                "ARCH217",
                "this number depends on decisions, and here one number must serve all networks",
                expr,
                help="unroll as far as the largest and pick the result: x[depth]",
            )
        raise frame.error("ARCH207", f"a whole number is needed here, this is {kind_of(value)}", expr)

    def unary(self, expr: ast.Unary, frame: Frame) -> Any:
        value = self.evaluate(expr.operand, frame)
        if isinstance(value, Undefined):
            return value
        if expr.op == "not":
            return apply("not", self.truth(value, expr.operand, frame))
        if isinstance(value, Quantity):
            return Quantity(-value.amount, value.dimension, f"-{value.text}")
        return apply("sub", 0, self.number(value, expr.operand, frame))

    def number(self, value: Any, node: Any, frame: Frame) -> Any:
        if isinstance(value, int | float | Expr) and not isinstance(value, bool):
            return value
        raise frame.error("ARCH207", f"a number is needed here, this is {kind_of(value)}", node)

    def truth(self, value: Any, node: Any, frame: Frame) -> Any:
        if isinstance(value, bool | Expr):
            return value
        raise frame.error(
            "ARCH207",
            f"a condition is needed here, this is {kind_of(value)}",
            node,
            help="compare it: a == b",
        )

    def binary(self, expr: ast.Binary, frame: Frame) -> Any:
        op = expr.op
        if op == "in":
            return self.member(expr, frame)
        left = self.evaluate(expr.left, frame)
        if op in ("and", "or"):
            left = self.truth(left, expr.left, frame)
            if isinstance(left, bool) and left is (op == "or"):
                return left
            return apply(op, left, self.truth(self.evaluate(expr.right, frame), expr.right, frame))
        right = self.evaluate(expr.right, frame)
        for value in (left, right):
            if isinstance(value, Undefined):
                return value
        if op == "+" and (isinstance(left, Tensor) or isinstance(right, Tensor)):
            return applying.add(self, expr, left, right, frame)
        if isinstance(left, Quantity) or isinstance(right, Quantity):
            return self.measured(expr, left, right, frame)
        if op in ("==", "!=") and all(isinstance(v, int | float | str | Expr) for v in (left, right)):
            return apply(_OPERATORS[op], left, right)
        return self.arithmetic(expr, left, right, frame)

    def arithmetic(self, expr: ast.Binary, left: Any, right: Any, frame: Frame) -> Any:
        left, right = self.number(left, expr.left, frame), self.number(right, expr.right, frame)
        if expr.op in (">", ">="):
            left, right = right, left
        try:
            value = apply(_OPERATORS[expr.op], left, right)
        except ZeroDivisionError:
            raise frame.error("ARCH211", "division by zero", expr) from None
        except TypeError:
            raise frame.error("ARCH207", f"`{expr.op}` between values of different kinds", expr) from None
        except OverflowError:
            raise frame.error("ARCH211", "this number is too large", expr) from None
        if isinstance(value, int | float) and abs(value) > 1e18:
            raise frame.error("ARCH211", "this number is too large", expr)
        return value

    def measured(self, expr: ast.Binary, left: Any, right: Any, frame: Frame) -> Any:
        """A quantity with its own kind, or with a number where it counts."""
        dims = [self.dimension(v) for v in (left, right)]
        countable = all(d in ("count", "number") for d in dims)
        if dims[0] != dims[1] and not countable and not (expr.op in "*/" and "number" in dims):
            what = [
                f"{v} measures {d}" if isinstance(v, Quantity) else f"a {d}"
                for v, d in zip((left, right), dims, strict=True)
            ]
            raise frame.error(
                "ARCH212",
                f"`{expr.op}` between different units",
                expr,
                f"{what[0]}, {what[1]}",
                help="times in ns us ms s min h, rates in fps, counts in K M G T, sizes in B … TiB",
            )
        amounts = [v.amount if isinstance(v, Quantity) else v for v in (left, right)]
        value = self.arithmetic(expr, amounts[0], amounts[1], frame)
        if expr.op in _COMPARISONS or isinstance(value, Expr) or countable:
            return value
        dimension = dims[1] if dims[0] == "number" else dims[0]
        return Quantity(value, dimension, f"{value} {dimension}")

    def dimension(self, value: Any) -> str:
        """What a value measures: count, time, rate, size, or a plain number."""
        if isinstance(value, Quantity):
            return value.dimension
        if isinstance(value, Measure):
            return MEASURES.get(value.name, "number")
        if isinstance(value, Apply):
            inner = {self.dimension(a) for a in value.args} - {"number"}
            return inner.pop() if len(inner) == 1 else "number"
        return "number"

    def member(self, expr: ast.Binary, frame: Frame) -> Any:
        left = self.evaluate(expr.left, frame)
        if isinstance(left, Undefined):
            return left
        if isinstance(expr.right, ast.Range) and expr.right.step is None:
            low = ast.Binary("<=", expr.right.low, expr.left, span=expr.span)
            high = ast.Binary("<=", expr.left, expr.right.high, span=expr.span)
            return apply("and", self.binary(low, frame), self.binary(high, frame))
        right = self.evaluate(expr.right, frame)
        if isinstance(right, SetValue):
            choices = [m.value for m in right.members]
        elif isinstance(right, ListValue):
            choices = list(right.items)
        else:
            raise frame.error("ARCH207", f"a set is needed after `in`, this is {kind_of(right)}", expr.right)
        result: Any = False
        for value in choices:
            if not isinstance(value, int | float | str | Expr):
                raise frame.error("ARCH207", "only numbers and strings can be looked for with `in`", expr)
            result = apply("or", result, apply("eq", left, value))
        return result

    def conditional(self, expr: ast.Conditional, frame: Frame) -> Any:
        condition = self.evaluate(expr.condition, frame)
        if isinstance(condition, Undefined):
            return condition
        condition = self.truth(condition, expr.condition, frame)
        if not isinstance(condition, Expr):
            return self.evaluate(expr.then if condition else expr.otherwise, frame)
        return choosing.conditional(self, expr, condition, frame)

    def attribute(self, expr: ast.Attribute, frame: Frame) -> Any:
        base = self.evaluate(expr.base, frame)
        if isinstance(base, Undefined):
            return base
        if isinstance(base, Tensor) and expr.name in AXES:
            return self.refine(self.builder.shapes[base.node][AXES.index(expr.name)])
        if isinstance(base, RecordValue) and expr.name in base.entries:
            return base.entries[expr.name]
        if isinstance(base, Choice | Either):
            return choosing.each(
                self, base, lambda value: self._attribute_of(value, expr, frame), expr, frame
            )
        return self._attribute_of(base, expr, frame)

    def _attribute_of(self, base: Any, expr: ast.Attribute, frame: Frame) -> Any:
        if isinstance(base, RecordValue) and expr.name in base.entries:
            return base.entries[expr.name]
        known = (
            list(base.entries)
            if isinstance(base, RecordValue)
            else list(AXES)
            if isinstance(base, Tensor)
            else []
        )
        raise frame.error(
            "ARCH221",
            f"{kind_of(base)} has no `{expr.name}`",
            expr,
            help=f"it has {', '.join(known)}" if known else None,
        )

    # ------------------------------------------------------------ indexing

    def index(self, expr: ast.Index, frame: Frame, marked: bool = False) -> Any:
        if isinstance(expr.base, ast.Name) and marked and expr.base.id not in frame.names:
            return Undefined(f"no entry of `{expr.base.id}` is defined")
        base = self.evaluate(expr.base, frame)
        if isinstance(base, Choice | Either):
            return choosing.each(self, base, lambda b: self._index(b, expr, frame, marked), expr, frame)
        return self._index(base, expr, frame, marked)

    def _index(self, base: Any, expr: ast.Index, frame: Frame, marked: bool) -> Any:
        if isinstance(base, Undefined):
            return base
        if not isinstance(base, Family | ListValue):
            raise frame.error("ARCH207", f"{kind_of(base)} has no entries", expr)
        subscripts: list[list[Any]] = []
        several = False
        for position, subscript in enumerate(expr.subscripts):
            if isinstance(subscript, ast.Every):
                several = True
                subscripts.append(self._every(base, position))
                continue
            value = self.evaluate(subscript, frame)
            if isinstance(value, Undefined):
                return value
            if isinstance(value, SetValue):
                several = True
                subscripts.append([m.value for m in value.members])
            elif isinstance(value, int | float | str | Expr):
                subscripts.append([value])
            else:
                raise frame.error("ARCH207", f"a subscript is a number, this is {kind_of(value)}", subscript)
        if not several:
            return self.entry(base, tuple(s[0] for s in subscripts), expr, frame, marked)
        return self._entries(base, subscripts, expr, frame, marked)

    @staticmethod
    def _every(base: Family | ListValue, position: int) -> list[Any]:
        if isinstance(base, ListValue):
            return list(range(1, len(base.items) + 1))
        return list(dict.fromkeys(key[position] for key in base.entries if position < len(key)))

    def _entries(
        self,
        base: Family | ListValue,
        subscripts: list[list[Any]],
        expr: ast.Index,
        frame: Frame,
        marked: bool,
    ) -> SetValue:
        name = base.name if isinstance(base, Family) else "item"
        members: list[Member] = []
        for key in product(*subscripts):
            self.bounded(len(members), expr, frame)
            value = self.entry(base, key, expr, frame, marked)
            if not isinstance(value, Undefined):
                members.append(Member(f"{name}[{', '.join(map(str, key))}]", value))
        return SetValue(tuple(members))

    def entry(
        self, base: Family | ListValue, key: tuple[Any, ...], expr: ast.Index, frame: Frame, marked: bool
    ) -> Any:
        for position, subscript in enumerate(key):
            if isinstance(subscript, Expr):
                return self._picked_entry(base, key, position, expr, frame, marked)
        if isinstance(base, ListValue):
            return self._item(base, key, expr, frame, marked)
        value = base.entries.get(key)
        if isinstance(value, Poison):
            raise Poisoned
        if value is None or isinstance(value, Undefined):
            text = f"{base.name}[{', '.join(map(str, key))}]"
            if marked:
                return Undefined(f"`{text}` is not defined")
            raise self._missing(base, text, expr, frame)
        return self.refine(value)

    def _missing(self, base: Family, text: str, expr: ast.Index, frame: Frame) -> SpecError:
        known = [f"{base.name}[{', '.join(map(str, k))}]" for k in list(base.entries)[:6]]
        more = ", …" if len(base.entries) > 6 else ""
        return frame.error(
            "ARCH202",
            f"`{text}` is not defined",
            expr,
            help=(f"defined are {', '.join(known)}{more}; " if known else "")
            + "mark it with `?` where it may be missing",
            witness=self.witness(),
        )

    def witness(self) -> tuple[tuple[str, str], ...]:
        """The decisions that must have come out in one way for evaluation to be here."""
        decisions = self.builder.decisions
        return tuple((d, decisions[d].outcomes[o[0]]) for d, o in self.allowed.items() if len(o) == 1)

    def _item(
        self, base: ListValue, key: tuple[Any, ...], expr: ast.Index, frame: Frame, marked: bool
    ) -> Any:
        (position,) = key if len(key) == 1 else (None,)
        if isinstance(position, int) and 1 <= position <= len(base.items):
            return self.refine(base.items[position - 1])
        if marked:
            return Undefined("no such item")
        raise frame.error(
            "ARCH222",
            f"the list has {len(base.items)} items and no item {', '.join(map(str, key))}",
            expr,
            help="lists count from 1",
            witness=self.witness(),
        )

    def _picked_entry(
        self,
        base: Family | ListValue,
        key: tuple[Any, ...],
        position: int,
        expr: ast.Index,
        frame: Frame,
        marked: bool,
    ) -> Any:
        """`x[depth]`: the entry that a decision picks."""
        subscript = key[position]

        def at(value: Any) -> Any:
            return self.entry(base, (*key[:position], value, *key[position + 1 :]), expr, frame, marked)

        if isinstance(subscript, Pick):
            return choosing.by_pick(self, subscript, at, expr, frame)
        return choosing.by_value(self, subscript, at, expr, frame)

    # ------------------------------------------------------------ application and choices

    def call(self, expr: ast.Call, frame: Frame) -> Any:
        return applying.call_expression(self, expr, frame)

    def chain(self, expr: ast.Chain, frame: Frame) -> Any:
        return applying.chain_expression(self, expr, frame)

    def one_of(self, expr: ast.OneOf, frame: Frame) -> Any:
        return choosing.decide(self, expr, 1, frame)

    def any_of(self, expr: ast.AnyOf, frame: Frame) -> Any:
        return choosing.decide(self, expr, expr.count, frame)

    def once(self, expr: ast.Once, frame: Frame) -> Any:
        return choosing.once(self, expr, frame)


_EVALUATE: dict[type, Callable[[Evaluator, Any, Frame], Any]] = {
    ast.Name: Evaluator.name,
    ast.Number: Evaluator.literal,
    ast.String: Evaluator.literal,
    ast.Bool: Evaluator.literal,
    ast.Quantity: Evaluator.quantity,
    ast.List: Evaluator.list_,
    ast.Set: Evaluator.set_,
    ast.Record: Evaluator.record,
    ast.Every: Evaluator.every,
    ast.Optional: Evaluator.optional,
    ast.Range: Evaluator.range_,
    ast.Unary: Evaluator.unary,
    ast.Binary: Evaluator.binary,
    ast.Conditional: Evaluator.conditional,
    ast.Attribute: Evaluator.attribute,
    ast.Index: Evaluator.index,
    ast.Call: Evaluator.call,
    ast.Chain: Evaluator.chain,
    ast.OneOf: Evaluator.one_of,
    ast.AnyOf: Evaluator.any_of,
    ast.Once: Evaluator.once,
}
