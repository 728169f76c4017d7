"""Specs as Python objects: load a file, take a space or network from it, sample, bind, compile."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

from archdsl.collector import paused
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.ir import Decision, Graph
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.lang.loader import load as load_unit
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.networks import Count, Networks, Over, Uncounted
from archdsl.passes.base import Transform
from archdsl.passes.costs.cost import Total
from archdsl.passes.transforms.bind import Bind, Binder, Prepared
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.outcomes import outcome_text
from archdsl.passes.transforms.simplify import Simplify
from archdsl.spec.check import Report, uncounted
from archdsl.spec.check import check as check_unit
from archdsl.spec.decompile import rows_text, written_out
from archdsl.spec.elaborate import Elaborated, elaborate
from archdsl.spec.search import read_search
from archdsl.spec.search_values import SearchSpec
from archdsl.spec.settings import input_names

if TYPE_CHECKING:
    from archdsl.backends.torch_module import CompiledNetwork
    from archdsl.passes.costs.cost import NetworkCost
    from archdsl.passes.costs.layers import LayerRow


Dtype = Literal["float32", "float16", "bfloat16", "int8"]


@dataclass(frozen=True, eq=False)
class Network:
    """A network with nothing left to choose.

    `bound` is its graph as its space has it; `chosen` are the decisions by which it was bound from
    `origin`, if it was.
    """

    bound: Graph
    source: str | None = None
    """Where its space can be imported from, for `to_arch`."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The settings of its space that were set from outside."""
    train_outputs: bool = False
    """Whether `graph`, and all that is made of it, has the train-only outputs."""
    transformed: bool = False
    """Whether `bound` went through passes of the caller's choice, so that `graph` is `bound`."""

    @cached_property
    def graph(self) -> Graph:
        """The graph, simplified: computed on first access, as many are bound and few are built.

        As it is deployed, without train-only outputs and what only they need, but for `train_outputs`.
        """
        return self.bound if self.transformed else Simplify()(self.whole)

    @cached_property
    def whole(self) -> Graph:
        """The graph before it is simplified."""
        return self.bound if self.train_outputs or self.transformed else Deploy()(self.bound)

    def with_train_outputs(self) -> Network:
        """The network with its train-only outputs; itself where it has none."""
        return self if self.transformed or not self.bound.train_only else replace(self, train_outputs=True)

    def through(self, passes: Transform | str) -> Network:
        """The network that passes make of `bound`, or a pipeline as text: `deploy, simplify`.

        Its `graph` is as the passes leave it.  Raises SpecError as they do.
        """
        return self.with_graph(_pipeline(passes)(self.bound))

    def with_graph(self, graph: Graph) -> Network:
        """The same with another graph, which no pass touches any more."""
        return replace(self, bound=graph, transformed=True)

    @property
    def name(self) -> str:
        return self.bound.name

    @property
    def origin(self) -> str | None:
        return self.bound.origin

    @property
    def chosen(self) -> Mapping[str, str]:
        return self.bound.chosen

    @property
    def params(self) -> int:
        """How many trainable parameters it has."""
        return Total()(self.graph).params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image of the declared size; FLOPs are twice that."""
        return Total()(self.graph).macs

    def to_arch(self) -> str:
        """The network as the text of a file: its decisions where it has a space, in full otherwise."""
        if self.origin is not None and self.source is not None:
            return rows_text(self.bound, self.source, self.given)
        return written_out(self.with_train_outputs().graph)

    @cached_property
    def layers(self) -> tuple[LayerRow, ...]:
        """The layer table: a row for each application of an op, in the order of computation."""
        from archdsl.passes.costs.layers import layer_table

        return tuple(layer_table(self.graph, "op"))

    def cost(self, dtype: Dtype = "float32") -> NetworkCost:
        """All that it costs per image, by node and in total: parameters, MACs, memory, receptive field.

        Memory and traffic are of activations in `dtype`.
        """
        from archdsl.passes.costs.cost import network_cost

        return network_cost(self.graph, dtype=dtype)

    def module(self) -> CompiledNetwork:
        """A PyTorch module with ordinary children and a straight-line forward, in eval mode."""
        from archdsl.backends.torch_module import build

        return build(self.graph).eval()

    def _repr_svg_(self) -> str:
        from archdsl.backends.diagram import svg

        return svg(self.graph)

    def __repr__(self) -> str:
        origin = f" from {self.origin}" if self.origin else ""
        return f"<network {self.name}{origin}: {len(self.graph.nodes)} nodes>"


@dataclass(frozen=True, eq=False)
class Space:
    """All the networks that a spec describes."""

    elaborated: Elaborated
    source: str | None = None

    @property
    def graph(self) -> Graph:
        return self.elaborated.graph

    @cached_property
    def deployed(self) -> Graph:
        """The graph without train-only outputs and what only they need: what costs are of."""
        return Deploy()(self.graph)

    @cached_property
    def searched(self) -> Graph:
        """`deployed` with the decisions alone that it reads: those that a search settles."""
        return Deploy(keep_decisions=False)(self.graph)

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def decisions(self) -> Mapping[str, Decision]:
        return self.graph.decisions

    @property
    def size(self) -> int:
        """How many combinations of outcomes there are; see `networks`."""
        return self.graph.size

    @cached_property
    def networks(self) -> Networks:
        """Its networks: `networks.count` says how many, `networks.draw` draws any of them alike."""
        return Networks(self.graph)

    @property
    def settings(self) -> Mapping[str, object]:
        return self.graph.settings

    @property
    def binder(self) -> Binder:
        return Prepared()(self.graph)

    def sample(self, rng: random.Random, over: Over = "outcomes") -> dict[str, str]:
        """Random decisions, as path -> outcome.

        Every outcome of a decision is equally likely; with `over="networks"` every network is, and decisions
        that do not arise in it are left out.  Raises SpecError (ARCH416) where they cannot be counted.
        """
        if over == "outcomes":
            return {path: rng.choice(d.outcomes) for path, d in self.decisions.items()}
        try:
            drawn = self.networks.draw(rng)
        except Uncounted:
            raise SpecError([uncounted(self.elaborated)]) from None
        return {path: self.decisions[path].outcomes[o] for path, o in drawn.items()}

    def bind(self, decisions: Mapping[str, Any], name: str = "Found") -> Network:
        """The network that these decisions make.

        Decisions that do not matter under the others may be left out.  Raises SpecError for paths and
        outcomes that do not exist, for decisions left open, and where the network is not well-typed.
        """
        made = self.elaborated.made  # choices of which one outcome is left: stating it is not a mistake
        asked = {p: o for p, o in decisions.items() if p not in made or made[p] != outcome_text(o)}
        return Network(Bind(asked, name)(self.graph), self.source, self.elaborated.given)

    def through(self, passes: Transform | str) -> Space | Network:
        """What passes make of the space, or a pipeline as text: `prune(depth = 2), simplify`.

        A network where they leave nothing to decide, whose `graph` is as they leave it.  Raises SpecError as
        they do.
        """
        return self.with_graph(_pipeline(passes)(self.graph))

    def with_graph(self, graph: Graph) -> Space | Network:
        """The same with another graph; a network where nothing is left to decide in it."""
        if graph.is_fixed:
            return Network(graph, self.source, self.elaborated.given, transformed=True)
        return Space(replace(self.elaborated, graph=graph), self.source)

    def _repr_svg_(self) -> str:
        from archdsl.backends.diagram import svg

        return svg(self.graph)

    def __repr__(self) -> str:
        return f"<space {self.name}: {len(self.decisions)} decisions, {_counted(self.networks.count)}>"


@dataclass(frozen=True, eq=False)
class Program:
    """A file and all that it imports."""

    unit: Unit

    @property
    def path(self) -> Path | None:
        return self.unit.path

    def _declared(self, kind: type) -> dict[str, Any]:
        return {name: d for name, d in self.unit.declared.items() if isinstance(d, kind)}

    @property
    def spaces(self) -> dict[str, ast.Space]:
        return self._declared(ast.Space)

    @property
    def networks(self) -> dict[str, ast.Network]:
        return self._declared(ast.Network)

    @property
    def searches(self) -> dict[str, ast.Search]:
        return self._declared(ast.Search)

    def default_name(self) -> str:
        """The last network of the file, else its last space.  Raises SpecError where there is neither."""
        names = list(self.networks) or list(self.spaces)
        if not names:
            at = Label(Location(self.unit.source, 0, 0), "")
            raise SpecError([Diagnostic("ARCH224", "the file declares no space and no network", at)])
        return names[-1]

    def target(self, name: str | None = None, **settings: Any) -> Space | Network:
        """A space or network of the file by name; by default `default_name()`."""
        name = name or self.default_name()
        declared: Any = self.spaces.get(name) or self.networks.get(name)
        if declared is None:
            raise self._unknown(name, [*self.spaces, *self.networks], "space or network")
        found = elaborate(self.unit, declared, settings)
        if isinstance(declared, ast.Space) and found.graph.decisions:
            _well_typed(found, "space")
            return Space(found, self._source(name))
        if isinstance(declared, ast.Network) and found.graph.decisions:
            raise SpecError([_open_network(found)])
        graph = _well_typed(found)
        return Network(graph, self._source_of_origin(declared), found.given)

    def _source(self, name: str) -> str | None:
        return self.path.name if self.path is not None else None

    def _source_of_origin(self, declared: Any) -> str | None:
        origin = getattr(declared, "origin", None)
        if origin is None:
            return None
        return self._import_path(origin.id) or self._source(origin.id)

    def _import_path(self, name: str) -> str | None:
        """Where the file imports a name from."""
        for item in self.unit.file.items:
            if isinstance(item, ast.Import) and any(n.id == name for n in item.names):
                return item.path.value
        return None

    def _unknown(self, name: str | None, known: Iterable[str], kind: str) -> SpecError:
        """That the file does not declare what is asked for, of the kinds that were looked among."""
        there = list(known) or [*self.spaces, *self.networks, *self.searches]
        guess = closest(name, there) if name else None
        listed = f"it declares {', '.join(there) or 'neither spaces nor networks'}"
        help = f"did you mean `{guess}`?" if guess else listed
        at = Label(Location(self.unit.source, 0, 0), "")
        asked = f"{kind} `{name}`" if name else kind
        return SpecError([Diagnostic("ARCH224", f"the file declares no {asked}", at, help=help)])

    def space(self, name: str | None = None, **settings: Any) -> Space:
        """A space of the file, or by name one that it imports.

        A space whose every choice has one candidate has one network.
        """
        unit, declared = self.unit.imported.get(name or "", (self.unit, None))
        if name in self.unit.declared or not isinstance(declared, ast.Space):
            declared = self._one(name, self.spaces, "space")
            return Space(elaborate(self.unit, declared, settings), self._source(declared.name.id))
        return Space(elaborate(unit, declared, settings), self._import_path(declared.name.id))

    def network(self, name: str | None = None, **settings: Any) -> Network:
        """A network of the file."""
        declared = self._one(name, self.networks, "network")
        found = self.target(declared.name.id, **settings)
        assert isinstance(found, Network)
        return found

    def _one(self, name: str | None, known: Mapping[str, Any], kind: str) -> Any:
        if name is None and known:
            return list(known.values())[-1]
        if name is None or name not in known:
            raise self._unknown(name, known, kind)
        return known[name]

    def search(self, name: str | None = None, **settings: Any) -> SearchSpec:
        """A search of the file as a typed value, under settings of it from outside."""
        declared = self._one(name, self.searches, "search")
        return read_search(self.unit, declared, settings)

    def search_settings(self, name: str | None = None) -> tuple[frozenset[str], frozenset[str]]:
        """Names that can be set from outside: those of the space of a search, and the search's own."""
        declared: ast.Search = self._one(name, self.searches, "search")
        own = frozenset(s.name for s in declared.signature.settings)
        _, space = self.unit.find(declared.space.id)
        if not isinstance(space, ast.Space):
            return frozenset(), own
        return frozenset((*(s.name for s in space.signature.settings), *input_names(space))), own

    def check(
        self, *, budget: int | None = None, samples: int = 0, over: Over = "outcomes",
        allow_open: bool = False, **settings: Any,
    ) -> Report:  # fmt: skip
        """Everything that can be found wrong with the file, and what was proved of it.

        `budget` bounds the work spent on one condition; what is left open is tried on random networks, on
        `samples` more of them on request, and is an error unless `allow_open`.
        """
        return check_unit(
            self.unit, settings, budget=budget, samples=samples, over=over, allow_open=allow_open
        )


def _pipeline(passes: Transform | str) -> Transform:
    if not isinstance(passes, str):
        return passes
    from archdsl.passes.pipeline_text import read_pipeline

    return read_pipeline(passes)


def _counted(count: Count) -> str:
    return f"{'' if count.exact else 'at most '}{Decimal(count.networks):.3g} networks"


def _open_network(found: Elaborated) -> Diagnostic:
    decision = next(iter(found.graph.decisions.values()))
    assert decision.location is not None
    return Diagnostic(
        "ARCH225",
        f"network `{found.graph.name}` has a choice, `{decision.path}`",
        Label(decision.location, "a network has nothing left to choose"),
        help=f"make it a space: space {found.graph.name} {{…}}",
    )


def _well_typed(found: Elaborated, kind: str = "network") -> Graph:
    """The graph, if it can run; what is only advised against is for `check` to say."""
    from archdsl.spec.prove.prover import prove

    failed = prove(found, kind)[0]
    errors = [d for d in failed if d.severity == "error" and d.code not in ADVISORY]
    if errors:
        raise SpecError(errors)
    return found.graph


def open_decisions(space: Space) -> Diagnostic:
    """The finding that a space stands where one network is needed."""
    return Diagnostic(
        "ARCH226",
        f"`{space.name}` is a space of {_counted(space.networks.count)}",
        Label(space.elaborated.location, "not one network"),
        help="bind its decisions first: archdsl.bind(space, {…})",
    )


Spec = Union[Program, str, Path]
"""A program, the path of its file, or its text."""

_IS_TEXT = re.compile(r"\s*arch\s+\d")


def program_of(spec: Spec) -> Program:
    """The program itself, or that of a path or text.  Raises SpecError."""
    return spec if isinstance(spec, Program) else load(spec)


def check(
    spec: Spec, *, budget: int | None = None, samples: int = 0, over: Over = "outcomes",
    allow_open: bool = False, **settings: Any,
) -> Report:  # fmt: skip
    """Everything that can be found wrong with a spec, and what was proved of it: `Program.check`.

    A spec that cannot be read is a report with errors, too.
    """
    try:
        program = program_of(spec)
    except SpecError as error:
        return Report(error.diagnostics, ())
    return program.check(budget=budget, samples=samples, over=over, allow_open=allow_open, **settings)


def load(path: str | Path, *, text: str | None = None) -> Program:
    """Reads a file and what it imports; `text` replaces what is on disk.  Raises SpecError.

    A string of several lines, or that begins with the version of the language, is the text of a spec, whose
    imports are looked for in the current folder.
    """
    if isinstance(path, str) and text is None and ("\n" in path or _IS_TEXT.match(path)):
        path, text = "spec.arch", path
    with paused():
        return Program(load_unit(path, text=text))


def bind(space: Space | Spec, decisions: Mapping[str, Any], **settings: Any) -> Network:
    """The network of a space that these decisions (path -> outcome) make.

    Of a program, or the path of one, the space is its last; `settings` are for that.
    """
    if not isinstance(space, Space):
        space = program_of(space).space(**settings)
    elif settings:
        raise TypeError("a Space has its settings already: bind(program.space(…), decisions)")
    return space.bind(decisions)


def compile(program: Spec | Network | Space, name: str | None = None, **settings: Any) -> CompiledNetwork:
    """A network of a spec as a PyTorch module in eval mode; `forward` gives the main logits."""
    found = program
    if not isinstance(found, Network | Space):
        found = program_of(found).target(name, **settings)
    elif name is not None or settings:
        raise TypeError(f"a {type(found).__name__} has its settings already")
    if isinstance(found, Space):
        raise SpecError([open_decisions(found)])
    return found.module()
