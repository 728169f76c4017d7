"""Writes a graph as text; `archdsl.ir.text.parse` is the inverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.expr import AXES, Apply, Dim, Measure, Pick, Scalar
from archdsl.ir.graph import Decision, Graph, Mux, Node, Shape
from archdsl.ir.text.tokens import (
    INFIX,
    MAX_CHARS,
    MAX_DEPTH,
    MAX_TERMS,
    NODE_WORDS,
    has_named_outcomes,
    name_text,
    quoted,
)


def dump(graph: Graph, *, shapes: Mapping[str, Shape] | None = None) -> str:
    """The text form of a graph.

    `shapes` (C, H, W of each node) are added as comments. Raises SpecError (ARCH851) if a value is nested too
    deeply, or the text is too long, for `parse` to accept.
    """
    return _Writer(graph).text(shapes or {})


def value_text(value: object) -> str:
    """The text of one value: a constant, a tuple of values, or an expression."""
    return _Values().text(value, 0)


class _Values:
    """Writes values; the text of a shared subexpression is computed once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, str]] = {}  # by identity: the graph keeps the values alive

    def text(self, value: object, depth: int) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return repr(value)
        if isinstance(value, str):
            return quoted(value)
        if value is None:
            return "none"
        known = self._known.get(id(value))
        if known is None or known[0] < depth:  # deeper down it might pass the limit
            known = self._known[id(value)] = (depth, self._compound(value, depth))
        return known[1]

    def _compound(self, value: object, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise _too_large(f"a value is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, tuple):
            return f"[{self._listed(value, depth)}]"
        if isinstance(value, Pick):
            return f"pick({name_text(value.decision)}; {self._listed(value.values, depth)})"
        if isinstance(value, Dim):
            return f"{AXES[value.axis]}(%{name_text(value.node)})"
        if isinstance(value, Measure):
            options = ", ".join(f"{name_text(k)} = {self.text(v, depth + 1)}" for k, v in value.options)
            return f"measure({name_text(value.name)}{'; ' if options else ''}{options})"
        if isinstance(value, Apply):
            return self._apply(value, depth)
        raise TypeError(f"{value!r} is not a value of the IR")

    def _listed(self, values: tuple[object, ...], depth: int) -> str:
        return self._bounded(", ".join([self.text(v, depth + 1) for v in values]))

    def _apply(self, value: Apply, depth: int) -> str:
        sign = INFIX.get(value.fn)
        if sign is None or len(value.args) != 2:
            return f"{value.fn}({self._listed(value.args, depth)})"
        left, right = value.args
        terms = [right]
        while isinstance(left, Apply) and left.fn == value.fn and len(left.args) == 2:
            left, right = left.args
            terms.append(right)
            if len(terms) >= MAX_TERMS:
                raise _too_large(f"a value has a chain of more than {MAX_TERMS} terms")
        terms.append(left)
        return self._bounded(f" {sign} ".join([self._term(t, depth + 1) for t in reversed(terms)]))

    def _term(self, value: object, depth: int) -> str:
        text = self.text(value, depth)
        infix = isinstance(value, Apply) and value.fn in INFIX and len(value.args) == 2
        return f"({text})" if infix else text

    @staticmethod
    def _bounded(text: str) -> str:
        """Returns `text`. Raises SpecError if it is too long: shared parts can make it exponentially long."""
        if len(text) > MAX_CHARS:
            raise _too_large(f"a value exceeds {MAX_CHARS:,} characters")
        return text


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = _Values()

    def text(self, shapes: Mapping[str, Shape]) -> str:
        lines = [self._header()]
        size = 0
        for line in self._body(shapes):
            size += len(line) + 3
            if size > MAX_CHARS:
                raise _too_large(f"its text exceeds {MAX_CHARS:,} characters")
            lines.append(f"  {line}")
        return "\n".join([*lines, "}", ""])

    def _header(self) -> str:
        graph = self.graph
        kind = "space" if graph.decisions else "network"
        origin = "" if graph.origin is None else f" from {name_text(graph.origin)}"
        settings = f" ({self._named(graph.settings)})" if graph.settings else ""
        return f"{kind} {name_text(graph.name)}{origin}{settings} {{"

    def _body(self, shapes: Mapping[str, Shape]) -> Iterator[str]:
        graph = self.graph
        for name, sizes in graph.inputs.items():
            yield f"input {name_text(name)} {self.values.text(sizes, 0)}"
        for decision in graph.decisions.values():
            yield self._decision(decision)
        for path, outcome in graph.chosen.items():
            yield f"chosen {name_text(path)} = {name_text(outcome)}"
        for instance in graph.instances.values():
            yield f"{instance.kind} {name_text(instance.path)} = {name_text(instance.declared)}"
        for name, item in graph.nodes.items():
            shape = shapes.get(name)
            comment = "" if shape is None else f"  # {self.values.text(shape, 0)}"
            yield self._node(item) + comment
        for requirement in graph.requirements:
            yield f"require {self.values.text(requirement.condition, 0)} as {quoted(requirement.text)}"
        for name, source in graph.outputs.items():
            mark = " train" if name in graph.train_only else ""
            yield f"output {name_text(name)}{mark} = %{name_text(source)}"

    def _decision(self, decision: Decision) -> str:
        count = "" if decision.count == 1 else f"{decision.count} of "
        candidates = ", ".join(map(name_text, decision.candidates))
        under = ""
        if decision.under is not None:
            path, outcome = decision.under
            under = f" under {name_text(path)} = {self._outcome(path, outcome)}"
        return f"decision {name_text(decision.path)} = {count}{{{candidates}}}{under}"

    def _outcome(self, path: str, key: Scalar) -> str:
        """An outcome of a decision by name if the name is unambiguous, else by index."""
        decision = self.graph.decisions.get(path)
        if decision is not None and type(key) is int and has_named_outcomes(decision):
            outcomes = decision.outcomes
            if 0 <= key < len(outcomes) and decision.index[outcomes[key]] == key:
                return name_text(outcomes[key])
        return f"!{self.values.text(key, 0)}"

    def _node(self, item: Union[Node, Mux]) -> str:
        if isinstance(item, Mux):
            return f"%{name_text(item.name)} = {self._mux(item)}"
        inputs = [
            f"%{name_text(i)}?" if p in item.optional else f"%{name_text(i)}"
            for p, i in enumerate(item.inputs)
        ]
        attrs = f"; {self._named(item.attrs)}" if item.attrs else ""
        op = quoted(item.op) if item.op in NODE_WORDS else name_text(item.op)
        line = f"%{name_text(item.name)} = {op}({', '.join(inputs)}{attrs})"
        if item.instance is not None:
            line += f" @{name_text(item.instance)}"
        if item.cell is not None:
            line += f" in {name_text(item.cell)}"
        if item.weights != item.name:
            line += f" weights {name_text(item.weights)}"
        return line

    def _mux(self, mux: Mux) -> str:
        if isinstance(mux.on, str):
            path = mux.on
            cases = [f"{self._outcome(path, k)}: {_source(i)}" for k, i in mux.cases]
            return f"mux({name_text(path)}; {', '.join(cases)})"
        cases = [f"{self.values.text(k, 0)}: {_source(i)}" for k, i in mux.cases]
        return f"switch({self.values.text(mux.on, 0)}; {', '.join(cases)})"

    def _named(self, values: Mapping[str, object]) -> str:
        text = self.values.text
        return ", ".join([f"{name_text(k)} = {text(v, 0)}" for k, v in values.items()])


def _source(name: str | None) -> str:
    return "none" if name is None else f"%{name_text(name)}"


def _too_large(what: str) -> SpecError:
    return SpecError([Diagnostic("ARCH851", f"the graph is too large to write: {what}")])
