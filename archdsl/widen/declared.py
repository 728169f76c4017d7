"""Copies declarations of a spec to a widened file: candidate ops and the declarations that they depend on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.resources import specs_folder
from archdsl.spec.lint import names_read


@dataclass
class Copied:
    """Imports and declarations for a file: `imports` maps names to library files, `texts` are declarations by
    name.
    """

    imports: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        return {*self.imports, *self.texts}

    def add(self, other: Copied) -> str | None:
        """Adds the imports and declarations of another file; returns a name that would have two meanings, or
        None.
        """
        for name in other.names & self.names:
            if (self.imports.get(name), self.texts.get(name)) != (
                other.imports.get(name),
                other.texts.get(name),
            ):
                return name
        self.imports |= other.imports
        self.texts |= other.texts
        return None


def needs(unit: Unit, name: str) -> Copied:
    """A declaration with all declarations on which it depends, in its file and in imported files.

    Raises KeyError for a name that has different meanings in two of these files.
    """
    found = Copied()
    ahead, seen = [(unit, name)], set()
    while ahead:
        reader, wanted = ahead.pop()
        owner, declared = reader.find(wanted)
        if declared is None or (owner.path, wanted) in seen:
            continue  # a primitive, a builtin, a name of the declaration itself
        seen.add((owner.path, wanted))
        file = library_file(owner)
        one = Copied({wanted: file}) if file is not None else Copied(texts={wanted: _text(owner, declared)})
        if found.add(one) is not None:
            raise KeyError(wanted)
        if file is None and isinstance(declared, ast.Op | ast.Constant):
            ahead += [(owner, read.id) for read in names_read(declared)]
    return found


def library_file(unit: Unit) -> str | None:
    """The import path `std/NAME.arch` of a file of the standard library; None for other files."""
    library = os.path.realpath(specs_folder() / "std")
    return f"std/{unit.path.name}" if os.path.realpath(unit.path.parent) == library else None


def _text(unit: Unit, declared: ast.Declaration) -> str:
    return unit.source.text[slice(*declared.span)]


def ops_of(unit: Unit) -> Mapping[str, ast.Op]:
    """The ops that a file declares or imports."""
    names = [*unit.declared, *unit.imported]
    found = {name: unit.find(name)[1] for name in names}
    return {name: declared for name, declared in found.items() if isinstance(declared, ast.Op)}
