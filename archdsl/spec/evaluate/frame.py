"""Where evaluation stands: the names in sight, the paths built so far, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.lang import shipped
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import name_form
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.builder import Place, Trace
from archdsl.spec.evaluate.sites import Sites
from archdsl.spec.evaluate.values import Key, SpecValue

NO_SITES = Sites({}, {}, frozenset())


def join(*parts: str) -> str:
    """A hierarchical name of the parts that are not empty."""
    return ".".join(part for part in parts if part)


Target = Union[str, tuple[str, Key]]
"""What an assignment defines: a name, or an entry of one."""


@dataclass
class Frame:
    """One activation of a declaration.

    `decisions` and `nodes` are the path prefixes of choices and of nodes; the statement being evaluated
    adds `decision_name` and `node_name`, and `sites` the places within it.
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
    """Whether decisions made here may have been made before, by another use of a `once` cell."""
    binders: tuple[str, ...] = ()
    sites: Sites = NO_SITES
    decision_name: str = ""
    node_name: str = ""
    written: dict[Target, tuple[int, int]] = field(default_factory=dict)
    """Which nodes, by number, an assignment made: what `tie` ties."""

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
        """The error to raise, at the place of an AST node, with the rounds and calls that led there."""
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
        """A name that nothing defines; says where it can be imported from, or what it may have meant."""
        path, form = shipped.declared_in(name), name_form(name, known)
        guess = closest(name, list(known))
        if form is not None and path is None:
            help: str | None = form
        elif path is not None:
            help = f'import it: import {name} from "{path}"'
        else:
            help = f"did you mean `{guess}`?" if guess else None
        label = "not found in this scope, the file, its imports or the primitives"
        return self.error("ARCH201", f"`{name}` is not defined", node, label, help)
