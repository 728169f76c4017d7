"""Dataflow of a supernet's forward pass: the items that are computed, the variables of tensors, and their
readers.

If the outcomes of a network are given, only the items of that network are computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archdsl import ops
from archdsl.backends.supernet.structure import Mixed, Structure
from archdsl.ir import Node


@dataclass(frozen=True)
class Term:
    """A candidate that is read, and its index in its mixture."""

    source: str
    place: int


class Dataflow:
    """The dataflow of one forward pass.

    `items` are the items on which outputs depend, in order of computation; `terms` are the candidates of
    mixtures that contribute; `zeros` are the zero tensors, which sums omit; `results` are the returned
    tensors; `readers` are the readers of each needed tensor, in order of computation, "" for the caller;
    `folded` are the nodes that apply the weight of their mixture themselves, so that the mixture computes
    them.
    """

    def __init__(self, parts: Structure, outcomes: Mapping[str, int] | None, weighted: bool):
        self.parts, self.outcomes, self.weighted = parts, outcomes, weighted
        self.alias: dict[str, str] = {}
        self.terms: dict[str, tuple[Term, ...]] = {}
        self.items = self._find_items()
        self.zeros = self._find_zeros()
        self.results = [self.source(node) for node in parts.graph.outputs.values()]
        self.folded: set[str] = set()
        self.readers = self._find_readers()

    def reads(self, node: Node) -> tuple[str, ...]:
        """The inputs that a node reads; sums omit zeros."""
        primitive, inputs = ops.get(node.op), node.inputs
        if not primitive.zero_is_neutral or self.zeros.isdisjoint(inputs):
            return inputs
        shapes = self.parts.shapes
        sizes, is_zero = [shapes[i] for i in inputs], [i in self.zeros for i in inputs]
        return tuple([inputs[port] for port in primitive.contributing(is_zero, sizes, shapes[node.name])])

    def source(self, name: str) -> str:
        """The tensor that a name refers to, after following identities."""
        found = self.alias.get(name)
        return self._followed(name) if found is None else found

    def _find_items(self) -> dict[str, Node | Mixed]:
        items = self.parts.items
        wanted = list(self.parts.graph.outputs.values())
        found: set[str] = set()
        while wanted:
            name = wanted.pop()
            item = items.get(name)
            if item is None or name in found:
                continue
            found.add(name)
            if isinstance(item, Mixed):
                self.terms[name] = self._terms(item)
                wanted += [term.source for term in self.terms[name]]
            else:
                wanted += item.inputs
        return {name: items[name] for name in sorted(found, key=self.parts.place.__getitem__)}

    def _terms(self, mixed: Mixed) -> tuple[Term, ...]:
        """The candidates of a mixture that contribute; if all are zeros, one of them."""
        if self.outcomes is not None:
            picked = self.parts.mixtures[mixed.mixture].pick(self.outcomes)
            return (Term(mixed.sources[max(picked, 0)], max(picked, 0)),)
        terms = tuple(Term(source, place) for place, source in enumerate(mixed.sources))
        return tuple(t for t in terms if not self._makes_zero(t.source)) or terms[:1]

    def _makes_zero(self, name: str) -> bool:
        item = self.parts.items.get(name)
        return isinstance(item, Node) and ops.get(item.op).makes_zero

    def _find_zeros(self) -> set[str]:
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

    def _same_as(self, name: str) -> str | None:
        """The tensor that an identity node or mux returns unchanged; None for other items."""
        item = self.items.get(name)
        if isinstance(item, Mixed):
            plain = self.outcomes is not None and not self.weighted
            return self.terms[name][0].source if plain or name in self.zeros else None
        if item is None:
            return None
        reads = self.reads(item)
        if reads is item.inputs:
            return reads[0] if name in self.parts.passing else None
        shapes = self.parts.shapes
        same = ops.get(item.op).is_identity([shapes[i] for i in reads], shapes[name], item.attrs)
        return reads[0] if same else None

    def _followed(self, name: str) -> str:
        seen = [name]
        while name not in self.alias and (same := self._same_as(name)) is not None:
            seen.append(name := same)
        name = self.alias.get(name, name)
        self.alias.update(dict.fromkeys(seen, name))
        return name

    def _find_readers(self) -> dict[str, list[str]]:
        readers: dict[str, list[str]] = {name: [""] for name in self.results}
        for name, item in reversed(list(self.items.items())):
            if name not in readers:
                continue
            for source in self._needs(item):
                readers.setdefault(source, []).insert(0, name)
        for name, item in self.items.items():
            if name in readers and isinstance(item, Mixed):
                self._fold(item, readers)
        return readers

    def _needs(self, item: Node | Mixed) -> Sequence[str]:
        reads = [t.source for t in self.terms[item.name]] if isinstance(item, Mixed) else self.reads(item)
        return [self.source(name) for name in reads]

    def _fold(self, mixed: Mixed, readers: dict[str, list[str]]) -> None:
        """Selects the candidates, read only by this mux, that can apply their weight themselves."""
        for term in self.terms[mixed.name]:
            source = self.source(term.source)
            if source not in self.parts.weighing or readers[source] != [mixed.name]:
                continue
            node = self.items[source]
            assert isinstance(node, Node)
            self.folded.add(source)
            for name in map(self.source, self.reads(node)):
                readers[name][readers[name].index(source)] = mixed.name
