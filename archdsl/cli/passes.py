"""`archdsl passes`: lists passes, with options and contracts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from archdsl.passes.base import Option, Pass

_EPILOG = """\b
Examples:
  archdsl passes
  archdsl passes prune
  archdsl compile specs/space.arch --passes 'prune(hyper[1].gate = 1), simplify' --emit ir
"""


@click.command("passes", epilog=_EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def passes(names: tuple[str, ...], as_json: bool) -> None:
    """List the passes of `compile --passes`: options, and what each pass needs, changes and guarantees.

    A transform maps a graph to a new graph; an analysis computes a fact about a graph.
    """
    from archdsl.passes.registry import PASSES

    found = {name: PASSES.find(name, "ARCH506") for name in names or PASSES}
    if as_json:
        click.echo(json.dumps([_plain(name, one) for name, one in found.items()], indent=2))
    else:
        click.echo("\n".join(_text(name, one) for name, one in found.items()), nl=False)


def _plain(name: str, one: type[Pass[Any]]) -> dict[str, Any]:
    contract = one.contract
    return {
        "name": name,
        "kind": _kind(one),
        "summary": one.summary,
        "options": [
            {
                "name": None if option.by_decision else option.name,
                "takes": option.takes,
                "default": None if option.required else option.default,
                "required": option.required,
                "meaning": option.meaning,
            }
            for option in one.options()
        ],
        "needs": contract.needs,
        "uses": sorted(contract.uses),
        "changes": sorted(contract.changes),
        "guarantees": sorted(contract.guarantees),
    }


def _text(name: str, one: type[Pass[Any]]) -> str:
    contract = one.contract
    rows = [
        ("needs", f"a {contract.needs}" if contract.needs != "graph" else "a space or a network"),
        ("uses", ", ".join(sorted(contract.uses))),
        ("changes", ", ".join(sorted(contract.changes))),
        ("guarantees", ", ".join(sorted(contract.guarantees))),
        *((_written(option), option.meaning) for option in one.options()),
    ]
    lines = [f"{name}: {_kind(one)}; {one.summary}", *(f"  {key}: {value}" for key, value in rows if value)]
    return "\n".join(lines) + "\n"


def _kind(one: type[Pass[Any]]) -> str:
    from archdsl.passes.base import Transform

    return "transform" if issubclass(one, Transform) else "analysis"


def _written(option: Option) -> str:
    if option.by_decision:
        return f"PATH = {option.takes}"
    default = "" if option.required else f" = {str(option.default).lower()}"
    return f"option {option.name}: {option.takes}{default}"
