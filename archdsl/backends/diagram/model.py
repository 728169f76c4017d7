"""The contents of a diagram, before layout.

The DOT writer and the built-in SVG writer both take a `Drawing`. All text in it is plain; the writers escape
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["box", "cell", "join", "port", "choice", "mux", "table", "ghost"]
"""The kind of a box: an op; a cell that is drawn elsewhere; a sum or concatenation; an input or output; ops
to choose from; tensors to select from; a table of decisions; a reference to an element that is drawn
elsewhere.
"""

Direction = Literal["TB", "LR"]


@dataclass(frozen=True)
class Box:
    """A box of a diagram.

    `title` is prominent, `lines` are small text below it. `level` is the resolution, as log2 of the ratio of
    the image size to the size at the box (None: varying or unknown), and selects the fill colour. `tip` is
    the tooltip; `rows` are the names and values of a table.
    """

    id: str
    title: str
    lines: tuple[str, ...] = ()
    kind: Kind = "box"
    level: int | None = None
    cluster: str | None = None
    tip: str = ""
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cluster:
    """A frame around boxes and other frames; an `inset` shows the contents of an element drawn elsewhere."""

    id: str
    title: str
    parent: str | None = None
    inset: bool = False


@dataclass(frozen=True)
class Edge:
    """An edge: a tensor, a tensor of which only the size is read (`size`), or no tensor (`below`).

    An edge with `below` is invisible, and places its head below its tail.
    """

    tail: str
    head: str
    label: str = ""
    kind: Literal["tensor", "size", "below"] = "tensor"


@dataclass(frozen=True)
class Drawing:
    """A diagram with its `caption`; the legend explains `levels` and `hints`."""

    title: str
    caption: str
    boxes: tuple[Box, ...]
    clusters: tuple[Cluster, ...]
    edges: tuple[Edge, ...]
    levels: tuple[int, ...] = ()
    hints: tuple[str, ...] = ()
    direction: Direction = "TB"
