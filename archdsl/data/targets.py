"""What the outputs of a network are compared with: labels, edges between them, and maps beside the images.

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
"""Pixels across the edges between classes."""

Map = NDArray[np.float32]
"""A map of numbers, NaN where unknown."""


def maps_of(dataset: Dataset) -> tuple[str, ...]:
    """The names of the maps that a dataset has beside its labels."""
    return tuple(getattr(dataset, "maps", ()))


def target_maps(dataset: Dataset) -> tuple[str, ...]:
    """The maps that an output can be compared with: those of one channel."""
    images = {kind.name for kind in getattr(dataset, "kinds", ()) if kind.channels != 1}
    return tuple(name for name in maps_of(dataset) if name not in images)


def targets_of(dataset: Dataset) -> tuple[str, ...]:
    """All targets of a dataset: labels and edges, if it has classes, then its maps of one channel."""
    return (*((LABELS, EDGES) if dataset.classes else ()), *target_maps(dataset))


def no_target(dataset: Dataset, target: str, of: str, label: Label | None = None) -> Diagnostic:
    """ARCH838 for a target that a dataset lacks; `of` says what it is for."""
    headline = f"`{dataset.name}` has no target `{target}`{of}"
    help = f"targets of the data: {', '.join(targets_of(dataset))}; `maps` of the data reads further ones"
    return Diagnostic("ARCH838", headline, label, help=help)


def stack_of(dataset: Dataset) -> tuple[str, ...]:
    """The maps that the images of a dataset have as further channels."""
    return tuple(getattr(dataset, "stack", ()))


def read_maps(dataset: Dataset, graph: Graph | None) -> tuple[str, ...]:
    """The maps that a network or space reads: those stacked on the images, then its inputs behind the image.

    `graph` is None for modules that are not built by archdsl, which have one input.
    """
    return (*stack_of(dataset), *(() if graph is None else tuple(graph.inputs)[1:]))


def edge_width_of(dataset: Dataset) -> int:
    """Pixels across the edges of a dataset."""
    return int(getattr(dataset, "edge_width", EDGE_WIDTH))


def edges(mask_HW: NDArray[np.uint8], width: int = EDGE_WIDTH) -> Map:
    """1 on lines of a number of pixels between classes, else 0; NaN where unlabelled.

    A pixel is on a line if the window of width + 1 rows and columns around it has several classes; unlabelled
    pixels do not count.
    """
    unlabelled = mask_HW == IGNORE
    low = _extreme(mask_HW, width, np.minimum, IGNORE)
    high = _extreme(np.where(unlabelled, 0, mask_HW), width, np.maximum, 0)
    found: Map = (high > low).astype(np.float32)
    found[unlabelled] = np.nan
    return found


def _extreme(pixels_HW: NDArray[np.uint8], width: int, pick: np.ufunc, outside: int) -> NDArray[np.uint8]:
    """The least or largest value of the window around each pixel."""
    before = width // 2
    for axis in (0, 1):
        around = [(0, 0), (0, 0)]
        around[axis] = (before, width - before)
        wide = np.pad(pixels_HW, around, constant_values=outside)
        size = pixels_HW.shape[axis]
        pixels_HW = pick.reduce([np.take(wide, range(k, k + size), axis) for k in range(width + 1)])
    return pixels_HW
