"""Exports a network by `torch.export`, with dynamic batch, height and width."""

from __future__ import annotations

import copy
import logging
import types
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
from archdsl.passes.analyses.shapes import FixedShape, infer

LARGEST_FACTOR = 256


def export(
    network: Graph | CompiledNetwork, dynamic: bool = True, enlarge: bool = False, batch: int = 1
) -> ExportedProgram:
    """Exports a network in eval mode.

    The program returns the output, or a dict of all outputs by name if there are several. With `dynamic`, the
    axes of `open_axes` are dynamic; otherwise the program takes `batch` images of the declared size. With
    `enlarge`, a network with a feature map of one row is traced with a larger image: then height and width
    are dynamic, but the program's own guards reject the small image (an ONNX file has no guards).
    """
    module = network if isinstance(network, CompiledNetwork) else build(network)
    graph = module.archdsl_graph
    axes = open_axes(graph, enlarge) if dynamic else ()
    factor = (_factor(graph) if 2 in axes else None) or 1
    inputs = tuple(
        example(module, shape, batch=2 if dynamic else batch)
        for shape in _scaled(graph, factor).inputs.values()
    )
    with evaluating(module), quiet():
        return torch.export.export(
            _with_all_outputs(module),
            inputs,
            dynamic_shapes=tuple(dict.fromkeys(axes, Dim.DYNAMIC) for _ in inputs),
        )


def open_axes(graph: Graph, enlarge: bool = False) -> tuple[int, ...]:
    """The axes (of N × C × H × W) that can be dynamic: batch, and height and width if the network allows.

    Height and width are static if the network is well-typed at its declared size only (a `resize` to a fixed
    size that is combined with another feature map), or, without `enlarge`, if the declared image is so small
    that a feature map has one row, which torch's tracer treats as a constant.
    """
    factor = _factor(graph)
    return (0,) if factor is None or (factor > 1 and not enlarge) else (0, 2, 3)


def _with_all_outputs(module: CompiledNetwork) -> CompiledNetwork:
    """The module; for several outputs, a view of it whose `forward` returns all of them."""
    if len(module.archdsl_graph.outputs) == 1:
        return module
    view = copy.copy(module)
    view.forward = types.MethodType(type(module).forward_all, view)
    return view


def example(module: torch.nn.Module, shape: FixedShape, batch: int = 1) -> torch.Tensor:
    """A zero tensor with the shape of an input, on the module's device and with its dtype.

    Saved programs contain this example, so uninitialized memory would make them differ.
    """
    like = next(module.parameters(), torch.empty(0))
    return torch.zeros((batch, *shape), dtype=like.dtype, device=like.device)


def _factor(graph: Graph) -> int | None:
    """The factor by which the declared size is multiplied for tracing; None if no factor works.

    If a feature map has one row only because the image is small, the image is enlarged until no map has one
    row.
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
    """A context manager with eval mode and without gradients; restores the previous mode."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


@contextmanager
def quiet() -> Iterator[None]:
    """A context manager that silences the warnings of torch's exporters (deprecations, missing packages)."""
    logger: Any = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
