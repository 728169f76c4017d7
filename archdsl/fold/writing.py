"""Writes a network as text, with its repeated parts as ops and stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Source
from archdsl.fold.bodies import Body, blocks
from archdsl.fold.naming import free, op_name
from archdsl.fold.parameters import infer, input_names, signature
from archdsl.fold.pieces import whole
from archdsl.fold.repeats import fold_repeats
from archdsl.fold.statements import Block
from archdsl.ir.graph import Graph
from archdsl.lang import format_source
from archdsl.lang.parser import language
from archdsl.passes.analyses.shapes import infer as shapes_of
from archdsl.spec.conditions import condition_source

BUILTINS = (
    "max",
    "min",
    "round",
    "floor",
    "unused",
    "fold",
    "split",
    "params",
    "macs",
    "flops",
    "latency",
    "rate",
)


def folded(graph: Graph, notes: Sequence[str] = (), remarks: Mapping[str, str] | None = None) -> str:
    """The text of a self-contained file with a network, in which each repeated part is written once.

    Parts are repeated if they are applications of one op, or if they apply equal primitives in sequence to
    tensors that are related in the same way; numbers that differ become settings of the op. `notes` are
    comments at the beginning, `remarks` comments on inputs. The text elaborates to an equal network. Raises
    ValueError for a graph with decisions, SpecError for an ill-typed network.
    """
    top, bodies = network_blocks(graph, shapes_of(graph))
    return File(graph, top, bodies).text(notes, remarks or {})


def network_blocks(graph: Graph, sizes: Mapping[str, tuple[Any, Any, Any]]) -> tuple[Body, list[Body]]:
    """The block of a network, and the blocks of its ops, each before the blocks that apply it.

    `sizes` are the sizes of the network's tensors. Settings and channels that depend on a decision (`Pick`)
    become settings of ops; in the network's block, they are the name of the decision.
    """
    top, own = blocks(whole(graph), sizes)
    made = fold_repeats(top, own)
    return top, _in_order(top, [*own, *made])


def _in_order(top: Body, bodies: Sequence[Body]) -> list[Body]:
    """Those of `bodies` that `top` applies, directly or indirectly; an op precedes the ops that apply it."""
    found: dict[int, Body] = {}

    def visit(body: Body) -> None:
        for step in body.steps:
            if isinstance(step.callee, Body) and id(step.callee) not in found:
                visit(step.callee)
                found[id(step.callee)] = step.callee

    visit(top)
    return [body for body in found.values() if body in bodies]


class File:
    """Writes a file with one network. `taken` are names that its declarations must not have."""

    kind = "network"

    def __init__(self, graph: Graph, top: Body, bodies: Sequence[Body], taken: Iterable[str] = ()):
        self.graph, self.top, self.bodies = graph, top, bodies
        self.words = {*language().keywords, *ops.primitives(), *BUILTINS, *taken}
        self.name = graph.name

    def imports(self) -> list[str]:
        """The lines before the network: imports, and declarations copied from other files."""
        return []

    def text(self, notes: Sequence[str], remarks: Mapping[str, str]) -> str:
        taken = {*self.words, self.graph.name}
        for body in self.bodies:
            body.name = free(op_name(body), taken)
        parts = ["arch 1\n", *(f"# {note}" for note in notes), "", *self.imports()]
        for body in self.bodies:
            parts.append(self._op(body, taken))
        settings = infer(self.top, frozenset())
        block = self.block(settings, {*taken, *self.graph.outputs})
        lines = [f"  require {condition_source(r.condition)}" for r in self.graph.requirements]
        for name, (c, h, w) in self.graph.inputs.items():
            if name in remarks:
                lines.append(f"  # {remarks[name]}")
            lines.append(f"  input {block.names[name]}: [{c}, {h}, {w}]")
        lines += block.statements(self._outputs())
        parts.append(f"{self.kind} {self.name} {{\n" + "\n".join(lines) + "\n}\n")
        return format_source(Source("folded", "\n".join(parts)))

    def block(self, settings: list[dict[str, str]], taken: set[str]) -> Block:
        """The block of the network itself."""
        return Block(self.top, settings, list(self.graph.inputs), taken)

    def _outputs(self) -> list[str]:
        train = self.graph.train_only
        return [
            f"output {name} train = " if name in train else f"output {name} = " for name in self.graph.outputs
        ]

    def _op(self, body: Body, taken: set[str]) -> str:
        settings = infer(body, frozenset(taken))
        names = input_names(body.inputs)
        words = {*taken, *(p.name for p in body.parameters)}
        block = Block(body, settings, names, words)
        head = f"op {body.name}{signature(body)}"
        statements = block.statements(None)
        if len(statements) == len(body.results) == 1:
            return f"{head} = {statements[0].strip().removeprefix('return ')}\n"
        return f"{head} {{\n" + "\n".join(statements) + "\n}\n"
