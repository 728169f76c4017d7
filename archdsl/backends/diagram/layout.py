"""Computes the positions of all elements of a drawing, without Graphviz.

Every frame is laid out separately and then treated as one block among its neighbours, so that frames never
overlap. Unconnected parts are placed side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archdsl.backends.diagram.layers import Block, arrange
from archdsl.backends.diagram.measure import SMALL_SIZE, box_size, text_width
from archdsl.backends.diagram.model import Drawing, Edge

PADDING = 10.0
HEADING = 16.0
PART_GAP = 40.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    x: float
    y: float
    width: float
    height: float

    def turned(self) -> Rect:
        return Rect(self.y, self.x, self.height, self.width)


@dataclass(frozen=True)
class Layout:
    """Rectangles of boxes and frames by id, and the points of each edge, by index, from tail to head."""

    boxes: dict[str, Rect]
    clusters: dict[str, Rect]
    edges: dict[int, tuple[Point, ...]]
    width: float
    height: float


def lay_out(drawing: Drawing) -> Layout:
    """The positions of all elements of a drawing, in layers along its direction."""
    layout = _Layouter(drawing).layout()
    if drawing.direction == "TB":
        return layout
    return Layout(
        {k: r.turned() for k, r in layout.boxes.items()},
        {k: r.turned() for k, r in layout.clusters.items()},
        {n: tuple((y, x) for x, y in points) for n, points in layout.edges.items()},
        layout.height,
        layout.width,
    )


@dataclass(frozen=True)
class _Plan:
    """Placed blocks, and the points that edges pass."""

    blocks: Sequence[Block]
    lanes: dict[int, list[Block]]
    width: float
    height: float


class _Layouter:
    """Lays out from top to bottom; for the other direction, sizes and positions are transposed."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.turned = drawing.direction == "LR"
        self.clusters = {c.id: c for c in drawing.clusters}
        self.frame = {b.id: b.cluster for b in drawing.boxes}
        self.plans: dict[str, _Plan] = {}
        self.meeting: dict[str | None, list[tuple[int, str, str]]] = {}
        for n, edge in enumerate(drawing.edges):
            where, tail, head = self._meet(edge)
            if tail != head:
                self.meeting.setdefault(where, []).append((n, tail, head))
        self.found = Layout({}, {}, {}, 0, 0)
        self.ways: dict[int, list[Point]] = {}

    def layout(self) -> Layout:
        plan = self._plan(None)
        self._settle(plan, 0, 0)
        boxes = self.found.boxes
        edges: dict[int, tuple[Point, ...]] = {}
        for n, edge in enumerate(self.drawing.edges):
            tail, head = boxes[edge.tail], boxes[edge.head]
            start = (tail.x + tail.width / 2, tail.y + tail.height)
            edges[n] = (start, *self.ways.get(n, ()), (head.x + head.width / 2, head.y))
        return Layout(boxes, self.found.clusters, edges, plan.width, plan.height)

    def _frames(self, box: str) -> list[str]:
        """The frames that contain a box, outermost first."""
        chain, at = [], self.frame[box]
        while at is not None:
            chain.append(at)
            at = self.clusters[at].parent
        return chain[::-1]

    def _meet(self, edge: Edge) -> tuple[str | None, str, str]:
        """The innermost frame that contains both ends of an edge (None: the page), and the blocks of that
        frame that contain the tail and the head.
        """
        a = [*map(_frame_block, self._frames(edge.tail)), edge.tail]
        b = [*map(_frame_block, self._frames(edge.head)), edge.head]
        n = 0
        while n < min(len(a), len(b)) - 1 and a[n] == b[n]:
            n += 1
        return (a[n - 1][len(_FRAME) :] if n else None), a[n], b[n]

    def _plan(self, frame: str | None) -> _Plan:
        blocks = {}
        for box in self.drawing.boxes:
            if box.cluster == frame:
                width, height = box_size(box)
                blocks[box.id] = Block(box.id, *((height, width) if self.turned else (width, height)))
        for cluster in self.drawing.clusters:
            if cluster.parent == frame:
                block = self._framed(cluster.id)
                blocks[block.id] = block
        numbers, edges = [], []
        for n, tail, head in self.meeting.get(frame, ()):
            numbers.append(n)
            edges.append((blocks[tail], blocks[head]))
        light = {n for n, edge in enumerate(self.drawing.edges) if edge.kind == "size"}
        return _side_by_side(list(blocks.values()), numbers, edges, light)

    def _framed(self, cluster: str) -> Block:
        """A frame as a block that contains its contents, padding, and heading."""
        plan = self.plans[cluster] = self._plan(cluster)
        title = text_width(self.clusters[cluster].title, SMALL_SIZE, bold=True)
        across, down = plan.width, plan.height
        if self.turned:
            across, down = across + HEADING, max(down, title)
        else:
            across, down = max(across, title), down + HEADING
        return Block(_frame_block(cluster), across + 2 * PADDING, down + 2 * PADDING)

    def _settle(self, plan: _Plan, x: float, y: float) -> None:
        """Stores the positions of all blocks, frames and edges of a plan whose upper left corner is at (x, y)
        of the page; nested frames recursively.
        """
        for block in plan.blocks:
            here = Rect(x + block.x, y + block.y, block.width, block.height)
            if not block.id.startswith(_FRAME):
                self.found.boxes[block.id] = here
                continue
            cluster = block.id[len(_FRAME) :]
            self.found.clusters[cluster] = here
            inner = self.plans[cluster]
            down, across = (PADDING, PADDING + HEADING) if self.turned else (PADDING + HEADING, PADDING)
            if not self.turned:
                across = (here.width - inner.width) / 2
            self._settle(inner, here.x + across, here.y + down)
        for n, lanes in plan.lanes.items():
            ends = [((x + b.centre, y + b.y), (x + b.centre, y + b.y + b.height)) for b in lanes]
            self.ways[n] = [point for pair in ends for point in pair]


_FRAME = "frame\n"  # no box begins like this: the writers' ids are made of printable text


def _frame_block(cluster: str) -> str:
    return _FRAME + cluster


def _side_by_side(
    blocks: list[Block], numbers: list[int], edges: list[tuple[Block, Block]], light: set[int]
) -> _Plan:
    """Lays out each connected component, and places them side by side."""
    x = height = 0.0
    lanes: dict[int, list[Block]] = {}
    for part in _parts(blocks, edges):
        own = [n for n, (tail, _) in enumerate(edges) if tail in part]
        lights = {k for k, n in enumerate(own) if numbers[n] in light}
        arranged = arrange([b for b in blocks if b in part], [edges[n] for n in own], lights)
        for block in [*part, *(b for way in arranged.lanes.values() for b in way)]:
            block.x += x
        lanes |= {numbers[own[n]]: way for n, way in arranged.lanes.items()}
        x += arranged.width + PART_GAP
        height = max(height, arranged.height)
    return _Plan(blocks, lanes, max(0.0, x - PART_GAP), height)


def _parts(blocks: list[Block], edges: list[tuple[Block, Block]]) -> list[set[Block]]:
    """Connected components, in the order of their first blocks."""
    near: dict[Block, list[Block]] = {b: [] for b in blocks}
    for tail, head in edges:
        near[tail].append(head)
        near[head].append(tail)
    parts: list[set[Block]] = []
    seen: set[Block] = set()
    for block in blocks:
        if block in seen:
            continue
        part, ahead = {block}, [block]
        while ahead:
            for other in near[ahead.pop()]:
                if other not in part:
                    part.add(other)
                    ahead.append(other)
        seen |= part
        parts.append(part)
    return parts
