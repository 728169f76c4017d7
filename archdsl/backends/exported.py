"""A network as a `torch.export` program, with batch, height and width left open."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from archdsl.backends.torch_module import CompiledNetwork, build
from archdsl.diagnostics import SpecError
from archdsl.ir.graph import Graph
from archdsl.passes.shapes import FixedShape, infer

LARGEST_FACTOR = 256


def export(network: Graph | CompiledNetwork, dynamic: bool = True, enlarge: bool = False) -> ExportedProgram:
    """The evaluation form of a network's main output as an exported program.

    With `dynamic`, batch, height and width are open.  Height and width are not where the network is
    well-typed at its declared size only (a `resize` to a fixed size that meets another map), and where
    the declared image is so small that a map shrinks to one row, which torch's tracer takes for a
    constant.  With `enlarge` such a network is traced with a larger image: both are open, but the
    program's own guards refuse the small image then (an ONNX file has no guards).
    """
    module = network if isinstance(network, CompiledNetwork) else build(network)
    graph = module.archdsl_graph
    factor = _factor(graph) if dynamic else None
    if factor != 1 and not enlarge:
        factor = None
    shapes = _scaled(graph, factor or 1).inputs.values()
    axes = (0, 2, 3) if factor is not None else (0,) if dynamic else ()
    inputs = tuple(example(module, shape, batch=2 if dynamic else 1) for shape in shapes)
    with evaluating(module), quiet():
        return torch.export.export(
            module, inputs, dynamic_shapes=tuple(dict.fromkeys(axes, Dim.DYNAMIC) for _ in inputs)
        )


def example(module: torch.nn.Module, shape: FixedShape, batch: int = 1) -> torch.Tensor:
    """Memory of the size of an input, on the module's device and of its type; its values are not set."""
    like = next(module.parameters(), torch.empty(0))
    return torch.empty((batch, *shape), dtype=like.dtype, device=like.device)


def _factor(graph: Graph) -> int | None:
    """By how much the declared size is multiplied for tracing; None where no other size will do.

    A map of one row is no constant if it has more in a larger image: the image grows until there is none.
    """
    factor = 1
    while factor <= LARGEST_FACTOR:
        try:
            smaller, larger = infer(_scaled(graph, factor)), infer(_scaled(graph, 2 * factor))
        except SpecError:
            return None
        if not any(_grows_from_one(smaller[name], larger[name]) for name in smaller):
            return factor
        factor *= 2
    return 1


def _grows_from_one(smaller: FixedShape, larger: FixedShape) -> bool:
    return any(a == 1 < b for a, b in zip(smaller[1:], larger[1:], strict=True))


def _scaled(graph: Graph, factor: int) -> Graph:
    inputs = {name: (c, h * factor, w * factor) for name, (c, h, w) in graph.inputs.items()}
    return replace(graph, inputs=inputs)


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode is restored."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what torch's exporters say of themselves (deprecations, packages that they do not find)."""
    logger: Any = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
