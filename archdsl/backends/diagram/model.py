"""What a diagram consists of, before anybody decides where things stand on the page.

The DOT writer and the built-in SVG writer both draw a `Drawing`.  All text in it is plain: writers escape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["box", "cell", "join", "port", "choice", "mux", "table", "ghost"]
"""What a box stands for: an op; a cell drawn elsewhere; a sum or concatenation; an input or output; ops to
choose from; tensors to pick from; a table of decisions; something that is drawn elsewhere."""

Direction = Literal["TB", "LR"]


@dataclass(frozen=True)
class Box:
    """A thing in the picture.

    `title` stands out, `lines` are small print below it.  `level` is the resolution, as log2 of the image's
    size over the size here (None: it differs or is not known); it chooses the fill.  `tip` is for the mouse,
    `rows` are for a table: a name, and what stands for it.
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
    """A frame around boxes and other clusters; an `inset` shows the inside of something drawn elsewhere."""

    id: str
    title: str
    parent: str | None = None
    inset: bool = False


@dataclass(frozen=True)
class Edge:
    """A tensor on its way, or (`size`) one of which only the size is read, or (`below`) no tensor at all:
    its head stands somewhere below its tail."""

    tail: str
    head: str
    label: str = ""
    kind: Literal["tensor", "size", "below"] = "tensor"


@dataclass(frozen=True)
class Drawing:
    """A diagram with its `caption`; `levels` and `hints` are explained in its legend."""

    title: str
    caption: str
    boxes: tuple[Box, ...]
    clusters: tuple[Cluster, ...]
    edges: tuple[Edge, ...]
    levels: tuple[int, ...] = ()
    hints: tuple[str, ...] = ()
    direction: Direction = "TB"
