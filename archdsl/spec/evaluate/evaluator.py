"""The evaluator of a space or network: the state of an evaluation that builds a graph.

A value is evaluated under the outcomes of decisions that are possible at this point (`allowed`) and under
conditions over several decisions (`conditions`); unreachable branches are not evaluated.

The functions that evaluate each kind of expression use the evaluator in turn, so they are injected
(`Language`). `archdsl.spec.evaluate.expressions` assembles both.
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
    WITHOUT_OPS,
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
"""The maximum of `Evaluator.height`; Python's recursion limit is 1000."""


Specialized = dict[int, tuple[Expr, Value]]
"""A cache of values simplified for the possible outcomes, by the id of the value."""


@dataclass(frozen=True)
class Language:
    """The functions that evaluate expressions, by AST class, and the function that applies ops.

    The signature of `apply` is that of `archdsl.spec.evaluate.applying.call`.
    """

    expressions: Mapping[type, Callable[[Evaluator, Any, Frame], SpecValue]]
    apply: Callable[
        [Evaluator, SpecValue, list[SpecValue], Mapping[str, SpecValue], Spanned, Frame, str, bool], SpecValue
    ]


@dataclass
class Evaluator:
    """Evaluates one space or network. `given` are the outcomes of fixed decisions, by path."""

    language: Language
    builder: Builder
    given: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """The shapes of inputs that the caller overrides, by name."""
    allowed: Allowed = field(default_factory=dict)
    conditions: tuple[Value, ...] = ()
    taken: set[str] = field(default_factory=set)
    """The paths of the fixed decisions in `given` that were used."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    fractional: dict[int, tuple[bool, SpecValue, Spanned, Frame]] = field(default_factory=dict)
    """By id of the AST node, equalities, and whether all their evaluations compared integers with fractions.

    See `arithmetic.watch`.
    """
    unchanged: dict[int, tuple[bool, Spanned, Frame]] = field(default_factory=dict)
    """Differences of sets, and whether none of their evaluations removed a member (`sets.difference`)."""
    measuring: bool = False
    """Whether a requirement is being evaluated, which may refer to `params` and other measures of the
    network.
    """
    read: list[Value] | None = None
    """The conditions under which the tensors exist whose sizes were read; None outside of `reading`."""
    shared: dict[str, ast.Once] = field(default_factory=dict)
    """For each decision path prefix under `once`, the `once` expression that created it."""
    active: list[ast.Op | ast.Cell] = field(default_factory=list)
    """The declared ops and cells that are being evaluated, outermost first."""
    defined_at: dict[tuple[int, Key], Location] = field(default_factory=dict)
    """The location of the definition of each entry of an indexed name."""
    stamps: dict[tuple[object, ...], Stamp] = field(default_factory=dict)
    particular: int = 0
    """The number of results so far that depend on more than sizes and settings.

    These are results that depend on which networks reach a point, or on what computes a tensor.
    """
    selected: bool = False
    """Whether an op, set, list or record was selected by a value that may depend on fixed decisions.

    In the space it is a choice, with an outcome in the names below it; here no outcome is known.
    """
    in_range: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Values of settings of primitives that are in range, with the number of constraints that were checked on
    each.
    """
    calls: int = 0
    work: int = 0
    mistakes: int = 0
    height: int = 0
    """The approximate depth of Python's stack; reset after an error."""
    constants: Constants = field(default_factory=Constants)
    _sites: dict[int, Sites] = field(default_factory=dict)
    _known: Specialized = field(default_factory=dict)
    _known_under: dict[tuple[tuple[str, tuple[int, ...]], ...], Specialized] = field(default_factory=dict)
    """The caches of simplified values for each set of possible outcomes."""
    outside: dict[tuple[int, str], Function | PrimitiveOp] = field(default_factory=dict)
    """Ops and cells that names outside of the current body refer to, by id of the file and name."""

    def stop(self, error: SpecError) -> NoReturn:
        """Aborts the evaluation with an error."""
        raise Fatal(error)

    def count_call(self, node: Spanned, frame: Frame) -> None:
        self.calls += 1
        if self.calls > CALL_BUDGET:
            self.stop(frame.error("ARCH711", f"more than {CALL_BUDGET:,} calls", node))

    def spend(self, amount: int, node: Spanned, frame: Frame) -> None:
        """Charges work to the budget that adds no nodes: set members, merged values, conditions, repeated
        errors.
        """
        self.work += amount
        if self.work + self.builder.work > WORK_BUDGET:
            self.stop(frame.error("ARCH711", "evaluation takes too long", node))

    @cached_property
    def searcher(self) -> Searcher:
        """The decision procedure for conditions that come up during evaluation."""
        return Searcher(self.builder.decisions, self.builder.definitions)

    def note_selected(self, value: SpecValue) -> SpecValue:
        """Returns a value that a constant selected; see `selected`."""
        if self.builder.decided and not isinstance(value, WITHOUT_OPS):
            self.selected = True
        return value

    # ------------------------------------------------------------ possible outcomes

    def refine(self, value: SpecValue) -> SpecValue:
        """Simplifies a value for the outcomes of decisions that are possible at this point."""
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
        """A context manager in which a decision has one of these outcomes."""
        before, known = self.allowed, self._known
        self.allowed = {**before, decision: outcomes}
        self._known = self._known_under.setdefault(tuple(self.allowed.items()), {})
        try:
            yield
        finally:
            self.allowed, self._known = before, known

    def _specialized(self, value: Expr) -> Value:
        """A number simplified for the possible outcomes; cached."""
        found = self._known.get(id(value))
        if found is None:
            found = self._known[id(value)] = (value, specialize(value, self.allowed))
        return found[1]

    @contextmanager
    def where(self, condition: Value) -> Iterator[None]:
        """A context manager in which a condition over several decisions holds."""
        before = self.conditions
        if condition is not True:
            self.conditions = (*before, condition)
        self.builder.known = self.conditions
        try:
            yield
        finally:
            self.conditions = self.builder.known = before

    def reading(self) -> _Reading:
        """A context manager that yields a list, to which the conditions are added under which sizes read in
        it exist.
        """
        return _Reading(self)

    def note_size(self, node: str) -> None:
        """Records that a size of a tensor is read, which exists only in networks in which the tensor is
        defined.
        """
        here = specialize(self.builder.present.get(node, True), self.allowed)
        if self.read is not None and here is not True and here not in self.conditions:
            for condition in reversed(self.conditions):
                here = apply("if", condition, here, True)
            self.read.append(here)

    def outcomes(self, decision: str) -> tuple[int, ...]:
        """The indices of the outcomes of a decision that are possible at this point."""
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
    """The context manager of `Evaluator.reading`.

    It is a class, since a generator takes several times as long to enter, and every assignment and call
    enters it.
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
