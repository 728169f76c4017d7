"""The interface of passes: frozen dataclasses of options, with a contract that can be verified.

A transform returns a new graph, an analysis a fact about a graph; neither modifies its input.  A new pass is
one class, and one line in `archdsl.passes.registry`, or an entry point of another package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.ir import Graph

T = TypeVar("T")

Need = Literal["graph", "network", "space"]
"""The input of a pass: any graph, a network (without decisions), or a space."""

Part = Literal[
    "name", "inputs", "nodes", "outputs", "decisions", "instances", "requirements", "settings", "chosen",
    "train_only",
]  # fmt: skip
"""The parts of a graph that a transform may change. `outputs` is the set of outputs, not their inputs;
`chosen` are the fixed decisions and their space.
"""

Guarantee = Literal["outputs", "requirements", "weights", "no more nodes", "idempotent"]
"""Guarantees of a transform, checked by `archdsl.passes.verifying`. `outputs`: remaining outputs compute the
same under the same outcomes. `requirements`: each network keeps its requirements. `weights`: remaining
weights keep name and size, so that trained ones can be loaded. `no more nodes` than before. `idempotent`:
applying it twice has no further effect.
"""


@dataclass(frozen=True)
class Contract:
    """What a pass needs, changes and guarantees.

    `uses` are the names of required analyses. Parts of the graph that are not in `changes` are preserved.
    """

    needs: Need = "graph"
    uses: frozenset[str] = frozenset()
    changes: frozenset[Part] = frozenset()
    guarantees: frozenset[Guarantee] = frozenset()


@dataclass(frozen=True)
class Option:
    """An option of a pass: a field of its class.

    `takes` describes its type; `read` parses its value, and is needed unless it is a number, a boolean or a
    string. An option with `by_decision` receives all names that are not other options, as paths of decisions.
    """

    name: str
    takes: str
    default: Any
    meaning: str
    required: bool
    by_decision: bool = False
    read: Callable[[str], Any] | None = None


def option(
    default: Any = MISSING,
    *,
    meaning: str,
    takes: str = "",
    by_decision: bool = False,
    read: Callable[[str], Any] | None = None,
) -> Any:
    """Declares a field of a pass as an option of pipelines; required without a default."""
    about = {"meaning": meaning, "takes": takes, "by_decision": by_decision, "read": read}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Pass(ABC, Generic[T]):
    """A pass, called with a graph.

    `at` are source locations of the options by name, and of the pass under "", for diagnostics.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    contract: ClassVar[Contract] = Contract()

    at: Mapping[str, Location] = field(
        default_factory=lambda: MappingProxyType({}), kw_only=True, compare=False, repr=False
    )

    def __call__(self, graph: Graph, *, verify: Verifier | None = None) -> T:
        """Runs the pass.

        With `verify=archdsl.passes.verifying.verified`, checks the graphs before and after, and the contract.
        Raises SpecError (ARCH508) for an unsupported graph, and what `verify` raises.
        """
        self.demand(graph)
        return self.run(graph) if verify is None else verify(self, graph)

    @abstractmethod
    def run(self, graph: Graph) -> T:
        """The result of the pass on a supported graph."""

    def declared(self) -> Contract:
        """The contract, which may depend on the options."""
        return self.contract

    def demand(self, graph: Graph) -> None:
        """Raises SpecError (ARCH508) for an unsupported graph."""
        needs = self.declared().needs
        if needs == "graph" or (needs == "network") == graph.is_fixed:
            return
        if needs == "network":
            headline = f"`{self.name}` needs a network, but {graph.name} is a space"
            help = "fix all decisions before it: bind(PATH = OUTCOME, …)"
        else:
            headline = f"`{self.name}` needs a space, but {graph.name} is a network"
            help = f"remove `{self.name}`"
        raise SpecError([Diagnostic("ARCH508", headline, self.label(""), help=help)])

    def label(self, option: str, text: str = "") -> Label | None:
        """The source location of an option, or of the pass; None if built in Python."""
        place = self.at.get(option, self.at.get(""))
        return None if place is None else Label(place, text)

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """The options of the pass, in the order of its fields."""
        return tuple(
            Option(
                f.name,
                f.metadata["takes"] or (f.type.__name__ if isinstance(f.type, type) else str(f.type)),
                f.default if f.default is not MISSING else None,
                f.metadata["meaning"],
                f.default is MISSING and f.default_factory is MISSING,
                f.metadata["by_decision"],
                f.metadata["read"],
            )
            for f in fields(cls)
            if "meaning" in f.metadata
        )


class Verifier(Protocol):
    """Runs a pass on a graph and verifies its contract."""

    def __call__(self, pass_: Pass[T], graph: Graph) -> T: ...


class Transform(Pass[Graph]):
    """A pass that maps a graph to a graph."""

    def before(self, outcomes: Mapping[str, str], graph: Graph) -> Mapping[str, str]:
        """Maps outcomes after the transform to outcomes in `graph` for the same network.

        Inactive decisions may be omitted.
        """
        return outcomes


class Analysis(Pass[T]):
    """A pass that computes a fact about a graph, cached since graphs are immutable."""

    def __call__(self, graph: Graph, *, verify: Verifier | None = None) -> T:
        try:
            known = verify is None and self in graph.facts
        except TypeError:  # options without a hash, such as decisions by path
            return super().__call__(graph, verify=verify)
        if not known:
            graph.facts[self] = super().__call__(graph, verify=verify)
        found: T = graph.facts[self]
        return found

    def text(self, found: T) -> str:
        """The result as text, for the command line."""
        return str(found)
