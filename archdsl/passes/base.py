"""The interface of passes: frozen dataclasses of options, with a contract that can be verified.

A transform returns a new graph, an analysis a fact about a graph; neither modifies its input. A new pass is
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
"""The kind of graph that a pass accepts: any graph, a network (without decisions), or a space."""

Part = Literal[
    "name", "inputs", "nodes", "outputs", "decisions", "instances", "requirements", "settings", "chosen",
    "train_only",
]  # fmt: skip
"""The parts of a graph that a transform may change.

`outputs` is the set of names of outputs, not the nodes that they read; `chosen` are the fixed decisions and
the name of their space.
"""

Guarantee = Literal["outputs", "requirements", "weights", "no more nodes", "idempotent"]
"""The properties that a transform can guarantee, checked by `archdsl.passes.verifying`.

`outputs`: remaining outputs compute the same under the same outcomes. `requirements`: each network keeps its
requirements. `weights`: remaining weights keep their names and sizes, so that trained weights can be loaded.
`no more nodes`: the number of nodes does not increase. `idempotent`: applying the transform twice has the
same result as applying it once.
"""


@dataclass(frozen=True)
class Contract:
    """The contract of a pass: the graphs it needs, the parts it changes, and the properties it guarantees.

    `uses` are the names of analyses that the pass calls. Parts of the graph that are not in `changes` are
    preserved.
    """

    needs: Need = "graph"
    uses: frozenset[str] = frozenset()
    changes: frozenset[Part] = frozenset()
    guarantees: frozenset[Guarantee] = frozenset()


@dataclass(frozen=True)
class Option:
    """An option of a pass, which is a field of its class.

    `takes` describes the type in help texts. `read` parses the value from text; it is required unless the
    value is a number, a boolean or a string. An option with `by_decision` receives all names that are not
    other options, as paths of decisions.
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
    """Declares a field of a pass as an option that pipelines can set; without a default, the option is
    required.
    """
    about = {"meaning": meaning, "takes": takes, "by_decision": by_decision, "read": read}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Pass(ABC, Generic[T]):
    """A function of a graph with options, which are its fields.

    `at` holds, for diagnostics, the source locations of the options by name, and that of the pass under "".
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    contract: ClassVar[Contract] = Contract()

    at: Mapping[str, Location] = field(
        default_factory=lambda: MappingProxyType({}), kw_only=True, compare=False, repr=False
    )

    def __call__(self, graph: Graph, *, verify: Verifier | None = None) -> T:
        """Runs the pass on a graph.

        With `verify=archdsl.passes.verifying.verified`, also checks the graphs before and after, and the
        contract. Raises SpecError (ARCH508) for a graph of a kind that the pass does not accept, and the
        errors of `verify`.
        """
        self.demand(graph)
        return self.run(graph) if verify is None else verify(self, graph)

    @abstractmethod
    def run(self, graph: Graph) -> T:
        """Computes the result of the pass for a graph of an accepted kind."""

    def declared(self) -> Contract:
        """The contract of the pass, which may depend on its options."""
        return self.contract

    def demand(self, graph: Graph) -> None:
        """Raises SpecError (ARCH508) if the pass does not accept graphs of this kind."""
        needs = self.declared().needs
        if needs == "graph" or (needs == "network") == graph.is_fixed:
            return
        if needs == "network":
            headline = f"`{self.name}` needs a network, but {graph.name} is a space"
            help = "fix all decisions first: bind(PATH = OUTCOME, …)"
        else:
            headline = f"`{self.name}` needs a space, but {graph.name} is a network"
            help = f"remove `{self.name}`"
        raise SpecError([Diagnostic("ARCH508", headline, self.label(""), help=help)])

    def label(self, option: str, text: str = "") -> Label | None:
        """The source location of an option, or of the pass; None if the pass was not read from text."""
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
    """A function that runs a pass on a graph and verifies the contract of the pass."""

    def __call__(self, pass_: Pass[T], graph: Graph) -> T: ...


class Transform(Pass[Graph]):
    """A pass from graphs to graphs."""

    def before(self, outcomes: Mapping[str, str], graph: Graph) -> Mapping[str, str]:
        """Maps outcomes of the transformed graph to outcomes of `graph` that give the same network.

        Inactive decisions may be omitted from the result.
        """
        return outcomes


class Analysis(Pass[T]):
    """A pass that computes a fact about a graph. The result is cached with the graph, which is immutable."""

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
