"""Converts values of search clauses to Python values, and creates the errors about clauses (ARCH606)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import GROUPS, STRATEGIES, WORDS
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.ir import Graph
from archdsl.spec.search_values import SearchSpec, SearchValue, Term
from archdsl.spec.units import Quantity


def term(value: SearchValue, what: str) -> Term:
    """The value as a term, a name with settings. Raises SpecError (ARCH606) for values of other kinds."""
    if not isinstance(value, Term):
        raise cannot(f"`{what}` must be a name, optionally with settings", f"{what} = name(…)")
    return value


def is_by_trials(spec: SearchSpec) -> bool:
    """Whether the strategy of a search proposes individual networks."""
    strategy = spec.clauses.settings.get("strategy")
    return isinstance(strategy, Term) and isinstance(STRATEGIES.get(strategy.name), StrategyKind)


def configured(value: Term) -> Any:
    """The config object of a term (`archdsl.configs`); terms among its settings stay terms."""
    word = (GROUPS[value.group] if value.group else WORDS)[value.name]
    return word.config(**{key: plain(one) for key, one in value.settings.items()})


def plain(value: Any) -> Any:
    """Converts a quantity to its amount in base units; returns other values unchanged."""
    return value.amount if isinstance(value, Quantity) else value


def recorded(value: Any) -> Any:
    """Converts a value to JSON values for the manifest: terms and formulas to dicts, without locations."""
    if isinstance(value, Term):
        settings = {key: recorded(one) for key, one in value.settings.items()}
        output = {"output": value.output} if value.output else {}
        return {"name": value.name, "settings": settings, "args": tuple(map(recorded, value.args)), **output}
    if isinstance(value, tuple):
        return tuple(map(recorded, value))
    if isinstance(value, Mapping):
        return {key: recorded(one) for key, one in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        counted = [f.name for f in value.__dataclass_fields__.values() if f.compare]  # locations do not
        if "power" in counted and value.schedule != "poly":
            counted.remove("power")  # which only `poly` reads; earlier runs do not have it
        return {name: recorded(getattr(value, name)) for name in counted}
    return value


def cannot(headline: str, help: str, at: Location | None = None) -> SpecError:
    """The error ARCH606, for a search that cannot run as declared."""
    return SpecError([Diagnostic("ARCH606", headline, Label(at) if at else None, help=help)])


def broken(kind: str, of: Term, why: str) -> SpecError:
    """The error ARCH864 for a strategy or evaluator (`kind`) that violates its interface."""
    place = Label(of.at) if of.at else None
    return SpecError([Diagnostic("ARCH864", f"the {kind} `{of.name}` failed", place, help=why)])


def refused(spec: SearchSpec) -> SpecError:
    """The error ARCH606 for all clauses of a search that are not implemented, with their locations."""
    return SpecError([replace(note, code="ARCH606", severity="error") for note in spec.not_run])


def nothing_to_search(graph: Graph) -> SpecError:
    """The error ARCH606 for a space whose deployed outputs depend on no decisions."""
    headline = f"{graph.name} has no decisions to search, except those of train-only outputs"
    return cannot(headline, "train it with archdsl train SPEC")
