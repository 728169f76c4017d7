"""The state of an evaluation, which grows a graph: what is possible where it stands, and what it has spent.

A value is evaluated under the outcomes of decisions that are possible where it stands (`allowed`) and
under conditions over several decisions (`conditions`); a branch that cannot be taken is not evaluated.

What evaluates each kind of expression is handed in (`Language`): these parts are files of their own that
use the evaluator, as it uses them.  `archdsl.spec.evaluate.expressions` puts both together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from archdsl.diagnostics import Diagnostic, Location, SpecError
from archdsl.ir import Expr, Value
from archdsl.ir.resolve import specialize
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.deciding.searcher import Searcher
from archdsl.spec.evaluate.builder import Allowed, Builder
from archdsl.spec.evaluate.constants import Constants
from archdsl.spec.evaluate.control import Fatal
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.sites import Sites, sites
from archdsl.spec.evaluate.stamping import Key as StampKey
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
)

CALL_BUDGET = 150_000
WORK_BUDGET = 4_000_000
HEIGHT_BUDGET = 600
"""Python stops at a depth of 1000 calls."""


Specialized = dict[int, tuple[Expr, Value]]
"""By the id of a number that depends on decisions, that number, and what it is under some outcomes."""


@dataclass(frozen=True)
class Language:
    """What the language means: how each kind of expression is evaluated, by class of the AST node, and how
    a value is applied (as `archdsl.spec.evaluate.applying.call`)."""

    expressions: Mapping[type, Callable[[Evaluator, Any, Frame], SpecValue]]
    apply: Callable[
        [Evaluator, SpecValue, list[SpecValue], Mapping[str, SpecValue], Spanned, Frame, str, bool], SpecValue
    ]


@dataclass
class Evaluator:
    """Evaluates one space or network.  `given` are outcomes decided beforehand, by decision path."""

    language: Language
    builder: Builder
    given: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Shapes set from outside, by input."""
    allowed: Allowed = field(default_factory=dict)
    conditions: tuple[Value, ...] = ()
    taken: set[str] = field(default_factory=set)
    """The given outcomes that were asked for."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    fractional: dict[int, tuple[bool, SpecValue, Spanned, Frame]] = field(default_factory=dict)
    """Places of comparisons, and whether all were of whole numbers with others (`arithmetic.watch`)."""
    measuring: bool = False
    """Whether a requirement is being evaluated, where `params` and the like may be read."""
    shared: dict[str, ast.Once] = field(default_factory=dict)
    """The `once` expression that decides under each path."""
    active: list[ast.Op | ast.Cell] = field(default_factory=list)
    """The declared ops and cells being applied, outermost first."""
    defined_at: dict[tuple[int, Key], Location] = field(default_factory=dict)
    """Where each entry of an indexed name was defined."""
    stamps: dict[StampKey, Stamp] = field(default_factory=dict)
    calls: int = 0
    work: int = 0
    mistakes: int = 0
    height: int = 0
    """How deep the evaluation is, in frames of Python's stack, roughly; reset after an error."""
    constants: Constants = field(default_factory=Constants)
    _sites: dict[int, Sites] = field(default_factory=dict)
    _known: Specialized = field(default_factory=dict)
    _known_under: dict[tuple[tuple[str, tuple[int, ...]], ...], Specialized] = field(default_factory=dict)
    """What numbers are under the outcomes that are possible here, and under others."""
    outside: dict[tuple[int, str], Function | PrimitiveOp] = field(default_factory=dict)
    """Ops and cells by the id of the file that they are named in, and by that name."""

    def stop(self, error: SpecError) -> NoReturn:
        """Ends the evaluation: what follows would only take more time."""
        raise Fatal(error)

    def count_call(self, node: Spanned, frame: Frame) -> None:
        self.calls += 1
        if self.calls > CALL_BUDGET:
            self.stop(frame.error("ARCH711", f"more than {CALL_BUDGET:,} calls", node))

    def spend(self, amount: int, node: Spanned, frame: Frame) -> None:
        """Counts work that makes no nodes: members of sets, merged values, conditions, repeated mistakes."""
        self.work += amount
        if self.work + self.builder.work > WORK_BUDGET:
            self.stop(frame.error("ARCH711", "evaluating this takes too long", node))

    @cached_property
    def searcher(self) -> Searcher:
        """Decides conditions that must be known while evaluating."""
        return Searcher(self.builder.decisions, self.builder.definitions)

    # ------------------------------------------------------------ what is possible here

    def refine(self, value: SpecValue) -> SpecValue:
        """A value as it is under the outcomes possible here."""
        if not self.allowed or isinstance(value, (int, str, float)):
            return value
        if isinstance(value, Tensor):
            node = self.builder.case(value.node, self.allowed)
            if node is None:
                return Undefined("not defined under the decisions made here")
            return value if node == value.node else Tensor(node)
        if isinstance(value, Expr):
            return self._specialized(value)
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
        before, known = self.allowed, self._known
        self.allowed = {**before, decision: outcomes}
        self._known = self._known_under.setdefault(tuple(self.allowed.items()), {})
        try:
            yield
        finally:
            self.allowed, self._known = before, known

    def _specialized(self, value: Expr) -> Value:
        """A number as it is under the outcomes possible here; most are read again and again."""
        found = self._known.get(id(value))
        if found is None:
            found = self._known[id(value)] = (value, specialize(value, self.allowed))
        return found[1]

    @contextmanager
    def where(self, condition: Value) -> Iterator[None]:
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
