"""Checks by shape inference whether a supernet can be trained on images of a size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archdsl import ops
from archdsl.backends.supernet.structure import Mixed, Structure, parts
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph, Node
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.batch_statistics import demand_values
from archdsl.passes.analyses.parameters import has_parameters
from archdsl.passes.analyses.resized import resized
from archdsl.passes.analyses.shapes import FixedShape

Size = tuple[int, int]

_STEPS = (8, 16, 32, 64, 128)


def demand_trainable(graph: Graph, size: Size, batch: int) -> None:
    """Raises SpecError if the supernet of a space cannot be trained on images of a size (height, width).

    `batch` is the number of images over all processes. Errors: The errors of the space at its declared size;
    ARCH918, with the next supported size, at another size; ARCH829 if a normalization would have one value
    per channel; ARCH935 without parameters.
    """
    problems = _problems(graph, size)
    if problems and all(tuple(shape[1:]) == size for shape in graph.inputs.values()):
        raise SpecError(problems)
    if problems:
        raise SpecError([_not_taken(graph, size, problems[0])])
    found = parts(resized(graph, size))
    nodes = [item for item in found.items.values() if isinstance(item, Node)]
    demand_values(found.graph, nodes, found.shapes, batch)
    if not has_parameters(nodes, found.shapes):
        headline = f"the supernet of {graph.name} has no trainable parameters"
        raise SpecError(
            [Diagnostic("ARCH935", headline, help="add a layer with weights, such as a convolution")]
        )


def fitting(graph: Graph, size: Size) -> Size | None:
    """The smallest supported input size of a supernet that is at least `size`, among multiples of 8, 16 and
    so on.
    """
    tried = [size, *((_up(size[0], step), _up(size[1], step)) for step in _STEPS)]
    return next((one for one in tried if not _problems(graph, one)), None)


def _up(side: int, step: int) -> int:
    return -(-side // step) * step


def _problems(graph: Graph, size: Size) -> list[Diagnostic]:
    """The type errors of the space at a size."""
    try:
        found = parts(resized(graph, size))
    except SpecError as error:
        return list(error.diagnostics)
    return [problem for item in found.items.values() for problem in _of(item, found)]


def _of(item: Node | Mixed, found: Structure) -> Iterator[Diagnostic]:
    if isinstance(item, Mixed):
        return
    failed: list[tuple[str, str, Mapping[str, Any]]] = []

    def demand(condition: Any, code: str, message: str, /, **values: Any) -> None:
        if not condition and code not in ADVISORY:
            failed.append((code, message, values))

    shapes: Mapping[str, FixedShape] = found.shapes
    ops.get(item.op).shape([shapes[i] for i in item.inputs], item.attrs, demand)
    at = Label(item.location, f"in `{item.name}`") if item.location else None
    for code, message, values in failed:
        yield Diagnostic(code, message.format(**values), at)


def _not_taken(graph: Graph, size: Size, why: Diagnostic) -> Diagnostic:
    height, width = size
    headline = (
        f"{graph.name} does not support images of {height}×{width}: "
        f"{why.headline.removeprefix('no supernet: ')}"
    )
    fit = fitting(graph, size)
    help = f"use crop={fit[0]}x{fit[1]}" if fit else "the supernet supports no size"
    return Diagnostic("ARCH918", headline, help=help)
