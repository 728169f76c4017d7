"""Frames of evaluation: the names in scope, the prefixes of paths, and the backtrace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.ir import Value
from archdsl.lang import shipped
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import name_form, prefixed_form
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.calls import Place, Trace
from archdsl.spec.evaluate.sites import Sites
from archdsl.spec.evaluate.values import Key, SpecValue

_DOTTED = re.compile(r"(?:\.[A-Za-z_]\w*)*\.([A-Za-z_]\w*)")
NO_SITES = Sites({}, {}, frozenset())


def join(*parts: str) -> str:
    """Joins the non-empty parts of a hierarchical name; a part in brackets needs no dot."""
    path = ""
    for part in filter(None, parts):
        path += f".{part}" if path and part[0] != "[" else part
    return path


_AFTER_A_DOT = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\[.*\])?\Z", re.DOTALL)


def below(site: str, label: str) -> str:
    """The path of an outcome or member below `site`; a label that cannot follow a dot is put in brackets."""
    return join(site, label if _AFTER_A_DOT.match(label) else f"[{label}]")


Target = Union[str, tuple[str, Key]]
"""The target of an assignment: a name, or an entry of an indexed name."""


@dataclass
class Frame:
    """The frame of a declaration that is being evaluated: the names in scope, and the prefixes of paths.

    `decisions` and `nodes` are the path prefixes of choices and of nodes; the current statement adds
    `decision_name` and `node_name`, and `sites` the names of the positions within the statement.
    """

    unit: Unit
    decisions: str = ""
    nodes: str = ""
    names: dict[str, SpecValue] = field(default_factory=dict)
    instance: str | None = None
    cell: str | None = None
    trace: Trace | None = None
    depth: int = 0
    shared: bool = False
    """Whether decisions in this frame may exist already, from an earlier use of a `once` cell."""
    binders: tuple[str, ...] = ()
    sites: Sites = NO_SITES
    decision_name: str = ""
    node_name: str = ""
    sized: dict[Target, tuple[Value, ...]] = field(default_factory=dict)
    """For each assigned name or entry, the conditions under which the sizes that its value was computed from
    exist.
    """
    written: dict[Target, tuple[int, int]] = field(default_factory=dict)
    """The range of nodes that each assignment added, for `tie`."""

    def location(self, node: Spanned) -> Location:
        start, end = node.span
        return Location(self.unit.source, start, end)

    def place(self, node: Spanned) -> Place:
        start, end = node.span
        return Place(Location(self.unit.source, start, end), self.trace, self.instance, self.cell)

    def node_path(self, site: str) -> str:
        return join(self.nodes, self.node_name, site)

    def decision_path(self, ordinal: str) -> str:
        if not ordinal and not self.decision_name:
            ordinal = "1"
        return join(self.decisions, self.decision_name, ordinal)

    def error(
        self,
        code: str,
        headline: str,
        node: Spanned,
        label: str = "",
        help: str | None = None,
        secondary: tuple[Label, ...] = (),
        witness: tuple[tuple[str, str], ...] = (),
    ) -> SpecError:
        """A SpecError at an AST node, with the backtrace of stage iterations and calls."""
        return SpecError(
            [
                Diagnostic(
                    code,
                    headline,
                    Label(self.location(node), label),
                    secondary=secondary,
                    help=help,
                    trace=self.trace.labels() if self.trace else (),
                    witness=witness,
                )
            ]
        )

    def unknown(self, name: str, node: Spanned, known: Sequence[str]) -> SpecError:
        """The error for an undefined name; its help is an import or a similar name."""
        prefixed = _DOTTED.match(self.unit.source.text, node.span[1])
        if prefixed is not None:
            label = "not found in this scope, the file, its imports or the primitives"
            return self.error(
                "ARCH201", f"`{name}` is not defined", node, label, prefixed_form(prefixed[1], known)
            )
        path, form = shipped.declared_in(name), name_form(name, known)
        guess = closest(name, list(known))
        if name in ops.words():
            help: str | None = f'a word is written in quotes: "{name}"'
        elif form is not None and path is None:
            help = form
        elif path is not None:
            help = f'import it: import {name} from "{path}"'
        else:
            help = f"did you mean `{guess}`?" if guess else f"define it before it is used: {name} = …"
        label = "not found in this scope, the file, its imports or the primitives"
        return self.error("ARCH201", f"`{name}` is not defined", node, label, help)
