"""`archdsl fmt`: formats specs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.findings import print_findings
from archdsl.cli.printing import document
from archdsl.diagnostics import Source, SpecError
from archdsl.report.numbers import plural

_EPILOG = """\b
Examples:
  archdsl fmt specs/                 every .arch file below the folder, in place
  archdsl fmt --check specs/ exit 1 if a file is not formatted
  archdsl fmt --diff mine.arch show changes
  archdsl fmt - < mine.arch          from standard input to standard output

Exit codes: 0 success, 1 a spec has errors or (--check, --diff) is not formatted, 2 usage.
"""


@click.command(epilog=_EPILOG)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--check", "only_check", is_flag=True, help="Only check; exit with 1 if a file would change.")
@click.option(
    "--diff",
    "show_diff",
    is_flag=True,
    help="Print the changes without writing; exit with 1 if there are any.",
)
@click.pass_context
def fmt(ctx: click.Context, specs: tuple[str, ...], only_check: bool, show_diff: bool) -> None:
    """Format specs in the canonical style; comments are kept.

    Files are replaced atomically, and only if their syntax tree stays the same.
    """
    failed = changed = 0
    paths = opening.find_all(specs)
    for path in paths:
        try:
            source = opening.read(path)
            formatted = _format(source)
        except SpecError as error:
            print_findings(error.diagnostics, err=True)
            failed += 1
            continue
        changed += formatted != source.text
        if show_diff:
            _print_diff(source, formatted)
        if only_check and formatted != source.text:
            click.echo(f"would reformat {source.name}", err=True)
        if not (only_check or show_diff):
            _write(path, source, formatted)
    if paths != [None]:
        click.echo(_summary(len(paths), changed, failed, only_check or show_diff), err=True)
    ctx.exit(1 if failed or (changed and (only_check or show_diff)) else 0)


def _format(source: Source) -> str:
    from archdsl.lang.formatter import format_source

    return format_source(source)


def _write(path: Path | None, source: Source, formatted: str) -> None:
    if path is None:
        document(formatted)
    elif formatted != source.text:
        atomic.write_text(path, formatted)
        click.echo(f"reformatted {path}", err=True)


def _print_diff(source: Source, formatted: str) -> None:
    document("".join(_diff(source, formatted)))


def _diff(source: Source, formatted: str) -> Iterator[str]:
    from difflib import unified_diff

    old, new = source.text.splitlines(keepends=True), formatted.splitlines(keepends=True)
    for line in unified_diff(old, new, source.name, f"{source.name} (formatted)"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _summary(n: int, changed: int, failed: int, dry: bool) -> str:
    parts = []
    if changed:
        parts.append(f"{plural(changed, 'file')} {'would be ' if dry else ''}reformatted")
    if n - changed - failed:
        parts.append(f"{plural(n - changed - failed, 'file')} already formatted")
    if failed:
        parts.append(f"{plural(failed, 'file')} with errors")
    return ", ".join(parts)
