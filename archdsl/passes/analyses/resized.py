"""The same graph for images of another size, as the modules made from it run at any that fits."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir import Graph


def resized(graph: Graph, size: tuple[int, int]) -> Graph:
    """A space or network whose inputs have a size (height, width); nodes and their settings stay.

    Whether it is well-typed at that size is not looked at.
    """
    return replace(graph, inputs={name: (shape[0], *size) for name, shape in graph.inputs.items()})
