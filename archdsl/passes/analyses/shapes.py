"""Shapes of a network: channels, height and width of every tensor, as integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir.graph import Graph, Node
from archdsl.ops.base import ADVISORY
from archdsl.passes.base import Analysis, Contract

FixedShape = tuple[int, int, int]
"""Channels, height and width of a tensor."""


def infer(graph: Graph) -> dict[str, FixedShape]:
    """The shape of each input and node of a network (a graph without decisions).

    Raises SpecError with a diagnostic for every ill-typed node, except for errors that result from others.
    """
    if not graph.is_fixed:
        raise ValueError(f"{graph.name} has decisions; bind them first")
    shapes: dict[str, FixedShape] = dict(graph.inputs)
    findings = _Findings()
    primitives = ops.primitives()
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        findings.node = node
        xs = [shapes[i] for i in node.inputs]
        shapes[name] = primitives[node.op].sizes(xs, node.attrs, findings.demand)
    if findings.diagnostics:
        raise SpecError(findings.diagnostics)
    return shapes


def resized(graph: Graph, size: tuple[int, int]) -> Graph:
    """A copy of a space or network with the input size (height, width); its constraints are not checked."""
    return replace(graph, inputs={name: (shape[0], *size) for name, shape in graph.inputs.items()})


_STEPS = (8, 16, 32, 64, 128)


def sizes_from(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Input sizes to try for a graph that may not support `size`: it, then the next multiples of 8 to 128."""
    height, width = size
    return [size, *((-(-height // step) * step, -(-width // step) * step) for step in _STEPS)]


@dataclass(frozen=True)
class Shapes(Analysis[Mapping[str, FixedShape]]):
    """The analysis that computes the shapes of a network (see `infer`)."""

    name = "shapes"
    summary = "channels, height and width of each tensor of a network"
    contract = Contract(needs="network")

    def run(self, graph: Graph) -> Mapping[str, FixedShape]:
        return infer(graph)

    def text(self, found: Mapping[str, FixedShape]) -> str:
        return "\n".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in found.items())


class _Findings:
    """Collects violated constraints, except for those that result from others."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.node: Node
        self._broken: set[str] = set()

    def demand(self, condition: Any, code: str, message: str, /, **values: Any) -> None:
        if condition or code in ADVISORY:
            return
        follows = not self._broken.isdisjoint(self.node.inputs)
        self._broken.add(self.node.name)
        if not follows:
            self.diagnostics.append(_diagnostic(self.node, code, message.format(**values)))


def _diagnostic(node: Node, code: str, headline: str) -> Diagnostic:
    primary = Label(node.location, f"in `{node.name}`") if node.location else None
    return Diagnostic(code, headline if primary else f"{node.name}: {headline}", primary)
