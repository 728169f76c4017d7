"""Loads spec files and the files that they import.

Specs are untrusted, so an import path is either `"std/…"`, a file of the shipped library, or `"./…"`, a file
below the folder of the importing file. The imported file must also, with symbolic links resolved, be below
the folder of the file given to `load`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from archdsl.bounded import near
from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError, closest
from archdsl.lang import ast, source_files
from archdsl.lang.parser import parse
from archdsl.lang.source_files import shortened
from archdsl.resources import specs_folder

MAX_FILES = 100
MAX_IMPORT_DEPTH = 20
_FOREIGN = re.compile(r"[\\\x00-\x1f]|^[A-Za-z][A-Za-z0-9+.-]*:|^/")


@dataclass(frozen=True, eq=False)
class Unit:
    """A loaded file: its declarations by name, and for each imported name its unit and declaration.

    `path` is the location of the file with links resolved; for an unsaved text, the location where it will be
    saved.
    """

    source: Source
    file: ast.File = field(repr=False)
    path: Path
    imported: Mapping[str, tuple[Unit, ast.Declaration]] = field(repr=False)
    declared: Mapping[str, ast.Declaration] = field(repr=False)

    def find(self, name: str) -> tuple[Unit, ast.Declaration | None]:
        """Resolves a name to the unit and the declaration; to this unit and None if the name is undefined."""
        if name in self.declared:
            return self, self.declared[name]
        return self.imported.get(name, (self, None))


def load(path: str | os.PathLike[str], text: str | None = None) -> Unit:
    """Loads the file at `path` with its imports; `text` replaces the contents of the file.

    Raises SpecError with the errors of all files.
    """
    path = Path(path)
    source = source_files.read(path, str(path)) if text is None else Source(str(path), text)
    real = Path(os.path.realpath(path))
    loading = _Loading(real.parent)
    unit = loading.unit(source, real)
    if unit is None or loading.diagnostics:
        raise SpecError(loading.diagnostics)
    return unit


class _RefusedError(Exception):
    """Raised for an import that cannot be resolved."""

    def __init__(self, code: str, headline: str, help_line: str | None = None, label: str = ""):
        super().__init__(headline)
        self.code, self.headline, self.help, self.label = code, headline, help_line, label


@dataclass(frozen=True)
class _Step:
    """A file in the chain of imports that are being loaded: each imports the next."""

    path: Path
    source: Source


class _Loading:
    """The state of one call of `load`: loaded files, the current chain of imports, and the errors found."""

    def __init__(self, root: Path):
        self.root = root
        self.std = (specs_folder() / "std").resolve()
        self.units: dict[Path, Unit | None] = {}
        self.trail: list[_Step] = []
        self.diagnostics: list[Diagnostic] = []

    def unit(self, source: Source, path: Path) -> Unit | None:
        """Parses a text and loads its imports; None, with the errors recorded, if the text does not parse."""
        try:
            file = parse(source)
        except SpecError as error:
            self.diagnostics += error.diagnostics
            self.units[path] = None
            return None
        scope = _Scope(source, self.diagnostics)
        for item in file.items:
            if isinstance(item, ast.Import):
                self.follow(item, scope, path)
            else:
                scope.declare(item)
        unit = Unit(source, file, path, MappingProxyType(scope.imported), MappingProxyType(scope.declared))
        self.units[path] = unit
        return unit

    def follow(self, statement: ast.Import, scope: _Scope, path: Path) -> None:
        self.trail.append(_Step(path, scope.source))
        try:
            unit = self.target(statement.path.value)
        except _RefusedError as refused:
            scope.report(refused.code, refused.headline, statement.path.span, refused.label, refused.help)
            unit = None
        self.trail.pop()
        for name in statement.names:
            scope.take(name, unit)

    def target(self, wanted: str) -> Unit | None:
        """Loads the file of an import path; None if that file does not parse. Raises _RefusedError."""
        tree, start, rest, shown = self.place(wanted)
        file = start / rest
        if not os.path.isfile(file):  # False, too, for a name that is too long
            guess = near(file, source_files.ENDING)
            raise _RefusedError(
                "ARCH011",
                f"file not found: `{shortened(wanted)}`",
                f'did you mean "{wanted.rpartition("/")[0]}/{guess}"?' if guess else None,
            )
        file = file.resolve()
        if not file.is_relative_to(tree):
            raise _RefusedError(
                "ARCH010",
                f"`{shortened(wanted)}` is a symbolic link to a file outside the folder",
                label=f"outside `{tree.name}`",
            )
        return self.loaded(file, shown)

    def place(self, wanted: str) -> tuple[Path, Path, str, str]:
        """Resolves an import path. Returns the folder that contains all files that may be imported, the
        folder to which the path is relative, the normalized relative path, and the file's name for messages.
        """
        head, _, rest = wanted.partition("/")
        if _FOREIGN.search(wanted) or head not in (".", "std") or not rest:
            raise _RefusedError(
                "ARCH010",
                "invalid import path",
                'write "./name.arch" for a file beside this one, "std/name.arch" for one of the library',
                "neither `./…` nor `std/…`",
            )
        inside = os.path.normpath(rest)
        if inside.split(os.sep)[0] == os.pardir:
            raise _RefusedError(
                "ARCH010",
                f"`{shortened(wanted)}` is outside of the folder",
                "move the file into the folder of the importing file",
            )
        step = self.trail[-1]
        if head == "std":
            return self.std, self.std, inside, f"std/{inside}"
        tree = self.std if step.path.is_relative_to(self.std) else self.root
        return tree, step.path.parent, inside, os.path.join(os.path.dirname(step.source.name), inside)

    def loaded(self, path: Path, shown: str) -> Unit | None:
        if path in self.units:
            return self.units[path]
        trail = [step.path for step in self.trail]
        if path in trail:
            names = [step.source.name for step in self.trail[trail.index(path) :]]
            raise _RefusedError("ARCH012", "circular import", " → ".join([*names, names[0]]))
        if len(self.trail) > MAX_IMPORT_DEPTH:
            raise _RefusedError("ARCH705", "imports nested too deeply", f"at most {MAX_IMPORT_DEPTH} levels")
        if len(self.units) + len(self.trail) >= MAX_FILES:
            raise _RefusedError("ARCH704", "too many imported files", f"at most {MAX_FILES} files in total")
        try:
            source = source_files.read(path, shown)
        except SpecError as error:
            self.diagnostics += error.diagnostics
            self.units[path] = None
            return None
        return self.unit(source, path)


class _Scope:
    """The names that one file declares and imports, each with the location that defines it."""

    def __init__(self, source: Source, diagnostics: list[Diagnostic]):
        self.source = source
        self.diagnostics = diagnostics
        self.imported: dict[str, tuple[Unit, ast.Declaration]] = {}
        self.declared: dict[str, ast.Declaration] = {}
        self.places: dict[tuple[str, str], ast.Span] = {}

    def declare(self, item: ast.Constant | ast.Op | ast.Cell | ast.Space | ast.Network | ast.Search) -> None:
        if self.free(item.name, "declared"):
            self.declared[item.name.id] = item

    def take(self, name: ast.Name, unit: Unit | None) -> None:
        """Imports a name from a unit; only the location of the name is recorded if the unit has errors
        (None).
        """
        if not self.free(name, "imported") or unit is None:
            return
        if name.id in unit.declared:
            self.imported[name.id] = unit, unit.declared[name.id]
            return
        guess = closest(name.id[:60], tuple(unit.declared))
        help_line = f"did you mean `{guess}`?" if guess else _declared(unit)
        if name.id in unit.imported:
            help_line = f"it is imported there; import it from `{unit.imported[name.id][0].source.name}`"
        self.report(
            "ARCH013",
            f"`{unit.source.name}` has no declaration `{shortened(name.id)}`",
            name.span,
            "",
            help_line,
        )

    def free(self, name: ast.Name, how: str) -> bool:
        """Whether this file does not declare, or import, a name twice; reports it otherwise.

        A name may be both declared and imported: declarations of the file hide its imports.
        """
        first = self.places.setdefault((how, name.id), name.span)
        if first == name.span:
            return True
        headline = f"`{shortened(name.id)}` is {how} twice"
        self.report("ARCH014", headline, name.span, "", "rename one of them", first)
        return False

    def report(
        self,
        code: str,
        headline: str,
        span: ast.Span,
        label: str,
        help_line: str | None,
        first: ast.Span | None = None,
    ) -> None:
        secondary = () if first is None else (Label(Location(self.source, *first), "first defined here"),)
        primary = Label(Location(self.source, *span), label)
        self.diagnostics.append(Diagnostic(code, headline, primary, secondary=secondary, help=help_line))


def _declared(unit: Unit) -> str | None:
    """The help that lists up to twelve names that a file declares; None if it declares none."""
    names = list(unit.declared)
    shown = f"{', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
    return f"declared there: {shown}" if names else None
