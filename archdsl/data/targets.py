"""The targets that outputs of a network are compared with: labels, edges between classes, and maps.

Shapes: H × W pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import IGNORE, Dataset
from archdsl.diagnostics import Diagnostic, Label
from archdsl.ir import Graph

LABELS, EDGES = "labels", "edges"

EDGE_WIDTH = 2
"""The default width of edges between classes, in pixels."""

Map = NDArray[np.float32]
"""A map of one channel, H × W, NaN where unknown."""


def maps_of(dataset: Dataset) -> tuple[str, ...]:
    """The names of the maps of a dataset."""
    return tuple(getattr(dataset, "maps", ()))


def target_maps(dataset: Dataset) -> tuple[str, ...]:
    """The names of the maps that an output can be compared with, which have one channel."""
    images = {kind.name for kind in getattr(dataset, "kinds", ()) if kind.channels != 1}
    return tuple(name for name in maps_of(dataset) if name not in images)


def targets_of(dataset: Dataset) -> tuple[str, ...]:
    """The names of all targets of a dataset: labels and edges if it has classes, then maps of one channel."""
    return (*((LABELS, EDGES) if dataset.classes else ()), *target_maps(dataset))


def no_target(dataset: Dataset, target: str, of: str, label: Label | None = None) -> Diagnostic:
    """The diagnostic ARCH838 for a target that a dataset lacks; `of` is appended to the headline."""
    headline = f"`{dataset.name}` has no target `{target}`{of}"
    help = f"targets of the data: {', '.join(targets_of(dataset))}; `maps` of the data reads further ones"
    return Diagnostic("ARCH838", headline, label, help=help)


def stack_of(dataset: Dataset) -> tuple[str, ...]:
    """The names of the maps that are appended to the images of a dataset as further channels."""
    return tuple(getattr(dataset, "stack", ()))


def read_maps(dataset: Dataset, graph: Graph | None) -> tuple[str, ...]:
    """The maps that a network or space reads: first those appended to the images, then further inputs.

    `graph` is None for modules that are not built by archdsl, which have one input.
    """
    return (*stack_of(dataset), *(() if graph is None else tuple(graph.inputs)[1:]))


def edge_width_of(dataset: Dataset) -> int:
    """The width of the edges of a dataset, in pixels."""
    return int(getattr(dataset, "edge_width", EDGE_WIDTH))


def edges(mask_HW: NDArray[np.uint8], width: int = EDGE_WIDTH) -> Map:
    """The edge map of class ids: 1 on edges between classes, else 0; NaN where unlabelled.

    Edges are `width` pixels wide: a pixel is on an edge if the window of (width + 1) × (width + 1) pixels
    around it contains several classes, not counting unlabelled pixels.
    """
    unlabelled = mask_HW == IGNORE
    low = _extreme(mask_HW, width, np.minimum, IGNORE)
    high = _extreme(np.where(unlabelled, 0, mask_HW), width, np.maximum, 0)
    found: Map = (high > low).astype(np.float32)
    found[unlabelled] = np.nan
    return found


def _extreme(pixels_HW: NDArray[np.uint8], width: int, pick: np.ufunc, outside: int) -> NDArray[np.uint8]:
    """The minimum or maximum (`pick`) of the window around each pixel, padded with `outside`."""
    before = width // 2
    for axis in (0, 1):
        around = [(0, 0), (0, 0)]
        around[axis] = (before, width - before)
        wide = np.pad(pixels_HW, around, constant_values=outside)
        size = pixels_HW.shape[axis]
        pixels_HW = pick.reduce([np.take(wide, range(k, k + size), axis) for k in range(width + 1)])
    return pixels_HW
