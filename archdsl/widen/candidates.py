"""Ops that may replace others: what `--ops` names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archdsl import ops
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.lang import ast
from archdsl.lang.loader import load
from archdsl.resources import specs_folder

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*\Z")
_BETWEEN = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True)
class Candidate:
    """An op with one input. `given` are its settings, as text, `accepts` the names of all it has.

    `file` is the one that declares it; None for a primitive.
    """

    name: str
    given: str
    accepts: frozenset[str]
    file: str | None

    @property
    def label(self) -> str:
        own = re.sub(r"[^A-Za-z0-9]+", "", self.given.replace("true", "1").replace("false", "0"))
        return f"{self.name}_{own}" if own else self.name

    def text(self, settings: Sequence[str]) -> str:
        every = [*filter(None, [self.given]), *settings]
        return f"{self.name}({', '.join(every)})" if every else self.name


def candidates(text: str) -> list[Candidate]:
    """The ops of a list such as `sep_conv, conv(k = 5)`: primitives, and ops of the standard library.

    Raises SpecError (ARCH834).
    """
    library = _library()
    found = []
    for part in filter(str.strip, _BETWEEN.split(text)):
        called = _CALL.match(part)
        if called is None:
            raise _refused(part.strip(), "write the name of an op, and settings in parentheses: conv(k = 5)")
        name, given = called[1], (called[2] or "").strip()
        if name in library:
            file, op = library[name]
            inputs, accepts = len(op.signature.inputs), {s.name for s in op.signature.settings}
        elif name in ops.primitives():
            file, primitive = None, ops.get(name)
            inputs = primitive.arity[1] or 2
            accepts = {s.name for s in primitive.settings}
        else:
            guess = closest(name, [*ops.primitives(), *library])
            raise _refused(name, f"did you mean `{guess}`?" if guess else "list them: archdsl explain --ops")
        if inputs != 1:
            raise _refused(name, "it has several inputs; candidates have one")
        found.append(Candidate(name, given, frozenset(accepts), file))
    return found


def _library() -> dict[str, tuple[str, ast.Op]]:
    """The ops of the standard library by name, and their files."""
    found = {}
    for path in sorted((specs_folder() / "std").glob("*.arch")):
        unit = load(path)
        for name, declared in unit.declared.items():
            if isinstance(declared, ast.Op):
                found[name] = (f"std/{path.name}", declared)
    return found


def _refused(what: str, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH834", f"`{what}` cannot be a candidate", help=why)])
