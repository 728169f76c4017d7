"""Parses the ops of the option `--ops`, which may replace ops of the network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archdsl import ops
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.lang import ast
from archdsl.lang.loader import Unit, load
from archdsl.resources import specs_folder
from archdsl.widen.declared import Copied, needs, ops_of

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*\Z")
_BETWEEN = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True)
class Candidate:
    """An op with one input that may replace other ops.

    `given` are the settings as text, `accepts` the names of all settings that the op has. `copied` are the
    imports and declarations that a file with the op needs; empty for a primitive.
    """

    name: str
    given: str
    accepts: frozenset[str]
    copied: Copied

    @property
    def label(self) -> str:
        own = re.sub(r"[^A-Za-z0-9]+", "", self.given.replace("true", "1").replace("false", "0"))
        return f"{self.name}_{own}" if own else self.name

    def text(self, settings: Sequence[str]) -> str:
        every = [*filter(None, [self.given]), *settings]
        return f"{self.name}({', '.join(every)})" if every else self.name


def candidates(text: str, unit: Unit | None = None) -> list[Candidate]:
    """The ops in a list such as `sep_conv, conv(k = 5)`: ops of a spec, primitives, and ops of the standard
    library.

    Raises SpecError (ARCH834) for invalid text and for unknown or unsuitable ops.
    """
    own, library = {} if unit is None else ops_of(unit), _library()
    found = []
    for part in filter(str.strip, _BETWEEN.split(text)):
        called = _CALL.match(part)
        if called is None:
            raise _refused(part.strip(), "write the name of an op, and settings in parentheses: conv(k = 5)")
        name, given = called[1], (called[2] or "").strip()
        if name in own or name in library:
            copied, op = (needs(unit, name), own[name]) if unit and name in own else library[name]
            inputs, accepts = len(op.signature.inputs), {s.name for s in op.signature.settings}
        elif name in ops.primitives():
            copied, primitive = Copied(), ops.get(name)
            inputs = primitive.arity[1] or 2
            accepts = {s.name for s in primitive.settings}
        else:
            guess = closest(name, [*own, *ops.primitives(), *library])
            raise _refused(name, f"did you mean `{guess}`?" if guess else "list them: archdsl explain --ops")
        if inputs != 1:
            raise _refused(name, "it has several inputs; candidates have one")
        found.append(Candidate(name, given, frozenset(accepts), copied))
    _demand_one_meaning(found)
    return found


def _demand_one_meaning(found: Sequence[Candidate]) -> None:
    every = Copied()
    for candidate in found:
        name = every.add(candidate.copied)
        if name is not None:
            raise _refused(candidate.name, f"another candidate needs another declaration of `{name}`")


def _library() -> dict[str, tuple[Copied, ast.Op]]:
    """The ops of the standard library by name, with their imports."""
    found = {}
    for path in sorted((specs_folder() / "std").glob("*.arch")):
        unit = load(path)
        for name, declared in unit.declared.items():
            if isinstance(declared, ast.Op):
                found[name] = (Copied({name: f"std/{path.name}"}), declared)
    return found


def _refused(what: str, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH834", f"`{what}` cannot be a candidate", help=why)])
