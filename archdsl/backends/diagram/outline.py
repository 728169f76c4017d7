"""The hierarchy of a graph's atoms, and how much of it fits into one diagram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import TypeVar

from archdsl.backends.diagram import paths
from archdsl.backends.diagram.atoms import Atoms
from archdsl.ir.graph import Graph

MOST_MEMBERS = 120
RUNS = 40
T = TypeVar("T")


@dataclass(eq=False)
class Group:
    """An iteration of a stage, an entry of an indexed name, or an instance of a cell."""

    path: str  # "" for the whole graph
    declared: tuple[str, ...] = ()
    groups: list[Group] = field(default_factory=list)
    atoms: list[str] = field(default_factory=list)

    def all_atoms(self) -> list[str]:
        return [*self.atoms, *(a for g in self.groups for a in g.all_atoms())]


def outline(graph: Graph, atoms: Atoms) -> Group:
    """The hierarchy of groups of a graph; groups that add no information are omitted."""
    prefixes = {p for path in atoms.all for p in paths.ancestors(path) if paths.is_indexed(p)}
    prefixes |= {i.path for i in graph.instances.values() if i.kind == "cell" or i.path not in atoms.all}
    prefixes -= {"", *graph.inputs}
    root = Group("")
    made: dict[str, Group] = {"": root}
    for path in atoms.all:
        parent = root
        for prefix in [*paths.ancestors(path), path]:
            if prefix not in prefixes:
                continue
            if prefix not in made:
                instance = graph.instances.get(prefix)
                made[prefix] = Group(prefix, (instance.declared,) if instance else ())
                parent.groups.append(made[prefix])
            parent = made[prefix]
        parent.atoms.append(path)
    return _in_runs(_simplified(root), {path for path, atom in atoms.all.items() if atom.kind != "input"})


def _simplified(group: Group) -> Group:
    """Removes groups of one atom, family by family, and frames that contain little but another frame."""
    for inner in group.groups:
        _simplified(inner)
    for family in _families(group.groups):
        if all(len(g.atoms) == 1 and not g.groups for g in family):
            group.groups = [g for g in group.groups if g not in family]
            group.atoms += [g.atoms[0] for g in family]
    if group.path and len(group.groups) == 1:
        (only,) = group.groups
        group.groups, group.declared = only.groups, group.declared + only.declared
        group.atoms = group.atoms + only.atoms
    return group


def _in_runs(group: Group, foldable: Set[str]) -> Group:
    """Groups consecutive members of very large groups, since a diagram cannot show all of them."""
    if len(group.atoms) > MOST_MEMBERS:
        rest = [a for a in group.atoms if a in foldable]
        group.atoms = [a for a in group.atoms if a not in foldable]
        group.groups += [Group(f"{run[0]} … {run[-1]}", atoms=run) for run in _runs(rest)]
    if len(group.groups) > MOST_MEMBERS:
        group.groups = [Group(f"{run[0].path} … {run[-1].path}", groups=run) for run in _runs(group.groups)]
    for inner in group.groups:
        _in_runs(inner, foldable)
    return group


def _runs(members: list[T]) -> list[list[T]]:
    size = -(-len(members) // RUNS)
    return [members[n : n + size] for n in range(0, len(members), size)]


@dataclass(frozen=True)
class View:
    """The visible part of an outline: expanded frames, and groups collapsed to one box each."""

    open: Mapping[str, Group]
    closed: Mapping[str, Group]
    box_of: Mapping[str, str]
    """The box of each atom: the atom itself, or the collapsed group that contains it."""
    frame_of: Mapping[str, str]
    """The expanded group that contains each box."""
    frames: Mapping[str, str]
    """The expanded group that contains each expanded group."""


def view(root: Group, limit: int) -> View:
    """Expands groups family by family, outermost first, as long as at most `limit` boxes are shown."""
    opened: set[int] = {id(root)}
    shown = len(root.atoms) + len(root.groups)
    ahead = _families(root.groups)
    while ahead:
        groups = ahead.pop(0)
        more = sum(len(g.atoms) + len(g.groups) - 1 for g in groups)
        if shown + more > limit:
            continue
        shown += more
        opened |= set(map(id, groups))
        ahead += _families(inner for g in groups for inner in g.groups)
    return _view(root, opened)


def _families(groups: Iterable[Group]) -> list[list[Group]]:
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(paths.family(group.path), []).append(group)
    return list(found.values())


def _view(root: Group, opened: set[int]) -> View:
    open_: dict[str, Group] = {}
    closed: dict[str, Group] = {}
    box_of: dict[str, str] = {}
    frame_of: dict[str, str] = {}
    frames: dict[str, str] = {}

    def visit(group: Group) -> None:
        open_[group.path] = group
        for atom in group.atoms:
            box_of[atom], frame_of[atom] = atom, group.path
        for inner in group.groups:
            if id(inner) in opened:
                frames[inner.path] = group.path
                visit(inner)
            else:
                frame_of[inner.path] = group.path
                closed[inner.path] = inner
                box_of.update(dict.fromkeys(inner.all_atoms(), inner.path))

    visit(root)
    return View(open_, closed, box_of, frame_of, frames)
