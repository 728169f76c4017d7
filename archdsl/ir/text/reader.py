"""Parses the text form of a graph: one statement per line, by recursive descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar, Union

from archdsl.diagnostics import Diagnostic, Source, SpecError
from archdsl.ir.expr import Scalar, Value
from archdsl.ir.graph import Decision, Graph, Instance, Mux, Node, Requirement
from archdsl.ir.text.tokens import MAX_CHARS, NODE_WORDS, has_named_outcomes
from archdsl.ir.text.value_reader import Place, ValueReader

T = TypeVar("T")


def parse(text: str, *, name: str = "<graph>") -> Graph:
    """Parses a text written by `archdsl.ir.text.dump` to a graph; `name` is its name in messages.

    The invariants of the graph are not checked; call `verify` for that. Raises SpecError: ARCH850 for
    malformed text, ARCH851 for text that is too long or nested too deeply.
    """
    if len(text) > MAX_CHARS:
        raise SpecError(
            [Diagnostic("ARCH851", f"the text of a graph is longer than {MAX_CHARS:,} characters")]
        )
    return _GraphReader(Source(name, text)).graph()


@dataclass(frozen=True)
class _Outcome:
    """An outcome in the text: its name, or its index, written after `!`."""

    name: str | None
    number: Scalar
    place: Place


class _GraphReader(ValueReader):
    def __init__(self, source: Source) -> None:
        self.inputs: dict[str, tuple[int, int, int]] = {}
        self.decisions: dict[str, Decision] = {}
        self.under: dict[str, tuple[str, _Outcome]] = {}
        self.chosen: dict[str, str] = {}
        self.instances: dict[str, Instance] = {}
        self.nodes: dict[str, Union[Node, Mux]] = {}
        self.requirements: list[Requirement] = []
        self.outputs: dict[str, str] = {}
        self.train_only: set[str] = set()
        self.statements: dict[str, Callable[[], None]] = {
            "input": self._input,
            "decision": self._decision,
            "chosen": self._chosen,
            "op": self._instance,
            "cell": self._instance,
            "%": self._node,
            "require": self._require,
            "output": self._output,
        }
        super().__init__(source)

    def graph(self) -> Graph:
        start, kind = self.place, self.text
        if kind not in ("space", "network"):
            self.fail_expecting("`space` or `network`")
        self.advance()
        name = self.name()
        origin = self.name() if self.accept("from") else None
        settings = self.settings(")") if self.accept("(") else {}
        self.expect("{")
        while not self.accept("}"):
            self._statement()
        if self.kind != "end":
            self.fail_expecting("the end of the text")
        self._hang_decisions()
        if (kind == "space") != bool(self.decisions):
            self.fail("a network must not have decisions, and a space must", at=start)
        return Graph(
            name, self.inputs, self.nodes, self.outputs, self.decisions, self.instances,
            tuple(self.requirements), settings, origin, self.chosen, frozenset(self.train_only),
        )  # fmt: skip

    def _statement(self) -> None:
        read = self.statements.get(self.text)
        if read is None:
            self.fail_expecting("`}` or a statement")
        read()

    def _add(self, table: dict[str, T], name: str, value: T, start: Place) -> None:
        if name in table:
            self.fail(f"duplicate definition of `{name}`", at=(start[0], self.place[0]))
        table[name] = value

    def _input(self) -> None:
        start = self.place
        self.advance()
        name = self.name()
        self.expect("[")
        shape = self.listed(self.whole_number, "]")
        if len(shape) != 3:
            self.fail("an input must have three sizes: channels, height, width", at=(start[0], self.place[0]))
        self._add(self.inputs, name, (shape[0], shape[1], shape[2]), start)

    def _decision(self) -> None:
        start = self.place
        self.advance()
        path = self.name()
        self.expect("=")
        count = 1
        if not self.at("{"):
            count = self.whole_number()
            self.expect("of")
        self.expect("{")
        candidates = tuple(self.listed(self.name, "}"))
        self._add(self.decisions, path, Decision(path, candidates, count), start)
        if self.accept("under"):
            parent = self.name()
            self.expect("=")
            self.under[path] = (parent, self._outcome())

    def _hang_decisions(self) -> None:
        """Sets `under` of all decisions at the end, since `under` may name a decision on a later line."""
        for path, (parent, outcome) in self.under.items():
            number = self._outcome_key(parent, outcome)
            self.decisions[path] = replace(self.decisions[path], under=(parent, number))  # type: ignore[arg-type]

    def _outcome(self) -> _Outcome:
        place = self.place
        if not self.accept("!"):
            return _Outcome(self.name(), 0, place)
        return _Outcome(None, self._key(), place)

    def _outcome_key(self, path: str, outcome: _Outcome) -> Scalar:
        if outcome.name is None:
            return outcome.number
        decision = self.decisions.get(path)
        if decision is None:
            self.fail(f"no decision `{path}` is declared above", at=outcome.place)
        if not has_named_outcomes(decision):
            self.fail(
                f"`{path}` has too many outcomes to use names", at=outcome.place, help="use an index: !0"
            )
        key = decision.index.get(outcome.name)
        if key is None:
            self.fail(f"`{path}` has no outcome `{outcome.name}`", at=outcome.place)
        return key

    def _chosen(self) -> None:
        start = self.place
        self.advance()
        path = self.name()
        self.expect("=")
        self._add(self.chosen, path, self.name(), start)

    def _instance(self) -> None:
        start = self.place
        kind = self.advance()
        path = self.name()
        self.expect("=")
        instance = Instance(path, "op" if kind == "op" else "cell", self.name())
        self._add(self.instances, path, instance, start)

    def _require(self) -> None:
        self.advance()
        condition = self.expression()
        self.expect("as")
        self.requirements.append(Requirement(condition, self.string()))

    def _output(self) -> None:
        start = self.place
        self.advance()
        name = self.name()
        if self.accept("train"):
            self.train_only.add(name)
        self.expect("=")
        self._add(self.outputs, name, self.node_name(), start)

    def _node(self) -> None:
        start = self.place
        name = self.node_name()
        self.expect("=")
        if self.text in NODE_WORDS:
            item: Union[Node, Mux] = self._mux(name)
        else:
            item = self._primitive(name)
        self._add(self.nodes, name, item, start)

    def _mux(self, name: str) -> Mux:
        by_decision = self.advance() == "mux"
        self.expect("(")
        path = self.name() if by_decision else None
        on: Union[str, Value] = self.expression() if path is None else path
        self.expect(";")
        return Mux(name, on, tuple(self.listed(lambda: self._case(path), ")")))

    def _case(self, decision: str | None) -> tuple[Scalar, str | None]:
        key = self._key() if decision is None else self._outcome_key(decision, self._outcome())
        self.expect(":")
        return key, None if self.accept("none") else self.node_name()

    def _key(self) -> Scalar:
        place, value = self.place, self.value()
        if not isinstance(value, (int, float, str)):
            self.fail("expected a number, a string, `true` or `false`", at=place)
        return value

    def _primitive(self, name: str) -> Node:
        op = self.name()
        self.expect("(")
        inputs: list[str] = []
        optional: set[int] = set()
        while self.at("%"):
            inputs.append(self.node_name())
            if self.accept("?"):
                optional.add(len(inputs) - 1)
            if not self.accept(","):
                break
        attrs = {} if self.accept(")") else self._attrs()
        instance = self.name() if self.accept("@") else None
        cell = self.name() if self.accept("in") else None
        weights = self.name() if self.accept("weights") else name
        return Node(name, op, tuple(inputs), attrs, weights, frozenset(optional), instance, cell)

    def _attrs(self) -> dict[str, Value]:
        self.expect(";")
        return self.settings(")")
