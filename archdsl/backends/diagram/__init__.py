"""Diagrams of networks, spaces and decisions: as DOT, SVG, PNG or PDF.

svg(graph)                                the picture of a graph, for notebooks
render(network_dot(graph), "net.png")     a file of it
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
    """The DOT text of a network's picture."""
    return to_dot(network(graph, detail))


def space_dot(graph: Graph, detail: Detail = "auto") -> Dot:
    """The DOT text of a space's picture."""
    return to_dot(space(graph, detail))


def decisions_dot(graph: Graph) -> Dot:
    """The DOT text of the tree of a space's decisions."""
    return to_dot(decisions(graph))


def svg(graph: Graph, detail: Detail = "auto") -> str:
    """The SVG element of a network's or space's picture, without an XML head."""
    text = files.picture(_drawing(graph, detail), "svg").decode("utf-8")
    return text[text.index("<svg") :]


def render(what: Graph | Drawing | Dot, path: str | Path) -> None:
    """Writes a picture to a file; the suffix (.svg, .png, .pdf, .dot) says in which form.

    Raises SpecError: ARCH860 where that form cannot be made on this machine, ARCH861 where Graphviz fails.
    """
    files.render(_drawing(what) if isinstance(what, Graph) else what, path)


def picture(dot: Dot, form: str) -> bytes:
    """A picture as the bytes of a file: svg, png, pdf or dot; raises as `render` does."""
    return files.picture(dot, form)


def _drawing(graph: Graph, detail: Detail = "auto") -> Drawing:
    return network(graph, detail) if graph.is_fixed else space(graph, detail)
