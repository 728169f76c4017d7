"""Writes a drawing as DOT, the language of Graphviz.

Identifiers are generated, and every text is escaped by `html.escape` into an HTML-like label, so that text
from a spec cannot become markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from archdsl.backends.diagram import style
from archdsl.backends.diagram.model import Box, Cluster, Drawing, Edge, Kind

VALUE_WIDTH = 80  # characters
SHORT_TITLE = 9  # characters that a diamond holds

SHAPES: dict[Kind, dict[str, str]] = {
    "box": {"shape": "box", "style": "filled,rounded"},
    "cell": {"shape": "box", "style": "filled,rounded", "peripheries": "2"},
    "join": {"shape": "ellipse", "style": "filled"},
    "port": {"shape": "box", "style": "filled"},
    "choice": {"shape": "box", "style": "filled", "penwidth": "1.6"},
    "mux": {"shape": "diamond", "style": "filled", "penwidth": "1.6", "margin": "0.02,0.02"},
    "table": {"shape": "box", "style": "filled", "penwidth": "1.2"},
    "ghost": {"shape": "box", "style": "dashed,rounded,filled"},
}


_EDGES: dict[str, dict[str, str]] = {
    "tensor": {},
    "size": {"style": "dashed", "color": style.FAINT},
    "below": {"style": "invis"},
}


class Dot(str):
    """DOT text with a reference to its drawing, so that it can be rendered without Graphviz."""

    drawing: Drawing


def to_dot(drawing: Drawing) -> Dot:
    """The DOT text of a drawing; deterministic."""
    import graphviz

    graph = graphviz.Digraph("archdsl")
    graph.attr(
        "graph",
        rankdir=drawing.direction,
        fontname=style.FONT,
        fontsize=str(style.CAPTION_SIZE),
        fontcolor=style.INK,
        label=_caption(drawing),
        labelloc="t",
        labeljust="l",
        nodesep="0.18",
        ranksep="0.3",
        bgcolor="white",
        pad="0.2",
    )
    graph.attr("node", fontname=style.FONT, fontsize=str(style.TITLE_SIZE), fontcolor=style.INK,
               margin="0.09,0.05", height="0.2", width="0.3")  # fmt: skip
    graph.attr("edge", fontname=style.FONT, fontsize=str(style.SMALL_SIZE), fontcolor=style.FAINT,
               color=style.LINE, arrowsize="0.6", penwidth="0.9")  # fmt: skip
    _Writer(drawing).write(graph)
    text = Dot(graph.source)
    text.drawing = drawing
    return text


class _Writer:
    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.ids = {box.id: f"b{n}" for n, box in enumerate(drawing.boxes)}
        self.clusters: dict[str | None, list[tuple[int, Cluster]]] = {}
        for n, cluster in enumerate(drawing.clusters):
            self.clusters.setdefault(cluster.parent, []).append((n, cluster))
        self.boxes: dict[str | None, list[Box]] = {}
        for box in drawing.boxes:
            self.boxes.setdefault(box.cluster, []).append(box)

    def write(self, graph: Any) -> None:
        self._inside(graph, None)
        for edge in self.drawing.edges:
            self._edge(graph, edge)

    def _inside(self, graph: Any, cluster_id: str | None) -> None:
        boxes = self.boxes.get(cluster_id, [])
        if cluster_id is not None and self.drawing.direction == "LR":
            boxes = boxes[::-1]  # Graphviz puts the last of a cluster on top
        for box in boxes:
            graph.node(self.ids[box.id], **_box(box))
        for number, cluster in self.clusters.get(cluster_id, ()):
            with graph.subgraph(name=f"cluster_{number}") as inner:
                inner.attr(**_cluster(cluster))
                self._inside(inner, cluster.id)

    def _edge(self, graph: Any, edge: Edge) -> None:
        attrs = {"label": _html([_small(edge.label)])} if edge.label else {}
        attrs |= _EDGES[edge.kind]
        graph.edge(self.ids[edge.tail], self.ids[edge.head], **attrs)


def _box(box: Box) -> dict[str, str]:
    title = f"<B>{_escaped(box.title)}</B>" if box.kind not in ("join", "ghost") else _escaped(box.title)
    shape = SHAPES[box.kind]
    if box.kind == "mux" and len(box.title) > SHORT_TITLE:
        shape = {**shape, "shape": "hexagon"}
    attrs = {
        **shape,
        "label": _table(box, title) if box.rows else _rows([title, *map(_small, box.lines)]),
        "fillcolor": style.fill(box.kind, box.level),
        "color": style.line(box.kind),
    }
    if box.kind == "port":
        attrs["fontcolor"] = style.PORT_INK
    if box.tip:
        attrs["tooltip"] = _plain(box.tip)
    return attrs


def _cluster(cluster: Cluster) -> dict[str, str]:
    return {
        "label": _html([f"<B>{_escaped(cluster.title)}</B>"]),
        "labeljust": "l",
        "fontsize": str(style.TITLE_SIZE),
        "fontcolor": style.FAINT,
        "style": "rounded,filled,dashed" if cluster.inset else "rounded,filled",
        "color": style.DECISION_LINE if cluster.inset else style.FRAME,
        "fillcolor": style.INSET_FILL if cluster.inset else style.FRAME_FILL,
        "margin": "8",
    }


def _caption(drawing: Drawing) -> str:
    """The title, a description of the contents, and the legend, stacked."""
    lines = [f"<B>{_escaped(drawing.title)}</B>", _small(drawing.caption)]
    if drawing.levels:
        swatches = "".join(_swatch(level) for level in drawing.levels)
        lines.append(f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="2"><TR>{swatches}</TR></TABLE>')
    lines += [_small(hint) for hint in drawing.hints]
    rows = "".join(f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in lines)
    return _as_table(rows, 'CELLSPACING="1" CELLPADDING="1"')


def _swatch(level: int) -> str:
    return f'<TD BGCOLOR="{style.level_fill(level)}" CELLPADDING="3">{_small(style.level_name(level))}</TD>'


def _rows(lines: list[str]) -> str:
    """The lines as an HTML-like table with one row per line, since Graphviz puts lines of small text in one
    cell too close together.
    """
    if len(lines) == 1:
        return _html(lines)
    rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in lines)
    return _as_table(rows, 'CELLSPACING="0" CELLPADDING="1"')


def _table(box: Box, title: str) -> str:
    """A table of a title, rows of names and values, and small text."""
    rows = [f'<TR><TD COLSPAN="2" ALIGN="LEFT">{title}</TD></TR>']
    for name, value in box.rows:
        lines = [_small(line) for line in wrap(value, VALUE_WIDTH) or [""]]
        value = '<BR ALIGN="LEFT"/>'.join([*lines, ""])
        name = f"<B>{_small(name)}</B>"
        rows.append(f'<TR><TD ALIGN="RIGHT" VALIGN="TOP">{name}</TD><TD ALIGN="LEFT">{value}</TD></TR>')
    rows += [f'<TR><TD COLSPAN="2" ALIGN="RIGHT">{_small(line)}</TD></TR>' for line in box.lines]
    return _as_table("".join(rows), 'CELLSPACING="1" CELLPADDING="2"')


def _as_table(rows: str, attrs: str) -> str:
    return f'<<TABLE BORDER="0" CELLBORDER="0" {attrs} COLOR="{style.LINE}">{rows}</TABLE>>'


def _html(lines: Iterable[str]) -> str:
    return f"<{'<BR/>'.join(lines)}>"


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="{style.SMALL_SIZE}">{_escaped(text)}</FONT>'


def _escaped(text: str) -> str:
    return html.escape(printable(text)) or " "


def _plain(text: str) -> str:
    """Escapes text for attributes other than labels, where entities and backslashes are interpreted."""
    return _escaped(text).replace("\\", "\\\\")


def printable(text: str) -> str:
    """A text without characters that cannot be displayed."""
    return "".join(c if c.isprintable() else "�" for c in text)
