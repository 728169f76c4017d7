"""The state of an evaluation that builds a graph.

A value is evaluated under the possible outcomes of decisions (`allowed`) and under conditions over several
decisions (`conditions`); unreachable branches are not evaluated.

The functions that evaluate each kind of expression are injected (`Language`), since they use the evaluator in
turn. `archdsl.spec.evaluate.expressions` assembles both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from archdsl.diagnostics import Diagnostic, Location, SpecError
from archdsl.ir import Expr, Value
from archdsl.ir.expr import apply
from archdsl.ir.resolve import specialize
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.deciding.searcher import Searcher
from archdsl.spec.evaluate.builder import Builder
from archdsl.spec.evaluate.calls import Allowed
from archdsl.spec.evaluate.constants import Constants
from archdsl.spec.evaluate.control import Fatal
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.quantities import with_dimension
from archdsl.spec.evaluate.sites import Sites, sites
from archdsl.spec.evaluate.stamping import Stamp
from archdsl.spec.evaluate.values import (
    Choice,
    Either,
    Function,
    Key,
    PrimitiveOp,
    SpecValue,
    Tensor,
    Undefined,
    Varying,
)

CALL_BUDGET = 150_000
WORK_BUDGET = 4_000_000
HEIGHT_BUDGET = 600
"""Python's recursion limit is 1000."""


Specialized = dict[int, tuple[Expr, Value]]
"""Cache of symbolic numbers specialized to outcomes, by id."""


@dataclass(frozen=True)
class Language:
    """The evaluation functions of the language by AST class, and the function that applies values.

    See `archdsl.spec.evaluate.applying.call`.
    """

    expressions: Mapping[type, Callable[[Evaluator, Any, Frame], SpecValue]]
    apply: Callable[
        [Evaluator, SpecValue, list[SpecValue], Mapping[str, SpecValue], Spanned, Frame, str, bool], SpecValue
    ]


@dataclass
class Evaluator:
    """Evaluates one space or network. `given` are fixed outcomes by decision path."""

    language: Language
    builder: Builder
    given: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Overridden shapes by input."""
    allowed: Allowed = field(default_factory=dict)
    conditions: tuple[Value, ...] = ()
    taken: set[str] = field(default_factory=set)
    """The fixed outcomes that were used."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    fractional: dict[int, tuple[bool, SpecValue, Spanned, Frame]] = field(default_factory=dict)
    """Locations of equalities, and whether all of them compared integers with fractions
    (`arithmetic.watch`).
    """
    unchanged: dict[int, tuple[bool, Spanned, Frame]] = field(default_factory=dict)
    """Differences of sets, and whether no evaluation removed anything (`sets.difference`)."""
    measuring: bool = False
    """Whether a requirement is being evaluated, which may read `params` and similar."""
    read: list[Value] | None = None
    """The conditions under which the sizes read exist, where these are listed (`reading`)."""
    shared: dict[str, ast.Once] = field(default_factory=dict)
    """The `once` expression that owns each path."""
    active: list[ast.Op | ast.Cell] = field(default_factory=list)
    """The call stack of declared ops and cells, outermost first."""
    defined_at: dict[tuple[int, Key], Location] = field(default_factory=dict)
    """Where each entry of an indexed name was defined."""
    stamps: dict[tuple[object, ...], Stamp] = field(default_factory=dict)
    particular: int = 0
    """Results so far that depend on more than sizes and settings: on the networks that reach a point, or on
    what computes a tensor.
    """
    in_range: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Values of settings of primitives that are in range, and the number of constraints on each."""
    calls: int = 0
    work: int = 0
    mistakes: int = 0
    height: int = 0
    """Approximate depth of Python's stack; reset after an error."""
    constants: Constants = field(default_factory=Constants)
    _sites: dict[int, Sites] = field(default_factory=dict)
    _known: Specialized = field(default_factory=dict)
    _known_under: dict[tuple[tuple[str, tuple[int, ...]], ...], Specialized] = field(default_factory=dict)
    """Caches of specialized numbers, under the current outcomes and others."""
    outside: dict[tuple[int, str], Function | PrimitiveOp] = field(default_factory=dict)
    """Ops and cells by file id and name."""

    def stop(self, error: SpecError) -> NoReturn:
        """Aborts the evaluation."""
        raise Fatal(error)

    def count_call(self, node: Spanned, frame: Frame) -> None:
        self.calls += 1
        if self.calls > CALL_BUDGET:
            self.stop(frame.error("ARCH711", f"more than {CALL_BUDGET:,} calls", node))

    def spend(self, amount: int, node: Spanned, frame: Frame) -> None:
        """Charges work that adds no nodes to the budget: set members, merged values, conditions, repeated
        errors.
        """
        self.work += amount
        if self.work + self.builder.work > WORK_BUDGET:
            self.stop(frame.error("ARCH711", "evaluation takes too long", node))

    @cached_property
    def searcher(self) -> Searcher:
        """The decision procedure for conditions during evaluation."""
        return Searcher(self.builder.decisions, self.builder.definitions)

    # ------------------------------------------------------------ possible outcomes

    def refine(self, value: SpecValue) -> SpecValue:
        """A value specialized to the possible outcomes."""
        if not self.allowed or isinstance(value, (int, str, float)):
            return value
        if isinstance(value, Tensor):
            node = self.builder.case(value.node, self.allowed)
            if node is None:
                return Undefined("not defined for the outcomes selected here")
            return value if node == value.node else Tensor(node)
        if isinstance(value, Expr):
            return self._specialized(value)
        if isinstance(value, Varying):
            return with_dimension(self._specialized(value.amount), value.dimension)
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
        """Context in which a decision has one of these outcomes."""
        before, known = self.allowed, self._known
        self.allowed = {**before, decision: outcomes}
        self._known = self._known_under.setdefault(tuple(self.allowed.items()), {})
        try:
            yield
        finally:
            self.allowed, self._known = before, known

    def _specialized(self, value: Expr) -> Value:
        """A number specialized to the possible outcomes, cached."""
        found = self._known.get(id(value))
        if found is None:
            found = self._known[id(value)] = (value, specialize(value, self.allowed))
        return found[1]

    @contextmanager
    def where(self, condition: Value) -> Iterator[None]:
        """Context in which a condition over several decisions holds."""
        before = self.conditions
        if condition is not True:
            self.conditions = (*before, condition)
        self.builder.known = self.conditions
        try:
            yield
        finally:
            self.conditions = self.builder.known = before

    def reading(self) -> _Reading:
        """Context that collects the conditions under which the sizes read in it are defined."""
        return _Reading(self)

    def note_size(self, node: str) -> None:
        """Records that a size of a tensor is read, which is defined only where the tensor is."""
        here = specialize(self.builder.present.get(node, True), self.allowed)
        if self.read is not None and here is not True and here not in self.conditions:
            for condition in reversed(self.conditions):
                here = apply("if", condition, here, True)
            self.read.append(here)

    def outcomes(self, decision: str) -> tuple[int, ...]:
        """The possible outcomes of a decision."""
        if decision in self.builder.decided:
            return (self.builder.decided[decision],)
        return self.allowed.get(decision) or tuple(range(self.builder.decisions[decision].size))

    def sites(self, value: ast.Expr) -> Sites:
        found = self._sites.get(id(value))
        if found is None:
            found = self._sites[id(value)] = sites(value)
        return found

    # ------------------------------------------------------------ expressions

    def evaluate(self, expr: ast.Expr, frame: Frame) -> SpecValue:
        if type(expr) is ast.Number:
            return expr.value
        self.height += 3
        if self.height > HEIGHT_BUDGET:
            self.stop(frame.error("ARCH711", "calls and expressions nested too deeply", expr))
        value = self.language.expressions[type(expr)](self, expr, frame)
        self.height -= 3
        return value


class _Reading:
    """The context of `Evaluator.reading`; a class, since a generator takes several times as long to enter,
    and every assignment and call does.
    """

    __slots__ = ("_before", "_ev")
    _before: list[Value] | None

    def __init__(self, ev: Evaluator):
        self._ev = ev

    def __enter__(self) -> list[Value]:
        self._before, self._ev.read = self._ev.read, []
        return self._ev.read

    def __exit__(self, *error: object) -> None:
        self._ev.read = self._before
