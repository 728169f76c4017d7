"""Draws networks, spaces and decisions: as DOT, SVG, PNG or PDF.

svg(graph)                                the drawing of a graph, for notebooks
render(network_dot(graph), "net.png")     a file with the drawing
"""

from __future__ import annotations

from pathlib import Path

from archdsl.backends.diagram import files
from archdsl.backends.diagram.decisions import decisions
from archdsl.backends.diagram.dot import Dot, to_dot
from archdsl.backends.diagram.model import Drawing
from archdsl.backends.diagram.views import Detail, network, space
from archdsl.ir.graph import Graph


def network_dot(graph: Graph, detail: Detail = "auto") -> Dot:
    """The DOT source of a network's diagram."""
    return to_dot(network(graph, detail))


def space_dot(graph: Graph, detail: Detail = "auto") -> Dot:
    """The DOT source of a space's diagram."""
    return to_dot(space(graph, detail))


def decisions_dot(graph: Graph) -> Dot:
    """The DOT source of the decision tree of a space."""
    return to_dot(decisions(graph))


def svg(graph: Graph, detail: Detail = "auto") -> str:
    """The SVG element of a network's or space's diagram, without an XML declaration and comments."""
    text = files.picture(_drawing(graph, detail), "svg").decode("utf-8")
    end = "</svg>\n"
    return text[text.index("<svg") : text.rindex(end) + len(end)]


def render(what: Graph | Drawing | Dot, path: str | Path) -> None:
    """Writes a diagram to a file; the suffix (.svg, .png, .pdf, .dot) selects the format.

    Raises SpecError: ARCH860 if the format is not available on this machine, ARCH861 if Graphviz fails.
    """
    files.render(_drawing(what) if isinstance(what, Graph) else what, path)


def picture(dot: Dot, form: str) -> bytes:
    """Renders a diagram to bytes in a format: svg, png, pdf or dot. Raises SpecError as `render` does."""
    return files.picture(dot, form)


def _drawing(graph: Graph, detail: Detail = "auto") -> Drawing:
    return network(graph, detail) if graph.is_fixed else space(graph, detail)
