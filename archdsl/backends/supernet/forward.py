"""Generates the forward pass of a supernet: of all candidates, weighted, or of one network.

Both are straight-line code over the same modules. Compared with a sum of candidates as written in the spec,
with equal results:

* an activation or a pooling that several candidates apply to one tensor runs once (simplification merged
  their nodes, also across muxes);
* a candidate of zeros is neither computed nor added;
* if a candidate can apply its weight itself (batch normalization: to its scale and shift), the product over
  the whole tensor is omitted;
* sums are accumulated in place;
* equal layers applied to several small maps of one size are called once, on a batch of all images
  (`batching`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from archdsl import ops
from archdsl.backends.supernet.batching import batched
from archdsl.backends.supernet.dataflow import Dataflow
from archdsl.backends.supernet.statements import Code, Statement, Step, Style
from archdsl.backends.supernet.structure import Mixed, Structure
from archdsl.ir import Node

MOST_STATEMENTS = 65_536
"""The maximum number of statements that are cached for later forward passes."""

Terms = tuple[Sequence[str], Sequence[Node]]
"""The Python expressions of the terms of a sum, and the nodes whose computation these expressions include."""


class ForwardGenerator:
    """Generates the forward passes of one supernet as statements.

    A single-path search needs a new forward pass at each step, most statements of which occurred in earlier
    ones; each statement is written once and cached.
    """

    def __init__(self, parts: Structure, style: Style):
        self.parts, self.style = parts, style
        self.inputs = frozenset(parts.graph.inputs)
        self._statements: dict[Hashable, Statement] = {}
        self._fusible: dict[tuple[str, ...], bool] = {}

    def forward(self, outcomes: Mapping[str, int] | None = None, weighted: bool = True) -> Code:
        """The statements that compute the outputs of the graph.

        With `outcomes`, only the nodes of that network are computed; `weighted=False` then omits the weights
        of candidates, which are 1 and only pass gradients.
        """
        return _Forward(self, Dataflow(self.parts, outcomes, weighted)).code()

    def once(self, key: Hashable, write: Callable[[], Statement]) -> Statement:
        """The cached statement of this key, which `write` computes if missing."""
        found = self._statements.get(key)
        if found is None:
            if len(self._statements) >= MOST_STATEMENTS:
                self._statements.clear()
            found = self._statements[key] = write()
        return found

    def is_fusible(self, group: Sequence[Node]) -> bool:
        """Whether these nodes, which have equal inputs and settings, can be computed by one expression."""
        key = tuple(node.name for node in group)
        if key not in self._fusible:
            self._fusible[key] = self.fused(group, "x") is not None
        return self._fusible[key]

    def fused(self, group: Sequence[Node], variable: str) -> str | None:
        shapes, node = self.parts.shapes, group[0]
        layers = [layer for node in group if (layer := self.parts.layer_of(node))]
        xs = [shapes[i] for i in node.inputs]
        names = [variable] * len(xs)
        return ops.get(node.op).fused_expression(names, layers, xs, shapes[node.name], node.attrs)


class _Forward:
    def __init__(self, writer: ForwardGenerator, dataflow: Dataflow):
        self.writer, self.parts, self.dataflow = writer, writer.parts, dataflow
        self.source, self.variables = dataflow.source, writer.parts.variables
        self.steps: list[Step] = []
        self.mixtures: dict[int, None] = {}
        self.items = {
            name: item
            for name, item in dataflow.items.items()
            if name in dataflow.readers and name not in dataflow.folded
        }
        self.groups = self._find_groups() if writer.style.fuse else {}
        self.grouped = {node.name: first for first, group in self.groups.items() for node in group}
        found = batched(self.items, self._reads_of, self._alike())
        self.order = found.order
        self.batches = {batch[0].name: batch for batch in found.batches}
        self.grouped |= {node.name: first for first, batch in self.batches.items() for node in batch}
        self.joined: dict[tuple[str, ...], str] = {}
        """For each tuple of tensors that batches join, the first of these batches, in order."""
        self.uses: dict[tuple[str, ...], str] = {}
        """For each tuple of tensors that batches join, the last of these batches, in order."""
        for name in self.order:
            if name in self.batches:
                sources = self._joined(self.batches[name])
                self.joined.setdefault(sources, name)
                self.uses[sources] = name
        at = {name: n for n, name in enumerate((*self.order, ""))}
        self.last = {
            name: max(map(self._where_read, found), key=at.__getitem__)
            for name, found in dataflow.readers.items()
        }

    def code(self) -> Code:
        inputs = tuple(self.variables[name] for name in self.parts.graph.inputs)
        for name in self.order:
            item = self.items[name]
            if isinstance(item, Mixed):
                self._mixed(item)
            elif name in self.batches:
                self._batch(self.batches[name])
            elif name in self.groups:
                self._group(self.groups[name])
            elif name not in self.grouped:
                self._node(item)
        outputs = tuple(self.variables[name] for name in self.dataflow.results)
        return Code(inputs, tuple(self.steps), outputs, tuple(self.mixtures))

    def _find_groups(self) -> dict[str, list[Node]]:
        """Groups of nodes that one expression computes, by the first node of each group."""
        alike: dict[Hashable, list[Node]] = {}
        for node in self.items.values():
            if isinstance(node, Node):
                reads = tuple(map(self.source, self.dataflow.reads(node)))
                alike.setdefault((node.op, reads, tuple(node.attrs.items())), []).append(node)
        return {group[0].name: group for group in alike.values() if self.writer.is_fusible(group)}

    def _reads_of(self, name: str) -> list[str]:
        """The tensors that an item reads; for a mixture, also those that the nodes that it computes read."""
        item = self.items[name]
        if isinstance(item, Node):
            return [self.source(read) for read in self.dataflow.reads(item)]
        reads: list[str] = []
        for term in self.dataflow.terms[name]:
            source = self.source(term.source)
            node = self.dataflow.items[source] if source in self.dataflow.folded else None
            reads += map(self.source, self.dataflow.reads(node)) if isinstance(node, Node) else [source]
        return reads

    def _alike(self) -> list[list[Node]]:
        found: dict[int, list[Node]] = {}
        for name, number in self.parts.alike.items():
            node = self.items.get(name)
            if isinstance(node, Node) and name not in self.grouped:
                found.setdefault(number, []).append(node)
        return list(found.values())

    def _joined(self, batch: Sequence[Node]) -> tuple[str, ...]:
        return tuple(self.source(self.dataflow.reads(node)[0]) for node in batch)

    def _where_read(self, reader: str) -> str:
        """The item at which a reader reads: the first of its group, or of the batches that join its input."""
        first = self.grouped.get(reader, reader)
        return self.joined[self._joined(self.batches[first])] if first in self.batches else first

    # ------------------------------------------------------------ statements

    def _batch(self, batch: Sequence[Node]) -> None:
        """Adds one call for nodes with equal layers, on the images of all their inputs, which are joined
        once.
        """
        node, sources, variables = batch[0], self._joined(batch), self.variables
        reads = tuple(variables[source] for source in sources)
        together = "_".join(reads)
        if self.joined[sources] == node.name:
            join = f"{together} = torch.cat(({', '.join(reads)}))"
            statement = Statement((join,), (together,), tuple(dict.fromkeys(reads)), (), node.cell)
            gone = [
                s for s in dict.fromkeys(sources) if self.last[s] == node.name and s not in self.writer.inputs
            ]
            self.steps.append(Step(statement, tuple([variables[source] for source in gone])))
        x, y = self.parts.shapes[sources[0]], self.parts.shapes[node.name]
        targets = [variables[n.name] for n in batch]
        text = ops.get(node.op).expression([together], self.parts.layer_of(node), [x], y, node.attrs)
        line = f"{', '.join(targets)} = ({text}).chunk({len(batch)})"
        layers = (self.parts.attributes[node.name],)
        statement = Statement((line,), tuple(targets), (together,), layers, node.cell)
        self.steps.append(Step(statement, (together,) if self.uses[sources] == node.name else ()))

    def _node(self, node: Node) -> None:
        reads = self.dataflow.reads(node)
        spare = self.writer.style.in_place and len(reads) == 1 and self._is_spare(reads[0])

        def terms() -> Terms:
            primitive, names = ops.get(node.op), self._names(node, reads)
            text = primitive.in_place(names[0], node.attrs) if spare else None
            if text is None:
                xs, y = [self.parts.shapes[i] for i in reads], self.parts.shapes[node.name]
                text = primitive.expression(names, self.parts.layer_of(node), xs, y, node.attrs)
            return [text], [node]

        self._state([node], reads, spare, terms)

    def _names(self, node: Node, reads: Sequence[str]) -> list[str]:
        """The variables of a node's tensors, and expressions for the sizes of its tensor settings."""
        names = [self.variables[self.source(i)] for i in reads]
        count = ops.get(node.op).tensors(len(reads))
        return [*names[:count], *(f"{name}.shape[-2:]" for name in names[count:])]

    def _is_spare(self, name: str) -> bool:
        """Whether the only reader of a tensor may overwrite it."""
        name = self.source(name)
        item = self.dataflow.items.get(name)
        fresh = isinstance(item, Mixed) or (item is not None and ops.get(item.op).fresh)
        return fresh and len(self.dataflow.readers[name]) == 1 and name not in self.grouped

    def _group(self, group: Sequence[Node]) -> None:
        (read,) = self.dataflow.reads(group[0])
        names = tuple(node.name for node in group)

        def terms() -> Terms:
            return [self.writer.fused(group, self.variables[self.source(read)]) or ""], group

        self._state(group, [read], names, terms)

    def _mixed(self, mixed: Mixed) -> None:
        self.mixtures[mixed.mixture] = None
        terms = [(self.source(t.source), t.place) for t in self.dataflow.terms[mixed.name]]
        folded = {s: self.dataflow.items[s] for s, _ in terms if s in self.dataflow.folded}

        def written() -> Terms:
            texts: list[str] = []
            for source, place in terms:
                weight, node = f"m[{mixed.mixture}][{place}]", folded.get(source)
                if isinstance(node, Node):
                    names = self._names(node, self.dataflow.reads(node))
                    texts.append(self.parts.weighed(node, names, weight) or "")
                else:
                    texts.append(f"{self.variables[source]} * {weight}")
            return texts, [node for node in folded.values() if isinstance(node, Node)]

        self._state([mixed], self._reads_of(mixed.name), (tuple(terms), tuple(folded)), written)

    def _state(
        self, items: Sequence[Node | Mixed], reads: Sequence[str], how: Hashable, terms: Callable[[], Terms]
    ) -> None:
        """Adds a statement that assigns a sum of terms to the variables of some items.

        The statement depends only on the tensors read, under both of their names, and on `how`. Inputs of the
        graph belong to the caller, so they are never overwritten.
        """
        first, sources = items[0].name, tuple(map(self.source, reads))
        key = (first, tuple(reads), sources, how)
        statement = self.writer.once(key, lambda: self._written(items, sources, *terms()))
        variables, inputs, last = self.variables, self.writer.inputs, self.last
        gone = [variables[n] for n in dict.fromkeys(sources) if last[n] == first and n not in inputs]
        self.steps.append(Step(statement, tuple(gone)))

    def _written(
        self, items: Sequence[Node | Mixed], sources: Sequence[str], terms: Sequence[str],
        nodes: Sequence[Node],
    ) -> Statement:  # fmt: skip
        targets = tuple(self.variables[item.name] for item in items)
        left = ", ".join(targets)
        left += "," if items[0].name in self.groups else ""
        lines = [f"{left} = {terms[0]}", *(f"{left} += {term}" for term in terms[1:])]
        read = tuple(dict.fromkeys(self.variables[n] for n in sources))
        layers = tuple(name for node in nodes if (name := self.parts.attributes.get(node.name)))
        return Statement(tuple(lines), targets, read, layers, nodes[0].cell if nodes else None)
