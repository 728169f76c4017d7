"""What a pass is: a frozen dataclass of options, with a contract that is checked on demand.

A transform returns a new graph, an analysis a fact about one; both leave the graph alone.  A new pass is one
class, and one line in `archdsl.passes.registry`, or an entry point of another package.
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
"""What a pass works on: any graph, one without decisions, or one with some."""

Part = Literal[
    "name", "inputs", "nodes", "outputs", "decisions", "instances", "requirements", "settings", "chosen",
    "train_only",
]  # fmt: skip
"""What of a graph a transform may change.  `outputs` are which there are, not what they read; `chosen` are
the decisions that were made, and the space in which."""

Guarantee = Literal["outputs", "requirements", "weights", "no more nodes", "idempotent"]
"""What holds of the graph after a transform (`archdsl.passes.verifying` says how each is checked).

`outputs`: those that are left are computed as before, under the same outcomes.  `requirements`: each network
has to meet what it had to meet.  `weights`: those that are left keep name and size, so that trained ones can
be loaded.  `no more nodes` than before.  `idempotent`: a second time changes nothing.
"""


@dataclass(frozen=True)
class Contract:
    """What a pass needs, what it changes, and what it guarantees of all else.

    `uses` are the analyses that it asks for, by name.  What is not in `changes` stays equal.
    """

    needs: Need = "graph"
    uses: frozenset[str] = frozenset()
    changes: frozenset[Part] = frozenset()
    guarantees: frozenset[Guarantee] = frozenset()


@dataclass(frozen=True)
class Option:
    """An option of a pass: a field of its class.

    `takes` is the type as people read it, and `read` makes its value of what is written, where that is more
    than a number, true or false, or the text itself.  The option with `by_decision` takes whatever else is
    named, as decisions by path.
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
    """A field of a pass that pipelines can set; without a default it must be."""
    about = {"meaning": meaning, "takes": takes, "by_decision": by_decision, "read": read}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Pass(ABC, Generic[T]):
    """A pass; calling it with a graph runs it.

    `at` says where the options are written, by name, and under "" the pass; only diagnostics read it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    contract: ClassVar[Contract] = Contract()

    at: Mapping[str, Location] = field(
        default_factory=lambda: MappingProxyType({}), kw_only=True, compare=False, repr=False
    )

    def __call__(self, graph: Graph, *, verify: Verifier | None = None) -> T:
        """Runs the pass.

        With `archdsl.passes.verifying.verified` as `verify` the graph before and after, and the whole
        contract, are checked.  Raises SpecError (ARCH508) for a graph that the pass cannot work on, and what
        `verify` raises.
        """
        self.demand(graph)
        return self.run(graph) if verify is None else verify(self, graph)

    @abstractmethod
    def run(self, graph: Graph) -> T:
        """What the pass makes of a graph that it can work on."""

    def declared(self) -> Contract:
        """The contract of this pass under its options."""
        return self.contract

    def demand(self, graph: Graph) -> None:
        """Raises SpecError (ARCH508) for a graph that the pass cannot work on."""
        needs = self.declared().needs
        if needs == "graph" or (needs == "network") == graph.is_fixed:
            return
        if needs == "network":
            headline = f"`{self.name}` needs a network, and {graph.name} is a space"
            help = "decide what is open before it: bind(PATH = OUTCOME, …)"
        else:
            headline = (
                f"`{self.name}` needs a space, and {graph.name} is a network: nothing is left to decide"
            )
            help = f"leave `{self.name}` out"
        raise SpecError([Diagnostic("ARCH508", headline, self.label(""), help=help)])

    def label(self, option: str, text: str = "") -> Label | None:
        """The place in a pipeline where an option is written, or the pass; None for one made in Python."""
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
    """Runs a pass on a graph and checks its contract."""

    def __call__(self, pass_: Pass[T], graph: Graph) -> T: ...


class Transform(Pass[Graph]):
    """A pass from graph to graph."""

    def before(self, outcomes: Mapping[str, str], graph: Graph) -> Mapping[str, str]:
        """The outcomes in `graph` that make the network which `outcomes` make after the transform.

        Decisions that matter in neither may be left out.
        """
        return outcomes


class Analysis(Pass[T]):
    """A pass that finds a fact about a graph: once for each, as graphs do not change."""

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
        """What was found, as lines for people."""
        return str(found)
