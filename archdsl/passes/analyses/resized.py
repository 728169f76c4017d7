"""A graph with another input size."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir import Graph


def resized(graph: Graph, size: tuple[int, int]) -> Graph:
    """A copy of a space or network with input size (height, width); well-typedness at that size is not
    checked.
    """
    return replace(graph, inputs={name: (shape[0], *size) for name, shape in graph.inputs.items()})
