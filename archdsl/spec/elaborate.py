"""Elaborates a declaration to a graph: unrolls stages, collects decisions, removes dead nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from archdsl.collector import paused
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.frames import roomy
from archdsl.ir import Decision, Expr, Graph, Mux, Node, Pick, Shape, Value
from archdsl.ir.expr import leaves
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.loader import Unit
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.analyses.symbolic import Definitions
from archdsl.passes.transforms.requirements import over_what_is_read
from archdsl.spec.bound_network import bound_network
from archdsl.spec.evaluate import arithmetic, sets, sized, statements
from archdsl.spec.evaluate.builder import Builder, Obligation
from archdsl.spec.evaluate.constants import Constants
from archdsl.spec.evaluate.control import Fatal, Poisoned
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.expressions import evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.names import constant
from archdsl.spec.evaluate.stamping import Stamp
from archdsl.spec.evaluate.values import ListValue
from archdsl.spec.row_errors import demand_all_decided, row_errors
from archdsl.spec.rows import Row, read_rows
from archdsl.spec.settings import plain, settle, split_settings

NODE_BUDGET = 150_000


@dataclass(frozen=True)
class Elaborated:
    """A graph with the results of its elaboration.

    `shapes` are the shapes of live nodes, `definitions` the sizes of dimensions represented by muxes,
    `present` the conditions under which nodes are defined. `obligations` must hold in every network
    (`archdsl.spec.prove.prover`). `unread` are declared decisions that no output depends on. `resized` means
    that the declared shape of an input was overridden.
    """

    graph: Graph
    shapes: Mapping[str, Shape]
    definitions: Definitions
    present: Mapping[str, Value]
    obligations: tuple[Obligation, ...]
    settled: int
    """The number of conditions that held immediately."""
    unread: tuple[Decision, ...]
    resized: bool
    location: Location
    output_locations: Mapping[str, Location]
    made: Mapping[str, str]
    """The choices that are constant, by path, with their outcomes."""
    given: Mapping[str, object]
    """The settings that the caller, or a network of this space, overrides."""
    recorded: Mapping[tuple[object, ...], Stamp] = field(default_factory=dict, compare=False, repr=False)
    """The applications of ops that were recorded (see `archdsl.spec.evaluate.stamping`)."""
    warnings: tuple[Diagnostic, ...] = ()
    selected: bool = False
    """Whether ops were selected by fixed decisions; the names below them may not be those of the space."""


@roomy
@paused()
def elaborate(
    unit: Unit,
    declared: ast.Space | ast.Network,
    settings: Mapping[str, object] | None = None,
    constants: Constants | None = None,
    recorded: Mapping[tuple[object, ...], Stamp] | None = None,
) -> Elaborated:
    """Evaluates a space or network to a graph of decisions and ops; `settings` override its defaults.

    `constants` are those that were already evaluated for other declarations. `recorded` are applications of
    ops that were recorded when the space was evaluated with other settings, which give the same errors but
    no warnings again. Raises SpecError with every error found.
    """
    settings, constants = dict(settings or {}), constants or Constants()
    if isinstance(declared, ast.Network) and declared.origin is not None:
        return _from_space(unit, declared, settings, constants)
    return _evaluated(unit, declared, settings, {}, constants, recorded=recorded)


@roomy
@paused()
def bind_rows(
    unit: Unit, declared: ast.Space, settings: Mapping[str, object], outcomes: Mapping[str, str]
) -> Elaborated:
    """Elaborates a space with fixed decisions (path -> outcome) to a network."""
    return _evaluated(unit, declared, dict(settings), outcomes, Constants())


def _from_space(
    unit: Unit, declared: ast.Network, settings: dict[str, object], constants: Constants
) -> Elaborated:
    assert declared.origin is not None
    home, space = origin_of(unit, declared)
    rows = read_rows(unit, declared)
    given = {path: row.outcome for path, row in rows.items()}
    own = {**_origin_settings(unit, declared, constants), **settings}
    whole = cache(lambda: _evaluated(home, space, own, {}, constants))

    def errors(ev: Evaluator) -> list[Diagnostic]:
        return row_errors(space, ev, rows, unit, lambda: _all_decisions(whole()))

    found = _evaluated(home, space, own, given, constants, errors=errors)
    if found.selected:
        found = _named(found, whole(), rows, (unit, declared))
    demand_all_decided(found.graph.decisions, unit, declared)
    graph = replace(found.graph, name=declared.name.id, origin=space.name.id)
    return replace(found, graph=graph, location=_at(unit, declared.name))


def _named(
    found: Elaborated, space: Elaborated, rows: Mapping[str, Row], reader: tuple[Unit, ast.Network]
) -> Elaborated:
    """A network with the names of its space, in which an op that fixed decisions select is a choice.

    Raises SpecError for rows that the space does not have, and for missing decisions.
    """
    ignored = space.made.keys() | {d.path for d in space.unread}
    asked = {path: row.outcome for path, row in rows.items() if path not in ignored}
    unit, declared = reader
    bound = bound_network(
        space.graph,
        asked,
        {path: Label(_at(unit, row.node)) for path, row in rows.items()},
        Label(_at(unit, declared.name)),
    )
    if bound is None:  # an output is undefined: reported for the network evaluated by itself
        return found
    return replace(
        found,
        graph=bound.graph,
        shapes=bound.shapes,
        definitions={},
        present={},
        obligations=bound.obligations,
    )


def evaluate_constant(unit: Unit, declared: ast.Constant, constants: Constants) -> None:
    """Evaluates a constant, even if it is unused. Raises SpecError with its errors."""
    try:
        constant(evaluator(Builder(0), constants=constants), declared, unit)
    except Poisoned:
        return


def origin_of(unit: Unit, declared: ast.Network) -> tuple[Unit, ast.Space]:
    """The space of a `network … from …`, and the file that declares it. Raises SpecError."""
    assert declared.origin is not None
    name = declared.origin.id
    home, space = unit.find(name)
    if not isinstance(space, ast.Space):
        known = [n for n, d in unit.declared.items() if isinstance(d, ast.Space)]
        known += [n for n, (_, d) in unit.imported.items() if isinstance(d, ast.Space)]
        guess = closest(name, known)
        what = f"`{name}` is not defined" if space is None else f"`{name}` is not a space"
        missing = f'import it: import {name} from "./….arch"' if space is None else None
        help = f"did you mean `{guess}`?" if guess else missing
        raise Frame(unit).error("ARCH201", what, declared.origin, help=help)
    return home, space


def _origin_settings(unit: Unit, declared: ast.Network, constants: Constants) -> dict[str, object]:
    frame = Frame(unit)
    ev = evaluator(Builder(0), constants=constants)
    settings: dict[str, object] = {}
    for given in declared.origin_settings:
        name = given.path.id  # type: ignore[union-attr]
        if name in settings:
            raise frame.error("ARCH204", f"duplicate setting `{name}`", given)
        value = ev.evaluate(given.value, frame)
        settings[name] = value.items if isinstance(value, ListValue) else value
    return settings


def _evaluated(
    unit: Unit,
    declared: ast.Space | ast.Network,
    settings: dict[str, object],
    given: Mapping[str, str],
    constants: Constants,
    errors: Callable[[Evaluator], list[Diagnostic]] = lambda ev: [],
    recorded: Mapping[tuple[object, ...], Stamp] | None = None,
) -> Elaborated:
    inputs, parameters = split_settings(unit, declared, settings)
    builder = Builder(NODE_BUDGET)
    ev = evaluator(builder, given=given, inputs=inputs, constants=constants)
    ev.stamps.update(recorded or {})
    frame = Frame(unit)
    try:
        settle(declared, parameters, frame, lambda default: ev.evaluate(default, frame))
        statements.run_block(ev, declared.body, frame)
    except Fatal as fatal:
        ev.diagnostics.extend(d for d in fatal.error.diagnostics if d not in ev.diagnostics)
    except Poisoned:
        pass
    except SpecError as error:
        ev.diagnostics.extend(error.diagnostics)
    if not ev.diagnostics and builder.outputs.keys() <= builder.train_only:
        which = " except train-only ones" if builder.outputs else ""
        ev.diagnostics.extend(
            frame.error(
                "ARCH218",
                f"`{declared.name.id}` has no output{which}",
                declared.name,
                help="write output logits = …",
            ).diagnostics
        )
    ev.diagnostics.extend(errors(ev))
    if ev.diagnostics:
        raise SpecError(ev.diagnostics)
    own = {s.name for s in declared.signature.settings}
    values = {name: plain(v) for name, v in frame.names.items() if name in own}
    found = _finished(
        builder, ev, declared, unit, {**values, **{k: v for k, v in builder.inputs.items() if k in inputs}}
    )
    return replace(found, resized=bool(inputs), given=settings)


def _finished(
    builder: Builder,
    ev: Evaluator,
    declared: ast.Space | ast.Network,
    unit: Unit,
    settings: Mapping[str, object],
) -> Elaborated:
    """The elaborated graph, restricted to the nodes that outputs depend on."""
    alive = live_nodes(builder.nodes, builder.outputs.values())
    nodes: dict[str, Node | Mux] = {}
    read: set[str] = set()
    values: list[Value] = []
    for name, item in builder.nodes.items():
        if name not in alive:
            continue
        if isinstance(item, Mux):
            if isinstance(item.on, str):
                read.add(item.on)
            else:
                values.append(item.on)
        else:
            values += [value for value in item.attrs.values() if isinstance(value, Expr)]
            if name in builder.ties:
                item = replace(item, weights=builder.weights_of(name))
        nodes[name] = item
    read |= {part.decision for part in leaves(*values) if isinstance(part, Pick)}
    decisions = {p: d for p, d in builder.decisions.items() if p in read and p not in ev.given}
    used = {i for n in nodes.values() if isinstance(n, Node) for i in (n.instance, n.cell) if i}
    graph = Graph(
        name=declared.name.id,
        inputs=dict(builder.inputs),
        nodes=nodes,
        outputs=dict(sorted(builder.outputs.items(), key=lambda item: item[0] in builder.train_only)),
        decisions=decisions,
        instances={p: i for p, i in builder.instances.items() if p in used},
        requirements=tuple(
            over_what_is_read(r, nodes, decisions, builder.decisions, builder.definitions)
            for r in builder.requirements
        ),
        settings={k: v for k, v in settings.items() if isinstance(v, bool | int | float | str | tuple)},
        chosen={
            p: _canonical(builder.decisions[p], o) for p, o in ev.given.items() if p in builder.decisions
        },
        train_only=frozenset(builder.train_only),
    )
    return Elaborated(
        graph,
        shapes=builder.shapes,
        definitions=builder.definitions,
        present=builder.present,
        obligations=tuple(
            sized.over_what_is_read(o, decisions, builder.decisions) if o.code == sized.CODE else o
            for o in builder.obligations
            if o.node in alive
        ),
        settled=builder.settled,
        unread=tuple(d for p, d in builder.decisions.items() if p not in decisions and p not in ev.given),
        resized=False,
        location=_at(unit, declared.name),
        output_locations=builder.output_locations,
        made=builder.made,
        given={},
        recorded=ev.stamps,
        selected=ev.selected,
        warnings=(*ev.warnings, *arithmetic.fractional_warnings(ev), *sets.difference_warnings(ev)),
    )


def _canonical(decision: Decision, outcome: str) -> str:
    """An outcome in canonical form: chosen candidates in the order of declaration."""
    number = decision.number(outcome)
    return outcome if number is None else decision.outcomes[number]


def _at(unit: Unit, node: Spanned) -> Location:
    return Location(unit.source, *node.span)


def _all_decisions(space: Elaborated) -> dict[str, Decision]:
    """All decisions of a space, including those that no output reads."""
    return {**space.graph.decisions, **{d.path: d for d in space.unread}}
