"""Writes a drawing as SVG, without Graphviz.

All text is escaped and there are no scripts, links or foreign objects, so a picture of an untrusted spec can
be opened safely.
"""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.backends.diagram import measure, style
from archdsl.backends.diagram.layout import Layout, Point, Rect, lay_out
from archdsl.backends.diagram.measure import LEADING, SMALL_SIZE, TITLE_SIZE
from archdsl.backends.diagram.model import Box, Cluster, Drawing, Edge
from archdsl.render.svg import escaped, number, polygon, rect, text

MARGIN = 16.0


def to_svg(drawing: Drawing) -> str:
    """The SVG text of a drawing; deterministic."""
    layout = lay_out(drawing)
    legend = list(_legend(drawing))
    top = MARGIN + LEADING * (TITLE_SIZE + 2 + SMALL_SIZE * (len(drawing.hints) + 1)) + 26
    width = max(layout.width, 260.0) + 2 * MARGIN
    height = layout.height + top + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
            f'viewBox="0 0 {number(width)} {number(height)}" font-family="{style.FONT}" fill="{style.INK}">',
            f"<title>{escaped(drawing.title)}</title>",
            _ARROW,
            f'<rect width="{number(width)}" height="{number(height)}" fill="white"/>',
            *legend,
            f'<g transform="translate({number(MARGIN)} {number(top)})">',
            *_body(drawing, layout),
            "</g>",
            "</svg>",
            "",
        ]
    )


_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{style.LINE}"/></marker></defs>'
)


def _legend(drawing: Drawing) -> Iterator[str]:
    y = MARGIN + TITLE_SIZE
    yield _text(MARGIN, y, drawing.title, TITLE_SIZE + 2, bold=True)
    y += LEADING * SMALL_SIZE + 2
    yield _text(MARGIN, y, drawing.caption, SMALL_SIZE)
    x = MARGIN
    for level in drawing.levels:
        name = style.level_name(level)
        wide = measure.text_width(name, SMALL_SIZE) + 12
        yield _rect(Rect(x, y + 6, wide, 16), fill=style.level_fill(level), stroke=style.LINE)
        yield _text(x + wide / 2, y + 18, name, SMALL_SIZE, anchor="middle")
        x += wide + 3
    y += 22
    for hint in drawing.hints:
        y += LEADING * SMALL_SIZE
        yield _text(MARGIN, y, hint, SMALL_SIZE)


def _body(drawing: Drawing, layout: Layout) -> Iterator[str]:
    for cluster in drawing.clusters:
        yield from _cluster(cluster, layout.clusters[cluster.id])
    for n, edge in enumerate(drawing.edges):
        if edge.kind != "below":
            yield from _edge(edge, layout.edges[n], drawing.direction == "LR")
    for box in drawing.boxes:
        yield "<g>" + (f"<title>{escaped(box.tip)}</title>" if box.tip else "")
        yield from _outline(box, layout.boxes[box.id])
        yield from _content(box, layout.boxes[box.id])
        yield "</g>"


def _cluster(cluster: Cluster, at: Rect) -> Iterator[str]:
    fill = style.INSET_FILL if cluster.inset else style.FRAME_FILL
    stroke = style.DECISION_LINE if cluster.inset else style.FRAME
    yield _rect(at, fill=fill, stroke=stroke, radius=8, dashed=cluster.inset)
    yield _text(at.x + 8, at.y + 14, cluster.title, SMALL_SIZE, bold=True, colour=style.FAINT)


def _edge(edge: Edge, points: tuple[Point, ...], sideways: bool) -> Iterator[str]:
    (x, y), *rest = points
    path = [f"M{number(x)} {number(y)}"]
    for at, (x2, y2) in zip(points, rest, strict=False):
        x, y = at
        if sideways:
            middle = (x + x2) / 2
            path.append(
                f"C{number(middle)} {number(y)} {number(middle)} {number(y2)} {number(x2)} {number(y2)}"
            )
        else:
            middle = (y + y2) / 2
            path.append(
                f"C{number(x)} {number(middle)} {number(x2)} {number(middle)} {number(x2)} {number(y2)}"
            )
    dash = ' stroke-dasharray="4 3"' if edge.kind == "size" else ""
    yield (
        f'<path d="{"".join(path)}" fill="none" stroke="{style.LINE}" stroke-width="1.1"{dash} '
        'marker-end="url(#arrow)"/>'
    )
    if edge.label:
        (x1, y1), (x2, y2) = points[-2:]
        yield _text(
            (2 * x1 + x2) / 3 + 3, (3 * y1 + 2 * y2) / 5, edge.label, SMALL_SIZE - 1, colour=style.FAINT
        )


def _outline(box: Box, at: Rect) -> Iterator[str]:
    fill, stroke = style.fill(box.kind, box.level), style.line(box.kind)
    if box.kind == "mux":
        corners = _diamond(at) if len(box.title) < 10 else _hexagon(at)
        yield polygon(corners, fill, f'stroke="{stroke}" stroke-width="1.8"')
    elif box.kind == "join":
        rx, ry = at.width / 2, at.height / 2
        centre = f'cx="{number(at.x + rx)}" cy="{number(at.y + ry)}"'
        yield f'<ellipse {centre} rx="{number(rx)}" ry="{number(ry)}" fill="{fill}" stroke="{stroke}"/>'
    elif box.kind == "cell":
        yield _rect(at, fill="white", stroke=stroke, radius=8)
        yield _rect(Rect(at.x + 3, at.y + 3, at.width - 6, at.height - 6), fill=fill, stroke=stroke, radius=6)
    elif box.kind in ("choice", "table"):
        yield _rect(at, fill=fill, stroke=stroke, wide=1.8)
    else:
        radius = 0 if box.kind == "port" else 7
        yield _rect(at, fill=fill, stroke=stroke, radius=radius, dashed=box.kind == "ghost")


def _diamond(at: Rect) -> list[Point]:
    x, y = at.x + at.width / 2, at.y + at.height / 2
    return [(x, at.y), (at.x + at.width, y), (x, at.y + at.height), (at.x, y)]


def _hexagon(at: Rect) -> list[Point]:
    left, right, top, bottom = at.x, at.x + at.width, at.y, at.y + at.height
    upper, lower = [(left + 10, top), (right - 10, top)], [(right - 10, bottom), (left + 10, bottom)]
    return [*upper, (right, (top + bottom) / 2), *lower, (left, (top + bottom) / 2)]


def _content(box: Box, at: Rect) -> Iterator[str]:
    if box.rows:
        yield from _table(box, at)
        return
    colour = style.PORT_INK if box.kind == "port" else style.INK
    x = at.x + at.width / 2
    high = LEADING * (TITLE_SIZE + SMALL_SIZE * len(box.lines))
    y = at.y + (at.height - high) / 2 + TITLE_SIZE
    bold = box.kind not in ("join", "ghost")
    yield _text(x, y, box.title, TITLE_SIZE, bold=bold, colour=colour, anchor="middle")
    for line in box.lines:
        y += LEADING * SMALL_SIZE + 0.5
        yield _text(x, y, line, SMALL_SIZE, colour=colour, anchor="middle")


def _table(box: Box, at: Rect) -> Iterator[str]:
    left, y = at.x + 8, at.y + 4 + TITLE_SIZE
    yield _text(left, y, box.title, TITLE_SIZE, bold=True)
    first = left + measure.name_column(box)
    for name, lines in measure.table_rows(box):
        yield _text(first, y + LEADING * SMALL_SIZE, name, SMALL_SIZE, bold=True, anchor="end")
        for line in lines:
            y += LEADING * SMALL_SIZE
            yield _text(first + measure.COLUMN_GAP, y, line, SMALL_SIZE)
    for line in box.lines:
        y += LEADING * SMALL_SIZE
        yield _text(at.x + at.width - 8, y, line, SMALL_SIZE, anchor="end", colour=style.FAINT)


def _rect(
    at: Rect, *, fill: str, stroke: str, radius: float = 0, dashed: bool = False, wide: float = 1.0
) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    look = f'rx="{number(radius)}" stroke="{stroke}" stroke-width="{number(wide)}"{dash}'
    return rect(at.x, at.y, at.width, at.height, fill, look)


def _text(
    x: float, y: float, words: str, size: float, *, bold: bool = False, colour: str = style.INK,
    anchor: str = "start",
) -> str:  # fmt: skip
    return text(x, y, words, anchor=anchor, colour=colour, size=size, strong=bold)
