"""Notes of `archdsl check` on searches that `archdsl search` would reject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.ir import Expr, Graph, Mux, Node
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.spec.check import demand_proved
from archdsl.spec.elaborate import Elaborated, elaborate

if TYPE_CHECKING:
    from archdsl.search.config import SearchConfig
    from archdsl.spec.search_values import SearchSpec


def search_notes(
    unit: Unit, settings: Mapping[str, Any], spaces: Mapping[str, Elaborated]
) -> Iterator[Diagnostic]:
    """Yields notes on searches that `archdsl search` would reject; `spaces` are those without errors.

    ARCH419 is for a space that no search of the file uses and whose networks cannot share weights. For
    searches, ARCH415 is for unsupported settings or objectives, ARCH414 for a space without a supernet.
    Searches with errors, and searches of spaces with errors, are skipped. Errors in settings of the space
    that a search sets are yielded as errors.
    """
    searched = {d.space.id for d in unit.declared.values() if isinstance(d, ast.Search)}
    for name, space in spaces.items():
        if name not in searched:  # a search has a note of its own
            yield from _without_weights(name, space)
    for declared in unit.declared.values():
        if isinstance(declared, ast.Search):
            try:
                refused = list(_refused(unit, declared, settings, spaces))
                yield from refused
                if refused:
                    continue
                found = spaces.get(declared.space.id) or _imported(unit, declared, settings)
                yield from _notes(unit, declared, found) if found is not None else ()
            except SpecError:
                continue  # errors in the space or the search have their own diagnostics


def _refused(
    unit: Unit, declared: ast.Search, settings: Mapping[str, Any], spaces: Mapping[str, Elaborated]
) -> Iterator[Diagnostic]:
    """Yields the errors of the space under the settings that a search, or a group in it, sets."""
    from archdsl.spec.search import read_search

    spec = read_search(unit, declared)
    home, space = unit.find(spec.space)
    recorded = spaces[spec.space].recorded if spec.space in spaces else None
    for clauses in (spec.clauses, *spec.clauses.groups.values()):
        if not clauses.of_space or not isinstance(space, ast.Space):
            continue
        try:
            own = {**settings, **spec.of_space, **clauses.of_space}
            demand_proved(elaborate(home, space, own, recorded=recorded))
        except SpecError as error:
            first = error.diagnostics[0]
            named = [name for name in clauses.of_space if f"`{name}`" in first.headline]
            at = clauses.places[(named or list(clauses.of_space))[0]]
            headline = f"{space.name.id} as `{declared.name.id}` sets it: {first.headline}"
            others = () if first.primary is None else (first.primary,)
            yield replace(first, headline=headline, primary=Label(at, ""), secondary=others)


def _without_weights(name: str, space: Elaborated) -> Iterator[Diagnostic]:
    live = [item for item in space.graph.nodes.values() if item.name in space.shapes]
    if not any(_may_differ(item, space) for item in live):
        return
    from archdsl.search.searchability import why_not_shared

    if (why := why_not_shared(space.graph)) is not None:
        headline = f"networks of `{name}` cannot share weights: {why.headline}"
        help = "train each from scratch, as strategies that propose networks do: evaluate = training(…)"
        yield replace(why, code="ARCH419", severity="note", headline=headline, help=help)


def _imported(unit: Unit, declared: ast.Search, settings: Mapping[str, Any]) -> Elaborated | None:
    home, space = unit.find(declared.space.id)
    if home is unit or not isinstance(space, ast.Space):
        return None
    return elaborate(home, space, dict(settings))


def _notes(unit: Unit, declared: ast.Search, space: Elaborated) -> Iterator[Diagnostic]:
    from archdsl.passes.transforms.deployed import Deploy
    from archdsl.spec.search import read_search

    spec, graph = read_search(unit, declared), Deploy(keep_decisions=False)(space.graph)
    if spec.not_run:
        return  # each has its own note
    from archdsl.search.terms import configured, is_by_trials
    from archdsl.search.trials.config import read_trials

    if is_by_trials(spec):
        try:
            config = read_trials(spec)
            config.evaluator_kind.demand_runnable(configured(config.evaluator), graph)
        except SpecError as error:
            yield _rejected(error.diagnostics[0], unit, declared)
        return
    try:
        for goals, fixed in _runnable(spec, graph, unit):
            given = goals.share is not None or goals.bn != "shared" or goals.kernels != "cropped"
            if given or any(_may_differ(n, space) for n in _live(graph, space)):
                from archdsl.search.differentiable.sharing import demand_kernels, demand_shared

                demand_shared(goals, graph, fixed)
                demand_kernels(goals.kernels, graph)
    except SpecError as error:
        yield _rejected(error.diagnostics[0], unit, declared)


def _rejected(why: Diagnostic, unit: Unit, declared: ast.Search) -> Diagnostic:
    without = why.code in ("ARCH802", "ARCH810", "ARCH818")
    return _note("ARCH414" if without else "ARCH415", why, unit, declared)


def _live(graph: Graph, space: Elaborated) -> list[Node | Mux]:
    return [item for item in graph.nodes.values() if item.name in space.shapes]


def _runnable(spec: SearchSpec, graph: Graph, unit: Unit) -> list[tuple[SearchConfig, Mapping[str, int]]]:
    """The configuration of a search and the decisions that it fixes; for several architectures, those of
    each.

    Raises SpecError (ARCH606) if the search is rejected without evaluating anything.
    """
    from archdsl.devices.replacing import replacements
    from archdsl.search.architectures import fixed_outcomes
    from archdsl.search.decoding.fitting import fitting
    from archdsl.search.differentiable.samplers import own_samplers
    from archdsl.search.reading import read_config
    from archdsl.search.scores import losses_of, terms_of
    from archdsl.search.terms import configured, nothing_to_search

    config = read_config(spec)
    found: list[tuple[SearchConfig, Mapping[str, int]]]
    found = [(config.of(one), fixed_outcomes(one, graph)) for one in config.members] or [(config, {})]
    for own, _ in found:
        losses_of(own)
        own_samplers(own.samplers, graph.decisions)
        for term in terms_of(own):
            replacements(term, graph.decisions)
        if own.decode is not None:
            fitting(configured(own.decode), graph, unit, own.decode.at)
    if not graph.decisions:
        raise nothing_to_search(graph)
    return found


def _may_differ(item: Node | Mux, space: Elaborated) -> bool:
    """Whether a tensor may differ in size between networks, or be undefined in some; a fast test."""
    if any(isinstance(size, Expr) for size in space.shapes[item.name]):
        return True
    return any(source is None for _, source in item.cases) if isinstance(item, Mux) else bool(item.optional)


def _note(code: str, why: Diagnostic, unit: Unit, declared: ast.Search) -> Diagnostic:
    name = declared.name
    here = why.primary or Label(Location(unit.source, *name.span), "")
    headline = f"`archdsl search` cannot run `{name.id}`: {why.headline}"
    return replace(why, code=code, severity="note", headline=headline, primary=here)
