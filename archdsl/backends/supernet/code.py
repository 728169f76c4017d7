"""The forward of a supernet as statements: every candidate, weighed, or one network's alone.

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

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from archdsl import ops
from archdsl.backends.supernet.parts import Mixed, Parts
from archdsl.backends.supernet.statements import Code, Statement, Style
from archdsl.ir import Node


@dataclass(frozen=True)
class Term:
    """A candidate that is read, and its place in its mixture."""

    source: str
    place: int


def forward_code(
    parts: Parts, style: Style, outcomes: Mapping[str, int] | None = None, weighted: bool = True
) -> Code:
    """The statements that compute the graph's outputs.

    With `outcomes` only what that network needs is computed; then `weighted=False` leaves out the weights
    of the candidates, which are 1 there and only carry gradients.
    """
    return _Writer(parts, style, outcomes, weighted).run()


@dataclass
class _Writer:
    parts: Parts
    style: Style
    outcomes: Mapping[str, int] | None
    weighted: bool
    statements: list[Statement] = field(default_factory=list)
    mixtures: dict[int, None] = field(default_factory=dict)

    def run(self) -> Code:
        self.alias: dict[str, str] = {}
        self.terms: dict[str, tuple[Term, ...]] = {}
        self.items = self._find_items()
        self.zeros = self._find_zeros()
        results = [self._source(node) for node in self.parts.graph.outputs.values()]
        self.readers = self._find_readers(results)
        self.groups = self._find_groups() if self.style.fuse else {}
        self.grouped = {node.name: first for first, group in self.groups.items() for node in group}
        place = {name: n for n, name in enumerate(self.items)} | {"": len(self.items)}
        self.last = {
            name: max((self.grouped.get(reader, reader) for reader in found), key=place.__getitem__)
            for name, found in self.readers.items()
        }
        self.variables = self.parts.variables
        inputs = tuple(self.variables[name] for name in self.parts.graph.inputs)
        for name, item in self.items.items():
            if name not in self.readers or name in self.folded:
                continue
            if isinstance(item, Mixed):
                self._mixed(item)
            elif name in self.groups:
                self._group(self.groups[name])
            elif name not in self.grouped:
                self._node(item)
        outputs = tuple(self.variables[name] for name in results)
        return Code(inputs, tuple(self.statements), outputs, tuple(self.mixtures))

    # ------------------------------------------------------------ what is read

    def _find_items(self) -> dict[str, Node | Mixed]:
        """What the outputs hang on, in the order of computation."""
        wanted = set(self.parts.graph.outputs.values())
        found: list[str] = []
        for name, item in reversed(list(self.parts.items.items())):
            if name not in wanted:
                continue
            found.append(name)
            if isinstance(item, Mixed):
                self.terms[name] = self._terms(item)
                wanted.update(term.source for term in self.terms[name])
            else:
                wanted.update(item.inputs)
        return {name: self.parts.items[name] for name in reversed(found)}

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
        for name, item in self.items.items():
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
        item = self.items.get(name)
        if isinstance(item, Mixed):
            plain = self.outcomes is not None and not self.weighted
            return self.terms[name][0].source if plain or name in self.zeros else None
        if item is None:
            return None
        reads = self._reads(item)
        if reads is item.inputs:
            return reads[0] if name in self.parts.passing else None
        shapes = self.parts.shapes
        same = ops.get(item.op).is_identity([shapes[i] for i in reads], shapes[name], item.attrs)
        return reads[0] if same else None

    def _source(self, name: str) -> str:
        """The tensor that is read under a name."""
        found = self.alias.get(name)
        return self._followed(name) if found is None else found

    def _followed(self, name: str) -> str:
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
        for name, item in reversed(list(self.items.items())):
            if name not in readers:
                continue
            for source in self._needs(item):
                readers.setdefault(source, []).insert(0, name)
        for name, item in self.items.items():
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
            node = self.items.get(source)
            if not isinstance(node, Node) or readers[source] != [mixed.name]:
                continue
            if self._weighed(node, ["x"] * len(node.inputs), "w") is None:
                continue
            self.folded.add(source)
            for name in map(self._source, self._reads(node)):
                readers[name][readers[name].index(source)] = mixed.name

    def _weighed(self, node: Node, names: Sequence[str], weight: str) -> str | None:
        xs = [self.parts.shapes[i] for i in node.inputs]
        y = self.parts.shapes[node.name]
        return ops.get(node.op).weighted_expression(names, self._layer(node), weight, xs, y, node.attrs)

    def _layer(self, node: Node) -> str | None:
        attribute = self.parts.attributes.get(node.name)
        return attribute and f"self.{attribute}"

    # ------------------------------------------------------------ what is computed at once

    def _find_groups(self) -> dict[str, list[Node]]:
        """Nodes that one expression computes, by the first of them."""
        alike: dict[Hashable, list[Node]] = {}
        for name, node in self.items.items():
            if isinstance(node, Node) and name in self.readers and name not in self.folded:
                reads = tuple(map(self._source, self._reads(node)))
                alike.setdefault((node.op, reads, tuple(node.attrs.items())), []).append(node)
        return {group[0].name: group for group in alike.values() if self._fused(group, "x") is not None}

    def _fused(self, group: Sequence[Node], variable: str) -> str | None:
        shapes, node = self.parts.shapes, group[0]
        layers = [layer for node in group if (layer := self._layer(node))]
        xs = [shapes[i] for i in node.inputs]
        names = [variable] * len(xs)
        return ops.get(node.op).fused_expression(names, layers, xs, shapes[node.name], node.attrs)

    # ------------------------------------------------------------ statements

    def _node(self, node: Node) -> None:
        reads = self._reads(node)
        primitive = ops.get(node.op)
        names = self._names(node, reads)
        text = None
        if self.style.in_place and len(reads) == 1 and self._is_spare(reads[0]):
            text = primitive.in_place(names[0], node.attrs)
        if text is None:
            xs, y = [self.parts.shapes[i] for i in reads], self.parts.shapes[node.name]
            text = primitive.expression(names, self._layer(node), xs, y, node.attrs)
        self._state([node], [text], reads, [node])

    def _names(self, node: Node, reads: Sequence[str]) -> list[str]:
        """The variables of a node's tensors, and the sizes of those that are settings."""
        names = [self.variables[self._source(i)] for i in reads]
        count = ops.get(node.op).tensors(len(reads))
        return [*names[:count], *(f"{name}.shape[-2:]" for name in names[count:])]

    def _is_spare(self, name: str) -> bool:
        """Whether the one reader of a tensor may write over it."""
        name = self._source(name)
        item = self.items.get(name)
        fresh = isinstance(item, Mixed) or (item is not None and ops.get(item.op).fresh)
        return fresh and len(self.readers[name]) == 1 and name not in self.grouped

    def _group(self, group: Sequence[Node]) -> None:
        (read,) = self._reads(group[0])
        self._state(group, [self._fused(group, self.variables[self._source(read)]) or ""], [read], group)

    def _mixed(self, mixed: Mixed) -> None:
        self.mixtures[mixed.mixture] = None
        terms: list[str] = []
        reads: list[str] = []
        nodes: list[Node] = []
        for term in self.terms[mixed.name]:
            source, weight = self._source(term.source), f"m[{mixed.mixture}][{term.place}]"
            if source in self.folded:
                node = self.items[source]
                assert isinstance(node, Node)
                inputs = self._reads(node)
                terms.append(self._weighed(node, self._names(node, inputs), weight) or "")
                reads += inputs
                nodes.append(node)
            else:
                terms.append(f"{self.variables[source]} * {weight}")
                reads.append(source)
        self._state([mixed], terms, reads, nodes)

    def _state(
        self, items: Sequence[Node | Mixed], terms: Sequence[str], reads: Sequence[str], nodes: Sequence[Node]
    ) -> None:
        """Sets the variables of some items to a sum of terms, and deletes those that are read last here.

        `nodes` are those that are computed.  Inputs of the graph belong to the caller.
        """
        sources = list(dict.fromkeys(map(self._source, reads)))
        gone = [n for n in sources if self.last[n] == items[0].name and n not in self.parts.graph.inputs]
        read = tuple(self.variables[n] for n in sources)
        targets = tuple(self.variables[item.name] for item in items)
        left = ", ".join(targets)
        left += "," if items[0].name in self.groups else ""
        lines = [f"{left} = {terms[0]}", *(f"{left} += {term}" for term in terms[1:])]
        if gone:
            lines.append(f"del {', '.join(self.variables[n] for n in gone)}")
        layers = tuple(name for node in nodes if (name := self.parts.attributes.get(node.name)))
        cell = nodes[0].cell if nodes else None
        self.statements.append(Statement(tuple(lines), targets, read, layers, cell))
