"""Checks a file: reports diagnostics, and for each declaration what was proved."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from archdsl.collector import paused
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.frames import roomy
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.networks import Networks, Over
from archdsl.passes.transforms.bind import Binder
from archdsl.spec.deciding.searcher import BUDGET
from archdsl.spec.elaborate import Elaborated, elaborate, evaluate_constant
from archdsl.spec.evaluate.constants import Constants
from archdsl.spec.lint import lint_decisions, lint_names
from archdsl.spec.prove.prover import Proof, prove
from archdsl.spec.require import check_requirements


@dataclass(frozen=True)
class Report:
    """The result of a check: the diagnostics of a file in source order, and the proof of each declaration."""

    diagnostics: tuple[Diagnostic, ...]
    proofs: tuple[Proof, ...]
    spaces: Mapping[str, Elaborated] = field(default_factory=dict)
    """The spaces of the file that have no errors, by name."""

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings and notes do not count."""
        return not any(d.severity == "error" for d in self.diagnostics)


@roomy
@paused()
def check(
    unit: Unit,
    settings: Mapping[str, object] | None = None,
    *,
    budget: int | None = None,
    samples: int = 0,
    over: Over = "outcomes",
    allow_open: bool = False,
) -> Report:
    """Checks every space, network and search of a file; `settings` override their settings.

    `budget` bounds the work per condition. Undecided conditions are tested on `samples` random networks,
    drawn uniformly over outcomes or over networks (`over`). Conditions that remain undecided are errors,
    unless `allow_open`.
    """
    diagnostics, constants = list(lint_names(unit)), Constants()
    proofs: list[Proof] = []
    spaces: dict[str, Elaborated] = {}
    if not (unit.declared or unit.imported):
        at = Label(Location(unit.source, 0, 0), "")
        diagnostics.append(
            Diagnostic(
                "ARCH224", "the file has no declarations", at, help="declare a network: network NAME {…}"
            )
        )
    for declared in unit.declared.values():
        try:
            if isinstance(declared, ast.Space | ast.Network):
                elaborated = elaborate(unit, declared, dict(settings or {}), constants)
                kind = "network" if isinstance(declared, ast.Network) else "space"
                found, proof = _check_target(elaborated, kind, budget or BUDGET, samples, over, allow_open)
                diagnostics.extend(found)
                proofs.append(proof)
                if kind == "space" and proof.ok:
                    spaces[declared.name.id] = elaborated
            elif isinstance(declared, ast.Search):
                from archdsl.spec.search import read_search  # most files have no search

                search = read_search(unit, declared)
                diagnostics.extend([*search.not_run, *search.warnings])
            elif isinstance(declared, ast.Constant):
                evaluate_constant(unit, declared, constants)
        except SpecError as error:
            diagnostics.extend(error.diagnostics)
            if isinstance(declared, ast.Space | ast.Network):
                kind = "space" if isinstance(declared, ast.Space) else "network"
                proofs.append(Proof(declared.name.id, kind, 0, 0, 0, ok=False))
    return Report(tuple(_once_each(diagnostics)), tuple(proofs), spaces)


def demand_proved(space: Elaborated) -> bool:
    """Whether all networks of a space are proved well-typed within the default budget; False if undecided.

    Raises SpecError if some network is ill-typed, or if no network can satisfy a requirement. Lints are
    ignored.
    """
    needed = tuple(o for o in space.obligations if o.code not in ADVISORY)
    failed, proof = prove(replace(space, obligations=needed), "space", BUDGET)
    found = [*failed, *(check_requirements(space, BUDGET) if proof.ok else ())]
    if errors := [d for d in found if d.severity == "error"]:
        raise SpecError(list(_once_each(errors)))
    return proof.proved


def _check_target(
    found: Elaborated, kind: str, budget: int, samples: int, over: Over, allow_open: bool
) -> tuple[list[Diagnostic], Proof]:
    diagnostics = list(found.warnings)
    if kind == "network" and found.graph.decisions:
        decision = next(iter(found.graph.decisions.values()))
        assert decision.location is not None
        diagnostics.append(
            Diagnostic(
                "ARCH225",
                f"network `{found.graph.name}` contains an open choice, `{decision.path}`",
                Label(decision.location, "networks cannot contain choices"),
                help=f"make it a space: space {found.graph.name} {{…}}",
            )
        )
    failed, proof = prove(found, kind, budget)
    diagnostics += failed
    if proof.ok:
        diagnostics += check_requirements(found, budget)
        diagnostics += _open(found, proof, samples, over, allow_open)
    diagnostics += lint_decisions(found)
    if any(d.severity == "error" and d.code != "ARCH408" for d in diagnostics) and proof.ok:
        proof = replace(proof, ok=False)
    if kind == "space" and proof.ok:
        proof = replace(proof, count=Networks(found.graph).count)
    return diagnostics, proof


def _open(
    found: Elaborated, proof: Proof, samples: int, over: Over, allow_open: bool
) -> Iterator[Diagnostic]:
    """Yields diagnostics of conditions that the budget left undecided, after testing random networks if
    requested.
    """
    if not proof.open:
        return
    binder, rng = Binder(found.graph), random.Random(0)
    sample = _sampler(found, over if samples else "outcomes")
    for _ in range(samples):
        outcomes = sample(rng)
        bound = binder.bind(outcomes)
        for node, code, message in bound.failures:
            item = found.graph.nodes.get(node)
            place = item.location if item is not None and item.location else found.location
            witness = tuple(bound.graph.chosen.items())
            yield Diagnostic(code, message, Label(place, f"in `{node}`"), witness=witness)
            return
    tried = f"; {samples} random networks are well-typed" if samples else ""
    conditions = "1 condition" if len(proof.open) == 1 else f"{len(proof.open)} conditions"
    yield Diagnostic(
        "ARCH408",
        f"{conditions} of `{found.graph.name}` not decided within the budget{tried}",
        Label(found.location, ""),
        severity="warning" if allow_open else "error",
        help=(
            "raise --budget, try random networks with --samples, or accept this with --allow-open; "
            f"first: {proof.open[0]}"
        ),
    )


def _sampler(found: Elaborated, over: Over) -> Callable[[random.Random], dict[str, int]]:
    """A function that samples outcomes of decisions. Raises SpecError (ARCH416) if networks cannot be
    counted.
    """
    decisions = found.graph.decisions
    if over == "outcomes":
        return lambda rng: {path: rng.randrange(d.size) for path, d in decisions.items()}
    networks = Networks(found.graph)
    if not networks.count.exact:
        raise SpecError([uncounted(found)])
    return networks.sample


def uncounted(found: Elaborated) -> Diagnostic:
    return Diagnostic(
        "ARCH416",
        f"cannot sample uniformly from the networks of `{found.graph.name}`: they cannot be counted",
        Label(found.location, "its decisions depend on each other in too many combinations"),
        help="sample each decision independently: --over outcomes",
    )


def _once_each(diagnostics: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yields the diagnostics without duplicates, in source order; files in the order in which they were
    loaded.
    """
    seen: set[object] = set()
    files: dict[str, int] = {}
    for d in diagnostics:
        if d.primary:
            files.setdefault(d.primary.location.source.name, len(files))
    ordered = sorted(
        diagnostics,
        key=lambda d: (
            (files[d.primary.location.source.name], d.primary.location.start) if d.primary else (-1, 0)
        ),
    )
    for diagnostic in ordered:
        place = diagnostic.primary.location if diagnostic.primary else None
        key = (diagnostic.code, place, None if place else diagnostic.headline)
        if key not in seen:
            seen.add(key)
            yield diagnostic
