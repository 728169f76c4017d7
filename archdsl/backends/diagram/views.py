"""Draws networks and spaces: chooses the level of detail, and the insets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from archdsl.backends.diagram import labels, paths, picture
from archdsl.backends.diagram.atoms import atoms
from archdsl.backends.diagram.model import Box, Drawing, Edge
from archdsl.backends.diagram.numbers import amount, counted, plural
from archdsl.backends.diagram.outline import Group, View, outline, view
from archdsl.backends.diagram.picture import Part, Scene
from archdsl.backends.diagram.sizes import sizes
from archdsl.ir.graph import Graph
from archdsl.passes.costs.cost import costs, total

Detail = Literal["auto", "cell", "op", "primitive"]

FEW_PRIMITIVES = 24  # every node in one picture
FEW_ATOMS = 90  # every op in one picture
FEW_BOXES = 48  # beyond these, groups are closed, and the inside of each kind of group is drawn apart
FEW_INSIDE = 24
MOST_BOXES = 2_000
MOST_INSETS = 16
INSET_BOXES = 300


def network(graph: Graph, detail: Detail = "auto") -> Drawing:
    """The diagram of a network: its ops, in frames for their cells and stages.

    By default, the level of detail depends on the size of the network: `primitive` shows every node, `op` a
    box per op, `cell` a box per cell and one cell of each kind as an inset.
    """
    scene = _scene(graph, detail)
    cost = total(costs(graph, scene.shapes).values())  # type: ignore[arg-type]
    figures = [f"{amount(cost.params)} parameters", f"{amount(cost.macs)} multiply-adds"]
    origin = [f"from {graph.origin}"] if graph.origin else []
    return _drawing(scene, " · ".join([*origin, *figures]), detail)


def space(graph: Graph, detail: Detail = "auto") -> Drawing:
    """The diagram of a space: like that of a network, with its decisions."""
    caption = f"{plural(len(graph.decisions), 'decision')} · {' · '.join(counted(graph))}"
    return _drawing(_scene(graph, detail), caption, detail)


def _scene(graph: Graph, detail: Detail) -> Scene:
    few = detail == "auto" and graph.is_fixed and len(graph.nodes) <= FEW_PRIMITIVES
    split = detail == "primitive" or few
    return Scene(graph, atoms(graph, split=split), sizes(graph))


def _drawing(scene: Scene, caption: str, detail: Detail) -> Drawing:
    count = len(scene.atoms.all)
    everything = detail in ("op", "primitive") or (detail == "auto" and count <= FEW_ATOMS)
    seen = view(outline(scene.graph, scene.atoms), min(count, MOST_BOXES) if everything else FEW_BOXES)
    insets, hidden = _as_many_as_fit(_insets(scene, seen))
    parts = [picture.whole(scene, seen), *insets]
    boxes = tuple(b for p in parts for b in p.boxes)
    edges = tuple(e for p in parts for e in p.edges) + stacked(parts)
    hints = _hints(boxes, edges, hidden)
    levels = {b.level for b in boxes if b.level is not None and b.kind in ("box", "cell", "join")}
    clusters = tuple(c for p in parts for c in p.clusters)
    return Drawing(scene.graph.name, caption, boxes, clusters, edges, tuple(sorted(levels)), hints)


def _hints(boxes: tuple[Box, ...], edges: tuple[Edge, ...], hidden: bool) -> tuple[str, ...]:
    kinds = {b.kind for b in boxes}
    return tuple(
        text
        for text, shown in (
            ("amber: decided", bool(kinds & {"choice", "mux"})),
            ("double outline: contents shown in a separate diagram", "cell" in kinds),
            ("dashed arrow: only the size is read", any(e.kind == "size" for e in edges)),
            ("further kinds of cells are not shown", hidden),
        )
        if shown
    )


def _insets(scene: Scene, seen: View) -> Iterator[Part]:
    """Yields the contents of collapsed groups, one of each kind."""
    kinds: dict[object, list[Group]] = {}
    for group in seen.closed.values():
        kinds.setdefault(_kind(scene, group), []).append(group)
    for groups in kinds.values():
        group = max(groups, key=lambda g: len(g.all_atoms()))
        inner = view(group, FEW_INSIDE)
        yield picture.inside(scene, group, inner, _title(group, groups))
        yield from _insets(scene, inner)


def _as_many_as_fit(insets: Iterator[Part]) -> tuple[list[Part], bool]:
    """The first insets that fit, and whether there are more."""
    found: list[Part] = []
    room = INSET_BOXES
    for inset in insets:
        room -= len(inset.boxes)
        if room < 0 or len(found) == MOST_INSETS:
            return found, True
        found.append(inset)
    return found, False


def _kind(scene: Scene, group: Group) -> object:
    """The key by which equal groups are drawn once: in a space the family, in a network also all ops."""
    name = paths.family(group.path)
    if not scene.graph.is_fixed:
        return name
    members = map(scene.atoms.all.__getitem__, group.all_atoms())
    return name, tuple((paths.within(a.path, group.path), labels.op_title(scene.graph, a)) for a in members)


def _title(group: Group, groups: list[Group]) -> str:
    others = f" and {len(groups) - 1} more" if len(groups) > 1 else ""
    return f"inside {group.path}{others}"


def stacked(parts: list[Part]) -> tuple[Edge, ...]:
    """Invisible edges that stack insets in columns about as high as the first part."""
    highest = height(parts[0])
    edges: list[Edge] = []
    filled = 0
    for above, inset in pairwise(parts):
        rows = height(inset)
        if above is not parts[0] and filled + rows <= highest:
            edges.append(Edge(above.boxes[-1].id, inset.boxes[0].id, kind="below"))
            filled += rows
        else:
            filled = rows
    return tuple(edges)


def height(part: Part) -> int:
    """The number of rows of boxes in a part: its longest path."""
    ahead: dict[str, list[str]] = {}
    degree = dict.fromkeys((b.id for b in part.boxes), 0)
    for edge in part.edges:
        ahead.setdefault(edge.tail, []).append(edge.head)
        degree[edge.head] += 1
    row = dict.fromkeys(degree, 1)
    ready = [b for b, n in degree.items() if n == 0]
    while ready:
        box = ready.pop()
        for head in ahead.get(box, ()):
            row[head] = max(row[head], row[box] + 1)
            degree[head] -= 1
            if degree[head] == 0:
                ready.append(head)
    return max(row.values(), default=0)
