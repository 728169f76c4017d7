"""Checks by shape inference whether a supernet can be trained on images of a given size."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from archdsl import ops
from archdsl.backends.supernet.structure import Mixed, parts
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph, Mux, Node
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.shapes import FixedShape, resized, sizes_from
from archdsl.passes.analyses.trainable import demand_values, has_parameters
from archdsl.passes.transforms.bind import Prepared

Size = tuple[int, int]

NETWORKS = 14
"""The number of networks of an elastic supernet that are checked at a size other than the declared one."""


def demand_trainable(graph: Graph, size: Size, batch: int, elastic: bool = False) -> None:
    """Raises SpecError if the supernet of a space cannot be trained on images of a size (height, width).

    `batch` is the number of images over all processes. Raises the errors of the space at its declared size;
    ARCH918, with the next supported size, at another size; ARCH829 if a normalization would have one value
    per channel; ARCH935 for a supernet without parameters.
    """
    problems = _problems(graph, size, elastic)
    if problems and all(tuple(shape[1:]) == size for shape in graph.inputs.values()):
        raise SpecError(problems)
    if problems:
        raise SpecError([_not_taken(graph, size, problems[0], elastic)])
    trainable = False
    for found in _built(resized(graph, size), elastic):
        nodes = [item for item in found.items if isinstance(item, Node)]
        demand_values(found.graph, nodes, found.shapes, batch)
        trainable = trainable or has_parameters(nodes, found.shapes)
    if not trainable:
        headline = f"the supernet of {graph.name} has no trainable parameters"
        raise SpecError(
            [Diagnostic("ARCH935", headline, help="add a layer with weights, such as a convolution")]
        )


def fitting(graph: Graph, size: Size, elastic: bool = False) -> Size | None:
    """The smallest input size that a supernet supports and that is at least `size`; None if none is found.

    Sizes are tried in steps of 8, then 16, and so on.
    """
    return next((one for one in sizes_from(size) if not _problems(graph, one, elastic)), None)


class _Built(NamedTuple):
    """The nodes that are trained, the graph that they belong to, and the size of each tensor."""

    graph: Graph
    items: Sequence[Node | Mixed | Mux]
    shapes: Mapping[str, FixedShape]


def _built(graph: Graph, elastic: bool) -> Iterator[_Built]:
    """Yields the whole supernet of candidates, or some networks of an elastic supernet, the same in each
    call.
    """
    if not elastic:
        found = parts(graph)
        yield _Built(found.graph, list(found.items.values()), found.shapes)
        return
    binder, rng = Prepared()(graph), random.Random(0)
    sizes = {path: decision.size for path, decision in graph.decisions.items()}
    sampled = [dict.fromkeys(sizes, 0), {path: size - 1 for path, size in sizes.items()}]
    sampled += [{path: rng.randrange(size) for path, size in sizes.items()} for _ in range(NETWORKS)]
    for outcomes in sampled:
        bound = binder.bind(outcomes)
        yield _Built(graph, list(bound.graph.nodes.values()), bound.shapes)


def _problems(graph: Graph, size: Size, elastic: bool) -> list[Diagnostic]:
    """The errors of shape inference at a size."""
    try:
        for found in _built(resized(graph, size), elastic):
            problems = [problem for item in found.items for problem in _of(item, found.shapes)]
            if problems:
                return problems
    except SpecError as error:
        return list(error.diagnostics)
    return []


def _of(item: Node | Mixed | Mux, shapes: Mapping[str, FixedShape]) -> Iterator[Diagnostic]:
    if not isinstance(item, Node):
        return
    failed: list[tuple[str, str, Mapping[str, Any]]] = []

    def demand(condition: Any, code: str, message: str, /, **values: Any) -> None:
        if not condition and code not in ADVISORY:
            failed.append((code, message, values))

    ops.get(item.op).shape([shapes[i] for i in item.inputs], item.attrs, demand)
    at = Label(item.location, f"in `{item.name}`") if item.location else None
    for code, message, values in failed:
        yield Diagnostic(code, message.format(**values), at)


def _not_taken(graph: Graph, size: Size, why: Diagnostic, elastic: bool) -> Diagnostic:
    height, width = size
    headline = (
        f"{graph.name} does not support images of {height}×{width}: "
        f"{why.headline.removeprefix('no supernet: ')}"
    )
    fit = fitting(graph, size, elastic)
    help = "rounding up to a multiple of 8, 16, 32, 64 or 128 does not help; try a smaller crop"
    if fit:
        help = f"use crop={fit[0]}x{fit[1]}"
    return Diagnostic("ARCH918", headline, help=help)
