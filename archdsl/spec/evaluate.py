"""Evaluates expressions of a spec to values (`archdsl.spec.values`), growing the graph as it goes.

A value is evaluated under the outcomes of decisions that are possible where it stands (`allowed`) and
under conditions over several decisions (`conditions`); a branch that cannot be taken is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.ir import Expr, Measure
from archdsl.ir.expr import AXES, TooLargeError
from archdsl.ir.resolve import specialize
from archdsl.lang import ast
from archdsl.lang.habits import attribute_form
from archdsl.lang.loader import Unit
from archdsl.spec import applying, arithmetic, builtins, choosing, indexing, sets, stamping, statements
from archdsl.spec.builder import Allowed, Builder
from archdsl.spec.constants import Constants, Failed
from archdsl.spec.control import Fatal, Poisoned
from archdsl.spec.deciding import Searcher
from archdsl.spec.frame import Frame
from archdsl.spec.kinds import truth
from archdsl.spec.sites import Sites, sites
from archdsl.spec.units import MEASURES, UNITS, quantity
from archdsl.spec.values import (
    Builtin,
    Choice,
    Either,
    Function,
    ListValue,
    Poison,
    PrimitiveOp,
    RecordValue,
    Tensor,
    Undefined,
    kind_of,
)

CALL_BUDGET = 150_000
WORK_BUDGET = 4_000_000
HEIGHT_BUDGET = 600
"""Python stops at a depth of 1000 calls."""


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
    fractional: dict[int, tuple[bool, Any, Any, Frame]] = field(default_factory=dict)
    """Places of comparisons, and whether all were of whole numbers with others (`arithmetic.watch`)."""
    measuring: bool = False
    """Whether a requirement is being evaluated, where `params` and the like may be read."""
    shared: dict[str, Any] = field(default_factory=dict)
    """The `once` expression that decides under each path."""
    active: list[Any] = field(default_factory=list)
    """The declared ops and cells being applied, outermost first."""
    defined_at: dict[Any, Location] = field(default_factory=dict)
    """Where each entry of an indexed name was defined."""
    stamps: dict[stamping.Key, stamping.Stamp] = field(default_factory=dict)
    calls: int = 0
    work: int = 0
    mistakes: int = 0
    height: int = 0
    """How deep the evaluation is, in frames of Python's stack, roughly; reset after an error."""
    constants: Constants = field(default_factory=Constants)
    _sites: dict[int, Sites] = field(default_factory=dict)
    _outside: dict[tuple[int, str], Function | PrimitiveOp] = field(default_factory=dict)
    """Ops and cells by the id of the file that they are named in, and by that name."""

    # ------------------------------------------------------------ names

    def lookup(self, name: str, frame: Frame, node: Any) -> Any:
        if name in frame.names:
            value = frame.names[name]
            if isinstance(value, Poison):
                raise Poisoned
            return self.refine(value) if self.allowed else value
        return self.lookup_outside(name, frame, node)

    def lookup_outside(self, name: str, frame: Frame, node: Any) -> Any:
        """A declaration or constant of the file, an import, a primitive or a builtin."""
        key = (id(frame.unit), name)
        value = self._outside.get(key)
        if value is None:
            value = self._found_outside(name, frame, node)
            if isinstance(value, (Function, PrimitiveOp)):
                self._outside[key] = value
        return value

    def _found_outside(self, name: str, frame: Frame, node: Any) -> Any:
        unit, found = frame.unit.find(name)
        if isinstance(found, (ast.Op, ast.Cell)):
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

    def knows(self, name: str, frame: Frame) -> bool:
        """Whether a name means anything here."""
        unit = frame.unit
        return (
            name in frame.names
            or name in unit.declared
            or name in unit.imported
            or name in ops.primitives()
            or name in builtins.BUILTINS
        )

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
        """The value of a constant; those above it come first, so that a long chain of them is not deep."""
        kept = self.constants
        if (id(unit), declared.name.id) not in kept.values and not kept.chain:
            for above in kept.until(declared, unit):
                with suppress(SpecError, Poisoned):
                    self._constant(above, unit)
        return self._constant(declared, unit)

    def _constant(self, declared: ast.Constant, unit: Unit) -> Any:
        key, kept = (id(unit), declared.name.id), self.constants
        if key not in kept.values:
            frame = Frame(unit)
            if key in kept.chain:
                raise frame.error("ARCH210", f"`{declared.name.id}` is defined by itself", declared.name)
            kept.chain.add(key)
            height, self.height = self.height, self.height + 3
            try:
                kept.values[key] = self.evaluate(declared.value, frame)
            except SpecError as error:
                kept.values[key] = Failed(error.diagnostics)
            except Fatal as fatal:
                kept.values[key] = Failed(fatal.error.diagnostics)
            except TooLargeError as error:
                kept.values[key] = Failed(frame.error("ARCH211", str(error), declared.value).diagnostics)
            finally:
                self.height = height
                kept.chain.remove(key)
        value = kept.values[key]
        if isinstance(value, Failed):
            raise SpecError(value.diagnostics)
        return value

    def stop(self, error: SpecError) -> NoReturn:
        """Ends the evaluation: what follows would only take more time."""
        raise Fatal(error)

    def count_call(self, node: Any, frame: Frame) -> None:
        self.calls += 1
        if self.calls > CALL_BUDGET:
            self.stop(frame.error("ARCH711", f"more than {CALL_BUDGET:,} calls", node))

    def spend(self, amount: int, node: Any, frame: Frame) -> None:
        """Counts work that makes no nodes: members of sets, merged values, conditions, repeated mistakes."""
        self.work += amount
        if self.work + self.builder.work > WORK_BUDGET:
            self.stop(frame.error("ARCH711", "evaluating this takes too long", node))

    @cached_property
    def searcher(self) -> Searcher:
        """Decides conditions that must be known while evaluating."""
        return Searcher(self.builder.decisions, self.builder.definitions)

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
        if not self.allowed or isinstance(value, (int, str, float)):
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
                return self.refine(value.values[outcomes[0]] or Undefined("not possible here"))
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
        if type(expr) is ast.Number:
            return expr.value
        self.height += 3
        if self.height > HEIGHT_BUDGET:
            self.stop(frame.error("ARCH711", "calls and expressions nested too deeply", expr))
        value = _EVALUATE[type(expr)](self, expr, frame)
        self.height -= 3
        return value

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
            return indexing.index(self, expr.base, frame, marked=True)
        if isinstance(expr.base, ast.Name) and not self.knows(expr.base.id, frame):
            return Undefined(f"`{expr.base.id}` is not defined")
        return self.evaluate(expr.base, frame)

    def conditional(self, expr: ast.Conditional, frame: Frame) -> Any:
        condition = self.evaluate(expr.condition, frame)
        if isinstance(condition, Undefined):
            return condition
        condition = truth(condition, expr.condition, frame)
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
        if isinstance(base, (Choice, Either)):
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
            help=_attribute_help(base, expr.name, known),
        )

    # ------------------------------------------------------------ application and choices

    def one_of(self, expr: ast.OneOf, frame: Frame) -> Any:
        return choosing.decide(self, expr, 1, frame)

    def any_of(self, expr: ast.AnyOf, frame: Frame) -> Any:
        return choosing.decide(self, expr, expr.count, frame)

    def once(self, expr: ast.Once, frame: Frame) -> Any:
        return choosing.once(self, expr, frame)


def _attribute_help(base: Any, name: str, known: list[str]) -> str | None:
    there = f"it has {', '.join(known)}" if known else None
    if not isinstance(base, Tensor):
        return there
    if name in ops.primitives():
        return f"an op is applied by `->`: x -> {name}"
    form = attribute_form(name)
    return f"{form}; {there}" if form else there


_EVALUATE: dict[type, Callable[[Evaluator, Any, Frame], Any]] = {
    ast.Name: Evaluator.name,
    ast.Number: Evaluator.literal,
    ast.String: Evaluator.literal,
    ast.Bool: Evaluator.literal,
    ast.Quantity: Evaluator.quantity,
    ast.List: Evaluator.list_,
    ast.Set: sets.set_,
    ast.Record: Evaluator.record,
    ast.Every: Evaluator.every,
    ast.Optional: Evaluator.optional,
    ast.Range: sets.range_,
    ast.Unary: arithmetic.unary,
    ast.Binary: arithmetic.binary,
    ast.Conditional: Evaluator.conditional,
    ast.Attribute: Evaluator.attribute,
    ast.Index: indexing.index,
    ast.Call: applying.call_expression,
    ast.Chain: applying.chain_expression,
    ast.OneOf: Evaluator.one_of,
    ast.AnyOf: Evaluator.any_of,
    ast.Once: Evaluator.once,
}
