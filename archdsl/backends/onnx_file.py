"""Exports a network to ONNX, and compares onnxruntime's results with PyTorch's.

Opset 18 (2022) is the newest opset that torch's exporter writes without a subsequent conversion, and supports
all primitives; runtimes read it since 2023.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from archdsl.atomic import write_bytes
from archdsl.backends import exported, onnx_translations
from archdsl.backends.torch_module import CompiledNetwork, build
from archdsl.diagnostics import SpecError
from archdsl.ir.graph import Graph
from archdsl.passes.analyses.shapes import FixedShape, infer

if TYPE_CHECKING:
    import onnx

OPSET = 18
TOLERANCE = 1e-4
"""The maximum deviation of results, relative to the largest result."""

SMALL = 48  # pixels; images for the comparison are not halved below it
AXES = {0: "batch", 2: "height", 3: "width"}


class DeviationError(RuntimeError):
    """Raised if the results of onnxruntime and PyTorch differ, which is a bug in an exporter or runtime."""


@dataclass(frozen=True)
class OnnxFile:
    """The file that was written, and the maximum deviation measured, relative to the largest result."""

    path: Path
    opset: int
    deviation: float | None
    open_axes: tuple[str, ...]
    """The dynamic axes, of "batch", "height" and "width"."""


def export(
    network: Graph | CompiledNetwork,
    path: str | os.PathLike[str],
    *,
    opset: int = OPSET,
    dynamic: bool = True,
    facts: Mapping[str, str] | None = None,
    verify: bool = True,
) -> OnnxFile:
    """Exports a network in eval mode with all outputs by name; the file is replaced atomically.

    With `dynamic`, batch, height and width are dynamic as far as the network allows; otherwise the input is
    one image of the declared size. The file's metadata, with the prefix `archdsl.`, contain the network's
    name, settings, space and decisions, and `facts`. With `verify`, results of onnxruntime are compared with
    PyTorch's, at two small sizes if axes are dynamic. Raises SpecError if the network is not well-typed or
    too large, DeviationError if results differ.
    """
    import onnx

    module = network if isinstance(network, CompiledNetwork) else build(network)
    graph = module.archdsl_graph
    model = _model(module, opset, dynamic)
    _describe(model, graph, facts or {})
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    axes = tuple(AXES[axis] for axis in exported.open_axes(graph, enlarge=True)) if dynamic else ()
    sizes = _small_sizes(graph) if dynamic else [list(graph.inputs.values())]
    found = deviation(data, module, sizes) if verify else None
    if found is not None and not found <= TOLERANCE:
        raise DeviationError(
            f"{graph.name}: results of onnxruntime and PyTorch differ by {found:.1e} of the largest"
        )
    write_bytes(Path(path), data)
    return OnnxFile(Path(path), opset, found, axes)


def of_fixed_size(graph: Graph, batch: int = 1) -> onnx.ModelProto:
    """The ONNX model of a network for `batch` images of the declared size, by PyTorch's exporter.

    Used to measure the latency of primitives without an ONNX lowering of their own (see `onnx_direct`).
    """
    return _model(build(graph).eval(), OPSET, dynamic=False, batch=batch)


def deviation(
    model: bytes | str | os.PathLike[str],
    module: CompiledNetwork,
    sizes: Iterable[Sequence[FixedShape]],
    seed: int = 0,
) -> float:
    """The maximum difference between onnxruntime's and PyTorch's results, relative to the largest result.

    Each output is compared with its own largest result. `sizes` are the shapes of the inputs (C, H, W) in
    each comparison; the batch is 1 in the first comparison, 2 in the second, and so on.
    """
    import onnxruntime

    source = model if isinstance(model, bytes) else os.fspath(model)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    generator = torch.Generator().manual_seed(seed)
    worst = 0.0
    with exported.evaluating(module):
        for batch, shapes in enumerate(sizes, start=1):
            inputs = [exported.example(module, shape, batch) for shape in shapes]
            inputs = [torch.randn(i.shape, generator=generator, dtype=i.dtype).to(i.device) for i in inputs]
            feeds = {name: i.cpu().numpy() for name, i in zip(names, inputs, strict=True)}
            expected = module.forward_all(*inputs)
            found = session.run(list(expected), feeds)
            for mine, theirs in zip(found, expected.values(), strict=True):
                worst = max(worst, _relative(torch.from_numpy(mine), theirs.cpu()))
    return worst


def _relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The maximum difference relative to the largest finite result that is expected.

    It is infinite for results of another shape, and if they overflow elsewhere.
    """
    if found.shape != expected.shape:
        return float("inf")
    same = torch.isclose(found, expected, rtol=0, atol=0, equal_nan=True)
    if same.all():
        return 0.0
    finite = expected.isfinite()
    if not same[~finite].all():
        return float("inf")
    difference = float((found - expected)[finite].abs().max())
    largest = float(expected[finite].abs().max())
    return difference / largest if difference < float("inf") and largest > 0 else float("inf")


def _model(module: CompiledNetwork, opset: int, dynamic: bool, batch: int = 1) -> onnx.ModelProto:
    graph = module.archdsl_graph
    program = exported.export(module, dynamic, enlarge=True, batch=batch)
    with exported.quiet():
        made: Any = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=opset,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            external_data=False,
            verbose=False,
            custom_translation_table=dict(onnx_translations.table()),
        )
    model: onnx.ModelProto = made.model_proto
    return model


def _describe(model: onnx.ModelProto, graph: Graph, facts: Mapping[str, str]) -> None:
    """Sets the name, the symbols of dynamic axes and the producer of a model; removes the exporter's own
    notes.
    """
    import onnx

    model.graph.name = graph.name
    for node in model.graph.node:
        del node.metadata_props[:]
    names = _axis_names(model.graph.input)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = re.sub(r"\w+", lambda m: names.get(m[0], m[0]), size.dim_param)
    known = {"name": graph.name, "space": graph.origin}
    known |= {"settings": _json(graph.settings), "decisions": _json(graph.chosen)}
    metadata = {f"archdsl.{key}": value for key, value in {**known, **facts}.items() if value is not None}
    onnx.helper.set_model_props(model, metadata)


def _axis_names(inputs: Iterable[onnx.ValueInfoProto]) -> dict[str, str]:
    """A name for each symbol in the inputs' shapes; axes that must agree share a symbol."""
    names: dict[str, str] = {}
    for at, value in enumerate(inputs):
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param:
                names.setdefault(size.dim_param, AXES[axis] if at == 0 else f"{value.name}_{AXES[axis]}")
    return names


def _json(values: Mapping[str, object]) -> str | None:
    return json.dumps(dict(values), default=str) if values else None


def _small_sizes(graph: Graph) -> list[list[FixedShape]]:
    """Two small sizes of different aspect ratio for comparing results; the declared one if no other works."""
    shapes = list(graph.inputs.values())
    while min(min(h, w) for _, h, w in shapes) >= 2 * SMALL:
        halved = [(c, h // 2, w // 2) for c, h, w in shapes]
        if any(h % 2 or w % 2 for _, h, w in shapes) or not _well_typed(graph, halved):
            break
        shapes = halved
    wider = [(c, h, 2 * w) for c, h, w in shapes]
    return [shapes, wider] if _well_typed(graph, wider) else [shapes]


def _well_typed(graph: Graph, shapes: Iterable[FixedShape]) -> bool:
    try:
        infer(replace(graph, inputs=dict(zip(graph.inputs, shapes, strict=True))))
    except SpecError:
        return False
    return True
