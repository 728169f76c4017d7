"""The forward of a supernet as text: every candidate, weighed, or one network's alone.

Both are straight-line code over the same modules.  What is saved against a sum of candidates written down
as it is meant, with results that stay the same:

* an activation or a pooling that several candidates apply to one tensor runs once (simplification merged
  their nodes, also across muxes);
* a candidate of zeros is not computed, and not added;
* where a candidate can apply its weight itself (batch normalisation: to its scale and shift), no product
  over the whole tensor is taken;
* sums are accumulated in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archdsl import ops
from archdsl.backends.naming import NAMES_IN_SCOPE, identifier, unique
from archdsl.backends.supernet.parts import Mixed, Parts
from archdsl.ir import Node

SCOPE = NAMES_IN_SCOPE | {"m", "layers"}
"""Names that no variable may have: `m` holds the weights of each mixture."""


@dataclass(frozen=True)
class Term:
    """A candidate that is read, and its place in its mixture."""

    source: str
    place: int


def forward_text(parts: Parts, outcomes: Mapping[str, int] | None = None, weighted: bool = True) -> str:
    """The text of `forward(self, inputs…, m)`, which returns a tuple of the graph's outputs.

    With `outcomes` only what that network needs is computed; then `weighted=False` leaves out the weights
    of the candidates, which are 1 there and only carry gradients.
    """
    return _Writer(parts, outcomes, weighted).run()


@dataclass
class _Writer:
    parts: Parts
    outcomes: Mapping[str, int] | None
    weighted: bool
    lines: list[str] = field(default_factory=list)

    def run(self) -> str:
        self.alias: dict[str, str] = {}
        self.terms = {n: self._terms(i) for n, i in self.parts.items.items() if isinstance(i, Mixed)}
        self.zeros = self._find_zeros()
        results = [self._source(node) for node in self.parts.graph.outputs.values()]
        self.readers = self._find_readers(results)
        place = {name: n for n, name in enumerate(self.parts.items)} | {"": len(self.parts.items)}
        self.last = {name: max(found, key=place.__getitem__) for name, found in self.readers.items()}
        taken = set(SCOPE)
        self.variables = {name: unique(identifier(name), taken) for name in self.parts.graph.inputs}
        inputs = tuple(self.variables.values())
        self.taken = taken
        for name, item in self.parts.items.items():
            if name in self.readers and name not in self.folded:
                self._mixed(item) if isinstance(item, Mixed) else self._node(item)
        returned = ", ".join(self.variables[name] for name in results)
        head = f"def forward({', '.join(('self', *inputs, 'm'))}):"
        return "\n    ".join([head, *self.lines, f"return ({returned},)\n"])

    # ------------------------------------------------------------ what is read

    def _terms(self, mixed: Mixed) -> tuple[Term, ...]:
        """The candidates that count; of zeros one is kept where there is nothing else."""
        if self.outcomes is not None:
            picked = self.parts.mixtures[mixed.mixture].pick(self.outcomes)
            return (Term(mixed.sources[max(picked, 0)], max(picked, 0)),)
        terms = tuple(Term(source, place) for place, source in enumerate(mixed.sources))
        return tuple(t for t in terms if not self._makes_zero(t.source)) or terms[:1]

    def _makes_zero(self, name: str) -> bool:
        item = self.parts.items.get(name)
        return isinstance(item, Node) and ops.get(item.op).makes_zero

    def _find_zeros(self) -> set[str]:
        """Tensors that are zeros, which sums need not read."""
        zeros: set[str] = set()
        for name, item in self.parts.items.items():
            if isinstance(item, Mixed):
                found = all(t.source in zeros for t in self.terms[name])
            else:
                primitive = ops.get(item.op)
                tensors = item.inputs[: primitive.tensors(len(item.inputs))]
                found = primitive.makes_zero or (
                    zeros.issuperset(tensors) and primitive.keeps_zero(item.attrs)
                )
            if found:
                zeros.add(name)
        return zeros

    def _reads(self, node: Node) -> tuple[str, ...]:
        """The inputs that a node reads; a sum reads no zeros."""
        if ops.get(node.op).zero_is_neutral and not self.zeros.isdisjoint(node.inputs):
            return tuple(i for i in node.inputs if i not in self.zeros) or node.inputs[:1]
        return node.inputs

    def _same_as(self, name: str) -> str | None:
        """The tensor that a node or mux only passes on; None where it computes something."""
        item = self.parts.items.get(name)
        if isinstance(item, Mixed):
            plain = self.outcomes is not None and not self.weighted
            return self.terms[name][0].source if plain or name in self.zeros else None
        if item is None:
            return None
        reads = self._reads(item)
        shapes = self.parts.shapes
        primitive = ops.get(item.op)
        same = primitive.is_identity([shapes[i] for i in reads], shapes[name], item.attrs)
        return reads[0] if same else None

    def _source(self, name: str) -> str:
        """The tensor that is read under a name."""
        seen = [name]
        while name not in self.alias and (same := self._same_as(name)) is not None:
            seen.append(name := same)
        name = self.alias.get(name, name)
        self.alias.update(dict.fromkeys(seen, name))
        return name

    def _find_readers(self, results: Sequence[str]) -> dict[str, list[str]]:
        """Who reads each tensor that is needed, in the order of computation."""
        self.folded: set[str] = set()
        readers: dict[str, list[str]] = {name: [""] for name in results}
        for name, item in reversed(list(self.parts.items.items())):
            if name not in readers:
                continue
            for source in self._needs(item):
                readers.setdefault(source, []).insert(0, name)
        for name, item in self.parts.items.items():
            if name in readers and isinstance(item, Mixed):
                self._fold(item, readers)
        return readers

    def _needs(self, item: Node | Mixed) -> list[str]:
        reads = [t.source for t in self.terms[item.name]] if isinstance(item, Mixed) else self._reads(item)
        return [self._source(name) for name in reads]

    def _fold(self, mixed: Mixed, readers: dict[str, list[str]]) -> None:
        """Candidates that only this mux reads apply their weight themselves, where they can."""
        for term in self.terms[mixed.name]:
            source = self._source(term.source)
            node = self.parts.items.get(source)
            if not isinstance(node, Node) or readers[source] != [mixed.name]:
                continue
            if self._weighed(node, ["x"] * len(node.inputs), "w") is None:
                continue
            self.folded.add(source)
            for name in map(self._source, self._reads(node)):
                readers[name][readers[name].index(source)] = mixed.name

    def _weighed(self, node: Node, names: Sequence[str], weight: str) -> str | None:
        shapes, attribute = self.parts.shapes, self.parts.attribute(node)
        layer = attribute and f"self.{attribute}"
        xs = [shapes[i] for i in node.inputs]
        return ops.get(node.op).weighted_expression(names, layer, weight, xs, shapes[node.name], node.attrs)

    # ------------------------------------------------------------ statements

    def _node(self, node: Node) -> None:
        reads = self._reads(node)
        primitive = ops.get(node.op)
        names = [self.variables[self._source(i)] for i in reads]
        count = primitive.tensors(len(reads))
        names[count:] = [f"{name}.shape[-2:]" for name in names[count:]]
        shapes, attribute = self.parts.shapes, self.parts.attribute(node)
        layer = attribute and f"self.{attribute}"
        xs = [shapes[i] for i in reads]
        self._assign(node.name, [primitive.expression(names, layer, xs, shapes[node.name], node.attrs)])
        self._forget(node.name, [self._source(i) for i in reads])

    def _mixed(self, mixed: Mixed) -> None:
        terms, read = [], []
        for term in self.terms[mixed.name]:
            source, weight = self._source(term.source), f"m[{mixed.mixture}][{term.place}]"
            if source in self.folded:
                node = self.parts.items[source]
                assert isinstance(node, Node)
                inputs = [self._source(i) for i in self._reads(node)]
                terms.append(self._weighed(node, [self.variables[i] for i in inputs], weight) or "")
                read += inputs
            else:
                terms.append(f"{self.variables[source]} * {weight}")
                read.append(source)
        self._assign(mixed.name, terms)
        self._forget(mixed.name, read)

    def _assign(self, name: str, terms: Sequence[str]) -> None:
        variable = self.variables[name] = unique(identifier(name), self.taken)
        self.lines.append(f"{variable} = {terms[0]}")
        self.lines += [f"{variable} += {term}" for term in terms[1:]]

    def _forget(self, reader: str, read: Sequence[str]) -> None:
        """Deletes variables of which this was the last reader; inputs belong to the caller."""
        gone = [n for n in dict.fromkeys(read) if self.last[n] == reader and n not in self.parts.graph.inputs]
        if gone:
            self.lines.append(f"del {', '.join(self.variables[n] for n in gone)}")
