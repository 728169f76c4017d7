"""Opens the files that SPEC arguments name, and selects programs, spaces and networks in them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.collector import paused
from archdsl.diagnostics import Source, SpecError, closest
from archdsl.resources import specs_folder

if TYPE_CHECKING:
    from archdsl.lang.loader import Unit
    from archdsl.program import Network, Program, Space

STDIN = "-"


def find(spec: str) -> Path:
    """The path of the file that SPEC names: a path, or the name of a shipped spec."""
    path = Path(spec)
    if path.is_file():
        return path
    if path.is_dir():
        raise click.UsageError(f"{spec} is a folder, not a spec")
    shipped = _shipped(path)
    if shipped is None:
        raise click.UsageError(_missing(spec))
    click.echo(f"archdsl: {spec} not found; using the one shipped with archdsl, {shipped}", err=True)
    return shipped


def find_all(specs: Iterable[str]) -> list[Path | None]:
    """The paths of the files that SPEC arguments name, including all specs in folders; None stands for
    `-`.
    """
    found: list[Path | None] = []
    for spec in specs:
        if spec == STDIN:
            found.append(None)
        elif Path(spec).is_dir():
            inside = sorted(Path(spec).rglob("*.arch"))
            if not inside:
                raise click.UsageError(f"no .arch file in {spec}")
            found += inside
        else:
            found.append(find(spec))
    return found


def load(spec: str) -> Program:
    """The program in the file that SPEC names, or in standard input for `-`."""
    from archdsl.program import Program

    return Program(unit(None if spec == STDIN else find(spec)))


def unit(path: Path | None) -> Unit:
    """Parses the file at a path, or standard input for None. Raises SpecError."""
    from archdsl.lang.loader import load as load_unit

    with paused():
        if path is not None:
            return load_unit(path)
        source = read(None)
        return load_unit(Path(source.name), text=source.text)


def read(path: Path | None) -> Source:
    """Reads the text of a file, or of standard input for None. Raises SpecError if it cannot be a spec."""
    from archdsl.lang.source_files import MAX_BYTES, decode, too_large
    from archdsl.lang.source_files import read as read_file

    if path is not None:
        return read_file(path, str(path))
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SpecError([too_large(Source("<stdin>", ""))])
    return decode(data, "<stdin>")


def target(
    program: Program, name: str | None, settings: Mapping[str, Any], train_outputs: bool = False
) -> Space | Network:
    """The space or network with this name, or the default one of the file, with these settings.

    Train-only outputs are excluded unless `train_outputs`.
    """
    from archdsl.program import Network

    found = program.target(chosen(program, name), **settings)
    return found.with_train_outputs() if train_outputs and isinstance(found, Network) else found


def left_out(target: Space | Network) -> str:
    """A note that train-only outputs were removed from a graph; empty if none were."""
    from archdsl.program import Network

    if not isinstance(target, Network) or target.train_outputs:
        return ""
    return without(target.bound.train_only)


def without(train_only: Iterable[str]) -> str:
    """A note that these train-only outputs were removed; empty if the list is empty."""
    names = ", ".join(sorted(train_only))
    return f"removed train-only outputs: {names} (include them with --train-outputs)" if names else ""


def space(program: Program, name: str | None, settings: Mapping[str, Any]) -> Space:
    """The space with this name, or the file's last one. Raises SpecError if some network is ill-typed."""
    from archdsl.spec.check import demand_proved

    if name is None and not program.spaces:
        raise click.UsageError(f"{name_of(program)} declares no space")
    if name is not None and chosen(program, name) not in program.spaces:
        raise click.UsageError(f"expected a space, but {name} is a network")
    found = program.space(name, **settings)
    demand_proved(found.elaborated)
    return found


def chosen(program: Program, name: str | None) -> str:
    """`name`, if the program declares it; without a name, that of the default space or network."""
    known = [*program.spaces, *program.networks]
    if not known:
        raise click.UsageError(f"{name_of(program)} declares no space or network")
    if name is None:
        return program.default_name()
    if name not in known:
        meant = closest(name, known)
        hint = f"did you mean `{meant}`?" if meant else f"available: {', '.join(known)}"
        raise click.UsageError(f"{name_of(program)} has no space or network `{name}`; {hint}")
    return name


def files(program: Program) -> list[Path]:
    """The paths of the file of a program and of all files that it imports, directly or indirectly."""
    found: dict[Path, None] = {}
    ahead = [program.unit]
    while ahead:
        unit = ahead.pop()
        if unit.path not in found:
            found[unit.path] = None
            ahead += [other for other, _ in unit.imported.values()]
    return list(found)


def name_of(program: Program) -> str:
    """The display name of a program's file."""
    return program.unit.source.name


def ships(spec: str) -> bool:
    """Whether a spec with this name is shipped with archdsl."""
    return _shipped(Path(spec)) is not None


def _shipped(path: Path) -> Path | None:
    """The path of the shipped spec with this name, or None; the prefix `specs/` and the suffix `.arch` are
    optional.
    """
    if path.is_absolute() or ".." in path.parts:
        return None
    parts = path.parts[1:] if path.parts[:1] == ("specs",) else path.parts
    if not parts:
        return None
    file = specs_folder().joinpath(*parts)
    file = file if file.suffix == ".arch" else file.with_name(file.name + ".arch")
    return file if file.is_file() else None


def _missing(spec: str) -> str:
    folder = specs_folder()
    names = [f.relative_to(folder).with_suffix("").as_posix() for f in sorted(folder.rglob("*.arch"))]
    meant = closest(Path(spec).stem, names)
    beside = [str(f) for f in sorted(Path(spec).parent.glob("*.arch"))]
    near = closest(spec, beside)
    hint = (
        f"; did you mean {near}?" if near else f"; did you mean the shipped spec `{meant}`?" if meant else ""
    )
    return f"file not found: {spec}{hint}"
