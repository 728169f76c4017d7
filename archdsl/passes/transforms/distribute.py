"""Evaluates a block on every candidate of a decision, and selects among the results instead of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.ir import Dim, Expr, Graph, Instance, Mux, Node, Pick, Value
from archdsl.ir.expr import nodes_in
from archdsl.ir.paths import is_called
from archdsl.ir.resolve import rebuilt
from archdsl.passes.base import Contract, Transform, option


@dataclass(frozen=True)
class Distribute(Transform):
    """Moves the muxes of a decision after the nodes that read them: op(a or b) becomes op(a) or op(b).

    The nodes of the decision's block (of the iteration `cells[2, 16]` for the decision `cells[2, 16].x`) are
    copied for each outcome, with the same weights; tensors of the block that are read outside of it become
    muxes over the copies. Networks stay the same. A supernet differs: it blends outputs instead of inputs, as
    FasterSeg does (arXiv:1912.10917, section 3.1: a cell is evaluated on both of its inputs).

    `decision` is a path, or the name of a decision in every block (`x`). Raises SpecError (ARCH501) if no
    decision matches.
    """

    name = "distribute"
    summary = "evaluates a block on every candidate of a decision, and chooses among the results"
    contract = Contract(
        needs="space",
        changes=frozenset(("nodes", "instances")),
        guarantees=frozenset(("outputs", "requirements", "weights")),
    )

    decision: str = option(meaning="the path of a decision, or its name in every block", takes="PATH")

    def run(self, graph: Graph) -> Graph:
        paths = [path for path in graph.decisions if path == self.decision or is_called(path, self.decision)]
        if not paths:
            guess = closest(self.decision, list(graph.decisions))
            headline = f"unknown decision `{self.decision}` of {graph.name}"
            help = f"did you mean `{guess}`?" if guess else "list decisions with `archdsl explain`"
            raise SpecError([Diagnostic("ARCH501", headline, self.label("decision"), help=help)])
        for path in paths:
            graph = _Distributed(graph, path).graph()
        return graph


class _Distributed:
    """Distributes one decision of a graph over its block."""

    def __init__(self, space: Graph, path: str):
        self.space, self.path = space, path
        block = path.rpartition(".")[0]
        self.inside = f"{block}." if block else ""
        self.muxes = {
            name: dict(item.cases)
            for name, item in space.nodes.items()
            if isinstance(item, Mux) and item.on == path
        }
        self.copied = self._copied()
        self.read = self._read_outside()

    def _copied(self) -> dict[str, None]:
        """The nodes of the block that depend on the muxes of the decision.

        Empty if a mux is undefined under some outcome, since the block cannot be evaluated for that outcome.
        """
        found: dict[str, None] = {}
        if any(source is None for cases in self.muxes.values() for source in cases.values()):
            return found
        for name, item in self.space.nodes.items():
            inside = name.startswith(self.inside) and name not in self.muxes
            if inside and any(one in found or one in self.muxes for one in _read_by(item)):
                found[name] = None
        return found

    def _read_outside(self) -> set[str]:
        """The tensors that are read by nodes that are not copied, by outputs, or in requirements.

        A copied tensor among these becomes a mux over its copies.
        """
        read = set(self.space.outputs.values())
        for requirement in self.space.requirements:
            read |= nodes_in(requirement.condition)
        for name, item in self.space.nodes.items():
            if name not in self.copied:
                read |= set(_read_by(item))
        return read

    def graph(self) -> Graph:
        nodes: dict[str, Node | Mux] = {}
        for name, item in self.space.nodes.items():
            if name in self.muxes and self.copied and name not in self.read:
                continue
            if name not in self.copied:
                nodes[name] = item
                continue
            copies = [self._copy(item, outcome) for outcome in range(self.space.decisions[self.path].size)]
            nodes.update((copy.name, copy) for copy in copies)
            if name in self.read:
                cases = tuple((outcome, copy.name) for outcome, copy in enumerate(copies))
                nodes[name] = Mux(name, self.path, cases, item.location)
        return replace(self.space, nodes=nodes, instances=self._instances(nodes))

    def _instances(self, nodes: Mapping[str, Node | Mux]) -> dict[str, Instance]:
        """The applications of ops and cells of the new graph, including those that were copied."""
        space = self.space
        used = {item.instance for item in nodes.values() if isinstance(item, Node) and item.instance}
        found = {path: one for path, one in space.instances.items() if path in used or one.kind == "cell"}
        for path in used - found.keys():
            found[path] = replace(space.instances[path.rpartition("#")[0]], path=path)
        return found

    def _copy(self, item: Node | Mux, outcome: int) -> Node | Mux:
        """The copy of a node of the block for one outcome."""

        def leaf(leaf: Value) -> Value:
            if isinstance(leaf, Pick):
                return leaf.values[outcome] if leaf.decision == self.path else leaf
            return Dim(self._source(leaf.node, outcome), leaf.axis) if isinstance(leaf, Dim) else leaf

        def under(value: Value) -> Value:
            return rebuilt(value, leaf) if isinstance(value, Expr) else value

        name = _copy_name(item.name, outcome)
        if isinstance(item, Mux):
            on = item.on if isinstance(item.on, str) else under(item.on)
            cases = tuple((k, None if s is None else self._source(s, outcome)) for k, s in item.cases)
            return replace(item, name=name, on=on, cases=cases)
        inputs = tuple(self._source(source, outcome) for source in item.inputs)
        attrs = {key: under(value) for key, value in item.attrs.items()}
        # Each copy is an application of its own.
        instance = None if item.instance is None else _copy_name(item.instance, outcome)
        return replace(item, name=name, inputs=inputs, attrs=attrs, instance=instance)

    def _source(self, name: str, outcome: int) -> str:
        """The tensor that a copy for an outcome reads instead of the tensor `name`."""
        if name in self.muxes:
            source = self.muxes[name][outcome]
            assert source is not None
            return source
        return _copy_name(name, outcome) if name in self.copied else name


def _copy_name(name: str, outcome: int) -> str:
    return f"{name}#{outcome}"


def _read_by(item: Node | Mux) -> set[str]:
    """The nodes that a node reads as inputs or for their dimensions."""
    values = [item.on] if isinstance(item, Mux) else list(item.attrs.values())
    return {*item.inputs, *(name for value in values for name in nodes_in(value))}
