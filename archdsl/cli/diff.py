"""`archdsl diff`: compares two networks, or two spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.cli.set_option import SetCommand, set_option
from archdsl.report.numbers import digits, large, plural, setting, shape

if TYPE_CHECKING:
    from archdsl.ir.graph import Graph, Node

Pair = tuple[Any, Any]
"""The values in A and B; None for a missing value."""

_SHOWN = 60
_FOLD = 100  # a larger factor is not shown in percent

_EPILOG = """\b
Examples:
  archdsl diff specs/autortnet_a.arch specs/autortnet_b.arch
  archdsl diff found.arch mine.arch --set image=3x512x1024
  archdsl diff both.arch:Teacher both.arch:Student
  archdsl diff a.arch b.arch --json

Exit codes: 0, or with --exit-code 1 if they differ; 2 usage.
"""


@dataclass(frozen=True)
class Difference:
    """The differences of two graphs, by name; for a cell, the number of layers that differ."""

    settings: dict[str, Pair] = field(default_factory=dict)
    decisions: dict[str, Pair] = field(default_factory=dict)
    requirements: tuple[list[str], list[str]] = ((), ())  # type: ignore[assignment]
    cells: dict[str, int] = field(default_factory=dict)
    layers: dict[str, Pair] = field(default_factory=dict)
    costs: dict[str, Pair] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.settings or self.decisions or any(self.requirements) or self.layers or self.costs)


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("a", metavar="A[:NAME]")
@click.argument("b", metavar="B[:NAME]")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if they differ, 0 otherwise.")
@click.pass_context
def diff(
    ctx: click.Context, a: str, b: str, settings: dict[str, Any], as_json: bool, exit_code: bool
) -> None:
    """Compare decisions, cells, layers, shapes and costs of two networks (or two spaces)."""
    left, right = _graph(a, settings), _graph(b, settings)
    if left.is_fixed != right.is_fixed:
        raise click.UsageError("cannot compare a space with a network")
    found = compare(left, right)
    if as_json:
        click.echo(_json(a, b, left, right, found), nl=False)
    else:
        click.echo("\n".join(_text(a, b, left, right, found)))
    ctx.exit(1 if exit_code and found else 0)


def _graph(spec: str, settings: dict[str, Any]) -> Graph:
    path, colon, name = spec.rpartition(":")
    named = bool(colon) and not Path(spec).is_file() and name.isidentifier()
    program = opening.load(path if named else spec)
    return opening.target(program, name if named else None, settings, train_outputs=True).graph


def _sizes(a: Graph, b: Graph) -> dict[str, Pair]:
    """The numbers of networks of two spaces, if they differ."""
    from archdsl.passes.analyses.networks import Networks

    left, right = Networks(a).count, Networks(b).count
    name = "networks" if left.exact and right.exact else "networks, at most"
    return _unequal({name: left.networks}, {name: right.networks})


def compare(a: Graph, b: Graph) -> Difference:
    """Compares two networks, or two spaces."""
    settings = _unequal(_settings(a), _settings(b))
    if not a.is_fixed:
        wanted = ([r.text for r in a.requirements], [r.text for r in b.requirements])
        return Difference(
            settings=settings,
            decisions=_unequal(a.decisions, b.decisions),
            requirements=wanted if wanted[0] != wanted[1] else ([], []),
            costs=_sizes(a, b),
        )
    from archdsl.passes.analyses.shapes import infer
    from archdsl.passes.costs.cost import costs, total

    layers = _unequal(_layers(a, infer(a)), _layers(b, infer(b)))
    left, right = total(costs(a).values()), total(costs(b).values())
    return Difference(
        settings=settings,
        decisions=_unequal(a.chosen, b.chosen),
        cells=_cells(a, b, layers),
        layers=layers,
        costs=_unequal(vars(left), vars(right)),
    )


def _settings(graph: Graph) -> dict[str, Any]:
    return {**{name: tuple(sizes) for name, sizes in graph.inputs.items()}, **graph.settings}


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Pair]:
    names = dict.fromkeys((*a, *b))
    return {n: (a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)}


def _layers(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, Any]]:
    """The properties of each layer that are compared."""
    from archdsl.ir.graph import Node

    return {
        name: {"op": node.op, "inputs": list(node.inputs), "shape": list(shapes[name]), **_attrs(node)}
        for name, node in graph.nodes.items()
        if isinstance(node, Node)
    }


def _attrs(node: Node) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in node.attrs.items()}


def _cells(a: Graph, b: Graph, layers: Mapping[str, Pair]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in layers:
        node = a.nodes.get(name) or b.nodes[name]
        cell = getattr(node, "cell", None)
        if cell is not None:
            found[cell] = found.get(cell, 0) + 1
    return found


def _text(a: str, b: str, left: Graph, right: Graph, found: Difference) -> Iterator[str]:
    yield f"--- {a} ({left.name})"
    yield f"+++ {b} ({right.name})"
    if not found:
        yield "no differences"
        return
    yield from _pairs("settings", {k: (_shown(x), _shown(y)) for k, (x, y) in found.settings.items()})
    yield from _pairs("decisions", {k: (_shown(x), _shown(y)) for k, (x, y) in found.decisions.items()})
    if any(found.requirements):
        yield "\nrequirements"
        yield from (f"  - {text}" for text in found.requirements[0] if text not in found.requirements[1])
        yield from (f"  + {text}" for text in found.requirements[1] if text not in found.requirements[0])
    if found.cells:
        yield f"\ncells ({len(found.cells)})"
        yield from (f"  {path}: {plural(n, 'layer')}" for path, n in found.cells.items())
    if found.layers:
        yield f"\nlayers ({len(found.layers)})"
        lines = [line for name, pair in found.layers.items() for line in _layer(name, *pair)]
        yield from lines[:_SHOWN]
        if len(lines) > _SHOWN:
            yield f"  … {len(lines) - _SHOWN} more lines (--json has all)"
    yield from _pairs("costs", {k: _cost(*pair) for k, pair in found.costs.items()})


def _pairs(title: str, pairs: Mapping[str, Pair]) -> Iterator[str]:
    if pairs:
        yield f"\n{title} ({len(pairs)})"
        width = max(map(len, pairs))
        yield from (f"  {name:<{width}}  {old} -> {new}" for name, (old, new) in pairs.items())


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if hasattr(value, "candidates"):
        return f"{value.count} of {{{', '.join(value.candidates)}}}"
    if isinstance(value, list) and any(isinstance(v, str) for v in value):
        return ", ".join(value)
    return setting(value)


def _cost(old: int, new: int) -> tuple[str, str]:
    change = f" ({(new - old) / old:+.1%})" if 0 < new <= _FOLD * old else ""
    return large(old), large(new) + change


def _layer(name: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[str]:
    if old is None or new is None:
        sign, one = ("-", old) if new is None else ("+", new)
        assert one is not None
        yield f"  {sign} {name}: {one['op']}, {shape(one['shape'])}"
        return
    changed = [f"{key}: {_shown(x)} -> {_shown(y)}" for key, (x, y) in _unequal(old, new).items()]
    yield f"  ~ {name}: {', '.join(changed)}"


def _json(a: str, b: str, left: Graph, right: Graph, found: Difference) -> str:
    from archdsl.render.json import document

    def sides(pairs: Mapping[str, Pair]) -> dict[str, Any]:
        return {name: {"a": _plain(x), "b": _plain(y)} for name, (x, y) in pairs.items()}

    return document(
        "diff",
        a={"spec": a, "name": left.name},
        b={"spec": b, "name": right.name},
        same=not found,
        settings=sides(found.settings),
        decisions=sides(found.decisions),
        requirements={"a": list(found.requirements[0]), "b": list(found.requirements[1])},
        cells=found.cells,
        layers=sides(found.layers),
        costs=sides(found.costs),
    )


def _plain(value: Any) -> Any:
    if hasattr(value, "candidates"):
        return {"count": value.count, "candidates": list(value.candidates)}
    if isinstance(value, int) and abs(value) >= 2**53:
        return digits(value)
    return list(value) if isinstance(value, tuple) else value
