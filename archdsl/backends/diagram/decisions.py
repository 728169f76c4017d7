"""Draws the decisions of a space: a table per cell, equal cells drawn once, and conditional decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.backends.diagram import labels, paths
from archdsl.backends.diagram.model import Box, Cluster, Drawing, Edge
from archdsl.backends.diagram.numbers import counted, many, plural
from archdsl.ir.graph import Decision, Graph

MOST_TABLES = 80
MOST_ROWS = 40
ROOT = "all decisions"


@dataclass(frozen=True)
class Table:
    """Groups of decisions that are equal except for their position; `places` are the paths of the groups."""

    places: tuple[str, ...]
    decisions: tuple[Decision, ...]


def decisions(graph: Graph) -> Drawing:
    """The decisions of a space as a tree from left to right."""
    tables = _tables(graph.decisions)
    shown = tables[:MOST_TABLES]
    boxes = [_root(graph), *map(_table, shown)]
    edges = _edges(graph, shown)
    hidden = sum(len(t.places) * len(t.decisions) for t in tables[MOST_TABLES:])
    if hidden:
        boxes.append(Box("more", f"{plural(hidden, 'decision')} more", kind="ghost"))
        edges.append(Edge(ROOT, "more"))
    frames = dict.fromkeys(b.cluster for b in boxes if b.cluster is not None)
    clusters = tuple(Cluster(name, name) for name in frames)
    caption = "the decisions of a network"
    return Drawing(graph.name, caption, tuple(boxes), clusters, tuple(edges), direction="LR")


def _root(graph: Graph) -> Box:
    lines = (plural(len(graph.decisions), "decision"), *counted(graph))
    return Box(ROOT, graph.name, lines, "port")


def _tables(found: Mapping[str, Decision]) -> list[Table]:
    """Groups decisions by common path prefix; groups with equal rows share a table."""
    groups: dict[str, list[Decision]] = {}
    for path, decision in found.items():
        groups.setdefault(path.rpartition(".")[0] if "." in path else "", []).append(decision)
    alike: dict[object, list[str]] = {}
    for place, members in groups.items():
        rows = tuple((paths.within(d.path, place), d.candidates, d.count, d.under) for d in members)
        alike.setdefault((paths.family(place), rows), []).append(place)
    return [Table(tuple(places), tuple(groups[places[0]])) for places in alike.values()]


def _id(table: Table) -> str:
    return f"at {table.places[0]}"


def _table(table: Table) -> Box:
    place = table.places[0]
    rows = [(paths.within(d.path, place), _outcomes(d)) for d in table.decisions[:MOST_ROWS]]
    if len(table.decisions) > MOST_ROWS:
        rows.append(("…", f"{len(table.decisions) - MOST_ROWS} more"))
    size = 1
    for decision in table.decisions:
        size *= decision.size
    each = " each" if len(table.places) > 1 else ""
    stage = paths.family(place) if paths.is_indexed(place) else None
    lines = (f"{many(size)} outcomes{each}",)
    return Box(_id(table), _title(table), lines, "table", cluster=stage, rows=tuple(rows))


def _title(table: Table) -> str:
    first, last = table.places[0], table.places[-1]
    if not first:
        return "outside stages and cells"
    if len(table.places) == 1:
        return labels.short(first)
    joint = ", " if len(table.places) == 2 else " … "
    return f"{labels.short(first, 30)}{joint}{labels.short(last, 30)}  × {len(table.places)}"


def _outcomes(decision: Decision) -> str:
    count = f"{decision.count} of " if decision.count > 1 else ""
    return count + labels.short(" · ".join(decision.candidates), 240)


def _edges(graph: Graph, tables: list[Table]) -> list[Edge]:
    """Edges from the root, or from the decision on which the decisions of a table are conditional."""
    home = {d.path: _id(t) for t in tables for d in t.decisions}
    found: dict[Edge, None] = {}
    for table in tables:
        for decision in table.decisions:
            if decision.under is None or decision.under[0] not in home:
                found[Edge(ROOT, _id(table))] = None
                continue
            path, outcome = decision.under
            (name,) = labels.outcomes(graph.decisions[path], [outcome])
            text = f"{path.rpartition('.')[2]} = {name}"
            if home[path] != _id(table):
                found[Edge(home[path], _id(table), labels.short(text, 30))] = None
    return list(found)
