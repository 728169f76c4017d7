"""`archdsl explain`: shows decisions and layers of a spec, and documents names and error codes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.cli.words import LISTS
from archdsl.codes import CODES, page
from archdsl.diagnostics import SpecError, closest
from archdsl.program import Space
from archdsl.report import text_tables
from archdsl.report.numbers import count_data, counted, digits, large, plural, setting

if TYPE_CHECKING:
    from archdsl.ir.graph import Decision, Graph
    from archdsl.program import Network, Program

_CODE = re.compile(r"ARCH[0-9]+", re.IGNORECASE)

_EPILOG = """\b
Examples:
  archdsl explain specs/template.arch          decisions, candidates, counts
  archdsl explain specs/autortnet_a.arch       the layer table
  archdsl explain specs/gas.arch --json
  archdsl explain ARCH301 what the error means, and how to fix it
  archdsl explain conv                         a primitive, its settings, their defaults, its cost
  archdsl explain sep_conv an op of the library, with its source
  archdsl explain gumbel a name in searches and its settings
  archdsl explain train the options of a command
  archdsl explain --primitives                 also --ops, --samplers, --datasets, --plugins, …
"""


def _lists(command: Any) -> Any:
    """Adds a flag for each list of names to a command."""
    for kind in reversed(LISTS):
        command = click.option(
            f"--{kind}", "listed", flag_value=kind, default=None, help=f"List all {kind}."
        )(command)
    return command


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("what", metavar="SPEC|CODE|WORD", required=False)
@_lists
@name_option
@set_option
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@click.pass_context
def explain(
    ctx: click.Context, /, what: str | None, listed: str | None, name: str | None, settings: dict[str, Any],
    json_wanted: bool,
) -> None:  # fmt: skip
    """Show decisions, candidates and sizes of a space; layers of a network; the page of an error code or a
    name.

    Names are primitives, library ops, names in searches, and commands; --primitives and similar options list
    them.
    """
    if listed is not None:
        _explain_list(listed, json_wanted)
        return
    if what is None:
        raise click.UsageError(
            "expected a spec, an error code, a name, or a list option such as --primitives"
        )
    if _CODE.fullmatch(what):
        _explain_code(what.upper(), json_wanted)
        return
    if what.isidentifier() and not os.path.exists(what) and _explain_word(ctx, what, json_wanted):
        return
    program = opening.load(what)
    if name is None and not program.spaces and not program.networks:
        _explain_file(program, json_wanted)
        return
    target = opening.target(program, name, settings)
    click.echo(as_json(program, target) if json_wanted else as_text(program, target), nl=False)


def as_text(program: Program, target: Space | Network, *, chosen: bool = True) -> str:
    """The decisions of a space or the layers of a network, with requirements and searches, as text.

    With `chosen`, also the fixed decisions of a network.
    """
    return "\n".join(_text(program, target, _searches(program, target), chosen)) + "\n"


def as_json(program: Program, target: Space | Network) -> str:
    """The decisions of a space or the layers of a network, with requirements and searches, as a JSON
    document.
    """
    return _json(program, target, _searches(program, target))


def _searches(program: Program, target: Space | Network) -> list[str]:
    return [name for name, search in program.searches.items() if search.space.id == target.name]


def _explain_list(kind: str, as_json: bool) -> None:
    from archdsl.cli.words import listing, listing_text

    if as_json:
        from archdsl.render.json import document

        click.echo(document("list", kind=kind, entries=listing(kind)), nl=False)
        return
    click.echo(listing_text(kind), nl=False)


def _explain_word(ctx: click.Context, word: str, as_json: bool) -> bool:
    """Prints the page of a name; returns whether the name has a page."""
    from archdsl.cli.words import known_names, page_of

    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    text = page_of(word, group)
    if text is None:
        meant = None if opening.ships(word) else closest(word, known_names(group))
        if meant is not None:
            raise click.UsageError(f"{word} is neither a file nor a known name; did you mean {meant}?")
        return False
    if as_json:
        from archdsl.render.json import document

        text = document("word", word=word, page=text)
    click.echo(text, nl=False)
    return True


def _explain_code(code: str, as_json: bool) -> None:
    if code not in CODES:
        meant = closest(code, list(CODES))
        raise click.UsageError(f"unknown code {code}" + (f"; did you mean {meant}?" if meant else ""))
    text = page(code).read_text("utf-8")
    if as_json:
        from archdsl.render.json import document

        text = document("code", code=code, title=CODES[code], page=text)
    click.echo(text, nl=not text.endswith("\n"))


def _explain_file(program: Program, as_json: bool) -> None:
    """Prints the declarations of a file without spaces and networks.

    Raises SpecError if these declarations have errors.
    """
    from archdsl.lang import ast
    from archdsl.spec.check import check

    if errors := [d for d in check(program.unit).diagnostics if d.severity == "error"]:
        raise SpecError(errors)
    named = (ast.Op, ast.Cell, ast.Constant, ast.Search)
    found = [(type(i).__name__.lower(), i.name.id) for i in program.unit.file.items if isinstance(i, named)]
    if as_json:
        from archdsl.render.json import document

        declared = [{"kind": kind, "name": name} for kind, name in found]
        click.echo(
            document("explain", file=opening.name_of(program), kind="library", declared=declared), nl=False
        )
        return
    click.echo(f"{opening.name_of(program)}: no spaces or networks; it declares")
    for kind, name in found:
        click.echo(f"  {kind} {name}")


def _text(program: Program, target: Space | Network, searches: list[str], chosen: bool) -> Iterator[str]:
    from archdsl.cli import searchability_text
    from archdsl.passes.analyses.networks import Networks

    graph = target.graph
    kind = "network" if graph.is_fixed else "space"
    origin = f" from {graph.origin}" if graph.origin else ""
    yield f"{kind} {graph.name}{origin} ({opening.name_of(program)})"
    given = {**{n: tuple(s) for n, s in graph.inputs.items()}, **_settings(program, target)}
    yield "settings: " + ", ".join(f"{name} = {setting(value)}" for name, value in given.items())
    yield ""
    if graph.is_fixed:
        if graph.chosen and chosen:
            yield plural(len(graph.chosen), "decision") + " taken"
            yield text_tables.table(("decision", "outcome"), [list(row) for row in graph.chosen.items()])
        yield text_tables.layers_text(graph)
        if left_out := opening.left_out(target):
            yield f"{left_out}\n"
    else:
        yield f"{plural(len(graph.decisions), 'decision')}, {counted(Networks(graph).count)}"
        yield _decision_table(graph)
        yield _totals(graph)
        yield from searchability_text.lines(graph)
    if graph.requirements:
        yield "required of every network:"
        yield from (f"  {r.text}" for r in graph.requirements)
        yield ""
    for name in searches:
        program.search(name)  # raises SpecError where it is not one
        yield _search_text(program, name)


def _decision_table(graph: Graph) -> str:
    rows = [
        [
            d.path,
            _choose(d),
            large(d.size),
            ", ".join(d.candidates),
            "" if d.under is None else _under(graph, d),
        ]
        for d in graph.decisions.values()
    ]
    head = ("decision", "choose", "outcomes", "candidates", "only if")
    if not any(row[-1] for row in rows):
        return text_tables.table(head[:-1], [row[:-1] for row in rows], numeric=(2,))
    return text_tables.table(head, rows, numeric=(2,))


def _choose(d: Decision) -> str:
    return f"{'one' if d.count == 1 else d.count} of {len(d.candidates)}"


def _under(graph: Graph, d: Decision) -> str:
    assert d.under is not None
    path, outcome = d.under
    return f"{path} = {graph.decisions[path].outcomes[outcome]}"


def _totals(graph: Graph) -> str:
    candidates = sum(len(d.candidates) for d in graph.decisions.values())
    return f"{plural(candidates, 'candidate')} in all; {plural(len(graph.nodes), 'node')} in the graph\n"


def _search_text(program: Program, name: str) -> str:
    """The formatted source text of a search."""
    from archdsl.lang import ast
    from archdsl.lang.formatter import unparse

    text = unparse(ast.File(version=1, items=(program.searches[name],)))
    return text.partition("\n\n")[2].rstrip("\n")


def _settings(program: Program, target: Space | Network) -> dict[str, object]:
    """The settings of a space or network, in the order of its declaration.

    Sets, and other values that a graph does not store, are shown as written.
    """
    from archdsl.lang import ast

    known = dict(target.graph.settings)
    given = target.elaborated.given if isinstance(target, Space) else target.given
    declared = program.unit.declared.get(target.name)
    if not isinstance(declared, ast.Space | ast.Network):
        return known
    found: dict[str, object] = {}
    for one in declared.signature.settings:
        if one.name in known:
            found[one.name] = known.pop(one.name)
        elif one.name in given:
            found[one.name] = given[one.name]
        elif one.default is not None:
            found[one.name] = " ".join(program.unit.source.text[slice(*one.default.span)].split())
    return {**found, **known}


def _json(program: Program, target: Space | Network, searches: list[str]) -> str:
    from archdsl.cli import searchability_text
    from archdsl.passes.analyses.networks import Networks
    from archdsl.render.json import document

    graph = target.graph
    whole: dict[str, Any] = {
        "file": opening.name_of(program),
        "kind": "network" if graph.is_fixed else "space",
        "name": graph.name,
        "origin": graph.origin,
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "settings": {
            k: list(v) if isinstance(v, tuple) else v for k, v in _settings(program, target).items()
        },
        "requirements": [r.text for r in graph.requirements],
        "searches": [{"name": name, "text": _search_text(program, name)} for name in searches],
    }
    if graph.is_fixed:
        return document("explain", **whole, chosen=dict(graph.chosen), **text_tables.layers_data(graph))
    return document(
        "explain",
        **whole,
        size=digits(graph.size),
        **count_data(Networks(graph).count),
        decisions=[_decision(graph, d) for d in graph.decisions.values()],
        search=searchability_text.data(graph),
    )


def _decision(graph: Graph, d: Decision) -> dict[str, Any]:
    return {
        "path": d.path,
        "count": d.count,
        "candidates": list(d.candidates),
        "outcomes": digits(d.size),
        "under": d.under
        and {"decision": d.under[0], "outcome": graph.decisions[d.under[0]].outcomes[d.under[1]]},
        "location": str(d.location) if d.location else None,
    }
