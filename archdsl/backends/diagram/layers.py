"""Layered layout from top to bottom: ranks by longest path, then ordering and placement near neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 14.0  # between blocks of a layer
LAYER_GAP = 28.0
LANE = 8.0
LONGEST_LANE = 40  # layers; a longer edge goes straight
MOST_LANES = 4_000  # beyond, shorter edges go straight as well: lanes grow with the cube of dense parts
ORDERINGS = 8
PLACINGS = 48


@dataclass(eq=False)
class Block:
    """A rectangle; `x` and `y` are its upper left corner, once it is placed.

    A block without a name is a lane: space for an edge that passes a layer.
    """

    id: str
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    above: list[Block] = field(default_factory=list, repr=False)
    below: list[Block] = field(default_factory=list, repr=False)

    @property
    def is_lane(self) -> bool:
        return not self.id

    @property
    def centre(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class Layers:
    """The result of a layout: the total size, and for each edge, by index, the lanes that it passes."""

    width: float
    height: float
    lanes: dict[int, list[Block]]


def arrange(
    blocks: Sequence[Block], edges: Sequence[tuple[Block, Block]], light: Collection[int] = ()
) -> Layers:
    """Places blocks that are connected by edges, given as pairs (tail, head).

    `light` are the indices of edges that only determine layers: they do not pull their ends towards each
    other. Edges that close a cycle are reversed.
    """
    if not blocks:
        return Layers(0, 0, {})
    downward = _without_cycles(blocks, edges)
    rank = _ranks(blocks, downward)
    layers: list[list[Block]] = [[] for _ in range(max(rank.values()) + 1)]
    for block in blocks:
        layers[rank[block]].append(block)
    lanes = _add_lanes(layers, rank, downward, light)
    _order(layers)
    _place_across(layers)
    height = _place_down(layers)
    left = min(b.x for layer in layers for b in layer)
    for layer in layers:
        for block in layer:
            block.x -= left
    width = max(b.x + b.width for layer in layers for b in layer)
    turned = {n for n, (a, b) in enumerate(edges) if downward[n] == (b, a)}
    return Layers(width, height, {n: way[::-1] if n in turned else way for n, way in lanes.items()})


def _without_cycles(
    blocks: Sequence[Block], edges: Sequence[tuple[Block, Block]]
) -> list[tuple[Block, Block]]:
    """The edges; an edge that leads back to a block that is being visited is reversed."""
    ahead: dict[Block, list[tuple[int, Block]]] = {}
    for n, (tail, head) in enumerate(edges):
        ahead.setdefault(tail, []).append((n, head))
    state: dict[Block, int] = {}  # 1 while visited, 2 afterwards
    turned: set[int] = set()
    for root in blocks:
        if root in state:
            continue
        state[root] = 1
        path = [(root, iter(ahead.get(root, ())))]
        while path:
            block, rest = path[-1]
            step = next(rest, None)
            if step is None:
                state[block] = 2
                path.pop()
            elif step[1] not in state:
                state[step[1]] = 1
                path.append((step[1], iter(ahead.get(step[1], ()))))
            elif state[step[1]] == 1:
                turned.add(step[0])
    return [(b, a) if n in turned else (a, b) for n, (a, b) in enumerate(edges)]


def _ranks(blocks: Sequence[Block], edges: Sequence[tuple[Block, Block]]) -> dict[Block, int]:
    """The layer of each block: the length of the longest path to it.

    Blocks without predecessors are directly above their first reader.
    """
    below: dict[Block, list[Block]] = {b: [] for b in blocks}
    degree = dict.fromkeys(blocks, 0)
    for tail, head in edges:
        if tail is not head:
            below[tail].append(head)
            degree[head] += 1
    rank = dict.fromkeys(blocks, 0)
    sources = [b for b in blocks if degree[b] == 0]
    ready = list(sources)
    while ready:
        block = ready.pop()
        for head in below[block]:
            rank[head] = max(rank[head], rank[block] + 1)
            degree[head] -= 1
            if degree[head] == 0:
                ready.append(head)
    for block in sources:
        rank[block] = min((rank[h] - 1 for h in below[block]), default=0)
    return rank


def _add_lanes(
    layers: list[list[Block]],
    rank: dict[Block, int],
    edges: Sequence[tuple[Block, Block]],
    light: Collection[int],
) -> dict[int, list[Block]]:
    """Splits edges at a lane in each layer that they pass."""
    lanes: dict[int, list[Block]] = {}
    longest = _longest_lane(rank[head] - rank[tail] - 1 for tail, head in edges)
    for n, (tail, head) in enumerate(edges):
        between = range(rank[tail] + 1, rank[head])
        way = [Block("", LANE, 0.0) for _ in between] if len(between) <= longest else []
        for layer, lane in zip(between, way, strict=False):
            layers[layer].append(lane)
        if way:
            lanes[n] = way
        if way or not between:
            for a, b in pairwise([tail, *way, head]):
                if a.is_lane or n not in light:
                    a.below.append(b)
                if b.is_lane or n not in light:
                    b.above.append(a)
    return lanes


def _longest_lane(lengths: Iterable[int]) -> int:
    """The maximum length of edges that get lanes, chosen so that the total number of lanes is at most
    MOST_LANES.

    `lengths` are the numbers of layers that the edges pass; longer edges are drawn without lanes.
    """
    lanes = 0
    for length in sorted(length for length in lengths if length <= LONGEST_LANE):
        lanes += max(0, length)
        if lanes > MOST_LANES:
            return length - 1
    return LONGEST_LANE


def _order(layers: list[list[Block]]) -> None:
    """Sorts each layer by the mean position of neighbours, alternately downwards and upwards."""
    place = {b: float(n) for layer in layers for n, b in enumerate(layer)}
    for sweep in range(ORDERINGS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wish = {}
            for n, block in enumerate(layer):
                near = block.above if down else block.below
                wish[block] = sum(place[b] for b in near) / len(near) if near else float(n)
            layer.sort(key=wish.__getitem__)
            place.update({b: float(n) for n, b in enumerate(layer)})


def _place_across(layers: list[list[Block]]) -> None:
    """Moves blocks as close to their neighbours as order and widths allow."""
    for layer in layers:
        at = -sum(b.width + GAP for b in layer) / 2
        for block in layer:
            block.x, at = at, at + block.width + GAP
    for sweep in range(PLACINGS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _spread(layer, [_median_centre(b) for b in layer])


def _median_centre(block: Block) -> float:
    """The position that minimizes the distance of a block from its neighbours: their median.

    Unlike the mean, the median keeps columns straight, whatever edges lie between them.
    """
    centres = sorted(b.centre for b in block.above + block.below)
    if not centres:
        return block.centre
    return max(centres[(len(centres) - 1) // 2], min(block.centre, centres[len(centres) // 2]))


def _spread(layer: list[Block], wishes: list[float]) -> None:
    """Moves blocks to the positions closest to the desired centres, by least squares, that keep their order
    and minimum distances.

    After subtracting the minimum distances, positions must not decrease: this is isotonic regression, solved
    by the pool-adjacent-violators algorithm.
    """
    offsets, at = [], 0.0
    for before, block in zip([None, *layer], layer, strict=False):
        at += 0.0 if before is None else (before.width + block.width) / 2 + GAP
        offsets.append(at)
    pools: list[list[float]] = []  # [mean, count]
    for wish, offset in zip(wishes, offsets, strict=True):
        pools.append([wish - offset, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, count = pools.pop()
            total = pools[-1][1] + count
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * count) / total, total]
    places = [mean for mean, count in pools for _ in range(int(count))]
    for block, place, offset in zip(layer, places, offsets, strict=True):
        block.x = place + offset - block.width / 2


def _place_down(layers: list[list[Block]]) -> float:
    """Stacks the layers; returns their total height."""
    y = 0.0
    for layer in layers:
        height = max(b.height for b in layer)
        for block in layer:
            if block.is_lane:
                block.height = height
            block.y = y + (height - block.height) / 2
        y += height + LAYER_GAP
    return y - LAYER_GAP
