"""Specs as Python objects: programs, spaces and networks."""

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
from archdsl.lang.machine import NAME
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
    """A network: a graph in which every decision is fixed.

    `bound` is the graph before simplification, `origin` the name of the space that it was bound from, if any,
    and `chosen` the decisions by which it was bound.
    """

    bound: Graph
    source: str | None = None
    """The import path of the space that the network was bound from, for `to_arch`."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Overridden settings of that space."""
    train_outputs: bool = False
    """Whether `graph` includes train-only outputs."""
    transformed: bool = False
    """Whether `bound` is the result of passes of the caller; if so, `graph` is `bound`, not simplified."""

    @cached_property
    def graph(self) -> Graph:
        """The simplified graph, computed on first access.

        Train-only outputs, and nodes that only they need, are removed unless `train_outputs` is True.
        """
        return self.bound if self.transformed else Simplify()(self.whole)

    @cached_property
    def whole(self) -> Graph:
        """The graph before simplification; without train-only outputs unless `train_outputs` is True."""
        return self.bound if self.train_outputs or self.transformed else Deploy()(self.bound)

    def with_train_outputs(self) -> Network:
        """The network including its train-only outputs; `self` if it has none, or if `transformed`."""
        return self if self.transformed or not self.bound.train_only else replace(self, train_outputs=True)

    def through(self, passes: Transform | str) -> Network:
        """Applies passes, or a pipeline such as `deploy, simplify`, to `bound`; returns the new network.

        The `graph` of the result is not simplified further. Raises the SpecErrors of the passes.
        """
        return self.with_graph(_pipeline(passes)(self.bound))

    def with_graph(self, graph: Graph) -> Network:
        """A copy of the network with another graph, which is not simplified or otherwise transformed."""
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
        """The number of trainable parameters."""
        return Total()(self.graph).params

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image of the declared size; FLOPs = 2 × MACs."""
        return Total()(self.graph).macs

    def to_arch(self) -> str:
        """The network as source text: as decisions of its space, or in full if it was not bound from one."""
        if self.origin is not None and self.source is not None:
            return rows_text(self.bound, self.source, self.given)
        return written_out(self.with_train_outputs().graph)

    @cached_property
    def layers(self) -> tuple[LayerRow, ...]:
        """The layer table: a row for each op application, in order of computation."""
        from archdsl.passes.costs.layers import layer_table

        return tuple(layer_table(self.graph, "op"))

    def cost(self, dtype: Dtype = "float32") -> NetworkCost:
        """Costs per image, by node and in total: parameters, MACs, memory, receptive field.

        Memory and traffic are those of activations of type `dtype`.
        """
        from archdsl.passes.costs.cost import network_cost

        return network_cost(self.graph, dtype=dtype)

    def module(self) -> CompiledNetwork:
        """Builds a PyTorch module in eval mode, with named children and a forward without control flow."""
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
    """A search space: a graph with decisions, which describes a set of networks."""

    elaborated: Elaborated
    source: str | None = None

    @property
    def graph(self) -> Graph:
        return self.elaborated.graph

    @cached_property
    def deployed(self) -> Graph:
        """The graph without train-only outputs and the nodes that only they need; costs refer to it."""
        return Deploy()(self.graph)

    @cached_property
    def searched(self) -> Graph:
        """`deployed` without decisions that no output depends on: a search decides the remaining ones."""
        return Deploy(keep_decisions=False)(self.graph)

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def decisions(self) -> Mapping[str, Decision]:
        return self.graph.decisions

    @property
    def size(self) -> int:
        """The number of combinations of outcomes; several may give the same network (see `networks`)."""
        return self.graph.size

    @cached_property
    def networks(self) -> Networks:
        """The set of distinct networks: `networks.count` counts them, `networks.sample` samples uniformly."""
        return Networks(self.graph)

    @property
    def settings(self) -> Mapping[str, object]:
        return self.graph.settings

    @property
    def binder(self) -> Binder:
        return Prepared()(self.graph)

    def sample(self, rng: random.Random, over: Over = "outcomes") -> dict[str, str]:
        """Samples an outcome for each decision; returns a mapping from decision paths to outcomes.

        By default, sampling is uniform over the outcomes of each decision. With `over="networks"`, it is
        uniform over networks, and inactive decisions are omitted; raises SpecError (ARCH416) if the networks
        cannot be counted.
        """
        if over not in ("outcomes", "networks"):
            raise ValueError(f'`over` is "outcomes" or "networks", got {over!r}')
        if over == "outcomes":
            return {path: rng.choice(d.outcomes) for path, d in self.decisions.items()}
        try:
            sampled = self.networks.sample(rng)
        except Uncounted:
            raise SpecError([uncounted(self.elaborated)]) from None
        return {path: self.decisions[path].outcomes[o] for path, o in sampled.items()}

    def bind(self, decisions: Mapping[str, Any], name: str = "Found") -> Network:
        """The network given by an outcome for each decision.

        Inactive decisions may be omitted. Raises SpecError for unknown paths and outcomes, for missing
        decisions, and for an ill-typed network.
        """
        if not NAME.match(name):
            raise ValueError(f"the name of a network is a plain word, got {name!r}")
        made = self.elaborated.made  # constant choices: their only outcome may be stated
        asked = {p: o for p, o in decisions.items() if p not in made or made[p] != outcome_text(o)}
        return Network(Bind(asked, name)(self.graph), self.source, self.elaborated.given)

    def through(self, passes: Transform | str) -> Space | Network:
        """Applies passes, or a pipeline such as `prune(depth = 2), simplify`; returns the resulting space.

        Returns a Network if no decisions remain. Raises the SpecErrors of the passes.
        """
        return self.with_graph(_pipeline(passes)(self.graph))

    def with_graph(self, graph: Graph) -> Space | Network:
        """A copy of the space with another graph; a Network if that graph has no decisions."""
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
    """A spec file with the files that it imports."""

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
        """The last network of the file, else its last space. Raises SpecError (ARCH224) without either."""
        names = list(self.networks) or list(self.spaces)
        if not names:
            at = Label(Location(self.unit.source, 0, 0), "")
            raise SpecError([Diagnostic("ARCH224", "the file declares no space or network", at)])
        return names[-1]

    def target(self, name: str | None = None, **settings: Any) -> Space | Network:
        """Elaborates a space or network by name, by default `default_name()`, with `settings` overridden."""
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
        """The import path from which the file imports a name; None if it does not import the name."""
        for item in self.unit.file.items:
            if isinstance(item, ast.Import) and any(n.id == name for n in item.names):
                return item.path.value
        return None

    def _unknown(self, name: str | None, known: Iterable[str], kind: str) -> SpecError:
        """The error (ARCH224) for an undeclared name; `known` are the declared names of this kind."""
        there = list(known) or [*self.spaces, *self.networks, *self.searches]
        guess = closest(name, there) if name else None
        listed = f"available: {', '.join(there) or 'no spaces or networks'}"
        help = f"did you mean `{guess}`?" if guess else listed
        at = Label(Location(self.unit.source, 0, 0), "")
        asked = f"{kind} `{name}`" if name else kind
        return SpecError([Diagnostic("ARCH224", f"the file declares no {asked}", at, help=help)])

    def space(self, name: str | None = None, **settings: Any) -> Space:
        """Elaborates a space of the file, by default the last one; with a name, also an imported one."""
        unit, declared = self.unit.imported.get(name or "", (self.unit, None))
        if name in self.unit.declared or not isinstance(declared, ast.Space):
            declared = self._one(name, self.spaces, "space")
            return Space(elaborate(self.unit, declared, settings), self._source(declared.name.id))
        return Space(elaborate(unit, declared, settings), self._import_path(declared.name.id))

    def network(self, name: str | None = None, **settings: Any) -> Network:
        """Elaborates a network of the file, by default the last one."""
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
        """Reads a search of the file, by default the last one, with `settings` overridden."""
        declared = self._one(name, self.searches, "search")
        return read_search(self.unit, declared, settings)

    def search_settings(self, name: str | None = None) -> tuple[frozenset[str], frozenset[str]]:
        """The names of settings that can be overridden: those of the space, and those of the search."""
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
        """Checks the file; returns its diagnostics and proofs.

        `budget` bounds the work per condition. Conditions that stay undecided are tested on random networks,
        plus `samples` more, drawn as in `Space.sample`; they are errors unless `allow_open`.
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
        f"network `{found.graph.name}` contains an open choice, `{decision.path}`",
        Label(decision.location, "networks cannot contain choices"),
        help=f"make it a space: space {found.graph.name} {{…}}",
    )


def _well_typed(found: Elaborated, kind: str = "network") -> Graph:
    """The graph of an elaborated space or network. Raises SpecError for shape errors; ignores warnings."""
    from archdsl.spec.prove.prover import prove

    failed = prove(found, kind)[0]
    errors = [d for d in failed if d.severity == "error" and d.code not in ADVISORY]
    if errors:
        raise SpecError(errors)
    return found.graph


def open_decisions(space: Space) -> Diagnostic:
    """The error (ARCH226) for a space where a network is expected."""
    return Diagnostic(
        "ARCH226",
        f"expected a network, but `{space.name}` is a space of {_counted(space.networks.count)}",
        Label(space.elaborated.location, "a space"),
        help="bind its decisions first: archdsl.bind(space, {…})",
    )


Spec = Union[Program, str, Path]
"""A program, the path of a file, or source text."""

_IS_TEXT = re.compile(r"\s*arch\s+\d")


def program_of(spec: Spec) -> Program:
    """Loads a spec, unless it is already a Program. Raises SpecError."""
    if isinstance(spec, Program):
        return spec
    if not isinstance(spec, (str, Path)):
        raise TypeError(f"expected a Program, the path of a spec or its text, got {type(spec).__name__}")
    return load(spec)


def check(
    spec: Spec, *, budget: int | None = None, samples: int = 0, over: Over = "outcomes",
    allow_open: bool = False, **settings: Any,
) -> Report:  # fmt: skip
    """Checks a spec (see `Program.check`). Syntax errors are part of the report instead of being raised."""
    try:
        program = program_of(spec)
    except SpecError as error:
        return Report(error.diagnostics, ())
    return program.check(budget=budget, samples=samples, over=over, allow_open=allow_open, **settings)


def load(path: str | Path, *, text: str | None = None) -> Program:
    """Loads a spec file and its imports; `text` replaces the contents of the file. Raises SpecError.

    A string of several lines, or one that begins with the language version (`arch 1`), is taken as source
    text; its imports are relative to the working directory.
    """
    if isinstance(path, str) and text is None and ("\n" in path or _IS_TEXT.match(path)):
        path, text = "spec.arch", path
    with paused():
        return Program(load_unit(path, text=text))


def bind(space: Space | Spec, decisions: Mapping[str, Any], **settings: Any) -> Network:
    """The network given by an outcome for each decision (path -> outcome) of a space.

    For a program or a path, the last space of the file is bound, with `settings` overridden.
    """
    if not isinstance(space, Space):
        space = program_of(space).space(**settings)
    elif settings:
        raise TypeError("`settings` cannot be combined with a Space: pass them to program.space(…)")
    return space.bind(decisions)


def compile(program: Spec | Network | Space, name: str | None = None, **settings: Any) -> CompiledNetwork:
    """Compiles a network to a PyTorch module in eval mode, whose `forward` returns the main output."""
    found = program
    if not isinstance(found, Network | Space):
        found = program_of(found).target(name, **settings)
    elif name is not None or settings:
        raise TypeError(
            f"`settings` cannot be combined with a {type(found).__name__}, which is already configured"
        )
    if isinstance(found, Space):
        raise SpecError([open_decisions(found)])
    return found.module()
