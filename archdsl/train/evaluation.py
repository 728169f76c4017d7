"""Runs a network on images of any size: inputs, padding, and outputs at the resolution of the labels.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.batches import whole
from archdsl.data.dataset import Dataset
from archdsl.data.targets import read_maps
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph
from archdsl.passes.analyses.shapes import infer, resized, sizes_from
from archdsl.runs.processes import Processes

Size = tuple[int, int]


def at_size(logits_BKHW: torch.Tensor, size: Size) -> torch.Tensor:
    """Resizes logits to the size of the labels, bilinearly (align_corners=False), in float32."""
    if tuple(logits_BKHW.shape[-2:]) == tuple(size):
        return logits_BKHW
    return F.interpolate(logits_BKHW.float(), size=size, mode="bilinear", align_corners=False)


def fitting(module: nn.Module, size: Size, channels: int = 3) -> Size | None:
    """An input size (height, width) that a network supports, at least `size`; None if none was found.

    Tries the size itself, then the next multiples of 8, 16, 32, 64 and 128: by shape inference for networks
    that archdsl compiled, otherwise by running the module on torch's meta device with `channels` input
    channels.
    """
    graph = graph_of(module)
    if graph is not None and graph.is_fixed:
        supports = partial(_is_well_typed, graph)
    else:
        supports = partial(_runs, _without_numbers(module), channels)
    return next((one for one in sizes_from(size) if supports(one)), None)


def padded(images_B3HW: torch.Tensor, size: Size) -> torch.Tensor:
    """Pads images at the bottom and right to a size (height, width), with zeros, the mean colour."""
    height, width = images_B3HW.shape[-2:]
    return F.pad(images_B3HW, (0, size[1] - width, 0, size[0] - height))


def logits_of(module: nn.Module, images_B3HW: torch.Tensor, fit: Size) -> torch.Tensor:
    """The logits of the main output at the size of the images; the network runs on images padded to `fit`."""
    return _cut(module(*inputs_of(module, padded(images_B3HW, fit))), images_B3HW, fit)


def inputs_of(module: nn.Module, images_BCHW: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Splits images with maps as further channels into the inputs of a network or supernet.

    The inputs are the image and one tensor for each further input of the network.
    """
    return inputs_from(graph_of(module), images_BCHW)


def inputs_from(graph: Graph | None, images_BCHW: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The inputs as `inputs_of` returns them, for a network with this graph; None stands for one input."""
    if graph is None or len(graph.inputs) == 1:
        return (images_BCHW,)
    _, *further = (channels for channels, *_ in graph.inputs.values())
    return torch.split(images_BCHW, [images_BCHW.shape[1] - sum(further), *further], 1)


def reading(images_BCHW: torch.Tensor, maps: Mapping[str, int], wanted: Sequence[str]) -> torch.Tensor:
    """Selects channels: those of the images, followed by those of the maps `wanted`, in this order.

    `images_BCHW` has the channels of the images, followed by those of all `maps` (name: number of channels).
    """
    if tuple(maps) == tuple(wanted):
        return images_BCHW
    colours = images_BCHW.shape[1] - sum(maps.values())
    image_BCHW, *layers = torch.split(images_BCHW, [colours, *maps.values()], 1)
    by_name = dict(zip(maps, layers, strict=True))
    return torch.cat([image_BCHW, *(by_name[name] for name in wanted)], 1)


def graph_of(module: nn.Module) -> Graph | None:
    """The graph of a network or supernet; None for modules that are not built by archdsl."""
    found: Graph | None = getattr(module, "archdsl_graph", None)
    return found


def outputs_of(
    module: nn.Module, images_B3HW: torch.Tensor, fit: Size, outputs: Sequence[str]
) -> dict[str, torch.Tensor]:
    """The outputs `outputs` of a network by name, at the size of the images, which are padded to `fit`."""
    inputs = inputs_of(module, padded(images_B3HW, fit))
    found = cast(CompiledNetwork, module).forward_all(*inputs)
    return {name: _cut(found[name], images_B3HW, fit) for name in outputs}


def _cut(output_BCHW: torch.Tensor, images_B3HW: torch.Tensor, fit: Size) -> torch.Tensor:
    height, width = images_B3HW.shape[-2:]
    return at_size(output_BCHW, fit)[..., :height, :width]


def seen_outputs(
    module: nn.Module, dataset: Dataset, processes: Processes, outputs: Sequence[str],
    targets: Collection[str] = (), size: Size | None = None,
) -> Iterator[tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]:  # fmt: skip
    """Runs a module on a dataset; yields, for each image, outputs by name and targets by name.

    Each of several processes runs on a part of the images. Outputs are at the resolution of the labels; the
    name "" stands for the main output, which any module has. Images are resized to `size`, if set, and padded
    if needed. Raises SpecError for invalid files, and for unsupported sizes (ARCH918).
    """
    fits: dict[Size, Size] = {}
    for i in range(processes.rank, len(dataset), processes.world):
        batch = whole(dataset, i, size, targets, read_maps(dataset, graph_of(module)))
        images_B3HW = batch.images_B3HW.to(processes.device)
        here = (images_B3HW.shape[-2], images_B3HW.shape[-1])
        if here not in fits:
            fits[here] = demand_fitting(module, here, images_B3HW.shape[1])
        if len(outputs) == 1 and _is_main(module, outputs[0]):
            found = {outputs[0]: logits_of(module, images_B3HW, fits[here])}
        else:
            found = outputs_of(module, images_B3HW, fits[here], outputs)
        sized = {name: at_size(output_BCHW, _size(batch.masks_BHW)) for name, output_BCHW in found.items()}
        yield sized, batch.targets(processes.device)


def demand_fitting(module: nn.Module, size: Size, channels: int = 3) -> Size:
    """The size that `fitting` returns. Raises SpecError (ARCH918) if the network supports none."""
    fit = fitting(module, size, channels)
    if fit is None:
        headline = f"the network does not support images of {size[0]}×{size[1]}, even padded"
        why = None if graph_of(module) is not None else _problem(_without_numbers(module), channels, size)
        raise SpecError([Diagnostic("ARCH918", headline, help=why)])
    return fit


def _is_main(module: nn.Module, output: str) -> bool:
    return not output or output == next(iter(cast(CompiledNetwork, module).archdsl_graph.outputs))


def _size(masks_BHW: torch.Tensor) -> Size:
    return masks_BHW.shape[-2], masks_BHW.shape[-1]


def _without_numbers(module: nn.Module) -> nn.Module:
    import copy

    memo = {id(p): nn.Parameter(p.detach().to("meta"), False) for p in module.parameters()}
    memo |= {id(b): b.detach().to("meta") for b in module.buffers()}  # type: ignore[misc]
    return copy.deepcopy(module, memo).eval()


def _is_well_typed(graph: Graph, size: Size) -> bool:
    try:
        infer(resized(graph, size))
    except SpecError:
        return False
    return True


def _runs(empty: nn.Module, channels: int, size: Size) -> bool:
    return _problem(empty, channels, size) is None


def _problem(empty: nn.Module, channels: int, size: Size) -> str | None:
    """Why a module without numbers does not map images of a size to logits; None if it does."""
    try:
        graph = graph_of(empty)
        wanted = [channels] if graph is None else [shape[0] for shape in graph.inputs.values()]
        found = empty(*(torch.empty(1, n, *size, device="meta") for n in wanted))
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    if isinstance(found, torch.Tensor) and found.dim() == 4:
        return None
    kind = type(found).__name__
    if isinstance(found, torch.Tensor):
        kind = f"a tensor of {found.dim()} dimensions"
    return f"the module must return logits, N × classes × H × W, not {kind}"
