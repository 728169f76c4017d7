"""`archdsl check`: proves that every network of every space is well-typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.cli.findings import colors, print_findings
from archdsl.cli.set_option import SetCommand, over_option, set_option
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.numbers import combinations, count_data, digits, networks, plural

if TYPE_CHECKING:
    from archdsl.passes.analyses.networks import Over
    from archdsl.spec.prove.prover import Proof

_SHOWN = 10
_ACCEPTED = ("ARCH408", "warning")

_EPILOG = """\b
Examples:
  archdsl check specs/fasterseg.arch
  archdsl check specs/ --strict
  archdsl check mine.arch --set image=3x360x480 classes=11
  archdsl check mine.arch --format sarif > check.sarif

Exit codes: 0 no errors and all conditions decided, 1 errors or undecided conditions, 2 usage.
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@set_option
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--allow-open", is_flag=True, help="Accept undecided conditions.")
@click.option("--budget", type=click.IntRange(min=1), help="Limit on the work of a proof.")
@click.option(
    "--samples", type=click.IntRange(min=0), default=0, metavar="N",
    help="Also check N random networks of each space with undecided conditions.",
)  # fmt: skip
@over_option
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True,
    help="Output format.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def check(
    ctx: click.Context,
    specs: tuple[str, ...],
    settings: dict[str, Any],
    strict: bool,
    allow_open: bool,
    budget: int | None,
    samples: int,
    over: Over,
    form: str,
    as_json: bool,
) -> None:
    """Prove that every network of every space is well-typed, or show one that is not.

    Shapes, channels and divisibility are proved for all decisions at once. A counterexample is shown as the
    shortest list of decisions. SPEC is a file, a folder, a shipped spec, or `-` for standard input.
    """
    form = "json" if as_json else form
    results = []
    for path in opening.find_all(specs):
        options = {"budget": budget, "samples": samples, "over": over, "allow_open": allow_open}
        result = _check(path, settings, strict, options)
        results.append(result)
        if form == "text":
            _print(result)
    if form == "json":
        _print_json(results)
    elif form == "sarif":
        _print_sarif(results)
    ctx.exit(0 if all(r.ok for r in results) else 1)


class _Result:
    """The result of checking one file."""

    def __init__(self, name: str, diagnostics: Sequence[Diagnostic], proofs: Sequence[Proof], strict: bool):
        self.name, self.diagnostics, self.proofs = name, diagnostics, proofs
        fatal = ("error", "warning") if strict else ("error",)
        # undecided conditions are warnings only with --allow-open, also under --strict
        self.ok = not any(d.severity in fatal and (d.code, d.severity) != _ACCEPTED for d in diagnostics)


def _check(path: Path | None, settings: dict[str, Any], strict: bool, options: Mapping[str, Any]) -> _Result:
    from archdsl.cli.searchable import search_notes
    from archdsl.spec.check import check as check_unit

    name = "<stdin>" if path is None else str(path)
    try:
        unit = opening.unit(path)
        report = check_unit(unit, settings, **options)
    except SpecError as error:
        return _Result(name, error.diagnostics, (), strict)
    notes = tuple(search_notes(unit, settings, report.spaces))
    return _Result(name, report.diagnostics + notes, report.proofs, strict)


def _print(result: _Result) -> None:
    print_findings(result.diagnostics)
    paint = colors().paint
    for proof in result.proofs:
        colour = "good" if proof.proved else "warning" if proof.ok else "error"
        click.echo(f"{result.name}: {paint(colour, _said(proof))}", color=True)
        for condition in proof.open[:_SHOWN]:
            click.echo(f" undecided: {condition}")
        if len(proof.open) > _SHOWN:
            click.echo(f"  … {len(proof.open) - _SHOWN} more (--json has all)")
    if not result.proofs and not result.diagnostics:
        click.echo(f"{result.name}: no errors; no spaces or networks to prove")


def _said(proof: Proof) -> str:
    if not proof.ok:
        return f"{proof.kind} {proof.target}: has errors"
    facts, what = [], "it"
    if proof.count is not None:
        facts = [plural(proof.decisions, "decision"), *combinations(proof.count)]
        what = f"every one of {networks(proof.count)}"
    if proof.obligations:
        facts.append(plural(proof.obligations, "condition") + " proved")
    behind = f" ({', '.join(facts)})" if facts else ""
    if proof.proved:
        return f"{proof.kind} {proof.target}: {what} is well-typed{behind}"
    left = plural(len(proof.open), "condition")
    return f"{proof.kind} {proof.target}: not proved that {what} is well-typed{behind}; {left} undecided"


def _print_json(results: Sequence[_Result]) -> None:
    from archdsl.render.json import as_data, document

    specs = [
        {
            "file": r.name,
            "ok": r.ok,
            "diagnostics": [as_data(d) for d in r.diagnostics],
            "proofs": [
                {
                    "target": p.target,
                    "kind": p.kind,
                    "decisions": p.decisions,
                    "size": digits(p.size),
                    **count_data(p.count),
                    "proved": p.proved,
                    "obligations": p.obligations,
                    "open": list(p.open),
                }
                for p in r.proofs
            ],
        }
        for r in results
    ]
    click.echo(document("check", ok=all(r.ok for r in results), specs=specs), nl=False)


def _print_sarif(results: Sequence[_Result]) -> None:
    from archdsl import __version__
    from archdsl.render.sarif import render

    click.echo(render([d for r in results for d in r.diagnostics], version=__version__), nl=False)
