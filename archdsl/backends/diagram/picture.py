"""Draws a view of a graph: boxes for atoms and collapsed groups, frames for expanded groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from archdsl.backends.diagram import labels, paths
from archdsl.backends.diagram.atoms import Atom, Atoms, Read
from archdsl.backends.diagram.model import Box, Cluster, Edge
from archdsl.backends.diagram.outline import Group, View
from archdsl.backends.diagram.sizes import level, shape_text
from archdsl.ir.expr import decisions_in
from archdsl.ir.graph import Graph, Mux, Node, Shape


@dataclass(frozen=True)
class Scene:
    """A graph with the information needed to draw it."""

    graph: Graph
    atoms: Atoms
    shapes: Mapping[str, Shape]


@dataclass(frozen=True)
class Part:
    """Boxes, frames and edges of a part of a drawing."""

    boxes: tuple[Box, ...]
    clusters: tuple[Cluster, ...]
    edges: tuple[Edge, ...]


def whole(scene: Scene, view: View) -> Part:
    """The whole graph, with its inputs and outputs."""
    painter = _Painter(scene, view)
    boxes, edges = painter.boxes(), painter.edges()
    for name, source in scene.graph.outputs.items():
        title = f"{name} (train)" if name in scene.graph.train_only else name
        port = Box(f"output {name}", title, (shape_text(scene.shapes[source]),), "port")
        boxes.append(port)
        edges.append(Edge(view.box_of[scene.atoms.of[source]], port.id))
    return Part(tuple(boxes), painter.frames(), tuple(edges))


def inside(scene: Scene, group: Group, view: View, title: str) -> Part:
    """The contents of a group as a separate part of the drawing.

    Tensors from outside, and readers outside, are boxes with dashed outlines.
    """
    painter = _Painter(scene, view)
    boxes, edges = painter.boxes(), painter.edges()
    sources: dict[str, Box] = {}
    for read in painter.arriving():
        tail = f"from {read.source}"
        name = labels.short(_origin(scene, read.source, group), 30)
        sources[tail] = Box(tail, name, kind="ghost", cluster=group.path)
        edges.append(painter.edge(read, tail, view.box_of[read.reader]))
    exits = [Box(f"to {box}", "out", kind="ghost", cluster=group.path) for box in painter.exits()]
    edges += [Edge(box, f"to {box}") for box in painter.exits()]
    frame = Cluster(group.path, title, inset=True)
    part = Part((*sources.values(), *boxes, *exits), (frame, *painter.frames()), tuple(dict.fromkeys(edges)))
    return _renamed(part, f"inside {group.path} ")


def _renamed(part: Part, prefix: str) -> Part:
    """A copy of a part with other ids, so that several parts fit into one drawing."""

    def new(name: str | None) -> str | None:
        return None if name is None else prefix + name

    return Part(
        tuple(replace(b, id=prefix + b.id, cluster=new(b.cluster)) for b in part.boxes),
        tuple(replace(c, id=prefix + c.id, parent=new(c.parent)) for c in part.clusters),
        tuple(replace(e, tail=prefix + e.tail, head=prefix + e.head) for e in part.edges),
    )


def _origin(scene: Scene, source: str, group: Group) -> str:
    """The name of a tensor from outside a group: its path, relative to the innermost frame that contains
    both.
    """
    path = scene.atoms.of[source]
    shared = [p for p in paths.ancestors(group.path) if paths.below(path, p)]
    return paths.within(path, shared[-1]) if shared else path


@dataclass(frozen=True)
class _Painter:
    scene: Scene
    view: View

    def boxes(self) -> list[Box]:
        made = []
        for path, frame in self.view.frame_of.items():
            group = self.view.closed.get(path)
            box = (
                self._open(self.scene.atoms.all[path], frame) if group is None else self._closed(group, frame)
            )
            made.append(replace(box, id=path, cluster=frame or None))
        return made

    def frames(self) -> tuple[Cluster, ...]:
        return tuple(
            Cluster(path, _title(self.view.open[path], parent), parent or None)
            for path, parent in self.view.frames.items()
        )

    def edges(self) -> list[Edge]:
        """The edges between visible elements."""
        found: dict[Edge, None] = {}
        for read in self.scene.atoms.reads:
            tail, head = self._tail(read.source), self.view.box_of.get(read.reader)
            if tail is not None and head is not None and tail != head:
                found[self.edge(read, tail, head)] = None
        return list(found)

    def edge(self, read: Read, tail: str, head: str) -> Edge:
        label = _case(self.scene, read) if head == read.reader else ""
        return Edge(tail, head, label, "size" if read.size else "tensor")

    def arriving(self) -> list[Read]:
        """The edges from outside that end inside the group."""
        box_of = self.view.box_of
        return [r for r in self.scene.atoms.reads if r.reader in box_of and self._tail(r.source) is None]

    def exits(self) -> list[str]:
        """The boxes that are outputs, or that elements outside read."""
        return [box for box, heads in self._leaving.items() if None in heads.values()]

    def _tail(self, source: str) -> str | None:
        return self.view.box_of.get(self.scene.atoms.of[source])

    @cached_property
    def _leaving(self) -> dict[str, dict[str, str | None]]:
        """For each box, the tensors that are read outside the box or are outputs, each with a visible box
        that reads it, or None.
        """
        found: dict[str, dict[str, str | None]] = {}
        ways = [(r.source, self.view.box_of.get(r.reader)) for r in self.scene.atoms.reads]
        for source, head in [*ways, *((s, None) for s in self.scene.graph.outputs.values())]:
            tail = self._tail(source)
            if tail is not None and tail != head:
                heads = found.setdefault(tail, {})
                heads[source] = None if head is None else heads.get(source, head)
        return found

    def _open(self, atom: Atom, frame: str) -> Box:
        draw = {"input": self._input, "mux": self._mux, "choice": self._mux}.get(atom.kind, self._op)
        return replace(draw(atom, frame), level=level(self.scene.graph, self.scene.shapes[atom.last]))

    def _input(self, atom: Atom, frame: str) -> Box:
        return Box(atom.path, atom.path, (shape_text(self.scene.shapes[atom.path]),), "port")

    def _op(self, atom: Atom, frame: str) -> Box:
        graph = self.scene.graph
        shape = shape_text(self.scene.shapes[atom.last])
        tip = f"{atom.path}: {shape}"
        if atom.kind == "primitive" and labels.is_joining(graph, atom):
            return Box(atom.path, labels.op_title(graph, atom), kind="join", tip=tip)
        name = labels.short(paths.within(atom.path, frame), 32)
        lines = (name, *labels.settings_taken(graph, atom, frame), *_known([shape]))
        return Box(atom.path, labels.op_title(graph, atom), lines, tip=tip)

    def _mux(self, atom: Atom, frame: str) -> Box:
        graph = self.scene.graph
        mux = graph.nodes[atom.path]
        assert isinstance(mux, Mux)
        if not isinstance(mux.on, str):
            return Box(atom.path, labels.condition_title(mux), kind="mux", tip=labels.condition_tip(mux))
        title = labels.decision_title(mux.on, frame)
        if atom.kind == "mux":
            return Box(atom.path, title, kind="mux", tip=f"{mux.on}, at {atom.path}")
        place = paths.components(atom.path)[-2:-1]
        where = place if place != paths.components(mux.on)[-1:] else ()
        lines = (*where, *labels.candidates(graph.decisions[mux.on]))
        return Box(
            atom.path, title, (*lines, *labels.settings_taken(graph, atom, frame)), "choice", tip=mux.on
        )

    def _closed(self, group: Group, frame: str) -> Box:
        graph, shapes = self.scene.graph, self.scene.shapes
        taken = self._decisions_of(group)
        decided = labels.wrapped(labels.taken(taken, group.path), 3) if taken else ()
        leaving = self._leaving.get(group.path, ())
        sizes = _known(dict.fromkeys(shape_text(shapes[s]) for s in leaving))
        levels = [n for s in leaving if (n := level(graph, shapes[s])) is not None]
        name = labels.short(paths.within(group.path, frame), 32)
        lines = (*group.declared[:1], *decided, *sizes)
        return Box(group.path, name, lines, "cell", min(levels, default=None), tip=group.path)

    def _decisions_of(self, group: Group) -> list[str]:
        """The decisions that select tensors or settings inside a group."""
        found: dict[str, None] = {}
        for path in group.all_atoms():
            for name in self.scene.atoms.all[path].nodes:
                found.update(dict.fromkeys(sorted(_read_by(self.scene.graph.nodes.get(name)))))
        return list(found)


def _title(group: Group, parent: str) -> str:
    return " · ".join([labels.short(paths.within(group.path, parent), 40), *group.declared])


def _known(shapes: Iterable[str]) -> tuple[str, ...]:
    """The first two shapes, as text, of which at least one dimension is known."""
    return tuple(s for s in shapes if s.strip("… ×"))[:2]


def _read_by(item: Node | Mux | None) -> set[str]:
    if isinstance(item, Mux):
        return {item.on} if isinstance(item.on, str) else set()
    values = item.attrs.values() if item is not None else ()
    return {path for value in values for path in decisions_in(value)}


def _case(scene: Scene, read: Read) -> str:
    """The labels of the outcomes for which the reading mux selects the tensor read, separated by commas;
    empty if the reader is not a mux.
    """
    mux = scene.graph.nodes.get(read.reader)
    if not isinstance(mux, Mux) or scene.atoms.all[read.reader].kind != "mux":
        return ""
    keys = [key for key, source in mux.cases if source == read.source]
    if isinstance(mux.on, str):
        names = labels.outcomes(scene.graph.decisions[mux.on], keys)
    else:
        names = [{True: "yes", False: "no"}[k] if isinstance(k, bool) else str(k) for k in keys]
    return labels.short(", ".join(names), 24)
