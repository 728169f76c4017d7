"""Heat maps of the outcome probabilities of a search's decisions, one for each part of the space."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archdsl.report.heat_map import HeatRow, heat_map
from archdsl.report.records import Epoch, Start
from archdsl.report.run import Run
from archdsl.report.sheet import figure


@dataclass(frozen=True)
class Block:
    """Decisions shown in one heat map: a name, the outcomes as columns, and a label for each path."""

    name: str
    columns: Sequence[str]
    labels: Mapping[str, str]


def decision_figures(run: Run) -> list[str]:
    """A heat map, as HTML, for each block of decisions, with the probabilities after the last epoch."""
    start, epochs = run.last(Start), run.epochs()
    if start is None or not epochs:
        return []
    chosen = run.chosen
    return [_figure(block, start, epochs[-1], chosen) for block in blocks(start)]


def _figure(block: Block, start: Start, epoch: Epoch, chosen: Mapping[str, str]) -> str:
    rows = [
        HeatRow(label, epoch.probabilities.get(path, ()), _place(start.decisions[path], chosen.get(path)))
        for path, label in block.labels.items()
    ]
    title = f"Probabilities of {block.name}"
    return figure(block.name, heat_map(rows, block.columns, title=title, summary=_said(block, chosen)))


def _place(outcomes: Sequence[str], chosen: str | None) -> int | None:
    return outcomes.index(chosen) if chosen in outcomes else None


def _said(block: Block, chosen: Mapping[str, str]) -> str:
    return "; ".join(f"{label}: {chosen.get(path, 'not used')}" for path, label in block.labels.items())


def blocks(start: Start) -> list[Block]:
    """Groups decisions into blocks.

    A block has the decisions of one part of the space that have the same outcomes; or, if a part has only one
    such decision, all of those with the same path without indices; or the depth decisions.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for path, outcomes in start.decisions.items():
        if path not in start.gates:
            groups[path.rpartition(".")[0], tuple(outcomes)].append(path)
    made = [
        Block(part or "the space itself", outcomes, {path: path.rpartition(".")[2] for path in paths})
        for (part, outcomes), paths in groups.items()
        if len(paths) > 1
    ]
    alone: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (_, columns), paths in groups.items():
        if len(paths) == 1:
            alone[_pattern(paths[0]), columns].append(paths[0])
    made += [Block(name, columns, {p: p for p in paths}) for (name, columns), paths in alone.items()]
    return [*made, *_depths(start)]


def _depths(start: Start) -> list[Block]:
    gates = [gate for gate in start.gates if gate in start.decisions]
    if not gates:
        return []
    columns = max((start.decisions[gate] for gate in gates), key=len)
    return [Block("depths", columns, {gate: gate for gate in gates})]


def _pattern(path: str) -> str:
    """A path without its indices: `cells[…].kind`."""
    return re.sub(r"\[[^\]]*\]", "[…]", path)
